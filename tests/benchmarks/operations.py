"""What is measured: how each operation is asked for, and how slow it may be."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from maptician_scim import tokens
from tests.benchmarks.seed import Tenant, body_of
from tests.client import BULK_REQUEST, PATCH_OP

PAGE = 100
ADDED = 100

READS, WRITES, PUSHES = range(3)
"""The phases of a run: whoever is in a group that was filled shows it from then on."""


@dataclass(frozen=True)
class Request:
    """What a client sends."""

    method: str
    path: str
    host: str
    secret: str
    body: bytes = b""


@dataclass(frozen=True)
class Sample:
    """The n-th time that a contestant carries out an operation for a tenant."""

    tenant: Tenant
    n: int
    place: int
    """Two contestants write into the same tables: each has places of its own."""

    def ask(self, method, path, body=None):
        content = b"" if body is None else orjson.dumps(body)
        return Request(method, f"/scim/v2{path}", self.tenant.host, self.tenant.secret, content)

    @property
    def reader(self):
        """Somebody among the first, the same for all contestants."""
        return self.tenant.people[self.n * 37 % min(len(self.tenant.people), 1000)]

    @property
    def own(self):
        """A number that no other contestant has, nor any other sample."""
        return self.n * 2 + self.place


@dataclass(frozen=True)
class Operation:
    """One row of the table."""

    name: str
    request: Callable[[Sample], Request]
    status: int = 200
    bar: float | None = None
    """How many times as long as the base it may take; ``aim`` is what is strived for."""

    aim: float | None = None
    phase: int = READS
    """All of an earlier phase is measured before what may change how long it takes."""

    def samples(self, tenant, place, number):
        """The next samples of whoever has this place."""
        key = (self.request.__name__, place)
        first = tenant.written.get(key, 0)
        tenant.written[key] = first + number
        return [Sample(tenant, n, place) for n in range(first, first + number)]


def look_up(sample, name):
    condition = quote(f'userName eq "{name}"')
    return sample.ask("GET", f"/Users?filter={condition}")


def hit(sample):
    return look_up(sample, sample.reader[1])


def miss(sample):
    return look_up(sample, f"nobody{sample.n}@nowhere.example")


def get(sample):
    return sample.ask("GET", f"/Users/{sample.reader[0]}")


def first_page(sample):
    return sample.ask("GET", f"/Users?startIndex=1&count={PAGE}")


def last_page(sample):
    start = len(sample.tenant.people) - PAGE + 1
    return sample.ask("GET", f"/Users?startIndex={start}&count={PAGE}")


def create(sample):
    name = f"new-{sample.own}@{sample.tenant.subdomain}.example"
    return sample.ask("POST", "/Users", body_of(name))


def put(sample):
    scim_id, name = sample.tenant.people[sample.own]
    return sample.ask("PUT", f"/Users/{scim_id}", body_of(name, title=f"Engineer {sample.n}"))


def deactivate(sample):
    scim_id, _ = sample.tenant.people[sample.own]
    operation = {"op": "replace", "value": {"active": False}}
    body = {"schemas": [PATCH_OP], "Operations": [operation]}
    return sample.ask("PATCH", f"/Users/{scim_id}", body)


def add_members(sample):
    group = sample.tenant.pushes[sample.own]
    members = [{"value": scim_id} for scim_id, _ in sample.tenant.people[-ADDED:]]
    operation = {"op": "add", "path": "members", "value": members}
    body = {"schemas": [PATCH_OP], "Operations": [operation]}
    return sample.ask("PATCH", f"/Groups/{group}", body)


def large_group(sample):
    return sample.ask("GET", f"/Groups/{sample.tenant.large_groups[0]}")


def wrong_token(sample):
    request = sample.ask("GET", f"/Users/{sample.reader[0]}")
    return Request(request.method, request.path, request.host, tokens.generate())


def bulk(sample):
    """As many new people as a page holds, in one request."""
    people = [
        {
            "method": "POST",
            "path": "/Users",
            "bulkId": str(number),
            "data": body_of(f"bulk-{sample.n}-{number}@{sample.tenant.subdomain}.example"),
        }
        for number in range(PAGE)
    ]
    return sample.ask("POST", "/Bulk", {"schemas": [BULK_REQUEST], "Operations": people})


HIT = Operation("look-up by userName, hit", hit, 200, 2.0, 1.3)
GET = Operation("GET by id", get, 200, 2.0, 1.3)
FIRST_PAGE = Operation("list of 100, first page", first_page, 200, 1.8, 1.2)
LAST_PAGE = Operation("list of 100, last page", last_page, 200, 1.8, 1.2)
CREATE = Operation("create", create, 201, 2.0, 1.4, WRITES)
PUT = Operation("PUT", put, 200, 2.0, 1.4, WRITES)
DEACTIVATE = Operation("PATCH active", deactivate, 200, 2.0, 1.4, WRITES)

OPERATIONS = (
    HIT,
    Operation("look-up by userName, miss", miss, 200, 2.0, 1.3),
    GET,
    FIRST_PAGE,
    LAST_PAGE,
    Operation("GET of a group of 1,000", large_group, 200, 1.8, 1.2),
    CREATE,
    PUT,
    DEACTIVATE,
    Operation("group +100 members", add_members, 200, 1.8, 1.2, PUSHES),
)
"""Beside the LIMIT."""

REFUSED = Operation("401 for a wrong token", wrong_token, 401, 1.2)
"""Beside a plain DRF view."""

BULK = Operation("Bulk", bulk)
