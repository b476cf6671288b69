"""The demo's cast in memory: salons with their staff and price lists, and the customers around them.

Pure: no database, no clock. Everything follows from the seed, ids included, so that two machines with the same seed
show the same world. A *cluster* is one set of all salons of the catalogue with its own customers; `--scale` makes
more of them, as branches in other districts, so that more bookings find room.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import date

from backend.core.hijri import RAMADAN, HijriSpan
from backend.core.time import RIYADH
from backend.demo import people
from backend.demo.catalogue import (
    CENTRES,
    DISTRICTS,
    HOURS,
    ORDINARY_DAYS,
    RAMADAN_HOURS,
    RESOURCES,
    SALONS,
    SERVICES,
    SKILLS,
    Pair,
    SalonPlan,
    ServicePlan,
    Window,
)
from backend.demo.people import DEMO_PEOPLE
from backend.salons.models import SalonStatus
from backend.salons.prayer import PausePlan

DAY = 1440
WOMEN, MEN = 1400, 600
"""Customers of a cluster."""
KEEPERS = 2
"""How many of `lamsa` and `noura`, first in the list, stay free on coming days: whoever tries the demo finds time."""
PROMISED = ("lamsa", "noura")
PAUSE_MINUTES = 20
RAMADAN_DAYS = HijriSpan(RAMADAN, 1, RAMADAN, 30)
_EPOCH_MS = 1_577_836_800_000  # 2020-01-01: demo ids sort by birth like real ones, and before them
LANGUAGES = (("ar",), ("ar", "en"), ("ar", "fil", "en"), ("ar", "ur"), ("ar", "en", "fr"))
"""What staff members speak, by turns."""
_MALE_SKILLS = ("barber", "grooming")
_SHARE_OF_WOMEN = {"men": 0.0, "women": 1.0, "family": 0.5, "children": 0.85}
"""Share of women among those who book, by audience."""


def dice(*words: object) -> random.Random:
    """Chance that depends on these words alone."""
    return random.Random("/".join(map(str, words)))


def identity(rng: random.Random, minutes: int) -> uuid.UUID:
    """A version 7 UUID (RFC 9562) whose birth lies `minutes` from the demo's own epoch."""
    value = (_EPOCH_MS + minutes * 60_000) & 0xFFFF_FFFF_FFFF
    bits = rng.getrandbits(74)
    return uuid.UUID(int=value << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62 | bits & ((1 << 62) - 1))


@dataclass(slots=True)
class Person:
    id: uuid.UUID
    phone: str
    name: str
    gender: str
    language: str
    born: int
    """Days before today on which they joined."""


@dataclass(slots=True)
class Line:
    """A line of a salon's price list; a variant stands below another. `needs` are kinds the salon has."""

    id: uuid.UUID
    plan: ServicePlan
    price_minor: int
    needs: tuple[str, ...]
    above: Line | None = None

    @property
    def booked_as(self) -> Pair:
        """What a booking calls it."""
        if self.above is None:
            return self.plan.name
        return (
            f"{self.above.plan.name[0]} – {self.plan.name[0]}",
            f"{self.above.plan.name[1]} – {self.plan.name[1]}",
        )


@dataclass(slots=True)
class Room:
    """Something one visit at a time can have."""

    id: uuid.UUID
    kind: str
    code: str
    name: Pair


@dataclass(slots=True)
class Staff:
    """`services` are lines that can be booked: a service with variants is not among them, its variants are."""

    id: uuid.UUID
    name: Pair
    title: Pair
    gender: str
    languages: tuple[str, ...]
    services: tuple[Line, ...]
    week: dict[int, tuple[Window, ...]] | None
    """Their own hours; None follows the salon's."""
    away: tuple[int, int, Pair] | None = None
    """Minutes from today's midnight."""


