"""The tenants a run is about, and what their clients know of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from example_project.workplace.models import ApiKey, DeskAssignment
from maptician_scim import sessions
from maptician_scim.models import ProvisionedUser, Token
from tests import hosts
from tests.client import ENTERPRISE, GROUP, USER, ScimClient
from tests.factories import DeskFactory, NeighbourhoodFactory, TeamFactory
from tests.fuzz.grammar import Grammar
from tests.fuzz.messages import RESOURCE, Answer, Request
from tests.fuzz.values import often

KEYS = ("acme", "globex", "initech")
MOST = 150
"""People, and groups, of a tenant; more are deleted sooner than others come."""

Kind = str  # "Users" or "Groups"


@dataclass
class Tenant:
    """A tenant as its client knows it: its resources by id, those gone, its cursors."""

    key: str
    row: Any
    secret: str
    canary: str
    alive: dict[Kind, dict[str, str]] = field(default_factory=lambda: {"Users": {}, "Groups": {}})
    """By kind: ids and names."""

    gone: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    cursors: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    versions: dict[str, str] = field(default_factory=dict)
    bodies: deque[bytes] = field(default_factory=lambda: deque(maxlen=50))
    grammars: dict[Kind, Grammar] = field(default_factory=dict)
    others: list[Tenant] = field(default_factory=list, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """Those of each request, as Okta sends them."""
        return {
            "Host": f"{self.key}.localhost",
            "Authorization": f"Bearer {self.secret}",
            "Accept": "application/scim+json",
            "Content-Type": "application/scim+json; charset=utf-8",
            "User-Agent": "Okta SCIM Client 1.0.0",
        }

    def is_full(self, kind: Kind) -> bool:
        return len(self.alive[kind]) > MOST

    def someone(self, random: Random, kind: Kind = "Users") -> str | None:
        """The id of a resource that is there."""
        return random.choice(list(self.alive[kind])) if self.alive[kind] else None


class World:
    """All tenants of a run, and what has been done to them."""

    def __init__(self, random: Random) -> None:
        host = hosts.current()
        self.tenants = []
        self.owners: dict[str, Tenant] = {}
        self.done, self.refused = 0, 0
        """Events that the log must have since ``counted``."""

        for key in KEYS:
            row = host.tenant(key)
            _, secret = Token.objects.issue(tenant=row, name="Fuzz")
            canary = f"canary-{random.getrandbits(48):012x}-{key}"
            self.tenants.append(Tenant(key, row, secret, canary))
        for tenant in self.tenants:
            tenant.others = [other for other in self.tenants if other is not tenant]
            self._furnish(tenant)

    def _furnish(self, tenant: Tenant) -> None:
        """People who were there before SCIM, some of them protected; a team, and desks."""
        host = hosts.current()
        names = {"first_name": tenant.canary, "last_name": "Old"}
        for n in range(5):
            host.person(tenant.row, email=f"old{n}@{tenant.canary}.example", **names)
        host.person(tenant.row, email=f"boss@{tenant.canary}.example", protected=True, **names)
        place = NeighbourhoodFactory(company=tenant.row, desks=3)
        TeamFactory(company=tenant.row, name=f"By hand {tenant.canary}", neighbourhood=place)
        DeskFactory.create_batch(10, company=tenant.row)
        for record in ProvisionedUser.objects.for_tenant(tenant.row):
            self._found(tenant, "Users", str(record.scim_id), record.user_name)
        documents = self._schemas(tenant)
        tenant.grammars = {
            "Users": Grammar(documents[USER], [documents[ENTERPRISE]], tenant.canary),
            "Groups": Grammar(documents[GROUP], [], tenant.canary),
        }

    def _schemas(self, tenant: Tenant) -> dict[str, Any]:
        answer = ScimClient(tenant.key, tenant.secret).request_scim("GET", "/Schemas")
        self.documents = {d["id"]: d for d in answer.json()["Resources"]}
        return self.documents

    # -- choosing --------------------------------------------------------------------------------

    def id_for(
        self, random: Random, tenant: Tenant, kind: Kind = "Users"
    ) -> tuple[str, bool | None]:
        """An id, and whether it is that of a resource the tenant has; ``None``: nobody knows."""
        chance = random.random()
        own = tenant.someone(random, kind)
        if own and chance < 0.85:
            return own, True
        if tenant.gone and chance < 0.9:
            return random.choice(tenant.gone), False
        if chance < 0.95:
            other = random.choice(tenant.others)
            theirs = other.someone(random, random.choice(["Users", "Groups"]))
            return (theirs, False) if theirs else ("1", False)
        if chance < 0.97:
            return str(UUID(int=random.getrandbits(128))), False
        return random.choice(JUNK), None

    def act_as_host(self, random: Random) -> None:
        """What people and their admins do meanwhile: log in, sit down, correct a title."""
        tenant = random.choice(self.tenants)
        records = ProvisionedUser.objects.for_tenant(tenant.row).select_related("user")
        record = records.filter(scim_id=tenant.someone(random)).first()
        if record is None or not record.user.is_active or record.user.is_break_glass:
            return
        person = record.user
        action = random.randrange(4)
        if action == 0:
            session = sessions.store()()
            session["_auth_user_id"] = str(person.pk)
            session.save()
            sessions.remember(person, session)
        elif action == 1:
            ApiKey.objects.issue(person, "Fuzz")
        elif action == 2:
            free = DeskFactory._meta.model.objects.of(tenant.row).offerable().first()
            if free and not DeskAssignment.objects.of(person).current().exists():
                DeskAssignment.objects.create(desk=free, occupant=person)
        else:
            person.job_title = f"{tenant.canary} {random.randrange(100)}"
            person.save()

    # -- learning --------------------------------------------------------------------------------

    def learn(self, request: Request, answer: Answer) -> None:
        """Take notice of what an answer says is there or gone, and of the events there must be."""
        if not request.is_known or not request.is_for_us or answer.is_from_server:
            return
        body = answer.document if isinstance(answer.document, dict) else {}
        tenant = request.tenant
        is_done = answer.status < 400
        if request.is_write and is_done and "BulkResponse" in str(body.get("schemas")):
            # What was made comes first: a DELETE may name it, and stand before it.
            for operation in sorted(body["Operations"], key=lambda o: o["status"] != "201"):
                self._result(tenant, operation)
            return
        if not is_done:
            self.refused += 1
        elif request.is_write:
            self.done += 1
        if answer.status == 201:
            self._created(tenant, answer.headers.get("location", ""), body)
        elif request.method.upper() == "DELETE" and answer.status == 204:
            self._lost(tenant, request.resource())
        elif is_done and isinstance(body.get("nextCursor"), str):
            tenant.cursors.append(body["nextCursor"])
        if is_done and answer.headers.get("etag") and request.resource():
            tenant.versions[request.resource()[1]] = answer.headers["etag"]

    def _result(self, tenant: Tenant, operation: dict[str, Any]) -> None:
        status = operation["status"]
        if not status.startswith("2"):
            self.refused += 1
            return
        self.done += 1
        if status == "201":
            self._created(tenant, operation["location"], {})
        elif status == "204":
            self._lost(tenant, _place(operation["location"]))

    def _created(self, tenant: Tenant, location: str, body: dict[str, Any]) -> None:
        found = _place(location)
        if found:
            name = body.get("userName") or body.get("displayName") or ""
            self._found(tenant, *found, name)

    def _found(self, tenant: Tenant, kind: Kind, scim_id: str, name: str) -> None:
        tenant.alive[kind][scim_id] = name
        self.owners[scim_id] = tenant

    def _lost(self, tenant: Tenant, found: tuple[Kind, str] | None) -> None:
        if found and tenant.alive[found[0]].pop(found[1], None) is not None:
            tenant.gone.append(found[1])
            tenant.versions.pop(found[1], None)

    def crowd(self, random: Random, tenant: Tenant) -> list[str]:
        """Ids of people, mostly such as there are."""
        count = random.choice([0, 1, 1, 2, 3, 10])
        found = [self.id_for(random, tenant)[0] for _ in range(count)]
        return [i for i in found if i in tenant.alive["Users"] or often(random, 0.1)]


def _place(location: str) -> tuple[Kind, str] | None:
    found = RESOURCE.fullmatch(urlsplit(location).path)
    return (found["kind"], found["id"]) if found else None


JUNK = [
    "1",
    "9" * 30,
    "None",
    "00000000-0000-0000-0000-000000000000",
    "%00",
    "%ED%A0%80",
    "..",
    ".search",
    "%2e%2e%2fUsers",
    "a" * 3000,
    "%F0%9F%91%A9",
    "Users",
    "me",
]
