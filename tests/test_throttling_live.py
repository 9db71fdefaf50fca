"""Two processes share one budget through Redis."""

import secrets

import pytest

from tests import live
from tests.test_throttling import REDIS, needs_redis

BUDGET = 30
COMPANY = """
from example_project.workplace.models import Company
Company.objects.create(name="Acme", subdomain="acme")
"""


@pytest.fixture
def server(tmp_path):
    """Two workers, an hour in which so many requests are let in, and a key prefix of its own."""
    with live.own_database(tmp_path) as url:
        prefix = f"test-{secrets.token_hex(8)}"
        shared = {"REDIS_URL": REDIS, "CACHE_KEY_PREFIX": prefix, "SCIM_THROTTLE": f"{BUDGET}/h"}
        env = live.environment(url, **shared)
        live.manage(env, "migrate", "-v0")
        live.manage(env, "shell", "-v0", "-c", COMPANY)
        with live.serving(env, tmp_path) as running:
            yield running


@needs_redis
def test_two_workers_share_one_budget(server):
    secret = server.token("acme")

    def ask():
        with server.client("acme", secret) as client:  # a connection, which any worker may take
            return [client.get("/Users", params={"count": 0}) for _ in range(4)]

    answers = [answer for several in live.at_once(*[ask] * 20) for answer in several]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert sum(answer.status_code == 200 for answer in answers) == BUDGET
    assert len(refused) == len(answers) - BUDGET
    assert all(answer.headers["Retry-After"].isdigit() for answer in refused)
