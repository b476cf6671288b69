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

from django.conf import settings
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
    DaySummary,
    ItemResource,
    Source,
)
from backend.bookings.reference import reference_of
from backend.core.money import CURRENCY
from backend.core.time import RIYADH
from backend.demo import people
from backend.demo.catalogue import (
    CATEGORIES,
    CENTRES,
    CITIES,
    DISTRICTS,
    RAMADAN,
    RAMADAN_HOURS,
    SALONS,
    Pair,
    Window,
)
from backend.demo.drafts import Book
from backend.demo.stories import Story, tell
from backend.demo.world import (
    DAY,
    PAUSE_MINUTES,
    Cluster,
    Person,
    SalonCast,
    build_cluster,
    demo_people,
    dice,
)
from backend.payments.models import DeskReceipt, DocumentSeries, Entry, Line, Payment, Refund, RefundState
from backend.payments.operations import catch_up_documents, post
from backend.salons.models import (
    Business,
    Category,
    City,
    Closure,
    ClosureKind,
    District,
    Favourite,
    Membership,
    Override,
    OverrideWindow,
    PrayerPause,
    Resource,
    Review,
    ReviewReport,
    ReviewStatus,
    Salon,
    SalonEvent,
    SalonRole,
    SalonStatus,
    Season,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from backend.salons.operations import indexing
from backend.salons.operations.standing import MOVES, Verb

SEED = 1447
_LOCK = 0x6D61776964  # one loader at a time
_STORIES_AT_ONCE = 2000
_TOUCHED = (
    User, Salon, Service, StaffMember, StaffService, WorkingWindow, Review, Favourite, Calendar, Booking, BookingItem,
    BookingEvent, ItemResource, Claim, Payment, Refund, DeskReceipt, Entry,
    Line,
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
        indexing.heal(now)
        _issue_documents(now)
    with connection.cursor() as cursor:
        for model in _TOUCHED:
            cursor.execute(f"ANALYZE {model._meta.db_table}")  # the planner must not guess from empty tables
    return totals


def _issue_documents(now: datetime) -> None:
    """A few days of invoices, at the salon that people look at. Every other series begins with its next payment."""
    business = Salon.objects.values_list("business", flat=True).get(slug="lamsa")
    DocumentSeries.objects.create(business_id=business, began_at=now - timedelta(days=3))
    catch_up_documents(now)


class _Writer:
    def __init__(self, *, seed: int, now: datetime, totals: Totals) -> None:
        self.seed, self.totals = seed, totals
        self.today: date = now.astimezone(RIYADH).date()
        self.midnight = datetime.combine(self.today, time.min, tzinfo=RIYADH)
        self.now_seconds = int((now - self.midnight).total_seconds())
        self.known: dict[uuid.UUID, uuid.UUID] = {}
        """People whose number had an account before the demo came, by the id the demo would have given."""
        self.calendars: dict[uuid.UUID, int] = {}
        self.moderated = self.reported = False
        """Of all reviews, the platform has hidden one, and one waits for its decision."""

    def at(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self.midnight + timedelta(seconds=seconds)

    def minute(self, minutes: int) -> datetime:
        return self.midnight + timedelta(minutes=minutes)

    # The catalogue

    def frame(self) -> None:
        """Cities, categories, and the people who sign in as somebody."""
        City.objects.bulk_create(
            [
                City(
                    slug=slug,
                    latitude=CENTRES[slug][0],
                    longitude=CENTRES[slug][1],
                    position=i,
                    **_name(pair),
                )
                for i, (slug, pair) in enumerate(CITIES.items())
            ],
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
        self.cast = cast = demo_people(self.seed)
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
                commercial_registration=f"10{s.number + 10_000_000:08d}",
                created_at=founded,
                **_name((f"مؤسسة {s.name[0]}", f"{s.name[1]} Est.")),
            )
            for s in salons
        )
        Salon.objects.bulk_create(self.salon(s, founded) for s in salons)
        SalonEvent.objects.bulk_create(event for s in salons for event in self.moves(s))
        passed = self.now_seconds >= settings.DAY_SUMMARY_HOUR * 3600
        told_for = self.today if passed else self.today - timedelta(days=1)
        DaySummary.objects.bulk_create(DaySummary(salon_id=s.id, told_for_date=told_for) for s in salons)
        Membership.objects.bulk_create(
            Membership(user_id=self.user(person.id), salon_id=s.id, role=role, created_at=founded)
            for s in salons
            for person, role in zip(s.desk, (SalonRole.OWNER, SalonRole.RECEPTIONIST), strict=False)
        )
        self.offer(salons)
        self.hours(salons)
        self.favourites(cluster)
        self._calendars("staff_member_id", [member.id for s in salons for member in s.staff])
        self._calendars("resource_id", [room.id for s in salons for room in s.rooms])
        self.totals.staff += sum(len(s.staff) for s in salons)
        self.totals.customers += len(customers)

    def offer(self, salons: Sequence[SalonCast]) -> None:
        """Price lists, staff, rooms, and who performs what with what."""
        rows = [
            Service(
                id=line.id,
                salon_id=s.id,
                category_id=line.plan.category,
                variant_of_id=line.above.id if line.above else None,
                duration_minutes=line.plan.minutes,
                buffer_before_minutes=line.plan.before,
                buffer_after_minutes=line.plan.after,
                processing_starts_minute=line.plan.gap[0] if line.plan.gap else None,
                processing_minutes=line.plan.gap[1] - line.plan.gap[0] if line.plan.gap else None,
                price_minor=line.price_minor,
                position=position,
                **_name(line.plan.name),
            )
            for s in salons
            for position, line in enumerate(s.lines)
        ]
        Service.objects.bulk_create(rows)
        ServiceNeed.objects.bulk_create(
            ServiceNeed(service_id=line.id, kind=kind)
            for s in salons
            for line in s.lines
            if line.above is None
            for kind in line.needs
        )
        Resource.objects.bulk_create(
            Resource(
                id=room.id, salon_id=s.id, kind=room.kind, code=room.code, position=place, **_name(room.name)
            )
            for s in salons
            for place, room in enumerate(s.rooms)
        )
        StaffMember.objects.bulk_create(
            StaffMember(
                id=member.id,
                salon_id=s.id,
                gender=member.gender,
                languages=list(member.languages),
                position=seat,
                **_name(member.name),
                **_texts("title", member.title),
            )
            for s in salons
            for seat, member in enumerate(s.staff)
        )
        StaffService.objects.bulk_create(
            StaffService(staff_member_id=member.id, service_id=service_id)
            for s in salons
            for member in s.staff
            for service_id in dict.fromkeys((line.above or line).id for line in member.services)
        )

    def hours(self, salons: Sequence[SalonCast]) -> None:
        """Weeks, Ramadan, dates with hours of their own, closures and leave."""
        seasons = {
            s.id: Season(
                salon_id=s.id,
                hijri_from_month=9,
                hijri_from_day=1,
                hijri_to_month=9,
                hijri_to_day=30,
                **_name(RAMADAN),
            )
            for s in salons
            if s.plan.ramadan
        }
        Season.objects.bulk_create(seasons.values())
        WorkingWindow.objects.bulk_create(window for s in salons for window in _windows(s, seasons.get(s.id)))
        overrides = [
            (
                Override(
                    salon_id=s.id,
                    date=self.today + timedelta(days=s.plan.once.day),
                    **_texts("reason", s.plan.once.reason),
                ),
                s.plan.once.windows,
            )
            for s in salons
            if s.plan.once
        ]
        Override.objects.bulk_create(row for row, _windows in overrides)
        OverrideWindow.objects.bulk_create(
            OverrideWindow(override=row, opens_minute=opens, closes_minute=closes)
            for row, windows in overrides
            for opens, closes in windows
        )
        Closure.objects.bulk_create(closure for s in salons for closure in self.closures(s))

    def favourites(self, cluster: Cluster) -> None:
        """The demo's customer keeps three salons at hand, and some others one or two."""
        rng = dice(self.seed, "favourites", cluster.number)
        live = [s for s in cluster.salons if s.plan.status == SalonStatus.LIVE]
        chosen = {(person.id, rng.choice(live).id) for person in rng.sample(cluster.customers, 400)}
        if cluster.number == 0:
            chosen |= {
                (cluster.women[0].id, s.id) for s in live if s.slug in ("lamsa", "dar-henna", "layali-spa")
            }
        Favourite.objects.bulk_create(
            (
                Favourite(
                    user_id=self.user(person_id),
                    salon_id=salon_id,
                    created_at=self.minute(-rng.randrange(1, 90 * DAY)),
                )
                for person_id, salon_id in sorted(chosen)
            ),
            ignore_conflicts=True,
        )

    def salon(self, s: SalonCast, founded: datetime) -> Salon:
        plan = s.plan
        rng = dice(self.seed, "address", s.number)
        complete = plan.status != SalonStatus.DRAFT
        return Salon(
            id=s.id,
            business_id=s.business_id,
            slug=s.slug,
            city_id=plan.city,
            latitude=s.latitude,
            longitude=s.longitude,
            phone=people.salon_phone(s.number, plan.city),
            audience=plan.audience,
            status=plan.status,
            building_number=f"{rng.randrange(2000, 9000)}",
            secondary_number=f"{rng.randrange(2000, 9000)}",
            postal_code=f"{rng.randrange(11000, 35000)}",
            short_address="".join(rng.choices("ABDFHJKMNRS", k=4)) + f"{rng.randrange(2000, 9000)}",
            licence_number=f"44{s.number:08d}" if complete else "",
            licence_expires_on=self.today + timedelta(days=rng.randrange(120, 700)) if complete else None,
            prayer_pause=PrayerPause.CHOSEN if plan.prayers else PrayerPause.FRIDAY,
            pause_prayers=[prayer.value for prayer in plan.prayers],
            prayer_pause_minutes=PAUSE_MINUTES if plan.prayers else 30,
            auto_confirm=plan.auto_confirm,
            grid_minutes=plan.grid_minutes,
            respond_within_minutes=plan.respond_within_minutes,
            deposit_percent=plan.deposit_percent,
            free_cancel_hours=plan.free_cancel_hours,
            late_cancel_percent=plan.late_cancel_percent,
            max_reschedules=plan.max_reschedules,
            created_at=founded,
            **_name(s.name),
            **_texts("description", plan.description),
            district_id=_district_slug(plan.city, s.district),
            **_texts("address", s.address),
        )

    def moves(self, s: SalonCast) -> Iterator[SalonEvent]:
        """How the salon came to the status it has."""
        owner, platform = self.user(s.desk[0].id), self.user(self.cast["platform_admin"].id)
        story: dict[SalonStatus, tuple[tuple[Verb, uuid.UUID, int, str], ...]] = {
            SalonStatus.DRAFT: (),
            SalonStatus.IN_REVIEW: (("submit", owner, -2, ""),),
            SalonStatus.LIVE: (("submit", owner, -398, ""), ("approve", platform, -396, "")),
            SalonStatus.SUSPENDED: (
                ("submit", owner, -398, ""),
                ("approve", platform, -396, ""),
                ("suspend", platform, -5, people.SUSPENDED_BECAUSE),
            ),
        }
        for verb, actor, day, reason in story[SalonStatus(s.plan.status)]:
            move = MOVES[verb]
            yield SalonEvent(
                salon_id=s.id,
                from_status=move.before,
                to_status=move.after,
                actor_id=actor,
                reason=reason,
                at=self.minute(day * DAY + 660),
            )

    def closures(self, s: SalonCast) -> Iterator[Closure]:
        if s.closed:
            yield Closure(salon_id=s.id, **self._shut(s, s.closed), **_texts("reason", people.CLOSURE_REASON))
        for member in s.staff:
            if member.away:
                begins, ends, why = member.away
                away = self._shut(s, (begins, ends))
                yield Closure(salon_id=s.id, staff_member_id=member.id, **away, **_texts("reason", why))
        off = s.plan.weekly_break
        if off is not None:
            for opens, closes in off.windows:
                yield Closure(
                    salon_id=s.id,
                    kind=ClosureKind.WEEKLY,
                    weekday=off.day,
                    opens_minute=opens,
                    closes_minute=closes,
                    **_texts("reason", off.reason),
                )

    def _shut(self, s: SalonCast, span: tuple[int, int]) -> dict[str, Any]:
        """From midnight to midnight: as whole days, or as moments where an evening may run across one."""
        begins, ends = span
        if s.past_midnight:
            return {
                "kind": ClosureKind.MOMENTS,
                "starts_at": self.minute(begins),
                "ends_at": self.minute(ends),
            }
        return {
            "kind": ClosureKind.DAYS,
            "first_date": self.minute(begins).date(),
            "last_date": self.minute(ends - 1).date(),
        }

    # The books

    def history(self, salon: SalonCast, book: Book) -> None:
        """Every visit of a salon, told by now, and the ratings that came of it."""
        self.totals.salons += 1
        if salon.plan.status != SalonStatus.LIVE:
            return
        ratings: list[int] = []
        stories = (tell(draft, seed=self.seed, now=self.now_seconds) for draft in book.drafts(salon))
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
        post(*(s.id for s in stories), now=self.midnight + timedelta(seconds=self.now_seconds))
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
            day = self.today + timedelta(days=s.draft.day) if owner in to_count else None
            to_count.discard(owner)
            yield (
                self.calendars[owner], s.id, self.minute(begins), self.minute(ends), day, active, expires_at,
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
                self.user(self.cast["platform_admin"].id) if o.hidden else None,
                self.at(min(o.at + 86400, self.now_seconds)) if o.hidden else None, 1, self.at(o.at),
            )  # fmt: skip

    def reports(self, s: Story) -> Iterator[tuple[Any, ...]]:
        if s.opinion and s.opinion.reported:
            owner = self.user(s.draft.salon.desk[0].id)
            at = self.at(min(s.opinion.at + 86400, self.now_seconds))
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


def _name(pair: Pair) -> dict[str, str]:
    return _texts("name", pair)


def _texts(field: str, pair: Pair) -> dict[str, str]:
    """Both languages of a translated field; its base column holds Arabic, the first language."""
    return {field: pair[0], f"{field}_ar": pair[0], f"{field}_en": pair[1]}


def _district_slug(city: str, district: Pair) -> str:
    return f"{city}-{slugify(district[1])}"


def _windows(s: SalonCast, season: Season | None) -> Iterator[WorkingWindow]:
    weeks: list[tuple[uuid.UUID | None, Season | None, dict[int, tuple[Window, ...]]]]
    weeks = [(None, None, s.hours)]
    weeks += [(member.id, None, member.week) for member in s.staff if member.week is not None]
    if season is not None:
        weeks.append((None, season, dict.fromkeys(range(1, 8), RAMADAN_HOURS)))
    for staff_id, of, week in weeks:
        for weekday, windows in week.items():
            for opens, closes in windows:
                yield WorkingWindow(
                    salon_id=s.id,
                    staff_member_id=staff_id,
                    season=of,
                    weekday=weekday,
                    opens_minute=opens,
                    closes_minute=closes,
                )
