"""Values with which nothing can be wrong: what identity providers send nearly always.

scim2-models validates each value by itself, and writes it anew from what it has read. Where names
are spelled as the schema spells them, and values are texts and truth values that it asks for, that
gives back what was given, and takes longer than all else that Python does for a request. So it is
left out here, and nowhere else; ``tests/oracles/test_plain.py`` holds both beside each other.

Of bodies, only the schemas of this package are looked at: an extension of the host may have rules
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import scim2_models as scim

from maptician_scim.protocol.paths import place_of, read_path
from maptician_scim.protocol.schemas import (
    ENTERPRISE_USER,
    EXTERNAL_ID_DEFINITION,
    ResourceModel,
    core_schema,
    extension_schemas,
    requires,
    schema_documents,
)

Check = Callable[[Any], bool]
"""Whether a value is plain."""

TYPES = {"string": str, "boolean": bool}


def is_plain(model: ResourceModel, payload: dict[str, Any]) -> bool:
    """Whether there is nothing to convert, to leave out or to refuse in the body of a POST or PUT,
    after ``dialects.resource_payload``."""
    extensions = [urn for urn in extension_schemas(model) if urn in payload]
    return payload.get("schemas") == [core_schema(model), *extensions] and _body(model)(payload)


@cache
def _body(model: ResourceModel) -> Check:
    schemas = extension_schemas(model)
    if any(requires(model, urn) for urn in schemas):
        return lambda payload: False
    documents = schema_documents(model)
    members: dict[str, Check] = {"schemas": _is_whatever}
    if ENTERPRISE_USER in schemas:
        members[ENTERPRISE_USER] = _entry(documents[ENTERPRISE_USER]["attributes"])
    own = documents[core_schema(model)]["attributes"]
    return _entry([*own, EXTERNAL_ID_DEFINITION], members)


def _is_whatever(value: Any) -> bool:
    return True


def _entry(definitions: list[dict[str, Any]], more: dict[str, Check] | None = None) -> Check:
    """The check of an object with these attributes."""
    checks = {definition["name"]: _check(definition) for definition in definitions}
    members = {name: check for name, check in checks.items() if check} | (more or {})
    required = {definition["name"] for definition in definitions if definition["required"]}

    def holds(value: Any) -> bool:
        return (
            type(value) is dict
            and required <= value.keys()
            and all(name in members and members[name](item) for name, item in value.items())
        )

    return holds


def _check(definition: dict[str, Any]) -> Check | None:
    """The check of an attribute's value, if there are plain ones."""
    if definition.get("mutability", "readWrite") not in ("readWrite", "immutable"):
        return None
    if definition["type"] == "complex":
        single = _entry(definition["subAttributes"])
    elif definition["type"] in TYPES:
        single = _has_type(TYPES[definition["type"]])
    else:
        return None
    return _has_entries(single) if definition.get("multiValued") else single


def _has_type(kind: type) -> Check:
    return lambda value: type(value) is kind


def _has_entries(single: Check) -> Check:
    return lambda value: type(value) is list and all(map(single, value))


# -- PATCH ----------------------------------------------------------------------------------------


def plain_target(model: ResourceModel, operation: dict[str, Any]) -> str | None:
    """The attribute, with its extension's URN, that an operation sets to a plain value."""
    if operation["op"] == "remove":
        return None
    name, kind = _attribute_at(model, operation["path"])
    return name if type(operation["value"]) is kind else None


@lru_cache(maxsize=1000)
def _attribute_at(model: ResourceModel, path: str) -> tuple[str, type | None]:
    """The name of the attribute at a path, and its type if it is a single plain one."""
    target, binding = read_path(model, path)
    if (
        binding is None
        or binding.field_type not in TYPES.values()
        or target.value_filter is not None
        or binding.is_multivalued
        or binding.sub_field_name is not None
        or binding.get_annotation(scim.Mutability) not in (None, scim.Mutability.read_write)
    ):
        return path, None
    schema, attribute, _ = place_of(model, binding)
    return f"{schema}:{attribute}" if schema else attribute, binding.field_type
