"""A client may unassign ``active``; the host keeps its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("maptician_scim", "0006_groups")]

    operations = [
        migrations.AddField(
            model_name="provisioneduser",
            name="active_when_removed",
            field=models.BooleanField(
                editable=False,
                help_text="Set while a client has unassigned active: this state is not shown.",
                null=True,
            ),
        ),
    ]
