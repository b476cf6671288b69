"""What bookings keep about a person: visits with their notes, and guests a desk wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.bookings.models import (
    LIVE_STATES,
    WAITING_STATES,
    Booking,
    BookingEvent,
    CalendarFeed,
    ClientNote,
    Forgiveness,
    OutsideCalendar,
    WaitlistEntry,
    WaitlistState,
)
from backend.bookings.operations import by_customer, cancel, expire_if_dead
from backend.bookings.operations.claiming import lock_calendars
from backend.bookings.operations.freeing import end_wait
from backend.bookings.operations.notes import forget_notes, forget_notes_on_guests
from backend.bookings.operations.outside import forget_calendars
from backend.bookings.operations.standing import forget_forgivenesses
from backend.bookings.operations.transitions import may
from backend.core.idempotency import KEPT_FOR
from backend.core.privacy import (
    ERASED_NAME,
    Ended,
    Erased,
    Erasure,
    Keeper,
    Kept,
    Leftover,
    Person,
    Record,
    forget_answers_about,
    initial,
    pick,
    without_phones,
)
from backend.core.time import rfc3339

RECORDS_KEPT = timedelta(days=6 * 365 + 2)
"""Six years of books (KSA facts 5.2; the tax rule is UNCONFIRMED there)."""


def export(person: Person, since: datetime) -> Mapping[str, Iterable[Record]]:
    bookings = (
        Booking.objects.filter(customer=person, created_at__gte=since)
        .select_related("salon")
        .prefetch_related("items__staff_member", "events")
        .order_by("-created_at", "-id")
    )
    notes = (
        ClientNote.objects.filter(customer=person, created_at__gte=since)
        .select_related("salon")
        .order_by("-created_at", "-id")
    )
    waitlist = (
        WaitlistEntry.objects.filter(customer=person, joined_at__gte=since)
        .select_related("salon", "service")
        .order_by("-joined_at", "-id")
    )
    let_go = (
        Forgiveness.objects.filter(customer=person, at__gte=since)
        .select_related("salon", "booking")
        .order_by("-at", "-id")
    )
    return {
        "bookings": map(_record, bookings.iterator(chunk_size=500)),
        "calendars": _calendars(person, since),
        "waitlist": map(_place, waitlist.iterator(chunk_size=500)),
        "client_notes": (
            {
                "salon": note.salon.name,
                "text": without_phones(note.text),
                "is_health": note.is_health,
                "at": rfc3339(note.created_at, note.salon.zone),
            }
            for note in notes
        ),
        "forgivenesses": (
            {
                "salon": row.salon.name,
                "booking": row.booking.reference if row.booking else None,
                "withdraws_another": row.withdraws_id is not None,
                "reason": without_phones(row.reason),
                "at": rfc3339(row.at, row.salon.zone),
            }
            for row in let_go
        ),
    }


def _record(booking: Booking) -> Record:
    zone = booking.salon.zone
    return {
        "id": str(booking.pk),
        "reference": booking.reference,
        "state": booking.state,
        "salon": booking.salon.name,
        "starts_at": rfc3339(booking.starts_at, zone),
        "ends_at": rfc3339(booking.ends_at, zone),
        "items": [
            {
                "service_ar": item.service_name_ar,
                "service_en": item.service_name_en,
                "staff_member": initial(item.staff_member.name) if item.staff_member else None,
                "starts_at": rfc3339(item.starts_at, zone),
                "ends_at": rfc3339(item.ends_at, zone),
                "price_minor": item.price_minor,
            }
            for item in booking.items.all()
        ],
        "kind": booking.kind,
        "seats": booking.seats,
        "price_minor": booking.price_minor,
        "deposit_minor": booking.deposit_minor,
        "cancellation_fee_minor": booking.cancellation_fee_minor,
        "currency": booking.currency,
        "note": booking.note,
        "language": booking.language,
        "created_at": rfc3339(booking.created_at, zone),
        "events": [
            {
                "at": rfc3339(event.at, zone),
                "verb": event.verb,
                "from": event.from_state,
                "to": event.to_state,
                "actor": event.actor_role,
                "reason": event.reason
                if event.actor_id == booking.customer_id
                else without_phones(event.reason),
            }
            for event in booking.events.all()
        ],
    }


def _calendars(person: Person, since: datetime) -> Iterator[Record]:
    """Those of a staff member; of the addresses only what may be shown."""
    own = Q(user=person) | Q(staff_member__user=person)
    for row in OutsideCalendar.objects.filter(own, created_at__gte=since).select_related(
        "staff_member__salon"
    ):
        yield {
            "salon": row.staff_member.salon.name,
            "direction": "read",
            "host": row.host,
            "since": rfc3339(row.created_at, row.staff_member.salon.zone),
            "last_read_at": rfc3339(row.read_at, row.staff_member.salon.zone) if row.read_at else None,
        }
    for feed in CalendarFeed.objects.filter(own, created_at__gte=since).select_related("staff_member__salon"):
        yield {
            "salon": feed.staff_member.salon.name,
            "direction": "shown",
            "host": None,
            "since": rfc3339(feed.created_at, feed.staff_member.salon.zone),
            "last_read_at": rfc3339(feed.last_read_at, feed.staff_member.salon.zone)
            if feed.last_read_at
            else None,
        }


def _place(entry: WaitlistEntry) -> Record:
    zone = entry.salon.zone
    return {
        "id": str(entry.pk),
        "salon": entry.salon.name,
        "service": entry.service.name,
        "date": entry.date.isoformat(),
        "from_minute": entry.from_minute,
        "to_minute": entry.to_minute,
        "state": entry.state,
        "joined_at": rfc3339(entry.joined_at, zone),
        "offered_start": rfc3339(entry.starts_at, zone) if entry.starts_at else None,
        "offered_at": rfc3339(entry.offered_at, zone) if entry.offered_at else None,
    }


def erase(person: Person, now: datetime) -> Erasure:
    """Cancel what is still to come by its policy; of all visits let go of words. Times, services and prices stay."""
    # Whoever is booking for this person at the moment is waited for, and whoever comes later finds the account gone.
    lock_calendars(staff_ids=(), customer=person)
    ended = list(_cancel_live(person, now))
    places = _leave_waitlists(person, now)
    own = Booking.objects.filter(customer=person)
    visits = Booking.objects.filter(customer__isnull=True, guest_phone=person.phone)
    told = own.exclude(note="") | own.filter(pk__in=BookingEvent.objects.exclude(reason="").values("booking"))
    notes = told.count()
    recent = BookingEvent.objects.filter(
        Q(booking__in=own) | Q(booking__in=visits), at__gte=now - 2 * KEPT_FOR
    ).values_list("booking_id", flat=True)
    forget_answers_about(set(recent))
    guests = _forget_guests(list(visits.values_list("pk", flat=True)))
    _forget_words(own)
    own.exclude(guest_name="").update(guest_name="")
    written = forget_notes(ClientNote.objects.filter(customer=person))
    let_go = forget_forgivenesses(person)
    calendars = forget_calendars(person, now=now)
    return Erasure(
        ended=ended,
        erased=[
            Erased("booking_notes", _("Notes and reasons on bookings"), notes),
            Erased("client_notes", _("Notes written by salons"), written),
            Erased("calendars", _("Addresses of calendars"), calendars),
            Erased("waitlist", _("Places on waiting lists"), places),
            Erased("forgivenesses", _("What salons let go of, and why"), let_go),
            Erased("guest_visits", _("Name and number on visits a salon wrote down"), guests),
        ],
        kept=[
            Kept(
                "bookings",
                _("Times, services and prices of bookings"),
                _(
                    "Accounting and tax rules ask for them, and the salon needs its own books. They carry no name."
                ),
                own.count(),
                (now + RECORDS_KEPT).date(),
            )
        ],
    )


def _leave_waitlists(person: Person, now: datetime) -> int:
    """Give what is on offer to the next, and forget every place. Returns how many."""
    own = WaitlistEntry.objects.filter(customer=person)
    live = own.filter(state__in=WAITING_STATES).select_related("salon").order_by("pk")
    for entry in live.select_for_update(no_key=True, of=("self",)):
        end_wait(entry, WaitlistState.LEFT, now=now)
    total = own.count()
    own.delete()
    return total


def _cancel_live(person: Person, now: datetime) -> Iterator[Ended]:
    own = Booking.objects.filter(customer=person)
    # Sessions are locked in the order in which whoever expires holds locks them.
    live = own.filter(state__in=LIVE_STATES).select_related("salon").order_by("session_id", "pk")
    for booking in live.select_for_update(no_key=True, of=("self",)):
        if expire_if_dead(booking, now=now) or not may(booking, "cancel", actor=by_customer(person), now=now):
            continue  # it ended by itself, or its time is over and only the salon can close it
        cancelled = cancel(
            bookings=own,
            booking_id=booking.pk,
            actor=by_customer(person),
            version=booking.version,
            now=now,
        )
        fee = cancelled.cancellation_fee_minor or 0
        paid = booking.deposit_minor if booking.deposit_paid_at else 0
        yield Ended(
            kind="booking",
            id=str(booking.pk),
            reference=booking.reference,
            title=booking.salon.name,
            fee_minor=min(fee, paid),
            refund_minor=paid - min(fee, paid),
            currency=booking.currency,
        )


def _forget_words(bookings: QuerySet[Booking]) -> None:
    BookingEvent.objects.filter(booking__in=bookings).exclude(reason="").update(reason="")
    bookings.exclude(note="").update(note="")


def _forget_guests(keys: Sequence[Any]) -> int:
    guests = Booking.objects.filter(pk__in=keys)
    _forget_words(guests)
    of = list(guests.exclude(guest_phone="").values_list("salon", "guest_phone").distinct())
    forgotten = guests.update(guest_name=ERASED_NAME, guest_phone="")
    # After the visits: whoever writes a note holds one of them, and is waited for.
    forget_notes_on_guests(salons={salon for salon, _phone in of}, phones={phone for _salon, phone in of})
    return forgotten


def _purge_guests(before: datetime, limit: int, now: datetime) -> int:
    old = Booking.objects.filter(customer__isnull=True, ends_at__lt=before).exclude(
        guest_name=ERASED_NAME, guest_phone="", note=""
    )
    return _forget_guests(pick(old, limit))


def in_use_since(moment: datetime) -> QuerySet[Any, Any]:
    """Who was here since, or is still expected."""
    return (
        Booking.objects.filter(customer__isnull=False)
        .filter(Q(ends_at__gte=moment) | Q(created_at__gte=moment) | Q(state__in=LIVE_STATES))
        .values("customer_id")
    )


KEEPER = Keeper(
    export=export,
    erase=erase,
    in_use_since=in_use_since,
    leftovers=(Leftover("guests", None, _purge_guests),),
)
