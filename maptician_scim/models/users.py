"""The record that ties a host user to a tenant's SCIM resource."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from maptician_scim import statements
from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.models.base import now


class ProvisionedUserQuerySet(models.QuerySet["ProvisionedUser"]):
    def live(self) -> Self:
        """Those SCIM has not deleted."""
        return self.filter(deleted_at=None)

    def ever_of(self, tenant: Tenant) -> Self:
        """All records of a tenant, deleted ones and those of people who moved away included."""
        return self.filter(tenant=tenant)

    def for_tenant(self, tenant: Tenant) -> ProvisionedUserQuerySet:
        """The people a tenant sees: its live records, as far as the host says they belong to it.

        A person who moved to another tenant leaves the view at once, whatever our record says.
        """
        return scim_settings.USER_ADAPTER.scope(self.ever_of(tenant).live(), tenant)

    def latest_with(self, tenant: Tenant, user_name_key: str) -> ProvisionedUser | None:
        """The last record of a tenant with this userName, if there was ever one."""
        statement = statements.compiled("latest user", _with_name)
        for row in statement.page({"tenant": tenant.pk, "key": user_name_key}, 0, 1):
            found: ProvisionedUser
            found, _ = statements.split(ProvisionedUser, statement.using, row)
            return found
        return None


def _with_name() -> models.QuerySet[ProvisionedUser, Any]:
    tenant = statements.slot("tenant", ProvisionedUser, "tenant")
    key = statements.slot("key", ProvisionedUser, "user_name_key")
    records = ProvisionedUser.objects.ever_of(tenant).filter(user_name_key=key).order_by("-id")
    return records.values_list(*statements.columns(ProvisionedUser))


class ProvisionedUser(models.Model):
    """Ties one host user to one tenant's SCIM resource.

    The internal key is the order of creation, so pages stay stable while people are added.
    """

    id = models.BigAutoField(primary_key=True)
    scim_id = models.UUIDField(_("SCIM id"), default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="scim_records",
    )
    user_name = models.CharField(_("userName"), max_length=255)
    user_name_key = models.CharField(max_length=1024, editable=False)
    external_id = models.CharField(_("externalId"), max_length=255, null=True, blank=True)  # noqa: DJ001
    attributes = models.JSONField(
        default=dict, help_text=_("SCIM attributes that the host has no column for.")
    )
    received = models.JSONField(
        default=dict, help_text=_("What the client last sent for each mapped attribute.")
    )
    active_when_removed = models.BooleanField(
        null=True,
        editable=False,
        help_text=_("Set while a client has unassigned active: this state is not shown."),
    )
    digest = models.CharField(max_length=32, default="", editable=False)
    created_at = models.DateTimeField(default=now)
    modified_at = models.DateTimeField(default=now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ProvisionedUserQuerySet.as_manager()

    class Meta:
        verbose_name = _("provisioned user")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user"],
                condition=Q(deleted_at=None),
                name="scim_one_record_per_tenant_and_user",
            ),
            models.UniqueConstraint(
                fields=["tenant", "user_name_key"],
                condition=Q(deleted_at=None),
                name="scim_user_name_is_unique_per_tenant",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(deleted_at__isnull=False),
                name="scim_live_record_has_a_user",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "id"], name="scim_user_by_tenant"),
            models.Index(fields=["tenant", "external_id"], name="scim_user_by_external_id"),
            models.Index(fields=["tenant", "user_name_key"], name="scim_user_by_name"),
            # For the search over all tenants, by the beginning of a name.
            models.Index(
                fields=["user_name_key"],
                opclasses=["varchar_pattern_ops"],
                name="scim_user_by_name_prefix",
            ),
        ]

    def __str__(self) -> str:
        return self.user_name


def detach(record: ProvisionedUser) -> None:
    """End a record for ever: its id is not served again."""
    record.deleted_at = now()
    record.save(update_fields=["deleted_at"])


@contextmanager
def saving(user: HostUser) -> Iterator[None]:
    """While a verb saves a host user, the receiver that keeps records leaves it to the verb."""
    user._scim_is_saving = True
    try:
        yield
    finally:
        user._scim_is_saving = False
