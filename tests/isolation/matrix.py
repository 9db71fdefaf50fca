"""Every method of every route, and the ways that apply to it; what does not has a reason.

The ways in a request's head apply to all: addresses, tokens, versions, parameters of lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.isolation.bulk import BULK
from tests.isolation.endpoints import Endpoint
from tests.isolation.ways import (
    ADDRESSES,
    CURSOR,
    ENTITLEMENT,
    GROUP_ID,
    GROUP_IN_GROUP,
    PARAMETERS,
    PERSON,
    PERSON_NOWHERE,
    ROLE,
    VERSIONS,
    Way,
    contents,
    operations,
    searching,
)

NO_ID = "there is no id in its path"
NO_LIST = "it answers no list"
NO_BODY = "it has no body"
NOT_READ = "it reads no body"


@dataclass(frozen=True)
class Row:
    """The ways for one endpoint, or why there are none."""

    path: tuple[Way, ...] | str
    search: tuple[Way, ...] | str
    body: tuple[Way, ...] | str

    @property
    def ways(self) -> tuple[Way, ...]:
        own = [ways for ways in (self.path, self.search, self.body) if not isinstance(ways, str)]
        return sum(own, (*ADDRESSES, *VERSIONS, *PARAMETERS))


def listing(*kinds: str) -> Row:
    return Row(NO_ID, searching(*kinds), NO_BODY)


def head() -> Row:
    return Row(NO_ID, (CURSOR,), "of the answer to GET it has the headers only")


def searched(*kinds: str) -> Row:
    return Row(NO_ID, searching(*kinds), "it is read as a search")


def one(*path: Way) -> Row:
    return Row(path, NO_LIST, NO_BODY)


NOWHERE = Row((PERSON_NOWHERE,), NO_LIST, NOT_READ)
FIXED = Row(NO_ID, NO_LIST, NO_BODY)
NOBODY = Row(NO_ID, NO_LIST, NOT_READ)

MATRIX = {
    "GET /": listing("User", "Group"),
    "HEAD /": head(),
    "POST /": NOBODY,
    "PUT /": NOBODY,
    "PATCH /": NOBODY,
    "DELETE /": NOBODY,
    "POST /.search": searched("User", "Group"),
    "GET /Users": listing("User"),
    "HEAD /Users": head(),
    "POST /Users": Row(NO_ID, NO_LIST, contents("User")),
    "POST /Users/.search": searched("User"),
    "GET /Users/<uuid>": one(PERSON),
    "HEAD /Users/<uuid>": one(PERSON),
    "PUT /Users/<uuid>": Row((PERSON,), NO_LIST, contents("User")),
    "PATCH /Users/<uuid>": Row((PERSON,), NO_LIST, operations("User")),
    "DELETE /Users/<uuid>": one(PERSON),
    "GET /Groups": listing("Group"),
    "HEAD /Groups": head(),
    "POST /Groups": Row(NO_ID, NO_LIST, (*contents("Group"), *GROUP_IN_GROUP)),
    "POST /Groups/.search": searched("Group"),
    "GET /Groups/<uuid>": one(GROUP_ID),
    "HEAD /Groups/<uuid>": one(GROUP_ID),
    "PUT /Groups/<uuid>": Row((GROUP_ID,), NO_LIST, (*contents("Group"), *GROUP_IN_GROUP)),
    "PATCH /Groups/<uuid>": Row((GROUP_ID,), NO_LIST, operations("Group")),
    "DELETE /Groups/<uuid>": one(GROUP_ID),
    "GET /Roles": listing("Role"),
    "HEAD /Roles": head(),
    "POST /Roles/.search": searched("Role"),
    "GET /Roles/<uuid>": one(ROLE),
    "HEAD /Roles/<uuid>": one(ROLE),
    "GET /Entitlements": listing("Entitlement"),
    "HEAD /Entitlements": head(),
    "POST /Entitlements/.search": searched("Entitlement"),
    "GET /Entitlements/<uuid>": one(ENTITLEMENT),
    "HEAD /Entitlements/<uuid>": one(ENTITLEMENT),
    "POST /Bulk": Row(NO_ID, NO_LIST, BULK),
    "GET /Me": NOBODY,
    "HEAD /Me": NOBODY,
    "POST /Me": NOBODY,
    "PUT /Me": NOBODY,
    "PATCH /Me": NOBODY,
    "DELETE /Me": NOBODY,
    "GET /ServiceProviderConfig": FIXED,
    "HEAD /ServiceProviderConfig": FIXED,
    "GET /ResourceTypes": FIXED,
    "HEAD /ResourceTypes": FIXED,
    "GET /ResourceTypes/<uuid>": one(PERSON_NOWHERE),
    "HEAD /ResourceTypes/<uuid>": one(PERSON_NOWHERE),
    "GET /Schemas": FIXED,
    "HEAD /Schemas": FIXED,
    "GET /Schemas/<uuid>": one(PERSON_NOWHERE),
    "HEAD /Schemas/<uuid>": one(PERSON_NOWHERE),
} | {
    f"{method} {path}": NOWHERE
    for path in ("/<endpoint>/<endpoint>", "/<path>")
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
}

MISDIRECTED = {
    Endpoint("GET", "x/Users"): FIXED,
    Endpoint("GET", "x/Users/<uuid>"): one(PERSON_NOWHERE),
    Endpoint("PATCH", "x/Groups/<uuid>"): one(PERSON_NOWHERE),
}
"""Beside the base URL, where the middleware answers and asks nobody for a token."""


def cases(endpoints: list[Endpoint]) -> Iterator[tuple[Endpoint, Way]]:
    """Each way of each endpoint; one that has no row is missed by a test of its own."""
    for endpoint in endpoints:
        for way in MATRIX[str(endpoint)].ways if str(endpoint) in MATRIX else ():
            yield endpoint, way
    for endpoint, row in MISDIRECTED.items():
        for way in row.ways:
            yield endpoint, replace(way, inert=way.inert or "nobody is let in here")
