"""What holds in the database between any two requests, whatever was asked before.

``check_invariants()`` raises ``AssertionError`` with all that is wrong. It knows both hosts.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db.models import F, Q

from maptician_scim.conf import scim_settings
from maptician_scim.models import (
    Event,
    GroupNesting,
    ProvisionedGroup,
    ProvisionedUser,
    SessionKey,
)
from maptician_scim.protocol import messages
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.tenancy import tenant_model
from tests import hosts

WRITES = {"create", "replace", "patch", "delete", "deactivate", "reactivate"}
VERBS = WRITES | {"read", "bulk", "other"}


def check_invariants(*, protected: dict[Any, Any] | None = None, since: int = 0) -> None:
    """Every invariant of the tables; of the log, of the events after the one with the id ``since``.

    ``protected`` is what ``protected_accounts`` said before: nothing of that may have changed.
    """
    found = [*_about_sessions(), *_about_events(since), *_about_nesting()]
    for tenant in tenant_model()._default_manager.all():
        found += [f"{tenant}: {fault}" for fault in _about_people(tenant)]
        found += [f"{tenant}: {fault}" for fault in _about_groups(tenant)]
        found += [f"{tenant}: {fault}" for fault in _about_success(tenant)]
    if protected is not None and protected_accounts() != protected:
        found.append("a protected account has changed")
    assert not found, "\n".join(found[:50])


def protected_accounts() -> dict[Any, Any]:
    """By host user what SCIM must never change of a protected account."""
    accounts = {}
    for tenant in tenant_model()._default_manager.all():
        for record in ProvisionedUser.objects.for_tenant(tenant).select_related("user"):
            adapter = _adapter(record, tenant)
            if adapter.is_protected():
                user = record.user
                accounts[user.pk] = (
                    (user.get_username(), user.email, user.password, adapter.is_active),
                    (user.first_name, user.last_name, user.is_staff, user.is_superuser),
                    record.user_name,
                )
    return accounts


def _adapter(record: ProvisionedUser, tenant: Any) -> Any:
    record.tenant = tenant
    return scim_settings.USER_ADAPTER(record.user, provisioned_user=record)


# -- people --------------------------------------------------------------------------------------


def _about_people(tenant: Any) -> list[str]:
    records = ProvisionedUser.objects.ever_of(tenant).live().select_related("user")
    people = set(hosts.current().people(tenant).values_list("pk", flat=True))
    found = [
        f"two are called {key!r}" for key in _twice(user_name_key(r.user_name) for r in records)
    ]
    for record in records:
        found += [f"{record.scim_id}: {fault}" for fault in _about_person(record, tenant, people)]
    seen = ProvisionedUser.objects.ever_of(tenant).values_list("user_id", flat=True)
    found += [f"the host user {pk} has no record" for pk in people.difference(seen)]
    return found + _about_times(ProvisionedUser.objects.ever_of(tenant))


def _about_person(record: ProvisionedUser, tenant: Any, people: set[Any]) -> list[str]:
    if record.user_id not in people:
        return ["the host user is not the tenant's"]
    if not isinstance(record.attributes, dict) or not isinstance(record.received, dict):
        return ["stored JSON is no object"]
    found = []
    adapter = _adapter(record, tenant)
    if record.user_name_key != user_name_key(record.user_name) or not record.user_name.strip():
        found.append("user_name_key is not the key of user_name")
    if record.digest and record.digest != messages.digest(adapter.document()):
        found.append("digest is not that of the representation")
    kept = adapter.mapping().split(adapter.document()).attributes
    if kept != record.attributes:
        found.append(f"stored {record.attributes!r}, which would be {kept!r}: twice, or malformed")
    if not adapter.is_active and (more := hosts.current().access_of(record.user, tenant)):
        found.append(f"is inactive and has {more}")
    return found


def _about_times(records: Any) -> list[str]:
    wrong = records.filter(Q(modified_at__lt=F("created_at")) | Q(deleted_at__lt=F("created_at")))
    return [f"{record.scim_id}: was changed before it was made" for record in wrong]


def _about_sessions() -> list[str]:
    """Whoever has no active place anywhere has no session."""
    keys = SessionKey.objects.values_list("user", "session_key")
    users = get_user_model()._base_manager.in_bulk({pk for pk, _ in keys})
    shut_out = {pk for pk, user in users.items() if not hosts.current().may_log_in(user)}
    found = [
        f"the host user {pk} is shut out and has a session" for pk, _ in keys if pk in shut_out
    ]
    gone = set(Session.objects.values_list("session_key", flat=True))
    gone -= {key for _, key in keys}
    return found + [f"a session that nobody could end: {key}" for key in gone]


# -- groups --------------------------------------------------------------------------------------


def _about_groups(tenant: Any) -> list[str]:
    if not scim_settings.serves_groups:
        return []
    host = hosts.current()
    records = ProvisionedGroup.objects.ever_of(tenant).live().select_related("group")
    own = set(host.groups(tenant).values_list("pk", flat=True))
    people = set(host.people(tenant).values_list("pk", flat=True))
    names = _twice(user_name_key(r.display_name) for r in records)
    found = [f"two groups are called {name!r}" for name in names]
    for record in records:
        if record.group_id not in own:
            found.append(f"{record.scim_id}: the host group is not the tenant's")
        elif record.display_name_key != user_name_key(record.display_name):
            found.append(f"{record.scim_id}: display_name_key is not the key of display_name")
    for group in host.groups(tenant):
        members = host.members(group).values_list("pk", flat=True)
        found += [f"{pk} is in {group} and no one of the tenant" for pk in set(members) - people]
    return found + _about_times(ProvisionedGroup.objects.ever_of(tenant))


def _about_nesting() -> list[str]:
    """Groups in groups: of one tenant, alive, and no circle."""
    links = GroupNesting.objects.select_related("parent", "child")
    found = [
        f"{link} is between tenants, or with a group that has ended"
        for link in links
        if {link.parent.tenant_id, link.child.tenant_id} != {link.tenant_id}
        or link.parent.deleted_at
        or link.child.deleted_at
    ]
    below: dict[int, set[int]] = {}
    for link in links:
        below.setdefault(link.parent_id, set()).add(link.child_id)
    # Whatever has nothing below it goes, until nothing is left, or nothing but circles.
    while leaves := {pk for some in below.values() for pk in some} - below.keys():
        below = {pk: some - leaves for pk, some in below.items() if some - leaves}
    return found + [f"the group {pk} is in itself" for pk in below]


# -- the log -------------------------------------------------------------------------------------


def _about_events(since: int) -> list[str]:
    found = []
    events = Event.objects.filter(pk__gt=since).select_related("token").defer("request")
    for event in events.iterator():
        if event.token is not None and event.token.tenant_id != event.tenant_id:
            found.append(f"event {event.pk}: the token is another tenant's")
        if event.verb not in VERBS or not 200 <= event.status < 600:
            found.append(f"event {event.pk}: {event.verb} {event.status}")
        if event.status < 400 and not (event.verb in WRITES and event.resource_id and event.token):
            found.append(f"event {event.pk}: {event.verb} of nobody, or by nobody")
        if event.status < 400 and (event.scim_type or event.reason or event.detail):
            found.append(f"event {event.pk}: a success with the reason of a refusal")
        if event.status >= 400 and not event.detail:
            found.append(f"event {event.pk}: a refusal without a reason")
    return found


def _about_success(tenant: Any) -> list[str]:
    """Whatever a client has written or made stands in the log."""
    people = ProvisionedUser.objects.ever_of(tenant).exclude(received={})
    groups = ProvisionedGroup.objects.ever_of(tenant).filter(is_created_by_scim=True)
    done = Event.objects.for_tenant(tenant).done().values_list("resource_id", flat=True)
    ids = {
        str(i) for records in (people, groups) for i in records.values_list("scim_id", flat=True)
    }
    return [f"{scim_id}: no event says who has written this" for scim_id in ids.difference(done)]


def _twice(keys: Any) -> list[Any]:
    return [key for key, count in Counter(keys).items() if count > 1]
