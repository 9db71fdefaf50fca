"""``/Roles`` and ``/Entitlements``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from maptician_scim import discovery
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import NotFound
from maptician_scim.protocol.projection import Projection, Selection
from maptician_scim.protocol.query import from_body, from_parameters, selection_from_parameters
from maptician_scim.provisioning import Catalogue
from maptician_scim.views.answers import answer, unchanged
from maptician_scim.views.base import NO_ENDPOINT, READING, SCIMView


class CatalogueView(SCIMView):
    """What a tenant's adapter offers: read-only, and there only if the setting says so."""

    scope = "users"
    http_method_names: Sequence[str] = ("get", "head")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not scim_settings.ROLES_AND_ENTITLEMENTS:
            raise NotFound(NO_ENDPOINT)

    def catalogue(self, selection: Selection | None = None) -> Catalogue:
        """The roles or entitlements of the tenant, with what is selected, by the URL if not
        otherwise."""
        model = discovery.resource_models()[self.resource_type]
        if selection is None:
            selection = selection_from_parameters(self._parameters())
        projection = Projection(model, selection)
        tenant, request = self.origin.tenant, self.request._request
        return Catalogue(self.resource_type, tenant, request, projection)

    def _note(self) -> None:
        """A body, which has no meaning here, tells nothing to the log."""


class CatalogueListView(CatalogueView):
    """A list of them."""

    def get(self, request: Request) -> Response:
        query = from_parameters(self._parameters())
        return Response(self.catalogue().search(query))


class CatalogueSearchView(CatalogueView):
    """The same with its parameters in the body (RFC 7644 section 3.4.3)."""

    http_method_names = ("post",)
    only_reads = True
    verbs = READING

    def post(self, request: Request) -> Response:
        search = from_body(self.payload())
        return Response(self.catalogue(search.selection).search(search.query))


class CatalogueEntryView(CatalogueView):
    """One of them."""

    def get(self, request: Request, uuid: str) -> Response:
        catalogue = self.catalogue()
        document = catalogue.get(uuid)
        return unchanged(request, document) or answer(catalogue.projection, document)


class RolesView(CatalogueListView):
    """``/Roles``"""

    resource_type = "Role"


class RoleSearchView(CatalogueSearchView):
    """``/Roles/.search``"""

    resource_type = "Role"


class RoleView(CatalogueEntryView):
    """``/Roles/<id>``"""

    resource_type = "Role"


class EntitlementsView(CatalogueListView):
    """``/Entitlements``"""

    resource_type = "Entitlement"


class EntitlementSearchView(CatalogueSearchView):
    """``/Entitlements/.search``"""

    resource_type = "Entitlement"


class EntitlementView(CatalogueEntryView):
    """``/Entitlements/<id>``"""

    resource_type = "Entitlement"
