from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

from maptician_scim import activity, throttling
from maptician_scim.models import Token
from tests import hosts, plain_role
from tests.client import ScimClient
from tests.invariants import check_invariants

# The tests of the second host need its settings.
collect_ignore = [] if settings.AUTH_USER_MODEL == "auth.User" else ["clubs"]


LONGEST = ["second_host", "conformance_tools", "demo", "live", "doctor", "readme", "secret"]
LONGEST += [f"broken/test_{name}" for name in ("killed", "receivers", "database_fails", "races")]
LONGEST += [f"browser/test_{name}" for name in ("connection", "pages", "tokens", "admin")]
"""The files that take longest, each of which one process runs: what begins last ends last."""


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}

    def place(item):
        name = item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
        return places.get(name.removeprefix("test_"), len(places))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def _nothing_counted():
    """Refusals are counted in the cache, requests in the process; no test sees another's."""
    cache.clear()
    activity.forget()
    throttling.forget()


@pytest.fixture
def host():
    """The host project under test."""
    return hosts.current()


@pytest.fixture
def acme(db, host):
    return host.tenant("acme")


@pytest.fixture
def globex(db, host):
    return host.tenant("globex")


@pytest.fixture
def client_of(db):
    """A function: a SCIM client with a new token for a tenant."""

    def make(tenant, **token):
        _, secret = Token.objects.issue(tenant=tenant, name="Test", **token)
        return ScimClient(tenant.subdomain, secret)

    return make


@pytest.fixture
def row_level_security(transactional_db, settings):
    """PostgreSQL with policies, reached by a role that they hold; the name of the role."""
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"ROW_LEVEL_SECURITY": True}
    plain_role.install_policies()
    try:
        with plain_role.connected_as_plain_role() as name:
            yield name
    finally:
        plain_role.remove_policies()


@pytest.fixture
def _invariants(db):
    """Whatever the test does, the tables are as they have to be afterwards."""
    yield
    check_invariants()


@pytest.fixture
def scim(acme, client_of):
    """The identity provider of acme."""
    return client_of(acme)


@pytest.fixture
def other_scim(globex, client_of):
    """The identity provider of globex."""
    return client_of(globex)
