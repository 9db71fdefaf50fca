"""The page of a tenant's connection while its identity provider tries to get in."""

import httpx
import pytest
from playwright.sync_api import expect

from maptician_scim.models import Token
from tests import live
from tests.browser.accessibility import assert_cared_for

WITHIN = 3_000  # milliseconds, without a reload
TEST_CONNECTOR = {"startIndex": 1, "count": 2}


@pytest.fixture
def watched(page, company):
    """A function that opens the company's page, and its live state."""

    def open_page():
        page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
        page.evaluate("window.isTheSamePage = true")
        return page.get_by_role("region", name="Live state")

    return open_page


def test_without_a_token_the_page_says_so(watched):
    expect(watched()).to_contain_text("No token has been issued yet")


def test_state_turns_green_while_okta_tests_the_connector(watched, okta, page):
    state = watched()
    expect(state).to_contain_text("Waiting for the first request")
    okta.get("/Users", params=TEST_CONNECTOR)
    expect(state).to_contain_text("Connected: Okta", timeout=WITHIN)
    expect(state).to_contain_text("0 people visible")
    assert page.evaluate("window.isTheSamePage")
    assert_cared_for(page)


def test_state_after_trouble_turns_green_again(watched, okta):
    state = watched()
    okta.get("/Users", headers={"Authorization": "Bearer wrong"})
    expect(state).to_contain_text("Not connected", timeout=WITHIN)
    okta.get("/Users", params=TEST_CONNECTOR)
    expect(state).to_contain_text("Connected: Okta", timeout=WITHIN)


MISTAKES = {
    "one letter short": (lambda sent: sent[:-1], "not a whole token"),
    "doubled Bearer": (lambda sent: f"Bearer {sent}", "stands twice"),
}
"""All of them are in ``tests/test_live_state.py``; here, that they reach the page."""


@pytest.mark.parametrize(("mistake", "said"), MISTAKES.values(), ids=MISTAKES)
def test_wrong_token_is_explained(watched, okta, page, mistake, said):
    state = watched()
    header = mistake(okta.headers["Authorization"])
    okta.get("/Users", params=TEST_CONNECTOR, headers={"Authorization": header})
    expect(state).to_contain_text(said, timeout=WITHIN)
    expect(state.locator("[data-state=advice]")).not_to_be_empty()
    assert page.evaluate("window.isTheSamePage")


def test_token_seen_is_named_by_its_beginning(watched, okta, company, page):
    state = watched()
    assert_cared_for(page)
    okta.get("/Users", headers={"Authorization": okta.headers["Authorization"][:-1]})
    prefix = Token.objects.for_tenant(company).get().prefix
    expect(state).to_contain_text(f"begins with {prefix}", timeout=WITHIN)
    assert_cared_for(page)


def test_revoked_token_is_explained(watched, okta, company):
    state = watched()
    Token.objects.for_tenant(company).get().revoke("Seen in a chat")
    okta.get("/Users", params=TEST_CONNECTOR)
    expect(state).to_contain_text("the token is revoked", timeout=WITHIN)


def test_token_from_outside_its_networks_is_explained(watched, okta, company):
    state = watched()
    Token.objects.for_tenant(company).update(networks=["192.0.2.0/24"])
    okta.get("/Users", params=TEST_CONNECTOR)
    expect(state).to_contain_text("127.0.0.1, which is outside the networks", timeout=WITHIN)


def test_wrong_base_url_is_explained(watched, okta, server, company):
    state = watched()
    answer = httpx.get(
        f"http://127.0.0.1:{server.port}/scim/Users", params=TEST_CONNECTOR, headers=okta.headers
    )
    expect(state).to_contain_text("the base URL is wrong", timeout=WITHIN)
    assert "base URL" in answer.json()["detail"]


def test_token_sent_to_another_companys_address_is_explained(watched, okta, server):
    state = watched()
    okta.get("/Users", headers={"Host": server.host("nobody")})
    expect(state).to_contain_text("another", timeout=WITHIN)


def test_if_somebody_switches_scim_off_then_the_page_and_okta_are_told(page, watched, okta):
    state = watched()
    page.get_by_label("SCIM is on").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(state).to_contain_text("switched off")
    assert okta.get("/Users").status_code == 403
    assert_cared_for(page)


def test_steps_name_the_companys_own_values(page, watched, okta, server, company):
    watched()
    base_url = f"http://{server.host(company.subdomain)}/scim/v2"
    for steps in page.locator("details.scim-steps").all():
        assert steps.locator("li").count() == 8
        assert base_url in steps.text_content()


def test_attribute_table_is_copied_as_a_whole(open_page, admin, company):
    page = open_page(admin, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    page.get_by_role("button", name="Copy the table").click()
    page.wait_for_function("navigator.clipboard.readText().then(text => text.includes('userName'))")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) == 1 + 15
    assert len({line.count("\t") for line in lines}) == 1


def test_page_works_without_javascript(open_page, admin, company, okta):
    okta.get("/Users", params=TEST_CONNECTOR)
    page = open_page(admin, java_script_enabled=False)
    page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    expect(page.get_by_text("Connected: Okta")).to_be_visible()
    page.get_by_role("link", name="Check again").click()
    expect(page.get_by_text("Connected: Okta")).to_be_visible()


def test_supporter_of_another_company_gets_no_hint(open_page, supporter, company):
    page = open_page(supporter, tolerate="403")
    answer = page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    assert answer.status == 403
    page.goto("/admin/maptician_scim/connection/")
    expect(page.get_by_text(company.name)).to_have_count(0)
    assert_cared_for(page)


def test_charts_can_be_read_without_colour(page, watched, okta):
    okta.post("/Users", json=live.okta_user("pat@x.example"))
    watched()
    for chart in page.locator("figure.scim-chart").all():
        assert chart.get_by_role("img").get_attribute("aria-describedby")
        chart.get_by_text("The numbers as a table").click()
        expect(chart.get_by_role("table")).to_be_visible()
