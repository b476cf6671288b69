"""What is in the database while it is measured: one salon as the facts describe it, and crowds around it.

The salon: ten people, every day 10:00-13:00 and 14:00-22:00 in Riyadh, a start every half hour, a service of 60 minutes
with 10 more to tidy up, half of everybody's time taken. Every rule is switched on besides: a room for each visit, a
pause for the Friday prayer, a season, a closure, overrides and a day limit. A second salon is its double, but half of
what is taken there is taken by rentals, group sessions, offers of the waiting list and calendars elsewhere. The crowds
are the rows of other salons.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection, models
from django.utils import timezone

from backend.accounts.models import Device, User
from backend.bookings.models import (
    Booking,
    BookingState,
    Calendar,
    Claim,
    Kind,
    OutsideCalendar,
    Session,
    SessionState,
    Source,
    WaitlistEntry,
    WaitlistState,
)
from backend.core.ids import uuid7
from backend.core.time import RIYADH
from backend.salons.models import (
    Business,
    Category,
    City,
    Closure,
    ClosureKind,
    Override,
    OverrideWindow,
    PrayerPause,
    Rental,
    Resource,
    Salon,
    SalonStatus,
    Season,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
    WorkingWindow,
)

STAFF = 10
WINDOWS = ((10 * 60, 13 * 60), (14 * 60, 22 * 60))
GRID, DURATION, TIDYING = 30, 60, 10
DAYS_FILLED = 45
SALONS = 10_000
BOOKINGS = (10_000, 100_000, 1_000_000)
NEIGHBOURS = 10_000
NEIGHBOUR = "Neighbour"

_FIRST = ("صالون", "مشغل", "مركز", "بيت", "كوافير", "سبا", "استوديو", "دار", "ركن", "واحة")
_SECOND = (
    "لمسة",
    "نورة",
    "الأميرة",
    "جمال",
    "الياسمين",
    "ريم",
    "أناقة",
    "لولوة",
    "الورد",
    "سحر",
    "غزل",
    "هيا",
)
_THIRD = (
    "الرياض",
    "العليا",
    "النخيل",
    "الملقا",
    "الروضة",
    "السليمانية",
    "الياقوت",
    "الفضي",
    "الذهبي",
    "الجديد",
)
_OFFERS = (("قص شعر", "Haircut", "hair"), ("صبغة", "Colour", "hair"), ("مناكير", "Manicure", "nails"))


@dataclass(frozen=True)
class Place:
    """The salon that is asked, the service asked for, and the first of its filled days."""

    salon: Salon
    service: Service
    first_date: date


@dataclass(frozen=True)
class Caller:
    user: User
    device: Device


def caller() -> Caller:
    user = User.objects.create_user("+966500000001", name="سارة")
    now = timezone.now()
    return Caller(user, Device.objects.create(user=user, token_issued_at=now, created_at=now))


def frame() -> None:
    City.objects.create(slug="riyadh", name_ar="الرياض", name_en="Riyadh")
    for slug, ar, en in (("hair", "شعر", "Hair"), ("nails", "أظافر", "Nails")):
        Category.objects.create(slug=slug, name_ar=ar, name_en=en)


def salon(now: datetime, *, slug: str = "measured", is_mixed: bool = False, seed: int = 7) -> Place:
    """The salon of the facts, half busy on each of DAYS_FILLED days from tomorrow, bookings in a room each.

    Where it `is_mixed` the same time is taken by all that can take it.
    """
    business = Business.objects.create(name_ar="مؤسسة القياس", name_en="Measure Est.", created_at=now)
    place = Salon.objects.create(
        business=business,
        slug=slug,
        name_ar="صالون القياس",
        name_en="Measured Salon",
        city_id="riyadh",
        latitude="24.69000",
        longitude="46.68500",
        audience="women",
        status=SalonStatus.LIVE,
        grid_minutes=GRID,
        horizon_days=DAYS_FILLED,
        prayer_pause=PrayerPause.FRIDAY,
        created_at=now,
    )
    service = Service.objects.create(
        salon=place,
        category_id="hair",
        name_ar="قص شعر",
        name_en="Haircut",
        duration_minutes=DURATION,
        buffer_after_minutes=TIDYING,
        price_minor=11500,
    )
    ServiceNeed.objects.create(service=service, kind="room")
    staff = StaffMember.objects.bulk_create(
        StaffMember(
            salon=place, name_ar=f"نورة {n}", name_en=f"Noura {n}", position=n, max_bookings_per_day=9
        )
        for n in range(STAFF)
    )
    StaffService.objects.bulk_create(StaffService(staff_member=s, service=service) for s in staff)
    rooms = Resource.objects.bulk_create(
        Resource(salon=place, kind="room", code=f"R{n}", name_ar=f"غرفة {n}", name_en=f"Room {n}", position=n)
        for n in range(STAFF)
    )
    tomorrow = now.astimezone(RIYADH).date() + timedelta(days=1)
    _hours(place, staff, tomorrow)
    pairs = [
        Pair(
            member,
            room,
            Calendar.objects.create(staff_member=member).pk,
            Calendar.objects.create(resource=room).pk,
        )
        for member, room in zip(staff, rooms, strict=True)
    ]
    visits = _visits(pairs, tomorrow, seed)
    if is_mixed:
        claims = _book(place, visits[1::2], now) + _mix(place, service, visits[::2], now)
    else:
        claims = _book(place, visits, now)
    # In one order whoever takes it: what lies together on a page is read together.
    Claim.objects.bulk_create(sorted(claims, key=lambda claim: claim.starts_at), batch_size=1000)
    return Place(place, service, tomorrow)


def _hours(place: Salon, staff: list[StaffMember], tomorrow: date) -> None:
    season = Season.objects.create(
        salon=place, name_ar="رمضان", name_en="Ramadan",
        hijri_from_month=9, hijri_from_day=1, hijri_to_month=9, hijri_to_day=30,
    )  # fmt: skip
    WorkingWindow.objects.bulk_create(
        WorkingWindow(salon=place, season=within, weekday=weekday, opens_minute=opens, closes_minute=closes)
        for within in (None, season)
        for weekday in range(1, 8)
        for opens, closes in WINDOWS
    )
    Closure.objects.create(
        salon=place, kind=ClosureKind.WEEKLY, weekday=2, opens_minute=21 * 60 + 30, closes_minute=22 * 60
    )
    Closure.objects.create(
        salon=place,
        staff_member=staff[0],
        kind=ClosureKind.DAYS,
        first_date=tomorrow + timedelta(days=20),
        last_date=tomorrow + timedelta(days=21),
    )
    shorter = Override.objects.create(salon=place, date=tomorrow + timedelta(days=12))
    OverrideWindow.objects.create(override=shorter, opens_minute=WINDOWS[1][0], closes_minute=WINDOWS[1][1])


@dataclass(frozen=True)
class Pair:
    """Somebody and the room they work in, and their calendars."""

    person: StaffMember
    room: Resource
    person_calendar: int
    room_calendar: int


@dataclass(frozen=True)
class Visit:
    pair: Pair
    day: date
    starts_at: datetime

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=DURATION)

    def claims(
        self, *, room_alone: bool = False, person_alone: bool = False, counts: bool = False, **taker: Any
    ) -> list[Claim]:
        """Its time on both calendars, or on one of them; whether the person's day limit counts it."""
        calendars = {self.pair.person_calendar: not room_alone, self.pair.room_calendar: not person_alone}
        return [
            Claim(
                calendar_id=calendar,
                starts_at=self.starts_at,
                ends_at=self.ends_at + timedelta(minutes=TIDYING),
                business_date=self.day if calendar == self.pair.person_calendar and counts else None,
                **taker,
            )
            for calendar, is_taken in calendars.items()
            if is_taken
        ]


