"""Keeping the records of groups: opening host groups to SCIM, and following what admins change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from maptician_scim.conf import HostGroup, Tenant, scim_settings
from maptician_scim.exceptions import CannotOpen
from maptician_scim.group_adapters import GroupAdapter
from maptician_scim.models import ProvisionedGroup
from maptician_scim.protocol.expressions import user_name_key


def openable_groups(tenant: Tenant) -> QuerySet[Any]:
    """The tenant's host groups that are not visible over SCIM."""
    visible = ProvisionedGroup.objects.ever_of(tenant).live()
    return _adapter_class().groups_of(tenant).exclude(pk__in=visible.values("group"))


def open_group(tenant: Tenant, group: HostGroup) -> ProvisionedGroup:
    """Make a host group visible over SCIM, with its members; it is still Maptician's.

    Raises ``CannotOpen`` where it is open already, is another tenant's, or has a name that another
    visible group has.
    """
    if not openable_groups(tenant).filter(pk=group.pk).exists():
        raise CannotOpen("This group is open already, or it is not this customer's.")
    adapter = _adapter_class()(group, tenant=tenant)
    adapter.provisioned_group = record = ProvisionedGroup(
        tenant=tenant, group=group, is_created_by_scim=False
    )
    if not adapter.take_name_of_host():
        raise CannotOpen("The group's name is empty, or too long for SCIM.")
    record.modified_at = record.created_at
    try:
        with transaction.atomic():
            record.save(force_insert=True)
    except IntegrityError as error:
        raise CannotOpen("Another group that is visible over SCIM has this name.") from error
    return record


def close_group(record: ProvisionedGroup) -> None:
    """Hide a group from SCIM; the host group and its members stay as they are."""
    with transaction.atomic():
        record.end()


def sync_group(group: HostGroup) -> None:
    """Bring the records of a saved host group up to date.

    A name that another visible group of the tenant has is not taken over: SCIM goes on showing the
    former one. Hosts call this where a group changes without being saved.
    """
    for record in ProvisionedGroup.objects.of_host_groups([group.pk]).select_related("tenant"):
        adapter = _adapter_class()(group, provisioned_group=record)
        named = adapter.take_name_of_host()
        if named and not _is_free(record):
            continue
        if named or adapter.mapping().mapped:
            _save(record)


def _is_free(record: ProvisionedGroup) -> bool:
    same = ProvisionedGroup.objects.ever_of(record.tenant).live().exclude(pk=record.pk)
    return not same.filter(display_name_key=user_name_key(record.display_name)).exists()


def _save(record: ProvisionedGroup) -> None:
    """One statement, so that no change of members meanwhile is undone."""
    mine = ProvisionedGroup.objects.of_host_groups([record.group_id]).filter(pk=record.pk)
    try:
        with transaction.atomic():
            mine.touch(display_name=record.display_name, display_name_key=record.display_name_key)
    except IntegrityError:
        return  # somebody took the name at this moment


def touch_groups(keys: Iterable[Any]) -> None:
    """Raise the versions of the records of host groups, whose members have changed."""
    ProvisionedGroup.objects.of_host_groups(keys).touch()


def end_groups(group: HostGroup) -> None:
    """End the records of a host group that is about to go."""
    for record in ProvisionedGroup.objects.of_host_groups([group.pk]):
        record.end()


def _adapter_class() -> type[GroupAdapter]:
    adapter = scim_settings.GROUP_ADAPTER
    if adapter is None:
        raise CannotOpen("There are no groups here: GROUP_ADAPTER is not set.")
    return adapter
