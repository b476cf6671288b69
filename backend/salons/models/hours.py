"""When: weekly windows, date overrides, seasons, closures, and the moon sighting that moves a Hijri month.

What a day's hours are in the end is decided in one place, the pure `backend.salons.timetable`.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.salons.models.offer import Resource, StaffMember
from backend.salons.models.places import Salon

# A comparison with nothing is neither true nor false, and a check refuses only what is false: "is there" is said too.
_MINUTES = Q(opens_minute__lt=1440, closes_minute__gt=F("opens_minute"), closes_minute__lte=2160)


class Season(models.Model):
    """A stretch of days with weekly hours of its own: Ramadan every year, or one summer.

    Either Hijri, from one month and day to another in every Hijri year (`to_day` 30 means to the month's end), or two
    Gregorian dates, the last included. Its windows are the `WorkingWindow` rows that name it. Where seasons overlap
    the newest wins.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="seasons")
    name = models.CharField(max_length=80)
    hijri_from_month = models.PositiveSmallIntegerField(null=True, blank=True)
    hijri_from_day = models.PositiveSmallIntegerField(null=True, blank=True)
    hijri_to_month = models.PositiveSmallIntegerField(null=True, blank=True)
    hijri_to_day = models.PositiveSmallIntegerField(null=True, blank=True)
    first_date = models.DateField(null=True, blank=True)
    last_date = models.DateField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    hijri_from_month__isnull=False,
                    hijri_from_day__isnull=False,
                    hijri_to_month__isnull=False,
                    hijri_to_day__isnull=False,
                    hijri_from_month__gte=1,
                    hijri_from_month__lte=12,
                    hijri_from_day__gte=1,
                    hijri_from_day__lte=30,
                    hijri_to_month__gte=1,
                    hijri_to_month__lte=12,
                    hijri_to_day__gte=1,
                    hijri_to_day__lte=30,
                    first_date__isnull=True,
                    last_date__isnull=True,
                )
                | Q(
                    hijri_from_month__isnull=True,
                    hijri_from_day__isnull=True,
                    hijri_to_month__isnull=True,
                    hijri_to_day__isnull=True,
                    first_date__isnull=False,
                    last_date__isnull=False,
                    last_date__gte=F("first_date"),
                ),
                name="season_is_hijri_or_dated",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class WorkingWindow(models.Model):
    """Weekly hours: of the salon, or of one staff member (who then works only where both are open).

    `weekday` is ISO (Monday 1 … Sunday 7); minutes count from local midnight and may pass 1440. With a season they
    hold on its days only, in place of the ordinary ones.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="working_windows")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="working_windows"
    )
    season = models.ForeignKey(
        Season, on_delete=models.CASCADE, null=True, blank=True, related_name="windows"
    )
    weekday = models.PositiveSmallIntegerField()
    opens_minute = models.PositiveSmallIntegerField()
    closes_minute = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["weekday", "opens_minute", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__gte=1, weekday__lte=7), name="window_weekday_is_iso"),
            models.CheckConstraint(condition=_MINUTES, name="window_minutes_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens_minute}-{self.closes_minute}"


class Override(models.Model):
    """The hours of one business date, whatever week or season say; without windows the day is off.

    Of the salon, or of one staff member.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="overrides")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="overrides"
    )
    date = models.DateField()
    reason = models.CharField(max_length=120, blank=True, default="")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["date", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["salon", "staff_member", "date"],
                nulls_distinct=False,
                name="override_once_per_date",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date:%F} {self.salon_id}"


class OverrideWindow(models.Model):
    override = models.ForeignKey(Override, on_delete=models.CASCADE, related_name="windows")
    opens_minute = models.PositiveSmallIntegerField()
    closes_minute = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["opens_minute", "id"]
        constraints = [models.CheckConstraint(condition=_MINUTES, name="override_minutes_in_order")]

    def __str__(self) -> str:
        return f"{self.opens_minute}-{self.closes_minute}"


class ClosureKind(models.TextChoices):
    """From one moment to another; whole business dates; or a part of every such weekday."""

    MOMENTS = "moments"
    DAYS = "days"
    WEEKLY = "weekly"


class Closure(models.Model):
    """Time in which the salon is shut, a staff member away or a resource out of use, whatever the hours say.

    `moments`: half-open, from `starts_at` to `ends_at`. `days`: business dates, the last included, with what runs past
    their midnight and nothing of the evening before. `weekly`: from `opens_minute` to `closes_minute` of each
    `weekday`, between the dates when given.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="closures")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="closures"
    )
    resource = models.ForeignKey(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="closures"
    )
    kind = models.CharField(max_length=7, choices=ClosureKind.choices, default=ClosureKind.MOMENTS)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    first_date = models.DateField(null=True, blank=True)
    last_date = models.DateField(null=True, blank=True)
    weekday = models.PositiveSmallIntegerField(null=True, blank=True)
    opens_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    closes_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True, default="")
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ClosureKind.values), name="closure_kind_known"),
            models.CheckConstraint(
                condition=Q(
                    kind="moments",
                    starts_at__isnull=False,
                    ends_at__isnull=False,
                    ends_at__gt=F("starts_at"),
                    first_date__isnull=True,
                    last_date__isnull=True,
                    weekday__isnull=True,
                    opens_minute__isnull=True,
                    closes_minute__isnull=True,
                )
                | Q(
                    kind="days",
                    starts_at__isnull=True,
                    ends_at__isnull=True,
                    first_date__isnull=False,
                    last_date__isnull=False,
                    last_date__gte=F("first_date"),
                    weekday__isnull=True,
                    opens_minute__isnull=True,
                    closes_minute__isnull=True,
                )
                | (
                    Q(
                        kind="weekly",
                        starts_at__isnull=True,
                        ends_at__isnull=True,
                        weekday__isnull=False,
                        weekday__gte=1,
                        weekday__lte=7,
                        opens_minute__isnull=False,
                        closes_minute__isnull=False,
                    )
                    & _MINUTES
                    & (
                        Q(first_date__isnull=True)
                        | Q(last_date__isnull=True)
                        | Q(last_date__gte=F("first_date"))
                    )
                ),
                name="closure_has_one_form",
            ),
            models.CheckConstraint(
                condition=Q(staff_member__isnull=True) | Q(resource__isnull=True),
                name="closure_has_one_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.salon_id}"


class HijriShift(models.Model):
    """How many days after (or before) Umm al-Qura a Hijri month really began, once the moon was sighted."""

    hijri_year = models.PositiveSmallIntegerField()
    hijri_month = models.PositiveSmallIntegerField()
    days = models.SmallIntegerField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["hijri_year", "hijri_month"]
        constraints = [
            models.UniqueConstraint(fields=["hijri_year", "hijri_month"], name="hijri_shift_once_per_month"),
            models.CheckConstraint(
                condition=Q(hijri_month__gte=1, hijri_month__lte=12, days__gte=-1, days__lte=1),
                name="hijri_shift_is_a_day_at_most",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hijri_year}-{self.hijri_month} {self.days:+d}"
