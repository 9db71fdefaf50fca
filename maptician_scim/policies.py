"""The policies of row-level security, one on each table of ours: installed, removed, looked at.

They are made from the models, so that a new one is covered as soon as it has a ``tenant``. Owners
of the tables are held by them, too; superusers, and roles with BYPASSRLS, cannot be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, transaction
from django.db.models import Field, Model
from django.utils.functional import cached_property

from maptician_scim.rls import EVERYBODY, PARAMETER

NAME = "scim_tenant"
LOCK_TIMEOUT = "5s"
"""How long one table is waited for; whoever comes after us waits as long."""

# In a subquery it is evaluated once, not for each row.
SCOPE = f"(SELECT current_setting('{PARAMETER}', true))"

THROUGH = {
    "GroupNesting": (
        ("parent", "ProvisionedGroup", "id"),
        ("child", "ProvisionedGroup", "id"),
    ),
    "SessionKey": (("user", "ProvisionedUser", "user"),),
}
"""Which column, of which model, a row without a tenant is found in by a column of its own.

The version before these models had a tenant writes such rows while it still serves. They are seen
by whoever sees those: they have policies of their own.
"""

FOUND = """
SELECT relrowsecurity, relforcerowsecurity,
    array(SELECT polname::text FROM pg_policy WHERE polrelid = pg_class.oid AND polpermissive),
    (SELECT obj_description(oid, 'pg_policy') FROM pg_policy
     WHERE polrelid = pg_class.oid AND polname = %s)
FROM pg_class WHERE oid = to_regclass(%s)
"""


@dataclass(frozen=True)
class Found:
    """What the database has of one table."""

    is_enabled: bool
    is_forced: bool
    policies: list[str]
    digest: str | None


@dataclass(frozen=True)
class Table:
    """One table of ours, and the policy it should have."""

    model: type[Model]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @cached_property
    def condition(self) -> str | None:
        """Which rows are seen, as SQL; ``None`` for a model that nobody has given a tenant."""
        try:
            tenant = _column(self.model, "tenant")
        except FieldDoesNotExist:
            return None
        own = f"{tenant}::text = {SCOPE}"
        if steps := THROUGH.get(self.model.__name__):
            through = " AND ".join(self._seen_through(*step) for step in steps)
            own += f" OR ({tenant} IS NULL AND {through})"
        return f"{SCOPE} = '{EVERYBODY}' OR ({own})"

    def _seen_through(self, field: str, other: str, other_field: str) -> str:
        seen = apps.get_model("maptician_scim", other)
        there, here = _column(seen, other_field), _column(self.model, field)
        table = _quoted(seen._meta.db_table)
        return f"EXISTS (SELECT 1 FROM {table} WHERE {there} = {here})"  # noqa: S608 names of ours

    @property
    def digest(self) -> str:
        """What tells that the installed policy is this one: PostgreSQL rewrites its text."""
        return hashlib.sha256(str(self.condition).encode()).hexdigest()[:16]

    @cached_property
    def found(self) -> Found | None:
        """What the database has; ``None`` if the table is not there yet."""
        with connection.cursor() as cursor:
            cursor.execute(FOUND, [NAME, _quoted(self.name)])
            row = cursor.fetchone()
        return Found(*row) if row else None

    @property
    def is_open(self) -> bool:
        """Whether nothing of row-level security is on."""
        return self.found is None or not self.found.is_enabled

    @property
    def fault(self) -> str:
        """Why the table does not keep tenants apart, in a few words; empty if it does."""
        if self.condition is None:
            return "has no tenant, so there is no policy for it"
        if self.found is None:
            return "is not there: run manage.py migrate"
        others = [policy for policy in self.found.policies if policy != NAME]
        if not self.found.is_enabled:
            return "has no policy" if self.found.digest is None else "is switched off"
        if self.found.digest != self.digest:
            return "has no policy" if self.found.digest is None else "has another policy than now"
        if not self.found.is_forced:
            return "does not hold its owner"
        return f"lets others see more: {', '.join(others)}" if others else ""

    def install(self) -> None:
        """Install the policy, whatever was there of it. Locks the table for a moment."""
        table = _quoted(self.name)
        _execute(
            f"DROP POLICY IF EXISTS {NAME} ON {table}",
            f"CREATE POLICY {NAME} ON {table} USING ({self.condition})",
            f"COMMENT ON POLICY {NAME} ON {table} IS '{self.digest}'",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        )

    def remove(self) -> None:
        """Remove it, and let everybody see everything again."""
        table = _quoted(self.name)
        _execute(
            f"DROP POLICY IF EXISTS {NAME} ON {table}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
        )


def tables() -> Iterator[Table]:
    """All tables of ours."""
    for model in apps.get_app_config("maptician_scim").get_models(include_auto_created=True):
        yield Table(model)


def bypassing_role() -> str | None:
    """The role this process connects as, if no policy holds it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles "
            "WHERE rolname = current_user AND (rolsuper OR rolbypassrls)"
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _column(model: type[Model], field: str) -> str:
    """A column with its table, such as ``"maptician_scim_token"."tenant_id"``."""
    column = cast("Field[Any, Any]", model._meta.get_field(field)).column or ""
    return f"{_quoted(model._meta.db_table)}.{_quoted(column)}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)


def _execute(*statements: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        for statement in statements:
            cursor.execute(statement)
