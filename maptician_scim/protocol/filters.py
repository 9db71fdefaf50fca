"""SCIM filters compiled into Django conditions (RFC 7644 section 3.4.2.2).

scim2-models reads the text; this walks its syntax tree. The result says what it would say in
memory (``ScimFilter.match``), on PostgreSQL and SQLite alike; what cannot be said in the database
is ``InvalidFilter``, never a wider list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import Any, ClassVar, Literal, Protocol
from uuid import UUID

import scim2_models as scim
from django.conf import settings
from django.db.models import Exists, Expression, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Left, Right, StrIndex
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IsNull,
    LessThan,
    LessThanOrEqual,
)
from django.utils import timezone
from scim2_models.path import (
    AttributeBinding,
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    FilterVisitor,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ScimFilter,
    ValuePath,
    coerce_value,
)

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidFilter, ScimError
from maptician_scim.protocol.expressions import (
    ALWAYS,
    NEVER,
    AnyEntry,
    CodePoints,
    ComparisonKey,
    Entry,
    Grouped,
    IsNotTrue,
    JSONMoment,
    JSONNumber,
    JSONText,
    UUIDText,
    comparison_key,
    user_name_key,
)
from maptician_scim.protocol.paths import is_scim_id, place_of
from maptician_scim.protocol.tolerances import Tolerance, tolerate
from maptician_scim.protocol.values import LARGEST_INTEGER, canonical_base64, moment_text
from maptician_scim.texts import is_storable

Comparing = Literal[
    "text",
    "exact",
    "user_name",
    "uuid",
    "boolean",
    "json_boolean",
    "number",
    "datetime",
    "json_datetime",
    "date",
    "list",
]
TYPED = frozenset({"boolean", "json_boolean", "number", "datetime", "json_datetime", "date"})
"""What compares as something else than a string."""

ORDERED = TYPED - {"boolean", "json_boolean"}

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
"""A string in quotes."""

DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

VALUE = "value"

OF_SEVERAL_VALUES = 6
"""Terms that one on a multi-valued attribute counts as: what it costs the database, measured."""

ORDERINGS: dict[CompareOperator, type[Any]] = {
    CompareOperator.gt: GreaterThan,
    CompareOperator.ge: GreaterThanOrEqual,
    CompareOperator.lt: LessThan,
    CompareOperator.le: LessThanOrEqual,
}


@dataclass(frozen=True)
class Operand:
    """A value in the database, and how it compares.

    ``text`` without regard to case, ``exact`` by code point, ``user_name`` is a column that holds
    ``user_name_key`` already, ``uuid`` one that holds UUIDs, ``date`` one of days that begin in
    UTC. A ``list`` is several values inside one: they are there or not, and that is all.
    """

    expression: Combinable
    comparing: Comparing = "text"

    @property
    def is_present(self) -> Q:
        """Whether it has a value; an empty string is none (RFC 7643 section 2.5)."""
        if self.comparing == "uuid" or self.comparing in TYPED:
            return Q(IsNull(self.expression, False))
        return Q(GreaterThan(CodePoints(self.expression), Value("")))


@dataclass(frozen=True)
class Element:
    """One element of a multi-valued attribute that is kept outside the JSON array."""

    operands: Mapping[str, Operand]
    is_present: Q


@dataclass(frozen=True)
class Entries:
    """A multi-valued attribute: single elements, and the array with the rest.

    ``names`` lead to the array in the document. The entries of a simple attribute have the one
    sub-attribute ``value``.
    """

    document: Combinable
    names: tuple[str, ...]
    comparing: Mapping[str, Comparing]
    elements: tuple[Element, ...] = ()
    is_simple: bool = False

    def has(self, sub_attribute: str) -> bool:
        """Whether every element has this sub-attribute where the database can see it."""
        return self.comparing.get(sub_attribute, "list") != "list" and all(
            sub_attribute in element.operands for element in self.elements
        )

    def any(self, condition_of: Condition) -> Q:
        """Whether any element meets a condition on its operands, given by sub-attribute."""
        stored = {
            name: kept_value(Entry(), (name,), comparing)
            for name, comparing in self.comparing.items()
        }
        found = AnyEntry(self.document, self.names, condition_of(stored), is_simple=self.is_simple)
        conditions = [Q(found)]
        conditions += [e.is_present & condition_of(e.operands) for e in self.elements]
        return any_of(conditions)


def kept_value(document: Combinable, names: Sequence[str], comparing: Comparing) -> Operand:
    """A value at a place of a JSON object."""
    kind = {"number": JSONNumber, "json_datetime": JSONMoment}.get(comparing, JSONText)
    return Operand(kind(document, *names), comparing)


@dataclass(frozen=True)
class RelatedEntries:
    """A multi-valued attribute that is made from other rows, such as a group's members.

    Each ``(rows, operands)`` is a query of rows that belong to the resource at hand, and what the
    sub-attributes are in it.
    """

    sources: tuple[tuple[QuerySet[Any], Mapping[str, Operand]], ...]
    is_simple: ClassVar[bool] = False

    def has(self, sub_attribute: str) -> bool:
        """Whether the database can see this sub-attribute."""
        return all(sub_attribute in operands for _, operands in self.sources)

    def any(self, condition_of: Condition) -> Q:
        """Whether any row meets a condition on its operands."""
        return any_of(
            Q(Exists(rows.filter(condition_of(operands)))) for rows, operands in self.sources
        )


class Condition(Protocol):
    def __call__(self, operands: Mapping[str, Operand], /) -> Q: ...


class Sources(Protocol):
    """Where the attributes of a resource are in the database; the adapter knows."""

    def operand(self, schema: str | None, attribute: str, sub: str | None) -> Operand | None:
        """A single value, or ``None`` if it cannot be filtered."""

    def entries(self, schema: str | None, attribute: str) -> Entries | RelatedEntries | None:
        """A multi-valued attribute, or ``None`` if it cannot be filtered."""


@dataclass(frozen=True)
class WithRelated:
    """Sources with attributes beside them that are made from other rows, by their names."""

    sources: Sources
    related: Mapping[str, RelatedEntries]

    def operand(self, schema: str | None, attribute: str, sub: str | None) -> Operand | None:
        return self.sources.operand(schema, attribute, sub)

    def entries(self, schema: str | None, attribute: str) -> Entries | RelatedEntries | None:
        if schema is None and attribute in self.related:
            return self.related[attribute]
        return self.sources.entries(schema, attribute)


def compile_filter(
    text: str,
    model: type[scim.Resource[Any]],
    sources: Sources,
    others: Iterable[type[scim.Resource[Any]]] = (),
) -> Q:
    """The condition a filter stands for.

    ``others`` are the kinds of resources that are searched with it as well: what only they have is
    unassigned here (RFC 7644 section 3.4.2.1). Raises ``InvalidFilter``, naming the attribute or
    the place.
    """
    bound = _parsed(text, model)
    return _Compiler(model, bound, sources, others).visit(bound.ast)


def parse_filter(
    text: str, model: type[scim.Resource[Any]], sources: Sources
) -> scim.ScimFilter[Any]:
    """A filter for resources in memory, which refuses what ``compile_filter`` does.

    ``sources`` say which attributes can be filtered. Raises ``InvalidFilter``.
    """
    bound = _parsed(text, model)
    _Compiler(model, bound, sources, ()).visit(bound.ast)
    return bound


def _parsed(text: str, model: type[scim.Resource[Any]]) -> scim.ScimFilter[Any]:
    check_size(text)
    try:
        tree = _Qualifier(model).visit(ScimFilter(text).ast)
        bound: ScimFilter[Any] = ScimFilter.__class_getitem__(model)(tree)
    except scim.SCIMException as error:
        raise InvalidFilter(f"The filter is not valid: {error.detail}") from error
    return bound


def compile_selection(
    text: str, model: type[scim.Resource[Any]], operands: Mapping[str, Operand]
) -> Q:
    """The condition on one entry for which a value path such as ``members[value eq "x"]`` stands.

    Raises ``InvalidFilter``, naming the attribute or the place.
    """
    check_size(text)
    try:
        bound: ScimFilter[Any] = ScimFilter.__class_getitem__(model)(ScimFilter(text).ast)
    except scim.SCIMException as error:
        raise InvalidFilter(f"The filter is not valid: {error.detail}") from error
    if not isinstance(bound.ast, ValuePath):
        raise InvalidFilter(f"{text!r} selects no entries.")
    _check_terms(_terms(bound.ast.val_filter) * OF_SEVERAL_VALUES, bound.ast.attr_path)
    entries = _EntryCompiler(bound, bound.ast.attr_path, operands, None)
    return entries.visit(bound.ast.val_filter)


def check_size(text: str, what: str = "filter", refusal: type[ScimError] = InvalidFilter) -> None:
    """Refuse what would exhaust the parser or the database before it is parsed.

    And what no database could keep: of a path's texts an entry may be made. Half of a surrogate
    pair, scim2-models cannot compare as a URI either.
    """
    if len(text) > scim_settings.MAX_FILTER_LENGTH:
        raise refusal(
            f"The {what} has {len(text)} characters; at most "
            f"{scim_settings.MAX_FILTER_LENGTH} are allowed."
        )
    if any(not is_storable(_escaped(string)) for string in STRING.findall(text)):
        raise refusal(f"The {what} holds a character that is not allowed.")
    depth = deepest = 0
    for character in STRING.sub("", text):
        depth += (character in "([") - (character in ")]")
        deepest = max(deepest, depth)
    if deepest > scim_settings.MAX_FILTER_DEPTH:
        raise refusal(
            f"The {what} is nested {deepest} deep; at most "
            f"{scim_settings.MAX_FILTER_DEPTH} is allowed."
        )


def _terms(node: FilterNode) -> int:
    """How many terms a filter has; equal ones beside each other are one."""
    if isinstance(node, LogicalExpr):
        return sum(map(_terms, dict.fromkeys(node.terms)))
    return _terms(node.expr) if isinstance(node, Not) else 1


def _check_terms(number: int, path: AttrPath) -> None:
    """Refuse what would keep the database busy: each term looks at everybody."""
    limit = scim_settings.MAX_FILTER_TERMS
    if number > limit:
        raise InvalidFilter(
            f"The filter has too many terms, of which {str(path)!r} is one: at most {limit} are "
            f"allowed, and each on an attribute with several values counts as {OF_SEVERAL_VALUES}. "
            "Send several requests."
        )


def _escaped(string: str) -> str:
    """What a string in quotes stands for; if it is malformed, the parser says so."""
    try:
        return str(json.loads(string))
    except ValueError:
        return ""


class _Rewriter(FilterVisitor[FilterNode]):
    """A copy of a tree, changed where a subclass changes it."""

    def visit_comparison(self, node: Comparison) -> FilterNode:
        return node

    def visit_present(self, node: Present) -> FilterNode:
        return node

    def visit_value_path(self, node: ValuePath) -> FilterNode:
        return node

    def visit_not(self, node: Not) -> FilterNode:
        return Not(self.visit(node.expr))

    def visit_logical_expr(self, node: LogicalExpr) -> FilterNode:
        return LogicalExpr(node.op, tuple(self.visit(term) for term in node.terms))


class _Qualifier(_Rewriter):
    """Entra writes ``department`` for the enterprise extension's: give such names their URN."""

    def __init__(self, model: type[scim.Resource[Any]]) -> None:
        self.model = model

    def visit_comparison(self, node: Comparison) -> FilterNode:
        return replace(node, attr_path=qualified(self.model, node.attr_path))

    def visit_present(self, node: Present) -> FilterNode:
        return replace(node, attr_path=qualified(self.model, node.attr_path))


