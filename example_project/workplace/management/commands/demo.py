from __future__ import annotations

import shlex
import signal
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from example_project.workplace.demo import data
from example_project.workplace.demo.conversation import Conversation
from example_project.workplace.demo.okta import USER_AGENT, OktaClient
from example_project.workplace.demo.push import GroupPush
from example_project.workplace.demo.scene import Surprise
from example_project.workplace.demo.server import Server, ServerDied, serving
from example_project.workplace.models import Company, Occupant
from maptician_scim.tenancy import base_url


class Command(BaseCommand):
    help = (
        "Fills the database with four companies, serves it, plays Okta's conversation against the "
        "server and keeps serving. May be run again and again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-serve", action="store_true", help="only create the data; silent unless -v2"
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument(
            "--port", type=port_number, default=8000, help="or the next one that is free"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["no_serve"] and settings.SECURE_SSL_REDIRECT:
            raise CommandError("The demo speaks plain HTTP: unset DJANGO_HTTPS.")
        call_command("migrate", interactive=False, verbosity=0)
        companies = data.create_companies()
        users = {"Login": data.find_admin(), "Support": data.find_supporter(companies[0])}
        if (member := data.find_member(companies[0])) is not None:
            users["Person"] = member
        if not options["no_serve"]:
            self.serve(options["host"], options["port"], companies, users)
        elif options["verbosity"] > 1:
            for company in companies:
                self.say(f"{company}: {company.occupants.count()} people")
            for label, user in users.items():
                self.say(f"{label}: {self.login(user)}")

    def serve(
        self, host: str, port: int, companies: list[Company], users: dict[str, Occupant]
    ) -> None:
        """Serve until Ctrl-C; the conversation comes first."""
        company, other, *_ = companies
        try:
            with interruptible(), serving(host, port) as server:
                server.wait_until_ready()
                data.remove_newcomers(company)
                token = data.renew_token(company)
                self.play(server, company, token)
                self.show_entrance(server, company, token, users)
                self.show_what_to_try(server, other)
                self.say("Serving until Ctrl-C.")
                server.wait()
        except KeyboardInterrupt:
            self.say("Stopped.")
        except Surprise as error:
            raise CommandError(f"The conversation did not go as it must. {error}") from error
        except ServerDied as error:
            raise CommandError(str(error)) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "strerror", None) or repr(error)
            raise CommandError(f"{host}:{port}: {reason}") from error

    def play(self, server: Server, company: Company, token: str) -> None:
        """Play Okta's conversation, about people and then about groups."""
        url = urlsplit(base_url(company, scheme="http", port=server.port))
        client = OktaClient(server.host, server.port, host=url.netloc, path=url.path, token=token)
        self.say(f"Okta's conversation with {company}, over HTTP:")
        self.say("")
        try:
            Conversation(client, company, self.say).play()
            self.say("")
            self.say("Group push, and what other clients do:")
            self.say("")
            GroupPush(client, company, self.say).play()
        finally:
            client.close()

    def show_entrance(
        self, server: Server, company: Company, token: str, users: dict[str, Occupant]
    ) -> None:
        """Say where to go now, and with what."""
        address = base_url(company, scheme="http", port=server.port)
        self.say("")
        self.say("All as it must be. For an Okta app of your own, and for a browser:")
        self.say("")
        for label, value in (
            ("Base URL", address),
            ("Token", token),
            ("Admin", f"http://{settings.BASE_DOMAIN}:{server.port}{reverse('admin:index')}"),
            ("Desk page", urljoin(address, reverse("my-desk"))),
            *((label, self.login(user)) for label, user in users.items()),
        ):
            self.say(f"  {label:<9} {value}")
        self.say("")
        self.say(f"The support's login is limited to {company}. The person works there, and sees")
        self.say("on the desk page where they sit or may sit.")
        self.say("")

    def show_what_to_try(self, server: Server, company: Company) -> None:
        """Say how to connect another company by hand."""
        users = base_url(company, scheme="http", port=server.port) + "/Users?startIndex=1&count=2"
        self.say(f"To connect {company} yourself: log in, open “SCIM connections”, then {company},")
        self.say("issue a token there, and play Okta's Test Connector with it:")
        self.say("")
        self.say(f"  curl -A {shlex.quote(USER_AGENT)} -H 'Authorization: Bearer TOKEN' '{users}'")
        self.say("")
        self.say("The page turns green by itself.")
        self.say("")

    def login(self, user: Occupant) -> str:
        """Somebody's login; on anything but one's own machine without a password."""
        if not settings.DEBUG:
            return f"{user.username} (set a password with manage.py changepassword)"
        return f"{user.username} / {data.renew_password(user)}"

    def say(self, text: str) -> None:
        """Print at once, also into a pipe."""
        self.stdout.write(text)
        self.stdout.flush()


def port_number(text: str) -> int:
    """A TCP port; 0 is any that is free."""
    if not text.isascii() or not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"{text!r} is no port")
    return int(text)


@contextmanager
def interruptible() -> Iterator[None]:
    """Any polite request to stop is a ``KeyboardInterrupt``, also where a shell ignores SIGINT."""
    stopping = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
        stopping.append(signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in stopping}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
