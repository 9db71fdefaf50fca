"""What an examination found: steps with request and answer, and findings with what to do.

``Report.as_dict`` is the document of ``scim_doctor --json``; docs/doctor.md describes it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from maptician_scim.models import now

FORMAT = 1
"""The version of the JSON document. What is added leaves it; what changes or goes raises it."""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Verdict(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_PLAYED = "not played"


VERDICTS = {
    Severity.ERROR: Verdict.FAILED,
    Severity.WARNING: Verdict.WARNING,
    Severity.NOTE: Verdict.OK,
}
"""What a finding makes of its step."""


@dataclass(frozen=True)
class Exchange:
    """A request that was played and its answer, without secrets."""

    method: str
    target: str
    headers: dict[str, str]
    body: str
    status: int
    answer_headers: dict[str, str]
    answer_body: str
    milliseconds: float

    def hiding(self, name: str, document: dict[str, Any]) -> Exchange:
        """The same exchange without the list ``name`` in the document that was answered."""
        hidden = f"[{len(document[name])}, not shown]"
        return replace(self, answer_body=json.dumps(document | {name: hidden}, ensure_ascii=False))

    def as_dict(self) -> dict[str, Any]:
        return {
            "request": {
                "method": self.method,
                "target": self.target,
                "headers": self.headers,
                "body": self.body,
            },
            "answer": {
                "status": self.status,
                "headers": self.answer_headers,
                "body": self.answer_body,
            },
        }


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or worth knowing, and what to do about it.

    ``subject`` is what it is about: a SCIM attribute, a middleware, a setting; it may be empty.
    """

    id: str
    severity: Severity
    subject: str
    what: str
    remedy: str
    step: str

    def as_dict(self) -> dict[str, str]:
        return {
            "id": self.id,
            "severity": self.severity.value,
            "subject": self.subject,
            "what": self.what,
            "remedy": self.remedy,
            "step": self.step,
        }


@dataclass
class Step:
    """One step, with the exchange that shows best how it went, if it sent a request."""

    name: str
    title: str
    verdict: Verdict = Verdict.OK
    note: str = ""
    exchange: Exchange | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def milliseconds(self) -> float | None:
        return self.exchange.milliseconds if self.exchange else None

    def as_dict(self) -> dict[str, Any]:
        exchanged = self.exchange.as_dict() if self.exchange else {"request": None, "answer": None}
        return {
            "name": self.name,
            "title": self.title,
            "verdict": self.verdict.value,
            "note": self.note,
            "milliseconds": None if self.milliseconds is None else round(self.milliseconds, 1),
            "findings": [finding.id for finding in self.findings],
            **exchanged,
        }


@dataclass
class Report:
    """Everything one examination of a tenant's connection found."""

    tenant: str
    base_url: str
    started_at: datetime = field(default_factory=now)
    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    emails_held_back: int = 0
    _started: float = field(default_factory=time.perf_counter, repr=False)
    milliseconds: float = 0

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong; notes are nothing wrong."""
        return all(finding.severity == Severity.NOTE for finding in self.findings)

    @property
    def ids(self) -> list[str]:
        """The ids of the findings, in the order in which they were found."""
        return [finding.id for finding in self.findings]

    @property
    def played(self) -> int:
        """How many steps could be played."""
        return sum(step.verdict != Verdict.NOT_PLAYED for step in self.steps)

    def begin(self, name: str, title: str) -> Step:
        """A step that is to be played now."""
        step = Step(name, title)
        self.steps.append(step)
        return step

    def skip(self, name: str, title: str, why: str) -> None:
        """A step that cannot be played."""
        self.steps.append(Step(name, title, Verdict.NOT_PLAYED, why))

    def add(self, step: Step, finding: Finding) -> None:
        """A finding of a step. What was found before is listed once, for the first of its steps."""
        known = (f for f in self.findings if (f.id, f.subject) == (finding.id, finding.subject))
        first = next(known, None)
        if first is None:
            self.findings.append(finding)
        step.findings.append(first or finding)
        verdicts = list(Verdict)[: list(Verdict).index(Verdict.NOT_PLAYED)]
        step.verdict = max(step.verdict, VERDICTS[finding.severity], key=verdicts.index)

    def finish(self) -> None:
        self.milliseconds = (time.perf_counter() - self._started) * 1000

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "tenant": self.tenant,
            "base_url": self.base_url,
            "started_at": self.started_at.isoformat(),
            "milliseconds": round(self.milliseconds, 1),
            "is_healthy": self.is_healthy,
            "emails_held_back": self.emails_held_back,
            "steps": [step.as_dict() for step in self.steps],
            "findings": [finding.as_dict() for finding in self.findings],
        }
