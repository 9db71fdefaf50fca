"""The provisioning log."""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import Tenant, scim_settings
from maptician_scim.models.base import now
from maptician_scim.models.tokens import Token

KEY_LENGTH = 255


class EventQuerySet(models.QuerySet["Event"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)


class Event(models.Model):
    """One line of the provisioning log: a write, or a request that was refused. Append-only."""

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(_("time"), default=now, db_index=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("tenant"),
    )
    # Not SET_NULL: which token did something must stay known. RESTRICT lets a tenant go as a whole.
    token = models.ForeignKey(
        Token, on_delete=models.RESTRICT, null=True, related_name="+", verbose_name=_("token")
    )
    token_prefix = models.CharField(_("token prefix"), max_length=32, blank=True)
    verb = models.CharField(_("verb"), max_length=20)
    resource_type = models.CharField(_("resource type"), max_length=40, blank=True)
    resource_id = models.CharField(_("id"), max_length=64, blank=True)
    user_name = models.CharField(_("userName"), max_length=255, blank=True)
    user_name_key = models.CharField(max_length=KEY_LENGTH, blank=True, default="", db_index=True)
    email_key = models.CharField(
        _("e-mail address"), max_length=KEY_LENGTH, blank=True, default="", db_index=True
    )
    status = models.PositiveSmallIntegerField(_("status"))
    scim_type = models.CharField(_("scimType"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=32, blank=True, default="")
    facts = models.JSONField(
        default=dict, help_text=_("What the explanation of a reason names, such as a date.")
    )
    detail = models.TextField(_("detail"), blank=True)
    changes = models.JSONField(_("changes"), default=dict)
    request = models.JSONField(
        _("request"),
        null=True,
        help_text=_("Target, headers and body of a refused request, without secrets."),
    )
    correlation_id = models.CharField(_("correlation id"), max_length=64, db_index=True)
    duration_ms = models.PositiveIntegerField(_("duration in ms"), default=0)
    ip = models.GenericIPAddressField(_("address"), null=True)
    client = models.CharField(_("client"), max_length=200, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        indexes = [
            models.Index(F("tenant"), F("id").desc(), name="scim_event_by_tenant"),
            models.Index(
                F("tenant"), F("resource_id"), F("id").desc(), name="scim_event_by_resource"
            ),
            models.Index(
                F("tenant"), F("id").desc(), condition=Q(status__gte=400), name="scim_event_refused"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.resource_type} {self.status}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The provisioning log is append-only.")
        super().save(*args, **kwargs)
