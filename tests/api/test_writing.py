"""POST, PUT, PATCH and DELETE of users (RFC 7644 sections 3.3, 3.5 and 3.6)."""

import re
from unittest.mock import ANY

import pytest

from maptician_scim.models import Event, ProvisionedUser
from tests.client import ENTERPRISE, ERROR, USER

PAT = {
    "userName": "Pat@Example.com",
    "externalId": "00u1",
    "name": {"givenName": "Pat", "familyName": "Lee", "middleName": "Q"},
    "displayName": "Pat Lee",
    "emails": [
        {"value": "pat@example.com", "type": "work", "primary": True, "display": "Work"},
        {"value": "pat@home.example", "type": "home"},
    ],
    "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "mobile"}],
    "addresses": [{"type": "work", "locality": "Köln", "region": "NRW", "postalCode": "50667"}],
    "title": "Planner",
    "locale": "de-DE",
    "active": True,
    ENTERPRISE: {
        "department": "Space",
        "costCenter": "42",
        "manager": {"value": "Kim Boss", "displayName": "Kim"},
    },
}


@pytest.fixture
def pat(scim):
    """A provisioned person, as the answer to their creation."""
    return scim.create(**PAT).json()


def writable(resource):
    """A resource without what the service provider adds."""
    return {n: v for n, v in resource.items() if n not in ("schemas", "id", "meta")}


# -- create ------------------------------------------------------------------------------------


@pytest.mark.rfc("7643", "2.1", "a")
@pytest.mark.rfc("7643", "3.1", "m")
@pytest.mark.rfc("7643", "3.3", "a", "b", "e")
@pytest.mark.rfc("7644", "3.3", "c", "d", "e")
@pytest.mark.rfc("7644", "3.3.1")
def test_created_resource_is_answered_whole(scim):
    answer = scim.create(**PAT)
    assert answer.status_code == 201
    assert writable(answer.json()) == PAT
    assert answer.json()["schemas"] == [USER, ENTERPRISE]
    assert answer.json()["meta"] == {
        "resourceType": "User",
        "created": ANY,
        "lastModified": answer.json()["meta"]["created"],
        "location": f"http://acme.localhost/scim/v2/Users/{answer.json()['id']}",
        "version": answer.headers["ETag"],
    }
    assert answer.headers["Location"] == answer.json()["meta"]["location"]
    assert answer.headers["Content-Type"] == "application/scim+json"


@pytest.mark.rfc("7644", "3.1", "c")
def test_created_resource_is_read_as_it_was_answered(scim, pat):
    assert scim.read(pat["id"]).json() == pat
    assert scim.search('userName eq "pat@example.com"').json()["Resources"] == [pat]


def test_if_active_is_left_out_then_the_person_is_active(scim):
    assert scim.create(userName="a").json()["active"] is True


@pytest.mark.rfc("7643", "4.1.1", "b")
@pytest.mark.rfc("7643", "7", "l")
@pytest.mark.rfc("7644", "3.3", "f")
@pytest.mark.parametrize("user_name", ["Pat@Example.com", "PAT@EXAMPLE.COM"])
def test_if_the_user_name_is_taken_then_409(scim, pat, user_name):
    answer = scim.create(userName=user_name)
    assert answer.status_code == 409
    assert answer.json() == {
        "schemas": [ERROR],
        "status": "409",
        "scimType": "uniqueness",
        "detail": ANY,
    }
    assert "belongs to somebody already" in answer.json()["detail"]


@pytest.mark.rfc("7643", "4.1.1", "b")
@pytest.mark.rfc("7644", "5")
@pytest.mark.rfc("7644", "7.8")
@pytest.mark.parametrize(
    ("first", "second"),
    [("STRASSE@x", "straße@x"), ("caf\u00e9@x", "cafe\u0301@x"), ("ÄRGER", "ärger")],
    ids=["folded", "normalized", "umlaut"],
)
def test_if_a_name_is_spelled_differently_then_it_is_the_same(scim, first, second):
    created = scim.create(userName=first).json()
    assert scim.create(userName=second).status_code == 409
    assert scim.search(f'userName eq "{second}"').json()["Resources"] == [created]


