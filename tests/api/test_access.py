"""Who gets in, who sees whom, and how everything else is refused."""

import json
import logging
import re
from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.core.cache import cache
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from maptician_scim import tokens
from maptician_scim.models import READ_ONLY, Event, Token, now
from tests.client import ENTERPRISE, ERROR, LIST, USER, ScimClient

DOCUMENTS = ("/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/Users", "/Groups")


@pytest.fixture
def foreign(other_scim):
    """Somebody of globex."""
    return other_scim.create(userName="pat@example.com", title="Theirs").json()


def only_token():
    return Token.objects.get(tenant__subdomain="acme")


def revoke():
    only_token().revoke()


def expire():
    Token.objects.update(expires_at=now() - timedelta(seconds=1))


# -- tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER  {}", "{}"])
def test_token_is_accepted_with_and_without_its_scheme(scim, form):
    answer = scim.request_scim("GET", "/Users", authorization=form.format(scim.secret))
    assert answer.status_code == 200


@pytest.fixture
def refusal(scim):
    """The answer to a request without any token."""
    return scim.request_scim("GET", "/Users", authorization="")


@pytest.mark.rfc("7644", "2", "c")
@pytest.mark.rfc("7644", "3.2", "c", "d")
@pytest.mark.rfc("7644", "3.12", "a", "b", "c")
def test_if_refused_then_401_is_a_scim_error_with_a_challenge(refusal):
    assert refusal.status_code == 401
    assert refusal.json() == {"schemas": [ERROR], "status": "401", "detail": ANY}
    assert refusal.headers["WWW-Authenticate"].startswith("Bearer")
    assert refusal.headers["Content-Type"] == "application/scim+json"


@pytest.mark.rfc("7644", "2.1", "d")
@pytest.mark.parametrize(
    "form",
    [
        "non-token",
        "Bearer",
        "Bearer non-token",
        "Bearer Bearer {}",
        "Bearer {} x",
        "Basic {}",
        "Token {}",
        "Bearer {}x",
        "Bearer mapt_scim_" + "0" * 49,
        "Bearer ä{}",
    ],
)
def test_no_refusal_differs_from_another(scim, refusal, form):
    answer = scim.request_scim("GET", "/Users", authorization=form.format(scim.secret))
    assert (answer.status_code, answer.content) == (401, refusal.content)


@pytest.mark.rfc("7644", "2.1", "d")
@pytest.mark.rfc("7644", "7.4", "c")
@pytest.mark.parametrize("spoil", [revoke, expire])
def test_if_revoked_or_expired_then_refused_like_any_other(scim, refusal, spoil):
    spoil()
    answer = scim.search()
    assert (answer.status_code, answer.content) == (401, refusal.content)


@pytest.mark.rfc("7644", "2", "e")
@pytest.mark.rfc("7644", "2.1", "b", "d")
def test_token_of_another_tenant_is_refused_like_any_other(scim, other_scim, refusal):
    answer = scim.request_scim("GET", "/Users", authorization=f"Bearer {other_scim.secret}")
    assert (answer.status_code, answer.content) == (401, refusal.content)


@pytest.mark.rfc("7644", "2", "d")
@pytest.mark.parametrize("path", [*DOCUMENTS, "/Users/x", "/Nothing"])
def test_nothing_is_read_without_a_token(scim, path):
    assert scim.request_scim("GET", path, authorization="").status_code == 401


