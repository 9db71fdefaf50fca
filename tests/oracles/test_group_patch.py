"""Whatever dialect changes a group's members, those stay whom a set in memory keeps."""

import uuid
from contextlib import suppress
from functools import reduce

import pytest
import scim2_models as scim2
from hypothesis import given
from hypothesis import strategies as st
from scim2_models.path import ScimFilter

from maptician_scim.protocol.schemas import group_model
from tests.client import GROUP, refs
from tests.oracles.filters import ORACLE, comparisons, trees
from tests.oracles.strategies import examples, undone
from tests.oracles.test_group_filters import kinds, with_ids

CHILD, NOBODY = 4, 5
"""Beside four people somebody can name a group, and an id that nobody has."""

MODEL = group_model(())

numbers = st.integers(0, NOBODY)
some = st.lists(numbers, max_size=4)
members_path = st.sampled_from(["members", "Members", f"{GROUP}:members"])
selections = trees(
    st.one_of(
        comparisons(["value"], operands=st.sampled_from([f'"@{n}"' for n in range(6)])),
        comparisons(["display"], operands=st.sampled_from(['"a"', '"B"', '"c"', '"Child"'])),
        comparisons(["type"], st.sampled_from(["eq", "ne"]), kinds),
    )
).map(lambda f: f"members[{f}]")


def one(number):
    return f'members[value eq "@{number}"]'


def entry(number, extra):
    return {"value": f"@{number}"} | extra


extras = st.sampled_from([{}, {"display": None}, {"$ref": None}, {"display": "x"}])
value = st.one_of(
    st.tuples(some, extras).map(lambda t: [entry(n, t[1]) for n in t[0]]),
    st.tuples(numbers, extras).map(lambda t: entry(*t)),
    numbers.map(lambda n: f"@{n}"),
)


def spelled(op):
    return st.sampled_from([op, op.capitalize(), op.upper()])


def operation(op, path=None, **more):
    return {"op": op} | ({"path": path} if path else {}) | more


def adding(op):
    """All ways of adding members, or of replacing them."""
    without_path = value.map(lambda v: {"members": v})
    return st.one_of(
        st.builds(operation, spelled(op), members_path, value=value),
        st.builds(operation, spelled(op), value=without_path),
        st.builds(operation, spelled(op), st.just(GROUP), value=without_path),
    )


operations = st.one_of(
    adding("add"),
    adding("replace"),
    numbers.map(lambda n: operation("add", one(n), value=entry(n, {}))),
    numbers.map(lambda n: operation("remove", one(n))),
    numbers.map(lambda n: operation("Remove", one(n), value=refs(f"@{n}"))),
    st.builds(operation, spelled("remove"), members_path),
    st.builds(operation, spelled("remove"), members_path, value=value),
    selections.map(lambda path: operation("remove", path)),
    st.just(operation("replace", value={"externalId": "x"})),
    st.just(operation("Replace", value={"id": "@6", "displayName": "Team"})),
)


def named(given):
    """The ids in a value of members."""
    listed = given if isinstance(given, list) else [given]
    return {item if isinstance(item, str) else item["value"] for item in listed}


def after(members, one, entries):
    """The ids of those who are members after an operation; ``entries`` are all by their ids."""
    op, path, given = one["op"].lower(), one.get("path", ""), one.get("value")
    if isinstance(given, dict) and "value" not in given:
        given = given.get("members")
        if given is None:
            return members
    if op == "add":
        return members | named(given)
    if op == "replace":
        return named(given)
    if "[" in path:
        return {m for m in members if not selects(path, entries[m])}
    return members - named(given) if given is not None else set()


def selects(path, member):
    with ORACLE:
        group = MODEL.model_validate({"members": [member]}, scim_policy=ORACLE)
        return ScimFilter[MODEL](path).match(group)


def added(one):
    """The ids that an operation names as new members."""
    given = one.get("value")
    if one["op"].lower() == "remove" or given is None:
        return set()
    if isinstance(given, dict) and "value" not in given:
        given = given.get("members", [])
    return named(given)


def library_says(members, some, entries):
    """The members after the operations by scim2-models, once each is written as the RFC does."""
    group = scim2.Group.model_validate({"members": [entries[m] for m in members]})
    for one in [standard for sent in some for standard in standards(sent, entries)]:
        patch = scim2.PatchOp[scim2.Group].model_validate(
            {"Operations": [one]}, scim_ctx=scim2.Context.RESOURCE_PATCH_REQUEST
        )
        with suppress(scim2.NoTargetException):  # to us it is no error that nobody is selected
            patch.patch(group, ORACLE)
    return {member.value for member in group.members or []}


def standards(one, entries):
    """The same in lists of whole members at a path, and value paths."""
    op, path, given = one["op"].lower(), one.get("path", ""), one.get("value")
    if isinstance(given, dict) and "value" not in given:
        given = given.get("members")
    if op != "remove":
        listed = [] if given is None else [entries[m] for m in sorted(named(given))]
        return [] if given is None else [operation(op, "members", value=listed)]
    if "[" in path or given is None:
        return [operation(op, path)]
    return [operation(op, f'members[value eq "{m}"]') for m in sorted(named(given))]


@pytest.fixture
def documents(scim):
    """The resources there are: four people, a child, nobody, and the group in question."""
    people = [scim.create(userName=name, displayName=name).json() for name in "abcd"]
    child, nobody = scim.push("Child").json(), {"id": str(uuid.uuid4())}
    return [*people, child, nobody, scim.push("Team", [p["id"] for p in people[:2]]).json()]


def entries_of(documents):
    kinds = ["User"] * 4 + ["Group"] * 2
    return {
        d["id"]: {"value": d["id"], "display": d.get("displayName"), "type": kind}
        for d, kind in zip(documents, kinds, strict=False)
    }


def known(value, documents):
    """The operations with ids in the place of numbers."""
    if isinstance(value, dict):
        return {name: known(item, documents) for name, item in value.items()}
    if isinstance(value, list):
        return [known(item, documents) for item in value]
    return with_ids(value, documents) if isinstance(value, str) else value


@pytest.mark.django_db
@examples(40)
@given(some=st.lists(operations, min_size=1, max_size=5), nests=st.booleans())
def test_members_are_those_a_set_keeps(scim, settings, documents, some, nests):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"NESTED_GROUPS": nests}
    group, some, entries = documents[-1], known(some, documents), entries_of(documents)
    before = {member["value"] for member in group["members"]}
    new = set().union(*map(added, some))
    with undone():
        answer = scim.modify_group(group["id"], *some)
        shown = scim.group(group["id"]).json()
        if documents[NOBODY]["id"] in new or (documents[CHILD]["id"] in new and not nests):
            assert (answer.status_code, shown) == (400, group), some
            return
        assert answer.status_code == 200, (some, answer.json())
        assert answer.json() == shown
        expected = reduce(lambda members, one: after(members, one, entries), some, before)
        assert {member["value"] for member in shown.get("members", [])} == expected, some
        assert (shown["meta"]["version"] == group["meta"]["version"]) == (shown == group)
        assert library_says(before, some, entries) == expected
        for person in scim.search().json()["Resources"]:
            groups = [g["value"] for g in person.get("groups", [])]
            assert groups == [group["id"]] * (person["id"] in expected)
