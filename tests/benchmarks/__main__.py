"""How fast this is beside its limit: ``python -m tests.benchmarks``.

Needs ``DATABASE_URL`` to name a PostgreSQL server; works in a database of its own there, which is
gone afterwards.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import contestants, measuring, operations, seed
from tests.live import environment, own_database


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as directory, own_database(Path(directory)) as url:
        if not url.startswith("postgres"):
            sys.exit("DATABASE_URL must name a PostgreSQL server.")
        url += "?options=-c%20synchronous_commit%3Doff"
        tenants = seeded(url, options.tenants)
        with contestants.in_process(["us", "limit"], url, Path(directory)) as running:
            failed = table(running, tenants, options)
    if failed:
        sys.exit(f"Not met: {'; '.join(failed)}")


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, small tenants")
    parser.add_argument("--only", default="", help="operations whose name holds this")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of four requests each")
    parser.add_argument(
        "--tenants", type=lambda text: [int(size) for size in text.split(",")], default=None
    )
    options = parser.parse_args()
    options.tenants = options.tenants or ([1000, 1000] if options.quick else [1000, 10_000])
    options.rounds = options.rounds or (15 if options.quick else 40)
    return options


def seeded(url, sizes):
    os.environ |= environment(url, **contestants.PRODUCTION)
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    began = time.perf_counter()
    tenants = seed.seed(sizes)
    print(f"seeded {sum(sizes)} people in {time.perf_counter() - began:.0f} s", flush=True)
    connection.close()
    return tenants


def table(running, tenants, options):
    """Print a line for each operation; the names of those that miss their bar."""
    failed, counters = [], {}
    print(
        f"{'operation':<28}{'':<8}{'median':>8}{'p95':>8}{'CPU':>8}{'queries':>9}{'x LIMIT':>9}{'x CPU':>7}"
    )
    for operation in operations.OPERATIONS:
        if options.only not in operation.name:
            continue
        tenant = tenants[1] if operation.writes else tenants[0]
        of = dict.fromkeys(running, tenant)
        results = measuring.measure(operation, running, of, options.rounds, counters)
        base = results[operation.base]
        for name, result in results.items():
            ratio = result.median / base.median
            missed = name == "us" and ratio > operation.bar
            note = f"  bar {operation.bar}, aim {operation.aim}" if name == "us" else ""
            print(
                f"{operation.name:<28}{name:<8}{result.median:8.2f}{result.p95:8.2f}"
                f"{result.cost:8.2f}{result.queries:9}{ratio:9.2f}{result.cost / base.cost:7.2f}{note}{'  <-- NOT MET' if missed else ''}",
                flush=True,
            )
            if missed:
                failed.append(operation.name)
    return failed


if __name__ == "__main__":
    main()
