"""The geometry of the charts: bars stand on the axis, are as high as their numbers, and fit."""

from itertools import pairwise

import pytest

from maptician_scim.charts import LEFT, TOP, Count, chart


def counts(*numbers):
    return [Count(str(n), total, errors) for n, (total, errors) in enumerate(numbers)]


def test_highest_bar_fits_below_the_highest_line():
    drawn = chart(counts((80, 0), (20, 0)))
    assert [line.text for line in drawn.lines] == ["0", "20", "40", "60", "80"]
    assert drawn.accepted[0].y == pytest.approx(TOP)


def test_heights_are_as_the_numbers():
    high, low = chart(counts((80, 0), (20, 0))).accepted
    assert high.height == pytest.approx(4 * low.height, rel=0.01)


def test_bars_stand_on_the_axis():
    drawn = chart(counts((7, 0), (3, 0)))
    assert [box.y + box.height for box in drawn.accepted] == pytest.approx([drawn.floor] * 2)


def test_errors_stand_on_top_of_what_was_let_in():
    drawn = chart(counts((10, 4)))
    [accepted], [errors] = drawn.accepted, drawn.errors
    assert errors.y + errors.height == pytest.approx(accepted.y)
    assert accepted.height == pytest.approx(errors.height * 6 / 4, rel=0.01)
    assert errors.x == accepted.x


def test_nothing_is_no_bar():
    drawn = chart(counts((0, 0), (5, 5)))
    assert (len(drawn.accepted), len(drawn.errors)) == (0, 1)


def test_one_among_thousands_can_be_seen():
    drawn = chart(counts((1, 1), (9000, 0)))
    assert drawn.errors[0].height >= 1


@pytest.mark.parametrize("size", [1, 24, 30])
def test_bars_are_side_by_side_and_within_the_width(size):
    boxes = chart(counts(*[(1, 0)] * size)).accepted
    assert boxes[0].x > LEFT
    assert all(left.x + left.width < right.x for left, right in pairwise(boxes))
    assert boxes[-1].x + boxes[-1].width <= chart([]).width


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, "4"), (1, "4"), (4, "4"), (5, "8"), (9, "20"), (21, "40"), (4001, "8,000")],
)
def test_lines_are_at_round_numbers(highest, top):
    assert chart(counts((highest, 0))).lines[-1].text == top


def test_totals_are_those_of_the_table():
    drawn = chart(counts((10, 4), (5, 0)))
    assert (drawn.total, drawn.total_errors) == (15, 4)
    assert [count.accepted for count in drawn.counts] == [6, 5]


def test_tick_stands_below_the_middle_of_its_bar():
    drawn = chart([Count("a", 1, 0, "6:00"), Count("b", 1, 0)])
    [tick], bar = drawn.ticks, drawn.accepted[0]
    assert tick.x == pytest.approx(bar.x + bar.width / 2)
    assert tick.y > drawn.floor