def qualified(
    model: type[scim.Resource[Any]], path: AttrPath, refusal: type[ScimError] = InvalidFilter
) -> AttrPath:
    """The path with its extension's URN, if only an extension has the attribute."""
    if path.uri is not None or _declares(model, path):
        return path
    for urn in model.get_extension_models():
        candidate = replace(path, uri=urn)
        if _declares(model, candidate):
            tolerate(Tolerance.EXTENSION_WITHOUT_URN, str(path), refusal)
            return candidate
    return path


def _declares(model: type[scim.Resource[Any]], path: AttrPath) -> bool:
    bound: scim.Path[Any] = scim.Path.__class_getitem__(model)(str(path))
    return bound.resolve() is not None


class _Conditions(FilterVisitor[Q]):
    """What is the same outside and inside a value path."""

    def visit_logical_expr(self, node: LogicalExpr) -> Q:
        # A term that is repeated says nothing, and would cost as much as the first.
        terms = [self.visit(term) for term in dict.fromkeys(node.terms)]
        return Q(*terms, _connector=Q.OR if node.op == LogicalOperator.or_ else Q.AND)

    def visit_not(self, node: Not) -> Q:
        return Q(IsNotTrue(self.visit(node.expr)))

    def visit_comparison(self, node: Comparison) -> Q:
        # RFC 7644 leaves open what "ne" means for several values: here no value is equal.
        if node.op == CompareOperator.ne:
            return Q(IsNotTrue(self.compare(node, CompareOperator.eq)))
        return self.compare(node, node.op)

    def compare(self, node: Comparison, op: CompareOperator) -> Q:
        raise NotImplementedError


