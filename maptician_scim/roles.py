"""What a host lets an identity provider assign to people: roles and entitlements.

The adapter names them (``UserAdapter.roles``, ``UserAdapter.entitlements``). ``/Roles`` and
``/Entitlements`` list them; the attributes ``roles`` and ``entitlements`` of a user hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidValue
from maptician_scim.protocol.expressions import comparison_key

Entry = dict[str, Any]


@dataclass(frozen=True)
class Role:
    """A role of one tenant.

    ``id`` is a text that never changes and is never used again, best a UUID: it is the ``value`` of
    the role among a user's ``roles``.
    """

    id: str
    display_name: str
    description: str = ""

    resource_type: ClassVar[str] = "Role"


@dataclass(frozen=True)
class Entitlement(Role):
    """An entitlement of one tenant: the same among a user's ``entitlements``."""

    resource_type: ClassVar[str] = "Entitlement"


def completed(
    name: str, entries: list[Entry], kept: list[Entry], offered: Callable[[], Sequence[Role]]
) -> list[Entry]:
    """The entries of a user's ``roles`` or ``entitlements``, with the names of those we know.

    ``kept`` are the entries so far, which nobody has to look up again. Raises ``InvalidValue`` for
    another one nobody knows, if ``UNKNOWN_ROLES`` says so.
    """
    if all(entry in kept for entry in entries):
        return entries
    known, before = offered(), [_value(entry) for entry in kept]
    found = []
    for entry in entries:
        role = _known(_value(entry), known)
        if role is None and scim_settings.UNKNOWN_ROLES == "refuse" and _value(entry) not in before:
            raise InvalidValue(f"{name!r} has {_value(entry)[:200]!r}, which is unknown here.")
        found.append(entry if role is None else _named(role, entry))
    return found


def _value(entry: Entry) -> str:
    return str(entry.get("value") or entry.get("display") or "")


def _known(value: str, known: Sequence[Role]) -> Role | None:
    """The role that is meant: by its id, or by its name, which is what Entra's people type in."""
    by_id = next((role for role in known if role.id == value), None)
    key = comparison_key(value)
    return by_id or next((r for r in known if comparison_key(r.display_name) == key), None)


def _named(role: Role, entry: Entry) -> Entry:
    """The entry as it was sent, with what was left out."""
    facts = {"display": role.display_name}
    if isinstance(role, Entitlement):
        facts["type"] = role.resource_type
    return facts | entry
