"""Statements that are compiled once and run with other values.

To build a query and to write it as SQL takes the ORM several times as long as the database takes to
answer it, and it is the same SQL each time. So the questions that identity providers ask all day
are compiled at the first request and kept; the ORM stays the only one who writes them.

What is compiled must depend on nothing but its slots: a queryset that holds the time of day, say,
would hold that of its compilation for ever.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    EmailField,
    Expression,
    Field,
    ForeignKey,
    IntegerField,
    JSONField,
    Model,
    OneToOneField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    QuerySet,
    SmallIntegerField,
    TextField,
)
from django.db.models.base import ModelState
from django.db.models.fields.related_descriptors import ForeignKeyDeferredAttribute
from django.db.models.manager import BaseManager
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init
from django.db.models.sql.compiler import SQLCompiler
from django.dispatch import Signal

from maptician_scim.protocol.expressions import listed

MOST_KEPT = 512
"""Far more than a project has: adapters are few, and so are the questions."""

PAGE = "{} LIMIT %s OFFSET %s"
COUNT = "SELECT COUNT(*) FROM ({}) AS counted"

Row = tuple[Any, ...]
Values = Mapping[str, Any]


PLAIN_TYPES: dict[type, type] = {
    BooleanField: bool,
    CharField: str,
    EmailField: str,
    TextField: str,
    **dict.fromkeys((AutoField, BigAutoField, IntegerField, BigIntegerField), int),
    **dict.fromkeys((PositiveIntegerField, PositiveSmallIntegerField, SmallIntegerField), int),
}


@cache
def plain_type(field: Field[Any, Any]) -> type | None:
    """The type of the values that a column takes as they are; for a foreign key, of its keys."""
    target: Any = field
    while type(target) in (ForeignKey, OneToOneField):
        target = target.target_field
    return PLAIN_TYPES.get(type(target))


class Slot(Expression):
    """Where in a queryset a value will stand; ``field`` says how it is written to the database."""

    def __init__(self, name: str, field: Field[Any, Any]) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        return "%s", [self]

    def bound(self, values: Values, connection: BaseDatabaseWrapper) -> Any:
        """The value of this slot as the driver takes it."""
        field: Field[Any, Any] = self.output_field
        value = values[self.name]
        if type(value) is plain_type(field):
            return value
        return field.get_db_prep_value(value, connection, prepared=False)


class ListSlot(Slot):
    """The same for the values that ``Among`` compares with."""

    def bound(self, values: Values, connection: BaseDatabaseWrapper) -> Any:
        return listed(values[self.name], self.output_field, connection)


def inherits(cls: type, base: type, *names: str) -> bool:
    """Whether a class has these class methods from ``base`` and overrides none."""
    return all(getattr(cls, name).__func__ is getattr(base, name).__func__ for name in names)


def is_plain(manager: BaseManager[Any]) -> bool:
    """Whether a manager of the host's leaves nothing out, by a rule that may change."""
    return type(manager).get_queryset is BaseManager.get_queryset


def slot(name: str, model: type[Model], field: str, kind: type[Slot] = Slot) -> Slot:
    """A slot for what stands in a column; of a foreign key, the key it leads to."""
    column: Any = model._meta.get_field(field)
    return kind(name, getattr(column, "target_field", column))


class Statement:
    """The SQL of a ``values_list`` queryset, and how its columns are read."""

    def __init__(self, queryset: QuerySet[Any, Any]) -> None:
        self.using = router.db_for_write(queryset.model)
        """Where writes go: a client reads at once what it has just written, and rows are locked."""

        compiler = queryset.query.get_compiler(self.using)
        sql, params = compiler.as_sql()
        self.sql: str = sql
        self.params = tuple(params)
        joins = queryset.query.alias_map.items()
        self.aliases = {j.table_name: a for a, j in joins if queryset.query.alias_refcount[a]}
        columns = [expression for expression, *_ in compiler.select]
        self.converters = [
            (place, [_faster(convert) for convert in converters], expression)
            for place, (converters, expression) in compiler.get_converters(columns).items()
        ]

    def rows(self, values: Values) -> list[Row]:
        """The rows for these values."""
        return self._read("{}", values)

    def page(self, values: Values, start: int, size: int) -> list[Row]:
        """As many rows as ``size`` after the first ``start``."""
        return self._read(PAGE, values, size, start)

    def locked(
        self, values: Values, models: Sequence[type[Model]], strength: str = "FOR UPDATE"
    ) -> list[Row]:
        """The rows, after those of these models in them are locked, in this order."""
        connection = connections[self.using]
        if not connection.features.has_select_for_update:
            return self.rows(values)
        tables = [self.aliases[model._meta.db_table] for model in models]
        names = ", ".join(connection.ops.quote_name(table) for table in tables)
        return self._read(f"{{}} {strength} OF {names}", values)

    def count(self, values: Values) -> int:
        """How many rows there are for these values."""
        [[count]] = self._run(COUNT, values, connections[self.using])
        return int(count)

    def _read(self, frame: str, values: Values, *more: Any) -> list[Row]:
        connection = connections[self.using]
        rows = self._run(frame, values, connection, *more)
        return [self._converted(row, connection) for row in rows] if self.converters else rows

    def _run(self, frame: str, values: Values, connection: Any, *more: Any) -> list[Row]:
        bound = [p.bound(values, connection) if isinstance(p, Slot) else p for p in self.params]
        with connection.cursor() as cursor:
            cursor.execute(frame.replace("{}", self.sql), [*bound, *more])
            rows: list[Row] = cursor.fetchall()
        return rows

    def _converted(self, row: Iterable[Any], connection: BaseDatabaseWrapper) -> Row:
        found = list(row)
        for place, converters, expression in self.converters:
            for convert in converters:
                found[place] = convert(found[place], expression, connection)
        return tuple(found)


