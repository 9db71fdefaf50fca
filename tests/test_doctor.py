"""The doctor finds each planted fault, finds nothing where nothing is wrong, and leaves nothing."""

import json
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import cache, caches
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection, send_mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import ProtectedError
from django.db.models.signals import post_save
from django.http import HttpResponse, HttpResponseForbidden, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import get_script_prefix, include, path, re_path, set_script_prefix
from django.utils import timezone, translation
from django.utils.decorators import decorator_from_middleware
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.settings import api_settings
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from example_project.workplace.models import Occupant
from example_project.workplace.scim import OccupantAdapter
from maptician_scim import authentication
from maptician_scim.doctor import Severity, Verdict, conversation, examine
from maptician_scim.doctor.faults import FAULTS
from maptician_scim.linking import link_users
from maptician_scim.mapping import Attribute
from maptician_scim.models import Connection, ProvisionedUser, Token
from maptician_scim.renderers import SCIMRenderer
from maptician_scim.signals import (
    in_transaction,
    user_deactivated,
    user_deleted,
    user_provisioned,
    user_reactivated,
    user_updated,
)
from maptician_scim.urls import urlpatterns
from maptician_scim.views import base, resources
from tests.factories import CompanyFactory, OccupantFactory
from tests.live import ROOT

HERE = "tests.test_doctor"
SECRET_MARK = "mapt_scim_"


@pytest.fixture(autouse=True)
def _short_burst(request, monkeypatch):
    """Where no throttle is planted, a few requests do."""
    if "throttle" not in request.node.name:
        monkeypatch.setattr(conversation, "BURST", 3)


@pytest.fixture(autouse=True)
def _no_group(request, monkeypatch):
    """Most tests here are about people; test_doctor_groups.py is about groups."""
    if "healthy" not in request.node.name and "conversation" not in request.node.name:
        monkeypatch.setattr(conversation.GroupPush, "play", lambda push: None)


def step_of(report, name):
    return next(step for step in report.steps if step.name == name)


def verdicts(report):
    return {step.name: step.verdict for step in report.steps}


def found(report):
    """What was found, as pairs of id and subject."""
    return {(finding.id.removeprefix("doctor."), finding.subject) for finding in report.findings}


@pytest.fixture
def plant(settings):
    """A function: add a middleware of this module, innermost."""

    def add(middleware, *, first=False):
        name = f"{HERE}.{middleware.__name__}"
        own = [name]
        settings.MIDDLEWARE = own + settings.MIDDLEWARE if first else settings.MIDDLEWARE + own
        return name

    return add


@pytest.fixture
def adapt(settings, monkeypatch):
    """A function: make the adapter a subclass with these attributes, and lines of the map."""

    def change(lines=(), **attributes):
        attributes["attribute_map"] = OccupantAdapter.attribute_map | dict(lines)
        adapter = type("PlantedAdapter", (OccupantAdapter,), attributes)
        monkeypatch.setitem(globals(), "PlantedAdapter", adapter)
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {
            "USER_ADAPTER": f"{HERE}.PlantedAdapter"
        }

    return change


@pytest.fixture
def route(settings):
    """A function: make these patterns the project's URLconf."""

    def use(*patterns):
        urlconf = ModuleType("planted_urls")
        urlconf.urlpatterns = list(patterns)
        settings.ROOT_URLCONF = urlconf

    return use


@pytest.fixture
def configure(settings):
    def change(**changes):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | changes

    return change


# -- nothing is wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [False, True], ids=["DEBUG off", "DEBUG on"])
def test_healthy_project_has_no_findings(settings, acme, globex, debug):
    settings.DEBUG = debug
    report = examine(acme)
    assert report.is_healthy
    assert report.findings == []
    assert set(verdicts(report).values()) == {Verdict.OK}


def test_conversation_is_okta_s(acme, globex):
    exchanges = [(step.name, step.exchange) for step in examine(acme).steps if step.exchange]
    assert [(name, e.method, e.status) for name, e in exchanges] == [
        ("plain_http", "GET", 200),
        ("test_connector", "GET", 200),
        ("discovery", "GET", 200),
        ("look_up_nobody", "GET", 200),
        ("create", "POST", 201),
        ("look_up", "GET", 200),
        ("look_up_case", "GET", 200),
        ("read", "GET", 200),
        ("update", "PUT", 200),
        ("read_again", "GET", 200),
        ("deactivate", "PUT", 200),
        ("deactivated", "GET", 200),
        ("reactivate", "PATCH", 200),
        ("duplicate", "POST", 409),
        ("twins", "POST", 201),
        ("stranger", "POST", 201),
        ("groups", "GET", 200),
        ("group_create", "POST", 201),
        ("group_leave", "PATCH", 200),
        ("group_join", "PATCH", 200),
        ("group_rename", "PATCH", 200),
        ("group_delete", "DELETE", 204),
        ("wrong_token", "GET", 401),
        ("burst", "GET", 200),
        ("delete", "DELETE", 204),
    ]


