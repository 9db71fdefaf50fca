"""Every way in which identity providers change who is in a group."""

import uuid

import pytest

from maptician_scim.models import Event
from tests.client import GROUP, refs

pytestmark = pytest.mark.usefixtures("_invariants")

NOBODY = str(uuid.UUID(int=0))


@pytest.fixture
def people(scim):
    """Four people, by their names."""
    return {name: scim.create(userName=name, displayName=name).json()["id"] for name in "abcd"}


@pytest.fixture
def team(scim, people):
    """A group that a and b are in."""
    return scim.push("Team", [people["a"], people["b"]]).json()


def ids(people, names):
    return [people[name] for name in names]


def op(verb, path=None, **more):
    return {"op": verb} | ({"path": path} if path else {}) | more


def chosen(people, name):
    return f'members[value eq "{people[name]}"]'


WORKING = {
    "add": (lambda p: [op("add", "members", value=refs(p["c"]))], "abc"),
    "add capitalised": (lambda p: [op("Add", "members", value=refs(p["c"]))], "abc"),
    "add one object": (lambda p: [op("add", "members", value={"value": p["c"]})], "abc"),
    "add an id": (lambda p: [op("add", "members", value=p["c"])], "abc"),
    "add nobody": (lambda p: [op("add", "members", value=[])], "ab"),
    "add twice": (lambda p: [op("add", "members", value=refs(p["c"], p["c"]))], "abc"),
    "add who is in": (lambda p: [op("add", "members", value=refs(p["a"]))], "ab"),
    "add by URN": (lambda p: [op("add", f"{GROUP}:members", value=refs(p["c"]))], "abc"),
    "add in odd case": (lambda p: [op("ADD", "Members", value=[{"Value": p["c"]}])], "abc"),
    "add by value path": (lambda p: [op("add", chosen(p, "c"), value={"value": p["c"]})], "abc"),
    "add with display null": (
        lambda p: [op("add", "members", value=[{"value": p["c"], "display": None}])],
        "abc",
    ),
    "add with $ref null": (
        lambda p: [op("Add", "members", value=[{"$ref": None, "value": p["c"]}])],
        "abc",
    ),
    "add with type": (
        lambda p: [op("add", "members", value=[{"type": "user", "value": p["c"]}])],
        "abc",
    ),
    "remove by value path": (lambda p: [op("remove", chosen(p, "a"))], "b"),
    "remove by value path and value": (
        lambda p: [op("Remove", chosen(p, "a"), value=refs(p["a"]))],
        "b",
    ),
    "remove by value list": (lambda p: [op("Remove", "members", value=refs(p["a"]))], "b"),
    "remove one object": (lambda p: [op("remove", "members", value={"value": p["a"]})], "b"),
    "remove by empty list": (lambda p: [op("remove", "members", value=[])], "ab"),
    "remove all": (lambda p: [op("remove", "members")], ""),
    "remove all with null": (lambda p: [op("remove", "members", value=None)], ""),
    "remove no member": (lambda p: [op("remove", chosen(p, "c"))], "ab"),
    "remove no member in list": (lambda p: [op("remove", "members", value=refs(p["c"]))], "ab"),
    "remove unknown": (lambda p: [op("remove", f'members[value eq "{NOBODY}"]')], "ab"),
    "remove nonsense": (lambda p: [op("remove", "members", value=refs("x"))], "ab"),
    "remove by or": (
        lambda p: [op("remove", f'members[value eq "{p["a"]}" or value eq "{p["c"]}"]')],
        "b",
    ),
    "remove by display": (lambda p: [op("remove", 'members[display eq "A"]')], "b"),
    "remove by not": (lambda p: [op("remove", 'members[not (display sw "a")]')], "a"),
    "remove by type": (lambda p: [op("remove", 'members[type eq "User"]')], ""),
    "replace": (lambda p: [op("replace", "members", value=refs(p["b"], p["c"]))], "bc"),
    "replace with nobody": (lambda p: [op("replace", "members", value=[])], ""),
    "replace without path": (lambda p: [op("replace", value={"members": refs(p["c"])})], "c"),
    "add without path": (lambda p: [op("add", value={"members": refs(p["c"])})], "abc"),
    "whole schema as path": (
        lambda p: [op("replace", GROUP, value={"members": refs(p["c"])})],
        "c",
    ),
    "Okta's swap": (
        lambda p: [op("remove", chosen(p, "a")), op("add", "members", value=refs(p["c"]))],
        "bc",
    ),
    "in order": (
        lambda p: [
            op("add", "members", value=refs(p["c"])),
            op("remove", chosen(p, "c")),
            op("remove", chosen(p, "a")),
            op("add", "members", value=refs(p["a"], p["d"])),
        ],
        "abd",
    ),
    "all and then one": (
        lambda p: [op("remove", "members"), op("add", "members", value=refs(p["b"]))],
        "b",
    ),
    "one and then all": (
        lambda p: [op("add", "members", value=refs(p["c"])), op("remove", "members")],
        "",
    ),
    "filter between": (
        lambda p: [
            op("add", "members", value=refs(p["c"])),
            op("remove", 'members[display ge "b"]'),
            op("add", "members", value=refs(p["d"])),
        ],
        "ad",
    ),
    "name only": (lambda p: [op("replace", "displayName", value="New")], "ab"),
    "external id only": (lambda p: [op("replace", value={"externalId": "x"})], "ab"),
    "nothing at all": (lambda p: [op("replace", value={})], "ab"),
}


