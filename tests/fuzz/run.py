"""One run: requests, answers, what is wrong with them, and the report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from django.db import connection
from django.db.models import Max

from maptician_scim.models import Event
from tests.fuzz.clients import MAKERS
from tests.fuzz.judge import Judge
from tests.fuzz.messages import Answer, Request
from tests.fuzz.mutations import mutate, recorded
from tests.fuzz.values import PASSWORD, often
from tests.fuzz.world import World
from tests.invariants import check_invariants, protected_accounts

CHECKED_EVERY = 500
MOST_FINDINGS = 20
"""After so many a run ends: the rest would say the same."""

makers, weights = zip(*MAKERS, (recorded, 25), strict=True)


class Transport(Protocol):
    def send(self, request: Request) -> Answer: ...


@dataclass
class Report:
    """What a run did and found."""

    seed: int
    requests: int = 0
    mutated: int = 0
    checks: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[dict[str, Any]] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def note(self, request: Request, answer: Answer) -> None:
        self.requests += 1
        self.mutated += request.is_mutated
        self.statuses[str(answer.status)] += 1
        self.kinds[f"{request.kind} {'done' if answer.status < 400 else 'refused'}"] += 1
        place = f"{request.kind} {request.method} {request.target[:200]} {answer.status}"
        self.slowest = sorted([*self.slowest, (round(answer.seconds, 3), place)])[-10:]

    def summary(self) -> dict[str, Any]:
        """As JSON."""
        done = sum(n for status, n in self.statuses.items() if status < "400")
        return {
            "seed": self.seed,
            "requests": self.requests,
            "succeeded": done,
            "mutated": self.mutated,
            "checks": self.checks,
            "seconds": round(self.seconds, 1),
            "database": connection.vendor,
            "statuses": dict(sorted(self.statuses.items())),
            "kinds": dict(sorted(self.kinds.items())),
            "slowest": self.slowest,
            "findings": self.findings,
        }


class Log(logging.Handler):
    """Reads along what is logged: errors for the report, and secrets, which may not be there."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.INFO)
        self.secrets = [PASSWORD, *(tenant.secret[-30:] for tenant in world.tenants)]
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if any(secret in text for secret in self.secrets):
            self.faults.append(f"the log holds a secret: {record.name} {record.levelname}")
        if record.levelno >= logging.ERROR:
            self.faults.append(f"logged: {text[-4000:]}")


class Run:
    """A run from a seed. ``requests`` or ``seconds`` end it, whichever comes first."""

    def __init__(self, transport: Transport, seed: int) -> None:
        self.transport, self.random, self.report = transport, Random(seed), Report(seed)
        self.world = World(self.random)
        self.judge, self.log = Judge(self.world), Log(self.world)
        self.protected = protected_accounts()
        self.checked = _last_event()

    def go(self, *, requests: int | None = None, seconds: float | None = None) -> Report:
        began = time.monotonic()
        logger = logging.getLogger("maptician_scim")
        handlers, logger.handlers = logger.handlers, [self.log]
        try:
            while self._goes_on(requests, seconds, time.monotonic() - began):
                self.step()
                if self.report.requests % CHECKED_EVERY == 0:
                    self.check()
            self.check()
        finally:
            logger.handlers = handlers
            self.report.seconds = time.monotonic() - began
        return self.report

    def _goes_on(self, requests: int | None, seconds: float | None, spent: float) -> bool:
        is_left = requests is None or self.report.requests < requests
        is_time = seconds is None or spent < seconds
        return is_left and is_time and len(self.report.findings) < MOST_FINDINGS

    def step(self) -> None:
        """One request, judged."""
        random = self.random
        if often(random, 0.02):
            self.world.act_as_host(random)
        request = self.make()
        answer = self.transport.send(request)
        self.report.note(request, answer)
        faults = self.judge.faults(request, answer) + self.log.faults
        self.log.faults = []
        self.world.learn(request, answer)
        if request.body and len(request.body) < 10_000:
            request.tenant.bodies.append(request.body.replace(PASSWORD.encode(), b"x"))
        if faults:
            self._find(faults, request.described(), answer)

    def make(self) -> Request:
        """A request of any kind; of those as clients send them, half are damaged."""
        tenant = self.random.choice(self.world.tenants)
        make = self.random.choices(makers, weights)[0]
        request = make(self.random, self.world, tenant)
        if not often(self.random, 0.6 if make is recorded else 0.08):
            return request
        request.body = request.body.replace(PASSWORD.encode(), b"x")
        return mutate(self.random, request)

    def check(self) -> None:
        """Whether the tables are as they have to be, and the log tells all of it."""
        self.report.checks += 1
        faults = [*self._missing_events(), *self._secrets_in_events()]
        try:
            check_invariants(protected=self.protected, since=self.checked)
        except AssertionError as error:
            faults.append(str(error))
        if faults:
            self._find(faults, {"kind": "check", "after": self.report.requests}, None)
        self.world.done = self.world.refused = 0
        self.checked = _last_event()

    def _missing_events(self) -> list[str]:
        """One event for each success and each refusal of a client that was let in."""
        new = Event.objects.filter(pk__gt=self.checked).exclude(token=None)
        found = {"done": new.done().count(), "refused": new.filter(status__gte=400).count()}
        said = {"done": self.world.done, "refused": self.world.refused}
        return [] if found == said else [f"the log has {found}, the clients saw {said}"]

    def _secrets_in_events(self) -> list[str]:
        new = Event.objects.filter(pk__gt=self.checked)
        found = []
        for event in new.values_list("pk", "request", "changes", "facts", "detail", "tolerated"):
            if any(secret in str(event) for secret in self.log.secrets):
                found.append(f"an event holds a secret: {event}")
        return found

    def _find(self, faults: list[str], request: dict[str, Any], answer: Answer | None) -> None:
        finding: dict[str, Any] = {"faults": faults, "number": self.report.requests}
        finding["request"] = request
        if answer is not None:
            finding["answer"] = {
                "status": answer.status,
                "headers": answer.headers,
                "body": answer.body[:4000].decode("latin-1"),
            }
        self.report.findings.append(finding)


def _last_event() -> int:
    return Event.objects.aggregate(last=Max("pk"))["last"] or 0
