"""How many people a tenant sees, and with whom a page begins, without counting them all.

The list in the order of creation is cut into stretches of some hundred people, each under a
``Bookmark`` that says how many there are. Triggers add a ``Recount`` in the same transaction as
whatever may bring somebody into a tenant's view or out of it: a verb, the host's ``save`` and
``update``, SQL by hand. The one statement that reads the bookmarks counts the stretches anew that
have such a row. So the answer is always exactly what ``count(*)`` would say in the same snapshot: a
writer that has committed is seen with its ``Recount``, any other is not seen at all.

Nothing is cached, and no writer waits for another: who is visible follows from two rows, of which
two transactions may change one each, so nobody adds one to a sum; whoever reads counts. When that
becomes too much, ``_count_again`` writes down what was counted.

Elsewhere than on PostgreSQL, and where the adapter's ``scope`` is more than a column of the users'
table, ``place`` knows nothing and people are counted as ever.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Count

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.models import Bookmark, ProvisionedUser, Recount
from maptician_scim.statements import Slot, slot
from maptician_scim.tenancy import tenant_model
from maptician_scim.triggers import Followed, followed

logger = logging.getLogger(__name__)

STRETCH = 250
"""People under one bookmark. So many are counted again where somebody has come or gone."""

ENOUGH = 500
"""What may be counted again for a page before it is written down."""

FEW = 10
"""Of so many changes it is looked up which stretches they concern; after more all are counted."""

MANY = 5000
"""So many are counted beside the bookmarks, where those do not help."""

MOST_QUIET = 10_000
"""What a process remembers of tenants."""

END = 2**63 - 1
"""No key is as large."""

LOCK = 0x5C13
"""Tells our advisory locks from the host's."""

PLACE = """
WITH visible (key) AS NOT MATERIALIZED ({visible}),
watch (state) AS MATERIALIZED (SELECT ({state})),
recent AS MATERIALIZED (
    SELECT user_id, record_key FROM {recount} WHERE tenant_id = %(tenant)s LIMIT {few} + 1
), known AS MATERIALIZED (
    SELECT first_key, lead(first_key, 1, {end}) OVER (ORDER BY first_key) AS end_key, people
    FROM {bookmark} JOIN watch ON triggers = state
    WHERE tenant_id = %(tenant)s AND (SELECT count(*) <= {few} FROM recent)
), changed AS (
    SELECT record_key AS key FROM recent WHERE record_key IS NOT NULL
    UNION
    SELECT id FROM recent CROSS JOIN LATERAL (
        SELECT id, tenant_id FROM {record} WHERE user_id = recent.user_id OFFSET 0 -- by the user
    ) AS found WHERE tenant_id = %(tenant)s
), stale AS MATERIALIZED (
    SELECT DISTINCT (
        SELECT first_key FROM {bookmark} WHERE tenant_id = %(tenant)s AND first_key <= changed.key
        ORDER BY first_key DESC LIMIT 1
    ) AS first_key FROM changed LIMIT {few} + 1
), recounted AS MATERIALIZED (
    SELECT first_key, end_key, (SELECT count(*) FROM (
        SELECT FROM visible
        WHERE key >= first_key AND key < end_key AND mod(key, 1) = 0 -- few, to the planner
        LIMIT {many} + 1
    ) AS found) AS people
    FROM (
        SELECT first_key, end_key FROM stale JOIN known USING (first_key)
        UNION ALL SELECT 0, {end} WHERE NOT EXISTS (SELECT FROM known)
    ) AS ranges
), counted AS MATERIALIZED (
    SELECT
        first_key,
        coalesce(known.end_key, recounted.end_key) AS end_key,
        coalesce(recounted.people, known.people) AS people
    FROM known FULL JOIN recounted USING (first_key)
), here AS (
    SELECT * FROM (
        SELECT *, sum(people) OVER (ORDER BY first_key) - people AS before FROM counted
    ) AS summed WHERE before <= %(first)s ORDER BY first_key DESC LIMIT 1
)
SELECT
    (SELECT sum(people)::bigint FROM counted),
    (SELECT key FROM visible WHERE key >= here.first_key AND key < here.end_key
     ORDER BY key LIMIT 1 OFFSET %(first)s - here.before),
    (SELECT coalesce(sum(people), 0)::bigint FROM recounted),
    (SELECT count(*) FROM (
        SELECT FROM {recount} WHERE tenant_id = %(tenant)s LIMIT {enough} + 1
    ) AS changes),
    EXISTS (SELECT FROM known),
    state IS NOT NULL AND current_setting('transaction_read_only') = 'off'
FROM here CROSS JOIN watch
"""
"""Where there are no bookmarks, or more has changed than a few, it counts so many and one more.

Whatever is counted here is little, and the planner has to see that, too: from a certain cost on
PostgreSQL compiles a statement before it runs it (``jit``), and that takes a hundred times as long.
It takes what lies between two keys that it does not know for half a percent of all, and what equals
something for half a percent of that.
"""

