"""The resource schemas as this service provider treats them (RFC 7643 sections 4.1 and 4.3).

scim2-models' own, where identity providers allow; each difference names its reason.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Union

import scim2_models as scim
from pydantic import BeforeValidator, Field, ValidationInfo

from maptician_scim.conf import scim_settings
from maptician_scim.protocol.tolerances import Tolerance, tolerate

CORE_GROUP = str(scim.Group.__schema__)
CORE_USER = str(scim.User.__schema__)
ENTERPRISE_USER = str(scim.EnterpriseUser.__schema__)


def boolean(value: Any, place: str) -> Any:
    """Entra and OneLogin send booleans as text ("False"); numbers are none.

    Raises ``ValueError``; ``place`` is what a refusal in strict mode names.
    """
    if isinstance(value, str) and value.lower() in ("true", "false"):
        is_active = place == "active"
        tolerate(Tolerance.ACTIVE_AS_TEXT if is_active else Tolerance.BOOLEAN_AS_TEXT, place)
        return value.lower() == "true"
    if value is None or isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _boolean(value: Any, info: ValidationInfo) -> Any:
    return boolean(value, info.field_name or "")


Boolean = BeforeValidator(_boolean)


class Email(scim.Email):
    """An e-mail address in plain text.

    Active Directory is full of addresses below ``.local`` or ``localhost``, which a strict address
    type refuses; what is acceptable is the host's decision.
    """

    value: str | None = None
    """The e-mail address."""

    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the preferred e-mail address."""


class PhoneNumber(scim.PhoneNumber):
    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the preferred phone number."""


class Address(scim.Address):
    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the preferred address."""


class Im(scim.Im):
    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the preferred one."""


class Photo(scim.Photo):
    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the preferred one."""


class X509Certificate(scim.X509Certificate):
    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the preferred one."""


class Role(scim.Role):
    value: str | None = None
    """The id of a role among those of /Roles, or what the client calls it."""

    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the person's main role."""


class Entitlement(scim.Entitlement):
    value: str | None = None
    """The id of an entitlement among those of /Entitlements, or what the client calls it."""

    primary: Annotated[bool | None, Boolean] = None
    """Whether this is the person's main entitlement."""


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

    ims: list[Im] | None = None  # type: ignore[assignment]
    """Instant messaging addresses of the user."""

    photos: list[Photo] | None = None  # type: ignore[assignment]
    """URLs of photos of the user."""

    x509_certificates: list[X509Certificate] | None = None  # type: ignore[assignment]
    """Certificates issued to the user."""

    entitlements: list[Entitlement] | None = None  # type: ignore[assignment]
    """What the user is entitled to."""

    roles: list[Role] | None = None  # type: ignore[assignment]
    """Roles of the user."""


UserResource = User[EnterpriseUser]
"""The model of ``/Users``: the core schema with the enterprise extension."""


class GroupMember(scim.GroupMember):
    display: Annotated[str | None, scim.Mutability.read_only] = None
    """The member's name for display."""


class Group(scim.Resource[scim.AnyExtension]):
    """Group"""

    __schema__ = scim.Group.__schema__

    display_name: Annotated[
        str | None, scim.Required.true, scim.CaseExact.false, scim.Uniqueness.server
    ] = None
    """The group's name, which no other group of the tenant has."""

    members: list[GroupMember] | None = None
    """Who is in the group."""


ResourceModel = type[scim.Resource[Any]]

DISCOVERY_MODELS: tuple[ResourceModel, ...] = (
    scim.ServiceProviderConfig,
    scim.ResourceType,
    scim.Schema,
)
"""The models of the discovery documents, whose schemas are listed too (RFC 7643 section 8.7.2)."""

UNSERVED_CONFIG_ATTRIBUTES = frozenset({"id"})
"""There is only one configuration, and so nothing to tell it from (RFC 7643 section 5)."""


@cache
def user_model(extensions: tuple[type[scim.Extension], ...]) -> ResourceModel:
    """The model of ``/Users`` with extensions of the host beside the enterprise extension.

    Each may be ``Annotated`` with ``Required.true``.
    """
    if not extensions:
        return UserResource
    return User[Union[EnterpriseUser, *extensions]]  # type: ignore[valid-type]


def requires(model: ResourceModel, urn: str) -> bool:
    """Whether a resource must have an extension (``Annotated[Workplace, Required.true]``)."""
    name = model.get_extension_models()[scim.URN(urn)].__name__
    return bool(model.get_field_annotation(name, scim.Required))


@cache
def group_model(extensions: tuple[type[scim.Extension], ...]) -> ResourceModel:
    """The model of ``/Groups`` with extensions of the host."""
    return Group[Union[(*extensions,)]] if extensions else Group  # type: ignore[valid-type]


def core_schema(model: ResourceModel) -> str:
    """The URN of a resource's own schema."""
    return str(model.__schema__)


@cache
def extension_schemas(model: ResourceModel) -> tuple[str, ...]:
    """The URNs of a resource's extensions."""
    return tuple(str(urn) for urn in model.get_extension_models())


def schema_documents(model: ResourceModel) -> dict[str, dict[str, Any]]:
    """The schemas of a resource by URN, as ``/Schemas`` shows them, without ``meta``.

    RFC 7643 section 7. They are shared: a caller must not change them.
    """
    unserved = frozenset() if scim_settings.serves_groups else frozenset({"groups"})
    return _schema_documents(model, unserved, scim_settings.NESTED_GROUPS)


@cache
def _schema_documents(
    model: ResourceModel, unserved: frozenset[str], nests: bool
) -> dict[str, dict[str, Any]]:
    own = model.to_schema().model_dump()
    if model is scim.ServiceProviderConfig:
        unserved = UNSERVED_CONFIG_ATTRIBUTES
    own["attributes"] = [a for a in own["attributes"] if a["name"] not in unserved]
    if own["id"] == CORE_GROUP and not nests:
        _let_in_only_users(own)
    extensions = model.get_extension_models().values()
    documents = (own, *(extension.to_schema().model_dump() for extension in extensions))
    return {document["id"]: document for document in documents}


def _let_in_only_users(group: dict[str, Any]) -> None:
    """Say of members what is true where no group may be one."""
    parts = _named("members", group["attributes"])["subAttributes"]
    _named("$ref", parts)["referenceTypes"] = ["User"]
    _named("type", parts)["canonicalValues"] = ["User"]


EXTERNAL_ID_DEFINITION = {"name": "externalId", "type": "string", "required": False}
"""A common attribute of all resources, which no schema lists (RFC 7643 section 3.1)."""


def attribute_definition(
    model: ResourceModel, schema: str | None, attribute: str, sub: str | None
) -> dict[str, Any]:
    """What a schema says of an attribute or sub-attribute; ``None`` is the core schema."""
    document = schema_documents(model)[schema or core_schema(model)]
    found = _named(attribute, [*document["attributes"], EXTERNAL_ID_DEFINITION])
    return _named(sub, found["subAttributes"]) if sub else found


def _named(name: str, definitions: list[dict[str, Any]]) -> dict[str, Any]:
    return next(definition for definition in definitions if definition["name"] == name)
