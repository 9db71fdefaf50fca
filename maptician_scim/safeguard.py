"""The mass-deactivation safeguard: it stops an identity provider that takes too many people away.

It counts the people whom clients deactivate or delete within an hour, each once. Somebody who comes
back within the hour still counts: their sessions have ended all the same. Those who are taken out
of a group are counted for that group alone. Whatever would be more than a tenant's limit is refused
with 429, and from then on all deactivations are, or all removals from that group, until an admin
has released the brake: else a client that has gone wrong would take as many away every hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from maptician_scim import events, rehearsal, signals, transactions
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.events import Origin
from maptician_scim.exceptions import InvalidFilter, StoppedBySafeguard
from maptician_scim.models import (
    Brake,
    Connection,
    Departure,
    HeldBack,
    ProvisionedUser,
    now,
)
from maptician_scim.protocol.expressions import Among
from maptician_scim.protocol.filters import compile_filter

WINDOW = timedelta(hours=1)
RETRY_AFTER = int(WINDOW.total_seconds())
RELEASED_FOR = timedelta(hours=2)
"""Longer than clients are told to wait, so that the retry of whoever was refused last comes in."""


# -- counting, inside the transaction of a verb ---------------------------------------------------


def let_go(connection: Connection, held: HeldBack, people: Sequence[Any]) -> None:
    """Count people who are about to lose their access, or their place in a group.

    ``held`` is whom or what the request is about. Raises ``StoppedBySafeguard`` for too many.
    """
    if not people or not connection.is_guarded or rehearsal.is_on():
        return
    tenant = connection.tenant
    # A group is locked by its own row, and who deletes a person locks this one before groups.
    brake = Brake.objects.of(tenant) if held.is_group else Brake.objects.locked(tenant)
    if not brake.is_released:
        _count(connection, brake, held, [str(person) for person in people])
    if brake.released_until is not None:
        HeldBack.objects.same(held).delete()


def _count(connection: Connection, brake: Brake, held: HeldBack, people: Sequence[str]) -> None:
    if _is_stopped(brake, held):
        raise StoppedBySafeguard(held, brake.limit, RETRY_AFTER)
    departures = Departure.objects.of(connection.tenant, held.scope)
    since = _counted_since(brake)
    others = departures.since(since).exclude(Among(F("person"), people)).count()
    wanted = others + len(people)
    limit = _limit(connection, brake, held, others, wanted)
    if wanted > limit:
        raise StoppedBySafeguard(held, limit, RETRY_AFTER)
    departures.before(since).delete()
    departures.add(connection.tenant, held.scope, people)


def _is_stopped(brake: Brake, held: HeldBack) -> bool:
    if held.is_group:
        return HeldBack.objects.same(held).waiting().exists()
    return brake.is_on and brake.stops_people


def _counted_since(brake: Brake) -> datetime:
    """The beginning of the hour. Whoever was let through by a release does not count."""
    since = now() - WINDOW
    return max(since, brake.released_until) if brake.released_until else since


def _limit(connection: Connection, brake: Brake, held: HeldBack, others: int, wanted: int) -> int:
    """How many may go within the hour.

    The active people are counted only where the answer depends on it, and then remembered for an
    hour. ``others`` were active at its beginning, too.
    """
    people, percent = connection.people_let_go, connection.percent_let_go
    if wanted <= people or not percent:
        return people
    is_fresh = brake.counted_at is not None and brake.counted_at > now() - WINDOW
    share = brake.active_people * percent // 100
    if is_fresh and wanted <= share:
        return share
    active = active_people(connection.tenant)
    if active is None:
        return people
    if not held.is_group:
        brake.active_people, brake.counted_at = active + others, now()
        brake.save(update_fields=["active_people", "counted_at"])
        active += others
    return max(people, active * percent // 100)


def active_people(tenant: Tenant) -> int | None:
    """How many of a tenant's people are active; ``None`` where the database cannot tell."""
    adapter = scim_settings.USER_ADAPTER
    mapping = adapter.mapping()
    try:
        is_active = compile_filter("active eq true", mapping.model, mapping)
    except InvalidFilter:
        return None
    people = adapter.annotated(ProvisionedUser.objects.for_tenant(tenant))
    return people.filter(is_active).count()


