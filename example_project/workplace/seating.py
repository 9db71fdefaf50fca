"""Offering the members of a team a desk where the team sits, and what they answer.

An offer ends no seat: who has a desk keeps it, whatever becomes of the team.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from example_project.workplace.models import (
    Desk,
    DeskAssignment,
    DeskOffer,
    Neighbourhood,
    Occupant,
    Team,
    TeamMembership,
)

State = DeskOffer.State

INSERT_OFFERS = """
INSERT INTO {offers} (team_id, state, offered_at, occupant_id, desk_id)
SELECT %s, %s, %s, people.occupant_id, desks.id
FROM ({people}) people JOIN ({desks}) desks ON desks.place = people.place
WHERE true ORDER BY people.occupant_id
ON CONFLICT DO NOTHING
"""


class DeskTaken(Exception):
    """Somebody else has the desk by now, or the person has another one."""


# -- offering --------------------------------------------------------------------------------


def arrange_offers(team: Team) -> int:
    """Bring the offers in line with who is in the team now; how many desks were newly offered.

    To be called after people have come or gone, or the team has moved. Members without a desk are
    offered a free one of the neighbourhood, those who joined first before the others. Who has an
    offer, or said no to this team since they joined it, is passed over. What was offered to people
    who are no longer in the team is withdrawn. At most four statements, whatever the size of the
    team, in a transaction.
    """
    with transaction.atomic():
        if team.neighbourhood_id is None:
            _withdraw_unfit(team)
            return 0
        # Teams that share a neighbourhood take turns, before either holds anything the other needs.
        list(Neighbourhood.objects.select_for_update().filter(pk=team.neighbourhood_id))
        _withdraw_unfit(team)
        _withdraw_overtaken(team)
        return _insert_offers(team)


def offer_desk_to(occupant: Occupant) -> None:
    """Offer one person a desk of one of their teams, if they need one; at most two statements.

    For a transaction of its own: it waits for whoever is offering the same desk.
    """
    desks = Desk.objects.offerable().filter(
        neighbourhood__teams__memberships__in=_waiting().filter(occupant=occupant)
    )
    first = desks.order_by("neighbourhood__teams__memberships__joined_at", "label", "pk")
    found = first.values_list("pk", "neighbourhood__teams").first()
    if found is None:
        return
    desk, team = found
    offer = DeskOffer(team_id=team, occupant=occupant, desk_id=desk)
    DeskOffer.objects.bulk_create([offer], ignore_conflicts=True)


# -- what people answer ----------------------------------------------------------------------


def accept(offer: DeskOffer) -> DeskAssignment:
    """Seat somebody at the desk they were offered.

    Raises ``DeskTaken``; the offer is then withdrawn.
    """
    try:
        with transaction.atomic():
            # Asked first: of two clicks, one finds the offer open.
            if not _end(offer, State.ACCEPTED):
                raise DeskTaken
            return DeskAssignment.objects.create(desk_id=offer.desk_id, occupant=offer.occupant)
    except IntegrityError as error:
        _end(offer, State.WITHDRAWN)
        raise DeskTaken from error


def decline(offer: DeskOffer) -> None:
    """Say no; the desk can be offered to somebody else."""
    _end(offer, State.DECLINED)


def _end(offer: DeskOffer, state: DeskOffer.State) -> int:
    return DeskOffer.objects.filter(pk=offer.pk).end(state)


# -- who, and what ---------------------------------------------------------------------------


def _insert_offers(team: Team) -> int:
    """One statement for any number of people; ``bulk_create`` takes one for each 166 on SQLite."""
    people, people_parameters = _numbered_people(team)
    desks, desk_parameters = _numbered_desks(team)
    statement = INSERT_OFFERS.format(offers=DeskOffer._meta.db_table, people=people, desks=desks)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    parameters = (team.pk, State.OPEN.value, now, *people_parameters, *desk_parameters)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _waiting() -> QuerySet[TeamMembership]:
    """The memberships by which somebody may be offered a desk."""
    theirs = DeskOffer.objects.filter(occupant=OuterRef("occupant"))
    refused = theirs.filter(
        team=OuterRef("team"), state=State.DECLINED, ended_at__gte=OuterRef("joined_at")
    )
    seated = DeskAssignment.objects.current().filter(occupant=OuterRef("occupant"))
    return TeamMembership.objects.filter(
        ~Exists(theirs.open()), ~Exists(refused), ~Exists(seated), occupant__is_active=True
    )


def _numbered_people(team: Team) -> tuple[str, tuple[Any, ...]]:
    """Who is to be offered a desk; first those who joined first."""
    place = Window(RowNumber(), order_by=["joined_at", "pk"])
    people = _waiting().filter(team=team).order_by().annotate(place=place)
    return _sql(people.values("occupant_id", "place"))


def _numbered_desks(team: Team) -> tuple[str, tuple[Any, ...]]:
    """What there is to offer, by the labels."""
    place = Window(RowNumber(), order_by=["label", "pk"])
    desks = Desk.objects.offerable().filter(neighbourhood=team.neighbourhood_id)
    return _sql(desks.order_by().annotate(place=place).values("id", "place"))


def _withdraw_unfit(team: Team) -> None:
    """End the offers to people who have left, and of desks where the team no longer sits."""
    members = TeamMembership.objects.filter(team=team).values("occupant")
    fit = Q(occupant__in=members, desk__neighbourhood=team.neighbourhood_id)
    team.desk_offers.exclude(fit).end(State.WITHDRAWN)


def _withdraw_overtaken(team: Team) -> None:
    """End the offers that what was done by hand has overtaken.

    The desk is somebody's, or the person has another, or is active no more.
    """
    current = DeskAssignment.objects.current()
    offers = DeskOffer.objects.filter(desk__neighbourhood=team.neighbourhood_id)
    overtaken = offers.filter(
        Exists(current.filter(desk=OuterRef("desk")))
        | Exists(current.filter(occupant=OuterRef("occupant")))
        | Q(occupant__is_active=False)
    )
    overtaken.end(State.WITHDRAWN)


def _sql(rows: QuerySet[Any, Any]) -> tuple[str, tuple[Any, ...]]:
    """A query as text, and its parameters, to stand within another."""
    sql, parameters = rows.query.get_compiler(connection=connection).as_sql()
    return sql, tuple(parameters)
