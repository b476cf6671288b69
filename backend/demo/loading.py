"""Writing the demo into the database: once, whole or not at all, in bulk, without disturbing a live server.

One transaction inserts and never updates or locks a row somebody else has; rows go in by COPY, a few thousand visits at
a time, so memory stays bounded at any scale.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Model
from django.utils.text import slugify

from backend.accounts.models import PlatformRole, User
from backend.bookings.models import (
    TAKING_STATES,
    Booking,
    BookingEvent,
    BookingItem,
    Calendar,
    Claim,
    Source,
)
from backend.bookings.reference import reference_of
from backend.core.money import CURRENCY
from backend.core.time import RIYADH
from backend.demo import people
from backend.demo.catalogue import CATEGORIES, CITIES, DISTRICTS, SALONS, Pair, Window
from backend.demo.drafts import Book
from backend.demo.stories import Story, tell
from backend.demo.world import DAY, Cluster, Person, SalonCast, build_cluster, demo_people
from backend.payments.models import Payment, Refund, RefundState
from backend.salons.models import (
    Business,
    Category,
    City,
    Closure,
    District,
    Membership,
    Review,
    ReviewStatus,
    Salon,
    SalonRole,
    SalonStatus,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)

SEED = 1447
_LOCK = 0x6D61776964  # one loader at a time
_STORIES_AT_ONCE = 2000
_TOUCHED = (
    User, Salon, Service, StaffMember, Review, Calendar, Booking, BookingItem, BookingEvent, Claim, Payment, Refund,
)  # fmt: skip

T = TypeVar("T")


@dataclass
class Totals:
    """What was written."""

    salons: int = 0
    staff: int = 0
    customers: int = 0
    bookings: int = 0
    payments: int = 0
    reviews: int = 0


def is_loaded() -> bool:
    return Salon.objects.filter(slug="lamsa").exists()


def load(
    *,
    now: datetime,
    scale: int = 1,
    seed: int = SEED,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Totals | None:
    """Write the demo, `scale` times as large. None when it is there already: nothing is changed then.

    `progress` is called with (salons done, salons in all).
    """
    totals = Totals()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            # Foreign keys are checked as rows arrive: a queue of millions until the commit would be memory.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if is_loaded():
            return None
        writer = _Writer(seed=seed, now=now, totals=totals)
        writer.frame()
        for number in range(scale):
            cluster = build_cluster(seed, number)
            writer.cluster(cluster)
            book = Book(cluster, seed=seed, today=writer.today)
            for salon in cluster.salons:
                writer.history(salon, book)
                progress(totals.salons, scale * len(SALONS))
    with connection.cursor() as cursor:
        for model in _TOUCHED:
            cursor.execute(f"ANALYZE {model._meta.db_table}")  # the planner must not guess from empty tables
    return totals


class _Writer:
    def __init__(self, *, seed: int, now: datetime, totals: Totals) -> None:
        self.seed, self.totals = seed, totals
        self.today: date = now.astimezone(RIYADH).date()
        self.midnight = datetime.combine(self.today, time.min, tzinfo=RIYADH)
        self.now_seconds = int((now - self.midnight).total_seconds())
        self.known: dict[uuid.UUID, uuid.UUID] = {}
        """People whose number had an account before the demo came, by the id the demo would have given."""
        self.calendars: dict[uuid.UUID, int] = {}

    def at(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self.midnight + timedelta(seconds=seconds)

    def minute(self, minutes: int) -> datetime:
        return self.midnight + timedelta(minutes=minutes)

    # The catalogue

    def frame(self) -> None:
        """Cities, categories, and the people who sign in as somebody."""
        City.objects.bulk_create(
            [City(slug=slug, position=i, **_name(pair)) for i, (slug, pair) in enumerate(CITIES.items())],
            ignore_conflicts=True,
        )
        District.objects.bulk_create(
            [
                District(slug=_district_slug(city, pair), city_id=city, position=i, **_name(pair))
                for city, pairs in DISTRICTS.items()
                for i, pair in enumerate(pairs)
            ],
            ignore_conflicts=True,
        )
        Category.objects.bulk_create(
            [
                Category(slug=slug, position=i, **_name(pair))
                for i, (slug, pair) in enumerate(CATEGORIES.items())
            ],
            ignore_conflicts=True,
        )
        cast = demo_people(self.seed)
        self.people(list(cast.values()))
        PlatformRole.objects.bulk_create(
            [
                PlatformRole(user_id=self.user(cast[role].id), role=role, granted_at=self.minute(-200 * DAY))
                for role in (PlatformRole.Role.FINANCE, PlatformRole.Role.PLATFORM_ADMIN)
            ],
            ignore_conflicts=True,
        )

    def people(self, persons: Sequence[Person]) -> None:
        """Accounts, with a calendar each; a number that is known keeps its account."""
        rows = [
            User(
                id=p.id,
                phone=p.phone,
                name=p.name,
                gender=p.gender,
                device_language=p.language,
                password="!",
                joined_at=self.minute(-p.born * DAY),
            )
            for p in persons
        ]
        User.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)
        found = dict(User.objects.filter(phone__in=[p.phone for p in persons]).values_list("phone", "id"))
        self.known |= {p.id: found[p.phone] for p in persons if found[p.phone] != p.id}
        self._calendars("customer_id", [self.user(p.id) for p in persons])

    def user(self, id: uuid.UUID) -> uuid.UUID:
        return self.known.get(id, id)

    def _calendars(self, owner: str, ids: list[uuid.UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO bookings_calendar ({owner}) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING",
                [ids],
            )
            cursor.execute(f"SELECT {owner}, id FROM bookings_calendar WHERE {owner} = ANY(%s)", [ids])
            self.calendars |= dict(cursor.fetchall())

    def cluster(self, cluster: Cluster) -> None:
        """Its customers, and its salons with everything but bookings."""
        self.calendars.clear()
        owners = {person.id: person for salon in cluster.salons for person in salon.desk}
        customers = {person.id: person for person in cluster.customers}
        self.people(list((owners | customers).values()))
        salons, founded = cluster.salons, self.minute(-400 * DAY)
        Business.objects.bulk_create(
            Business(
                id=s.business_id,
                vat_number=f"3{s.number + 1:013d}3",
                created_at=founded,
                **_name((f"مؤسسة {s.name[0]}", f"{s.name[1]} Est.")),
            )
            for s in salons
        )
        Salon.objects.bulk_create(self.salon(s, founded) for s in salons)
        Membership.objects.bulk_create(
            Membership(user_id=self.user(person.id), salon_id=s.id, role=role, created_at=founded)
            for s in salons
            for person, role in zip(s.desk, (SalonRole.OWNER, SalonRole.RECEPTIONIST), strict=False)
        )
        Service.objects.bulk_create(
            Service(
                id=line.id,
                salon_id=s.id,
                category_id=line.plan.category,
                duration_minutes=line.plan.minutes,
                buffer_before_minutes=line.plan.before,
                buffer_after_minutes=line.plan.after,
                price_minor=line.price_minor,
                position=position,
                **_name(line.plan.name),
            )
            for s in salons
            for position, line in enumerate(s.lines)
        )
        StaffMember.objects.bulk_create(
            StaffMember(
                id=member.id,
                salon_id=s.id,
                position=seat,
                **_name(member.name),
                **_texts("title", member.title),
            )
            for s in salons
            for seat, member in enumerate(s.staff)
        )
        StaffService.objects.bulk_create(
            StaffService(staff_member_id=member.id, service_id=line.id)
            for s in salons
            for member in s.staff
            for line in member.services
        )
        WorkingWindow.objects.bulk_create(window for s in salons for window in _windows(s))
        Closure.objects.bulk_create(closure for s in salons for closure in self.closures(s))
        self._calendars("staff_member_id", [member.id for s in salons for member in s.staff])
        self.totals.staff += sum(len(s.staff) for s in salons)
        self.totals.customers += len(customers)

    def salon(self, s: SalonCast, founded: datetime) -> Salon:
        plan = s.plan
        return Salon(
            id=s.id,
            business_id=s.business_id,
            slug=s.slug,
            city_id=plan.city,
            latitude=s.latitude,
            longitude=s.longitude,
            phone=people.salon_phone(s.number, plan.city),
            audience=plan.audience,
            status=SalonStatus.LIVE,
            auto_confirm=plan.auto_confirm,
            grid_minutes=plan.grid_minutes,
            respond_within_minutes=plan.respond_within_minutes,
            deposit_percent=plan.deposit_percent,
            free_cancel_hours=plan.free_cancel_hours,
            late_cancel_percent=plan.late_cancel_percent,
            created_at=founded,
            **_name(s.name),
            **_texts("description", plan.description),
            district_id=_district_slug(plan.city, s.district),
            **_texts("address", s.address),
        )

    def closures(self, s: SalonCast) -> Iterator[Closure]:
        if s.closed:
            yield Closure(
                salon_id=s.id,
                starts_at=self.minute(s.closed[0]),
                ends_at=self.minute(s.closed[1]),
                **_texts("reason", people.CLOSURE_REASON),
            )
        for member in s.staff:
            if member.away:
                begins, ends, why = member.away
                yield Closure(
                    salon_id=s.id,
                    staff_member_id=member.id,
                    starts_at=self.minute(begins),
                    ends_at=self.minute(ends),
                    **_texts("reason", why),
                )

    # The books

    def history(self, salon: SalonCast, book: Book) -> None:
        """Every visit of a salon, told by now, and the ratings that came of it."""
        ratings: list[int] = []
        stories = (tell(draft, seed=self.seed, now=self.now_seconds) for draft in book.drafts(salon))
        while batch := list(islice(stories, _STORIES_AT_ONCE)):
            self._write(batch)
            ratings += [story.opinion.rating for story in batch if story.opinion]
        if ratings:
            Salon.objects.filter(pk=salon.id).update(rating_sum=sum(ratings), rating_count=len(ratings))
        self.totals.salons += 1

    def _write(self, stories: list[Story]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('bookings_reference') FROM generate_series(1, %s)", [len(stories)])
            references = [reference_of(number) for (number,) in cursor.fetchall()]
        _copy(Booking, _BOOKING, (self.booking(s, r) for s, r in zip(stories, references, strict=True)))
        _copy(BookingItem, _ITEM, (row for s in stories for row in self.items(s)))
        _copy(Claim, _CLAIM, (row for s in stories for row in self.claims(s)))
        _copy(BookingEvent, _EVENT, (row for s in stories for row in self.events(s)))
        _copy(Payment, _PAYMENT, (row for s in stories for row in self.payments(s)))
        _copy(Refund, _REFUND, (row for s in stories for row in self.refunds(s)))
        _copy(Review, _REVIEW, (row for s in stories for row in self.reviews(s)))
        self.totals.bookings += len(stories)
        self.totals.payments += sum(len(s.attempts) for s in stories)
        self.totals.reviews += sum(s.opinion is not None for s in stories)

    def booking(self, s: Story, reference: str) -> tuple[Any, ...]:
        draft, plan = s.draft, s.draft.salon.plan
        customer = draft.customer
        return (
            s.id, reference, len(s.changes), s.state, draft.salon.id, self.user(customer.id) if customer else None,
            draft.guest, "", Source.APP if customer else Source.DESK, customer.language if customer else "ar", s.note,
            self.minute(draft.starts), self.minute(draft.ends), self.today + timedelta(days=draft.day), CURRENCY,
            s.price_minor, s.deposit_minor, plan.free_cancel_hours, plan.late_cancel_percent, s.fee_minor,
            self.at(s.hold_until), self.at(s.respond_by), self.at(s.paid_at), self.at(s.arrived_at),
            self.at(s.created_at),
        )  # fmt: skip

    def items(self, s: Story) -> Iterator[tuple[Any, ...]]:
        for position, (id, item) in enumerate(zip(s.item_ids, s.draft.items, strict=True)):
            ends = item.starts + item.line.plan.minutes
            yield (
                id, s.id, position, item.line.id, item.staff.id, *item.line.plan.name,
                self.minute(item.starts), self.minute(ends), item.line.price_minor,
            )  # fmt: skip

    def claims(self, s: Story) -> Iterator[tuple[Any, ...]]:
        active, expires_at = s.state in TAKING_STATES, self.at(s.dies_at)
        day = self.today + timedelta(days=s.draft.day)
        counted = set()
        for staff_id, (begins, ends) in s.draft.claims:
            counts = None if staff_id in counted else day
            counted.add(staff_id)
            yield (
                self.calendars[staff_id],
                s.id,
                self.minute(begins),
                self.minute(ends),
                counts,
                active,
                expires_at,
            )
        if s.draft.customer:
            calendar = self.calendars[self.user(s.draft.customer.id)]
            yield (
                calendar,
                s.id,
                self.minute(s.draft.starts),
                self.minute(s.draft.ends),
                None,
                active,
                expires_at,
            )

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

    def reviews(self, s: Story) -> Iterator[tuple[Any, ...]]:
        if s.opinion and s.draft.customer:
            o, author = s.opinion, self.user(s.draft.customer.id)
            yield (
                o.id, s.draft.salon.id, author, s.id, o.rating, o.comment, o.reply, ReviewStatus.PUBLISHED,
                "", 1, self.at(o.at),
            )  # fmt: skip


_BOOKING = (
    "id", "reference", "version", "state", "salon_id", "customer_id", "guest_name", "guest_phone", "source", "language",
    "note", "starts_at", "ends_at", "business_date", "currency", "price_minor", "deposit_minor", "free_cancel_hours",
    "late_cancel_percent", "cancellation_fee_minor", "hold_expires_at", "respond_by", "deposit_paid_at", "arrived_at",
    "created_at",
)  # fmt: skip
_ITEM = (
    "id", "booking_id", "position", "service_id", "staff_member_id", "service_name_ar", "service_name_en", "starts_at",
    "ends_at", "price_minor",
)  # fmt: skip
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
_REVIEW = (
    "id", "salon_id", "author_id", "booking_id", "rating", "comment", "reply", "status",
    "hidden_reason", "version", "created_at",
)  # fmt: skip


def _copy(model: type[Model], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """COPY is several times faster than INSERT and needs no list of objects."""
    statement = f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _name(pair: Pair) -> dict[str, str]:
    return _texts("name", pair)


def _texts(field: str, pair: Pair) -> dict[str, str]:
    """Both languages of a translated field; its base column holds Arabic, the first language."""
    return {field: pair[0], f"{field}_ar": pair[0], f"{field}_en": pair[1]}


def _district_slug(city: str, district: Pair) -> str:
    return f"{city}-{slugify(district[1])}"


def _windows(s: SalonCast) -> Iterator[WorkingWindow]:
    weeks: list[tuple[uuid.UUID | None, dict[int, tuple[Window, ...]]]] = [(None, s.hours)]
    weeks += [(member.id, member.week) for member in s.staff if member.week is not None]
    for staff_id, week in weeks:
        for weekday, windows in week.items():
            for opens, closes in windows:
                yield WorkingWindow(
                    salon_id=s.id,
                    staff_member_id=staff_id,
                    weekday=weekday,
                    opens_minute=opens,
                    closes_minute=closes,
                )
