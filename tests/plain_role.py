"""The database as production has it: reached by a role that policies hold."""

import secrets
from contextlib import contextmanager

from django.db import connection

from maptician_scim import policies

SUPERUSER = {key: connection.settings_dict[key] for key in ("USER", "PASSWORD")}


@contextmanager
def connected_as_plain_role():
    """Connect the tests as a role that is no superuser and owns nothing."""
    name, password = f"scim_plain_{secrets.token_hex(4)}", secrets.token_hex(16)
    execute(
        f"CREATE ROLE {name} LOGIN PASSWORD '{password}'",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}",
        f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}",
    )
    try:
        with _connected(USER=name, PASSWORD=password):
            yield name
    finally:
        execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def as_superuser():
    """A context in which the tests are connected as who may change tables."""
    return _connected(**SUPERUSER)


def install_policies():
    for table in policies.tables():
        table.install()


def remove_policies():
    for table in policies.tables():
        table.remove()


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def values(statement, *params):
    """The first column of what a statement finds, asked without Django, and so without a scope."""
    with connection.connection.cursor() as cursor:
        return [row[0] for row in cursor.execute(statement, params)]


@contextmanager
def _connected(**user):
    before = {key: connection.settings_dict[key] for key in user}
    _reconnect(user)
    try:
        yield
    finally:
        _reconnect(before)


def _reconnect(user):
    connection.close()
    connection.settings_dict.update(user)
    connection.execute_wrappers.clear()
    connection.connect()
