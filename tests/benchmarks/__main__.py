"""How fast this is beside what is possible: ``python -m tests.benchmarks``.

Needs ``DATABASE_URL`` to name a PostgreSQL server; works in a database of its own there, which is
gone afterwards. ``docs/performance.md`` says what is measured. The status is not 0 where a bar is
not met.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.benchmarks import contestants, operations, sections, seed
from tests.benchmarks.measuring import BATCH, GENERATIONS, WARM_UP, Entrant, measure
from tests.benchmarks.peer.seed import seed as seed_peer
from tests.benchmarks.report import Report, Row, statements
from tests.live import environment, own_database, without_disk

SIZES = [1000] * 7 + [10_000] * 2 + [100_000]
QUICK = [1000] * 3 + [2000]
MOST_ROUNDS = GENERATIONS * (seed.PUSHES // (2 * GENERATIONS * BATCH) - WARM_UP - 1)
SECTIONS = ("in-process", "gunicorn", "sizes", "walks", "provisioning", "databases")


def main():
    options = arguments()
    report = Report()
    with tempfile.TemporaryDirectory() as directory, own_database(Path(directory)) as url:
        if not url.startswith("postgres"):
            sys.exit("DATABASE_URL must name a PostgreSQL server.")
        # To wait for the disk would cost all alike, and hide what is measured here.
        Benchmark(without_disk(url), Path(directory), options, report).run()
    if options.write:
        report.write()
    elif "in-process" in options.sections:
        print(f"\nThe SQL of the LIMIT\n\n{statements()}")
    if missed := report.missed():
        sys.exit("\nNot met:\n" + "\n".join(missed))


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, small tenants")
    parser.add_argument("--only", default="", help="operations of the table whose name holds this")
    parser.add_argument("--sections", default="", help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, help="rounds of four requests each")
    parser.add_argument("--tenants", help="how many people each has, such as 1000,1000,1000,10000")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (10 if options.quick else 100)
    default = QUICK if options.quick else SIZES
    options.tenants = [int(n) for n in options.tenants.split(",")] if options.tenants else default
    if options.rounds > MOST_ROUNDS:
        parser.error(f"at most {MOST_ROUNDS} rounds: each push fills a group of its own")
    options.sections = options.sections.split(",") if options.sections else list(SECTIONS)
    if unknown := set(options.sections).difference(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    return options


class Benchmark:
    """One run: a seeded database, and everybody who is measured at it."""

    def __init__(self, url, directory, options, report):
        self.url, self.directory, self.options, self.report = url, directory, options, report
        env = environment(url, **contestants.PRODUCTION)
        began = time.perf_counter()
        self.tenants = seeded(env, options.tenants)
        # django-scim2 would load all of a large tenant for a page of it.
        small = [tenant for tenant in self.tenants if len(tenant.people) <= 10_000]
        self.peers = seed_peer(url, env, small)
        print(f"seeded {sum(options.tenants):,} people in {time.perf_counter() - began:.0f} s")

    def run(self):
        wanted = self.options.sections
        if "in-process" in wanted:
            self.table("In process", contestants.called, 0)
            self.refusals()
        if "gunicorn" in wanted:
            self.table("Over gunicorn, two workers, two clients", contestants.served, 1)
        with ExitStack() as stack:
            start = partial(self.started, stack)
            if "sizes" in wanted:
                self.find(sections.sizes(start("us"), *self.smallest_and_largest(), self.rounds))
            if "walks" in wanted:
                self.find(sections.walks(start("us"), self.tenants[-1]))
            if "provisioning" in wanted:
                people = 200 if self.options.quick else 10_000
                three = [start(name) for name in ("us", "limit", "django-scim2")]
                place = 2
                self.find(
                    sections.provisioning(*three, self.tenants[place], self.peers[place], people)
                )
        if "databases" in wanted:
            self.find(sections.databases(self.url, self.directory, self.tenants[-2], self.rounds))
            self.find(sections.receivers(self.url, self.directory, self.tenants[-2], self.rounds))

    @property
    def rounds(self):
        return self.options.rounds

    def smallest_and_largest(self):
        return self.tenants[2], self.tenants[-1]

    def started(self, stack, name, kind=contestants.called):
        return stack.enter_context(kind(name, self.url, self.directory))

    def find(self, findings):
        for finding in findings:
            self.report.find(finding)

    def table(self, title, kind, place):
        """Each operation beside the LIMIT, for the tenant at this place."""
        tenant, theirs = self.tenants[place], self.peers[place]
        wanted = [o for o in operations.OPERATIONS if self.options.only in o.name]
        found = dict.fromkeys(wanted)
        phases = [[o for o in wanted if o.phase == n] for n in sorted({o.phase for o in wanted})]
        for part in [phase for phase in phases for _ in range(GENERATIONS)]:
            with ExitStack() as stack:
                start = partial(self.started, stack, kind=kind)
                entrants = [
                    Entrant("us", start("us"), tenant),
                    Entrant("limit", start("limit"), tenant, place=1),
                    Entrant("django-scim2", start("django-scim2"), theirs),
                ]
                for operation in part:
                    rounds = max(self.rounds // GENERATIONS, 1)
                    found[operation] = measure(operation, entrants, rounds, found[operation])
        for operation in wanted:
            self.report.add(title, Row(operation, found[operation], "limit"))

    def refusals(self):
        """A wrong token, beside a plain DRF view."""
        operation = operations.REFUSED
        if self.options.only not in operation.name:
            return
        with ExitStack() as stack:
            entrants = [
                Entrant(name, self.started(stack, name), self.tenants[0])
                for name in ("us", "plain DRF")
            ]
            results = measure(operation, entrants, self.rounds)
            title = "Not let in, beside a plain DRF view"
            self.report.add(title, Row(operation, results, "plain DRF"))


def seeded(env, sizes):
    """The tenants of an example project in the database that the environment names."""
    os.environ |= env
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    tenants = seed.seed(sizes)
    connection.close()
    return tenants


if __name__ == "__main__":
    main()
