import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import maptician_scim.models.base
from maptician_scim.conf import scim_settings


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(scim_settings.TENANT_MODEL),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Connection",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="scim_connection",
                        serialize=False,
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
                (
                    "is_enabled",
                    models.BooleanField(
                        default=True,
                        help_text="While it is off, every request is refused; nobody is changed by that.",
                        verbose_name="SCIM is on",
                    ),
                ),
                (
                    "may_create",
                    models.BooleanField(
                        default=True,
                        help_text="While it is off, only those who are here already are updated.",
                        verbose_name="new people may be created",
                    ),
                ),
                (
                    "delete_behaviour",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("deactivate", "deactivates the person and keeps their record"),
                            ("delete", "deletes the person for good"),
                        ],
                        default="",
                        help_text="Okta never deletes; Entra does, thirty days after it has deactivated.",
                        max_length=20,
                        verbose_name="DELETE",
                    ),
                ),
                (
                    "email_domains",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="One on a line. People with an e-mail address, or a userName that is one, in another domain are refused. Empty accepts any.",
                        verbose_name="accepted e-mail domains",
                    ),
                ),
                ("refused_at", models.DateTimeField(editable=False, null=True)),
                ("watched_until", models.DateTimeField(editable=False, null=True)),
                (
                    "keeps_unknown_schemas",
                    models.BooleanField(
                        default=False,
                        help_text="What the identity provider's administrator has invented under a namespace (URN) that nobody has declared here. While it is off, such attributes are ignored.",
                        verbose_name="attributes in unknown namespaces are kept",
                    ),
                ),
            ],
            options={
                "verbose_name": "SCIM connection",
            },
        ),
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
                (
                    "name",
                    models.CharField(
                        help_text="What it is for, such as “Okta production”.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
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
                        default=maptician_scim.models.base.now,
                        editable=False,
                        verbose_name="created",
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
                    "announced_days",
                    models.PositiveSmallIntegerField(
                        editable=False,
                        help_text="The announcement of its expiry that was sent last, in days before it.",
                        null=True,
                    ),
                ),
                (
                    "first_used_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="first used"),
                ),
                (
                    "last_used_client",
                    models.CharField(
                        blank=True,
                        default="",
                        editable=False,
                        max_length=200,
                        verbose_name="last used by",
                    ),
                ),
                (
                    "networks",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="In CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32. Empty allows any.",
                        verbose_name="allowed networks",
                    ),
                ),
                ("nonce", models.CharField(editable=False, max_length=64, null=True, unique=True)),
                (
                    "rotated_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="rotated"),
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
                        verbose_name="created by",
                    ),
                ),
                (
                    "predecessor",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="successors",
                        to="maptician_scim.token",
                        verbose_name="successor of",
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
            name="Activity",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                ("requests", models.PositiveIntegerField(default=0)),
                ("errors", models.PositiveIntegerField(default=0)),
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
                "verbose_name": "activity",
                "verbose_name_plural": "activity",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "hour"), name="scim_one_count_per_hour"
                    )
                ],
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
                ("created_at", models.DateTimeField(default=maptician_scim.models.base.now)),
                ("modified_at", models.DateTimeField(default=maptician_scim.models.base.now)),
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
                    models.Index(
                        fields=["user_name_key"],
                        name="scim_user_by_name_prefix",
                        opclasses=["varchar_pattern_ops"],
                    ),
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
                (
                    "created_at",
                    models.DateTimeField(
                        db_index=True, default=maptician_scim.models.base.now, verbose_name="time"
                    ),
                ),
                (
                    "token_prefix",
                    models.CharField(blank=True, max_length=32, verbose_name="token prefix"),
                ),
                ("verb", models.CharField(max_length=20, verbose_name="verb")),
                (
                    "resource_type",
                    models.CharField(blank=True, max_length=40, verbose_name="resource type"),
                ),
                ("resource_id", models.CharField(blank=True, max_length=64, verbose_name="id")),
                (
                    "user_name",
                    models.CharField(blank=True, max_length=255, verbose_name="userName"),
                ),
                ("status", models.PositiveSmallIntegerField(verbose_name="status")),
                ("scim_type", models.CharField(blank=True, max_length=40, verbose_name="scimType")),
                ("detail", models.TextField(blank=True, verbose_name="detail")),
                ("changes", models.JSONField(default=dict, verbose_name="changes")),
                ("correlation_id", models.CharField(max_length=64, verbose_name="correlation id")),
                (
                    "duration_ms",
                    models.PositiveIntegerField(default=0, verbose_name="duration in ms"),
                ),
                ("ip", models.GenericIPAddressField(null=True, verbose_name="address")),
                ("client", models.CharField(blank=True, max_length=200, verbose_name="client")),
                (
                    "email_key",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="e-mail address"
                    ),
                ),
                (
                    "facts",
                    models.JSONField(
                        default=dict,
                        help_text="What the explanation of a reason names, such as a date.",
                    ),
                ),
                ("once", models.CharField(editable=False, max_length=150, null=True)),
                (
                    "reason",
                    models.CharField(blank=True, default="", max_length=32, verbose_name="reason"),
                ),
                (
                    "request",
                    models.JSONField(
                        help_text="Target, headers and body of a refused request, without secrets.",
                        null=True,
                        verbose_name="request",
                    ),
                ),
                ("user_name_key", models.CharField(blank=True, default="", max_length=255)),
                (
                    "tolerated",
                    models.JSONField(
                        default=list,
                        help_text="Deviations from the RFCs that were accepted, by name.",
                        verbose_name="accepted",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=scim_settings.TENANT_MODEL,
                        verbose_name="tenant",
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.RESTRICT,
                        related_name="+",
                        to="maptician_scim.token",
                        verbose_name="token",
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
                    models.Index(
                        models.F("token"),
                        models.F("tenant"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="scim_event_by_token",
                    ),
                    models.Index(
                        models.F("verb"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="scim_event_by_verb",
                    ),
                    models.Index(
                        models.F("tenant"),
                        models.F("verb"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="scim_event_by_tenant_and_verb",
                    ),
                    models.Index(
                        models.F("reason"),
                        models.OrderBy(models.F("id"), descending=True),
                        condition=models.Q(("reason__gt", "")),
                        name="scim_event_by_reason",
                    ),
                    models.Index(
                        models.F("tenant"),
                        models.OrderBy(models.F("id"), descending=True),
                        condition=models.Q(("status__gte", 400)),
                        name="scim_event_refused",
                    ),
                    models.Index(
                        models.OrderBy(models.F("id"), descending=True),
                        condition=models.Q(("status__gte", 400)),
                        name="scim_event_any_refused",
                    ),
                    models.Index(
                        models.F("resource_id"),
                        models.OrderBy(models.F("id"), descending=True),
                        name="scim_event_by_resource",
                    ),
                    models.Index(fields=["correlation_id"], name="scim_event_by_correlation"),
                    models.Index(
                        fields=["user_name_key"],
                        name="scim_event_by_name",
                        opclasses=["varchar_pattern_ops"],
                    ),
                    models.Index(
                        fields=["email_key"],
                        name="scim_event_by_email",
                        opclasses=["varchar_pattern_ops"],
                    ),
                    models.Index(
                        condition=models.Q(("request__isnull", False)),
                        fields=["created_at"],
                        name="scim_event_with_request",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("once__isnull", False)),
                        fields=("once",),
                        name="scim_event_written_once",
                    )
                ],
            },
        ),
    ]
