"""What is wrong with the schema extensions a host declares; ``manage.py check`` tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, get_args, get_origin

import scim2_models as scim
from pydantic import Base64Bytes

from maptician_scim.protocol.schemas import CORE_USER, EnterpriseUser, UserResource

URN = re.compile(r"urn:[a-z0-9][a-z0-9._-]*(?::[a-z0-9][a-z0-9._-]*)+", re.IGNORECASE)
"""What can stand in a path and in a filter."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|\$ref")
"""RFC 7643 section 2.1."""

TYPES = (str, bool, int, float, datetime)


def declaration_faults(extensions: object) -> Iterator[str]:
    """One sentence, without its full stop, for everything that is wrong."""
    if not isinstance(extensions, (tuple, list)):
        yield "'extensions' must be a tuple of subclasses of scim2_models.Extension"
        return
    found = [_extension(extension) for extension in extensions]
    for extension in found:
        if isinstance(extension, type) and issubclass(extension, scim.Extension):
            yield from _schema(extension)
            yield from _attributes(extension, extension.__name__, may_nest=True)
        else:
            yield f"{extension!r} is no subclass of scim2_models.Extension"
    yield from _twins(e for e in found if isinstance(e, type))


def _extension(declared: Any) -> Any:
    """The class, without ``Annotated[..., Required.true]`` around it."""
    return get_args(declared)[0] if get_origin(declared) is Annotated else declared


def _schema(extension: type[scim.Extension]) -> Iterator[str]:
    urn = str(extension.__schema__ or "")
    if not URN.fullmatch(urn):
        yield f"{extension.__name__} needs a URN as __schema__, not {urn!r}"
    elif urn.lower() in TAKEN:
        yield f"{extension.__name__} has the URN of a schema that is there already: {urn}"
    if extension.__name__ in UserResource.model_fields:
        yield f"{extension.__name__} has the name of something else; name the class otherwise"


TAKEN = {
    CORE_USER.lower(),
    str(EnterpriseUser.__schema__).lower(),
    str(scim.Group.__schema__).lower(),
}


def _attributes(model: type[scim.BaseModel], place: str, *, may_nest: bool) -> Iterator[str]:
    own = {n: f for n, f in model.model_fields.items() if n != "schemas"}
    if not own:
        yield f"{place} has no attributes"
    for field, info in own.items():
        name = info.serialization_alias or field
        if not NAME.fullmatch(name):
            yield f"{place}.{name} is no legal name of an attribute"
        kind = model.get_field_root_type(field)
        if isinstance(kind, type) and issubclass(kind, scim.ComplexAttribute):
            if may_nest:
                yield from _attributes(kind, f"{place}.{name}", may_nest=False)
            else:
                yield f"{place}.{name} is complex inside a complex attribute"
        elif not _is_simple(kind):
            yield f"{place}.{name} has a type that SCIM does not have: {kind}"
        yield from _characteristics(model, field, f"{place}.{name}")


def _is_simple(kind: Any) -> bool:
    if kind == Base64Bytes or kind in TYPES:
        return True
    return isinstance(kind, type) and issubclass(kind, (scim.Reference, StrEnum))


def _characteristics(model: type[scim.BaseModel], field: str, place: str) -> Iterator[str]:
    """What would be promised in ``/Schemas`` and not be kept."""
    is_hidden = (
        model.get_field_annotation(field, scim.Mutability) == scim.Mutability.write_only
        or model.get_field_annotation(field, scim.Returned) == scim.Returned.never
    )
    if is_hidden:
        yield f"{place} is never returned, but would stand in the log and in the admin"
    if model.get_field_annotation(field, scim.Uniqueness) != scim.Uniqueness.none:
        yield f"{place} is declared as unique, which nothing enforces"


def _twins(extensions: Iterable[type[Any]]) -> Iterator[str]:
    """Extensions that could not be told apart."""
    seen: set[str] = set()
    for extension in extensions:
        for mark in {extension.__name__, str(getattr(extension, "__schema__", "")).lower()}:
            if mark in seen:
                yield f"two extensions are called {mark}"
            seen.add(mark)
