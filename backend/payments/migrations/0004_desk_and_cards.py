"""Money taken at the desk, balances, tips and saved cards."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_authorise_first")]

    operations = []
