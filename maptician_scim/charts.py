"""The geometry of a bar chart: from counts to rectangles. No table, no request, no HTML.

A bar stands for the requests of a time, refused ones at its top. Lengths are those of the SVG's
own coordinates, from the upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 420.0, 170.0
LEFT, TOP, RIGHT, BOTTOM = 44.0, 10.0, 8.0, 26.0
"""Room for the labels of the axes."""

GAP = 0.25
"""How much of the room of a bar is left empty."""

LEAST = 1.5
"""What is not nothing can be seen."""

STEPS = 4


@dataclass(frozen=True)
class Count:
    """What is drawn as one bar; its label stands in the table, the tick below the axis."""

    label: str
    total: int
    errors: int
    tick: str = ""

    @property
    def accepted(self) -> int:
        return self.total - self.errors


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Label:
    """A text of an axis, and where it stands."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """Everything a template needs to draw a chart and to write the same numbers as a table."""

    counts: Sequence[Count]
    accepted: list[Box] = field(default_factory=list)
    errors: list[Box] = field(default_factory=list)
    lines: list[Label] = field(default_factory=list)
    ticks: list[Label] = field(default_factory=list)
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT

    @property
    def total(self) -> int:
        return sum(count.total for count in self.counts)

    @property
    def total_errors(self) -> int:
        return sum(count.errors for count in self.counts)

    @property
    def floor(self) -> float:
        """Where the bars stand."""
        return self.height - BOTTOM


def chart(counts: Sequence[Count]) -> Chart:
    """The chart of some counts, in their order."""
    step = _step(max((count.total for count in counts), default=0))
    drawn = Chart(counts)
    scale = (drawn.floor - TOP) / (step * STEPS)
    for n in range(STEPS + 1):
        value = n * step
        drawn.lines.append(Label(LEFT, _rounded(drawn.floor - value * scale), f"{value:,}"))
    room = (WIDTH - LEFT - RIGHT) / max(len(counts), 1)
    for n, count in enumerate(counts):
        x, width = LEFT + (n + GAP / 2) * room, room * (1 - GAP)
        accepted = _height(count.accepted, scale)
        errors = _height(count.errors, scale)
        if accepted:
            drawn.accepted.append(_box(x, drawn.floor - accepted, width, accepted))
        if errors:
            drawn.errors.append(_box(x, drawn.floor - accepted - errors, width, errors))
        if count.tick:
            place = Label(_rounded(x + width / 2), _rounded(drawn.height - 8), count.tick)
            drawn.ticks.append(place)
    return drawn


def _step(highest: int) -> int:
    """The distance of the lines: the least of 1, 2, 5, 10, 20 ... that lets all bars fit."""
    magnitude = 1
    while True:
        for digit in (1, 2, 5):
            if digit * magnitude * STEPS >= highest:
                return digit * magnitude
        magnitude *= 10


def _height(number: int, scale: float) -> float:
    return max(number * scale, LEAST) if number else 0


def _box(x: float, y: float, width: float, height: float) -> Box:
    return Box(_rounded(x), _rounded(y), _rounded(width), _rounded(height))


def _rounded(length: float) -> float:
    return round(length, 2)
