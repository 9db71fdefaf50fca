"""What is accepted although the RFCs do not foresee it: the list, and who does it.

Code that accepts a deviation calls ``tolerate`` where it does. The event of the request then says
so, and in strict mode (the setting ``STRICT``) the request is refused there instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import (
    InvalidPath,
    InvalidValue,
    Mutability,
    NoTarget,
    Reason,
    ScimError,
    Unauthorized,
)

SHOWN = 100
"""Characters of a place that a refusal names."""

_noted: ContextVar[list[Tolerance] | None] = ContextVar("scim_tolerances", default=None)


class Tolerance(StrEnum):
    """One deviation that is accepted. The value is its stable name in the provisioning log."""

    ACTIVE_AS_TEXT = "active_as_text"
    BOOLEAN_AS_TEXT = "boolean_as_text"
    NUMBER_AS_TEXT = "number_as_text"
    DATE_WITHOUT_TIME = "date_without_time"
    EMPTY_VALUE = "empty_value"
    ONE_OBJECT = "one_object"
    TWO_PRIMARIES = "two_primaries"
    EMAIL_WITHOUT_ADDRESS = "email_without_address"
    MANAGER_AS_TEXT = "manager_as_text"
    MANAGER_AS_LIST = "manager_as_list"
    MANAGER_WITHOUT_REF = "manager_without_ref"
    ROLE_AS_TEXT = "role_as_text"
    ROLE_AS_JSON = "role_as_json"
    UNKNOWN_SCHEMA = "unknown_schema"
    CAPITALISED_OP = "capitalised_op"
    PATHS_AS_KEYS = "paths_as_keys"
    EXTENSION_WITHOUT_URN = "extension_without_urn"
    ENTRY_CREATED = "entry_created"
    READ_ONLY_SENT_BACK = "read_only_sent_back"
    UNKNOWN_ATTRIBUTE = "unknown_attribute"
    REMOVE_BY_VALUE = "remove_by_value"
    REMOVE_WITH_VALUE = "remove_with_value"
    BARE_TOKEN = "bare_token"  # noqa: S105


@dataclass(frozen=True)
class Deviation:
    """What a tolerance is about."""

    clients: str
    """Who does it."""

    sentence: str | Promise
    """What they do, for the provisioning log: ``Entra sends active as text``."""

    meaning: str
    """What is made of it."""

    rule: str
    """What the RFC asks for instead, as strict mode answers it."""

    refusal: Callable[[str], ScimError] = InvalidValue


DEVIATIONS: dict[Tolerance, Deviation] = {
    Tolerance.ACTIVE_AS_TEXT: Deviation(
        "Entra, OneLogin",
        _("Entra sends active as text"),
        '`"False"` is `false`, in any case',
        "a boolean is true or false, not text (RFC 7643 section 2.3.2)",
    ),
    Tolerance.BOOLEAN_AS_TEXT: Deviation(
        "Entra",
        _("Entra sends a boolean as text"),
        'the same for other booleans, such as `primary`, and in filters: `active eq "True"`',
        "a boolean is true or false, not text (RFC 7643 section 2.3.2)",
    ),
    Tolerance.NUMBER_AS_TEXT: Deviation(
        "Entra",
        _("Entra sends a number as text"),
        'in attributes of your own extensions, `"42"` is 42',
        "a number is not text (RFC 7643 sections 2.3.3 and 2.3.4)",
    ),
    Tolerance.DATE_WITHOUT_TIME: Deviation(
        "Okta",
        _("Okta sends a date without a time"),
        "in attributes of your own extensions, it is the beginning of the day in UTC",
        "a dateTime has a date and a time (RFC 7643 section 2.3.5)",
    ),
    Tolerance.EMPTY_VALUE: Deviation(
        "Okta, OneLogin",
        _("Okta sends an empty text for an attribute without a value"),
        '`""`, and `null` in an add, leave the attribute without a value',
        "an attribute without a value is null or left out, not empty (RFC 7643 section 2.5)",
    ),
    Tolerance.ONE_OBJECT: Deviation(
        "OneLogin",
        _("OneLogin sends emails as one object"),
        "one object in place of an array is an array of one",
        "a multi-valued attribute is an array (RFC 7643 section 2.4)",
    ),
    Tolerance.TWO_PRIMARIES: Deviation(
        "Okta",
        _("Okta sends two primary entries"),
        "the last one stays primary",
        "one entry at most is primary (RFC 7643 section 2.4)",
    ),
    Tolerance.EMAIL_WITHOUT_ADDRESS: Deviation(
        "Entra",
        _("Entra sends an e-mail that is no address"),
        "it is kept as it is sent",
        "an e-mail is an address such as pat@example.com (RFC 7643 section 4.1.2)",
    ),
    Tolerance.MANAGER_AS_TEXT: Deviation(
        "Entra",
        _("Entra sends the manager as text"),
        "the text is `manager.value`",
        "the manager is an object (RFC 7643 section 4.3)",
    ),
    Tolerance.MANAGER_AS_LIST: Deviation(
        "Entra",
        _("Entra sends the manager as a list"),
        "the first entry is the manager",
        "the manager is an object, not an array (RFC 7643 section 4.3)",
    ),
    Tolerance.MANAGER_WITHOUT_REF: Deviation(
        "Okta",
        _("Okta sends the manager without $ref"),
        "`manager.value` is free text, kept as it is sent",
        "a manager has a $ref (RFC 7643 section 4.3)",
    ),
    Tolerance.ROLE_AS_TEXT: Deviation(
        "Entra",
        _("Entra sends roles as text"),
        "the text is the role's `value`",
        "a role is an object in an array (RFC 7643 section 2.4)",
    ),
    Tolerance.ROLE_AS_JSON: Deviation(
        "Entra",
        _("Entra sends roles as JSON in a text"),
        "the text is the role's `value`, unread",
        "a role is an object in an array (RFC 7643 section 2.4)",
    ),
    Tolerance.UNKNOWN_SCHEMA: Deviation(
        "Entra",
        _("Entra lists a schema that nobody declares"),
        "it is passed over",
        "there is no such schema (RFC 7643 section 3)",
    ),
    Tolerance.CAPITALISED_OP: Deviation(
        "Entra",
        _("Entra capitalises op"),
        "`Add`, `Replace` and `Remove` are taken in any case",
        "op is one of add, remove and replace in lower case (RFC 7644 section 3.5.2)",
    ),
    Tolerance.PATHS_AS_KEYS: Deviation(
        "Entra",
        _("Entra sends paths as keys of a value"),
        "`name.givenName` or an attribute's URN as a key is a path",
        "a value names attributes, a path belongs into path (RFC 7644 section 3.5.2)",
        InvalidPath,
    ),
    Tolerance.EXTENSION_WITHOUT_URN: Deviation(
        "Entra",
        _("Entra names an extension's attribute without its URN"),
        "`department` and `manager` are those of the enterprise extension",
        "an extension's attribute is named with its URN (RFC 7644 section 3.10)",
        InvalidPath,
    ),
    Tolerance.ENTRY_CREATED: Deviation(
        "Entra",
        _("Entra writes to an entry that is not there"),
        'the entry is made that `emails[type eq "work"]` describes; any other filter is refused',
        "no entry matches the filter (RFC 7644 section 3.5.2.3)",
        NoTarget,
    ),
    Tolerance.READ_ONLY_SENT_BACK: Deviation(
        "Okta, OneLogin",
        _("Okta sends read-only attributes in a PATCH"),
        "`id`, `meta` and `groups` in a value without a path are passed over",
        "the attribute is read-only (RFC 7644 section 3.5.2)",
        Mutability,
    ),
    Tolerance.UNKNOWN_ATTRIBUTE: Deviation(
        "Okta, Entra",
        _("Okta and Entra send attributes that nobody declares"),
        "an operation on such an attribute changes nothing",
        "there is no such attribute (RFC 7644 section 3.5.2)",
        InvalidPath,
    ),
    Tolerance.REMOVE_BY_VALUE: Deviation(
        "Entra",
        _("Entra removes entries by a list of values"),
        "just those entries are removed, not all",
        "a remove has no value; a filter in the path selects (RFC 7644 section 3.5.2.2)",
    ),
    Tolerance.REMOVE_WITH_VALUE: Deviation(
        "Entra",
        _("Entra sends a value with remove"),
        "the value is passed over",
        "a remove has no value (RFC 7644 section 3.5.2.2)",
    ),
    Tolerance.BARE_TOKEN: Deviation(
        "Okta",
        _("Okta sends the token without the word Bearer"),
        "a token alone in `Authorization` is a bearer token",
        "the token follows the word Bearer (RFC 6750 section 2.1)",
        lambda detail: Unauthorized(Reason.MALFORMED),
    ),
}
"""Every tolerance, with what the log, the documentation and strict mode say of it."""


def tolerate(
    tolerance: Tolerance, place: str, refusal: Callable[[str], ScimError] | None = None
) -> None:
    """Accept a deviation at a place, such as an attribute, and let the request's event say so.

    Raises its refusal in strict mode, or the one given.
    """
    if scim_settings.STRICT:
        deviation = DEVIATIONS[tolerance]
        refuse = refusal or deviation.refusal
        raise refuse(f"{place[:SHOWN]!r}: {deviation.rule}.")
    noted = _noted.get()
    if noted is not None and tolerance not in noted:
        noted.append(tolerance)


def sentence_of(name: str) -> str:
    """What the log says of a tolerance; the name itself of one that is no more."""
    return str(DEVIATIONS[Tolerance(name)].sentence) if name in set(Tolerance) else name


@contextmanager
def noting() -> Iterator[list[Tolerance]]:
    """The deviations that are accepted while this lasts, each once."""
    noted: list[Tolerance] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