@pytest.mark.parametrize(("operations", "expected"), WORKING.values(), ids=WORKING)
def test_operation_leaves_the_right_members(scim, people, team, operations, expected):
    answer = scim.modify_group(team["id"], *operations(people))
    assert answer.status_code == 200, answer.json()
    shown = {member["value"] for member in answer.json().get("members", [])}
    assert shown == scim.members(team["id"]) == set(ids(people, expected))
    moved = answer.json()["meta"]["version"] != team["meta"]["version"]
    assert moved == (answer.json() != team)


def test_rename_and_members_with_the_own_id(scim, people, team):
    value = {"id": team["id"], "displayName": "New", "members": refs(people["c"])}
    group = scim.modify_group(team["id"], op("replace", value=value)).json()
    assert (group["displayName"], scim.members(team["id"])) == ("New", {people["c"]})


@pytest.mark.rfc("7643", "7", "j")
@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        (op("replace", value={"id": NOBODY, "displayName": "New"}), "mutability"),
        (op("replace", "id", value=NOBODY), "mutability"),
        (op("remove", "id"), "mutability"),
        (op("replace", 'members[value eq "x"].display', value="x"), "mutability"),
        (op("replace", "members.value", value="x"), "mutability"),
        (op("replace", 'members[value eq "x"]', value={"value": "y"}), "mutability"),
        (op("add", "members[type pr]", value={"value": "x"}), "mutability"),
        (op("add", "members"), "invalidValue"),
        (op("add", "members", value=[{"display": "x"}]), "invalidValue"),
        (op("add", "members", value=5), "invalidValue"),
        (op("remove", "members", value=5), "invalidValue"),
        (op("add", "members", value=[{"value": "x", "type": "Group"}]), "invalidValue"),
        (op("remove", 'members[value eq "'), "invalidPath"),
        (op("remove", 'members[nothing eq "x"]'), "invalidFilter"),
        (op("remove"), "noTarget"),
        (op("remove", value={"members": []}), "noTarget"),
        (op("remove", "displayName"), "mutability"),
        (op("replace", "displayName", value=""), "mutability"),
        (op("move", "members", value=[]), "invalidValue"),
        (op("replace", value=[]), "invalidValue"),
        (op("replace", 5, value=[]), "invalidSyntax"),
    ],
    ids=str,
)
def test_impossible_operation_is_refused_whole(scim, people, team, operation, scim_type):
    first = op("add", "members", value=refs(people["c"]))
    answer = scim.modify_group(team["id"], first, operation)
    assert (answer.status_code, answer.json().get("scimType")) == (400, scim_type), answer.json()
    assert scim.group(team["id"]).json() == team


def test_many_selections_are_refused_before_anything_is_done(scim, people, team):
    changes = [op("remove", f'members[display eq "{n}"]') for n in range(30)]
    answer = scim.modify_group(team["id"], op("remove", chosen(people, "a")), *changes)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert scim.group(team["id"]).json() == team


# -- who is no member ------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [NOBODY, "x", "0" * 30, "A" * 300])
def test_unknown_member_is_named_and_nothing_is_changed(scim, people, team, unknown):
    change = op("add", "members", value=refs(people["c"], unknown))
    rename = op("replace", "displayName", value="New")
    answer = scim.modify_group(team["id"], rename, change)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert unknown[:64] in answer.json()["detail"]
    assert scim.group(team["id"]).json() == team
    assert Event.objects.get(status=400).reason == "unknown_member"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_unknown_member_of_a_whole_group_is_refused(scim, team, method):
    path = "/Groups" if method == "POST" else f"/Groups/{team['id']}"
    body = {"displayName": "Other", "members": refs(NOBODY)}
    assert scim.request_scim(method, path, body).status_code == 400
    assert scim.groups().json()["Resources"] == [team]


