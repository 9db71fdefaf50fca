"""Keeping a record for everybody: those who were there before SCIM, and what admins change.

The receiver of the host user's ``post_save`` and ``scim_link_users`` come here. Nobody whose
latest record is deleted is linked again: only a POST, or an admin, does that.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.models import ProvisionedUser, detach, now
from maptician_scim.protocol import messages
from maptician_scim.protocol.expressions import user_name_key
from maptician_scim.relations import touch_groups_of

BATCH = 500


def unlinked_users(tenant: Tenant) -> QuerySet[Any]:
    """The tenant's host users who have never had a record there."""
    seen = ProvisionedUser.objects.ever_of(tenant).exclude(user=None)
    users = scim_settings.USER_ADAPTER.users_of(tenant)
    return users.exclude(pk__in=seen.values("user_id")).order_by("pk")


def link_users(
    tenant: Tenant,
    *,
    batch_size: int = BATCH,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Make the missing records of a tenant; how many were made. May be stopped and repeated."""
    made, done, last = 0, 0, None
    while True:
        users = unlinked_users(tenant)
        batch = list((users.filter(pk__gt=last) if last is not None else users)[:batch_size])
        if not batch:
            return made
        with transaction.atomic():
            made += _link_batch(tenant, batch)
        done, last = done + len(batch), batch[-1].pk
        progress(done)


def _link_batch(tenant: Tenant, users: list[HostUser]) -> int:
    """Records for some users, in a fixed number of statements; how many are new.

    Whoever was linked meanwhile, by another run for instance, keeps the record they have.
    """
    candidates = {user.pk: list(_candidates(tenant, user)) for user in users}
    keys = {user_name_key(name) for names in candidates.values() for name in names}
    live = ProvisionedUser.objects.ever_of(tenant).live()
    taken = set(live.filter(user_name_key__in=keys).values_list("user_name_key", flat=True))
    records = []
    for user in users:
        name = next(n for n in candidates[user.pk] if user_name_key(n) not in taken)
        taken.add(user_name_key(name))
        records.append(_new_record(tenant, user, name))
    ProvisionedUser.objects.bulk_create(records, ignore_conflicts=True)
    touch_groups_of(tenant, [user.pk for user in users])
    mine = [record.scim_id for record in records]
    return ProvisionedUser.objects.ever_of(tenant).filter(scim_id__in=mine).count()


def _candidates(tenant: Tenant, user: HostUser) -> Iterator[str]:
    """The userNames somebody may get, best first; nobody can have guessed the last."""
    adapter = scim_settings.USER_ADAPTER(user, tenant=tenant)
    names = [name for name in adapter.initial_user_names() if name.strip()]
    limit = ProvisionedUser._meta.get_field("user_name").max_length or 0
    yield from (name for name in names if len(name) <= limit)
    yield f"user-{user.pk}"
    yield f"user-{user.pk}-{secrets.token_hex(8)}"


def _new_record(tenant: Tenant, user: HostUser, user_name: str) -> ProvisionedUser:
    adapter = scim_settings.USER_ADAPTER(user, tenant=tenant)
    adapter.provisioned_user = record = ProvisionedUser(
        tenant=tenant,
        user=user,
        user_name=user_name,
        user_name_key=user_name_key(user_name),
        attributes=adapter.mapping().initial_attributes(),
    )
    record.modified_at = record.created_at
    record.digest = messages.digest(adapter.document())
    return record


def sync_user(user: HostUser) -> None:
    """Bring the records of a saved host user up to date, in every tenant they belong to.

    Hosts call this where a membership changes without the user being saved.
    """
    records: dict[Any, ProvisionedUser] = {}
    for record in ProvisionedUser.objects.filter(user=user).select_related("tenant").order_by("id"):
        records[record.tenant_id] = record  # the latest of each tenant
    adapter_class = scim_settings.USER_ADAPTER
    tenants = {tenant.pk: tenant for tenant in adapter_class.tenants_of(user)}
    for pk, record in records.items():
        if record.deleted_at is None and pk in tenants:
            _touch(adapter_class(user, provisioned_user=record))
        elif record.deleted_at is None:
            detach(record)
            touch_groups_of(record.tenant, [user.pk])
    for pk, tenant in tenants.items():
        if pk not in records:
            _link_one(tenant, user)


def _touch(adapter: Any) -> None:
    """Move ``lastModified`` if something a client can see has changed."""
    record = adapter.record
    fingerprint = messages.digest(adapter.document())
    if fingerprint != record.digest:
        record.digest, record.modified_at = fingerprint, max(now(), record.modified_at)
        record.save(update_fields=["digest", "modified_at"])


def _link_one(tenant: Tenant, user: HostUser) -> None:
    """A record for one user; whoever was faster at the same has made it already."""
    for user_name in _candidates(tenant, user):
        try:
            with transaction.atomic():
                _new_record(tenant, user, user_name).save(force_insert=True)
        except IntegrityError:
            continue
        touch_groups_of(tenant, [user.pk])
        return
