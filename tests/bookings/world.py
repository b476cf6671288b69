"""A small random salon, and everything that can take time there: for the tests that hold offers against answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from backend.bookings import operations
from backend.bookings.models import Booking, Claim, OutsideCalendar, OutsideTime, WaitlistEntry
from backend.bookings.operations.offering import finish_waitlist
from backend.bookings.operations.outside import claim_what_came_free
from backend.bookings.operations.renting import create_rental
from backend.bookings.operations.sessions import cancel_session
from backend.bookings.operations.waitlist import join_waitlist
from backend.bookings.queries import Wish
from backend.bookings.queries.renting import on_offer
from backend.core.errors import DomainError
from backend.salons.models import (
    Closure,
    Override,
    Rental,
    Resource,
    Salon,
    Season,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from tests.bookings.sessions import on_sale
from tests.factories import (
    RentalFactory,
    ResourceFactory,
    SalonFactory,
    ServiceFactory,
    StaffMemberFactory,
    UserFactory,
    needing,
    variant,
)
from tests.support.api import Api, ok

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)  # a Friday: 09:00 in Riyadh
DAYS = [date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)]


class Undo(Exception):
    """Ends a savepoint that must leave nothing."""


class World:
    """A small salon with some of every rule, and what one customer would like there on one day.

    `crowd` lets everybody who can take time there take some.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.day = rng.choice(DAYS)
        self.salon = SalonFactory.create(
            timezone=rng.choice(["Asia/Riyadh", "Asia/Riyadh", "Asia/Kolkata"]),
            grid_minutes=rng.choice([10, 15, 30, 45]),
            min_notice_minutes=rng.choice([0, 60, 300]),
            horizon_days=rng.choice([1, 30, 30]),
            prayer_pause=rng.choice(["none", "friday", "chosen"]),
            pause_prayers=["asr", "maghrib"],
            services_may_span_pauses=rng.random() < 0.3,
            latitude="24.71355",
            longitude="46.67530",
            deposit_percent=rng.choice([0, 20]),
            auto_confirm=True,
        )
        self.windows()
        self.people = [
            StaffMemberFactory.create(
                salon=self.salon, position=n, max_bookings_per_day=rng.choice([None, None, 1, 2])
            )
            for n in range(rng.randint(1, 3))
        ]
        self.things = [
            ResourceFactory.create(salon=self.salon, kind=rng.choice(["room", "chair"]))
            for _ in range(rng.randint(1, 3))
        ]
        self.services = [self.service() for _ in range(rng.randint(1, 3))]
        self.rentals = [self.rental(thing) for thing in self.things]
        self.exceptions()
        self.salon = Salon.objects.get(pk=self.salon.pk)

    def window(self) -> tuple[int, int]:
        opens = self.rng.choice([0, 540, 600, 615, 1080])
        return opens, opens + self.rng.choice([120, 300, 600, 720])

    def windows(self) -> None:
        for weekday in (4, 5, 6, 7):
            opens, closes = self.window()
            WorkingWindow.objects.create(
                salon=self.salon, weekday=weekday, opens_minute=opens, closes_minute=closes
            )
        if self.rng.random() < 0.3:
            season = Season.objects.create(
                salon=self.salon, name="S", first_date=date(2026, 11, 21), last_date=date(2026, 11, 30)
            )
            opens, closes = self.window()
            WorkingWindow.objects.create(
                salon=self.salon, season=season, weekday=6, opens_minute=opens, closes_minute=closes
            )

    def service(self) -> Service:
        rng = self.rng
        gap = {"processing_starts_minute": 10, "processing_minutes": rng.choice([5, 15])}
        row = ServiceFactory.create(
            salon=self.salon,
            duration_minutes=rng.choice([30, 45, 70]),
            buffer_before_minutes=rng.choice([0, 0, 5, 20]),
            buffer_after_minutes=rng.choice([0, 0, 10, 25]),
            min_notice_minutes=rng.choice([None, None, 0, 1500]),
            horizon_days=rng.choice([None, None, 2]),
            deposit_percent=rng.choice([None, None, 0]),
            **(gap if rng.random() < 0.4 else {}),
        )
        for person in rng.sample(self.people, rng.randint(1, len(self.people))):
            StaffService.objects.create(service=row, staff_member=person)
        needing(row, *rng.choice([[], [], ["room"], ["chair"], ["chair", "room"]]))
        return variant(row, duration_minutes=rng.choice([20, 60])) if rng.random() < 0.3 else row

    def rental(self, thing: Any) -> Rental:
        rng = self.rng
        step = rng.choice([15, 30, 60, 60])
        return RentalFactory.create(
            salon=self.salon,
            resource=thing,
            step_minutes=step,
            min_minutes=step,
            max_minutes=step * rng.choice([4, 40, 60]),
            buffer_before_minutes=rng.choice([0, 0, 20]),
            buffer_after_minutes=rng.choice([0, 0, 45]),
            min_notice_minutes=rng.choice([None, 0, 1500]),
            horizon_days=rng.choice([None, None, 2]),
            auto_confirm=rng.random() < 0.5,
        )

    def length(self, rental: Rental) -> int:
        """Mostly some hours, now and then through the night."""
        steps = rental.max_minutes // rental.step_minutes
        return rental.step_minutes * self.rng.choice([1, min(3, steps), steps])

    def free(self, rental: Rental, minutes: int) -> list[datetime]:
        query = {"date": str(self.day), "duration_minutes": minutes}
        [day] = ok(Api().get(f"rentals/{rental.pk}/availability", **query))["days"]
        return [datetime.fromisoformat(slot["starts_at"]) for slot in day["slots"]]

    def rent(self, rental: Rental, starts_at: datetime, minutes: int) -> Booking:
        return create_rental(
            customer=UserFactory.create(),
            rental=on_offer().get(pk=rental.pk),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=minutes),
            now=NOW,
        )

    def exceptions(self) -> None:
        """Closures of the salon, of people and of things, and other hours on one of the days."""
        rng = self.rng
        subjects: list[StaffMember | Resource | None] = [None, *self.people, *self.things]
        for _ in range(rng.randint(0, 3)):
            subject = rng.choice(subjects)
            whose = {
                "salon": self.salon,
                "staff_member": subject if isinstance(subject, StaffMember) else None,
                "resource": subject if isinstance(subject, Resource) else None,
            }
            starts = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(minutes=rng.randint(0, 3 * 1440))
            if rng.random() < 0.7:
                ends = starts + timedelta(minutes=rng.randint(1, 300))
                Closure.objects.create(starts_at=starts, ends_at=ends, **whose)
            else:
                Closure.objects.create(
                    kind="weekly", weekday=starts.isoweekday(), opens_minute=720, closes_minute=800, **whose
                )
        if rng.random() < 0.4:
            whom = rng.choice([None, *self.people])
            override = Override.objects.create(salon=self.salon, staff_member=whom, date=rng.choice(DAYS))
            for _ in range(rng.randint(0, 1)):
                opens, closes = self.window()
                override.windows.create(opens_minute=opens, closes_minute=closes)

    def wishes(self) -> list[Wish]:
        wanted = [self.rng.choice(self.services) for _ in range(self.rng.choice([1, 1, 2]))]
        chosen = self.rng.choice(self.people).pk if self.rng.random() < 0.2 else None
        return [Wish(service.pk, chosen) for service in wanted]

    def listed(self, wishes: list[Wish], **more: Any) -> dict[str, Any]:
        query = {"service_ids": ",".join(str(w.service_id) for w in wishes), "date": str(self.day)} | more
        if wishes[0].staff_member_id:
            query["staff_member_id"] = str(wishes[0].staff_member_id)
        answer: dict[str, Any] = ok(Api().get(f"salons/{self.salon.slug}/availability", **query))
        return answer

    def book(self, wishes: list[Wish], starts_at: datetime) -> Booking:
        return operations.create_booking(
            customer=UserFactory.create(), salon=self.salon, wishes=wishes, starts_at=starts_at, now=NOW
        )

    def crowd(self) -> None:
        """All that takes time, in any order; a calendar elsewhere takes what is left, whenever it is read."""
        takers = [self.fill, self.let, self.gather]
        self.rng.shuffle(takers)
        for take in takers:
            take()
        self.busy_elsewhere()

    def let(self) -> None:
        for _ in range(self.rng.randint(0, 3)):
            rental = self.rng.choice(self.rentals)
            minutes = self.length(rental)
            if starts := self.free(rental, minutes):
                self.rent(rental, self.rng.choice(starts), minutes)

    def gather(self) -> None:
        """Some sessions, each with people or things; one that does not fit stays a draft, one may be called off."""
        rng = self.rng
        for _ in range(rng.randint(0, 3)):
            starts_at = datetime.combine(self.day, time(), tzinfo=self.salon.zone) + timedelta(
                minutes=rng.randrange(1440) // 5 * 5
            )
            staff = rng.sample(self.people, rng.randint(1, len(self.people)))
            things = rng.sample(self.things, rng.randint(0, 1))
            try:
                session = on_sale(
                    self.salon,
                    *staff,
                    resource_ids=[thing.pk for thing in things],
                    starts_at=starts_at,
                    ends_at=starts_at + timedelta(minutes=rng.choice([25, 60, 180])),
                    now=NOW,
                )
            except DomainError:
                continue
            if rng.random() < 0.3:
                cancel_session(
                    salon=self.salon,
                    session_id=session.pk,
                    version=session.version,
                    reason="",
                    by=None,
                    now=NOW,
                )

    def fill(self) -> None:
        """Some bookings of other people: standing, cancelled, held, held and dead."""
        for _ in range(self.rng.randint(0, 5)):
            wishes = self.wishes()
            [day] = self.listed(wishes)["days"]
            if not day["slots"]:
                continue
            booking = self.book(wishes, datetime.fromisoformat(self.rng.choice(day["slots"])["starts_at"]))
            end = self.rng.choice(["stands", "stands", "cancelled", "dead", "offered"])
            if end == "cancelled":
                operations.cancel(
                    bookings=Booking.objects.all(),
                    booking_id=booking.pk,
                    actor=operations.SYSTEM,
                    version=1,
                    now=NOW,
                )
            elif end == "offered":
                self.offer(booking)
            elif end == "dead" and booking.state == "held":
                Booking.objects.filter(pk=booking.pk).update(hold_expires_at=NOW)
                Claim.objects.filter(booking=booking).update(expires_at=NOW)

    def busy_elsewhere(self) -> None:
        """Some people's own calendars, whose times meet bookings or do not."""
        rng = self.rng
        for person in rng.sample(self.people, rng.randint(0, len(self.people))):
            calendar = OutsideCalendar.objects.create(
                staff_member=person,
                host="calendar.example",
                sealed=b"",
                created_at=NOW,
                next_read_at=NOW,
                conflicts=1,
            )
            for day in range(rng.randint(1, 3)):
                starts = NOW + timedelta(days=day, minutes=rng.randint(0, 1000))
                ends = starts + timedelta(minutes=rng.choice([15, 60, 400]))
                OutsideTime.objects.create(calendar=calendar, starts_at=starts, ends_at=ends)
        claim_what_came_free(OutsideCalendar.objects.all(), now=NOW)

    def offer(self, booking: Booking) -> None:
        """Its first service's time goes to somebody on the waiting list; the offer stands, or ran out unnoticed."""
        first = booking.items.first()
        assert first is not None
        try:
            entry, _ = join_waitlist(
                customer=UserFactory.create(),
                salon=self.salon,
                wish=Wish(first.service_id),
                day=first.starts_at.astimezone(self.salon.zone).date(),
                now=NOW,
            )
        except DomainError:
            return  # after midnight begins a day that is too far to wait for
        operations.cancel(
            bookings=Booking.objects.all(),
            booking_id=booking.pk,
            actor=operations.SYSTEM,
            version=1,
            now=NOW,
        )
        finish_waitlist(NOW)
        if self.rng.random() < 0.5:
            WaitlistEntry.objects.filter(pk=entry.pk, state="offered").update(
                offered_at=NOW - timedelta(minutes=30), expires_at=NOW
            )
            Claim.objects.filter(waitlist_entry=entry).update(expires_at=NOW)