def _visits(pairs: list[Pair], tomorrow: date, seed: int) -> list[Visit]:
    """Four or five a person and day, on the grid, none over another."""
    dice = random.Random(seed)
    starts = [m for opens, closes in WINDOWS for m in range(opens, closes - DURATION + 1, GRID)]
    found = []
    for number in range(DAYS_FILLED):
        day = tomorrow + timedelta(days=number)
        midnight = datetime.combine(day, time.min, tzinfo=RIYADH)
        for pair in pairs:
            wanted, taken = dice.choice((4, 5)), list[int]()
            for start in dice.sample(starts, len(starts)):
                if len(taken) == wanted or any(abs(start - other) < DURATION + TIDYING for other in taken):
                    continue
                taken.append(start)
                found.append(Visit(pair, day, midnight + timedelta(minutes=start)))
    return found


def _book(place: Salon, visits: list[Visit], now: datetime) -> list[Claim]:
    bookings = [_booking(place, visit, f"M{number:09d}", now) for number, visit in _numbered(visits)]
    Booking.objects.bulk_create(bookings, batch_size=1000)
    return [
        claim
        for visit, booking in zip(visits, bookings, strict=True)
        for claim in visit.claims(counts=True, booking=booking)
    ]


def _numbered(visits: list[Visit]) -> Iterable[tuple[int, Visit]]:
    return enumerate(visits, start=Booking.objects.count())


