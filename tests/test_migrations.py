"""The models have their migrations, whatever host they are installed in."""

import os
import secrets
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from maptician_scim.models import (
    Event,
    GroupNesting,
    ProvisionedUser,
    SessionKey,
)
from tests.live import ROOT, environment, manage, own_database
from tests.migrating import objections

FIRST = "0001_initial"

ACCEPTED = {
    "0009_bookmarks: Raw Python operation: what it does has to be looked at": (
        "It makes a function and a trigger, and goes through no table."
    ),
    "0011_fill_tenants: Raw Python operation: what it does has to be looked at": (
        "It fills a column that the version before does not know, a batch at a time."
    ),
}
"""Objections of ``tests.migrating`` that do not hold, and why not."""

HOSTS = ["example_project.settings", "tests.clubs.settings"]


@pytest.mark.parametrize("host", HOSTS)
def test_no_migration_is_missing(host, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        env=environment(f"sqlite:///{tmp_path / 'db.sqlite3'}", DJANGO_SETTINGS_MODULE=host),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes detected" in done.stdout


@pytest.mark.django_db(transaction=True)
def test_migrations_can_be_undone_and_repeated():
    call_command("migrate", "maptician_scim", "zero", verbosity=0)
    call_command("migrate", "maptician_scim", verbosity=0)
    call_command("migrate", check_unapplied=True, verbosity=0)


@pytest.mark.django_db(transaction=True)
def test_rows_from_before_get_the_tenant_of_what_they_are_about(monkeypatch):
    filling = import_module("maptician_scim.migrations.0011_fill_tenants")
    monkeypatch.setattr(filling, "BATCH", 1)
    call_command("migrate", "maptician_scim", "0009", verbosity=0)
    try:
        before = MigrationExecutor(connection).loader.project_state(
            [("maptician_scim", "0009_bookmarks"), *_other_leaves()]
        )
        # The version before goes on writing after the first of both migrations.
        call_command("migrate", "maptician_scim", "0010", verbosity=0)
        models_of = partial(before.apps.get_model, "maptician_scim")
        users = before.apps.get_model("workplace", "Occupant").objects
        companies = before.apps.get_model("workplace", "Company").objects
        acme, globex = (companies.create(subdomain=name) for name in ("acme", "globex"))
        for company in (acme, globex):
            user = users.create(username=company.subdomain)
            models_of("ProvisionedUser").objects.create(
                tenant=company, user=user, user_name="a", user_name_key="a"
            )
            models_of("SessionKey").objects.create(user=user, session_key=company.subdomain)
            team = before.apps.get_model("workplace", "Team").objects.create(company=company)
            group = models_of("ProvisionedGroup").objects.create(tenant=company, group=team)
            models_of("GroupNesting").objects.create(parent=group, child=group)
        models_of("SessionKey").objects.create(
            user=users.create(username="staff"), session_key="staff"
        )
    finally:
        call_command("migrate", verbosity=0)
    assert dict(SessionKey.objects.values_list("session_key", "tenant")) == {
        "acme": acme.pk,
        "globex": globex.pk,
        "staff": None,
    }
    links = GroupNesting.objects.values_list("parent__tenant", "tenant")
    assert set(links) == {(acme.pk, acme.pk), (globex.pk, globex.pk)}


def _other_leaves():
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    return [leaf for leaf in leaves if leaf[0] != "maptician_scim"]


LEAVES = """
UPDATE workplace_occupant SET company_id = NULL
WHERE id = (SELECT min(user_id) FROM maptician_scim_provisioneduser)
"""
ENDS = """
UPDATE maptician_scim_provisioneduser SET deleted_at = now()
WHERE id = (SELECT max(id) FROM maptician_scim_provisioneduser WHERE deleted_at IS NULL)
"""
RECOUNTS = "SELECT count(*) FROM maptician_scim_recount"


def as_superuser(statement):
    """Run a statement on the server that ``DATABASE_URL`` names."""
    server = urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres").geturl()
    with psycopg.connect(server, autocommit=True) as superuser:
        superuser.execute(statement)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's alone")
def test_role_that_owns_its_database_and_nothing_more_can_install_everything(tmp_path):
    role = f"scim_owner_{secrets.token_hex(4)}"
    with ExitStack() as stack:
        # Callbacks run last first: the database that the role owns is dropped before the role.
        stack.callback(as_superuser, f"DROP ROLE IF EXISTS {role}")
        by_hand = stack.enter_context(own_database(tmp_path))
        server, name = urlsplit(by_hand), urlsplit(by_hand).path[1:]
        as_superuser(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        as_superuser(f"ALTER DATABASE {name} OWNER TO {role}")
        address = f"{role}:x@{server.hostname}:{server.port or 5432}"
        url = server._replace(netloc=address, query="").geturl()
        env = environment(url, SCIM_ROW_LEVEL_SECURITY="1")
        manage(env, "migrate", "-v0")
        manage(env, "scim_rls", "enable")
        manage(env, "demo", "--no-serve")
        with psycopg.connect(url) as owner:
            count = "SELECT count(*) FROM maptician_scim_provisioneduser"
            [hidden] = owner.execute(count).fetchone()
            owner.execute("SELECT set_config('maptician_scim.tenant', '*', true)")
            [shown] = owner.execute(count).fetchone()
            [(before,)] = owner.execute(RECOUNTS)
        # By hand, and without a tenant: the triggers note it as the owner, whom policies hold.
        with psycopg.connect(by_hand) as superuser:
            superuser.execute(LEAVES)
            superuser.execute(ENDS)
            [(after,)] = superuser.execute(RECOUNTS)
    assert hidden == 0
    assert shown > 0
    assert after == before + 2


# -- applied while the version before serves -----------------------------------------------------


def own_migrations():
    loaded = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return [migration for (app, _), migration in loaded.items() if app == "maptician_scim"]


LATER = sorted(migration.name for migration in own_migrations() if migration.name != FIRST)


def test_version_before_can_serve_while_a_migration_is_applied():
    later = [migration for migration in own_migrations() if migration.name != FIRST]
    assert {o for m in later for o in objections(m)} == ACCEPTED.keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", LATER)
def test_version_before_writes_after_a_migration_as_before_it(name):
    names = sorted(migration.name for migration in own_migrations())
    before = names[names.index(name) - 1]
    call_command("migrate", "maptician_scim", before, verbosity=0)
    try:
        state = MigrationExecutor(connection).loader.project_state(
            [("maptician_scim", before), *_other_leaves()]
        )
        call_command("migrate", "maptician_scim", name, verbosity=0)
        models_of = partial(state.apps.get_model, "maptician_scim")
        company = state.apps.get_model("workplace", "Company").objects.create(subdomain="acme")
        user = state.apps.get_model("workplace", "Occupant").objects.create(username="a")
        models_of("Connection").objects.create(tenant=company)
        token = models_of("Token").objects.create(tenant=company, name="Okta", digest="d")
        models_of("Event").objects.create(tenant=company, token=token, verb="create", status=201)
        person = models_of("ProvisionedUser").objects.create(
            tenant=company, user=user, user_name="a", user_name_key="a"
        )
        person.external_id = "1"
        person.save()
    finally:
        call_command("migrate", verbosity=0)
    assert ProvisionedUser.objects.get().external_id == "1"
    assert Event.objects.get().token.name == "Okta"


TEXT = models.CharField(max_length=10, default="")
OPERATIONS = {
    "a column without a default in the database": migrations.AddField("event", "note", TEXT),
    "a unique column": migrations.AddField(
        "event", "note", models.CharField(max_length=10, null=True, unique=True)
    ),
    "a foreign key with an index": migrations.AddField(
        "event", "group", models.ForeignKey(Group, models.SET_NULL, null=True)
    ),
    "an index": migrations.AddIndex("event", models.Index(fields=["ip"], name="by_ip")),
    "a constraint": migrations.AddConstraint(
        "event", models.CheckConstraint(condition=models.Q(status__gt=0), name="has_status")
    ),
    "a removed column": migrations.RemoveField("event", "ip"),
    "a renamed column": migrations.RenameField("event", "ip", "address"),
    "a changed column": migrations.AlterField("event", "ip", TEXT),
    "a removed table": migrations.DeleteModel("Activity"),
    "a renamed table": migrations.RenameModel("Activity", "Traffic"),
    "Python": migrations.RunPython(migrations.RunPython.noop),
    "SQL": migrations.RunSQL("SELECT 1"),
}


def migration_of(*operations):
    made = migrations.Migration("0099_test", "maptician_scim")
    made.operations = operations
    return made


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_the_version_before_cannot_live_with_is_found(operation):
    assert len(list(objections(migration_of(operation)))) == 1


@pytest.mark.parametrize(
    "field",
    [
        models.CharField(max_length=10, null=True),
        models.CharField(max_length=10, default="", db_default=""),
        models.ForeignKey(Group, models.SET_NULL, null=True, db_index=False),
    ],
    ids=["null", "with a default in the database", "a foreign key without an index"],
)
def test_column_that_the_version_before_need_not_know_is_no_objection(field):
    assert not list(objections(migration_of(migrations.AddField("event", "note", field))))


def test_whatever_is_done_to_a_new_table_is_no_objection():
    table = migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))])
    column = migrations.AddField("note", "text", TEXT)
    index = migrations.AddIndex("note", models.Index(fields=["text"], name="by_text"))
    assert not list(objections(migration_of(table, column, index)))
