"""The host under test with schema extensions: one with an attribute of every type."""

from datetime import datetime
from typing import Annotated

from pydantic import Base64Bytes
from scim2_models import (
    URN,
    CaseExact,
    ComplexAttribute,
    Extension,
    External,
    Mutability,
    Reference,
    Required,
    Schema,
)

from maptician_scim.conf import scim_settings

WORKPLACE = "urn:acme:scim:schemas:extension:workplace:2.0:User"
PARKING = "urn:acme:scim:schemas:extension:parking:2.0:User"
ADAPTER = f"{__name__}.ExtendedAdapter"


class Commute(ComplexAttribute):
    mode: str | None = None
    minutes: int | None = None
    stops: list[str] | None = None


class Skill(ComplexAttribute):
    value: Annotated[str | None, Required.true] = None
    level: int | None = None
    since: datetime | None = None
    type: str | None = None


class Workplace(Extension):
    """Where and how somebody works"""

    __schema__ = URN(WORKPLACE)

    badge: Annotated[str | None, CaseExact.true] = None
    """What is printed on the badge."""

    nickname: str | None = None
    floor: int | None = None
    share: float | None = None
    remote: bool | None = None
    hired: datetime | None = None
    site: Reference[External] | None = None
    photo: Base64Bytes | None = None
    commute: Commute | None = None
    skills: list[Skill] | None = None
    languages: list[str] | None = None
    lockers: list[int] | None = None
    payroll: Annotated[str | None, Mutability.immutable] = None
    joined: Annotated[datetime | None, Mutability.read_only] = None
    kind: str | None = None


Parking = Extension.from_schema(
    Schema.model_validate(
        {
            "id": PARKING,
            "name": "Parking",
            "description": "Where somebody parks",
            "attributes": [
                {
                    "name": "plate",
                    "type": "string",
                    "multiValued": False,
                    "required": True,
                    "canonicalValues": ["none"],
                },
                {"name": "Has-Charger", "type": "boolean", "multiValued": False},
            ],
        }
    )
)


class ExtendedAdapter(scim_settings.USER_ADAPTER):
    """The adapter of whichever host is under test, and some columns that both hosts have."""

    extensions = (Workplace, Parking)
    attribute_map = scim_settings.USER_ADAPTER.attribute_map | {
        f"{WORKPLACE}:joined": "date_joined"
    }
