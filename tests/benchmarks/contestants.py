"""The contestants as processes, each with its own settings, all at the same database."""

import multiprocessing
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks import worker
from tests.live import environment, serving

PRODUCTION = {
    # The example project's throttle would stop a client that sends as fast as it can.
    "SCIM_THROTTLE": "1000000/s",
    "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
}

MODULES = {
    "us": "tests.benchmarks.us",
    "us with receivers": "example_project.wsgi",
    "limit": "tests.benchmarks.limit",
    "django-scim2": "tests.benchmarks.peer.wsgi",
    "plain DRF": "tests.benchmarks.plain",
}

SETTINGS = {
    "django-scim2": "tests.benchmarks.peer.settings",
    "plain DRF": "tests.benchmarks.plain_settings",
}
"""Where they are not those of the example project as it is measured."""

CLIENTS = 2
"""Connections that ask at the same time: as many as gunicorn has workers."""


def settings_of(name, database_url, variables):
    env = environment(database_url, **PRODUCTION)
    env["DJANGO_SETTINGS_MODULE"] = SETTINGS.get(name, "tests.benchmarks.settings")
    return dict(env | variables)


@dataclass
class Called:
    """An application in a process of its own, called over WSGI."""

    pipe: Any

    def order(self, what, requests=()):
        self.pipe.send((what, list(requests)))
        return self.pipe.recv()


@contextmanager
def called(name, database_url, directory, **variables):
    """A contestant in a process of its own, ready to be called."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    env = settings_of(name, database_url, variables)
    log = str(directory / f"{name}.log")
    process = context.Process(
        target=worker.run, args=(theirs, MODULES[name], env, log), daemon=True
    )
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield Called(ours)
    finally:
        with suppress(BrokenPipeError):
            ours.send(None)
        process.join(timeout=10)


@dataclass
class Served:
    """An application behind gunicorn."""

    port: int
    pool: ThreadPoolExecutor
    connections: list = field(default_factory=list)

    def order(self, what, requests=()):
        """Only times can be asked for: what happens inside, another process knows."""
        requests = list(requests)
        if what != "time":
            return [None] * len(requests)
        shares = [requests[first::CLIENTS] for first in range(CLIENTS)]
        answers = self.pool.map(Connection.ask_all, self.connections, shares)
        return [answer for share in answers for answer in share], None


@contextmanager
def served(name, database_url, directory, **variables):
    """A contestant behind gunicorn with two workers, ready to be asked."""
    directory = directory / f"{name} served"
    directory.mkdir()
    env = settings_of(name, database_url, variables)
    with (
        serving(env, directory, f"{MODULES[name]}:application") as server,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        connections = [Connection(server.port) for _ in range(CLIENTS)]
        yield Served(server.port, pool, connections)
        for connection in connections:
            connection.close()


class Connection:
    """A kept connection to a server, and as little of an HTTP client as will do.

    What a client costs itself would count for every contestant, and make their ratios smaller.
    """

    def __init__(self, port):
        self.port, self.socket = port, None

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def ask_all(self, requests):
        """The nanoseconds and the status of each request."""
        return [self.ask(request) for request in requests]

    def ask(self, request):
        data = as_bytes(request)
        for _ in range(2):
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.perf_counter_ns()
            try:
                self.socket.sendall(data)
                status = self._read()
                return time.perf_counter_ns() - began, status
            except ConnectionError:  # idle for too long: the server has closed it
                self.close()
        raise ConnectionError(f"No answer to {request.method} {request.path}")

    def _read(self):
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, body = received.partition(b"\r\n\r\n")
        headers = head.lower().split(b"\r\n")
        [length] = [int(h[15:]) for h in headers if h.startswith(b"content-length:")]
        missing = length - len(body)
        while missing > 0:
            missing -= len(self._more())
        return int(head[9:12])

    def _more(self):
        received = self.socket.recv(262144)
        if not received:
            raise ConnectionError
        return received


def as_bytes(request):
    return (
        f"{request.method} {request.path} HTTP/1.1\r\n"
        f"Host: {request.host}\r\n"
        f"Authorization: Bearer {request.secret}\r\n"
        "Accept: application/scim+json\r\n"
        "Content-Type: application/scim+json; charset=utf-8\r\n"
        "User-Agent: Okta SCIM Client 1.0.0\r\n"
        f"Content-Length: {len(request.body)}\r\n\r\n"
    ).encode() + request.body
