"""The verbs: what a client can do to a tenant's resources, each in one transaction.

Lock the rows, let the adapter change them, let constraints decide, write the event; signals go out
after the commit. Nothing here knows HTTP.
"""

from maptician_scim.conf import scim_settings
from maptician_scim.provisioning.base import Provisioner
from maptician_scim.provisioning.catalogues import Catalogue
from maptician_scim.provisioning.groups import GroupProvisioner
from maptician_scim.provisioning.no_groups import NoGroups
from maptician_scim.provisioning.searching import Search
from maptician_scim.provisioning.users import UserProvisioner

PROVISIONERS: dict[str, type[Provisioner]] = {
    provisioner.resource_type: provisioner for provisioner in (UserProvisioner, GroupProvisioner)
}
"""The verbs by resource type."""


def provisioner_class(resource_type: str) -> type[Provisioner]:
    """The verbs on a type of resource, also where the host has no groups."""
    if resource_type == GroupProvisioner.resource_type and not scim_settings.serves_groups:
        return NoGroups
    return PROVISIONERS[resource_type]


__all__ = [
    "PROVISIONERS",
    "Catalogue",
    "GroupProvisioner",
    "Provisioner",
    "Search",
    "UserProvisioner",
    "provisioner_class",
]
