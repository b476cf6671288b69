"""Writing the books: what happened to a booking's money becomes entries in the transaction in which it happened.

Nothing is posted by hand. The rows say what the books should hold of a booking, the books say what they do hold, and
the difference is an entry. So a correction is one more entry, a repeat writes nothing, and what was missed is made up
for by `catch_up` (ADR 0019).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction

from backend.bookings.models import Booking, BookingState
from backend.core.errors import NotFound
from backend.core.ids import uuid7
from backend.core.money import percentage, plain, shares, split_vat
from backend.core.time import RIYADH
from backend.payments.models import (
    SURPLUS,
    Account,
    EntryKind,
    Outcome,
    Payment,
    PaymentState,
    Payout,
    RefundState,
)
from backend.payments.queries.ledger import owed_to
from backend.payments.refusals import MoreThanOwed, PayoutKnown
from backend.salons.models import Salon

BATCH = 500
VAT_PERCENT = 15
EARNING_STATES = (BookingState.COMPLETED, BookingState.NO_SHOW, BookingState.CANCELLED)

Side = tuple[str, str | None, str | None]
"""An account, a service and a person, the latter two where money was earned."""
Amounts = Mapping[Side, int]
Subject = tuple[str, str | None, str | None]
"""A kind of entry, a payment and a receipt."""


@dataclass(frozen=True)
class _Draft:
    """An entry to be written with its lines."""

    kind: str
    key: str
    at: datetime
    business_date: date
    business_id: Any
    salon_id: Any
    amounts: Amounts
    booking_id: Any = None
    payment_id: Any = None
    receipt_id: Any = None


@dataclass(frozen=True)
class SettledLine:
    """One line of a settlement. Halalas; `gross_minor` is what it is about: a payment's above zero, what was taken back
    below. `fee_minor` is without its VAT, and `net_minor` is what the bank was sent for it.

    `key` names the line for ever. `payment_id` is ours, None when it is no payment of ours.
    """

    key: str
    line_type: str
    payment_id: uuid.UUID | None
    gross_minor: int
    net_minor: int
    fee_minor: int
    fee_vat_minor: int
    at: datetime


def post(*booking_ids: uuid.UUID, now: datetime) -> int:
    """Write what the books lack of these bookings; how many entries that was. Reads once, and writes once if at all.

    Runs in the transaction of whatever happened, as the last thing that locks anything there: an entry's key may have
    to wait for somebody else's commit.
    """
    written = 0
    while drafts := [draft for facts in _facts_of(booking_ids) for draft in _missing(facts, now=now)]:
        kept = _write(drafts)
        written += kept
        if kept == len(drafts):
            break
        # Another transaction wrote one of them, or another with its number, and has committed: look again.
    return written


def catch_up(now: datetime) -> int:
    """Write what the books lack of any booking: after an upgrade, or after rows came in by another way.

    Moments are those of the facts. Bounded memory; the work grows with the bookings. Returns how many entries.
    """
    written, last = 0, uuid.UUID(int=0)
    while page := list(
        Booking.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        with transaction.atomic():
            written += post(*page, now=now)
        last = page[-1]
    return written


def settled(lines: Sequence[SettledLine]) -> int:
    """Write down what the gateway paid out, took back and kept. One posted before is left out; how many were new.

    The rest of a line whose numbers do not add up, and money of payments that are not ours, wait in suspense.
    """
    known = {
        payment_id: (booking_id, salon_id, business_id, ZoneInfo(zone))
        for payment_id, booking_id, salon_id, business_id, zone in Payment.objects.filter(
            pk__in={line.payment_id for line in lines if line.payment_id is not None}
        ).values_list(
            "pk", "booking_id", "booking__salon_id", "booking__salon__business_id", "booking__salon__timezone"
        )
    }
    drafts = []
    for line in lines:
        ours = known.get(line.payment_id) if line.payment_id is not None else None
        booking_id, salon_id, business_id, zone = ours or (None, None, None, RIYADH)
        amounts: dict[Side, int] = defaultdict(int)
        amounts[Account.BANK, None, None] += line.net_minor
        amounts[Account.FEES, None, None] += line.fee_minor
        amounts[Account.FEE_VAT, None, None] += line.fee_vat_minor
        amounts[_moved_from(line, ours is not None), None, None] -= line.gross_minor
        amounts[Account.SUSPENSE, None, None] -= sum(amounts.values())
        drafts.append(
            _Draft(
                kind=EntryKind.SETTLED,
                key=f"settled:{line.key}",
                at=line.at,
                business_date=line.at.astimezone(zone).date(),
                business_id=business_id,
                salon_id=salon_id,
                amounts=amounts,
                booking_id=booking_id,
                payment_id=line.payment_id if ours else None,
            )
        )
    return _write([draft for draft in drafts if any(draft.amounts.values())])


_KEPT_BY_GATEWAY = ("fee", "platform_duties", "other_duties", "chargeback_penalty")


def _moved_from(line: SettledLine, is_ours: bool) -> str:
    """The account that what a line is about is taken from."""
    if line.line_type in _KEPT_BY_GATEWAY:
        return Account.FEES
    if line.line_type == "chargeback":
        return Account.CHARGEBACKS
    return Account.GATEWAY_CLEARING if is_ours else Account.SUSPENSE


def record_payout(
    *,
    salon: Salon,
    from_date: date,
    to_date: date,
    amount_minor: int,
    bank_reference: str,
    recorded_by: Any,
    now: datetime,
) -> Payout:
    """Write down what was sent to a salon's business by bank. The salon is locked: two never pay the same money.

    Raises MoreThanOwed, PayoutKnown when this transfer stands here already.
    """
    with transaction.atomic():
        locked = Salon.objects.select_for_update(no_key=True).get(pk=salon.pk)
        known = Payout.objects.filter(salon=locked, bank_reference=bank_reference, voided_at=None)
        if known.exists():
            raise PayoutKnown
        owed = owed_to(locked)
        if amount_minor > owed:
            raise MoreThanOwed(amount=plain(max(owed, 0)))
        payout = Payout.objects.create(
            business_id=locked.business_id,
            salon=locked,
            from_date=from_date,
            to_date=to_date,
            amount_minor=amount_minor,
            bank_reference=bank_reference,
            recorded_by=recorded_by,
            recorded_at=now,
        )
        _write([_of_payout(payout, locked, amount_minor, at=now)])
    return payout


def void_payout(*, payout_id: uuid.UUID, reason: str, voided_by: Any, now: datetime) -> Payout:
    """Take a payout back by a reversing entry; it stays, with both names. A voided one is returned as it is.

    Raises NotFound.
    """
    with transaction.atomic():
        payout = (
            Payout.objects.select_for_update(no_key=True, of=("self",))
            .select_related("salon")
            .filter(pk=payout_id)
            .first()
        )
        if payout is None:
            raise NotFound
        if payout.voided_at is None:
            payout.voided_at, payout.voided_by, payout.void_reason = now, voided_by, reason
            payout.save(update_fields=["voided_at", "voided_by", "void_reason"])
            _write([_of_payout(payout, payout.salon, -payout.amount_minor, at=now)])
    return payout


def _of_payout(payout: Payout, salon: Salon, amount_minor: int, *, at: datetime) -> _Draft:
    return _Draft(
        kind=EntryKind.PAYOUT,
        key=f"payout:{payout.pk}" if amount_minor > 0 else f"payout:{payout.pk}:voided",
        at=at,
        business_date=at.astimezone(salon.zone).date(),
        business_id=salon.business_id,
        salon_id=salon.pk,
        amounts=_pair(Account.SALON_PAYABLE, Account.BANK, amount_minor),
    )


def _pair(debit: str, credit: str, amount_minor: int) -> dict[Side, int]:
    return {(debit, None, None): amount_minor, (credit, None, None): -amount_minor}


# What the books should hold


@dataclass(frozen=True)
class _Facts:
    """A booking's money by its rows, and by the books: `posted` amounts and `counted` entries of each subject."""

    id: uuid.UUID
    state: str
    price_minor: int
    fee_minor: int
    salon_id: uuid.UUID
    business_id: uuid.UUID
    timezone: str
    pays_vat: bool
    basis_points: int
    ended_at: datetime | None
    items: Sequence[Mapping[str, Any]]
    payments: Sequence[Mapping[str, Any]]
    receipts: Sequence[Mapping[str, Any]]
    posted: Mapping[Subject, Amounts]
    counted: Mapping[Subject, int]


