"""PostgreSQL and Redis, stopped and started again under a server that goes on answering."""

import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from threading import Thread

import pytest

from tests import live
from tests.broken import cluster
from tests.broken.conftest import TENANTS
from tests.broken.verbs import patch
from tests.client import BULK_REQUEST, ERROR, GROUP, USER

STRANGER = {"Authorization": "Bearer mistyped"}


@pytest.fixture(scope="module")
def postgres(_postgresql):
    if cluster.binaries() is None:
        pytest.skip("no PostgreSQL server is installed here that a test may stop")
    # Not below pytest's own, which nobody else may enter.
    with tempfile.TemporaryDirectory() as directory, cluster.running(Path(directory)) as running:
        yield running


class Redis:
    """A server of the test's own."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        arguments = ["--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]
        command = ["redis-server", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("Redis does not answer.")

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def redis(_postgresql):
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server is installed here")
    redis = Redis()
    yield redis
    redis.kill()


@pytest.fixture(scope="module")
def server(postgres, redis, tmp_path_factory):
    env = live.environment(postgres.url, REDIS_URL=redis.url)
    live.manage(env, "migrate", "-v0")
    live.manage(env, "shell", "-v0", "-c", TENANTS)
    with live.serving(env, tmp_path_factory.mktemp("stopped"), "--preload") as running:
        yield running


@pytest.fixture(scope="module")
def okta(server):
    with server.client("acme", server.token("acme")) as client:
        yield client


def new_user(name):
    return {"schemas": [USER], "userName": f"{name}@acme.example"}


def each_request(name):
    """One of each kind, as arguments of ``request``."""
    body, somebody = new_user(name), f"/Users/{'0' * 8}-0000-4000-8000-{'0' * 12}"
    bulk = {"method": "POST", "path": "/Users", "bulkId": "a", "data": body}
    return [
        ("GET", "/Users?count=1", None),
        ("GET", somebody, None),
        ("POST", "/Users", body),
        ("PUT", somebody, body),
        ("PATCH", somebody, patch({"op": "replace", "value": {"active": False}})),
        ("DELETE", somebody, None),
        ("POST", "/Groups", {"schemas": [GROUP], "displayName": name}),
        ("POST", "/.search", {"filter": 'userName eq "a"'}),
        ("GET", "/Schemas", None),
        ("POST", "/Bulk", {"schemas": [BULK_REQUEST], "Operations": [bulk]}),
    ]


def check_unavailable(answer):
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"].isdecimal()
    assert answer.json()["schemas"] == [ERROR]


def test_while_postgresql_is_stopped_all_is_503_and_then_works_at_once(postgres, okta):
    name = secrets.token_hex(5)
    postgres.stop("fast")
    try:
        for method, path, body in each_request(name):
            check_unavailable(okta.request(method, path, json=body))
        check_unavailable(okta.get("/Users", headers=STRANGER))
    finally:
        postgres.start()
    assert okta.get("/Users").status_code == 200
    assert okta.post("/Users", json=new_user(name)).status_code == 201


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restart_in_the_middle_of_a_push_loses_nobody(postgres, server, okta, mode):
    mark = secrets.token_hex(5)
    names = [f"{n}-{mark}" for n in range(40)]
    statuses = []

    def push():
        for name in names:
            while (answer := okta.post("/Users", json=new_user(name))).status_code == 503:
                check_unavailable(answer)
                statuses.append(503)
                time.sleep(0.05)
            statuses.append(answer.status_code)

    pushing = Thread(target=push)
    pushing.start()
    while len(statuses) < 5:
        time.sleep(0.01)
    postgres.stop(mode)
    time.sleep(0.3)
    postgres.start()
    pushing.join()
    # A commit that nobody confirmed may have been made; then the retry finds the person there.
    assert set(statuses) <= {201, 409, 503}
    assert 503 in statuses
    found = okta.get("/Users", params={"filter": f'userName co "{mark}"', "count": 100}).json()
    assert found["totalResults"] == len(names)


def test_while_redis_is_stopped_requests_pass_and_refusals_are_answered(redis, server, okta):
    name = secrets.token_hex(5)
    redis.kill()
    try:
        assert okta.get("/Users").status_code == 200
        created = okta.post("/Users", json=new_user(name))
        assert created.status_code == 201
        path = f"/Users/{created.json()['id']}"
        off = patch({"op": "replace", "value": {"active": False}})
        assert okta.patch(path, json=off).json()["active"] is False
        assert okta.post("/Users", json=new_user(name)).status_code == 409
        assert okta.delete(path).status_code == 204
        assert okta.get("/Users", headers=STRANGER).status_code == 401
    finally:
        redis.start()
    assert "Connection refused" in server.log.read_text()
    assert okta.get("/Users").status_code == 200
