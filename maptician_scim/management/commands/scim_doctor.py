"""``manage.py scim_doctor TENANT``"""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from maptician_scim.doctor import Finding, Report, Severity, Step, Verdict, examine
from maptician_scim.management.tenants import tenant_or_error

SIGNS = {
    Verdict.OK: "✓",
    Verdict.WARNING: "!",
    Verdict.FAILED: "✗",
    Verdict.NOT_PLAYED: "–",  # noqa: RUF001 an en dash is meant
}
NAME_WIDTH, METHOD_WIDTH, STATUS_WIDTH = 34, 6, 3


class Command(BaseCommand):
    help = (
        "Play what Okta does to a tenant's SCIM connection, and say what is wrong with it. "
        "Everything is rolled back. Exit status: 0 if nothing is wrong, 1 otherwise."
    )
    # The examination runs them, and shows what they say with the rest.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="The tenant's subdomain.")
        parser.add_argument("--json", action="store_true", help="Print a JSON document.")
        parser.add_argument(
            "--https",
            action="store_true",
            help="The server tells Django of https by itself, without SECURE_PROXY_SSL_HEADER.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenant_or_error(options["tenant"])
        report = examine(tenant, tls_is_known=options["https"])
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
        else:
            self._print(report, with_exchanges=options["verbosity"] >= 2)
        if not report.is_healthy:
            raise SystemExit(1)

    def _print(self, report: Report, *, with_exchanges: bool) -> None:
        self.stdout.write(f"{report.tenant}: {report.base_url}\n\n")
        for step in report.steps:
            self.stdout.write(self._line(step))
            if with_exchanges:
                self._print_exchange(step)
        for finding in report.findings:
            self._print_finding(finding)
        self.stdout.write(f"\n{_summary(report)}")

    def _line(self, step: Step) -> str:
        exchange = step.exchange
        method, status, took = "", "", ""
        if exchange is not None:
            method, status = exchange.method, str(exchange.status)
            took = f"{exchange.milliseconds:.0f} ms"
        line = (
            f"{SIGNS[step.verdict]} {step.title:<{NAME_WIDTH}} {method:<{METHOD_WIDTH}} "
            f"{status:<{STATUS_WIDTH}} {took:>7}  {step.note}"
        )
        return self._coloured(step.verdict, line.rstrip())

    def _print_exchange(self, step: Step) -> None:
        exchange = step.exchange
        if exchange is None:
            return
        sent = [f"{name}: {value}" for name, value in exchange.headers.items()]
        got = [f"{name}: {value}" for name, value in exchange.answer_headers.items()]
        for line in (f"{exchange.method} {exchange.target}", *sent, exchange.body):
            if line:
                self.stdout.write(f"    > {line}")
        for line in (str(exchange.status), *got, exchange.answer_body):
            if line:
                self.stdout.write(f"    < {line}")

    def _print_finding(self, finding: Finding) -> None:
        verdict = {Severity.ERROR: Verdict.FAILED, Severity.WARNING: Verdict.WARNING}
        heading = f"\n{finding.severity.upper()} {finding.id}"
        self.stdout.write(self._coloured(verdict.get(finding.severity, Verdict.OK), heading))
        self.stdout.write(f"  {finding.what}\n  -> {finding.remedy}")

    def _coloured(self, verdict: Verdict, text: str) -> str:
        style = {Verdict.FAILED: self.style.ERROR, Verdict.WARNING: self.style.WARNING}
        return style[verdict](text) if verdict in style else text


def _summary(report: Report) -> str:
    if report.is_healthy:
        end = "Nothing is wrong."
    else:
        wrong = sum(finding.severity != Severity.NOTE for finding in report.findings)
        end = f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong."
    held = report.emails_held_back
    mails = f" {held} {'e-mail' if held == 1 else 'e-mails'} held back." if held else ""
    return (
        f"{report.played} steps in {report.milliseconds / 1000:.1f} s; everything was rolled back."
        f"{mails} {end}"
    )