def test_member_of_another_tenant_is_answered_like_an_unknown_one(scim, other_scim, team):
    theirs = other_scim.create(userName="x").json()["id"]
    for stranger in (theirs, NOBODY):
        answer = scim.modify_group(team["id"], op("add", "members", value=refs(stranger)))
        text = answer.json()["detail"].replace(stranger, "?")
        assert (answer.status_code, text.count("?")) == (400, 1)
    assert scim.group(team["id"]).json() == team


def test_many_unknown_members_are_counted(scim):
    strangers = [str(uuid.uuid4()) for _ in range(8)]
    detail = scim.push("A", strangers).json()["detail"]
    assert strangers[4] in detail
    assert strangers[5] not in detail
    assert "3 more" in detail


def test_unknown_member_of_an_unknown_group_is_404(scim):
    assert scim.modify_group(NOBODY, op("add", "members", value=refs("x"))).status_code == 404


def test_deleted_person_is_unknown(scim, people, team):
    scim.remove(people["c"])
    answer = scim.modify_group(team["id"], op("add", "members", value=refs(people["c"])))
    assert answer.status_code == 400


def test_deactivated_member_stays_and_can_be_removed(scim, people, team):
    scim.modify(people["a"], op("replace", value={"active": False}))
    assert scim.members(team["id"]) == set(ids(people, "ab"))
    scim.modify_group(team["id"], op("remove", chosen(people, "a")))
    assert scim.members(team["id"]) == {people["b"]}


def test_deactivated_person_can_be_added(scim, people, team):
    scim.modify(people["c"], op("replace", value={"active": False}))
    scim.modify_group(team["id"], op("add", "members", value=refs(people["c"])))
    assert scim.members(team["id"]) == set(ids(people, "abc"))


# -- what the log says -----------------------------------------------------------------------------


def test_event_names_who_came_and_who_went(scim, people, team):
    change = op("replace", "members", value=refs(people["b"], people["c"]))
    scim.modify_group(team["id"], change)
    event = Event.objects.get(verb="patch")
    assert event.changes == {"members": {"old": [people["a"]], "new": [people["c"]]}}
    assert (event.resource_type, event.resource_id) == ("Group", team["id"])
    assert (event.user_name, event.facts) == ("", {"group": "Team", "added": "1", "removed": "1"})


def test_event_counts_what_it_does_not_name(scim, acme, host):
    for n in range(103):
        host.person(acme, email=f"p{n}@acme.example")
    listed = scim.search(count=200).json()["Resources"]
    scim.push("Large", [person["id"] for person in listed])
    new = Event.objects.get(verb="create").changes["members"]["new"]
    assert (len(new), new[-1]) == (101, "and 3 more")


# -- Entra -----------------------------------------------------------------------------------------

ENTRA = {"user_agent": "Microsoft-Entra-Provisioning"}


def test_patch_of_entra_is_answered_with_204(scim, people, team):
    change = op("Add", "members", value=[{"$ref": None, "value": people["c"]}])
    answer = scim.modify_group(team["id"], change, **ENTRA)
    assert (answer.status_code, answer.content) == (204, b"")
    assert scim.members(team["id"]) == set(ids(people, "abc"))


def test_life_of_a_group_in_entra(scim, people):
    body = {
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/Group"],
        "externalId": "8aa1a0c0",
        "displayName": "Entra",
        "members": [],
        "meta": {"resourceType": "Group"},
    }
    group = scim.request_scim("POST", "/Groups", body, **ENTRA).json()
    query = '?excludedAttributes=members&filter=displayName%20eq%20"Entra"'
    assert scim.request_scim("GET", f"/Groups{query}").json()["totalResults"] == 1
    for verb, left in (("Add", set(ids(people, "ab"))), ("Remove", set())):
        change = op(verb, "members", value=[{"value": people[n]} for n in "ab"])
        assert scim.modify_group(group["id"], change, **ENTRA).status_code == 204
        assert scim.members(group["id"]) == left
    rename = op("Replace", "displayName", value="Renamed")
    assert scim.modify_group(group["id"], rename, **ENTRA).status_code == 204
    found = scim.groups(f'id eq "{group["id"]}" and members eq "{people["a"]}"').json()
    assert found["totalResults"] == 0
    assert scim.remove_group(group["id"], **ENTRA).status_code == 204


