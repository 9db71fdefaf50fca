"""``manage.py scim_rls``"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.core.checks import CheckMessage
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError, connection

from maptician_scim import policies
from maptician_scim.conf import NAME, scim_settings
from maptician_scim.policies import Table
from maptician_scim.rls_checks import check_row_level_security


class Command(BaseCommand):
    help = "Have PostgreSQL itself keep tenants apart (row-level security): a second lock."
    requires_system_checks = []  # what they would warn of is what this command puts right

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        enable = actions.add_parser("enable", help="Install the policies; run it as the owner.")
        enable.set_defaults(run=self.enable)
        disable = actions.add_parser("disable", help="Remove them.")
        disable.set_defaults(run=self.disable)
        status = actions.add_parser(
            "status", help="Show every table; exit status 1 if something does not go together."
        )
        status.set_defaults(run=self.status)

    def handle(self, *args: Any, run: Callable[[], None], **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError(
                "Row-level security is PostgreSQL's. This database is "
                f"{connection.display_name}, which has nothing like it."
            )
        run()

    def enable(self) -> None:
        """Every table, or none if one cannot have a policy."""
        without = [table.name for table in policies.tables() if table.condition is None]
        if without:
            raise CommandError(f"There is no tenant in {', '.join(without)}.")
        if not scim_settings.ROW_LEVEL_SECURITY and policies.bypassing_role() is None:
            raise CommandError(
                f"{NAME}['ROW_LEVEL_SECURITY'] is off, so the application would see no row any "
                "more. Switch it on and restart every process first."
            )
        self._each(Table.install)
        self._show()

    def disable(self) -> None:
        """Every table, in any state."""
        self._each(Table.remove)
        self.stdout.write("Row-level security is off. Now ROW_LEVEL_SECURITY may be, too.")

    def status(self) -> None:
        """Exit status 1 if something does not go together."""
        if self._show():
            sys.exit(1)

    def _show(self) -> list[CheckMessage]:
        """One line for each table, then what does not go together."""
        for table in policies.tables():
            self.stdout.write(f"{table.name}: {table.fault or 'keeps tenants apart'}")
        findings = check_row_level_security(None, databases=["default"])
        for finding in findings:
            self.stderr.write(f"{finding.msg} {finding.hint}")
        return findings

    def _each(self, work: Callable[[Table], None]) -> None:
        for table in policies.tables():
            try:
                work(table)
            except (OperationalError, ProgrammingError) as error:
                raise CommandError(
                    f"{table.name}: {str(error).strip()}. The tables before it are done; run this "
                    "again as their owner, when nobody keeps them locked."
                ) from error
