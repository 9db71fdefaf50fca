"""The contestants as processes, each with its own settings, all at the same database."""

import multiprocessing
import secrets
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
"""Connections that ask at the same time, each at a worker of its own."""

TRIES = 100
"""How often is looked for a worker that has no connection yet, and for who has accepted one."""


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

    pool: ThreadPoolExecutor
    connections: list

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
    directory.mkdir(exist_ok=True)
    env = settings_of(name, database_url, variables)
    # Nobody's connection is closed while others have their turns.
    options = ("--keep-alive", "3600", f"{MODULES[name]}:application")
    with serving(env, directory, *options) as server, ThreadPoolExecutor(CLIENTS) as pool:
        connections = spread(server.port)
        yield Served(pool, connections)
        for connection in connections:
            connection.close()


def spread(port):
    """Connections to a server of which each is another worker's.

    Who accepts one is chance, and two at the same worker would wait for each other.
    """
    found = {}
    for _ in range(TRIES):
        connection = Connection(port)
        if found.setdefault(connection.worker(), connection) is not connection:
            connection.close()
        if len(found) == CLIENTS:
            return list(found.values())
    raise AssertionError(f"{TRIES} connections, and all at {len(found)} of {CLIENTS} workers")


class Connection:
    """A kept connection to a server, and as little of an HTTP client as will do.

    What a client costs itself would count for every contestant, and make their ratios smaller.
    """

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.socket.close()

    def worker(self):
        """The process at the other end, as soon as one has accepted."""
        import psutil  # of the extra `benchmarks`; the tests do without

        ours = self.socket.getsockname()
        for _ in range(TRIES):
            for peer in psutil.net_connections("tcp4"):
                if peer.raddr == ours and peer.pid:
                    return peer.pid
            time.sleep(0.01)
        raise AssertionError("Nobody has accepted the connection")

    def ask_all(self, requests):
        """The nanoseconds and the status of each request."""
        return [self.ask(request) for request in requests]

    def ask(self, request):
        data = as_bytes(request)
        began = time.perf_counter_ns()
        self.socket.sendall(data)
        status = self._read()
        return time.perf_counter_ns() - began, status

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
