"""``/Roles`` and ``/Entitlements``."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim import discovery
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import (
    NotFound,
)
from maptician_scim.protocol import messages
from maptician_scim.protocol.projection import Projection
from maptician_scim.protocol.query import from_parameters, selection_from_parameters
from maptician_scim.provisioning import Catalogue
from maptician_scim.views.answers import answer, unchanged
from maptician_scim.views.base import NO_ENDPOINT, SCIMView


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
        return unchanged(request, document) or answer(catalogue.projection, document)


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
