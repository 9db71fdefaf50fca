"""The small Maptician: its settings, its adapter, its admin."""

import runpy

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import reverse

from example_project.security import content_security_policy
from example_project.workplace.models import ApiKey, DeskAssignment, Occupant
from example_project.workplace.scim import OccupantAdapter
from maptician_scim.models import ProvisionedUser
from tests.factories import DeskFactory, DeskOfferFactory, OccupantFactory
from tests.live import ROOT

VARIABLES = ["DATABASE_URL", "DJANGO_SECRET_KEY", "DJANGO_DEBUG", "DJANGO_HTTPS", "BASE_DOMAIN"]
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MAPPED = {
    "userName",
    'emails[type eq "work"].value',
    "active",
    "title",
    "userType",
    "name.givenName",
    "name.familyName",
    'addresses[type eq "work"].locality',
    'addresses[type eq "work"].region',
    'phoneNumbers[type eq "work"].value',
    'phoneNumbers[type eq "mobile"].value',
    "externalId",
    f"{ENTERPRISE}:employeeNumber",
    f"{ENTERPRISE}:organization",
    f"{ENTERPRISE}:department",
}


@pytest.fixture
def load(monkeypatch):
    """A function: the settings as they are with these variables, and no others of ours."""

    def run(**variables):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "example_project" / "settings.py"))

    return run


# -- settings ---------------------------------------------------------------------------------


