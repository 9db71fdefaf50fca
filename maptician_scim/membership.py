"""Changing who is in a group: set-based SQL on the host's own table.

Adding or removing a thousand people takes as many statements as one does, and nobody who stays is
touched: what the host notes beside a membership, such as who leads the team, survives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Expression, F, Q, QuerySet

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.exceptions import InvalidValue, Reason
from maptician_scim.links import NESTING, Link, delete, fetched, insert
from maptician_scim.models import ProvisionedGroup, ProvisionedUser
from maptician_scim.protocol.expressions import Among, Written
from maptician_scim.protocol.filters import compile_selection
from maptician_scim.protocol.group_patch import Effect, Plan, Selection
from maptician_scim.protocol.paths import is_scim_id
from maptician_scim.protocol.schemas import ResourceModel
from maptician_scim.relations import GROUP, PERSON, people_of, relation
from maptician_scim.statements import ListSlot, Statement, compiled, slot
from maptician_scim.tenancy import tenant_model

NAMED = 5
"""How many unknown members an error names."""

BELOW = """
WITH RECURSIVE below(id) AS (
    SELECT child_id FROM {table} WHERE parent_id = %s
    UNION SELECT nested.child_id FROM {table} nested JOIN below ON nested.parent_id = below.id
) SELECT 1 FROM below WHERE id = %s
"""


@dataclass(frozen=True)
class Known:
    """The members that a request names: primary keys by SCIM id."""

    users: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Change:
    """Who has come and who has gone: primary keys of users, and of records of groups."""

    added: list[Any] = field(default_factory=list)
    removed: list[Any] = field(default_factory=list)
    added_groups: list[int] = field(default_factory=list)
    removed_groups: list[int] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.added_groups or self.removed_groups)


# -- who is meant ---------------------------------------------------------------------------------


def known_members(tenant: Tenant, plan: Plan) -> Known:
    """The members that are to be added, locked against being deleted meanwhile.

    Raises ``InvalidValue`` naming those the tenant does not have; members of another tenant are
    answered in the same way. To be called before the group is locked: whoever deletes a person
    locks the person first, too.
    """
    named = plan.added
    if not named:
        return Known()
    _refuse_nesting(tenant, plan)
    ids = [member.value for member in named if is_scim_id(member.value)]
    users = _lock_people(tenant, ids)
    others = [i for i in ids if i not in users] if scim_settings.NESTED_GROUPS else []
    groups = _lock_groups(tenant, others) if others else {}
    known = {"User": users, "Group": groups, "": users.keys() | groups.keys()}
    unknown = [m.value for m in named if m.value not in known[m.type]]
    if unknown:
        raise _unknown(tenant, unknown)
    return Known(users, groups)


def _refuse_nesting(tenant: Tenant, plan: Plan) -> None:
    if not scim_settings.NESTED_GROUPS and any(member.type == "Group" for member in plan.added):
        raise _no_nesting()


def _lock_people(tenant: Tenant, ids: Iterable[str]) -> dict[str, Any]:
    adapter, users = scim_settings.USER_ADAPTER, get_user_model()
    if not adapter.can_be_compiled():
        statement = Statement(_people_by_ids(tenant, ids))
    else:
        statement = compiled(("members by ids", adapter), _people_by_slots)
    # The host user first, as all verbs lock. Whoever only saves a user, such as a login, does not
    # have to wait.
    models = [m for m in (users, ProvisionedUser) if m._meta.db_table in statement.aliases]
    values = {"tenant": tenant.pk, "ids": ids}
    found = statement.locked(values, models, "FOR KEY SHARE")
    to_python = users._meta.pk.to_python
    return {str(scim_id): to_python(user) for scim_id, user in found}


def _people_by_slots() -> QuerySet[Any, Any]:
    tenant = slot("tenant", ProvisionedUser, "tenant")
    return _people_by_ids(tenant, slot("ids", ProvisionedUser, "scim_id", ListSlot))


def _people_by_ids(tenant: Tenant, ids: Iterable[str] | Expression) -> QuerySet[Any, Any]:
    people = ProvisionedUser.objects.for_tenant(tenant).filter(Among(F("scim_id"), ids))
    return people.order_by().values_list(Written("scim_id"), "user")


def _lock_groups(tenant: Tenant, ids: Iterable[str]) -> dict[str, int]:
    """Groups to be put into a group. Whoever does that takes turns, so that none make a cycle."""
    list(tenant_model()._base_manager.select_for_update(no_key=True).filter(pk=tenant.pk))
    groups = ProvisionedGroup.objects.for_tenant(tenant).filter(Among(F("scim_id"), ids))
    return {str(scim_id): pk for scim_id, pk in groups.values_list("scim_id", "pk")}


def _unknown(tenant: Tenant, unknown: list[str]) -> InvalidValue:
    ids = [i for i in unknown if is_scim_id(i)]
    groups = ProvisionedGroup.objects.for_tenant(tenant).filter(Among(F("scim_id"), ids))
    if not scim_settings.NESTED_GROUPS and groups.exists():
        return _no_nesting()
    names = ", ".join(repr(i[:64]) for i in unknown[:NAMED])
    more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
    return InvalidValue(
        f"'members' names {names}{more}, whom there is not here. Assign them to the app first, or "
        "take them out of the group; nothing was changed.",
        reason=Reason.UNKNOWN_MEMBER,
        facts={"members": f"{names}{more}"},
    )


def _no_nesting() -> InvalidValue:
    return InvalidValue(
        "'members' holds a group, but only people can be members here. Push the groups one by one, "
        "each with its own people.",
        reason=Reason.NESTED_GROUP,
    )


# -- changing ------------------------------------------------------------------------------------


def apply(
    record: ProvisionedGroup,
    plan: Plan,
    known: Known,
    model: ResourceModel,
    values: Mapping[str, Any],
) -> Change:
    """Carry a plan out on a group that is locked; ``values`` are those of further columns."""
    change = Change()
    for step in plan.steps:
        if isinstance(step, Effect):
            _apply_effect(record, step, known, values, change)
        else:
            _remove_selected(record, step, model, change)
    return _net(change)


def _apply_effect(
    record: ProvisionedGroup,
    step: Effect,
    known: Known,
    values: Mapping[str, Any],
    change: Change,
) -> None:
    link, nests = _host_link(), scim_settings.NESTED_GROUPS
    coming = [known.users[i] for i in step.added if i in known.users]
    children = [known.groups[i] for i in step.added if i in known.groups]
    going = [i for i in step.removed if is_scim_id(i)]
    people = ProvisionedUser.objects.for_tenant(record.tenant)
    groups = ProvisionedGroup.objects.for_tenant(record.tenant)
    if step.is_cleared:
        change.removed += delete(link, record.group_id, people.exclude(Among(F("user"), coming)))
        if nests:
            gone = groups.exclude(Among(F("pk"), children))
            change.removed_groups += delete(NESTING, record.pk, gone)
    elif going:
        among = Q(Among(F("scim_id"), going))
        change.removed += delete(link, record.group_id, people.filter(among))
        if nests:
            change.removed_groups += delete(NESTING, record.pk, groups.filter(among))
    if coming:
        users = get_user_model()._base_manager.filter(Among(F("pk"), coming))
        change.added += insert(link, record.group_id, users, values)
    if children:
        nested = groups.filter(Among(F("pk"), children))
        added = insert(NESTING, record.pk, nested, {"tenant": record.tenant})
        change.added_groups += added
        _refuse_cycle(record)


def _remove_selected(
    record: ProvisionedGroup, step: Selection, model: ResourceModel, change: Change
) -> None:
    selected = people_of(record.tenant).filter(compile_selection(step.path, model, PERSON))
    change.removed += delete(_host_link(), record.group_id, selected)
    if scim_settings.NESTED_GROUPS:
        groups = ProvisionedGroup.objects.for_tenant(record.tenant)
        selected_groups = groups.filter(compile_selection(step.path, model, GROUP))
        change.removed_groups += delete(NESTING, record.pk, selected_groups)


def _net(change: Change) -> Change:
    """Whoever has gone and come again within one request has done neither."""
    for gone, come in (
        (change.removed, change.added),
        (change.removed_groups, change.added_groups),
    ):
        both = set(gone) & set(come)
        gone[:], come[:] = [x for x in gone if x not in both], [x for x in come if x not in both]
    return change


def end_memberships(tenant: Tenant, user_pk: Any) -> None:
    """Take somebody out of all groups the tenant sees, and raise the versions of those."""
    to_users = relation().to_users
    groups = ProvisionedGroup.objects.for_tenant(tenant).filter(**{f"group__{to_users}": user_pk})
    # In the order of their ids, so that two who do this never wait for each other.
    locked = groups.select_for_update(of=("self",)).order_by("id")
    records = dict(locked.values_list("pk", "group"))
    if not records:
        return
    link = relation()
    ended = link.through._base_manager.filter(
        Among(F(link.group_field), records.values()), **{link.user_field: user_pk}
    )
    ended._raw_delete(ended.db)
    ProvisionedGroup.objects.ever_of(tenant).filter(Among(F("pk"), records)).touch()


def people_in(group_pk: Any) -> list[Any]:
    """The primary keys of the users in a host group, whatever tenant they are of."""
    link = relation()
    members = link.through._base_manager.filter(**{link.group_field: group_pk})
    return list(members.values_list(link.user_field, flat=True))


def empty(group_pk: Any) -> None:
    """Take everybody out of a host group that is about to be deleted, in one statement.

    Django's own cascade reads every membership and has a receiver follow each. Where a host refers
    to memberships, it has to.
    """
    link = relation()
    if not link.through._meta.related_objects:
        ended = link.through._base_manager.filter(**{link.group_field: group_pk})
        ended._raw_delete(ended.db)


def _host_link() -> Link:
    found = relation()
    return Link(found.through, found.group_field, found.user_field)


def _refuse_cycle(record: ProvisionedGroup) -> None:
    sql = BELOW.format(table=NESTING.table)
    if fetched(sql, (record.pk, record.pk)):
        raise InvalidValue(
            "'members' would make the group a member of itself; nothing was changed."
        )
