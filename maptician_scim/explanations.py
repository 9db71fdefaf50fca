"""Events in the words of the people who are asked about them: one sentence, and what to do."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from maptician_scim.exceptions import NOT_LET_IN, Reason
from maptician_scim.models import Event

ENTRA = "Microsoft Entra"

CLIENTS = (
    ("okta", "Okta"),
    ("microsoft", ENTRA),
    ("azure", ENTRA),
    ("entra", ENTRA),
    ("onelogin", "OneLogin"),
    ("jumpcloud", "JumpCloud"),
    ("pingfederate", "PingFederate"),
    ("authentik", "authentik"),
)
"""Words in a User-Agent, in lower case, and whose they are."""

DONE: dict[str, Any] = {
    "create": gettext_lazy("%(client)s created %(person)s."),
    "replace": gettext_lazy("%(client)s updated %(person)s."),
    "patch": gettext_lazy("%(client)s updated %(person)s."),
    "deactivate": gettext_lazy("%(client)s deactivated %(person)s."),
    "reactivate": gettext_lazy("%(client)s reactivated %(person)s."),
    "delete": gettext_lazy("%(client)s deleted %(person)s."),
    "trip": gettext_lazy(
        "The safeguard has stopped %(client)s, which wanted to take more than %(limit)s people "
        "away within an hour."
    ),
    "keep": gettext_lazy("%(admin)s kept the brake of the safeguard."),
    "release": gettext_lazy("%(admin)s released the brake of the safeguard."),
}
"""What a verb has done."""

TRIED: dict[str, Any] = {
    "create": gettext_lazy("%(client)s tried to create %(person)s"),
    "replace": gettext_lazy("%(client)s tried to update %(person)s"),
    "patch": gettext_lazy("%(client)s tried to update %(person)s"),
    "delete": gettext_lazy("%(client)s tried to delete %(person)s"),
    "read": gettext_lazy("%(client)s tried to read %(person)s"),
}
"""The first half of a refusal."""

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
    Reason.THROTTLED: gettext_lazy("it sends more than %(rate)s with this token"),
    Reason.FAILED_TOO_OFTEN: gettext_lazy(
        "more than %(rate)s without a valid token came from %(address)s"
    ),
    Reason.SCOPE: gettext_lazy("the token does not have the scope “%(scope)s”"),
    Reason.CREATE_OFF: gettext_lazy("creating people is switched off here"),
    Reason.EMAIL_DOMAIN: gettext_lazy("the domain of %(address)s is not accepted here"),
    Reason.TAKEN: gettext_lazy("that userName belongs to somebody else"),
    Reason.TAKEN_INACTIVE: gettext_lazy(
        "that userName belongs to a person who was deactivated%(where)s%(since)s"
    ),
    Reason.PROTECTED: gettext_lazy("the account is protected from provisioning"),
    Reason.SHARED: gettext_lazy("the person's account is used by other tenants too"),
    Reason.TOO_LONG: gettext_lazy(
        "“%(attribute)s” has %(length)s characters, and at most %(limit)s can be kept"
    ),
    Reason.HOST_RULE: gettext_lazy("a rule of the application itself does not allow it"),
    Reason.GROUP_TAKEN: gettext_lazy("another group is called “%(name)s”"),
    Reason.GROUP_NOT_OPEN: gettext_lazy(
        "Maptician has a group called “%(name)s”, which is not opened to SCIM"
    ),
    Reason.UNKNOWN_MEMBER: gettext_lazy("nobody here has the id %(members)s"),
    Reason.NESTED_GROUP: gettext_lazy("a group cannot be a member of a group here"),
    Reason.SAFEGUARD: gettext_lazy(
        "more than %(limit)s people would have been taken away within an hour, so the safeguard "
        "holds it back"
    ),
}
"""The second half of “refused: …”. Placeholders are filled from ``Event.facts``."""

WHY_BY_STATUS: dict[int, Any] = {
    405: gettext_lazy("the address exists, but cannot be used in this way"),
    412: gettext_lazy("the person has changed since the client last read them"),
    415: gettext_lazy("the body is not declared as JSON"),
    500: gettext_lazy("something went wrong here that nobody had foreseen"),
    503: gettext_lazy("the database did not answer in time, and nothing was changed"),
}
"""The same for refusals without a reason, where the status says it better than the answer did."""

WHY_OF_GROUPS: dict[int, Any] = {
    412: gettext_lazy("the group has changed since the client last read it"),
}
"""Where that would be said of a person."""

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
    Reason.THROTTLED: gettext_lazy(
        "Nothing, if it is an identity provider at work: it waits and tries again. If the token "
        "has got into other hands, rotate it."
    ),
    Reason.FAILED_TOO_OFTEN: gettext_lazy(
        "Nothing, if that address is nobody you know: valid tokens are let in all the same. If it "
        "is the identity provider's, see the refusals before this one."
    ),
    Reason.SCOPE: gettext_lazy("Issue or change a token that has the scope."),
    Reason.CREATE_OFF: gettext_lazy("Allow new people on the connection's page."),
    Reason.EMAIL_DOMAIN: gettext_lazy("Add the domain on the connection's page."),
    Reason.TAKEN: gettext_lazy("Run the import in Okta, so that it links the person."),
    Reason.TAKEN_INACTIVE: gettext_lazy("Reassign the app in Okta to reactivate them."),
    Reason.PROTECTED: gettext_lazy(
        "Unassign the person from the app: accounts of administrators are managed in Maptician."
    ),
    Reason.SHARED: gettext_lazy(
        "Leave the attribute out of the app's mapping: people change their own account themselves."
    ),
    Reason.TOO_LONG: gettext_lazy(
        "Shorten the value in the identity provider, or leave the attribute out of the mapping."
    ),
    Reason.HOST_RULE: gettext_lazy(
        "Look for the correlation id in the application's log: it says which rule."
    ),
    Reason.GROUP_TAKEN: gettext_lazy(
        "Link the group in the identity provider to the one that is here, or rename one of them."
    ),
    Reason.GROUP_NOT_OPEN: gettext_lazy(
        "Open that group to SCIM here, then link it in the identity provider; or rename one."
    ),
    Reason.UNKNOWN_MEMBER: gettext_lazy(
        "Assign these people to the app, and wait until they are provisioned; then push the group "
        "again."
    ),
    Reason.NESTED_GROUP: gettext_lazy("Push the groups one by one, each with its own people."),
    Reason.SAFEGUARD: gettext_lazy(
        "Ask the customer whether it is meant, and release or keep the brake on the connection's "
        "page."
    ),
}
"""What to do about a reason."""

ADVICE_BY_SCIM_TYPE: dict[str, Any] = {
    "invalidFilter": gettext_lazy(
        "Let the client look people up by an attribute that can be filtered, such as userName."
    ),
    "invalidValue": gettext_lazy(
        "Correct the value in the identity provider, or its attribute mapping, and push again."
    ),
    "invalidSyntax": gettext_lazy("Look at the request below: its body is not what SCIM foresees."),
    "invalidPath": gettext_lazy("Correct the attribute's name in the attribute mapping."),
    "noTarget": gettext_lazy("Correct the attribute's path in the attribute mapping."),
    "tooMany": gettext_lazy(
        "Let the client ask for fewer resources at once, or without the attribute that is so large."
    ),
    "mutability": gettext_lazy("Take the attribute out of the mapping: it cannot be changed."),
}
"""What to do about refusals that have no reason."""

ADVICE_BY_STATUS: dict[int, Any] = {
    404: gettext_lazy(
        "If it is a person who was deleted here: unassign the app and assign it again, so that the "
        "identity provider creates them anew."
    ),
    405: gettext_lazy("Set the client up for SCIM 2.0."),
    409: gettext_lazy("Deactivate the person instead of deleting them."),
    412: gettext_lazy("Nothing: the client reads the person again and repeats its change."),
    413: gettext_lazy("Leave large attributes, such as photos, out of the mapping."),
    415: gettext_lazy("Set the client up for SCIM 2.0: application/scim+json."),
    431: gettext_lazy("Look for the proxy that adds so many headers, or such long ones."),
    500: gettext_lazy("Look for the correlation id in the application's log."),
    501: gettext_lazy("Switch group push off and assign people instead."),
    503: gettext_lazy(
        "Nothing: the client tries again by itself. If it happens often, look at the database."
    ),
}
"""The same, where there is no scimType either."""

ADVICE_OF_GROUPS: dict[str | int, Any] = {
    "invalidFilter": gettext_lazy(
        "Let the client look groups up by an attribute that can be filtered, such as displayName."
    ),
    404: gettext_lazy(
        "If it is a group that was deleted or closed here: unlink it in the identity provider "
        "(Okta: Push Groups, Unlink pushed group), then push it again."
    ),
    409: gettext_lazy("Take its members out instead of deleting it."),
    412: gettext_lazy("Nothing: the client reads the group again and repeats its change."),
}
"""The same for groups, by scimType or status, where it differs."""

SENTENCE_END = re.compile(r"\.\s+(?=[A-Z])")


class Facts(dict[str, str]):
    """What an explanation names; ``?`` stands for what is not known, or was erased."""

    def __missing__(self, name: str) -> str:
        return "?"


def client_name(user_agent: str) -> str:
    """Who sent a request, as far as they say."""
    known = next((name for word, name in CLIENTS if word in user_agent.lower()), None)
    return known or user_agent.partition("/")[0].strip()[:40] or _("A client without a name")


def sentence(event: Event) -> str:
    """What happened, in one sentence."""
    who = {"client": client_name(event.client), "person": _person(event)}
    if event.status < 400:
        return _with_members(_done(event) % Facts(event.facts | who), event)
    why = reason_text(event)
    if event.reason in NOT_LET_IN:
        return _("%(client)s was not let in: %(why)s.") % (who | {"why": why})
    return f"{_tried(event) % who}; {_('refused')}: {why}."


def outcome(event: Event) -> str:
    """``"done"``, ``"refused"``, or ``"not-let-in"`` where it was about the whole connection."""
    if event.status < 400:
        return "done"
    return "not-let-in" if event.reason in NOT_LET_IN else "refused"


def advice(event: Event) -> str:
    """What to do about a refusal; empty for what was not refused."""
    if event.status < 400:
        return ""
    of_groups = ADVICE_OF_GROUPS if event.resource_type == "Group" else {}
    found = (
        ADVICE.get(event.reason)
        or of_groups.get(event.scim_type or event.status)
        or ADVICE_BY_SCIM_TYPE.get(event.scim_type)
        or ADVICE_BY_STATUS.get(event.status)
    )
    return str(found or "")


def reason_text(event: Event) -> str:
    """Why a request was refused, as the end of a sentence."""
    if event.reason in WHY:
        facts = Facts(event.facts)
        facts.update(_deactivated(facts))
        why: str = str(WHY[event.reason]) % facts
        return why
    if event.resource_type == "Group" and event.status in WHY_OF_GROUPS:
        return str(WHY_OF_GROUPS[event.status])
    if event.status in WHY_BY_STATUS:
        return str(WHY_BY_STATUS[event.status])
    return _clause(event.detail) or str(event.status)


def _deactivated(facts: dict[str, str]) -> dict[str, str]:
    """Where and when somebody was deactivated, as far as that is known."""
    where = " " + _("in Maptician itself") if facts.get("by") == "host" else ""
    since = ""
    if "since" in facts:
        since = " " + _("on %(day)s") % {"day": _day(facts["since"])}
    elif "by_then" in facts:
        since = ", " + _("on %(day)s or before") % {"day": _day(facts["by_then"])}
    return {"where": where, "since": since}


def _clause(detail: str) -> str:
    """The first sentence of what the client was answered, to stand behind a colon."""
    first = SENTENCE_END.split(detail)[0].rstrip(".")
    starts_as_a_word = first[:1].isupper() and first[1:2].islower()
    return first[:1].lower() + first[1:] if starts_as_a_word else first


def _day(moment: str) -> str:
    then = timezone.localtime(datetime.fromisoformat(moment))
    this_year = then.year == timezone.localtime().year
    return date_format(then, "j F" if this_year else "j F Y")


def _person(event: Event) -> str:
    """Whom or what an event is about. Groups have no userName: their names are among the facts."""
    if event.resource_type == "Group":
        name = event.facts.get("group") or event.resource_id
        return _("the group “%(name)s”") % {"name": name} if name else _("a group")
    return event.user_name or event.resource_id or pgettext("unknown person", "somebody")


def _done(event: Event) -> str:
    if event.verb in ("replace", "patch") and not event.has_changes:
        return _("%(client)s sent %(person)s again; nothing was to be changed.")
    return str(DONE.get(event.verb) or _("%(client)s read."))


def _with_members(text: str, event: Event) -> str:
    """The sentence, with how many have come into a group and gone."""
    counts = [
        words % {"number": event.facts[side]}
        for side, words in (("added", _("%(number)s added")), ("removed", _("%(number)s removed")))
        if side in event.facts
    ]
    return f"{text.removesuffix('.')}: {', '.join(counts)}." if counts else text


def _tried(event: Event) -> str:
    if event.verb == "read" and not event.resource_id and event.resource_type == "Group":
        return _("%(client)s tried to look groups up")
    if event.verb == "read" and not event.resource_id:
        return _("%(client)s tried to look people up")
    return str(TRIED.get(event.verb) or _("%(client)s sent a request"))
