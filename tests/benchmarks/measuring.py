"""Measuring in rounds: everybody has a turn in each, so that noise meets all alike."""

from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from tests.benchmarks.seed import Tenant

BATCH = 4
"""Requests in one turn."""

WARM_UP = 3
"""Rounds that are not counted, of each generation."""

GENERATIONS = 5
"""How often all processes are started anew for a table: by where chance puts what in memory, and
sessions on processors, one may be a tenth faster than the next for as long as it lives."""


@dataclass(frozen=True)
class Entrant:
    """A contestant that asks as the identity provider of a tenant."""

    name: str
    contestant: Any
    tenant: Tenant
    place: int = 0
    """Told apart from whoever writes into the same tables by this."""


@dataclass
class Measured:
    """How one entrant did in one operation."""

    times: list = field(default_factory=list)
    processor: list = field(default_factory=list)
    queries: int | None = None

    @property
    def median(self):
        """Milliseconds."""
        return median(self.times) / 1e6

    @property
    def p95(self):
        return quantiles(self.times, n=20)[-1] / 1e6

    @property
    def cost(self):
        """Milliseconds of processors: of Python and of PostgreSQL."""
        return median(self.processor) / 1e6 if self.processor else None


def measure(operation, entrants, rounds, results=None):
    """What an operation takes each entrant, by their names, in addition to earlier ``results``."""
    results = {entrant.name: Measured() for entrant in entrants} if results is None else results
    order = list(entrants)
    for round_ in range(WARM_UP + rounds):
        order = order[1:] + order[:1]
        for entrant in order:
            answers, processor = turn(operation, entrant, BATCH)
            if round_ >= WARM_UP:
                results[entrant.name].times += answers
                if processor is not None:
                    results[entrant.name].processor.append(processor)
    for entrant in entrants:
        one = operation.samples(entrant.tenant, entrant.place, 1)
        [queries] = entrant.contestant.order("count", map(operation.request, one))
        results[entrant.name].queries = queries
    return results


def turn(operation, entrant, number):
    """The times of some requests, and what one of them cost processors."""
    samples = operation.samples(entrant.tenant, entrant.place, number)
    requests = [operation.request(sample) for sample in samples]
    answers, processor = entrant.contestant.order("time", requests)
    wrong = {status for _, status in answers} - {operation.status}
    if wrong:
        raise AssertionError(f"{entrant.name}: {operation.name}: answered {wrong}")
    return [took for took, _ in answers], processor
