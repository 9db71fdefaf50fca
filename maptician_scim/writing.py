"""Objects written as ``save`` writes them, without the way it takes to find out what to write.

Django's ``save`` looks at a model, its parents and its fields each time anew. The statement is the
same each time, as long as nobody has given the model more to do; where somebody has, or listens to
what ``save`` tells, ``save`` itself is called.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import orjson
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Field, JSONField, Model
from django.db.models.signals import post_save, pre_save

from maptician_scim.statements import columns, is_heard, is_plain, plain_type

STEPS_OF_SAVE = (
    *("save_base", "_save_table", "_do_update", "_do_insert"),
    *("_prepare_related_fields_for_save", "_get_pk_val"),
)
"""What a model may override instead of ``save``."""

PLAIN = frozenset({str, int, bool, type(None), datetime})
"""Types of most values, of which none is an expression."""

OURS = "maptician_scim"
"""The label of this app."""

Columns: TypeAlias = list[tuple[Any, str, type | None]]
"""Fields, the names of their values on an object, and the types that are taken as they are."""


def insert(instance: Model) -> None:
    """Write a new object, as ``save`` does, unless somebody listens to what ``save`` tells."""
    model, using = type(instance), router.db_for_write(type(instance), instance=instance)
    can_return = connections[using].features.can_return_columns_from_insert
    if can_return and not is_heard(model, pre_save, post_save):
        _insert(instance, using)
    else:
        instance.save(force_insert=True, using=using)


def update(instance: Model, *fields: str) -> None:
    """Write these fields of an object that is there, as ``save`` does, with the same exception."""
    model, using = type(instance), router.db_for_write(type(instance), instance=instance)
    if is_heard(model, pre_save, post_save):
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
    values = _values(instance, fields, connection, adds=True)
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
    values = _values(instance, fields, connection, adds=False)
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
        not is_heard(type(instance), pre_save)
        and getattr(instance, "_password", None) is None  # save tells validators of a new one
        and is_new == (instance.pk is None)
        and "save" not in values  # some packages put their own on the object
        and "save_base" not in values
        and values.keys() >= set(columns(instance._meta.model))
        and not any(
            hasattr(value, "resolve_expression")
            for value in values.values()
            if type(value) not in PLAIN
        )
    )


@cache
def _written_by_save(model: Any) -> tuple[str, ...]:
    return tuple(field.name for field in model._meta.concrete_fields if not field.primary_key)


@cache
def _insertion(model: Any, using: str) -> tuple[str, Columns]:
    """The statement that writes a new object, and the columns whose values it takes."""
    quote, key = connections[using].ops.quote_name, model._meta.pk
    fields = [f for f in model._meta.local_concrete_fields if f is not key or not _is_auto(f)]
    names = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table, returned = quote(model._meta.db_table), quote(key.column)
    sql = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {returned}"  # noqa: S608
    return sql, _columns(fields)


@cache
def _change(model: Any, names: tuple[str, ...], using: str) -> tuple[str, Columns]:
    """The statement that writes these fields of an object, and their columns."""
    quote, key = connections[using].ops.quote_name, model._meta.pk
    fields = [model._meta.get_field(name) for name in names]
    changes = ", ".join(f"{quote(field.column)} = %s" for field in fields)
    table = quote(model._meta.db_table)
    sql = f"UPDATE {table} SET {changes} WHERE {quote(key.column)} = %s"  # noqa: S608
    return sql, _columns(fields)


def _columns(fields: list[Any]) -> Columns:
    return [(field, field.attname, plain_type(field)) for field in fields]


def _values(
    instance: Model, written: Columns, connection: BaseDatabaseWrapper, *, adds: bool
) -> list[Any]:
    """What the driver is given for these columns of an object."""
    found = [(field, getattr(instance, name), plain) for field, name, plain in written]
    return [
        value if type(value) is plain else _saved(field, value, instance, connection, adds=adds)
        for field, value, plain in found
    ]


def _saved(
    field: Any, value: Any, instance: Model, connection: BaseDatabaseWrapper, *, adds: bool
) -> Any:
    """The same for a value that is not plain; JSON of ours came from a parser, so that orjson
    writes it as Django does."""
    is_ours = type(field) is JSONField and field.model._meta.app_label == OURS
    if is_ours and type(value) in (dict, list):
        with suppress(orjson.JSONEncodeError):  # of a number that is too large for it
            return orjson.dumps(value).decode()
    return field.get_db_prep_save(field.pre_save(instance, adds), connection)


def _is_auto(field: Field[Any, Any]) -> bool:
    return isinstance(field, AutoField)
