"""What identity providers send that the RFCs do not foresee, made into what they do.

Each tolerance is one function that names the client it is for. They work on parsed JSON, before
scim2-models validates it.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import scim2_models as scim
from scim2_models.path import AttributeBinding

from maptician_scim.protocol.schemas import (
    ENTERPRISE_USER,
    ResourceModel,
    core_schema,
    extension_schemas,
)
from maptician_scim.protocol.tolerances import Tolerance, tolerate
from maptician_scim.protocol.values import typed

READ_ONLY = frozenset({"id", "meta", "groups"})
"""Attributes a client may send back as it read them; RFC 7644 section 3.5.1 has them ignored."""

FREE_TEXT_ENTRIES = frozenset({"roles", "entitlements"})
EMAILS = "emails"
MANAGER = f"{ENTERPRISE_USER}:manager".lower()
ATTRIBUTE_NAME = re.compile(r"\$?[A-Za-z][A-Za-z0-9$_-]{0,254}")

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


def pruned(value: Any) -> Any:
    """A value without what means unassigned: null, empty strings, arrays and objects."""
    if isinstance(value, dict):
        return {n: kept for n, item in value.items() if not is_unassigned(kept := pruned(item))}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if not is_unassigned(item)]
    return value


def assigned(place: str, value: Any) -> Any:
    """The same of what a client sends: Okta sends ``""`` for a mapped attribute without a value.

    To RFC 7643 section 2.5 only null and empty arrays are unassigned.
    """
    if _is_assigned(value):  # most are
        return value
    if _holds_empty_text(value):
        tolerate(Tolerance.EMPTY_VALUE, place)
    return pruned(value)


def _is_assigned(value: Any) -> bool:
    """Whether there is nothing to prune, at any depth."""
    if isinstance(value, dict):
        return bool(value) and all(map(_is_assigned, value.values()))
    if isinstance(value, list):
        return bool(value) and all(map(_is_assigned, value))
    return value is not None and value != ""


def _holds_empty_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_empty_text, value.values()))
    if isinstance(value, list):
        return any(map(_holds_empty_text, value))
    return bool(value == "")


def is_unassigned(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def without_read_only(payload: dict[str, Any]) -> dict[str, Any]:
    """Okta's PUT sends everything back that GET returned, ``id``, ``meta`` and ``groups`` too."""
    return {name: value for name, value in payload.items() if name.lower() not in READ_ONLY}


def resource_payload(model: ResourceModel, payload: dict[str, Any]) -> dict[str, Any]:
    """The body of a POST or PUT as scim2-models can read it."""
    readable = {}
    for name, sent in without_read_only(payload).items():
        value = assigned(name, sent)
        if not is_unassigned(value):
            value = _readable(model, name, value)
            if not is_unassigned(value):
                readable[name] = value
    return readable


def _readable(model: ResourceModel, name: str, value: Any) -> Any:
    """The value of one attribute of a body, or all of an extension's."""
    if name.lower() == "schemas":
        return _known_schemas(model, value)
    urn = _extension_urns(model).get(name.lower())
    if urn is None:
        return list_value(model, name, value)
    return _extension(model, urn, value) if isinstance(value, dict) else value


@cache
def _extension_urns(model: ResourceModel) -> dict[str, str]:
    """The URNs of the extensions, by what they are in lower case."""
    return {urn.lower(): urn for urn in extension_schemas(model)}


