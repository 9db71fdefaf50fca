"""What the demo puts into the database. Running it again changes nobody who is there."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, Permission
from django.db import transaction

from example_project.workplace.demo.people import CITIES, desk_labels, people_of
from example_project.workplace.models import (
    ApiKey,
    Company,
    Desk,
    DeskAssignment,
    Floor,
    Location,
    Neighbourhood,
    Occupant,
    Team,
    TeamMembership,
)
from example_project.workplace.seating import arrange_offers
from maptician_scim import sessions
from maptician_scim.group_opening import openable_groups
from maptician_scim.linking import link_users
from maptician_scim.models import Connection, Token

COMPANIES = {
    "acme": "Acme Corporation",
    "globex": "Globex",
    "initech": "Initech",
    "umbrella": "Umbrella",
}
GUARDED = "umbrella"
"""Whose mass-deactivation safeguard is on."""
ADMIN_USERNAME = "admin"
TOKEN_NAME = "Demo"
NEWCOMER = "okta.demo."  # how the userNames begin of those who come in Okta's conversation
PUSHED = "Okta demo: design"  # how the name begins of the team that Okta pushes
CORNER = "Demo corner"  # where it sits, if no neighbourhood has a desk left
SUPPORT_USERNAME = "support"
SUPPORT_GROUP = "Acme support"
SUPPORT_MAY = {
    "maptician_scim.view_token",
    "maptician_scim.add_token",
    "maptician_scim.change_token",
    "maptician_scim.view_connection",
    "maptician_scim.change_connection",
    "maptician_scim.view_event",
    "maptician_scim.change_provisionedgroup",
    "maptician_scim.view_provisionedgroup",
    "maptician_scim.view_provisioneduser",
    "workplace.view_company",
    "workplace.view_deskoffer",
    "workplace.view_neighbourhood",
    "workplace.view_occupant",
    "workplace.view_team",
    "workplace.view_teammembership",
}

FLOORS = ("Ground floor", "First floor")
DESK_ROWS, DESKS_IN_A_ROW = "ABC", 5
PEOPLE_WITH_A_DESK = 30
PEOPLE_WITH_A_KEY = 6
TEAMS = {"Engineering": "Courtyard", "Facilities": "Garden side"}
"""Departments that are a team too, made by hand, and the neighbourhoods where they sit."""
NEIGHBOURHOOD_ROW = "C"


def create_companies() -> list[Company]:
    """The companies, with everybody and everything in them."""
    companies = []
    for number, (subdomain, name) in enumerate(COMPANIES.items()):
        company, _ = Company.objects.get_or_create(subdomain=subdomain, defaults={"name": name})
        populate(company, number)
        found_teams(company)
        if subdomain == GUARDED:
            guard(company)
        companies.append(company)
    return companies


def guard(company: Company) -> None:
    """Switch a company's safeguard on, unless somebody has decided about it."""
    Connection.objects.make_missing([company])
    Connection.objects.for_tenant(company).filter(safeguard="").update(safeguard="on")


@transaction.atomic
def populate(company: Company, number: int) -> None:
    """Fill a company, unless it has its local administrator, and so everybody else."""
    if company.occupants.filter(is_break_glass=True).exists():
        return
    people = list(people_of(company, number))
    for person in people:
        person.set_unusable_password()
    Occupant.objects.bulk_create(people)
    active = [person for person in people if person.is_active and not person.is_break_glass]
    seat(active[:PEOPLE_WITH_A_DESK], create_desks(company, number))
    for person in active[:PEOPLE_WITH_A_KEY]:
        ApiKey.objects.issue(person, "Calendar sync")
        sign_in(person)
    link_users(company)  # bulk_create sends no post_save


def create_desks(company: Company, number: int) -> list[Desk]:
    """Two buildings with two floors each, and the desks on them."""
    locations = [
        Location(company=company, name=f"{city} office", city=city)
        for city, _, _ in (CITIES[number], CITIES[number + 1])
    ]
    Location.objects.bulk_create(locations)
    floors = [
        Floor(location=location, name=name, level=level)
        for location in locations
        for level, name in enumerate(FLOORS)
    ]
    Floor.objects.bulk_create(floors)
    labels = desk_labels(DESK_ROWS, DESKS_IN_A_ROW)
    return Desk.objects.bulk_create(
        Desk(floor=floor, label=label) for floor in floors for label in labels
    )


def seat(people: list[Occupant], desks: list[Desk]) -> None:
    """Give each of them a desk; some desks stay free."""
    DeskAssignment.objects.bulk_create(
        DeskAssignment(desk=desk, occupant=person)
        for person, desk in zip(people, desks, strict=False)
    )