def test_every_mapped_attribute_is_sent_and_changed(acme):
    report = examine(acme)
    mapping = OccupantAdapter.mapping()
    bodies = [json.loads(step_of(report, name).exchange.body) for name in ("create", "update")]
    created, changed = (mapping.split(body).values for body in bodies)
    assert created.keys() == changed.keys() == {m.path.text for m in mapping.mapped}
    assert [text for text in created if created[text] == changed[text]] == ["active"]
    assert len(set(created.values())) == len(created)


def test_other_people_of_the_tenant_are_not_shown(acme):
    pat = OccupantFactory(company=acme, last_name="Secretive")
    text = json.dumps(examine(acme).as_dict())
    assert "Secretive" not in text
    assert pat.email not in text


def test_no_secret_is_shown(acme, globex, monkeypatch):
    issued = []
    real = type(Token.objects).issue

    def issue(self, **kwargs):
        token, secret = real(self, **kwargs)
        issued.append((token, secret))
        return token, secret

    monkeypatch.setattr(type(Token.objects), "issue", issue)
    text = json.dumps(examine(acme).as_dict())
    assert len(issued) == 2
    assert not any(secret in text or token.digest in text for token, secret in issued)
    assert SECRET_MARK not in text
    assert '"password": "[removed]"' in json.loads(text)["steps"][10]["request"]["body"]


def test_tenant_s_own_rules_are_kept_to(acme):
    Connection.objects.create(tenant=acme, email_domains=["acme.com"], delete_behaviour="delete")
    report = examine(acme)
    assert report.findings == []
    assert "@acme.com" in step_of(report, "create").exchange.body


def test_restricted_host_that_serves_itself_behind_a_proxy(settings, acme):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    report = examine(acme)
    assert report.findings == []
    assert step_of(report, "plain_http").exchange.status == 301


def test_server_that_tells_of_tls_by_itself(settings, acme):
    settings.SECURE_SSL_REDIRECT = True
    assert examine(acme, tls_is_known=True).findings == []


def test_trusted_proxies_are_played(configure, acme):
    configure(TRUSTED_PROXIES=2)
    assert examine(acme).findings == []


def test_script_name_is_kept(acme):
    before = get_script_prefix()
    set_script_prefix("/portal/")
    try:
        report = examine(acme)
    finally:
        set_script_prefix(before)
    assert report.findings == []
    assert report.base_url == "https://acme.localhost/portal/scim/v2"


# -- surroundings -----------------------------------------------------------------------------


def test_setting_that_is_wrong(configure, acme):
    configure(MAX_PAGE_SIZE=0)
    report = examine(acme)
    assert found(report) == {("settings", "maptician_scim.E011")}
    assert "MAX_PAGE_SIZE" in report.findings[0].what


def test_missing_migration(acme):
    [(_, newest)] = MigrationLoader(connection).graph.leaf_nodes("maptician_scim")
    MigrationRecorder(connection).record_unapplied("maptician_scim", newest)
    report = examine(acme)
    assert report.ids == ["doctor.migrations"]
    assert f"maptician_scim.{newest}" in report.findings[0].what


def test_model_without_its_migration(acme, monkeypatch):
    monkeypatch.setattr(Occupant._meta.get_field("job_title"), "max_length", 151)
    assert found(examine(acme)) == {("model_changes", "workplace")}


def test_table_that_lacks_a_column_is_told_and_the_rest_goes_on(acme):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE workplace_occupant RENAME COLUMN city TO town")
    report = examine(acme)
    assert "doctor.database" in report.ids
    assert "city" in report.findings[0].what
    assert verdicts(report)["groups"] == Verdict.OK


def test_table_that_is_not_there(acme):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE maptician_scim_token RENAME TO elsewhere")
    report = examine(acme)
    assert report.ids == ["doctor.database"]
    assert "maptician_scim_token" in report.findings[0].what


def test_person_who_is_not_backfilled(acme):
    OccupantFactory.create_batch(2, company=acme)
    ProvisionedUser.objects.all().delete()
    report = examine(acme)
    assert report.ids == ["doctor.not_linked"]
    assert "no SCIM record: 2" in report.findings[0].what
    assert report.findings[0].remedy == "Run manage.py scim_link_users acme."
    assert not report.is_healthy
    link_users(acme)
    assert examine(acme).is_healthy


def test_switched_off_tenant_is_examined_as_if_it_were_on(acme):
    Connection.objects.create(tenant=acme, is_enabled=False, may_create=False)
    report = examine(acme)
    assert report.ids == ["doctor.switched_off", "doctor.create_off"]
    assert Verdict.FAILED not in verdicts(report).values()
    assert Connection.objects.get().is_enabled is False


def test_note_alone_is_nothing_wrong(acme):
    Connection.objects.create(tenant=acme, may_create=False)
    report = examine(acme)
    assert report.ids == ["doctor.create_off"]
    assert report.is_healthy


# -- in front of the views --------------------------------------------------------------------


