"""Issuing, copying, rotating and revoking tokens, as an administrator does it."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from playwright.sync_api import Error

from maptician_scim import tokens
from maptician_scim.models import Token, now
from tests.browser.accessibility import assert_cared_for

SECRET = re.compile(rf"{tokens.MARK}\w{{20,}}")
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def issue(page, company, name="Okta production"):
    """From the company's connection to the page that shows the token; the token."""
    page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    page.get_by_role("link", name="Issue a token").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Issue").click()
    return page.locator("#scim-secret").inner_text()


def test_issued_token_works_at_once(page, company, server):
    secret = issue(page, company)
    with server.client(company.subdomain, secret) as client:
        assert client.get("/Users").status_code == 200


def test_token_is_for_the_company_whose_page_it_was_issued_from(page, company):
    secret = issue(page, company)
    assert Token.objects.get(prefix=tokens.prefix(secret)).tenant == company


def test_token_and_base_url_are_copied(open_page, admin, company, server):
    page = open_page(admin, permissions=CLIPBOARD)
    secret = issue(page, company)
    page.get_by_role("button", name="Copy the token").click()
    page.get_by_text("Copied").wait_for()
    assert clipboard(page) == secret
    page.get_by_role("button", name="Copy the base URL").click()
    page.wait_for_function(
        "text => navigator.clipboard.readText().then(t => t !== text)", arg=secret
    )
    assert clipboard(page) == f"http://{server.host(company.subdomain)}/scim/v2"


def clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def test_issued_page_is_not_stored_by_the_browser(page, company):
    with page.expect_response(lambda answer: answer.request.method == "POST") as answers:
        issue(page, company)
    assert "no-store" in answers.value.headers["cache-control"]


def test_if_the_page_is_loaded_again_then_it_says_that_the_token_was_shown(page, company):
    secret = issue(page, company)
    page.reload()
    page.get_by_text("already shown").first.wait_for()
    assert secret not in page.content()
    assert Token.objects.for_tenant(company).count() == 1


def test_back_and_forward_do_not_bring_the_token_back(page, company):
    secret = issue(page, company)
    page.get_by_role("link", name="The page of").click()
    for step in (page.go_back, page.go_back, page.go_forward, page.go_forward):
        # Chromium has kept nothing, and asks before it would send the form again.
        with suppress(Error):
            step()
        assert secret not in content_of(page)
    assert Token.objects.for_tenant(company).count() == 1


def content_of(page):
    """Of a page that may still be changing into an error page of Chromium's own."""
    for _ in range(50):
        with suppress(Error):
            return page.content()
        page.wait_for_timeout(100)
    return page.content()


def test_token_is_on_no_page_afterwards(page, company):
    secret = issue(page, company)
    token = Token.objects.for_tenant(company).get()
    for path in (
        "/admin/",
        "/admin/maptician_scim/token/",
        f"/admin/maptician_scim/token/{token.pk}/change/",
        f"/admin/maptician_scim/token/{token.pk}/history/",
        f"/admin/maptician_scim/connection/{company.pk}/change/",
    ):
        page.goto(path)
        content = page.content()
        assert secret not in content
        assert not SECRET.search(content)
        assert token.prefix in content or path == "/admin/"


def test_token_is_in_no_session_and_not_in_the_log_of_the_admin(page, company):
    secret = issue(page, company)
    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    kept += [f"{entry.object_repr} {entry.change_message}" for entry in LogEntry.objects.all()]
    kept += [str(page.context.storage_state())]
    assert any(tokens.prefix(secret) in text for text in kept)
    assert not any(secret in text for text in kept)


def test_token_is_issued_with_the_keyboard_alone(page, company):
    page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    press_until(page, "Issue a token")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Issue").first.wait_for()
    press_until(page, "Name:")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    page.locator("#scim-secret").wait_for()
    press_until(page, "Copy the token")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert Token.objects.for_tenant(company).get().name == "By keyboard"


def press_until(page, name):
    """Press Tab until what has this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.evaluate("""() => {
          const element = document.activeElement;
          return (element.labels?.[0] ?? element).innerText.trim();
        }""")
        if focused == name:
            return
    pytest.fail(f"Tab never leads to {name!r}")


def test_mistake_in_the_form_is_explained(page, company):
    field, text, said = "Allowed networks", "192.0.2.0/99", "192.0.2.0/99"
    page.goto(f"/admin/maptician_scim/token/add/?tenant={company.pk}")
    page.get_by_label("Name").fill("Okta")
    page.get_by_label(field).fill(text)
    page.get_by_label(field).blur()
    page.get_by_role("button", name="Issue").click()
    assert said in page.locator(".errorlist").inner_text()
    assert_cared_for(page)
    assert not Token.objects.for_tenant(company).exists()


def test_token_is_rotated_until_the_old_one_is_safe_to_revoke(page, company, server, okta):
    okta.get("/Users")
    old = Token.objects.for_tenant(company).get()
    old_page = f"/admin/maptician_scim/token/{old.pk}/change/"
    page.goto(old_page)
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate").click()
    secret = page.locator("#scim-secret").inner_text()
    assert_cared_for(page)

    assert okta.get("/Users").status_code == 200
    page.goto(old_page)
    page.get_by_text("not yet safe to revoke").first.wait_for()
    with server.client(company.subdomain, secret) as successor:
        assert successor.get("/Users").status_code == 200
    page.reload()
    assert_cared_for(page)

    # The old token falls silent: as if its last use had been before the successor's first.
    long_ago = now() - timedelta(hours=1)
    Token.objects.filter(pk=old.pk).update(last_used_at=long_ago, rotated_at=long_ago)
    page.reload()
    page.get_by_text(re.compile("old one silent since: safe to revoke")).first.wait_for()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").fill("Replaced")
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("revoked").first.wait_for()
    assert okta.get("/Users").status_code == 401
