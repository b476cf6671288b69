"""Who waits for which time, and the time that came free for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.bookings.models.bookings import Booking
from backend.core.ids import uuid7
from backend.salons.models import Salon, Service, StaffMember

LAST_MINUTE = 24 * 60 - 1
ServedTimes: TypeAlias = Mapping[str, Sequence[Sequence[int]]]
"""By the id of a person or thing, stretches of absolute minutes in which they serve customers."""


class WaitlistState(models.TextChoices):
    WAITING = "waiting"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    PASSED = "passed"
    LEFT = "left"
    EXPIRED = "expired"


WAITING_STATES = (WaitlistState.WAITING, WaitlistState.OFFERED)


class WaitlistEntry(models.Model):
    """A customer's place on the waiting list for one service on one day, and the one offer it ends with.

    `date` is a calendar day of the salon. `from_minute` and `to_minute` are the earliest and latest start, in minutes
    after midnight there, both included; null is no bound. From `over_at` on no start can suit any more.

    An offer has a start, an end, a person and the moment it lapses, and holds its time by claims until it is answered
    or lapses. An entry gets one: whoever lets it pass may join again, behind the others.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=8, choices=WaitlistState.choices, default=WaitlistState.WAITING)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="waitlist")
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="waitlist")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="+")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    date = models.DateField()
    from_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    to_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    over_at = models.DateTimeField()
    joined_at = models.DateTimeField()

    offered_at = models.DateTimeField(null=True, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    offered_staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    booking = models.OneToOneField(
        Booking, on_delete=models.CASCADE, null=True, blank=True, related_name="waitlist_entry"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=WaitlistState.values), name="waitlist_state_known"),
            models.CheckConstraint(
                condition=(Q(from_minute__isnull=True) | Q(from_minute__lte=LAST_MINUTE))
                & (Q(to_minute__isnull=True) | Q(to_minute__lte=LAST_MINUTE))
                & (
                    Q(from_minute__isnull=True)
                    | Q(to_minute__isnull=True)
                    | Q(from_minute__lte=F("to_minute"))
                ),
                name="waitlist_window_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=("waiting", "left", "expired"),
                    offered_at=None,
                    starts_at=None,
                    ends_at=None,
                    offered_staff_member=None,
                    expires_at=None,
                )
                | Q(
                    state__in=("offered", "accepted", "passed", "left"),
                    offered_at__isnull=False,
                    starts_at__isnull=False,
                    ends_at__gt=F("starts_at"),
                    offered_staff_member__isnull=False,
                    expires_at__gt=F("offered_at"),
                    expires_at__lte=F("starts_at"),
                ),
                name="waitlist_offer_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(state="accepted", booking__isnull=False)
                | (~Q(state="accepted") & Q(booking__isnull=True)),
                name="waitlist_accepted_is_a_booking",
            ),
            models.UniqueConstraint(
                fields=[
                    "customer",
                    "salon",
                    "service",
                    "staff_member",
                    "date",
                    "from_minute",
                    "to_minute",
                ],
                condition=Q(state__in=("waiting", "offered")),
                nulls_distinct=False,
                name="waitlist_wish_once",
            ),
            models.UniqueConstraint(
                fields=["customer", "salon", "date"],
                condition=Q(state="offered"),
                name="waitlist_one_offer_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["salon", "date", "joined_at", "id"],
                condition=Q(state="waiting"),
                name="waitlist_in_order",
            ),
            models.Index(fields=["expires_at"], condition=Q(state="offered"), name="waitlist_open_offers"),
            models.Index(fields=["over_at"], name="waitlist_by_age"),
            models.Index(fields=["customer", "-joined_at", "-id"], name="waitlist_by_customer"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def is_lapsed(self, now: datetime) -> bool:
        """Whether its offer ran out, although nobody has written that down."""
        return self.state == WaitlistState.OFFERED and self.expires_at is not None and self.expires_at <= now

    def state_at(self, now: datetime) -> WaitlistState:
        """Its state as it truly is, written down or not."""
        if self.is_lapsed(now):
            return WaitlistState.PASSED
        is_over = self.state == WaitlistState.WAITING and self.over_at <= now
        return WaitlistState.EXPIRED if is_over else WaitlistState(self.state)


class FreedTime(models.Model):
    """Time that came free on the calendar of `owner`, a staff member or resource, until it was offered round.

    Written in the transaction that frees it, so that a crash loses nothing. `due_at` is when people may be told: at
    once, or the next morning.
    """

    id = models.BigAutoField(primary_key=True)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="+")
    owner = models.UUIDField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="freed_ends_after_start"),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], name="freed_when_due"),
            models.Index(fields=["salon", "due_at", "id"], name="freed_at_salon"),
        ]

    def __str__(self) -> str:
        return f"{self.owner} {self.starts_at:%F %R}"


class WaitedDay(models.Model):
    """A day that somebody waits for at a salon, and what the salon `served` on it when its rules were last looked at.

    The database sets `is_stale` when the salon's rules change (migration 0016). A null `served` was never looked at.
    """

    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="+", db_index=False)
    date = models.DateField()
    served = models.JSONField(null=True)
    is_stale = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["salon", "date"], name="waited_day_once")]
        indexes = [
            models.Index(fields=["salon", "date"], condition=Q(is_stale=True), name="waited_day_stale"),
            models.Index(fields=["date"], name="waited_day_by_date"),
        ]

    def __str__(self) -> str:
        return f"{self.date:%F}"
