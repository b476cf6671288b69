"""Bookings, what becomes of them, and what salons note about them. The time they take is in `claims`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.core.money import CURRENCY
from backend.core.phone import E164_PATTERN
from backend.salons.models import Rental, Resource, Salon, Service, StaffMember


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


class Kind(models.TextChoices):
    """What is booked: services of people, seats in a group session, or a resource by itself (ADR 0027)."""

    VISIT = "visit"
    SEAT = "seat"
    RENTAL = "rental"

    @property
    def takes_its_customer(self) -> bool:
        """Whether whoever books it is there all the time, and so can be nowhere else."""
        return self is not Kind.RENTAL

    @property
    def moves_by_itself(self) -> bool:
        """Whether it can be moved to another time; seats only move with their session."""
        return self is not Kind.SEAT


class BookingQuerySet(models.QuerySet["Booking"]):
    def dead(self, now: datetime) -> BookingQuerySet:
        """Held or requested bookings whose time has run out but which nobody has written down as expired."""
        return self.filter(
            Q(state=BookingState.HELD, hold_expires_at__lte=now)
            | Q(state=BookingState.REQUESTED, respond_by__lte=now)
        )


class Booking(models.Model):
    """One visit, seats in a session or a rental (`kind`). Names, prices and policy are copied when it is made: editing
    a price list rewrites no history.

    `business_date` is the salon's day: 00:30 belongs to the evening before. Money is halalas. `moves_left` are the
    customer's. `damage_minor` is what a bank is to hold against damage until a rental is over. `deposit_secured_at` is
    when the bank began to hold a deposit that is charged once the salon confirms; only `deposit_paid_at` means that it
    was charged. `salon_moved_from` is the start the customer last agreed to, while they have not answered the salon's
    move away from it. `remind_at` is when the clock has something to say about it next: a reminder while it is
    confirmed, a word about reviews once it is completed.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    reference = models.CharField(max_length=12)
    version = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.VISIT, db_default=Kind.VISIT)
    state = models.CharField(max_length=10, choices=BookingState.choices)
    # No index of their own where another one begins with the column: each costs every booking that is made.
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="bookings", db_index=False)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        db_index=False,
    )
    guest_name = models.CharField(max_length=80, blank=True, default="")
    guest_phone = models.CharField(max_length=16, blank=True, default="")
    source = models.CharField(max_length=4, choices=Source.choices)
    session = models.ForeignKey(
        "bookings.Session",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        db_index=False,  # a partial one, which visits do not pay for
    )
    seats = models.PositiveSmallIntegerField(null=True, blank=True)
    language = models.CharField(max_length=2)
    note = models.TextField(blank=True, default="", max_length=500)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    business_date = models.DateField()
    currency = models.CharField(max_length=3, default=CURRENCY)
    price_minor = models.PositiveIntegerField()
    deposit_minor = models.PositiveIntegerField()
    damage_minor = models.PositiveIntegerField(default=0, db_default=0)
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
            models.UniqueConstraint(fields=["reference"], name="booking_reference_once"),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="booking_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="seat", session__isnull=False, seats__gte=1)
                | (~Q(kind="seat") & Q(session=None, seats=None)),
                name="booking_seats_are_in_a_session",
            ),
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
            models.Index(
                fields=["session", "id"], condition=Q(session__isnull=False), name="booking_by_session"
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
    """One line of a booking at its own time: of a visit a service by one person, of another kind whatever it names.

    A variant is named after its service, which makes two names.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveSmallIntegerField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rental = models.ForeignKey(
        Rental,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,  # a partial one, which visits do not pay for
    )
    service_name_ar = models.CharField(max_length=243)
    service_name_en = models.CharField(max_length=243)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    price_minor = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["booking", "position"], name="booking_item_position_once"),
            models.CheckConstraint(
                condition=Q(service__isnull=True) | Q(staff_member__isnull=False),
                name="booking_item_service_has_a_person",
            ),
            models.CheckConstraint(
                condition=Q(rental__isnull=True) | Q(service__isnull=True, staff_member__isnull=True),
                name="booking_item_rental_stands_alone",
            ),
        ]
        indexes = [
            models.Index(
                fields=["rental"], condition=Q(rental__isnull=False), name="booking_item_of_a_rental"
            ),
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
    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="events", db_index=False)
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
