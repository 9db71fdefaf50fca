"""Reading the roles and entitlements of a tenant. There are no verbs on them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest

from maptician_scim import cursors, transactions
from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.cursors import Cursor
from maptician_scim.exceptions import NotFound
from maptician_scim.protocol import messages
from maptician_scim.protocol.catalogues import CATALOGUE_MODELS, matching, ordered
from maptician_scim.protocol.projection import EVERYTHING, Projection
from maptician_scim.protocol.query import Query
from maptician_scim.protocol.schemas import core_schema
from maptician_scim.roles import Role
from maptician_scim.tenancy import endpoint_url

Document = dict[str, Any]


class Catalogue:
    """What one tenant's adapter offers of one resource type: ``Role`` or ``Entitlement``."""

    def __init__(
        self,
        resource_type: str,
        tenant: Tenant,
        request: HttpRequest,
        projection: Projection = EVERYTHING,
    ) -> None:
        self.resource_type = resource_type
        self.tenant = tenant
        self.request = request
        self.projection = projection

    def get(self, identifier: str) -> Document:
        """The resource with this id. Raises ``NotFound``."""
        for document in self._documents():
            if document["id"] == identifier:
                return document
        kind = self.resource_type.lower()
        raise NotFound(f"There is no {kind} with the id {identifier[:64]!r}.")

    def search(self, query: Query) -> Document:
        """A ListResponse, in the adapter's order if not sorted.

        Raises ``InvalidFilter``, ``InvalidValue`` for a wrong order, and what a wrong cursor does.
        """
        if query.cursor is not None:
            return self._page_of_walk(query)
        found, first = self._found(query), query.start - 1
        page = self._shown(found[first : first + query.size])
        return messages.list_body(page, total=len(found), start=query.start)

    def _page_of_walk(self, query: Query) -> Document:
        """A page by cursor, which remembers the last resource and where that stood."""
        digest = cursors.query_digest(
            str(self.tenant.pk),
            self.resource_type,
            query.filter_text,
            query.sort_by,
            query.is_descending,
        )
        place = cursors.read(query.cursor, digest) if query.cursor else None
        size = cursors.page_size(place, query.count)
        found = self._found(query)
        first = _after(place, found) if place else 0
        page, end = found[first : first + size], first + size
        return messages.list_body(
            self._shown(page),
            total=len(found),
            next_cursor=(
                cursors.write(Cursor(False, 0, end - 1, page[-1]["id"], size), digest)
                if page and end < len(found)
                else None
            ),
        )

    def _shown(self, documents: list[Document]) -> list[Document]:
        return [self.projection.apply(document) for document in documents]

    def _found(self, query: Query) -> list[Document]:
        """All that is searched for, in order."""
        documents = self._documents()
        if query.filter_text is not None:
            documents = matching(self.resource_type, documents, query.filter_text)
        if query.sort_by is not None:
            documents = ordered(
                self.resource_type, documents, query.sort_by, is_descending=query.is_descending
            )
        return documents

    def _documents(self) -> list[Document]:
        adapter = scim_settings.USER_ADAPTER
        offered = {"Role": adapter.roles, "Entitlement": adapter.entitlements}[self.resource_type]
        return [self._document(role) for role in transactions.read(lambda: offered(self.tenant))]

    def _document(self, role: Role) -> Document:
        document: Document = {
            "schemas": [core_schema(CATALOGUE_MODELS[self.resource_type])],
            "id": role.id,
            "displayName": role.display_name,
        }
        if self.resource_type == "Entitlement":
            document["type"] = self.resource_type
        if role.description:
            document["description"] = role.description
        endpoint = endpoint_url(self.request, f"{self.resource_type.lower()}s")
        document["meta"] = {
            "resourceType": self.resource_type,
            "location": f"{endpoint}/{quote(role.id, safe='')}",
            "version": messages.etag(messages.digest(document)),
        }
        return document


def _after(place: Cursor, documents: list[Document]) -> int:
    """The index of what comes after a place; where it stood if the resource is no longer there."""
    ids = [document["id"] for document in documents]
    return ids.index(place.value) + 1 if place.value in ids else place.key
