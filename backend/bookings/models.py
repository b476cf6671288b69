"""Bookings and the time they take.

The one overlap rule (ADR 0002): whatever can be taken has a calendar, a booking takes time by inserting claims, and
one exclusion constraint on claims refuses overlaps on every path, under any number of processes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value

from backend.core.ids import uuid7
from backend.core.money import CURRENCY
from backend.core.phone import E164_PATTERN
from backend.salons.models import Resource, Salon, Service, StaffMember

LANES = 9
"""Visits at most that a person may be given on purpose while they are taken."""


class Calendar(models.Model):
    """Whatever can be in one place at a time: a staff member, a resource or a customer. Rows are made on first use.

    The id is small on purpose: `int8range(id, id, '[]')` stands in for equality in the exclusion constraint.

    `lane` 0 is the person as everybody knows them. The others are theirs too: a visit that an owner adds on purpose
    while the person is taken stands on the first lane that is free, so the constraint holds for it like for any other.
    """

    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="calendars"
    )
    lane = models.PositiveSmallIntegerField(default=0, db_default=0)
    resource = models.OneToOneField(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="calendar"
    )
    customer = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="calendar"
    )

    last_taken_at = models.DateTimeField(null=True, blank=True)
    """When a booking last took time here: among equals, whoever was booked longest ago is next."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["staff_member", "lane"], name="calendar_lane_once"),
            models.CheckConstraint(
                condition=Q(lane=0) | Q(staff_member__isnull=False, lane__lte=LANES),
                name="calendar_lanes_are_few",
            ),
            models.CheckConstraint(
                condition=Q(staff_member__isnull=False, resource__isnull=True, customer__isnull=True)
                | Q(staff_member__isnull=True, resource__isnull=False, customer__isnull=True)
                | Q(staff_member__isnull=True, resource__isnull=True, customer__isnull=False),
                name="calendar_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class BookingState(models.TextChoices):
    HELD = "held"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


LIVE_STATES = (BookingState.HELD, BookingState.REQUESTED, BookingState.CONFIRMED)
TAKING_STATES = (*LIVE_STATES, BookingState.COMPLETED, BookingState.NO_SHOW)
"""States whose claims still count: the time is, or was, taken."""


DISPUTE_WITHIN = timedelta(hours=48)


class Source(models.TextChoices):
    APP = "app"
    DESK = "desk"


class BookingQuerySet(models.QuerySet["Booking"]):
    def dead(self, now: datetime) -> BookingQuerySet:
        """Held or requested bookings whose time has run out but which nobody has written down as expired."""
        return self.filter(
            Q(state=BookingState.HELD, hold_expires_at__lte=now)
            | Q(state=BookingState.REQUESTED, respond_by__lte=now)
        )


class Booking(models.Model):
    """One visit. Names, prices and policy are copied when it is made: editing a price list rewrites no history.

    `business_date` is the salon's day: 00:30 belongs to the evening before. Money is halalas. `moves_left` are the
    customer's. `deposit_secured_at` is when the bank began to hold a deposit that is charged once the salon confirms;
    only `deposit_paid_at` means that it was charged. `salon_moved_from` is the start the customer last agreed to, while
    they have not answered the salon's move away from it. `remind_at` is when the clock has something to say about it
    next: a reminder while it is confirmed, a word about reviews once it is completed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(max_length=12, unique=True)
    version = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=BookingState.choices)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="bookings")
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="bookings"
    )
    guest_name = models.CharField(max_length=80, blank=True, default="")
    guest_phone = models.CharField(max_length=16, blank=True, default="")
    source = models.CharField(max_length=4, choices=Source.choices)
    language = models.CharField(max_length=2)
    note = models.TextField(blank=True, default="", max_length=500)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    business_date = models.DateField()
    currency = models.CharField(max_length=3, default=CURRENCY)
    price_minor = models.PositiveIntegerField()
    deposit_minor = models.PositiveIntegerField()
    free_cancel_hours = models.PositiveSmallIntegerField()
    late_cancel_percent = models.PositiveSmallIntegerField()
    cancellation_fee_minor = models.PositiveIntegerField(null=True, blank=True)
    moves_left = models.PositiveSmallIntegerField(default=0, db_default=0)
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    respond_by = models.DateTimeField(null=True, blank=True)
    deposit_paid_at = models.DateTimeField(null=True, blank=True)
    deposit_secured_at = models.DateTimeField(null=True, blank=True)
    arrived_at = models.DateTimeField(null=True, blank=True)
    attendance_confirmed_at = models.DateTimeField(null=True, blank=True)
    salon_moved_from = models.DateTimeField(null=True, blank=True)
    is_overbooked = models.BooleanField(default=False, db_default=False)
    no_show_at = models.DateTimeField(null=True, blank=True)
    disputed_at = models.DateTimeField(null=True, blank=True)
    dispute_answered_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = BookingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=BookingState.values), name="booking_state_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="booking_ends_after_start"),
            models.CheckConstraint(
                condition=Q(deposit_minor__lte=F("price_minor")), name="booking_deposit_in_price"
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(hold_expires_at__isnull=False), name="booking_hold_has_an_end"
            ),
            models.CheckConstraint(
                condition=~Q(state="requested") | Q(respond_by__isnull=False),
                name="booking_request_has_an_end",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("requested", "confirmed", "completed"))
                | Q(deposit_minor=0)
                | Q(deposit_paid_at__isnull=False)
                | Q(deposit_secured_at__isnull=False)
                | Q(source="desk"),
                name="booking_deposit_before_requested",
            ),
            models.CheckConstraint(
                condition=~Q(state="no_show") | Q(no_show_at__isnull=False), name="booking_no_show_has_a_time"
            ),
            models.CheckConstraint(
                condition=Q(disputed_at__isnull=True) | Q(no_show_at__isnull=False),
                name="booking_dispute_follows_no_show",
            ),
            models.CheckConstraint(
                condition=Q(dispute_answered_at__isnull=True) | Q(disputed_at__isnull=False),
                name="booking_answer_follows_dispute",
            ),
            models.CheckConstraint(
                condition=Q(salon_moved_from__isnull=True) | Q(customer__isnull=False),
                name="booking_move_is_for_a_customer_to_answer",
            ),
            models.CheckConstraint(
                condition=Q(customer__isnull=False) | ~Q(guest_name=""),
                name="booking_has_a_guest_or_customer",
            ),
            models.CheckConstraint(
                condition=Q(guest_phone="") | Q(guest_phone__regex=E164_PATTERN),
                name="booking_guest_phone_is_e164",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-starts_at", "-id"], name="booking_by_customer"),
            models.Index(fields=["salon", "starts_at", "id"], name="booking_by_salon"),
            models.Index(fields=["salon", "customer", "-starts_at"], name="booking_by_client"),
            models.Index(
                fields=["guest_phone", "salon", "-starts_at"],
                condition=~Q(guest_phone=""),
                name="booking_by_guest",
            ),
            models.Index(fields=["hold_expires_at"], condition=Q(state="held"), name="booking_holds"),
            models.Index(fields=["respond_by"], condition=Q(state="requested"), name="booking_requests"),
            models.Index(
                fields=["remind_at"], condition=Q(remind_at__isnull=False), name="booking_reminders"
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def free_cancel_until(self) -> datetime:
        return self.starts_at - timedelta(hours=self.free_cancel_hours)

    @property
    def disputable_until(self) -> datetime | None:
        """Until when the customer may say that they were there."""
        return self.no_show_at + DISPUTE_WITHIN if self.no_show_at else None

    @property
    def dies_at(self) -> datetime | None:
        """When this booking gives its time back unless somebody acts."""
        if self.state == BookingState.HELD:
            return self.hold_expires_at
        return self.respond_by if self.state == BookingState.REQUESTED else None


class BookingItem(models.Model):
    """One service of a visit, by one person, at its own time.

    A variant is named after its service, which makes two names.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="+")
    staff_member = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="+")
    service_name_ar = models.CharField(max_length=243)
    service_name_en = models.CharField(max_length=243)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    price_minor = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["booking", "position"], name="booking_item_position_once"),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.position}"


