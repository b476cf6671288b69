"""Group sessions: an evening or a workshop in which seats are sold one by one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.core.money import CURRENCY
from backend.salons.models import Resource, Salon, StaffMember

MOST_SEATS = 10
"""In one booking."""
LARGEST = 500
LONGEST = timedelta(hours=12)


class SessionState(models.TextChoices):
    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Session(models.Model):
    """One group session (ADR 0028): who leads it, where and when, what a seat costs and how many there are.

    Published, it takes its people's and resources' time by claims of its own; a booking of seats takes the customer's.
    `price_minor` (halalas, VAT included) and an empty deposit, which means the salon's, are of one seat.

    `seats_taken` counts the seats of bookings that hold them, `seats_confirmed` those of them that are not waiting for
    a deposit. Both change under this row's lock only (`operations.counting`).

    With fewer than `minimum_seats` confirmed at `decide_by` it does not take place. `decided_at` says that it was
    looked at then and does. `is_closing`: it was cancelled or completed, and its bookings have yet to follow.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=9, choices=SessionState.choices, default=SessionState.DRAFT)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="sessions")
    title_ar = models.CharField(max_length=120, blank=True, default="")
    title_en = models.CharField(max_length=120, blank=True, default="")
    description_ar = models.TextField(max_length=2000, blank=True, default="")
    description_en = models.TextField(max_length=2000, blank=True, default="")
    staff = models.ManyToManyField(StaffMember, related_name="+", blank=True)
    resources = models.ManyToManyField(Resource, related_name="+", blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3, default=CURRENCY)
    price_minor = models.PositiveIntegerField()
    deposit_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    minimum_seats = models.PositiveSmallIntegerField(default=0)
    decide_by = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    seats_taken = models.PositiveSmallIntegerField(default=0)
    seats_confirmed = models.PositiveSmallIntegerField(default=0)
    is_closing = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    end_reason = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SessionState.values), name="session_state_known"),
            models.CheckConstraint(condition=~Q(title_ar="") | ~Q(title_en=""), name="session_has_a_title"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + LONGEST),
                name="session_length_is_sensible",
            ),
            models.CheckConstraint(
                condition=Q(capacity__range=(1, LARGEST)), name="session_capacity_is_sensible"
            ),
            models.CheckConstraint(
                condition=Q(seats_taken__lte=F("capacity")), name="session_never_oversold"
            ),
            models.CheckConstraint(
                condition=Q(seats_confirmed__lte=F("seats_taken")), name="session_confirmed_are_taken"
            ),
            models.CheckConstraint(
                condition=Q(deposit_percent__isnull=True) | Q(deposit_percent__lte=100),
                name="session_deposit_is_a_percent",
            ),
            models.CheckConstraint(
                condition=Q(minimum_seats=0, decide_by=None)
                | Q(
                    minimum_seats__range=(1, F("capacity")),
                    decide_by__isnull=False,
                    decide_by__lte=F("starts_at"),
                ),
                name="session_minimum_has_a_deadline",
            ),
            models.CheckConstraint(
                condition=~Q(state="draft") | Q(seats_taken=0), name="session_draft_sells_nothing"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("draft", "published"), ended_at=None, is_closing=False)
                | Q(state__in=("cancelled", "completed"), ended_at__isnull=False),
                name="session_end_has_a_time",
            ),
        ]
        indexes = [
            models.Index(fields=["salon", "starts_at", "id"], name="session_by_salon"),
            models.Index(fields=["starts_at", "id"], condition=Q(state="published"), name="session_on_sale"),
            models.Index(
                fields=["decide_by"],
                condition=Q(state="published", decided_at=None, decide_by__isnull=False),
                name="session_to_decide",
            ),
            models.Index(fields=["id"], condition=Q(is_closing=True), name="session_closing"),
        ]

    def __str__(self) -> str:
        return self.title_en or self.title_ar

    @property
    def duration_minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    def text_in(self, field: str, language: str) -> str:
        """`title` or `description` in this language, else in the other."""
        other = "en" if language == "ar" else "ar"
        return str(getattr(self, f"{field}_{language}") or getattr(self, f"{field}_{other}"))

    def is_short(self, now: datetime) -> bool:
        """Whether too few seats were confirmed by its deadline, although nobody has written that down."""
        return (
            self.state == SessionState.PUBLISHED
            and self.decide_by is not None
            and self.decide_by <= now
            and self.decided_at is None
            and self.seats_confirmed < self.minimum_seats
        )

    @property
    def fell_short(self) -> bool:
        """Whether it was cancelled for want of people."""
        return (
            self.state == SessionState.CANCELLED
            and self.decided_at is None
            and self.decide_by is not None
            and self.ended_at is not None
            and self.decide_by <= self.ended_at
        )

    def state_at(self, now: datetime) -> SessionState:
        """Its state as it truly is, written down or not."""
        return SessionState.CANCELLED if self.is_short(now) else SessionState(self.state)
