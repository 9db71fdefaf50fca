"""Schema extensions: what a client sends under a URN that nobody has declared.

An identity provider's administrator can invent attributes under any URN (RFC 7643 section 3.3).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import orjson

from maptician_scim import redaction
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidValue, Mutability
from maptician_scim.protocol.dialects import pruned
from maptician_scim.protocol.schemas import (
    ResourceModel,
    core_schema,
    extension_schemas,
    schema_documents,
)
from maptician_scim.protocol.values import kept_number

Document = dict[str, Any]

URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,30}:[a-z0-9()+,.:=@;$_!*'%/?#~&-]+", re.IGNORECASE)
"""RFC 8141 section 2."""

SHOWN = 200
"""Characters of a place that an error names."""

IN_A_NAME = re.compile(r"[^0-9a-z]")


def is_unknown_schema(model: ResourceModel, name: str) -> bool:
    """Whether a key is a URN that names neither a declared schema nor an attribute of one."""
    if name[:4].lower() != "urn:":
        return False
    plain, declared = name.lower(), _declared(model)
    if plain in declared or not URN.fullmatch(name):
        return False
    return not any(f"{plain}:".startswith(f"{urn}:") for urn in declared)


@cache
def _declared(model: ResourceModel) -> tuple[str, ...]:
    return tuple(urn.lower() for urn in (core_schema(model), *extension_schemas(model)))


def unknown_schemas(model: ResourceModel, payload: Document) -> Document:
    """What a body holds under URNs that nobody has declared, as it may be kept.

    Objects only, without passwords at any depth and without what means unassigned. Raises
    ``InvalidValue`` for more than ``MAX_UNKNOWN_SCHEMAS_SIZE`` bytes, and for numbers that not
    every database gives back as they are.
    """
    found: Document = {}
    room = scim_settings.MAX_UNKNOWN_SCHEMAS_SIZE
    for urn, value in payload.items():
        if not isinstance(value, dict) or not is_unknown_schema(model, urn):
            continue
        kept = pruned(_kept(value, urn[:SHOWN]))
        if not kept:
            continue
        found[urn] = kept
        room -= len(urn.encode()) + len(orjson.dumps(kept))
        if room < 0:
            raise InvalidValue(
                f"{urn[:SHOWN]!r} is too large: of schemas that are not declared here, at most "
                f"{scim_settings.MAX_UNKNOWN_SCHEMAS_SIZE} bytes are kept of one resource."
            )
    return found


def _kept(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        shown = {n: v for n, v in value.items() if not _is_password(n)}
        return {n: _kept(v, f"{place}.{n}"[:SHOWN]) for n, v in shown.items()}
    if isinstance(value, list):
        return [_kept(item, place) for item in value]
    return kept_number(value, place) if isinstance(value, (int, float)) else value


def _is_password(name: str) -> bool:
    """Whether a name is a password's, however it is written, or holds one of our tokens."""
    plain = IN_A_NAME.sub("", name.lower())
    return plain.endswith(("password", "passwd")) or redaction.holds_token(name)


def keep_immutable(model: ResourceModel, before: Document, wanted: Document) -> None:
    """Give a PUT the immutable extension attributes it leaves out (RFC 7644 section 3.5.1).

    Raises ``Mutability`` if it changes one that is set.
    """
    for urn, name in _immutable(model):
        old = before.get(urn, {}).get(name)
        if old is None:
            continue
        if wanted.setdefault(urn, {}).setdefault(name, old) != old:
            raise Mutability(f"'{urn}:{name}' is immutable: it cannot be changed once it is set.")


@cache
def _immutable(model: ResourceModel) -> list[tuple[str, str]]:
    return [
        (urn, attribute["name"])
        for urn in extension_schemas(model)
        for attribute in schema_documents(model)[urn]["attributes"]
        if attribute["mutability"] == "immutable"
    ]
