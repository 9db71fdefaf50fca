"""A progress bar for commands that take long, for whoever watches."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

BAR_WIDTH = 30


class ProgressBar:
    """Draws itself on a terminal, and nothing anywhere else."""

    def __init__(self, output: OutputWrapper, label: str, total: int) -> None:
        self.output = output
        self.label = label
        self.total = total

    def show(self, done: int) -> None:
        """Draw how much is done."""
        if self.output.isatty():
            done = min(done, self.total)
            filled = "#" * (BAR_WIDTH * done // self.total if self.total else BAR_WIDTH)
            bar = f"\r{self.label:<20} [{filled:<{BAR_WIDTH}}] {done}/{self.total}"
            self.output.write(bar, ending="")

    def end(self) -> None:
        """Leave the line."""
        if self.output.isatty():
            self.output.write("")
