"""The trigger on the host's table of users that tells who moves from one tenant to another.

Our own table has one from migration 0009. This one follows what the adapter says, so that it is put
in place after every ``migrate``, where it is missing. Both only add rows to ``Recount``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError, connections, router, transaction
from django.db.models import ForeignKey

from maptician_scim.adapters import UserAdapter
from maptician_scim.conf import scim_settings
from maptician_scim.models import ProvisionedUser, Recount

logger = logging.getLogger(__name__)

OWN = "scim_recount"
FUNCTION = "maptician_scim_user_changed"
LOCK_TIMEOUT = "1s"
"""How long the table of users is waited for; whoever comes after us waits as long."""

BODY = """
DECLARE
    scope text := current_setting('maptician_scim.tenant', true);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.{user}, OLD.{tenant}) IS NOT DISTINCT FROM (NEW.{user}, NEW.{tenant}) THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM set_config('maptician_scim.tenant', '*', true);
    IF TG_OP <> 'INSERT' AND OLD.{tenant} IS NOT NULL THEN
        INSERT INTO {recount} (tenant_id, user_id) VALUES (OLD.{tenant}, OLD.{user});
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.{tenant} IS NOT NULL THEN
        INSERT INTO {recount} (tenant_id, user_id) VALUES (NEW.{tenant}, NEW.{user});
    END IF;
    PERFORM set_config('maptician_scim.tenant', coalesce(scope, ''), true);
    RETURN NULL;
END
"""
"""With row-level security the change is noted for the tenant it concerns, whichever is asked for at
the moment. Set in the body, not by an option of the function: those take a parameter of ours from
superusers only."""

CREATE_FUNCTION = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $scim${body}$scim$
"""
"""Whoever may change a user need not know our tables."""

CREATE_TRIGGER = """
CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION {function}()
"""
"""Without ``UPDATE OF`` and ``WHEN``: with them, PostgreSQL would refuse a migration of the host's
that changes the type of the column."""

FOUND = """
SELECT t.tgname, p.prosrc, t.tgenabled::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgrelid = to_regclass(%s) AND p.proname = %s
"""

STATE = """
SELECT string_agg(concat_ws('.', t.oid, t.xmin, c.relfilenode), ' ' ORDER BY t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE t.tgenabled = 'A'
AND (t.tgrelid, t.tgname) IN ((to_regclass(%s), %s), (to_regclass(%s), %s))
HAVING count(*) = 2
"""
"""What is different as soon as one of both triggers was made anew, switched off or on again, or a
table was truncated; null while one of them does not keep watch."""


@dataclass(frozen=True)
class Followed:
    """The column of the host's users that decides whose people they are."""

    table: str
    tenant: str
    user: str

    @property
    def trigger(self) -> str:
        return f"{OWN}_{self.tenant}"[:63]

    def body(self, using: str) -> str:
        quoted = connections[using].ops.quote_name
        return BODY.format(
            tenant=quoted(self.tenant),
            user=quoted(self.user),
            recount=quoted(Recount._meta.db_table),
        )

    def state(self, using: str) -> tuple[str, list[str]]:
        """SQL, with its parameters, for the state of the triggers."""
        quoted = connections[using].ops.quote_name
        own = [quoted(ProvisionedUser._meta.db_table), OWN]
        return STATE, [*own, quoted(self.table), self.trigger]


def followed() -> Followed | None:
    """The column, where it is one of the users' own table and ``scope`` looks at nothing else."""
    adapter, model = scim_settings.USER_ADAPTER, get_user_model()
    if not scim_settings.REMEMBER_TOTALS:
        return None
    if getattr(adapter.scope, "__func__", None) is not UserAdapter.scope.__func__:  # type: ignore[attr-defined]
        return None
    try:
        field = model._meta.get_field(adapter.tenant_field)
    except FieldDoesNotExist:
        return None  # a way through other tables
    if not isinstance(field, ForeignKey) or not field.target_field.primary_key:
        return None
    if field not in model._meta.local_fields:
        return None
    return Followed(model._meta.db_table, field.column or "", model._meta.pk.column or "")


def keep(using: str, **kwargs: Any) -> None:
    """``post_migrate``: the trigger is there, or gone where nothing is to be remembered."""
    if connections[using].vendor != "postgresql":
        return
    if not router.allow_migrate_model(using, Recount):
        return
    try:
        with transaction.atomic(using=using):
            _keep(using, followed())
    except DatabaseError as error:
        logger.warning("Totals are counted, not remembered: no trigger (%s).", error)


def _keep(using: str, column: Followed | None) -> None:
    """Put the trigger in place. Locks the users' table for a moment, if anything is to be done."""
    quoted = connections[using].ops.quote_name
    table = quoted(get_user_model()._meta.db_table)
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass(%s), quote_ident(current_schema())",
            [quoted(Recount._meta.db_table)],
        )
        is_there, schema = cursor.fetchone()
        cursor.execute(FOUND, [table, FUNCTION])
        found = cursor.fetchall()
        wanted = [(column.trigger, column.body(using), "A")] if is_there and column else []
        if found == wanted:
            return
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_TIMEOUT])
        for name, *_ in found:
            cursor.execute(f"DROP TRIGGER {quoted(name)} ON {table}")
        for name, body, _ in wanted:
            names = {"function": FUNCTION, "trigger": quoted(name), "table": table}
            cursor.execute(CREATE_FUNCTION.format(body=body, schema=schema, **names))
            cursor.execute(CREATE_TRIGGER.format(**names))
            # Always: also where rows come from a replica.
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quoted(name)}")
