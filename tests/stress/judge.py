"""The judge: reads the whole database plainly, row by row, and what every process was told, and compares.

It shares no rule with the application: what is allowed is written down here a second time.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Count

from backend.bookings.models import (
    Booking,
    BookingEvent,
    BookingItem,
    Claim,
    ItemResource,
    Session,
    WaitlistEntry,
)
from backend.core.models import IdempotencyRecord
from backend.notifications.models import Message
from backend.payments.models import Payment, Refund

Rows = list[dict[str, Any]]
Span = tuple[datetime, datetime]

TAKING = {"held", "requested", "confirmed", "completed", "no_show"}
CLOSED = {"cancelled", "declined", "expired"}
STAYS = {"reschedule", "accept_move", "confirm_attendance", "check_in", "dispute_no_show", "uphold_no_show"}
LEGAL = {
    ("create", "", "held"),
    ("create", "", "requested"),
    ("create", "", "confirmed"),
    ("request", "held", "requested"),
    ("request", "expired", "requested"),
    ("auto_confirm", "held", "confirmed"),
    ("auto_confirm", "expired", "confirmed"),
    ("confirm", "requested", "confirmed"),
    ("decline", "requested", "declined"),
    ("cancel", "held", "cancelled"),
    ("cancel", "requested", "cancelled"),
    ("cancel", "confirmed", "cancelled"),
    ("refuse_move", "requested", "cancelled"),
    ("refuse_move", "confirmed", "cancelled"),
    ("complete", "confirmed", "completed"),
    ("no_show", "confirmed", "no_show"),
    ("withdraw_no_show", "no_show", "completed"),
    ("expire", "held", "expired"),
    ("expire", "requested", "expired"),
}
CREATING = {
    "create": "createBooking",
    "walk-in": "createWalkIn",
    "overbook": "createWalkIn",
    "accept": "acceptWaitlistOffer",
    "rent": "createRental",
    "seats": "joinSession",
    "guest's seats": "addSessionGuest",
}
"""What a process did, and the operation that keeps its key."""
PAID = {"captured", "partially_refunded", "refunded"}
UNHEARD_OF = {400, 401, 403, 404, 405, 406, 415, 422}
"""Statuses that these processes never deserve, except for a rule of the salon (422)."""
AT_MOST = 10
"""Faults of one kind that are shown."""


def judge(told: Rows, messages_file: Path) -> tuple[list[str], str]:
    """What is wrong, and one line that says how much was looked at."""
    bookings = {row["id"]: row for row in Booking.objects.values()}
    claims = list(Claim.objects.values())
    events = defaultdict(list)
    for event in BookingEvent.objects.order_by("booking_id", "version").values():
        events[event["booking_id"]].append(event)
    found: list[tuple[str, Iterable[str]]] = [
        ("an answer nobody should get", _answers(told)),
        ("overlap", overlaps(claims)),
        ("claims", _claims(bookings, claims, events)),
        ("offers", _offers(claims)),
        ("sessions", _sessions(bookings, claims)),
        ("history", _histories(bookings, events)),
        ("lost", _kept(told, bookings, events)),
        ("key", _keys(told, bookings)),
        ("message", _messages(bookings, events, messages_file)),
        ("money", _money(bookings)),
    ]
    faults = []
    for kind, those in found:
        listed = list(those)
        faults += [f"{kind}: {fault}" for fault in listed[:AT_MOST]]
        if len(listed) > AT_MOST:
            faults.append(f"{kind}: and {len(listed) - AT_MOST} more")
    looked_at = (
        f"{_kinds(bookings)}, {Session.objects.count():,} sessions, {WaitlistEntry.objects.count():,} who waited,"
        f" {len(claims):,} claims, {sum(map(len, events.values())):,} events,"
        f" {Message.objects.count():,} messages, {Payment.objects.count():,} payments,"
        f" {Refund.objects.count():,} refunds"
    )
    return faults, looked_at


def _kinds(bookings: Mapping[uuid.UUID, Any]) -> str:
    counts = Counter(booking["kind"] for booking in bookings.values())
    return ", ".join(f"{count:,} bookings of kind {kind}" for kind, count in sorted(counts.items()))


def _answers(told: Rows) -> Iterator[str]:
    for (op, status, code), count in Counter((t["op"], t["status"], t["code"]) for t in told).items():
        rule = status == 422 and code not in ("idempotency_key_reused", "")
        if status >= 500 or (status in UNHEARD_OF and not rule):
            yield f"{op} was answered {status} {code} ({count} times)"
    for t in told:
        if t["status"] == 0 and t["key"]:
            yield f"{t['op']} was never answered"


def overlaps(claims: Rows) -> Iterator[str]:
    """Two active claims of one calendar that share a moment, found without the constraint's help."""
    by_calendar = defaultdict(list)
    for claim in claims:
        if claim["is_active"]:
            by_calendar[claim["calendar_id"]].append(claim)
    for calendar_id, those in by_calendar.items():
        those.sort(key=lambda c: (c["starts_at"], c["ends_at"]))
        latest = those[0]
        for claim in those[1:]:
            if claim["starts_at"] < latest["ends_at"]:
                yield f"calendar {calendar_id}: bookings {latest['booking_id']} and {claim['booking_id']}"
            latest = max(latest, claim, key=lambda c: c["ends_at"])


