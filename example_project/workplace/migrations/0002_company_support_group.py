import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("workplace", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="company",
            name="support_group",
            field=models.ForeignKey(
                blank=True,
                help_text="Its members see the companies they support, and no others.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="supported_companies",
                to="auth.group",
            ),
        ),
    ]