class ItemResource(models.Model):
    """The room, chair or device one service of a visit was given."""

    item = models.ForeignKey(BookingItem, on_delete=models.CASCADE, related_name="resources")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "resource"], name="item_resource_once")]

    def __str__(self) -> str:
        return f"{self.item_id} {self.resource_id}"


class Int8Range(Func):
    function = "int8range"


class TsTzRange(Func):
    function = "tstzrange"


LONGEST_CLAIM = timedelta(days=1)


class Claim(models.Model):
    """Time taken on one calendar, buffers included, half-open. `is_active` false = given back.

    What takes longer than a day is several claims, so that a question about one day reads two days of claims at most.

    A held or requested booking's claims carry `expires_at`; after it they no longer count for anybody who looks, and
    whoever wants the time writes the booking down as expired first.

    `business_date` stands on one claim a booking has on a staff member's calendar: it is what a daily limit counts.
    """

    id = models.BigAutoField(primary_key=True)
    calendar = models.ForeignKey(Calendar, on_delete=models.PROTECT, related_name="claims")
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="claims")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    business_date = models.DateField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="claim_no_overlap",
                expressions=[
                    (Int8Range(F("calendar"), F("calendar"), Value("[]")), RangeOperators.OVERLAPS),
                    (TsTzRange(F("starts_at"), F("ends_at")), RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
            ),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="claim_ends_after_start"),
            models.CheckConstraint(
                condition=Q(
                    ends_at__lte=models.ExpressionWrapper(
                        F("starts_at") + LONGEST_CLAIM, output_field=models.DateTimeField()
                    )
                ),
                name="claim_at_most_a_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["calendar", "ends_at"],
                include=["starts_at", "expires_at"],
                condition=Q(is_active=True),
                name="claim_busy_times",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.calendar_id} {self.starts_at:%F %R}"