@dataclass(slots=True)
class SalonCast:
    id: uuid.UUID
    business_id: uuid.UUID
    number: int
    plan: SalonPlan
    slug: str
    name: Pair
    district: Pair
    address: Pair
    latitude: float
    longitude: float
    hours: dict[int, tuple[Window, ...]]
    lines: list[Line]
    rooms: list[Room]
    staff: list[Staff]
    desk: list[Person]
    """Who answers for the salon; the first is the owner."""
    closed: tuple[int, int] | None
    share_of_women: float
    keepers: int

    def windows(self, day: int, on: date) -> tuple[Window, ...]:
        """The hours of a business date, `day` days from today, closures and pauses not cut out."""
        once = self.plan.once
        if once is not None and once.day == day:
            return once.windows
        return RAMADAN_HOURS if self.fasts(on) else self.hours[on.isoweekday()]

    def fasts(self, on: date) -> bool:
        """Whether the hours of Ramadan hold."""
        return self.plan.ramadan and on in RAMADAN_DAYS

    @property
    def past_midnight(self) -> bool:
        """Whether some evening may run into the next day."""
        return self.plan.ramadan or any(
            closes > DAY for windows in self.hours.values() for _, closes in windows
        )

    @property
    def pauses(self) -> PausePlan | None:
        """For the prayers it names. The Friday noon prayer is over before any of these salons opens."""
        if not self.plan.prayers:
            return None
        return PausePlan(
            latitude=self.latitude,
            longitude=self.longitude,
            zone=RIYADH,
            prayers=frozenset(self.plan.prayers),
            friday=False,
            minutes=PAUSE_MINUTES,
            ramadan=RAMADAN_DAYS,
        )


@dataclass(slots=True)
class Cluster:
    number: int
    salons: list[SalonCast] = field(default_factory=list)
    women: list[Person] = field(default_factory=list)
    men: list[Person] = field(default_factory=list)

    @property
    def customers(self) -> list[Person]:
        return self.women + self.men


def demo_people(seed: int) -> dict[str, Person]:
    """Those who sign in as somebody, by role."""
    rng = dice(seed, "demo people")
    return {
        p.role: Person(identity(rng, -200 * DAY + i), p.phone, p.name, p.gender, "ar", 200)
        for i, p in enumerate(DEMO_PEOPLE)
    }


def build_cluster(seed: int, number: int) -> Cluster:
    """One set of salons and customers; cluster 0 holds the demo's own people and the salons of the catalogue."""
    named = demo_people(seed) if number == 0 else {}
    cluster = Cluster(number)
    for index, plan in enumerate(SALONS):
        if number and plan.status != SalonStatus.LIVE:
            continue
        cluster.salons.append(_salon(seed, number, index, plan, named))
    rng = dice(seed, "customers", number)
    base = number * (WOMEN + MEN)
    for index in range(WOMEN + MEN):
        gender = "female" if index < WOMEN else "male"
        person = Person(
            id=identity(rng, -150 * DAY + base + index),
            phone=people.customer_phone(base + index),
            name="",
            gender=gender if rng.random() < 0.8 else "",
            language="ar" if rng.random() < 0.8 else "en",
            born=rng.randrange(105, 140),
        )
        first = rng.choice(people.FEMALE_NAMES if index < WOMEN else people.MALE_NAMES)
        last = rng.choice(people.MALE_NAMES)
        person.name = " ".join(pair[person.language == "en"] for pair in (first, last))
        (cluster.women if index < WOMEN else cluster.men).append(person)
    if named:
        cluster.women[0] = named["customer"]
    return cluster


