"""The pages in the Django admin."""

from maptician_scim.admin import events, users

__all__ = ["events", "users"]
