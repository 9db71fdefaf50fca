"""How fast the log answers when it is large: ``python -m tests.benchmarks.events``.

Needs ``DATABASE_URL`` to name a PostgreSQL server; works in a database of its own there, which is
gone afterwards. Seeds a million events (``EVENTS=...`` for another number), asks for each page as
the admin does, template included, and prints the median. What a page takes of its own, whatever
else the machine does, is Python's processor time and the best time of its statements: the status is
not 0 where that is more than 100 ms, or where pruning took memory. Not part of the suite: it takes
some minutes.
"""

import os
import resource
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.live import own_database

EVENTS = int(os.environ.get("EVENTS", "1000000"))
COMPANIES, PEOPLE = 20, 20_000
LIMIT_MS = 100
ROUNDS = 7
PRUNE_MAY_TAKE = 30  # MB

SEED = """
INSERT INTO maptician_scim_event (
    created_at, tenant_id, token_id, token_prefix, verb, resource_type, resource_id,
    user_name, user_name_key, email_key, status, scim_type, reason, facts, detail, changes,
    request, correlation_id, duration_ms, ip, client
)
SELECT
    now() - (%(events)s - n) * interval '25 seconds',
    p.tenant_id,
    CASE WHEN kind = 3 THEN NULL WHEN n < %(events)s / 2 THEN t.first ELSE t.last END,
    'mapt_scim_' || p.tenant_id,
    CASE WHEN kind = 1 THEN 'create' WHEN kind = 4 THEN 'deactivate'
         WHEN n %% 5000 = 5 THEN 'delete' WHEN kind < 4 THEN 'read' ELSE 'replace' END,
    'User',
    CASE WHEN kind IN (1, 3) THEN '' ELSE p.scim_id::text END,
    CASE WHEN kind = 3 THEN '' ELSE p.user_name END,
    CASE WHEN kind = 3 THEN '' ELSE p.user_name_key END,
    CASE WHEN kind = 3 THEN '' ELSE p.user_name_key END,
    CASE kind WHEN 1 THEN 409 WHEN 2 THEN 400 WHEN 3 THEN 401 ELSE 200 END,
    CASE kind WHEN 1 THEN 'uniqueness' WHEN 2 THEN 'invalidFilter' ELSE '' END,
    CASE kind WHEN 1 THEN 'taken' WHEN 3 THEN 'expired' ELSE '' END,
    '{}',
    CASE kind WHEN 1 THEN 'The userName belongs to somebody already.' ELSE '' END,
    CASE WHEN kind > 3 THEN jsonb_build_object(
        'title', jsonb_build_object('old', 'Clerk ' || n, 'new', 'Engineer ' || n),
        'emails', jsonb_build_object('old', NULL, 'new', jsonb_build_array(
            jsonb_build_object('value', p.user_name, 'type', 'work', 'primary', true)))
    ) ELSE '{}' END,
    CASE WHEN kind < 4 THEN jsonb_build_object(
        'method', 'POST', 'target', '/scim/v2/Users', 'headers', '{}'::jsonb,
        'body', repeat('{"x": 1}', 100)) END,
    md5(n::text), n %% 90, '192.0.2.1', 'Okta SCIM Client 1.0.0'
FROM (SELECT n, n %% 100 AS kind FROM generate_series(1, %(events)s) AS n) AS numbered
JOIN people AS p ON p.number = n * 7919::bigint %% %(people)s
JOIN tokens AS t ON t.tenant_id = p.tenant_id
ORDER BY n
"""


def seed():
    """A company with half of the people, others with the rest; everybody with events."""
    from django.db import connection

    from example_project.workplace.models import Company, Occupant
    from maptician_scim.linking import link_users
    from maptician_scim.models import Token

    companies = Company.objects.bulk_create(
        Company(name=f"Company {n}", subdomain=f"company{n}") for n in range(COMPANIES)
    )
    Occupant.objects.bulk_create(
        Occupant(
            company=companies[0 if n % 2 else n // 2 % COMPANIES],
            username=f"person{n}@x.example",
            email=f"person{n}@x.example",
        )
        for n in range(PEOPLE)
    )
    for company in companies:
        link_users(company)
        for name in ("Old", "New"):
            Token.objects.issue(tenant=company, name=name)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE people AS SELECT row_number() OVER (ORDER BY id) - 1 AS number,"
            " scim_id, tenant_id, user_name, user_name_key FROM maptician_scim_provisioneduser"
        )
        cursor.execute(
            "CREATE TEMP TABLE tokens AS SELECT tenant_id, min(id) AS first, max(id) AS last"
            " FROM maptician_scim_token GROUP BY tenant_id"
        )
        cursor.execute(SEED, {"events": EVENTS, "people": PEOPLE})
        cursor.execute("VACUUM ANALYZE")


def tenants_of_support(admin):
    """What a limited admin sees: three small companies."""
    from example_project.workplace.models import Company

    return Company.objects.filter(subdomain__in=["company3", "company4", "company5"])


