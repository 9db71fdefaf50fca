"""The endpoints: input, domain verb, answer."""

from __future__ import annotations

import logging
import re
import uuid
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

from maptician_scim import activity, discovery, events, redaction, rehearsal
from maptician_scim.authentication import (
    BearerAuthentication,
    HasScope,
    ServiceProviderConfigAuthentication,
)
from maptician_scim.conf import scim_settings
from maptician_scim.errors import as_scim_error
from maptician_scim.events import Origin
from maptician_scim.exceptions import (
    Forbidden,
    InvalidSyntax,
    NotFound,
    NotImplementedHere,
    PreconditionFailed,
    Reason,
    ScimError,
    Unauthorized,
    Unavailable,
)
from maptician_scim.explanations import ENTRA, client_name
from maptician_scim.models import Connection
from maptician_scim.networks import client_address
from maptician_scim.parsers import RAW_BODY, JSONParser, SCIMParser
from maptician_scim.protocol import bulk, messages
from maptician_scim.protocol.projection import NOTHING, Projection, Selection
from maptician_scim.protocol.query import from_parameters, selection_from_parameters
from maptician_scim.protocol.tolerances import noting
from maptician_scim.provisioning import Catalogue, Provisioner, Search, provisioner_class
from maptician_scim.renderers import SCIMNegotiation, SCIMRenderer
from maptician_scim.tenancy import names_endpoint

logger = logging.getLogger("maptician_scim.request")

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
NO_ENDPOINT = "There is no such endpoint. The base URL ends in /scim/v2."
MINIMAL = "return=minimal"

