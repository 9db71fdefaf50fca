"""Which sessions a user has."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import scim_settings


class SessionKey(models.Model):
    """Which sessions a user has, so that ending them needs no look into every session."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="scim_session_keys"
    )
    # Where the row is kept and who sees it; the session is the person's, in whatever tenant.
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
    )
    session_key = models.CharField(max_length=40, unique=True)

    class Meta:
        verbose_name = _("session key")

    def __str__(self) -> str:
        return str(self.user)
