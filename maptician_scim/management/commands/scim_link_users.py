"""``manage.py scim_link_users [TENANT]``"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from maptician_scim import sessions
from maptician_scim.conf import Tenant
from maptician_scim.linking import BATCH, link_users, unlinked_users
from maptician_scim.management.arguments import whole_number
from maptician_scim.management.progress import ProgressBar
from maptician_scim.management.tenants import tenant_or_error
from maptician_scim.tenancy import tenant_key, tenant_model


class Command(BaseCommand):
    help = "Make the people who were there before SCIM visible. May be stopped and run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", nargs="?", help="Only this tenant, named by its subdomain.")
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument(
            "--batch-size", type=whole_number(1, 10_000), default=BATCH, help="People at a time."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        for tenant in _tenants(options["tenant"]):
            missing = unlinked_users(tenant).count()
            if missing and not options["dry_run"]:
                missing = self._link(tenant, missing, options["batch_size"])
            total += missing
        if options["dry_run"]:
            self.stdout.write(f"{total} people would be linked.")
            return
        self.stdout.write(f"{total} people linked.")
        if not options["tenant"]:
            self.stdout.write(f"{sessions.index_existing()} sessions noted.")

    def _link(self, tenant: Tenant, missing: int, batch_size: int) -> int:
        bar = ProgressBar(self.stderr, tenant_key(tenant), missing)
        bar.show(0)
        linked = link_users(tenant, batch_size=batch_size, progress=bar.show)
        bar.end()
        return linked


def _tenants(key: str | None) -> Iterable[Tenant]:
    if key:
        return [tenant_or_error(key)]
    return tenant_model()._default_manager.order_by("pk").iterator()
