"""Groups: creating, reading, replacing and deleting them, names, and who sees what."""

from unittest.mock import ANY

import pytest

from maptician_scim.group_opening import close_group, open_group, openable_groups
from maptician_scim.models import Event, ProvisionedGroup
from tests.client import GROUP, refs


@pytest.fixture
def pat(scim):
    return scim.create(userName="pat", displayName="Pat Smith").json()


@pytest.fixture
def kim(scim):
    return scim.create(userName="kim").json()


@pytest.fixture
def team(scim, pat):
    return scim.push("Engineers", [pat["id"]], externalId="e1").json()


# -- the resource ------------------------------------------------------------------------------


@pytest.mark.rfc("7644", "3.3.1")
def test_created_group_is_answered_whole(scim, pat, kim):
    answer = scim.push("Engineers", [kim["id"], pat["id"]], externalId="e1")
    group, base = answer.json(), "http://acme.localhost/scim/v2"
    assert answer.status_code == 201
    assert group == {
        "schemas": [GROUP],
        "displayName": "Engineers",
        "externalId": "e1",
        "members": [
            {
                "value": pat["id"],
                "$ref": f"{base}/Users/{pat['id']}",
                "display": "Pat Smith",
                "type": "User",
            },
            {
                "value": kim["id"],
                "$ref": f"{base}/Users/{kim['id']}",
                "type": "User",
            },
        ],
        "id": ANY,
        "meta": {
            "resourceType": "Group",
            "created": ANY,
            "lastModified": ANY,
            "location": f"{base}/Groups/{group['id']}",
            "version": 'W/"1"',
        },
    }
    assert answer.headers["Location"] == group["meta"]["location"]
    assert answer.headers["ETag"] == group["meta"]["version"]
    assert scim.group(group["id"]).json() == group
    assert scim.groups().json()["Resources"] == [group]


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ({"displayName": "Jo", "name": {"formatted": "Dr. Jo Doe"}}, "Jo"),
        ({"name": {"formatted": "Dr. Jo Doe", "familyName": "Doe"}}, "Dr. Jo Doe"),
        ({"name": {"givenName": "Jo", "familyName": "Doe"}}, "Jo Doe"),
        ({"name": {"familyName": "Doe"}}, "Doe"),
        ({}, None),
    ],
)
def test_member_is_shown_by_the_name_there_is(scim, attributes, shown):
    person = scim.create(userName="jo", **attributes).json()
    [member] = scim.push("Team", [person["id"]]).json()["members"]
    assert member.get("display") == shown


def test_pushed_group_is_one_of_the_host(scim, acme, host, team):
    [group] = host.groups(acme)
    assert group.name == host.group_name(acme, "Engineers")
    assert host.members(group).count() == 1


def test_group_without_members_shows_none(scim):
    group = scim.push("Empty").json()
    assert "members" not in group
    assert "members" not in scim.group(group["id"]).json()