def test_allowed_hosts_without_the_tenant(settings, acme):
    settings.ALLOWED_HOSTS = ["maptician.example"]
    report = examine(acme)
    assert found(report) == {("allowed_hosts", "acme.localhost")}
    assert verdicts(report)["test_connector"] == Verdict.FAILED


def test_allowed_hosts_of_debug(settings, acme):
    settings.DEBUG, settings.ALLOWED_HOSTS = True, []
    assert examine(acme).findings == []


def test_subdomain_with_a_capital(acme, monkeypatch):
    monkeypatch.setattr(authentication, "tenant_key", lambda tenant: tenant.subdomain.title())
    assert found(examine(acme)) == {("host", "acme.localhost")}


def test_middleware_that_takes_the_token_away(plant, acme):
    plant(takes_the_token)
    findings = examine(acme).findings
    assert {finding.id for finding in findings} == {"doctor.answer"}
    assert "no Authorization header" in findings[0].remedy


def takes_the_token(get_response):
    def middleware(request):
        del request.META["HTTP_AUTHORIZATION"]
        return get_response(request)

    return middleware


def test_secure_ssl_redirect(settings, acme):
    settings.SECURE_SSL_REDIRECT = True
    report = examine(acme)
    assert report.ids == ["doctor.ssl_redirect"]
    assert report.findings[0].step == "plain_http"
    assert verdicts(report)["create"] == Verdict.OK  # played as https


def login_required(get_response):
    """As hosts write it: whoever is not logged in is sent to the login."""

    def middleware(request):
        if request.user.is_authenticated:
            return get_response(request)
        return HttpResponseRedirect(f"/login/?next={request.path}")

    return middleware


class LoginRequiredByView:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        return HttpResponseRedirect("/login/")


@pytest.mark.parametrize("middleware", [login_required, LoginRequiredByView])
def test_middleware_that_redirects_to_a_login(plant, acme, middleware):
    name = plant(middleware)
    report = examine(acme)
    assert found(report) == {("redirect", name)}
    assert "/login/" in report.findings[0].what
    assert "?next" not in report.findings[0].what
    assert verdicts(report)["create"] == Verdict.FAILED
    assert verdicts(report)["update"] == Verdict.NOT_PLAYED


@pytest.mark.parametrize("first", [True, False])
def test_culprit_is_named_wherever_it_stands(plant, acme, first):
    plant(passes_on, first=not first)
    name = plant(refuses_all, first=first)
    assert found(examine(acme)) == {("authentication", name)}


def passes_on(get_response):
    return lambda request: get_response(request)


def refuses_all(get_response):
    return lambda request: HttpResponseForbidden("Not you")


def test_middleware_that_cannot_be_watched_is_still_told(plant, acme):
    plant(Opaque)
    [finding] = examine(acme).findings
    assert finding.id == "doctor.intercepted"
    assert "418" in finding.what


class Opaque:
    def __init__(self, get_response):
        self.inner = get_response

    def __call__(self, request):
        return HttpResponse("", status=418)


class CsrfForAll(CsrfViewMiddleware):
    """Takes no exemption."""

    def process_view(self, request, callback, args, kwargs):
        return super().process_view(request, lambda: None, args, kwargs)


def test_middleware_that_wants_csrf(plant, acme):
    name = plant(CsrfForAll)
    report = examine(acme)
    assert found(report) == {("csrf", name)}
    assert verdicts(report)["test_connector"] == Verdict.OK  # reading is not hidden
    assert verdicts(report)["create"] == Verdict.FAILED


def test_routes_that_are_wrapped_into_csrf(route, acme):
    protect = decorator_from_middleware(CsrfViewMiddleware)

    def wrapped(request, *args, **kwargs):
        return resources.UsersView.as_view()(request, *args, **kwargs)

    patterns = [
        re_path(r"^Users/?$", protect(wrapped)),
        path("", include("maptician_scim.urls")),
    ]
    route(path("scim/v2/", include(patterns)))
    [finding] = examine(acme).findings
    assert finding.id == "doctor.csrf"


def test_routes_that_are_not_included(route, acme):
    route(path("", lambda request: HttpResponse("Hello"), name="home"))
    report = examine(acme)
    assert report.ids == ["doctor.route"]
    assert report.base_url == "https://acme.localhost/scim/v2"


def test_another_view_at_the_address(route, acme):
    route(
        re_path(r"^scim/v2/Users", catch_all),
        path("scim/v2/", include("maptician_scim.urls")),
    )
    report = examine(acme)
    assert ("route", f"{HERE}.catch_all") in found(report)
    assert verdicts(report)["groups"] == Verdict.OK


def catch_all(request):
    return HttpResponse("Hello")


SLASHED = [
    path("Users/", resources.UsersView.as_view(), name="users"),
    path("Users/<str:uuid>/", resources.UserView.as_view(), name="users"),
]


