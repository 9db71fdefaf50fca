"""What else is measured: sizes, an import, provisioning, and ways to reach the database."""

import secrets
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import StringIO
from statistics import median
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command, get_commands

from tests.benchmarks import operations
from tests.benchmarks.contestants import called
from tests.benchmarks.measuring import Entrant, measure, turn
from tests.benchmarks.operations import BULK, CREATE, PAGE, Sample
from tests.pgbouncer import executable, pooled

PREPARED = "&server_side_binding=true&prepare_threshold=5"
"""Options of psycopg and Django that make PostgreSQL keep the plans of statements."""

SIZE_BAR, PAGE_BAR, MEMORY_BAR = 1.15, 1.5, 150


@dataclass(frozen=True)
class Finding:
    """A figure that is no row of the table."""

    name: str
    value: str
    bar: str = ""
    is_met: bool = True


def ratio(name, result, base, bar=None):
    """How much longer one took than the other."""
    value = result.median / base.median
    return Finding(name, f"{value:.2f} x", f"{bar} x" if bar else "", not bar or value <= bar)


def sizes(us, small, large, rounds):
    """The same operations for a large tenant and for a small one."""
    names = f"{len(large.people):,} people", f"{len(small.people):,} people"
    entrants = [Entrant(names[0], us, large), Entrant(names[1], us, small)]
    for operation in (
        operations.HIT,
        operations.GET,
        operations.FIRST_PAGE,
        operations.LAST_PAGE,
        operations.CREATE,
        operations.PUT,
        operations.DEACTIVATE,
    ):
        results = measure(operation, entrants, rounds)
        bar = PAGE_BAR if operation.name.startswith("list") else SIZE_BAR
        yield ratio(
            f"{operation.name}: {names[0]} beside {names[1]}",
            results[names[0]],
            results[names[1]],
            bar,
        )


def walks(us, tenant):
    """An import of everybody, page by page: by startIndex, then by cursor."""
    ask = Sample(tenant, 0, 0).ask
    starts = range(1, len(tenant.people) + 1, PAGE)
    pages = [ask("GET", f"/Users?startIndex={start}&count={PAGE}") for start in starts]
    began = time.perf_counter()
    by_index = []
    for first in range(0, len(pages), 50):
        answers, _ = us.order("time", pages[first : first + 50])
        by_index += [took for took, _ in answers]
    elapsed = time.perf_counter() - began
    by_cursor = us.order("walk", [ask("GET", f"/Users?count={PAGE}&cursor=")])
    for name, times in (("startIndex", by_index), ("cursor", by_cursor)):
        decile = max(len(times) // 10, 1)
        value = median(times[-decile:]) / median(times[:decile])
        yield Finding(
            f"import of {len(tenant.people):,} people by {name}, {len(times):,} pages:"
            " the last tenth of the pages beside the first",
            f"{value:.2f} x",
            f"{PAGE_BAR} x",
            value <= PAGE_BAR,
        )
    print(f"by startIndex it took {elapsed:.0f} s")
    memory = us.order("memory")
    yield Finding(
        "memory of the process after that",
        f"{memory:.0f} MiB",
        f"{MEMORY_BAR} MiB",
        memory < MEMORY_BAR,
    )


def provisioning(us, limit, peer, tenant, their_tenant, people):
    """New people, a hundred in turn: in Bulk, and one by one."""
    entrants = {
        "us, Bulk of 100": (BULK, 1, Entrant("us", us, tenant)),
        "us, single POSTs": (CREATE, PAGE, Entrant("us", us, tenant)),
        "LIMIT, single POSTs": (CREATE, PAGE, Entrant("limit", limit, tenant, 1)),
        "django-scim2, single POSTs": (CREATE, PAGE, Entrant("django-scim2", peer, their_tenant)),
    }
    spent = dict.fromkeys(entrants, 0)
    for _ in range(people // PAGE):
        for name, (operation, requests, entrant) in entrants.items():
            spent[name] += sum(turn(operation, entrant, requests)[0])
    base = spent["LIMIT, single POSTs"]
    for name, nanoseconds in spent.items():
        print(f"{name}: {people / nanoseconds * 1e9:.0f} people a second")
        yield Finding(
            f"provisioning {people:,} people, {name}: people a second beside the LIMIT's",
            f"{base / nanoseconds:.2f} x",
        )


def databases(url, directory, tenant, rounds):
    """Other ways to reach the database, beside a plain connection."""
    with ExitStack() as stack:
        plain = stack.enter_context(called("us", url, directory))
        others = {
            "prepared statements": stack.enter_context(called("us", url + PREPARED, directory))
        }
        if executable():
            through = stack.enter_context(pooled(url))
            others["PgBouncer, transaction mode"] = stack.enter_context(
                called("us", through, directory, DJANGO_SETTINGS_MODULE="tests.pooled")
            )
        if "scim_rls" in get_commands():
            restricted = stack.enter_context(row_level_security(url))
            others["row-level security"] = stack.enter_context(
                called("us", restricted, directory, SCIM_ROW_LEVEL_SECURITY="1")
            )
        entrants = [Entrant("plain", plain, tenant)]
        entrants += [Entrant(name, other, tenant) for name, other in others.items()]
        for operation in (operations.HIT, operations.GET, operations.FIRST_PAGE, operations.PUT):
            results = measure(operation, entrants, rounds)
            for name in others:
                yield ratio(
                    f"{operation.name}: {name} beside a plain connection",
                    results[name],
                    results["plain"],
                )


def receivers(url, directory, tenant, rounds):
    """A deactivation with what the host does then, beside one without."""
    with ExitStack() as stack:
        entrants = [
            Entrant(name, stack.enter_context(called(name, url, directory)), tenant, place)
            for place, name in enumerate(("us", "us with receivers"))
        ]
        results = measure(operations.DEACTIVATE, entrants, rounds)
    yield ratio(
        f"{operations.DEACTIVATE.name}: with the receivers of the example project beside none",
        results["us with receivers"],
        results["us"],
    )


@contextmanager
def row_level_security(url):
    """The URL of a role that the policies bind; they bind no superuser, such as the others are."""
    server = urlsplit(url)
    role, password = f"scim_bench_{secrets.token_hex(4)}", secrets.token_hex(16)
    with psycopg.connect(url.partition("?")[0], autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        try:
            connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
            connection.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}")
            call_command("scim_rls", "enable", stdout=StringIO())
            own = f"{role}:{password}@{server.hostname}:{server.port or 5432}"
            yield server._replace(netloc=own).geturl()
        finally:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")