# -- the brake, after that transaction has rolled back --------------------------------------------


def hold_back(origin: Origin, stopped: StoppedBySafeguard) -> None:
    """Put what was stopped on the list, and tell the admins if it is the first."""
    transactions.write(lambda: _hold_back(origin, stopped))


def _hold_back(origin: Origin, stopped: StoppedBySafeguard) -> None:
    held: HeldBack = stopped.held
    brake = Brake.objects.locked(held.tenant)
    if brake.is_released:
        return  # by an admin who was faster: the retry is let through
    is_first = not brake.is_on
    if is_first:
        brake.tripped_at, brake.limit = now(), stopped.limit
    brake.stops_people |= not held.is_group
    brake.save()
    HeldBack.objects.put(held, origin.token)
    if is_first:
        trip = Origin(
            origin.correlation_id,
            verb="trip",
            ip=origin.ip,
            client=origin.client,
            tenant=held.tenant,
            token=origin.token,
            resource_type="",
        )
        events.record(trip, 200, facts={"limit": str(brake.limit)})
        # Whatever a mail server or its client library raises is logged; the answer goes out.
        transaction.on_commit(lambda: _tell(brake), robust=True)


def _tell(brake: Brake) -> None:
    signals.safeguard_tripped.send_robust(
        Brake, tenant=brake.tenant, limit=brake.limit, tripped_at=brake.tripped_at
    )
    recipients = list(scim_settings.SAFEGUARD_EMAILS)
    if recipients:
        facts = {"tenant": brake.tenant, "limit": brake.limit}
        subject = _("SCIM of %(tenant)s: the safeguard has stopped a mass deactivation") % facts
        # One line, whatever a tenant is called.
        EmailMessage(" ".join(subject.split()), _body() % facts, to=recipients).send()


def _body() -> str:
    return _(
        "The identity provider of %(tenant)s wanted to deactivate or delete more than %(limit)s "
        "people within an hour, or to take as many out of a group. What goes beyond that is "
        "refused; nobody else loses their access.\n"
        "\n"
        "What to do: ask the customer's administrator whether it is meant. Then open SCIM "
        "connections, this tenant, in the admin. It lists who is held back. “Release” lets them "
        "through when the identity provider tries again, which it does every hour, but gives up "
        "after some tries. “Keep” goes on holding them back.\n"
    )


# -- what an admin decides ------------------------------------------------------------------------


def release(tenant: Tenant, by: str) -> bool:
    """Let everybody through for ``RELEASED_FOR``, and count anew after that.

    Whether there was anything to release.
    """
    with transaction.atomic():
        brake = Brake.objects.locked(tenant)
        if not brake.is_on:
            return False
        brake.tripped_at = brake.kept_at = None
        brake.stops_people = False
        brake.released_until = now() + RELEASED_FOR
        brake.save()
        HeldBack.objects.for_tenant(tenant).waiting().update(released_at=now())
        _record_decision(tenant, "release", by)
    return True


def keep(tenant: Tenant, by: str) -> bool:
    """Go on holding everybody back, as seen by an admin. Whether that was new."""
    with transaction.atomic():
        brake = Brake.objects.locked(tenant)
        if not brake.is_on or brake.kept_at is not None:
            return False
        brake.kept_at = now()
        brake.save()
        _record_decision(tenant, "keep", by)
    return True


def forget(tenant: Tenant) -> None:
    """Begin anew where the safeguard is switched off."""
    with transaction.atomic():
        for rows in (Brake.objects, HeldBack.objects, Departure.objects):
            rows.filter(tenant=tenant).delete()


def _record_decision(tenant: Tenant, verb: str, by: str) -> None:
    origin = Origin(uuid4().hex, verb, tenant=tenant, resource_type="")
    events.record(origin, 200, facts={"admin": by})
