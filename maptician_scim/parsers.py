"""From the bytes of a request to a JSON object that is safe to handle."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from itertools import chain
from typing import IO, Any

from rest_framework.parsers import BaseParser

from maptician_scim import redaction
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidSyntax, InvalidValue, PayloadTooLarge
from maptician_scim.texts import is_storable

SCIM_JSON = "application/scim+json"
JSON = "application/json"

MOST_PASSED_OVER, PIECE = 16 * 1024 * 1024, 64 * 1024
"""Bytes of a body that is too large. More than sockets hold, so that whoever sends still more
notices that the connection is closed."""

ESCAPE = b"\\u"
"""Without it, no JSON in UTF-8 holds what is unstorable, nor a token that cannot be seen."""

MOST_NAMES = 1000
"""Names in one object: no schema has so many, and each costs time to look up."""

RAW_BODY = "scim_raw_body"
"""Where the parser context keeps what was read."""

KEPT_IN_PART = 16
"""How many times as large as what the log keeps a body may be, for its beginning to be kept."""


class SCIMParser(BaseParser):
    """Reads a JSON object: UTF-8, no duplicate keys, limited in size and depth."""

    media_type = SCIM_JSON
    too_large = "The request body has more than {limit} bytes."

    @property
    def max_size(self) -> int:
        """The largest body in bytes."""
        return scim_settings.MAX_BODY_SIZE

    def read(self, body: bytes) -> dict[str, Any]:
        """The JSON object in a body."""
        return parse(body)

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> dict[str, Any]:
        body = read_limited(stream, self.max_size, self.too_large)
        if parser_context is not None:
            if self.is_kept(body):
                parser_context[RAW_BODY] = body  # for the log, should the request be refused
            _check_length(body, int(parser_context["request"].META.get("CONTENT_LENGTH", 0)))
        return self.read(body)

    def is_kept(self, body: bytes) -> bool:
        """Whether the log keeps the body, or what fits of it, should the request be refused."""
        # To look through thousands of operations for secrets takes longer than to refuse them.
        return len(body) <= KEPT_IN_PART * scim_settings.MAX_KEPT_REQUEST


class JSONParser(SCIMParser):
    """The same under the media type Okta's test suite uses."""

    media_type = JSON


class BulkParser(SCIMParser):
    """Reads a bulk request, which may be larger; ``check_operation`` is for each of its parts."""

    # RFC 7644 section 3.7.4: the answer "MUST specify the limit exceeded".
    too_large = "The bulk request exceeds maxPayloadSize ({limit} bytes)."

    @property
    def max_size(self) -> int:
        return scim_settings.BULK_MAX_PAYLOAD_SIZE

    def read(self, body: bytes) -> dict[str, Any]:
        return load(body)

    def is_kept(self, body: bytes) -> bool:
        # The beginning of a thousand operations explains nothing.
        return len(body) <= scim_settings.MAX_KEPT_REQUEST


class BulkJSONParser(BulkParser):
    """The same under the other media type."""

    media_type = JSON


def read_limited(stream: IO[bytes], limit: int, too_large: str) -> bytes:
    """The body, if it has no more bytes than the limit; no more than that is ever kept.

    Raises ``InvalidSyntax`` for one that ends too early, or whose chunks are malformed.
    """
    try:
        body = redaction.HiddenBytes(stream.read(limit + 1))
    except Exception as error:  # each server raises its own: WSGI (PEP 3333) names none
        raise InvalidSyntax("The request body could not be read to its end.") from error
    if len(body) > limit:
        _pass_over(stream)
        raise PayloadTooLarge(too_large.format(limit=limit))
    return body


def _check_length(body: bytes, announced: int) -> None:
    """Raise ``InvalidSyntax`` for less than was announced (RFC 9112 section 8).

    It is a number: DRF calls no parser otherwise.
    """
    if len(body) < announced:
        raise InvalidSyntax(f"The request body ends after {len(body)} of {announced} bytes.")