def test_members_that_are_left_out_are_not_shown_after_a_patch(scim, team):
    answer = scim.modify_group(
        team["id"], {"op": "replace", "path": "displayName", "value": "B"}, prefer="return=minimal"
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Preference-Applied"] == "return=minimal"
    assert answer.headers["ETag"] == scim.group(team["id"]).json()["meta"]["version"]


@pytest.mark.parametrize("scim_id", ["x", "0" * 30, "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_unknown_id_is_404(scim, method, scim_id):
    body = {"displayName": "x", "Operations": [{"op": "remove", "path": "members"}]}
    answer = scim.request_scim(method, f"/Groups/{scim_id}", body)
    assert (answer.status_code, answer.json()["status"]) == (404, "404")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_group_of_another_tenant_is_404(other_scim, scim, team, method):
    body = {"displayName": "x", "Operations": [{"op": "remove", "path": "members"}]}
    assert other_scim.request_scim(method, f"/Groups/{team['id']}", body).status_code == 404
    assert other_scim.groups().json()["totalResults"] == 0
    assert scim.group(team["id"]).json() == team


@pytest.mark.rfc("7643", "4.2")
@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"displayName": ""}, "displayName"),
        ({"displayName": "  "}, "displayName"),
        ({"displayName": None}, "displayName"),
        ({"displayName": 5}, "displayName"),
        ({"displayName": "x" * 300}, "displayName"),
        ({"externalId": "x" * 300}, "externalId"),
        ({"externalId": ["x"]}, "externalId"),
        ({"members": 5}, "members[0]"),
        ({"members": [5]}, "members[0]"),
        ({"members": [None]}, "members[0]"),
        ({"members": [{"display": "x"}]}, "members[0].value"),
        ({"members": [{"value": ["x"]}]}, "members[0].value"),
        ({"members": [{"value": "x", "type": "Robot"}]}, "members[0].type"),
        ({"members": [{"value": "x", "type": "Group"}]}, "members"),
    ],
)
def test_malformed_attribute_is_named(scim, attributes, named):
    answer = scim.request_scim("POST", "/Groups", {"displayName": "A"} | attributes)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert scim.groups().json()["totalResults"] == 0


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Engineers", "ENGINEERS"])
def test_name_is_taken_without_regard_to_case(scim, team, name):
    answer = scim.push(name)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert Event.objects.get(status=409).reason == "group_taken"


def test_name_is_free_in_another_tenant(other_scim, team):
    assert other_scim.push("Engineers").status_code == 201


@pytest.mark.rfc("7644", "3.6", "c")
def test_name_is_free_again_after_delete(scim, team):
    assert scim.remove_group(team["id"]).status_code == 204
    again = scim.push("Engineers")
    assert again.status_code == 201
    assert again.json()["id"] != team["id"]


def test_renaming_to_a_taken_name_is_409_and_changes_nothing(scim, team):
    other = scim.push("Others").json()
    answer = scim.put_group(other["id"], other | {"displayName": "engineers"})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert scim.group(other["id"]).json() == other


def test_case_of_the_own_name_can_be_changed(scim, team):
    assert scim.put_group(team["id"], team | {"displayName": "ENGINEERS"}).status_code == 200
    assert scim.group(team["id"]).json()["displayName"] == "ENGINEERS"


def test_renamed_group_keeps_its_members(scim, acme, host, team, pat):
    change = {"op": "replace", "path": "displayName", "value": "Builders"}
    renamed = scim.modify_group(team["id"], change).json()
    assert (renamed["displayName"], renamed["members"]) == ("Builders", team["members"])
    assert host.groups(acme).get().name == host.group_name(acme, "Builders")


# -- PUT and DELETE ----------------------------------------------------------------------------


def test_put_replaces_members_and_attributes(scim, team, kim):
    body = {"schemas": [GROUP], "displayName": "Engineers", "members": refs(kim["id"])}
    group = scim.put_group(team["id"], body).json()
    assert [m["value"] for m in group["members"]] == [kim["id"]]
    assert "externalId" not in group


def test_put_of_what_get_returned_changes_nothing(scim, team):
    answer = scim.put_group(team["id"], team)
    assert (answer.status_code, answer.json()) == (200, team)
    assert Event.objects.get(verb="replace").changes == {}


def test_put_without_members_leaves_nobody(scim, team):
    assert scim.put_group(team["id"], {"displayName": "Engineers"}).status_code == 200
    assert scim.members(team["id"]) == set()


def test_deleted_group_is_gone_and_its_people_are_not(scim, acme, host, team, pat):
    assert scim.remove_group(team["id"]).status_code == 204
    assert scim.group(team["id"]).status_code == 404
    assert not host.groups(acme).exists()
    assert "groups" not in scim.read(pat["id"]).json()


def test_put_with_an_old_version_is_412(scim, team):
    answer = scim.put_group(team["id"], team, if_match='W/"7"')
    assert answer.status_code == 412
    assert scim.put_group(team["id"], team, if_match=team["meta"]["version"]).status_code == 200