def test_no_refusal_of_a_whole_token_asks_database_or_cache_for_more(
    scim, acme, client_of, other_scim, monkeypatch
):
    """Else the time it takes would tell which tokens there are. Of the log, see test_events."""
    asked_of_cache = []
    for name in ("add", "get", "set", "incr", "decr"):
        monkeypatch.setattr(cache, name, noting(asked_of_cache, name, getattr(cache, name)))
    revoked, expired, elsewhere = (client_of(acme) for _ in range(3))
    by_prefix = {tokens.prefix(c.secret): c.secret for c in (revoked, expired, elsewhere)}
    rows = Token.objects.filter(prefix__in=by_prefix)
    revoked_row, expired_row, elsewhere_row = rows.order_by("id")
    revoked_row.revoke()
    rows.filter(pk=expired_row.pk).update(expires_at=now() - timedelta(days=1))
    rows.filter(pk=elsewhere_row.pk).update(networks=["192.0.2.0/24"])
    unknown = tokens.generate()
    statements = []
    for secret in (unknown, revoked.secret, expired.secret, elsewhere.secret, other_scim.secret):
        for _ in range(2):  # the first of a minute is written to the log
            asked_of_cache.clear()
            with CaptureQueriesContext(connection) as queries:
                answer = scim.request_scim("GET", "/Users", authorization=f"Bearer {secret}")
            assert answer.status_code == 401
        sql = [re.sub(r"'[^']*'", "?", query["sql"]) for query in queries]
        statements.append((sql, sorted(asked_of_cache)))
    assert statements[0][1]
    assert all(asked == statements[0] for asked in statements)


def noting(notes, name, method):
    def noted(*args, **kwargs):
        notes.append(name)
        return method(*args, **kwargs)

    return noted


def test_token_is_compared_and_not_only_found(scim, monkeypatch):
    """As if an index or a collation took another digest for the same."""
    other = Token.objects.get()
    other.digest = other.digest.upper()
    monkeypatch.setattr(Token, "letting_in", lambda digest: other)
    assert scim.search().status_code == 401


def test_refusal_comes_before_the_body_is_read(scim):
    answer = scim.request_scim("POST", "/Users", "{not json", authorization="")
    assert answer.status_code == 401


def test_mistyped_token_costs_no_token_query(scim):
    with CaptureQueriesContext(connection) as queries:
        scim.request_scim("GET", "/Users", authorization=f"Bearer {scim.secret[:-1]}")
    assert not [q for q in queries if 'FROM "maptician_scim_token"' in q["sql"]]


@pytest.mark.rfc("7644", "2", "d", "f")
@pytest.mark.rfc("7644", "2.1", "a")
@pytest.mark.rfc("7644", "3.12", "c")
@pytest.mark.rfc("7644", "7.7", "c")
def test_read_only_token_reads_and_is_403_for_writing(acme, client_of):
    reader = client_of(acme, scopes=READ_ONLY)
    assert reader.search().status_code == 200
    for answer in (reader.create(userName="x"), reader.remove("x"), reader.modify("x")):
        assert answer.status_code == 403
        assert "write users" in answer.json()["detail"]


# -- tenants -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody.localhost", "localhost", "a.acme.localhost", "acme.test"])
def test_unknown_tenant_is_404_that_tells_nothing(scim, name, settings):
    settings.ALLOWED_HOSTS = ["*"]
    answer = scim.request_scim("GET", "/Users", host=name)
    assert (answer.status_code, answer.json()["status"]) == (404, "404")
    assert answer.json()["detail"] == "There is nothing here."


def test_token_of_a_tenant_the_host_hides_lets_nobody_in(scim, acme, monkeypatch):
    class Unarchived(models.Manager):
        def get_queryset(self):
            return super().get_queryset().exclude(pk=acme.pk)

    unarchived = Unarchived()
    unarchived.model = type(acme)
    monkeypatch.setattr(type(acme)._meta, "default_manager", unarchived)
    assert scim.search().status_code == 404


@pytest.mark.parametrize("name", ["ACME.localhost", "acme.localhost:8000", "acme.LOCALHOST"])
def test_host_name_is_understood_in_any_spelling(scim, name):
    assert scim.request_scim("GET", "/Users", host=name).status_code == 200


def test_forwarded_host_does_not_choose_the_tenant(scim, other_scim, foreign):
    answer = scim.request_scim(
        "GET", f"/Users/{foreign['id']}", x_forwarded_host="globex.localhost"
    )
    assert answer.status_code == 404


