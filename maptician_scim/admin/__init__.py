"""The pages in the Django admin."""

from maptician_scim.admin.connections import ConnectionAdmin, ConnectionLinkMixin

__all__ = ["ConnectionAdmin", "ConnectionLinkMixin"]
