"""What we asked the gateway, and what it said."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="GatewayCall",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("payment_id", models.UUIDField(blank=True, null=True)),
                ("verb", models.CharField(max_length=20)),
                ("at", models.DateTimeField()),
                ("took_ms", models.PositiveIntegerField()),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("ok", "Ok"),
                            ("refused", "Refused"),
                            ("unknown", "Unknown"),
                            ("fault", "Fault"),
                            ("unreachable", "Unreachable"),
                        ],
                        max_length=12,
                    ),
                ),
                ("request_id", models.CharField(blank=True, default="", max_length=80)),
                ("note", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("payment_id__isnull", False)),
                        fields=["payment_id", "-id"],
                        name="gateway_call_by_payment",
                    ),
                    models.Index(fields=["at"], name="gateway_call_age"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("outcome__in", ["ok", "refused", "unknown", "fault", "unreachable"])
                        ),
                        name="gateway_call_outcome_known",
                    )
                ],
            },
        ),
    ]