@pytest.mark.rfc("7644", "2", "f")
@pytest.mark.parametrize("method", ["read", "replace", "modify", "remove"])
def test_person_of_another_tenant_is_as_unknown_as_nobody(scim, other_scim, foreign, method):
    arguments = {"replace": [{"userName": "x"}], "modify": [{"op": "remove", "path": "title"}]}
    answers = [
        getattr(scim, method)(scim_id, *arguments.get(method, []))
        for scim_id in (foreign["id"], "0" * 8 + foreign["id"][8:])
    ]
    assert [a.status_code for a in answers] == [404, 404]
    texts = [a.json()["detail"].split("'")[0] for a in answers]
    assert texts[0] == texts[1]
    assert other_scim.read(foreign["id"]).json() == foreign


def test_same_person_in_two_tenants_is_two_people(scim, other_scim, foreign):
    mine = scim.create(userName="PAT@example.com", title="Mine")
    assert mine.status_code == 201
    scim.modify(mine.json()["id"], {"op": "replace", "value": {"active": False}})
    assert scim.search().json()["totalResults"] == 1
    assert other_scim.search().json()["Resources"] == [foreign]


def test_look_up_does_not_find_the_neighbours(scim, foreign):
    for text in ('userName eq "pat@example.com"', f'id eq "{foreign["id"]}"', "title pr"):
        assert scim.search(text).json()["totalResults"] == 0


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.12", "c")
@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        ("", "invalidSyntax"),
        ("[]", "invalidSyntax"),
        ('"x"', "invalidSyntax"),
        ("null", "invalidSyntax"),
        ("{", "invalidSyntax"),
        ('{"userName": "a",}', "invalidSyntax"),
        ('{"userName": NaN}', "invalidSyntax"),
        ('{"userName": Infinity}', "invalidSyntax"),
        ('{"x": 1e999}', "invalidSyntax"),
        ('{"x": ' + "9" * 5000 + "}", "invalidSyntax"),
        ('{"userName": "a", "userName": "b"}', "invalidSyntax"),
        ('{"userName": "a", "USERNAME": "b"}', "invalidSyntax"),
        ('{"x": ' * 30 + "1" + "}" * 30, "invalidSyntax"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "invalidSyntax"),
        (b'{"userName": "\xff"}', "invalidSyntax"),
        ('{"userName": "a\\u0000b"}', "invalidValue"),
        ('{"userName": "a", "emails": [{"value": "\\ud800"}]}', "invalidValue"),
        ('{"userName": "a", "\\u0000": 1}', "invalidValue"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_body_that_cannot_be_kept_is_400(scim, body, scim_type):
    answer = scim.request_scim("POST", "/Users", body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, scim_type)
    assert scim.search().json()["totalResults"] == 0


@pytest.mark.parametrize("inmost", ['"x"', '"\\u0078"'])
@pytest.mark.parametrize(("opening", "closing"), [('{"x": ', "}"), ("[", "]")])
def test_body_may_be_20_deep_and_no_deeper(scim, opening, closing, inmost):
    bodies = [
        '{"userName": "pat", "x": ' + opening * n + inmost + closing * n + "}" for n in (20, 19)
    ]
    answers = [scim.request_scim("POST", "/Users", body).status_code for body in bodies]
    assert answers == [400, 201]


@pytest.mark.rfc("7644", "3.12", "c")
@pytest.mark.parametrize("size", [1024 * 1024 + 1, 3_000_000])
def test_body_over_the_limit_is_413(scim, size):
    answer = scim.request_scim("POST", "/Users", json.dumps({"userName": "x" * size}))
    assert (answer.status_code, answer.json()["status"]) == (413, "413")


@pytest.mark.rfc("7644", "3.8", "a")
@pytest.mark.rfc("7644", "8.1", "a")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/scim+json",
        "application/scim+json; charset=utf-8",
        "Application/SCIM+JSON;charset=UTF-8",
        "",
    ],
)
def test_json_in_either_type_is_understood(scim, content_type):
    answer = scim.request_scim("POST", "/Users", {"userName": "a"}, content_type=content_type)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"]
)
def test_other_media_types_are_415(scim, content_type):
    answer = scim.request_scim("POST", "/Users", {"userName": "a"}, content_type=content_type)
    assert (answer.status_code, answer.json()["status"]) == (415, "415")


