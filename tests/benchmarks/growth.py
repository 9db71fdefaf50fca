"""What grows with what: ``python -m tests.benchmarks.growth``, for ``docs/scaling.md``.

Needs ``DATABASE_URL`` to name a PostgreSQL server on which nobody else writes, or the bytes of WAL
are theirs, too; works in a database of its own there, which is gone afterwards. Seeds companies of
1,000 and 20,000 people (``PEOPLE=...`` for other numbers) and 50,000 events, and prints counts and
bytes as tables in Markdown, no times. Not part of the suite: it takes some minutes.
"""

import os
import sys
import tempfile
from itertools import count
from pathlib import Path

from tests.live import own_database

PEOPLE = [int(size) for size in os.environ.get("PEOPLE", "1000,20000").split(",")]
EVENTS = 50_000
MEMBERSHIPS = 3  # of each person
REQUESTS = 100  # of each kind, whose median is printed
PAGE = 100

SIZES = """
SELECT pg_table_size(%(table)s::regclass), pg_indexes_size(%(table)s::regclass)
"""

COPY = """
WITH e AS (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM maptician_scim_event),
p AS (SELECT *, row_number() OVER (ORDER BY id) - 1 AS place FROM maptician_scim_provisioneduser),
numbered AS (
    SELECT n, n %% (SELECT count(*) FROM e) AS kind, n * 7919 %% (SELECT count(*) FROM p) AS person
    FROM generate_series(1, %s) AS n
)
INSERT INTO maptician_scim_event ({columns})
SELECT {values} FROM numbered JOIN e ON e.place = kind JOIN p ON p.place = person ORDER BY n
"""
"""More events of the kinds that are there, each with somebody else and a time of its own."""

COPIED = {
    "created_at": "now() - (50000 - n) * interval '25 seconds'",
    "tenant_id": "p.tenant_id",
    "resource_id": "CASE WHEN e.resource_id = '' THEN '' ELSE p.scim_id::text END",
    "user_name": "p.user_name",
    "user_name_key": "p.user_name_key",
    "email_key": "p.user_name_key",
    "correlation_id": "md5(n::text)",
}


def client_of(tenant):
    from tests.client import ScimClient

    return ScimClient(tenant.subdomain, tenant.secret)


