"""Events in the words of the people who are asked about them: one sentence, and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from maptician_scim.exceptions import NOT_LET_IN, Reason
from maptician_scim.models import Event

CLIENTS = (
    ("okta", "Okta"),
    ("microsoft", "Microsoft Entra"),
    ("azure", "Microsoft Entra"),
    ("entra", "Microsoft Entra"),
    ("onelogin", "OneLogin"),
    ("jumpcloud", "JumpCloud"),
    ("pingfederate", "PingFederate"),
    ("authentik", "authentik"),
)
"""Words in a User-Agent, in lower case, and whose they are."""

WHY: dict[str, Any] = {
    Reason.NO_HEADER: gettext_lazy("it sent no Authorization header"),
    Reason.OTHER_SCHEME: gettext_lazy("the Authorization header is of another kind than Bearer"),
    Reason.DOUBLED_BEARER: gettext_lazy("the word Bearer stands twice before the token"),
    Reason.MALFORMED: gettext_lazy("the Authorization header is more than a token"),
    Reason.MISTYPED: gettext_lazy("what it sent is not a whole token of ours"),
    Reason.UNKNOWN: gettext_lazy("there is no such token"),
    Reason.OTHER_TENANT: gettext_lazy("the token belongs to somebody else"),
    Reason.WRONG_SUBDOMAIN: gettext_lazy(
        "it sent the token to “%(host)s”, which is another address"
    ),
    Reason.REVOKED: gettext_lazy("the token is revoked"),
    Reason.EXPIRED: gettext_lazy("the token has expired"),
    Reason.CLOCK: gettext_lazy(
        "the token has expired by our clock, and the client's clock shows another time"
    ),
    Reason.NETWORK: gettext_lazy(
        "it came from %(address)s, which is outside the networks the token is allowed from"
    ),
    Reason.SWITCHED_OFF: gettext_lazy("SCIM is switched off here"),
    Reason.UNKNOWN_TENANT: gettext_lazy("there is nobody at that address"),
    Reason.BASE_URL: gettext_lazy("the base URL is wrong"),
    Reason.NOT_HTTPS: gettext_lazy("the base URL begins with http: instead of https:"),
    Reason.SCOPE: gettext_lazy("the token does not allow that"),
    Reason.CREATE_OFF: gettext_lazy("creating people is switched off here"),
    Reason.EMAIL_DOMAIN: gettext_lazy("the domain of %(address)s is not accepted here"),
    Reason.TAKEN: gettext_lazy("that userName belongs to somebody else"),
    Reason.TAKEN_INACTIVE: gettext_lazy(
        "that userName belongs to a person who was deactivated%(since)s"
    ),
    Reason.PROTECTED: gettext_lazy("the account is protected"),
}
"""The second half of “refused: …”. Placeholders are filled from ``Event.facts``."""

ADVICE: dict[str, Any] = {
    Reason.NO_HEADER: gettext_lazy(
        "Set the authentication mode to “HTTP Header” and paste the token."
    ),
    Reason.OTHER_SCHEME: gettext_lazy(
        "Set the authentication mode to “HTTP Header” instead of user name and password."
    ),
    Reason.DOUBLED_BEARER: gettext_lazy(
        "Paste the token alone: the identity provider writes Bearer before it."
    ),
    Reason.MALFORMED: gettext_lazy("Paste the token alone, without words or spaces around it."),
    Reason.MISTYPED: gettext_lazy("Copy the whole token again, or issue a new one."),
    Reason.UNKNOWN: gettext_lazy("Issue a new token and paste that."),
    Reason.OTHER_TENANT: gettext_lazy(
        "Whoever set the connection up has pasted a token issued for another address."
    ),
    Reason.WRONG_SUBDOMAIN: gettext_lazy("Correct the base URL; it is shown on this page."),
    Reason.REVOKED: gettext_lazy("Paste the token that replaced it, or issue a new one."),
    Reason.EXPIRED: gettext_lazy("Issue a new token and paste that."),
    Reason.CLOCK: gettext_lazy("Compare the server's clock with the right time, then rotate."),
    Reason.NETWORK: gettext_lazy(
        "Add that address to the token's allowed networks if it is the identity provider's."
    ),
    Reason.SWITCHED_OFF: gettext_lazy("Switch SCIM on, on this page."),
    Reason.BASE_URL: gettext_lazy(
        "Correct the base URL: it ends in /scim/v2, with nothing behind it."
    ),
    Reason.NOT_HTTPS: gettext_lazy("Correct the base URL: it begins with https:."),
    Reason.SCOPE: gettext_lazy("Issue or change a token that has the scope."),
    Reason.CREATE_OFF: gettext_lazy("Allow new people on the connection's page."),
    Reason.EMAIL_DOMAIN: gettext_lazy("Add the domain on the connection's page."),
    Reason.TAKEN: gettext_lazy("Run the import in Okta, so that it links the person."),
    Reason.TAKEN_INACTIVE: gettext_lazy("Reassign the app in Okta to reactivate them."),
    Reason.PROTECTED: gettext_lazy("Unassign the person from the app."),
}
"""What to do about a reason."""


def client_name(user_agent: str) -> str:
    """Who sent a request, as far as they say."""
    known = next((name for word, name in CLIENTS if word in user_agent.lower()), None)
    return known or user_agent.partition("/")[0].strip()[:40] or _("A client without a name")


def sentence(event: Event) -> str:
    """What happened, in one sentence."""
    who = {"client": client_name(event.client), "person": _person(event)}
    if event.status < 400:
        return _done(event) % who
    why = reason_text(event)
    if event.reason in NOT_LET_IN:
        return _("%(client)s was not let in: %(why)s.") % (who | {"why": why})
    return f"{_tried(event) % who}; {_('refused')}: {why}."


def advice(event: Event) -> str:
    """What to do about a refusal; empty if nothing is to be done, or nothing is known."""
    return str(ADVICE.get(event.reason, ""))


def reason_text(event: Event) -> str:
    """Why a request was refused, as the end of a sentence."""
    facts: dict[str, str] = {"address": "?", "host": "?", "since": ""} | event.facts
    if facts["since"]:
        facts["since"] = " " + _("on %(day)s") % {"day": _day(facts["since"])}
    if event.reason in WHY:
        return str(WHY[event.reason]) % facts
    return str(event.detail).rstrip(".") or str(event.status)


def _day(moment: str) -> str:
    then = timezone.localtime(datetime.fromisoformat(moment))
    this_year = then.year == timezone.localtime().year
    return date_format(then, "j F" if this_year else "j F Y")


def _person(event: Event) -> str:
    return event.user_name or event.resource_id or pgettext("unknown person", "somebody")


def _done(event: Event) -> str:
    if event.verb in ("replace", "patch") and not event.changes:
        return _("%(client)s sent %(person)s again; nothing was to be changed.")
    return {
        "create": _("%(client)s created %(person)s."),
        "replace": _("%(client)s updated %(person)s."),
        "patch": _("%(client)s updated %(person)s."),
        "deactivate": _("%(client)s deactivated %(person)s."),
        "reactivate": _("%(client)s reactivated %(person)s."),
        "delete": _("%(client)s deleted %(person)s."),
    }.get(event.verb, _("%(client)s read."))


def _tried(event: Event) -> str:
    return {
        "create": _("%(client)s tried to create %(person)s"),
        "replace": _("%(client)s tried to update %(person)s"),
        "patch": _("%(client)s tried to update %(person)s"),
        "delete": _("%(client)s tried to delete %(person)s"),
    }.get(event.verb, _("%(client)s tried to read"))
