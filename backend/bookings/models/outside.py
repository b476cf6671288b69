"""A staff member's calendar beyond our own: the feed their calendar app reads, and the calendar that we read.

Why outside times are claims like any other: ADR 0024.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from backend.core.ids import uuid7
from backend.salons.models import StaffMember


class CalendarFeed(models.Model):
    """The private address under which a staff member's bookings can be subscribed to. The secret itself is not kept.

    `user` is the account the staff member had when it was made: with another, or with none, the feed is closed.
    """

    staff_member = models.OneToOneField(
        StaffMember, on_delete=models.CASCADE, primary_key=True, related_name="calendar_feed"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(secret_hash__regex=r"^[0-9a-f]{64}$"),  # noqa: S106  (a shape)
                name="calendar_feed_keeps_a_hash",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ReadError(models.TextChoices):
    """Why a calendar could not be read, in words for those whose calendar it is."""

    ADDRESS_INVALID = "address_invalid", _("The address leads to another that cannot be used.")
    ADDRESS_REFUSED = "address_refused", _("The address belongs to a private network.")
    HOST_UNKNOWN = "host_unknown", _("No server was found under this address.")
    UNREACHABLE = "unreachable", _("The server of the calendar cannot be reached.")
    CERTIFICATE_REFUSED = "certificate_refused", _("The server of the calendar cannot prove who it is.")
    TIMED_OUT = "timed_out", _("The server of the calendar takes too long to answer.")
    TOO_LARGE = "too_large", _("The calendar is too large.")
    TOO_MANY_REDIRECTS = "too_many_redirects", _("The address only leads on to others.")
    ANSWER_UNREADABLE = "answer_unreadable", _("The answer of the calendar's server cannot be read.")
    SIGN_IN_REFUSED = "sign_in_refused", _("The calendar's server refuses the name or the password.")
    CALENDAR_GONE = "calendar_gone", _("There is no calendar under this address any more.")
    ANSWER_REFUSED = "answer_refused", _("The server of the calendar reports a fault.")
    CALENDAR_UNREADABLE = "calendar_unreadable", _("What is under this address is not a calendar.")
    CALENDAR_TOO_BUSY = "calendar_too_busy", _("The calendar holds more events than can be read.")
    SECRET_LOST = "secret_lost", _("The address has to be entered once more.")


FAILING_AFTER = 3
"""Readings in a row that fail before a calendar counts as failing: one may meet a server being restarted."""


class OutsideCalendar(models.Model):
    """A staff member's own calendar elsewhere, read now and then for when they are busy.

    `user` is the account the staff member had when it was given: it is not read once they have another, or none.
    `sealed` holds address, name and password, encrypted (`core.sealing`); `host` is what may be shown of them.
    `read_at` is the last reading that went well and `covered_until` how far it looked; `failures` have followed it in a
    row. `leased_until`: somebody is reading it now. `conflicts` are its times that could not be claimed, because
    somebody else has them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    staff_member = models.OneToOneField(
        StaffMember, on_delete=models.CASCADE, related_name="outside_calendar"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    is_caldav = models.BooleanField(default=False)
    host = models.CharField(max_length=255)
    sealed = models.BinaryField()
    etag = models.CharField(max_length=200, blank=True, default="")
    last_modified = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    covered_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=24, choices=ReadError.choices, blank=True, default="")
    conflicts = models.PositiveIntegerField(default=0)
    next_read_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(error__in=["", *ReadError.values]), name="outside_calendar_error_known"
            ),
            models.CheckConstraint(
                condition=Q(failures=0, error="") | (Q(failures__gt=0) & ~Q(error="")),
                name="outside_calendar_failure_has_an_error",
            ),
        ]
        indexes = [models.Index(fields=["next_read_at"], name="outside_calendar_due")]

    def __str__(self) -> str:
        return self.host

    @property
    def state(self) -> str:
        """`new` until it is first read, `ok`, `retrying` after a failure, `failing` after several in a row."""
        if self.failures:
            return "failing" if self.failures >= FAILING_AFTER else "retrying"
        return "ok" if self.read_at else "new"


class OutsideTime(models.Model):
    """A stretch at which an outside calendar says that its owner is busy. Those of one calendar do not touch."""

    id = models.BigAutoField(primary_key=True)
    calendar = models.ForeignKey(OutsideCalendar, on_delete=models.CASCADE, related_name="times")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="outside_time_in_order"),
        ]
        indexes = [models.Index(fields=["calendar", "ends_at"], name="outside_time_by_end")]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %R}"
