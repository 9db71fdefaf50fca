"""People and groups of a live server's database, and all that is kept of them there."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from example_project.workplace import models
from example_project.workplace.models import ApiKey, Desk, DeskAssignment, Floor, Location, Occupant
from maptician_scim.group_opening import open_group
from maptician_scim.models import Event, ProvisionedGroup, ProvisionedUser, SessionKey, Token


@dataclass
class Company:
    """A tenant, and a token of its own."""

    row: models.Company
    secret: str

    @classmethod
    def named(cls, subdomain):
        row = models.Company.objects.get(subdomain=subdomain)
        _, secret = Token.objects.issue(tenant=row, name="Broken")
        return cls(row, secret)

    @cached_property
    def floor(self):
        location, _ = Location.objects.get_or_create(company=self.row, name="Head office")
        return Floor.objects.get_or_create(location=location, name="Ground floor")[0]


@dataclass
class Person:
    """Somebody who has a userName, if anybody has it."""

    company: Company
    name: str

    @property
    def mark(self):
        """What their sessions begin with."""
        return self.name.partition("@")[0]

    @property
    def id(self):
        records = ProvisionedUser.objects.for_tenant(self.company.row)
        return str(records.get(user_name=self.name).scim_id)

    def join(self, *, active=True, seated=True):
        """With a session, an API key and a desk, unless they are out."""
        user = Occupant.objects.create(
            company=self.company.row, username=self.name, email=self.name, is_active=active
        )
        if active:
            self.log_in(user)
            ApiKey.objects.issue(user, "Calendar")
        if active and seated:
            desk = Desk.objects.create(floor=self.company.floor, label=self.mark)
            DeskAssignment.objects.create(desk=desk, occupant=user)
        return self

    def log_in(self, user):
        key = f"{self.mark}{secrets.token_hex(8)}"
        expiry = timezone.now() + timedelta(days=1)
        Session.objects.create(
            session_key=key, session_data=SessionStore().encode({}), expire_date=expiry
        )
        SessionKey.objects.create(user=user, session_key=key)

    def resource(self):
        """What the host and our record know, without keys and clocks."""
        users = Occupant.objects.filter(email=self.name)
        records = ProvisionedUser.objects.filter(user_name=self.name).order_by("id")
        records = records.annotate(is_live=Q(deleted_at=None))
        kept = ["is_live", "user__email", "external_id", "attributes", "received"]
        return self._as_anybody(
            {
                "user": list(users.values("username", "is_active", "job_title", "first_name")),
                "teams": sorted(users.exclude(teams=None).values_list("teams__name", flat=True)),
                "sessions": Session.objects.filter(session_key__startswith=self.mark).count(),
                "noted": SessionKey.objects.filter(user__in=users).count(),
                "api keys": ApiKey.objects.active().filter(occupant__in=users).count(),
                "desks": DeskAssignment.objects.current().filter(occupant__in=users).count(),
                "records": list(records.values(*kept)),
            }
        )

    def events(self):
        """What the log says was done."""
        events = Event.objects.filter(user_name=self.name, status__lt=400).order_by("id")
        return self._as_anybody(list(events.values("verb", "status", "changes", "tenant_id")))

    def state(self):
        return self.resource(), self.events()

    @property
    def lets_in(self):
        """The ways in that are open: sessions, their index, API keys."""
        found = json.loads(self.resource())
        return [found["sessions"], found["noted"], found["api keys"]]

    def _as_anybody(self, found):
        """Comparable with what is kept of anybody else."""
        text = json.dumps(found, sort_keys=True, default=str)
        return text.replace(self.name, "NAME").replace(self.mark, "MARK")


@dataclass
class Group:
    """A group that has a name, if any has it."""

    company: Company
    name: str

    def form(self, *people):
        """As SCIM would have created it, with these people in it."""
        team = models.Team.objects.create(company=self.company.row, name=self.name)
        team.members.add(*Occupant.objects.filter(email__in=[person.name for person in people]))
        open_group(self.company.row, team)
        ProvisionedGroup.objects.filter(group=team).update(is_created_by_scim=True)
        return self

    @property
    def id(self):
        records = ProvisionedGroup.objects.for_tenant(self.company.row)
        return str(records.get(display_name=self.name).scim_id)

    def resource(self):
        """What the host and our record know, without keys and clocks."""
        teams = models.Team.objects.filter(name=self.name)
        records = ProvisionedGroup.objects.filter(display_name=self.name).order_by("id")
        records = records.annotate(is_live=Q(deleted_at=None))
        return self._as_any(
            {
                "teams": list(teams.values("name")),
                "members": list(teams.exclude(members=None).values_list("members__email")),
                "records": list(records.values("is_live", "version", "external_id", "attributes")),
            }
        )

    def events(self):
        """What the log says was done."""
        events = Event.objects.filter(facts__group=self.name, status__lt=400).order_by("id")
        return self._as_any(list(events.values("verb", "status", "facts")))

    def state(self):
        return self.resource(), self.events()

    def _as_any(self, found):
        return json.dumps(found, sort_keys=True, default=str).replace(self.name, "GROUP")
