"""Lists of one or several kinds of resources: filtered, sorted, by pages or by cursor.

Pages by cursor are found by what comes after a place (a keyset), not by counting from the start, so
nobody is missed or shown twice while others are created, renamed and deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet, Value

from maptician_scim import cursors, transactions
from maptician_scim.bookmarks import Place
from maptician_scim.conf import Tenant
from maptician_scim.cursors import Cursor
from maptician_scim.protocol import messages, sorting
from maptician_scim.protocol.expressions import ALWAYS, NEVER
from maptician_scim.protocol.filters import Sources, compile_filter
from maptician_scim.protocol.query import Query
from maptician_scim.protocol.schemas import ResourceModel
from maptician_scim.protocol.sorting import Order
from maptician_scim.provisioning.base import Document, Provisioner
from maptician_scim.provisioning.ready import Ready, looked_up

Row = tuple[int, Any, int, UUID]
"""Kind, value sorted by, internal key and id of a resource."""


@dataclass(frozen=True)
class Kind:
    """The resources of one kind that a search is about; ``number`` puts the kinds in order."""

    number: int
    provisioner: Provisioner
    condition: Q | None
    order: Order | None
    ready: Ready | None = None
    """The same resources, where they are asked for all day."""

    @cached_property
    def records(self) -> QuerySet[Any]:
        records = self.provisioner.visible()
        return records if self.condition is None else records.filter(self.condition)

    def place(self, first: int) -> Place | None:
        """Where the page begins before which there are ``first``, if that is remembered."""
        return None if self.condition is not None else self.provisioner.place(first)

    def total(self) -> int:
        place = self.place(0)
        if place is not None:
            return place.total
        return self.ready.total() if self.ready else self.records.order_by().count()

    def rows(self, condition: Q = ALWAYS) -> QuerySet[Any]:
        """What the database needs to order resources of several kinds, without their contents."""
        value = self.order.expression if self.order else Value(0)
        columns = {"scim_kind": Value(self.number), "scim_value": value, "scim_key": F("pk")}
        rows: QuerySet[Any] = self.records.filter(condition).annotate(**columns).order_by()
        return rows.values_list(*columns, "scim_id")

    def beyond(self, place: Cursor) -> Q:
        """The condition on what comes after a place, or before it."""
        ahead, behind = (NEVER, ALWAYS) if place.is_backwards else (ALWAYS, NEVER)
        key = "pk__lt" if place.is_backwards else "pk__gt"
        same_kind = self.number == place.kind
        by_key = Q(**{key: place.key}) if same_kind else ahead
        if not same_kind and self.number < place.kind:
            by_key = behind
        if self.order is None:
            return by_key
        value = sorting.read(place.value)
        beyond = self.order.beyond(value, is_reversed=place.is_backwards)
        return beyond | (self.order.equal(value) & by_key)


class Search:
    """One search of one tenant; ``provisioners`` are those of the kinds it is about."""

    def __init__(self, tenant: Tenant, provisioners: Sequence[Provisioner], query: Query) -> None:
        self.query = query
        self.kinds = list(_kinds(provisioners, query))
        self.tenant = tenant

    @cached_property
    def digest(self) -> str:
        """What a cursor of this search is bound to."""
        query = self.query
        types = [kind.provisioner.resource_type for kind in self.kinds]
        ways = [kind.order and kind.order.comparing for kind in self.kinds]
        return cursors.query_digest(
            str(self.tenant.pk), types, query.filter_text, query.sort_by, ways, query.is_descending
        )

    def answer(self) -> Document:
        """A ListResponse. Raises ``InvalidCursor``, ``ExpiredCursor`` or ``InvalidCount``."""
        if self.query.cursor is None:
            return transactions.read(self._numbered_page)
        place = cursors.read(self.query.cursor, self.digest) if self.query.cursor else None
        size = cursors.page_size(place, self.query.count)
        return transactions.read(lambda: self._page_of_walk(place, size))

    # -- pages by number -----------------------------------------------------------------------

    def _numbered_page(self) -> Document:
        first = self.query.start - 1
        if len(self.kinds) == 1:
            found, total = self._plain_page(self.kinds[0], first, self.query.size)
        else:
            total = self._total()
            found = self._documents(self._rows(None)[first : first + self.query.size])
        return messages.list_body(found, total=total, start=self.query.start)

    def _plain_page(self, kind: Kind, first: int, size: int) -> tuple[list[Document], int]:
        """A page of one kind of resources: one query, and one for the total where it is needed."""
        place = None if kind.order else kind.place(first)
        if place is not None:
            return self._page_at(place, kind, size), place.total
        found = self._found(kind, first, size) if size else []
        if found and len(found) < size:
            return found, first + len(found)
        if size and not found and not first:
            return found, 0
        return found, self._total()

    def _found(self, kind: Kind, first: int, size: int) -> list[Document]:
        if kind.ready is not None:
            return kind.provisioner.documents_ready(kind.ready, start=first, size=size)
        terms = [kind.order.term(kind.order.expression)] if kind.order else []
        page = kind.records.order_by(*terms, "pk")[first : first + size]
        return kind.provisioner.documents(page)

    def _page_at(self, place: Place, kind: Kind, size: int) -> list[Document]:
        if place.key is None or not size:
            return []
        if kind.ready is not None:
            return kind.provisioner.documents_ready(kind.ready.after(place.key), start=0, size=size)
        page = kind.records.filter(pk__gte=place.key).order_by("pk")[:size]
        return kind.provisioner.documents(page)

    # -- pages by cursor -----------------------------------------------------------------------

    def _page_of_walk(self, place: Cursor | None, size: int) -> Document:
        if not size:
            return messages.list_body([], total=self._total())
        rows = list(self._rows(place)[: size + 1])
        if place is not None and place.is_backwards:
            if len(rows) <= size:
                return self._page_of_walk(None, size)  # that is the first page
            rows = rows[size - 1 :: -1]
            has_previous = has_next = True
        else:
            has_previous, has_next = place is not None, len(rows) > size
            rows = rows[:size]
        return messages.list_body(
            self._documents(rows),
            total=self._total(),
            next_cursor=self._cursor(rows[-1], size) if has_next else None,
            previous_cursor=(
                self._cursor(rows[0], size, is_backwards=True) if has_previous and rows else None
            ),
        )

    def _cursor(self, row: Row, size: int, *, is_backwards: bool = False) -> str:
        kind, value, key, _ = row
        kept = sorting.kept(value) if self.kinds[kind].order else None
        return cursors.write(Cursor(is_backwards, kind, key, kept, size), self.digest)

    # -- what both have in common --------------------------------------------------------------

    def _rows(self, place: Cursor | None) -> QuerySet[Any]:
        """The rows of all kinds after a place, or before it and then the nearest first."""
        is_reversed = place is not None and place.is_backwards
        found = [kind.rows(kind.beyond(place) if place else ALWAYS) for kind in self.kinds]
        rows = found[0].union(*found[1:], all=True) if len(found) > 1 else found[0]
        sign = "-" if is_reversed else ""
        order = self.kinds[0].order
        terms = [order.term(F("scim_value"), is_reversed=is_reversed)] if order else []
        return rows.order_by(*terms, f"{sign}scim_kind", f"{sign}scim_key")

    def _documents(self, rows: Iterable[Row]) -> list[Document]:
        """The resources of these rows, in their order; one query for each kind among them."""
        places = {str(scim_id): place for place, (*_, scim_id) in enumerate(rows)}
        found: list[Document] = []
        for kind in self.kinds:
            keys = [key for number, _, key, _ in rows if number == kind.number]
            if keys:
                records = kind.provisioner.visible().filter(pk__in=keys)
                found += kind.provisioner.documents(records)
        return sorted(found, key=lambda document: places[document["id"]])

    def _total(self) -> int:
        return sum(kind.total() for kind in self.kinds)


def _kinds(provisioners: Sequence[Provisioner], query: Query) -> Iterable[Kind]:
    if len(provisioners) == 1 and query.sort_by is None and query.cursor is None:
        ready = looked_up(provisioners[0], query.filter_text)
        if ready is not None:
            yield Kind(0, provisioners[0], ready.condition, None, ready)
            return
    models = [provisioner.adapter_class.mapping().model for provisioner in provisioners]
    sources = [provisioner.sources() for provisioner in provisioners]
    order = _orders(query, list(zip(models, sources, strict=True)))
    for number, provisioner in enumerate(provisioners):
        condition = None
        if query.filter_text is not None:
            others = [model for model in models if model is not models[number]]
            condition = compile_filter(query.filter_text, models[number], sources[number], others)
        yield Kind(number, provisioner, condition, order[number])


def _orders(
    query: Query, kinds: list[tuple[ResourceModel, Sources]]
) -> Sequence[Order] | Sequence[None]:
    if query.sort_by is None:
        return [None] * len(kinds)
    found = sorting.orders(query.sort_by, query.is_descending, kinds)
    return found if query.cursor is None else [order.for_cursors() for order in found]
