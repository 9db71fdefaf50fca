"""``manage.py scim_prune_events``"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from maptician_scim import bookmarks
from maptician_scim.conf import scim_settings
from maptician_scim.management.arguments import whole_number
from maptician_scim.management.progress import ProgressBar
from maptician_scim.management.tenants import tenant_or_error
from maptician_scim.models import Event, EventQuerySet, HeldBack, now

BATCH = 5000


class Command(BaseCommand):
    help = (
        "Remove old events of the provisioning log, and forget what was sent with refused "
        "requests. May be stopped and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=whole_number(1, 36_500),
            metavar="DAYS",
            help="Remove events older than this; EVENT_RETENTION_DAYS if it is left out.",
        )
        parser.add_argument("--tenant", help="Only this tenant's, named by its subdomain.")
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument(
            "--batch-size",
            type=whole_number(1, 100_000),
            default=BATCH,
            help="Events in one statement.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        events: EventQuerySet = Event.objects.all()
        held_back = HeldBack.objects.all()
        if options["tenant"]:
            tenant = tenant_or_error(options["tenant"])
            events, held_back = events.for_tenant(tenant), held_back.for_tenant(tenant)
        limit = _ago(options["older_than"] or scim_settings.EVENT_RETENTION_DAYS)
        old = events.older_than(limit)
        kept = events.older_than(_ago(scim_settings.REQUEST_RETENTION_DAYS)).with_request()
        if options["dry_run"]:
            requests = kept.filter(created_at__gte=limit).count()
            self.stdout.write(f"{old.count()} events would be removed.")
            self.stdout.write(f"{requests} requests would be forgotten.")
            return
        size = options["batch_size"]
        removed = self._in_parts("Removing events", old, size, EventQuerySet.remove)
        self.stdout.write(f"{removed} events removed.")
        held_back.older_than(limit).delete()  # few: whom the safeguard lists
        forgotten = self._in_parts("Forgetting requests", kept, size, EventQuerySet.forget_requests)
        self.stdout.write(f"{forgotten} requests forgotten.")
        bookmarks.tidy()

    def _in_parts(
        self, label: str, events: EventQuerySet, size: int, work: Callable[[EventQuerySet], int]
    ) -> int:
        """How many events there were to work on; each part is a transaction of its own."""
        parts = events.id_ranges(size)
        bar, total = ProgressBar(self.stderr, label, len(parts)), 0
        for number, part in enumerate(parts):
            bar.show(number)
            total += work(part)
        if parts:
            bar.show(len(parts))
            bar.end()
        return total


def _ago(days: int) -> datetime:
    return now() - timedelta(days=days)
