"""The discovery endpoints (RFC 7644 section 4)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim import discovery
from maptician_scim.authentication import (
    ServiceProviderConfigAuthentication,
)
from maptician_scim.exceptions import (
    Forbidden,
)
from maptician_scim.protocol import messages
from maptician_scim.views.base import SCIMView


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


def _documents(documents: list[dict[str, Any]], identifier: str) -> Response:
    if identifier:
        return Response(discovery.one(documents, identifier))
    return Response(messages.list_body(documents, total=len(documents), start=1))
