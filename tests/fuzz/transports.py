"""Two ways for a request to reach the application."""

from __future__ import annotations

import io
import sys
import time
from http.client import HTTPException, HTTPResponse
from socket import create_connection
from typing import Any

from example_project.wsgi import application
from tests.fuzz.messages import Answer, Request

UNPREFIXED = {"Content-Type": "CONTENT_TYPE", "Content-Length": "CONTENT_LENGTH"}


class InProcess:
    """A call of the WSGI application, as a server would make it."""

    def send(self, request: Request) -> Answer:
        started: list[Any] = []
        began = time.process_time()
        response = application(environ(request), lambda *given: started.extend(given))
        try:
            # Servers send no body after HEAD, whatever the application says.
            body = b"" if request.method == "HEAD" else b"".join(response)
        finally:
            response.close()
        seconds = time.process_time() - began
        status, headers = started[:2]
        return Answer(
            int(status[:3]), {name.lower(): value for name, value in headers}, body, seconds
        )


def environ(request: Request) -> dict[str, Any]:
    """The request as WSGI passes it (PEP 3333)."""
    headers = {"Content-Length": str(len(request.body))} | request.headers
    found = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query.encode().decode("latin-1"),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        found[UNPREFIXED.get(name) or f"HTTP_{name.upper().replace('-', '_')}"] = value
    return found


class Socket:
    """Bytes over a connection of its own: what is no HTTP gets through, too."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, request: Request) -> Answer:
        with create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(raw(request))
            response = HTTPResponse(connection, method=request.method)
            try:
                response.begin()
                body = response.read()
            except (HTTPException, ConnectionError):
                return Answer(400, {}, b"", is_from_server=True)  # closed: no HTTP, no answer
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, body, is_from_server=_is_servers(headers))


def _is_servers(headers: dict[str, str]) -> bool:
    """Whether gunicorn speaks, which sets none of the headers of Django's middleware."""
    return "x-content-type-options" not in headers and "x-request-id" not in headers


def raw(request: Request) -> bytes:
    """The request as it goes over the wire.

    Nobody waits for more than is sent: a length that is too large is cut down.
    """
    headers = {"Content-Length": str(len(request.body)), "Connection": "close"} | request.headers
    if headers["Content-Length"].isdigit():
        headers["Content-Length"] = str(min(int(headers["Content-Length"]), len(request.body)))
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
    return head + b"\r\n\r\n" + request.body
