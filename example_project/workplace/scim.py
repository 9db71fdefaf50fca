"""How Maptician's occupants look over SCIM."""

from __future__ import annotations

from collections.abc import Iterator

from maptician_scim.adapters import UserAdapter
from maptician_scim.group_adapters import GroupAdapter

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


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


class TeamAdapter(GroupAdapter):
    """A pushed group is a team. Who leads it, and where it sits, is Maptician's own."""

    tenant_field = "company"
    members_field = "members"
    attribute_map = {"displayName": "name"}
