"""A tenant can have attributes kept that nobody has declared."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("maptician_scim", "0004_tolerances")]

    operations = [
        migrations.AddField(
            model_name="connection",
            name="keeps_unknown_schemas",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "What the identity provider's administrator has invented under a namespace "
                    "(URN) that nobody has declared here. While it is off, such attributes are "
                    "ignored."
                ),
                verbose_name="attributes in unknown namespaces are kept",
            ),
        ),
    ]
