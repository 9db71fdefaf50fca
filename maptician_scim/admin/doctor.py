"""The doctor on the page of a connection: a button that runs it, and what it found."""

# Django's admin classes take no type arguments at run time.
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from maptician_scim.admin.base import TenantScopedAdmin
from maptician_scim.doctor import Finding, Report, Severity, Step, Verdict, address, examine

VERDICTS = {
    Verdict.OK: ("✓", "ok", gettext_lazy("ok")),
    Verdict.WARNING: ("!", "warning", gettext_lazy("warning")),
    Verdict.FAILED: ("✗", "failed", gettext_lazy("failed")),
    Verdict.NOT_PLAYED: ("–", "skipped", gettext_lazy("not played")),  # noqa: RUF001
}
"""The sign, the class in the style sheet and the word for how a step ended."""

SEVERITIES = {
    Severity.ERROR: ("failed", gettext_lazy("Error")),
    Severity.WARNING: ("warning", gettext_lazy("Warning")),
    Severity.NOTE: ("hint", gettext_lazy("Note")),
}


@dataclass(frozen=True)
class StepRow:
    """A step as the page shows it."""

    step: Step
    sent: str
    answered: str

    @property
    def sign(self) -> str:
        return VERDICTS[self.step.verdict][0]

    @property
    def css(self) -> str:
        return VERDICTS[self.step.verdict][1]

    @property
    def word(self) -> str:
        return str(VERDICTS[self.step.verdict][2])


@dataclass(frozen=True)
class FindingRow:
    """A finding as the page shows it."""

    finding: Finding
    step: str

    @property
    def css(self) -> str:
        return SEVERITIES[self.finding.severity][0]

    @property
    def word(self) -> str:
        return str(SEVERITIES[self.finding.severity][1])


class DoctorMixin(TenantScopedAdmin):
    """For the admin of connections: ``.../<tenant>/doctor/``, named ``..._connection_doctor``.

    Who may change a connection may run the doctor, which changes nothing.
    """

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_doctor"
        view = self.admin_site.admin_view(self.doctor_view)
        return [path("<path:object_id>/doctor/", view, name=name), *super().get_urls()]

    def doctor_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the doctor does, and a button (GET); what it found (POST)."""
        if request.method not in ("GET", "HEAD", "POST"):
            return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        connection = self.row_or_403(request, unquote(object_id))
        if not self.has_change_permission(request, connection):
            raise PermissionDenied
        tenant = connection.tenant
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Doctor: %(tenant)s") % {"tenant": tenant},
            "opts": self.opts,
            "original": connection,
            "base_url": address(tenant),
        }
        if request.method == "POST":
            # Whoever sees this page over https has it from a stack that knows https.
            report = examine(tenant, tls_is_known=request.is_secure())
            context |= _shown(report)
        return TemplateResponse(request, "admin/maptician_scim/connection/doctor.html", context)


def _shown(report: Report) -> dict[str, Any]:
    titles = {step.name: step.title for step in report.steps}
    return {
        "report": report,
        "seconds": report.milliseconds / 1000,
        "wrong": sum(finding.severity != Severity.NOTE for finding in report.findings),
        "findings": [FindingRow(f, titles.get(f.step, "")) for f in report.findings],
        "steps": [_row(step) for step in report.steps],
    }


def _row(step: Step) -> StepRow:
    exchange = step.exchange
    if exchange is None:
        return StepRow(step, "", "")
    sent = [f"{exchange.method} {exchange.target}", *_lines(exchange.headers)]
    answered = [str(exchange.status), *_lines(exchange.answer_headers)]
    return StepRow(
        step,
        sent="\n".join([*sent, "", _indented(exchange.body)]).strip(),
        answered="\n".join([*answered, "", _indented(exchange.answer_body)]).strip(),
    )


def _lines(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


def _indented(body: str) -> str:
    """A body that is JSON, made easy to read."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
