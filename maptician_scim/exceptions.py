"""Every error this app answers with: one class per protocol error (RFC 7644 section 3.12).

Domain code raises them; ``errors.py`` renders them. ``detail`` is read by the customer's
administrator in Okta or Entra, so it names the attribute and says what to do, and never holds a
secret or anything of another tenant.
"""

from __future__ import annotations

from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Reason(TextChoices):
    """Why a request was refused, told more finely than to the client: for the tenant's own log."""

    NO_HEADER = "no_header", _("no Authorization header")
    OTHER_SCHEME = "other_scheme", _("another authentication scheme")
    DOUBLED_BEARER = "doubled_bearer", _("the word Bearer is doubled")
    MALFORMED = "malformed", _("malformed Authorization header")
    MISTYPED = "mistyped", _("not a token of ours, or mistyped")
    UNKNOWN = "unknown", _("unknown token")
    OTHER_TENANT = "other_tenant", _("token of another tenant")
    WRONG_SUBDOMAIN = "wrong_subdomain", _("token sent to another tenant's address")
    REVOKED = "revoked", _("revoked token")
    EXPIRED = "expired", _("expired token")
    CLOCK = "clock", _("expired token, and the clocks disagree")
    NETWORK = "network", _("outside the allowed networks")
    SWITCHED_OFF = "switched_off", _("SCIM is switched off")
    UNKNOWN_TENANT = "unknown_tenant", _("unknown tenant")
    BASE_URL = "base_url", _("wrong base URL")
    NOT_HTTPS = "not_https", _("base URL without TLS")
    THROTTLED = "throttled", _("too many requests")
    FAILED_TOO_OFTEN = "failed_too_often", _("too many requests without a valid token")
    SCOPE = "scope", _("not allowed to this token")
    CREATE_OFF = "create_off", _("creating people is switched off")
    EMAIL_DOMAIN = "email_domain", _("e-mail domain not accepted")
    TAKEN = "taken", _("userName taken")
    TAKEN_INACTIVE = "taken_inactive", _("userName of a deactivated person")
    PROTECTED = "protected", _("protected account")
    SHARED = "shared", _("account used by other tenants too")
    TOO_LONG = "too_long", _("value too long")
    HOST_RULE = "host_rule", _("a rule of the application")
    GROUP_TAKEN = "group_taken", _("group name taken")
    GROUP_NOT_OPEN = "group_not_open", _("group of the application, not opened to SCIM")
    UNKNOWN_MEMBER = "unknown_member", _("unknown member")
    NESTED_GROUP = "nested_group", _("group in a group")
    SAFEGUARD = "safeguard", _("held back by the safeguard")


NOT_LET_IN = frozenset(list(Reason)[: list(Reason).index(Reason.SCOPE)])
"""The reasons that say something of the connection as a whole, and not of one request."""


class ScimError(Exception):
    """An error with a SCIM representation.

    ``reason`` and ``facts``, what its explanation names, are for the tenant's own log.
    """

    status = 400
    scim_type: str | None = None
    default_detail = "The request cannot be carried out."

    def __init__(
        self,
        detail: str | None = None,
        *,
        reason: Reason | None = None,
        facts: dict[str, str] | None = None,
    ) -> None:
        self.detail = detail or self.default_detail
        self.reason = reason
        self.facts = facts or {}
        super().__init__(self.detail)


class InvalidFilter(ScimError):
    """The filter is malformed, too large, or names what cannot be filtered (section 3.4.2.2)."""

    scim_type = "invalidFilter"
    default_detail = "The filter cannot be understood."


class InvalidSyntax(ScimError):
    """The body is not JSON, or not the JSON object the operation takes."""

    scim_type = "invalidSyntax"
    default_detail = "The request body is not a JSON object."


class InvalidPath(ScimError):
    """The ``path`` of a PATCH operation is malformed (section 3.5.2)."""

    scim_type = "invalidPath"
    default_detail = "The path cannot be understood."


class NoTarget(ScimError):
    """The ``path`` of a PATCH operation selects nothing (section 3.5.2)."""

    scim_type = "noTarget"
    default_detail = "The path selects nothing that could be changed."


class InvalidValue(ScimError):
    """A value is missing, of the wrong type, or one the host cannot take."""

    scim_type = "invalidValue"
    default_detail = "A value is missing or not acceptable."


class InvalidCursor(ScimError):
    """The cursor is none of ours, or belongs to another query (RFC 9865 section 2.1).

    One text for all of them, so that nothing is told about other tenants' cursors.
    """

    scim_type = "invalidCursor"
    default_detail = (
        "The cursor is not valid for this query. Send an empty one for the first page, and then "
        "'nextCursor' or 'previousCursor' of an answer, with all other parameters unchanged."
    )


class ExpiredCursor(ScimError):
    """The cursor is older than ``CURSOR_LIFETIME`` (RFC 9865 section 2.1)."""

    scim_type = "expiredCursor"
    default_detail = "The cursor has expired. Begin again with an empty one."


class InvalidCount(ScimError):
    """The page size is no number, too large, or another than before (RFC 9865 section 2.1)."""

    scim_type = "invalidCount"
    default_detail = "'count' must be the same number for all pages of a query."


