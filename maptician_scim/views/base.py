"""What all endpoints share: input, domain verb, answer."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from maptician_scim import activity, discovery, events, redaction, rehearsal, rls, throttling
from maptician_scim.authentication import (
    BearerAuthentication,
    HasScope,
)
from maptician_scim.conf import scim_settings
from maptician_scim.errors import as_scim_error
from maptician_scim.events import Origin
from maptician_scim.exceptions import (
    HeadersTooLarge,
    InvalidSyntax,
    Reason,
    ScimError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnknownTenant,
)
from maptician_scim.models import Connection
from maptician_scim.networks import client_address
from maptician_scim.parsers import RAW_BODY, JSONParser, SCIMParser
from maptician_scim.protocol import bulk, messages
from maptician_scim.protocol.projection import Projection, Selection
from maptician_scim.protocol.query import selection_from_parameters
from maptician_scim.protocol.tolerances import noting
from maptician_scim.provisioning import Provisioner, provisioner_class
from maptician_scim.renderers import SCIMNegotiation, SCIMRenderer

logger = logging.getLogger("maptician_scim.request")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_ENDPOINT = "There is no such endpoint. The base URL ends in /scim/v2."

VERBS = {"GET": "read", "HEAD": "read"} | bulk.VERBS
READING = VERBS | {"POST": "read"}
"""The verbs where a POST is a search."""


# A refusal is recorded although its transaction rolled back, so there is no outer one.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SCIMView(APIView):
    """What all endpoints share. Everything is named here, so no REST_FRAMEWORK setting of the
    host gets in the way."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (HasScope,)
    throttle_classes = ()
    parser_classes: tuple[type[SCIMParser], ...] = (SCIMParser, JSONParser)
    renderer_classes = (SCIMRenderer,)
    content_negotiation_class = SCIMNegotiation
    versioning_class = None
    http_method_names: Sequence[str] = ("get", "head", "post", "put", "patch", "delete")
    schema = None

    scope: str | None = None
    resource_type = ""
    verbs = VERBS

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with noting() as self.tolerated, rls.request():
            return super().dispatch(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        _accept_chunks(request)
        drf_request = super().initialize_request(request, *args, **kwargs)
        sent_id = request.META.get("HTTP_X_REQUEST_ID", "")
        origin = Origin(
            correlation_id=sent_id if is_correlation_id(sent_id) else secrets.token_hex(16),
            verb=self.verbs.get(request.method or "", "other"),
            ip=client_address(request),
            client=request.META.get("HTTP_USER_AGENT", ""),
            resource_type=self.resource_type,
            resource_id=str(self.kwargs.get("uuid") or ""),
            tolerated=self.tolerated,
        )
        self.origin = events.note_origin(request, origin)
        return drf_request

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _read_query_as_utf8(request._request)
        _check_headers(request._request)

    def handle_exception(self, exc: Exception) -> Response:
        error = as_scim_error(exc, self.origin.correlation_id)
        if isinstance(error, (Unauthorized, UnknownTenant)):
            error = throttling.after_failure(error, self.origin.ip)
        if error.reason is Reason.SCOPE:
            self._note()
        self.origin.body = self.request.parser_context.get(RAW_BODY)
        events.record_refusal(self.request._request, error)
        rehearsal.note(exc)
        response = Response(
            messages.error_body(error.status, error.detail, error.scim_type), status=error.status
        )
        response.exception = True
        if isinstance(error, Unauthorized):
            response["WWW-Authenticate"] = BearerAuthentication().authenticate_header(self.request)
        if isinstance(error, Unavailable):
            response["Retry-After"] = str(scim_settings.RETRY_AFTER)
        if isinstance(error, TooManyRequests):
            response["Retry-After"] = str(error.retry_after)
        return response

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        # Logged below; Django would log refusals once more.
        response._has_been_logged = True  # type: ignore[attr-defined]
        response["X-Request-Id"] = self.origin.correlation_id
        response["Cache-Control"] = "private, no-cache"
        origin = self.origin
        if origin.tenant is not None:
            activity.count(
                origin.tenant.pk,
                is_error=response.status_code >= 400,
                at_once=self._is_counted_at_once(response.status_code),
            )
        if not rehearsal.is_on():
            self._log(request._request, response.status_code)
        return super().finalize_response(request, response, *args, **kwargs)

    def _is_counted_at_once(self, status: int) -> bool:
        """Whether a request was refused, or somebody watches.

        Never without a token, nor where the database has just failed, nor for who sends too much.
        """
        if self.origin.token is None or status >= 500 or status == TooManyRequests.status:
            return False
        return status >= 400 or Connection.of(self.origin.tenant).is_watched

    def _log(self, request: HttpRequest, status: int) -> None:
        origin = self.origin
        duration_ms = origin.duration_ms
        logger.info(
            "%s %s %s %d ms",
            request.method,
            redaction.path(request.path),
            status,
            duration_ms,
            extra={
                "tenant": str(origin.tenant.pk) if origin.tenant else None,
                "token_prefix": origin.token.prefix if origin.token else None,
                "status": status,
                "duration_ms": duration_ms,
                "correlation_id": origin.correlation_id,
            },
        )

    def provisioner(
        self, resource_type: str = "", selection: Selection | None = None
    ) -> Provisioner:
        """The verbs on the kind of resource the endpoint is about.

        Their answers show what is selected, by the URL if not otherwise.
        """
        verbs = provisioner_class(resource_type or self.resource_type)
        if selection is None:
            selection = selection_from_parameters(self._parameters())
        projection = Projection(discovery.resource_models().get(verbs.resource_type), selection)
        django_request = self.request._request
        if_none_match = django_request.META.get("HTTP_IF_NONE_MATCH")
        return verbs(self.origin.tenant, self.origin, django_request, projection, if_none_match)

    def _parameters(self) -> dict[str, list[str]]:
        return dict(self.request.query_params.lists())

    def _note(self) -> None:
        """Let the log say who or what was meant, where the token forbids what the body asks for."""
        try:
            payload, provisioner = self.payload(), self.provisioner()
        except (ScimError, APIException):
            return
        provisioner.note(payload)

    def payload(self) -> dict[str, Any]:
        """The body of the request, which must be there."""
        data = self.request.data
        if not isinstance(data, dict) or self.request.stream is None:
            raise InvalidSyntax("The request needs a JSON object as body.")
        return data


def _check_headers(request: HttpRequest) -> None:
    """Raise ``HeadersTooLarge`` for more than ``MAX_HEADERS_SIZE``, naming the longest."""
    sizes = {n[5:]: len(n) + len(v) for n, v in request.META.items() if n.startswith("HTTP_")}
    size, limit = sum(sizes.values()), scim_settings.MAX_HEADERS_SIZE
    if size > limit:
        longest = max(sizes, key=lambda name: sizes[name]).replace("_", "-").title()
        raise HeadersTooLarge(
            f"The headers of the request have {size} bytes; at most {limit} are allowed. The "
            f"longest is {redaction.without_tokens(longest)[:100]!r}."
        )


def is_correlation_id(text: str) -> bool:
    """Whether what a client calls its request can be taken over into the log."""
    return bool(REQUEST_ID.fullmatch(text)) and not redaction.holds_token(text)


def _read_query_as_utf8(request: HttpRequest) -> None:
    """Read the query string as UTF-8 (RFC 7644 section 3.8), whatever the body claims to be in.

    Django decodes it by the charset of the Content-Type; by UTF-16, no parameter has its name.
    """
    if request.encoding is not None and request.encoding.lower() != "utf-8":
        request.encoding = "utf-8"


def _accept_chunks(request: HttpRequest) -> None:
    """Read a body without a length where the server ends it itself, as gunicorn does.

    Django takes a missing Content-Length for an empty body.
    """
    environ = getattr(request, "environ", {})
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if is_chunked and environ.get("wsgi.input_terminated"):
        request._stream = environ["wsgi.input"]
        request.META["CONTENT_LENGTH"] = "-1"
