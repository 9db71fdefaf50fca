from django.db import migrations, models

DETAILS = {
    "is_coach": models.BooleanField(default=False),
    "shirt": models.PositiveSmallIntegerField(null=True),
    "fee": models.DecimalField(max_digits=5, decimal_places=2, null=True),
    "born": models.DateField(null=True),
    "examined": models.DateTimeField(null=True),
}


class Migration(migrations.Migration):
    dependencies = [("clubs", "0001_initial")]

    operations = [
        migrations.AddField(model_name="membership", name=name, field=field)
        for name, field in DETAILS.items()
    ]
