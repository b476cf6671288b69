"""What happened: every visit of a salon as told by now, with its money and what people said of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Model

from backend.bookings.models import (
    TAKING_STATES,
    Booking,
    BookingEvent,
    BookingItem,
    Claim,
    ItemResource,
    Source,
)
from backend.bookings.reference import reference_of
from backend.core.money import CURRENCY
from backend.demo import people
from backend.demo.drafts import Book
from backend.demo.ground import Ground
from backend.demo.stories import Story, tell
from backend.demo.world import SalonCast
from backend.payments.models import DeskReceipt, Payment, Refund, RefundState
from backend.payments.operations import post
from backend.salons.models import Review, ReviewReport, ReviewStatus, Salon, SalonStatus

_STORIES_AT_ONCE = 2000


class Visits:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.at, self.minute, self.user = ground.at, ground.minute, ground.user
        self.moderated = self.reported = False
        """Of all reviews, the platform has hidden one, and one waits for its decision."""

    def history(self, salon: SalonCast, book: Book) -> None:
        """Every visit of a salon, told by now, and the ratings that came of it."""
        self.ground.totals.salons += 1
        if salon.plan.status != SalonStatus.LIVE:
            return
        ratings: list[int] = []
        stories = (
            tell(draft, seed=self.ground.seed, now=self.ground.now_seconds) for draft in book.drafts(salon)
        )
        while batch := list(islice(stories, _STORIES_AT_ONCE)):
            self.moderate(batch)
            self._write(batch)
            ratings += [story.opinion.rating for story in batch if story.opinion and not story.opinion.hidden]
        if ratings:
            Salon.objects.filter(pk=salon.id).update(rating_sum=sum(ratings), rating_count=len(ratings))

    def moderate(self, stories: list[Story]) -> None:
        """Hide the first bad review, and let a salon report the next one."""
        for story in stories:
            if story.opinion and story.opinion.rating <= 2:
                if not self.moderated:
                    story.opinion.hidden, self.moderated = people.HIDDEN_BECAUSE, True
                elif not self.reported:
                    story.opinion.reported, self.reported = people.REPORTED_BECAUSE, True

    def _write(self, stories: list[Story]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('bookings_reference') FROM generate_series(1, %s)", [len(stories)])
            references = [reference_of(number) for (number,) in cursor.fetchall()]
        _copy(Booking, _BOOKING, (self.booking(s, r) for s, r in zip(stories, references, strict=True)))
        _copy(BookingItem, _ITEM, (row for s in stories for row in self.items(s)))
        _copy(ItemResource, _ITEM_RESOURCE, (row for s in stories for row in self.rooms(s)))
        _copy(Claim, _CLAIM, (row for s in stories for row in self.claims(s)))
        _copy(BookingEvent, _EVENT, (row for s in stories for row in self.events(s)))
        _copy(Payment, _PAYMENT, (row for s in stories for row in self.payments(s)))
        _copy(Refund, _REFUND, (row for s in stories for row in self.refunds(s)))
        _copy(Review, _REVIEW, (row for s in stories for row in self.reviews(s)))
        _copy(ReviewReport, _REPORT, (row for s in stories for row in self.reports(s)))
        _copy(DeskReceipt, _RECEIPT, (row for s in stories for row in self.receipts(s)))
        post(*(s.id for s in stories), now=self.ground.midnight + timedelta(seconds=self.ground.now_seconds))
        self.ground.totals.bookings += len(stories)
        self.ground.totals.payments += sum(len(s.attempts) for s in stories)
        self.ground.totals.reviews += sum(s.opinion is not None for s in stories)

    def booking(self, s: Story, reference: str) -> tuple[Any, ...]:
        draft, plan = s.draft, s.draft.salon.plan
        customer = draft.customer
        return (
            s.id, reference, len(s.changes), s.state, draft.salon.id, self.user(customer.id) if customer else None,
            draft.guest, "", Source.APP if customer else Source.DESK, customer.language if customer else "ar", s.note,
            self.minute(draft.starts), self.minute(draft.ends), self.ground.today + timedelta(days=draft.day), CURRENCY,
            s.price_minor, s.deposit_minor, plan.free_cancel_hours, plan.late_cancel_percent, s.fee_minor,
            self.at(s.hold_until), self.at(s.respond_by), self.at(s.paid_at), self.at(s.arrived_at),
            self.at(s.no_show_at), plan.max_reschedules, self.at(s.created_at),
        )  # fmt: skip

    def items(self, s: Story) -> Iterator[tuple[Any, ...]]:
        for position, (id, item) in enumerate(zip(s.item_ids, s.draft.items, strict=True)):
            yield (
                id, s.id, position, item.line.id, item.staff.id, *item.line.booked_as,
                self.minute(item.starts), self.minute(item.ends), item.line.price_minor,
            )  # fmt: skip

    def rooms(self, s: Story) -> Iterator[tuple[Any, ...]]:
        for id, item in zip(s.item_ids, s.draft.items, strict=True):
            for room in item.rooms:
                yield id, room.id

    def claims(self, s: Story) -> Iterator[tuple[Any, ...]]:
        active, expires_at = s.state in TAKING_STATES, self.at(s.dies_at)
        taken = s.draft.claims
        if s.draft.customer:
            taken = [*taken, (self.user(s.draft.customer.id), (s.draft.starts, s.draft.ends))]
        # A visit counts once for the day of each person who serves it.
        to_count = {item.staff.id for item in s.draft.items}
        for owner, (begins, ends) in taken:
            day = self.ground.today + timedelta(days=s.draft.day) if owner in to_count else None
            to_count.discard(owner)
            yield (
                self.ground.calendars[owner], s.id, self.minute(begins), self.minute(ends), day, active, expires_at,
            )  # fmt: skip

    def events(self, s: Story) -> Iterator[tuple[Any, ...]]:
        for version, c in enumerate(s.changes, start=1):
            actor = self.user(c.actor) if c.actor else None
            yield s.id, version, c.verb, c.before, c.after, c.role, actor, c.reason, self.at(c.at)

    def payments(self, s: Story) -> Iterator[tuple[Any, ...]]:
        for a in s.attempts:
            yield (
                a.id, s.id, a.state, a.amount_minor, CURRENCY, a.captured_minor, a.refunded_minor, "client", "",
                a.failure[0], a.failure[1] or ("APPROVED" if a.settled_at is not None else ""), a.seen, "",
                self.at(a.at), self.at(a.expires_at), self.at(a.checked_at), self.at(a.settled_at),
            )  # fmt: skip

    def refunds(self, s: Story) -> Iterator[tuple[Any, ...]]:
        for a in s.attempts:
            for r in a.returns:
                by = self.user(r.requested_by) if r.requested_by else None
                yield (
                    r.id, a.id, r.amount_minor, RefundState.DONE, r.reason, by, 0, 1, "",
                    self.at(r.at + 120), self.at(r.at), self.at(r.done_at),
                )  # fmt: skip

    def receipts(self, s: Story) -> Iterator[tuple[Any, ...]]:
        if r := s.receipt:
            by, at = self.user(r.taken_by), self.at(r.at)
            yield r.id, s.id, r.method, r.amount_minor, r.tip_minor, CURRENCY, "", by, at, ""

    def reviews(self, s: Story) -> Iterator[tuple[Any, ...]]:
        if s.opinion and s.draft.customer:
            o, author = s.opinion, self.user(s.draft.customer.id)
            yield (
                o.id, s.draft.salon.id, author, s.id, o.rating, o.comment, o.reply, self.at(o.replied_at),
                ReviewStatus.HIDDEN if o.hidden else ReviewStatus.PUBLISHED, o.hidden,
                self.user(self.ground.cast["platform_admin"].id) if o.hidden else None,
                self.at(min(o.at + 86400, self.ground.now_seconds)) if o.hidden else None, 1, self.at(o.at),
            )  # fmt: skip

    def reports(self, s: Story) -> Iterator[tuple[Any, ...]]:
        if s.opinion and s.opinion.reported:
            owner = self.user(s.draft.salon.desk[0].id)
            at = self.at(min(s.opinion.at + 86400, self.ground.now_seconds))
            yield s.opinion.id, owner, s.opinion.reported, at


_BOOKING = (
    "id", "reference", "version", "state", "salon_id", "customer_id", "guest_name", "guest_phone", "source", "language",
    "note", "starts_at", "ends_at", "business_date", "currency", "price_minor", "deposit_minor", "free_cancel_hours",
    "late_cancel_percent", "cancellation_fee_minor", "hold_expires_at", "respond_by", "deposit_paid_at", "arrived_at",
    "no_show_at", "moves_left", "created_at",
)  # fmt: skip
_ITEM = (
    "id", "booking_id", "position", "service_id", "staff_member_id", "service_name_ar", "service_name_en", "starts_at",
    "ends_at", "price_minor",
)  # fmt: skip
_ITEM_RESOURCE = ("item_id", "resource_id")
_CLAIM = ("calendar_id", "booking_id", "starts_at", "ends_at", "business_date", "is_active", "expires_at")
_EVENT = ("booking_id", "version", "verb", "from_state", "to_state", "actor_role", "actor_id", "reason", "at")
_PAYMENT = (
    "id", "booking_id", "state", "amount_minor", "currency", "captured_minor", "refunded_minor", "source_type",
    "next_action_url", "failure_code", "gateway_message", "gateway_seen", "quarantined_because", "created_at",
    "expires_at", "checked_at", "settled_at",
)  # fmt: skip
_REFUND = (
    "id", "payment_id", "amount_minor", "state", "reason", "requested_by_id", "refunded_before_minor", "attempts",
    "last_error", "next_attempt_at", "created_at", "done_at",
)  # fmt: skip
_RECEIPT = (
    "id", "booking_id", "method", "amount_minor", "tip_minor", "currency", "note", "taken_by_id", "taken_at",
    "void_reason",
)  # fmt: skip
_REVIEW = (
    "id", "salon_id", "author_id", "booking_id", "rating", "comment", "reply", "replied_at", "status",
    "hidden_reason", "moderated_by_id", "moderated_at", "version", "created_at",
)  # fmt: skip
_REPORT = ("review_id", "reporter_id", "reason", "created_at")


def _copy(model: type[Model], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY is several times faster than INSERT and needs no list of objects."""
    statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
