"""What was there before has what it is found by, so that a search and an erasure miss nothing."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from maptician_scim.protocol.expressions import user_name_key

BATCH = 1000


def fill_keys(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Normal forms are made in Python: no database makes the same ones."""
    events = apps.get_model("maptician_scim", "Event").objects.using(schema_editor.connection.alias)
    limit = events.model._meta.get_field("user_name_key").max_length
    nameless = events.filter(user_name_key="").exclude(user_name__in=["", "[erased]"])
    last = 0
    while batch := list(nameless.filter(pk__gt=last).order_by("pk").only("user_name")[:BATCH]):
        for event in batch:
            event.user_name_key = user_name_key(event.user_name)[:limit]
        events.bulk_update(batch, ["user_name_key"])
        last = batch[-1].pk


def fill_first_use(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The last use is the earliest that is known."""
    tokens = apps.get_model("maptician_scim", "Token").objects.using(schema_editor.connection.alias)
    tokens.filter(first_used_at=None).update(first_used_at=models.F("last_used_at"))


class Migration(migrations.Migration):
    dependencies = [("maptician_scim", "0002_tokens_and_connections")]

    operations = [
        migrations.RunPython(fill_keys, migrations.RunPython.noop),
        migrations.RunPython(fill_first_use, migrations.RunPython.noop),
    ]