def _booking(place: Salon, visit: Visit, reference: str, now: datetime, **more: Any) -> Booking:
    return Booking(
        reference=reference,
        state=BookingState.CONFIRMED,
        salon=place,
        guest_name="لمى",
        source=Source.DESK,
        language="ar",
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        business_date=visit.day,
        price_minor=11500,
        deposit_minor=0,
        free_cancel_hours=24,
        late_cancel_percent=100,
        created_at=now,
        **more,
    )


def _mix(place: Salon, service: Service, visits: list[Visit], now: datetime) -> list[Claim]:
    """The time of these visits taken by sessions, offers, and rentals of rooms whose person is busy elsewhere.

    A third each.
    """
    rented, gathered, offered = (visits[n::3] for n in range(3))
    Rental.objects.bulk_create(
        Rental(
            salon=place,
            resource=room,
            name_ar="غرفة",
            price_per_hour_minor=9000,
            min_minutes=60,
            max_minutes=600,
        )
        for room in {visit.pair.room for visit in visits}
    )
    rentals = [
        _booking(place, visit, f"M{number:09d}", now, kind=Kind.RENTAL) for number, visit in _numbered(rented)
    ]
    Booking.objects.bulk_create(rentals, batch_size=1000)
    sessions = Session.objects.bulk_create(
        Session(
            salon=place,
            state=SessionState.PUBLISHED,
            title_ar="أمسية حناء",
            starts_at=visit.starts_at,
            ends_at=visit.ends_at,
            capacity=8,
            price_minor=9000,
            created_at=now,
        )
        for visit in gathered
    )
    waits = [_offer(place, service, visit, number, now) for number, visit in enumerate(offered)]
    User.objects.bulk_create([entry.customer for entry in waits], batch_size=1000)
    WaitlistEntry.objects.bulk_create(waits, batch_size=1000)
    calendars = {
        person: OutsideCalendar(
            staff_member=person, host="calendar.example", sealed=b"", created_at=now, next_read_at=now
        )
        for person in {visit.pair.person for visit in rented}
    }
    OutsideCalendar.objects.bulk_create(calendars.values())
    return [
        *(c for v, row in zip(rented, rentals, strict=True) for c in v.claims(room_alone=True, booking=row)),
        *(c for v, row in zip(gathered, sessions, strict=True) for c in v.claims(session=row)),
        *(
            c
            for v, row in zip(offered, waits, strict=True)
            for c in v.claims(counts=True, waitlist_entry=row, expires_at=row.expires_at)
        ),
        *(c for v in rented for c in v.claims(person_alone=True, outside_calendar=calendars[v.pair.person])),
    ]


def _offer(place: Salon, service: Service, visit: Visit, number: int, now: datetime) -> WaitlistEntry:
    """An open one, which does not run out while anything is measured."""
    return WaitlistEntry(
        state=WaitlistState.OFFERED,
        salon=place,
        customer=User(phone=f"+96659{number:07d}", name="سارة", language="ar"),
        service=service,
        date=visit.day,
        over_at=visit.starts_at + timedelta(days=1),
        joined_at=now,
        offered_at=now,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        offered_staff_member=visit.pair.person,
        expires_at=visit.starts_at,
    )


def catalogue(count: int, now: datetime) -> None:
    """`count` live salons with three services each, named from few words: some share every word, most share one."""
    business = Business.objects.create(name_ar="مؤسسة الجموع", name_en="Crowd Est.", created_at=now)
    dice = random.Random(11)
    salons = [
        Salon(
            id=uuid7(),
            business=business,
            slug=f"crowd-{n}",
            name_ar=f"{dice.choice(_FIRST)} {dice.choice(_SECOND)} {dice.choice(_THIRD)} {n}",
            name_en=f"Crowd {n}",
            city_id="riyadh",
            audience="women",
            status=SalonStatus.LIVE,
            rating_sum=4 * (n % 50),
            rating_count=n % 50,
            created_at=now,
        )
        for n in range(count)
    ]
    Salon.objects.bulk_create(salons, batch_size=1000)
    Service.objects.bulk_create(
        (
            Service(
                salon=place,
                category_id=category,
                name_ar=ar,
                name_en=en,
                duration_minutes=45,
                price_minor=9000 + 100 * (n % 40),
            )
            for n, place in enumerate(salons)
            for ar, en, category in _OFFERS
        ),
        batch_size=2000,
    )


