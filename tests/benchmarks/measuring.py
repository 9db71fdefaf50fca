"""Measuring in rounds: every contestant has its turn in each, so that noise meets all alike."""

from dataclasses import dataclass, field
from itertools import count
from statistics import median, quantiles

from tests.benchmarks.operations import Sample

BATCH = 4
"""Requests in one turn."""

WARM_UP = 3
"""Rounds that are not counted."""


@dataclass
class Measured:
    """How one contestant did in one operation."""

    times: list = field(default_factory=list)
    processor: list = field(default_factory=list)
    queries: int = 0

    @property
    def median(self):
        """Milliseconds."""
        return median(self.times) / 1e6

    @property
    def cost(self):
        """Milliseconds of processors: of Python and of PostgreSQL."""
        return median(self.processor) / 1e6

    @property
    def p95(self):
        return quantiles(self.times, n=20)[-1] / 1e6


def measure(operation, contestants, tenants, rounds, counters):
    """What each contestant takes for an operation, by its name.

    ``tenants`` names the tenant of each; ``counters`` remembers what has been written where.
    """
    results = {name: Measured() for name in contestants}
    order = list(contestants)
    for round_ in range(WARM_UP + rounds):
        order = order[1:] + order[:1]
        for name in order:
            requests = [
                operation.request(sample)
                for sample in samples(operation, name, tenants[name], counters, BATCH)
            ]
            answers, processor = contestants[name].order("time", requests)
            statuses = {status for _, status in answers}
            if statuses != {operation.status}:
                body = contestants[name].order("ask", requests[:1])[0]
                raise AssertionError(f"{name}: {operation.name}: {statuses}: {body}")
            if round_ >= WARM_UP:
                results[name].times += [took for took, _ in answers]
                results[name].processor.append(processor)
    for name, contestant in contestants.items():
        one = samples(operation, name, tenants[name], counters, 1)
        results[name].queries = contestant.order("count", map(operation.request, one))[0]
    return results


def samples(operation, name, tenant, counters, number):
    """The next samples of a contestant."""
    counter = counters.setdefault((operation.name, tenant.subdomain, name), count())
    place = {"us": 0, "limit": 1}.get(name, 0)
    return [Sample(tenant, name, next(counter), place, 2) for _ in range(number)]
