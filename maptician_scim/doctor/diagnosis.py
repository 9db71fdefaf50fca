"""From an answer that was not due to what is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
import rest_framework
from django.conf import settings
from django.db import DatabaseError
from django.http.request import validate_host
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf
from rest_framework.views import APIView

from maptician_scim import redaction
from maptician_scim.conf import scim_settings
from maptician_scim.doctor import faults
from maptician_scim.doctor.report import Finding, Step
from maptician_scim.doctor.stack import Answer, Stack, dotted, is_scim_view
from maptician_scim.exceptions import Reason, ScimError, Unavailable

LONGEST_CAUSE = 300
NOT_THE_HOSTS = (
    str(Path(django.__file__).parent),
    str(Path(rest_framework.__file__).parent),
    str(Path(__file__).parents[1]),
    str(Path(traceback.__file__).parent / "json"),
)
"""Where code lives that is not the host's."""


def diagnose(step: Step, answer: Answer, expected: int, stack: Stack) -> Finding:
    """The finding for an answer with another status than was due, or not by a SCIM view."""
    if answer.is_ours:
        return _of_our_answer(step, answer, expected, stack)
    return _of_another_answer(step, answer, stack)


def cause(answer: Answer) -> str:
    """Why a request was refused, in the words of whatever refused it first."""
    if not answer.errors:
        return answer.detail
    error = answer.errors[-1]
    while isinstance(error, ScimError) and error.__cause__ is not None:
        error = error.__cause__
    return answer.detail if isinstance(error, ScimError) else _in_words(error)


def is_allowed_host(host: str) -> bool:
    """Whether Django serves a host name."""
    allowed = settings.ALLOWED_HOSTS
    if settings.DEBUG and not allowed:
        allowed = [".localhost", "127.0.0.1", "[::1]"]  # as django.http.request has it
    return validate_host(host, allowed)


def disallowed_host(step: Step, host: str) -> Finding:
    return faults.ALLOWED_HOSTS.found(step, host, domain=scim_settings.BASE_DOMAIN)


def _of_our_answer(step: Step, answer: Answer, expected: int, stack: Stack) -> Finding:
    error = answer.errors[-1] if answer.errors else None
    if isinstance(error, drf.Throttled):
        return faults.THROTTLE.found(step, _throttles(answer.view), number=1, path=stack.path)
    if isinstance(error, drf.APIException) and not isinstance(error, _OURS):
        return _refused(step, answer, error.status_code, stack)
    reason = error.reason if isinstance(error, ScimError) else None
    if reason in (Reason.UNKNOWN_TENANT, Reason.OTHER_TENANT):
        if not is_allowed_host(stack.host):
            return disallowed_host(step, stack.host)
        return faults.HOST.found(step, stack.host, field=scim_settings.TENANT_FIELD)
    if reason == Reason.PROTECTED:
        return faults.PROTECTED.found(step)
    if answer.status == 503 or isinstance(error, (DatabaseError, Unavailable)):
        return faults.DATABASE.found(step, cause=cause(answer))
    if answer.status == 500:
        return _of_an_exception(step, error, cause(answer))
    why = str(reason.label) if reason else cause(answer)
    return faults.ANSWER.found(
        step,
        step.title,
        status=answer.status,
        expected=expected,
        detail=answer.detail,
        cause="" if why == answer.detail else why,
    )


_OURS = (drf.MethodNotAllowed, drf.UnsupportedMediaType, drf.ParseError)
"""What the SCIM views themselves let the REST framework raise."""


