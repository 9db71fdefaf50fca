"""Attributes from ``/Schemas``, and what can be said of them: paths, filters, resources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz import values
from tests.fuzz.values import often

OPERATORS = ["eq", "eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "EQ", "Co", "xx"]


@dataclass(frozen=True)
class Attribute:
    """One attribute of a schema document. ``prefix`` is the URN of an extension with its colon."""

    name: str
    kind: str
    is_multi_valued: bool
    is_read_only: bool
    canonical: tuple[str, ...]
    parts: tuple[Attribute, ...] = ()
    prefix: str = ""

    @property
    def path(self) -> str:
        return self.prefix + self.name


def attribute(definition: dict[str, Any], prefix: str = "") -> Attribute:
    """The attribute a schema document defines."""
    return Attribute(
        definition["name"],
        definition["type"],
        definition.get("multiValued", False),
        definition.get("mutability") == "readOnly",
        tuple(definition.get("canonicalValues", ())),
        tuple(attribute(part) for part in definition.get("subAttributes", ())),
        prefix,
    )


class Grammar:
    """What can be said of one type of resource. ``marker`` stands in some of its texts."""

    def __init__(self, core: dict[str, Any], extensions: list[dict[str, Any]], marker: str) -> None:
        self.core, self.marker = core["id"], marker
        self.urns = [document["id"] for document in extensions]
        self.attributes = [attribute(definition) for definition in core["attributes"]]
        self.extended = {
            document["id"]: [attribute(d, f"{document['id']}:") for d in document["attributes"]]
            for document in extensions
        }
        self.all = [*self.attributes, *(a for some in self.extended.values() for a in some)]
        self.names = ["id", "externalId", "meta.created", "meta.lastModified", *self._names()]

    def _names(self) -> Iterator[str]:
        for found in self.all:
            yield found.path
            yield from (f"{found.path}.{part.name}" for part in found.parts)

    # -- values ----------------------------------------------------------------------------------

    def value(self, random: Random, of: Attribute) -> Any:
        """A value for an attribute; of several where it takes several."""
        if not of.is_multi_valued:
            return self._single(random, of)
        return [self._single(random, of) for _ in range(random.choice([0, 1, 1, 1, 2, 3]))]

    def _single(self, random: Random, of: Attribute) -> Any:
        if of.parts:
            chosen = [part for part in of.parts if often(random, 0.6)]
            return {part.name: self.value(random, part) for part in chosen}
        if of.canonical and often(random, 0.8):
            return random.choice(of.canonical)
        return values.of_type(random, of.kind, self.marker)

    def resource(self, random: Random, **given: Any) -> dict[str, Any]:
        """A resource, mostly one that can be stored."""
        share = random.choice([0.1, 0.3, 0.7])
        found: dict[str, Any] = {"schemas": [self.core]}
        for some in self.attributes:
            if some.name not in NEVER and often(random, share):
                found[some.name] = self.value(random, some)
        for urn, attributes in self.extended.items():
            if often(random, share):
                found["schemas"].append(urn)
                found[urn] = {
                    a.name: self.value(random, a) for a in attributes if often(random, 0.5)
                }
        found |= given
        return values.damaged(random, found) if often(random, 0.15) else found

    # -- paths and filters -----------------------------------------------------------------------

    def name(self, random: Random) -> str:
        """The name of an attribute, in any case, with or without its URN."""
        found = random.choice(self.names)
        kind = random.random()
        if kind < 0.1 and not found.startswith("urn:"):
            found = f"{self.core}:{found}"
        elif kind < 0.2:
            found = random.choice([found.upper(), found.lower(), found.swapcase()])
        elif kind < 0.23:
            found = random.choice([f"{found}.x", "nothing", f"{found}.", ".", "a b", "$ref", "é"])
        return found

    def path(self, random: Random) -> str:
        """The path of a PATCH operation."""
        some = random.choice(self.all)
        kind = random.random()
        if some.parts and some.is_multi_valued and kind < 0.5:
            ending = random.choice(["", f".{random.choice(some.parts).name}"])
            return f"{some.path}[{self.inside(random, some)}]{ending}"
        if some.parts and kind < 0.7:
            return f"{some.path}.{random.choice(some.parts).name}"
        return some.path if kind < 0.85 else self.name(random)

    def inside(self, random: Random, of: Attribute) -> str:
        """A filter for the entries of a multi-valued attribute."""
        if often(random, 0.5):
            return f'type eq "{random.choice(["work", "home", "mobile", "Work", "x"])}"'
        part = random.choice(of.parts)
        found = self._comparison(random, part.name, part.kind)
        return f"{found} and {self.inside(random, of)}" if often(random, 0.2) else found

    def filter(self, random: Random, depth: int = 3) -> str:
        """A filter, rarely one that nobody can read."""
        kind = random.random()
        if depth and kind < 0.2:
            word = random.choice(["and", "or", "AND"])
            return f"{self.filter(random, depth - 1)} {word} {self.filter(random, depth - 1)}"
        if depth and kind < 0.27:
            return f"not ({self.filter(random, depth - 1)})"
        if depth and kind < 0.32:
            return f"({self.filter(random, depth - 1)})"
        if kind < 0.45:
            some = random.choice([a for a in self.all if a.parts and a.is_multi_valued])
            return f"{some.path}[{self.inside(random, some)}]"
        if kind < 0.47:
            return random.choice(
                ['userName eq "', "(" * 30, "a eq", "and", 'id eq "1" id', "[]", '"']
            )
        some = random.choice(self.all)
        return self._comparison(random, self.name(random), some.kind)

    def _comparison(self, random: Random, name: str, kind: str) -> str:
        if often(random, 0.12):
            return f"{name} pr"
        return f"{name} {random.choice(OPERATORS)} {self.operand(random, kind)}"

    def operand(self, random: Random, kind: str) -> str:
        """A value in a filter."""
        if often(random, 0.05):
            return random.choice(["null", "true", "1", "-1.5e3", "1" * 400, "nope", "'a'"])
        found = values.of_type(random, kind, self.marker)
        return json.dumps(found, ensure_ascii=often(random, 0.3))


NEVER = {"id", "meta", "groups", "members", "password", "userName", "displayName"}
"""What no resource gets by chance: the service provider's own, or what is given each time."""
