"""What an identity provider's administrator invents under a URN that nobody has declared."""

import json

import pytest

from maptician_scim.models import Connection, Event
from tests.client import ENTERPRISE, USER

OKTA = "urn:okta:onprem_app:1.0:user:custom"
OTHER = "URN:Acme:x-1"
SENT = {"costCode": "K7", "limits": {"seats": 2, "days": [1, 2.5]}, "vip": True}


@pytest.fixture
def kept(acme):
    """The tenant keeps such attributes."""
    connection, _ = Connection.objects.update_or_create(
        tenant=acme, defaults={"keeps_unknown_schemas": True}
    )
    return connection


def someone(**values):
    return {"schemas": [USER], "userName": "pat@acme.example"} | values


def created(scim, **values):
    answer = scim.create(**someone(**values))
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_by_default_they_are_ignored(scim):
    made = created(scim, **{OKTA: SENT})
    answer = scim.replace(made["id"], someone(**{OKTA: SENT}))
    for resource in (made, answer.json()):
        assert OKTA not in resource
        assert resource["schemas"] == [USER]


@pytest.mark.usefixtures("kept")
def test_where_the_tenant_keeps_them_post_and_put_do(scim):
    made = created(scim, **{OKTA: SENT})
    assert made[OKTA] == SENT
    assert made["schemas"] == [USER, OKTA]
    answer = scim.replace(made["id"], made | {OTHER: {"a": 1}})
    assert (answer.json()[OKTA], answer.json()[OTHER]) == (SENT, {"a": 1})
    assert answer.json() == scim.read(made["id"]).json() == scim.search().json()["Resources"][0]
    assert answer.json()["schemas"] == [USER, OTHER, OKTA]
    assert answer.json()["meta"]["version"] != made["meta"]["version"]


@pytest.mark.usefixtures("kept")
def test_put_of_what_get_answered_changes_nothing(scim):
    made = created(scim, **{OKTA: SENT})
    assert scim.replace(made["id"], made).json() == made


@pytest.mark.usefixtures("kept")
def test_put_without_them_forgets_them(scim):
    made = created(scim, **{OKTA: SENT})
    assert OKTA not in scim.replace(made["id"], someone()).json()
    assert Event.objects.latest("id").changes[f"{OKTA}:costCode"] == {"old": "K7", "new": None}


@pytest.mark.usefixtures("kept", "other_scim")
def test_other_tenants_keep_none(other_scim):
    assert OKTA not in created(other_scim, **{OKTA: SENT})


def test_if_switched_off_what_is_kept_stays_until_the_next_put(scim, kept):
    made = created(scim, **{OKTA: SENT})
    Connection.objects.update(keeps_unknown_schemas=False)
    assert scim.read(made["id"]).json()[OKTA] == SENT
    assert OKTA not in scim.replace(made["id"], made).json()


@pytest.mark.usefixtures("kept")
def test_patch_neither_changes_nor_loses_them(scim):
    made = created(scim, **{OKTA: SENT})
    answer = scim.modify(
        made["id"],
        {"op": "replace", "path": f"{OKTA}:costCode", "value": "K8"},
        {"op": "replace", "value": {OKTA: {"costCode": "K9"}, OTHER: {"a": 1}, "title": "Boss"}},
        {"op": "remove", "path": f"{OKTA}:vip"},
    )
    assert answer.status_code == 200, answer.json()
    assert (answer.json()[OKTA], answer.json()["title"]) == (SENT, "Boss")
    assert OTHER not in answer.json()


@pytest.mark.usefixtures("kept")
def test_passwords_are_dropped_at_any_depth(scim):
    secret = "Correct-Horse-1"
    passwords = {"PassWord": {"a": secret}, "user_password": [secret], "PASSWD": secret}
    inner = {"list": [{"password": secret, "b": [[{"PASSWORD": secret}, 1]]}], "keep": "x"}
    made = created(scim, **{OKTA: {"password": secret, "in": inner}, OTHER: {"password": secret}})
    made = scim.replace(made["id"], someone(**{OKTA: inner | {"password": secret}})).json()
    assert made[OKTA] == {"list": [{"b": [[1]]}], "keep": "x"}
    answer = scim.create(userName="kim", **{OKTA: {"in": {"n": 1, "password": secret}}})
    assert answer.json()[OKTA] == {"in": {"n": 1}}
    assert scim.create(userName="lou", **{OKTA: passwords}).json()["schemas"] == [USER]
    for event in Event.objects.all():
        assert secret not in json.dumps(event.changes)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("verb", ["POST", "PUT"])
