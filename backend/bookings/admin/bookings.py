"""Bookings in the console. They change by the operations the desk uses, never by editing rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.bookings import operations
from backend.bookings.admin.filters import DayFilter
from backend.bookings.models import Booking, BookingEvent, BookingItem, BookingState, Claim
from backend.bookings.queries.auditing import Names, named_in_changes
from backend.core.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    amount,
    code,
    coded,
    column,
    label,
    language,
    ltr,
    name,
    named,
    person,
    phone,
    words,
)

STATES = (
    *(N_("Held"), N_("Requested"), N_("Confirmed"), N_("Completed")),
    *(N_("No Show"), N_("Declined"), N_("Cancelled"), N_("Expired")),
)
label(
    Booking,
    _("booking"),
    _("bookings"),
    choices=(*STATES, N_("App"), N_("Desk"), N_("Visit"), N_("Seat"), N_("Rental")),
    id=_("ID"),
    kind=_("kind"),
    reference=_("reference"),
    version=_("version"),
    state=_("state"),
    salon=_("salon"),
    customer=_("customer"),
    guest_name=_("guest"),
    source=_("source"),
    language=_("language"),
    note=_("note"),
    starts_at=_("starts"),
    ends_at=_("ends"),
    business_date=_("day of the salon"),
    price_minor=_("price"),
    deposit_minor=_("deposit"),
    damage_minor=_("held against damage"),
    free_cancel_hours=_("hours until which cancelling is free"),
    late_cancel_percent=_("part of the deposit kept after that (%)"),
    cancellation_fee_minor=_("cancellation fee"),
    hold_expires_at=_("held until"),
    respond_by=_("answer due"),
    deposit_paid_at=_("deposit paid"),
    deposit_secured_at=_("deposit held by the bank"),
    arrived_at=_("arrived"),
    moves_left=_("moves left to the customer"),
    salon_moved_from=_("start the customer last agreed to"),
    attendance_confirmed_at=_("customer said they will come"),
    is_overbooked=_("added while its people were taken"),
    no_show_at=_("marked as no-show"),
    disputed_at=_("no-show disputed"),
    dispute_answered_at=_("dispute answered"),
    created_at=_("created"),
)
label(
    BookingItem,
    _("service booked"),
    _("services booked"),
    staff_member=_("staff member"),
    starts_at=_("starts"),
    ends_at=_("ends"),
    price_minor=_("price"),
)
label(
    BookingEvent,
    _("booking event"),
    _("booking events"),
    choices=(N_("Customer"), N_("Salon"), N_("System")),
    booking=_("booking"),
    version=_("version"),
    verb=_("what happened"),
    from_state=_("from"),
    to_state=_("to"),
    actor_role=_("by"),
    actor=_("person"),
    reason=_("reason"),
    at=_("when"),
)
label(
    Claim,
    _("time taken"),
    _("times taken"),
    booking=_("booking"),
    waitlist_entry=_("place on a waiting list"),
    outside_calendar=_("calendar elsewhere"),
    starts_at=_("starts"),
    ends_at=_("ends"),
    is_active=_("counts"),
    expires_at=_("expires"),
)

VERBS = {
    "create": _("booked"),
    "request": _("sent to the salon"),
    "auto_confirm": _("confirmed by itself"),
    "confirm": _("confirmed"),
    "decline": _("declined"),
    "cancel": _("cancelled"),
    "reschedule": _("moved"),
    "accept_move": _("customer accepted the new time"),
    "refuse_move": _("customer refused the new time"),
    "confirm_attendance": _("customer said they will come"),
    "check_in": _("guest arrived"),
    "complete": _("completed"),
    "no_show": _("guest did not come"),
    "dispute_no_show": _("customer disputed the no-show"),
    "uphold_no_show": _("salon upheld the no-show"),
    "withdraw_no_show": _("salon withdrew the no-show"),
    "expire": _("expired"),
    "adopt": _("handed to its guest's account"),
}
STATE_WORDS = {value: _(str(text)) for value, text in BookingState.choices}


def _verb(path: str) -> Any:
    return coded(path, _("what happened"), VERBS)


def _state(path: str, text: Any) -> Any:
    return coded(path, text, STATE_WORDS)


WHAT = {
    "starts_at": _("start"),
    "staff": _("staff member"),
    "resources": _("resources"),
    "lane": _("extra lane"),
}


def _changed(event: BookingEvent, names: Names) -> str:
    """Each thing that is different, before and after, a line each."""
    lines = [
        (text, *(_side(what, side, names) for side in event.changes[what]))
        for what, text in WHAT.items()
        if what in event.changes
    ]
    line = '{}: <del><bdi dir="auto">{}</bdi></del> <ins><bdi dir="auto">{}</bdi></ins>'
    return format_html_join(SafeString("<br>"), line, lines) or EMPTY


def _side(what: str, value: Any, names: Names) -> str:
    if what == "starts_at":
        return date_format(timezone.localtime(datetime.fromisoformat(value)), "DATETIME_FORMAT")
    if isinstance(value, list):
        return ", ".join(_side(what, one, names) for one in value) or EMPTY
    return names.get(value, str(value)) if value else EMPTY


_PRICE = amount("price_minor", _("price"))
_DEPOSIT = amount("deposit_minor", _("deposit"))
_DAMAGE = amount("damage_minor", _("held against damage"))
_FEE = amount("cancellation_fee_minor", _("cancellation fee"))
_KEPT = column("late_cancel_percent", _("part of the deposit kept after that (%)"), lambda n: ltr(f"{n}%"))
_MONEY = (
    *(_PRICE, _DEPOSIT, _DAMAGE, "deposit_secured_at", "deposit_paid_at"),
    *("free_cancel_hours", _KEPT, _FEE),
)
_REFERENCE = code("reference", _("reference"))


class Items(ReadOnlyRows[BookingItem]):
    model = BookingItem
    related = ("staff_member",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BookingItem]:
        return super().get_queryset(request).prefetch_related("resources__resource")

    @admin.display(description=_("resources"))
    def given(self, obj: BookingItem) -> str:
        return ", ".join(named(given.resource) for given in obj.resources.all()) or EMPTY

    fields = (
        words("service_name_ar", _("service")),
        words("service_name_en", _("in English")),
        name("staff_member", _("staff member")),
        "given",
        "starts_at",
        "ends_at",
    )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, _PRICE) if self.may(request, "see_money") else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)


class Events(ReadOnlyRows[BookingEvent]):
    model = BookingEvent
    related = ("actor",)
    fields = (
        "at",
        _verb("verb"),
        _state("from_state", _("from")),
        _state("to_state", _("to")),
        "actor_role",
        person("actor", _("person")),
        words("reason", _("reason")),
        "changed",
    )
    verbose_name_plural = _("what happened")
    _names: Names | None = None

    @admin.display(description=_("before and after"))
    def changed(self, obj: BookingEvent) -> str:
        if self._names is None:  # one of these serves one request, and one booking
            self._names = named_in_changes(obj.booking.events.all())
        return _changed(obj, self._names)


@admin.register(Booking)
class BookingAdmin(ReadOnlyAdmin[Booking]):
    """Answered in the salon's place: the event says so and names who did it, and a cancellation costs nothing."""

    list_filter = (
        "state",
        ("business_date", DayFilter),
        "is_overbooked",
        ("disputed_at", admin.EmptyFieldListFilter),
        ("dispute_answered_at", admin.EmptyFieldListFilter),
        "source",
    )
    ordering = ("-id",)
    related = ("salon", "customer")
    phone_fields = ("customer__phone", "guest_phone")
    person_fields = ("customer",)
    whole_fields = ("reference__iexact",)
    search_fields = ("reference__iexact", "salon__slug__iexact")
    search_help_text = _("Reference, a whole mobile number, the salon's short name or ID")
    inlines = (Items, Events)
    action_form = ReasonForm
    actions = ("confirm", "decline", "cancel")

    list_display = (
        _REFERENCE,
        "state",
        name("salon", _("salon")),
        "starts_at",
        person("customer", _("customer"), link=True),
        words("guest_name", _("guest")),
    )
    fields = (
        _REFERENCE,
        "kind",
        "state",
        name("salon", _("salon")),
        person("customer", _("customer"), link=True),
        words("guest_name", _("guest")),
        phone("guest_phone", _("guest's number")),
        "source",
        language("language", _("language")),
        "starts_at",
        "ends_at",
        "business_date",
        words("note", _("note")),
        "hold_expires_at",
        "respond_by",
        "moves_left",
        "salon_moved_from",
        "attendance_confirmed_at",
        "arrived_at",
        "is_overbooked",
        "no_show_at",
        "disputed_at",
        "dispute_answered_at",
        "created_at",
        code("pk", _("ID")),
    )

    def get_list_display(self, request: HttpRequest) -> Any:
        money = (_PRICE, _DEPOSIT) if self.may(request, "see_money") else ()
        return (*self.list_display, *money)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, *_MONEY) if self.may(request, "see_money") else self.fields

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "answer")

    @admin.action(description=_("Confirm"), permissions=["answer"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._answer(request, queryset, "confirm")

    @admin.action(description=_("Decline; a paid deposit goes back in full"), permissions=["answer"])
    def decline(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._answer(request, queryset, "decline")

    @admin.action(
        description=_("Cancel for the salon; a paid deposit goes back in full"), permissions=["answer"]
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet[Booking]) -> None:
        self._answer(request, queryset, "cancel")

    def _answer(self, request: HttpRequest, queryset: QuerySet[Booking], verb: str) -> None:
        actor = operations.by_salon(request.user)
        reason = request.POST.get("reason", "")[:300]

        def act(booking: Booking) -> None:
            change: dict[str, Any] = {
                "bookings": Booking.objects.all(),
                "booking_id": booking.pk,
                "actor": actor,
                "version": booking.version,
                "reason": reason,
                "now": timezone.now(),
            }
            if verb == "cancel":
                operations.cancel(**change)
            else:
                operations.act(verb=verb, **change)

        self.each(request, queryset, act, done=verb)

    def name_of(self, obj: Booking) -> str:
        return obj.reference


@admin.register(BookingEvent)
class BookingEventAdmin(ReadOnlyAdmin[BookingEvent]):
    person_fields = ("booking__customer",)

    def name_of(self, obj: BookingEvent) -> str:
        return f"{obj.booking.reference} {VERBS.get(obj.verb, obj.verb)}"

    list_display = (
        "at",
        code("booking.reference", _("reference")),
        _verb("verb"),
        _state("from_state", _("from")),
        _state("to_state", _("to")),
        "actor_role",
        person("actor", _("person")),
    )
    list_filter = ("actor_role",)
    ordering = ("-id",)
    related = ("booking", "actor")
    whole_fields = ("booking__reference__iexact",)
    search_fields = ("booking__reference__iexact",)
    search_help_text = _("Reference of a booking")
    fields = (
        "at",
        code("booking.reference", _("reference")),
        "version",
        _verb("verb"),
        _state("from_state", _("from")),
        _state("to_state", _("to")),
        "actor_role",
        person("actor", _("person")),
        words("reason", _("reason")),
        "changed",
    )

    @admin.display(description=_("before and after"))
    def changed(self, obj: BookingEvent) -> str:
        return _changed(obj, named_in_changes([obj]))


_LANE = column("calendar.lane", _("extra lane"), lambda lane: ltr(lane) if lane else EMPTY)


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin[Claim]):
    def name_of(self, obj: Claim) -> str:
        return obj.booking.reference if obj.booking else str(obj.pk)

    list_display = (
        code("booking.reference", _("reference")),
        name("calendar.staff_member", _("staff member")),
        name("calendar.resource", _("resource")),
        person("calendar.customer", _("customer")),
        _LANE,
        "starts_at",
        "ends_at",
        "is_active",
        "expires_at",
    )
    list_filter = ("is_active",)
    ordering = ("-id",)
    related = ("booking", "calendar__staff_member", "calendar__resource", "calendar__customer")
    search_fields = ("booking__reference__iexact",)
    search_help_text = _("Reference of a booking")
    fields = (
        code("booking.reference", _("reference")),
        name("calendar.staff_member", _("staff member")),
        name("calendar.resource", _("resource")),
        person("calendar.customer", _("customer")),
        _LANE,
        "starts_at",
        "ends_at",
        "is_active",
        "expires_at",
    )