@pytest.mark.rfc("7644", "3.8", "c", "d")
@pytest.mark.rfc("7644", "8.1", "a")
@pytest.mark.parametrize("accept", ["text/html", "*/*", "application/json", "image/png"])
def test_answer_is_scim_json_whatever_is_accepted(scim, accept):
    answer = scim.request_scim("GET", "/Users", accept=accept)
    assert answer.headers["Content-Type"] == "application/scim+json"


# -- routes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS)
def test_slash_at_the_end_changes_nothing(scim, path):
    assert scim.request_scim("GET", f"{path}/").json() == scim.request_scim("GET", path).json()


@pytest.mark.rfc("7644", "3.12", "a", "c")
@pytest.mark.parametrize("path", ["/Nothing", "/Users/a/b", "/Bulk/x", "/a%0Ab", "/Users%0A"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_other_paths_are_404(scim, path, method):
    answer = scim.request_scim(method, path)
    assert (answer.status_code, answer.json()["schemas"]) == (404, [ERROR])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/Users", "GET, HEAD, POST"),
        ("OPTIONS", "/Users", "GET, HEAD, POST"),
        ("TRACE", "/Users", "GET, HEAD, POST"),
        ("POST", "/Users/x", "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", "/Schemas", "GET, HEAD"),
        ("DELETE", "/ServiceProviderConfig", "GET, HEAD"),
        ("GET", "/Bulk", "POST"),
    ],
)
def test_wrong_method_is_405_naming_the_right_ones(scim, method, path, allowed):
    answer = scim.request_scim(method, path)
    assert (answer.status_code, answer.json()["status"]) == (405, "405")
    assert set(answer.headers["Allow"].split(", ")) == set(allowed.split(", "))


def test_groups_are_an_empty_list(scim):
    assert scim.request_scim("GET", "/Groups?startIndex=1&count=100").json() == {
        "schemas": [LIST],
        "totalResults": 0,
        "startIndex": 1,
        "itemsPerPage": 0,
        "Resources": [],
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/Groups"), *((method, "/Groups/x") for method in ("PUT", "PATCH", "DELETE"))],
)
def test_writing_groups_is_501_where_there_are_none(scim, method, path, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}
    answer = scim.request_scim(method, path, {"displayName": "x"})
    assert (answer.status_code, answer.json()["status"]) == (501, "501")


# -- discovery -----------------------------------------------------------------------------------


def test_service_provider_config_promises_what_there_is(scim, settings):
    config = scim.request_scim("GET", "/ServiceProviderConfig").json()
    supported = {name: part["supported"] for name, part in config.items() if "supported" in part}
    assert supported == {
        "patch": True,
        "bulk": True,
        "filter": True,
        "changePassword": False,
        "sort": True,
        "etag": True,
    }
    assert config["filter"]["maxResults"] == config["pagination"]["maxPageSize"] == 1000
    assert config["authenticationSchemes"][0]["type"] == "oauthbearertoken"


def test_resource_types_without_groups_are_users_and_what_they_carry(scim, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}
    body = scim.request_scim("GET", "/ResourceTypes").json()
    assert [r["endpoint"] for r in body["Resources"]] == ["/Users", "/Roles", "/Entitlements"]
    assert scim.request_scim("GET", "/ResourceTypes/User").json() == body["Resources"][0]
    assert scim.request_scim("GET", "/ResourceTypes/Group").status_code == 404


@pytest.mark.rfc("7643", "7", "a")
@pytest.mark.parametrize("urn", [USER, ENTERPRISE])
def test_schema_is_read_by_its_urn(scim, urn):
    listed = scim.request_scim("GET", "/Schemas").json()["Resources"]
    assert scim.request_scim("GET", f"/Schemas/{urn}").json() in listed
    assert scim.request_scim("GET", f"/Schemas/{urn}x").status_code == 404


def test_schema_does_not_promise_groups_where_there_are_none(scim, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}
    schema = scim.request_scim("GET", f"/Schemas/{USER}").json()
    attributes = {a["name"]: a for a in schema["attributes"]}
    assert "groups" not in attributes
    assert attributes["active"]["type"] == "boolean"
    assert attributes["password"]["returned"] == "never"
    assert attributes["userName"]["uniqueness"] == "server"


# -- log -----------------------------------------------------------------------------------------