@pytest.mark.parametrize("debug", [False, True])
def test_append_slash(route, settings, acme, debug):
    settings.DEBUG = debug
    slashed = ([*SLASHED, *rest_of_the_routes()], "scim")
    route(path("scim/v2/", include(slashed)))
    report = examine(acme)
    assert report.ids == ["doctor.append_slash"]
    assert verdicts(report)["create"] == Verdict.FAILED
    assert verdicts(report)["discovery"] == Verdict.OK


def rest_of_the_routes():
    return [pattern for pattern in urlpatterns if pattern.name not in ("users", None)]


def adds_slashes(get_response):
    def middleware(request):
        if request.path.endswith("/"):
            return get_response(request)
        return HttpResponseRedirect(f"{request.path}/?{request.META['QUERY_STRING']}")

    return middleware


def test_middleware_that_adds_slashes(plant, acme):
    assert ("append_slash", plant(adds_slashes)) in found(examine(acme))


def test_middleware_that_raises(plant, acme):
    plant(raises)
    report = examine(acme)
    assert report.ids == ["doctor.exception"]
    assert "LookupError: no such flag" in report.findings[0].what
    assert "test_doctor.py" in report.findings[0].what


def raises(get_response):
    def middleware(request):
        raise LookupError("no such flag")

    return middleware


def test_middleware_that_changes_refusals(plant, acme):
    name = plant(friendly_errors)
    report = examine(acme)
    assert found(report) == {("changed_answer", name)}
    assert verdicts(report)["create"] == Verdict.OK


def friendly_errors(get_response):
    def middleware(request):
        response = get_response(request)
        if response.status_code < 400:
            return response
        return HttpResponse("<title>Oops</title>", status=response.status_code)

    return middleware


def test_middleware_that_is_not_there(settings, acme):
    settings.MIDDLEWARE = ["nowhere.Middleware"]
    assert examine(acme).ids == ["doctor.middleware"]


def test_middleware_that_breaks_the_transaction(plant, acme):
    plant(breaks_the_transaction)
    report = examine(acme)
    if connection.vendor == "postgresql":
        assert "doctor.database" in report.ids
    assert verdicts(report)["address"] == Verdict.OK


def breaks_the_transaction(get_response):
    def middleware(request):
        with suppress(DatabaseError):
            connection.cursor().execute("SELECT nonsense FROM nowhere")
        return get_response(request)

    return middleware


# -- authentication of the REST framework -----------------------------------------------------


class RefusesAll(BaseAuthentication):
    """As a JWT authenticator does with a token that is none of its own."""

    def authenticate(self, request):
        raise AuthenticationFailed("Given token not valid for any token type")


def authenticates_everything(get_response):
    def middleware(request):
        for authenticator in api_settings.DEFAULT_AUTHENTICATION_CLASSES:
            authenticator().authenticate(request)
        return get_response(request)

    return middleware


DEFAULTS = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{HERE}.RefusesAll"]}


def test_defaults_alone_do_not_matter(settings, acme):
    settings.REST_FRAMEWORK = DEFAULTS
    report = examine(acme)
    assert report.findings == []
    assert f"{HERE}.RefusesAll" in step_of(report, "settings").note


def test_middleware_that_runs_the_default_authenticators(plant, settings, acme):
    settings.REST_FRAMEWORK = DEFAULTS
    name = plant(authenticates_everything)
    report = examine(acme)
    assert found(report) == {("authentication", name)}
    assert "DEFAULT_AUTHENTICATION_CLASSES" in report.findings[0].what
    assert f"{HERE}.RefusesAll" in report.findings[0].what


def test_authenticator_that_is_forced_upon_our_views(monkeypatch, acme):
    monkeypatch.setattr(base.SCIMView, "authentication_classes", [RefusesAll])
    assert found(examine(acme)) == {("authentication", f"{HERE}.RefusesAll")}


class HostView(APIView):
    authentication_classes = [SessionAuthentication]
    renderer_classes = [SCIMRenderer]  # or it would refuse to speak SCIM before it asks who it is
    permission_classes = [IsAuthenticated]

    def get(self, request, **kwargs):
        return HttpResponse("Hello")

    post = get


def test_view_of_the_host_with_its_own_authentication(route, acme):
    route(
        re_path(r"^scim/v2/Users", HostView.as_view()),
        path("scim/v2/", include("maptician_scim.urls")),
    )
    [finding] = examine(acme).findings
    assert finding.id == "doctor.authentication"
    assert "SessionAuthentication" in finding.subject


# -- throttles --------------------------------------------------------------------------------


def throttled(get_response):
    """Ten requests a minute from each address."""

    def middleware(request):
        key = f"throttle:{request.META['REMOTE_ADDR']}"
        cache.add(key, 0, 60)
        if cache.incr(key) > 20:
            return HttpResponse("Slow down", status=429)
        return get_response(request)

    return middleware


def test_middleware_that_throttles_too_soon(plant, acme):
    name = plant(throttled)
    report = examine(acme)
    assert found(report) == {("throttle", name)}
    assert verdicts(report)["burst"] == Verdict.FAILED
    assert verdicts(report)["delete"] == Verdict.OK