def printed(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def heading(title, *cells):
    print(f"\n{title}\n", flush=True)
    printed(*cells)
    printed(*["---"] * len(cells))


def vacuum():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


class Sizes:
    """The bytes of some tables, and by how much a row makes them grow."""

    def __init__(self, *models):
        self.models = models
        self.before = [self._of(model) for model in models]

    def _of(self, model):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(SIZES, {"table": model._meta.db_table})
            return model._base_manager.count(), *cursor.fetchone()

    def show(self):
        for model, (rows, heap, indexes) in zip(self.models, self.before, strict=True):
            more_rows, more_heap, more_indexes = self._of(model)
            new = more_rows - rows
            each = [round((more_heap - heap) / new), round((more_indexes - indexes) / new)]
            printed(f"`{model._meta.db_table}`", f"{new:,}", *each, sum(each))


# -- what a request touches ----------------------------------------------------------------------


def reads_of(tenant, client):
    """What identity providers ask, by name."""
    scim_id, name = tenant.people[-1]
    last = len(tenant.people) - PAGE + 1
    return {
        "look-up, hit": lambda: client.search(f'userName eq "{name}"'),
        "look-up, miss": lambda: client.search('userName eq "nobody@nowhere.example"'),
        "GET by id": lambda: client.read(scim_id),
        "first page of 100": lambda: client.search(count=PAGE),
        "page of 100 in the middle": lambda: client.search(startIndex=last // 2, count=PAGE),
        "last page of 100": lambda: client.search(startIndex=last, count=PAGE),
        "GET of a group of 1,000": lambda: client.group(tenant.large_groups[0]),
    }


def pages_of(tenant, client):
    from tests.buffers import touched

    return {name: touched(ask) for name, ask in reads_of(tenant, client).items()}


# -- what a write costs --------------------------------------------------------------------------


def writes_of(tenant, client):
    """Writes that can be repeated: a number makes each another one."""
    from tests.benchmarks.seed import body_of
    from tests.client import PATCH_OP

    def patch(path, operation):
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        return client.request_scim("PATCH", path, body)

    def user(n):
        return f"/Users/{tenant.people[n][0]}"

    def create(n):
        name = f"new{n}@{tenant.subdomain}.example"
        return client.request_scim("POST", "/Users", body_of(name))

    def put(n):
        return client.request_scim("PUT", user(n), body_of(tenant.people[n][1], title=f"Clerk {n}"))

    def deactivate(n):
        return patch(user(n), {"op": "replace", "value": {"active": False}})

    def add(n):
        members = [{"value": scim_id} for scim_id, _ in tenant.people[-PAGE:]]
        operation = {"op": "add", "path": "members", "value": members}
        return patch(f"/Groups/{tenant.pushes[n]}", operation)

    def refused(n):
        name = tenant.people[n][1]
        return client.request_scim("POST", "/Users", body_of(name, externalId=f"other{n}"))

    def unchanged(n):
        return client.request_scim("PUT", user(-1), body_of(tenant.people[-1][1], title="Same"))

    return {
        "create": create,
        "PUT, title changed": put,
        "PUT, nothing changed": unchanged,
        "deactivate": deactivate,
        "group +100 members": add,
        "create, refused (409)": refused,
    }


def wal():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        return int(cursor.fetchone()[0])


def cost_of(ask, numbers):
    """The statements of a request, its transactions, and the median of its bytes of WAL."""
    from statistics import median

    grown = []
    for _ in range(REQUESTS):
        before = wal()
        ask(next(numbers))
        grown.append(wal() - before)
    # The least of some: not what is written once a minute.
    return *min(statements_of(ask, next(numbers)) for _ in range(5)), round(median(grown))


def statements_of(ask, number):
    """The status of a request, its statements, and how many transactions that write it commits."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = ask(number)
    statements, commits, is_open = 0, 0, False
    for query in queries:
        first = query["sql"].split(None, 1)[0].rstrip(";")
        if first in ("BEGIN", "COMMIT", "ROLLBACK"):
            is_open = first == "BEGIN"
            commits += first == "COMMIT"
        elif first not in ("SAVEPOINT", "RELEASE"):
            statements += 1
            commits += not is_open and first in ("INSERT", "UPDATE", "DELETE")
    return answer.status_code, statements, commits


# -- all of it -----------------------------------------------------------------------------------


def main():
    with tempfile.TemporaryDirectory() as directory, own_database(Path(directory)) as url:
        if not url.startswith("postgres"):
            sys.exit("DATABASE_URL must name a PostgreSQL server.")
        os.environ |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
            "DJANGO_DEBUG": "0",
            "DJANGO_SECRET_KEY": "only for this benchmark",
            "DJANGO_LOG_LEVEL": "CRITICAL",
            "SCIM_THROTTLE": "off",
        }
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        measure()
        connection.close()


def measure():
    from django.contrib.auth import get_user_model

    from example_project.workplace.models import TeamMembership
    from maptician_scim.models import Event, ProvisionedUser
    from tests.benchmarks import seed

    tenants = [seed.tenant(0, PEOPLE[0])]
    vacuum()
    columns = {f"{PEOPLE[0]:,} alone": pages_of(tenants[0], client_of(tenants[0]))}
    people = Sizes(get_user_model(), ProvisionedUser)
    for number, size in enumerate(PEOPLE[1:], 1):
        tenants.append(seed.tenant(number, size))
    vacuum()
    heading("Bytes of a row", "table", "rows", "row", "its index entries", "together")
    people.show()
    for tenant, size in zip(tenants, PEOPLE, strict=True):
        columns[f"{size:,} of {sum(PEOPLE):,}"] = pages_of(tenant, client_of(tenant))
    smallest = writes_of(tenants[0], client_of(tenants[0]))
    costs = {name: cost_of(ask, count()) for name, ask in smallest.items()}
    kinds = row_bytes()
    memberships, events = Sizes(TeamMembership), Sizes(Event)
    join_teams()
    copy_events()
    vacuum()
    memberships.show()
    events.show()
    heading("Bytes of an event", "event", "bytes of its row")
    for kind in kinds:
        printed(*kind)
    heading("Pages of 8 KiB that the reads of a request touch", "request", *columns)
    for name in columns[f"{PEOPLE[0]:,} alone"]:
        printed(name, *(pages[name] for pages in columns.values()))
    heading("What a write costs", "request", "status", "statements", "COMMITs", "bytes of WAL")
    for name, cost in costs.items():
        printed(name, *cost)


def row_bytes():
    """The mean bytes of an event's row, by what it says."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(' ', verb, resource_type, status),"
            " round(avg(pg_column_size(e.*))) FROM maptician_scim_event AS e GROUP BY 1 ORDER BY 1"
        )
        return cursor.fetchall()


def join_teams():
    """Everybody is in some more teams."""
    from django.contrib.auth import get_user_model

    from example_project.workplace.models import Team, TeamMembership
    from tests.benchmarks.seed import PUSHES

    names = [f"Push {PUSHES - n}" for n in range(1, MEMBERSHIPS + 1)]
    for company in Team.objects.order_by().values_list("company", flat=True).distinct():
        teams = Team.objects.filter(company=company, name__in=names)
        people = get_user_model().objects.filter(company=company).values_list("pk", flat=True)
        TeamMembership.objects.bulk_create(
            (TeamMembership(team=team, occupant_id=pk) for pk in people for team in teams),
            batch_size=5000,
        )


def copy_events():
    from django.db import connection

    from maptician_scim.models import Event

    names = [field.column for field in Event._meta.local_concrete_fields if field.column != "id"]
    values = [COPIED.get(name, f"e.{name}") for name in names]
    with connection.cursor() as cursor:
        cursor.execute(COPY.format(columns=", ".join(names), values=", ".join(values)), [EVENTS])


if __name__ == "__main__":
    main()