class _Compiler(_Conditions):
    """Turns the tree of a filter on a resource into conditions."""

    def __init__(
        self,
        model: type[scim.Resource[Any]],
        bound: ScimFilter[Any],
        sources: Sources,
        others: Iterable[type[scim.Resource[Any]]],
    ) -> None:
        self.model = model
        self.bound = bound
        self.sources = sources
        self.others = tuple(others)
        self.terms = 0

    def visit_present(self, node: Present) -> Q:
        if self._is_elsewhere(node.attr_path):
            return NEVER
        binding = self._resolve(node.attr_path)
        self._count(1, binding, node.attr_path)
        schema, attribute, sub = place_of(self.model, binding)
        names = [sub] if sub else sub_attributes(binding) or [VALUE]
        if binding.is_multivalued:
            entries = self._entries(binding, node.attr_path)
            return entries.any(
                lambda operands: any_of(operands[n].is_present for n in names if n in operands)
            )
        if sub is None and names != [VALUE]:
            found = [self.sources.operand(schema, attribute, name) for name in names]
            present = [operand.is_present for operand in found if operand is not None]
            if present:
                return any_of(present)
        return self._operand(binding, node.attr_path).is_present

    def visit_value_path(self, node: ValuePath) -> Q:
        if self._is_elsewhere(node.attr_path):
            return NEVER
        binding = self._resolve(node.attr_path)
        self._count(_terms(node.val_filter), binding, node.attr_path)
        entries = self._entries(binding, node.attr_path)
        simple = binding if entries.is_simple else None
        return entries.any(
            lambda operands: _EntryCompiler(self.bound, node.attr_path, operands, simple).visit(
                node.val_filter
            )
        )

    def compare(self, node: Comparison, op: CompareOperator) -> Q:
        if self._is_elsewhere(node.attr_path):
            return ALWAYS if node.value is None and op == CompareOperator.eq else NEVER
        binding = self.bound.resolve_comparison(node.attr_path, strict=False)
        if binding is None:
            raise _unknown(node.attr_path)
        self._count(1, binding, node.attr_path)
        value = _coerced(binding, node.value, op)
        if not binding.is_multivalued:
            return _comparison(self._operand(binding, node.attr_path), op, value, binding)
        entries = self._entries(binding, node.attr_path)
        sub = place_of(self.model, binding)[2] or (VALUE if entries.is_simple else "")
        if not entries.has(sub):
            raise _cannot_filter(node.attr_path)
        found = entries.any(lambda operands: _comparison(operands[sub], op, value, binding))
        if value is None and op == CompareOperator.eq:
            # An attribute without any entry is as unassigned as an entry without the value.
            return found | Q(IsNotTrue(entries.any(lambda operands: ALWAYS)))
        return found

    def _count(self, terms: int, binding: AttributeBinding, path: AttrPath) -> None:
        self.terms += terms * (OF_SEVERAL_VALUES if binding.is_multivalued else 1)
        _check_terms(self.terms, path)

    def _is_elsewhere(self, path: AttrPath) -> bool:
        """Whether only resources of another kind have the attribute."""
        return (
            bool(self.others)
            and not _declares(self.model, path)
            and any(_declares(model, qualified(model, path)) for model in self.others)
        )

    def _resolve(self, path: AttrPath) -> AttributeBinding:
        binding = self.bound.resolve(path, strict=False)
        if binding is None:
            raise _unknown(path)
        return binding

    def _operand(self, binding: AttributeBinding, path: AttrPath) -> Operand:
        operand = self.sources.operand(*place_of(self.model, binding))
        if operand is None:
            raise _cannot_filter(path)
        return operand

    def _entries(self, binding: AttributeBinding, path: AttrPath) -> Entries | RelatedEntries:
        schema, attribute, _ = place_of(self.model, binding)
        entries = self.sources.entries(schema, attribute)
        if entries is None:
            raise _cannot_filter(path)
        return entries