def test_request_id_is_answered_and_logged(scim):
    answer = scim.request_scim("POST", "/Users", {"userName": "a"}, x_request_id="abc-1.2")
    assert answer.headers["X-Request-Id"] == "abc-1.2"
    assert Event.objects.get().correlation_id == "abc-1.2"


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "<script>"])
def test_if_the_request_id_is_odd_then_it_is_replaced(scim, sent):
    given = scim.request_scim("GET", "/Users", x_request_id=sent).headers["X-Request-Id"]
    assert given != sent
    assert len(given) == 32


@pytest.mark.parametrize("atomic", [False, True])
def test_refused_write_is_an_event_although_it_rolled_back(scim, settings, atomic):
    connection.settings_dict["ATOMIC_REQUESTS"] = atomic
    try:
        scim.create(userName="a", title="x" * 300)
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
    event = Event.objects.get()
    assert (event.verb, event.status, event.scim_type) == ("create", 400, "invalidValue")
    assert (event.user_name, event.token) == ("a", only_token())
    assert "title" in event.detail


@pytest.mark.rfc("7644", "2", "e")
@pytest.mark.rfc("7644", "2.1", "b")
def test_write_is_an_event_with_old_and_new(scim):
    created = scim.create(userName="a", title="Old").json()
    scim.modify(created["id"], {"op": "replace", "path": "title", "value": "New"})
    event = Event.objects.latest("id")
    assert (event.verb, event.status, event.resource_id) == ("patch", 200, created["id"])
    assert event.changes == {"title": {"old": "Old", "new": "New"}}
    assert event.token_prefix == only_token().prefix


def test_wrong_tokens_are_one_event_a_minute_and_reason(scim):
    for _ in range(5):
        scim.request_scim("GET", "/Users", authorization="Bearer x")
        scim.request_scim("GET", "/Users", authorization="")
    assert Event.objects.filter(status=401).count() == 2


@pytest.mark.rfc("7644", "2.1", "d")
def test_no_secret_is_in_any_event_or_log(scim, other_scim, caplog):
    caplog.set_level(logging.DEBUG)
    for secret in (scim.secret, scim.secret[:-1], other_scim.secret):
        scim.request_scim("GET", "/Users", authorization=f"Bearer {secret}")
        scim.request_scim("GET", "/Users", authorization=f"Bearer Bearer {secret}")
    kept = (
        str(list(Event.objects.values())) + str(list(Token.objects.values())) + repr(only_token())
    )
    for client in (scim, other_scim):
        assert client.secret[20:-6] not in kept + caplog.text


def test_one_line_is_logged_for_each_request(scim, caplog):
    caplog.set_level(logging.INFO)
    scim.create(userName="a")
    [line] = [r for r in caplog.records if r.name == "maptician_scim.request"]
    assert line.getMessage().startswith("POST /scim/v2/Users 201 ")
    assert (line.status, line.token_prefix) == (201, only_token().prefix)


def test_nobody_writes_a_line_of_their_own_into_the_log(acme, caplog):
    caplog.set_level(logging.INFO)
    stranger = ScimClient(acme.subdomain, "wrong")
    stranger.request_scim("GET", "/x%0AGET /scim/v2/Users 200 1 ms%1B[31m")
    [line] = [r.getMessage() for r in caplog.records if r.name == "maptician_scim.request"]
    assert line.startswith("GET /scim/v2/x%0AGET%20/scim/v2/Users%20200%201%20ms%1B%5B31m 401 ")


@pytest.mark.rfc("7644", "3.12", "c", "d")
def test_unforeseen_failure_is_a_scim_500_with_the_id_to_report(scim, monkeypatch, caplog):
    def fail(*args):
        raise ZeroDivisionError

    monkeypatch.setattr("maptician_scim.provisioning.UserProvisioner.get", fail)
    answer = scim.read("x", x_request_id="report-me")
    assert answer.status_code == 500
    assert "report-me" in answer.json()["detail"]
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in answer.text


def test_client_of_a_tenant_without_people_sees_an_empty_list(globex, client_of):
    assert isinstance(client_of(globex), ScimClient)
    assert client_of(globex).search().json()["totalResults"] == 0