def _of_another_answer(step: Step, answer: Answer, stack: Stack) -> Finding:
    # What our own views refused is for whoever is to get the answer; here it got lost.
    foreign = [error for error in answer.errors if not isinstance(error, ScimError)]
    error = foreign[-1] if foreign else None
    culprit = answer.culprit or _("Something in front of the SCIM views")
    # A middleware that wants a slash raises it as an exception where DEBUG is on.
    if "APPEND_SLASH" in str(error) or _adds_a_slash(answer):
        path = answer.exchange.target.partition("?")[0]
        return faults.APPEND_SLASH.found(step, culprit, path=path)
    if answer.status == 400 and not is_allowed_host(stack.host):
        return disallowed_host(step, stack.host)
    if answer.status in (301, 302, 303, 307, 308):
        return _of_a_redirect(step, answer, culprit, stack)
    if (
        answer.status == 403
        and "csrf" in f"{culprit} {error} {answer.exchange.answer_body}".lower()
    ):
        return faults.CSRF.found(step, culprit, path=stack.path)
    if answer.status == 429:
        return faults.THROTTLE.found(step, culprit, number=1, path=stack.path)
    if isinstance(error, drf.APIException):
        return _refused(step, answer, error.status_code, stack)
    if error is not None:
        return _of_an_exception(step, error, _in_words(error))
    if answer.changed:
        kind = answer.exchange.answer_headers.get("Content-Type", "")
        return faults.CHANGED_ANSWER.found(
            step, culprit, status=answer.status, type=kind, path=stack.path
        )
    if answer.status in (401, 403):
        return _refused(step, answer, answer.status, stack)
    leads_elsewhere = answer.view is not None or answer.status == 404
    if leads_elsewhere and not is_scim_view(answer.view) and answer.culprit == dotted(answer.view):
        return _astray(step, answer, stack)
    return faults.INTERCEPTED.found(step, culprit, status=answer.status, path=stack.path)


def _astray(step: Step, answer: Answer, stack: Stack) -> Finding:
    return faults.ROUTE.found(
        step, dotted(answer.view) or _("nothing"), path=stack.path, host=stack.host
    )


def _of_a_redirect(step: Step, answer: Answer, culprit: str, stack: Stack) -> Finding:
    target = urlsplit(answer.location)
    is_same_path = target.path == answer.exchange.target.partition("?")[0]
    if target.scheme == "https" and is_same_path and target.hostname == stack.host:
        return faults.SSL_REDIRECT.found(step)
    # Without the query: it often says where to go on to, which differs from step to step.
    location = answer.location.partition("?")[0]
    return faults.REDIRECT.found(step, culprit, location=location, path=stack.path)


def _adds_a_slash(answer: Answer) -> bool:
    path = answer.exchange.target.partition("?")[0]
    return bool(answer.location) and urlsplit(answer.location).path == f"{path}/"


def _refused(step: Step, answer: Answer, status: int, stack: Stack) -> Finding:
    """The finding for an authenticator that is not ours."""
    if status == 403 and any("csrf" in str(error).lower() for error in answer.errors):
        return faults.CSRF.found(step, _authenticators(answer), path=stack.path)
    return faults.AUTHENTICATION.found(
        step,
        _authenticators(answer),
        status=status,
        configured=rest_framework_defaults(),
        path=stack.path,
    )


def _authenticators(answer: Answer) -> str:
    """What refused: the authenticators of the view, or whatever stood before it."""
    view = answer.view
    is_the_view = answer.is_ours or answer.culprit in ("", dotted(view))
    if is_the_view and isinstance(view, type) and issubclass(view, APIView):
        return ", ".join(dotted(each) for each in view.authentication_classes) or dotted(view)
    return answer.culprit or dotted(view)


def _throttles(view: Any) -> str:
    return ", ".join(dotted(each) for each in getattr(view, "throttle_classes", ())) or dotted(view)


def rest_framework_defaults() -> str:
    """A sentence about the defaults the host gives its own views; empty if it names none."""
    configured = getattr(settings, "REST_FRAMEWORK", None) or {}
    names = ("AUTHENTICATION", "PERMISSION", "THROTTLE")
    given = [name for n in names if configured.get(name := f"DEFAULT_{n}_CLASSES")]
    if not given:
        return ""
    listed = ", ".join(f"{name} = {_listed(configured[name])}" for name in given)
    return _("REST_FRAMEWORK sets %(listed)s.") % {"listed": listed}


def _listed(classes: Iterable[Any]) -> str:
    return ", ".join(each if isinstance(each, str) else dotted(each) for each in classes)


def _of_an_exception(step: Step, error: BaseException | None, words: str) -> Finding:
    kind = type(error).__name__ if error is not None else ""
    place = _place(error) if error is not None else ""
    return faults.EXCEPTION.found(step, f"{kind} {place}".strip(), cause=words)


def _in_words(error: BaseException) -> str:
    """An exception in one line, with the place in the host's code it comes from."""
    text = (str(error).strip().splitlines() or [""])[0]
    place = _place(error)
    words = redaction.without_tokens(f"{type(error).__name__}: {text}")[:LONGEST_CAUSE]
    return f"{words} ({place})" if place else words


def _place(error: BaseException) -> str:
    """File and line of the host's code that raised; empty for what the database raised."""
    if isinstance(error, DatabaseError):
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(NOT_THE_HOSTS)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""
