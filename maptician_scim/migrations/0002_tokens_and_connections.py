import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import maptician_scim.models.base
from maptician_scim.conf import scim_settings


class Migration(migrations.Migration):
    dependencies = [
        ("maptician_scim", "0001_initial"),
        migrations.swappable_dependency(scim_settings.TENANT_MODEL),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Activity",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("hour", models.DateTimeField()),
                ("requests", models.PositiveIntegerField(default=0)),
                ("errors", models.PositiveIntegerField(default=0)),
            ],
            options={
                "verbose_name": "activity",
                "verbose_name_plural": "activity",
            },
        ),
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
            ],
            options={
                "verbose_name": "SCIM connection",
            },
        ),
        migrations.RemoveIndex(
            model_name="event",
            name="scim_event_by_resource",
        ),
        migrations.AddField(
            model_name="event",
            name="email_key",
            field=models.CharField(
                blank=True, default="", max_length=255, verbose_name="e-mail address"
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="facts",
            field=models.JSONField(
                default=dict, help_text="What the explanation of a reason names, such as a date."
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="once",
            field=models.CharField(editable=False, max_length=150, null=True),
        ),
        migrations.AddField(
            model_name="event",
            name="reason",
            field=models.CharField(blank=True, default="", max_length=32, verbose_name="reason"),
        ),
        migrations.AddField(
            model_name="event",
            name="request",
            field=models.JSONField(
                help_text="Target, headers and body of a refused request, without secrets.",
                null=True,
                verbose_name="request",
            ),
        ),
        migrations.AddField(
            model_name="event",
            name="user_name_key",
            field=models.CharField(blank=True, default="", max_length=255),
        ),
        migrations.AddField(
            model_name="token",
            name="announced_days",
            field=models.PositiveSmallIntegerField(
                editable=False,
                help_text="The announcement of its expiry that was sent last, in days before it.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="first_used_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="first used"),
        ),
        migrations.AddField(
            model_name="token",
            name="last_used_client",
            field=models.CharField(
                blank=True, default="", editable=False, max_length=200, verbose_name="last used by"
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="networks",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="In CIDR notation, such as 192.0.2.0/24 or 2001:db8::/32. Empty allows any.",
                verbose_name="allowed networks",
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="nonce",
            field=models.CharField(editable=False, max_length=64, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="token",
            name="predecessor",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="successors",
                to="maptician_scim.token",
                verbose_name="successor of",
            ),
        ),
        migrations.AddField(
            model_name="token",
            name="rotated_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="rotated"),
        ),
        migrations.AlterField(
            model_name="event",
            name="changes",
            field=models.JSONField(default=dict, verbose_name="changes"),
        ),
        migrations.AlterField(
            model_name="event",
            name="client",
            field=models.CharField(blank=True, max_length=200, verbose_name="client"),
        ),
        migrations.AlterField(
            model_name="event",
            name="correlation_id",
            field=models.CharField(max_length=64, verbose_name="correlation id"),
        ),
        migrations.AlterField(
            model_name="event",
            name="created_at",
            field=models.DateTimeField(
                db_index=True, default=maptician_scim.models.base.now, verbose_name="time"
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="detail",
            field=models.TextField(blank=True, verbose_name="detail"),
        ),
        migrations.AlterField(
            model_name="event",
            name="duration_ms",
            field=models.PositiveIntegerField(default=0, verbose_name="duration in ms"),
        ),
        migrations.AlterField(
            model_name="event",
            name="ip",
            field=models.GenericIPAddressField(null=True, verbose_name="address"),
        ),
        migrations.AlterField(
            model_name="event",
            name="resource_id",
            field=models.CharField(blank=True, max_length=64, verbose_name="id"),
        ),
        migrations.AlterField(
            model_name="event",
            name="resource_type",
            field=models.CharField(blank=True, max_length=40, verbose_name="resource type"),
        ),
        migrations.AlterField(
            model_name="event",
            name="scim_type",
            field=models.CharField(blank=True, max_length=40, verbose_name="scimType"),
        ),
        migrations.AlterField(
            model_name="event",
            name="status",
            field=models.PositiveSmallIntegerField(verbose_name="status"),
        ),
        migrations.AlterField(
            model_name="event",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=scim_settings.TENANT_MODEL,
                verbose_name="tenant",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="token",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="maptician_scim.token",
                verbose_name="token",
            ),
        ),
        migrations.AlterField(
            model_name="event",
            name="token_prefix",
            field=models.CharField(blank=True, max_length=32, verbose_name="token prefix"),
        ),
        migrations.AlterField(
            model_name="event",
            name="user_name",
            field=models.CharField(blank=True, max_length=255, verbose_name="userName"),
        ),
        migrations.AlterField(
            model_name="event",
            name="verb",
            field=models.CharField(max_length=20, verbose_name="verb"),
        ),
        migrations.AlterField(
            model_name="token",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="created by",
            ),
        ),
        migrations.AlterField(
            model_name="token",
            name="name",
            field=models.CharField(
                help_text="What it is for, such as “Okta production”.",
                max_length=100,
                verbose_name="name",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("token"),
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                name="scim_event_by_token",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("verb"),
                models.OrderBy(models.F("id"), descending=True),
                name="scim_event_by_verb",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("tenant"),
                models.F("verb"),
                models.OrderBy(models.F("id"), descending=True),
                name="scim_event_by_tenant_and_verb",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("reason"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("reason__gt", "")),
                name="scim_event_by_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("tenant"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("status__gte", 400)),
                name="scim_event_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("status__gte", 400)),
                name="scim_event_any_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("resource_id"),
                models.OrderBy(models.F("id"), descending=True),
                name="scim_event_by_resource",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["correlation_id"], name="scim_event_by_correlation"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["user_name_key"],
                name="scim_event_by_name",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                fields=["email_key"], name="scim_event_by_email", opclasses=["varchar_pattern_ops"]
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("request__isnull", False)),
                fields=["created_at"],
                name="scim_event_with_request",
            ),
        ),
        migrations.AddIndex(
            model_name="provisioneduser",
            index=models.Index(
                fields=["user_name_key"],
                name="scim_user_by_name_prefix",
                opclasses=["varchar_pattern_ops"],
            ),
        ),
        migrations.AddConstraint(
            model_name="event",
            constraint=models.UniqueConstraint(
                condition=models.Q(("once__isnull", False)),
                fields=("once",),
                name="scim_event_written_once",
            ),
        ),
        migrations.AddField(
            model_name="activity",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=scim_settings.TENANT_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="activity",
            constraint=models.UniqueConstraint(
                fields=("tenant", "hour"), name="scim_one_count_per_hour"
            ),
        ),
    ]
