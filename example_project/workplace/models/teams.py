"""Teams, who is in them, and the desks their members are offered.

That a team, its neighbourhood and its members are of one company is a rule over several tables,
which no constraint can hold: ``clean`` does, and so every form. Code that writes past the forms
starts at ``Team.objects.of(company)`` and at the company's own occupants.
"""

from __future__ import annotations

from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now
from django.utils import timezone

from example_project.workplace.models.workplace import Company, Desk, Neighbourhood, Occupant


class TeamQuerySet(models.QuerySet["Team"]):
    def of(self, company: Company) -> Self:
        return self.filter(company=company)


class Team(models.Model):
    """People of a company who work together, and where they sit by default."""

    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="teams")
    name = models.CharField(max_length=255)
    neighbourhood = models.ForeignKey(
        Neighbourhood,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="teams",
        help_text="Where members who have no desk are offered one.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(Occupant, through="TeamMembership", related_name="teams")

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["company", "name"]
        constraints = [
            models.UniqueConstraint(
                F("company"),
                Lower("name"),
                name="workplace_team_name_is_unique_per_company",
                violation_error_message="The company has a team of this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A team sits in its own company, as do those who are in it already."""
        place = self.neighbourhood
        if place and place.floor.location.company_id != self.company_id:
            raise ValidationError({"neighbourhood": "This neighbourhood is of another company."})
        if self.pk and self.members.exclude(company=self.company_id).exists():
            raise ValidationError({"company": "The team has members of another company."})


class TeamMembership(models.Model):
    """That somebody is in a team. What else is noted here is Maptician's own."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    # The constraint's index begins with the team; that of this key finds somebody's teams.
    occupant = models.ForeignKey(
        Occupant, on_delete=models.CASCADE, related_name="team_memberships"
    )
    # Many are written at once, by SQL that names the team and the occupants alone.
    is_lead = models.BooleanField("team lead", default=False, db_default=False)
    joined_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        ordering = ["team", "-is_lead", "joined_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "occupant"], name="workplace_member_is_once_in_a_team"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.occupant}"

    def clean(self) -> None:
        """Nobody is in a team of another company."""
        if self.team_id and self.occupant_id and self.team.company_id != self.occupant.company_id:
            raise ValidationError({"occupant": "This person is of another company."})


class DeskOfferQuerySet(models.QuerySet["DeskOffer"]):
    def of(self, occupant: Occupant) -> Self:
        return self.filter(occupant=occupant)

    def open(self) -> Self:
        return self.filter(state=DeskOffer.State.OPEN)

    def end(self, state: DeskOffer.State) -> int:
        """End those that are open; how many there were."""
        return self.open().update(state=state, ended_at=timezone.now())


class DeskOffer(models.Model):
    """A desk that a member of a team may have. Theirs alone until the offer ends."""

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DECLINED = "declined"
        WITHDRAWN = "withdrawn"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="desk_offers")
    occupant = models.ForeignKey(Occupant, on_delete=models.CASCADE, related_name="desk_offers")
    desk = models.ForeignKey(Desk, on_delete=models.CASCADE, related_name="offers")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    offered_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = DeskOfferQuerySet.as_manager()

    class Meta:
        ordering = [F("ended_at").desc(nulls_first=True), "-offered_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["desk"], condition=Q(state="open"), name="workplace_one_offer_per_desk"
            ),
            models.UniqueConstraint(
                fields=["occupant"],
                condition=Q(state="open"),
                name="workplace_one_offer_per_occupant",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None) | ~Q(state="open") & ~Q(ended_at=None),
                name="workplace_open_offer_has_no_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.desk}: {self.occupant}"
