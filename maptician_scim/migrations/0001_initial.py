import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import maptician_scim.models
from maptician_scim.conf import scim_settings


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(scim_settings.TENANT_MODEL),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SessionKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("session_key", models.CharField(max_length=40, unique=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scim_session_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "session key",
            },
        ),
        migrations.CreateModel(
            name="Token",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "prefix",
                    models.CharField(
                        db_index=True, editable=False, max_length=32, verbose_name="prefix"
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("scopes", models.JSONField(default=list, verbose_name="scopes")),
                (
                    "created_at",
                    models.DateTimeField(
                        default=maptician_scim.models.now, editable=False, verbose_name="created"
                    ),
                ),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="expires")),
                (
                    "last_used_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last used"),
                ),
                (
                    "last_used_ip",
                    models.GenericIPAddressField(
                        editable=False, null=True, verbose_name="last used from"
                    ),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="revoked"),
                ),
                (
                    "revoked_reason",
                    models.CharField(blank=True, max_length=200, verbose_name="reason"),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scim_tokens",
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "SCIM token",
            },
        ),
        migrations.CreateModel(
            name="ProvisionedUser",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "scim_id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, unique=True, verbose_name="SCIM id"
                    ),
                ),
                ("user_name", models.CharField(max_length=255, verbose_name="userName")),
                ("user_name_key", models.CharField(editable=False, max_length=1024)),
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
                    "received",
                    models.JSONField(
                        default=dict,
                        help_text="What the client last sent for each mapped attribute.",
                    ),
                ),
                ("digest", models.CharField(default="", editable=False, max_length=32)),
                ("created_at", models.DateTimeField(default=maptician_scim.models.now)),
                ("modified_at", models.DateTimeField(default=maptician_scim.models.now)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="scim_records",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "provisioned user",
                "indexes": [
                    models.Index(fields=["tenant", "id"], name="scim_user_by_tenant"),
                    models.Index(fields=["tenant", "external_id"], name="scim_user_by_external_id"),
                    models.Index(fields=["tenant", "user_name_key"], name="scim_user_by_name"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("tenant", "user"),
                        name="scim_one_record_per_tenant_and_user",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("tenant", "user_name_key"),
                        name="scim_user_name_is_unique_per_tenant",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("user__isnull", False), ("deleted_at__isnull", False), _connector="OR"
                        ),
                        name="scim_live_record_has_a_user",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(default=maptician_scim.models.now)),
                ("token_prefix", models.CharField(blank=True, max_length=32)),
                ("verb", models.CharField(max_length=20)),
                ("resource_type", models.CharField(blank=True, max_length=40)),
                ("resource_id", models.CharField(blank=True, max_length=64)),
                ("user_name", models.CharField(blank=True, max_length=255)),
                ("status", models.PositiveSmallIntegerField()),
                ("scim_type", models.CharField(blank=True, max_length=40)),
                ("detail", models.TextField(blank=True)),
                ("changes", models.JSONField(default=dict)),
                ("correlation_id", models.CharField(db_index=True, max_length=64)),
                ("duration_ms", models.PositiveIntegerField(default=0)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("client", models.CharField(blank=True, max_length=200)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="maptician_scim.token",
                    ),
                ),
            ],
            options={
                "verbose_name": "event",
                "indexes": [
                    models.Index(
                        models.F("tenant"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="scim_event_by_tenant",
                    ),
                    models.Index(fields=["tenant", "resource_id"], name="scim_event_by_resource"),
                ],
            },
        ),
    ]
