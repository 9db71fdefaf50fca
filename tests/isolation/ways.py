"""The ways to name what belongs to another tenant: how each changes a harmless request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.client import BULK_REQUEST, ENTERPRISE, GROUP, PATCH_OP, USER
from tests.isolation.endpoints import Endpoint
from tests.isolation.world import Request, Side

SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
Change = Callable[[Endpoint, Side, Side], Request]
Name = Callable[[Side], Any]


@dataclass(frozen=True)
class Way:
    """One way. ``request`` makes what one tenant sends to name what is another's.

    It has to reach what it names if it is the sender's own, or else ``inert`` says why not: so no
    row of the matrix passes because its request is nonsense. ``is_told`` says that the log of the
    owner, and of nobody else, may show the attempt; ``from_a_stranger`` that the answer is compared
    with that to an unknown token, because that the tenant itself exists is no secret.
    """

    name: str
    request: Change
    inert: str = ""
    is_told: bool = False
    from_a_stranger: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


# -- harmless requests ---------------------------------------------------------------------------


def harmless(endpoint: Endpoint, me: Side) -> Request:
    """A request that names nothing but the sender's own."""
    path = endpoint.path.replace("<uuid>", _own_id(endpoint, me))
    path = path.replace("<endpoint>/<endpoint>", f"Users/Users/{me.person['id']}")
    path = path.replace("<path>", f"Nothing/{me.person['id']}")
    return Request(me.key, me.secret, endpoint.method, path, body=_body(endpoint, me))


def _own_id(endpoint: Endpoint, me: Side) -> str:
    # Not those whose names are used: to be called as one is called already changes nothing.
    kinds = {"Users": me.boss, "Groups": me.second}
    kinds |= {"Roles": me.role, "Entitlements": me.entitlement}
    fixed = {"id": USER if endpoint.kind == "Schemas" else "User"}
    return kinds.get(endpoint.kind, fixed).get("id", "none")


def _body(endpoint: Endpoint, me: Side) -> Any:
    if endpoint.is_search:
        return {"schemas": [SEARCH]}
    match endpoint.method, endpoint.kind:
        case (("GET" | "HEAD" | "DELETE"), _):
            return None
        case "PATCH", _:
            return patch({"op": "add", "value": {"externalId": "new"}})
        case "POST", "Bulk":
            return bulk({"method": "DELETE", "path": f"/Groups/{me.group['id']}"})
        case "POST", "Users":
            return {"schemas": [USER], "userName": "new"}
        case "POST", "Groups":
            return {"schemas": [GROUP], "displayName": "new"}
        case _, "Groups":
            return {"schemas": [GROUP], "displayName": me.second["displayName"]}
    return {"schemas": [USER], "userName": me.boss["userName"]}


def patch(*operations: Any) -> dict[str, Any]:
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def bulk(*operations: Any) -> dict[str, Any]:
    return {"schemas": [BULK_REQUEST], "Operations": list(operations)}


# -- in the head of a request --------------------------------------------------------------------


def _at_their_address(endpoint: Endpoint, me: Side, them: Side) -> Request:
    return replace(harmless(endpoint, them), secret=me.secret)


def _with_their_token(endpoint: Endpoint, me: Side, them: Side) -> Request:
    return replace(harmless(endpoint, me), secret=them.secret)


def _header(name: str, value: Name) -> Change:
    """A header that names the other tenant, with a path that does so as well."""

    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        theirs = harmless(endpoint, them)
        return replace(theirs, host=me.key, secret=me.secret, headers={name: value(them)})

    return request


def _version(name: str) -> Change:
    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        resources = {"Groups": them.group, "Roles": them.role, "Entitlements": them.entitlement}
        meta = resources.get(endpoint.kind, them.person).get("meta", {"version": 'W/"none"'})
        return replace(harmless(endpoint, me), headers={name: meta["version"]})

    return request


def _their_domain(side: Side) -> str:
    return f"{side.key}.localhost"


IGNORED = "what a proxy may have added chooses no tenant"
ELSEWHERE = "a version says something of one resource only"
ADDRESSES = (
    Way("Host header", _at_their_address, is_told=True, from_a_stranger=True),
    Way("token of the other tenant", _with_their_token, is_told=True),
    Way("X-Forwarded-Host", _header("x_forwarded_host", _their_domain), inert=IGNORED),
    Way("Forwarded", _header("forwarded", lambda s: f"host={_their_domain(s)}"), inert=IGNORED),
)
VERSIONS = (
    Way("If-Match", _version("if_match"), inert=ELSEWHERE),
    Way("If-None-Match", _version("if_none_match"), inert=ELSEWHERE),
)

# -- in the path ---------------------------------------------------------------------------------


