"""No character gives a 5xx: what no database can keep is refused by name, all else comes back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.client import USER
from tests.oracles.strategies import examples, odd, undone

WRITES = {
    "POST": lambda scim, person, team, value: scim.create(userName="b", title=value),
    "PUT": lambda scim, person, team, value: scim.replace(
        person, {"schemas": [USER], "userName": "a", "title": value}
    ),
    "PATCH": lambda scim, person, team, value: scim.modify(
        person, {"op": "add", "path": "title", "value": value}
    ),
    "POST of a group": lambda scim, person, team, value: scim.push(value),
    "PUT of a group": lambda scim, person, team, value: scim.put_group(
        team, {"displayName": value}
    ),
    "PATCH of a group": lambda scim, person, team, value: scim.modify_group(
        team, {"op": "replace", "path": "displayName", "value": value}
    ),
}

refused = st.builds(
    lambda before, character, after: before + character + after,
    odd,
    st.sampled_from(["\x00", "\ud800", "\udfff"]),
    odd | st.just(""),
)


@pytest.mark.django_db
@examples(3)
@given(value=refused, kept=odd.filter(lambda t: t == t.strip()))
def test_character_is_refused_by_name_or_kept(scim, value, kept):
    with undone():
        person, team = scim.create(userName="a").json(), scim.push("A").json()
        for write in WRITES.values():
            answer = write(scim, person["id"], team["id"], value)
            assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
            assert re.search("title|displayName|Operations.value", answer.json()["detail"])
        assert scim.search().json()["Resources"] == [person]
        assert scim.groups().json()["Resources"] == [team]
        for method, write in WRITES.items():
            answer = write(scim, person["id"], team["id"], kept + method)
            assert kept + method in answer.json().values(), answer.json()
