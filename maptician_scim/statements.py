"""Statements that are compiled once and run with other values.

To build a query and to write it as SQL takes the ORM several times as long as the database takes to
answer it, and it is the same SQL each time. So the questions that identity providers ask all day
are compiled at the first request and kept; the ORM stays the only one who writes them.

What is compiled must depend on nothing but its slots: a queryset that holds the time of day, say,
would hold that of its compilation for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Expression, Field, JSONField, Model, QuerySet
from django.db.models.manager import BaseManager
from django.db.models.signals import post_save, pre_save
from django.db.models.sql.compiler import SQLCompiler

from maptician_scim.protocol.expressions import listed

MOST_KEPT = 512
"""Far more than a project has: adapters are few, and so are the questions."""

STEPS_OF_SAVE = (
    *("save_base", "_save_table", "_do_update", "_do_insert"),
    *("_prepare_related_fields_for_save", "_get_pk_val"),
)
"""What a model may override instead of ``save``."""

PAGE = "{} LIMIT %s OFFSET %s"
COUNT = "SELECT COUNT(*) FROM ({}) AS counted"

Row = tuple[Any, ...]
Values = Mapping[str, Any]


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
        return field.get_db_prep_value(values[self.name], connection, prepared=False)


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
        return self._read(self._run("{}", values))

    def page(self, values: Values, start: int, size: int) -> list[Row]:
        """As many rows as ``size`` after the first ``start``."""
        return self._read(self._run(PAGE, values, size, start))

    def locked(
        self, values: Values, models: Sequence[type[Model]], strength: str = "FOR UPDATE"
    ) -> list[Row]:
        """The rows, after those of these models in them are locked, in this order."""
        connection = connections[self.using]
        if not connection.features.has_select_for_update:
            return self.rows(values)
        tables = [self.aliases[model._meta.db_table] for model in models]
        names = ", ".join(connection.ops.quote_name(table) for table in tables)
        return self._read(self._run(f"{{}} {strength} OF {names}", values))

    def count(self, values: Values) -> int:
        """How many rows there are for these values."""
        [[count]] = self._run(COUNT, values)
        return int(count)

    def _run(self, frame: str, values: Values, *more: Any) -> list[Row]:
        connection = connections[self.using]
        bound = [p.bound(values, connection) if isinstance(p, Slot) else p for p in self.params]
        with connection.cursor() as cursor:
            cursor.execute(frame.replace("{}", self.sql), [*bound, *more])
            rows: list[Row] = cursor.fetchall()
        return rows

    def _read(self, rows: list[Row]) -> list[Row]:
        if not self.converters:
            return rows
        connection = connections[self.using]
        return [self._converted(row, connection) for row in rows]

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


def columns(model: type[Model], prefix: str = "") -> list[str]:
    """All columns of a model, for ``values_list``."""
    return [prefix + field.attname for field in model._meta.concrete_fields]


def split(model: type[Model], using: str, row: Row) -> tuple[Any, Row]:
    """The object whose ``columns`` a row begins with, as the ORM would make it, and the rest."""
    names = [field.attname for field in model._meta.concrete_fields]
    return model.from_db(using, names, row[: len(names)]), row[len(names) :]


# -- writing objects ------------------------------------------------------------------------------


def insert(instance: Model) -> None:
    """Write a new object, as ``save`` does, unless somebody listens to what ``save`` tells."""
    model, using = type(instance), router.db_for_write(type(instance), instance=instance)
    can_return = connections[using].features.can_return_columns_from_insert
    if can_return and not _is_heard(model):
        _insert(instance, using)
    else:
        instance.save(force_insert=True, using=using)


def update(instance: Model, *fields: str) -> None:
    """Write these fields of an object that is there, as ``save`` does, with the same exception."""
    model, using = type(instance), router.db_for_write(type(instance), instance=instance)
    if _is_heard(model):
        instance.save(update_fields=fields, using=using)
    else:
        _update(instance, fields, using)


def save(instance: Model) -> None:
    """Save an object of the host's: by its own ``save``, unless that is Django's and has nothing to
    do but to write a row and tell who listens."""
    model: Any = type(instance)
    using = router.db_for_write(model, instance=instance)
    is_new = instance._state.adding
    is_djangos = model.save in (Model.save, AbstractBaseUser.save)
    if not (is_djangos and _writes_one_row(model, using) and _is_all_there(instance)):
        instance.save()
        return
    with transaction.mark_for_rollback_on_error(using=using):
        if is_new:
            _insert(instance, using)
        elif not _update(instance, _written_by_save(model), using):
            instance.save()  # deleted meanwhile: Django writes it anew
            return
    told = {"instance": instance, "created": is_new, "raw": False, "using": using}
    post_save.send(sender=model, update_fields=None, **told)


def _insert(instance: Any, using: str) -> None:
    # As save does: raises ValueError where it refers to an object that nobody has saved.
    instance._prepare_related_fields_for_save("save")
    model: Any = type(instance)
    connection, (sql, fields) = connections[using], _insertion(model, using)
    values = [_saved(field, instance, connection, adds=True) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        [instance.pk] = cursor.fetchone()
    instance._state.adding, instance._state.db = False, using


def _update(instance: Any, names: tuple[str, ...], using: str) -> bool:
    """Write these fields; whether the object is there."""
    instance._prepare_related_fields_for_save("save")
    model: Any = type(instance)
    connection, key = connections[using], model._meta.pk
    sql, fields = _change(model, names, using)
    values = [_saved(field, instance, connection, adds=False) for field in fields]
    values.append(key.get_db_prep_value(instance.pk, connection))
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        is_there = bool(cursor.rowcount)
    instance._state.db = using
    return is_there


@cache
def _writes_one_row(model: Any, using: str) -> bool:
    """Whether there is nothing more to an object than one row of one table."""
    meta = model._meta
    return (
        all(getattr(model, step) is getattr(Model, step) for step in STEPS_OF_SAVE)
        and is_plain(model._base_manager)
        and not (meta.parents or meta.proxy or meta.select_on_save or meta.order_with_respect_to)
        and not any(field.generated or field.has_db_default() for field in meta.concrete_fields)
        and list(meta.db_returning_fields) == [meta.pk]
        and _is_auto(meta.pk)
        and bool(connections[using].features.can_return_columns_from_insert)
    )


def _is_all_there(instance: Any) -> bool:
    """Whether an object has plain values for all its columns, and nobody wants to change them."""
    values, is_new = instance.__dict__, instance._state.adding
    return (
        not pre_save.has_listeners(type(instance))
        and getattr(instance, "_password", None) is None  # save tells validators of a new one
        and is_new == (instance.pk is None)
        and "save" not in values  # some packages put their own on the object
        and "save_base" not in values
        and all(field.attname in values for field in instance._meta.concrete_fields)
        and not any(hasattr(value, "resolve_expression") for value in values.values())
    )


@cache
def _written_by_save(model: Any) -> tuple[str, ...]:
    return tuple(field.name for field in model._meta.concrete_fields if not field.primary_key)


@cache
def _insertion(model: Any, using: str) -> tuple[str, list[Any]]:
    """The statement that writes a new object, and the fields whose values it takes."""
    quote, key = connections[using].ops.quote_name, model._meta.pk
    fields = [f for f in model._meta.local_concrete_fields if f is not key or not _is_auto(f)]
    names = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table, returned = quote(model._meta.db_table), quote(key.column)
    sql = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {returned}"  # noqa: S608
    return sql, fields


@cache
def _change(model: Any, names: tuple[str, ...], using: str) -> tuple[str, list[Any]]:
    """The statement that writes these fields of an object, and the fields."""
    quote, key = connections[using].ops.quote_name, model._meta.pk
    fields = [model._meta.get_field(name) for name in names]
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    table = quote(model._meta.db_table)
    return f"UPDATE {table} SET {changes} WHERE {quote(key.column)} = %s", fields  # noqa: S608


def _saved(field: Any, instance: Model, connection: BaseDatabaseWrapper, *, adds: bool) -> Any:
    return field.get_db_prep_save(field.pre_save(instance, adds), connection)


def _is_auto(field: Field[Any, Any]) -> bool:
    return isinstance(field, AutoField)


def _is_heard(model: type[Model]) -> bool:
    return pre_save.has_listeners(model) or post_save.has_listeners(model)
