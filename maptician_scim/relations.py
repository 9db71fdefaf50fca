"""Who is in which group, read through the host's own many-to-many relation.

The other half, changing it, is ``membership.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import (
    CharField,
    Count,
    Expression,
    F,
    JSONField,
    Model,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Concat, NullIf, Trim

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.models import ProvisionedGroup, ProvisionedUser, ProvisionedUserQuerySet
from maptician_scim.protocol.expressions import Among, JSONRows, Written
from maptician_scim.protocol.filters import Operand, RelatedEntries
from maptician_scim.statements import ListSlot, compiled, slot

Entry = dict[str, Any]


@dataclass(frozen=True)
class Relation:
    """The many-to-many relation between the host's groups and users."""

    through: type[Model]
    group_field: str
    user_field: str
    """The foreign keys of ``through``."""

    to_users: str
    to_groups: str
    """The ORM paths from a group to its users, and from a user to their groups."""


def group_model() -> type[Model]:
    """The host's model of a group."""
    return apps.get_model(scim_settings.GROUP_MODEL)


def relation() -> Relation:
    """The relation that the adapter's ``members_field`` names. Raises ``ValueError``."""
    adapter = scim_settings.GROUP_ADAPTER
    if adapter is None:
        raise ValueError("There is no GROUP_ADAPTER.")
    return find_relation(group_model(), adapter.members_field)


@cache
def find_relation(model: type[Model], name: str) -> Relation:
    """The relation of a model with users that has this name, from either side.

    Raises ``ValueError``.
    """
    users = get_user_model()
    many_to_many: Iterable[Any] = model._meta.many_to_many
    for field in many_to_many:
        if field.name == name and field.related_model is users:
            return Relation(
                field.remote_field.through,
                field.m2m_field_name(),
                field.m2m_reverse_field_name(),
                field.name,
                field.related_query_name(),
            )
    related: Iterable[Any] = model._meta.related_objects
    for rel in related:
        names = (rel.name, rel.get_accessor_name())
        if rel.many_to_many and name in names and rel.related_model is users:
            return Relation(
                rel.through,
                rel.field.m2m_reverse_field_name(),
                rel.field.m2m_field_name(),
                rel.name,
                rel.field.name,
            )
    raise ValueError(f"{model.__name__}.{name} is no many-to-many relation with the user model")


# -- what members and groups look like ----------------------------------------------------------


def people_of(tenant: Tenant) -> ProvisionedUserQuerySet:
    """The people a tenant sees, with what they are called: ``scim_display``, or null."""
    adapter = scim_settings.USER_ADAPTER
    people = adapter.annotated(ProvisionedUser.objects.for_tenant(tenant))
    return people.annotate(scim_display=_display())


def _display() -> Expression:
    """The name of a person for display, as far as one was given: not the userName."""
    first = _text("name", "givenName")
    last = _text("name", "familyName")
    both = Trim(Concat(Coalesce(first, Value("")), Value(" "), Coalesce(last, Value(""))))
    chosen = Coalesce(
        _text("displayName"),
        _text("name", "formatted"),
        both,
        output_field=CharField(),
    )
    return NullIf(chosen, Value(""))


def _text(attribute: str, sub: str | None = None) -> Expression:
    """A text of a person, null where it is empty."""
    operand = scim_settings.USER_ADAPTER.mapping().operand(None, attribute, sub)
    if operand is None:  # converted by the host, so that the database cannot read it
        return Value(None, output_field=CharField())
    return NullIf(operand.expression, Value(""))


PERSON: Mapping[str, Operand] = {
    "value": Operand(F("scim_id"), "uuid"),
    "display": Operand(F("scim_display")),
    "type": Operand(Value("User")),
}
"""What the sub-attributes of a member are, if the member is a person."""

GROUP: Mapping[str, Operand] = {
    "value": Operand(F("scim_id"), "uuid"),
    "display": Operand(F("display_name")),
    "type": Operand(Value("Group")),
}
"""The same for a group in a group."""

GROUP_OF_USER: Mapping[str, Operand] = {**GROUP, "type": Operand(Value("direct"))}


def members_for_filters(tenant: Tenant) -> RelatedEntries:
    """The members of the group at hand."""
    people = people_of(tenant).filter(**{f"user__{relation().to_groups}": OuterRef("group")})
    if not scim_settings.NESTED_GROUPS:
        return RelatedEntries(((people, PERSON),))
    children = ProvisionedGroup.objects.for_tenant(tenant).filter(parents__parent=OuterRef("pk"))
    return RelatedEntries(((people, PERSON), (children, GROUP)))


def groups_for_filters(tenant: Tenant) -> RelatedEntries:
    """The groups of the user at hand."""
    groups = ProvisionedGroup.objects.for_tenant(tenant)
    mine = groups.filter(**{f"group__{relation().to_users}": OuterRef("user")})
    return RelatedEntries(((mine, GROUP_OF_USER),))


# -- entries of pages -----------------------------------------------------------------------------


def members(tenant: Tenant, ids: Iterable[str], urls: Mapping[str, str]) -> dict[str, list[Entry]]:
    """The members of these groups, by SCIM ids: one query, and one for groups in groups.

    ``urls`` are those of the endpoints, by the type of resource.
    """
    found: dict[str, list[Entry]] = {}
    users = f"{urls['User']}/"
    for group, member, name in _members(tenant, ids):
        # They may be thousands: nothing is called for each that need not be.
        entry = {"value": member, "$ref": users + member, "type": "User"}
        if name:
            entry["display"] = name
        found.setdefault(group, []).append(entry)
    if scim_settings.NESTED_GROUPS:
        groups = ProvisionedGroup.objects.for_tenant(tenant).order_by("id")
        children = groups.filter(Among(F("parents__parent__scim_id"), ids))
        rows = children.values_list("parents__parent__scim_id", "scim_id", "display_name")
        for parent, child, name in rows:
            found.setdefault(str(parent), []).append(_entry(urls, "Group", str(child), name))
    return found


