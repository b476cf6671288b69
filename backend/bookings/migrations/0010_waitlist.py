"""Who waits for which time, and claims that hold an offered time."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import backend.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("bookings", "0009_wordings_and_reminders"),
        ("salons", "0012_reminders"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="claim",
            name="booking",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="claims",
                to="bookings.booking",
            ),
        ),
        migrations.CreateModel(
            name="FreedTime",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("owner", models.UUIDField()),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                (
                    "salon",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="salons.salon"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WaitlistEntry",
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
                            ("waiting", "Waiting"),
                            ("offered", "Offered"),
                            ("accepted", "Accepted"),
                            ("passed", "Passed"),
                            ("left", "Left"),
                            ("expired", "Expired"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("date", models.DateField()),
                ("from_minute", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("to_minute", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("over_at", models.DateTimeField()),
                ("joined_at", models.DateTimeField()),
                ("offered_at", models.DateTimeField(blank=True, null=True)),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                (
                    "booking",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waitlist_entry",
                        to="bookings.booking",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waitlist",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "offered_staff_member",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="salons.staffmember",
                    ),
                ),
                (
                    "salon",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waitlist",
                        to="salons.salon",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="salons.service"
                    ),
                ),
                (
                    "staff_member",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="salons.staffmember",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="claim",
            name="waitlist_entry",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="claims",
                to="bookings.waitlistentry",
            ),
        ),
        migrations.AddIndex(
            model_name="claim",
            index=models.Index(
                condition=models.Q(("waitlist_entry__isnull", False)),
                fields=["waitlist_entry"],
                name="claim_for_an_offer",
            ),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("booking__isnull", False), ("waitlist_entry__isnull", True)),
                    models.Q(("booking__isnull", True), ("waitlist_entry__isnull", False)),
                    _connector="OR",
                ),
                name="claim_has_one_taker",
            ),
        ),
        migrations.AddConstraint(
            model_name="claim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("waitlist_entry__isnull", True), ("expires_at__isnull", False), _connector="OR"
                ),
                name="claim_of_an_offer_has_an_end",
            ),
        ),
        migrations.AddIndex(
            model_name="freedtime",
            index=models.Index(fields=["due_at", "id"], name="freed_when_due"),
        ),
        migrations.AddIndex(
            model_name="freedtime",
            index=models.Index(fields=["salon", "due_at", "id"], name="freed_at_salon"),
        ),
        migrations.AddConstraint(
            model_name="freedtime",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="freed_ends_after_start"
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["salon", "date", "joined_at", "id"],
                name="waitlist_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                condition=models.Q(("state", "offered")), fields=["expires_at"], name="waitlist_open_offers"
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(fields=["over_at"], name="waitlist_by_age"),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(fields=["customer", "-joined_at", "-id"], name="waitlist_by_customer"),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["waiting", "offered", "accepted", "passed", "left", "expired"])
                ),
                name="waitlist_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("from_minute__isnull", True), ("from_minute__lte", 1439), _connector="OR"),
                    models.Q(("to_minute__isnull", True), ("to_minute__lte", 1439), _connector="OR"),
                    models.Q(
                        ("from_minute__isnull", True),
                        ("to_minute__isnull", True),
                        ("from_minute__lte", models.F("to_minute")),
                        _connector="OR",
                    ),
                ),
                name="waitlist_window_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ends_at", None),
                        ("expires_at", None),
                        ("offered_at", None),
                        ("offered_staff_member", None),
                        ("starts_at", None),
                        ("state__in", ("waiting", "left", "expired")),
                    ),
                    models.Q(
                        ("ends_at__gt", models.F("starts_at")),
                        ("expires_at__gt", models.F("offered_at")),
                        ("expires_at__lte", models.F("starts_at")),
                        ("offered_at__isnull", False),
                        ("offered_staff_member__isnull", False),
                        ("starts_at__isnull", False),
                        ("state__in", ("offered", "accepted", "passed", "left")),
                    ),
                    _connector="OR",
                ),
                name="waitlist_offer_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("booking__isnull", False), ("state", "accepted")),
                    models.Q(models.Q(("state", "accepted"), _negated=True), ("booking__isnull", True)),
                    _connector="OR",
                ),
                name="waitlist_accepted_is_a_booking",
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("waiting", "offered"))),
                fields=("customer", "salon", "service", "staff_member", "date", "from_minute", "to_minute"),
                name="waitlist_wish_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="waitlistentry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "offered")),
                fields=("customer", "salon", "date"),
                name="waitlist_one_offer_at_a_time",
            ),
        ),
    ]
