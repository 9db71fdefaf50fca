"""Finding out what has happened to whom, and why."""

import secrets

import pytest
from playwright.sync_api import expect

from maptician_scim.models import ProvisionedUser
from tests.browser.accessibility import assert_cared_for
from tests.live import okta_user

SCRIPT = "\"'><script>window.taken = 1</script><img src=x onerror=window.taken=1>"


@pytest.fixture
def name():
    return f"pat-{secrets.token_hex(4)}@acme.example"


@pytest.fixture
def pat(okta, name):
    created = okta.post("/Users", json=okta_user(name))
    assert created.status_code == 201, created.text
    return created.json()


def search(page, text):
    page.goto("/admin/maptician_scim/event/")
    page.locator("#searchbar").fill(text)
    page.get_by_role("button", name="Search").click()


def test_why_was_this_person_not_created(page, okta, pat, name):
    okta.put(f"/Users/{pat['id']}", json=pat | {"active": False})
    okta.post("/Users", json=okta_user(name.upper()))
    search(page, name)
    sentence = page.get_by_text("belongs to a person who was deactivated")
    expect(sentence.first).to_be_visible()
    assert_cared_for(page)
    page.locator("#result_list tbody tr").first.get_by_role("link").first.click()
    expect(page.get_by_text("What to do:")).to_be_visible()
    expect(page.get_by_text("What was sent")).to_be_visible()
    assert_cared_for(page)


def test_password_of_a_refused_request_is_not_kept(page, okta, pat, name):
    okta.post("/Users", json=okta_user(name, password="Correct-Horse-1"))
    search(page, name)
    page.locator("#result_list tbody tr").first.get_by_role("link").first.click()
    expect(page.get_by_text("[removed]").first).to_be_visible()
    assert "Correct-Horse-1" not in page.content()


def test_timeline_tells_what_a_put_has_changed(page, okta, pat, name):
    okta.put(f"/Users/{pat['id']}", json=pat | {"title": "Chief Engineer"})
    record = ProvisionedUser.objects.get(scim_id=pat["id"])
    page.goto(f"/admin/maptician_scim/provisioneduser/{record.pk}/change/")
    lines = page.locator("ol.scim-timeline li")
    expect(lines).to_have_count(2)
    expect(lines.filter(has_text=f"Okta updated {name}")).to_have_count(1)
    assert_cared_for(page)
    lines.filter(has_text="updated").get_by_role("link").click()
    row = page.get_by_role("row").filter(has_text="title")
    expect(row).to_contain_text("Engineer")
    expect(row).to_contain_text("Chief Engineer")
    assert_cared_for(page)


def test_what_was_changed_in_maptician_is_told_from_what_came_from_okta(page, okta, pat):
    record = ProvisionedUser.objects.get(scim_id=pat["id"])
    record.user.job_title = "Director"
    record.user.save()
    page.goto(f"/admin/maptician_scim/provisioneduser/{record.pk}/change/")
    heading = page.get_by_role("heading", name="What the next PUT from Okta would change back")
    expect(heading).to_be_visible()
    expect(page.get_by_text("changed in Maptician since")).to_have_count(1)
    assert_cared_for(page)


def test_script_in_an_attribute_is_text_on_every_page(page, okta, company, name):
    body = okta_user(name, title=SCRIPT, displayName=SCRIPT, nickName=SCRIPT)
    created = okta.post("/Users", json=body | {"name": {"givenName": SCRIPT[:100]}})
    assert created.status_code == 201, created.text
    okta.put(f"/Users/{created.json()['id']}", json=created.json() | {"title": f"{SCRIPT}!"})
    okta.post("/Users", json=okta_user(name, title=SCRIPT), headers={"User-Agent": SCRIPT})
    okta.get("/Users", params={"filter": SCRIPT})
    record = ProvisionedUser.objects.get(scim_id=created.json()["id"])
    search(page, name)
    seen = [page.url]
    seen += [link.get_attribute("href") for link in page.locator("#result_list tbody th a").all()]
    seen += [
        f"/admin/maptician_scim/provisioneduser/{record.pk}/change/",
        f"/admin/maptician_scim/provisioneduser/?q={name}",
        f"/admin/maptician_scim/connection/{company.pk}/change/",
        "/admin/maptician_scim/event/",
        f"/admin/workplace/occupant/{record.user_id}/change/",
    ]
    shown = 0
    for url in seen:
        page.goto(url)
        shown += "window.taken" in page.locator("body").inner_text()
        assert page.evaluate("window.taken ?? null") is None
        assert page.locator("img[onerror]").count() == 0
    assert shown >= 5


def test_filtered_list_is_exported(page, okta, pat, name):
    search(page, name)
    with page.expect_download() as downloads:
        page.get_by_role("link", name="Export as CSV").click()
    text = downloads.value.path().read_text()
    assert name in text
    assert len(text.splitlines()) == 2
