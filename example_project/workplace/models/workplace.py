"""Companies, the people who work there, and where they sit."""

from __future__ import annotations

import hashlib
import secrets
from typing import Self

from django.contrib.auth.models import AbstractUser, Group
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

API_KEY_PREFIX_LENGTH = 8

is_dns_label = RegexValidator(
    r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z",
    "Use lower-case letters, digits and hyphens, with a letter or digit at either end.",
)


class Company(models.Model):
    """A customer: a tenant on its own subdomain."""

    name = models.CharField(max_length=150)
    subdomain = models.CharField(
        max_length=63,
        unique=True,
        validators=[is_dns_label],
        help_text="The first part of the address, as in acme.maptician.com.",
    )
    support_group = models.ForeignKey(
        Group,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="supported_companies",
        help_text="Its members see the companies they support, and no others.",
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "companies"
        constraints = [
            models.CheckConstraint(
                condition=Q(subdomain=Lower("subdomain")),
                name="workplace_subdomain_is_lower_case",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Occupant(AbstractUser):
    """A person with an account: somebody at a company, or Maptician's staff, who have none.

    ``username`` is unique over all companies. E-mail addresses are not: the same person may work
    for two of them.
    """

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, null=True, blank=True, related_name="occupants"
    )
    is_break_glass = models.BooleanField(
        "local administrator",
        default=False,
        help_text="Gets in when single sign-on is broken; provisioning cannot touch this account.",
    )
    job_title = models.CharField(max_length=150, blank=True, default="")
    user_type = models.CharField(max_length=64, blank=True, default="")
    department = models.CharField(max_length=150, blank=True, default="")
    organization = models.CharField(max_length=150, blank=True, default="")
    employee_number = models.CharField(max_length=64, blank=True, default="")
    work_phone = models.CharField(max_length=64, blank=True, default="")
    mobile_phone = models.CharField(max_length=64, blank=True, default="")
    city = models.CharField(max_length=128, blank=True, default="")
    region = models.CharField(max_length=128, blank=True, default="")

    class Meta:
        verbose_name = "occupant"
        verbose_name_plural = "occupants"

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Location(models.Model):
    """A building of a company."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="locations")
    name = models.CharField(max_length=150)
    city = models.CharField(max_length=128, blank=True, default="")

    class Meta:
        ordering = ["company", "name"]

    def __str__(self) -> str:
        return self.name


class Floor(models.Model):
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="floors")
    name = models.CharField(max_length=100)
    level = models.SmallIntegerField(default=0)

    class Meta:
        ordering = ["location", "level"]

    def __str__(self) -> str:
        return f"{self.location}, {self.name}"


class NeighbourhoodQuerySet(models.QuerySet["Neighbourhood"]):
    def of(self, company: Company) -> Self:
        return self.filter(floor__location__company=company)


class Neighbourhood(models.Model):
    """The desks of a floor that belong together, where a team sits."""

    floor = models.ForeignKey(Floor, on_delete=models.CASCADE, related_name="neighbourhoods")
    name = models.CharField(max_length=100)

    objects = NeighbourhoodQuerySet.as_manager()

    class Meta:
        ordering = ["floor", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["floor", "name"], name="workplace_neighbourhood_is_unique_per_floor"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.floor})"


class DeskQuerySet(models.QuerySet["Desk"]):
    def of(self, company: Company) -> Self:
        return self.filter(floor__location__company=company)

    def free(self) -> Self:
        """Those nobody has now."""
        return self.exclude(assignments__in=DeskAssignment.objects.current())

    def offerable(self) -> Self:
        """Those nobody has, and nobody is to decide about."""
        return self.free().exclude(offers__state="open")


class Desk(models.Model):
    floor = models.ForeignKey(Floor, on_delete=models.CASCADE, related_name="desks")
    label = models.CharField(max_length=50)
    neighbourhood = models.ForeignKey(
        Neighbourhood, on_delete=models.SET_NULL, null=True, blank=True, related_name="desks"
    )

    objects = DeskQuerySet.as_manager()

    class Meta:
        ordering = ["floor", "label"]
        constraints = [
            models.UniqueConstraint(
                fields=["floor", "label"], name="workplace_desk_label_is_unique_per_floor"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.floor})"

    def clean(self) -> None:
        """A neighbourhood does not reach over to another floor."""
        if self.neighbourhood and self.neighbourhood.floor_id != self.floor_id:
            raise ValidationError({"neighbourhood": "This neighbourhood is on another floor."})


class DeskAssignmentQuerySet(models.QuerySet["DeskAssignment"]):
    def of(self, occupant: Occupant) -> Self:
        return self.filter(occupant=occupant)

    def current(self) -> Self:
        return self.filter(until=None)

    def freed_by_provisioning(self) -> Self:
        """Those that ended because their occupant was deactivated, and was not back since."""
        return self.filter(is_freed_by_provisioning=True)

    def free(self) -> int:
        """Free the desks now, to be given back on return; how many there were."""
        return self.update(until=timezone.now(), is_freed_by_provisioning=True)


class DeskAssignment(models.Model):
    """Who has, or had, a desk. The history stays, so people cannot simply be deleted."""

    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="assignments")
    occupant = models.ForeignKey(
        Occupant, on_delete=models.PROTECT, related_name="desk_assignments"
    )
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True, help_text="Empty while it lasts.")
    is_freed_by_provisioning = models.BooleanField(default=False, editable=False)

    objects = DeskAssignmentQuerySet.as_manager()

    class Meta:
        ordering = [F("until").desc(nulls_first=True), "-since"]
        constraints = [
            models.UniqueConstraint(
                fields=["desk"],
                condition=Q(until=None),
                name="workplace_one_occupant_per_desk",
            ),
            models.UniqueConstraint(
                fields=["occupant"],
                condition=Q(until=None),
                name="workplace_one_desk_per_occupant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.desk}: {self.occupant}"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def of(self, occupant: Occupant) -> Self:
        return self.filter(occupant=occupant)

    def active(self) -> Self:
        return self.filter(revoked_at=None)

    def revoke(self) -> int:
        """Refuse these keys from now on; how many there were."""
        return self.update(revoked_at=timezone.now())

    def issue(self, occupant: Occupant, name: str) -> tuple[ApiKey, str]:
        """A new key and its secret, which is kept nowhere."""
        secret = secrets.token_urlsafe(32)
        key = self.create(
            occupant=occupant,
            name=name,
            prefix=secret[:API_KEY_PREFIX_LENGTH],
            # 256 random bits need no slow hash: nobody can guess them.
            digest=hashlib.sha256(secret.encode()).hexdigest(),
        )
        return key, secret


class ApiKey(models.Model):
    """A person's key for Maptician's API. Only its digest is kept."""

    occupant = models.ForeignKey(Occupant, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=API_KEY_PREFIX_LENGTH, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