class TwentyAMinute(SimpleRateThrottle):
    rate = "20/min"

    def get_cache_key(self, request, view):
        return "twenty"


class FiftyASecond(TwentyAMinute):
    rate = "50/s"


def test_throttle_of_the_rest_framework(monkeypatch, acme):
    monkeypatch.setattr(base.SCIMView, "throttle_classes", [TwentyAMinute])
    [finding] = examine(acme).findings
    assert (finding.id, finding.subject) == ("doctor.throttle", f"{HERE}.TwentyAMinute")


def test_throttle_that_is_wide_enough(monkeypatch, acme):
    monkeypatch.setattr(base.SCIMView, "throttle_classes", [FiftyASecond])
    monkeypatch.setattr(FiftyASecond, "timer", staticmethod(lambda: 1.0))
    monkeypatch.setattr(FiftyASecond, "rate", "100/s")
    assert examine(acme).findings == []


def test_real_throttle_is_not_used_up(plant, acme):
    plant(throttled)
    examine(acme)
    assert cache.get("throttle:192.0.2.1") is None


# -- fields of the host -----------------------------------------------------------------------


def execute(sqlite, postgresql=None):
    with connection.cursor() as cursor:
        cursor.execute(sqlite if connection.vendor == "sqlite" else postgresql or sqlite)


def test_column_that_is_too_short(acme, monkeypatch):
    monkeypatch.setattr(Occupant._meta.get_field("job_title"), "max_length", 10)
    report = examine(acme)
    assert found(report) == {("model_changes", "workplace"), ("value", "title")}
    assert "job_title" in report.findings[-1].what
    assert "at most 10" in report.findings[-1].what
    assert verdicts(report)["create"] == Verdict.FAILED
    assert verdicts(report)["delete"] == Verdict.OK  # played with what is accepted


def test_column_without_a_default(acme):
    execute(
        "ALTER TABLE workplace_occupant ADD COLUMN badge text CHECK (badge IS NOT NULL)",
        "ALTER TABLE workplace_occupant ADD COLUMN badge text NOT NULL",
    )
    report = examine(acme)
    assert report.ids == ["doctor.create"]
    assert "badge" in report.findings[0].what
    assert verdicts(report)["update"] == Verdict.NOT_PLAYED
    assert verdicts(report)["wrong_token"] == Verdict.OK


def test_validation_in_save(acme, monkeypatch):
    def save(self, *args, **kwargs):
        if self.user_type not in ("", "staff", "guest"):
            raise ValidationError({"user_type": "Choose staff or guest."})
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    report = examine(acme)
    assert found(report) == {("value", "userType")}
    assert "Choose staff or guest" in report.findings[0].what


def test_value_that_only_an_update_refuses(acme, monkeypatch):
    def save(self, *args, **kwargs):
        if self.pk and self.city == "Saint-Étienne":
            raise ValidationError({"city": "No such city."})
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    report = examine(acme)
    assert found(report) == {("value", 'addresses[type eq "work"].locality')}
    assert report.findings[0].step == "update"


def test_model_that_wants_values_is_healthy(acme, monkeypatch):
    def save(self, *args, **kwargs):
        if not self.last_name:
            raise ValidationError("A last name is wanted.")
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    assert examine(acme).findings == []


def save_with_names(self, *args, **kwargs):
    if not self.last_name or self.user_type == "Employee":
        raise ValidationError("A last name, and no employees.")
    super(Occupant, self).save(*args, **kwargs)


def test_value_that_a_model_refuses_which_wants_others(acme, monkeypatch):
    monkeypatch.setattr(Occupant, "save", save_with_names)
    report = examine(acme)
    assert found(report) == {("value", "userType")}
    assert verdicts(report)["delete"] == Verdict.OK


def test_values_that_are_refused_together_only(acme, monkeypatch):
    def save(self, *args, **kwargs):
        if self.city and self.region:
            raise ValidationError("City or region, not both.")
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    report = examine(acme)
    assert report.ids[0] == "doctor.combination"
    assert "not both" in report.findings[0].what


def test_unique_column(acme):
    execute("CREATE UNIQUE INDEX planted ON workplace_occupant (email) WHERE email <> ''")
    report = examine(acme)
    assert found(report) == {("unique", 'emails[type eq "work"].value')}


def test_unique_column_that_is_empty_for_most(acme):
    execute("CREATE UNIQUE INDEX planted ON workplace_occupant (employee_number)")
    subjects = {subject for name, subject in found(examine(acme)) if name == "unique"}
    assert "empty values" in subjects
    assert any(subject.endswith("employeeNumber") for subject in subjects)


def test_address_that_is_unique_over_all_tenants(acme, globex):
    execute("CREATE UNIQUE INDEX planted ON workplace_occupant (email) WHERE email <> ''")
    assert "doctor.known_elsewhere" in examine(acme).ids