def _claims(
    bookings: Mapping[uuid.UUID, Any], claims: Rows, events: Mapping[uuid.UUID, Any]
) -> Iterator[str]:
    """A live booking holds exactly the time of its services, buffers included, of whoever and whatever serves them.

    Seats take their customer alone, and after a move not even those, where another booking of theirs had the time.
    """
    calendars = _owners_of_calendars()
    active = defaultdict(list)
    for claim in claims:
        if claim["is_active"]:
            active[claim["booking_id"]].append(claim)
    wanted = _wanted(bookings)
    for booking_id, booking in bookings.items():
        mine = active[booking_id]
        if booking["state"] not in TAKING:
            if mine:
                yield f"{booking_id} is {booking['state']} and holds {len(mine)} claims"
            continue
        held: dict[Any, list[Span]] = defaultdict(list)
        for claim in mine:
            held[calendars[claim["calendar_id"]]].append((claim["starts_at"], claim["ends_at"]))
        moved = any(event["verb"] == "reschedule" for event in events.get(booking_id, ()))
        may_hold_nothing = booking["kind"] == "seat" and moved and not held
        if not may_hold_nothing and _joined(held) != _joined(wanted[booking_id]):
            yield f"{booking_id} ({booking['state']}) holds other time than its services take"
        dies_at = {"held": booking["hold_expires_at"], "requested": booking["respond_by"]}.get(
            booking["state"]
        )
        if any(claim["expires_at"] != dies_at for claim in mine):
            yield f"{booking_id} ({booking['state']}) and its claims die at different times"


def _offers(claims: Rows) -> Iterator[str]:
    """An open offer holds exactly the time of its service, of the person it names and a thing of each kind it needs."""
    calendars = _owners_of_calendars()
    active = defaultdict(list)
    for claim in claims:
        if claim["is_active"] and claim["waitlist_entry_id"]:
            active[claim["waitlist_entry_id"]].append(claim)
    open_to: Counter[tuple[Any, ...]] = Counter()
    for entry in WaitlistEntry.objects.select_related("service").annotate(kinds=Count("service__needs")):
        mine = active[entry.pk]
        if entry.state != "offered":
            if mine:
                yield f"{entry.pk} is {entry.state} and holds {len(mine)} claims"
            continue
        assert entry.starts_at is not None
        assert entry.ends_at is not None
        open_to[entry.customer_id, entry.salon_id, entry.date] += 1
        span = (
            entry.starts_at - timedelta(minutes=entry.service.buffer_before_minutes),
            entry.ends_at + timedelta(minutes=entry.service.buffer_after_minutes),
        )
        held = {calendars[claim["calendar_id"]] for claim in mine}
        if {(claim["starts_at"], claim["ends_at"]) for claim in mine} != {span}:
            yield f"{entry.pk} holds other time than its service takes"
        if (
            entry.offered_staff_member_id not in held
            or len(held) != len(mine)
            or len(mine) != 1 + entry.kinds
        ):
            yield f"{entry.pk} holds {len(mine)} claims for a service of {1 + entry.kinds} needs"
        if any(claim["expires_at"] != entry.expires_at for claim in mine):
            yield f"{entry.pk} and its claims end at different times"
    for whose, count in open_to.items():
        if count > 1:
            yield f"{whose} holds {count} offers"


