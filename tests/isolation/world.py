"""Two tenants in one database, and the same database without the second of them.

The second is planted: all its texts and UUIDs can be recognised. A request is sent to either world
in a savepoint, under the same clock and the same chance, so that what it does and says can be
compared to the byte.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from maptician_scim import activity, sessions, tokens
from maptician_scim.models import ProvisionedGroup, ProvisionedUser, Token
from maptician_scim.relations import relation
from tests import hosts
from tests.client import ENTERPRISE, ScimClient
from tests.isolation import tables
from tests.isolation.determinism import BUILT, SENT, determined
from tests.isolation.judge import ID_MARK, MARK, canaries_in, canaries_in_text

SAVEPOINT = re.compile(r'"s\d+_x\d+"')
VALUE = re.compile(r"'[^']*'|\b\d+\b")
LOGGERS = ("maptician_scim", "example_project", "django.request", "django.security")
RECORD = vars(logging.makeLogRecord({})).keys()


@dataclass(frozen=True)
class Request:
    """A request as it will be sent: ``host`` is the subdomain, ``query`` the URL's parameters."""

    host: str
    secret: str
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return repr(self)


@dataclass(frozen=True)
class Side:
    """A tenant, and what it calls its own."""

    pk: Any
    key: str
    token: Token
    secret: str
    boss: dict[str, Any]
    person: dict[str, Any]
    group: dict[str, Any]
    second: dict[str, Any]
    role: dict[str, Any]
    entitlement: dict[str, Any]
    cursors: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """All that a request has caused."""

    response: Any
    statements: tuple[str, ...]
    rows: frozenset[tables.Row]
    told: tuple[str, ...]
    """Lines of the log, and e-mails."""

    def shapes_without(self, *names: str) -> list[str]:
        """The statements without their values, but for those on these tables and savepoints."""
        others = (
            s for s in self.statements if not any(name in s for name in (*names, "SAVEPOINT"))
        )
        return [VALUE.sub("?", statement) for statement in others]

    @property
    def answer(self) -> tuple[int, dict[str, str], bytes]:
        return self.response.status_code, dict(self.response.headers), self.response.content


class World:
    """Both tenants. Open until the transaction around it is rolled back."""

    def __init__(self) -> None:
        with determined(BUILT):
            self.own = plant("acme", "own")
        self.without = tables.rows()
        with determined(BUILT, ID_MARK):
            self.foreign = plant(f"{MARK}-globex", MARK)
        planted = tables.rows() - self.without
        cross(self.own, self.foreign)
        cross(self.foreign, self.own)
        self.everything = tables.rows()
        self.removed = self.everything - self.without
        self.planted = planted
        with determined(BUILT, b"nobody"):
            self.strange_secret = tokens.generate()
        self.secrets = (self.foreign.token.prefix, self.foreign.token.digest, self.foreign.secret)

    def send(self, request: Request) -> Outcome:
        """What a request causes where both tenants are."""
        with _undone():
            return _sent(request)

    def send_alone(self, request: Request) -> Outcome:
        """What it causes where there is no second tenant, nor was there ever one."""
        with _undone():
            tables.remove(self.removed)
            return _sent(request)

    def leaks(self, outcome: Outcome, request: Request) -> set[str]:
        """What of the second tenant an outcome shows to anybody else."""
        known = {"sent": request.text, "secrets": self.secrets}
        found = canaries_in(outcome.response, **known)
        new = [row for row in outcome.rows - self.everything if row.tenant != self.foreign.pk]
        for text in (*outcome.told, *(row.columns for row in new)):
            found |= canaries_in_text(text, **known)
        return found


def verdict(response: Any) -> tuple[int, Any, list[str]]:
    """What was decided: the status, how many were found, how each operation ended."""
    if not response.content:
        return response.status_code, None, []
    body = response.json()
    operations = body.get("Operations", ())
    return response.status_code, body.get("totalResults"), [o["status"] for o in operations]


# -- building -----------------------------------------------------------------------------------


