"""The doctor, run from the page of a connection."""

from playwright.sync_api import expect

from example_project.workplace.models import Occupant
from maptician_scim.models import Event, ProvisionedUser, Token
from tests.browser.accessibility import assert_cared_for
from tests.factories import OccupantFactory


def run_doctor(page, company):
    page.goto(f"/admin/maptician_scim/connection/{company.pk}/change/")
    page.get_by_role("link", name="doctor").click()
    assert_cared_for(page)
    page.get_by_role("button", name="Run the doctor").click()
    return page.get_by_role("status")


def test_planted_fault_is_found_and_explained(page, company):
    # As an import into the project leaves people whom nobody has linked.
    Occupant.objects.bulk_create([OccupantFactory.build(company=company)])
    expect(run_doctor(page, company)).to_contain_text("thing is wrong")
    finding = page.locator(".doctor-finding.doctor-warning, .doctor-finding.doctor-failed")
    expect(finding).to_have_count(1)
    expect(finding).to_contain_text("scim_link_users")
    assert_cared_for(page)


def test_steps_show_what_was_sent_and_answered(page, company):
    run_doctor(page, company)
    steps = page.locator("ol.doctor-steps > li")
    steps.filter(has_text="PUT").first.locator("summary").click()
    expect(steps.get_by_role("heading", name="Answer").first).to_be_visible()
    assert_cared_for(page)


def test_nothing_of_it_stays(page, company):
    expect(run_doctor(page, company)).to_contain_text("everything was undone")
    assert not company.occupants.exists()
    assert not ProvisionedUser.objects.ever_of(company).exists()
    assert not Token.objects.for_tenant(company).exists()
    assert not Event.objects.for_tenant(company).exists()
