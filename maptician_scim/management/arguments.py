"""What several commands take as arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole_number(first: int, last: int) -> Callable[[str], int]:
    """A type of argument: a whole number from ``first`` to ``last``."""

    def read(text: str) -> int:
        number = int(text) if text.isdecimal() else first - 1
        if not first <= number <= last:
            raise argparse.ArgumentTypeError(f"give a number from {first} to {last}")
        return number

    return read
