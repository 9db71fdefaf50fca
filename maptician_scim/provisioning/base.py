"""What the verbs on all kinds of resources share: reading, and what the log says."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.dispatch import Signal
from django.http import HttpRequest

from maptician_scim import safeguard, transactions
from maptician_scim.bookmarks import Place
from maptician_scim.conf import Tenant
from maptician_scim.events import Origin
from maptician_scim.exceptions import (
    NotFound,
    PreconditionFailed,
    RefusedByHost,
    StoppedBySafeguard,
)
from maptician_scim.models import Connection
from maptician_scim.protocol import messages
from maptician_scim.protocol.extensions import unknown_schemas
from maptician_scim.protocol.filters import Sources
from maptician_scim.protocol.messages import ResourceDocument
from maptician_scim.protocol.paths import is_scim_id
from maptician_scim.protocol.projection import EVERYTHING, Projection
from maptician_scim.provisioning.ready import Ready
from maptician_scim.statements import Row, attach, columns, compiled, slot, split

T = TypeVar("T")

Document = dict[str, Any]

logger = logging.getLogger("maptician_scim.request")


class Provisioner(ABC):
    """The verbs on one tenant's resources of one kind, for one request."""

    resource_type: ClassVar[str]
    record_model: ClassVar[type[Model]]

    looked_up_by: ClassVar[Mapping[str, str]]
    """The columns of the attributes, in lower case, by which resources are looked up."""

    def __init__(
        self,
        tenant: Tenant,
        origin: Origin,
        request: HttpRequest,
        projection: Projection = EVERYTHING,
        if_none_match: str | None = None,
    ) -> None:
        self.tenant = tenant
        self.origin = origin
        self.request = request
        self.projection = projection
        self.if_none_match = if_none_match
        self.connection = Connection.of(tenant)

    # -- the kind of resource --------------------------------------------------------------------

    @property
    @abstractmethod
    def adapter_class(self) -> Any:
        """The adapter, whose ``mapping`` and ``documents`` reading uses."""

    def visible(self) -> QuerySet[Any]:
        """The records the tenant sees, with the mapped columns beside them."""
        return self.visible_to(self.tenant)

    @abstractmethod
    def visible_to(self, tenant: Tenant) -> QuerySet[Any]:
        """The records a tenant sees."""

    def sources(self) -> Sources:
        """Where the attributes that a filter may name are in the database."""
        sources: Sources = self.adapter_class.mapping()
        return sources

    @abstractmethod
    def note(self, payload: Document) -> None:
        """Let the log say who or what was meant, also if the body is refused."""

    @property
    def columns_beside(self) -> tuple[str, ...]:
        """What is fetched with a record and stands neither in its row nor in the host's."""
        return ()

    def beside(self, tenant: Tenant) -> dict[str, Any]:
        """The same with the expressions by which it is fetched."""
        return {}

    def place(self, first: int) -> Place | None:
        """Where the page begins before which there are ``first`` of all; ``None``: count."""
        return None

    # -- reading ---------------------------------------------------------------------------------

    def get(self, scim_id: str) -> Document:
        """A whole resource by id. Raises ``NotFound``."""
        if not is_scim_id(scim_id):
            raise self.not_found(scim_id)
        found = transactions.read(lambda: self._with_id(scim_id))
        if not found:
            raise self.not_found(scim_id)
        document: Document = found[0]
        return document

    def documents(self, records: QuerySet[Any]) -> list[Document]:
        """The resources of records of ``visible``, with what is shown of them."""
        return [self.projection.apply(document) for document in self._documents(records)]

    def documents_ready(self, ready: Ready, *, start: int, size: int) -> list[Document]:
        """The same of resources that a compiled statement finds."""
        documents = self._documents_in(ready.page(start, size))
        return [self.projection.apply(document) for document in documents]

    def _with_id(self, scim_id: str) -> list[Document]:
        if self.can_be_compiled():
            return self._documents_in(Ready(self, "scim_id", UUID(scim_id)).rows())
        return self._documents(self.visible().filter(scim_id=scim_id))

    def _documents(self, records: QuerySet[Any]) -> list[Document]:
        return self._completed(self.adapter_class.documents(records, self.request, self.projection))

    def _documents_in(self, rows: list[Row]) -> list[Document]:
        if not rows:
            return []
        return self._completed(self.adapter_class.documents_in(rows, self.request))

    def _completed(self, documents: list[Document]) -> list[Document]:
        """The resources with what does not stand in their own rows."""
        return documents

    # -- reading by statements that are compiled once -------------------------------------------

    def can_be_compiled(self) -> bool:
        """Whether what is read depends on nothing but what ``reading_depends_on`` names."""
        compilable: bool = self.adapter_class.can_be_compiled()
        return compilable

    def reading_depends_on(self) -> tuple[object, ...]:
        """What, beside the values in it, makes one statement different from another."""
        return (self.adapter_class, self.adapter_class.mapping())

    def rows_with(self, column: str | None) -> QuerySet[Any, Any]:
        """The rows of the resources of a tenant, with a value in a column or without condition."""
        records = self.records_with(column, self.visible_to)
        rows: QuerySet[Any, Any] = self.adapter_class.rows(records.order_by("pk"))
        return rows

    def records_with(
        self, column: str | None, of: Callable[[Tenant], QuerySet[Any]] | None = None
    ) -> QuerySet[Any]:
        """The same resources, with nothing beside them."""
        tenant = slot("tenant", self.record_model, "tenant")
        records = (of or self.record_model.objects.for_tenant)(tenant)  # type: ignore[attr-defined]
        if column is None:
            return records
        return records.filter(
            **{column: slot("value", self.record_model, column.partition("__")[0])}
        )

    def not_found(self, scim_id: str) -> NotFound:
        """The refusal of an id that the tenant does not have."""
        return NotFound(f"There is no {self.resource_type.lower()} with the id {scim_id[:64]!r}.")

    # -- writing ---------------------------------------------------------------------------------

    def wanted(self, payload: Document, *, replaces: bool) -> ResourceDocument:
        """The resource in a body, with what this tenant keeps of schemas nobody has declared."""
        model = self.adapter_class.mapping().model
        wanted = messages.read_resource(model, payload, replaces=replaces)
        if self.connection.keeps_unknown_schemas:
            wanted.attributes.update(unknown_schemas(model, payload))
        return wanted

    def locked_record(self, scim_id: str) -> Any:
        """The record with its host row, host row and record locked in this order; ``None`` if the
        tenant has none."""
        relation, locks = self.adapter_class.mapping().relation, self.adapter_class.locked_relations
        if not is_scim_id(scim_id):
            return None
        if not self.can_be_compiled() or locks != (relation, "self"):
            records = self.record_model.objects.for_tenant(self.tenant)  # type: ignore[attr-defined]
            records = records.annotate(**self.beside(self.tenant)).select_related(relation)
            return records.select_for_update(of=locks).filter(scim_id=scim_id).first()
        statement = compiled(("lock", *self.reading_depends_on()), lambda: self._to_lock(relation))
        host: Any = self.record_model._meta.get_field(relation).related_model
        values = {"tenant": self.tenant.pk, "value": UUID(scim_id)}
        for row in statement.locked(values, (host, self.record_model)):
            record, rest = split(self.record_model, statement.using, row)
            host_row, rest = split(host, statement.using, rest)
            attach(record, relation, host_row)
            record.__dict__.update(zip(self.columns_beside, rest, strict=True))
            return record
        return None

    def _to_lock(self, relation: str) -> QuerySet[Any, Any]:
        beside = self.beside(slot("tenant", self.record_model, "tenant"))
        host: Any = self.record_model._meta.get_field(relation).related_model
        records = self.records_with("scim_id").annotate(**beside)
        names = (*columns(self.record_model), *columns(host, f"{relation}__"), *beside)
        rows: QuerySet[Any, Any] = records.values_list(*names)
        return rows

    def write(self, work: Callable[[], T]) -> T:
        """The result of a verb in one transaction.

        What the safeguard stops is listed once that has rolled back.
        """
        try:
            return transactions.write(work)
        except StoppedBySafeguard as stopped:
            safeguard.hold_back(self.origin, stopped)
            raise

    def check_preconditions(self, if_match: str | None, version: str) -> None:
        """Raise ``PreconditionFailed`` unless a write was meant for this version (RFC 9110
        section 13.1)."""
        if if_match is not None and not messages.etag_matches(if_match, version):
            raise PreconditionFailed
        if self.if_none_match is not None and messages.etag_matches(self.if_none_match, version):
            raise PreconditionFailed("The resource has the version that 'If-None-Match' rules out.")

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


def tell_inside(signal: Signal, sender: type[Any], verb: str, arguments: dict[str, Any]) -> None:
    """Send a signal inside the transaction; a receiver that raises undoes the verb."""
    for _, answer in signal.send_robust(sender=sender, verb=verb, **arguments):
        if isinstance(answer, transactions.FAILURES):
            raise answer  # a deadlock, say: the transaction runs again
        if isinstance(answer, Exception):
            raise RefusedByHost from answer


def tell_outside(
    signal: Signal, sender: type[Any], arguments: dict[str, Any], correlation_id: str
) -> None:
    """Send a signal after the commit; a receiver that raises is logged and changes nothing."""
    for _, answer in signal.send_robust(sender=sender, **arguments):
        if isinstance(answer, Exception):
            message = "A receiver failed after the commit of request %s; the change stays"
            logger.error(message, correlation_id, exc_info=answer)
