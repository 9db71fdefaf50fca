"""The resource schemas as this service provider treats them (RFC 7643 sections 4.1 and 4.3).

scim2-models' own, where identity providers allow; each difference names its reason.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import scim2_models as scim
from pydantic import BeforeValidator, Field

CORE_USER = str(scim.User.__schema__)
ENTERPRISE_USER = str(scim.EnterpriseUser.__schema__)


def _boolean(value: Any) -> Any:
    """Entra and OneLogin send booleans as text ("False"); numbers are none."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


Boolean = BeforeValidator(_boolean)


class Email(scim.Email):
    """An e-mail address in plain text.

    Active Directory is full of addresses below ``.local`` or ``localhost``, which a strict address
    type refuses; what is acceptable is the host's decision.
    """

    value: str | None = None
    primary: Annotated[bool | None, Boolean] = None


class PhoneNumber(scim.PhoneNumber):
    primary: Annotated[bool | None, Boolean] = None


class Address(scim.Address):
    primary: Annotated[bool | None, Boolean] = None


class Role(scim.Role):
    primary: Annotated[bool | None, Boolean] = None


class Manager(scim.Manager):
    """The user's manager in the client's words.

    Okta sends free text in ``value`` and in ``displayName``, without ``$ref``; neither is an
    id of ours, so nothing is looked up and all three are kept as sent.
    """

    value: Annotated[str | None, scim.CaseExact.true] = None
    """The manager, as the client names them."""

    ref: Annotated[scim.Reference["User"] | None, scim.Mutability.read_write] = Field(  # type: ignore[type-arg,assignment]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The URI of the manager's resource, as the client sent it."""

    display_name: str | None = None
    """The manager's name for display."""


class EnterpriseUser(scim.EnterpriseUser):
    """Enterprise User"""

    __schema__ = scim.EnterpriseUser.__schema__

    manager: Manager | None = None
    """The user's manager."""


class User(scim.User[scim.AnyExtension]):
    """User Account"""

    __schema__ = scim.User.__schema__

    active: Annotated[bool | None, Boolean] = None
    """Whether the person may use the service."""

    # mypy: a list of subclasses is another type, but nobody puts the parents' entries into these.
    emails: list[Email] | None = None  # type: ignore[assignment]
    """E-mail addresses of the user."""

    phone_numbers: list[PhoneNumber] | None = None  # type: ignore[assignment]
    """Phone numbers of the user."""

    addresses: list[Address] | None = None  # type: ignore[assignment]
    """Postal addresses of the user."""

    roles: list[Role] | None = None  # type: ignore[assignment]
    """Roles of the user, as the client names them."""


UserResource = User[EnterpriseUser]
"""The model of ``/Users``: the core schema with the enterprise extension."""

# Not served: there are no groups to list a user's memberships from.
UNSERVED_USER_ATTRIBUTES = frozenset({"groups"})


def schema_documents() -> dict[str, dict[str, Any]]:
    """The documents of ``/Schemas`` by URN, without ``meta`` (RFC 7643 section 7)."""
    user = UserResource.to_schema().model_dump()
    user["attributes"] = [
        attribute
        for attribute in user["attributes"]
        if attribute["name"] not in UNSERVED_USER_ATTRIBUTES
    ]
    documents = (user, EnterpriseUser.to_schema().model_dump())
    return {document["id"]: document for document in documents}


EXTERNAL_ID_DEFINITION = {"name": "externalId", "type": "string", "required": False}
"""A common attribute of all resources, which no schema lists (RFC 7643 section 3.1)."""


def attribute_definition(schema: str | None, attribute: str, sub: str | None) -> dict[str, Any]:
    """What a schema says of an attribute or sub-attribute; ``None`` is the core schema."""
    found = _named(attribute, _definitions(schema or CORE_USER))
    return _named(sub, found["subAttributes"]) if sub else found


@cache
def _definitions(urn: str) -> list[dict[str, Any]]:
    return [*schema_documents()[urn]["attributes"], EXTERNAL_ID_DEFINITION]


def _named(name: str, definitions: list[dict[str, Any]]) -> dict[str, Any]:
    return next(definition for definition in definitions if definition["name"] == name)