def _id_in_path(name: str, named: Name, inert: str = "") -> Way:
    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        theirs = harmless(endpoint, me)
        own = _own_id(endpoint, me) if "<uuid>" in endpoint.path else me.person["id"]
        return replace(theirs, path=theirs.path.replace(own, named(them)))

    return Way(f"{name} in the path", request, inert)


NOWHERE = "there is nothing at this path"
PERSON, GROUP_ID, ROLE, ENTITLEMENT = (
    _id_in_path("person", lambda side: side.person["id"]),
    _id_in_path("group", lambda side: side.group["id"]),
    _id_in_path("role", lambda side: side.role.get("id", "none")),
    _id_in_path("entitlement", lambda side: side.entitlement.get("id", "none")),
)
PERSON_NOWHERE = _id_in_path("person", lambda side: side.person["id"], NOWHERE)

# -- what can be named in filters, orders and bodies ---------------------------------------------


@dataclass(frozen=True)
class Named:
    """An attribute by which a resource is named, and the value of one that has it.

    ``is_searched`` and ``is_taken`` say whether a filter finds by it, and whether writing what the
    tenant has already, or has not, makes a difference.
    """

    path: str
    value: Name
    is_searched: bool = True
    is_taken: bool = False
    is_many: bool = False


def _manager(name: str) -> Name:
    return lambda side: side.person[ENTERPRISE]["manager"][name]


def _entry(attribute: str, name: str) -> Name:
    return lambda side: (side.person.get(attribute) or [{name: "none"}])[0][name]


def _member(name: str) -> Name:
    return lambda side: side.group["members"][0][name]


def _location(resource: dict[str, Any]) -> str:
    return resource.get("meta", {}).get("location", "none")


def _named(path: str, **said: Any) -> Named:
    attribute, _, sub = path.partition(".")
    return Named(path, _entry(attribute, sub), is_many=True, **said)


NAMES = {
    "User": (
        Named("id", lambda side: side.person["id"]),
        Named("meta.location", lambda side: side.person["meta"]["location"], is_searched=False),
        Named("userName", lambda side: side.person["userName"], is_taken=True),
        Named("externalId", lambda side: side.person["externalId"]),
        Named("displayName", lambda side: side.person["displayName"]),
        Named("name.familyName", lambda side: side.person["name"]["familyName"]),
        Named(f"{ENTERPRISE}:department", lambda side: side.person[ENTERPRISE]["department"]),
        Named(f"{ENTERPRISE}:manager.value", _manager("value")),
        Named(f"{ENTERPRISE}:manager.$ref", _manager("$ref")),
        Named(f"{ENTERPRISE}:manager.displayName", _manager("displayName")),
        _named("emails.value"),
        _named("groups.value"),
        _named("groups.$ref", is_searched=False),
        _named("groups.display"),
        _named("roles.value"),
        _named("roles.display", is_searched=False),
        _named("entitlements.value"),
        _named("entitlements.display"),
    ),
    "Group": (
        Named("id", lambda side: side.group["id"]),
        Named("meta.location", lambda side: side.group["meta"]["location"], is_searched=False),
        Named("displayName", lambda side: side.group["displayName"], is_taken=True),
        Named("externalId", lambda side: side.group["externalId"]),
        Named("members.value", _member("value"), is_taken=True, is_many=True),
        Named("members.$ref", _member("$ref"), is_searched=False, is_many=True),
        Named("members.display", _member("display"), is_many=True),
    ),
    "Role": (
        Named("id", lambda side: side.role.get("id", "none")),
        Named("meta.location", lambda side: _location(side.role), is_searched=False),
        Named("displayName", lambda side: side.role.get("displayName", "none"), is_searched=False),
    ),
    "Entitlement": (
        Named("id", lambda side: side.entitlement.get("id", "none")),
        Named("meta.location", lambda side: _location(side.entitlement), is_searched=False),
        Named("displayName", lambda side: side.entitlement.get("displayName", "none")),
    ),
}
"""By resource type. Whatever in our schemas can refer to something has to be here."""

NOT_SEARCHED = "no filter tells anybody from anybody by this attribute"
JUST_TEXT = "it is kept as it was sent, and refers to nobody"
NOT_IN_PLACE = "members come and go, and are not changed"
IN_LISTS = "it decides on lists only"


def _searching(endpoint: Endpoint, request: Request, **parameters: str) -> Request:
    if endpoint.is_search:
        return replace(request, body=request.body | parameters)
    return replace(request, query=request.query | parameters)


def _filter(text: str, named: Named) -> Way:
    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        wanted = text.replace("?", f'"{named.value(them)}"')
        return _searching(endpoint, harmless(endpoint, me), filter=wanted)

    return Way(f"filter {text}", request, "" if named.is_searched else NOT_SEARCHED)


