"""Attributes of a schema extension in columns of every kind."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from scim2_models import URN, Extension

from maptician_scim.models import Event
from tests.clubs.models import Membership
from tests.clubs.scim import MemberAdapter, membership_field

SPORT = "urn:clubs:scim:schemas:extension:sport:2.0:User"


class Sport(Extension):
    """What a club knows of its members"""

    __schema__ = URN(SPORT)

    coach: bool | None = None
    shirt: int | None = None
    fee: float | None = None
    born: datetime | None = None
    examined: datetime | None = None
    size: str | None = None


class SportAdapter(MemberAdapter):
    extensions = (Sport,)
    attribute_map = MemberAdapter.attribute_map | {
        f"{SPORT}:coach": membership_field("is_coach"),
        f"{SPORT}:shirt": membership_field("shirt"),
        f"{SPORT}:fee": membership_field("fee"),
        f"{SPORT}:born": membership_field("born"),
        f"{SPORT}:examined": membership_field("examined"),
    }


SENT = {
    "coach": True,
    "shirt": 7,
    "fee": 12.5,
    "born": "2001-02-03T00:00:00Z",
    "examined": "2026-01-31T08:00:00.500000Z",
    "size": "XL",
}


@pytest.fixture(autouse=True)
def _sport(settings):
    path = f"{__name__}.SportAdapter"
    settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"USER_ADAPTER": path}


@pytest.fixture
def made(scim):
    return scim.create(userName="pat", **{SPORT: SENT}).json()


def test_columns_hold_the_values_and_show_them_again(scim, made):
    assert made[SPORT] == SENT
    assert scim.read(made["id"]).json() == made
    found = Membership.objects.get()
    assert (found.is_coach, found.shirt, found.fee) == (True, 7, Decimal("12.5"))
    assert (found.born, found.examined) == (
        date(2001, 2, 3),
        datetime(2026, 1, 31, 8, 0, 0, 500000, UTC),
    )


def test_put_of_what_get_answered_changes_nothing(scim, made):
    assert scim.replace(made["id"], made).json() == made


def test_what_is_left_out_is_emptied_and_told(scim, made):
    body = {"userName": "pat", SPORT: {"coach": True}}
    assert scim.replace(made["id"], body).json()[SPORT] == {"coach": True}
    changes = Event.objects.latest("id").changes
    assert changes[f"{SPORT}:born"] == {"old": SENT["born"], "new": None}
    assert changes[f"{SPORT}:fee"] == {"old": 12.5, "new": None}


def test_patch_writes_a_column(scim, made):
    operation = {"op": "replace", "path": f"{SPORT}:shirt", "value": "9"}
    assert scim.modify(made["id"], operation).json()[SPORT] == SENT | {"shirt": 9}
    assert Membership.objects.get().shirt == 9


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("shirt", -1, "greater than or equal to 0"),
        ("fee", 1.234, "decimal places"),
        ("fee", 123456.0, "digits"),
        ("born", "2001-02-03T08:00:00Z", "without a time"),
    ],
)
def test_what_a_column_does_not_hold_is_refused_by_name(scim, made, name, value, reason):
    operation = {"op": "replace", "path": f"{SPORT}:{name}", "value": value}
    answer = scim.modify(made["id"], operation)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert f"{SPORT}:{name}" in answer.json()["detail"]
    assert reason in answer.json()["detail"]


FOUND = [
    "coach eq true",
    "shirt gt 6",
    "shirt eq 7",
    "fee eq 12.5",
    "fee lt 13",
    'born eq "2001-02-03T00:00:00Z"',
    'born gt "2001-02-02T23:59:59Z"',
    'born lt "2001-02-03T00:00:01Z"',
    'born le "2001-02-03T00:00:00Z"',
    'born ge "2001-02-03T00:00:00Z"',
    'examined eq "2026-01-31T09:00:00.5+01:00"',
    'examined gt "2026-01-31T08:00:00Z"',
    "born pr",
    'size eq "xl"',
]
MISSED = [
    "coach eq false",
    "shirt gt 7",
    f"shirt eq {9**40}",
    "fee gt 12.5",
    'born eq "2001-02-03T00:00:01Z"',
    'born gt "2001-02-03T00:00:00Z"',
    'born ge "2001-02-03T00:00:01Z"',
    'born lt "2001-02-03T00:00:00Z"',
    'examined lt "2026-01-31T08:00:00.5Z"',
]


@pytest.mark.usefixtures("made")
def test_filters_read_the_columns(scim):
    for text in (*FOUND, *MISSED):
        found = scim.search(f"{SPORT}:{text}").json()["totalResults"]
        assert found == (text in FOUND), text
