"""What a client asks for: the parameters of a list, in a URL or in the body of ``/.search``.

RFC 7644 sections 3.4.2 and 3.4.3, RFC 9865 section 2. Both forms are checked by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import (
    InvalidCount,
    InvalidCursor,
    InvalidFilter,
    InvalidSyntax,
    InvalidValue,
    ScimError,
)
from maptician_scim.protocol.projection import NOTHING_SELECTED, Selection

SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

TEXTS = ("filter", "sortBy", "sortOrder", "cursor")
NUMBERS = ("startIndex", "count")
LISTS = ("attributes", "excludedAttributes")

WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
LARGEST = 2**31 - 1

STRING = re.compile(r'"(?:[^"\\]|\\.)*+("?)')
"""A string, or what begins as one."""

IN_QUOTES = r'"(?:[^"\\]|\\.)*+"'
ONE_NAME = re.compile(rf'(?:[^,\[\]"]|{IN_QUOTES}|\[(?:[^\[\]"]|{IN_QUOTES})*+\])++')
"""One of several names between commas; a comma in brackets or quotes separates nothing."""


@dataclass(frozen=True)
class Query:
    """Which resources of a list, in which order. ``cursor`` is ``None`` where pages are counted."""

    filter_text: str | None = None
    sort_by: str | None = None
    is_descending: bool = False
    start: int = 1
    count: int | None = None
    cursor: str | None = None

    @property
    def size(self) -> int:
        """How many resources a page holds."""
        asked = scim_settings.DEFAULT_PAGE_SIZE if self.count is None else self.count
        return min(asked, scim_settings.MAX_PAGE_SIZE)


@dataclass(frozen=True)
class Search:
    """A query, and what is shown of the resources it finds."""

    query: Query
    selection: Selection


def from_parameters(parameters: Mapping[str, Sequence[str]]) -> Query:
    """The query in a URL. Raises the error that fits the parameter, naming it."""
    values: dict[str, Any] = {}
    for name in (*TEXTS, *NUMBERS):
        found = parameters.get(name, ())
        if len(found) > 1:
            raise _error(name, parameters)(f"The parameter {name!r} stands more than once.")
        if found:
            is_number = name in NUMBERS and WHOLE_NUMBER.fullmatch(found[0])
            values[name] = _integer(found[0]) if is_number else found[0]
    return _query(values)


def selection_from_parameters(parameters: Mapping[str, Sequence[str]]) -> Selection:
    """What a URL wants to see of resources. Raises ``InvalidValue``."""
    return _selection({name: parameters[name] for name in LISTS if name in parameters})


def from_body(body: Mapping[str, Any]) -> Search:
    """The search in the body of a SearchRequest (RFC 7644 section 3.4.3).

    Names are the same in any case, as those of all attributes. Raises what ``from_parameters``
    does, and ``InvalidSyntax`` for the body of another message.
    """
    known = {name.lower(): name for name in ("schemas", *TEXTS, *NUMBERS, *LISTS)}
    values = {known[n.lower()]: v for n, v in body.items() if n.lower() in known and v is not None}
    schemas = values.pop("schemas", [SEARCH_REQUEST])
    if not isinstance(schemas, list) or SEARCH_REQUEST not in schemas:
        raise InvalidSyntax(f"'schemas' must be [{SEARCH_REQUEST!r}].")
    selected = {name: values.pop(name) for name in LISTS if name in values}
    return Search(_query(values), _selection(selected))


def _query(values: Mapping[str, Any]) -> Query:
    for name in values:
        if name in TEXTS and not isinstance(values[name], str):
            raise _error(name, values)(f"{name!r} must be a string.")
        if name in NUMBERS and type(values[name]) is not int:
            raise _error(name, values)(f"{name!r} must be a whole number.")
        if name != "cursor" and isinstance(values[name], str) and not values[name].strip():
            raise _error(name, values)(f"The parameter {name!r} is empty.")
    if "cursor" in values and "startIndex" in values:
        raise InvalidValue("Send either 'startIndex' or 'cursor', not both.")
    count = values.get("count")
    return Query(
        filter_text=values.get("filter"),
        sort_by=values.get("sortBy"),
        is_descending=_is_descending(values.get("sortOrder", "ascending")),
        start=min(max(values.get("startIndex", 1), 1), LARGEST),
        count=None if count is None else max(count, 0),
        cursor=values.get("cursor"),
    )


def _error(name: str, values: Mapping[str, Any]) -> type[ScimError]:
    """RFC 9865 section 2.1 has errors of its own, for those who page by cursor only."""
    if name == "filter":
        return InvalidFilter
    if name == "cursor":
        return InvalidCursor
    return InvalidCount if name == "count" and "cursor" in values else InvalidValue


def _is_descending(order: str) -> bool:
    if order.lower() not in ("ascending", "descending"):
        raise InvalidValue("'sortOrder' must be 'ascending' or 'descending'.")
    return order.lower() == "descending"


def _integer(digits: str) -> int:
    # Eleven digits are out of any range already, and Python refuses to read 5,000.
    size = int(digits.lstrip("+-").lstrip("0")[:11] or "0")
    return -size if digits.startswith("-") else size


def _selection(values: Mapping[str, Any]) -> Selection:
    names = {name: tuple(_names(name, value)) for name, value in values.items()}
    attributes, excluded = (names.get(name, ()) for name in LISTS)
    if attributes and excluded:
        raise InvalidValue("Send either 'attributes' or 'excludedAttributes', not both.")
    return Selection(attributes, excluded) if attributes or excluded else NOTHING_SELECTED


def _names(parameter: str, value: Any) -> Iterator[str]:
    """The names in a list, each of which may be several between commas."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise InvalidValue(f"{parameter!r} must be an array of attribute names.")
    length, limit = sum(map(len, texts)), scim_settings.MAX_FILTER_LENGTH
    if length > limit:
        raise InvalidValue(f"{parameter!r} has {length} characters; at most {limit} are allowed.")
    for text in texts:
        is_open = not all(string[1] for string in STRING.finditer(text))
        if is_open or ONE_NAME.sub("", text).strip(","):
            raise InvalidValue(f"{parameter!r} has a bracket or a quote that is not closed.")
        yield from filter(None, (name.strip() for name in ONE_NAME.findall(text)))
