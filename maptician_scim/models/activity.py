"""How many requests a tenant's clients have sent, by the hour."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import Tenant, scim_settings


class ActivityQuerySet(models.QuerySet["Activity"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def add(self, tenant_id: Any, hour: datetime, requests: int, errors: int) -> None:
        """Count more requests in an hour; whoever else counts at the same time is counted too."""
        row = self.filter(tenant_id=tenant_id, hour=hour)
        more = {"requests": F("requests") + requests, "errors": F("errors") + errors}
        if row.update(**more):
            return
        try:
            with transaction.atomic():
                self.create(tenant_id=tenant_id, hour=hour, requests=requests, errors=errors)
        except IntegrityError:
            row.update(**more)


class Activity(models.Model):
    """Requests of one hour, those refused among them."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    hour = models.DateTimeField()
    requests = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)

    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = _("activity")
        verbose_name_plural = _("activity")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "hour"], name="scim_one_count_per_hour")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00}: {self.requests}"
