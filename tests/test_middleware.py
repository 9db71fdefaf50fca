"""Requests that were sent to a wrong address: noticed, explained, and nothing else touched."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse, HttpResponseNotFound
from django.test import Client
from django.urls import include, path, re_path

from maptician_scim import middleware
from maptician_scim.live import state_of
from maptician_scim.models import Event
from tests.client import ERROR

OKTA = {"user-agent": "Okta SCIM Client 1.0.0"}
BEARER = {"authorization": "Bearer eyJhbGciOiJub25lIn0"}
OURS = {"authorization": "mapt_scim_0123456789"}


class WithApi:
    """Routes of a project that has an API of its own."""

    urlpatterns = [
        path("scim/v2/", include("maptician_scim.urls")),
        path("api/users/<int:pk>", lambda request, pk: HttpResponseNotFound("no such user")),
        path("api/users", lambda request: HttpResponse("all of them")),
    ]


class WithCatchAll:
    """Routes of a project that takes every path."""

    urlpatterns = [
        path("scim/v2/", include("maptician_scim.urls")),
        re_path("", lambda request: HttpResponseNotFound("nothing here")),
    ]


@pytest.fixture
def send(acme):
    def get(path, host="acme.localhost", method="GET", **headers):
        sent = {"host": host} | {k.replace("_", "-"): v for k, v in headers.items()}
        return Client().generic(method, path, headers=sent)

    return get


WRONG = [
    "/Users?startIndex=1&count=2",
    "/users/",
    "/scim/Users",
    "/scim/v1/Users/2819c223",
    "/SCIM/V2/Groups",
    "//scim/v2/Users",
    "/scim/v2x/ServiceProviderConfig",
]


@pytest.mark.parametrize("path", WRONG)
def test_wrong_path_is_answered_with_the_right_base_url_and_noted(send, acme, path):
    answer = send(path, **OKTA)
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/scim+json")
    assert answer.json() == {
        "schemas": [ERROR],
        "status": "404",
        "detail": "There is no SCIM endpoint at this address. "
        "The base URL must be http://acme.localhost/scim/v2.",
    }
    event = Event.objects.get()
    assert (event.tenant, event.reason, event.status) == (acme, "base_url", 404)
    assert event.correlation_id == answer["X-Request-Id"]
    assert event.client == "Okta SCIM Client 1.0.0"


def test_base_url_keeps_the_port(send):
    answer = send("/Users", host="acme.localhost:8000", **OKTA)
    assert answer.json()["detail"].endswith("http://acme.localhost:8000/scim/v2.")


@pytest.mark.parametrize(
    "headers",
    [OKTA, BEARER, OURS, {"accept": "application/scim+json"}],
    ids=["its name", "a bearer token", "a token of ours", "what it accepts"],
)
def test_client_is_recognised_by(send, headers):
    assert "schemas" in send("/Users", **headers).json()


def test_body_of_scim_makes_a_client(acme):
    answer = Client().post(
        "/Users", "{}", content_type="application/scim+json", headers={"host": "acme.localhost"}
    )
    assert "schemas" in answer.json()


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/Users", {"user-agent": "Mozilla/5.0"}), ("/robots.txt", OKTA), ("/about", BEARER)],
    ids=["a browser", "another path", "another path with a token"],
)
def test_what_does_not_look_like_scim_costs_no_query(
    send, path, headers, django_assert_num_queries
):
    with django_assert_num_queries(0):
        answer = send(path, **headers)
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_answer_that_found_something_is_left_alone(send, settings, django_assert_num_queries):
    settings.ROOT_URLCONF = WithApi
    with django_assert_num_queries(0):
        assert send("/api/users", **BEARER).content == b"all of them"


def test_api_of_the_project_answers_for_itself(send, settings, django_assert_num_queries):
    settings.ROOT_URLCONF = WithApi
    with django_assert_num_queries(0):
        assert send("/api/users/7", **BEARER).content == b"no such user"


@pytest.mark.parametrize(("headers", "is_ours"), [(OKTA, True), (OURS, True), (BEARER, False)])
def test_where_a_route_takes_everything_only_scim_by_name_is_ours(send, settings, headers, is_ours):
    settings.ROOT_URLCONF = WithCatchAll
    answer = send("/Users", **headers)
    assert (b"schemas" in answer.content) is is_ours


def test_our_own_404_is_noted_once_and_by_the_view(scim):
    answer = scim.request_scim("GET", "/Users/Users", **OKTA)
    assert answer.json()["detail"].startswith("There is no such endpoint.")
    assert [event.reason for event in Event.objects.all()] == ["base_url"]


@pytest.mark.parametrize("name", ["localhost", "nobody.localhost", "acme.elsewhere.test"])
def test_host_of_no_tenant_keeps_its_answer(send, settings, name):
    settings.ALLOWED_HOSTS = ["*"]
    answer = send("/Users", host=name, **OKTA)
    assert (answer.status_code, b"schemas" in answer.content) == (404, False)
    assert not Event.objects.exists()


def test_host_that_is_not_allowed_keeps_its_answer(send):
    assert send("/Users", host="acme.evil.test", **OKTA).status_code == 400
    assert not Event.objects.exists()


def test_many_are_one_event(send, django_assert_num_queries):
    send("/Users", **OKTA)
    with django_assert_num_queries(1):  # which tenant?
        assert "schemas" in send("/Users", **OKTA).json()
    assert Event.objects.count() == 1


def test_if_the_database_is_down_then_the_answer_stays(send, monkeypatch, caplog):
    def fail(key):
        raise OperationalError("down")

    monkeypatch.setattr(middleware, "find_tenant", fail)
    answer = send("/Users", **OKTA)
    assert (answer.status_code, b"schemas" in answer.content) == (404, False)
    assert "could not be noted" in caplog.text


def test_no_token_is_kept(send, scim):
    send("/Users", authorization=f"Bearer {scim.secret}", **OKTA)
    assert scim.secret[18:] not in str(list(Event.objects.values()))


# -- without TLS ----------------------------------------------------------------------------------


@pytest.fixture
def https_only(settings):
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")


@pytest.mark.rfc("7644", "7.2", "a")
@pytest.mark.rfc("7644", "7.4", "b")
@pytest.mark.parametrize("path", ["/scim/v2/Users?startIndex=1", "/scim/v2/", "/Users"])
def test_redirect_to_https_is_noted_and_stays(send, acme, https_only, path):
    answer = send(path, **OKTA, **BEARER)
    assert (answer.status_code, answer["Location"]) == (301, f"https://acme.localhost{path}")
    event = Event.objects.get()
    assert (event.tenant, event.reason) == (acme, "not_https")


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/scim/v2/Users", {"user-agent": "Mozilla/5.0"}), ("/about", OKTA), ("/admin/", BEARER)],
    ids=["a browser", "another path", "another path with a token"],
)
def test_redirect_of_anything_else_costs_no_query(
    send, https_only, path, headers, django_assert_num_queries
):
    with django_assert_num_queries(0):
        assert send(path, **headers).status_code == 301


def test_with_https_there_is_nothing_to_note(scim, https_only):
    answer = scim.request_scim("GET", "/Users", x_forwarded_proto="https")
    assert answer.status_code == 200
    assert not Event.objects.exists()


def test_redirect_to_https_is_explained(send, acme, https_only):
    send("/scim/v2/Users", **OKTA, **BEARER)
    state = state_of(acme)
    assert "the base URL begins with http: instead of https:" in state.headline
    assert state.advice == "Correct the base URL: it begins with https:."
