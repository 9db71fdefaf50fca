"""The verbs: what a client can do to a tenant's resources, each in one transaction.

Lock the rows, let the adapter change them, let constraints decide, write the event; signals go out
after the commit. Nothing here knows HTTP.
"""

from maptician_scim.provisioning.base import Provisioner
from maptician_scim.provisioning.catalogues import Catalogue
from maptician_scim.provisioning.searching import Search
from maptician_scim.provisioning.users import UserProvisioner

PROVISIONERS: dict[str, type[Provisioner]] = {
    provisioner.resource_type: provisioner for provisioner in (UserProvisioner,)
}
"""The verbs by resource type."""

__all__ = ["PROVISIONERS", "Catalogue", "Provisioner", "Search", "UserProvisioner"]
