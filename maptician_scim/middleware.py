"""Optional middleware: notices requests of identity providers that were sent to a wrong address.

Put it first in ``MIDDLEWARE``, so that it sees what all others answer.
"""

from __future__ import annotations

import logging
import uuid
from urllib.parse import urlsplit

from django import db
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.utils.deprecation import MiddlewareMixin

from maptician_scim import tokens, transactions
from maptician_scim.conf import Tenant
from maptician_scim.events import Origin, record_not_let_in
from maptician_scim.exceptions import Forbidden, NotFound, Reason, ScimError, Unavailable
from maptician_scim.networks import client_address
from maptician_scim.parsers import SCIM_JSON
from maptician_scim.protocol.messages import error_body
from maptician_scim.tenancy import (
    find_tenant,
    names_endpoint,
    public_base_url,
    requested_tenant_key,
)

logger = logging.getLogger("maptician_scim.request")

SCIM_HEADERS = ("HTTP_ACCEPT", "CONTENT_TYPE", "HTTP_USER_AGENT")
REDIRECTS = frozenset({301, 302, 307, 308})


class MisdirectedRequestMiddleware(MiddlewareMixin):
    """Tells the tenant, and the client where it can, that the base URL is wrong.

    An answer of 404 to what looks like SCIM and is for no route of ours is noted in the tenant's
    log and replaced by a SCIM error that names the right base URL, which Okta shows to its
    administrator. A redirect of such a request to HTTPS is noted, and stays as it is. Any other
    answer costs a comparison and no query.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.status_code == 404 and is_misdirected(request):
            return _answer(request) or response
        if response.status_code in REDIRECTS and is_sent_to_https(request, response):
            _note(request, Forbidden(reason=Reason.NOT_HTTPS))
        return response


def is_misdirected(request: HttpRequest) -> bool:
    """Whether a request that found nothing was meant for an endpoint of SCIM.

    A bearer token alone says so only where no route took the request: the project may have an API
    of its own in which ``/users/7`` is not found.
    """
    match = request.resolver_match
    if match is not None and "scim" in match.app_names:
        return False
    is_meant = _speaks_scim(request) or (match is None and _has_bearer(request))
    return is_meant and names_endpoint(request.path_info)


def is_sent_to_https(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether a SCIM request came without TLS and is told to come with it."""
    target = urlsplit(response.headers.get("Location", ""))
    if request.is_secure() or target.scheme != "https" or target.path != request.path:
        return False
    is_ours = request.path.startswith(_mount()) or names_endpoint(request.path_info)
    return is_ours and (_speaks_scim(request) or _has_bearer(request))


def _answer(request: HttpRequest) -> HttpResponse | None:
    """The SCIM error for a tenant's client, once it is noted; ``None`` if it is of no tenant."""
    error = NotFound(reason=Reason.BASE_URL)
    origin = _note(request, error)
    if origin is None:
        return None
    try:
        url = public_base_url(request, origin.tenant)
    except NoReverseMatch:  # the project serves no SCIM at all
        return None
    detail = f"There is no SCIM endpoint at this address. The base URL must be {url}."
    answer = JsonResponse(
        error_body(error.status, detail, None), status=error.status, content_type=SCIM_JSON
    )
    answer["X-Request-Id"] = origin.correlation_id
    answer["Cache-Control"] = "private, no-cache"
    return answer


def _note(request: HttpRequest, error: ScimError) -> Origin | None:
    """Write the event of a misdirected request; ``None`` if its host is no tenant's.

    The answer goes out even if the database cannot be asked.
    """
    origin = Origin(
        correlation_id=uuid.uuid4().hex,
        verb="read" if request.method in ("GET", "HEAD") else "other",
        ip=client_address(request),
        client=request.META.get("HTTP_USER_AGENT", ""),
    )
    try:
        origin.tenant = _tenant(request)
    except (db.Error, Unavailable):
        logger.exception("A misdirected request could not be noted")
    if origin.tenant is None:
        return None
    record_not_let_in(origin, error)
    return origin


def _tenant(request: HttpRequest) -> Tenant | None:
    key = requested_tenant_key(request)
    return transactions.read(lambda: find_tenant(key)) if key else None


def _speaks_scim(request: HttpRequest) -> bool:
    """Whether a client says of itself that it speaks SCIM, or has a token of ours."""
    said = (request.META.get(name, "").lower() for name in SCIM_HEADERS)
    return any("scim" in text for text in said) or tokens.MARK in _authorization(request)


def _has_bearer(request: HttpRequest) -> bool:
    return _authorization(request).lower().startswith("bearer ")


def _authorization(request: HttpRequest) -> str:
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    return header


def _mount() -> str:
    """Where our routes begin; a path that nothing begins with if they are not included."""
    try:
        return reverse("scim:root")
    except NoReverseMatch:
        return "\n"
