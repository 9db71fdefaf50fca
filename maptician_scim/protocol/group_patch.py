"""Changes of a group's members as plain values, read from the bodies of POST, PUT and PATCH.

Memberships are changed in the database and never read into a document, so nothing here knows who
is in the group. Whatever a client says becomes a plan: who shall be in, who shall not, and whether
all others go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import scim2_models as scim
from scim2_models.path import CompareOperator, Comparison

from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import InvalidPath, InvalidValue, Mutability
from maptician_scim.protocol.filters import check_size
from maptician_scim.protocol.messages import scim_error
from maptician_scim.protocol.patch import named
from maptician_scim.protocol.schemas import ResourceModel, core_schema
from maptician_scim.protocol.tolerances import Tolerance, tolerate

Operation = dict[str, Any]

MEMBERS = "members"
MAX_STEPS = 20
KINDS = {"user": "User", "group": "Group"}


@dataclass(frozen=True)
class Member:
    """Somebody a client names. The type is empty where it was not said."""

    value: str
    type: str = ""


@dataclass
class Effect:
    """Who is in the group afterwards, and who is not; if ``is_cleared``, nobody else is."""

    is_cleared: bool = False
    shall_be: dict[str, bool] = field(default_factory=dict)

    @property
    def added(self) -> list[str]:
        return [value for value, is_in in self.shall_be.items() if is_in]

    @property
    def removed(self) -> list[str]:
        return [value for value, is_in in self.shall_be.items() if not is_in]


@dataclass(frozen=True)
class Selection:
    """Those go whom a value path selects, such as ``members[display co "x"]``."""

    path: str


@dataclass
class Plan:
    """What is to be done with the members, in this order."""

    steps: list[Effect | Selection] = field(default_factory=list)
    added: list[Member] = field(default_factory=list)
    """All who are to be added by any operation: each must exist."""

    def add(self, members: Iterable[Member]) -> None:
        effect = self._effect()
        for member in members:
            self.added.append(member)
            effect.shall_be[member.value] = True

    def remove(self, members: Iterable[Member]) -> None:
        effect = self._effect()
        for member in members:
            effect.shall_be[member.value] = False

    def replace(self, members: Iterable[Member]) -> None:
        """Also ``remove`` of all, who are replaced with nobody. What came before is moot."""
        self.steps = [Effect(is_cleared=True)]
        self.add(members)

    def select(self, path: str) -> None:
        """Each selection is a statement of its own; no client needs more than one or two.

        Together they may be no longer than one filter: each term looks at every person.
        """
        self.steps.append(Selection(path))
        length = sum(len(step.path) for step in self.steps if isinstance(step, Selection))
        if len(self.steps) > MAX_STEPS or length > scim_settings.MAX_FILTER_LENGTH:
            raise InvalidValue(
                "The request selects members by something else than their ids too often; name them "
                "by their ids, or send several requests."
            )

    def _effect(self) -> Effect:
        """The last step, as long as what is said can be added to it."""
        if self.steps and isinstance(self.steps[-1], Effect):
            return self.steps[-1]
        effect = Effect()
        self.steps.append(effect)
        return effect


def without_members(payload: dict[str, Any]) -> tuple[dict[str, Any], list[Member]]:
    """The body of a POST or PUT without its members, and these. Raises ``InvalidValue``."""
    found = [value for name, value in payload.items() if name.lower() == MEMBERS]
    rest = {name: value for name, value in payload.items() if name.lower() != MEMBERS}
    return rest, [member for value in found for member in read_members(value)]


def read_members(value: Any, *, adds: bool = False) -> list[Member]:
    """The members in a value: an array, an object, or an id. Raises ``InvalidValue``.

    Okta sends ``display: null``, Entra ``$ref: null``; neither says anything. An operation that
    ``adds`` may name a single one (RFC 7644 section 3.5.2.1).
    """
    if isinstance(value, dict) and not adds:
        tolerate(Tolerance.ONE_OBJECT, MEMBERS)
    listed = value if isinstance(value, list) else [] if value in (None, "") else [value]
    return [_member(entry, number) for number, entry in enumerate(listed)]


def _member(entry: Any, number: int) -> Member:
    if isinstance(entry, str):
        entry = {"value": entry}
    if not isinstance(entry, dict):
        raise InvalidValue(f"'members[{number}]' must be an object with a 'value'.")
    parts = {name.lower(): part for name, part in entry.items()}
    value, kind = parts.get("value"), parts.get("type") or ""
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue(f"'members[{number}].value' must be the id of a member.")
    if not isinstance(kind, str) or kind.lower() not in {"", *KINDS}:
        raise InvalidValue(f"'members[{number}].type' must be 'User' or 'Group'.")
    return Member(value, KINDS.get(kind.lower(), ""))


def separated(
    model: ResourceModel, operations: list[Operation], own_id: str
) -> tuple[list[Operation], Plan]:
    """The operations of a PATCH on other attributes, and the plan for the members.

    Raises ``InvalidValue``, ``InvalidPath``, ``NoTarget`` or ``Mutability``.
    """
    separator = _Separator(model, own_id)
    rest = [kept for operation in operations for kept in separator.kept(operation)]
    return rest, separator.plan


class _Separator:
    """Takes what concerns members out of operations, and plans it."""

    def __init__(self, model: ResourceModel, own_id: str) -> None:
        self.path = scim.Path.__class_getitem__(model)
        self.core = core_schema(model).lower()
        self.own_id = own_id
        self.plan = Plan()

    def kept(self, raw: Operation) -> Iterator[Operation]:
        """What is left of an operation for the other attributes; malformed ones are left whole."""
        members = {name.lower(): value for name, value in raw.items()}
        op, path, value = members.get("op"), members.get("path"), members.get("value")
        if not isinstance(op, str) or op.lower() not in ("add", "remove", "replace"):
            yield raw
            return
        if op != op.lower():
            tolerate(Tolerance.CAPITALISED_OP, "op")
        op, path = op.lower(), path.strip() if isinstance(path, str) else path
        if isinstance(value, dict) and op != "remove" and (not path or self._is_core(path)):
            rest = self._without_members(op, value)
            if rest or not value:
                yield raw | {_key(raw, "value"): rest}
        elif isinstance(path, str) and (target := self._members_path(path)) is not None:
            self._plan(op, target, value, has_value="value" in members)
        elif isinstance(path, str) and path.lower() in ("id", f"{self.core}:id"):
            self._check_id(value if op != "remove" else None)
        else:
            yield raw

    def _without_members(self, op: str, value: dict[str, Any]) -> dict[str, Any]:
        """An object of attributes without members and without the group's own id (Okta)."""
        rest = {}
        for name, item in value.items():
            if name.lower() == "id" and item is None:
                tolerate(Tolerance.READ_ONLY_SENT_BACK, name)
            elif name.lower() == "id":
                self._check_id(item)
            elif self._is_core(name) and isinstance(item, dict):
                tolerate(Tolerance.PATHS_AS_KEYS, name)
                rest[name] = self._without_members(op, item)
            elif (target := self._members_path(name)) is not None:
                self._plan_key(op, name, target, item)
            else:
                rest[name] = item
        return {name: item for name, item in rest.items() if item or not self._is_core(name)}

    def _plan_key(self, op: str, name: str, target: scim.Path[Any], value: Any) -> None:
        if name.lower() != MEMBERS:
            tolerate(Tolerance.PATHS_AS_KEYS, name)
        self._plan(op, target, value, has_value=True)

    def _check_id(self, value: Any) -> None:
        if value != self.own_id:
            raise Mutability("'id' is given by the service provider and cannot be changed.")

    def _is_core(self, path: Any) -> bool:
        return isinstance(path, str) and path.lower() == self.core

    def _members_path(self, text: str) -> scim.Path[Any] | None:
        """The path, if it leads to members or to a part of them."""
        if MEMBERS not in text.lower():
            return None
        check_size(text, "path", InvalidPath)
        try:
            path: scim.Path[Any] = self.path(text)
        except scim.SCIMException as error:
            raise named(text, scim_error(error)) from error
        binding = path.resolve()
        name = binding.urn.rpartition(":")[2] if binding else ""
        return path if name.partition(".")[0] == MEMBERS else None

    def _plan(self, op: str, target: scim.Path[Any], value: Any, *, has_value: bool) -> None:
        binding = target.resolve()
        if binding is not None and binding.sub_field_name is not None:
            raise Mutability(
                f"{str(target)!r} cannot be changed. Remove the member and add another one."
            )
        if target.value_filter is not None:
            self._plan_selected(op, target, value)
        elif op == "remove":
            self._plan_removal(value, has_value)
        elif not has_value:
            raise InvalidValue(f"The {op} operation on {str(target)!r} needs a 'value'.")
        elif op == "add":
            self.plan.add(read_members(value, adds=True))
        else:
            self.plan.replace(read_members(value))

    def _plan_removal(self, value: Any, has_value: bool) -> None:
        """All members; if a value comes with it, only those it names (Entra)."""
        if has_value and value is not None:
            tolerate(Tolerance.REMOVE_BY_VALUE, MEMBERS)
            self.plan.remove(read_members(value, adds=True))
        else:
            self.plan.replace([])

    def _plan_selected(self, op: str, target: scim.Path[Any], value: Any) -> None:
        chosen = _chosen(target)
        if op == "remove":
            if value is not None:
                tolerate(Tolerance.REMOVE_WITH_VALUE, str(target))
            if chosen is None:
                self.plan.select(str(target))
            else:
                self.plan.remove([Member(chosen)])
            return
        members = read_members(value, adds=True)
        if chosen is None or any(member.value != chosen for member in members):
            raise Mutability(
                f"{str(target)!r} cannot become somebody else. Remove the member and add another."
            )
        self.plan.add(members or [Member(chosen)])


def _chosen(target: scim.Path[Any]) -> str | None:
    """The member in ``members[value eq "..."]``; ``None`` for any other condition."""
    condition = target.value_filter
    if (
        isinstance(condition, Comparison)
        and condition.op == CompareOperator.eq
        and condition.attr_path.sub_attr is None
        and condition.attr_path.attr.lower() == "value"
        and isinstance(condition.value, str)
    ):
        return condition.value
    return None


def _key(members: dict[str, Any], name: str) -> str:
    return next(key for key in members if key.lower() == name)
