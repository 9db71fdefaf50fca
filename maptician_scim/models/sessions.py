"""Which sessions a user has."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from maptician_scim import statements
from maptician_scim.conf import HostUser, scim_settings


class SessionKeyQuerySet(models.QuerySet["SessionKey"]):
    def of(self, user: HostUser) -> list[str]:
        """The keys of the sessions a user has."""
        statement = statements.compiled("sessions", _of_user)
        return [key for (key,) in statement.rows({"user": user.pk})]


def _of_user() -> models.QuerySet[SessionKey, Any]:
    user = statements.slot("user", SessionKey, "user")
    return SessionKey.objects.filter(user=user).values_list("session_key")


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

    objects = SessionKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("session key")

    def __str__(self) -> str:
        return str(self.user)
