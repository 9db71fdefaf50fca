"""The brake of the safeguard, in a browser."""

import pytest
from playwright.sync_api import expect

from maptician_scim.models import Connection
from tests import live
from tests.browser.accessibility import assert_cared_for


@pytest.fixture
def stopped(company, okta):
    """Somebody who was held back after another had left."""
    Connection.objects.create(
        tenant=company, safeguard="on", safeguard_people=1, safeguard_percent=0
    )
    people = [
        okta.post("/Users", json=live.okta_user(f"{name}@{company.subdomain}.example")).json()
        for name in ("sam", "pat")
    ]
    answers = [okta.put(f"/Users/{p['id']}", json=p | {"active": False}) for p in people]
    assert [answer.status_code for answer in answers] == [200, 429]
    return people[1]


@pytest.fixture
def brake(page, company, stopped):
    page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    return page.get_by_role("region", name="The safeguard has stopped a mass deactivation")


def test_one_click_releases_and_the_retry_is_let_through(page, brake, okta, stopped):
    expect(brake).to_contain_text("Held back: 1 person.")
    assert_cared_for(page)
    brake.get_by_role("button", name="Release").click()
    released = page.get_by_role("region", name="The brake of the safeguard is released")
    expect(released).to_contain_text("Released, but not sent again yet: 1 person.")
    assert_cared_for(page)
    answer = okta.put(f"/Users/{stopped['id']}", json=stopped | {"active": False})
    assert (answer.status_code, answer.json()["active"]) == (200, False)


def test_one_click_keeps_it(page, brake, okta, stopped):
    brake.get_by_role("button", name="Keep").click()
    expect(brake).to_contain_text("Kept at")
    expect(brake.get_by_role("button", name="Keep")).to_have_count(0)
    answer = okta.put(f"/Users/{stopped['id']}", json=stopped | {"active": False})
    assert answer.status_code == 429


def test_list_leads_to_the_person(page, brake, stopped):
    brake.get_by_role("link", name="Who is held back").click()
    table = page.get_by_role("group", name="1 on the list").get_by_role("table")
    expect(table).to_contain_text("would lose access")
    assert_cared_for(page)
    table.get_by_role("link", name=stopped["userName"]).click()
    expect(page.locator("#content")).to_contain_text(stopped["id"])