def test_get_with_the_present_version_is_304(scim, team):
    answer = scim.group(team["id"], if_none_match=team["meta"]["version"])
    assert (answer.status_code, answer.content) == (304, b"")


# -- people and their groups -------------------------------------------------------------------


@pytest.mark.rfc("7643", "2.3.7", "a")
@pytest.mark.rfc("7643", "4.1.2", "f", "g")
def test_person_shows_their_groups(scim, team, pat):
    groups = [
        {
            "value": team["id"],
            "$ref": team["meta"]["location"],
            "display": "Engineers",
            "type": "direct",
        }
    ]
    person = scim.read(pat["id"]).json()
    assert person == pat | {"groups": groups}
    assert scim.search().json()["Resources"] == [person]
    changed = scim.modify(pat["id"], {"op": "replace", "path": "title", "value": "Dr"}).json()
    assert changed["groups"] == groups
    assert scim.replace(pat["id"], person).json()["groups"] == groups


@pytest.mark.rfc("7643", "4.1.2", "h")
def test_groups_of_a_person_are_not_written(scim, team, kim):
    answer = scim.replace(kim["id"], kim | {"groups": refs(team["id"])})
    assert answer.status_code == 200
    assert "groups" not in scim.read(kim["id"]).json()


def test_deleted_person_leaves_their_groups_and_those_have_a_new_version(scim, host, acme, team):
    [pat] = scim.members(team["id"])
    assert scim.remove(pat).status_code == 204
    after = scim.group(team["id"]).json()
    assert "members" not in after
    assert after["meta"]["version"] != team["meta"]["version"]
    assert not host.members(host.groups(acme).get()).exists()


# -- groups of the host that were there before -------------------------------------------------


@pytest.fixture
def boards(acme, host):
    person = host.person(acme, email="chair@acme.example")
    return host.group(acme, "Board", person)


def test_group_made_by_hand_is_invisible(scim, boards):
    assert scim.groups().json()["totalResults"] == 0
    [person] = scim.search().json()["Resources"]
    assert "groups" not in person


@pytest.mark.parametrize("name", ["Board", "BOARD"])
def test_group_made_by_hand_is_not_taken_over(scim, host, boards, name):
    answer = scim.push(name)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert "exists in Maptician" in answer.json()["detail"]
    assert "administrator" in answer.json()["detail"]
    assert host.members(boards).count() == 1
    assert Event.objects.get().reason == "group_not_open"


def test_group_cannot_be_renamed_to_one_made_by_hand(scim, boards, team):
    change = {"op": "replace", "path": "displayName", "value": "Board"}
    answer = scim.modify_group(team["id"], change)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")


def test_opened_group_is_found_with_its_members(scim, acme, boards):
    assert list(openable_groups(acme)) == [boards]
    open_group(acme, boards)
    [group] = scim.groups('displayName eq "board"').json()["Resources"]
    assert (group["displayName"], len(group["members"])) == ("Board", 1)
    assert not openable_groups(acme)


def test_opened_group_that_is_deleted_is_only_closed(scim, acme, host, boards):
    record = open_group(acme, boards)
    assert scim.remove_group(str(record.scim_id)).status_code == 204
    assert scim.groups().json()["totalResults"] == 0
    assert host.members(boards).count() == 1
    assert list(openable_groups(acme)) == [boards]


def test_closed_group_is_invisible_and_has_a_new_id_when_it_is_opened_again(scim, acme, boards):
    record = open_group(acme, boards)
    close_group(record)
    assert scim.group(str(record.scim_id)).status_code == 404
    assert open_group(acme, boards).scim_id != record.scim_id


# -- what is changed by hand -------------------------------------------------------------------


def test_name_changed_by_hand_is_what_is_answered(scim, acme, host, team):
    group = host.groups(acme).get()
    group.name = host.group_name(acme, "By hand")
    group.save()
    after = scim.group(team["id"]).json()
    assert after["displayName"] == "By hand"
    assert after["meta"]["version"] != team["meta"]["version"]
    assert scim.groups('displayName eq "by hand"').json()["totalResults"] == 1