class _EntryCompiler(_Conditions):
    """Turns the filter inside a value path into conditions on one entry."""

    def __init__(
        self,
        bound: ScimFilter[Any],
        parent: AttrPath,
        operands: Mapping[str, Operand],
        simple: AttributeBinding | None,
    ) -> None:
        self.bound = bound
        self.parent = parent
        self.operands = operands
        self.simple = simple

    def visit_present(self, node: Present) -> Q:
        return self._resolve(node.attr_path)[1].is_present

    def compare(self, node: Comparison, op: CompareOperator) -> Q:
        binding, operand = self._resolve(node.attr_path)
        return _comparison(operand, op, _coerced(binding, node.value, op), binding)

    def _resolve(self, path: AttrPath) -> tuple[AttributeBinding, Operand]:
        whole = AttrPath(self.parent.attr, path.attr, self.parent.uri)
        binding = None
        if path.sub_attr is None and path.uri is None:
            if self.simple is not None and path.attr.lower() == VALUE:
                return self.simple, self.operands[VALUE]
            binding = self.bound.resolve(whole, strict=False)
        if binding is None:
            raise InvalidFilter(f"There is no attribute {str(path)!r} in {self.parent.attr!r}.")
        operand = self.operands.get(binding.urn.rpartition(".")[2])
        if operand is None:
            raise _cannot_filter(whole)
        return binding, operand


