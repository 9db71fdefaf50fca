"""The instruments: the LIMIT is one only if it answers what we answer, and no bar is hidden."""

import re
from contextlib import contextmanager
from tempfile import TemporaryFile

import psycopg
import pytest
from django.db import connection, transaction
from django.test import override_settings

from tests.benchmarks import limit, limit_sql, operations, receivers, seed
from tests.benchmarks.measuring import Measured
from tests.benchmarks.operations import OPERATIONS, READS, Operation, Sample
from tests.benchmarks.report import Report, Row
from tests.benchmarks.sections import Finding

QUERY = re.compile(rb'\tF\t\d+\tQuery\t "(\w*)')
"""The first word of a statement, in what libpq writes down of a session."""

LIMIT = override_settings(ROOT_URLCONF="tests.benchmarks.limit", MIDDLEWARE=[])

WRITES = [operation for operation in OPERATIONS if operation.phase != READS]

# -- the LIMIT ----------------------------------------------------------------------------------


@pytest.fixture
def tenant(db, monkeypatch):
    """A small tenant of the benchmarks; both work in one session of PostgreSQL."""
    if connection.vendor != "postgresql":
        pytest.skip("The statements of the LIMIT are PostgreSQL's")
    monkeypatch.setattr(seed, "PUSHES", 2)
    monkeypatch.setattr(operations, "PAGE", 3)
    monkeypatch.setattr(operations, "ADDED", 2)
    monkeypatch.setattr(limit, "database", lambda: connection.connection)
    return seed.tenant(0, 5)


def ask(client, request):
    return client.generic(
        request.method,
        request.path,
        request.body,
        content_type="application/scim+json",
        headers={"host": request.host, "authorization": f"Bearer {request.secret}"},
    )


def undone(client, request):
    """The answer to a request, of which nothing stays."""
    with transaction.atomic():
        answer = ask(client, request)
        transaction.set_rollback(True)
    return answer


def comparable(operation, answer):
    """The JSON of an answer without what no two writes have in common."""
    document = answer.json()
    if operation.phase != READS:
        del document["meta"]["lastModified"]
    if operation is operations.CREATE:
        del document["id"], document["meta"]["location"], document["meta"]["created"]
    return document


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_limit_answers_what_we_answer(tenant, client, operation):
    request = operation.request(Sample(tenant, 0, 0))
    ours = undone(client, request)
    with LIMIT:
        theirs = undone(client, request)
    assert (ours.status_code, theirs.status_code) == (operation.status, operation.status)
    assert comparable(operation, theirs) == comparable(operation, ours)


@contextmanager
def sent(monkeypatch):
    """What goes to PostgreSQL meanwhile, transactions included; values are ``%s``."""
    texts, statements = [], []
    execute, session = psycopg.Cursor.execute, connection.connection.pgconn

    def noted(cursor, query, *arguments, **options):
        texts.append(query)
        return execute(cursor, query, *arguments, **options)

    with monkeypatch.context() as patch, TemporaryFile() as trace:
        patch.setattr(psycopg.Cursor, "execute", noted)
        session.trace(trace.fileno())
        yield statements
        session.untrace()
        trace.seek(0)
        for word in QUERY.findall(trace.read()):
            # psycopg begins and commits without a cursor: only the trace tells when.
            is_bare = word in (b"BEGIN", b"COMMIT")
            statements.append(word.decode() if is_bare else plain(texts.pop(0)))


def plain(statement):
    """A statement without what PostgreSQL does not read: quotes, and white space."""
    text = re.sub(r'"|(?<=\()\s+|\s+(?=\))', "", statement)
    return re.sub(r"\s+", " ", text).strip()


@pytest.fixture
def _receivers_left_out():
    receivers.leave_out()
    yield
    receivers.bring_back()


@pytest.mark.usefixtures("_receivers_left_out")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: operation.name)
def test_limit_writes_with_our_statements(tenant, client, monkeypatch, operation):
    # The first use of a token is noted, those of the next minute are not.
    ask(client, operations.GET.request(Sample(tenant, 0, 0)))
    with sent(monkeypatch) as ours:
        answer = ask(client, operation.request(Sample(tenant, 0, 0)))
    with LIMIT, sent(monkeypatch) as theirs:
        their_answer = ask(client, operation.request(Sample(tenant, 0, 1)))
    assert (answer.status_code, their_answer.status_code) == (operation.status, operation.status)
    assert theirs == ours
    assert [plain(text) for text in limit_sql.OF_OPERATION[operation.name]] == ours


def test_limit_lets_in_whom_we_let_in(tenant, client):
    request = operations.REFUSED.request(Sample(tenant, 0, 0))
    with LIMIT:
        theirs = ask(client, request)
    assert (ask(client, request).status_code, theirs.status_code) == (401, 401)


# -- the report ---------------------------------------------------------------------------------

BAR = Operation("look-up", operations.hit, bar=2.0, aim=1.3)


def row(milliseconds):
    """The row of an operation that takes the LIMIT one millisecond."""
    return Row(
        BAR, {"us": Measured([milliseconds * 1e6] * 2), "limit": Measured([1e6] * 2)}, "limit"
    )


def test_bar_that_is_not_met_is_named_and_printed(capsys):
    report = Report()
    report.add("In process", row(2.1))
    report.find(Finding("memory", "151 MiB", "150 MiB", is_met=False))
    assert report.missed() == ["look-up (In process)", "memory"]
    assert capsys.readouterr().out.count("NOT MET") == 2


def test_bar_that_is_met_is_not(capsys):
    report = Report()
    report.add("In process", row(2.0))
    report.find(Finding("memory", "149 MiB", "150 MiB"))
    assert report.missed() == []
    assert "NOT MET" not in capsys.readouterr().out


def test_page_tells_ratios_and_what_is_not_met():
    report = Report({"In process": [row(2.1)]}, [Finding("memory", "1 MiB", "0 MiB", is_met=False)])
    text = report.markdown()
    assert "| look-up | 2.10 | 2.0 | 1.3 | **no** |" in text
    assert "| memory | 1 MiB | 0 MiB | **no** |" in text
