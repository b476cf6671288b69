"""From a draft to everything that was written down about it: states, events, payments and refunds, at plausible times.

Pure. Times are seconds from today's midnight in Riyadh. What would only happen after `now` has not happened: a story
simply stops there, so a visit of this evening is confirmed and one of last night completed. The rules are the real
ones: holds of 10 minutes, 20 while paying, fees by the salon's policy, everything else given back.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field

from backend.bookings.models import ActorRole, BookingState
from backend.bookings.operations.paying import HOLD, HOLD_WHILE_PAYING
from backend.core.money import percentage
from backend.demo import people
from backend.demo.drafts import Draft, Outcome
from backend.demo.world import dice, identity
from backend.payments.models import PaymentState, ReceiptMethod
from backend.payments.operations.starting import LIFETIME

S = BookingState
MINUTE, HOUR = 60, 3600
_HOLD, _HOLD_WHILE_PAYING = int(HOLD.total_seconds()), int(HOLD_WHILE_PAYING.total_seconds())
_LIFETIME = int(LIFETIME.total_seconds())

FAILURES = (
    ("insufficient_funds", "INSUFFICIENT FUNDS"),
    ("card_declined", "DECLINED"),
    ("authentication_failed", "3-D Secure transaction attempt failed"),
)
NEVER_STARTED = ("payment_expired", "never started")


@dataclass(slots=True)
class Change:
    """A booking event."""

    verb: str
    before: str
    after: str
    role: str
    actor: uuid.UUID | None
    at: int
    reason: str = ""


@dataclass(slots=True)
class Return:
    """A refund that was carried out."""

    id: uuid.UUID
    amount_minor: int
    reason: str
    requested_by: uuid.UUID | None
    at: int
    done_at: int


@dataclass(slots=True)
class Attempt:
    """A payment. `seen`: the gateway knows it."""

    id: uuid.UUID
    amount_minor: int
    at: int
    state: str = PaymentState.INITIATED
    captured_minor: int = 0
    refunded_minor: int = 0
    failure: tuple[str, str] = ("", "")
    seen: bool = True
    checked_at: int | None = None
    settled_at: int | None = None
    returns: list[Return] = field(default_factory=list)

    @property
    def expires_at(self) -> int:
        return self.at + _LIFETIME


@dataclass(slots=True)
class Receipt:
    """What the desk took for a visit that took place."""

    id: uuid.UUID
    method: str
    amount_minor: int
    tip_minor: int
    taken_by: uuid.UUID
    at: int


@dataclass(slots=True)
class Opinion:
    """A review. `hidden` is why the platform took it out of sight, `reported` what somebody said against it."""

    id: uuid.UUID
    rating: int
    comment: str
    reply: str
    at: int
    hidden: str = ""
    reported: str = ""

    @property
    def replied_at(self) -> int | None:
        return self.at + 7 * HOUR if self.reply else None


@dataclass(slots=True)
class Story:
    """A booking with all that belongs to it."""

    draft: Draft
    id: uuid.UUID
    item_ids: list[uuid.UUID]
    price_minor: int
    deposit_minor: int
    note: str = ""
    created_at: int = 0
    state: str = ""
    changes: list[Change] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    receipt: Receipt | None = None
    opinion: Opinion | None = None
    fee_minor: int | None = None
    hold_until: int | None = None
    respond_by: int | None = None
    paid_at: int | None = None
    arrived_at: int | None = None
    no_show_at: int | None = None

    @property
    def dies_at(self) -> int | None:
        """As on the booking: when it gives its time back unless somebody acts."""
        return {S.HELD: self.hold_until, S.REQUESTED: self.respond_by}.get(S(self.state))


def tell(draft: Draft, *, seed: int, now: int) -> Story:
    """What became of a draft by `now`."""
    return _Teller(draft, seed=seed, now=now).tell()


class _Teller:
    def __init__(self, draft: Draft, *, seed: int, now: int) -> None:
        self.draft, self.now, self.over = draft, now, False
        self.plan = draft.salon.plan
        self.rng = rng = dice(seed, draft.salon.slug, draft.day, draft.number)
        self.starts, self.ends = draft.starts * MINUTE, draft.ends * MINUTE
        price = sum(item.line.price_minor for item in draft.items)
        at_desk = draft.outcome is Outcome.AT_THE_DESK
        self.story = Story(
            draft,
            id=identity(rng, draft.starts),
            item_ids=[identity(rng, item.starts) for item in draft.items],
            price_minor=price,
            deposit_minor=0 if at_desk else percentage(price, self.plan.deposit_percent),
            note=rng.choice(people.NOTES),
        )

    def tell(self) -> Story:
        match self.draft.outcome:
            case Outcome.KEPT:
                self.confirmed()
                self.visit()
            case Outcome.NO_SHOW:
                self.confirmed()
                self.story.no_show_at = self.starts + self.within(15, 40)
                self.change("no_show", S.NO_SHOW, self.salon(), self.story.no_show_at)
            case Outcome.AT_THE_DESK:
                self.at_the_desk()
                self.visit()
            case Outcome.CANCELLED_EARLY:
                self.cancelled_early()
            case Outcome.CANCELLED_LATE:
                self.confirmed()
                last = max(self.last + MINUTE, self.starts - self.plan.free_cancel_hours * HOUR)
                self.cancel(self.customer(), self.between(last, self.starts - 10 * MINUTE))
            case Outcome.CANCELLED_BY_SALON:
                self.confirmed(lead=HOUR * 8)
                latest = min(self.starts - HOUR, -20 * MINUTE)
                self.cancel(self.salon(), self.between(self.last + MINUTE, latest))
            case Outcome.VOIDED:
                self.confirmed()
                self.cancel(self.salon(), self.last + self.within(3, 15), void=True)
            case Outcome.DECLINED:
                self.booked()
                reason = self.rng.choice(people.DECLINE_REASONS)
                at = self.last + self.within(5, min(110, self.plan.respond_within_minutes - 1))
                if self.change("decline", S.DECLINED, self.salon(), at, reason):
                    self.give_back("booking_closed", self.changes[-1].actor)
            case Outcome.UNANSWERED:
                self.booked()
                self.expire(self.story.respond_by)
                if self.story.state == S.EXPIRED:
                    self.give_back("booking_closed", None)
            case Outcome.ABANDONED:
                self.held()
                if self.rng.random() < 0.5:
                    self.failed_attempt(given_up=0.4)
                self.expire(self.story.hold_until)
            case Outcome.DROPPED:
                self.held()
                self.cancel(self.customer(), self.last + self.within(1, 6))
            case Outcome.PAID_TOO_LATE:
                self.paid_too_late()
            case Outcome.HELD_NOW:
                self.held(at=self.now - self.within(2, 5))
                if self.rng.random() < 0.5:
                    self.begin_attempt(self.story.created_at + self.within(0.5, 1.5))
            case Outcome.REQUESTED_NOW:
                self.booked(at=self.now - self.within(12, 50))
        return self.story

    # Chance and people

    def within(self, least: float, most: float) -> int:
        """Seconds, from minutes."""
        return int(self.rng.uniform(least, most) * MINUTE)

    def between(self, first: int, last: int) -> int:
        return self.rng.randint(first, last) if first < last else first

    def customer(self) -> tuple[str, uuid.UUID | None]:
        return ActorRole.CUSTOMER, self.draft.customer.id if self.draft.customer else None

    def salon(self) -> tuple[str, uuid.UUID | None]:
        return ActorRole.SALON, self.rng.choice(self.draft.salon.desk).id

    SYSTEM: tuple[str, uuid.UUID | None] = (ActorRole.SYSTEM, None)

    @property
    def changes(self) -> list[Change]:
        return self.story.changes

    @property
    def last(self) -> int:
        return self.changes[-1].at

    # Moves

    def change(
        self, verb: str, after: str, actor: tuple[str, uuid.UUID | None], at: int, reason: str = ""
    ) -> bool:
        """Write down a move if it has happened by now; the first that has not ends the story."""
        self.over = self.over or at > self.now
        if self.over:
            return False
        if self.changes:
            at = max(at, self.last)
        self.changes.append(Change(verb, self.story.state, after, *actor, at, reason))
        self.story.state = after
        return True

    def asked_at(self, lead: int) -> int:
        """A moment of somebody's waking day, `lead` seconds or more before the visit and surely in the past."""
        latest = self.starts - lead
        if self.starts >= 0:
            latest = min(latest, -4 * HOUR)
        days = self.rng.choices(range(12), (14, 20, 16, 12, 9, 8, 7, 5, 3, 2, 2, 2))[0]
        at = (latest // (24 * HOUR) - days) * 24 * HOUR + self.rng.randrange(9 * HOUR, 23 * HOUR + 1800)
        return at if at <= latest else latest - self.rng.randrange(2 * HOUR)

    def create(self, state: str, actor: tuple[str, uuid.UUID | None], at: int) -> None:
        self.story.created_at = at
        self.change("create", state, actor, at)

    def held(self, *, at: int | None = None, lead: int = 3 * HOUR) -> None:
        self.create(S.HELD, self.customer(), self.asked_at(lead) if at is None else at)
        self.story.hold_until = self.story.created_at + _HOLD

    def booked(self, *, at: int | None = None, lead: int = 3 * HOUR) -> None:
        """Asked for, the deposit paid if there is one: requested, or confirmed where nobody need answer."""
        story = self.story
        if story.deposit_minor:
            self.held(at=at, lead=lead)
            if self.rng.random() < 0.1:
                self.failed_attempt()
            attempt = self.begin_attempt(self.quiet + self.within(0.4, 1.5))
            self.capture(attempt, attempt.at + self.within(0.5, 2.2))
            story.paid_at, story.hold_until = attempt.settled_at, None
            verb, after = (
                ("auto_confirm", S.CONFIRMED) if self.plan.auto_confirm else ("request", S.REQUESTED)
            )
            self.change(verb, after, self.SYSTEM, attempt.settled_at or attempt.at)
        else:
            after = S.CONFIRMED if self.plan.auto_confirm else S.REQUESTED
            self.create(after, self.customer(), self.asked_at(lead) if at is None else at)
        if not self.plan.auto_confirm:
            story.respond_by = min(self.last + self.plan.respond_within_minutes * MINUTE, self.starts)

    def confirmed(self, *, lead: int = 3 * HOUR) -> None:
        self.booked(lead=lead)
        if self.story.state == S.REQUESTED:
            self.change("confirm", S.CONFIRMED, self.salon(), self.last + self.within(3, 100))

    def visit(self) -> None:
        """They come, and leave satisfied or not."""
        if self.story.state != S.CONFIRMED:
            return
        arrived = max(self.starts - self.within(0, 8) + self.within(0, 8), self.last + 20)
        if self.change("check_in", S.CONFIRMED, self.salon(), arrived):
            self.story.arrived_at = arrived
            if self.change("complete", S.COMPLETED, self.salon(), self.ends + self.within(0, 9)):
                self.review()
                self.take_the_rest()

    def take_the_rest(self) -> None:
        """Most desks write down what a guest pays before leaving."""
        rest = self.story.price_minor - sum(a.captured_minor - a.refunded_minor for a in self.story.attempts)
        _role, by = self.salon()
        if rest <= 0 or by is None or self.rng.random() < 0.06:
            return
        method = self.rng.choices((ReceiptMethod.TERMINAL, ReceiptMethod.CASH), (3, 1))[0]
        tip = self.rng.choices((0, 1000, 2000), (8, 2, 1))[0]
        at = self.last
        self.story.receipt = Receipt(identity(self.rng, at // MINUTE), method, rest, tip, by, at)

    def at_the_desk(self) -> None:
        if self.starts < 0:
            at = self.starts - self.within(0, 15)
        else:
            at = self.asked_at(HOUR)  # by telephone
        self.create(S.CONFIRMED, self.salon(), at)

    def cancelled_early(self) -> None:
        free_until = self.starts - self.plan.free_cancel_hours * HOUR
        lead = self.plan.free_cancel_hours * HOUR + 6 * HOUR
        if self.rng.random() < 0.3:
            self.booked(lead=lead)
        else:
            self.confirmed(lead=lead)
        latest = min(free_until - MINUTE, -30 * MINUTE)
        if self.story.state == S.REQUESTED and self.story.respond_by is not None:
            latest = min(latest, self.story.respond_by - MINUTE)
        self.cancel(self.customer(), self.between(self.last + MINUTE, latest))

    def cancel(self, actor: tuple[str, uuid.UUID | None], at: int, *, void: bool = False) -> None:
        by_salon = actor[0] == ActorRole.SALON
        fee = 0
        if (
            not by_salon
            and self.story.state == S.CONFIRMED
            and at >= self.starts - self.plan.free_cancel_hours * HOUR
        ):
            fee = percentage(self.story.deposit_minor, self.plan.late_cancel_percent)
        reason = self.rng.choice(people.SALON_CANCEL_REASONS if by_salon else people.CANCEL_REASONS)
        if self.change("cancel", S.CANCELLED, actor, at, reason):
            self.story.fee_minor = fee
            if void:
                self.void()
            else:
                self.give_back("booking_closed", actor[1], keep=fee)

    def expire(self, due: int | None) -> None:
        """Written down by the minute loop, a little later than it was due."""
        assert due is not None
        if due <= self.now:
            self.change("expire", S.EXPIRED, self.SYSTEM, min(due + self.within(0, 1), self.now))

    def paid_too_late(self) -> None:
        """The bank's page took so long that somebody else has the time by now: the money goes back whole."""
        self.held()
        attempt = self.begin_attempt(self.story.created_at + self.within(0.5, 1.5))
        self.expire(self.story.hold_until)
        if self.story.state == S.EXPIRED:
            self.capture(attempt, self.last + self.within(0.5, 3))
            self.give_back("no_booking_to_pay", None)

    # Money

    @property
    def quiet(self) -> int:
        """When the last thing about this booking was done: the next attempt begins after it."""
        return max([self.last, *(a.checked_at for a in self.story.attempts if a.checked_at is not None)])

    def begin_attempt(self, at: int) -> Attempt:
        bits = uuid.UUID(int=self.rng.getrandbits(128), version=4)
        attempt = Attempt(bits, self.story.deposit_minor, at)
        self.story.attempts.append(attempt)
        if self.story.hold_until is not None:
            self.story.hold_until = max(self.story.hold_until, at + _HOLD_WHILE_PAYING)
        return attempt

    def failed_attempt(self, *, given_up: float = 0.0) -> None:
        """Refused by the bank, or (with chance `given_up`) never even begun at the gateway."""
        attempt = self.begin_attempt(self.quiet + self.within(0.4, 1.5))
        attempt.state = PaymentState.FAILED
        if self.rng.random() < given_up:
            attempt.failure, attempt.seen = NEVER_STARTED, False
            attempt.checked_at = attempt.expires_at + self.within(0, 1)
        else:
            attempt.failure = self.rng.choice(FAILURES)
            attempt.checked_at = attempt.at + self.within(0.5, 2)

    def capture(self, attempt: Attempt, at: int) -> None:
        attempt.state = PaymentState.CAPTURED
        attempt.captured_minor = attempt.amount_minor
        attempt.settled_at = attempt.checked_at = at

    def void(self) -> None:
        for attempt in self.story.attempts:
            if attempt.captured_minor:
                attempt.state, attempt.captured_minor = PaymentState.VOIDED, 0
                attempt.checked_at = self.last + 3

    def give_back(self, reason: str, requested_by: uuid.UUID | None, *, keep: int = 0) -> None:
        """Everything but the fee, seconds after it was owed."""
        for attempt in self.story.attempts:
            amount = attempt.captured_minor - keep
            if amount <= 0 or attempt.settled_at is None:
                continue
            at = max(self.last, attempt.settled_at)
            attempt.refunded_minor = amount
            attempt.state = PaymentState.PARTIALLY_REFUNDED if keep else PaymentState.REFUNDED
            attempt.checked_at = at + self.rng.randint(2, 5)
            refund_id = identity(self.rng, at // MINUTE)
            attempt.returns.append(Return(refund_id, amount, reason, requested_by, at, attempt.checked_at))

    def review(self) -> None:
        if self.draft.customer is None or self.rng.random() > 0.4:
            return
        at = self.last + self.within(20, 60 * 40)
        rating = _rating(self.rng, self.plan.quality)
        comment = self.rng.choice(people.COMMENTS[rating])
        reply = self.rng.choice(people.REPLIES) if comment and self.rng.random() < 0.25 else ""
        if rating > 3 and reply:
            reply = people.REPLIES[0]
        if at <= self.now:
            self.story.opinion = Opinion(identity(self.rng, at // MINUTE), rating, comment, reply, at)


def _rating(rng: random.Random, quality: float) -> int:
    return max(1, min(5, round(rng.gauss(quality + 0.1, 0.8))))
