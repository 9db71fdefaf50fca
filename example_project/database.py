"""The database of the example project: SQLite for a look around, PostgreSQL by its URL."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

SQLITE_OPTIONS = {
    # A transaction that reads first and writes later would fail at once when somebody else has
    # written meanwhile. One that asks for the lock at its beginning waits for its turn.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}


def database_settings(url: str) -> dict[str, Any]:
    """The entry of ``DATABASES`` for a URL; options in its query string win over ours."""
    try:
        database: dict[str, Any] = {**dj_database_url.parse(url)}
    except ValueError:
        # Neither the URL nor the cause is shown: it may hold a password.
        raise ImproperlyConfigured(
            "DATABASE_URL is not a URL such as postgres://user@host/name or sqlite:///file; "
            "other characters than letters and digits in its password must be percent-encoded."
        ) from None
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["OPTIONS"] = SQLITE_OPTIONS | database.get("OPTIONS", {})
    else:
        database |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return database


def teach_sqlite_unicode(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Let SQLite ignore the case of all letters, not of ASCII alone.

    Receiver of ``connection_created``. So ``icontains`` and ``iexact`` find ``ärger`` by ``ÄRGER``,
    as they do on PostgreSQL.
    """
    if connection.vendor != "sqlite":
        return
    sqlite = connection.connection
    sqlite.create_function("lower", 1, _lower, deterministic=True)
    sqlite.create_function("upper", 1, _upper, deterministic=True)
    sqlite.create_function("like", 3, _like, deterministic=True)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _like(pattern: object, value: object, escape: str) -> bool | None:
    """``value LIKE pattern ESCAPE escape``; SQLite passes the pattern first."""
    if pattern is None or value is None:
        return None
    return _compiled(str(pattern), escape).fullmatch(str(value)) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str, escape: str) -> re.Pattern[str]:
    wildcards = {"%": ".*", "_": "."}
    parts = re.findall(f"{re.escape(escape)}.|.", pattern, re.DOTALL)
    regex = "".join(
        re.escape(part[1:]) if len(part) > 1 else wildcards.get(part, re.escape(part))
        for part in parts
    )
    return re.compile(regex, re.IGNORECASE | re.DOTALL)