VERBS = {"GET": "read", "HEAD": "read"} | bulk.VERBS


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
        with noting() as self.tolerated:
            return super().dispatch(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        _accept_chunks(request)
        drf_request = super().initialize_request(request, *args, **kwargs)
        sent_id = request.META.get("HTTP_X_REQUEST_ID", "")
        origin = Origin(
            correlation_id=sent_id if is_correlation_id(sent_id) else uuid.uuid4().hex,
            verb=self.verbs.get(request.method or "", "other"),
            ip=client_address(request),
            client=request.META.get("HTTP_USER_AGENT", ""),
            resource_type=self.resource_type,
            resource_id=str(self.kwargs.get("uuid") or ""),
            tolerated=self.tolerated,
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
        except (ScimError, APIException, OSError):
            return
        provisioner.note(payload)

    def payload(self) -> dict[str, Any]:
        """The body of the request, which must be there."""
        data = self.request.data
        if not isinstance(data, dict) or self.request.stream is None:
            raise InvalidSyntax("The request needs a JSON object as body.")
        return data


class ResourcesView(SCIMView):
    """The resources of one kind: reading a list, creating one."""

    def get(self, request: Request) -> Response:
        provisioner, query = self.provisioner(), from_parameters(self._parameters())
        return Response(Search(provisioner.tenant, [provisioner], query).answer())

    def post(self, request: Request) -> Response:
        provisioner = self.provisioner()
        return _resource(provisioner.projection, provisioner.create(self.payload()), status=201)


class ResourceView(SCIMView):
    """One resource."""

    def get(self, request: Request, uuid: str) -> Response:
        provisioner = self.provisioner()
        document = provisioner.get(uuid)
        return _unchanged(request, document) or _resource(provisioner.projection, document)

    def put(self, request: Request, uuid: str) -> Response:
        provisioner = self.provisioner()
        document = provisioner.replace(uuid, self.payload(), if_match(request))
        return _resource(provisioner.projection, document)

    def patch(self, request: Request, uuid: str) -> Response:
        is_minimal = self.wants_no_body and "attributes" not in request.query_params
        provisioner = self.provisioner()
        projection = provisioner.projection
        if is_minimal:
            provisioner.projection = NOTHING
        document = provisioner.patch(uuid, self.payload(), if_match(request))
        if not is_minimal:
            return _resource(projection, document)
        headers = {"ETag": document["meta"]["version"]}
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


class CatalogueView(SCIMView):
    """What a tenant's adapter offers: read-only, and there only if the setting says so."""

    scope = "users"
    http_method_names = ("get", "head")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not scim_settings.ROLES_AND_ENTITLEMENTS:
            raise NotFound(NO_ENDPOINT)

    def catalogue(self) -> Catalogue:
        """The roles or entitlements of the tenant."""
        model = discovery.resource_models()[self.resource_type]
        projection = Projection(model, selection_from_parameters(self._parameters()))
        tenant, request = self.origin.tenant, self.request._request
        return Catalogue(self.resource_type, tenant, request, projection)

    def _note(self) -> None:
        """A body, which has no meaning here, tells nothing to the log."""


class CatalogueListView(CatalogueView):
    """A list of them."""

    def get(self, request: Request) -> Response:
        query = from_parameters(self._parameters())
        resources, total = self.catalogue().search(query)
        return Response(messages.list_body(resources, total=total, start=query.start))


class CatalogueEntryView(CatalogueView):
    """One of them."""

    def get(self, request: Request, uuid: str) -> Response:
        catalogue = self.catalogue()
        document = catalogue.get(uuid)
        return _unchanged(request, document) or _resource(catalogue.projection, document)


class RolesView(CatalogueListView):
    """``/Roles``"""

    resource_type = "Role"


class RoleView(CatalogueEntryView):
    """``/Roles/<id>``"""

    resource_type = "Role"


class EntitlementsView(CatalogueListView):
    """``/Entitlements``"""

    resource_type = "Entitlement"


class EntitlementView(CatalogueEntryView):
    """``/Entitlements/<id>``"""

    resource_type = "Entitlement"


class DiscoveryView(SCIMView):
    """What the discovery endpoints share."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # RFC 7644 section 4: a client must not believe that its filter was applied.
        if "filter" in request.query_params:
            raise Forbidden("There are no filters here: read the whole list, or one by its id.")


class ServiceProviderConfigView(DiscoveryView):
    """``/ServiceProviderConfig``"""

    authentication_classes = (ServiceProviderConfigAuthentication,)

    def get(self, request: Request) -> Response:
        return Response(discovery.service_provider_config(request._request))


class ResourceTypesView(DiscoveryView):
    """``/ResourceTypes``"""

    def get(self, request: Request, uuid: str = "") -> Response:
        return _documents(discovery.resource_types(request._request), uuid)


class SchemasView(DiscoveryView):
    """``/Schemas``"""

    def get(self, request: Request, uuid: str = "") -> Response:
        return _documents(discovery.schemas(request._request), uuid)


class MeView(SCIMView):
    """``/Me``: a token belongs to a tenant, to nobody in it (RFC 7644 section 3.11)."""

    def not_implemented(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotImplementedHere("A bearer token here belongs to no person: '/Me' is nobody.")

    get = post = put = patch = delete = not_implemented


class NoEndpointView(SCIMView):
    """Everything else below the base URL."""

    def missing(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        reason = Reason.BASE_URL if names_endpoint(kwargs.get("path", "")) else None
        raise NotFound(NO_ENDPOINT, reason=reason)

    get = post = put = patch = delete = http_method_not_allowed = missing


def is_correlation_id(text: str) -> bool:
    """Whether what a client calls its request can be taken over into the log."""
    return bool(REQUEST_ID.fullmatch(text)) and not redaction.holds_token(text)


def prefers_minimal(request: Request) -> bool:
    """Whether the client has asked for an answer without a body (RFC 7240 section 4.2)."""
    preferences = request.META.get("HTTP_PREFER", "").lower().split(",")
    return MINIMAL in (p.partition(";")[0].replace(" ", "").replace('"', "") for p in preferences)


def if_match(request: Request) -> str | None:
    header: str | None = request.META.get("HTTP_IF_MATCH")
    return header


def _unchanged(request: Request, document: dict[str, Any]) -> Response | None:
    """304 if the client has this version (RFC 7644 section 3.14).

    Raises ``PreconditionFailed`` if it wants another one.
    """
    version = document["meta"]["version"]
    wanted, known = if_match(request), request.META.get("HTTP_IF_NONE_MATCH")
    if wanted is not None and not messages.etag_matches(wanted, version):
        raise PreconditionFailed
    if known is None or not messages.etag_matches(known, version):
        return None
    return Response(status=304, headers={"ETag": version})


def _resource(projection: Projection, document: dict[str, Any], status: int = 200) -> Response:
    """What is shown of a resource; the headers are those of the whole one."""
    meta = document["meta"]
    headers = {
        "ETag": meta["version"],
        "Location": meta["location"],
        # RFC 7643 section 3.1: the location of what the body shows.
        "Content-Location": meta["location"],
    }
    return Response(projection.apply(document), status=status, headers=headers)


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