def _extension(model: ResourceModel, urn: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an extension as scim2-models can read them.

    What nobody knows is ignored, and what is readOnly too (RFC 7644 section 3.5.1).
    """
    tolerated = {}
    for name, value in payload.items():
        binding = _writable(model, urn, name) if ATTRIBUTE_NAME.fullmatch(name) else None
        if binding is not None:
            tolerated[name] = typed(binding, attribute_value(model, binding.urn, value))
    return tolerated


@lru_cache(maxsize=1000)
def _writable(model: ResourceModel, urn: str, name: str) -> AttributeBinding | None:
    """The attribute of an extension that a client may set by this name."""
    binding: AttributeBinding | None = scim.Path.__class_getitem__(model)(f"{urn}:{name}").resolve()
    if binding is None or binding.get_annotation(scim.Mutability) == scim.Mutability.read_only:
        return None
    return binding


def _known_schemas(model: ResourceModel, schemas: Any) -> Any:
    """What is listed without what nobody knows; Entra lists a schema of Microsoft's own when it
    creates a group.

    Where nothing else is listed, the first is left, so that the core schema is missed.
    """
    if not isinstance(schemas, list):
        return schemas
    known, core = _extension_urns(model), core_schema(model).lower()
    kept = []
    for urn in schemas:
        if isinstance(urn, str) and urn.lower() not in known and urn.lower() != core:
            tolerate(Tolerance.UNKNOWN_SCHEMA, urn)
        else:
            kept.append(urn)
    return kept or schemas[:1]


def attribute_value(model: ResourceModel, name: str, value: Any, *, adds: bool = False) -> Any:
    """The value of a whole attribute in the shape its schema asks for.

    An attribute of an extension is named with its URN. An operation that ``adds`` may name a
    single entry (RFC 7644 section 3.5.2.1).
    """
    if name.lower() == MANAGER:
        return manager(value)
    return list_value(model, name, value, adds=adds)


def list_value(model: ResourceModel, name: str, value: Any, *, adds: bool = False) -> Any:
    """The same where no attribute of an extension is meant."""
    scim_name = multi_valued_attributes(model).get(name.lower())
    if scim_name is None:
        return value
    listed = one_primary(scim_name, entries(scim_name, value, adds=adds))
    if scim_name == EMAILS and isinstance(listed, list):
        for entry in listed:
            note_address(f"{EMAILS}.value", entry.get("value") if isinstance(entry, dict) else None)
    return listed


def note_address(attribute: str, value: Any) -> None:
    """Entra maps any text to an e-mail; what is acceptable is the host's decision."""
    is_email = attribute == f"{EMAILS}.value" and isinstance(value, str) and value
    if is_email and not ADDRESS.fullmatch(value):
        tolerate(Tolerance.EMAIL_WITHOUT_ADDRESS, attribute)


def manager(value: Any) -> Any:
    """Entra sends the manager as a plain string, or as ``[{"$ref": ..., "value": ...}]``.

    Okta sends free text as ``value``, without ``$ref``.
    """
    if isinstance(value, list):
        tolerate(Tolerance.MANAGER_AS_LIST, "manager")
        value = value[0] if value else None
    if isinstance(value, str) and value:
        tolerate(Tolerance.MANAGER_AS_TEXT, "manager")
        return {"value": value}
    if isinstance(value, dict) and not {"$ref"} & {name.lower() for name in value}:
        tolerate(Tolerance.MANAGER_WITHOUT_REF, "manager")
    return value


def entries(name: str, value: Any, *, adds: bool = False) -> Any:
    """OneLogin sends ``emails`` as one object; Entra sends roles as text, kept as sent."""
    if isinstance(value, dict):
        if not adds:
            tolerate(Tolerance.ONE_OBJECT, name)
        value = [value]
    if isinstance(value, str) and name in FREE_TEXT_ENTRIES:
        value = [value]
    if isinstance(value, list) and name in FREE_TEXT_ENTRIES:
        return [_free_text(name, entry) for entry in value]
    return value


def _free_text(name: str, entry: Any) -> Any:
    if not isinstance(entry, str):
        return entry
    is_json = entry.lstrip().startswith(("{", "["))
    tolerate(Tolerance.ROLE_AS_JSON if is_json else Tolerance.ROLE_AS_TEXT, name)
    return {"value": entry}


def one_primary(name: str, value: Any) -> Any:
    """Of several primary entries the last one that says something stays so.

    RFC 7643 section 2.4 allows one; an entry without a value is none and takes it from nobody.
    """
    if not isinstance(value, list):
        return value
    primary = [e for e in value if isinstance(e, dict) and _is_primary(e)]
    if len(primary) > 1:
        tolerate(Tolerance.TWO_PRIMARIES, name)
    newest = next((e for e in reversed(primary) if not is_hollow(pruned(e))), None)
    others = {id(entry) for entry in primary if entry is not newest}
    return [_not_primary(entry) if id(entry) in others else entry for entry in value]


DESCRIBING = frozenset({"type", "primary"})
"""Sub-attributes that say something of an entry's value, and nothing without one."""


def is_hollow(entry: dict[str, Any]) -> bool:
    """Whether an entry of a multi-valued attribute says nothing."""
    return "value" not in entry and all(name.lower() in DESCRIBING for name in entry)


def _is_primary(entry: dict[str, Any]) -> bool:
    return any(name.lower() == "primary" and _is_true(v) for name, v in entry.items())


def _not_primary(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: False if name.lower() == "primary" else v for name, v in entry.items()}


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


@cache
def multi_valued_attributes(model: ResourceModel) -> dict[str, str]:
    """The complex multi-valued attributes of a resource: names in lower case to names."""
    paths = scim.Path.__class_getitem__(model).iter_paths(include_subattributes=False)  # type: ignore[attr-defined]
    bindings = [(str(path), path.resolve()) for path in paths]
    return {
        path.lower(): path
        for path, binding in bindings
        if binding is not None and binding.is_multivalued
    }
