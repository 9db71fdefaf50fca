"""Running work against a database that may fail for a moment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

from maptician_scim.exceptions import Unavailable

T = TypeVar("T")

logger = logging.getLogger(__name__)

ATTEMPTS = 3
ROLLED_BACK = frozenset({"40001", "40P01"})
"""SQLSTATEs after which all is undone for sure: serialization failure and deadlock."""

TOOK_TOO_LONG = "57014"
"""The SQLSTATE after ``statement_timeout``: what took too long once would do so again."""


def read(work: Callable[[], T]) -> T:
    """The result of ``work``, which only reads: tried once more on a new connection.

    A connection kept open between requests may have been closed by the server meanwhile.
    """
    if connection.in_atomic_block:
        return work()
    _trust_connection()
    try:
        return work()
    except (OperationalError, InterfaceError) as error:
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
    if connection.in_atomic_block:
        with transaction.atomic():
            return work()
    _trust_connection()
    for attempt in range(1, ATTEMPTS + 1):
        is_committing = False
        try:
            with transaction.atomic():
                result = work()
                is_committing = True
            return result
        except (OperationalError, InterfaceError) as error:
            is_hopeless = _sqlstate(error) == TOOK_TOO_LONG
            is_undone = not is_committing or _sqlstate(error) in ROLLED_BACK
            logger.warning("Attempt %d to write failed: %s", attempt, type(error).__name__)
            connection.close_if_unusable_or_obsolete()
            if attempt == ATTEMPTS or is_hopeless or not is_undone:
                raise Unavailable from error
    raise AssertionError("unreachable")


def _trust_connection() -> None:
    """Ask no ``SELECT 1`` first, as ``CONN_HEALTH_CHECKS`` does once a request.

    If the connection is broken, what follows finds out and is done again on a new one.
    """
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs lack it


def _or_unavailable(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OperationalError, InterfaceError) as error:
        raise Unavailable from error


def _sqlstate(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
