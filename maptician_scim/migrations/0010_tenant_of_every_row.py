"""Every table has the tenant: a database spread over machines keeps a tenant's rows together."""

import django.db.models.deletion
from django.db import migrations, models

from maptician_scim.conf import scim_settings


class Migration(migrations.Migration):
    dependencies = [
        ("maptician_scim", "0009_bookmarks"),
        migrations.swappable_dependency(scim_settings.TENANT_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="groupnesting",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=scim_settings.TENANT_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="sessionkey",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=scim_settings.TENANT_MODEL,
            ),
        ),
    ]
