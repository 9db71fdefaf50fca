"""Every page of ours, with something on it, for everybody."""

import pytest
from django.contrib import admin
from playwright.sync_api import expect

from maptician_scim.models import Event, ProvisionedGroup, ProvisionedUser, Token
from tests.browser.accessibility import assert_cared_for
from tests.factories import TeamFactory
from tests.live import okta_user

LISTS = sorted(
    model._meta.model_name
    for model in admin.site._registry
    if model._meta.app_label == "maptician_scim"
)


@pytest.fixture(scope="module")
def kept():
    return {}


@pytest.fixture
def furnished(kept, request):
    """A company of which each list has something to show: the pages of single rows.

    Nothing here changes it, so it is made once.
    """
    if not kept:
        kept |= furnish(*map(request.getfixturevalue, ("okta", "company")))
    return kept


def furnish(okta, company):
    pat = okta.post("/Users", json=okta_user(f"pat@{company.subdomain}.example"))
    okta.post("/Users", json=okta_user(f"pat@{company.subdomain}.example"))
    okta.get("/Users", headers={"Authorization": "Bearer wrong"})
    record = ProvisionedUser.objects.get(scim_id=pat.json()["id"])
    group, hidden = pushed(okta, pat.json()["id"]), TeamFactory(company=company)
    token = Token.objects.for_tenant(company).get()
    created, refused, _, _ = Event.objects.for_tenant(company).order_by("pk")
    return {
        "token": f"token/{token.pk}/change",
        "token's history": f"token/{token.pk}/history",
        "rotating": f"token/{token.pk}/rotate",
        "revoking": f"token/{token.pk}/revoke",
        "issuing": "token/add",
        "connection": f"connection/{company.pk}/change",
        "doctor": f"connection/{company.pk}/doctor",
        "created": f"event/{created.pk}/change",
        "refused": f"event/{refused.pk}/change",
        "person": f"provisioneduser/{record.pk}/change",
        "group": f"provisionedgroup/{group.pk}/change",
        "hidden groups": f"provisionedgroup/open/{company.pk}",
        "opening": f"provisionedgroup/open/{company.pk}/{hidden.pk}",
    }


def pushed(okta, *ids):
    body = {"displayName": "Design", "members": [{"value": scim_id} for scim_id in ids]}
    return ProvisionedGroup.objects.get(scim_id=okta.post("/Groups", json=body).json()["id"])


@pytest.mark.parametrize("model", LISTS)
def test_list_is_cared_for(page, furnished, model):
    page.goto(f"/admin/maptician_scim/{model}/")
    assert page.locator("#result_list tbody tr").count() > 0
    assert_cared_for(page)


ROWS = ["token", "token's history", "rotating", "revoking", "issuing"]
ROWS += [
    "connection",
    "doctor",
    "created",
    "refused",
    "person",
    "group",
    "hidden groups",
    "opening",
]


@pytest.mark.parametrize("name", ROWS)
def test_page_is_cared_for(page, furnished, name):
    answer = page.goto(f"/admin/maptician_scim/{furnished[name]}/")
    assert answer.status == 200
    assert_cared_for(page)


@pytest.mark.parametrize("name", ["connection", "person"])
def test_page_reads_from_right_to_left(page, furnished, name):
    page.goto(f"/admin/maptician_scim/{furnished[name]}/")
    page.evaluate("document.documentElement.dir = 'rtl'")
    assert_cared_for(page)


def test_start_page_of_the_app_is_cared_for(page):
    page.goto("/admin/maptician_scim/")
    assert_cared_for(page)


def test_supporter_finds_the_way_from_the_start(open_page, supporter):
    page = open_page(supporter)
    page.goto("/admin/")
    assert_cared_for(page)
    page.get_by_role("link", name="SCIM connections", exact=True).first.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