class Mutability(ScimError):
    """The attribute cannot be changed in this way (section 3.5.2)."""

    scim_type = "mutability"
    default_detail = "The attribute cannot be changed."


class TooMany(ScimError):
    """The answer would be larger than the service provider sends (section 3.12, table 9)."""

    scim_type = "tooMany"
    default_detail = "The answer would be too large."


class Uniqueness(ScimError):
    """Another resource of the tenant has this value already (section 3.3)."""

    status = 409
    scim_type = "uniqueness"
    default_detail = "A value that must be unique is taken."


class Conflict(ScimError):
    """The state of the host does not allow the operation."""

    status = 409
    default_detail = "The resource cannot be changed in its present state."


class Unauthorized(ScimError):
    """No token, or none that is valid here: one text for all of them, so it is no oracle.

    ``reason`` and ``prefix`` are for the tenant's own log, never for the client.
    """

    status = 401
    default_detail = (
        "The bearer token is missing or not valid for this address. "
        "Copy the token again, or ask for a new one."
    )

    def __init__(
        self, reason: Reason, prefix: str = "", *, facts: dict[str, str] | None = None
    ) -> None:
        super().__init__(reason=reason, facts=facts)
        self.prefix = prefix


class Forbidden(ScimError):
    """The token or the account does not allow the operation."""

    status = 403
    default_detail = "This token does not allow the operation."


class NotFound(ScimError):
    """No such resource or endpoint for this tenant."""

    status = 404
    default_detail = "There is no such resource."


class UnknownTenant(NotFound):
    """The host name belongs to no tenant; the answer tells nothing more."""

    default_detail = "There is nothing here."

    def __init__(self) -> None:
        super().__init__(reason=Reason.UNKNOWN_TENANT)


class MethodNotAllowed(ScimError):
    """The endpoint exists, the method does not."""

    status = 405
    default_detail = "The endpoint does not support this method."


class RefusedByHost(Conflict):
    """A rule of the host's own, in a receiver or a constraint, does not allow the change."""

    default_detail = "The application refused this change because of a rule of its own."

    def __init__(self) -> None:
        super().__init__(reason=Reason.HOST_RULE)


class PreconditionFailed(ScimError):
    """``If-Match`` names another version than the present one (section 3.14)."""

    status = 412
    default_detail = "The resource has changed since it was read. Read it again."


class PayloadTooLarge(ScimError):
    """The body is larger than the service provider takes."""

    status = 413
    default_detail = "The request body is too large."


class UnsupportedMediaType(ScimError):
    """The body is not declared as JSON."""

    status = 415
    default_detail = "Send application/scim+json or application/json."


class TooManyRequests(ScimError):
    """The client, or somebody at its address, has to wait ``retry_after`` seconds (RFC 6585).

    An integer: Okta reads no other (RFC 9110 section 10.2.3 has dates, too).
    """

    status = 429
    default_detail = "Too many requests. Nothing was changed; try again later."

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: int,
        reason: Reason | None = None,
        facts: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail, reason=reason, facts=facts)
        self.retry_after = retry_after


class HeadersTooLarge(ScimError):
    """The headers are larger than the service provider takes (RFC 6585 section 5)."""

    status = 431
    default_detail = "The headers of the request are too large."


class StoppedBySafeguard(TooManyRequests):
    """Too many people would lose their access, or their place in a group, within an hour.

    ``held``, whom or what the safeguard lists as held back, is a ``HeldBack`` that is not saved.
    """

    def __init__(self, held: Any, limit: int, retry_after: int) -> None:
        self.held, self.limit = held, limit
        what = (
            f"This group was not changed, because more than {limit} people were to leave it"
            if held.is_group
            else f"This person keeps their access, because more than {limit} people were to be "
            "deactivated or deleted"
        )
        super().__init__(
            f"{what} within an hour. That looks like a mistake, so the safeguard of Maptician "
            "holds it back. If it is meant, ask Maptician's administrator to release it: it is let "
            "through when it is sent again, which Okta does by itself up to ten times. If it is "
            "not meant, correct the assignments.",
            retry_after=retry_after,
            reason=Reason.SAFEGUARD,
            facts={"limit": str(limit)},
        )


class InternalError(ScimError):
    """What nobody foresaw; the log has the traceback under the correlation id."""

    status = 500
    default_detail = "The request failed for a reason that was not foreseen."


class NotImplementedHere(ScimError):
    """A part of SCIM this service provider does not have."""

    status = 501
    default_detail = "This operation is not supported."


class Unavailable(ScimError):
    """The database did not answer; nothing was written, so trying again is safe."""

    status = 503
    default_detail = "The service is busy. Nothing was changed; try again later."


class CannotRotate(Exception):
    """A token cannot be rotated now. The message, which is for an admin, says why."""


class CannotOpen(Exception):
    """A group cannot be opened to SCIM. The message, which is for an admin, says why."""


BY_SCIM_TYPE: dict[str, type[ScimError]] = {
    error.scim_type: error
    for error in (
        InvalidFilter,
        InvalidSyntax,
        InvalidPath,
        NoTarget,
        InvalidValue,
        InvalidCursor,
        ExpiredCursor,
        InvalidCount,
        Mutability,
        TooMany,
        Uniqueness,
    )
    if error.scim_type
}
"""The class for each ``scimType`` that a library may name."""
