"""The mass-deactivation safeguard: new tables, and columns with defaults in the database."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import maptician_scim.models.base
from maptician_scim.conf import scim_settings


class Migration(migrations.Migration):
    dependencies = [("maptician_scim", "0007_active_removed")]

    operations = [
        migrations.CreateModel(
            name="Brake",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=scim_settings.TENANT_MODEL,
                    ),
                ),
                ("tripped_at", models.DateTimeField(null=True)),
                (
                    "stops_people",
                    models.BooleanField(
                        default=False,
                        help_text="Groups are stopped one by one, people all together.",
                    ),
                ),
                ("limit", models.PositiveIntegerField(default=0)),
                ("kept_at", models.DateTimeField(null=True)),
                ("released_until", models.DateTimeField(null=True)),
                ("active_people", models.PositiveIntegerField(default=0)),
                ("counted_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "brake",
            },
        ),
        migrations.AddField(
            model_name="connection",
            name="safeguard",
            field=models.CharField(
                blank=True,
                choices=[("on", "on"), ("off", "off")],
                db_default="",
                default="",
                help_text="While it is on, not more than the following are deactivated or deleted within an hour, or taken out of one group; what goes beyond waits until it is released here.",
                max_length=3,
                verbose_name="mass-deactivation safeguard",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="safeguard_people",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MinValueValidator(1)],
                verbose_name="people within an hour",
            ),
        ),
        migrations.AddField(
            model_name="connection",
            name="safeguard_percent",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="The larger of the two counts; 0 leaves the number of people alone.",
                null=True,
                validators=[django.core.validators.MaxValueValidator(100)],
                verbose_name="percent of the active people",
            ),
        ),
        migrations.CreateModel(
            name="Departure",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "group",
                    models.CharField(
                        blank=True, help_text="Empty: left the tenant.", max_length=36
                    ),
                ),
                ("person", models.CharField(max_length=64)),
                ("left_at", models.DateTimeField(default=maptician_scim.models.base.now)),
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
                "verbose_name": "departure",
                "indexes": [
                    models.Index(
                        fields=["tenant", "group", "left_at"], name="scim_departure_by_time"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "group", "person"), name="scim_departure_counts_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="HeldBack",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("resource_type", models.CharField(max_length=40)),
                ("key", models.CharField(max_length=64)),
                ("resource_id", models.CharField(blank=True, max_length=64, verbose_name="id")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("people", models.PositiveIntegerField(default=1, verbose_name="people")),
                (
                    "first_at",
                    models.DateTimeField(
                        default=maptician_scim.models.base.now, verbose_name="first held back"
                    ),
                ),
                (
                    "last_at",
                    models.DateTimeField(
                        default=maptician_scim.models.base.now, verbose_name="last held back"
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=1, verbose_name="attempts")),
                ("released_at", models.DateTimeField(null=True)),
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
                    "token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="maptician_scim.token",
                        verbose_name="token",
                    ),
                ),
            ],
            options={
                "verbose_name": "held back",
                "verbose_name_plural": "held back",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "resource_type", "key"),
                        name="scim_held_back_is_listed_once",
                    )
                ],
            },
        ),
    ]