def sub_attributes(binding: AttributeBinding) -> list[str]:
    """The sub-attributes of a complex attribute; none of a simple one."""
    field_type = binding.field_type
    if not isinstance(field_type, type) or not issubclass(field_type, scim.ComplexAttribute):
        return []
    return [field.serialization_alias or name for name, field in field_type.model_fields.items()]


def _coerced(binding: AttributeBinding, value: Any, op: CompareOperator) -> Any:
    _check_type(binding, value)
    try:
        coerced = coerce_value(binding, value, op)
    except scim.SCIMException as error:
        raise InvalidFilter(f"The filter is not valid: {error.detail}") from error
    value = canonical_base64(value) if isinstance(coerced, bytes) else coerced
    if isinstance(value, str) and not is_storable(value):
        raise InvalidFilter("The filter holds a character that is not allowed.")
    return value


def _check_type(binding: AttributeBinding, value: Any) -> None:
    """Refuse what pydantic would take for a boolean ("yes", 1) or a date (seconds)."""
    kind = binding.target_type
    if value is None or not isinstance(kind, type):
        return
    text = value.lower() if isinstance(value, str) else ""
    if issubclass(kind, bool) and not isinstance(value, bool):
        if text not in ("true", "false"):
            raise InvalidFilter(f"{_name(binding)!r} is compared with true or false.")
        tolerate(Tolerance.BOOLEAN_AS_TEXT, _name(binding), InvalidFilter)
    if issubclass(kind, (int, float)) and isinstance(value, bool) and not issubclass(kind, bool):
        raise InvalidFilter(f"{_name(binding)!r} is compared with a number.")
    if issubclass(kind, bytes) and canonical_base64(str(value)) is None:
        raise InvalidFilter(f"{_name(binding)!r} is compared with a value in base64.")
    if issubclass(kind, datetime) and not DATE.match(text):
        raise InvalidFilter(
            f'{_name(binding)!r} is compared with a date such as "2026-01-31T08:00:00Z".'
        )


