"""Who and what the storm is about: three salons with different rules, their desks, and a customer for each process."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from backend.accounts.models import Device, User
from backend.accounts.tokens import pair_of
from backend.core.time import RIYADH
from backend.salons.models import Salon, Service, StaffMember
from tests.bookings.sessions import on_sale
from tests.factories import (
    RentalFactory,
    ResourceFactory,
    ServiceFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    performed_by,
)

ALL_DAY: dict[str, Any] = {"opens": 0, "closes": 24 * 60}
DAYS_AHEAD = 5


@dataclass(frozen=True)
class Place:
    id: str
    services: list[str]
    staff: list[str]
    rooms: list[str]
    rentals: list[str]


@dataclass(frozen=True)
class Scene:
    """All of it as plain values, for processes that load no Django. Tokens are bearer tokens."""

    places: list[Place]
    starts: list[str]
    customers: list[str]
    owner: str
    receptionist: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def token_of(user: User) -> str:
    return pair_of(Device.objects.create(user=user)).access


def customers(count: int) -> list[str]:
    return [token_of(UserFactory.create()) for _ in range(count)]


def mixed_scene(processes: int) -> Scene:
    """One salon confirms by itself, one by hand, one takes a deposit; each has services with a buffer and a
    room, lets one of its two rooms by itself too, and a suite.
    """
    salons = [
        _salon(auto_confirm=True, deposit_percent=0, max_reschedules=9),
        _salon(auto_confirm=False, deposit_percent=0, max_reschedules=9),
        _salon(auto_confirm=True, deposit_percent=20, max_reschedules=9, free_cancel_hours=36),
    ]
    owner, receptionist = UserFactory.create(), UserFactory.create()
    for salon, _, _ in salons:
        employ(salon, "owner", owner)
        employ(salon, "receptionist", receptionist)
    tomorrow = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    return Scene(
        places=[
            Place(
                str(salon.pk),
                [str(s.pk) for s in services],
                [str(p.pk) for p in people],
                [str(room.pk) for room in salon.resources.filter(kind="room")],
                [str(rental.pk) for rental in salon.rentals.all()],
            )
            for salon, services, people in salons
        ],
        starts=[(tomorrow + n * timedelta(minutes=30)).isoformat() for n in range(48 * DAYS_AHEAD)],
        customers=customers(processes),
        owner=token_of(owner),
        receptionist=token_of(receptionist),
    )


def _salon(**rules: Any) -> tuple[Salon, list[Service], list[StaffMember]]:
    salon, cut, people = open_salon(
        staff=4, service={"duration_minutes": 30}, **ALL_DAY, min_notice_minutes=0, **rules
    )
    colour = ServiceFactory.create(
        salon=salon,
        name_ar="صبغة",
        name_en="Colour",
        duration_minutes=60,
        buffer_before_minutes=5,
        buffer_after_minutes=15,
        price_minor=24000,
    )
    massage = ServiceFactory.create(
        salon=salon, name_ar="مساج", name_en="Massage", duration_minutes=45, buffer_after_minutes=10
    )
    performed_by(colour, *people[:3])
    needing(performed_by(massage, *people[1:]), "room")
    room, _ = ResourceFactory.create_batch(2, salon=salon)
    RentalFactory.create(salon=salon, resource=room, min_minutes=60, buffer_after_minutes=30)
    RentalFactory.create(salon=salon, resource=ResourceFactory.create(salon=salon, kind="suite"))
    return salon, [cut, colour, massage], people


def sessions(rounds: int, *, seats: int) -> list[str]:
    """Ids of sessions with so many seats, an hour each, one after another: no round can disturb another."""
    salon, _, [person] = open_salon(
        **ALL_DAY, auto_confirm=True, deposit_percent=0, min_notice_minutes=0, horizon_days=366
    )
    now = timezone.now()
    tomorrow = (now.astimezone(RIYADH) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    made = []
    for number in range(rounds):
        starts_at = tomorrow + timedelta(hours=number)
        values = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1), "capacity": seats}
        made.append(str(on_sale(salon, person, now=now, **values).pk))
    return made


def one_slot_at_a_time(rounds: int) -> list[dict[str, Any]]:
    """Bodies of bookings, a slot each: one person's starts, far enough apart that no round can disturb another."""
    salon, service, [person] = open_salon(
        **ALL_DAY, auto_confirm=True, deposit_percent=0, min_notice_minutes=0, horizon_days=366
    )
    tomorrow = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    item = {"service_id": str(service.pk), "staff_member_id": str(person.pk)}
    return [
        {
            "salon_id": str(salon.pk),
            "items": [item],
            "starts_at": (tomorrow + timedelta(hours=number)).isoformat(),
        }
        for number in range(rounds)
    ]
