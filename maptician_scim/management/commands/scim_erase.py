"""``manage.py scim_erase USER``"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from maptician_scim import erasure
from maptician_scim.erasure import Person
from maptician_scim.management.arguments import whole_number
from maptician_scim.management.progress import ProgressBar
from maptician_scim.management.tenants import tenant_or_error
from maptician_scim.tenancy import tenant_key, tenant_model


class Command(BaseCommand):
    help = (
        "Redact a person from the provisioning log: it keeps what happened when, and forgets to "
        "whom. Records of theirs that SCIM has deleted are emptied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="A userName, an e-mail address or a SCIM id.")
        parser.add_argument("--tenant", help="Whose person, named by its subdomain.")
        parser.add_argument("--dry-run", action="store_true", help="Only count.")
        parser.add_argument(
            "--batch-size",
            type=whole_number(1, 10_000),
            default=erasure.BATCH,
            help="Events in one transaction.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person = _the_one(options["user"], options["tenant"])
        key = tenant_key(person.tenant)
        records = len(person.deleted)
        if options["dry_run"]:
            self.stdout.write(f"{person.events().count()} events of {key} would be redacted.")
            self.stdout.write(f"{records} deleted records would be emptied.")
        else:
            bar = ProgressBar(self.stderr, key, person.events().count())
            bar.show(0)
            done = erasure.erase(person, batch_size=options["batch_size"], progress=bar.show)
            bar.end()
            self.stdout.write(f"{done} events of {key} redacted.")
            self.stdout.write(f"{records} deleted records emptied.")
        for record in person.live:
            self.stdout.write(
                f"{record.user_name} ({record.scim_id}) is still provisioned. That record stays: "
                "delete the account, or have it deleted over SCIM, and run this again."
            )


def _the_one(text: str, tenant: str | None) -> Person:
    """The one person who is meant. Raises ``CommandError`` for nobody, and for several."""
    if not text.strip() or "\x00" in text:
        raise CommandError("Give a userName, an e-mail address or a SCIM id.")
    if tenant:
        tenants = [tenant_or_error(tenant)]
    else:
        tenants = list(tenant_model()._default_manager.order_by("pk"))
    people = [person for each in tenants for person in erasure.find(text, each)]
    if not people:
        raise CommandError(f"Neither the people nor the log know {text!r}.")
    if len({person.tenant.pk for person in people}) > 1:
        keys = ", ".join(sorted({tenant_key(person.tenant) for person in people}))
        raise CommandError(f"{text!r} is known at {keys}. Say which with --tenant.")
    if len(people) > 1:
        ids = ", ".join(sorted(i for person in people for i in person.ids))
        raise CommandError(f"{text!r} is more than one person. Give one of these ids: {ids}.")
    return people[0]
