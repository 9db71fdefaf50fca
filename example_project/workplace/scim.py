"""How Maptician's occupants look over SCIM."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid5

from example_project.workplace.models import Company, Floor
from maptician_scim.adapters import UserAdapter
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.roles import Entitlement, Role

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

NAMESPACE = UUID("6f1b0c4e-6f0b-4c59-9d0e-4f7c3f5b8a11")
ROLES = {
    "occupant": ("Occupant", "Has a desk, and books rooms."),
    "team-planner": ("Team planner", "Seats the members of a team."),
    "facility-manager": ("Facility manager", "Draws the maps, and seats everybody."),
}


class OccupantAdapter(UserAdapter):
    """The fifteen attributes Maptician maps; maptician_scim keeps all others."""

    tenant_field = "company"
    attribute_map = {
        "userName": "username",
        'emails[type eq "work"].value': "email",
        "active": "is_active",
        "title": "job_title",
        "userType": "user_type",
        "name.givenName": "first_name",
        "name.familyName": "last_name",
        'addresses[type eq "work"].locality': "city",
        'addresses[type eq "work"].region': "region",
        'phoneNumbers[type eq "work"].value': "work_phone",
        'phoneNumbers[type eq "mobile"].value': "mobile_phone",
        "externalId": None,  # the client's own id, in the record of maptician_scim
        f"{ENTERPRISE}:employeeNumber": "employee_number",
        f"{ENTERPRISE}:organization": "organization",
        f"{ENTERPRISE}:department": "department",
    }

    def is_protected(self) -> bool:
        """Nor may SCIM touch the administrator who gets in when single sign-on is broken."""
        return super().is_protected() or self.obj.is_break_glass

    def initial_user_names(self) -> Iterator[str]:
        """By e-mail first: that is what identity providers look people up by."""
        if self.obj.email:
            yield self.obj.email
        yield self.obj.username

    @classmethod
    def roles(cls, tenant: Company) -> list[Role]:
        """The same for every company."""
        return [
            Role(stable_id(tenant, "role", key), name, description)
            for key, (name, description) in ROLES.items()
        ]

    @classmethod
    def entitlements(cls, tenant: Company) -> list[Entitlement]:
        """The way in to each of the company's floors."""
        floors = Floor.objects.filter(location__company=tenant).select_related("location")
        return [
            Entitlement(stable_id(tenant, "floor", floor.pk), f"Access to {floor}")
            for floor in floors.order_by("location__name", "level", "pk")
        ]


class TeamAdapter(GroupAdapter):
    """A pushed group is a team. Who leads it, and where it sits, is Maptician's own."""

    tenant_field = "company"
    members_field = "members"
    attribute_map = {"displayName": "name"}


def stable_id(company: Company, kind: str, key: object) -> str:
    """The id of something that has no UUID of its own; primary keys would tell other companies'
    numbers."""
    return str(uuid5(NAMESPACE, f"{company.pk}/{kind}/{key}"))
