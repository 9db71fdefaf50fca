"""Rows from before 0010 get their tenant, a few thousand at a time.

No transaction around all: each row is locked for a moment only. Applied again after a failure, it
goes on with those that are left.
"""

from collections.abc import Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Max, Min, OuterRef, Subquery

BATCH = 5000


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Give rows the tenant of what they are about; sessions of nobody's people stay without."""
    using = schema_editor.connection.alias

    def rows_of(name: str) -> Any:
        return apps.get_model("maptician_scim", name)._base_manager.using(using)

    parent = rows_of("ProvisionedGroup").filter(pk=OuterRef("parent"))
    for batch in _batches(rows_of("GroupNesting")):
        batch.update(tenant=Subquery(parent.values("tenant")))
    # Of several tenants the first, as ``sessions.py`` has it.
    records = rows_of("ProvisionedUser").filter(user=OuterRef("user"), deleted_at=None)
    for batch in _batches(rows_of("SessionKey")):
        batch.update(tenant=Subquery(records.order_by("id").values("tenant")[:1]))


def _batches(rows: Any) -> Iterator[Any]:
    """The rows without a tenant, in parts."""
    ends = rows.filter(tenant=None).aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is not None:
        for first in range(ends["first"], ends["last"] + 1, BATCH):
            yield rows.filter(tenant=None, pk__gte=first, pk__lt=first + BATCH)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("maptician_scim", "0010_tenant_of_every_row")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
