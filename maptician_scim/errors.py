"""From an exception to a SCIM Error: the one place where anything unforeseen is caught."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TypeVar

import scim2_models as scim
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404
from rest_framework import exceptions as drf

from maptician_scim.exceptions import (
    Forbidden,
    InternalError,
    InvalidSyntax,
    InvalidValue,
    MethodNotAllowed,
    NotFound,
    Reason,
    ScimError,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
)
from maptician_scim.protocol.messages import scim_error
from maptician_scim.transactions import FAILURES

T = TypeVar("T")

logger = logging.getLogger(__name__)


def attempted(work: Callable[[], T], correlation_id: str) -> T | ScimError:
    """The result of one of many operations, or the error it is answered with.

    What goes wrong in one must not keep the others from being done, or from being answered.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001 logged below, as for a request of its own
        return as_scim_error(error, correlation_id)


def as_scim_error(error: Exception, correlation_id: str) -> ScimError:
    """The error a client is answered with."""
    if isinstance(error, ScimError):
        if error.reason is Reason.HOST_RULE:
            _log_rule(error.__cause__, correlation_id)
        return error
    if isinstance(error, scim.SCIMException):
        return scim_error(error)
    if isinstance(error, drf.Throttled):
        return TooManyRequests(retry_after=max(1, math.ceil(getattr(error, "wait", None) or 1)))
    for kind, answer in (
        (drf.MethodNotAllowed, MethodNotAllowed()),
        (drf.UnsupportedMediaType, UnsupportedMediaType()),
        (drf.ParseError, InvalidSyntax()),
        (drf.PermissionDenied, Forbidden()),
        (PermissionDenied, Forbidden()),
        (Http404, NotFound()),
        (SuspiciousOperation, InvalidValue("The request is not acceptable.")),
    ):
        if isinstance(error, kind):
            return answer
    if isinstance(error, FAILURES):
        logger.error("Request %s failed in the database", correlation_id, exc_info=error)
        return Unavailable()
    logger.error("Request %s failed unforeseen", correlation_id, exc_info=error)
    return InternalError(
        f"The request failed for a reason that was not foreseen. Report it as {correlation_id}."
    )


def _log_rule(cause: BaseException | None, correlation_id: str) -> None:
    """Say for the host's engineers which rule of theirs refused a change.

    Of a constraint the name only: PostgreSQL's message may hold the whole row.
    """
    if isinstance(cause, DatabaseError):
        diagnosis = getattr(cause.__cause__, "diag", None)
        name = getattr(diagnosis, "constraint_name", None) or type(cause).__name__
        logger.warning("Request %s was refused by the constraint %s", correlation_id, name)
    else:
        logger.warning("Request %s was refused by a receiver", correlation_id, exc_info=cause)
