"""Group sessions, the seats booked in them, and the time they take (ADR 0028)."""

import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import backend.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0014_rentals"),
        ("salons", "0017_rentals"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=backend.core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("published", "Published"),
                            ("cancelled", "Cancelled"),
                            ("completed", "Completed"),
                        ],
                        default="draft",
                        max_length=9,
                    ),
                ),
                ("title_ar", models.CharField(blank=True, default="", max_length=120)),
                ("title_en", models.CharField(blank=True, default="", max_length=120)),
                ("description_ar", models.TextField(blank=True, default="", max_length=2000)),
                ("description_en", models.TextField(blank=True, default="", max_length=2000)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("capacity", models.PositiveSmallIntegerField()),
                ("currency", models.CharField(default="SAR", max_length=3)),
                ("price_minor", models.PositiveIntegerField()),
                ("deposit_percent", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("minimum_seats", models.PositiveSmallIntegerField(default=0)),
                ("decide_by", models.DateTimeField(blank=True, null=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("seats_taken", models.PositiveSmallIntegerField(default=0)),
                ("seats_confirmed", models.PositiveSmallIntegerField(default=0)),
                ("is_closing", models.BooleanField(default=False)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("end_reason", models.CharField(blank=True, default="", max_length=300)),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="claim",
            name="claim_has_one_taker",
        ),
        migrations.AddField(
            model_name="booking",
            name="seats",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="session",
            name="ended_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="resources",
            field=models.ManyToManyField(blank=True, related_name="+", to="salons.resource"),
        ),
        migrations.AddField(
            model_name="session",
            name="salon",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="sessions", to="salons.salon"
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="staff",
            field=models.ManyToManyField(blank=True, related_name="+", to="salons.staffmember"),
        ),
        migrations.AddField(
            model_name="booking",
            name="session",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bookings",
                to="bookings.session",
            ),
        ),
        migrations.AddField(
            model_name="claim",
            name="session",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="claims",
                to="bookings.session",
            ),
        ),
        migrations.AddIndex(
            model_name="booking",
            index=models.Index(
                condition=models.Q(("session__isnull", False)),
                fields=["session", "id"],
                name="booking_by_session",
            ),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(
                condition=models.Q(("session__isnull", False)), fields=["session"], name="claim_of_a_session"
            ),
        ),
        migrations.AddConstraint(
            model_name="booking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "seat"), ("seats__gte", 1), ("session__isnull", False)),
                    models.Q(models.Q(("kind", "seat"), _negated=True), ("seats", None), ("session", None)),
                    _connector="OR",
                ),
                name="booking_seats_are_in_a_session",
            ),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("booking__isnull", False),
                        ("outside_calendar", None),
                        ("session", None),
                        ("waitlist_entry", None),
                    ),
                    models.Q(
                        ("booking", None),
                        ("outside_calendar", None),
                        ("session", None),
                        ("waitlist_entry__isnull", False),
                    ),
                    models.Q(
                        ("booking", None),
                        ("outside_calendar__isnull", False),
                        ("session", None),
                        ("waitlist_entry", None),
                    ),
                    models.Q(
                        ("booking", None),
                        ("outside_calendar", None),
                        ("session__isnull", False),
                        ("waitlist_entry", None),
                    ),
                    _connector="OR",
                ),
                name="claim_has_one_taker",
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(fields=["salon", "starts_at", "id"], name="session_by_salon"),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                condition=models.Q(("state", "published")), fields=["starts_at", "id"], name="session_on_sale"
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                condition=models.Q(
                    ("decide_by__isnull", False), ("decided_at", None), ("state", "published")
                ),
                fields=["decide_by"],
                name="session_to_decide",
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                condition=models.Q(("is_closing", True)), fields=["id"], name="session_closing"
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["draft", "published", "cancelled", "completed"])),
                name="session_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("title_ar", ""), _negated=True),
                    models.Q(("title_en", ""), _negated=True),
                    _connector="OR",
                ),
                name="session_has_a_title",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at__gt", models.F("starts_at")),
                    (
                        "ends_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("starts_at"), "+", models.Value(datetime.timedelta(seconds=43200))
                        ),
                    ),
                ),
                name="session_length_is_sensible",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(("capacity__range", (1, 500))), name="session_capacity_is_sensible"
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(("seats_taken__lte", models.F("capacity"))), name="session_never_oversold"
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(("seats_confirmed__lte", models.F("seats_taken"))),
                name="session_confirmed_are_taken",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("deposit_percent__isnull", True), ("deposit_percent__lte", 100), _connector="OR"
                ),
                name="session_deposit_is_a_percent",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decide_by", None), ("minimum_seats", 0)),
                    models.Q(
                        ("decide_by__isnull", False),
                        ("decide_by__lte", models.F("starts_at")),
                        ("minimum_seats__range", (1, models.F("capacity"))),
                    ),
                    _connector="OR",
                ),
                name="session_minimum_has_a_deadline",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "draft"), _negated=True), ("seats_taken", 0), _connector="OR"
                ),
                name="session_draft_sells_nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at", None), ("is_closing", False), ("state__in", ("draft", "published"))
                    ),
                    models.Q(("ended_at__isnull", False), ("state__in", ("cancelled", "completed"))),
                    _connector="OR",
                ),
                name="session_end_has_a_time",
            ),
        ),
    ]