def _missing(facts: _Facts, *, now: datetime) -> Iterator[_Draft]:
    for subject, wanted, fact_at in _wanted(facts):
        held = facts.posted.get(subject, {})
        amounts = {
            side: wanted.get(side, 0) - held.get(side, 0)
            for side in (*wanted, *(side for side in held if side not in wanted))
        }
        if not any(amounts.values()):
            continue
        kind, payment_id, receipt_id = subject
        times = facts.counted.get(subject, 0)
        # A first entry belongs to the day of its fact; a later one changes no day that may have been closed.
        at = min(fact_at or now, now) if not times else now
        yield _Draft(
            kind=kind,
            key=f"{kind}:{payment_id or receipt_id or facts.id}:{times + 1}",
            at=at,
            business_date=at.astimezone(ZoneInfo(facts.timezone)).date(),
            business_id=facts.business_id,
            salon_id=facts.salon_id,
            amounts=amounts,
            booking_id=facts.id,
            payment_id=payment_id,
            receipt_id=receipt_id,
        )


def _wanted(facts: _Facts) -> Iterator[tuple[Subject, Amounts, datetime | None]]:
    """Every subject of a booking with what its entries should add up to, and when that came to be."""
    forgiven = online = 0
    for row in facts.payments:
        captured, refunded = row["captured_minor"], row["refunded_minor"]
        voided = row["state"] == PaymentState.VOIDED
        returned = captured if voided else min(max(refunded, row["done"]) + row["open"], captured)
        if not voided:
            forgiven += max(returned - row["surplus"], 0)
        online += captured - returned
        for kind, debit, credit, amount, at in (
            (
                EntryKind.CAPTURED,
                Account.GATEWAY_CLEARING,
                Account.CUSTOMER_RECEIVABLE,
                captured,
                "settled_at",
            ),
            (
                EntryKind.SUSPENDED,
                Account.GATEWAY_CLEARING,
                Account.SUSPENSE,
                row["suspended_minor"],
                "checked_at",
            ),
            (EntryKind.REFUND_OWED, Account.CUSTOMER_RECEIVABLE, Account.REFUNDS, returned, "owed_at"),
            (EntryKind.REFUND_DONE, Account.REFUNDS, Account.GATEWAY_CLEARING, refunded, "done_at"),
            (
                EntryKind.VOIDED,
                Account.REFUNDS,
                Account.GATEWAY_CLEARING,
                captured - refunded if voided else 0,
                "checked_at",
            ),
            (EntryKind.RETURNED_OUTSIDE, Account.REFUNDS, Account.BANK, row["outside"], "done_at"),
        ):
            yield (kind, row["id"], None), _pair(debit, credit, amount), _moment(row[at])
    taken = 0
    for row in facts.receipts:
        amount = 0 if row["voided_at"] else row["amount_minor"]
        taken += amount
        pair = _pair(Account.SALON_PAYABLE, Account.CUSTOMER_RECEIVABLE, amount)
        yield (EntryKind.DESK, None, row["id"]), pair, _moment(row["taken_at"])
    earned = _earned_minor(facts, forgiven=forgiven, online=online, taken=taken)
    yield (EntryKind.EARNED, None, None), _earned(facts, earned), facts.ended_at
    yield (EntryKind.COMMISSION, None, None), _commission(facts, earned), facts.ended_at


