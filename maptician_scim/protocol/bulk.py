"""Bulk requests: their operations, what refers to what, and in which order to go (section 3.7).

An operation that makes no sense is kept with the error it is answered with, so that it fails alone
(RFC 7644 section 3.7: "disregard partial failures").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any

from maptician_scim.exceptions import (
    Conflict,
    InvalidPath,
    InvalidSyntax,
    InvalidValue,
    PayloadTooLarge,
    ScimError,
)

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

VERBS = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}
"""What each method of an operation does."""

PATH = re.compile(r"/?(?P<endpoint>[^/]+)(?:/(?P<id>[^/]+))?/?")
REFERENCE = re.compile(r"(?P<before>(?:.*/)?)bulkId:(?P<bulk_id>.+)", re.DOTALL)
"""A whole value, or the end of a URL in ``$ref``."""

COMPARED = re.compile(r'"bulkId:(?P<bulk_id>[^"\\]+)"')
"""A value in a filter, as in the ``path`` of a PATCH that takes a member out."""

LONGEST_CYCLE = 5
"""Operations of a cycle that its error names."""

Document = dict[str, Any]
Check = Callable[[Any], None]


@dataclass
class Operation:
    """One operation. ``error`` is why it cannot be carried out."""

    index: int
    raw: Any
    method: str = ""
    path: str = ""
    endpoint: str = ""
    resource_id: str = ""
    bulk_id: str | None = None
    version: str | None = None
    data: Any = None
    references: frozenset[str] = frozenset()
    """The ``bulkId`` of each operation that must have been carried out before."""

    error: ScimError | None = None

    @property
    def verb(self) -> str:
        return VERBS.get(self.method, "other")

    def payload(self, ids: Mapping[str, str]) -> Document:
        """The body of a request that would do the same, with the ids of what it refers to."""
        data = resolved(self.data, ids)
        if isinstance(data, list):
            # RFC 7644 section 3.7.3 shows a PATCH with its operations alone.
            return {"Operations": data}
        return data if isinstance(data, dict) else {}


@dataclass(frozen=True)
class BulkRequest:
    """The operations in the order they were sent in."""

    operations: list[Operation]
    fail_on_errors: int | None = None
    """How many errors end the job; ``None`` goes on to the end."""


@dataclass
class _Order:
    """Which operations wait for which."""

    pending: list[set[int]]
    waiting: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = [[] for _ in self.pending]
        for index, needed in enumerate(self.pending):
            for other in needed:
                self.waiting[other].append(index)


# -- reading -----------------------------------------------------------------------------------


def read_bulk(payload: Document, *, most: int, check: Check) -> BulkRequest:
    """The bulk request in a body of at most so many operations.

    ``check`` raises a ``ScimError`` for an operation that is not safe to handle. Raises
    ``InvalidSyntax``, ``InvalidValue`` or ``PayloadTooLarge`` for the request as a whole.
    """
    members = _members(payload)
    raw = members.get("operations")
    if not isinstance(raw, list) or not raw:
        raise InvalidSyntax("'Operations' must be an array with at least one operation.")
    if len(raw) > most:
        # Section 3.7.4: the answer "MUST specify the limit exceeded".
        raise PayloadTooLarge(
            f"The bulk request has {len(raw)} operations, which exceeds maxOperations ({most})."
        )
    limit = members.get("failonerrors")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise InvalidValue("'failOnErrors' must be a whole number from 1 on.")
    operations = [_read_operation(index, item, check) for index, item in enumerate(raw)]
    _check_references(operations)
    return BulkRequest(operations, limit)


def _read_operation(index: int, raw: Any, check: Check) -> Operation:
    operation = Operation(index, raw)
    try:
        if not isinstance(raw, dict):
            raise InvalidSyntax("Each of the 'Operations' must be an object.")
        members = _members(raw)
        _identify(operation, members)
        check(raw)
        _complete(operation, members)
    except ScimError as error:
        operation.error = error
    return operation


def _identify(operation: Operation, members: Document) -> None:
    """Note what the answer names the operation by, also if nothing else of it makes sense."""
    method, path, bulk_id = (members.get(name) for name in ("method", "path", "bulkid"))
    # Strings are compared without regard to case unless their schema says otherwise.
    if isinstance(method, str) and method.upper() in VERBS:
        operation.method = method.upper()
    if isinstance(path, str) and path.isprintable():
        operation.path = path
    if isinstance(bulk_id, str) and bulk_id.isprintable():
        operation.bulk_id = bulk_id


def _complete(operation: Operation, members: Document) -> None:
    """Take over the rest. Raises ``InvalidValue`` or ``InvalidPath``."""
    _check_member(members, "method")
    if not operation.method:
        raise InvalidValue(f"'method' must be one of {', '.join(VERBS)}.")
    _check_member(members, "path")
    _take_path(operation)
    if not operation.bulk_id and (operation.method == "POST" or members.get("bulkid") is not None):
        raise InvalidValue("'bulkId' must be a printable text; POST requires it.")
    version, data = members.get("version"), members.get("data")
    if version is not None and not isinstance(version, str):
        raise InvalidValue("'version' must be a string.")
    operation.version = version or None
    if operation.method != "DELETE":
        is_patch_alone = operation.method == "PATCH" and isinstance(data, list)
        if not isinstance(data, dict) and not is_patch_alone:
            raise InvalidValue(f"'data' is required for {operation.method}, and is an object.")
        operation.data = data
    operation.references = frozenset(references([operation.path, operation.data]))


def _check_member(members: Document, name: str) -> None:
    if not isinstance(members.get(name), str) or not members[name]:
        raise InvalidValue(f"{name!r} is required and must be a string.")


def _take_path(operation: Operation) -> None:
    found = PATH.fullmatch(operation.path)
    if found is None:
        raise InvalidPath("'path' must be relative to the base URL, such as /Users or /Users/<id>.")
    operation.endpoint, operation.resource_id = found["endpoint"], found["id"] or ""
    if operation.method == "POST" and operation.resource_id:
        raise InvalidPath("The 'path' of a POST must be that of an endpoint, such as /Users.")
    if operation.method != "POST" and not operation.resource_id:
        raise InvalidPath(
            f"The 'path' of a {operation.method} must be that of a resource, such as /Users/<id>."
        )


def bulk_body(results: list[Document]) -> Document:
    """A BulkResponse."""
    return {"schemas": [BULK_RESPONSE], "Operations": results}


def _members(document: Document) -> Document:
    """The members of a message by their names in lower case (RFC 7643 section 2.1)."""
    return {name.lower(): value for name, value in document.items()}


# -- references --------------------------------------------------------------------------------


def references(value: Any) -> Iterator[str]:
    """The ``bulkId`` of each reference in a value, wherever it stands."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from references(item)
            if _is_path(name, item):
                yield from COMPARED.findall(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, str) and (found := REFERENCE.fullmatch(value)):
        yield found["bulk_id"]