@transaction.atomic
def found_teams(company: Company) -> None:
    """Give a company its teams, unless it has any; some of their members are offered a desk."""
    if company.teams.exists():
        return
    floors = Floor.objects.filter(location__company=company).order_by("-pk")
    for floor, (name, place) in zip(floors, TEAMS.items(), strict=False):
        neighbourhood, _ = Neighbourhood.objects.get_or_create(floor=floor, name=place)
        floor.desks.filter(label__startswith=NEIGHBOURHOOD_ROW).update(neighbourhood=neighbourhood)
        team = Team.objects.create(company=company, name=name, neighbourhood=neighbourhood)
        add_department(team)
        arrange_offers(team)


def add_department(team: Team) -> None:
    """Put the people of the department of its name into a team; the first of them leads it."""
    people = Occupant.objects.filter(company=team.company_id, department=team.name)
    active = people.filter(is_active=True, is_break_glass=False).order_by("pk")
    TeamMembership.objects.bulk_create(
        TeamMembership(team=team, occupant=person, is_lead=place == 0)
        for place, person in enumerate(active)
    )


def sign_in(person: Occupant) -> str:
    """A session as a browser has one after single sign-on; its key."""
    session = sessions.store()()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.create()
    sessions.remember(person, session)
    return str(session.session_key)


def find_desk(company: Company) -> Desk:
    """A desk nobody has or is offered; another one where all are taken."""
    desk = Desk.objects.of(company).offerable().first()
    if desk is not None:
        return desk
    floors = Floor.objects.filter(location__company=company)
    return Desk.objects.create(floor=floors.earliest("pk"), label=f"X-{secrets.token_hex(3)}")


def find_neighbourhood(company: Company) -> Neighbourhood:
    """One with a desk that can be offered; a new one around such a desk where there is none."""
    desk = find_desk(company)
    if desk.neighbourhood is None:
        desk.neighbourhood = Neighbourhood.objects.create(floor=desk.floor, name=CORNER)
        desk.save(update_fields=["neighbourhood"])
    return desk.neighbourhood


def find_team_to_link(company: Company) -> Team | None:
    """A team made by hand that nobody has opened to SCIM."""
    return openable_groups(company).filter(name__in=TEAMS).order_by("pk").first()


@transaction.atomic
def remove_newcomers(company: Company) -> None:
    """Clear away whom the conversations of earlier runs have left."""
    remove_pushed(company)
    newcomers = company.occupants.filter(username__startswith=NEWCOMER)
    DeskAssignment.objects.filter(occupant__in=newcomers).delete()
    newcomers.delete()


@transaction.atomic
def remove_pushed(company: Company) -> None:
    """Clear away the team that Okta has pushed, and the place made for it."""
    company.teams.filter(name__startswith=PUSHED).delete()
    Neighbourhood.objects.filter(name=CORNER, floor__location__company=company).delete()


def find_admin() -> Occupant:
    """Maptician's own administrator, who belongs to no company and has no password at first."""
    admin = Occupant.objects.filter(username=ADMIN_USERNAME).first()
    return admin or Occupant.objects.create_superuser(
        ADMIN_USERNAME,
        "admin@maptician.example",
        first_name="Maptician",
        last_name="Support",
    )


@transaction.atomic
def find_supporter(company: Company) -> Occupant:
    """Somebody of Maptician's staff who supports one company and sees no other."""
    group, is_new = Group.objects.get_or_create(name=SUPPORT_GROUP)
    if is_new:
        group.permissions.set(
            permission
            for permission in Permission.objects.select_related("content_type")
            if f"{permission.content_type.app_label}.{permission.codename}" in SUPPORT_MAY
        )
        company.support_group = group
        company.save(update_fields=["support_group"])
    supporter = Occupant.objects.filter(username=SUPPORT_USERNAME).first()
    if supporter is None:
        supporter = Occupant.objects.create_user(
            SUPPORT_USERNAME,
            "support@maptician.example",
            first_name="Acme",
            last_name="Support",
            is_staff=True,
        )
        supporter.groups.add(group)
    return supporter


def find_member(company: Company) -> Occupant | None:
    """Somebody ordinary: the last who joined the company of those in the teams made by hand."""
    members = company.occupants.filter(is_active=True, is_break_glass=False, teams__name__in=TEAMS)
    return members.exclude(username__startswith=NEWCOMER).order_by("pk").last()


def renew_password(user: Occupant) -> str:
    """A new password for somebody, in place of the single sign-on that the demo has not."""
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    return password


@transaction.atomic
def renew_token(company: Company) -> str:
    """The secret of a new token; those of earlier runs let nobody in any more."""
    for token in Token.objects.for_tenant(company).filter(name=TOKEN_NAME, revoked_at=None):
        token.revoke("Replaced by a later run of the demo")
    _, secret = Token.objects.issue(tenant=company, name=TOKEN_NAME)
    return secret
