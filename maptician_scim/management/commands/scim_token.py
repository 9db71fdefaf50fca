"""``manage.py scim_token issue|list|revoke``"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from maptician_scim import tokens
from maptician_scim.management.tenants import tenant_or_error
from maptician_scim.models import BY_SETTING, READ_ONLY, Token, now
from maptician_scim.tenancy import tenant_key

HEADINGS = ("TENANT", "NAME", "PREFIX", "STATE", "CREATED", "EXPIRES", "LAST USED")


class Command(BaseCommand):
    help = "Issue, list and revoke the bearer tokens of tenants."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        issue = actions.add_parser("issue", help="Print a new token, which is shown only now.")
        issue.add_argument("tenant", help="The tenant's subdomain.")
        issue.add_argument("--name", required=True, type=_name, help="What the token is for.")
        issue.add_argument("--expires-in", type=_days, metavar="DAYS", help="Days it is valid.")
        issue.add_argument("--read-only", action="store_true", help="Allow reading only.")
        issue.set_defaults(run=self.issue)
        listing = actions.add_parser("list", help="Show the tokens, without their secrets.")
        listing.add_argument("tenant", nargs="?", help="Only this tenant's.")
        listing.set_defaults(run=self.list)
        revoke = actions.add_parser("revoke", help="Refuse a token from the next request on.")
        revoke.add_argument("prefix", help="The beginning of the token, as the list shows it.")
        revoke.set_defaults(run=self.revoke)

    def handle(self, *args: Any, run: Callable[[dict[str, Any]], None], **options: Any) -> None:
        run(options)

    def issue(self, options: dict[str, Any]) -> None:
        tenant = tenant_or_error(options["tenant"])
        days = options["expires_in"]
        _, secret = Token.objects.issue(
            tenant=tenant,
            name=options["name"],
            expires_at=now() + timedelta(days=days) if days else BY_SETTING,
            scopes=READ_ONLY if options["read_only"] else None,
        )
        self.stdout.write(secret)

    def list(self, options: dict[str, Any]) -> None:
        listed = Token.objects.select_related("tenant").order_by("tenant_id", "id")
        if options["tenant"]:
            listed = listed.for_tenant(tenant_or_error(options["tenant"]))
        rows = [HEADINGS, *(_row(token) for token in listed)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def revoke(self, options: dict[str, Any]) -> None:
        # Whoever pastes a whole token means its beginning, which is all that may be shown.
        prefix = options["prefix"].strip()[: tokens.PREFIX_LENGTH]
        if not prefix.startswith(tokens.MARK):
            raise CommandError(f"A prefix begins with {tokens.MARK}; see scim_token list.")
        in_force = Token.objects.filter(prefix__startswith=prefix, revoked_at=None)
        # SQLite's LIKE ignores case; a token does not.
        found = [token for token in in_force if token.prefix.startswith(prefix)][:10]
        if not found:
            raise CommandError(f"There is no token in force that begins with {prefix!r}.")
        if len(found) > 1:
            names = ", ".join(f"{token.name!r} ({token.prefix})" for token in found)
            raise CommandError(f"{prefix!r} fits more than one token: {names}. Type more of it.")
        found[0].revoke("scim_token revoke")
        self.stdout.write(f"Revoked {found[0].name!r} ({found[0].prefix}).")


def _name(text: str) -> str:
    limit = Token._meta.get_field("name").max_length or 0
    name = text.strip()
    if not 1 <= len(name) <= limit or not name.isprintable():
        raise argparse.ArgumentTypeError(f"give a name of 1 to {limit} printable characters")
    return name


def _days(text: str) -> int:
    days = int(text) if text.isdecimal() else 0
    if not 1 <= days <= 36500:
        raise argparse.ArgumentTypeError("give a number of days from 1 to 36500")
    return days


def _row(token: Token) -> tuple[str, ...]:
    state = "revoked" if token.is_revoked else "expired" if token.is_expired else "valid"
    return (
        tenant_key(token.tenant),
        token.name,
        token.prefix,
        state,
        *(_day(at) for at in (token.created_at, token.expires_at, token.last_used_at)),
    )


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"
