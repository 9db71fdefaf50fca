"""The record that ties a host group to a tenant's SCIM resource."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Self

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.models.base import now


class ProvisionedGroupQuerySet(models.QuerySet["ProvisionedGroup"]):
    def live(self) -> Self:
        """Those that SCIM serves."""
        return self.filter(deleted_at=None)

    def ever_of(self, tenant: Tenant) -> Self:
        """All records of a tenant, ended ones included."""
        return self.filter(tenant=tenant)

    def for_tenant(self, tenant: Tenant) -> ProvisionedGroupQuerySet:
        """The groups a tenant sees: its live records, as far as the host says they belong to it.

        None where the host has no groups.
        """
        adapter = scim_settings.GROUP_ADAPTER
        if adapter is None:
            return self.none()
        return adapter.scope(self.ever_of(tenant).live(), tenant)

    def of_host_groups(self, keys: Iterable[Any]) -> Self:
        """The live records of these host groups, in whatever tenant."""
        return self.live().filter(group__in=list(keys))

    def touch(self, **values: Any) -> int:
        """Raise the version of these groups: somebody has come or gone, or ``values`` are new."""
        present = Greatest(F("modified_at"), Value(now(), models.DateTimeField()))
        return self.update(version=F("version") + 1, modified_at=present, **values)


class ProvisionedGroup(models.Model):
    """Ties one host group to one tenant's SCIM resource.

    A host group without such a record is invisible over SCIM. The version is a counter, so that no
    member has to be read for the ETag.
    """

    id = models.BigAutoField(primary_key=True)
    scim_id = models.UUIDField(_("SCIM id"), default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    group = models.ForeignKey(
        scim_settings.GROUP_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="scim_records",
    )
    display_name = models.CharField(_("displayName"), max_length=255)
    display_name_key = models.CharField(max_length=1024, editable=False)
    external_id = models.CharField(_("externalId"), max_length=255, null=True, blank=True)  # noqa: DJ001
    attributes = models.JSONField(
        default=dict, help_text=_("SCIM attributes that the host has no column for.")
    )
    is_created_by_scim = models.BooleanField(
        _("created by SCIM"),
        default=True,
        help_text=_("A DELETE takes such a group away; one an administrator opened stays."),
    )
    version = models.PositiveBigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=now)
    modified_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ProvisionedGroupQuerySet.as_manager()

    class Meta:
        verbose_name = _("provisioned group")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "group"],
                condition=Q(deleted_at=None),
                name="scim_one_record_per_tenant_and_group",
            ),
            models.UniqueConstraint(
                fields=["tenant", "display_name_key"],
                condition=Q(deleted_at=None),
                name="scim_group_name_is_unique_per_tenant",
            ),
            models.CheckConstraint(
                condition=Q(group__isnull=False) | Q(deleted_at__isnull=False),
                name="scim_live_record_has_a_group",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "id"], name="scim_group_by_tenant"),
            models.Index(fields=["tenant", "external_id"], name="scim_group_by_external_id"),
            # For the search over all tenants, by the beginning of a name.
            models.Index(
                fields=["display_name_key"],
                opclasses=["varchar_pattern_ops"],
                name="scim_group_by_name_prefix",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    def end(self) -> None:
        """End the record for ever: its id is not served again, nor is it anybody's member."""
        parents = GroupNesting.objects.filter(child=self).values("parent")
        type(self).objects.filter(pk__in=parents).touch()
        GroupNesting.objects.filter(Q(parent=self) | Q(child=self)).delete()
        self.deleted_at = now()
        self.save(update_fields=["deleted_at"])


class GroupNesting(models.Model):
    """That one group is a member of another. The host knows nothing of it."""

    id = models.BigAutoField(primary_key=True)
    # That of both groups. Null in rows that the version before this column wrote.
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
    )
    parent = models.ForeignKey(
        ProvisionedGroup, on_delete=models.CASCADE, related_name="children", db_index=False
    )
    child = models.ForeignKey(ProvisionedGroup, on_delete=models.CASCADE, related_name="parents")

    class Meta:
        verbose_name = _("group in a group")
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "child"], name="scim_child_is_once_in_a_group"
            )
        ]

    def __str__(self) -> str:
        return f"{self.parent}: {self.child}"