def _all_others(named: Named) -> Way:
    """Everybody whom the filter does not name, by that attribute: a total, and an order."""

    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        wanted = f'not ({named.path} eq "{named.value(them)}")'
        parameters = {"filter": wanted} if named.is_searched else {}
        parameters |= {"sortBy": named.path, "sortOrder": "descending"}
        return _searching(endpoint, harmless(endpoint, me), **parameters)

    return Way(f"sortBy {named.path}, without", request, inert="an order names nobody")


def _cursor(endpoint: Endpoint, me: Side, them: Side) -> Request:
    path = endpoint.path.removesuffix(".search").rstrip("/") or "/"
    cursor = them.cursors.get(path, them.cursors["/Users"])
    return _searching(endpoint, harmless(endpoint, me), cursor=cursor)


def _anywhere(endpoint: Endpoint, me: Side, them: Side) -> Request:
    query = {"filter": f'id eq "{them.person["id"]}"', "sortBy": "id"}
    query["cursor"] = them.cursors["/Users"]
    return replace(harmless(endpoint, me), query=query)


CURSOR = Way("cursor", _cursor)


def searching(*kinds: str) -> tuple[Way, ...]:
    """Filters, orders and cursors of a list of these resource types."""
    ways = [CURSOR]
    for named in NAMES[kinds[0]]:
        if len(kinds) > 1 and named.path not in ("id", "externalId"):
            continue  # all of them have to have it
        ways += [_filter(f"{named.path} eq ?", named), _all_others(named)]
        if named.is_many:
            attribute, _, sub = named.path.rpartition(".")
            ways.append(_filter(f"{attribute}[{sub} eq ?]", named))
    return tuple(ways)


PARAMETERS = (Way("parameters of a list", _anywhere, inert=IN_LISTS),)

# -- in the body ---------------------------------------------------------------------------------


def put(document: dict[str, Any], named: Named, value: Any) -> dict[str, Any]:
    """A resource with this value of the attribute."""
    urn, _, path = named.path.rpartition(":")
    attribute, _, sub = path.partition(".")
    content: Any = {sub: value} if sub else value
    content = [content] if named.is_many else content
    return document | ({urn: {attribute: content}} if urn else {attribute: content})


def contents(kind: str) -> tuple[Way, ...]:
    """Each attribute in the body of a POST or PUT."""
    return tuple(_content(named) for named in NAMES[kind])


def _content(named: Named) -> Way:
    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        mine = harmless(endpoint, me)
        return replace(mine, body=put(mine.body, named, named.value(them)))

    return Way(f"{named.path} in the body", request, "" if named.is_taken else JUST_TEXT)


def operations(kind: str) -> tuple[Way, ...]:
    """Each attribute in the operations of a PATCH, and those that select by a value."""
    return tuple(way for named in NAMES[kind] for way in _operations(named))


def _operations(named: Named) -> Iterable[Way]:
    attribute, _, sub = named.path.rpartition(".")
    yield _operation(
        f"add {named.path}", named, lambda v: {"op": "add", "value": put({}, named, v)}
    )
    if not named.is_many:
        yield _operation(
            f"replace {named.path}",
            named,
            lambda v: {"op": "replace", "path": named.path, "value": v},
        )
        return
    for op in ("add", "remove", "replace"):
        yield _operation(
            f"{op} {attribute}",
            named,
            lambda v, op=op: {"op": op, "path": attribute, "value": [{sub: v}]},
        )
    yield _operation(
        f"remove {attribute}[{sub} eq ?]",
        named,
        lambda v: {"op": "remove", "path": f'{attribute}[{sub} eq "{v}"]'},
    )
    yield _operation(
        f"replace {attribute}[{sub} eq ?]",
        named,
        lambda v: {"op": "replace", "path": f'{attribute}[{sub} eq "{v}"].type', "value": "x"},
        inert=JUST_TEXT if attribute != "members" else NOT_IN_PLACE,
    )


def _operation(
    name: str, named: Named, operation: Callable[[Any], dict[str, Any]], inert: str = ""
) -> Way:
    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        return replace(harmless(endpoint, me), body=patch(operation(named.value(them))))

    return Way(name, request, inert or ("" if named.is_taken else JUST_TEXT))


def _nested(endpoint: Endpoint, me: Side, them: Side) -> Request:
    mine = harmless(endpoint, me)
    members = [{"value": them.group["id"], "type": "Group"}]
    return replace(mine, body=mine.body | {"members": members})


GROUP_IN_GROUP = (
    Way("a group in members.value", _nested, settings={"NESTED_GROUPS": True}),
    Way("a group in members.value, without nesting", _nested, inert="no group is in another"),
)
