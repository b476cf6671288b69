"""The day ahead, told each morning to the people of a salon: once a day to each, if anything awaits them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, Min, OuterRef, Q

from backend.bookings import messages
from backend.bookings.models import Booking, BookingItem, BookingState, DaySummary
from backend.salons.models import Membership, Salon, SalonRole

BATCH = 50
WINDOW = timedelta(hours=4)
"""How late a summary may come when nothing ran at its hour; after that the day tells itself."""

_CLAIM = """
    INSERT INTO bookings_daysummary (salon_id, told_for_date) SELECT unnest(%s::uuid[]), %s
    ON CONFLICT (salon_id) DO UPDATE SET told_for_date = excluded.told_for_date
    WHERE bookings_daysummary.told_for_date < excluded.told_for_date
    RETURNING salon_id
"""


class Ahead(NamedTuple):
    """What awaits somebody: visits confirmed, requests not answered, and when the first begins."""

    bookings: int
    requests: int
    first_at: datetime


def summarise(now: datetime) -> int:
    """Tell every salon its day whose hour has come; safe on many machines at once. Returns how many salons."""
    told = 0
    for name in Salon.objects.live().order_by().values_list("timezone", flat=True).distinct():
        zone = ZoneInfo(name)
        local = now.astimezone(zone)
        begins = datetime.combine(local.date(), time(settings.DAY_SUMMARY_HOUR), tzinfo=zone)
        while begins <= now < begins + WINDOW and (done := _tell_some(name, local.date(), now=now)):
            told += done
    return told


def _tell_some(zone: str, day: date, *, now: datetime) -> int:
    """Tell the day to a batch of salons that do not know it yet, and return how many those were."""
    done = DaySummary.objects.filter(salon=OuterRef("pk"), told_for_date__gte=day)
    waiting = Salon.objects.live().filter(~Exists(done), timezone=zone).order_by("pk")[:BATCH]
    ids = list(waiting.values_list("pk", flat=True))
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [ids, day])
            claimed = {row[0] for row in cursor.fetchall()}
        if claimed:
            _tell(claimed, day, ZoneInfo(zone), now=now)
    return len(ids)


def _tell(salons: Collection[uuid.UUID], day: date, zone: ZoneInfo, *, now: datetime) -> None:
    midnight = datetime.combine(day, time(), tzinfo=zone)
    visits = Q(
        salon_id__in=salons,
        state__in=(BookingState.CONFIRMED, BookingState.REQUESTED),
        business_date=day,
        starts_at__gte=midnight,  # the index is by start; a day's last visit begins before the next noon
        starts_at__lt=midnight + timedelta(hours=36),
    )
    whole = _counted(Booking.objects.filter(visits), "salon_id")
    mine = Booking.objects.filter(visits).order_by().values("pk")
    own = _counted(
        BookingItem.objects.filter(booking__in=mine, staff_member__user__isnull=False),
        *("booking__salon_id", "staff_member__user_id"),
        of="booking__",
    )
    members = Membership.objects.filter(salon_id__in=salons, user__phone__isnull=False)
    for member in members.select_related("user", "salon").order_by("salon_id", "pk"):
        if member.role == SalonRole.STAFF:
            ahead = own.get((member.salon_id, member.user_id))
        else:
            ahead = whole.get((member.salon_id,))
        if ahead is not None:
            messages.tell_the_day(member.user, salon=member.salon, now=now, **ahead._asdict())


def _counted(rows: Any, *by: str, of: str = "") -> dict[tuple[uuid.UUID, ...], Ahead]:
    """Counts of visits by the ids named, and when the first row begins; `of` leads from a row to its booking."""

    def count(state: str) -> Count:
        return Count(f"{of}pk" if of else "pk", filter=Q(**{f"{of}state": state}), distinct=True)

    found = (
        rows.order_by()
        .values(*by)
        .annotate(
            confirmed=count(BookingState.CONFIRMED),
            requested=count(BookingState.REQUESTED),
            first_at=Min("starts_at"),
        )
    )
    return {
        tuple(row[name] for name in by): Ahead(row["confirmed"], row["requested"], row["first_at"])
        for row in found
    }
