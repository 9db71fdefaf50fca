"""Writing the provisioning log: one event for every write and every refused request."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Field
from django.http import HttpRequest

from maptician_scim import redaction, rehearsal, rls, statements, writing
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.exceptions import NOT_LET_IN, Reason, ScimError, Unauthorized
from maptician_scim.models import Connection, Event, Token
from maptician_scim.protocol.expressions import comparison_key, user_name_key
from maptician_scim.protocol.tolerances import Tolerance

logger = logging.getLogger("maptician_scim.request")

MAX_DETAIL = 1000
MAX_FACT = 255
"""Characters that are kept of what the client was answered, and of each value it names."""

REFUSALS_LOGGED_EVERY = 60  # seconds, for each tenant and reason
REFUSALS_LOGGED_EVERY_WATCHED = 1  # while somebody has the tenant's page open


COUNTED = frozenset({Reason.SWITCHED_OFF, Reason.THROTTLED})
"""What a client with a valid token may meet with each request: written as for one without."""


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
    email: str = ""
    tolerated: Sequence[Tolerance] = ()
    group: str = ""
    members_added: int = 0
    members_removed: int = 0
    body: bytes | None = field(default=None, repr=False)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        # Kept with the token and shown, too. Clients may call themselves anything.
        self.client = _storable(self.client, "client")

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
    error: ScimError | None = None,
    facts: dict[str, str] | None = None,
    request: dict[str, Any] | None = None,
    once: str | None = None,
) -> Event:
    """Write the event of a request, in whatever transaction is open.

    Raises ``IntegrityError`` where there is one with the same ``once``.
    """
    user_name = _storable(origin.user_name, "user_name")
    event: Event = statements.new(
        Event,
        tenant_id=origin.tenant.pk if origin.tenant else None,
        token_id=origin.token.pk if origin.token else None,
        token_prefix=origin.token.prefix if origin.token else "",
        verb=origin.verb,
        resource_type=origin.resource_type,
        resource_id=_storable(origin.resource_id, "resource_id"),
        user_name=user_name,
        user_name_key=_storable(user_name_key(user_name), "user_name_key"),
        email_key=_storable(comparison_key(origin.email), "email_key"),
        status=status,
        scim_type=(error and error.scim_type) or "",
        reason=(error and error.reason) or "",
        facts=_facts(origin, error, facts or {}),
        detail=_short(detail, MAX_DETAIL),
        changes=changes or {},
        tolerated=[str(tolerance) for tolerance in origin.tolerated],
        request=request,
        once=once,
        correlation_id=origin.correlation_id,
        duration_ms=origin.duration_ms,
        ip=origin.ip,
        client=origin.client,
    )
    writing.insert(event)
    return event


def _facts(origin: Origin, error: ScimError | None, named: dict[str, str]) -> dict[str, str]:
    """What the explanation names. A group is known by its name, which is nobody's userName."""
    counts = {"added": origin.members_added, "removed": origin.members_removed}
    facts = {"group": origin.group} if origin.group else {}
    if error is None:
        facts |= {side: str(count) for side, count in counts.items() if count}
    facts |= error.facts if error else named
    return {name: _short(_storable_text(value), MAX_FACT) for name, value in facts.items()}


def _short(text: str, limit: int) -> str:
    """A text without our tokens: what a client sends may be as long as its body."""
    return redaction.cut(redaction.without_tokens(text), limit)


def _storable(text: str, field_name: str) -> str:
    """What came from outside, as every database can keep it, and without our tokens."""
    limit = cast("Field[Any, Any]", Event._meta.get_field(field_name)).max_length
    return redaction.without_tokens(_storable_text(text))[:limit]


def _storable_text(text: str) -> str:
    return text.replace("\x00", "").encode(errors="replace").decode()


def record_refusal(request: HttpRequest, error: ScimError, origin: Origin | None = None) -> None:
    """Write that a request was refused, after its own transaction has rolled back.

    ``origin`` is that of one operation, where the request has several.
    """
    origin = origin or origin_of(request)
    if origin.token is None or error.reason in COUNTED:
        record_not_let_in(origin, error)
    elif not rehearsal.is_on():
        with _answering_anyway(origin):
            kept = _kept_request(request, origin)
            record(origin, error.status, detail=error.detail, error=error, request=kept)
            if error.reason in NOT_LET_IN:
                Connection.of(origin.tenant).note_refusal()


