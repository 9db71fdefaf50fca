"""The verbs on people where the database refuses what a look beforehand did not see."""

import pytest
from django.db import IntegrityError

from example_project.workplace.models import Occupant
from maptician_scim import signals
from maptician_scim.models import Event, ProvisionedUser
from maptician_scim.provisioning import UserProvisioner
from tests.factories import OccupantFactory

# Without a transaction around each test, what rolls back is what rolls back in production.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chief():
    """Somebody of no company who has the username acme's ``pat`` would get."""
    return OccupantFactory(staff=True, username="pat@acme", email="chief@maptician.example")


@pytest.fixture
def heard():
    """The verbs the host has heard of, inside the transaction and after it."""
    found = []

    def inside(sender, verb, **kwargs):
        found.append(f"inside: {verb}")

    def outside(sender, **kwargs):
        found.append("outside")

    signals.in_transaction.connect(inside)
    signals.user_provisioned.connect(outside)
    yield found
    signals.in_transaction.disconnect(inside)
    signals.user_provisioned.disconnect(outside)


@pytest.fixture
def unseen(monkeypatch):
    """As if everybody else were created after the look-up, and before the insert."""

    def blind(self, user_name):
        adapter = self.adapter_class(None, self.request, tenant=self.tenant)
        adapter.obj = adapter.new_user()
        return adapter

    monkeypatch.setattr(UserProvisioner, "_adapter_for_new", blind)


def test_if_a_stranger_has_the_username_then_another_is_taken(scim, chief, acme, heard):
    answer = scim.create(userName="pat")
    assert (answer.status_code, answer.json()["userName"]) == (201, "pat")
    user = acme.occupants.get()
    assert user.username.startswith("pat-")
    assert user.username.endswith("@acme")
    assert heard == ["inside: provisioned", "outside"]
    assert Event.objects.get().status == 201


def test_if_a_stranger_has_the_new_username_then_another_is_taken(scim, chief, acme):
    person = scim.create(userName="kim").json()
    answer = scim.replace(person["id"], {"userName": "pat", "title": "New"})
    assert (answer.status_code, answer.json()["userName"]) == (200, "pat")
    user = acme.occupants.get()
    assert (user.job_title, user.username.startswith("pat-")) == ("New", True)


def test_if_no_username_helps_then_it_is_a_rule_of_the_host(scim, acme, monkeypatch):
    tried = []

    def refuse(self, *args, **kwargs):
        tried.append(self.username)
        raise IntegrityError

    monkeypatch.setattr(Occupant, "save", refuse)
    assert scim.create(userName="pat").status_code == 409
    assert len(set(tried)) == 2
    assert Event.objects.get().reason == "host_rule"


def test_if_the_host_refuses_a_change_without_a_new_username_then_it_is_tried_once(
    scim, monkeypatch
):
    person = scim.create(userName="pat").json()
    tried = []

    def refuse(self, *args, **kwargs):
        tried.append(self)
        raise IntegrityError

    monkeypatch.setattr(Occupant, "save", refuse)
    answer = scim.modify(person["id"], {"op": "add", "path": "title", "value": "New"})
    assert (answer.status_code, len(tried)) == (409, 1)
    monkeypatch.undo()
    assert scim.read(person["id"]).json() == person


def test_of_two_created_between_look_up_and_insert_one_wins(scim, acme, unseen, heard):
    assert scim.create(userName="pat").status_code == 201
    answer = scim.create(userName="PAT")
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert acme.occupants.count() == ProvisionedUser.objects.count() == 1
    assert heard == ["inside: provisioned", "outside"]


def test_after_a_conflict_the_next_operations_of_a_bulk_are_done(scim, acme, unseen):
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": {"userName": name}}
        for n, name in enumerate(["pat", "pat", "kim", "Pat", "lee"])
    ]
    results = scim.bulk(*operations).json()["Operations"]
    assert [result["status"] for result in results] == ["201", "409", "201", "409", "201"]
    assert acme.occupants.count() == 3
