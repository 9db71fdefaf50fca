"""Every table of ours has a policy, whatever the tenants' keys are."""

from uuid import UUID

import pytest
from django.apps import apps
from django.db import connection, models
from django.test.utils import isolate_apps

from maptician_scim import policies, rls
from maptician_scim.policies import Table
from tests.plain_role import execute

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's alone")


def test_every_model_has_a_policy():
    own = list(apps.get_app_config("maptician_scim").get_models(include_auto_created=True))
    assert [table.model for table in policies.tables()] == own
    assert all(table.condition for table in policies.tables())


def test_statements_on_every_table_are_recognised():
    for table in policies.tables():
        assert rls._concerns_us(f'SELECT 1 FROM "{table.name}"')
        assert not rls._concerns_us(f'CREATE INDEX CONCURRENTLY x ON "{table.name}" (id)')
    assert not rls._concerns_us('SELECT 1 FROM "workplace_occupant"')


@isolate_apps("maptician_scim")
def test_model_nobody_gave_a_tenant_has_no_policy():
    class Widget(models.Model):
        class Meta:
            app_label = "maptician_scim"

    assert Table(Widget).condition is None
    assert "no tenant" in Table(Widget).fault


@on_postgresql
@pytest.mark.parametrize(
    ("key", "mine", "other"),
    [
        (models.BigAutoField(primary_key=True), "1", "11"),
        (models.UUIDField(primary_key=True), str(UUID(int=1)), str(UUID(int=11))),
        (models.CharField(primary_key=True, max_length=10), "acme", "acme2"),
    ],
    ids=["numbers", "UUIDs", "texts"],
)
@isolate_apps("maptician_scim")
def test_policy_compares_keys_of_any_kind(db, key, mine, other):
    class Customer(models.Model):
        id = key

        class Meta:
            app_label = "maptician_scim"

    class Widget(models.Model):
        tenant = models.ForeignKey(Customer, on_delete=models.CASCADE, db_constraint=False)

        class Meta:
            app_label = "maptician_scim"

    with connection.schema_editor() as editor:
        editor.create_model(Customer)
        editor.create_model(Widget)
    Widget.objects.create(tenant_id=mine)
    Widget.objects.create(tenant_id=other)
    Table(Widget).install()
    execute(
        "CREATE ROLE scim_plain_of_keys",
        f"GRANT SELECT ON {Widget._meta.db_table} TO scim_plain_of_keys",
        "SET LOCAL ROLE scim_plain_of_keys",
    )
    assert Widget.objects.count() == 0
    execute(f"SELECT set_config('maptician_scim.tenant', '{mine}', true)")
    assert str(Widget.objects.get().tenant_id) == mine
    execute("SELECT set_config('maptician_scim.tenant', '*', true)")
    assert Widget.objects.count() == 2
