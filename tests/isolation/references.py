"""Which attributes of our schemas can refer to a resource, or name one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.client import ScimClient
from tests.isolation.world import World

Schema = dict[str, Any]
Attribute = dict[str, Any]

COMMON = ("id", "meta.location")
"""Of every resource, and in no schema (RFC 7643 section 3.1)."""

ELSEWHERE = {"external", "uri"}
"""What a reference refers to that is no resource."""


def kinds_of(world: World) -> dict[str, list[Schema]]:
    """The schemas of each resource type, the core schema first, as a client reads them."""
    client = ScimClient(world.own.key, world.own.secret)
    schemas, types = (
        client.request_scim("GET", path).json()["Resources"]
        for path in ("/Schemas", "/ResourceTypes")
    )
    by_id = {schema["id"]: schema for schema in schemas}
    return {
        kind["name"]: [
            by_id[urn]
            for urn in (kind["schema"], *(e["schema"] for e in kind.get("schemaExtensions", ())))
        ]
        for kind in types
    }


def references(schemas: list[Schema]) -> Iterator[str]:
    """The paths of a resource type's attributes that name something, or refer to it."""
    yield from COMMON
    for number, schema in enumerate(schemas):
        prefix = f"{schema['id']}:" if number else ""
        for attribute in schema["attributes"]:
            yield from (f"{prefix}{path}" for path in _of(attribute))


def _of(attribute: Attribute) -> Iterator[str]:
    name, parts = attribute["name"], attribute.get("subAttributes", ())
    if _names_something(attribute) or _refers(attribute):
        yield name
    refers = any(map(_refers, parts)) or name in ("roles", "entitlements")
    for part in parts:
        # Beside a reference stand the id and the name of what is referred to.
        is_beside = refers and part["name"] in ("value", "display", "displayName")
        if is_beside or _refers(part) or _names_something(part):
            yield f"{name}.{part['name']}"


def _refers(attribute: Attribute) -> bool:
    return bool(set(attribute.get("referenceTypes") or ()) - ELSEWHERE)


def _names_something(attribute: Attribute) -> bool:
    return attribute.get("uniqueness", "none") != "none"
