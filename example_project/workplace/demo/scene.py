"""Exchanges with the service provider that end as they must, a line for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from example_project.workplace.demo.okta import Exchange, OktaClient
from example_project.workplace.models import Company

TARGET_WIDTH = 60

Document = dict[str, Any]


class Surprise(Exception):
    """The service provider did something else than it must."""


class Scene:
    """A part of the demo: what a client says about a company, told line by line."""

    def __init__(self, client: OktaClient, company: Company, write: Callable[[str], None]) -> None:
        self.client = client
        self.company = company
        self.write = write

    def exchange(
        self,
        method: str,
        target: str,
        body: Document | None = None,
        *,
        expect: int,
        token: str | None = None,
    ) -> Exchange:
        """An exchange that ends with a certain status. Raises ``Surprise`` otherwise."""
        exchange = self.client.send(method, target, body, token=token)
        if exchange.status != expect:
            self.show(exchange, f"UNEXPECTED: {expect} was due")
            raise Surprise(exchange.body.get("detail") or "The answer says no more.")
        return exchange

    def show(self, exchange: Exchange, note: str) -> None:
        # A space in a filter may be sent as +, and leaves the line in columns.
        target = shortened(unquote(exchange.target).replace(" ", "+"))
        self.write(
            f"{exchange.method:<6} {target:<{TARGET_WIDTH}} {exchange.status} "
            f"{exchange.milliseconds:4.0f} ms   {note}"
        )

    def tell(self, note: str) -> None:
        self.write(f"{'':6} {note}")


def require(exchange: Exchange, **expected: Any) -> None:
    """Raise ``Surprise`` unless the answer has these attributes with these values."""
    for name, value in expected.items():
        found = exchange.body.get(name)
        if found != value:
            raise Surprise(f"{name} should be {value!r} in the answer and is {found!r}")


def shortened(text: str) -> str:
    return text if len(text) <= TARGET_WIDTH else f"{text[: TARGET_WIDTH - 1]}…"
