"""The doctor's page: who may run it, and what it shows."""

import re
from types import ModuleType

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import path, reverse

from example_project.workplace.models import Company, Occupant
from maptician_scim.doctor import conversation
from maptician_scim.models import Connection, Event, ProvisionedUser, Token
from tests.factories import OccupantFactory
from tests.test_doctor import CsrfForAll

CHANGE = "change_connection"


def only_globex(user):
    return Company.objects.filter(subdomain="globex")


@pytest.fixture(autouse=True)
def _short_burst(monkeypatch):
    monkeypatch.setattr(conversation, "BURST", 3)


@pytest.fixture
def page(acme):
    Connection.objects.create(tenant=acme)
    return reverse("admin:maptician_scim_connection_doctor", args=[acme.pk])


@pytest.fixture
def staff_client(client, db):
    """A function: the browser of a member of staff with these permissions."""

    def make(*codenames):
        user = OccupantFactory(staff=True, is_superuser=False, email="staff@maptician.example")
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return make


def test_page_of_the_connection_leads_here(admin_client, page, acme):
    connection = reverse("admin:maptician_scim_connection_change", args=[acme.pk])
    assert f'href="{page}"' in admin_client.get(connection).text


def test_who_may_only_look_is_not_led_here(staff_client, page, acme):
    connection = reverse("admin:maptician_scim_connection_change", args=[acme.pk])
    answer = staff_client("view_connection").get(connection)
    assert (answer.status_code, page in answer.text) == (200, False)


def test_page_explains_and_runs_nothing(admin_client, page):
    answer = admin_client.get(page)
    assert answer.status_code == 200
    assert "https://acme.localhost/scim/v2" in answer.text
    assert 'value="Run the doctor"' in answer.text
    assert "report" not in answer.context


def test_button_runs_the_doctor(admin_client, page):
    before = Occupant.objects.count()
    answer = admin_client.post(page)
    assert answer.status_code == 200
    assert answer.context["report"].is_healthy
    assert "Nothing is wrong." in answer.text
    assert answer.text.count('class="doctor-step doctor-ok"') == 31
    assert "POST /scim/v2/Users" in answer.text
    assert Occupant.objects.count() == before
    assert not Event.objects.exists()
    assert not Token.objects.exists()


def test_findings_stand_there_with_what_to_do(admin_client, page, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"tests.test_doctor.{CsrfForAll.__name__}"]
    # Nor may the button itself be caught: it comes from a form with a CSRF token.
    answer = admin_client.post(page)
    assert "1 thing is wrong." in answer.text
    assert "doctor.csrf" in answer.text
    assert "Exempt requests below /scim/v2" in answer.text
    assert "not played" in answer.text


def test_button_needs_a_csrf_token(acme, page, admin_user):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(admin_user)
    assert browser.post(page).status_code == 403


def test_values_are_text(admin_client, page, monkeypatch):
    def save(self, *args, **kwargs):
        raise LookupError("<script>alert(1)</script>")

    monkeypatch.setattr(Occupant, "save", save)
    # The session's own user is not saved by a request.
    answer = admin_client.post(page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script>alert(1)" not in answer.text


def test_no_inline_script_or_style(admin_client, page):
    for answer in (admin_client.get(page), admin_client.post(page)):
        body = answer.text.partition('id="content-main"')[2]
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", body)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("codenames", [[], ["view_connection"]], ids=["nothing", "view"])
def test_without_the_permission_to_change_it_is_403(staff_client, page, method, codenames):
    assert getattr(staff_client(*codenames), method)(page).status_code == 403


def test_with_the_permission_to_change_it_runs(staff_client, page):
    assert staff_client(CHANGE, "view_connection").post(page).context["report"].is_healthy


@pytest.mark.parametrize("method", ["get", "post"])
def test_tenant_of_others_and_no_tenant_are_403_alike(staff_client, page, settings, method):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {
        "TENANT_QUERYSET_FOR": "tests.admin.test_doctor.only_globex"
    }
    nobody = reverse("admin:maptician_scim_connection_doctor", args=[999_999])
    browser = staff_client(CHANGE, "view_connection")
    answers = [getattr(browser, method)(url) for url in (page, nobody)]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert "acme" not in answers[0].text.lower()


def test_page_opens_also_where_the_routes_are_missing(admin_client, page, settings):
    urlconf = ModuleType("without_scim")
    urlconf.urlpatterns = [path("admin/", admin.site.urls)]
    settings.ROOT_URLCONF = urlconf
    assert admin_client.get(page).status_code == 200
    assert "doctor.route" in admin_client.post(page).text


def test_other_methods_are_405(admin_client, page):
    assert admin_client.put(page).status_code == 405


def test_whoever_is_not_logged_in_is_sent_to_the_login(client, page):
    answer = client.post(page)
    assert (answer.status_code, "/login/" in answer["Location"]) == (302, True)


def test_https_of_the_page_itself_is_enough(admin_client, page, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = admin_client.post(page, secure=True)
    assert answer.context["report"].is_healthy


def test_with_atomic_requests_the_rest_of_the_request_is_kept(admin_client, page, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert admin_client.post(page).context["report"].is_healthy
    assert Connection.objects.count() == 1
    assert not ProvisionedUser.objects.exists()