def record_not_let_in(origin: Origin, error: ScimError) -> None:
    """Write that a request was not let in, at most once a minute and reason.

    Whoever sends without a valid token, where SCIM is off, or too much, can thus neither fill the
    table nor cost a write.
    """
    if rehearsal.is_on():
        return
    reason = error.reason or Reason.MALFORMED
    prefix = error.prefix if isinstance(error, Unauthorized) else ""
    if prefix:
        error.facts.setdefault("prefix", prefix)
    with _answering_anyway(origin), _log_of(origin.tenant):
        every = _logged_every(origin)
        unwritten = _count_refusal(origin, reason, every)
        if unwritten is None or Event.objects.has_refusal(origin.tenant, reason, every):
            return
        seen = f" with a token that begins {prefix}" if prefix else ""
        more = f" {unwritten} more were refused before." if unwritten else ""
        detail = f"Not let in{seen}: {reason.label}.{more}"
        try:
            with transaction.atomic():
                once = f"{_tenant_pk(origin)}:{reason}:{int(time.time() / every)}"
                record(origin, error.status, detail=detail, error=error, once=once)
        except IntegrityError:
            return  # another process was faster
        if origin.tenant is not None:
            Connection.of(origin.tenant).note_refusal()


def take_as_long_as_to_tell(origin: Origin) -> None:
    """Ask the cache as often as to tell the owner of a token that it was sent elsewhere.

    For tokens of which there is nobody to tell: else the time that a refusal takes would say that a
    token is somebody's.
    """
    if rehearsal.is_on():
        return
    with _answering_anyway(origin):
        nobodys = replace(origin, tenant=None)
        _count_refusal(nobodys, Reason.WRONG_SUBDOMAIN, _logged_every(nobodys))


@contextmanager
def _answering_anyway(origin: Origin) -> Iterator[None]:
    """The answer goes out even if the log cannot be written, whatever the reason.

    This runs where an error is being answered already. A cache that is down raises what its client
    library has; there is no common class to name.
    """
    try:
        yield
    except Exception:
        logger.exception("No event for request %s could be written", origin.correlation_id)


def _log_of(tenant: Tenant | None) -> AbstractContextManager[None]:
    """See the log that is written: it need not be that of whoever sends, and may be nobody's."""
    return rls.across_tenants() if tenant is None else rls.within(tenant.pk)


def _logged_every(origin: Origin) -> int:
    """The seconds in which a reason is written once at most."""
    is_watched = origin.tenant is not None and Connection.of(origin.tenant).is_watched
    return REFUSALS_LOGGED_EVERY_WATCHED if is_watched else REFUSALS_LOGGED_EVERY


def _tenant_pk(origin: Origin) -> object:
    return origin.tenant.pk if origin.tenant else "-"


def _count_refusal(origin: Origin, reason: Reason, every: int) -> int | None:
    """How many refusals have not been written since the last event, or ``None`` for not yet.

    The cache keeps an attack from the database. Where processes do not share it, the database has
    the last word.
    """
    key = f"maptician_scim:refused:{_tenant_pk(origin)}:{reason}"
    if cache.add(f"{key}:{every}", 1, every):
        unwritten = cache.get(f"{key}:count", 0)
        cache.set(f"{key}:count", 0, None)
        return int(unwritten)
    if not cache.add(f"{key}:count", 1, None):
        cache.incr(f"{key}:count")
    return None


def _kept_request(request: HttpRequest, origin: Origin) -> dict[str, Any]:
    """Target, headers and body of a refused request, without secrets."""
    kept: dict[str, Any] = {
        "method": request.method,
        "target": redaction.target(request.get_full_path()),
        "headers": redaction.headers(request.headers),
    }
    if origin.body:
        kept["body"] = redaction.body(origin.body, scim_settings.MAX_KEPT_REQUEST)
    return kept