def test_without_variables_it_is_a_demo_on_sqlite(load):
    settings = load()
    assert settings["DEBUG"] is True
    assert settings["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["DATABASES"]["default"]["NAME"] == str(ROOT / "db.sqlite3")
    assert settings["MAPTICIAN_SCIM"]["BASE_DOMAIN"] == "localhost"


@pytest.mark.parametrize("secret", [None, "", "demo"])
def test_with_debug_off_the_demo_secret_is_refused(load, secret):
    demo = load()["DEMO_SECRET_KEY"]
    variables = {} if secret is None else {"DJANGO_SECRET_KEY": demo if secret else ""}
    with pytest.raises(ImproperlyConfigured, match="DJANGO_SECRET_KEY"):
        load(DJANGO_DEBUG="0", **variables)


def test_with_debug_off_an_own_secret_is_taken(load):
    settings = load(DJANGO_DEBUG="0", DJANGO_SECRET_KEY="x" * 60)
    assert (settings["DEBUG"], settings["SECRET_KEY"]) == (False, "x" * 60)


def test_database_url_chooses_postgresql(load):
    database = load(DATABASE_URL="postgres://me:pw@db.example:5433/maptician")["DATABASES"]
    expected = {"NAME": "maptician", "USER": "me", "PASSWORD": "pw", "HOST": "db.example"}
    assert database["default"]["ENGINE"] == "django.db.backends.postgresql"
    assert database["default"].items() >= (expected | {"PORT": 5433}).items()


def test_database_url_chooses_another_file(load, tmp_path):
    database = load(DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite3")["DATABASES"]
    assert database["default"]["NAME"] == f"{tmp_path}/other.sqlite3"


@pytest.mark.parametrize(
    "url", ["maptician", "db://h/x", "postgres://me:s3cret@h:port/x", "postgres://me:s3[ret@h/x"]
)
def test_database_url_that_is_none_is_named_without_its_password(load, url):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as error:
        load(DATABASE_URL=url)
    assert "s3" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(("variables", "expected"), [({}, False), ({"DJANGO_HTTPS": "1"}, True)])
def test_https_is_demanded_only_if_told(load, variables, expected):
    settings = load(DJANGO_DEBUG="0", DJANGO_SECRET_KEY="x" * 60, **variables)
    names = ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")
    assert [settings.get(name, False) for name in names] == [expected] * 3


def test_base_domain_is_served_with_its_subdomains(load):
    settings = load(BASE_DOMAIN="maptician.com")
    assert {"maptician.com", ".maptician.com"} <= set(settings["ALLOWED_HOSTS"])
    assert settings["MAPTICIAN_SCIM"]["BASE_DOMAIN"] == "maptician.com"


def test_empty_variables_are_like_none(load):
    settings = load(BASE_DOMAIN="", DATABASE_URL="")
    assert settings["BASE_DOMAIN"] == "localhost"
    assert settings["DATABASES"] == load()["DATABASES"]


def test_host_of_strangers_is_not_served(load):
    assert "*" not in load()["ALLOWED_HOSTS"]


# -- adapter ----------------------------------------------------------------------------------


def test_adapter_maps_exactly_the_fifteen_attributes():
    assert set(OccupantAdapter.attribute_map) == MAPPED
    assert len(MAPPED) == 15


def test_mapped_attributes_reach_the_columns_of_an_occupant(scim):
    body = {
        "userName": "pat@acme.example",
        "externalId": "00u1",
        "active": True,
        "title": "Clerk",
        "userType": "Intern",
        "name": {"givenName": "Pat", "familyName": "Doe"},
        "emails": [{"type": "work", "value": "pat@acme.example"}],
        "addresses": [{"type": "work", "locality": "Köln", "region": "NRW"}],
        "phoneNumbers": [{"type": "work", "value": "1"}, {"type": "mobile", "value": "2"}],
        ENTERPRISE: {"employeeNumber": "3", "organization": "Org", "department": "Dep"},
    }
    scim.create(**body)
    columns = {
        "is_active": True,
        "job_title": "Clerk",
        "user_type": "Intern",
        "first_name": "Pat",
        "last_name": "Doe",
        "email": "pat@acme.example",
        "city": "Köln",
        "region": "NRW",
        "work_phone": "1",
        "mobile_phone": "2",
        "employee_number": "3",
        "organization": "Org",
        "department": "Dep",
    }
    assert Occupant.objects.values(*columns).get() == columns
    assert ProvisionedUser.objects.get().external_id == "00u1"
    assert ProvisionedUser.objects.get().attributes == {}


def test_provisioned_person_signs_in_by_saml_only(scim):
    scim.create(userName="pat@acme.example", password="Correct-Horse-1")
    assert not Occupant.objects.get().has_usable_password()


@pytest.mark.parametrize("trait", ["is_break_glass", "is_staff", "is_superuser"])
def test_administrators_are_protected(acme, trait):
    user = OccupantFactory(company=acme, **{trait: True})
    assert OccupantAdapter(user, tenant=acme).is_protected()


def test_ordinary_person_is_not_protected(acme):
    assert not OccupantAdapter(OccupantFactory(company=acme), tenant=acme).is_protected()


def test_two_companies_can_each_have_the_same_user_name(scim, other_scim):
    answers = [client.create(userName="pat@example.com") for client in (scim, other_scim)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert Occupant.objects.filter(username__startswith="pat@example.com").count() == 2


# -- pages ------------------------------------------------------------------------------------


@pytest.fixture
def furnished(acme):
    """One row of every model."""
    pat = OccupantFactory(company=acme)
    DeskAssignment.objects.create(desk=DeskFactory(company=acme), occupant=pat)
    ApiKey.objects.issue(pat, "Script")
    DeskOfferFactory()


MODELS = list(apps.get_app_config("workplace").get_models())


@pytest.mark.usefixtures("furnished")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_admin_pages_open(admin_client, model):
    name = f"admin:workplace_{model._meta.model_name}"
    row = model.objects.order_by("pk").first()
    pages = [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
    if admin.site._registry[model].has_add_permission(admin_client.get("/").wsgi_request):
        pages.append(reverse(f"{name}_add"))
    assert [admin_client.get(page).status_code for page in pages] == [200] * len(pages)
    assert admin_client.get(pages[0], {"q": "x"}).status_code == 200


def test_every_model_of_the_project_is_in_the_admin():
    assert set(MODELS) <= set(admin.site._registry)


def test_company_has_a_page_at_its_address(client, acme):
    answer = client.get("/", headers={"host": "acme.localhost"})
    assert (answer.status_code, "Acme" in answer.content.decode()) == (200, True)


def test_address_of_no_company_is_404(client, db):
    assert client.get("/", headers={"host": "nobody.localhost"}).status_code == 404


def test_bare_domain_has_a_page(client, db):
    assert client.get("/", headers={"host": "localhost"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/admin/login/", "/scim/v2/Users", "/nowhere"])
def test_every_answer_says_what_a_browser_may_load(client, db, path):
    policy = client.get(path, headers={"host": "localhost"})["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_policy_of_a_view_of_its_own_stays(rf):
    respond = content_security_policy(
        lambda request: HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})
    )
    assert respond(rf.get("/"))["Content-Security-Policy"] == "default-src 'none'"


# -- strings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lookup", ["icontains", "iexact", "istartswith", "iendswith"])
def test_case_of_all_letters_is_ignored(acme, lookup):
    OccupantFactory(company=acme, last_name="ärger")
    assert Occupant.objects.filter(**{f"last_name__{lookup}": "ÄRGER"}).exists()


@pytest.mark.parametrize("text", ["%", "_", "\\"])
def test_wildcards_are_literals(acme, text):
    OccupantFactory(company=acme, last_name="plain")
    wanted = OccupantFactory(company=acme, last_name=f"a{text}b")
    assert list(Occupant.objects.filter(last_name__icontains=text)) == [wanted]