def _sessions(bookings: Mapping[uuid.UUID, Any], claims: Rows) -> Iterator[str]:
    """Seats are counted as they are booked, never more than there are; on sale a session holds exactly its time of its
    people and things, and called off it holds nothing and nobody.
    """
    calendars = _owners_of_calendars()
    active = defaultdict(list)
    for claim in claims:
        if claim["is_active"] and claim["session_id"]:
            active[claim["session_id"]].append(claim)
    seats: Counter[tuple[uuid.UUID, str]] = Counter()
    for booking in bookings.values():
        if booking["session_id"]:
            seats[booking["session_id"], booking["state"]] += booking["seats"]
    for session in Session.objects.prefetch_related("staff", "resources"):
        taken = sum(seats[session.pk, state] for state in TAKING)
        stands = sum(seats[session.pk, state] for state in TAKING - {"held", "requested"})
        if (session.seats_taken, session.seats_confirmed) != (taken, stands) or taken > session.capacity:
            yield (
                f"{session.pk} counts {session.seats_taken} seats and {session.seats_confirmed} confirmed of"
                f" {session.capacity}, booked are {taken} and {stands}"
            )
        if session.is_closing:
            yield f"{session.pk} is {session.state}, and its bookings still have to follow"
        mine = active[session.pk]
        if session.state == "cancelled" and taken:
            yield f"{session.pk} is called off, and {taken} seats stand"
        if session.state in ("draft", "cancelled"):
            if mine:
                yield f"{session.pk} is {session.state} and holds {len(mine)} claims"
            continue
        wanted = sorted(str(one.pk) for one in (*session.staff.all(), *session.resources.all()))
        span = session.starts_at, session.ends_at
        if sorted(str(calendars[claim["calendar_id"]]) for claim in mine) != wanted or any(
            (claim["starts_at"], claim["ends_at"]) != span for claim in mine
        ):
            yield f"{session.pk} is {session.state} and holds other time than its people's and things'"


def _owners_of_calendars() -> dict[int, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, coalesce(staff_member_id, resource_id, customer_id) FROM bookings_calendar"
        )
        return dict(cursor.fetchall())


def _wanted(bookings: Mapping[uuid.UUID, Any]) -> dict[uuid.UUID, dict[Any, list[Span]]]:
    """The time of each booking by owner of the calendar."""
    wanted: dict[uuid.UUID, dict[Any, list[Span]]] = defaultdict(lambda: defaultdict(list))
    given = defaultdict(list)
    for item_id, resource_id in ItemResource.objects.values_list("item_id", "resource_id"):
        given[item_id].append(resource_id)
    for item in BookingItem.objects.select_related("service", "rental").exclude(booking__kind="seat"):
        sold = item.service or item.rental
        assert sold is not None
        span = (
            item.starts_at - timedelta(minutes=sold.buffer_before_minutes),
            item.ends_at + timedelta(minutes=sold.buffer_after_minutes),
        )
        people = [item.staff_member_id] if item.staff_member_id else []
        for owner in (*people, *given[item.pk]):
            wanted[item.booking_id][owner].append(span)
    for booking_id, booking in bookings.items():
        if booking["customer_id"] and booking["kind"] != "rental":
            wanted[booking_id][booking["customer_id"]].append((booking["starts_at"], booking["ends_at"]))
    return wanted


def _joined(spans: dict[Any, list[Span]]) -> dict[Any, list[Span]]:
    """The same time with nothing said twice."""
    found = {}
    for owner, those in spans.items():
        joined: list[Span] = []
        for starts, ends in sorted(those):
            if joined and starts <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], ends))
            else:
                joined.append((starts, ends))
        found[owner] = joined
    return found


def _histories(bookings: Mapping[uuid.UUID, Any], events: Mapping[uuid.UUID, Any]) -> Iterator[str]:
    for booking_id, booking in bookings.items():
        mine = events.get(booking_id, [])
        if [event["version"] for event in mine] != list(range(1, booking["version"] + 1)):
            yield f"{booking_id} is at version {booking['version']}, told as {[e['version'] for e in mine]}"
            continue
        state = ""
        for event in mine:
            step = (event["verb"], event["from_state"], event["to_state"])
            stays = event["verb"] in STAYS and event["from_state"] == event["to_state"] in TAKING
            if event["from_state"] != state or not (stays or step in LEGAL):
                yield f"{booking_id}: {step} after {state or 'nothing'}"
            state = event["to_state"]
        if state != booking["state"]:
            yield f"{booking_id} is {booking['state']}, told as {state}"


