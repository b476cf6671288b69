"""An owner's first page: today, how full the days are, who comes again, what was earned, held and owed.

Every sum comes from the books, every count from the bookings, every open minute from the engine's own hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.present import STATE_LABELS
from backend.bookings.models import BookingState
from backend.bookings.queries.calendar import states_on, today_at
from backend.bookings.queries.figures import (
    BOOKED_AGAIN_WITHIN,
    Rate,
    VisitFigures,
    arrivals_on,
    let_occupancy,
    occupancy,
    visit_figures,
)
from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.api.schema import SALON
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import ValidationFailed
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments.queries.ledger import Revenue, figures, position
from backend.salons.models import Service, StaffMember
from backend.salons.permissions import Desk, desk_of

PRIVATE = {"Cache-Control": "no-store"}
MOST_DAYS = 366


# `from` is a word of Python, so it is named in get_fields.
class DashboardQuery(Query):
    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Day(
                required=False, help_text="First day of the figures; without it the month's first"
            ),
            "to": fields.Day(
                required=False,
                help_text=f"Last day, at most {MOST_DAYS} in all; without it the month's last so far",
            ),
        }


class StateCountShape(Shape):
    state = serializers.ChoiceField(choices=BookingState.choices)
    state_label = serializers.CharField()
    bookings = serializers.IntegerField()


class DashboardTodayShape(Shape):
    business_date = fields.Day(help_text="The one that is running")
    states = StateCountShape(many=True, help_text="Every state, in the order of a booking's life")
    arrived = serializers.IntegerField(help_text="Checked in")
    expected = serializers.IntegerField(help_text="Confirmed, not checked in, and not over")
    next_arrival_at = fields.Moment(allow_null=True, help_text="The next start among those expected")


class RateShape(Shape):
    count = serializers.IntegerField()
    of = serializers.IntegerField()
    basis_points = serializers.IntegerField(allow_null=True, help_text="1250 is 12.5 %; null of nothing")


class ClientFiguresShape(Shape):
    new = serializers.IntegerField(help_text="No visit here before their first of these days")
    returning = serializers.IntegerField()
    rebooked = RateShape(
        help_text=f"Have a further booking, made by {BOOKED_AGAIN_WITHIN.days} days after that first visit"
    )


class VisitFiguresShape(Shape):
    took_place = serializers.IntegerField(help_text="Completed, or confirmed and over")
    no_shows = RateShape(help_text="Of the visits that were due")
    late_cancellations = RateShape(help_text="By the customer after the free time; of those and the due ones")
    clients = ClientFiguresShape(help_text="Whose visit took place: accounts, and guests known by a number")

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


class OccupancyShape(Shape):
    booked_minutes = serializers.IntegerField(help_text="By visits, rentals and sessions, buffers included")
    open_minutes = serializers.IntegerField(help_text="In which they can be booked, by the rules of today")
    basis_points = serializers.IntegerField(
        allow_null=True, help_text="Above 10000 where visits were added on purpose; null on a day off"
    )


class DayOccupancyShape(OccupancyShape):
    date = fields.Day()


class OccupancyFiguresShape(OccupancyShape):
    by_day = DayOccupancyShape(many=True, help_text="Every business date, in order")
    rentals = OccupancyShape(help_text="Of what is let by itself, inside opening hours")


class RevenueShape(Shape):
    gross = MoneyShape(help_text="What was earned, VAT included")
    net = MoneyShape()
    vat = MoneyShape(help_text="Nothing where the seller has no VAT number")


class DayRevenueShape(RevenueShape):
    date = fields.Day(help_text="On which it was earned: the visit was completed, or its money was kept")


class ServiceRevenueShape(RevenueShape):
    service = NamedShape()


class StaffRevenueShape(RevenueShape):
    staff_member = NamedShape()


class FiguresShape(Shape):
    total = RevenueShape()
    by_day = DayRevenueShape(many=True, help_text="Days on which something was earned, in order")
    by_service = ServiceRevenueShape(
        many=True, help_text="The most first; without rentals and sessions, which the total holds"
    )
    by_staff = StaffRevenueShape(many=True, help_text="The most first; without what nobody served")

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


class DashboardShape(Shape):
    today = DashboardTodayShape()
    visits = VisitFiguresShape()
    occupancy = OccupancyFiguresShape(help_text="Of the salon's people on the same days")
    revenue = FiguresShape()
    deposits_held = MoneyShape(help_text="Held for visits to come")
    owed = MoneyShape(help_text="Held for the salon and not yet paid out, its VAT included")
    customers_owe = MoneyShape(help_text="Not yet paid, or not written down, of visits that took place")


class SalonDashboard(Endpoint):
    access = {"GET": Desk("see_figures")}
    queries = {"GET": DashboardQuery}

    @extend_schema(
        operation_id="getSalonDashboard",
        summary="Today at my salon, how full it is, who comes again, what it earned, and what it is owed",
        description=(
            "Visits and occupancy are counted by business date. "
            "Revenue is read from the books, where nothing is changed afterwards: a gift to a customer or a withdrawn "
            "no-show is a correction on the day it was decided. Finance sees the same sums."
        ),
        tags=["manage"],
        parameters=[SALON, DashboardQuery],
        responses={200: DashboardShape},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "see_figures")
        now = timezone.now()
        last = self.query.get("to", now.astimezone(at.zone).date())
        first = self.query.get("from", last.replace(day=1))
        if last < first:
            raise ValidationFailed.parameter("to", "too_small")
        if (last - first).days >= MOST_DAYS:
            raise ValidationFailed.parameter("to", "too_large")
        earned, stands, today = (
            figures(salon=at, from_date=first, to_date=last),
            position(at),
            today_at(at, now=now),
        )
        services = Service.objects.in_bulk(list(earned.by_service))
        people = StaffMember.objects.in_bulk(list(earned.by_person))
        states, arrivals = states_on(at, today, now=now), arrivals_on(at, today, now=now)
        range_ = {"from": first.isoformat(), "to": last.isoformat()}
        return Response(
            {
                "today": {
                    "business_date": today.isoformat(),
                    "states": [
                        {"state": state, "state_label": str(STATE_LABELS[state]), "bookings": states[state]}
                        for state in BookingState
                    ],
                    "arrived": arrivals.arrived,
                    "expected": arrivals.expected,
                    "next_arrival_at": rfc3339(arrivals.next_at, at.zone) if arrivals.next_at else None,
                },
                "visits": range_ | _visits(visit_figures(at, from_date=first, to_date=last, now=now)),
                "occupancy": _occupancy(
                    occupancy(at, from_date=first, to_date=last, now=now),
                    let=let_occupancy(at, from_date=first, to_date=last, now=now),
                ),
                "revenue": range_
                | {
                    "total": revenue(earned.total),
                    "by_day": _by_day(earned.by_day),
                    "by_service": list(_by_name("service", earned.by_service, services)),
                    "by_staff": list(_by_name("staff_member", earned.by_person, people)),
                },
                "deposits_held": money(stands.deposits_held_minor),
                "owed": money(stands.owed_minor),
                "customers_owe": money(stands.customers_owe_minor),
            },
            headers=PRIVATE,
        )


def revenue(of: Revenue) -> dict[str, Any]:
    return {"gross": money(of.gross_minor), "net": money(of.net_minor), "vat": money(of.vat_minor)}


def _visits(found: VisitFigures) -> dict[str, Any]:
    return {
        "took_place": found.took_place,
        "no_shows": _rate(found.no_shows),
        "late_cancellations": _rate(found.late_cancellations),
        "clients": {
            "new": found.new_clients,
            "returning": found.returning_clients,
            "rebooked": _rate(found.rebooked),
        },
    }


def _rate(found: Rate) -> dict[str, int | None]:
    return {"count": found.count, "of": found.of, "basis_points": found.basis_points}


def _occupancy(days: Mapping[date, Rate], *, let: Rate) -> dict[str, Any]:
    whole = Rate(sum(of.count for of in days.values()), sum(of.of for of in days.values()))
    by_day = [{"date": day.isoformat()} | _filled(of) for day, of in days.items()]
    return _filled(whole) | {"by_day": by_day, "rentals": _filled(let)}


def _filled(of: Rate) -> dict[str, int | None]:
    return {"booked_minutes": of.count, "open_minutes": of.of, "basis_points": of.basis_points}


def _by_day(days: Mapping[date, Revenue]) -> list[dict[str, Any]]:
    return [{"date": day.isoformat()} | revenue(of) for day, of in sorted(days.items())]


def _by_name(what: str, found: Mapping[Any, Revenue], rows: Mapping[Any, Any]) -> Iterable[dict[str, Any]]:
    for id, of in sorted(found.items(), key=lambda pair: (-pair[1].gross_minor, pair[0])):
        yield {what: {"id": str(id), "name": str(rows[id].name) if id in rows else ""}} | revenue(of)
