"""What is let by itself. A change of it raises the salon's `catalogue_version`, as everything else on offer does."""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.math
from django.db import migrations, models
from django.db.models import F, Q

import backend.core.ids

VERSIONS = import_module("backend.salons.migrations.0005_catalogue_version")
TABLE = "salons_rental"


class Migration(migrations.Migration):
    dependencies = [("salons", "0015_standing")]

    operations = [
        migrations.CreateModel(
            name="Rental",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("name_ar", models.CharField(max_length=80, null=True)),
                ("name_en", models.CharField(max_length=80, null=True)),
                ("description", models.TextField(blank=True, default="", max_length=1000)),
                ("description_ar", models.TextField(blank=True, default="", max_length=1000, null=True)),
                ("description_en", models.TextField(blank=True, default="", max_length=1000, null=True)),
                ("price_per_hour_minor", models.PositiveIntegerField(blank=True, null=True)),
                ("price_per_day_minor", models.PositiveIntegerField(blank=True, null=True)),
                ("step_minutes", models.PositiveSmallIntegerField(default=60)),
                ("min_minutes", models.PositiveSmallIntegerField()),
                ("max_minutes", models.PositiveSmallIntegerField()),
                ("buffer_before_minutes", models.PositiveSmallIntegerField(default=0)),
                ("buffer_after_minutes", models.PositiveSmallIntegerField(default=0)),
                ("min_notice_minutes", models.PositiveIntegerField(blank=True, null=True)),
                ("horizon_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("deposit_percent", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("deposit_minor", models.PositiveIntegerField(blank=True, null=True)),
                ("damage_minor", models.PositiveIntegerField(default=0)),
                ("auto_confirm", models.BooleanField(default=False)),
                ("is_active", models.BooleanField(default=True)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "resource",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rental",
                        to="salons.resource",
                    ),
                ),
                (
                    "salon",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rentals", to="salons.salon"
                    ),
                ),
            ],
            options={
                "ordering": ["position", "id"],
                "indexes": [
                    models.Index(
                        condition=Q(("is_active", True)),
                        fields=["id"],
                        include=("salon", "min_minutes", "max_minutes", "step_minutes"),
                        name="rental_on_offer",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("price_per_hour_minor__isnull", False))
                        | Q(("price_per_day_minor__isnull", False)),
                        name="rental_has_a_price",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("step_minutes__range", (15, 1440)),
                            ("min_minutes__gte", F("step_minutes")),
                            ("max_minutes__gte", F("min_minutes")),
                            ("max_minutes__lte", 10080),
                        ),
                        name="rental_lengths_are_sensible",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            (
                                "min_minutes",
                                django.db.models.functions.math.Mod(F("min_minutes"), F("step_minutes"))
                                + F("min_minutes"),
                            ),
                            (
                                "max_minutes",
                                django.db.models.functions.math.Mod(F("max_minutes"), F("step_minutes"))
                                + F("max_minutes"),
                            ),
                        ),
                        name="rental_lengths_are_in_steps",
                    ),
                    models.CheckConstraint(
                        condition=Q(("buffer_after_minutes__lte", 720), ("buffer_before_minutes__lte", 720)),
                        name="rental_buffers_are_sensible",
                    ),
                    models.CheckConstraint(
                        condition=Q(("deposit_percent__isnull", True))
                        | Q(("deposit_minor__isnull", True), ("deposit_percent__lte", 100)),
                        name="rental_deposit_is_one",
                    ),
                    models.CheckConstraint(
                        condition=Q(("horizon_days__isnull", True)) | Q(("horizon_days__lte", 366)),
                        name="rental_horizon_is_sensible",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            VERSIONS.FUNCTION.format(table=TABLE, path="SELECT r.salon_id FROM rows r"), VERSIONS._down(TABLE)
        ),
    ]
