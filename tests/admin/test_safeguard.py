"""The brake of the safeguard on the page of a connection."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from maptician_scim.models import (
    Brake,
    Connection,
    Departure,
    HeldBack,
    ProvisionedGroup,
    ProvisionedUser,
)
from tests.admin.test_connections import page_of, text_of

OFF = {"op": "replace", "value": {"active": False}}
STOPPED = "The safeguard has stopped a mass deactivation"


def list_of(tenant):
    return f"/admin/maptician_scim/connection/{tenant.pk}/held-back/"


def decide(browser, tenant, decision, **options):
    return browser.post(f"{list_of(tenant)}decide/", {"decision": decision}, **options)


@pytest.fixture
def tripped(acme, scim):
    """The ids of two who were held back after one had left, and of a group."""
    Connection.objects.create(tenant=acme, safeguard="on", safeguard_people=1, safeguard_percent=0)
    ids = [scim.create(userName=f"p{n}@acme.example").json()["id"] for n in range(3)]
    group = scim.push("Design", ids).json()["id"]
    assert [scim.modify(scim_id, OFF).status_code for scim_id in ids] == [200, 429, 429]
    assert scim.modify_group(group, {"op": "remove", "path": "members"}).status_code == 429
    return [*ids[1:], group]


def test_while_nothing_is_held_back_the_page_says_nothing(admin, acme):
    Connection.objects.create(tenant=acme, safeguard="on")
    assert "brake" not in admin.get(page_of(acme)).content.decode()


def test_banner_says_what_was_stopped_and_how_many_wait(admin, acme, tripped):
    text = text_of(admin.get(page_of(acme)))
    assert STOPPED in text
    assert "more than 1 people away within an hour" in text
    assert "Held back: 2 people, 1 group" in text


def test_list_of_connections_says_where_people_are_held_back(admin, acme, globex, tripped):
    def states():
        rows = text_of(admin.get("/admin/maptician_scim/connection/"))
        return rows.count("Safeguard holds people back · Connected")

    assert states() == 1
    decide(admin, acme, "release")
    assert states() == 0


def test_list_tells_the_attempt_that_would_take_most_out_of_a_group(admin, acme, scim, tripped):
    one = {"op": "remove", "path": f'members[value eq "{tripped[0]}"]'}
    assert scim.modify_group(tripped[2], one).status_code == 429
    held = HeldBack.objects.get(resource_type="Group")
    assert (held.people, held.attempts) == (3, 2)
    HeldBack.objects.update(released_at=held.last_at)
    HeldBack.objects.put(HeldBack.group(ProvisionedGroup.objects.get(), people=1), None)
    assert HeldBack.objects.get(resource_type="Group").people == 1


def test_list_links_people_and_groups_to_their_pages(admin, acme, tripped):
    answer = admin.get(list_of(acme))
    html, text = answer.content.decode(), text_of(answer)
    for scim_id in tripped[:2]:
        record = ProvisionedUser.objects.get(scim_id=scim_id)
        url = f"/admin/maptician_scim/provisioneduser/{record.pk}/change/"
        assert f'<a href="{url}">{record.user_name}</a>' in html
    assert ">Design</a>" in html
    assert "3 people at once would leave the group" in text
    assert "Test (mapt_scim_" in text


def test_list_costs_the_same_for_many_as_for_few(admin, acme, tripped, django_assert_num_queries):
    admin.get(list_of(acme))
    # Session, user; connection, brake, kinds; their number, the rows; people, groups.
    with django_assert_num_queries(9):
        admin.get(list_of(acme))
    HeldBack.objects.bulk_create(
        HeldBack(tenant=acme, resource_type="User", key=f"k{n}", name=f"n{n}") for n in range(150)
    )
    with django_assert_num_queries(9):
        text = text_of(admin.get(list_of(acme)))
    assert "153 on the list" in text
    assert "Page 1 of 2" in text


def test_release_lets_the_retries_through_and_is_logged(admin, acme, scim, tripped):
    answer = decide(admin, acme, "release", follow=True)
    text = text_of(answer)
    assert answer.redirect_chain == [(f"{page_of(acme)}#container", 302)]
    assert "The brake of the safeguard is released" in text
    assert "Released, but not sent again yet: 2 people, 1 group" in text
    assert scim.modify(tripped[0], OFF).status_code == 200
    assert "1 person, 1 group" in text_of(admin.get(page_of(acme)))
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (
        str(acme.pk),
        "Released the brake of the safeguard.",
    )


def test_keep_goes_on_holding_back_and_is_logged(admin, acme, scim, tripped):
    text = text_of(decide(admin, acme, "keep", follow=True))
    assert STOPPED in text
    assert "Kept at" in text
    assert scim.modify(tripped[0], OFF).status_code == 429
    assert LogEntry.objects.get().change_message == "Kept the brake of the safeguard."


def test_second_click_changes_nothing(admin, acme, tripped):
    decide(admin, acme, "release")
    until = Brake.objects.get().released_until
    assert "decided already" in text_of(decide(admin, acme, "release", follow=True))
    assert Brake.objects.get().released_until == until
    assert LogEntry.objects.count() == 1


def test_who_may_only_look_sees_the_list_and_no_button(allow, acme, tripped):
    browser = allow("view_connection")
    answer = browser.get(page_of(acme))
    assert STOPPED in text_of(answer)
    assert 'name="decision"' not in answer.content.decode()
    assert "p1@acme.example" in text_of(browser.get(list_of(acme)))
    assert "provisioneduser" not in browser.get(list_of(acme)).content.decode()
    assert decide(browser, acme, "release").status_code == 403
    assert Brake.objects.get().is_on


def test_without_permission_there_is_no_list(allow, acme, tripped):
    assert allow("view_event").get(list_of(acme)).status_code == 403


def test_of_another_tenant_there_is_neither_list_nor_decision(limited, globex, client_of):
    Connection.objects.create(tenant=globex, safeguard="on")
    Brake.objects.create(tenant=globex, tripped_at="2026-01-01T00:00Z", limit=1)
    assert limited.get(list_of(globex)).status_code == 403
    assert decide(limited, globex, "release").status_code == 403
    assert Brake.objects.get().is_on


@pytest.mark.parametrize("decision", ["", "explode"])
def test_what_is_no_decision_decides_nothing(admin, acme, tripped, decision):
    assert decide(admin, acme, decision).status_code == 403
    assert Brake.objects.get().is_on


def test_link_alone_decides_nothing(admin, acme, tripped):
    assert admin.get(f"{list_of(acme)}decide/?decision=release").status_code == 405
    assert admin.post(list_of(acme)).status_code == 405
    assert Brake.objects.get().is_on


def test_decision_needs_the_forms_secret(admin, acme, tripped):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    assert decide(strict, acme, "release").status_code == 403
    assert Brake.objects.get().is_on


# -- the switches ---------------------------------------------------------------------------------


def test_switches_count_from_the_next_request_on(switch, acme, scim):
    switch(safeguard="on", safeguard_people="1", safeguard_percent="0")
    ids = [scim.create(userName=f"p{n}@acme.example").json()["id"] for n in range(2)]
    assert [scim.modify(scim_id, OFF).status_code for scim_id in ids] == [200, 429]


def test_who_switches_it_off_ends_the_brake(switch, acme, scim, tripped, admin):
    switch(safeguard="off")
    assert scim.modify(tripped[0], OFF).status_code == 200
    assert STOPPED not in text_of(admin.get(page_of(acme)))
    for model in (Brake, HeldBack, Departure):
        assert not model.objects.exists()


def test_other_switches_leave_the_brake_alone(switch, acme, tripped):
    switch(safeguard="on", safeguard_people="1", safeguard_percent="0", may_create=None)
    assert Brake.objects.get().is_on


@pytest.mark.parametrize(
    ("name", "value"),
    [("safeguard_people", "0"), ("safeguard_percent", "101"), ("safeguard", "maybe")],
)
def test_threshold_that_makes_no_sense_is_not_saved(switch, acme, name, value):
    text = text_of(switch(**{"safeguard": "on", name: value}))
    assert "Nothing was saved" in text
    assert not Connection.objects.filter(safeguard="on").exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "off"),
        ({"safeguard": "on"}, "on: 100 people within an hour, or 20 % of the active"),
        (
            {"safeguard": "on", "safeguard_people": 7, "safeguard_percent": 0},
            "on: 7 people within an hour, or 0 % of the active",
        ),
    ],
)
def test_who_may_only_look_reads_the_thresholds_in_words(allow, acme, values, words):
    Connection.objects.create(tenant=acme, **values)
    text = text_of(allow("view_connection").get(page_of(acme)))
    assert f"Mass-deactivation safeguard: {words}" in text
