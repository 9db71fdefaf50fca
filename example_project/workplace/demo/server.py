"""The server the demo talks to: gunicorn as in production, or Django's own where there is none."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec

from django.conf import settings

PORTS_TO_TRY = 100
STARTS_WITHIN = 30
STOPS_WITHIN = 10
WORKERS_STOP_WITHIN = 5  # less, so that gunicorn itself ends those that do not

ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here


class ServerDied(Exception):
    """The server ended by itself, or never answered."""


class Server:
    """A server process on an address of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], host: str, port: int) -> None:
        self.process = process
        self.host = ANY_ADDRESS.get(host, host)
        self.port = port

    def wait_until_ready(self) -> None:
        """Return when it answers. Raises ``ServerDied``."""
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerDied("The server did not start.")
            time.sleep(0.1)

    def wait(self) -> None:
        """Return never, as long as it serves. Raises ``ServerDied``."""
        code = self.process.wait()
        raise ServerDied(f"The server ended by itself, with exit status {code}.")

    def stop(self) -> None:
        """End the process, gently first."""
        self.process.terminate()
        try:
            self.process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        connection = HTTPConnection(self.host, self.port, timeout=STARTS_WITHIN)
        try:
            connection.request("GET", "/", headers={"Host": "localhost"})
            connection.getresponse().read()
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
        return True


@contextmanager
def serving(host: str, port: int) -> Iterator[Server]:
    """A server on the first free port from ``port`` on; it ends with the block.

    Raises ``OSError`` if the address cannot be used at all.
    """
    with listen(host, port) as listener:
        port = listener.getsockname()[1]
        process = _start(listener)
    server = Server(process, host, port)
    try:
        yield server
    finally:
        server.stop()


def listen(host: str, port: int) -> socket.socket:
    """A socket on the first free port from ``port`` on."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    last = min(port + PORTS_TO_TRY, 65535)
    for candidate in range(port, last + 1):
        try:
            return socket.create_server((address[0], candidate), family=family, backlog=128)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or candidate == last:
                raise
    raise AssertionError("unreachable")


def _start(listener: socket.socket) -> subprocess.Popen[bytes]:
    """The process that serves on the socket, quiet about each request."""
    environment = os.environ | {"ACCESS_LOG": "", "DJANGO_LOG_LEVEL": "ERROR"}
    if os.name == "posix" and find_spec("gunicorn"):
        # gunicorn takes the open socket over, so nobody else can take the port meanwhile.
        command = ["gunicorn", "--log-level", "warning", "--bind", f"fd://{listener.fileno()}"]
        command += ["--graceful-timeout", str(WORKERS_STOP_WITHIN)]
        inherited = [listener.fileno()]
    else:
        host, port, *_ = listener.getsockname()
        listener.close()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        command = ["django", "runserver", "--noreload", "--skip-checks", address]
        inherited = []
    return subprocess.Popen(  # noqa: S603 - a command of our own
        [sys.executable, "-m", *command],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=inherited,
    )
