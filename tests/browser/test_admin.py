"""Django's own pages in the example project: what our pages are measured by."""

from example_project.workplace.models import Occupant
from tests.browser.accessibility import assert_accessible, assert_fits
from tests.factories import OccupantFactory

LIST = "/admin/workplace/occupant/"


def test_login_page_is_accessible(open_page, theme):
    page = open_page(color_scheme=theme)
    page.goto("/admin/login/")
    assert_accessible(page)


def test_list_is_accessible(open_page, admin, company, theme):
    OccupantFactory(company=company)
    page = open_page(admin, color_scheme=theme)
    page.goto(LIST)
    assert_accessible(page)


def test_list_fits_a_telephone(open_page, admin, company):
    page = open_page(admin, width=360)
    page.goto(LIST)
    assert_fits(page)


def test_page_of_a_company_is_accessible(open_page, company, server, theme):
    page = open_page(color_scheme=theme)
    page.goto(f"http://{server.host(company.subdomain)}/")
    assert page.get_by_role("heading").inner_text() == company.name
    assert_accessible(page)


def test_company_can_be_chosen_under_the_content_security_policy(page, company):
    """Django's widest use of scripts: a choice that searches."""
    person = OccupantFactory(company=None)
    page.goto(f"/admin/workplace/occupant/{person.pk}/change/")
    page.locator(".field-company .select2-selection").click()
    page.locator(".select2-search__field").fill(company.name)
    page.get_by_role("option", name=company.name).click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was changed successfully").wait_for()
    assert Occupant.objects.get(pk=person.pk).company == company


def test_script_that_stands_in_a_page_does_not_run(open_page, admin):
    page = open_page(admin, tolerate="Content Security Policy")
    page.goto("/admin/")
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.textContent = "document.title = 'taken over'";
      document.body.append(script);
      const picture = `<img src="data:," onerror="document.title = 'taken over'">`;
      document.body.insertAdjacentHTML("beforeend", picture);
    }""")
    page.wait_for_load_state("networkidle")
    assert page.title() == "Administration | Maptician"