def test_if_the_taken_name_is_inactive_then_409_says_how_to_bring_them_back(scim, pat):
    scim.modify(pat["id"], {"op": "replace", "value": {"active": False}})
    detail = scim.create(userName=PAT["userName"]).json()["detail"]
    assert "deactivated" in detail
    assert "set active to true" in detail


def test_if_only_the_email_is_taken_then_both_are_created(scim, pat):
    answer = scim.create(userName="other", emails=PAT["emails"])
    assert answer.status_code == 201


@pytest.mark.rfc("7643", "3.1", "b", "g", "k")
@pytest.mark.rfc("7643", "4.1.2", "h")
@pytest.mark.rfc("7643", "7", "i")
@pytest.mark.rfc("7644", "3.3", "a", "b")
def test_read_only_attributes_are_ignored(scim, pat):
    answer = scim.create(userName="b", id=pat["id"], meta={"resourceType": 5}, groups=["x"])
    assert answer.status_code == 201
    assert answer.json()["id"] != pat["id"]
    assert "groups" not in answer.json()


def test_unknown_attributes_and_urns_are_ignored_with_what_is_in_them(scim):
    answer = scim.create(userName="b", shoeSize=44, **{"urn:x:y": {"password": "s3cret-value"}})
    assert writable(answer.json()) == {"userName": "b", "active": True}
    assert "s3cret-value" not in str(list(ProvisionedUser.objects.values()))
    assert "s3cret-value" not in str(list(Event.objects.values()))


@pytest.mark.rfc("7643", "2.5")
@pytest.mark.parametrize("nothing", [None, "", [], {}], ids=str)
@pytest.mark.parametrize("name", ["title", "emails", "name", "externalId", "nickName", "manager"])
def test_null_and_empty_mean_unassigned(scim, name, nothing):
    answer = scim.create(userName="b", **{name: nothing})
    assert answer.status_code == 201
    assert name not in answer.json()


def test_entry_without_a_value_is_unassigned(scim):
    answer = scim.create(userName="b", phoneNumbers=[{"type": "work", "value": ""}])
    assert "phoneNumbers" not in answer.json()


@pytest.mark.rfc("7643", "2.4", "c")
def test_of_two_primary_entries_the_newest_stays_so(scim):
    emails = [{"value": v, "type": v, "primary": True} for v in ("home", "other")]
    answer = scim.create(userName="b", emails=emails).json()
    assert [e["value"] for e in answer["emails"] if e["primary"]] == ["other"]


@pytest.mark.rfc("7643", "2.4", "c")
def test_if_two_entries_are_primary_in_odd_case_then_the_newest_stays_so(scim):
    emails = [{"Value": v, "Type": v, "Primary": "True"} for v in ("home", "other")]
    answer = scim.create(userName="b", emails=emails).json()
    assert [e["value"] for e in answer["emails"] if e["primary"]] == ["other"]


def test_entry_without_a_value_is_primary_to_nobodys_cost(scim, pat):
    hollow = {"value": "", "type": "other", "primary": True}
    assert scim.replace(pat["id"], PAT | {"emails": [*PAT["emails"], hollow]}).json() == pat
    added = scim.modify(pat["id"], {"op": "add", "path": "emails", "value": [hollow]})
    assert added.json() == pat


def test_two_work_emails_are_both_kept(scim, host, acme):
    emails = [
        {"value": "a@x", "type": "work"},
        {"value": "b@x", "type": "work", "primary": True},
    ]
    created = scim.create(userName="b", emails=emails).json()
    assert sorted(e["value"] for e in created["emails"]) == ["a@x", "b@x"]
    assert host.people(acme).get().email == "b@x"


def test_email_without_a_type_reaches_the_host_and_comes_back_without(scim, host, acme):
    created = scim.create(userName="b", emails=[{"value": "b@x", "primary": True}]).json()
    assert created["emails"] == [{"value": "b@x", "primary": True}]
    assert host.people(acme).get().email == "b@x"


