"""From the bytes of a request to a JSON object that is safe to handle."""

from __future__ import annotations

import json
import math
from typing import IO, Any

from rest_framework.parsers import BaseParser

from maptician_scim import redaction
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidSyntax, InvalidValue, PayloadTooLarge

SCIM_JSON = "application/scim+json"
JSON = "application/json"

RAW_BODY = "scim_raw_body"
"""Where the parser context keeps what was read."""


class SCIMParser(BaseParser):
    """Reads a JSON object: UTF-8, no duplicate keys, limited in size and depth."""

    media_type = SCIM_JSON

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> dict[str, Any]:
        body = read_limited(stream, scim_settings.MAX_BODY_SIZE)
        if parser_context is not None:
            parser_context[RAW_BODY] = body  # for the log, should the request be refused
        return parse(body)


class JSONParser(SCIMParser):
    """The same under the media type Okta's test suite uses."""

    media_type = JSON


def read_limited(stream: IO[bytes], limit: int) -> bytes:
    """The body, if it has no more bytes than the limit; no more than that is ever read."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"The request body has more than {limit} bytes.")
    return body


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body.

    Raises ``InvalidSyntax`` for what is no JSON object, ``InvalidValue`` for a string that no
    database could keep.
    """
    try:
        # Not orjson: it takes the last of several equal keys in silence.
        document = json.loads(
            body.decode(),
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
    _check(document, "", scim_settings.MAX_JSON_DEPTH)
    return document


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    seen: set[str] = set()
    for name, value in pairs:
        # Attribute names are the same in any case (RFC 7643 section 2.1).
        if name.lower() in seen:
            raise InvalidSyntax(f"The name {_printable(name)!r} stands twice in one object.")
        seen.add(name.lower())
        document[name] = value
    return document


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


def _check(value: Any, place: str, depth: int) -> None:
    """Refuse what is nested too deeply, and characters that PostgreSQL or UTF-8 cannot hold."""
    if depth < 0:
        raise InvalidSyntax("The request body is nested too deeply.")
    if isinstance(value, dict):
        for name, item in value.items():
            if not is_storable(name):
                raise InvalidValue("An attribute name holds a character that is not allowed.")
            _check(item, f"{place}.{name}" if place else name, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, place, depth - 1)
    elif isinstance(value, str) and not is_storable(value):
        raise InvalidValue(
            f"{_printable(place)!r} holds a character that is not allowed: "
            "NUL or half of a surrogate pair."
        )
    elif isinstance(value, str) and redaction.holds_token(value):
        # It would be stored, shown and answered as it is.
        raise InvalidValue(
            f"{_printable(place)!r} holds a bearer token. Paste it into the settings of the "
            "connection only, and have it replaced: it may have been seen."
        )


def is_storable(text: str) -> bool:
    """Whether a text can be kept by every database: no NUL, no lone surrogate."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()[:100]