def test_saving_without_a_change_moves_nothing(scim, acme, host, team):
    host.groups(acme).get().save()
    assert scim.group(team["id"]).json() == team


@pytest.mark.parametrize("change", ["add", "remove", "clear", "set"])
def test_members_changed_by_hand_move_the_version(scim, acme, host, team, change):
    person = host.person(acme, email="new@acme.example")
    members = host.members(host.groups(acme).get())
    arguments = {"add": [person], "remove": [members.get()], "clear": [], "set": [[person]]}
    getattr(members, change)(*arguments[change])
    assert scim.group(team["id"]).json()["meta"]["version"] != team["meta"]["version"]


def test_group_deleted_by_hand_is_gone(scim, acme, host, team):
    host.groups(acme).get().delete()
    assert scim.group(team["id"]).status_code == 404
    assert ProvisionedGroup.objects.get().deleted_at is not None
    assert scim.push("Engineers").status_code == 201


def test_person_deleted_by_hand_moves_the_version(scim, acme, host, team):
    host.people(acme).get().delete()
    after = scim.group(team["id"]).json()
    assert "members" not in after
    assert after["meta"]["version"] != team["meta"]["version"]


def test_member_who_comes_back_after_a_delete_is_a_member_no_more(scim, team, pat):
    scim.remove(pat["id"])
    again = scim.create(userName="pat").json()
    assert "groups" not in again
    assert scim.members(team["id"]) == set()


def test_member_by_hand_who_is_taken_up_again_is_shown(scim, acme, host, team, pat):
    scim.remove(pat["id"])
    host.members(host.groups(acme).get()).add(*host.people(acme))
    before = scim.group(team["id"]).json()
    again = scim.create(userName="pat").json()
    after = scim.group(team["id"]).json()
    assert [group["value"] for group in again["groups"]] == [team["id"]]
    assert [member["value"] for member in after["members"]] == [again["id"]]
    assert after["meta"]["version"] != before["meta"]["version"]


def test_preconditions_of_a_group_follow_who_is_seen_in_it(scim, acme, host, boards):
    record = open_group(acme, boards)
    scim_id = str(record.scim_id)
    before = scim.group(scim_id).json()["meta"]["version"]
    scim.remove(*scim.members(scim_id))
    assert scim.group(scim_id, if_none_match=before).status_code == 200


# -- without groups ----------------------------------------------------------------------------


@pytest.fixture
def no_groups(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}


def test_discovery_follows_the_setting(scim, no_groups):
    types = scim.request_scim("GET", "/ResourceTypes").json()["Resources"]
    schemas = scim.request_scim("GET", "/Schemas").json()["Resources"]
    assert [t["name"] for t in types] == ["User", "Role", "Entitlement"]
    assert GROUP not in {s["id"] for s in schemas}
    assert all(a["name"] != "groups" for s in schemas for a in s["attributes"])


def test_discovery_shows_groups(scim):
    types = scim.request_scim("GET", "/ResourceTypes").json()["Resources"]
    schemas = {s["id"]: s for s in scim.request_scim("GET", "/Schemas").json()["Resources"]}
    assert ("Group", "/Groups") in {(t["name"], t["endpoint"]) for t in types}
    assert [a["name"] for a in schemas[GROUP]["attributes"]] == ["displayName", "members"]
    user = schemas["urn:ietf:params:scim:schemas:core:2.0:User"]
    [groups] = [a for a in user["attributes"] if a["name"] == "groups"]
    assert groups["mutability"] == "readOnly"


def test_person_without_groups_setting_shows_none(scim, team, pat, settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"GROUP_ADAPTER": None}
    assert scim.read(pat["id"]).json() == pat
    assert scim.search('groups.value eq "x"').json()["scimType"] == "invalidFilter"
