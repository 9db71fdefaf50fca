"""What may be kept of a request: everything but secrets and passwords. No table, no request.

Names decide: whatever is called a password, secret, token, credential or key is removed, at any
depth, and so are our own tokens wherever they stand, and cursors. Nothing else is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote_plus

from django.utils.encoding import escape_uri_path

REMOVED = "[removed]"
CUT = "[the rest is not kept]"
LONGEST_TARGET = 16 * 1024
LONGEST_HEADER = 1024

TOKEN = re.compile(r"(mapt_scim_[0-9A-Za-z]{8})[0-9A-Za-z]+")
WHOLE_TOKEN = re.compile(r"mapt_scim_[0-9A-Za-z]{40}")
SECRET_NAME = re.compile(
    r"passw|passphrase|passcode|pwd|secret|token|credential|apikey|accesskey|privatekey"
)
SECRET_HEADER = re.compile(
    r"authorization|cookie|csrf|key|signature|passw|secret|token|credential|session|jwt|oidc"
)
"""The last ones are what proxies that know the user add."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*("?)')
"""A string, or what begins as one: so each character is looked at once."""

PLAIN_PATH = re.compile(r"[A-Za-z0-9/.-]*")
"""One in which nothing has to be escaped, and which holds no token."""

CURSOR = re.compile(r"(\bcursor=)[^&]+", re.IGNORECASE)
"""It may hold a value of a person, in a form in which erasure would not find it."""

IN_A_NAME = re.compile(r"[^0-9a-z]")


class Hidden(str):
    """A text that a traceback or a debug page, which shows its ``repr``, does not give away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return REMOVED


class HiddenBytes(bytes):
    """The same of bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return REMOVED


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its names as they came, repeated ones too."""


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


def without_tokens(text: str) -> str:
    """The text with our tokens cut down to the prefix by which people recognise them."""
    return TOKEN.sub(r"\1…", text)


def holds_token(text: str) -> bool:
    """Whether one of our tokens stands in a text, or most of one."""
    return bool(WHOLE_TOKEN.search(text))


def headers(sent: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request."""
    return {
        name: REMOVED
        if SECRET_HEADER.search(name.lower())
        else cut(_storable(without_tokens(value)), LONGEST_HEADER)
        for name, value in sent.items()
    }


def path(decoded: str) -> str:
    """A path for a line of a log: nothing in it ends the line or commands a terminal."""
    if PLAIN_PATH.fullmatch(decoded):  # nearly all are
        return decoded
    return without_tokens(escape_uri_path(decoded))


def target(path: str) -> str:
    """Path and query string of a request."""
    name, separator, query = path.partition("?")
    # First: its random characters may spell the name of a secret.
    query = CURSOR.sub(rf"\1{REMOVED}", query)
    plain = unquote_plus(query)
    outside = STRING.sub(lambda found: "" if found[1] else found[0], plain)
    is_hidden = len(TOKEN.findall(plain)) > len(TOKEN.findall(query))
    if _is_secret(outside) or is_hidden:
        query = REMOVED
    return cut(_storable(without_tokens(name + separator + query)), LONGEST_TARGET)


def body(sent: bytes, limit: int) -> str:
    """The body of a request, at most so many characters of it.

    What is no JSON is kept up to the first name of a secret.
    """
    text = sent.decode("utf-8", "backslashreplace")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_constant=_Number,
            parse_float=_Number,
            parse_int=_Number,
        )
        text = _beginning(_written(document), limit)
    except (ValueError, RecursionError):
        text = _before_a_secret(text)
    return cut(_storable(without_tokens(text)), limit)


def cut(text: str, limit: int) -> str:
    """At most so many characters of a text, and a word that there were more."""
    return text if len(text) <= limit else text[:limit] + CUT


def _beginning(pieces: Iterator[str], limit: int) -> str:
    """As many pieces as there are characters kept, and one more if there are more."""
    found, length = [], 0
    for piece in pieces:
        found.append(without_tokens(piece))
        length += len(found[-1])
        if length > limit:
            break
    return "".join(found)


def _written(value: Any) -> Iterator[str]:
    """A document as JSON, without secrets, in pieces: most of a large one is never needed."""
    if isinstance(value, _Pairs):
        names_secret = any(n.lower() == "path" and _is_secret(v) for n, v in value)
        yield "{"
        for number, (name, item) in enumerate(value):
            is_kept_back = _is_secret(name) or name.lower() == "cursor"
            is_secret = is_kept_back or (names_secret and name.lower() == "value")
            yield f"{', ' if number else ''}{_quoted(name)}: "
            yield from [json.dumps(REMOVED)] if is_secret else _written(item)
        yield "}"
    elif isinstance(value, list):
        yield "["
        for number, item in enumerate(value):
            yield ", " if number else ""
            yield from _written(item)
        yield "]"
    elif isinstance(value, _Number):
        yield str(value)
    else:
        yield _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _is_secret(name: object) -> bool:
    return isinstance(name, str) and bool(SECRET_NAME.search(IN_A_NAME.sub("", name.lower())))


def _before_a_secret(text: str) -> str:
    """As much of a text as comes before anything that might be a secret's name."""
    plain = text.lower()
    ends = [found.start() for found in SECRET_NAME.finditer(plain)]
    # A name may hide behind an escape; and what is escaped in a text that is no JSON, nobody knows.
    if "\\u" in plain:
        ends.append(plain.index("\\u"))
    return text[: min(ends)] + CUT if ends else text


def _storable(text: str) -> str:
    """The text as every database keeps it."""
    return text.replace("\x00", "\\u0000").encode("utf-8", "backslashreplace").decode()


PIECE = re.compile(r'"(?:[^"\\]|\\.)*"?|[{}\[\],]|[^"{}\[\],]+')
DEEPEST = 20


def indented(text: str) -> str:
    """A kept JSON body with one value on each line, also where the rest of it is cut off.

    What stands in it is left as it is, repeated names too: they may be why it was refused.
    """
    lines, depth, opened = [""], 0, False
    for piece in PIECE.findall(text.strip()):
        if piece in "}]":
            depth -= 1
            if not opened:
                lines.append(_indent(depth))
        elif opened:
            lines.append(_indent(depth))
        lines[-1] += piece.lstrip() if not lines[-1].strip() else piece
        opened = piece in "{["
        depth += opened
        if piece == ",":
            lines.append(_indent(depth))
    return "\n".join(line.rstrip() for line in lines)


def _indent(depth: int) -> str:
    return "  " * min(max(depth, 0), DEEPEST)
