"""The verbs on groups where the host has none."""

from __future__ import annotations

from maptician_scim.conf import Tenant
from maptician_scim.exceptions import NotImplementedHere
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.models import ProvisionedGroup, ProvisionedGroupQuerySet
from maptician_scim.provisioning.base import Document, Provisioner


class NoGroup(GroupAdapter):
    """What a list of no groups can be asked for."""

    attribute_map = {"displayName": "name"}


class NoGroups(Provisioner):
    """The verbs where the host has no groups: there are none, and none can be made."""

    resource_type = "Group"
    record_model = ProvisionedGroup
    looked_up_by = {}

    @property
    def adapter_class(self) -> type[GroupAdapter]:
        return NoGroup

    def visible_to(self, tenant: Tenant) -> ProvisionedGroupQuerySet:
        return ProvisionedGroup.objects.none()

    def can_be_compiled(self) -> bool:
        return False  # there is no statement for nothing

    def note(self, payload: Document) -> None:
        """Nothing is meant by it."""

    def get(self, scim_id: str) -> Document:
        raise self.not_found(scim_id)

    def create(self, payload: Document) -> Document:
        raise _not_served()

    def replace(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        raise _not_served()

    def patch(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        raise _not_served()

    def delete(self, scim_id: str, if_match: str | None) -> None:
        raise _not_served()


def _not_served() -> NotImplementedHere:
    return NotImplementedHere(
        "Groups are not supported. Switch group push off and assign people instead."
    )
