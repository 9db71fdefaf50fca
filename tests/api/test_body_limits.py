"""What a body of the allowed size may cost: no more than reading it does."""

import pytest

from maptician_scim.models import Connection
from tests.api.test_patch_limits import fastest
from tests.client import ENTERPRISE, USER

JANE = {"schemas": [USER], "userName": "jane@acme.example"}
LONG = "A" * 500_000


def selecting(terms):
    return " or ".join(['display co "x"'] * terms)


COSTLY = {
    "names of an extension": ({ENTERPRISE: {f"x{n}": 1 for n in range(20_000)}}, 400),
    "values behind a long name": ({LONG: [{"a": 1}] * 30_000}, 201),
    "values behind a long URN": ({f"urn:a:{LONG}": {"b": [{"a": 1}] * 25_000}}, 400),
    "entries that are all primary": ({"emails": [{"primary": True}] * 4000}, 201),
    "schemas": ({"schemas": [USER] + [f"urn:a:{n}" for n in range(9000)]}, 201),
}


@pytest.mark.parametrize("attributes", COSTLY)
def test_body_costs_a_fraction_of_a_second(scim, acme, attributes):
    Connection.objects.create(tenant=acme, keeps_unknown_schemas=True)
    body, status = COSTLY[attributes]

    answer, seconds = fastest(lambda: scim.request_scim("POST", "/Users", JANE | body))

    assert answer.status_code in (status, 409)
    assert seconds < 0.3


@pytest.mark.parametrize(
    "path",
    [
        f"members[{selecting(9000)}]",
        f"members[{'(' * 90_000}",
        f"xmembers[{'not (' * 30_000}",
    ],
)
def test_long_path_to_members_is_refused_before_it_is_parsed(scim, path):
    team = scim.push("Sales").json()["id"]

    answer, seconds = fastest(lambda: scim.modify_group(team, {"op": "remove", "path": path}))

    assert answer.status_code == 400
    assert answer.json()["scimType"] == "invalidPath"
    assert seconds < 0.1


def test_selections_of_members_are_together_no_longer_than_a_filter(scim):
    team = scim.push("Sales").json()["id"]
    path = f"members[{selecting(100)}]"

    assert scim.modify_group(team, {"op": "remove", "path": path}).status_code == 200
    answer = scim.modify_group(team, *[{"op": "remove", "path": path}] * 3)

    assert answer.status_code == 400
    assert "too often" in answer.json()["detail"]
