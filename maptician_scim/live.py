"""The live state of a connection: in one line, whether a tenant's identity provider gets in.

It is read from what every request leaves behind: when a token was last used, and the latest event
of a request that was not let in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from maptician_scim import explanations
from maptician_scim.conf import Tenant
from maptician_scim.exceptions import NOT_LET_IN, Reason
from maptician_scim.models import Connection, Event, ProvisionedUser, Token, now
from maptician_scim.models.connections import WATCHED_FOR

Kind = Literal["off", "no_token", "waiting", "connected", "broken"]

WORDS: dict[Kind, Any] = {
    "off": gettext_lazy("Off"),
    "no_token": gettext_lazy("No token"),
    "waiting": gettext_lazy("Waiting"),
    "connected": gettext_lazy("Connected"),
    "broken": gettext_lazy("Not connected"),
}
"""Each kind in a word, for lists and beside the colour."""

WATCH_EVERY = timedelta(seconds=5)
"""How often a page that asks for the state all the time says that it is still there."""


@dataclass(frozen=True)
class State:
    """What the page shows at its top."""

    kind: Kind
    headline: str
    advice: str = ""
    people: int = 0
    last_used_at: datetime | None = None
    """When a request was last let in."""

    @property
    def word(self) -> str:
        return str(WORDS[self.kind])


def state_of(tenant: Tenant) -> State:
    """The state of a tenant's connection."""
    connection = Connection.objects.for_tenant(tenant).first() or Connection(tenant=tenant)
    return states([connection])[tenant.pk]


def states(connections: Iterable[Connection]) -> dict[Any, State]:
    """The states by the tenants' primary keys, in as many queries for a hundred as for one."""
    by_pk = {connection.tenant_id: connection for connection in connections}
    tenants = [connection.tenant for connection in by_pk.values()]
    tokens: dict[Any, list[Token]] = {pk: [] for pk in by_pk}
    for token in Token.objects.filter(tenant__in=tenants):
        tokens[token.tenant_id].append(token)
    refusals = _refusals(by_pk, tokens)
    people = people_of(tenants)
    return {
        pk: _state(connection, tokens[pk], refusals.get(pk), people[pk])
        for pk, connection in by_pk.items()
    }


def people_of(tenants: Iterable[Tenant]) -> dict[Any, int]:
    """How many people each tenant sees over SCIM, by the tenants' primary keys: one query."""
    found: dict[Any, int] = {tenant.pk: 0 for tenant in tenants}
    counts = [
        ProvisionedUser.objects.for_tenant(tenant)
        .order_by()
        .values_list("tenant_id")
        .annotate(people=Count("pk", distinct=True))
        for tenant in tenants
    ]
    if counts:
        found.update(counts[0].union(*counts[1:], all=True))
    return found


def keep_watching(connection: Connection) -> None:
    """Have every request written at once while a page is open that asks for the state."""
    until = connection.watched_until
    if until is None or until < now() + WATCHED_FOR - WATCH_EVERY:
        connection.watch()


def clock(moment: datetime) -> str:
    """A time of today to the second, any other with its day."""
    then = timezone.localtime(moment)
    if then.date() == timezone.localtime().date():
        return date_format(then, "H:i:s")
    return f"{date_format(then, 'j F Y')}, {date_format(then, 'H:i:s')}"


def _refusals(
    connections: Mapping[Any, Connection], tokens: Mapping[Any, list[Token]]
) -> dict[Any, Event]:
    """The latest event of a request that was not let in, of tenants where none was since."""
    suspects = [
        pk
        for pk, connection in connections.items()
        if connection.refused_at is not None
        and connection.refused_at >= (_last_use(tokens[pk]) or connection.refused_at)
    ]
    if not suspects:
        return {}
    # A connection that is on again is not broken because it was off.
    reasons = NOT_LET_IN - {Reason.SWITCHED_OFF}
    latest = Event.objects.for_tenant(OuterRef("pk")).filter(status__gte=400, reason__in=reasons)
    ids = Connection.objects.filter(pk__in=suspects).values_list(
        Subquery(latest.order_by("-id").values("pk")[:1])
    )
    return {event.tenant_id: event for event in Event.objects.filter(pk__in=ids)}


def _last_use(tokens: Iterable[Token]) -> datetime | None:
    return max((t.last_used_at for t in tokens if t.last_used_at is not None), default=None)


def _state(
    connection: Connection, tokens: list[Token], refusal: Event | None, people: int
) -> State:
    last_used_at = _last_use(tokens)
    if not connection.is_enabled:
        return State("off", *_off(), people, last_used_at)
    if refusal is not None and (last_used_at is None or refusal.created_at >= last_used_at):
        return State("broken", *_broken(refusal, last_used_at), people, last_used_at)
    in_force = [token for token in tokens if token.is_valid]
    if not in_force:
        return State("no_token", *_no_token(tokens), people, last_used_at)
    used = [token for token in in_force if token.last_used_at is not None]
    if not used:
        return State("waiting", *_waiting(in_force), people, last_used_at)
    latest = max(used, key=lambda token: token.last_used_at or token.created_at)
    return State("connected", _connected(latest, people), "", people, last_used_at)


def _off() -> tuple[str, str]:
    return (
        _("SCIM is switched off."),
        _("Every request is refused, and nobody is changed. Switch it on under “Switches”."),
    )


def _no_token(tokens: list[Token]) -> tuple[str, str]:
    if tokens:
        headline = _("No token is in force: all are revoked or have expired.")
    else:
        headline = _("No token has been issued yet.")
    return headline, _("Issue a token and hand it to the customer's administrator.")


def _waiting(tokens: list[Token]) -> tuple[str, str]:
    names = ", ".join(token.name for token in tokens)
    return (
        _("Waiting for the first request."),
        _(
            "Enter the base URL and the token (%(names)s) in the identity provider and test the "
            "connection; the answer shows here within three seconds."
        )
        % {"names": names},
    )


def _connected(token: Token, people: int) -> str:
    visible = ngettext("%(n)s person visible", "%(n)s people visible", people) % {"n": people}
    return _("Connected: %(client)s, %(time)s, %(people)s") % {
        "client": explanations.client_name(token.last_used_client),
        "time": clock(token.last_used_at or token.created_at),
        "people": visible,
    }


def _broken(event: Event, last_used_at: datetime | None) -> tuple[str, str]:
    headline = _("%(client)s was not let in at %(time)s: %(why)s.") % {
        "client": explanations.client_name(event.client),
        "time": clock(event.created_at),
        "why": explanations.reason_text(event),
    }
    if prefix := event.token_prefix or event.facts.get("prefix", ""):
        headline += " " + _("The token seen begins with %(prefix)s.") % {"prefix": prefix}
    advice = explanations.advice(event)
    # A token that is in force counts as used also where the base URL is wrong.
    if last_used_at is not None and event.token_id is None:
        advice += " " + _("The last request that was let in came at %(time)s.") % {
            "time": clock(last_used_at)
        }
    return headline, advice
