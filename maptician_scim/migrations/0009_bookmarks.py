"""Where the pages of a tenant's people begin, and the trigger that tells when that may have changed.

The tables are empty, and remain so until somebody lists a tenant: nothing is filled here, so that
no table is locked but for the moment in which the trigger is put on ours.
"""

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from maptician_scim.conf import scim_settings

FUNCTION = """
CREATE FUNCTION maptician_scim_record_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = {schema}, pg_temp
AS $scim$
DECLARE
    scope text := current_setting('maptician_scim.tenant', true);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.id, OLD.tenant_id, OLD.user_id, OLD.deleted_at IS NULL)
            IS NOT DISTINCT FROM (NEW.id, NEW.tenant_id, NEW.user_id, NEW.deleted_at IS NULL) THEN
            RETURN NULL;
        END IF;
    END IF;
    -- Not in the options of the function: only superusers may put a parameter of ours there.
    PERFORM set_config('maptician_scim.tenant', '*', true);
    IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL THEN
        INSERT INTO maptician_scim_recount (tenant_id, record_key) VALUES (OLD.tenant_id, OLD.id);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL THEN
        INSERT INTO maptician_scim_recount (tenant_id, record_key) VALUES (NEW.tenant_id, NEW.id);
    END IF;
    PERFORM set_config('maptician_scim.tenant', coalesce(scope, ''), true);
    RETURN NULL;
END
$scim$
"""

TRIGGER = """
CREATE TRIGGER scim_recount AFTER INSERT OR UPDATE OR DELETE ON maptician_scim_provisioneduser
FOR EACH ROW EXECUTE FUNCTION maptician_scim_record_changed();
ALTER TABLE maptician_scim_provisioneduser ENABLE ALWAYS TRIGGER scim_recount;
"""


def keep_watch(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        [schema] = cursor.fetchone()
        cursor.execute(FUNCTION.format(schema=schema))
        cursor.execute(TRIGGER)


def stop_watching(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Ours, and the trigger that ``triggers.py`` has put on the host's table of users."""
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION maptician_scim_record_changed() CASCADE")
        cursor.execute("DROP FUNCTION IF EXISTS maptician_scim_user_changed() CASCADE")


class Migration(migrations.Migration):
    dependencies = [
        ("maptician_scim", "0008_safeguard"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        migrations.swappable_dependency(scim_settings.TENANT_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Bookmark",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("first_key", models.BigIntegerField()),
                ("people", models.PositiveIntegerField()),
                (
                    "triggers",
                    models.TextField(
                        help_text="The triggers that kept watch when it was counted; it holds as long as they do."
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "bookmark"},
        ),
        migrations.CreateModel(
            name="Recount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("record_key", models.BigIntegerField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "recount"},
        ),
        migrations.AddConstraint(
            model_name="bookmark",
            constraint=models.UniqueConstraint(
                fields=("tenant", "first_key"), name="scim_bookmark_is_unique"
            ),
        ),
        migrations.RunPython(keep_watch, stop_watching),
    ]
