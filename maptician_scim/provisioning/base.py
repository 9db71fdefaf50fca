"""What the verbs on all kinds of resources share: reading, and what the log says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from maptician_scim import transactions
from maptician_scim.conf import Tenant
from maptician_scim.events import Origin
from maptician_scim.exceptions import NotFound
from maptician_scim.models import Connection
from maptician_scim.protocol.filters import Sources, compile_filter
from maptician_scim.protocol.paths import is_scim_id
from maptician_scim.protocol.projection import EVERYTHING, Projection

Document = dict[str, Any]


class Provisioner(ABC):
    """The verbs on one tenant's resources of one kind, for one request."""

    resource_type: ClassVar[str]

    def __init__(
        self,
        tenant: Tenant,
        origin: Origin,
        request: HttpRequest,
        projection: Projection = EVERYTHING,
    ) -> None:
        self.tenant = tenant
        self.origin = origin
        self.request = request
        self.projection = projection
        self.connection = Connection.of(tenant)

    # -- the kind of resource --------------------------------------------------------------------

    @property
    @abstractmethod
    def adapter_class(self) -> Any:
        """The adapter, whose ``mapping`` and ``documents`` reading uses."""

    @abstractmethod
    def visible(self) -> QuerySet[Any]:
        """The records the tenant sees, with the mapped columns beside them."""

    def sources(self) -> Sources:
        """Where the attributes that a filter may name are in the database."""
        sources: Sources = self.adapter_class.mapping()
        return sources

    @abstractmethod
    def note(self, payload: Document) -> None:
        """Let the log say who or what was meant, also if the body is refused."""

    # -- reading ---------------------------------------------------------------------------------

    def get(self, scim_id: str) -> Document:
        """A resource by id. Raises ``NotFound``."""
        if not is_scim_id(scim_id):
            raise self.not_found(scim_id)
        found = transactions.read(lambda: self._documents(self.visible().filter(scim_id=scim_id)))
        if not found:
            raise self.not_found(scim_id)
        document: Document = found[0]
        return document

    def search(self, filter_text: str | None, start: int, count: int) -> tuple[list[Document], int]:
        """A page of resources in the order of their creation, and how many there are.

        ``start`` counts from 1 (RFC 7644 section 3.4.2.4). Raises ``InvalidFilter``.
        """
        records = self.visible()
        if filter_text is not None:
            mapping = self.adapter_class.mapping()
            records = records.filter(compile_filter(filter_text, mapping.model, self.sources()))
        return transactions.read(lambda: self._page(records, start, count))

    def _page(self, records: QuerySet[Any], start: int, count: int) -> tuple[list[Document], int]:
        page = records.order_by("id")[start - 1 : start - 1 + count]
        found = self._documents(page) if count else []
        if found and len(found) < count:
            return found, start - 1 + len(found)
        if count and not found and start == 1:
            return found, 0
        return found, records.count()

    def _documents(self, records: QuerySet[Any]) -> list[Document]:
        found: list[Document] = self.adapter_class.documents(records, self.request, self.projection)
        return found

    def not_found(self, scim_id: str) -> NotFound:
        """The refusal of an id that the tenant does not have."""
        return NotFound(f"There is no {self.resource_type.lower()} with the id {scim_id[:64]!r}.")

    # -- writing ---------------------------------------------------------------------------------

    @abstractmethod
    def create(self, payload: Document) -> Document:
        """The new resource of a POST."""

    @abstractmethod
    def replace(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        """The resource with just these attributes (PUT)."""

    @abstractmethod
    def patch(self, scim_id: str, payload: Document, if_match: str | None) -> Document:
        """The resource after the operations of a PATCH body."""

    @abstractmethod
    def delete(self, scim_id: str, if_match: str | None) -> None:
        """End the resource for ever."""
