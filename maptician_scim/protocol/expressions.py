"""Database expressions that compare the way SCIM does, alike on PostgreSQL and SQLite.

RFC 7643 section 2.2: strings compare without regard to case unless the attribute is
``caseExact``. Both sides are brought into Normalization Form C and lower case. PostgreSQL's own
``lower`` depends on the locale of the database and SQLite's knows ASCII only, so the first is told
to use ICU and the second gets Python's. Order is by code point on both.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    Aggregate,
    BooleanField,
    CharField,
    Expression,
    FloatField,
    Func,
    JSONField,
    Q,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.related_lookups import RelatedExact
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, Any]

SQLITE_FUNCTION = "maptician_scim_key"
ENTRY = "scim_entry"
SIMPLE_ENTRY = """'{{"value":' || CASE type WHEN 'text' THEN json_quote(value)
    WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE value END || '}}'"""
"""A row of SQLite's ``json_each`` as a JSON object; the braces are for ``str.format``."""


def comparison_key(text: str) -> str:
    """The form in which strings compare that are not ``caseExact``."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def user_name_key(user_name: str) -> str:
    """The form in which userNames compare: case-folded, so that STRASSE is straße."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", user_name).casefold())


def register_sqlite_function(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """``connection_created``: give SQLite the Unicode lower case that PostgreSQL has."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(
            SQLITE_FUNCTION, 1, _sqlite_comparison_key, deterministic=True
        )


def _sqlite_comparison_key(value: object) -> str | None:
    return None if value is None else comparison_key(str(value))


class ComparisonKey(Func):
    """``comparison_key`` of a string, in the database."""

    function = SQLITE_FUNCTION
    arity = 1
    output_field = CharField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        template = (
            '(normalize(lower(normalize(%(expressions)s, NFC) COLLATE "und-x-icu"), NFC)'
            ' COLLATE "C")'
        )
        return super().as_sql(compiler, connection, template=template, **context)


class CodePoints(Func):
    """A string that compares by code point, whatever the collation of its column."""

    template = "%(expressions)s"
    arity = 1
    output_field = CharField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        template = '(%(expressions)s COLLATE "C")'
        return super().as_sql(compiler, connection, template=template, **context)


class UUIDText(Func):
    """A UUID column as the 36 characters a client sees."""

    arity = 1
    output_field = CharField()
    template = "(%(expressions)s)::text"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        # Django keeps 32 digits in SQLite.
        column, params = compiler.compile(self.get_source_expressions()[0])
        parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        sql = " || '-' || ".join(f"substr({column}, {at}, {n})" for at, n in parts)
        return f"({sql})", tuple(params) * len(parts)


class JSONText(Func):
    """The text at a place of a JSON object; ``true`` and ``false`` for a boolean.

    The names come from the schema, never from a client.
    """

    output_field = CharField()

    def __init__(self, document: Combinable, *names: str) -> None:
        super().__init__(document)
        self.names = names

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        sql, params = compiler.compile(self.get_source_expressions()[0])
        places = ", ".join(["%s"] * len(self.names))
        return f"jsonb_extract_path_text({sql}, {places})", (*params, *self.names)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        sql, params = compiler.compile(self.get_source_expressions()[0])
        path = sqlite_path(self.names)
        return (
            f"CASE json_type({sql}, %s) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'"
            f" ELSE json_extract({sql}, %s) END",
            (*params, path, *params, path),
        )


class NumberField(FloatField):  # type: ignore[type-arg]  # no generic at run time
    """Numbers as the database gives them: as floats, large whole ones would become others."""

    def get_internal_type(self) -> str:
        return type(self).__name__


class JSONNumber(Func):
    """The number at a place of a JSON object; NULL for what is none."""

    output_field = NumberField()

    def __init__(self, document: Combinable, *names: str) -> None:
        super().__init__(document)
        self.names = names

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        sql, params = compiler.compile(self.get_source_expressions()[0])
        places = ", ".join(["%s"] * len(self.names))
        value = (*params, *self.names)
        return (
            f"CASE jsonb_typeof(jsonb_extract_path({sql}, {places})) WHEN 'number'"
            f" THEN jsonb_extract_path_text({sql}, {places})::numeric END",
            (*value, *value),
        )

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        sql, params = compiler.compile(self.get_source_expressions()[0])
        place = (*params, sqlite_path(self.names))
        return (
            f"CASE WHEN json_type({sql}, %s) IN ('integer', 'real')"
            f" THEN json_extract({sql}, %s) END",
            (*place, *place),
        )


class JSONMoment(JSONText):
    """The point in time at a place of a JSON object, as a text in the order of time.

    It is kept in UTC; without the ``Z`` a fraction of a second comes after the whole one.
    """

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        sql, params = super().as_postgresql(compiler, connection, **context)
        return f"(rtrim({sql}, 'Z') COLLATE \"C\")", params

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        sql, params = super().as_sqlite(compiler, connection, **context)
        return f"rtrim({sql}, 'Z')", params


def sqlite_path(names: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{name}"' for name in names)


class Entry(Expression):
    """The entry at hand, inside ``AnyEntry``."""

    output_field = JSONField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        return f"{ENTRY}.value", ()


class AnyEntry(Func):
    """Whether any entry of the array at a place of a JSON object meets a condition.

    The condition names the entry by ``Entry()``. A simple entry is seen as the object
    ``{"value": ...}``.
    """

    output_field = BooleanField()

    def __init__(
        self, document: Combinable, names: tuple[str, ...], condition: Q, *, is_simple: bool = False
    ) -> None:
        super().__init__(document, condition)
        self.names = names
        self.is_simple = is_simple

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        places = ", ".join(["%s"] * len(self.names))
        # What was kept under another declaration of the schema may be no array.
        array = f"jsonb_path_query_array(jsonb_extract_path({{}}, {places}), '$[*]')"
        rows = f"jsonb_array_elements({array}) WITH ORDINALITY AS {ENTRY}(value, place)"
        if self.is_simple:
            entry = "jsonb_build_object('value', value)"
            rows = f"(SELECT {entry} AS value, place FROM {rows}) AS {ENTRY}"  # noqa: S608 no input
        return self._select(compiler, rows, *self.names)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        # As above; and of what is no object, SQLite would not read the members but fail.
        entry, only = (SIMPLE_ENTRY, "") if self.is_simple else ("value", "WHERE type = 'object'")
        rows = (
            f"(SELECT {entry} AS value, key AS place FROM json_each({{}}, %s) {only})"  # noqa: S608
            f" AS {ENTRY}"
        )
        return self._select(compiler, rows, sqlite_path(self.names))

    def _select(self, compiler: SQLCompiler, source: str, *place: str) -> Sql:
        document, condition = self.get_source_expressions()
        document_sql, document_params = compiler.compile(document)
        condition_sql, condition_params = compiler.compile(condition)
        rows = source.format(document_sql)
        return (
            f"EXISTS (SELECT 1 FROM {rows} WHERE {condition_sql})",  # noqa: S608 compiled parts
            (*document_params, *place, *condition_params),
        )


class FirstEntry(AnyEntry):
    """A value, given by ``Entry()``, of the first entry of an array that meets a condition."""

    def __init__(
        self,
        document: Combinable,
        names: tuple[str, ...],
        condition: Q,
        value: Expression,
        *,
        is_simple: bool = False,
    ) -> None:
        super().__init__(document, names, condition, is_simple=is_simple)
        self.set_source_expressions([*self.get_source_expressions(), value])
        self.output_field = value.output_field  # type: ignore[assignment]

    def _select(self, compiler: SQLCompiler, source: str, *place: str) -> Sql:
        (document, document_params), (condition, condition_params), (value, value_params) = (
            compiler.compile(part) for part in self.get_source_expressions()
        )
        return (
            f"(SELECT {value} FROM {source.format(document)} WHERE {condition}"  # noqa: S608
            f" ORDER BY {ENTRY}.place LIMIT 1)",
            (*value_params, *document_params, *place, *condition_params),
        )


class Among(Func):
    """Whether a column holds one of these values: one parameter, however many they are.

    SQLite takes a limited number of parameters, and a statement with a thousand is no fixed one.
    The values may also be an expression that stands for the parameter.
    """

    output_field = BooleanField()

    def __init__(self, column: Combinable, values: Iterable[Any] | Expression) -> None:
        super().__init__(column)
        self.values = values if isinstance(values, Expression) else list(values)

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        column, params = compiler.compile(self.get_source_expressions()[0])
        listed, more = self._listed(compiler, connection)
        return f"{column} = ANY({listed})", (*params, *more)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        column, params = compiler.compile(self.get_source_expressions()[0])
        listed, more = self._listed(compiler, connection)
        sql = f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 compiled
        return sql, (*params, *more)

    def _listed(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        if isinstance(self.values, Expression):
            return compiler.compile(self.values)
        field = self.get_source_expressions()[0].output_field
        return "%s", (listed(self.values, field, connection),)


def listed(values: Iterable[Any], field: Any, connection: BaseDatabaseWrapper) -> Any:
    """Values of a column as the one parameter that ``Among`` takes."""
    field = getattr(field, "target_field", field)
    prepared = [field.get_db_prep_value(value, connection) for value in values]
    return prepared if connection.vendor == "postgresql" else json.dumps(prepared, default=str)


class Written(Func):
    """A column as PostgreSQL writes it: no object is made of it only to be written again.

    On another database it is the column itself.
    """

    template = "%(expressions)s::text"
    arity = 1

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        return compiler.compile(self.get_source_expressions()[0])

    def _resolve_output_field(self) -> Any:
        return self.get_source_expressions()[0].output_field

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Any]:
        if connection.vendor == "postgresql":
            return []
        found: list[Any] = super().get_db_converters(connection)
        return found


class Moment(Written):
    """A point in time as SCIM writes it: in UTC and milliseconds."""

    template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        if settings.USE_TZ:
            return self.as_sql(compiler, connection, **context)
        return compiler.compile(self.get_source_expressions()[0])  # its time zone is Django's


class JSONRows(Aggregate):
    """The rows of a group as an array of arrays, in no particular order."""

    output_field = JSONField()
    arity = None
    template = "jsonb_agg(jsonb_build_array(%(expressions)s))"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> Sql:
        template = "json_group_array(json_array(%(expressions)s))"
        return super().as_sql(compiler, connection, template=template, **context)


class IsNotTrue(Func):
    """The opposite of a condition, where an unknown one (NULL) counts as false.

    SCIM's logic has two values: what has no value does not match, and ``not`` of that does.
    """

    output_field = BooleanField()
    template = "(%(expressions)s) IS NOT TRUE"

    def __init__(self, condition: Q) -> None:
        super().__init__(condition)


class Grouped(Func):
    """A condition in parentheses of its own.

    Django flattens nested ORs into one chain, and SQLite counts every link of a chain as a level of
    depth, of which it takes a thousand.
    """

    output_field = BooleanField()
    template = "(%(expressions)s)"

    def __init__(self, condition: Q) -> None:
        super().__init__(condition)


class IsAlso(RelatedExact):
    """``relation__scim_is_also=row``: the relation leads to a row, as is checked afterwards.

    Equality that no index serves, and that the planner takes for likely. Our records are found by
    their tenant; that the host agrees is to be checked one by one, by the host's primary key. Where
    PostgreSQL has no statistics yet, as in the first minute of an import, it would otherwise read
    all of a tenant for each person; and where it has them it takes both conditions for independent,
    expects hardly anybody to meet them, and reads the host's whole table for a page.
    """

    lookup_name = "scim_is_also"

    def get_rhs_op(self, connection: BaseDatabaseWrapper, rhs: str) -> str:
        return f"= {rhs}"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        sql, params = super().as_sql(compiler, connection)
        return f"COALESCE({sql}, FALSE)", params


ALWAYS = Q(Value(True, output_field=BooleanField()))
NEVER = Q(Value(False, output_field=BooleanField()))
