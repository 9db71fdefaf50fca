"""Requests and answers, as bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import orjson

if TYPE_CHECKING:
    from tests.fuzz.world import Tenant

ROOT = "/scim/v2"
RESOURCE = re.compile(r"(?i)/scim/v2/(?P<kind>Users|Groups)/(?P<id>[0-9a-f-]{36})/?")
SEARCHES = re.compile(r"(?i)/scim/v2/(\w+/)?\.search/?")


@dataclass
class Request:
    """What a client sends. ``target`` is quoted already; ``headers`` hold what latin-1 holds."""

    tenant: Tenant
    kind: str
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_known: bool = True
    """Whether host and token are those of the tenant."""

    exists: bool | None = None
    """Whether the resource in the path is there for the tenant; ``None`` if nobody can say."""

    is_mutated: bool = False

    def __post_init__(self) -> None:
        self.headers = self.tenant.headers | self.headers

    @property
    def path(self) -> str:
        """The path as the application sees it: one character for each byte."""
        return unquote_to_bytes(self.target.partition("?")[0]).decode("latin-1")

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def is_for_us(self) -> bool:
        """Whether the path is below the base URL."""
        return self.path.startswith(f"{ROOT}/")

    @property
    def is_write(self) -> bool:
        """Whether a success changes something, so that it stands in the log."""
        writes = self.method.upper() in {"POST", "PUT", "PATCH", "DELETE"}
        return writes and not SEARCHES.fullmatch(self.path)

    @property
    def is_selective(self) -> bool:
        """Whether it names the attributes it wants to see."""
        asked = self.query.lower().encode()
        if SEARCHES.fullmatch(self.path):
            asked += self.body.lower()
        return b"attributes" in asked

    def resource(self) -> tuple[str, str] | None:
        """Kind and id of the resource the path leads to."""
        found = RESOURCE.fullmatch(self.path)
        return (found["kind"].capitalize(), found["id"]) if found else None

    def described(self) -> dict[str, Any]:
        """For a report; the token can be left out of it."""
        headers = {n: v for n, v in self.headers.items() if self.tenant.secret not in v}
        return {
            "kind": self.kind,
            "tenant": self.tenant.key,
            "method": self.method,
            "target": self.target[:4000],
            "headers": headers,
            "body": self.body[:8000].decode("latin-1"),
        }


@dataclass
class Answer:
    """What came back, and the processor time it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float = 0.0
    is_from_server: bool = False
    """Whether the web server has answered, before it asked the application."""

    @cached_property
    def document(self) -> Any:
        """The JSON in the body; ``None`` if there is none."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None
