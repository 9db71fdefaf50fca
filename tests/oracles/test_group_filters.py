"""The database filter must find the groups, and the people by their groups, that memory finds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maptician_scim.conf import scim_settings
from maptician_scim.protocol.schemas import group_model
from tests.client import GROUP
from tests.oracles.filters import check_filters, comparisons, trees
from tests.oracles.strategies import (
    examples,
    maybe_text,
    quoted,
    some_groups,
    undone,
    user_name,
    without_nulls,
)

PLACE = re.compile(r"(?i)@(\d)")
ids = st.sampled_from(['"@0"', '"@1"', '"@2"', '"@3"', '"@4"', '"nobody"', '"-"', '"4"'])
"""Those of the people and groups there are: by number, until they are known."""

kinds = st.sampled_from(['"User"', '"group"', '"DIRECT"', '"s"', '"x"'])
moments = st.sampled_from(['"2020-01-01T00:00:00Z"', '"2999-12-31T23:59:59Z"'])


def related(attribute):
    """Comparisons with what a group says of its members, and a person of their groups."""
    inside = trees(
        st.one_of(
            comparisons(["value"], operands=ids),
            comparisons(["display"]),
            comparisons(["type"], operands=kinds),
        )
    )
    return st.one_of(
        comparisons([attribute, f"{attribute}.value"], operands=ids),
        comparisons([f"{attribute}.display"]),
        comparisons([f"{attribute}.type"], operands=kinds),
        inside.map(lambda f: f"{attribute}[{f}]"),
    )


def filters(*leaves):
    own = st.one_of(
        comparisons(["id"], operands=ids),
        comparisons(["externalId"]),
        comparisons(["meta.created", "meta.lastModified"], st.sampled_from(["gt", "le"]), moments),
    )
    return st.lists(trees(st.one_of(own, *leaves)), min_size=6, max_size=6)


group_filters = filters(
    comparisons(["displayName", f"{GROUP}:displayName"], operands=quoted), related("members")
)
person_filters = filters(comparisons(["displayName"]), related("groups"))
memberships = st.lists(st.sets(st.integers(0, 2)), min_size=4, max_size=4)


def with_ids(filter_text, documents):
    """The filter with the ids of these in the place of their numbers."""
    return PLACE.sub(lambda m: documents[int(m[1]) % len(documents)]["id"], filter_text)


@pytest.mark.django_db
@examples(12)
@given(
    shown=st.lists(maybe_text, min_size=3, max_size=3),
    groups=some_groups,
    memberships=memberships,
    nests=st.booleans(),
    of_groups=group_filters,
    of_people=person_filters,
)
def test_database_and_memory_agree(
    scim, settings, shown, groups, memberships, nests, of_groups, of_people
):
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"NESTED_GROUPS": nests}
    with undone():
        people = [
            scim.create(**without_nulls({"userName": user_name(n), "displayName": name})).json()
            for n, name in enumerate(shown)
        ]
        made = []
        for (name, external_id), numbers in zip(groups, memberships, strict=False):
            members = [people[n]["id"] for n in sorted(numbers)] + [g["id"] for g in made if nests]
            made.append(scim.push(name, members, externalId=external_id).json())
        people = [scim.read(person["id"]).json() for person in people]
        of_groups = [with_ids(f, made + people) for f in of_groups]
        of_people = [with_ids(f, made + people) for f in of_people]
        check_filters(scim, "Groups", group_model(()), made, of_groups)
        model = scim_settings.USER_ADAPTER.mapping().model
        check_filters(scim, "Users", model, people, of_people)
