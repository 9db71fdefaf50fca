"""The two statements that change who is in a group, whatever table that is kept in.

Each takes any number of members, and gives back those who were in fact added or removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    NOT_PROVIDED,
    AutoField,
    BigAutoField,
    F,
    Field,
    ForeignKey,
    Model,
    QuerySet,
    SmallAutoField,
    UUIDField,
)

from maptician_scim.models import GroupNesting, ProvisionedUser

NEW_UUID = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}

INSERT = """
INSERT INTO {table} ({columns})
SELECT {values}, members.scim_member FROM ({members}) members
RETURNING {member}
"""
DELETE = "DELETE FROM {table} WHERE {group} = %s AND {member} IN ({members}) RETURNING {member}"


@dataclass(frozen=True)
class Link:
    """A table that ties groups to members of one kind."""

    through: type[Model]
    group_field: str
    member_field: str

    def column(self, name: str) -> str:
        return connection.ops.quote_name(self.field(name).column or "")

    def field(self, name: str) -> ForeignKey[Any, Any]:
        return cast("ForeignKey[Any, Any]", self.through._meta.get_field(name))

    @property
    def table(self) -> str:
        return connection.ops.quote_name(self.through._meta.db_table)


NESTING = Link(GroupNesting, "parent", "child")
"""Groups in groups: a table of ours."""


def insert(
    link: Link, group_pk: Any, members: QuerySet[Any, Any], values: Mapping[str, Any]
) -> list[Any]:
    """Put members, given as rows of their own table, into a group; the keys of the new ones.

    The group is locked. Raises ``IntegrityError`` for what a rule of the host's table refuses.
    """
    own = link.through._base_manager.filter(**{link.group_field: group_pk})
    members = members.exclude(pk__in=own.values(link.member_field)).order_by()
    columns = dict(columns_of(link, group_pk, values))
    sql, params = sql_of(members.annotate(scim_member=F("pk")).values_list("scim_member"))
    statement = INSERT.format(
        table=link.table,
        columns=", ".join([*columns, link.column(link.member_field)]),
        values=", ".join(expression for expression, _ in columns.values()),
        members=sql,
        member=link.column(link.member_field),
    )
    constants = [value for _, given in columns.values() for value in given]
    return _keys(link, fetched(statement, (*constants, *params)))


def delete(link: Link, group_pk: Any, members: QuerySet[Any, Any]) -> list[Any]:
    """Take members, given as records of ours, out of a group; the keys of those who were in it."""
    key = "user" if members.model is ProvisionedUser else "pk"
    try:
        sql, params = sql_of(members.order_by().values_list(key))
    except EmptyResultSet:
        return []
    statement = DELETE.format(
        table=link.table,
        group=link.column(link.group_field),
        member=link.column(link.member_field),
        members=sql,
    )
    group = link.field(link.group_field).get_db_prep_save(group_pk, connection)
    return _keys(link, fetched(statement, (group, *params)))


def columns_of(
    link: Link, group_pk: Any, values: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, list[Any]]]]:
    """The columns of a new membership but the member's: each with its SQL and parameters.

    What the host does not give comes from the defaults of the fields.
    """
    row = link.through(**{f"{link.group_field}_id": group_pk, **values})
    for column in link.through._meta.local_concrete_fields:
        is_given = column.name in values
        if column.name == link.member_field or (not is_given and _is_filled_by_database(column)):
            continue
        name = connection.ops.quote_name(column.column or "")
        if column.primary_key and isinstance(column, UUIDField):
            yield name, (NEW_UUID[connection.vendor], [])
        else:
            value = column.get_db_prep_save(column.pre_save(row, True), connection)
            yield name, ("%s", [value])


def _is_filled_by_database(column: Field[Any, Any]) -> bool:
    is_numbered = isinstance(column, (AutoField, BigAutoField, SmallAutoField))
    return is_numbered or column.generated or column.db_default is not NOT_PROVIDED


def _keys(link: Link, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    to_python = link.field(link.member_field).target_field.to_python
    return [to_python(key) for (key,) in rows]


def sql_of(rows: QuerySet[Any, Any]) -> tuple[str, tuple[Any, ...]]:
    """A query as text, and its parameters. Raises ``EmptyResultSet`` if nothing can be found."""
    sql, params = rows.query.get_compiler(connection=connection).as_sql()
    return sql, tuple(params)


def fetched(statement: str, params: Iterable[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(params))
        return list(cursor.fetchall())