def _members(tenant: Tenant, ids: Iterable[str]) -> Iterable[tuple[str, str, str | None]]:
    """The ids of groups and of the people in them, and what those are called."""
    adapter = scim_settings.USER_ADAPTER
    if not adapter.can_be_compiled():
        rows: Sequence[Any] = list(_people_in_groups(tenant, ids))
    else:
        key = ("members", adapter, adapter.mapping(), scim_settings.GROUP_ADAPTER)
        statement = compiled(key, _members_of_slots)
        rows = statement.rows({"tenant": tenant.pk, "ids": ids})
    if rows and isinstance(rows[0][0], str):
        return rows  # as PostgreSQL has written them
    return [(str(group), str(member), name) for group, member, name in rows]


def _members_of_slots() -> QuerySet[Any, Any]:
    tenant = slot("tenant", ProvisionedUser, "tenant")
    return _people_in_groups(tenant, slot("ids", ProvisionedGroup, "scim_id", ListSlot))


def _people_in_groups(tenant: Tenant, ids: Iterable[str] | Expression) -> QuerySet[Any, Any]:
    of_group = f"user__{relation().to_groups}__scim_records__scim_id"
    people = people_of(tenant).filter(Among(F(of_group), ids)).order_by("id")
    return people.values_list(Written(of_group), Written("scim_id"), "scim_display")


def ids_of(tenant: Tenant, users: Iterable[Any]) -> dict[Any, str]:
    """The SCIM ids of host users, as far as the tenant sees them, by primary key: one query."""
    adapter = scim_settings.USER_ADAPTER
    if not adapter.can_be_compiled():
        rows: Iterable[Any] = _ids_of(tenant, users)
    else:
        statement = compiled(("ids of", adapter), _ids_of_slots)
        rows = statement.rows({"tenant": tenant.pk, "users": users})
    return {user: str(scim_id) for user, scim_id in rows}


def _ids_of_slots() -> QuerySet[Any, Any]:
    tenant = slot("tenant", ProvisionedUser, "tenant")
    return _ids_of(tenant, slot("users", ProvisionedUser, "user", ListSlot))


def _ids_of(tenant: Tenant, users: Iterable[Any] | Expression) -> QuerySet[Any, Any]:
    records = ProvisionedUser.objects.for_tenant(tenant).filter(Among(F("user"), users))
    return records.values_list("user", Written("scim_id"))


def people_in(tenant: Tenant, group: Any) -> ProvisionedUserQuerySet:
    """The people of a host group whom the tenant sees, as ``people_of`` has them."""
    return people_of(tenant).filter(**{f"user__{relation().to_groups}": group})


def member_counts(groups: Mapping[Tenant, Sequence[Any]]) -> dict[tuple[Any, Any], int]:
    """How many people are in host groups, of those the tenant sees: one query.

    By the primary keys of tenant and host group; where nobody is in a group, it is left out.
    """
    to_group = f"user__{relation().to_groups}"
    counts = [
        ProvisionedUser.objects.for_tenant(tenant)
        .filter(**{f"{to_group}__in": keys})
        .order_by()
        .values_list("tenant", to_group)
        .annotate(people=Count("pk"))
        for tenant, keys in groups.items()
    ]
    rows = counts[0].union(*counts[1:], all=True) if counts else ()
    return {(tenant, group): people for tenant, group, people in rows}


def groups_column(tenant: Tenant, user: str = "user") -> Subquery:
    """The groups of the user that a field of the row at hand names, in the query of the rows.

    So showing people their groups costs no query of its own.
    """
    of_user = {f"group__{relation().to_users}": OuterRef(user)}
    records = ProvisionedGroup.objects.for_tenant(tenant).filter(**of_user).order_by()
    listed = records.values("tenant").annotate(
        scim_rows=JSONRows(F("id"), F("scim_id"), F("display_name"))
    )
    return Subquery(listed.values("scim_rows"), output_field=JSONField())


def touch_groups_of(tenant: Tenant, users: Iterable[Any]) -> None:
    """Raise the versions of the groups that these host users are seen in, or no longer are."""
    if scim_settings.serves_groups:
        of_users = Among(F(f"group__{relation().to_users}"), users)
        ProvisionedGroup.objects.for_tenant(tenant).filter(of_users).touch()


def group_entries(rows: list[tuple[int, str, str]] | None, url: str) -> list[Entry]:
    """What ``groups_column`` has found as the entries of a user; ``url`` is that of the groups."""
    found = sorted({pk: (scim_id, name) for pk, scim_id, name in rows or ()}.items())
    urls = {"Group": url}
    return [
        {**_entry(urls, "Group", id_text(scim_id), name), "type": "direct"}
        for _, (scim_id, name) in found
    ]


def id_text(scim_id: Any) -> str:
    """A SCIM id as clients see it; in JSON, SQLite has it without hyphens."""
    text = str(scim_id)
    return text if len(text) == 36 else str(UUID(text))


def _entry(urls: Mapping[str, str], kind: str, scim_id: str, display: str | None) -> Entry:
    entry = {"value": scim_id, "$ref": f"{urls[kind]}/{scim_id}", "type": kind}
    if display:
        entry["display"] = display
    return entry