def test_patch_of_a_person_by_entra_is_answered_with_the_person(scim, people):
    answer = scim.modify(people["a"], op("Replace", "title", value="x"), **ENTRA)
    assert (answer.status_code, answer.json()["title"]) == (200, "x")


@pytest.mark.parametrize("prefer", ["return=minimal", "respond-async, Return=Minimal; x=1"])
def test_patch_of_a_person_can_be_answered_with_204(scim, people, prefer):
    answer = scim.modify(people["a"], op("replace", "title", value="x"), prefer=prefer)
    assert (answer.status_code, answer.content) == (204, b"")


def test_other_preferences_change_nothing(scim, people):
    answer = scim.modify(
        people["a"], op("replace", "title", value="x"), prefer="return=representation"
    )
    assert (answer.status_code, answer.json()["title"]) == (200, "x")


# -- Okta ---------------------------------------------------------------------------------------


def test_push_of_a_catalogue_app(scim, people):
    assert scim.groups('displayName eq "Okta"').json()["totalResults"] == 0
    group = scim.push("Okta", [people["a"], people["b"]]).json()
    rename = op("replace", value={"id": group["id"], "displayName": "Okta 2"})
    assert scim.modify_group(group["id"], rename).json()["displayName"] == "Okta 2"
    swap = [op("remove", chosen(people, "a")), op("add", "members", value=refs(people["c"]))]
    assert scim.modify_group(group["id"], *swap).status_code == 200
    assert scim.members(group["id"]) == set(ids(people, "bc"))
    push_now = op("replace", "members", value=refs(*ids(people, "abd")))
    assert scim.modify_group(group["id"], push_now).status_code == 200
    assert scim.members(group["id"]) == set(ids(people, "abd"))
    assert scim.remove_group(group["id"]).status_code == 204


def test_push_of_a_wizard_app(scim, people):
    group = scim.push("Okta", [people["a"]]).json()
    read = scim.group(group["id"]).json()
    members = [{"value": people[name], "display": None} for name in "ab"]
    body = read | {"displayName": "Okta 2", "members": members}
    answer = scim.put_group(group["id"], body)
    assert (answer.status_code, answer.json()["displayName"]) == (200, "Okta 2")
    assert scim.members(group["id"]) == set(ids(people, "ab"))
    assert scim.put_group(group["id"], body | {"members": []}).status_code == 200
    assert scim.members(group["id"]) == set()


# -- filters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filter_text", "names"),
    [
        ('displayName eq "TEAM"', "Team"),
        ('displayName sw "t"', "Team"),
        ('displayName ne "team"', "Other Empty"),
        ('externalId eq "x1"', "Other"),
        ('externalId eq "X1"', ""),
        ("externalId pr", "Other"),
        ('id eq "{team}"', "Team"),
        ('members eq "{a}"', "Team"),
        ('members.value eq "{a}"', "Team"),
        ('members[value eq "{b}"]', "Team Other"),
        ('members[value eq "{a}" and type eq "User"]', "Team"),
        ('members[value eq "{a}" and type eq "Group"]', ""),
        ('members[display eq "A"]', "Team"),
        ('members.display co "b"', "Team Other"),
        ("members pr", "Team Other"),
        ("not (members pr)", "Empty"),
        ('members.value ne "{a}"', "Other Empty"),
        ('id eq "{team}" and members eq "{a}"', "Team"),
        ('id eq "{team}" and members eq "{d}"', ""),
        ('displayName eq "team" or externalId eq "x1"', "Team Other"),
        ('not (displayName eq "team") and members[value eq "{b}"]', "Other"),
        ('meta.created gt "2020-01-01T00:00:00Z"', "Team Other Empty"),
        ('meta.lastModified lt "2020-01-01T00:00:00Z"', ""),
        ('meta.resourceType eq "Group"', "Team Other Empty"),
        ('meta.resourceType eq "User"', ""),
    ],
)
def test_filter_finds_the_right_groups(scim, people, team, filter_text, names):
    scim.push("Other", [people["b"]], externalId="x1")
    scim.push("Empty")
    for name, value in (people | {"team": team["id"]}).items():
        filter_text = filter_text.replace(f"{{{name}}}", value)
    found = scim.groups(filter_text).json()
    assert " ".join(group["displayName"] for group in found["Resources"]) == names


@pytest.mark.parametrize("filter_text", ['members.$ref eq "x"', 'members[x eq "y"]', "color pr"])
def test_what_cannot_be_filtered_is_refused(scim, team, filter_text):
    answer = scim.groups(filter_text)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")


