"""Deposits that are authorised first and captured when the salon confirms."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_gateway_calls")]

    operations = []
