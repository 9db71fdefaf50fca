"""Writing the provisioning log: one event for every write and every refused request."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any, cast

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest

from maptician_scim.conf import Tenant
from maptician_scim.exceptions import ScimError, Unauthorized
from maptician_scim.models import Event, Token

logger = logging.getLogger("maptician_scim.request")

REFUSALS_LOGGED_EVERY = 60  # seconds, for each tenant and reason


@dataclass
class Origin:
    """Where a request comes from, and what the log says of it."""

    correlation_id: str
    verb: str
    ip: str | None = None
    client: str = ""
    tenant: Tenant | None = None
    token: Token | None = None
    resource_type: str = "User"
    resource_id: str = ""
    user_name: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def duration_ms(self) -> int:
        return int((time.monotonic() - self.started) * 1000)


def note_origin(request: HttpRequest, origin: Origin) -> Origin:
    """Keep the origin with the request, for ``origin_of``."""
    request.__dict__["_scim_origin"] = origin
    return origin


def origin_of(request: HttpRequest) -> Origin:
    """The origin the view noted when the request came in."""
    return cast(Origin, request.__dict__["_scim_origin"])


def record(
    origin: Origin,
    status: int,
    *,
    changes: dict[str, Any] | None = None,
    detail: str = "",
    scim_type: str | None = None,
) -> None:
    """Write one event; inside the caller's transaction if there is one."""
    Event.objects.create(
        tenant=origin.tenant,
        token=origin.token,
        token_prefix=origin.token.prefix if origin.token else "",
        verb=origin.verb,
        resource_type=origin.resource_type,
        resource_id=_storable(origin.resource_id, 64),
        user_name=_storable(origin.user_name, 255),
        status=status,
        scim_type=scim_type or "",
        detail=detail,
        changes=changes or {},
        correlation_id=origin.correlation_id,
        duration_ms=origin.duration_ms,
        ip=origin.ip,
        client=_storable(origin.client, 200),
    )


def _storable(text: str, limit: int) -> str:
    """What came from outside, as every database can keep it."""
    return text.replace("\x00", "").encode(errors="replace").decode()[:limit]


def record_refusal(origin: Origin, error: ScimError) -> None:
    """Write that a request was refused, after its own transaction has rolled back.

    The answer goes out even if the log cannot be written.
    """
    detail = error.detail
    if origin.token is None:
        reason, prefix = "unknown tenant", ""
        if isinstance(error, Unauthorized):
            reason, prefix = error.reason, error.prefix
        unwritten = _count_refusal(origin, reason)
        if unwritten is None:
            return
        seen = f" with a token that begins {prefix}" if prefix else ""
        more = f" {unwritten} more were refused before." if unwritten else ""
        detail = f"Not let in{seen}: {reason}.{more}"
    try:
        record(origin, error.status, detail=detail, scim_type=error.scim_type)
    except (DatabaseError, InterfaceError):
        logger.exception("No event for request %s could be written", origin.correlation_id)


def _count_refusal(origin: Origin, reason: str) -> int | None:
    """How many refusals have not been written since the last event, or ``None`` for not yet.

    Whoever sends requests without a valid token can thus neither fill the table nor cost a write.
    """
    tenant = origin.tenant.pk if origin.tenant else "-"
    key = f"maptician_scim:refused:{tenant}:{reason.replace(' ', '_')}"
    if cache.add(key, 1, REFUSALS_LOGGED_EVERY):
        unwritten = cache.get(f"{key}:count", 0)
        cache.set(f"{key}:count", 0, None)
        return int(unwritten)
    cache.add(f"{key}:count", 0, None)
    cache.incr(f"{key}:count")
    return None
