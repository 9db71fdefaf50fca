"""The endpoints: input, domain verb, answer."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.decorators import method_decorator
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from maptician_scim import activity, discovery, events, redaction, rehearsal
from maptician_scim.authentication import BearerAuthentication, HasScope
from maptician_scim.conf import scim_settings
from maptician_scim.errors import as_scim_error
from maptician_scim.events import Origin
from maptician_scim.exceptions import (
    InvalidFilter,
    InvalidSyntax,
    InvalidValue,
    NotFound,
    Reason,
    ScimError,
    Unauthorized,
    Unavailable,
)
from maptician_scim.explanations import ENTRA, client_name
from maptician_scim.models import Connection
from maptician_scim.networks import client_address
from maptician_scim.parsers import RAW_BODY, JSONParser, SCIMParser
from maptician_scim.protocol import messages
from maptician_scim.protocol.projection import NOTHING
from maptician_scim.provisioning import Provisioner, provisioner_class
from maptician_scim.renderers import SCIMNegotiation, SCIMRenderer
from maptician_scim.tenancy import names_endpoint

logger = logging.getLogger("maptician_scim.request")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
LARGEST = 2**31 - 1
MINIMAL = "return=minimal"

VERBS = {
    "GET": "read",
    "HEAD": "read",
    "POST": "create",
    "PUT": "replace",
    "PATCH": "patch",
    "DELETE": "delete",
}


# A refusal is recorded although its transaction rolled back, so there is no outer one.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SCIMView(APIView):
    """What all endpoints share. Everything is named here, so no REST_FRAMEWORK setting of the
    host gets in the way."""

    authentication_classes = (BearerAuthentication,)
    permission_classes = (HasScope,)
    throttle_classes = ()
    parser_classes = (SCIMParser, JSONParser)
    renderer_classes = (SCIMRenderer,)
    content_negotiation_class = SCIMNegotiation
    versioning_class = None
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    schema = None

    scope: str | None = None
    resource_type = ""

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        _accept_chunks(request)
        drf_request = super().initialize_request(request, *args, **kwargs)
        sent_id = request.META.get("HTTP_X_REQUEST_ID", "")
        origin = Origin(
            correlation_id=sent_id if is_correlation_id(sent_id) else uuid.uuid4().hex,
            verb=VERBS.get(request.method or "", "other"),
            ip=client_address(request),
            client=request.META.get("HTTP_USER_AGENT", ""),
            resource_type=self.resource_type,
            resource_id=str(self.kwargs.get("uuid") or ""),
        )
        self.origin = events.note_origin(request, origin)
        return drf_request

    def handle_exception(self, exc: Exception) -> Response:
        error = as_scim_error(exc, self.origin.correlation_id)
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
            self._log(request, response.status_code)
        return super().finalize_response(request, response, *args, **kwargs)

    def _is_counted_at_once(self, status: int) -> bool:
        """Whether a request was refused, or somebody watches.

        Never without a token, nor where the database has just failed.
        """
        if self.origin.token is None or status >= 500:
            return False
        return status >= 400 or Connection.of(self.origin.tenant).is_watched

    def _log(self, request: Request, status: int) -> None:
        origin = self.origin
        logger.info(
            "%s %s %s %d ms",
            request.method,
            redaction.path(request.path),
            status,
            origin.duration_ms,
            extra={
                "tenant": str(origin.tenant.pk) if origin.tenant else None,
                "token_prefix": origin.token.prefix if origin.token else None,
                "status": status,
                "duration_ms": origin.duration_ms,
                "correlation_id": origin.correlation_id,
            },
        )

    def provisioner(self) -> Provisioner:
        """The verbs on the kind of resource the endpoint is about."""
        verbs = provisioner_class(self.resource_type)
        return verbs(self.origin.tenant, self.origin, self.request._request)

    def _note(self) -> None:
        """Let the log say who or what was meant, where the token forbids what the body asks for."""
        try:
            payload = self.payload()
        except (ScimError, APIException, OSError):
            return
        self.provisioner().note(payload)

    def payload(self) -> dict[str, Any]:
        """The body of the request, which must be there."""
        data = self.request.data
        if not isinstance(data, dict) or self.request.stream is None:
            raise InvalidSyntax("The request needs a JSON object as body.")
        return data


class ResourcesView(SCIMView):
    """The resources of one kind: reading a list, creating one."""

    def get(self, request: Request) -> Response:
        start, count = whole_number(request, "startIndex", 1), page_size(request)
        start = max(start, 1)
        resources, total = self.provisioner().search(one_filter(request), start, count)
        return Response(messages.list_body(resources, total=total, start=start))

    def post(self, request: Request) -> Response:
        resource = self.provisioner().create(self.payload())
        return _resource(resource, status=201, Location=resource["meta"]["location"])


class ResourceView(SCIMView):
    """One resource."""

    def get(self, request: Request, uuid: str) -> Response:
        resource = self.provisioner().get(uuid)
        known = request.META.get("HTTP_IF_NONE_MATCH")
        if known is not None and messages.etag_matches(known, resource["meta"]["version"]):
            return Response(status=304, headers={"ETag": resource["meta"]["version"]})
        return _resource(resource)

    def put(self, request: Request, uuid: str) -> Response:
        return _resource(self.provisioner().replace(uuid, self.payload(), if_match(request)))

    def patch(self, request: Request, uuid: str) -> Response:
        is_minimal = self.wants_no_body and "attributes" not in request.query_params
        provisioner = self.provisioner()
        if is_minimal:
            provisioner.projection = NOTHING
        resource = provisioner.patch(uuid, self.payload(), if_match(request))
        if not is_minimal:
            return _resource(resource)
        headers = {"ETag": resource["meta"]["version"]}
        if prefers_minimal(request):
            headers["Preference-Applied"] = MINIMAL
        return Response(status=204, headers=headers)

    @property
    def wants_no_body(self) -> bool:
        """Whether a PATCH is answered with 204, and so nothing has to be read for the answer."""
        return prefers_minimal(self.request)

    def delete(self, request: Request, uuid: str) -> Response:
        self.provisioner().delete(uuid, if_match(request))
        return Response(status=204)


class UsersView(ResourcesView):
    """``/Users``"""

    scope = "users"
    resource_type = "User"


class UserView(ResourceView):
    """``/Users/<id>``"""

    scope = "users"
    resource_type = "User"


class GroupsView(ResourcesView):
    """``/Groups``"""

    scope = "groups"
    resource_type = "Group"


class GroupView(ResourceView):
    """``/Groups/<id>``"""

    scope = "groups"
    resource_type = "Group"

    @property
    def wants_no_body(self) -> bool:
        """Entra documents 204 as the answer to its PATCH of a group."""
        return super().wants_no_body or client_name(self.origin.client) == ENTRA


class ServiceProviderConfigView(SCIMView):
    """``/ServiceProviderConfig``"""

    def get(self, request: Request) -> Response:
        return Response(discovery.service_provider_config(request._request))


class ResourceTypesView(SCIMView):
    """``/ResourceTypes``"""

    def get(self, request: Request, uuid: str = "") -> Response:
        return _documents(discovery.resource_types(request._request), uuid)


class SchemasView(SCIMView):
    """``/Schemas``"""

    def get(self, request: Request, uuid: str = "") -> Response:
        return _documents(discovery.schemas(request._request), uuid)


class NoEndpointView(SCIMView):
    """Everything else below the base URL."""

    def missing(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        reason = Reason.BASE_URL if names_endpoint(kwargs.get("path", "")) else None
        raise NotFound("There is no such endpoint. The base URL ends in /scim/v2.", reason=reason)

    get = post = put = patch = delete = http_method_not_allowed = missing


def is_correlation_id(text: str) -> bool:
    """Whether what a client calls its request can be taken over into the log."""
    return bool(REQUEST_ID.fullmatch(text)) and not redaction.holds_token(text)


def whole_number(request: Request, name: str, default: int) -> int:
    """A paging parameter (RFC 7644 section 3.4.2.4). Raises ``InvalidValue``."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not WHOLE_NUMBER.fullmatch(text):
        raise InvalidValue(f"{name!r} must be a whole number.")
    # Eleven digits are out of any range already, and Python refuses to read 5,000.
    size = min(int(text.lstrip("+-").lstrip("0")[:11] or "0"), LARGEST)
    return -size if text.startswith("-") else size


