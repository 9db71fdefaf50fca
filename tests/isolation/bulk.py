"""Naming what is another tenant's in the operations of a bulk request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.client import GROUP, USER, refs
from tests.isolation.endpoints import Endpoint
from tests.isolation.ways import Way, bulk, harmless, patch
from tests.isolation.world import Request, Side

Operations = Callable[[Side, Side], list[dict[str, Any]]]

TITLE = {"op": "replace", "path": "title", "value": "Moved"}
EACH_ITS_OWN = "bulkIds live as long as one request"


def _bulk(name: str, operations: Operations, inert: str = "") -> Way:
    def request(endpoint: Endpoint, me: Side, them: Side) -> Request:
        return replace(harmless(endpoint, me), body=bulk(*operations(me, them)))

    return Way(name, request, inert)


def _post(bulk_id: str, path: str, **data: Any) -> dict[str, Any]:
    schema = GROUP if path == "/Groups" else USER
    data = {"schemas": [schema], **data}
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def _at(method: str, path: str, data: Any = None, **more: Any) -> dict[str, Any]:
    operation = {"method": method, "path": path, **more}
    return operation if data is None else operation | {"data": data}


def _joining(*ids: str) -> dict[str, Any]:
    return patch({"op": "add", "path": "members", "value": refs(*ids)})


def _mixed(me: Side, them: Side) -> list[dict[str, Any]]:
    """What is one's own, around what is not: the rest is done as if that were nobody's."""
    return [
        _post("a", "/Users", userName="bulk"),
        _at("PATCH", f"/Users/{them.boss['id']}", patch(TITLE)),
        _at("PATCH", f"/Groups/{me.group['id']}", _joining("bulkId:a", them.boss["id"])),
        _post("b", "/Users", userName=them.person["userName"]),
        _at("DELETE", f"/Groups/{them.group['id']}"),
        _at("PATCH", f"/Users/{me.boss['id']}", patch(TITLE)),
    ]


BULK = (
    _bulk(
        "PUT of a person",
        lambda me, them: [
            _at("PUT", f"/Users/{them.person['id']}", {"schemas": [USER], "userName": "bulk"})
        ],
    ),
    _bulk(
        "PATCH of a person",
        lambda me, them: [_at("PATCH", f"/Users/{them.person['id']}", patch(TITLE))],
    ),
    _bulk("DELETE of a person", lambda me, them: [_at("DELETE", f"/Users/{them.person['id']}")]),
    _bulk(
        "PUT of a group",
        lambda me, them: [
            _at("PUT", f"/Groups/{them.group['id']}", {"schemas": [GROUP], "displayName": "bulk"})
        ],
    ),
    _bulk(
        "PATCH of a group",
        lambda me, them: [_at("PATCH", f"/Groups/{them.group['id']}", _joining(me.boss["id"]))],
    ),
    _bulk("DELETE of a group", lambda me, them: [_at("DELETE", f"/Groups/{them.group['id']}")]),
    _bulk(
        "POST with a userName",
        lambda me, them: [_post("a", "/Users", userName=them.person["userName"])],
    ),
    _bulk(
        "POST with a displayName",
        lambda me, them: [_post("a", "/Groups", displayName=them.group["displayName"])],
    ),
    _bulk(
        "POST with members",
        lambda me, them: [
            _post("a", "/Groups", displayName="bulk", members=refs(them.person["id"]))
        ],
    ),
    _bulk(
        "PATCH with members",
        lambda me, them: [_at("PATCH", f"/Groups/{me.group['id']}", _joining(them.person["id"]))],
    ),
    _bulk(
        "version",
        lambda me, them: [
            _at("DELETE", f"/Users/{me.person['id']}", version=them.person["meta"]["version"])
        ],
    ),
    _bulk(
        "bulkId",
        lambda me, them: [
            _at("PATCH", f"/Groups/{me.group['id']}", _joining(f"bulkId:{them.key}"))
        ],
        inert=EACH_ITS_OWN,
    ),
    _bulk(
        "bulkId in the path",
        lambda me, them: [_at("DELETE", f"/Users/bulkId:{them.person['id']}")],
        inert=EACH_ITS_OWN,
    ),
    _bulk("mixed operations", _mixed),
)