UNCHANGED = """
WITH visible (key) AS NOT MATERIALIZED ({visible}),
known AS MATERIALIZED (
    SELECT
        first_key,
        lead(first_key, 1, {end}) OVER by_key AS end_key,
        sum(people) OVER by_key - people AS before,
        sum(people) OVER () AS total
    FROM {bookmark} WHERE tenant_id = %(tenant)s AND triggers = ({state})
        AND NOT EXISTS (SELECT FROM {recount} WHERE tenant_id = %(tenant)s)
    WINDOW by_key AS (ORDER BY first_key)
)
SELECT total::bigint, (
    SELECT key FROM visible WHERE key >= first_key AND key < end_key
    ORDER BY key LIMIT 1 OFFSET %(first)s - before
)
FROM known WHERE before <= %(first)s ORDER BY first_key DESC LIMIT 1
"""
"""The same where nothing has changed, which takes half as long to plan; else no row."""

COUNT_ALL = """
WITH visible (key) AS NOT MATERIALIZED ({visible})
SELECT
    (SELECT count(*) FROM visible),
    (SELECT key FROM visible ORDER BY key LIMIT 1 OFFSET %(first)s)
"""

DROP_OLD = "DELETE FROM {bookmark} WHERE tenant_id = %(tenant)s AND triggers <> %(triggers)s"

BEGIN_ANEW = """
WITH all_people AS (
    INSERT INTO {bookmark} (tenant_id, first_key, people, triggers)
    SELECT %(tenant)s, 0, 0, %(triggers)s
    WHERE NOT EXISTS (SELECT FROM {bookmark} WHERE tenant_id = %(tenant)s)
    RETURNING tenant_id, first_key
)
INSERT INTO {recount} (tenant_id, record_key) SELECT tenant_id, first_key FROM all_people
"""

TAKE_STALE = """
WITH due AS (
    DELETE FROM {recount} WHERE tenant_id = %(tenant)s RETURNING tenant_id, user_id, record_key
), changed AS (
    SELECT record_key AS key FROM due WHERE record_key IS NOT NULL
    UNION
    SELECT id FROM due CROSS JOIN LATERAL (
        SELECT id, tenant_id FROM {record} WHERE user_id = due.user_id OFFSET 0 -- by the user
    ) AS found WHERE found.tenant_id = %(tenant)s
), known AS (
    SELECT id, first_key, lead(first_key, 1, {end}) OVER (ORDER BY first_key) AS end_key
    FROM {bookmark} WHERE tenant_id = %(tenant)s
), stale AS (
    SELECT DISTINCT (
        SELECT id FROM {bookmark} WHERE tenant_id = %(tenant)s AND first_key <= changed.key
        ORDER BY first_key DESC LIMIT 1
    ) AS id FROM changed
)
DELETE FROM {bookmark} AS gone USING known
WHERE gone.id = known.id AND gone.id IN (SELECT id FROM stale)
RETURNING known.first_key, known.end_key
"""

WRITE_DOWN = """
WITH visible (key) AS NOT MATERIALIZED ({visible}),
stale AS (SELECT * FROM unnest(%(first_keys)s::bigint[], %(end_keys)s::bigint[]) AS s (a, z)),
numbered AS (
    SELECT a, key, (row_number() OVER (PARTITION BY a ORDER BY key) - 1) / {size} AS part
    FROM stale CROSS JOIN LATERAL (
        SELECT key FROM visible WHERE key >= a AND key < z OFFSET 0 -- range by range
    ) AS found
), counted (first_key, people) AS (
    SELECT CASE WHEN part = 0 AND a > 0 THEN a ELSE min(key) END, count(*)
    FROM numbered GROUP BY a, part
    UNION ALL SELECT 0, 0 FROM stale WHERE a = 0
)
INSERT INTO {bookmark} (tenant_id, first_key, people, triggers)
SELECT %(tenant)s, first_key, people, %(triggers)s FROM counted WHERE ({state}) = %(triggers)s
"""


@dataclass(frozen=True)
class Place:
    """Where a page begins."""

    total: int
    """How many people the tenant sees."""

    key: int | None
    """The internal key of the first record of the page; ``None`` past the end."""


