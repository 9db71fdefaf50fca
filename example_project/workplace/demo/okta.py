"""A SCIM client that sends what Okta sends."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

USER_AGENT = "Okta SCIM Client 1.0.0"
HEADERS = {
    "Accept": "application/scim+json",
    "Accept-Charset": "utf-8",
    "Content-Type": "application/scim+json; charset=utf-8",
    "User-Agent": USER_AGENT,
}
TIMEOUT = 60  # as long as Okta waits


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    target: str
    status: int
    body: dict[str, Any]
    milliseconds: float


class OktaClient:
    """Talks to an address of this machine as if the tenant's host name led there.

    ``acme.localhost`` is known to browsers, but not to every resolver.
    """

    def __init__(self, address: str, port: int, *, host: str, path: str, token: str) -> None:
        self.connection = HTTPConnection(address, port, timeout=TIMEOUT)
        self.host, self.path, self.token = host, path, token

    def close(self) -> None:
        self.connection.close()

    def send(
        self,
        method: str,
        target: str,
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> Exchange:
        """One exchange; ``target`` is below the base URL. Raises ``OSError``, ``HTTPException``."""
        headers = HEADERS | {"Host": self.host, "Authorization": f"Bearer {token or self.token}"}
        content = None if body is None else json.dumps(body).encode()
        began = time.perf_counter()
        self.connection.request(method, self.path + target, content, headers)
        response = self.connection.getresponse()
        text = response.read()
        took = (time.perf_counter() - began) * 1000
        return Exchange(method, self.path + target, response.status, as_json(text), took)


def as_json(text: bytes) -> dict[str, Any]:
    """The object in a body; empty where there is none, as in a proxy's error page."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