class ActorRole(models.TextChoices):
    CUSTOMER = "customer"
    SALON = "salon"
    SYSTEM = "system"


class BookingEvent(models.Model):
    """One change of a booking: who, from, to, why, when; `moved_from` is the start a reschedule left behind.

    `changes` holds what else is different, as `{"what": [before, after]}` with ids and RFC 3339 moments. Written by
    `operations.transitions` only.
    """

    id = models.BigAutoField(primary_key=True)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="events")
    version = models.PositiveIntegerField()
    verb = models.CharField(max_length=24)
    from_state = models.CharField(max_length=10, blank=True, default="")
    to_state = models.CharField(max_length=10)
    actor_role = models.CharField(max_length=10, choices=ActorRole.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True, default="")
    moved_from = models.DateTimeField(null=True, blank=True)
    changes = models.JSONField(default=dict, db_default={}, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["booking", "version"], name="booking_event_once_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.booking_id} {self.verb}"


class Asked(models.TextChoices):
    QUOTE = "quote"
    CREATE = "create"
    WALK_IN = "walk_in"
    RESCHEDULE = "reschedule"


class Refusal(models.Model):
    """What somebody was told instead of a time, and by which rules. Who asked is not kept."""

    id = models.BigAutoField(primary_key=True)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="refusals")
    at = models.DateTimeField()
    asked = models.CharField(max_length=10, choices=Asked.choices)
    starts_at = models.DateTimeField()
    service_ids = ArrayField(models.UUIDField())
    staff_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    reasons = ArrayField(models.CharField(max_length=24))
    catalogue_version = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(asked__in=Asked.values), name="refusal_asked_known"),
            models.CheckConstraint(condition=~Q(reasons=[]), name="refusal_has_a_reason"),
        ]
        indexes = [
            models.Index(fields=["salon", "-at"], name="refusal_by_salon"),
            models.Index(fields=["at"], name="refusal_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.salon_id} {self.starts_at:%F %R}"


class ClientNote(models.Model):
    """What a salon wrote about one of its own customers: seen by that salon only.

    A note on health is only kept of someone with an account, who agreed to it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="client_notes")
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    guest_phone = models.CharField(max_length=16, blank=True, default="")
    text = models.TextField(max_length=1000)
    is_health = models.BooleanField(default=False)
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(customer__isnull=False, guest_phone="")
                | Q(customer__isnull=True, guest_phone__regex=E164_PATTERN),
                name="client_note_is_about_one",
            ),
            models.CheckConstraint(
                condition=Q(is_health=False) | Q(customer__isnull=False),
                name="client_note_on_health_of_an_account",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="client_note_says_something"),
        ]
        indexes = [
            models.Index(fields=["salon", "customer", "-created_at"], name="client_note_by_customer"),
            models.Index(fields=["salon", "guest_phone", "-created_at"], name="client_note_by_guest"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Wording(models.Model):
    """A salon's own words for one kind of message to its customers, with `{ref}` and the like for what is filled in."""

    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="wordings")
    kind = models.CharField(max_length=40)
    language = models.CharField(max_length=2)
    text = models.TextField(max_length=300)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["salon", "kind", "language"], name="wording_once"),
            models.CheckConstraint(condition=Q(language__in=["ar", "en"]), name="wording_language_known"),
            models.CheckConstraint(condition=~Q(text=""), name="wording_says_something"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.language}"


class DaySummary(models.Model):
    """For which of its days a salon's people were last told what awaits them."""

    salon = models.OneToOneField(Salon, on_delete=models.CASCADE, primary_key=True, related_name="+")
    told_for_date = models.DateField()

    def __str__(self) -> str:
        return f"{self.salon_id} {self.told_for_date}"
