"""Who and where: cities, accounts, and salons with all they offer and when, but no bookings."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.text import slugify

from backend.accounts.models import PlatformRole, User
from backend.bookings.models import DaySummary
from backend.demo import people
from backend.demo.catalogue import (
    CATEGORIES,
    CENTRES,
    CITIES,
    DISTRICTS,
    RAMADAN,
    RAMADAN_HOURS,
    Pair,
    Window,
)
from backend.demo.ground import Ground
from backend.demo.world import DAY, PAUSE_MINUTES, Cluster, Person, SalonCast, dice
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
from backend.salons.operations.standing import MOVES, Verb


class Places:
    def __init__(self, ground: Ground) -> None:
        self.ground = ground

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
        self.people(list(self.ground.cast.values()))
        PlatformRole.objects.bulk_create(
            [
                PlatformRole(
                    user_id=self.ground.user(self.ground.cast[role].id),
                    role=role,
                    granted_at=self.ground.minute(-200 * DAY),
                )
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
                joined_at=self.ground.minute(-p.born * DAY),
            )
            for p in persons
        ]
        User.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)
        found = dict(User.objects.filter(phone__in=[p.phone for p in persons]).values_list("phone", "id"))
        self.ground.known |= {p.id: found[p.phone] for p in persons if found[p.phone] != p.id}
        self._calendars("customer_id", [self.ground.user(p.id) for p in persons])

    def _calendars(self, owner: str, ids: list[uuid.UUID]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO bookings_calendar ({owner}) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING",
                [ids],
            )
            cursor.execute(f"SELECT {owner}, id FROM bookings_calendar WHERE {owner} = ANY(%s)", [ids])
            self.ground.calendars |= dict(cursor.fetchall())

    def cluster(self, cluster: Cluster) -> None:
        """Its customers, and its salons with everything but bookings."""
        self.ground.calendars.clear()
        owners = {person.id: person for salon in cluster.salons for person in salon.desk}
        customers = {person.id: person for person in cluster.customers}
        self.people(list((owners | customers).values()))
        salons, founded = cluster.salons, self.ground.minute(-400 * DAY)
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
        passed = self.ground.now_seconds >= settings.DAY_SUMMARY_HOUR * 3600
        told_for = self.ground.today if passed else self.ground.today - timedelta(days=1)
        DaySummary.objects.bulk_create(DaySummary(salon_id=s.id, told_for_date=told_for) for s in salons)
        Membership.objects.bulk_create(
            Membership(user_id=self.ground.user(person.id), salon_id=s.id, role=role, created_at=founded)
            for s in salons
            for person, role in zip(s.desk, (SalonRole.OWNER, SalonRole.RECEPTIONIST), strict=False)
        )
        self.offer(salons)
        self.hours(salons)
        self.favourites(cluster)
        self._calendars("staff_member_id", [member.id for s in salons for member in s.staff])
        self._calendars("resource_id", [room.id for s in salons for room in s.rooms])
        self.ground.totals.staff += sum(len(s.staff) for s in salons)
        self.ground.totals.customers += len(customers)

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
                    date=self.ground.today + timedelta(days=s.plan.once.day),
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
        rng = dice(self.ground.seed, "favourites", cluster.number)
        live = [s for s in cluster.salons if s.plan.status == SalonStatus.LIVE]
        chosen = {(person.id, rng.choice(live).id) for person in rng.sample(cluster.customers, 400)}
        if cluster.number == 0:
            chosen |= {
                (cluster.women[0].id, s.id) for s in live if s.slug in ("lamsa", "dar-henna", "layali-spa")
            }
        Favourite.objects.bulk_create(
            (
                Favourite(
                    user_id=self.ground.user(person_id),
                    salon_id=salon_id,
                    created_at=self.ground.minute(-rng.randrange(1, 90 * DAY)),
                )
                for person_id, salon_id in sorted(chosen)
            ),
            ignore_conflicts=True,
        )

    def salon(self, s: SalonCast, founded: datetime) -> Salon:
        plan = s.plan
        rng = dice(self.ground.seed, "address", s.number)
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
            licence_expires_on=self.ground.today + timedelta(days=rng.randrange(120, 700))
            if complete
            else None,
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
        owner, platform = (
            self.ground.user(s.desk[0].id),
            self.ground.user(self.ground.cast["platform_admin"].id),
        )
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
                at=self.ground.minute(day * DAY + 660),
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
                "starts_at": self.ground.minute(begins),
                "ends_at": self.ground.minute(ends),
            }
        return {
            "kind": ClosureKind.DAYS,
            "first_date": self.ground.minute(begins).date(),
            "last_date": self.ground.minute(ends - 1).date(),
        }


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
