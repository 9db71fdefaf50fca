"""The page that shows people their desk, from signing in to signing out."""

from playwright.sync_api import expect

from example_project.workplace.models import DeskAssignment
from tests.browser.accessibility import assert_cared_for
from tests.browser.conftest import PASSWORD
from tests.factories import DeskOfferFactory


def test_offered_desk_is_accepted(open_page, company, server):
    offer = DeskOfferFactory(team__company=company, team__neighbourhood__company=company)
    offer.occupant.set_password(PASSWORD)
    offer.occupant.save()
    page = open_page()
    page.goto(f"http://{server.host(company.subdomain)}/desk/")
    assert_cared_for(page)
    page.get_by_label("Username").fill(offer.occupant.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Decline").wait_for()
    assert_cared_for(page)
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("You sit at")).to_contain_text(offer.desk.label)
    assert DeskAssignment.objects.get(occupant=offer.occupant).desk == offer.desk
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name=company.name).wait_for()