def pages():
    """The pages that are asked for, by what they are."""
    from django.urls import reverse

    from maptician_scim.models import Event, ProvisionedUser, Token

    events = reverse("admin:maptician_scim_event_changelist")
    person = ProvisionedUser.objects.order_by("-id")[77]
    event = Event.objects.filter(status=409).latest("id")
    old = Token.objects.order_by("id").first()
    tenant = person.tenant_id
    of_person = reverse("admin:maptician_scim_provisioneduser_change", args=[person.pk])
    return {
        "list": events,
        "list, page 40": f"{events}?p=40",
        "list of a tenant": f"{events}?tenant={tenant}",
        "refused": f"{events}?outcome=refused",
        "refused at a tenant": f"{events}?outcome=refused&tenant={tenant}",
        "not let in": f"{events}?outcome=not-let-in",
        "succeeded": f"{events}?outcome=done",
        "verb, rare": f"{events}?verb=delete",
        "verb, frequent": f"{events}?verb=replace",
        "verb, rare, at a tenant": f"{events}?verb=delete&tenant={tenant}",
        "reason": f"{events}?reason=taken",
        "reason that never was": f"{events}?reason=clock",
        "token, long rotated": f"{events}?token={old.pk}",
        "the last hour": f"{events}?period=hour",
        "the last 30 days": f"{events}?period=month",
        "search: userName": f"{events}?q=PERSON4711@x.example",
        "search: beginning of a userName": f"{events}?q=person47",
        "search: beginning of every userName": f"{events}?q=p",
        "search: nobody": f"{events}?q=nobody@x.example",
        "search: SCIM id": f"{events}?q={person.scim_id}",
        "search: correlation id": f"{events}?q={event.correlation_id}",
        "search: userName at a tenant": f"{events}?q={person.user_name}&tenant={tenant}",
        "event": reverse("admin:maptician_scim_event_change", args=[event.pk]),
        "person with timeline": of_person,
        "people": reverse("admin:maptician_scim_provisioneduser_changelist"),
        "people, search": reverse("admin:maptician_scim_provisioneduser_changelist") + "?q=person9",
    }


def time_pages(label):
    """Print the median of each page; the names of those that are too slow."""
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    admin = get_user_model().objects.filter(is_superuser=True).first()
    client = Client()
    client.force_login(admin or get_user_model().objects.create_superuser("admin", password=None))
    slow = []
    for name, address in pages().items():
        times, in_python, in_database = [], [], []
        for _ in range(ROUNDS):
            with CaptureQueriesContext(connection) as queries:
                began, working = time.perf_counter(), time.process_time()
                answer = client.get(address)
                in_python.append((time.process_time() - working) * 1000)
                times.append((time.perf_counter() - began) * 1000)
            in_database.append(sum(float(query["time"]) for query in queries) * 1000)
        if answer.status_code not in (200, 403):
            raise AssertionError(f"{address}: {answer.status_code}")
        took = min(in_python) + min(in_database)
        mark = "" if took < LIMIT_MS else "  <-- slower than allowed"
        print(
            f"{label}: {name:<36} median {median(times):6.1f} ms; of its own {took:6.1f} ms: "
            f"Python {min(in_python):5.1f}, {len(queries)} statements "
            f"{min(in_database):5.1f}{mark}",
            flush=True,
        )
        if mark:
            slow.append(f"{label}: {name}")
            print(max(queries, key=lambda query: float(query["time"]))["sql"])
    return slow


@contextmanager
def measured(label):
    """Print how long a block took, and by how much it made the process grow."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    grown = {}
    yield grown
    grown["MB"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{label}: {time.perf_counter() - began:.1f} s, {grown['MB']:.1f} MB more", flush=True)


def prune_and_export():
    """What works on very many rows must not hold them."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    from maptician_scim.models import Event

    client = Client()
    client.force_login(get_user_model().objects.get(is_superuser=True))
    grew = []
    for form in ("csv", "jsonl"):
        address = reverse("admin:maptician_scim_event_export", args=[form]) + "?period=month"
        with measured(f"export as {form}, 30 days") as grown:
            lines = sum(chunk.count(b"\n") for chunk in client.get(address).streaming_content)
        print(f"{lines} lines")
        grew.append(grown["MB"])
    days = max(EVENTS * 25 // 86400 // 2, 1)
    with measured(f"scim_prune_events --older-than {days}") as grown:
        call_command("scim_prune_events", "--older-than", str(days))
    print(f"{Event.objects.count()} events are left")
    return max(*grew, grown["MB"])


def main():
    with tempfile.TemporaryDirectory() as directory, own_database(Path(directory)) as url:
        if not url.startswith("postgres"):
            sys.exit("DATABASE_URL must name a PostgreSQL server.")
        os.environ |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
            "DJANGO_DEBUG": "0",
            "DJANGO_SECRET_KEY": "only for this benchmark",
            "DJANGO_LOG_LEVEL": "ERROR",
        }
        import django
        from django.core.management import call_command

        django.setup()
        from django.conf import settings
        from django.db import connection
        from django.test import override_settings

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        with measured(f"seed {EVENTS} events"):
            seed()
        slow = time_pages("all tenants")
        limited = settings.MAPTICIAN_SCIM | {
            "TENANT_QUERYSET_FOR": "tests.benchmarks.events.tenants_of_support"
        }
        with override_settings(MAPTICIAN_SCIM=limited):
            slow += time_pages("three tenants")
        grown = prune_and_export()
        connection.close()
    if slow:
        sys.exit(f"Slower than {LIMIT_MS} ms: {'; '.join(slow)}")
    if grown > PRUNE_MAY_TAKE:
        sys.exit(f"Grew by {grown:.0f} MB over rows that were not to be held")


if __name__ == "__main__":
    main()