def place(tenant: Tenant, first: int) -> Place | None:
    """Where the page begins before which there are ``first`` people; one statement, mostly.

    ``None`` where that is not remembered: count, then.
    """
    column = followed() if connection.vendor == "postgresql" else None
    if column is None:
        return None
    with connection.cursor() as cursor:
        if tenant.pk in _quiet:
            cursor.execute(*_statement(UNCHANGED, tenant, column, first=first))
            if found := cursor.fetchone():
                return Place(*found)
            _quiet.discard(tenant.pk)
        cursor.execute(*_statement(PLACE, tenant, column, first=first))
        total, key, counted, changes, has_bookmarks, may_write = cursor.fetchone()
        if not has_bookmarks:
            if total > MANY:
                cursor.execute(*_statement(COUNT_ALL, tenant, column, first=first))
                total, key = cursor.fetchone()
            counted = total
        elif not changes:
            _expect_no_change(tenant)
    # Not inside somebody's transaction: it may be long, and nobody else could count meanwhile.
    if counted + changes > ENOUGH and may_write and not connection.in_atomic_block:
        _count_again(tenant, column)
    return Place(total, key)


_quiet: set[Any] = set()
"""The keys of tenants in whose list this process has last seen no change. It need not be so: who is
among them wrongly is asked about twice."""


def _expect_no_change(tenant: Tenant) -> None:
    if len(_quiet) >= MOST_QUIET:
        _quiet.clear()
    _quiet.add(tenant.pk)


def tidy() -> None:
    """Count again wherever much has changed and nobody has listed the people since."""
    column = followed() if connection.vendor == "postgresql" else None
    if column is None:
        return
    changes = Recount.objects.order_by().values("tenant").annotate(changes=Count("pk"))
    due = changes.filter(changes__gt=ENOUGH).values("tenant")
    for tenant in tenant_model()._base_manager.filter(pk__in=due):
        _count_again(tenant, column)


def forget(tenant: Tenant) -> None:
    """Take away what is remembered of a tenant that is gone."""
    Bookmark.objects.filter(tenant=tenant).delete()
    Recount.objects.filter(tenant=tenant).delete()


def _count_again(tenant: Tenant, column: Followed) -> None:
    """Write down what has to be counted, unless somebody else is about to."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [LOCK, str(tenant.pk)]
            )
            if cursor.fetchone()[0]:
                _write_down(cursor, tenant, column)
    except DatabaseError as error:
        # Nothing is lost but time: the next page counts as this one did.
        logger.warning("A tenant's people were not written down: %s", type(error).__name__)


def _write_down(cursor: Any, tenant: Tenant, column: Followed) -> None:
    """First the rows of ``Recount`` go, then a later statement counts.

    Whoever commits in between is counted, and counted once more for the row that remains. The other
    way round they were missed.
    """
    cursor.execute(*column.state(connection.alias))
    watch = cursor.fetchone()
    if watch is None:
        return
    values: dict[str, Any] = {"triggers": watch[0]}
    for text in (DROP_OLD, BEGIN_ANEW, TAKE_STALE):
        cursor.execute(*_statement(text, tenant, column, **values))
    stale = cursor.fetchall()
    values["first_keys"] = [first_key for first_key, _ in stale]
    values["end_keys"] = [end_key for _, end_key in stale]
    cursor.execute(*_statement(WRITE_DOWN, tenant, column, **values))


def _statement(
    text: str, tenant: Tenant, column: Followed, **values: Any
) -> tuple[str, dict[str, Any]]:
    """A statement, and its parameters."""
    key = (text, connection.alias, scim_settings.USER_ADAPTER, column)
    sql, fixed = _written.get(key) or _written.setdefault(key, _write(text, column))
    return sql, fixed | values | {"tenant": tenant.pk}


_written: dict[object, tuple[str, dict[str, Any]]] = {}
"""The statements with what a tenant sees, and the state of the triggers, put in."""


def _write(text: str, column: Followed) -> tuple[str, dict[str, Any]]:
    seen = ProvisionedUser.objects.for_tenant(slot("tenant", ProvisionedUser, "tenant"))
    parts, fixed = {}, {}
    for part, (sql, params) in {
        "visible": seen.order_by().values_list("pk").query.sql_with_params(),
        "state": column.state(connection.alias),
    }.items():
        names = []
        for number, value in enumerate(params):
            name = value.name if isinstance(value, Slot) else f"{part}_{number}"
            names.append(f"%({name})s")
            fixed[name] = value
        parts[part] = sql % tuple(names)
    tables = {"bookmark": Bookmark, "recount": Recount, "record": ProvisionedUser}
    quoted = {
        name: connection.ops.quote_name(model._meta.db_table) for name, model in tables.items()
    }
    numbers = {"end": END, "size": STRETCH, "few": FEW, "many": MANY, "enough": ENOUGH}
    return text.format(**parts, **quoted, **numbers), fixed
