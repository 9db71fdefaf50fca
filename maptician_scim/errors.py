"""From an exception to a SCIM Error: the one place where anything unforeseen is caught."""

from __future__ import annotations

import logging

import scim2_models as scim
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions as drf

from maptician_scim.exceptions import (
    Forbidden,
    InternalError,
    InvalidSyntax,
    InvalidValue,
    MethodNotAllowed,
    NotFound,
    ScimError,
    Unavailable,
    UnsupportedMediaType,
)
from maptician_scim.protocol.messages import scim_error

logger = logging.getLogger(__name__)


def as_scim_error(error: Exception, correlation_id: str) -> ScimError:
    """The error a client is answered with."""
    if isinstance(error, ScimError):
        return error
    if isinstance(error, scim.SCIMException):
        return scim_error(error)
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
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.error("Request %s failed in the database", correlation_id, exc_info=error)
        return Unavailable()
    logger.error("Request %s failed unforeseen", correlation_id, exc_info=error)
    return InternalError(
        f"The request failed for a reason that was not foreseen. Report it as {correlation_id}."
    )
