"""A host of another shape: stock users, who belong to clubs through memberships."""

from django.conf import settings
from django.db import models


class Club(models.Model):
    name = models.CharField(max_length=100)
    subdomain = models.SlugField(unique=True)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    club = models.ForeignKey(Club, on_delete=models.CASCADE, related_name="memberships")
    is_active = models.BooleanField(default=True)
    position = models.CharField(max_length=50, blank=True)
    is_coach = models.BooleanField(default=False)
    shirt = models.PositiveSmallIntegerField(null=True)
    fee = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    born = models.DateField(null=True)
    examined = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "club"], name="one_membership_per_club")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.club}"