def _faster(convert: Callable[..., Any]) -> Callable[..., Any]:
    """The same for JSON, which is most of what is converted."""
    field = getattr(convert, "__self__", None)
    is_json = type(field) is JSONField and field.decoder is None
    return _from_json if is_json else convert


def _from_json(value: Any, *context: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:  # a number that is too large for it, written by somebody else
        return json.loads(value)


_kept: dict[object, Statement] = {}


def compiled(key: object, build: Callable[[], QuerySet[Any, Any]]) -> Statement:
    """The statement of a queryset, built at the first time only.

    ``key`` names everything the queryset depends on, but for its slots.
    """
    found = _kept.get(key)
    if found is None:
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        found = _kept[key] = Statement(build())
    return found


@cache
def columns(model: type[Model], prefix: str = "") -> tuple[str, ...]:
    """All columns of a model, for ``values_list``."""
    return tuple(prefix + field.attname for field in model._meta.concrete_fields)


def split(model: type[Model], using: str, row: Row, names: tuple[str, ...] = ()) -> tuple[Any, Row]:
    """The object whose columns a row begins with, as the ORM would make it, and the rest.

    All ``columns`` in their order, or those that are named.
    """
    names = names or columns(model)
    values, rest = row[: len(names)], row[len(names) :]
    if is_heard(model, pre_init, post_init) or not _is_made_of_columns(model):
        return model.from_db(using, names, values), rest
    made = _empty(model)
    made._state.adding, made._state.db = False, using
    made.__dict__.update(zip(names, values, strict=True))
    return made, rest


def new(model: type[Model], **values: Any) -> Any:
    """A new object, as its constructor makes it, with these values in its columns."""
    if is_heard(model, pre_init, post_init) or not _is_made_of_columns(model):
        return model(**values)
    defaults, fresh = _defaults(model)
    if unknown := values.keys() - defaults.keys():
        raise TypeError(f"{model.__name__} has no columns {', '.join(sorted(unknown))}.")
    made = _empty(model)
    made.__dict__.update(defaults, **values)
    for name, default in fresh.items():
        if name not in values:
            made.__dict__[name] = default()
    return made


def _empty(model: type[Model]) -> Any:
    """A new object without any columns."""
    made = model.__new__(model)
    made._state = ModelState()
    return made


@cache
def _defaults(model: type[Model]) -> tuple[Values, Mapping[str, Callable[[], Any]]]:
    """The values of all columns of a new object, and what makes those that each has anew."""
    defaults, fresh = {}, {}
    for field in model._meta.concrete_fields:
        if field.generated:
            continue
        if _is_fresh(field):
            fresh[field.attname] = field.get_default
        defaults[field.attname] = None if field.attname in fresh else field.get_default()
    return defaults, fresh


def _is_fresh(field: Any) -> bool:
    """Whether each new object has a default of its own."""
    is_djangos = type(field).get_default in (Field.get_default, ForeignKey.get_default)
    is_made = field.has_default() and callable(field.default)
    return is_made or field.has_db_default() or not is_djangos


def is_heard(model: type[Model], *signals: Signal) -> bool:
    """Whether somebody listens to one of these signals of a model."""
    # Most have no receivers at all, which is cheaper to ask.
    return any(signal.receivers and signal.has_listeners(model) for signal in signals)


def attach(instance: Model, name: str, related: Model) -> None:
    """Put beside an object what was fetched with it, as the ORM does for ``select_related``."""
    field: Any = instance._meta.get_field(name)
    field.set_cached_value(instance, related)
    if not field.remote_field.multiple:
        field.remote_field.set_cached_value(related, instance)


@cache
def _is_made_of_columns(model: Any) -> bool:
    """Whether an object is nothing but the values of its columns: to set them one by one, as
    Django's ``__init__`` does, takes longer than to read the row."""
    plain = (DeferredAttribute, ForeignKeyDeferredAttribute)
    return (
        model.__new__ is object.__new__
        and model.__init__ is Model.__init__
        and not any("__init__" in vars(base) for base in _after_model(model))
        and model.__setattr__ is object.__setattr__
        and inherits(model, Model, "from_db")
        and all(
            type(inspect.getattr_static(model, field.attname)) in plain
            for field in model._meta.concrete_fields
        )
    )


def _after_model(model: type[Model]) -> list[type]:
    """The classes whose ``__init__`` Django's own calls at its end."""
    classes = model.__mro__
    return [base for base in classes[classes.index(Model) + 1 :] if base is not object]
