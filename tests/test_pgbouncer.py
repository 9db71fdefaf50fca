"""Behind PgBouncer in transaction mode, where each transaction may meet another session."""

import psycopg
import pytest
from django.conf import settings
from django.db import ConnectionHandler, DatabaseError, connections

from example_project.database import database_settings
from example_project.workplace.models import Occupant
from tests import pgbouncer
from tests.client import ENTERPRISE, PATCH_OP
from tests.live import at_once, environment, manage, okta_user, own_database, serving
from tests.pooled import DATABASES

pytestmark = [
    pytest.mark.skipif(
        settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql",
        reason="PgBouncer pools connections to PostgreSQL",
    ),
    pytest.mark.skipif(pgbouncer.executable() is None, reason="PgBouncer is not installed"),
]


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """The environment that reaches an empty database through PgBouncer."""
    with own_database(tmp_path_factory.mktemp("pgbouncer")) as url:
        manage(environment(url), "migrate", "-v0")
        with pgbouncer.pooled(url, sessions=3) as through:
            yield environment(through, DJANGO_SETTINGS_MODULE="tests.pooled")


@pytest.fixture(scope="module")
def okta(pool, tmp_path_factory):
    """An identity provider of a company, which talks to gunicorn, which talks to PgBouncer."""
    company = "from example_project.workplace.models import Company as C; "
    company += "C.objects.create(name='Acme', subdomain='acme')"
    manage(pool, "shell", "-v0", "-c", company)
    with (
        serving(pool, tmp_path_factory.mktemp("server")) as server,
        server.client("acme", server.token("acme")) as client,
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


def people_read_while_another_client_takes_the_session(url, **options):
    """What ``.iterator()`` finds, as scim_link_users and exports use it, outside a transaction."""
    connection = ConnectionHandler({"default": database_settings(url) | options})["default"]
    people = Occupant.objects.using("pooled").order_by("pk")
    connections["pooled"] = connection
    try:
        rows = people.iterator(chunk_size=1)
        found = [next(rows)]
        with psycopg.connect(url) as other:
            other.execute("SELECT 1")  # holds the session in a transaction
            return found + list(rows)
    finally:
        connection.close()
        del connections["pooled"]


@pytest.fixture
def three_people(okta):
    return [
        okta.post("/Users", json=okta_user(f"{name}@cursors.example")).json()["userName"]
        for name in ("a", "b", "c")
    ]


def test_rows_are_read_to_the_end_whoever_takes_the_session(three_people, pool, django_db_blocker):
    with django_db_blocker.unblock():
        found = people_read_while_another_client_takes_the_session(
            pool["DATABASE_URL"],
            DISABLE_SERVER_SIDE_CURSORS=DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"],
        )
    assert [person.email for person in found][-3:] == three_people


def test_without_the_setting_a_cursor_is_lost_with_its_session(
    three_people, pool, django_db_blocker
):
    with django_db_blocker.unblock(), pytest.raises(DatabaseError, match="cursor"):
        people_read_while_another_client_takes_the_session(pool["DATABASE_URL"])


def test_commands_that_walk_through_all_tenants_work(okta, pool):
    assert "acme" in manage(pool, "scim_link_users", "-v2")
