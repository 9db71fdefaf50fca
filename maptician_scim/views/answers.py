"""Answers with a resource, and the headers that concern its version and its place."""

from __future__ import annotations

from typing import Any

import orjson
from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import PreconditionFailed, TooMany
from maptician_scim.protocol import messages
from maptician_scim.protocol.projection import Projection

MINIMAL = "return=minimal"


def read_answer(document: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The answer to a request that reads.

    Raises ``TooMany`` for one that is too large. A list is never cut: RFC 7644 section 3.4.2.4
    would allow it, but a client that counts pages by its own ``count`` would miss people. The
    answer to a write has no limit: the change is made.
    """
    content = orjson.dumps(document)
    limit = scim_settings.MAX_RESPONSE_SIZE
    if len(content) > limit:
        raise TooMany(
            f"The answer would have {len(content)} bytes; at most {limit} are sent. Ask for fewer "
            "resources with 'count', or leave out what is large, with "
            "'excludedAttributes=members' for example."
        )
    return Response(orjson.Fragment(content), headers=headers)


def answer(projection: Projection, document: dict[str, Any], status: int = 200) -> Response:
    """What is shown of a resource; the headers are those of the whole one."""
    return Response(projection.apply(document), status=status, headers=headers_of(document))


def headers_of(document: dict[str, Any]) -> dict[str, str]:
    """The headers that concern the version and the place of a resource."""
    meta = document["meta"]
    return {
        "ETag": meta["version"],
        "Location": meta["location"],
        # RFC 7643 section 3.1: the location of what the body shows.
        "Content-Location": meta["location"],
    }


def unchanged(request: Request, document: dict[str, Any]) -> Response | None:
    """304 if the client has this version (RFC 7644 section 3.14).

    Raises ``PreconditionFailed`` if it wants another one.
    """
    version = document["meta"]["version"]
    wanted, known = if_match(request), request.META.get("HTTP_IF_NONE_MATCH")
    if wanted is not None and not messages.etag_matches(wanted, version):
        raise PreconditionFailed
    if known is None or not messages.etag_matches(known, version):
        return None
    return Response(status=304, headers={"ETag": version})


def prefers_minimal(request: Request) -> bool:
    """Whether the client has asked for an answer without a body (RFC 7240 section 4.2)."""
    preferences = request.META.get("HTTP_PREFER", "").lower().split(",")
    return MINIMAL in (p.partition(";")[0].replace(" ", "").replace('"', "") for p in preferences)


def if_match(request: Request) -> str | None:
    header: str | None = request.META.get("HTTP_IF_MATCH")
    return header
