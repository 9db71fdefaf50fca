"""Running work against a database that may fail for a moment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connections,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError

from maptician_scim import rls
from maptician_scim.exceptions import RefusedByHost, Unavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

ATTEMPTS = 3
ROLLED_BACK = frozenset({"40001", "40P01"})
"""SQLSTATEs after which all is undone for sure: serialization failure and deadlock."""

TOOK_TOO_LONG = "57014"
"""The SQLSTATE after ``statement_timeout``: what took too long once would do so again."""

UNCONFIRMED = (
    "The database did not confirm the change. It was made wholly or not at all; send it again."
)

IN_FAILED_TRANSACTION = "25P02"

FAILURES = (OperationalError, InterfaceError, InternalError)
"""What a database that fails raises; the last where it turned read-only, for instance."""


def read(work: Callable[[], T]) -> T:
    """The result of ``work``, which only reads: tried once more on a new connection.

    A connection kept open between requests may have been closed by the server meanwhile.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        return work()
    _trust(connection)
    try:
        with rls.reading():
            return work()
    except FAILURES as error:
        if _sqlstate(error) == TOOK_TOO_LONG:
            raise Unavailable from error
        logger.warning("Reading again after a database failure: %s", type(error).__name__)
        connection.close_if_unusable_or_obsolete()
        return _or_unavailable(work)


def write(work: Callable[[], T]) -> T:
    """The result of ``work`` inside one transaction, tried again where nothing can be half-done.

    That is: whenever the failure came before the commit, or the database says that it has rolled
    back. A commit whose outcome is unknown is not repeated.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        with rls.atomic():
            return work()
    _trust(connection)
    for attempt in range(1, ATTEMPTS + 1):
        is_committing = False
        try:
            with rls.atomic():
                result = work()
                _make_hooks_robust(connection)
                is_committing = True
            return result
        except FAILURES as error:
            if _sqlstate(error) == IN_FAILED_TRANSACTION:
                raise RefusedByHost from error  # a receiver hid an error that PostgreSQL has not
            is_hopeless = _sqlstate(error) == TOOK_TOO_LONG
            is_undone = not is_committing or _sqlstate(error) in ROLLED_BACK
            logger.warning("Attempt %d to write failed: %s", attempt, type(error).__name__)
            connection.close_if_unusable_or_obsolete()
            if not is_undone:
                raise Unavailable(UNCONFIRMED) from error
            if attempt == ATTEMPTS or is_hopeless:
                raise Unavailable from error
        except TransactionManagementError as error:
            raise RefusedByHost from error.__cause__ or error  # hidden, but Django has noticed
        except IntegrityError as error:
            if is_committing:
                raise RefusedByHost from error  # a constraint that is looked at in the end
            raise
    raise AssertionError("unreachable")


def _trust(connection: BaseDatabaseWrapper) -> None:
    """Ask no ``SELECT 1`` first, as ``CONN_HEALTH_CHECKS`` does once a request.

    If the connection is broken, what follows finds out and is done again on a new one.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs lack it


def _make_hooks_robust(connection: BaseDatabaseWrapper) -> None:
    """Let nothing that the host runs after the commit undo or hide it, or keep others from running.

    Django has it so only for hooks that say ``robust=True``, and most do not.
    """
    hooks: list[Any] = connection.run_on_commit
    connection.run_on_commit = [
        (where, partial(_run_hook, run), *how) for where, run, *how in hooks
    ]


def _run_hook(hook: Callable[[], object]) -> None:
    try:
        hook()
    except Exception:
        logger.exception("What was to run after a commit failed; the change stays")


def _or_unavailable(work: Callable[[], T]) -> T:
    try:
        with rls.reading():
            return work()
    except FAILURES as error:
        raise Unavailable from error


def _sqlstate(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
