"""A long walk by cursor while everything changes (RFC 9865)."""

import pytest

from example_project.workplace.models import Occupant
from maptician_scim.models import ProvisionedUser

PEOPLE, PAGE = 10_000, 1000


@pytest.fixture
def everybody(acme):
    """The ids of ten thousand people."""
    names = [f"p{n}@acme.example" for n in range(PEOPLE)]
    users = Occupant.objects.bulk_create(Occupant(company=acme, username=name) for name in names)
    records = [
        ProvisionedUser(tenant=acme, user=user, user_name=name, user_name_key=name)
        for user, name in zip(users, names, strict=True)
    ]
    made = ProvisionedUser.objects.bulk_create(records)
    return [str(record.scim_id) for record in made]


def test_walk_misses_nobody_and_shows_nobody_twice(scim, everybody):
    seen, gone, cursor = [], set(), ""
    while cursor is not None:
        body = scim.search(cursor=cursor, count=PAGE, attributes="userName").json()
        seen += [person["id"] for person in body["Resources"]]
        cursor = body.get("nextCursor")
        gone |= change_around(scim, everybody, seen)
    assert len(seen) == len(set(seen))
    assert set(everybody) - set(seen) <= gone
    assert len(gone) > 15


def change_around(scim, everybody, seen):
    """Delete the last one seen and one further on, rename one of both, create two people."""
    here, ahead = len(seen) - 1, min(len(seen) + 500, PEOPLE - 2)
    for place in (here - 1, ahead + 1):
        renamed = {"op": "replace", "path": "userName", "value": f"a{len(seen)}.{place}"}
        assert scim.modify(everybody[place], renamed).status_code == 200
    if len(seen) < PEOPLE:
        everybody += [scim.create(userName=f"n{len(seen)}.{n}").json()["id"] for n in range(2)]
    deleted = {seen[here], everybody[ahead]}
    return {scim_id for scim_id in deleted if scim.remove(scim_id).status_code == 204}