def plant(key: str, word: str) -> Side:
    """A tenant with people, groups and all that hangs on them, called after ``word``."""
    host = hosts.current()
    tenant = host.tenant(key)
    token, secret = Token.objects.issue(tenant=tenant, name=f"{word}-token")
    scim = ScimClient(key, secret)
    names = {what: f"{word}-{what}" for what in ("person", "boss", "group", "old", "hidden")}
    earlier = host.person(tenant, email=f"{names['old']}@{word}.example", first_name=f"{word}-old")
    host.group(tenant, names["hidden"], earlier)
    host.furnish(tenant, earlier, word)
    role, entitlement = (_last(scim, path) for path in ("/Roles", "/Entitlements"))
    boss = scim.create(**_attributes(names["boss"], {}, role, entitlement)).json()
    manager = {"value": boss["id"], "$ref": boss["meta"]["location"], "displayName": names["boss"]}
    person = scim.create(**_attributes(names["person"], manager, role, entitlement)).json()
    group = scim.push(names["group"], [boss["id"], person["id"]], externalId=f"{word}-team").json()
    second = scim.push(f"{word}-second", [boss["id"], person["id"]]).json()
    _open_session(host.people(tenant).get(first_name=f"{names['person']}-first"))
    lists = ("/Users", "/Groups", "/Roles", "/Entitlements", "/")
    return Side(
        pk=tenant.pk,
        key=key,
        token=token,
        secret=secret,
        boss=boss,
        person=scim.read(person["id"]).json(),
        group=scim.group(group["id"]).json(),
        second=second,
        role=role,
        entitlement=entitlement,
        cursors={path: _cursor(scim, path) for path in lists},
    )


def cross(people: Side, group: Side) -> None:
    """Leave people in a group of another tenant's, as if they had moved away from there."""
    link = relation()
    team = ProvisionedGroup.objects.get(scim_id=group.second["id"])
    users = ProvisionedUser.objects.filter(tenant=people.pk).values_list("user", flat=True)
    names = f"{link.user_field}_id", f"{link.group_field}_id"
    rows = [dict(zip(names, (user, team.group_id), strict=True)) for user in users]
    # Past all receivers, which would change the versions of what the tenants see.
    link.through._base_manager.bulk_create(link.through(**row) for row in rows)


def _attributes(name: str, manager: Any, role: Any, entitlement: Any) -> dict[str, Any]:
    address = f"{name}@{name.partition('-')[0]}.example"
    return {
        "userName": address,
        "externalId": f"{name}-external",
        "displayName": name,
        "name": {"givenName": f"{name}-first", "familyName": f"{name}-last"},
        "title": f"{name}-title",
        "nickName": f"{name}-nick",
        "emails": [{"value": address, "type": "work", "display": f"{name}-mail"}],
        "roles": [{"value": role["id"]}] if role else [],
        "entitlements": [{"value": entitlement["id"]}] if entitlement else [],
        ENTERPRISE: {
            "department": f"{name}-department",
            "employeeNumber": f"{name}-number",
            **({"manager": manager} if manager else {}),
        },
    }


def _last(scim: ScimClient, path: str) -> dict[str, Any]:
    """The last role or entitlement of a tenant, if its host has any."""
    found = scim.request_scim("GET", path).json()["Resources"]
    return found[-1] if found else {}


def _cursor(scim: ScimClient, path: str) -> str:
    found = scim.request_scim("GET", f"{path}?cursor=&count=1").json()
    return found.get("nextCursor", "none")


def _open_session(user: Any) -> None:
    session = SessionStore()
    session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), "x"
    session.save()
    sessions.remember(user, session)


# -- sending ------------------------------------------------------------------------------------


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _sent(request: Request) -> Outcome:
    cache.clear()
    activity.forget()
    tables.reset_counters()
    mail.outbox.clear()
    client = ScimClient(request.host, request.secret)
    url = f"{request.path}?{urlencode(request.query)}" if request.query else request.path
    with (
        determined(SENT),
        _listening() as lines,
        CaptureQueriesContext(connection) as queries,
        TestCase.captureOnCommitCallbacks(execute=True),
    ):
        headers = {"x_request_id": "sent", **request.headers}
        response = client.request_scim(request.method, url, request.body, **headers)
    letters = [f"{letter.to} {letter.subject} {letter.body}" for letter in mail.outbox]
    statements = (SAVEPOINT.sub("savepoint", query["sql"]) for query in queries)
    return Outcome(response, tuple(statements), tables.rows(), (*lines, *letters))


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Every line of the logs that an operator may look at, with what goes beside it."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            extra = {k: v for k, v in vars(record).items() if k not in RECORD and k != "request"}
            lines.append(f"{self.format(record)} {sorted(extra.items())}")

    listener, levels = Listener(), {}
    for name in LOGGERS:
        logger = logging.getLogger(name)
        levels[logger] = logger.level
        logger.addHandler(listener)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in levels.items():
            logger.removeHandler(listener)
            logger.setLevel(level)
