"""``manage.py scim_rls`` and what ``check --database default`` says of row-level security."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import isolate_apps

from maptician_scim import policies
from maptician_scim.models import Event
from maptician_scim.policies import Table
from maptician_scim.rls_checks import check_row_level_security
from tests.plain_role import execute

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's alone")

ROLE = "scim_plain_of_command"


@pytest.fixture
def switch(settings):
    def turn(*, on):
        settings.MAPTICIAN_SCIM = settings.MAPTICIAN_SCIM | {"ROW_LEVEL_SECURITY": on}

    return turn


@pytest.fixture
def owner(db):
    """A plain role that owns the tables, and that the tests are until they are rolled back."""
    execute(f"CREATE ROLE {ROLE}", f"GRANT ALL ON SCHEMA public TO {ROLE}")
    execute(*(f"ALTER TABLE {table.name} OWNER TO {ROLE}" for table in policies.tables()))
    execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO " + ROLE, f"SET LOCAL ROLE {ROLE}")


@pytest.fixture
def run(capsys):
    """Exit status, standard output and errors of the command."""

    def call(action):
        try:
            call_command("scim_rls", action)
            status = 0
        except SystemExit as error:
            status = error.code
        output = capsys.readouterr()
        return status, output.out, output.err

    return call


def warnings():
    found = check_row_level_security(None, databases=["default"])
    return [message.id.removeprefix("maptician_scim.") for message in found]


# -- on another database --------------------------------------------------------------------------


@pytest.fixture
def sqlite(monkeypatch):
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setattr(connection, "display_name", "SQLite")


@pytest.mark.parametrize("action", ["enable", "disable", "status"])
def test_elsewhere_it_says_that_it_is_for_postgresql(sqlite, action):
    with pytest.raises(CommandError, match=r"PostgreSQL's. This database is SQLite"):
        call_command("scim_rls", action)


def test_elsewhere_the_setting_does_nothing_and_that_is_w041(sqlite, switch):
    assert warnings() == []
    switch(on=True)
    assert warnings() == ["W041"]


def test_without_a_database_nothing_is_asked(switch, django_assert_num_queries, db):
    switch(on=True)
    with django_assert_num_queries(0):
        assert check_row_level_security(None) == []


# -- on PostgreSQL --------------------------------------------------------------------------------


@on_postgresql
def test_enable_covers_every_table_and_disable_frees_them(owner, switch, run):
    switch(on=True)
    assert run("status")[0] == 1
    status, shown, errors = run("enable")
    assert (status, errors) == (0, "")
    assert shown.splitlines() == [f"{t.name}: keeps tenants apart" for t in policies.tables()]
    assert run("enable") == run("status") == (0, shown, "")
    assert run("disable")[0] == 0
    switch(on=False)
    status, shown, errors = run("status")
    assert (status, errors) == (0, "")
    assert shown.count("has no policy") == len(list(policies.tables()))


@on_postgresql
def test_owner_is_held_too(owner, switch, run):
    execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
    Event.objects.create(verb="read", status=200)
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    switch(on=True)
    run("enable")
    assert not Event.objects.exists()
    run("disable")
    assert Event.objects.exists()


@on_postgresql
def test_enable_refuses_to_blind_the_application(owner, run):
    with pytest.raises(CommandError, match="Switch it on and restart"):
        run("enable")
    assert all(table.is_open for table in policies.tables())


@on_postgresql
def test_superuser_may_install_first_and_is_told(db, switch, run):
    status, _, errors = run("enable")
    assert (status, warnings()) == (0, ["W044"])
    assert "Switch the setting on" in errors
    switch(on=True)
    assert warnings() == ["W042"]
    assert "is a superuser or has BYPASSRLS" in run("status")[2]


@on_postgresql
@pytest.mark.parametrize(
    ("change", "fault"),
    {
        "none": ("DROP POLICY scim_tenant ON {table}", "has no policy"),
        "an older one": (
            "COMMENT ON POLICY scim_tenant ON {table} IS 'older'",
            "has another policy than now",
        ),
        "not switched on": ("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", "is switched off"),
        "not for owners": (
            "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            "does not hold its owner",
        ),
        "a wider one beside it": (
            "CREATE POLICY all_of_it ON {table} USING (true)",
            "lets others see more: all_of_it",
        ),
    }.values(),
    ids=["none", "older", "switched off", "not for owners", "wider"],
)
def test_table_that_does_not_keep_tenants_apart_is_reported(owner, switch, run, change, fault):
    switch(on=True)
    run("enable")
    execute(change.format(table="maptician_scim_token"))
    status, shown, errors = run("status")
    assert (status, warnings()) == (1, ["W043"])
    assert f"maptician_scim_token: {fault}\n" in shown
    assert f"maptician_scim_token {fault}." in errors


@on_postgresql
@isolate_apps("maptician_scim")
def test_new_model_without_a_tenant_is_reported_and_refused(owner, switch, run, monkeypatch):
    class Widget(models.Model):
        class Meta:
            app_label = "maptician_scim"

    tables = [*policies.tables(), Table(Widget)]
    monkeypatch.setattr(policies, "tables", lambda: [Table(table.model) for table in tables])
    switch(on=True)
    with pytest.raises(CommandError, match="There is no tenant in maptician_scim_widget"):
        run("enable")
    assert all(table.is_open for table in policies.tables())
    assert "maptician_scim_widget: has no tenant" in run("status")[1]


@on_postgresql
def test_table_that_is_not_migrated_yet_is_reported(owner, switch, run, monkeypatch):
    switch(on=True)
    run("enable")
    monkeypatch.setattr(Table, "name", property(lambda table: f"{table.model._meta.db_table}_new"))
    missing = run("status")[1].count("is not there: run manage.py migrate")
    assert missing == len(list(policies.tables()))


@on_postgresql
def test_who_does_not_own_the_tables_is_told(owner, switch):
    switch(on=True)
    execute("RESET ROLE", "ALTER TABLE maptician_scim_activity OWNER TO CURRENT_USER")
    execute(f"SET LOCAL ROLE {ROLE}")
    with pytest.raises(CommandError, match="must be owner of table maptician_scim_activity"):
        call_command("scim_rls", "enable")


@on_postgresql
def test_table_in_use_is_not_waited_for(transactional_db, monkeypatch):
    monkeypatch.setattr(policies, "LOCK_TIMEOUT", "100ms")
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM maptician_scim_activity")
        with pytest.raises(
            CommandError, match=r"maptician_scim_activity: canceling .* lock timeout"
        ):
            call_command("scim_rls", "disable")
    finally:
        other.rollback()
        other.close()
