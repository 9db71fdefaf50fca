"""What goes wrong in receivers of a host while a worker answers a request with ``X-Fault``."""

from threading import local

from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from example_project.workplace.models import ApiKey, Company
from maptician_scim import signals

present = local()
"""The fault of the request that this thread is answering."""


def fail():
    raise ValueError("a secret of the house")


def lose_the_database():
    raise OperationalError("server closed the connection unexpectedly")


def leave():
    raise SystemExit


def break_a_constraint():
    """One that PostgreSQL looks at when the transaction ends."""
    ApiKey.objects.create(occupant_id=0, name="Of nobody", prefix="p", digest="d")


def hide_a_conflict():
    """After which Django lets no other statement through in this transaction."""
    try:
        Company.objects.create(name="Acme once more", subdomain="acme")
    except IntegrityError:
        return


def hide_a_failure():
    """After which PostgreSQL takes no other statement in this transaction."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
    except DatabaseError:
        return


def deadlock():
    """As where a transaction of the host's own is the victim."""
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE 'deadlock' USING ERRCODE = '40P01'; END $$")


def later(fault):
    return lambda: transaction.on_commit(fault)


REFUSED = {f.__name__: f for f in (fail, break_a_constraint, hide_a_conflict, hide_a_failure)}
"""What a receiver inside the transaction does to undo it."""

PUT_OFF = {f"{f.__name__}_on_commit": later(f) for f in (fail, lose_the_database, deadlock)}
"""What a receiver inside the transaction puts off until after the commit."""

INSIDE = REFUSED | PUT_OFF | {f.__name__: f for f in (lose_the_database, leave)}
AFTER = {f"{f.__name__}_after": f for f in (fail, lose_the_database, deadlock)}


def inside(**arguments):
    if run := INSIDE.get(getattr(present, "fault", "")):
        run()


def after(**arguments):
    if run := (AFTER | {"leave_after": leave}).get(getattr(present, "fault", "")):
        run()


def connect():
    for name in ("in_transaction", "group_in_transaction"):
        getattr(signals, name).connect(inside)
    for verb in ("provisioned", "updated", "deactivated", "reactivated", "deleted"):
        getattr(signals, f"user_{verb}").connect(after)
    for verb in ("provisioned", "updated", "deleted"):
        getattr(signals, f"group_{verb}").connect(after)