@pytest.mark.parametrize(
    ("filter_text", "names"),
    [
        ('groups.value eq "{team}"', "ab"),
        ('groups[value eq "{team}"]', "ab"),
        ('groups eq "{team}"', "ab"),
        ('groups[display eq "TEAM"]', "ab"),
        ('groups.display sw "o"', "b"),
        ('groups[type eq "direct"]', "ab"),
        ('groups[type eq "indirect"]', ""),
        ("not (groups pr)", "cd"),
        ('groups.value eq "{team}" and not (groups.display eq "other")', "a"),
    ],
)
def test_people_are_found_by_their_groups(scim, people, team, filter_text, names):
    scim.push("Other", [people["b"]])
    found = scim.search(filter_text.replace("{team}", team["id"])).json()["Resources"]
    assert "".join(person["userName"] for person in found) == names


def test_filter_does_not_find_members_of_another_tenant(scim, other_scim, people, team):
    mine = other_scim.create(userName="a").json()["id"]
    other_scim.push("Team", [mine])
    assert other_scim.groups(f'members eq "{people["a"]}"').json()["totalResults"] == 0
    assert scim.groups(f'members eq "{mine}"').json()["totalResults"] == 0
    assert other_scim.search(f'groups.value eq "{team["id"]}"').json()["totalResults"] == 0


# -- groups in groups ---------------------------------------------------------------------------


@pytest.fixture
def nested(settings):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"NESTED_GROUPS": True}


@pytest.fixture
def parent(scim, team, nested, people):
    members = [*refs(team["id"]), *refs(people["c"])]
    return scim.request_scim("POST", "/Groups", {"displayName": "P", "members": members}).json()


def test_without_the_setting_a_group_is_no_member(scim, team):
    answer = scim.push("Parent", [team["id"]])
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "only people" in answer.json()["detail"]


def test_group_in_a_group_is_shown_with_its_type(scim, team, parent):
    [child] = [m for m in parent["members"] if m["type"] == "Group"]
    assert child == {
        "value": team["id"],
        "$ref": team["meta"]["location"],
        "display": "Team",
        "type": "Group",
    }
    assert scim.group(parent["id"]).json() == parent


@pytest.mark.parametrize(
    "operation",
    [
        lambda team: op("remove", f'members[value eq "{team}"]'),
        lambda team: op("remove", "members", value=[{"value": team, "type": "Group"}]),
        lambda team: op("remove", 'members[type eq "Group"]'),
    ],
)
def test_group_is_taken_out_of_a_group(scim, people, team, parent, operation):
    scim.modify_group(parent["id"], operation(team["id"]))
    assert scim.members(parent["id"]) == {people["c"]}


def test_all_are_replaced_whatever_they_are(scim, people, parent):
    scim.modify_group(parent["id"], op("replace", "members", value=refs(people["d"])))
    assert scim.members(parent["id"]) == {people["d"]}


def test_wrong_type_makes_a_member_unknown(scim, team, people, parent):
    for value, kind in ((team["id"], "User"), (people["d"], "Group")):
        change = op("add", "members", value=[{"value": value, "type": kind}])
        assert scim.modify_group(parent["id"], change).status_code == 400


@pytest.mark.parametrize("whom", ["itself", "its parent", "its grandparent"])
def test_cycle_is_refused(scim, team, parent, whom):
    top = scim.push("Top", [parent["id"]]).json()
    target = {"itself": team, "its parent": parent, "its grandparent": top}[whom]
    answer = scim.modify_group(team["id"], op("add", "members", value=refs(target["id"])))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "itself" in answer.json()["detail"]
    assert scim.group(team["id"]).json() == team


def test_deleted_group_leaves_its_parent(scim, people, team, parent):
    scim.remove_group(team["id"])
    after = scim.group(parent["id"]).json()
    assert [m["value"] for m in after["members"]] == [people["c"]]
    assert after["meta"]["version"] != parent["meta"]["version"]


def test_groups_are_found_by_groups_in_them(scim, team, parent):
    found = scim.groups(f'members.value eq "{team["id"]}" and members[type eq "Group"]').json()
    assert [group["id"] for group in found["Resources"]] == [parent["id"]]


def test_group_of_another_tenant_is_unknown(other_scim, team, nested):
    assert other_scim.push("X", [team["id"]]).status_code == 400


@pytest.mark.parametrize("path", [1, 1e300, ["members"], {"a": 1}, True])
def test_path_that_is_no_text_is_refused(scim, path):
    team = scim.push("Sales").json()["id"]
    answer = scim.modify_group(team, {"op": "add", "path": path, "value": {"displayName": "x"}})
    assert (answer.status_code, answer.json()["detail"]) == (400, "'path' must be a string.")
