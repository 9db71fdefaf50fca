"""How many pages of PostgreSQL's buffers the statements of a request touch.

A count, not a time: the same on every machine, whatever else it does.
"""

from django.db import connection
from django.test.utils import CaptureQueriesContext


def touched(ask):
    """The pages that the reads of ``ask()`` touch, in memory or on disk."""
    ask()  # what is compiled, or counted, at the first time only
    with CaptureQueriesContext(connection) as queries:
        ask()
    reads = [q["sql"] for q in queries if q["sql"].lstrip().startswith(("SELECT", "WITH"))]
    if not reads:
        raise AssertionError("nothing was read")
    return sum(map(_pages, reads))


def _pages(statement):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}")
        [[[found]]] = cursor.fetchall()
    plan = found["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