def _salon(seed: int, cluster: int, index: int, plan: SalonPlan, named: dict[str, Person]) -> SalonCast:
    number = cluster * len(SALONS) + index
    rng = dice(seed, "salon", number)
    minutes = -400 * DAY + number * 100
    districts = DISTRICTS[plan.city]
    district = districts[(plan.district + cluster) % len(districts)]
    latitude, longitude = CENTRES[plan.city]
    kinds = {kind for _, kind in plan.rooms}
    lines: dict[str, list[Line]] = {}
    for position, key in enumerate(key for _, skill in plan.teams for key in SKILLS[skill].services):
        lines[key] = _lines(rng, minutes + position, SERVICES[key], plan.price_level, kinds)
    owner = Person(
        identity(rng, minutes),
        people.owner_phone(number),
        "",
        "male" if plan.audience == "men" else "female",
        "ar",
        300,
    )
    owner.name = _names(plan.audience == "men")[number % 20][0]
    desk = [named["owner"], named["receptionist"]] if named and plan.slug == "lamsa" else [owner]
    street = rng.randrange(1, 60)
    cast = SalonCast(
        id=identity(rng, minutes),
        business_id=identity(rng, minutes - 1),
        number=number,
        plan=plan,
        slug=plan.slug if cluster == 0 else f"{plan.slug}-{cluster + 1}",
        name=plan.name
        if cluster == 0
        else (f"{plan.name[0]} {district[0]}", f"{plan.name[1]} {district[1]}"),
        district=district,
        address=(f"شارع {street}، {district[0]}", f"Street {street}, {district[1]}"),
        latitude=round(latitude + rng.uniform(-0.06, 0.06), 5),
        longitude=round(
            longitude + rng.uniform(0, 0.06) * (-1 if plan.city in ("dammam", "khobar") else 1), 5
        ),
        hours=HOURS[plan.hours],
        lines=[line for listed in lines.values() for line in listed],
        rooms=_rooms(rng, minutes, plan),
        staff=[],
        desk=desk,
        closed={3: (-33 * DAY, -32 * DAY), 4: (9 * DAY, 10 * DAY)}.get(number % 5),
        share_of_women=_SHARE_OF_WOMEN[plan.audience],
        keepers=KEEPERS if cluster == 0 and plan.slug in PROMISED else 0,
    )
    for count, skill in plan.teams:
        men = skill in _MALE_SKILLS
        names = _names(men)
        for _ in range(count):
            seat = len(cast.staff)
            cast.staff.append(
                Staff(
                    id=identity(rng, minutes + 40 + seat),
                    name=names[(number * 5 + seat) % len(names)],
                    title=SKILLS[skill].title,
                    gender="male" if men else "female",
                    languages=LANGUAGES[(number + 3 * seat) % len(LANGUAGES)],
                    services=tuple(
                        line
                        for key in SKILLS[skill].services
                        for line in (lines[key][1:] or lines[key])  # variants, where there are any
                    ),
                    week=None if seat < cast.keepers else _shift(cast.hours, seat, number),
                )
            )
    leave = {1: (3 * DAY, 7 * DAY), 2: (-20 * DAY, -13 * DAY)}.get(number % 3)
    if leave:
        cast.staff[-1].away = (*leave, people.AWAY_REASONS[number % 2])
    return cast


def _lines(
    rng: random.Random, minutes: int, service: ServicePlan, level: float, kinds: set[str]
) -> list[Line]:
    """A service and its variants, at a salon's prices."""

    def minor(riyals: int) -> int:
        return round(riyals * level / 5) * 500

    needs = tuple(kind for kind in service.needs if kind in kinds)
    above = Line(identity(rng, minutes), service, minor(service.price), needs)
    return [
        above,
        *(
            Line(
                identity(rng, minutes),
                replace(service, name=variant.name, minutes=variant.minutes, variants=()),
                minor(variant.price),
                needs,
                above,
            )
            for variant in service.variants
        ),
    ]


def _rooms(rng: random.Random, minutes: int, plan: SalonPlan) -> list[Room]:
    rooms = []
    for count, kind in plan.rooms:
        letter, (arabic, english) = RESOURCES[kind]
        for number in range(1, count + 1):
            name = (f"{arabic} {number}", f"{english} {number}")
            rooms.append(Room(identity(rng, minutes + 80), kind, f"{letter}{number}", name))
    return rooms


def _names(men: bool) -> tuple[Pair, ...]:
    return people.MALE_NAMES if men else people.FEMALE_NAMES


def _shift(
    hours: dict[int, tuple[Window, ...]], seat: int, number: int
) -> dict[int, tuple[Window, ...]] | None:
    """Every fourth follows the salon; the others have a day off, and some come early or late."""
    kind = seat % 4
    if kind == 0:
        return None
    day_off = ORDINARY_DAYS[(2 * seat + number) % len(ORDINARY_DAYS)]
    week: dict[int, tuple[Window, ...]] = {}
    for weekday, windows in hours.items():
        if weekday == day_off or not windows:
            continue
        first, last = windows[0][0], windows[-1][1]
        third = (last - first) // 90 * 30
        starts, ends = {1: (first, last), 2: (first, last - third), 3: (first + third, last)}[kind]
        clipped = ((max(opens, starts), min(closes, ends)) for opens, closes in windows)
        week[weekday] = tuple((opens, closes) for opens, closes in clipped if closes - opens >= 60)
    return week
