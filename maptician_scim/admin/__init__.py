"""The pages in the Django admin."""

from maptician_scim.admin.connections import ConnectionAdmin, ConnectionLinkMixin
from maptician_scim.admin.events import EventAdmin
from maptician_scim.admin.groups import ProvisionedGroupAdmin
from maptician_scim.admin.tokens import TokenAdmin
from maptician_scim.admin.users import ProvisionedUserAdmin

__all__ = [
    "ConnectionAdmin",
    "ConnectionLinkMixin",
    "EventAdmin",
    "ProvisionedGroupAdmin",
    "ProvisionedUserAdmin",
    "TokenAdmin",
]
