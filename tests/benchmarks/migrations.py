"""How long others wait while this package migrates: ``python -m tests.benchmarks.migrations``.

Needs ``DATABASE_URL`` to name a PostgreSQL server; works in a database of its own there, which is
gone afterwards. Seeds a host with a million users (``ROWS=...`` for another number), applies the
first migration while clients read and write them, seeds a million people and a million events of
ours, and applies the others while clients read and write those too. Prints the longest that any of
them had to wait. Not part of the suite: it takes some minutes.
"""

import os
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread

import psycopg

from tests.live import own_database

ROWS = int(os.environ.get("ROWS", "1000000"))
COMPANIES = 10
LIMIT_MS = 1000
FIRST = "0001_initial"

HOST = """
INSERT INTO workplace_company (name, subdomain)
SELECT 'Company ' || n, 'company' || n FROM generate_series(1, %(companies)s) n;

INSERT INTO workplace_occupant (
    username, email, password, first_name, last_name, is_superuser, is_staff, is_active,
    date_joined, is_break_glass, job_title, user_type, department, organization, employee_number,
    work_phone, mobile_phone, city, region
)
SELECT 'p' || n || '@x.example', 'p' || n || '@x.example', '', 'Jane', 'Doe', false, false, true,
    now(), false, '', '', '', '', '', '', '', '', ''
FROM generate_series(1, %(rows)s) n;
"""

OURS = """
INSERT INTO maptician_scim_provisioneduser (
    scim_id, tenant_id, user_id, user_name, user_name_key, attributes, received, digest,
    created_at, modified_at
)
SELECT gen_random_uuid(), c.id, o.id, o.username, o.username, '{"nickName": "J"}', '{}', '',
    now(), now()
FROM workplace_occupant o JOIN workplace_company c ON c.id = o.id %% %(companies)s + 1;

INSERT INTO maptician_scim_event (
    created_at, tenant_id, token_prefix, verb, resource_type, resource_id, user_name, status,
    scim_type, detail, changes, correlation_id, duration_ms, client, email_key, facts, reason,
    user_name_key, tolerated
)
SELECT now(), tenant_id, 'mapt_scim_1', 'replace', 'User', scim_id::text, user_name,
    CASE WHEN id %% 10 = 0 THEN 409 ELSE 200 END, '', '', '{"title": {"old": "A", "new": "B"}}',
    md5(id::text), 5, 'Okta', '', '{}', '', user_name, '[]'
FROM maptician_scim_provisioneduser;
"""

HOST_CLIENTS = {
    "read a user": "SELECT username FROM workplace_occupant WHERE id = 7",
    "write a user": "UPDATE workplace_occupant SET job_title = '' WHERE id = 7",
}
OUR_CLIENTS = {
    "read a person": "SELECT user_name FROM maptician_scim_provisioneduser WHERE id = 7",
    "write a person": "UPDATE maptician_scim_provisioneduser SET digest = '' WHERE id = 7",
    "read an event": "SELECT verb FROM maptician_scim_event ORDER BY id DESC LIMIT 1",
    "write an event": "INSERT INTO maptician_scim_event ({0}) SELECT {0} FROM one_event",
}
CLIENTS = HOST_CLIENTS | OUR_CLIENTS
"""What the host and the version before a migration do all the time. An event is written with the
columns that this version knows."""

COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
WHERE table_name = 'maptician_scim_event' AND column_name <> 'id'
"""
REMEMBER = """
DROP TABLE IF EXISTS one_event;
CREATE TABLE one_event AS SELECT * FROM maptician_scim_event ORDER BY id LIMIT 1
"""


class Client(Thread):
    """Runs a statement again and again, and remembers how long it took at most."""

    def __init__(self, url, statement):
        super().__init__(daemon=True)
        self.url, self.statement = url, statement
        self.is_over = Flag()
        self.longest_ms = 0.0
        self.failure = ""

    @property
    def is_worse_off(self):
        return bool(self.failure) or not 0 < self.longest_ms <= LIMIT_MS

    def run(self):
        with psycopg.connect(self.url, autocommit=True) as connection:
            while not self.is_over.is_set():
                began = time.perf_counter()
                try:
                    connection.execute(self.statement)
                except psycopg.Error as error:
                    self.failure = type(error).__name__
                self.longest_ms = max(self.longest_ms, (time.perf_counter() - began) * 1000)
                time.sleep(0.005)


@contextmanager
def working(url, wanted):
    """Clients at work, by the names in ``CLIENTS``."""
    columns = ""
    with psycopg.connect(url) as connection:
        if OUR_CLIENTS.keys() <= wanted.keys():
            connection.execute(REMEMBER)
            [(columns,)] = connection.execute(COLUMNS).fetchall()
    clients = {name: Client(url, words.format(columns)) for name, words in wanted.items()}
    with ExitStack() as stack:
        for client in clients.values():
            client.start()
            stack.callback(client.join)
            stack.callback(client.is_over.set)
        yield clients


def apply(url, migration):
    """Apply a migration while clients work; what they noticed, and how many seconds it took."""
    from django.core.management import call_command

    with working(url, HOST_CLIENTS if migration == FIRST else CLIENTS) as clients:
        time.sleep(0.5)
        began = time.perf_counter()
        call_command("migrate", "maptician_scim", migration, verbosity=0)
        took = time.perf_counter() - began
        time.sleep(0.1)
    return clients, took


def seed(url, statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements.split(";\n\n"):
            connection.execute(statement, {"rows": ROWS, "companies": COMPANIES})
        connection.execute("VACUUM ANALYZE")


def main():
    with tempfile.TemporaryDirectory() as directory, own_database(Path(directory)) as url:
        if not url.startswith("postgres"):
            sys.exit("DATABASE_URL must name a PostgreSQL server.")
        os.environ |= {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "example_project.settings"}
        import django
        from django.core.management import call_command

        django.setup()
        from django.db import connection
        from django.db.migrations.loader import MigrationLoader

        call_command("migrate", verbosity=0)
        call_command("migrate", "maptician_scim", "zero", verbosity=0)
        seed(url, HOST)
        nodes = MigrationLoader(connection).graph.nodes
        print(f"{ROWS} people, {ROWS} events; the longest wait in ms", flush=True)
        print("| migration | s |", " | ".join(CLIENTS), "|", flush=True)
        print("|---|---|" + "---|" * len(CLIENTS), flush=True)
        bad = []
        for name in sorted(name for app, name in nodes if app == "maptician_scim"):
            clients, took = apply(url, name)
            cells = (cell(clients.get(asked)) for asked in CLIENTS)
            print(f"| {name} | {took:.1f} |", " | ".join(cells), "|", flush=True)
            if any(client.is_worse_off for client in clients.values()):
                bad.append(name)
            if name == FIRST:
                seed(url, OURS)
        connection.close()
    if bad:
        sys.exit(f"Somebody failed, or waited longer than {LIMIT_MS} ms: {', '.join(bad)}")


def cell(client):
    return f"{client.longest_ms:.0f} {client.failure}".strip() if client else ""


if __name__ == "__main__":
    main()
