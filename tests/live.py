"""The example project as it runs in production: gunicorn, a database of its own, a real socket."""

import os
import secrets
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import httpx
import psycopg
from django.db import ConnectionHandler, connections

from example_project.database import database_settings
from tests.client import ENTERPRISE, USER

ROOT = Path(__file__).resolve().parent.parent
STARTS_WITHIN = 30  # seconds

OKTA = {
    "Accept": "application/scim+json",
    "Accept-Charset": "utf-8",
    "Content-Type": "application/scim+json; charset=utf-8",
    "User-Agent": "Okta SCIM Client 1.0.0",
}


@contextmanager
def own_database(directory, template="template1"):
    """The URL of an empty database, or a copy of a PostgreSQL one, that is gone afterwards.

    On the server that ``DATABASE_URL`` names, if it is PostgreSQL; else a file.
    """
    server = urlsplit(os.environ.get("DATABASE_URL", ""))
    if not server.scheme.startswith("postgres"):
        yield f"sqlite:///{directory / 'live.sqlite3'}"
        return
    name = f"scim_live_{secrets.token_hex(4)}"
    with psycopg.connect(server._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield server._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def without_disk(database_url):
    """The same, where no commit waits for the disk: nothing of it outlives the run."""
    if "?" in database_url or not database_url.startswith("postgres"):
        return database_url
    return f"{database_url}?options=-c%20synchronous_commit%3Doff"


def environment(database_url, **variables):
    """The environment of a process that runs the example project, DEBUG off."""
    production = {
        "DJANGO_SETTINGS_MODULE": "example_project.settings",
        "DATABASE_URL": database_url,
        "DJANGO_DEBUG": "0",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
        "BASE_DOMAIN": "localhost",
    }
    return os.environ | production | variables


def manage(env, *arguments):
    """Standard output of a management command, which must succeed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Server:
    """gunicorn, serving the companies of a database."""

    port: int
    env: dict
    log: Path

    def client(self, company, secret, **headers):
        """An identity provider that talks to a company's host over a real socket."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/scim/v2",
            headers=OKTA
            | {"Host": self.host(company), "Authorization": f"Bearer {secret}"}
            | headers,
            timeout=60,
        )

    def host(self, company):
        return f"{company}.localhost:{self.port}"

    def token(self, company):
        return manage(self.env, "scim_token", "issue", company, "--name", "Live").strip()


@contextmanager
def serving(env, directory, *arguments):
    """A ``Server`` on a free port, with the workers and threads of production.

    ``arguments`` are more of gunicorn's, such as another application.
    """
    log = directory / "gunicorn.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("w") as output:
        port = listener.getsockname()[1]
        # gunicorn takes the socket over, so nobody can take the port in between.
        bound = {"BIND": f"fd://{listener.fileno()}", "WEB_CONCURRENCY": "2", "WEB_THREADS": "8"}
        # A client that pauses on a busy machine finds its connection where it was.
        options = ["--keep-alive", "15", "--graceful-timeout", "3", *arguments]
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", *options],
            cwd=ROOT,
            env=env | bound,
            pass_fds=[listener.fileno()],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Server(port, env, log)
        _wait_until_it_answers(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_answers(server, process):
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{server.port}/", timeout=STARTS_WITHIN)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(server.log.read_text())


def at_once(*calls):
    """What the calls return, all started at the same moment."""
    barrier = Barrier(len(calls))

    def run(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def okta_user(user_name, **attributes):
    """The body of Okta's POST for a new person."""
    return {
        "schemas": [USER, ENTERPRISE],
        "userName": user_name,
        "externalId": f"00u{secrets.token_hex(8)}",
        "name": {"givenName": "Jane", "familyName": "Doe"},
        "displayName": "Jane Doe",
        "emails": [{"primary": True, "value": user_name, "type": "work"}],
        "phoneNumbers": [{"primary": True, "value": "+49 221 1234", "type": "work"}],
        "addresses": [{"type": "work", "locality": "Köln", "region": "NRW", "primary": True}],
        "title": "Engineer",
        "locale": "en-US",
        "groups": [],
        "password": secrets.token_urlsafe(12),
        "active": True,
        ENTERPRISE: {
            "employeeNumber": "4711",
            "department": "Research",
            "manager": {"value": "boss@acme.example", "displayName": "The Boss"},
        },
    } | attributes


@contextmanager
def connected(database_url, **settings):
    """Let the models of this process read and write a live server's database."""
    own = connections["default"]
    connections["default"] = theirs = ConnectionHandler(
        {"default": database_settings(database_url) | settings}
    )["default"]
    try:
        yield
    finally:
        theirs.close()
        connections["default"] = own
