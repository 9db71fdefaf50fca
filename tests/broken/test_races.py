"""Fifty at once, on two processes: no lost update, no twin, no deadlock that a client sees.

Once in the suite, twenty times with ``THOROUGH=1``.
"""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session

from example_project.workplace.models import Occupant, Team
from maptician_scim.models import Event, ProvisionedGroup, ProvisionedUser, Token
from tests import live
from tests.broken import THOROUGH
from tests.broken.people import Group, Person
from tests.broken.verbs import change, change_members, create, create_group, delete, patch, send
from tests.live import at_once

AT_ONCE = 50
READ = "GET", "/Users?count=0", None
rounds = pytest.mark.parametrize("round_", range(20 if THOROUGH else 1))


@pytest.fixture(scope="module")
def server(database_url, tmp_path_factory):
    """As in production, with more threads: many transactions are open at once."""
    env = live.environment(database_url, DJANGO_SETTINGS_MODULE="tests.broken.settings")
    directory = tmp_path_factory.mktemp("races")
    with live.serving(env, directory, "--preload", "--threads", "16") as running:
        yield running


@pytest.fixture
def okta(server, acme):
    with server.client("acme", acme.secret) as client:
        client.get("/Users")
        yield client


@pytest.fixture
def jane(acme, name):
    return Person(acme, name).join()


@pytest.fixture
def team(acme, jane):
    return Group(acme, jane.mark).form()


def race(client, *requests):
    """The statuses that as many clients as there are requests get at the same moment."""
    answers = at_once(*(lambda r=r: send(client, r) for r in requests))
    return sorted(answer.status_code for answer in answers)


@rounds
def test_of_fifty_posts_of_one_user_name_one_creates(okta, acme, name, round_):
    request = create(Person(acme, name))
    assert race(okta, *[request] * AT_ONCE) == [201] + [409] * (AT_ONCE - 1)
    assert Occupant.objects.filter(email=name).count() == 1
    assert ProvisionedUser.objects.filter(user_name=name).count() == 1
    logged = Event.objects.filter(user_name=name, verb="create").values_list("status", flat=True)
    assert sorted(logged) == [201] + [409] * (AT_ONCE - 1)


@rounds
def test_of_fifty_posts_of_one_group_one_creates(okta, acme, jane, round_):
    request = create_group(Group(acme, jane.mark), jane)
    assert race(okta, *[request] * AT_ONCE) == [201] + [409] * (AT_ONCE - 1)
    assert Team.objects.filter(name=jane.mark).count() == 1
    assert ProvisionedGroup.objects.filter(display_name=jane.mark).count() == 1


@rounds
def test_fifty_patches_that_each_add_an_address_lose_none(okta, jane, round_):
    addresses = {f"{n}@{jane.mark}.example" for n in range(AT_ONCE)}
    path = f"/Users/{jane.id}"

    def add(address):
        value = [{"value": address, "type": f"other-{address}"}]
        return "PATCH", path, patch({"op": "add", "path": "emails", "value": value})

    assert race(okta, *map(add, addresses)) == [200] * AT_ONCE
    emails = okta.get(path).json()["emails"]
    assert {email["value"] for email in emails} == addresses | {jane.name}


@rounds
def test_fifty_patches_that_each_add_a_member_lose_none(okta, acme, team, round_):
    people = [Person(acme, f"{n}{team.name}@acme.example").join(seated=False) for n in range(50)]
    add = change_members("add")
    assert race(okta, *(add(team, person) for person in people)) == [200] * AT_ONCE
    assert Team.objects.get(name=team.name).members.count() == AT_ONCE
    assert ProvisionedGroup.objects.get(display_name=team.name).version == 1 + AT_ONCE


@rounds
def test_patches_and_deletes_of_one_person_leave_them_deleted_once(okta, jane, round_):
    patches = [change(title=f"Title {n}")(jane) for n in range(AT_ONCE // 2)]
    deletes = [delete(jane)] * (AT_ONCE // 2)
    both = [request for pair in zip(patches, deletes, strict=True) for request in pair]
    statuses = race(okta, *both)
    assert set(statuses) <= {200, 204, 404}
    assert statuses.count(204) == 1
    assert okta.get(both[0][1]).status_code == 404
    assert not Occupant.objects.get(email=jane.name).is_active
    assert jane.lets_in == [0, 0, 0]


@rounds
def test_pushes_of_groups_and_changes_of_their_people_never_wait_for_each_other_in_a_circle(
    okta, acme, team, name, round_
):
    """Whatever the order in which rows are locked, the client hears of no deadlock."""
    people = [Person(acme, f"{n}{team.name}@acme.example").join(seated=False) for n in range(10)]
    other = Group(acme, f"other {team.name}").form(*people[:5])
    requests = []
    for n, person in enumerate(people):
        requests += [change_members("add")(team, person), change_members("remove")(other, person)]
        requests += [change(title="Late")(person), change(active=False)(person)]
        requests += [delete(person)] if n % 2 else [change(active=True)(person)]
    statuses = race(okta, *requests)
    assert set(statuses) <= {200, 204, 400, 404}
    gone = [person for n, person in enumerate(people) if n % 2]
    assert not Team.objects.filter(members__email__in=[p.name for p in gone]).exists()
    for person in people:
        if not Occupant.objects.get(email=person.name).is_active:
            assert person.lets_in == [0, 0, 0]


@rounds
def test_token_works_while_it_is_rotated(okta, server, acme, round_):
    with ThreadPoolExecutor(1) as pool:
        rotating = pool.submit(live.manage, server.env, "scim_token", "rotate", acme.secret[:18])
        statuses = set(race(okta, *[READ] * AT_ONCE))
        while not rotating.done():
            statuses |= set(race(okta, *[READ] * 5))
    assert statuses == {200}
    successor = rotating.result().strip()
    with server.client("acme", successor) as client:
        assert race(client, *[READ] * AT_ONCE) == [200] * AT_ONCE
    assert Token.objects.filter(predecessor__prefix=acme.secret[:18]).count() == 1


@rounds
def test_whoever_logs_in_while_being_deactivated_keeps_no_session(okta, server, acme, name, round_):
    """Twenty-five log in, each of them deactivated at the same moment."""
    people = [Person(acme, f"{n}{name}").join(seated=False) for n in range(AT_ONCE // 2)]
    hashed = MD5PasswordHasher().encode("Correct-Horse-1", "salt")
    theirs = Occupant.objects.filter(email__in=[person.name for person in people])
    theirs.update(password=hashed)
    login = f"http://127.0.0.1:{server.port}/login/"

    def log_in(person):
        with httpx.Client(headers={"Host": server.host("acme")}, timeout=60) as browser:
            form = {"username": person.name, "password": "Correct-Horse-1"}
            browser.get(login)
            token = browser.cookies["csrftoken"]
            return browser.post(login, data=form | {"csrfmiddlewaretoken": token})

    deactivations = map(change(active=False), people)
    calls = [lambda p=p: log_in(p) for p in people]
    answers = at_once(*calls, *(lambda r=r: send(okta, r) for r in deactivations))
    assert {answer.status_code for answer in answers[len(people) :]} == {200}
    assert {answer.status_code for answer in answers[: len(people)]} <= {200, 302}
    assert [person.lets_in for person in people] == [[0, 0, 0]] * len(people)
    ids = {str(pk) for pk in theirs.values_list("pk", flat=True)}
    owners = [session.get_decoded().get(SESSION_KEY) for session in Session.objects.all()]
    assert not ids.intersection(owners)