def test_more_than_the_limit_is_refused_by_name_and_nothing_is_written(scim, settings, verb):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"MAX_UNKNOWN_SCHEMAS_SIZE": 1000}
    made = created(scim) if verb == "PUT" else None
    body = someone(title="new", **{OTHER: {"a": "x" * 500}, OKTA: {"a": "ü" * 250}})
    answer = scim.replace(made["id"], body) if made else scim.create(**body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert OKTA in answer.json()["detail"]
    assert "1000 bytes" in answer.json()["detail"]
    found = scim.search().json()["Resources"]
    assert found == ([made] if made else [])


IGNORED = [
    {OKTA: "text"},
    {OKTA: [1]},
    {OKTA: {}},
    {OKTA: {"a": None, "b": ""}},
    {"urn:": {"a": 1}},
    {"urn:x": {"a": 1}},
    {"urn:acme:with space": {"a": 1}},
    {"custom": {"a": 1}},
    {f"{USER}:title": {"a": 1}},
    {f"{ENTERPRISE.upper()}:manager": {"a": 1}},
    {USER: {"title": "x"}},
]


@pytest.mark.usefixtures("kept")
def test_what_is_no_object_under_an_undeclared_urn_is_ignored(scim):
    for n, values in enumerate(IGNORED):
        made = scim.create(userName=f"p{n}", **values).json()
        assert made.keys() == {"schemas", "userName", "active", "id", "meta"}, values


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("number", [1e300, 10**15 + 0.5, -9999999999999999999], ids=str)
def test_numbers_not_every_database_keeps_are_refused(scim, number):
    answer = scim.create(**someone(**{OKTA: {"in": [{"a": number}]}}))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert f"{OKTA}.in.a" in answer.json()["detail"]


@pytest.mark.usefixtures("kept")
def test_numbers_come_back_as_they_were_sent(scim):
    sent = {"a": [5.0, 1e-7, 2**63 - 1, -0.5, 999999999999999.5, True]}
    made = created(scim, **{OKTA: sent})
    assert made == scim.read(made["id"]).json()
    assert json.dumps(made[OKTA]) == json.dumps(sent)


@pytest.mark.usefixtures("kept")
def test_they_cannot_be_filtered(scim):
    created(scim, **{OKTA: SENT})
    for text in (f'{OKTA}:costCode eq "K7"', f"{OKTA}:vip pr"):
        answer = scim.search(text)
        assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("value", ["a\x00b", "\ud800"], ids=ascii)
def test_characters_no_database_keeps_are_refused(scim, value):
    answer = scim.create(**someone(**{OKTA: {"in": [{"a": value}]}}))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert OKTA in answer.json()["detail"]


@pytest.mark.usefixtures("kept")
def test_they_cost_no_query_more(scim, django_assert_num_queries):
    created(scim)
    for user_name, values in (("kim", {}), ("lou", {OKTA: SENT, OTHER: SENT})):
        with django_assert_num_queries(2):
            scim.search('userName ne "nobody"')
        scim.create(userName=user_name, **values)


@pytest.mark.usefixtures("kept")
def test_if_the_host_declares_the_urn_then_what_was_kept_unchecked_is_not_shown(scim, settings):
    from tests.extensions import ADAPTER, WORKPLACE

    made = created(scim, **{WORKPLACE: {"floor": "top", "skills": 5}})
    assert made[WORKPLACE] == {"floor": "top", "skills": 5}
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": ADAPTER}
    assert scim.read(made["id"]).json()[WORKPLACE].keys() == {"joined"}
    assert (
        scim.search(f"{WORKPLACE}:floor gt 1 or {WORKPLACE}:skills pr").json()["totalResults"] == 0
    )
    answer = scim.modify(made["id"], {"op": "replace", "path": f"{WORKPLACE}:floor", "value": 2})
    assert answer.json()[WORKPLACE]["floor"] == 2
