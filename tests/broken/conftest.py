"""A server whose database the tests look into."""

import secrets

import pytest
from django.conf import settings

from tests import live
from tests.broken.people import Company
from tests.broken.verbs import VERBS

TENANTS = """
from example_project.workplace.models import Company
from maptician_scim.models import Connection
acme = Company.objects.create(name="Acme", subdomain="acme")
globex = Company.objects.create(name="Globex", subdomain="globex")
Connection.objects.create(tenant=globex, delete_behaviour="delete")
"""


@pytest.fixture(scope="session", autouse=True)
def _postgresql():
    if "postgresql" not in settings.DATABASES["default"]["ENGINE"]:
        pytest.skip("SQLite has one writer and no server: nothing of this can happen to it")


@pytest.fixture(scope="session")
def database_url(_postgresql, tmp_path_factory):
    """A database with two companies, of which Globex has DELETE delete for good."""
    with live.own_database(tmp_path_factory.mktemp("broken")) as url:
        env = live.environment(url)
        live.manage(env, "migrate", "-v0")
        live.manage(env, "shell", "-v0", "-c", TENANTS)
        yield url


@pytest.fixture
def inside(database_url, django_db_blocker):
    """The models of this process read and write the server's database."""
    with django_db_blocker.unblock(), live.connected(database_url):
        yield


@pytest.fixture
def acme(inside):
    return Company.named("acme")


@pytest.fixture
def globex(inside):
    return Company.named("globex")


@pytest.fixture
def name():
    """A userName nobody has."""
    return f"p{secrets.token_hex(5)}@acme.example"


@pytest.fixture(scope="session")
def server(database_url, tmp_path_factory):
    """One whose workers break as a request asks them to: ``tests.broken.wsgi``."""
    # A worker that is forked from a loaded master takes the place of a dead one at once.
    loaded = ["--preload", "--workers", "3", "--threads", "2", "tests.broken.wsgi:application"]
    env, directory = live.environment(database_url), tmp_path_factory.mktemp("server")
    with live.serving(env, directory, *loaded) as running:
        yield running


@pytest.fixture(params=VERBS)
def verb(request):
    return VERBS[request.param]


@pytest.fixture
def company(request, verb):
    return request.getfixturevalue(verb.company)


@pytest.fixture
def client(server, company, verb):
    with server.client(verb.company, company.secret, Connection="close") as client:
        client.get("/Users")  # notes the use of the token, so that later requests need not
        yield client
