"""Which attributes an answer holds (RFC 7644 sections 3.4.2.5 and 3.9, RFC 7643 section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from maptician_scim.exceptions import InvalidValue
from maptician_scim.protocol.schemas import ResourceModel, core_schema, schema_documents

Place = tuple[str, str | None, str | None]
"""Schema ("" for the resource's own), attribute, sub-attribute, all in lower case; ``None`` means
all there are."""

VALUE_FILTER = re.compile(r"\[.*\]", re.DOTALL)
NAME = re.compile(r"[\w.:$/#-]+")

COMMON = {"schemas": "always", "id": "always", "externalid": "default", "meta": "default"}
"""What no schema lists (RFC 7643 section 3.1), and when it is returned."""


@dataclass(frozen=True)
class Selection:
    """The names a client sent as ``attributes`` or ``excludedAttributes``, whatever they mean."""

    attributes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


NOTHING_SELECTED = Selection()


@dataclass(frozen=True)
class _Rules:
    """When the attributes of a resource are returned, by place."""

    own: str
    """The URN of the resource's own schema, in lower case."""

    extensions: tuple[str, ...]
    returned: Mapping[Place, str]

    @cached_property
    def are_plain(self) -> bool:
        """Whether all that a document holds is returned unless something is selected."""
        return not {"request", "never"} & {
            r for place, r in self.returned.items() if place[1] != "password"
        }

    def always_shows(self, schema: str) -> bool:
        """Whether a schema has an attribute that cannot be left out."""
        return any(
            r == "always" and s == schema for (s, _, sub), r in self.returned.items() if not sub
        )

    def of(self, schema: str, attribute: str | None, sub: str | None = None) -> str:
        return self.returned.get((schema, attribute, sub), "default")


class Projection:
    """The attributes a client wants to see of a resource of one kind.

    A value path stands for its attribute: ``emails[type eq "work"].value`` is ``emails.value``.
    Names that no schema has select nothing. Raises ``InvalidValue`` for one that is never
    returned, as ``password``, and for what is no name.
    """

    def __init__(
        self, model: ResourceModel | None = None, selection: Selection = NOTHING_SELECTED
    ) -> None:
        self._rules = _rules(model) if model else _Rules("", (), {})
        self._excluded = frozenset(_places(self._rules, selection.excluded))
        self._is_limited = bool(selection.attributes)
        self._wanted: dict[tuple[str, str | None], set[str | None]] = {}
        for schema, attribute, sub in _places(self._rules, selection.attributes):
            if "never" in (
                self._rules.of(schema, attribute),
                self._rules.of(schema, attribute, sub),
            ):
                name = f"{attribute}.{sub}" if sub else attribute
                raise InvalidValue(f"The attribute {name!r} is never returned.")
            self._wanted.setdefault((schema, attribute), set()).add(sub)
        self._shows_all = selection == NOTHING_SELECTED and self._rules.are_plain

    def includes(self, attribute: str) -> bool:
        """Whether anything of a top-level attribute, or of an extension's URN, is shown."""
        name = attribute.lower()
        if ":" not in name:
            return self._shows("", name)
        if self._rules.always_shows(name):
            return True
        if (name, None, None) in self._excluded:
            return False
        return not self._is_limited or any(schema == name for schema, _ in self._wanted)

    def apply(self, document: dict[str, Any]) -> dict[str, Any]:
        """The document with what is shown of it."""
        if self._shows_all:
            return document
        shown: dict[str, Any] = {}
        for name, value in document.items():
            if ":" in name and isinstance(value, dict):
                if inner := self._object(name.lower(), value):
                    shown[name] = inner
            elif ":" in name:
                if self.includes(name):
                    shown[name] = value
            else:
                shown |= self._object("", {name: value})
        return shown

    def _object(self, schema: str, attributes: dict[str, Any]) -> dict[str, Any]:
        """What is shown of the attributes of a schema."""
        shown = {}
        for name, value in attributes.items():
            if self._shows(schema, name.lower()):
                part = self._part(schema, name.lower(), value)
                # What was empty before was nothing of ours to leave out.
                if part or part == value:
                    shown[name] = part
        return shown

    def _part(self, schema: str, attribute: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: item
                for name, item in value.items()
                if self._shows_sub(schema, attribute, name.lower())
            }
        if isinstance(value, list):
            parts = [self._part(schema, attribute, entry) for entry in value]
            return [part for part in parts if part != {}]
        return value if self._shows_simple(schema, attribute) else None

    def _shows(self, schema: str, attribute: str) -> bool:
        returned = self._rules.of(schema, attribute)
        if returned in ("always", "never"):
            return returned == "always"
        if returned == "request":
            return (schema, attribute) in self._wanted
        if self._is_limited:
            return (schema, attribute) in self._wanted or (schema, None) in self._wanted
        return not {(schema, attribute, None), (schema, None, None)} & self._excluded

    def _shows_simple(self, schema: str, attribute: str) -> bool:
        """Whether a value without sub-attributes is shown: not where only those are wanted."""
        wanted = self._wanted.get((schema, attribute), {None})
        is_always = self._rules.of(schema, attribute) == "always"
        return None in wanted or (schema, None) in self._wanted or is_always

    def _shows_sub(self, schema: str, attribute: str, sub: str) -> bool:
        returned = self._rules.of(schema, attribute, sub)
        wanted = self._wanted.get((schema, attribute), set())
        if returned in ("always", "never"):
            return returned == "always"
        if returned == "request":
            return sub in wanted
        if self._is_limited:
            return sub in wanted or None in wanted or (schema, None) in self._wanted
        return (schema, attribute, sub) not in self._excluded


@cache
def _rules(model: ResourceModel) -> _Rules:
    returned: dict[Place, str] = {("", name, None): kind for name, kind in COMMON.items()}
    own, *extensions = (urn.lower() for urn in schema_documents(model))
    for urn, document in schema_documents(model).items():
        schema = "" if urn == core_schema(model) else urn.lower()
        for attribute in document["attributes"]:
            name = attribute["name"].lower()
            returned[schema, name, None] = attribute.get("returned", "default")
            for sub in attribute.get("subAttributes") or ():
                returned[schema, name, sub["name"].lower()] = sub.get("returned", "default")
    return _Rules(own, tuple(extensions), returned)


def _places(rules: _Rules, names: Iterable[str]) -> Iterator[Place]:
    for name in names:
        text = VALUE_FILTER.sub("", name).lower()
        if not NAME.fullmatch(text):
            raise InvalidValue(f"{name[:100]!r} is no attribute name.")
        yield from _meant(rules, text)


def _meant(rules: _Rules, text: str) -> Iterator[Place]:
    """What a name may mean: one place, or two where we do not know its URN."""
    schema, _, rest = text.rpartition(":")
    attribute, _, sub = rest.partition(".")
    if text == rules.own:
        yield ("", None, None)
    elif text in rules.extensions:
        yield (text, None, None)
    elif not schema:
        yield (_schema_with(rules, attribute), attribute, sub or None)
    elif schema == rules.own:
        yield ("", attribute, sub or None)
    else:
        yield (schema, attribute, sub or None)
        if schema not in rules.extensions:
            yield (text, None, None)


def _schema_with(rules: _Rules, attribute: str) -> str:
    """The schema of a name without URN: Entra writes ``department`` for the enterprise one's."""
    if ("", attribute, None) in rules.returned:
        return ""
    return next((s for s in rules.extensions if (s, attribute, None) in rules.returned), "")


EVERYTHING = Projection()
"""Whatever a document holds."""


class _Nothing(Projection):
    """For an answer without a body: nothing has to be read for it."""

    def includes(self, attribute: str) -> bool:
        return False


NOTHING = _Nothing()
"""What a client sees that wants no body."""
