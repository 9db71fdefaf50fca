"""Row-level security, a second lock: PostgreSQL itself shows a request its own tenant's rows only.

The policies that ``policies.py`` installs compare each row with ``maptician_scim.tenant``, a
parameter of the transaction; where it is not set there is no row. This module sets it before any
statement on our tables, and nothing else does. What it is set to, the scope, follows from who asks:

* a SCIM request: nobody, until its token is known; then that token's tenant,
* everything else, such as the admin, commands and what the host does: all tenants, by design.

Parts of a request that have to look further say so with ``across_tenants`` or ``within``.

It is set for a transaction (``SET LOCAL``), never for a connection: another request may be next on
that, and behind PgBouncer another client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from maptician_scim.conf import Tenant, scim_settings

PARAMETER = "maptician_scim.tenant"
EVERYBODY = "*"
NOBODY = ""

SET = "SELECT set_config(%s, %s, true)"
TABLES = "maptician_scim_"
"""What the names of all our tables begin with."""

ON_ROWS = re.compile(r"[\s(]*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE|EXPLAIN)\b", re.IGNORECASE)
"""Other statements need no scope; ``CREATE INDEX CONCURRENTLY`` stands no transaction."""

_scope: ContextVar[str] = ContextVar("maptician_scim_tenant", default=EVERYBODY)


# -- who sees what --------------------------------------------------------------------------------


def request() -> AbstractContextManager[None]:
    """While a SCIM request is answered: it sees nobody's rows before ``restrict_to``."""
    return _in_scope(NOBODY)


def restrict_to(tenant: Tenant) -> None:
    """From here on the present SCIM request sees this tenant's rows."""
    _scope.set(_scope_of(tenant.pk))


def within(tenant_pk: Any) -> AbstractContextManager[None]:
    """See the rows of one tenant, named by its primary key, whoever asks."""
    return _in_scope(_scope_of(tenant_pk))


@contextmanager
def _in_scope(scope: str) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


across_tenants = partial(_in_scope, EVERYBODY)
"""See everybody's rows, for what has to look across tenants; a decorator, too."""


def _scope_of(tenant_pk: Any) -> str:
    scope = str(tenant_pk)
    if scope in (EVERYBODY, NOBODY):
        raise ValueError(f"No tenant may have the primary key {scope!r}.")
    return scope


# -- transactions ---------------------------------------------------------------------------------


@contextmanager
def atomic() -> Iterator[None]:
    """A transaction in which the scope is set once, not before each statement."""
    with transaction.atomic():
        guard = _guard_of(connection)
        with guard.applying(_scope.get()) if guard else nullcontext():
            yield


def reading() -> AbstractContextManager[None]:
    """The same for reads, which need no transaction where row-level security is off."""
    return atomic() if scim_settings.ROW_LEVEL_SECURITY else nullcontext()


class Guard:
    """Sets the scope before each statement of a connection on rows of ours, unless it is set."""

    def __init__(self, guarded: BaseDatabaseWrapper) -> None:
        self.connection = guarded
        self.applied: str | None = None
        """What the open transaction is known to have set, for as long as ``applying`` lasts."""

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: Any,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        scope = _scope.get()
        if self.applied == scope or not _concerns_us(str(sql)):
            return execute(sql, params, many, context)
        alone = self.connection.get_autocommit()
        own = transaction.atomic(self.connection.alias) if alone else nullcontext()
        with own, self.applying(scope):
            return execute(sql, params, many, context)

    @contextmanager
    def applying(self, scope: str) -> Iterator[None]:
        """Have the scope set in the open transaction, and then what was set before.

        After an error it is PostgreSQL that takes it back, with the savepoint or all.
        """
        before = self.applied
        if before == scope:
            yield
            return
        self._set(scope)
        self.applied = scope
        try:
            yield
        finally:
            self.applied = before
        if before is not None:
            self._set(before)

    def _set(self, scope: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(SET, [PARAMETER, scope])


def guard_connection(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """``connection_created``: from now on no statement on our tables goes without a scope."""
    is_wanted = scim_settings.ROW_LEVEL_SECURITY and connection.vendor == "postgresql"
    if is_wanted and _guard_of(connection) is None:
        connection.execute_wrappers.append(Guard(connection))


def _concerns_us(sql: str) -> bool:
    return TABLES in sql and ON_ROWS.match(sql) is not None


def _guard_of(connection: BaseDatabaseWrapper) -> Guard | None:
    return next((w for w in connection.execute_wrappers if isinstance(w, Guard)), None)