def _kept(told: Rows, bookings: Mapping[uuid.UUID, Any], events: Mapping[uuid.UUID, Any]) -> Iterator[str]:
    """Whatever somebody was told is so: the booking was in that state at that version."""
    history = {
        (booking_id, event["version"]): event["to_state"]
        for booking_id, those in events.items()
        for event in those
    }
    for t in told:
        if not t["booking"]:
            continue
        booking_id = uuid.UUID(t["booking"])
        if booking_id not in bookings:
            yield f"{t['op']} answered with {booking_id}, which does not exist"
        elif history.get((booking_id, t["version"])) != t["state"]:
            yield f"{t['op']} answered that {booking_id} was {t['state']} at version {t['version']}"


def _keys(told: Rows, bookings: Mapping[uuid.UUID, Any]) -> Iterator[str]:
    """Every booking came from one key, every key led to one booking, and that one is what was answered."""
    made: dict[uuid.UUID, list[str]] = defaultdict(list)
    by_key = {}
    creating = IdempotencyRecord.objects.filter(operation__in=CREATING.values(), status=201)
    for key, answer in creating.values_list("key", "answer"):
        by_key[str(key)] = json.loads(answer)["id"]
        made[uuid.UUID(by_key[str(key)])].append(str(key))
    for booking_id in bookings.keys() | made.keys():
        if booking_id not in bookings:
            yield f"{booking_id} was promised and does not exist"
        elif len(made[booking_id]) != 1:
            yield f"{booking_id} came from {len(made[booking_id])} keys"
    for t in told:
        if t["op"] in CREATING and t["booking"] and by_key.get(t["key"]) != t["booking"]:
            yield f"{t['op']} answered {t['booking']}, its key led to {by_key.get(t['key'])}"


def _messages(
    bookings: Mapping[uuid.UUID, Any], events: Mapping[uuid.UUID, Any], messages_file: Path
) -> Iterator[str]:
    """One for each event and reader, none forgotten where the customer must know, each sent once."""
    per_reader: Counter[tuple[str, ...]] = Counter()
    told_customer = set()
    rows = list(Message.objects.filter(event_key__startswith="booking:").values())
    for message in rows:
        _, about, version = message["event_key"].split(":")[:3]
        per_reader[about, version, message["audience"], message["to_phone"]] += 1
        if message["audience"] == "customer":
            told_customer.add((uuid.UUID(about), int(version.removeprefix("v"))))
        if message["state"] != "sent":
            yield f"{message['event_key']} is {message['state']}"
    for reader, count in per_reader.items():
        if count > 1:
            yield f"{reader[:3]} was told {count} times"
    for booking_id, those in events.items():
        booking = bookings[booking_id]
        for event in those:
            must = event["verb"] in ("confirm", "auto_confirm", "decline", "reschedule")
            reachable = booking["customer_id"] or booking["guest_phone"]
            if must and reachable and (booking_id, event["version"]) not in told_customer:
                yield f"nobody told the customer of {booking_id} about {event['verb']}"
    sent: Counter[str] = Counter()
    if messages_file.exists():
        sent.update(json.loads(line)["reference"] for line in messages_file.read_text().splitlines())
    for message in rows:
        if sent[message["id"].hex] != 1:
            yield f"{message['event_key']} went out {sent[message['id'].hex]} times"


def _money(bookings: Mapping[uuid.UUID, Any]) -> Iterator[str]:
    """Money stands on a live booking, or all but the fee goes back; never both, never neither."""
    owed: Counter[uuid.UUID] = Counter()
    for payment_id, amount in Refund.objects.values_list("payment_id", "amount_minor"):
        owed[payment_id] += amount
    for payment in Payment.objects.values():
        booking = bookings[payment["booking_id"]]
        if payment["state"] == "voided":  # a void gives back all there was
            whole = payment["captured_minor"] or payment["amount_minor"]
            if owed[payment["id"]] != whole:
                yield f"{booking['id']}: {owed[payment['id']]} of {whole} is owed back, all of which was voided"
            continue
        captured = payment["captured_minor"] if payment["state"] in PAID else 0
        due = captured - (booking["cancellation_fee_minor"] or 0) if booking["state"] in CLOSED else 0
        if owed[payment["id"]] != due:
            yield f"{booking['id']} is {booking['state']}: {owed[payment['id']]} of {captured} goes back, not {due}"
        if captured and booking["state"] == "held":
            yield f"{booking['id']} is paid and still held"