def _earned_minor(facts: _Facts, *, forgiven: int, online: int, taken: int) -> int:
    """Halalas a salon has earned with a booking: the price of a visit less what was given back of it as a gift, or what
    stayed with the salon though nobody came."""
    match facts.state:
        case BookingState.COMPLETED:
            return max(facts.price_minor - forgiven, 0)
        case BookingState.NO_SHOW:
            return max(online + taken, 0)
        case BookingState.CANCELLED:
            return max(min(facts.fee_minor, online), 0)
    return 0


def _earned(facts: _Facts, gross: int) -> Amounts:
    """By service and person. VAT is split off once for the whole, and the parts of it add up.

    Whether a booking bears VAT is decided when it is first earned: a seller who registers later changes no past visit.
    """
    posted = facts.posted.get((EntryKind.EARNED, None, None), {})
    before = _total(posted, Account.CUSTOMER_RECEIVABLE)
    bears_vat = bool(_total(posted, Account.VAT)) if before else facts.pays_vat
    amounts: dict[Side, int] = defaultdict(int)
    done = vat_done = 0
    for item, share in zip(
        facts.items, shares(gross, [item["price_minor"] for item in facts.items]), strict=True
    ):
        who = (item["service_id"], item["staff_member_id"])
        done += share
        vat = split_vat(done)[1] - vat_done if bears_vat else 0
        vat_done += vat
        amounts[Account.CUSTOMER_RECEIVABLE, None, None] += share
        amounts[Account.SALON_PAYABLE, *who] -= share - vat
        amounts[Account.VAT, *who] -= vat
    return amounts


