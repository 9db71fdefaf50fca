"""``check --database default``: do the setting, the policies and the role go together?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError, connection

from maptician_scim import policies
from maptician_scim.conf import NAME, scim_settings


def check_row_level_security(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """What keeps the second lock from holding, or a request from seeing anything."""
    if "default" not in (databases or ()):
        return []
    if connection.vendor != "postgresql":
        return list(_check_vendor())
    try:
        return list(_check_on() if scim_settings.ROW_LEVEL_SECURITY else _check_off())
    except DatabaseError:
        return []  # no database yet


def _check_vendor() -> Iterator[CheckMessage]:
    if scim_settings.ROW_LEVEL_SECURITY:
        yield CheckWarning(
            f"{NAME}['ROW_LEVEL_SECURITY'] does nothing on {connection.display_name}.",
            hint="Row-level security is PostgreSQL's. Leave the setting out.",
            id="maptician_scim.W041",
        )


def _check_on() -> Iterator[CheckMessage]:
    if role := policies.bypassing_role():
        yield CheckWarning(
            f"The database role {role!r} is a superuser or has BYPASSRLS: no policy holds it.",
            hint="Let the application connect as a role of its own, without either.",
            id="maptician_scim.W042",
        )
    faults = [f"{table.name} {table.fault}" for table in policies.tables() if table.fault]
    if faults:
        yield CheckWarning(
            f"{NAME}['ROW_LEVEL_SECURITY'] is on, but not every table keeps tenants apart: "
            f"{'; '.join(faults)}.",
            hint="Run manage.py scim_rls enable; scim_rls status shows each table.",
            id="maptician_scim.W043",
        )


def _check_off() -> Iterator[CheckMessage]:
    closed = [table.name for table in policies.tables() if not table.is_open]
    if closed:
        yield CheckWarning(
            f"{NAME}['ROW_LEVEL_SECURITY'] is off, but these tables have policies: "
            f"{', '.join(closed)}. A role that is held by them sees no row.",
            hint="Switch the setting on, or run manage.py scim_rls disable.",
            id="maptician_scim.W044",
        )