def _comparison(operand: Operand, op: CompareOperator, value: Any, binding: AttributeBinding) -> Q:
    """One value against one operand, for every operator but ``ne``, which is the opposite of
    ``eq``."""
    if value is None:
        return Q(IsNotTrue(operand.is_present)) if op == CompareOperator.eq else NEVER
    if operand.comparing == "list":
        raise InvalidFilter(f"{_name(binding)!r} has several values and cannot be compared.")
    if operand.comparing in TYPED:
        return _typed_comparison(operand, op, value, binding)
    if not isinstance(value, str):
        raise InvalidFilter(f"{_name(binding)!r} is compared with a string in quotes.")
    if operand.comparing == "uuid":
        if op == CompareOperator.eq:
            return Q(Exact(operand.expression, Value(UUID(value)))) if is_scim_id(value) else NEVER
        operand = Operand(UUIDText(operand.expression), "exact")
    return _text_comparison(operand, op, value)


def _typed_comparison(
    operand: Operand, op: CompareOperator, value: Any, binding: AttributeBinding
) -> Q:
    if op != CompareOperator.eq and (op not in ORDERINGS or operand.comparing not in ORDERED):
        raise InvalidFilter(f"The operator {op.value!r} does not apply to {_name(binding)!r}.")
    lookup = ORDERINGS.get(op, Exact)
    if operand.comparing == "json_boolean":
        value = "true" if value else "false"
    elif operand.comparing == "number":
        value = _number(value)
    elif isinstance(value, datetime):
        value = _comparable(value)
        if operand.comparing == "date":
            return _day_comparison(operand, op, value)
        if operand.comparing == "json_datetime":
            value = moment_text(value).rstrip("Z")
    return Q(lookup(operand.expression, Value(value)))


def _number(value: float) -> float:
    """A number as every database takes it: none that is kept is larger than the limit."""
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return 2.0**63 if value > 0 else -(2.0**63)
    return value


def _day_comparison(operand: Operand, op: CompareOperator, moment: datetime) -> Q:
    """A column of days, each of which stands for its first moment in UTC."""
    utc = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    utc = utc.astimezone(UTC)
    is_first_moment = utc.time() == time.min
    if op == CompareOperator.eq and not is_first_moment:
        return NEVER
    if not is_first_moment:
        op = {CompareOperator.ge: CompareOperator.gt, CompareOperator.lt: CompareOperator.le}.get(
            op, op
        )
    return Q(ORDERINGS.get(op, Exact)(operand.expression, Value(utc.date())))


def _comparable(moment: datetime) -> datetime:
    """A point in time as the database compares it; one without a zone is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError as error:
        raise InvalidFilter("The filter holds a date that is out of range.") from error
    return moment if settings.USE_TZ else timezone.make_naive(moment)


def _text_comparison(operand: Operand, op: CompareOperator, value: str) -> Q:
    if operand.comparing == "text":
        left: Expression = ComparisonKey(operand.expression)
        value = comparison_key(value)
    else:
        left = CodePoints(operand.expression)
        value = user_name_key(value) if operand.comparing == "user_name" else value
    if op == CompareOperator.eq:
        if not value:
            return NEVER  # what is present is never empty
        # Without CodePoints around it, an index on the column serves the look-up.
        return Q(Exact(left if operand.comparing == "text" else operand.expression, Value(value)))
    if ordering := ORDERINGS.get(op):
        return operand.is_present & Q(ordering(left, Value(value)))
    if not value:
        return operand.is_present
    if op == CompareOperator.sw:
        return Q(Exact(Left(left, len(value)), Value(value)))
    if op == CompareOperator.ew:
        return Q(Exact(Right(left, len(value)), Value(value)))
    return Q(GreaterThan(StrIndex(left, Value(value)), Value(0)))


def _unknown(path: AttrPath) -> InvalidFilter:
    return InvalidFilter(f"There is no attribute {str(path)!r} to filter by.")


def _cannot_filter(path: AttrPath) -> InvalidFilter:
    return InvalidFilter(f"The attribute {str(path)!r} cannot be used in a filter.")


def _name(binding: AttributeBinding) -> str:
    return binding.urn.rpartition(":")[2]


def any_of(conditions: Iterable[Q]) -> Q:
    """Whether any of the conditions into which one term of a filter unfolds is met."""
    return Q(Grouped(Q(*conditions, _connector=Q.OR)))
