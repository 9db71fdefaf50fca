import uuid
from importlib import import_module
from pkgutil import iter_modules

import django.db.models.deletion
from django.apps import apps
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel, RenameModel

import maptician_scim.models.base
from maptician_scim.conf import scim_settings


def created_in(label: str) -> tuple[str, str]:
    """The migration of the host that creates a model: it need not be the first of its app."""
    app_label, model_name = label.lower().split(".")
    package_name, _ = MigrationLoader.migrations_module(apps.get_app_config(app_label).label)
    if package_name is None:  # an app without migrations
        return migrations.swappable_dependency(label)
    for module in iter_modules(import_module(package_name).__path__):
        migration = getattr(import_module(f"{package_name}.{module.name}"), "Migration", None)
        for operation in getattr(migration, "operations", ()):
            created = isinstance(operation, CreateModel) and operation.name_lower
            renamed = isinstance(operation, RenameModel) and operation.new_name_lower
            if model_name in (created, renamed):
                return (app_label, module.name)
    return migrations.swappable_dependency(label)


class Migration(migrations.Migration):
    dependencies = [
        ("maptician_scim", "0001_initial"),
        migrations.swappable_dependency(scim_settings.TENANT_MODEL),
        created_in(scim_settings.GROUP_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ProvisionedGroup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "scim_id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, unique=True, verbose_name="SCIM id"
                    ),
                ),
                ("display_name", models.CharField(max_length=255, verbose_name="displayName")),
                ("display_name_key", models.CharField(editable=False, max_length=1024)),
                (
                    "external_id",
                    models.CharField(
                        blank=True, max_length=255, null=True, verbose_name="externalId"
                    ),
                ),
                (
                    "attributes",
                    models.JSONField(
                        default=dict, help_text="SCIM attributes that the host has no column for."
                    ),
                ),
                (
                    "is_created_by_scim",
                    models.BooleanField(
                        default=True,
                        help_text="A DELETE takes such a group away; one an administrator opened stays.",
                        verbose_name="created by SCIM",
                    ),
                ),
                ("version", models.PositiveBigIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(default=maptician_scim.models.base.now)),
                ("modified_at", models.DateTimeField(default=maptician_scim.models.base.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "group",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="scim_records",
                        to=scim_settings.GROUP_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "provisioned group",
            },
        ),
        migrations.CreateModel(
            name="GroupNesting",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "child",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parents",
                        to="maptician_scim.provisionedgroup",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="children",
                        to="maptician_scim.provisionedgroup",
                    ),
                ),
            ],
            options={
                "verbose_name": "group in a group",
            },
        ),
        migrations.AddIndex(
            model_name="provisionedgroup",
            index=models.Index(fields=["tenant", "id"], name="scim_group_by_tenant"),
        ),
        migrations.AddIndex(
            model_name="provisionedgroup",
            index=models.Index(fields=["tenant", "external_id"], name="scim_group_by_external_id"),
        ),
        migrations.AddIndex(
            model_name="provisionedgroup",
            index=models.Index(
                fields=["display_name_key"],
                name="scim_group_by_name_prefix",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
        migrations.AddConstraint(
            model_name="provisionedgroup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)),
                fields=("tenant", "group"),
                name="scim_one_record_per_tenant_and_group",
            ),
        ),
        migrations.AddConstraint(
            model_name="provisionedgroup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)),
                fields=("tenant", "display_name_key"),
                name="scim_group_name_is_unique_per_tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="provisionedgroup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("group__isnull", False), ("deleted_at__isnull", False), _connector="OR"
                ),
                name="scim_live_record_has_a_group",
            ),
        ),
        migrations.AddConstraint(
            model_name="groupnesting",
            constraint=models.UniqueConstraint(
                fields=("parent", "child"), name="scim_child_is_once_in_a_group"
            ),
        ),
    ]
