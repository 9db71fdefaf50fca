import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workplace", "0003_desks_freed_by_provisioning"),
    ]

    operations = [
        migrations.CreateModel(
            name="Neighbourhood",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "floor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="neighbourhoods",
                        to="workplace.floor",
                    ),
                ),
            ],
            options={
                "ordering": ["floor", "name"],
            },
        ),
        migrations.AddField(
            model_name="desk",
            name="neighbourhood",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="desks",
                to="workplace.neighbourhood",
            ),
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False),
                ),
                (
                    "company",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="teams",
                        to="workplace.company",
                    ),
                ),
                (
                    "neighbourhood",
                    models.ForeignKey(
                        blank=True,
                        help_text="Where members who have no desk are offered one.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="teams",
                        to="workplace.neighbourhood",
                    ),
                ),
            ],
            options={
                "ordering": ["company", "name"],
            },
        ),
        migrations.CreateModel(
            name="DeskOffer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Open"),
                            ("accepted", "Accepted"),
                            ("declined", "Declined"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("offered_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "desk",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offers",
                        to="workplace.desk",
                    ),
                ),
                (
                    "occupant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="desk_offers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="desk_offers",
                        to="workplace.team",
                    ),
                ),
            ],
            options={
                "ordering": [
                    models.OrderBy(models.F("ended_at"), descending=True, nulls_first=True),
                    "-offered_at",
                ],
            },
        ),
        migrations.CreateModel(
            name="TeamMembership",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "is_lead",
                    models.BooleanField(db_default=False, default=False, verbose_name="team lead"),
                ),
                (
                    "joined_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        default=django.utils.timezone.now,
                        editable=False,
                    ),
                ),
                (
                    "occupant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="team_memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="workplace.team",
                    ),
                ),
            ],
            options={
                "ordering": ["team", "-is_lead", "joined_at", "pk"],
            },
        ),
        migrations.AddField(
            model_name="team",
            name="members",
            field=models.ManyToManyField(
                related_name="teams",
                through="workplace.TeamMembership",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="neighbourhood",
            constraint=models.UniqueConstraint(
                fields=("floor", "name"), name="workplace_neighbourhood_is_unique_per_floor"
            ),
        ),
        migrations.AddConstraint(
            model_name="deskoffer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("desk",),
                name="workplace_one_offer_per_desk",
            ),
        ),
        migrations.AddConstraint(
            model_name="deskoffer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "open")),
                fields=("occupant",),
                name="workplace_one_offer_per_occupant",
            ),
        ),
        migrations.AddConstraint(
            model_name="deskoffer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state", "open")),
                    models.Q(
                        models.Q(("state", "open"), _negated=True),
                        models.Q(("ended_at", None), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="workplace_open_offer_has_no_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="teammembership",
            constraint=models.UniqueConstraint(
                fields=("team", "occupant"), name="workplace_member_is_once_in_a_team"
            ),
        ),
        migrations.AddConstraint(
            model_name="team",
            constraint=models.UniqueConstraint(
                models.F("company"),
                django.db.models.functions.text.Lower("name"),
                name="workplace_team_name_is_unique_per_company",
                violation_error_message="The company has a team of this name.",
            ),
        ),
    ]