def test_constraint_of_the_database(acme):
    execute(
        "CREATE TRIGGER planted BEFORE INSERT ON workplace_occupant WHEN length(NEW.city) > 5 "
        "BEGIN SELECT RAISE(ABORT, 'city_is_short'); END",
        "ALTER TABLE workplace_occupant ADD CONSTRAINT city_is_short CHECK (length(city) <= 5)",
    )
    report = examine(acme)
    assert found(report) == {("value", 'addresses[type eq "work"].locality')}
    assert "city_is_short" in report.findings[0].what


def test_save_that_drops_a_value(acme, monkeypatch):
    def save(self, *args, **kwargs):
        self.department = ""
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    [(name, subject)] = found(examine(acme))
    assert name == "not_taken"
    assert subject.endswith(":department")


def test_save_that_alters_a_value_is_a_warning(acme, monkeypatch):
    def save(self, *args, **kwargs):
        self.mobile_phone = self.mobile_phone.replace(" ", "")
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    [finding] = examine(acme).findings
    assert finding.id == "doctor.altered"
    assert finding.subject == 'phoneNumbers[type eq "mobile"].value'
    assert finding.severity == Severity.WARNING


# -- update_fields ----------------------------------------------------------------------------


def test_update_fields_in_save_of_the_model(acme, monkeypatch):
    def save(self, *args, **kwargs):
        if self.pk:
            names = {f.name for f in self._meta.concrete_fields} - {"id", "job_title"}
            kwargs["update_fields"] = names
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    [finding] = examine(acme).findings
    assert (finding.id, finding.subject) == ("doctor.not_saved", "title")
    assert "update_fields" in finding.remedy


def save_names_only(self):
    if self.obj.pk:
        self.obj.save(update_fields=["username", "first_name", "last_name", "email"])
    else:
        self.obj.save()


def test_update_fields_in_save_of_the_adapter(adapt, acme):
    adapt(save=save_names_only)
    report = examine(acme)
    assert ("not_saved", "title") in found(report)
    assert ("not_saved", "name.givenName") not in found(report)
    assert "doctor.still_active" in report.ids


# -- mistakes of an adapter -------------------------------------------------------------------


def test_save_that_forgets_the_user(adapt, acme):
    adapt(save=lambda self: None)
    assert examine(acme).ids == ["doctor.save_forgotten"]


def test_save_that_forgets_the_user_on_updates(adapt, acme):
    adapt(save=lambda self: None if self.obj.pk else self.obj.save())
    report = examine(acme)
    assert ("not_saved", "title") in found(report)
    assert "doctor.still_active" in report.ids


def test_two_lines_for_one_field(adapt, acme):
    adapt({"userType": "job_title"})
    report = examine(acme)
    assert ("shared_field", "title, userType") in found(report)


@pytest.mark.parametrize("field", ["password", "is_staff", "is_superuser"])
def test_line_for_a_field_that_is_not_the_client_s(adapt, acme, field):
    adapt({"title": field})
    assert ("sensitive_field", "title") in found(examine(acme))


def test_names_that_are_swapped(adapt, acme):
    adapt({"name.givenName": "last_name", "name.familyName": "first_name"})
    assert found(examine(acme)) == {
        ("wrong_field", "name.givenName"),
        ("wrong_field", "name.familyName"),
    }


def test_field_of_another_kind(adapt, acme):
    adapt({"title": "is_break_glass"})
    assert ("value", "title") in found(examine(acme))


def test_field_that_is_no_text(adapt, acme):
    adapt({"title": "date_joined"})
    assert ("value", "title") in found(examine(acme))


def test_read_of_something_else_than_is_written(adapt, acme):
    adapt({"title": Attribute("job_title", read=lambda adapter: adapter.obj.user_type)})
    assert ("not_taken", "title") in found(examine(acme))


def test_write_to_something_else_than_is_listed(adapt, acme):
    adapt(
        {
            "title": Attribute(
                "job_title",
                read=lambda adapter: getattr(adapter.obj, "nowhere", ""),
                write=lambda adapter, value: setattr(adapter.obj, "nowhere", value),
            )
        }
    )
    assert ("not_saved", "title") in found(examine(acme))


def test_conversions_that_disagree(adapt, acme):
    adapt({"title": Attribute("job_title", to_scim=lambda value: value[::-1])})
    assert found(examine(acme)) == {("not_taken", "title")}


def test_conversion_that_refuses(adapt, acme):
    adapt({"userType": Attribute("user_type", from_scim={"staff": "s"}.__getitem__)})
    report = examine(acme)
    assert found(report) == {("value", "userType")}
    assert "KeyError" in report.findings[0].what


def test_everybody_is_protected(adapt, acme):
    adapt(is_protected=lambda self: True)
    report = examine(acme)
    assert report.ids == ["doctor.protected"]
    assert verdicts(report)["create"] == Verdict.OK


