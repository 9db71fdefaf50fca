"""The pages in the Django admin."""

from maptician_scim.admin.connections import ConnectionAdmin, ConnectionLinkMixin
from maptician_scim.admin.tokens import TokenAdmin

__all__ = ["ConnectionAdmin", "ConnectionLinkMixin", "TokenAdmin"]
