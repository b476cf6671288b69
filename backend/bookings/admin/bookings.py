"""Bookings in the console. They change by the operations the desk uses, never by editing rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_

from backend.bookings import operations
from backend.bookings.models import Booking, BookingEvent, BookingItem, Claim
from backend.core.console import (
    EMPTY,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    amount,
    code,
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
    choices=(*STATES, N_("App"), N_("Desk")),
    id=_("ID"),
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
    free_cancel_hours=_("hours until which cancelling is free"),
    late_cancel_percent=_("part of the deposit kept after that (%)"),
    cancellation_fee_minor=_("cancellation fee"),
    hold_expires_at=_("held until"),
    respond_by=_("answer due"),
    deposit_paid_at=_("deposit paid"),
    arrived_at=_("arrived"),
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
    "check_in": _("guest arrived"),
    "complete": _("completed"),
    "no_show": _("guest did not come"),
    "expire": _("expired"),
}
_STATE_WORDS = {value: _(str(text)) for value, text in Booking._meta.get_field("state").flatchoices}


def _verb(path: str) -> Any:
    return column(path, _("what happened"), lambda verb: VERBS.get(verb, verb))


def _state(path: str, text: Any) -> Any:
    return column(path, text, lambda state: _STATE_WORDS.get(state, state))


_PRICE = amount("price_minor", _("price"))
_DEPOSIT = amount("deposit_minor", _("deposit"))
_FEE = amount("cancellation_fee_minor", _("cancellation fee"))
_KEPT = column("late_cancel_percent", _("part of the deposit kept after that (%)"), lambda n: ltr(f"{n}%"))
_MONEY = (_PRICE, _DEPOSIT, "deposit_paid_at", "free_cancel_hours", _KEPT, _FEE)
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
    )
    verbose_name_plural = _("what happened")


@admin.register(Booking)
class BookingAdmin(ReadOnlyAdmin[Booking]):
    """Answered in the salon's place: the event says so and names who did it, and a cancellation costs nothing."""

    list_filter = ("state", "source")
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
        "arrived_at",
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
    )


@admin.register(Claim)
class ClaimAdmin(ReadOnlyAdmin[Claim]):
    def name_of(self, obj: Claim) -> str:
        return obj.booking.reference

    list_display = (
        code("booking.reference", _("reference")),
        name("calendar.staff_member", _("staff member")),
        name("calendar.resource", _("resource")),
        person("calendar.customer", _("customer")),
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
        "starts_at",
        "ends_at",
        "is_active",
        "expires_at",
    )