def page_size(request: Request) -> int:
    count = whole_number(request, "count", scim_settings.DEFAULT_PAGE_SIZE)
    return min(max(count, 0), scim_settings.MAX_PAGE_SIZE)


def one_filter(request: Request) -> str | None:
    """The filter of a request. Raises ``InvalidFilter`` where it is empty or stands twice."""
    filters = request.query_params.getlist("filter")
    if len(filters) > 1:
        raise InvalidFilter("The parameter 'filter' stands more than once.")
    if filters and not filters[0].strip():
        raise InvalidFilter("The filter is empty.")
    return filters[0] if filters else None


def prefers_minimal(request: Request) -> bool:
    """Whether the client has asked for an answer without a body (RFC 7240 section 4.2)."""
    preferences = request.META.get("HTTP_PREFER", "").lower().split(",")
    return MINIMAL in (p.partition(";")[0].replace(" ", "").replace('"', "") for p in preferences)


def if_match(request: Request) -> str | None:
    header: str | None = request.META.get("HTTP_IF_MATCH")
    return header


def _resource(document: dict[str, Any], status: int = 200, **headers: str) -> Response:
    headers["ETag"] = document["meta"]["version"]
    return Response(document, status=status, headers=headers)


def _documents(documents: list[dict[str, Any]], identifier: str) -> Response:
    if identifier:
        return Response(discovery.one(documents, identifier))
    return Response(messages.list_body(documents, total=len(documents), start=1))


def _accept_chunks(request: HttpRequest) -> None:
    """Read a body without a length where the server ends it itself, as gunicorn does.

    Django takes a missing Content-Length for an empty body.
    """
    environ = getattr(request, "environ", {})
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if is_chunked and environ.get("wsgi.input_terminated"):
        request._stream = environ["wsgi.input"]
        request.META["CONTENT_LENGTH"] = "-1"
