"""The order of a list, in the database (RFC 7644 section 3.4.2.3).

Strings are ordered as filters compare them, those that are equal by the internal key. Whoever has
no value comes last when ascending and first when descending, on every database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import scim2_models as scim
from django.db.models import Case, CharField, Expression, OrderBy, Q, Value, When
from django.db.models.functions import Left, NullIf
from django.db.models.lookups import Exact, GreaterThan, IsNull, LessThan
from scim2_models.path import AttributeBinding, AttrPath

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidValue
from maptician_scim.protocol.expressions import (
    ALWAYS,
    NEVER,
    AnyEntry,
    CodePoints,
    ComparisonKey,
    Entry,
    FirstEntry,
    JSONText,
)
from maptician_scim.protocol.filters import (
    VALUE,
    Comparing,
    Entries,
    Operand,
    Sources,
    kept_value,
    qualified,
)
from maptician_scim.protocol.paths import place_of
from maptician_scim.protocol.schemas import ResourceModel

LONGEST_KEY = 255
"""Characters of a value that a cursor remembers: pages by cursor are ordered by so many."""

TEXTS: tuple[Comparing, ...] = ("text", "exact", "user_name")


@dataclass(frozen=True)
class Order:
    """What the resources of one kind are ordered by, and which way.

    Where those of a kind do not have the attribute, none has a value.
    """

    operand: Operand | None
    is_descending: bool
    length: int | None = None
    """The characters of a value that count, or ``None`` for all."""

    @property
    def comparing(self) -> Comparing | None:
        """How the values compare."""
        return self.operand.comparing if self.operand else None

    @property
    def expression(self) -> Expression:
        """What the database orders by: an empty string is no value (RFC 7643 section 2.5)."""
        if self.operand is None:
            return Value(None, output_field=CharField())
        if self.operand.comparing not in TEXTS:
            return cast(Expression, self.operand.expression)
        is_key = self.operand.comparing != "text"
        text = (CodePoints if is_key else ComparisonKey)(self.operand.expression)
        counted = Left(text, self.length) if self.length else text
        return CodePoints(NullIf(counted, Value("")))

    def term(self, expression: Any, *, is_reversed: bool = False) -> OrderBy:
        """The expression for ``order_by``, also for reading backwards."""
        if self.is_descending is is_reversed:
            return OrderBy(expression, nulls_last=True)
        return OrderBy(expression, descending=True, nulls_first=True)

    def for_cursors(self) -> Order:
        """The order by as much of a value as a cursor remembers."""
        return replace(self, length=LONGEST_KEY)

    def equal(self, value: Any) -> Q:
        """Those with just this value."""
        if self.operand is None:
            return ALWAYS if value is None else NEVER
        if value is None:
            return Q(IsNull(self.expression, True))
        return Q(Exact(self.expression, Value(value)))

    def beyond(self, value: Any, *, is_reversed: bool = False) -> Q:
        """Those with another value that come after this one, or before it."""
        is_up = self.is_descending is is_reversed
        if value is None:
            return NEVER if is_up else ~self.equal(None)
        if self.operand is None:
            return ALWAYS if is_up else NEVER
        if is_up:
            return Q(GreaterThan(self.expression, Value(value))) | self.equal(None)
        return Q(LessThan(self.expression, Value(value)))


def kept(value: Any) -> Any:
    """A value that was sorted by, as JSON can keep it."""
    for kind, name in KINDS.items():
        if type(value) is kind:
            return {name: str(value)}
    return value


def read(value: Any) -> Any:
    """A kept value as the database compares it."""
    if not isinstance(value, dict):
        return value
    [(name, text)] = value.items()
    return READERS[name](text)


KINDS: dict[type, str] = {
    datetime: "datetime",
    date: "date",
    UUID: "uuid",
    Decimal: "decimal",
}
"""The types of columns that JSON does not have, and what they are called where it keeps one."""

READERS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "uuid": UUID,
    "decimal": Decimal,
}


def orders(
    text: str, is_descending: bool, kinds: list[tuple[ResourceModel, Sources]]
) -> list[Order]:
    """The order by one attribute for each kind of resource, some of which may not have it.

    Raises ``InvalidValue``, naming the attribute, where none has it, or none can be ordered by it.
    """
    found = [_operand(text, model, sources) for model, sources in kinds]
    reasons = [reason for reason in found if isinstance(reason, InvalidValue)]
    if len(reasons) == len(found):
        raise reasons[0]
    return [Order(o if isinstance(o, Operand) else None, is_descending) for o in found]


def _operand(text: str, model: ResourceModel, sources: Sources) -> Operand | InvalidValue:
    """The one value of a resource, or why it cannot be ordered by it."""
    binding = _binding(text, model)
    if isinstance(binding, InvalidValue):
        return binding
    schema, attribute, sub = place_of(model, binding)
    if not binding.is_multivalued:
        operand = sources.operand(schema, attribute, sub)
    else:
        entries = sources.entries(schema, attribute)
        if not isinstance(entries, Entries):
            return _unordered(text)
        sub = VALUE if entries.is_simple else sub
        operand = _chosen(entries, sub) if sub and entries.has(sub) else None
    return operand or _unordered(text)


def _unordered(text: str) -> InvalidValue:
    return InvalidValue(f"'sortBy': resources cannot be ordered by {text!r}.")


def _binding(text: str, model: ResourceModel) -> AttributeBinding | InvalidValue:
    if len(text) > scim_settings.MAX_FILTER_LENGTH:
        return InvalidValue("'sortBy' is too long for the name of an attribute.")
    try:
        path: scim.Path[Any] = scim.Path.__class_getitem__(model)(text)
    except scim.SCIMException:
        return InvalidValue(f"'sortBy' must name an attribute; {text[:100]!r} does not.")
    if not isinstance(path.ast, AttrPath):
        return InvalidValue(
            f"'sortBy' must be the plain name of an attribute, without a filter: {text[:100]!r}."
        )
    path = scim.Path.__class_getitem__(model)(str(qualified(model, path.ast)))
    if path.resolve() is None:
        return InvalidValue(f"'sortBy': there is no attribute {text[:100]!r}.")
    request: scim.SearchRequest[Any] = scim.SearchRequest.model_validate({"sortBy": str(path)})
    binding: AttributeBinding | None = request.sort_binding(model)
    return binding or InvalidValue(
        f"'sortBy': resources cannot be ordered by {text!r}. Of a complex attribute, name one of "
        "its sub-attributes."
    )


def _chosen(entries: Entries, sub: str) -> Operand:
    """The sub-attribute of the primary entry, or else of the first one.

    Elements that are kept outside the array come first, as they do in a document.
    """
    is_primary = Q(Exact(JSONText(Entry(), "primary"), Value("true")))
    value: Any = kept_value(Entry(), (sub,), entries.comparing[sub]).expression

    def first_of(condition: Q) -> FirstEntry:
        return FirstEntry(
            entries.document, entries.names, condition, value, is_simple=entries.is_simple
        )

    primary = [
        When(e.is_present & _is_true(e.operands.get("primary")), then=_text(e.operands[sub]))
        for e in entries.elements
    ]
    first = [When(e.is_present, then=_text(e.operands[sub])) for e in entries.elements]
    chosen = Case(
        *primary,
        When(
            AnyEntry(entries.document, entries.names, is_primary, is_simple=entries.is_simple),
            then=first_of(is_primary),
        ),
        *first,
        default=first_of(ALWAYS),
        output_field=value.output_field,
    )
    return Operand(chosen, entries.comparing[sub])


def _is_true(operand: Operand | None) -> Q:
    if operand is None:
        return NEVER
    return Q(Exact(operand.expression, Value(operand.comparing == "boolean" or "true")))


def _text(operand: Operand) -> Any:
    """A value as the array would hold it."""
    if operand.comparing != "boolean":
        return operand.expression
    return Case(
        When(_is_true(operand), then=Value("true")),
        When(Exact(operand.expression, Value(False)), then=Value("false")),
        output_field=CharField(),
    )