def test_find_existing_that_takes_anybody(adapt, acme):
    OccupantFactory(company=acme)
    adapt(find_existing=lambda self, user_name: Occupant.objects.first())
    assert "doctor.found_stranger" in examine(acme).ids


def test_find_existing_that_looks_in_all_tenants(adapt, acme, globex):
    adapt(find_existing=lambda self, name: Occupant.objects.filter(email__iexact=name).first())
    assert examine(acme).ids == ["doctor.foreign_user"]


def test_new_user_without_a_tenant(adapt, acme):
    adapt(new_user=lambda self: Occupant())
    report = examine(acme)
    assert report.ids == ["doctor.invisible"]
    assert verdicts(report)["update"] == Verdict.FAILED


def test_session_that_is_not_ended(adapt, acme):
    adapt(end_access=lambda self: None)
    assert examine(acme).ids == ["doctor.session"]


@pytest.mark.parametrize("engine", ["cached_db", "cache", "signed_cookies"])
def test_sessions_of_every_engine_are_ended(settings, acme, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    assert examine(acme).findings == []


def test_deactivation_that_is_undone(acme, monkeypatch):
    def save(self, *args, **kwargs):
        self.is_active = True
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    assert examine(acme).ids == ["doctor.still_active"]


def test_delete_that_the_host_refuses(adapt, configure, acme):
    def delete(self):
        raise ProtectedError("assignments", set())

    adapt(delete=delete)
    configure(DELETE_BEHAVIOUR="delete")
    assert examine(acme).ids == ["doctor.delete"]


# -- nothing is left behind -------------------------------------------------------------------


def rows():
    return {
        model._meta.label: sorted(map(str, model._base_manager.values_list()))
        for model in apps.get_models()
    }


@contextmanager
def listening(*pairs):
    for signal, receiver in pairs:
        signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        for signal, receiver in pairs:
            signal.disconnect(receiver)


def writes_to_newcomers(sender, instance, created, **kwargs):
    """What a host's own receiver may do: e-mails now, and after the commit; a cache."""
    if not isinstance(instance, Occupant) or not created:
        return
    send_mail("Welcome", "", None, [instance.email])
    EmailMessage("Hello", to=[instance.email]).send()
    get_connection().send_messages([EmailMessage("Hi", to=[instance.email])])
    mail.get_connection().send_messages([EmailMessage("Hi again", to=[instance.email])])
    transaction.on_commit(lambda: send_mail("Later", "", None, [instance.email]))
    cache.set(f"newcomer:{instance.pk}", instance.email)


@pytest.mark.parametrize("is_broken", [False, True], ids=["healthy", "broken"])
def test_nothing_is_left_behind(acme, globex, monkeypatch, is_broken):
    OccupantFactory.create_batch(3, company=acme)
    if is_broken:
        monkeypatch.setattr(Occupant._meta.get_field("job_title"), "max_length", 10)
    heard = []
    signals = [
        in_transaction,
        user_provisioned,
        user_updated,
        user_deactivated,
        user_reactivated,
        user_deleted,
    ]
    before = rows()
    cache.set("mine", 1)
    pairs = [(signal, lambda **kwargs: heard.append(kwargs)) for signal in signals]
    with listening(*pairs, (post_save, writes_to_newcomers)):
        report = examine(acme)
    assert report.emails_held_back > 0
    assert rows() == before
    assert heard == []
    assert mail.outbox == []
    assert list(cache._cache) == [cache.make_key("mine")]
    assert scim_still_works(acme)


def scim_still_works(tenant):
    """Somebody can be created afterwards: no sequence and no transaction is out of order."""
    return OccupantFactory(company=tenant).pk is not None


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_behind_without_a_transaction_around_it():
    acme, _globex = CompanyFactory(subdomain="acme"), CompanyFactory(subdomain="globex")
    before, calls = rows(), []
    with listening(
        (post_save, lambda **kwargs: transaction.on_commit(lambda: calls.append(kwargs)))
    ):
        assert examine(acme).is_healthy
    assert (rows(), calls) == (before, [])
    assert not connection.in_atomic_block
    OccupantFactory(company=acme)


def test_callbacks_after_the_commit_never_run(acme, django_capture_on_commit_callbacks):
    calls = []
    with (
        django_capture_on_commit_callbacks(execute=True) as callbacks,
        listening((post_save, lambda **kw: transaction.on_commit(lambda: calls.append(kw)))),
    ):
        examine(acme)
    assert (callbacks, calls) == ([], [])


def test_interruption_leaves_nothing_behind_either(acme, monkeypatch):
    def interrupted(self, *args, **kwargs):
        super(Occupant, self).save(*args, **kwargs)
        raise KeyboardInterrupt

    before, real_cache = rows(), caches["default"]
    monkeypatch.setattr(Occupant, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        examine(acme)
    assert rows() == before
    assert caches["default"] is real_cache
    send_mail("After", "", None, ["pat@acme.example"])
    assert len(mail.outbox) == 1


def test_other_threads_send_their_e_mails_meanwhile(acme, monkeypatch):
    def save(self, *args, **kwargs):
        thread = threading.Thread(target=send_mail, args=("Other", "", None, ["x@acme.example"]))
        thread.start()
        thread.join()
        super(Occupant, self).save(*args, **kwargs)

    monkeypatch.setattr(Occupant, "save", save)
    report = examine(acme)
    assert report.emails_held_back == 0
    assert {message.subject for message in mail.outbox} == {"Other"}


def test_real_functions_are_back_afterwards(acme):
    before = (mail.get_connection, EmailMessage.send)
    examine(acme)
    assert (mail.get_connection, EmailMessage.send) == before


def test_methods_of_other_caches_are_there(plant, acme, monkeypatch):
    monkeypatch.setattr(type(caches["default"]), "delete_pattern", lambda *a: 0, raising=False)
    plant(deletes_patterns)
    assert examine(acme).findings == []


def deletes_patterns(get_response):
    def middleware(request):
        cache.delete_pattern("user:*")
        return get_response(request)

    return middleware


def test_language_and_time_zone_are_as_before(plant, acme):
    plant(goes_abroad)
    with translation.override("en"), timezone.override("UTC"):
        assert examine(acme).findings == []
        assert (translation.get_language(), timezone.get_current_timezone_name()) == ("en", "UTC")


def goes_abroad(get_response):
    def middleware(request):
        translation.activate("de")
        timezone.activate("Asia/Tokyo")
        return get_response(request)

    return middleware


def test_with_atomic_requests(acme, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    before = rows()
    assert examine(acme).findings == []
    assert rows() == before


def test_requests_are_not_in_the_log(acme, caplog):
    with caplog.at_level("INFO"):
        examine(acme)
    assert [r for r in caplog.records if r.name == "maptician_scim.request"] == []


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    """A function: exit status and output of the command."""

    def call(*arguments, **options):
        try:
            call_command("scim_doctor", *arguments, **options)
            status = 0
        except SystemExit as end:
            status = end.code
        return status, capsys.readouterr().out

    return call


def test_healthy_is_0_with_a_line_for_each_step(run, acme, globex):
    status, output = run("acme")
    assert status == 0
    assert output.count("✓") == 31
    assert "✓ Create (POST)" in output
    assert output.rstrip().endswith("everything was rolled back. Nothing is wrong.")


def test_wrong_is_1_with_what_to_do(run, plant, acme):
    plant(CsrfForAll)
    status, output = run("acme")
    assert status == 1
    assert "✗ Create (POST)" in output
    assert "– Update (PUT)" in output
    assert "ERROR doctor.csrf\n" in output
    assert "-> Exempt requests below /scim/v2" in output
    assert "1 thing is wrong." in output


def test_verbose_shows_requests_and_answers_without_secrets(run, acme):
    _, output = run("acme", verbosity=2)
    assert "    > POST /scim/v2/Users\n" in output
    assert "    > Authorization: [removed]\n" in output
    assert "    < 201\n" in output
    assert SECRET_MARK not in output


def test_json_is_the_documented_document(run, acme, configure):
    status, output = run("acme", "--json")
    document = json.loads(output)
    assert status == 0
    assert list(document) == [
        "format",
        "tenant",
        "base_url",
        "started_at",
        "milliseconds",
        "is_healthy",
        "emails_held_back",
        "steps",
        "findings",
    ]
    assert (document["format"], document["is_healthy"]) == (1, True)
    assert document["base_url"] == "https://acme.localhost/scim/v2"
    step = next(step for step in document["steps"] if step["name"] == "delete")
    assert step.keys() == {
        "name",
        "title",
        "verdict",
        "note",
        "milliseconds",
        "findings",
        "request",
        "answer",
    }
    assert step["request"].keys() == {"method", "target", "headers", "body"}
    assert step["answer"].keys() == {"status", "headers", "body"}
    configure(MAX_PAGE_SIZE=0)
    status, output = run("acme", "--json")
    [finding] = json.loads(output)["findings"]
    assert status == 1
    assert finding.keys() == {"id", "severity", "subject", "what", "remedy", "step"}


def test_https_says_that_the_server_tells_of_tls(run, settings, acme):
    settings.SECURE_SSL_REDIRECT = True
    assert run("acme")[0] == 1
    assert run("acme", "--https")[0] == 0


@pytest.mark.usefixtures("db")
def test_unknown_tenant_is_an_error():
    with pytest.raises(CommandError, match="no company whose subdomain is 'nobody'"):
        call_command("scim_doctor", "nobody")


# -- documents --------------------------------------------------------------------------------


def test_every_finding_is_documented_and_no_other():
    text = Path(ROOT / "docs" / "doctor.md").read_text()
    listed = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `doctor.")}
    assert listed == set(FAULTS)


def test_every_finding_says_what_to_do():
    assert [fault.id for fault in FAULTS.values() if not fault.what or not fault.remedy] == []
    assert django_settings.MAPTICIAN_SCIM  # the list loads without a database