@pytest.mark.parametrize(
    "email", ["pat@corp.local", "pat@localhost", "pat", "ä@ö.test", "<a b>@x"], ids=str
)
def test_email_of_any_shape_passes(scim, email):
    created = scim.create(userName="b", emails=[{"value": email, "type": "work"}]).json()
    assert created["emails"][0]["value"] == email
    found = scim.search(f'emails.value eq "{email.upper()}"').json()
    assert found["totalResults"] == 1


@pytest.mark.rfc("7643", "4.1.1", "a")
@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"userName": 5}, "userName"),
        ({"userName": None}, "userName"),
        ({"userName": "   "}, "userName"),
        ({"active": "maybe"}, "active"),
        ({"active": 1}, "active"),
        ({"title": 5}, "title"),
        ({"title": ["x"]}, "title"),
        ({"name": "Pat"}, "name"),
        ({"name": {"givenName": {}, "familyName": 5}}, "name.familyName"),
        ({"emails": "pat@x"}, "emails"),
        ({"emails": ["pat@x"]}, "emails.0"),
        ({"emails": [{"value": 5}]}, "emails.0.value"),
        ({ENTERPRISE: "x"}, "enterprise"),
        ({ENTERPRISE: {"department": 5}}, "department"),
    ],
    ids=str,
)
def test_value_of_a_wrong_type_is_400_naming_it(scim, attributes, named):
    answer = scim.create(**({"userName": "b"} | attributes))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert ProvisionedUser.objects.count() == 0


@pytest.mark.parametrize("name", ["userName", "externalId", "name.givenName", "title"])
def test_value_that_is_too_long_is_400_naming_attribute_and_limit(scim, name, acme, host):
    value = "x" * 300
    parent, _, child = name.partition(".")
    body = {"userName": "b"} | {parent: {child: value} if child else value}
    answer = scim.create(**body)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert re.search(rf"'{name}' has 300 characters; at most \d+", answer.json()["detail"])
    assert not host.people(acme).exists()


def test_manager_is_free_text(scim, pat):
    assert pat[ENTERPRISE]["manager"] == {"value": "Kim Boss", "displayName": "Kim"}
    found = scim.search(f'{ENTERPRISE}:manager.value eq "Kim Boss"').json()
    assert found["totalResults"] == 1


# -- password ----------------------------------------------------------------------------------


def everything_kept():
    from django.contrib.auth import get_user_model

    models = (ProvisionedUser, Event, get_user_model())
    return str([list(model.objects.values()) for model in models])


@pytest.mark.rfc("7643", "4.1.1", "f", "j", "k")
@pytest.mark.rfc("7643", "7", "k")
@pytest.mark.rfc("7643", "9.2", "a")
def test_password_is_dropped_and_kept_nowhere(scim, caplog, acme, host):
    answer = scim.create(userName="b", password="Tr0ub4dor&3")
    assert "password" not in answer.json()
    assert not host.people(acme).get().has_usable_password()
    assert "Tr0ub4dor" not in everything_kept() + caplog.text


def test_user_model_with_a_rule_of_its_own_makes_the_password_unusable(
    scim, acme, host, monkeypatch
):
    from django.contrib.auth import get_user_model

    def by_its_own_rule(user):
        user.password = "!own"

    monkeypatch.setattr(get_user_model(), "set_unusable_password", by_its_own_rule)
    scim.create(userName="b")
    assert host.people(acme).get().password == "!own"


@pytest.mark.rfc("7643", "4.1.1", "f", "g", "h", "k")
@pytest.mark.rfc("7643", "9.2", "a")
@pytest.mark.rfc("7644", "3.5.1", "b")
@pytest.mark.parametrize("how", ["create", "replace", "modify"])
def test_if_the_setting_says_so_then_the_password_is_set_and_not_shown(
    scim, settings, caplog, acme, host, how
):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"SET_PASSWORD": True}
    secret = {"password": "Tr0ub4dor&3"}
    answer = scim.create(userName="b", **(secret if how == "create" else {}))
    if how == "replace":
        answer = scim.replace(answer.json()["id"], {"userName": "b"} | secret)
    if how == "modify":
        answer = scim.modify(answer.json()["id"], {"op": "replace", "value": secret})
    assert host.people(acme).get().check_password("Tr0ub4dor&3")
    assert "Tr0ub4dor" not in everything_kept() + caplog.text + answer.text


