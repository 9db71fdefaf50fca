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

    def __post_init__(self) -> None:
        # A host may give UUIDs, and names that are translated when they are shown.
        for name in ("id", "display_name", "description"):
            object.__setattr__(self, name, str(getattr(self, name)))


@dataclass(frozen=True)
class Entitlement(Role):
    """An entitlement of one tenant: the same among a user's ``entitlements``."""

    resource_type: ClassVar[str] = "Entitlement"


def completed(
    name: str, entries: list[Entry], kept: list[Entry], offered: Callable[[], Sequence[Role]]
) -> list[Entry]:
    """The entries of a user's ``roles`` or ``entitlements``, with the names of those we know.

    ``kept`` are the entries so far, for which nothing is looked up. Raises ``InvalidValue`` for
    another one nobody knows, if ``UNKNOWN_ROLES`` says so.
    """
    unchanged = {frozenset(entry.items()) for entry in kept}
    if all(frozenset(entry.items()) in unchanged for entry in entries):
        return entries
    known, before = _Known(offered()), {_value(entry) for entry in kept}
    found = []
    for entry in entries:
        value = _value(entry)
        role = known.meant_by(value)
        if role is None and value not in before and scim_settings.UNKNOWN_ROLES == "refuse":
            raise InvalidValue(f"{name!r} has {value[:200]!r}, which is unknown here.")
        found.append(entry if role is None else _named(role, entry))
    return found


class _Known:
    """Roles by what clients call them."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self.by_id = {role.id: role for role in roles}
        self.by_name = {comparison_key(role.display_name): role for role in reversed(roles)}

    def meant_by(self, value: str) -> Role | None:
        """The role with this id, or else with this name, which is what people type into Entra."""
        return self.by_id.get(value) or self.by_name.get(comparison_key(value))


def _value(entry: Entry) -> str:
    return str(entry.get("value") or entry.get("display") or "")


def _named(role: Role, entry: Entry) -> Entry:
    """The entry as it was sent, with what was left out."""
    facts = {"display": role.display_name}
    if isinstance(role, Entitlement):
        facts["type"] = role.resource_type
    return facts | entry
