"""Requests made from the schemas: what a client may say, and what it may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from tests.client import BULK_REQUEST, GROUP, PATCH_OP, USER, refs
from tests.fuzz import values
from tests.fuzz.messages import ROOT, Request
from tests.fuzz.values import often
from tests.fuzz.world import Tenant, World

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
DISCOVERY = ["/Schemas", f"/Schemas/{USER}", "/ResourceTypes", "/ResourceTypes/Group", "/Users/"]
DISCOVERY += [
    "/ServiceProviderConfig",
    "/Roles",
    "/Entitlements",
    "/Roles/1",
    "/Nothing",
    "/",
    "/Me",
]
COUNTS = ["0", "1", "2", "10", "100", "-1", "1000", "9" * 20, "x", "1.5", "", "+3", "٣"]

Make = Callable[[Random, World, Tenant], Request]


def kind_of(random: Random) -> str:
    return "Users" if often(random, 0.7) else "Groups"


# -- reading -------------------------------------------------------------------------------------


def read(random: Random, world: World, tenant: Tenant) -> Request:
    """One resource, mostly one that is there."""
    kind = kind_of(random)
    scim_id, exists = world.id_for(random, tenant, kind)
    query = selection(random, tenant, kind)
    headers = conditions(random, tenant, scim_id, "If-None-Match")
    method = random.choice(["GET", "GET", "GET", "HEAD"])
    target = _target(f"/{kind}/{scim_id}", query)
    return Request(tenant, "read", method, target, headers, exists=exists)


def look_up(random: Random, world: World, tenant: Tenant) -> Request:
    """By name, as every identity provider does before it creates."""
    kind = kind_of(random)
    some = tenant.someone(random, kind)
    name = tenant.alive[kind].get(some or "") or values.text(random, tenant.canary)
    name = random.choice([str, str.upper, str.lower])(name)
    attribute = "userName" if kind == "Users" else "displayName"
    query = {"filter": f"{attribute} eq {json.dumps(name, ensure_ascii=False)}"}
    query |= {"startIndex": "1", "count": "100"}
    return Request(tenant, "look-up", "GET", _target(f"/{kind}", query))


def search(random: Random, world: World, tenant: Tenant) -> Request:
    """A list by any parameters, in the URL or in a body."""
    kind = random.choice(["Users", "Users", "Groups"])
    asked = parameters(random, tenant, kind)
    if often(random, 0.7):
        return Request(tenant, "list", "GET", _target(f"/{kind}", asked))
    body: dict[str, Any] = {"schemas": [SEARCH]} | asked
    for name in ("attributes", "excludedAttributes"):
        if name in body:
            body[name] = body[name].split(",")
    for name in ("startIndex", "count"):
        if name in body and body[name].isascii() and body[name].isdigit():
            body[name] = int(body[name])
    if often(random, 0.2):
        body = values.damaged(random, body)
    where = random.choice(["/.search", f"/{kind}/.search"])
    return _with_body(random, Request(tenant, "search", "POST", _target(where)), body)


def parameters(random: Random, tenant: Tenant, kind: str) -> dict[str, str]:
    """Filter, order, page and projection of a list."""
    grammar = tenant.grammars[kind]
    asked = selection(random, tenant, kind)
    if often(random, 0.6):
        asked["filter"] = grammar.filter(random)
    if often(random, 0.3):
        asked["sortBy"] = grammar.path(random) if often(random, 0.2) else grammar.name(random)
        asked["sortOrder"] = random.choice(["ascending", "descending", "DESCENDING", "up"])
    if often(random, 0.5):
        asked["count"] = random.choice(COUNTS[:5] if often(random, 0.8) else COUNTS)
    if often(random, 0.3):
        asked["cursor"] = _cursor(random, tenant)
    elif often(random, 0.4):
        asked["startIndex"] = random.choice(COUNTS)
    return asked


def _cursor(random: Random, tenant: Tenant) -> str:
    """The beginning, or where an answer has left off, or nearly."""
    if not tenant.cursors or often(random, 0.4):
        return ""
    cursor = random.choice(tenant.cursors)
    if often(random, 0.5):
        return cursor
    place = random.randrange(len(cursor))
    return cursor[:place] + random.choice("aZ0~-_.é") + cursor[place + 1 :]


def selection(random: Random, tenant: Tenant, kind: str) -> dict[str, str]:
    """Which attributes are wanted, now and then."""
    if often(random, 0.75):
        return {}
    names = [tenant.grammars[kind].name(random) for _ in range(random.choice([1, 2, 5]))]
    return {random.choice(["attributes", "excludedAttributes"]): ",".join(names)}


def discover(random: Random, world: World, tenant: Tenant) -> Request:
    """The discovery endpoints, what has no endpoint, and what is always there."""
    path = random.choice(DISCOVERY)
    query = {"filter": 'id eq "User"'} if often(random, 0.1) else {}
    return Request(tenant, "discovery", "GET", _target(path, query))


# -- writing -------------------------------------------------------------------------------------


def create(random: Random, world: World, tenant: Tenant) -> Request:
    """A new person or group; somebody is deleted instead where there are many."""
    kind = kind_of(random)
    if tenant.is_full(kind):
        scim_id = tenant.someone(random, kind)
        return Request(tenant, "delete", "DELETE", _target(f"/{kind}/{scim_id}"), exists=True)
    request = Request(
        tenant, "create", "POST", _target(f"/{kind}", selection(random, tenant, kind))
    )
    return _with_body(random, request, resource(random, world, tenant, kind))


def replace(random: Random, world: World, tenant: Tenant) -> Request:
    """PUT of everything."""
    kind = kind_of(random)
    scim_id, exists = world.id_for(random, tenant, kind)
    body = resource(random, world, tenant, kind)
    if often(random, 0.3):
        body |= {"id": scim_id, "meta": {"resourceType": "User"}, "groups": []}
    headers = conditions(random, tenant, scim_id, "If-Match")
    target = _target(f"/{kind}/{scim_id}")
    return _with_body(random, Request(tenant, "put", "PUT", target, headers, exists=exists), body)


def modify(random: Random, world: World, tenant: Tenant) -> Request:
    """PATCH by some operations."""
    kind = kind_of(random)
    scim_id, exists = world.id_for(random, tenant, kind)
    headers = conditions(random, tenant, scim_id, "If-Match")
    if often(random, 0.1):
        headers["Prefer"] = random.choice(["return=minimal", "return=representation", "x;=,"])
    target = _target(f"/{kind}/{scim_id}", selection(random, tenant, kind))
    request = Request(tenant, "patch", "PATCH", target, headers, exists=exists)
    return _with_body(random, request, patch(random, world, tenant, kind))


def remove(random: Random, world: World, tenant: Tenant) -> Request:
    kind = kind_of(random)
    scim_id, exists = world.id_for(random, tenant, kind)
    headers = conditions(random, tenant, scim_id, "If-Match")
    return Request(
        tenant, "delete", "DELETE", _target(f"/{kind}/{scim_id}"), headers, exists=exists
    )


def bulk(random: Random, world: World, tenant: Tenant) -> Request:
    """Several of them at once, which refer to each other."""
    count = random.choice([1, 2, 3, 6])
    operations = [_operation(random, world, tenant, number, count) for number in range(count)]
    body: dict[str, Any] = {"schemas": [BULK_REQUEST], "Operations": operations}
    if often(random, 0.2):
        body["failOnErrors"] = random.choice([1, 2, 0, -1, "1", 10**30])
    if often(random, 0.1):
        body = values.damaged(random, body)
    return _with_body(random, Request(tenant, "bulk", "POST", _target("/Bulk")), body)


def _operation(
    random: Random, world: World, tenant: Tenant, number: int, count: int
) -> dict[str, Any]:
    kind = kind_of(random)
    method = random.choice(["POST", "POST", "PUT", "PATCH", "DELETE"])
    if method == "POST" and tenant.is_full(kind):
        method = "DELETE"
    path = f"/{kind}"
    if method != "POST":
        scim_id, _ = world.id_for(random, tenant, kind)
        path += f"/{_bulk_id(random, count) if often(random, 0.15) else scim_id}"
    operation: dict[str, Any] = {"method": method, "path": path}
    if method == "POST" or often(random, 0.2):
        operation["bulkId"] = f"b{number}"
    if method == "PATCH":
        operation["data"] = patch(random, world, tenant, kind)
    elif method != "DELETE":
        operation["data"] = resource(random, world, tenant, kind)
        if kind == "Groups" and often(random, 0.5):
            operation["data"]["members"] = refs(_bulk_id(random, count))
    return operation


def _bulk_id(random: Random, count: int) -> str:
    return f"bulkId:b{random.randrange(count + 1)}"


# -- their parts ---------------------------------------------------------------------------------


def resource(random: Random, world: World, tenant: Tenant, kind: str) -> dict[str, Any]:
    """The body of a POST or PUT."""
    given: dict[str, Any]
    if kind == "Groups":
        given = {"displayName": group_name(random, tenant)}
        if often(random, 0.7):
            given["members"] = refs(*world.crowd(random, tenant))
        return tenant.grammars[kind].resource(random, **given) | {"schemas": [GROUP]}
    given = {"userName": user_name(random, tenant)}
    if often(random, 0.2):
        given["password"] = f"{values.PASSWORD}{random.randrange(10**6)}"
    if often(random, 0.5):
        given["active"] = random.choice([True, True, False])
    return tenant.grammars[kind].resource(random, **given)


def user_name(random: Random, tenant: Tenant) -> str:
    """One that is mostly new; or that of somebody, or what is none."""
    kind = random.random()
    if kind < 0.75:
        return f"p{random.randrange(10**6)}.{tenant.canary}@{tenant.key}.example"
    some = tenant.someone(random)
    if kind < 0.9 and some:
        return tenant.alive["Users"][some].upper()
    return values.text(random, tenant.canary)


def group_name(random: Random, tenant: Tenant) -> str:
    if often(random, 0.8):
        return f"Team {random.randrange(10**5)} {tenant.canary}"
    return values.text(random, tenant.canary)


def patch(random: Random, world: World, tenant: Tenant, kind: str) -> dict[str, Any]:
    """The body of a PATCH."""
    count = random.choice([1, 1, 1, 2, 3])
    make = group_operation if kind == "Groups" and often(random, 0.7) else operation_on
    operations = [make(random, world, tenant, kind) for _ in range(count)]
    body = {"schemas": [PATCH_OP], "Operations": operations}
    return values.damaged(random, body) if often(random, 0.1) else body


def operation_on(random: Random, world: World, tenant: Tenant, kind: str) -> dict[str, Any]:
    """An operation on any attribute, with a value that mostly fits it."""
    grammar = tenant.grammars[kind]
    op = random.choice(["add", "replace", "remove", "Add", "Replace", "Remove"])
    if op.lower() != "remove" and often(random, 0.25):
        some = grammar.resource(random)
        return {"op": op, "value": {n: v for n, v in some.items() if n != "schemas"}}
    if often(random, 0.15):
        return {"op": op, "path": "active", "value": random.choice([True, False, "False", None])}
    path = grammar.path(random)
    operation: dict[str, Any] = {"op": op, "path": path}
    if op.lower() != "remove" or often(random, 0.1):
        operation["value"] = _fitting(random, grammar, path)
    return operation


def _fitting(random: Random, grammar: Any, path: str) -> Any:
    """A value for what a path leads to; any at all for a part of it."""
    for some in grammar.all:
        if some.path == path:
            return grammar.value(random, some)
    if path.endswith("]"):
        return {"value": values.text(random, grammar.marker)}
    return values.text(random, grammar.marker) if often(random, 0.9) else values.anything(random)


def group_operation(random: Random, world: World, tenant: Tenant, kind: str) -> dict[str, Any]:
    """People come and go, or the group gets a name."""
    crowd = world.crowd(random, tenant)
    choice = random.randrange(6)
    if choice == 0:
        return {"op": "remove", "path": f'members[value eq "{(crowd or ["x"])[0]}"]'}
    if choice == 1:
        return {"op": "Remove", "path": "members", "value": refs(*crowd)}
    if choice == 2:
        return {"op": "replace", "path": "members", "value": refs(*crowd)}
    if choice == 3:
        return {"op": "replace", "value": {"displayName": group_name(random, tenant)}}
    if choice == 4:
        some, _ = world.id_for(random, tenant, "Groups")
        return {"op": "add", "path": "members", "value": refs(some)}
    return {"op": "add", "path": "members", "value": refs(*crowd)}


def conditions(random: Random, tenant: Tenant, scim_id: str, name: str) -> dict[str, str]:
    """A version that is wanted, or known; mostly the right one."""
    if often(random, 0.85):
        return {}
    version = tenant.versions.get(scim_id, "*")
    return {name: random.choice([version, version, version, "*", 'W/"x", "y"', "é", ""])}


def _target(path: str, query: dict[str, str] | None = None) -> str:
    text = urlencode(query or {}, errors="surrogatepass")
    return quote(f"{ROOT}{path}", safe="/:%") + (f"?{text}" if text else "")


def _with_body(random: Random, request: Request, body: Any) -> Request:
    request.body = values.written(random, body)
    return request


MAKERS: list[tuple[Make, int]] = [
    (read, 14),
    (look_up, 14),
    (search, 16),
    (discover, 3),
    (create, 12),
    (replace, 10),
    (modify, 16),
    (remove, 3),
    (bulk, 4),
]
"""How often each is taken."""
