"""Telling people in time that a token is about to expire.

Each token is announced once for each of ``THRESHOLDS``. An announcement that could not be sent is
sent again, with all it consists of, until it could.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.core.mail import EmailMessage
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from maptician_scim import signals
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.lifecycle import EXPIRING_WITHIN, is_replaced, last_use, time_left
from maptician_scim.models import Token, now

logger = logging.getLogger(__name__)

THRESHOLDS = (30, 7, 1)
"""Days before the expiry of a token at which that is announced."""


def expiring(tenant: Tenant | None = None) -> list[Token]:
    """The valid tokens that expire soon, the next one first; of all tenants, or of one.

    Without those that do not matter any more, because a valid successor is in use.
    """
    tokens = Token.objects.valid().filter(expires_at__lte=now() + EXPIRING_WITHIN)
    if tenant is not None:
        tokens = tokens.for_tenant(tenant)
    found = tokens.select_related("tenant").prefetch_related("successors")
    return [token for token in found.order_by("expires_at", "pk") if not is_replaced(token)]


def threshold(token: Token) -> int | None:
    """The smallest of ``THRESHOLDS`` a token has reached."""
    if token.expires_at is None:
        return None
    left = token.expires_at - now()
    return min((days for days in THRESHOLDS if left <= timedelta(days=days)), default=None)


def announce(tokens: Iterable[Token]) -> list[Token]:
    """Announce what is due, by signal and by e-mail. Those whose e-mail could not be sent."""
    failed = []
    for token in tokens:
        days = threshold(token)
        if days is None or (token.announced_days is not None and token.announced_days <= days):
            continue
        signals.token_expiring.send_robust(Token, token=token, tenant=token.tenant, days=days)
        try:
            _send_email(token)
        except OSError as error:  # whatever a mail server can do, smtplib's errors among it
            logger.warning("No e-mail about %s: %s", token, type(error).__name__)
            failed.append(token)
        else:
            _mark(token, days)
    return failed


def _mark(token: Token, days: int) -> None:
    """Remember an announcement, unless the expiry has been changed meanwhile."""
    mine = Token.objects.for_tenant(token.tenant).filter(pk=token.pk)
    mine.filter(expires_at=token.expires_at).update(announced_days=days)
    token.announced_days = days


def _send_email(token: Token) -> None:
    recipients = list(scim_settings.EXPIRY_EMAILS)
    if not recipients or token.expires_at is None:
        return
    facts = {
        "tenant": token.tenant,
        "name": token.name,
        "prefix": token.prefix,
        "left": time_left(token.expires_at),
        "date": date_format(localtime(token.expires_at), "DATETIME_FORMAT"),
        "zone": localtime(token.expires_at).tzname(),
        "use": last_use(token),
    }
    subject = _("SCIM token “%(name)s” of %(tenant)s expires in %(left)s") % facts
    # One line: a name may have been given on the command line.
    EmailMessage(" ".join(subject.split()), _body() % facts, to=recipients).send()


def _body() -> str:
    return _(
        "The SCIM token “%(name)s” (%(prefix)s…) of %(tenant)s expires on %(date)s %(zone)s, in "
        "%(left)s. From then on, the identity provider is refused: nobody is created, updated or "
        "deactivated any more.\n"
        "\n"
        "Last use: %(use)s.\n"
        "\n"
        "What to do: rotate the token in the admin (SCIM tokens, this token, Rotate) or with\n"
        "\n"
        "    manage.py scim_token rotate %(prefix)s\n"
        "\n"
        "and have the new one pasted into the identity provider before that date. Both work until "
        "then. If the token is not needed any more, revoke it, and you will hear no more of it.\n"
    )
