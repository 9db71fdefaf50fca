"""``manage.py scim_token issue|rotate|revoke|list|check``"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from maptician_scim import expiry, networks, redaction, tokens
from maptician_scim.conf import scim_settings
from maptician_scim.exceptions import CannotRotate
from maptician_scim.explanations import client_name
from maptician_scim.lifecycle import state_of
from maptician_scim.management.findings import FINDERS
from maptician_scim.management.tenants import tenant_or_error
from maptician_scim.models import BY_SETTING, READ_ONLY, Connection, Scope, Token, now
from maptician_scim.models.tokens import BySetting
from maptician_scim.tenancy import tenant_key

HEADINGS = (
    "TENANT",
    "NAME",
    "PREFIX",
    "STATE",
    "SCOPES",
    "NETWORKS",
    "CREATED",
    "EXPIRES",
    "LAST USED",
)


class Command(BaseCommand):
    help = "Issue, rotate, revoke, list and check the bearer tokens of tenants."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        issue = actions.add_parser("issue", help="Print a new token, which is shown only now.")
        issue.add_argument("tenant", help="The tenant's subdomain.")
        issue.add_argument("--name", required=True, type=_name, help="What the token is for.")
        _add_expiry(issue)
        access = issue.add_mutually_exclusive_group()
        access.add_argument("--read-only", action="store_true", help="Allow reading only.")
        access.add_argument(
            "--scopes",
            type=_scopes,
            metavar="SCOPE[,SCOPE...]",
            help=f"Allow these only, of {', '.join(Scope.values)}.",
        )
        issue.add_argument(
            "--network",
            type=_network,
            action="append",
            default=[],
            metavar="CIDR",
            help="Allow it from this network only. May be given several times.",
        )
        issue.set_defaults(run=self.issue)
        rotate = actions.add_parser(
            "rotate", help="Print a successor with the same rights, which is shown only now."
        )
        rotate.add_argument("prefix", help="The beginning of the token, as the list shows it.")
        rotate.add_argument("--name", type=_name, help="The successor's name.")
        keep = rotate.add_mutually_exclusive_group()
        keep.add_argument(
            "--keep-for",
            type=_hours,
            metavar="HOURS",
            help="How long the old one goes on working (by default for ROTATION_HOURS).",
        )
        keep.add_argument(
            "--keep-until-revoked", action="store_true", help="Give the old one no deadline."
        )
        _add_expiry(rotate)
        rotate.set_defaults(run=self.rotate)
        listing = actions.add_parser("list", help="Show the tokens, without their secrets.")
        listing.add_argument("tenant", nargs="?", help="Only this tenant's.")
        listing.set_defaults(run=self.list)
        revoke = actions.add_parser("revoke", help="Refuse a token from the next request on.")
        revoke.add_argument("prefix", help="The beginning of the token, as the list shows it.")
        revoke.add_argument(
            "--reason", type=_reason, default="scim_token revoke", help="Why, for the log."
        )
        revoke.set_defaults(run=self.revoke)
        check = actions.add_parser(
            "check",
            help="Show what needs attention, announce what expires soon; exit status 1 if any.",
        )
        check.add_argument("tenant", nargs="?", help="Only this tenant's.")
        check.set_defaults(run=self.check_tokens)

    def handle(self, *args: Any, run: Callable[[dict[str, Any]], None], **options: Any) -> None:
        run(options)

    @sensitive_variables("secret")
    def issue(self, options: dict[str, Any]) -> None:
        tenant = tenant_or_error(options["tenant"])
        if Token.objects.for_tenant(tenant).unrevoked().has_name(options["name"]):
            self.stderr.write(f"Note: there is a token named {options['name']!r} already.")
        if not Connection.of(tenant).is_enabled:
            self.stderr.write(
                f"Note: SCIM is switched off for {tenant}. Switch it on, on the page of the SCIM "
                "connection, or every request with this token is refused."
            )
        _, secret = Token.objects.issue(
            tenant=tenant,
            name=options["name"],
            expires_at=_expiry(options),
            scopes=READ_ONLY if options["read_only"] else options["scopes"],
            networks=dict.fromkeys(options["network"]),
        )
        self.stdout.write(secret)

    @sensitive_variables("secret")
    def rotate(self, options: dict[str, Any]) -> None:
        token = _one_token(options["prefix"])
        others = Token.objects.for_tenant(token.tenant).unrevoked()
        hours = options["keep_for"] or scim_settings.ROTATION_HOURS
        try:
            _, secret = token.rotate(
                name=options["name"] or others.free_name(token.name),
                keep_for=None if options["keep_until_revoked"] else timedelta(hours=hours),
                expires_at=_expiry(options),
            )
        except CannotRotate as error:
            raise CommandError(f"{token} cannot be rotated. {error}") from error
        self.stdout.write(secret)

    def list(self, options: dict[str, Any]) -> None:
        listed = Token.objects.select_related("tenant").prefetch_related("successors")
        if options["tenant"]:
            listed = listed.for_tenant(tenant_or_error(options["tenant"]))
        rows = [HEADINGS, *(_row(token) for token in listed.order_by("tenant_id", "id"))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def revoke(self, options: dict[str, Any]) -> None:
        token = _one_token(options["prefix"])
        token.revoke(options["reason"])
        self.stdout.write(f"Revoked {token.name!r} ({token.prefix}).")

    def check_tokens(self, options: dict[str, Any]) -> None:
        tenant = tenant_or_error(options["tenant"]) if options["tenant"] else None
        findings = [line for finder in FINDERS for line in finder(tenant)]
        for line in findings:
            self.stdout.write(_printable(line))
        failed = expiry.announce(expiry.expiring(tenant))
        for token in failed:
            self.stderr.write(f"The e-mail about {_printable(str(token))} could not be sent.")
        if findings or failed:
            sys.exit(1)
        self.stdout.write("Nothing needs attention.")


def _add_expiry(parser: CommandParser) -> None:
    expires = parser.add_mutually_exclusive_group()
    expires.add_argument("--expires-in", type=_days, metavar="DAYS", help="Days it is valid.")
    expires.add_argument("--never-expires", action="store_true", help="Let it be valid for good.")


def _expiry(options: dict[str, Any]) -> datetime | BySetting | None:
    if options["never_expires"]:
        if scim_settings.TOKENS_MUST_EXPIRE:
            raise CommandError("Tokens must expire here (TOKENS_MUST_EXPIRE): give --expires-in.")
        return None
    days = options["expires_in"]
    return now() + timedelta(days=days) if days else BY_SETTING


def _one_token(typed: str) -> Token:
    """The unrevoked token that begins so."""
    # Whoever pastes a whole token means its beginning, which is all that may be shown.
    prefix = typed.strip()[: tokens.PREFIX_LENGTH]
    if not prefix.startswith(tokens.MARK):
        raise CommandError(f"A prefix begins with {tokens.MARK}; see scim_token list.")
    unrevoked = Token.objects.unrevoked().select_related("tenant")
    # SQLite's LIKE ignores case; a token does not.
    fitting = unrevoked.filter(prefix__startswith=prefix)
    found = [token for token in fitting if token.prefix.startswith(prefix)][:10]
    if not found:
        raise CommandError(f"There is no token in force that begins with {prefix!r}.")
    if len(found) > 1:
        names = ", ".join(f"{token.name!r} ({token.prefix})" for token in found)
        raise CommandError(f"{prefix!r} fits more than one token: {names}. Type more of it.")
    return found[0]


def _text(limit: int | None, text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= (limit or 0) or not text.isprintable():
        raise argparse.ArgumentTypeError(f"give a text of 1 to {limit} printable characters")
    return redaction.without_tokens(text)[:limit]


def _name(text: str) -> str:
    return _text(Token._meta.get_field("name").max_length, text)


def _reason(text: str) -> str:
    return _text(Token._meta.get_field("revoked_reason").max_length, text)


def _days(text: str) -> int:
    days = int(text) if text.isdecimal() else 0
    if not 1 <= days <= 36500:
        raise argparse.ArgumentTypeError("give a number of days from 1 to 36500")
    return days


def _hours(text: str) -> int:
    hours = int(text) if text.isdecimal() else 0
    if not 1 <= hours <= 8760:
        raise argparse.ArgumentTypeError("give a number of hours from 1 to 8760")
    return hours


def _scopes(text: str) -> list[str]:
    given = {scope.strip() for scope in text.split(",")}
    if unknown := given - set(Scope.values):
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown)) or text!r}: the scopes are {', '.join(Scope.values)}"
        )
    return [scope for scope in Scope.values if scope in given]


def _network(text: str) -> str:
    try:
        return networks.normalized(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _row(token: Token) -> tuple[str, ...]:
    is_full = set(token.scopes) == set(Scope.values)
    cells = (
        tenant_key(token.tenant),
        token.name,
        token.prefix,
        state_of(token).value,
        "all" if is_full else ",".join(token.scopes),
        ",".join(token.networks) or "any",
        _minute(token.created_at),
        _minute(token.expires_at),
        _last_use(token),
    )
    return tuple(_printable(cell) for cell in cells)


def _last_use(token: Token) -> str:
    when = _minute(token.last_used_at)
    if token.last_used_at is None:
        return when
    return f"{when} from {token.last_used_ip or '?'} by {client_name(token.last_used_client)}"


def _minute(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else "never"


def _printable(text: str) -> str:
    """The text without what a terminal would take for a command: clients name themselves."""
    spaced = "".join(" " if letter.isspace() else letter for letter in text)
    return "".join(letter if letter.isprintable() else "?" for letter in spaced)
