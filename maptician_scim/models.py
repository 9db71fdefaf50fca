"""The tables of this app. Every query for a request starts at ``for_tenant``."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from maptician_scim import tokens
from maptician_scim.conf import HostUser, Tenant, scim_settings

LAST_USED_PRECISION = timedelta(minutes=1)


def now() -> datetime:
    """The present in milliseconds, the precision in which clients see it."""
    present = timezone.now()
    return present.replace(microsecond=present.microsecond // 1000 * 1000)


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


class TokenQuerySet(models.QuerySet["Token"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def valid(self) -> Self:
        """Those that let a request in now."""
        return self.filter(revoked_at=None).filter(Q(expires_at=None) | Q(expires_at__gt=now()))

    def issue(
        self,
        *,
        tenant: Tenant,
        name: str,
        expires_at: datetime | None = None,
        scopes: Iterable[str] | None = None,
        created_by: HostUser | None = None,
    ) -> tuple[Token, str]:
        """A new token and its secret, which exists nowhere but in this answer.

        Without ``expires_at`` it lives for ``TOKEN_LIFETIME_DAYS``.
        """
        secret = tokens.generate()
        lifetime = scim_settings.TOKEN_LIFETIME_DAYS
        if expires_at is None and lifetime is not None:
            expires_at = now() + timedelta(days=lifetime)
        token = self.create(
            tenant=tenant,
            name=name,
            prefix=tokens.prefix(secret),
            digest=tokens.digest(secret),
            scopes=list(Scope.values if scopes is None else scopes),
            expires_at=expires_at,
            created_by=created_by,
        )
        return token, secret


class Scope(models.TextChoices):
    """What a token allows."""

    USERS_READ = "users:read", _("read users")
    USERS_WRITE = "users:write", _("write users")
    GROUPS_READ = "groups:read", _("read groups")
    GROUPS_WRITE = "groups:write", _("write groups")


READ_ONLY = (Scope.USERS_READ, Scope.GROUPS_READ)


class Token(models.Model):
    """A tenant's bearer token. Only its digest is kept."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="scim_tokens"
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=32, editable=False, db_index=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(_("created"), default=now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    last_used_ip = models.GenericIPAddressField(_("last used from"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    revoked_reason = models.CharField(_("reason"), max_length=200, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("SCIM token")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now()

    def allows(self, scope: str) -> bool:
        return scope in self.scopes

    def revoke(self, reason: str = "") -> None:
        """Refuse this token from the next request on."""
        self.revoked_at = now()
        self.revoked_reason = reason
        self.save(update_fields=["revoked_at", "revoked_reason"])

    def mark_used(self, ip: str | None) -> None:
        """Remember when and from where it was used, at most once a minute."""
        present = now()
        if self.last_used_at and present - self.last_used_at < LAST_USED_PRECISION:
            return
        # The condition keeps parallel requests from writing one after the other.
        stale = Q(last_used_at=None) | Q(last_used_at__lte=present - LAST_USED_PRECISION)
        type(self).objects.for_tenant(self.tenant).filter(stale, pk=self.pk).update(
            last_used_at=present, last_used_ip=ip
        )


class EventQuerySet(models.QuerySet["Event"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)


class Event(models.Model):
    """One line of the provisioning log: a write, or a request that was refused. Append-only."""

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(default=now)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
    )
    token = models.ForeignKey(Token, on_delete=models.SET_NULL, null=True, related_name="+")
    token_prefix = models.CharField(max_length=32, blank=True)
    verb = models.CharField(max_length=20)
    resource_type = models.CharField(max_length=40, blank=True)
    resource_id = models.CharField(max_length=64, blank=True)
    user_name = models.CharField(max_length=255, blank=True)
    status = models.PositiveSmallIntegerField()
    scim_type = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    changes = models.JSONField(default=dict)
    correlation_id = models.CharField(max_length=64, db_index=True)
    duration_ms = models.PositiveIntegerField(default=0)
    ip = models.GenericIPAddressField(null=True)
    client = models.CharField(max_length=200, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        indexes = [
            models.Index(F("tenant"), F("id").desc(), name="scim_event_by_tenant"),
            models.Index(fields=["tenant", "resource_id"], name="scim_event_by_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.resource_type} {self.status}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("The provisioning log is append-only.")
        super().save(*args, **kwargs)


class SessionKey(models.Model):
    """Which sessions a user has, so that ending them needs no look into every session."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="scim_session_keys"
    )
    session_key = models.CharField(max_length=40, unique=True)

    class Meta:
        verbose_name = _("session key")

    def __str__(self) -> str:
        return str(self.user)
