"""Cursors of lists: opaque, signed texts that say after, or before, which resource a page begins.

RFC 9865. A cursor keeps the place itself, so the resource may be renamed or deleted meanwhile. It
is good for one query of one tenant. The value that was sorted by stands in it, signed but not
encrypted: it is read by nobody but the client, to whom that resource was just shown, and the
provisioning log keeps no cursor.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from typing import Any

from django.core.signing import BadSignature, SignatureExpired, TimestampSigner

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import ExpiredCursor, InvalidCount, InvalidCursor

SALT = "maptician_scim.cursor.1"
"""To be counted up whenever ``Cursor`` changes, so that no old one is misread."""

SEPARATOR = "~"
"""Cursors are made of unreserved characters of a URL (RFC 3986 section 2.3)."""


@dataclass(frozen=True)
class Cursor:
    """A place in a list, and how long the pages of its walk are.

    ``kind`` is the number of the resource type, ``value`` what was sorted by, if anything.
    """

    is_backwards: bool
    kind: int
    key: int
    value: Any
    count: int


def query_digest(*parts: Any) -> str:
    """What a cursor is bound to, in a few characters."""
    text = json.dumps(parts, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def write(cursor: Cursor, digest: str) -> str:
    """The cursor as a client gets it."""
    return _signer().sign_object([digest, *astuple(cursor)], compress=True)


def read(text: str, digest: str) -> Cursor:
    """A cursor a client sends. Raises ``InvalidCursor`` or ``ExpiredCursor``."""
    try:
        bound_to, *fields = _signer().unsign_object(text)
        # Bound to another query, it is not ours to say that it has expired.
        if bound_to != digest:
            raise InvalidCursor
        _signer().unsign(text, max_age=scim_settings.CURSOR_LIFETIME)
    except SignatureExpired as error:
        raise ExpiredCursor from error
    except BadSignature as error:
        raise InvalidCursor from error
    return Cursor(*fields)


def page_size(place: Cursor | None, asked: int | None) -> int:
    """How long the pages of a walk are, which its first request decides. Raises ``InvalidCount``.

    ``place`` is where the page begins, if it is not the first one.
    """
    limit = scim_settings.MAX_PAGE_SIZE
    if asked is not None and asked > limit:
        raise InvalidCount(f"'count' must be between 0 and {limit} where a cursor is used.")
    if place is None:
        return min(scim_settings.DEFAULT_PAGE_SIZE if asked is None else asked, limit)
    if asked is not None and asked != place.count:
        raise InvalidCount(f"'count' must be {place.count}, as it was for the first page.")
    return place.count


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=SALT, sep=SEPARATOR)
