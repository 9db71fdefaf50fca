"""Where a token is in its life, in the words of the people who look after it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, TextChoices
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from maptician_scim.explanations import client_name
from maptician_scim.models import Token, now
from maptician_scim.models.tokens import TokenQuerySet

EXPIRING_WITHIN = timedelta(days=30)


class State(TextChoices):
    """Every token is in one of these. Those before ``EXPIRED`` let requests in."""

    VALID = "valid", gettext_lazy("valid")
    EXPIRING = "expiring", gettext_lazy("expires soon")
    SUPERSEDED = "superseded", gettext_lazy("superseded")
    EXPIRED = "expired", gettext_lazy("expired")
    REVOKED = "revoked", gettext_lazy("revoked")


class Progress(TextChoices):
    """How far clients have gone over from a rotated token to its successor."""

    UNUSED = "unused", gettext_lazy("successor not used yet")
    IN_USE = "in_use", gettext_lazy("not yet safe to revoke")
    SAFE = "safe", gettext_lazy("safe to revoke")


@dataclass(frozen=True)
class Rotation:
    """A rotation that is under way: the token works, and so does its successor."""

    progress: Progress
    sentence: str


def state_of(token: Token) -> State:
    """The state of a token; asks for its successors unless they are prefetched."""
    if token.is_revoked:
        return State.REVOKED
    if token.is_expired:
        return State.EXPIRED
    if token.live_successors:
        return State.SUPERSEDED
    if token.expires_at is not None and token.expires_at <= now() + EXPIRING_WITHIN:
        return State.EXPIRING
    return State.VALID


def in_state(tokens: TokenQuerySet, state: State) -> TokenQuerySet:
    """Those of the tokens that are in a state, as ``state_of`` has it."""
    if state is State.REVOKED:
        return tokens.exclude(revoked_at=None)
    if state is State.EXPIRED:
        return tokens.unrevoked().filter(expires_at__lte=now())
    is_superseded = Exists(Token.objects.valid().filter(predecessor=OuterRef("pk")))
    if state is State.SUPERSEDED:
        return tokens.valid().filter(is_superseded)
    soon = now() + EXPIRING_WITHIN
    if state is State.EXPIRING:
        return tokens.valid().filter(~is_superseded, expires_at__lte=soon)
    lasting = Q(expires_at=None) | Q(expires_at__gt=soon)
    return tokens.valid().filter(~is_superseded, lasting)


def state_text(token: Token) -> str:
    """The state of a token, with the time that belongs to it."""
    state = state_of(token)
    if state is State.EXPIRING and token.expires_at:
        return _("expires in %(time)s") % {"time": time_left(token.expires_at)}
    if state is State.SUPERSEDED:
        if token.expires_at is None:
            return _("superseded, works until it is revoked")
        return _("superseded, works until %(time)s") % {"time": moment(token.expires_at)}
    return str(state.label)


def rotation_of(token: Token) -> Rotation | None:
    """How the rotation of a token is going; ``None`` if none is under way."""
    successors = token.live_successors if token.is_valid else []
    if not successors:
        return None
    since = min((s.first_used_at for s in successors if s.first_used_at), default=None)
    if since is None:
        return Rotation(
            Progress.UNUSED, _("Its successor has not been used yet: not yet safe to revoke.")
        )
    if token.last_used_at is not None and token.last_used_at >= since:
        return Rotation(
            Progress.IN_USE,
            _("Last used %(when)s: not yet safe to revoke.") % {"when": ago(token.last_used_at)},
        )
    return Rotation(
        Progress.SAFE,
        _("Successor in use since %(time)s, old one silent since: safe to revoke.")
        % {"time": moment(since)},
    )


def is_replaced(token: Token) -> bool:
    """Whether a successor that is valid is in use already."""
    return any(successor.first_used_at for successor in token.live_successors)


def last_use(token: Token) -> str:
    """When, from where and by which client a token was last used."""
    if token.last_used_at is None:
        return _("never used")
    origin = {
        "when": ago(token.last_used_at),
        "address": token.last_used_ip or _("an unknown address"),
        "client": client_name(token.last_used_client),
    }
    return _("%(when)s from %(address)s by %(client)s") % origin


def ago(then: datetime) -> str:
    """How long ago something was, in its largest unit."""
    present = now()
    if present - then < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(then, present, depth=1)}


def moment(then: datetime) -> str:
    """A point in time as it is said today: without the date if that is today."""
    local = timezone.localtime(then)
    is_today = local.date() == timezone.localdate()
    return date_format(local, "H:i" if is_today else "DATETIME_FORMAT")


def time_left(until: datetime) -> str:
    """How much time there is still, in days or, on the last of them, in hours."""
    left = until - now()
    if left <= timedelta(days=1):
        hours = max(1, math.ceil(left / timedelta(hours=1)))
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    days = math.ceil(left / timedelta(days=1))
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