def neighbours(people: int, now: datetime) -> None:
    """Calendars of so many people in a thousand other salons, for `grow_to`. Nobody finds these salons."""
    business = Business.objects.create(name_ar="مؤسسة النمو", name_en="Growth Est.", created_at=now)
    salons = Salon.objects.bulk_create(
        (
            Salon(
                business=business,
                slug=f"grown-{n}",
                name_ar=f"نمو {n}",
                name_en=f"Grown {n}",
                city_id="riyadh",
                audience="women",
                status=SalonStatus.SUSPENDED,
                created_at=now,
            )
            for n in range(min(1000, people))
        ),
        batch_size=1000,
    )
    staff = StaffMember.objects.bulk_create(
        (
            StaffMember(salon=salons[n % len(salons)], name_ar=f"نمو {n}", name_en=NEIGHBOUR)
            for n in range(people)
        ),
        batch_size=1000,
    )
    Calendar.objects.bulk_create((Calendar(staff_member=member) for member in staff), batch_size=1000)


def grow_to(total: int) -> int:
    """As many bookings in all, the new ones spread over all neighbours and the years from 2022 on.

    Returns how many there are: never fewer than there were.
    """
    present = Booking.objects.count()
    people = StaffMember.objects.filter(name_en=NEIGHBOUR).count()
    with connection.cursor() as cursor:
        # Each neighbour has a visit every 438 hours (18 days and 6 hours), so none overlap.
        cursor.execute(
            """
            CREATE TEMP TABLE grown AS
            WITH seats AS (
                SELECT k.id, s.salon_id, row_number() OVER (ORDER BY k.id) - 1 AS seat
                  FROM bookings_calendar k JOIN salons_staffmember s ON s.id = k.staff_member_id
                 WHERE s.name_en = %s)
            SELECT n, lpad(to_hex(n), 32, '0')::uuid AS booking_id, seats.id AS calendar_id, seats.salon_id,
                   timestamptz '2022-01-01 10:00+03' + (n / %s) * interval '438 hours' AS starts_at
              FROM generate_series(%s, %s) AS n
              JOIN seats ON seats.seat = n %% %s
            """,
            [NEIGHBOUR, people, present, total - 1, people],
        )
        visit = {
            "id": "booking_id",
            "reference": "'G' || lpad(n::text, 9, '0')",
            "state": "'confirmed'",
            "salon_id": "salon_id",
            "guest_name": "'لمى'",
            "source": "'desk'",
            "language": "'ar'",
            "starts_at": "starts_at",
            "ends_at": "starts_at + interval '60 minutes'",
            "business_date": "(starts_at AT TIME ZONE 'Asia/Riyadh')::date",
            "price_minor": "11500",
            "deposit_minor": "0",
            "free_cancel_hours": "24",
            "late_cancel_percent": "100",
            "created_at": "now()",
        }
        claim = {
            "calendar_id": "calendar_id",
            "booking_id": "booking_id",
            "starts_at": "starts_at",
            "ends_at": "starts_at + interval '70 minutes'",
        }
        _insert(cursor, Booking, visit)
        _insert(cursor, Claim, claim)
        cursor.execute("DROP TABLE grown")
    return max(present, total)


def _insert(cursor: Any, model: type[models.Model], given: Mapping[str, str]) -> None:
    """INSERT .. SELECT FROM grown: `given` is SQL by column, every other column gets its field's default."""
    columns, values, parameters = [], [], []
    for field in model._meta.concrete_fields:
        if field.generated or (field.primary_key and field.column not in given):
            continue
        columns.append(f'"{field.column}"')
        values.append(given.get(field.column, "%s"))
        if field.column not in given:
            parameters.append(field.get_db_prep_save(field.get_default(), connection))
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM grown ORDER BY n",
        parameters,
    )


def settle() -> None:
    """Statistics and visibility as they are in a database that has been running; nothing cleans up while measured."""
    with connection.cursor() as cursor:
        for model in (Booking, Claim, Calendar, Salon, Service, StaffMember, Resource):
            table = model._meta.db_table
            cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
            cursor.execute(f"VACUUM ANALYZE {table}")
        cursor.execute("CHECKPOINT")
