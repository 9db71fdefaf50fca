"""What identity providers send that the RFCs do not foresee, made into what they do.

Each tolerance is one function that names the client it is for. They work on parsed JSON, before
scim2-models validates it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import scim2_models as scim

from maptician_scim.protocol.schemas import ENTERPRISE_USER, ResourceModel, extension_schemas
from maptician_scim.protocol.values import typed

READ_ONLY = frozenset({"id", "meta", "groups"})
"""Attributes a client may send back as it read them; RFC 7644 section 3.5.1 has them ignored."""

FREE_TEXT_ENTRIES = frozenset({"roles", "entitlements"})
MANAGER = f"{ENTERPRISE_USER}:manager".lower()
ATTRIBUTE_NAME = re.compile(r"\$?[A-Za-z][A-Za-z0-9$_-]*")


def pruned(value: Any) -> Any:
    """A value without what means unassigned: null, empty strings, arrays and objects.

    Okta sends ``""`` for a mapped attribute without a value, OneLogin ``null``; RFC 7643
    section 2.5 calls both unassigned.
    """
    if isinstance(value, dict):
        kept = {name: pruned(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if not is_unassigned(item)}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if not is_unassigned(item)]
    return value


def is_unassigned(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}


def without_read_only(payload: dict[str, Any]) -> dict[str, Any]:
    """Okta's PUT sends everything back that GET returned, ``id``, ``meta`` and ``groups`` too."""
    return {name: value for name, value in payload.items() if name.lower() not in READ_ONLY}


def resource_payload(model: ResourceModel, payload: dict[str, Any]) -> dict[str, Any]:
    """The body of a POST or PUT as scim2-models can read it."""
    tolerated = {
        name: attribute_value(model, name, value)
        for name, value in pruned(without_read_only(payload)).items()
    }
    extensions = {urn.lower(): urn for urn in extension_schemas(model)}
    for name, value in tolerated.items():
        if name.lower() in extensions and isinstance(value, dict):
            tolerated[name] = _extension(model, extensions[name.lower()], value)
    return {name: value for name, value in tolerated.items() if not is_unassigned(value)}


def _extension(model: ResourceModel, urn: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an extension as scim2-models can read them.

    What nobody knows is ignored, and what is readOnly too (RFC 7644 section 3.5.1).
    """
    path = scim.Path.__class_getitem__(model)
    tolerated = {}
    for name, value in payload.items():
        is_legal = bool(ATTRIBUTE_NAME.fullmatch(name))
        binding = path(f"{urn}:{name}").resolve() if is_legal else None
        if (
            binding is not None
            and binding.get_annotation(scim.Mutability) != scim.Mutability.read_only
        ):
            tolerated[name] = typed(binding, attribute_value(model, binding.urn, value))
    return tolerated


def attribute_value(model: ResourceModel, name: str, value: Any) -> Any:
    """The value of a whole attribute in the shape its schema asks for.

    An attribute of an extension is named with its URN.
    """
    if name.lower() == MANAGER:
        return manager(value)
    scim_name = multi_valued_attributes(model).get(name.lower())
    return value if scim_name is None else one_primary(entries(scim_name, value))


def manager(value: Any) -> Any:
    """Entra sends the manager as a plain string, or as ``[{"$ref": ..., "value": ...}]``."""
    if isinstance(value, list):
        value = value[0] if value else None
    return {"value": value} if isinstance(value, str) and value else value


def entries(name: str, value: Any) -> Any:
    """OneLogin sends ``emails`` as one object; Entra sends roles as text, kept as sent."""
    if isinstance(value, dict) or (isinstance(value, str) and name in FREE_TEXT_ENTRIES):
        value = [value]
    if isinstance(value, list) and name in FREE_TEXT_ENTRIES:
        return [{"value": entry} if isinstance(entry, str) else entry for entry in value]
    return value


def one_primary(value: Any) -> Any:
    """Of several primary entries the last one that says something stays so.

    RFC 7643 section 2.4 allows one; an entry without a value is none and takes it from nobody.
    """
    if not isinstance(value, list):
        return value
    primary = [e for e in value if isinstance(e, dict) and _is_primary(e)]
    newest = next((e for e in reversed(primary) if not is_hollow(pruned(e))), None)
    return [
        _not_primary(entry) if any(entry is p for p in primary if p is not newest) else entry
        for entry in value
    ]


DESCRIBING = frozenset({"type", "primary"})
"""Sub-attributes that say something of an entry's value, and nothing without one."""


def is_hollow(entry: dict[str, Any]) -> bool:
    """Whether an entry of a multi-valued attribute says nothing."""
    return not {name.lower() for name in entry} - DESCRIBING


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