# -- replace -----------------------------------------------------------------------------------


@pytest.mark.rfc("7643", "7", "i")
@pytest.mark.rfc("7644", "3.5", "a")
@pytest.mark.rfc("7644", "3.5.1", "f")
def test_if_put_sends_back_what_it_read_then_nothing_changes(scim, pat):
    answer = scim.replace(pat["id"], pat | {"groups": []})
    assert answer.status_code == 200
    assert answer.json() == pat


@pytest.mark.rfc("7644", "3.5.1", "b")
def test_put_forgets_what_it_leaves_out_but_active(scim, pat):
    scim.modify(pat["id"], {"op": "replace", "path": "active", "value": False})
    answer = scim.replace(pat["id"], {"userName": "Pat@Example.com"}).json()
    assert writable(answer) == {"userName": "Pat@Example.com", "active": False}
    assert answer["schemas"] == [USER]


def test_if_put_changes_only_the_case_of_the_name_then_it_is_answered_so(scim, pat):
    answer = scim.replace(pat["id"], pat | {"userName": "pat@example.COM"})
    assert answer.json()["userName"] == "pat@example.COM"


@pytest.mark.rfc("7643", "7", "l")
def test_if_put_renames_to_a_taken_name_then_409_and_nothing_changes(scim, pat):
    other = scim.create(userName="other", title="Old").json()
    answer = scim.replace(other["id"], {"userName": "PAT@example.com", "title": "New"})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert scim.read(other["id"]).json() == other


@pytest.mark.rfc("7643", "4.1.1", "a")
def test_put_without_a_user_name_is_400(scim, pat):
    answer = scim.replace(pat["id"], {"title": "x"})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "userName" in answer.json()["detail"]


@pytest.mark.rfc("7644", "3.2", "b")
@pytest.mark.rfc("7644", "3.5.1", "a")
@pytest.mark.rfc("7644", "3.12", "c")
@pytest.mark.parametrize("method", ["read", "replace", "modify", "remove"])
@pytest.mark.parametrize("scim_id", ["010101001010101011001010101011", "x", "%00", "None"])
def test_unknown_id_is_404(scim, method, scim_id):
    arguments = {"replace": [{"userName": "x"}], "modify": [{"op": "remove", "path": "title"}]}
    answer = getattr(scim, method)(scim_id, *arguments.get(method, []))
    assert answer.status_code == 404
    assert answer.json()["schemas"] == [ERROR]
    assert answer.json()["detail"]


# -- versions ----------------------------------------------------------------------------------


def test_if_none_match_of_the_present_version_is_304(scim, pat):
    answer = scim.read(pat["id"], if_none_match=pat["meta"]["version"])
    assert (answer.status_code, answer.content) == (304, b"")
    assert scim.read(pat["id"], if_none_match='W/"old"').status_code == 200


@pytest.mark.parametrize("tags", ["*", "{version}", 'W/"a", {version}'])
def test_if_match_of_the_present_version_passes(scim, pat, tags):
    header = tags.format(version=pat["meta"]["version"])
    answer = scim.modify(
        pat["id"], {"op": "replace", "path": "title", "value": "B"}, if_match=header
    )
    assert answer.status_code == 200
    assert answer.json()["meta"]["version"] != pat["meta"]["version"]


@pytest.mark.rfc("7644", "3.12", "c")
@pytest.mark.parametrize("method", ["replace", "modify", "remove"])
def test_if_match_of_an_old_version_is_412_and_nothing_changes(scim, pat, method):
    arguments = {"replace": [{"userName": "x"}], "modify": [{"op": "remove", "path": "title"}]}
    answer = getattr(scim, method)(pat["id"], *arguments.get(method, []), if_match='W/"old"')
    assert (answer.status_code, answer.json()["status"]) == (412, "412")
    assert scim.read(pat["id"]).json() == pat


