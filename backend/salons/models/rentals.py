"""What is let by itself: a room or device for hours or days, with nobody serving."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Mod

from backend.core.ids import uuid7
from backend.salons.models.offer import Resource
from backend.salons.models.places import Salon

DAY = 24 * 60
LONGEST_RENTAL = timedelta(days=7)
LONGEST_MINUTES = 7 * DAY


class Rental(models.Model):
    """A resource offered by itself. Prices are halalas and include VAT; lengths, buffers and notice are minutes.

    It is let for `min_minutes` to `max_minutes` in steps of `step_minutes`. Whole days cost `price_per_day_minor`, what
    is left of a day `price_per_hour_minor` by the minute and never more than a day. With no price by the hour a day
    begun is a day; with none by the day every minute costs the same.

    An empty notice, horizon or deposit means the salon's. `auto_confirm` lets it at once; otherwise the owner answers
    each request. `damage_minor` is what the bank holds against damage until the rental is over.
    """

    name_ar: str | None
    name_en: str | None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="rentals")
    resource = models.OneToOneField(Resource, on_delete=models.PROTECT, related_name="rental")
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True, default="", max_length=1000)
    price_per_hour_minor = models.PositiveIntegerField(null=True, blank=True)
    price_per_day_minor = models.PositiveIntegerField(null=True, blank=True)
    step_minutes = models.PositiveSmallIntegerField(default=60)
    min_minutes = models.PositiveSmallIntegerField()
    max_minutes = models.PositiveSmallIntegerField()
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    min_notice_minutes = models.PositiveIntegerField(null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(null=True, blank=True)
    deposit_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    deposit_minor = models.PositiveIntegerField(null=True, blank=True)
    damage_minor = models.PositiveIntegerField(default=0)
    auto_confirm = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(price_per_hour_minor__isnull=False) | Q(price_per_day_minor__isnull=False),
                name="rental_has_a_price",
            ),
            models.CheckConstraint(
                condition=Q(step_minutes__range=(15, DAY))
                & Q(min_minutes__gte=F("step_minutes"))
                & Q(max_minutes__gte=F("min_minutes"))
                & Q(max_minutes__lte=LONGEST_MINUTES),
                name="rental_lengths_are_sensible",
            ),
            models.CheckConstraint(
                condition=Q(min_minutes=Mod(F("min_minutes"), F("step_minutes")) + F("min_minutes"))
                & Q(max_minutes=Mod(F("max_minutes"), F("step_minutes")) + F("max_minutes")),
                name="rental_lengths_are_in_steps",
            ),
            models.CheckConstraint(
                condition=Q(buffer_before_minutes__lte=DAY // 2, buffer_after_minutes__lte=DAY // 2),
                name="rental_buffers_are_sensible",
            ),
            models.CheckConstraint(
                condition=Q(deposit_percent__isnull=True)
                | Q(deposit_minor__isnull=True, deposit_percent__lte=100),
                name="rental_deposit_is_one",
            ),
            models.CheckConstraint(
                condition=Q(horizon_days__isnull=True) | Q(horizon_days__lte=366),
                name="rental_horizon_is_sensible",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                include=["salon", "min_minutes", "max_minutes", "step_minutes"],
                condition=Q(is_active=True),
                name="rental_on_offer",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    def price_of(self, minutes: int) -> int:
        """Halalas for so many minutes, VAT included; a part of a halala counts as one."""
        hour, day = self.price_per_hour_minor, self.price_per_day_minor
        if hour is None:
            return -(-minutes // DAY) * (day or 0)
        if day is None:
            return -(-minutes * hour // 60)
        days, left = divmod(minutes, DAY)
        return days * day + min(-(-left * hour // 60), day)

    def lasts(self, minutes: int) -> bool:
        """Whether it is let for so many minutes."""
        return self.min_minutes <= minutes <= self.max_minutes and minutes % self.step_minutes == 0