def _commission(facts: _Facts, gross: int) -> Amounts:
    """The platform's share of what was earned, at the rate of the day on which it was first earned."""
    before = _total(facts.posted.get((EntryKind.EARNED, None, None), {}), Account.CUSTOMER_RECEIVABLE)
    posted = facts.posted.get((EntryKind.COMMISSION, None, None), {})
    if before:
        net = -_total(posted, Account.PLATFORM_REVENUE) * gross // before
        bears_vat = bool(_total(posted, Account.PLATFORM_VAT))
    else:
        net = (gross * facts.basis_points + 5_000) // 10_000
        bears_vat = settings.COMMISSION_VAT
    vat = percentage(net, VAT_PERCENT) if bears_vat else 0
    return {
        (Account.SALON_PAYABLE, None, None): net + vat,
        (Account.PLATFORM_REVENUE, None, None): -net,
        (Account.PLATFORM_VAT, None, None): -vat,
    }


def _total(amounts: Amounts, account: str) -> int:
    return sum(amount for (where, _service, _person), amount in amounts.items() if where == account)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# Reading and writing, one statement each: what is read is one moment's truth, rows and books alike.


def _facts_of(booking_ids: Iterable[uuid.UUID]) -> Iterator[_Facts]:
    with connection.cursor() as cursor:
        cursor.execute(
            _FACTS,
            {
                "ids": list(booking_ids),
                "done": RefundState.DONE,
                "surplus": list(SURPLUS),
                "outside": Outcome.REFUNDED_OUTSIDE,
                "settled": EntryKind.SETTLED,
            },
        )
        rows = cursor.fetchall()
    for row in rows:
        *of_booking, lines, entries = row
        posted: dict[Subject, dict[Side, int]] = defaultdict(dict)
        for line in lines:
            subject = (line["kind"], line["payment_id"], line["receipt_id"])
            posted[subject][line["account"], line["service_id"], line["staff_member_id"]] = line["amount"]
        counted = {(e["kind"], e["payment_id"], e["receipt_id"]): e["times"] for e in entries}
        facts = [*of_booking, posted, counted]
        yield _Facts(*facts)


