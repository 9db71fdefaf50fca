"""The switches of a tenant, as its identity provider meets them."""

from datetime import timedelta

import pytest

from example_project.workplace.models import Occupant
from maptician_scim.models import Connection, Event, ProvisionedUser, Token, now
from tests.factories import OccupantFactory

PAT = "pat@acme.example"


@pytest.fixture
def connection(acme):
    return Connection.objects.create(tenant=acme)


@pytest.fixture
def switch(connection):
    def change(**values):
        Connection.objects.for_tenant(connection.tenant).update(**values)

    return change


@pytest.fixture
def pat(acme):
    return ProvisionedUser.objects.get(user=OccupantFactory(company=acme, email=PAT))


def refusal(answer):
    """Status and reason of the event an answer left behind."""
    event = Event.objects.latest("id")
    assert event.status == answer.status_code
    return event.status, event.reason


def test_tenant_without_a_row_has_the_defaults(acme):
    connection = Connection.of(acme)
    assert (connection.is_enabled, connection.may_create) == (True, True)
    assert connection.deletes == "deactivate"
    assert connection.accepts_address("anybody@anywhere.example")


def test_while_scim_is_off_every_request_is_refused(scim, switch):
    switch(is_enabled=False)
    answer = scim.search()
    assert refusal(answer) == (403, "switched_off")
    assert "switched off" in answer.json()["detail"]


def test_while_scim_is_off_a_wrong_token_learns_nothing_of_it(scim, switch):
    switch(is_enabled=False)
    answer = scim.request_scim("GET", "/Users", authorization="Bearer x")
    assert answer.status_code == 401


def test_switch_counts_at_the_next_request(scim, switch):
    switch(is_enabled=False)
    scim.search()
    switch(is_enabled=True)
    assert scim.search().status_code == 200


def test_while_creating_is_off_people_are_updated_only(scim, pat, switch):
    switch(may_create=False)
    assert refusal(scim.create(userName="new@acme.example")) == (403, "create_off")
    assert scim.replace(pat.scim_id, {"userName": PAT, "title": "Boss"}).status_code == 200


@pytest.mark.parametrize(
    "attributes",
    [
        {"userName": "kim@evil.example"},
        {"userName": "kim", "emails": [{"value": "kim@evil.example"}]},
        {"userName": "kim", "emails": [{"value": "kim@evil.acme.example"}]},
        {"userName": "kim", "emails": [{"value": "kim@acme.example@evil.example"}]},
        {
            "userName": "kim@acme.example",
            "emails": [{"value": "kim@acme.example"}, {"value": "kim@evil.example"}],
        },
    ],
    ids=["userName", "e-mail", "subdomain", "two at signs", "second e-mail"],
)
def test_address_in_another_domain_is_refused(scim, switch, attributes):
    switch(email_domains=["acme.example"])
    answer = scim.create(**attributes)
    assert refusal(answer) == (400, "email_domain")
    assert answer.json()["scimType"] == "invalidValue"
    assert "acme.example" in answer.json()["detail"]
    assert not ProvisionedUser.objects.exists()


def test_address_in_an_accepted_domain_is_taken_in_any_case(scim, switch):
    switch(email_domains=["acme.example"])
    answer = scim.create(userName="kim", emails=[{"value": "Kim@ACME.example"}])
    assert answer.status_code == 201


def test_change_to_another_domain_is_refused(scim, pat, switch):
    switch(email_domains=["acme.example"])
    path = 'emails[type eq "work"].value'
    answer = scim.modify(pat.scim_id, {"op": "replace", "path": path, "value": "p@evil.example"})
    assert refusal(answer) == (400, "email_domain")


def test_somebody_of_another_domain_can_still_be_deactivated(scim, pat, switch):
    switch(email_domains=["other.example"])
    body = scim.read(pat.scim_id).json() | {"active": False}
    assert scim.replace(pat.scim_id, body).json()["active"] is False


def test_tenant_decides_what_delete_does(scim, pat, switch):
    switch(delete_behaviour="delete")
    assert scim.remove(pat.scim_id).status_code == 204
    assert not Occupant.objects.exists()


def test_switches_cost_no_query(scim, pat, connection, django_assert_num_queries):
    scim.search()
    with django_assert_num_queries(2):
        scim.read(pat.scim_id)


# -- what is written at once --------------------------------------------------------------------


@pytest.fixture
def used(scim):
    """The token of acme, last used half a minute ago."""
    Token.objects.update(last_used_at=now() - timedelta(seconds=30), first_used_at=now())
    return Token.objects.get()


def was_noted(token):
    before = token.last_used_at
    token.refresh_from_db()
    return token.last_used_at > before


def test_use_within_the_minute_is_not_written(scim, used):
    scim.search()
    assert not was_noted(used)


def test_while_somebody_watches_each_use_is_written(scim, used, acme):
    Connection.of(acme).watch()
    scim.search()
    assert was_noted(used)


def test_watching_ends_by_itself(scim, used, acme):
    Connection.of(acme).watch()
    Connection.objects.update(watched_until=now() - timedelta(seconds=1))
    scim.search()
    assert not was_noted(used)


def test_first_success_after_a_refusal_is_written(scim, used):
    scim.request_scim("GET", "/Users", authorization="Bearer x")
    scim.search()
    assert was_noted(used)


def test_use_of_a_rotated_token_is_written(scim, used):
    used.rotate(name="Next", keep_for=None)
    scim.search()
    assert was_noted(used)


def test_while_somebody_watches_refusals_are_written_every_second(scim, acme):
    def refuse():
        scim.request_scim("GET", "/Users", authorization="Bearer x")

    refuse()
    Event.objects.update(created_at=now() - timedelta(seconds=2))
    Connection.of(acme).watch()
    refuse()
    refuse()
    assert Event.objects.for_tenant(acme).count() == 2
