"""What a cursor keeps of a value is the value again."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from maptician_scim.protocol.sorting import KINDS, READERS, kept, read


@pytest.mark.parametrize(
    "value",
    [
        None,
        "\U0001f600",
        True,
        7,
        1.5,
        Decimal("1.50"),
        datetime(2026, 1, 31, 8, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 1, 31, 8),  # noqa: DTZ001 hosts may keep naive ones
        date(2026, 1, 31),
        UUID(int=7),
    ],
    ids=repr,
)
def test_value_survives_a_cursor(value):
    again = read(json.loads(json.dumps(kept(value))))
    assert (type(again), again) == (type(value), value)


def test_every_kind_can_be_read():
    assert set(KINDS.values()) == READERS.keys()