def _pass_over(stream: IO[bytes]) -> None:
    """Read the rest of a body, within reason.

    Of an unread one, gunicorn passes over 64 KiB. After more it closes the connection without
    notice, and the client's next request fails.
    """
    with suppress(Exception):
        for _ in range(MOST_PASSED_OVER // PIECE):
            if not stream.read(PIECE):
                return


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body.

    Raises ``InvalidSyntax`` for what is no JSON object, ``InvalidValue`` for a string that no
    database could keep.
    """
    document = load(body)
    if ESCAPE in body or redaction.holds_token(body.decode()):
        _check(document, (), scim_settings.MAX_JSON_DEPTH)
    else:
        _check_depth(document, scim_settings.MAX_JSON_DEPTH)
    return document


def check_operation(operation: dict[str, Any]) -> None:
    """Raise what ``parse`` raises, for one operation of a bulk request.

    It may be as large as the body of the request it stands for, and its ``data`` as deep.
    """
    _check(operation, (), scim_settings.MAX_JSON_DEPTH + 1)
    text = json.dumps(operation, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > scim_settings.MAX_BODY_SIZE:
        raise PayloadTooLarge(f"The operation has more than {scim_settings.MAX_BODY_SIZE} bytes.")


def load(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body, whatever stands in it. Raises ``InvalidSyntax``."""
    try:
        # Not orjson: it takes the last of several equal keys in silence.
        document = json.loads(
            redaction.Hidden(body.decode()),
            object_pairs_hook=_unique_names,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise InvalidSyntax("The request body is not encoded in UTF-8.") from error
    except RecursionError as error:
        raise InvalidSyntax("The request body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise InvalidSyntax(
            f"The request body is not JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}."
        ) from error
    if not isinstance(document, dict):
        raise InvalidSyntax("The request body must be a JSON object.")
    return document


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise InvalidSyntax(
            f"An object in the request body has {len(pairs)} names; at most {MOST_NAMES} are "
            "allowed."
        )
    document = dict(pairs)
    # Attribute names are the same in any case (RFC 7643 section 2.1).
    seen = {name.lower() for name in document}
    if len(seen) < len(pairs):
        raise InvalidSyntax(f"The name {_printable(_twice(pairs))!r} stands twice in one object.")
    if "password" in seen or "path" in seen:
        _hide_password(document)
    return document


def _twice(pairs: list[tuple[str, Any]]) -> str:
    """The first name that has been there before."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name.lower() in seen:
            return name
        seen.add(name.lower())
    raise AssertionError("unreachable")


def _hide_password(document: dict[str, Any]) -> None:
    """Keep a password out of what shows the variables of a traceback, here and in the host."""
    is_meant = any(
        n.lower() == "path" and "password" in str(v).lower() for n, v in document.items()
    )
    for name, value in document.items():
        is_hidden = name.lower() == "password" or (is_meant and name.lower() == "value")
        if is_hidden and isinstance(value, str):
            document[name] = redaction.Hidden(value)


def _no_constant(name: str) -> Any:
    raise InvalidSyntax(f"{name} is not JSON.")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidSyntax("A number in the request body is too large.")
    return number


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > 19:
        raise InvalidSyntax("A number in the request body is too large.")
    return int(digits)


def _check(value: Any, place: tuple[str, ...], depth: int) -> None:
    """Refuse what is nested too deeply, and characters that PostgreSQL or UTF-8 cannot hold.

    The names of a place are joined for an error only: a long one may stand before many values.
    """
    if depth < 0:
        raise InvalidSyntax("The request body is nested too deeply.")
    if isinstance(value, dict):
        for name, item in value.items():
            if not is_storable(name):
                raise InvalidValue("An attribute name holds a character that is not allowed.")
            _check(item, (*place, name), depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, place, depth - 1)
    elif isinstance(value, str) and not is_storable(value):
        raise InvalidValue(
            f"{_printable('.'.join(place))!r} holds a character that is not allowed: "
            "NUL or half of a surrogate pair."
        )
    elif isinstance(value, str) and redaction.holds_token(value):
        # It would be stored, shown and answered as it is.
        raise InvalidValue(
            f"{_printable('.'.join(place))!r} holds a bearer token. Paste it into the settings of "
            "the connection only, and have it replaced: it may have been seen."
        )


def _check_depth(document: Any, depth: int) -> None:
    """Refuse what is nested too deeply, level by level: of large bodies, a tenth of the time."""
    level = [document]
    for _ in range(depth):
        items = chain.from_iterable(i.values() if isinstance(i, dict) else i for i in level)
        level = [item for item in items if isinstance(item, (dict, list))]
    if any(level):
        raise InvalidSyntax("The request body is nested too deeply.")


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()[:100]
