"""Bearer tokens: issued, rotated, used, revoked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Self

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from maptician_scim import statements, tokens
from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.exceptions import CannotRotate
from maptician_scim.models.base import now
from maptician_scim.models.connections import Connection, tenant_columns, tenant_in_row

LAST_USED_PRECISION = timedelta(minutes=1)
LAST_USED_PRECISION_WATCHED = timedelta(seconds=1)


class BySetting(Enum):
    """An expiry nobody has chosen: ``TOKEN_LIFETIME_DAYS`` decides."""

    EXPIRY = "by setting"


BY_SETTING = BySetting.EXPIRY


class Scope(models.TextChoices):
    """What a token allows."""

    USERS_READ = "users:read", _("read users")
    USERS_WRITE = "users:write", _("write users")
    GROUPS_READ = "groups:read", _("read groups")
    GROUPS_WRITE = "groups:write", _("write groups")


NUMBERED = re.compile(r"(?P<stem>.*?)(?: \((?P<number>\d{1,6})\))?", re.DOTALL)
"""A name, and the number that tells it from those of its predecessors."""

READ_ONLY = (Scope.USERS_READ, Scope.GROUPS_READ)


def default_expiry() -> datetime | None:
    """When a token issued now expires, if nobody says otherwise."""
    lifetime = scim_settings.TOKEN_LIFETIME_DAYS
    return None if lifetime is None else now() + timedelta(days=lifetime)


LETTING_IN = (
    *("id", "tenant_id", "name", "prefix", "digest", "scopes", "networks", "expires_at"),
    *("revoked_at", "rotated_at", "last_used_at"),
)
"""The columns that a request needs; the others are fetched when somebody asks for them. The name is
for ``repr``: a report of a failure must not ask the database that has just failed."""


class TokenQuerySet(models.QuerySet["Token"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def valid(self) -> Self:
        """Those that let a request in now."""
        return self.unrevoked().filter(Q(expires_at=None) | Q(expires_at__gt=now()))

    def unrevoked(self) -> Self:
        """Those nobody has revoked, expired ones too."""
        return self.filter(revoked_at=None)

    def has_name(self, name: str) -> bool:
        """Whether one of these has a name, in any case."""
        return name.casefold() in self._folded_names()

    def free_name(self, name: str) -> str:
        """A name none of these has: with the next number behind it where it is taken."""
        taken = self._folded_names()
        limit = Token._meta.get_field("name").max_length or 0
        parts = NUMBERED.fullmatch(name)
        stem, number = (parts["stem"], int(parts["number"] or 1)) if parts else (name, 1)
        while name.casefold() in taken:
            number += 1
            ending = f" ({number})"
            name = stem[: limit - len(ending)] + ending
        return name

    def _folded_names(self) -> set[str]:
        return {name.casefold() for name in self.values_list("name", flat=True)}

    @sensitive_variables("secret")
    def issue(
        self,
        *,
        tenant: Tenant,
        name: str,
        expires_at: datetime | BySetting | None = BY_SETTING,
        scopes: Iterable[str] | None = None,
        networks: Iterable[str] = (),
        created_by: HostUser | None = None,
        predecessor: Token | None = None,
        nonce: str | None = None,
    ) -> tuple[Token, str]:
        """A new token and its secret, which exists nowhere but in this answer.

        ``expires_at=None`` is never; without it the token lives for ``TOKEN_LIFETIME_DAYS``. A
        ``nonce`` lets only one token come from one form: ``IntegrityError`` for the second.
        """
        secret = tokens.generate()
        token = self.create(
            tenant=tenant,
            name=name,
            prefix=tokens.prefix(secret),
            digest=tokens.digest(secret),
            scopes=list(Scope.values if scopes is None else scopes),
            networks=list(networks),
            expires_at=default_expiry() if expires_at is BY_SETTING else expires_at,
            created_by=created_by,
            predecessor=predecessor,
            nonce=nonce,
        )
        return token, secret


def _with_tenant() -> models.QuerySet[Token, Any]:
    """The columns of a token, and those of its tenant for ``tenant_in_row``."""
    found = Token.objects.filter(digest=statements.slot("digest", Token, "digest"))
    return found.values_list(*LETTING_IN, *tenant_columns("tenant__"))


class Token(models.Model):
    """A tenant's bearer token. Only its digest is kept."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="scim_tokens"
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("What it is for, such as “Okta production”.")
    )
    prefix = models.CharField(_("prefix"), max_length=32, editable=False, db_index=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    networks = models.JSONField(
        _("allowed networks"),
        default=list,
        blank=True,
        help_text=_("In CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32. Empty allows any."),
    )
    created_at = models.DateTimeField(_("created"), default=now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("created by"),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    announced_days = models.PositiveSmallIntegerField(
        null=True,
        editable=False,
        help_text=_("The announcement of its expiry that was sent last, in days before it."),
    )
    first_used_at = models.DateTimeField(_("first used"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    last_used_ip = models.GenericIPAddressField(_("last used from"), null=True, editable=False)
    last_used_client = models.CharField(
        _("last used by"), max_length=200, blank=True, default="", editable=False
    )
    predecessor = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="successors",
        editable=False,
        verbose_name=_("successor of"),
    )
    rotated_at = models.DateTimeField(_("rotated"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    revoked_reason = models.CharField(_("reason"), max_length=200, blank=True)
    nonce = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("SCIM token")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def letting_in(cls, digest: str) -> Token | None:
        """The token with this digest, valid or not, with its tenant and the tenant's connection.

        The digest of 256 random bits names the tenant; there is nothing to scope by before it.
        The join alone would let in those of tenants that the host hides, as it does archived ones.
        """
        tenants = apps.get_model(scim_settings.TENANT_MODEL)._default_manager
        if not statements.is_plain(tenants):
            found = cls.objects.select_related("tenant__scim_connection").filter(digest=digest)
            return found.filter(tenant__in=tenants.all()).first()
        statement = statements.compiled("token", _with_tenant)
        for row in statement.rows({"digest": digest}):
            token, rest = statements.split(cls, statement.using, row, LETTING_IN)
            statements.attach(token, "tenant", tenant_in_row(statement.using, rest))
            return token  # type: ignore[no-any-return]
        return None

    @property
    def is_revoked(self) -> bool:
        return self.revoked_at is not None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= now()

    @property
    def is_valid(self) -> bool:
        """Whether it lets a request in now."""
        return not self.is_revoked and not self.is_expired

    def allows(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def live_successors(self) -> list[Token]:
        """Those that have replaced it and are valid; asks nothing if they are prefetched."""
        return [successor for successor in self.successors.all() if successor.is_valid]

    def revoke(self, reason: str = "") -> bool:
        """Refuse this token from the next request on. Whether that was not so already.

        Of several revocations the first counts, with its reason.
        """
        mine = type(self).objects.for_tenant(self.tenant).filter(pk=self.pk)
        present = now()
        if not mine.unrevoked().update(revoked_at=present, revoked_reason=reason):
            self.refresh_from_db(fields=["revoked_at", "revoked_reason"])
            return False
        self.revoked_at, self.revoked_reason = present, reason
        return True

    def why_not_rotatable(self) -> str:
        """What speaks against rotating it now, as a sentence; empty if nothing does."""
        if self.is_revoked:
            return gettext("It is revoked and lets nobody in any more. Issue a new token.")
        if self.is_expired:
            return gettext("It has expired and lets nobody in any more. Issue a new token.")
        if successors := self.live_successors:
            return gettext(
                "It has been rotated already: its successor is %(successor)s. Rotate that one, or "
                "revoke it first if it has been lost."
            ) % {"successor": successors[0]}
        return ""

    @sensitive_variables("secret")
    @transaction.atomic
    def rotate(
        self,
        *,
        name: str,
        keep_for: timedelta | None,
        expires_at: datetime | BySetting | None = BY_SETTING,
        created_by: HostUser | None = None,
        nonce: str | None = None,
    ) -> tuple[Token, str]:
        """A successor with the same scopes and networks, and its secret.

        This token goes on working for ``keep_for``, or until it is revoked or expires. Raises
        ``CannotRotate``.
        """
        # Whoever rotates it at the same time waits here, and then finds a successor.
        locked = type(self).objects.select_for_update()
        self.refresh_from_db(from_queryset=locked)
        if reason := self.why_not_rotatable():
            raise CannotRotate(reason)
        successor, secret = type(self).objects.issue(
            tenant=self.tenant,
            name=name,
            expires_at=expires_at,
            scopes=self.scopes,
            networks=self.networks,
            created_by=created_by,
            predecessor=self,
            nonce=nonce,
        )
        self.rotated_at = successor.created_at
        if keep_for is not None:
            deadline = self.rotated_at + keep_for
            self.expires_at = min(self.expires_at or deadline, deadline)
        self.save(update_fields=["rotated_at", "expires_at"])
        return successor, secret

    def mark_used(self, ip: str | None, client: str) -> bool:
        """Remember when, from where and by which client it was used; whether that was written.

        At most once a minute; at once while somebody watches, or waits for it to fall silent
        after its rotation, and after a refusal, so that a page that shows trouble shows its end.
        """
        present = now()
        connection = Connection.of(self.tenant)
        precision = LAST_USED_PRECISION
        if self.last_used_at is not None:
            if connection.is_newly_refused(self.last_used_at):
                precision = timedelta(0)
            elif self.rotated_at is not None or connection.is_watched:
                precision = LAST_USED_PRECISION_WATCHED
            if present - self.last_used_at < precision:
                return False
        # The condition keeps parallel requests from writing one after the other.
        stale = Q(last_used_at=None) | Q(last_used_at__lte=present - precision)
        type(self).objects.for_tenant(self.tenant).filter(stale, pk=self.pk).update(
            first_used_at=Coalesce(F("first_used_at"), present),
            last_used_at=present,
            last_used_ip=ip,
            last_used_client=client,
        )
        return True