def resolved(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with the id of the created resource in place of each reference to one."""
    if isinstance(value, dict):
        found = {name: resolved(item, ids) for name, item in value.items()}
        return {n: _compared(v, ids) if _is_path(n, v) else v for n, v in found.items()}
    if isinstance(value, list):
        return [resolved(item, ids) for item in value]
    if isinstance(value, str) and (reference := REFERENCE.fullmatch(value)):
        scim_id = ids.get(reference["bulk_id"])
        return value if scim_id is None else reference["before"] + scim_id
    return value


def _is_path(name: str, value: Any) -> bool:
    return name.lower() == "path" and isinstance(value, str)


def _compared(path: str, ids: Mapping[str, str]) -> str:
    """The path with the id of the created resource wherever it is compared with a reference."""

    def with_id(found: re.Match[str]) -> str:
        scim_id = ids.get(found["bulk_id"])
        return found[0] if scim_id is None else f'"{scim_id}"'

    return COMPARED.sub(with_id, path)


def _check_references(operations: list[Operation]) -> None:
    """Mark what has a ``bulkId`` twice, and what refers to none there is."""
    named: set[str] = set()
    twice: set[str] = set()
    for operation in _creations(operations):
        (twice if operation.bulk_id in named else named).add(operation.bulk_id or "")
    for operation in operations:
        unknown = operation.references - named
        if operation.method == "POST" and operation.bulk_id in twice:
            operation.error = operation.error or InvalidValue(
                f"The bulkId {_cut(operation.bulk_id)!r} stands at several operations of this "
                "request."
            )
        elif unknown:
            operation.error = operation.error or InvalidValue(
                f"'bulkId:{_cut(min(unknown))}' refers to no POST of this request."
            )


def _creations(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.method == "POST"]


def _cut(bulk_id: str | None) -> str:
    return (bulk_id or "")[:64]


# -- the order ---------------------------------------------------------------------------------


def ordered(operations: list[Operation]) -> Iterator[Operation]:
    """The operations, each after those it refers to, else in the order they were sent in.

    Those that refer to each other in a circle get a ``Conflict`` as their error: section 3.7.1
    lets a service provider answer so.
    """
    order = _Order(_needed(operations))
    ready = [index for index, needed in enumerate(order.pending) if not needed]
    heapify(ready)
    left = set(range(len(operations)))
    while left:
        if not ready:
            ready = _broken_cycle(operations, order, min(left))
        index = heappop(ready)
        left.discard(index)
        yield operations[index]
        for other in order.waiting[index]:
            if index in order.pending[other]:
                order.pending[other].discard(index)
                if not order.pending[other]:
                    heappush(ready, other)


def _needed(operations: list[Operation]) -> list[set[int]]:
    """For each operation those that come before it: what it refers to, and the one before on the
    same resource."""
    created = {operation.bulk_id: operation.index for operation in _creations(operations)}
    latest: dict[tuple[str, str], int] = {}
    needed: list[set[int]] = []
    for operation in operations:
        before = set()
        if operation.error is None:
            before = {created[bulk_id] for bulk_id in operation.references}
        if operation.resource_id and operation.method != "POST":
            resource = (operation.endpoint, operation.resource_id)
            if resource in latest:
                before.add(latest[resource])
            latest[resource] = operation.index
        needed.append(before)
    return needed


def _broken_cycle(operations: list[Operation], order: _Order, start: int) -> list[int]:
    """The operations of a circle that can be reached from one that waits, now with an error."""
    way: dict[int, int] = {}
    index = start
    while index not in way:
        way[index] = len(way)
        index = min(order.pending[index])
    cycle = list(way)[way[index] :]
    names = [f"'bulkId:{_cut(operations[i].bulk_id)}'" for i in cycle[:LONGEST_CYCLE]]
    more = " and others" if len(cycle) > LONGEST_CYCLE else ""
    for member in cycle:
        operations[member].error = Conflict(
            f"The operations {', '.join(names)}{more} refer to each other in a circle. Create "
            "them without the reference first, and add it with a PATCH."
        )
        order.pending[member].clear()
    return sorted(cycle)