def test_last_modified_moves_only_with_what_is_visible(scim, pat, host, acme):
    user = host.people(acme).get()
    scim.replace(pat["id"], pat)
    user.save()
    assert scim.read(pat["id"]).json()["meta"] == pat["meta"]
    host.set_title(user, acme, "Changed in Maptician")
    after = scim.read(pat["id"]).json()
    assert after["title"] == "Changed in Maptician"
    assert after["meta"]["lastModified"] > pat["meta"]["lastModified"]
    assert after["meta"]["version"] != pat["meta"]["version"]


# -- delete ------------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.6", "a", "b", "e")
def test_if_deleted_then_204_and_404_for_ever(scim, pat):
    answer = scim.remove(pat["id"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert scim.read(pat["id"]).status_code == 404
    assert scim.remove(pat["id"]).status_code == 404
    assert scim.search('userName eq "pat@example.com"').json()["totalResults"] == 0


def test_if_deleted_then_the_host_user_is_kept_and_out(scim, pat, host, acme):
    user = host.people(acme).get()
    scim.remove(pat["id"])
    assert not host.is_active(user, acme)
    user.save()
    assert scim.search().json()["totalResults"] == 0


@pytest.mark.rfc("7643", "3.1", "e", "f")
@pytest.mark.rfc("7644", "3.6", "c", "d")
def test_if_posted_after_delete_then_the_kept_user_gets_a_new_id(scim, pat, host, acme):
    user = host.people(acme).get()
    scim.remove(pat["id"])
    again = scim.create(userName="PAT@example.com", title="Back")
    assert again.status_code == 201
    assert again.json()["id"] != pat["id"]
    assert host.people(acme).get() == user
    assert host.is_active(user, acme)
    assert scim.read(pat["id"]).status_code == 404


def test_if_the_setting_says_so_then_delete_deletes(scim, pat, host, acme, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"DELETE_BEHAVIOUR": "delete"}
    assert scim.remove(pat["id"]).status_code == 204
    assert not host.people(acme).exists()
    assert scim.read(pat["id"]).status_code == 404
    assert scim.create(**PAT).status_code == 201


# -- protected accounts --------------------------------------------------------------------------


@pytest.fixture
def chief(scim, host, acme):
    """The SCIM resource of the protected administrator."""
    host.person(
        acme, email="chief@acme.example", first_name="Chief", last_name="Lee", protected=True
    )
    return scim.search().json()["Resources"][0]


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "value": {"active": False}},
        {"op": "Replace", "path": "ACTIVE", "value": "False"},
        {"op": "replace", "path": "userName", "value": "mine"},
        {"op": "replace", "path": 'emails[type eq "work"].value', "value": "mine@evil.example"},
        {"op": "add", "path": "emails", "value": [{"value": "mine@evil.example"}]},
        {"op": "remove", "path": "emails"},
        {"op": "replace", "path": "name.familyName", "value": "Mine"},
    ],
    ids=str,
)
def test_protected_account_cannot_be_taken_over(scim, chief, operation):
    answer = scim.modify(chief["id"], operation)
    assert answer.status_code == 403
    assert "protected" in answer.json()["detail"]
    assert scim.read(chief["id"]).json() == chief
    assert Event.objects.get(status=403).resource_id == chief["id"]


def test_protected_account_cannot_be_deleted(scim, chief, host, acme):
    assert scim.remove(chief["id"]).status_code == 403
    assert host.is_active(host.people(acme).get(), acme)


def test_unchanged_put_of_a_protected_account_passes(scim, chief):
    assert scim.replace(chief["id"], chief).status_code == 200


def test_protected_account_without_a_record_is_not_taken_up(scim, chief, host, acme):
    ProvisionedUser.objects.all().delete()
    answer = scim.create(userName="chief@acme.example", active=False)
    assert answer.status_code == 403
    assert host.is_active(host.people(acme).get(), acme)
