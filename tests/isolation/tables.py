"""Every row of the database: compared, and taken out and put back by tenant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection
from django.db.models.functions import Now


class Row(NamedTuple):
    table: str
    key: Any
    tenant: Any
    """Whose it is, by its own account; only tables of ours say so."""
    columns: str


class Table(NamedTuple):
    name: str
    key: str
    tenant: str
    columns: str


COUNT_FROM = 100_000
"""The next primary keys of a request, if the database does not roll its counters back itself."""


def rows() -> frozenset[Row]:
    """All rows of all models, the tables between them included."""
    found: set[Row] = set()
    with connection.cursor() as cursor:
        for name, key, tenant, columns in _tables():
            cursor.execute(f'SELECT "{key}", {tenant}, {columns} FROM "{name}"')
            found.update(Row(name, pk, of, repr(rest)) for pk, of, *rest in cursor.fetchall())
    return frozenset(found)


def remove(gone: Iterable[Row]) -> None:
    """Delete these rows, whatever refers to them, and what triggers note of it."""
    gone = set(gone)
    known = {(row.table, row.key) for row in rows() - gone}
    _delete(gone)
    _delete(row for row in rows() if (row.table, row.key) not in known)


def _delete(gone: Iterable[Row]) -> None:
    keys: dict[str, list[Any]] = {}
    for row in gone:
        keys.setdefault(row.table, []).append(row.key)
    with connection.cursor() as cursor:
        for table in _tables():
            if pks := keys.get(table.name):
                among = ", ".join(["%s"] * len(pks))
                cursor.execute(f'DELETE FROM "{table.name}" WHERE "{table.key}" IN ({among})', pks)


def reset_counters() -> None:
    """Let the next primary keys be the same ones again: PostgreSQL's outlive a rollback."""
    if connection.vendor == "postgresql":
        counters = (
            f"setval(pg_get_serial_sequence('{table.name}', '{table.key}'), {COUNT_FROM})"
            for table in _tables()
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(counters)}")


@cache
def _tables() -> list[Table]:
    found = []
    for model in apps.get_models(include_auto_created=True):
        # The clock of the database cannot be stopped.
        fields = [f for f in model._meta.local_fields if not isinstance(f.db_default, Now)]
        tenants = [f.column for f in fields if f.name == "tenant"]
        found.append(
            Table(
                model._meta.db_table,
                model._meta.pk.column,
                f'"{tenants[0]}"' if tenants else "NULL",
                ", ".join(f'"{f.column}"' for f in fields),
            )
        )
    return found
