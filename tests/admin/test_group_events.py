"""What the admin says of the events of groups."""

import re

import pytest

from maptician_scim.models import Event
from tests.admin.test_events import LIST, browser, limited  # noqa: F401 fixtures

OKTA = {"user_agent": "Okta SCIM Client 1.0.0"}


@pytest.fixture
def team(scim):
    """A group from which a has gone, and into which b has come."""
    a, b = (scim.create(userName=name).json()["id"] for name in "ab")
    group = scim.push("Engineers", [a]).json()
    operation = {"op": "replace", "path": "members", "value": [{"value": b}]}
    scim.modify_group(group["id"], operation, **OKTA)
    return group | {"gone": a, "come": b}


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def found(browser, term):  # noqa: F811
    changelist = browser.get(LIST, {"q": term}).context["cl"]
    return {(event.verb, event.resource_id) for event in changelist.result_list}


def test_event_of_a_group_says_which(browser, team):  # noqa: F811
    page = text_of(browser.get(LIST))
    assert "Okta updated the group “Engineers”: 1 added, 1 removed." in page


def test_page_says_who_left_and_who_came(browser, team):  # noqa: F811
    event = Event.objects.get(verb="patch")
    answer = browser.get(f"{LIST}{event.pk}/change/")
    left, came = answer.context["changes"]
    assert (left.kind, left.old, left.new) == ("removed", [team["gone"]], [])
    assert (came.kind, came.old, came.new) == ("added", [], [team["come"]])
    assert "All events of this group" in text_of(answer)


def test_events_are_found_by_the_groups_name(browser, team):  # noqa: F811
    assert found(browser, "engin") == {("create", team["id"]), ("patch", team["id"])}


def test_groups_name_is_nobodys_user_name(browser, scim, team):  # noqa: F811
    person = scim.create(userName="engineers@acme.example").json()
    assert ("create", person["id"]) in found(browser, "engineers@")
    assert len(found(browser, "engineers@")) == 1


def test_limited_administrator_finds_no_groups_of_others(browser, limited, other_scim):  # noqa: F811
    other_scim.push("Secret")
    assert found(browser, "secret") == set()


def test_refusal_says_why_and_what_to_do(browser, scim, acme, host):  # noqa: F811
    host.group(acme, "Board")
    scim.push("Board")
    event = Event.objects.get()
    page = text_of(browser.get(f"{LIST}{event.pk}/change/"))
    assert (
        "tried to create the group “Board”; refused: Maptician has a group called “Board”" in page
    )
    assert "Open that group to SCIM" in page
