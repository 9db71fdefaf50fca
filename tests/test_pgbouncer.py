"""Behind PgBouncer in transaction mode, where each transaction may meet another session."""

from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from example_project.workplace.models import Company, Occupant
from maptician_scim.models import Token
from tests import pgbouncer, pooled
from tests.client import ENTERPRISE, PATCH_OP
from tests.live import at_once, connected, environment, okta_user, own_database, serving

pytestmark = [
    pytest.mark.django_db,  # whose database is copied
    pytest.mark.skipif(
        settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql",
        reason="PgBouncer pools connections to PostgreSQL",
    ),
    pytest.mark.skipif(pgbouncer.executable() is None, reason="PgBouncer is not installed"),
]


@pytest.fixture(scope="module")
def url(django_db_setup, django_db_blocker, tmp_path_factory):
    """The URL of a migrated, empty database through PgBouncer."""
    with django_db_blocker.unblock():
        template = connection.settings_dict["NAME"]
        connection.close()  # a database in use cannot be copied
    with (
        own_database(tmp_path_factory.mktemp("pgbouncer"), template) as direct,
        pgbouncer.pooled(direct, sessions=3) as through,
    ):
        yield through


@pytest.fixture(scope="module")
def using(url, django_db_blocker):
    """A context manager: the models of this process use that database."""

    @contextmanager
    def using(**options):
        with django_db_blocker.unblock(), connected(url, **options):
            yield

    return using


@pytest.fixture(scope="module")
def okta(url, using, tmp_path_factory):
    """An identity provider of a company, which talks to gunicorn, which talks to PgBouncer."""
    with using():
        acme = Company.objects.create(name="Acme", subdomain="acme")
        _, secret = Token.objects.issue(tenant=acme, name="Okta")
    env = environment(url, DJANGO_SETTINGS_MODULE="tests.pooled")
    with (
        serving(env, tmp_path_factory.mktemp("server")) as server,
        server.client("acme", secret) as client,
    ):
        yield client


def patched(client, person, path, value):
    operation = {"op": "replace", "path": path, "value": value}
    body = {"schemas": [PATCH_OP], "Operations": [operation]}
    return client.patch(f"/Users/{person['id']}", json=body)


def test_whole_conversation_of_an_identity_provider(okta):
    created = okta.post("/Users", json=okta_user("jane@acme.example")).json()
    found = okta.get("/Users", params={"filter": 'userName eq "JANE@acme.example"'}).json()
    replaced = okta.put(
        f"/Users/{created['id']}", json=okta_user("jane@acme.example", title="Head")
    ).json()
    group = okta.post("/Groups", json={"displayName": "Team"}).json()
    add = {"op": "add", "path": "members", "value": [{"value": created["id"]}]}
    body = {"schemas": [PATCH_OP], "Operations": [add]}
    team = okta.patch(f"/Groups/{group['id']}", json=body).json()
    gone = patched(okta, created, "active", False).json()
    ended = okta.delete(f"/Users/{created['id']}")
    assert found["Resources"][0]["id"] == created["id"]
    assert replaced["title"] == "Head"
    assert [member["value"] for member in team["members"]] == [created["id"]]
    assert gone["active"] is False
    assert ended.status_code == 204
    assert okta.get("/Users").json()["totalResults"] == 0


def test_more_clients_at_once_than_sessions_lose_nothing(okta):
    person = okta.post("/Users", json=okta_user("john@acme.example")).json()
    changes = {
        "title": "Engineer II",
        "nickName": "J",
        "userType": "Contractor",
        f"{ENTERPRISE}:department": "Sales",
        f"{ENTERPRISE}:employeeNumber": "12",
        "name.givenName": "Jon",
    }
    answers = at_once(*(lambda c=c: patched(okta, person, *c) for c in changes.items()))
    after = okta.get(f"/Users/{person['id']}").json()
    assert {answer.status_code for answer in answers} == {200}
    assert (after["title"], after["nickName"], after["userType"]) == (
        "Engineer II",
        "J",
        "Contractor",
    )
    assert after[ENTERPRISE]["department"] == "Sales"
    assert after["name"]["givenName"] == "Jon"


# -- cursors ------------------------------------------------------------------------------------

AS_DOCUMENTED = pooled.DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]


@pytest.fixture
def three_people(okta):
    names = [f"{name}@cursors.example" for name in ("a", "b", "c")]
    for name in names:
        okta.post("/Users", json=okta_user(name))
    return names


def read_while_another_client_takes_the_session(url):
    """What ``.iterator()`` finds outside of a transaction, as exports use it."""
    rows = Occupant.objects.order_by("pk").iterator(chunk_size=1)
    first = next(rows)
    with psycopg.connect(url) as other:
        other.execute("SELECT 1")  # and stays in a transaction
        return [person.email for person in (first, *rows)]


def test_rows_are_read_to_the_end_whoever_takes_the_session(url, using, three_people):
    with using(DISABLE_SERVER_SIDE_CURSORS=AS_DOCUMENTED):
        found = read_while_another_client_takes_the_session(url)
    assert found[-3:] == three_people


def test_command_that_walks_through_all_tenants_works(using, okta):
    with using(DISABLE_SERVER_SIDE_CURSORS=AS_DOCUMENTED):
        acme = Company.objects.get()
        Occupant.objects.bulk_create([Occupant(company=acme, username="unlinked")])
        call_command("scim_link_users", verbosity=0)
    found = okta.get("/Users", params={"filter": 'userName eq "unlinked"'}).json()
    assert found["totalResults"] == 1
