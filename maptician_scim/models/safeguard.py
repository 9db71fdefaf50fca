"""The mass-deactivation safeguard of a tenant: its brake, what counts, and who is held back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext_lazy as _

from maptician_scim.conf import HostUser, Tenant, scim_settings
from maptician_scim.models.base import now
from maptician_scim.models.groups import ProvisionedGroup
from maptician_scim.models.tokens import Token
from maptician_scim.models.users import ProvisionedUser

NAME_LENGTH = 255


class BrakeQuerySet(models.QuerySet["Brake"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def of(self, tenant: Tenant) -> Brake:
        """The tenant's brake, or one that is off and not saved."""
        return self.for_tenant(tenant).first() or Brake(tenant=tenant)

    def on(self) -> Self:
        """Those that hold something back until an admin decides."""
        return self.filter(tripped_at__isnull=False)

    def locked(self, tenant: Tenant) -> Brake:
        """The tenant's brake, locked until the end of the transaction."""
        rows = self.select_for_update(of=("self",))
        return rows.get_or_create(tenant=tenant)[0]


class Brake(models.Model):
    """Whether a tenant's safeguard has stopped deactivations, and what was decided about it.

    Whoever deactivates or deletes somebody locks the row while the safeguard is on, so that they
    are counted one after the other. Nobody else does.
    """

    tenant = models.OneToOneField(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    tripped_at = models.DateTimeField(null=True)
    stops_people = models.BooleanField(
        default=False, help_text=_("Groups are stopped one by one, people all together.")
    )
    limit = models.PositiveIntegerField(default=0)
    kept_at = models.DateTimeField(null=True)
    released_until = models.DateTimeField(null=True)
    active_people = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)

    objects = BrakeQuerySet.as_manager()

    class Meta:
        verbose_name = _("brake")

    def __str__(self) -> str:
        return str(self.tenant)

    @property
    def is_on(self) -> bool:
        """Whether something is held back until an admin decides."""
        return self.tripped_at is not None

    @property
    def is_released(self) -> bool:
        """Whether everything is let through at present."""
        return self.released_until is not None and self.released_until > now()


class DepartureQuerySet(models.QuerySet["Departure"]):
    def of(self, tenant: Tenant, group: str) -> Self:
        """Who has left a tenant, or one of its groups."""
        return self.filter(tenant=tenant, group=group)

    def since(self, moment: datetime) -> Self:
        return self.filter(left_at__gt=moment)

    def before(self, moment: datetime) -> Self:
        return self.filter(left_at__lte=moment)

    def add(self, tenant: Tenant, group: str, people: Iterable[str]) -> None:
        """Note that people leave; who has left before is noted once."""
        self.bulk_create(
            [Departure(tenant=tenant, group=group, person=person) for person in people],
            update_conflicts=True,
            unique_fields=["tenant", "group", "person"],
            update_fields=["left_at"],
        )


class Departure(models.Model):
    """Somebody the safeguard has let a client deactivate, delete or take out of a group.

    No reference: who was deleted still counts. Rows older than the window are removed.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    group = models.CharField(max_length=36, blank=True, help_text=_("Empty: left the tenant."))
    person = models.CharField(max_length=64)
    left_at = models.DateTimeField(default=now)

    objects = DepartureQuerySet.as_manager()

    class Meta:
        verbose_name = _("departure")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "group", "person"], name="scim_departure_counts_once"
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "group", "left_at"], name="scim_departure_by_time")
        ]

    def __str__(self) -> str:
        return self.person


class HeldBackQuerySet(models.QuerySet["HeldBack"]):
    def for_tenant(self, tenant: Tenant) -> Self:
        return self.filter(tenant=tenant)

    def same(self, held: HeldBack) -> Self:
        """The row of whom or what this one is about."""
        same = self.for_tenant(held.tenant)
        return same.filter(resource_type=held.resource_type, key=held.key)

    def waiting(self) -> Self:
        """What no admin has released."""
        return self.filter(released_at=None)

    def put(self, held: HeldBack, token: Token | None) -> None:
        """Keep that this was held back, or was once more.

        Of the attempts that wait, the one that would take most people out of a group is told.
        """
        waits = Q(released_at=None, people__gt=held.people)
        values = {
            "resource_id": held.resource_id,
            "name": held.name,
            "people": Case(When(waits, then=F("people")), default=held.people),
            "token": token,
            "last_at": now(),
            "released_at": None,
        }
        if not self.same(held).update(attempts=F("attempts") + 1, **values):
            held.token = token
            held.save()

    def older_than(self, moment: datetime) -> Self:
        return self.filter(last_at__lt=moment)


class HeldBack(models.Model):
    """A person who was not deactivated, or a group that was not emptied."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        scim_settings.TENANT_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    resource_type = models.CharField(max_length=40)
    key = models.CharField(max_length=64)
    # Not a reference to the record: somebody whom a POST takes up has none yet.
    resource_id = models.CharField(_("id"), max_length=64, blank=True)
    name = models.CharField(_("name"), max_length=NAME_LENGTH)
    people = models.PositiveIntegerField(_("people"), default=1)
    first_at = models.DateTimeField(_("first held back"), default=now)
    last_at = models.DateTimeField(_("last held back"), default=now)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    released_at = models.DateTimeField(null=True)
    token = models.ForeignKey(
        Token, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("token")
    )

    objects = HeldBackQuerySet.as_manager()

    class Meta:
        verbose_name = _("held back")
        verbose_name_plural = _("held back")
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "resource_type", "key"], name="scim_held_back_is_listed_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def person(cls, user: HostUser, record: ProvisionedUser) -> HeldBack:
        """Somebody who would be deactivated or deleted, not saved."""
        return cls(
            tenant=record.tenant,
            resource_type="User",
            key=str(user.pk),
            resource_id="" if record._state.adding else str(record.scim_id),
            name=record.user_name[:NAME_LENGTH],
        )

    @classmethod
    def group(cls, record: ProvisionedGroup, people: int) -> HeldBack:
        """A group that so many people would be taken out of, not saved."""
        return cls(
            tenant=record.tenant,
            resource_type="Group",
            key=str(record.scim_id),
            resource_id=str(record.scim_id),
            name=record.display_name[:NAME_LENGTH],
            people=people,
        )

    @property
    def is_group(self) -> bool:
        return self.resource_type == "Group"

    @property
    def scope(self) -> str:
        """Whose departures count: those from the group, or from the tenant as a whole."""
        return self.resource_id if self.is_group else ""