_FACTS = """
SELECT b.id, b.state, b.price_minor, coalesce(b.cancellation_fee_minor, 0), b.salon_id, s.business_id, s.timezone,
       u.vat_number <> '', u.commission_basis_points,
       (SELECT max(v.at) FROM bookings_bookingevent v WHERE v.booking_id = b.id AND v.to_state = b.state
                                                        AND v.from_state <> b.state),
       (SELECT coalesce(json_agg(json_build_object('service_id', i.service_id, 'staff_member_id', i.staff_member_id,
                                                   'price_minor', i.price_minor) ORDER BY i.position), '[]')
          FROM bookings_bookingitem i WHERE i.booking_id = b.id),
       (SELECT coalesce(json_agg(row_to_json(p) ORDER BY p.created_at, p.id), '[]')
          FROM (SELECT p.id, p.state, p.captured_minor, p.refunded_minor, p.suspended_minor, p.created_at,
                       p.settled_at, p.checked_at, r.*
                  FROM payments_payment p,
               LATERAL (SELECT coalesce(sum(r.amount_minor) FILTER (WHERE r.state = %(done)s), 0) AS done,
                               coalesce(sum(r.amount_minor) FILTER (WHERE r.state <> %(done)s), 0) AS open,
                               coalesce(sum(r.amount_minor) FILTER (WHERE r.reason = ANY(%(surplus)s)), 0) AS surplus,
                               coalesce(sum(r.amount_minor) FILTER (
                                   WHERE r.state = %(done)s AND EXISTS (
                                       SELECT FROM payments_resolution o
                                        WHERE o.refund_id = r.id AND o.outcome = %(outside)s)), 0) AS outside,
                               max(r.created_at) AS owed_at, max(r.done_at) AS done_at
                          FROM payments_refund r WHERE r.payment_id = p.id) r
                 WHERE p.booking_id = b.id) p),
       (SELECT coalesce(json_agg(json_build_object('id', d.id, 'amount_minor', d.amount_minor, 'taken_at', d.taken_at,
                                                   'voided_at', d.voided_at) ORDER BY d.taken_at, d.id), '[]')
          FROM payments_deskreceipt d WHERE d.booking_id = b.id),
       (SELECT coalesce(json_agg(row_to_json(q)), '[]')
          FROM (SELECT e.kind, e.payment_id, e.receipt_id, l.account, l.service_id, l.staff_member_id,
                       sum(l.amount_minor) AS amount
                  FROM payments_entry e JOIN payments_line l ON l.entry_id = e.id
                 WHERE e.booking_id = b.id AND e.kind <> %(settled)s
                 GROUP BY 1, 2, 3, 4, 5, 6) q),
       (SELECT coalesce(json_agg(row_to_json(q)), '[]')
          FROM (SELECT e.kind, e.payment_id, e.receipt_id, count(*) AS times
                  FROM payments_entry e WHERE e.booking_id = b.id AND e.kind <> %(settled)s GROUP BY 1, 2, 3) q)
  FROM bookings_booking b
  JOIN salons_salon s ON s.id = b.salon_id
  JOIN salons_business u ON u.id = s.business_id
 WHERE b.id = ANY(%(ids)s)
 ORDER BY b.id
"""


def _write(drafts: Sequence[_Draft]) -> int:
    """Entries with their lines, all in one statement; one whose key is taken is left out. How many were written."""
    if not drafts:
        return 0
    ids = [uuid7() for _ in drafts]
    lines = [
        (entry_id, account, draft.salon_id, amount, draft.business_date, service_id, person_id)
        for entry_id, draft in zip(ids, drafts, strict=True)
        for (account, service_id, person_id), amount in draft.amounts.items()
        if amount
    ]
    columns = zip(
        *(
            (
                id,
                d.business_id,
                d.kind,
                d.key,
                d.booking_id,
                d.payment_id,
                d.receipt_id,
                d.at,
                d.business_date,
            )
            for id, d in zip(ids, drafts, strict=True)
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [*map(list, columns), *map(list, zip(*lines, strict=True))])
        return int(cursor.fetchone()[0])


_INSERT = """
WITH entries AS (
    INSERT INTO payments_entry (id, business_id, kind, key, booking_id, payment_id, receipt_id, at, business_date)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::uuid[],
                         %s::timestamptz[], %s::date[])
    ON CONFLICT (key) DO NOTHING
    RETURNING id
), lines AS (
    INSERT INTO payments_line (entry_id, account, salon_id, amount_minor, business_date, service_id, staff_member_id)
    SELECT line.*
      FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::bigint[], %s::date[], %s::uuid[], %s::uuid[])
           AS line (entry_id, account, salon_id, amount_minor, business_date, service_id, staff_member_id)
      JOIN entries ON entries.id = line.entry_id
)
SELECT count(*) FROM entries
"""
