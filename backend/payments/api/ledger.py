"""The books on the wire: entries, what salons are owed, and statements by the month."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.pagination import PageQuery, cursor_of, page, scope_of, values_of
from backend.core.api.schema import SALON
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound, ValidationFailed
from backend.core.money import money
from backend.core.text import ascii_digits
from backend.core.time import YEARS, rfc3339
from backend.payments.api.dashboard import RevenueShape, revenue
from backend.payments.models import Account, Entry, EntryKind
from backend.payments.queries.finance import found_entries
from backend.payments.queries.ledger import Position, Statement, first_day, positions, statement
from backend.salons.models import Salon
from backend.salons.permissions import Desk, desk_of
from backend.salons.queries import salon_lookup

PRIVATE = {"Cache-Control": "no-store"}
MONTH = OpenApiParameter("month", str, OpenApiParameter.PATH, required=True, description="`YYYY-MM`")


def any_salon(salon: str) -> Salon:
    """A salon by id or slug, whatever its status. Raises NotFound."""
    found = Salon.objects.select_related("business").filter(**salon_lookup(salon)).first()
    if found is None:
        raise NotFound
    return found


def salon_of_query(salon: str | None) -> Salon | None:
    """The salon a query names. Raises ValidationFailed naming it."""
    try:
        return any_salon(salon) if salon else None
    except NotFound:
        raise ValidationFailed.parameter("salon", "not_found") from None


def days_of(query: dict[str, Any]) -> tuple[date | None, date | None]:
    """First and last day of a query. Raises ValidationFailed when they are the wrong way round."""
    first, last = query.get("from"), query.get("to")
    if first is not None and last is not None and last < first:
        raise ValidationFailed.parameter("to", "too_small")
    return first, last


def named(row: Any) -> dict[str, Any]:
    return {"id": str(row.pk), "name": str(row.name)}


# Entries


class LineShape(Shape):
    account = serializers.ChoiceField(choices=Account.choices)
    amount = MoneyShape(help_text="Debit above zero, credit below; the lines of an entry add up to nothing")
    salon_id = serializers.UUIDField(allow_null=True)
    service_id = serializers.UUIDField(allow_null=True, help_text="Where it was earned")
    staff_member_id = serializers.UUIDField(allow_null=True, help_text="Where it was earned")


class EntryShape(Shape):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    at = fields.Moment()
    business_date = fields.Day(help_text="The day it belongs to, in the salon's zone")
    business = NamedShape(allow_null=True, help_text="Null: of no payment of ours")
    booking_reference = serializers.CharField(allow_null=True)
    payment_id = serializers.UUIDField(allow_null=True)
    receipt_id = serializers.UUIDField(allow_null=True)
    lines = LineShape(many=True)


class EntryPage(Shape):
    items = EntryShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# `from` is a word of Python, so it is named in get_fields.
class LedgerQuery(PageQuery):
    salon = serializers.CharField(required=False, max_length=60, help_text="Id or slug")
    account = serializers.ChoiceField(required=False, choices=Account.choices)
    kind = serializers.ChoiceField(required=False, choices=EntryKind.choices)
    booking = serializers.RegexField(
        r"^[0-9A-Za-z]{1,12}$", required=False, help_text="A booking's reference"
    )
    payment_id = serializers.UUIDField(required=False)

    def get_fields(self) -> Any:
        return super().get_fields() | {
            "from": fields.Day(required=False, help_text="First day of the books"),
            "to": fields.Day(required=False, help_text="Last one"),
        }


def entry_shown(row: Entry) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "at": rfc3339(row.at),
        "business_date": row.business_date.isoformat(),
        "business": named(row.business) if row.business else None,
        "booking_reference": row.booking.reference if row.booking else None,
        "payment_id": _id(row.payment_id),
        "receipt_id": _id(row.receipt_id),
        "lines": [
            {
                "account": line.account,
                "amount": money(line.amount_minor),
                "salon_id": _id(line.salon_id),
                "service_id": _id(line.service_id),
                "staff_member_id": _id(line.staff_member_id),
            }
            for line in row.lines.all()
        ],
    }


def _id(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)


class Ledger(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": LedgerQuery}

    @extend_schema(
        operation_id="listLedgerEntries",
        summary="The books, newest day first",
        description="Double entry, written once and never changed. With `salon` or `account`: entries that touch it.",
        tags=["finance"],
        parameters=[LedgerQuery],
        responses={200: EntryPage},
    )
    def get(self, request: Request) -> Response:
        asked = self.query
        first, last = days_of(asked)
        rows = found_entries(
            salon=salon_of_query(asked.get("salon")),
            account=asked.get("account"),
            kind=asked.get("kind"),
            booking=asked.get("booking"),
            payment_id=asked.get("payment_id"),
            from_date=first,
            to_date=last,
        )
        found = page(rows, order=("-business_date", "-id"), query=asked)
        return Response(found.body(entry_shown), headers=PRIVATE)


# What salons are owed


class PositionShape(Shape):
    balance = MoneyShape(help_text="What the salon earned less what it has had, from us or at its own desk")
    customers_owe = MoneyShape(
        help_text="Of that, not yet paid, or not written down, of visits that took place"
    )
    taken_ahead = MoneyShape(help_text="What the desk took for visits that did not take place yet")
    deposits_held = MoneyShape(help_text="Held for visits to come; nobody's yet")
    owed = MoneyShape(help_text="Held for the salon and not yet paid out, its VAT included")


class BalanceOfSalonShape(PositionShape):
    salon = NamedShape()
    salon_slug = serializers.CharField()


class BalanceOfSalonPage(Shape):
    items = BalanceOfSalonShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def position_shown(of: Position) -> dict[str, Any]:
    return {
        "balance": money(of.balance_minor),
        "customers_owe": money(of.customers_owe_minor),
        "taken_ahead": money(of.taken_ahead_minor),
        "deposits_held": money(of.deposits_held_minor),
        "owed": money(of.owed_minor),
    }


class Balances(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonBalances",
        summary="What every salon is owed, by slug",
        tags=["finance"],
        parameters=[PageQuery],
        responses={200: BalanceOfSalonPage},
    )
    def get(self, request: Request) -> Response:
        found = page(Salon.objects.all(), order=("slug",), query=self.query)
        stands = positions([salon.pk for salon in found.rows])
        return Response(found.body(partial(_balance_shown, stands=stands)), headers=PRIVATE)


def _balance_shown(salon: Salon, *, stands: dict[uuid.UUID, Position]) -> dict[str, Any]:
    return {"salon": named(salon), "salon_slug": salon.slug} | position_shown(stands[salon.pk])


# Statements


class MonthShape(Shape):
    month = serializers.CharField(help_text="`YYYY-MM`")


class MonthPage(Shape):
    items = MonthShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MoveShape(RevenueShape):
    kind = serializers.ChoiceField(choices=EntryKind.choices)


class StatementShape(Shape):
    month = serializers.CharField(help_text="`YYYY-MM`")
    salon = NamedShape()
    opening = PositionShape(help_text="At the end of the day before")
    moves = MoveShape(
        many=True, help_text="By kind, what the balance gained or lost; opening and these make closing"
    )
    closing = PositionShape()

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


def statement_shown(of: Statement) -> dict[str, Any]:
    return {
        "from": of.from_date.isoformat(),
        "to": of.to_date.isoformat(),
        "month": month_text(of.from_date),
        "salon": named(of.salon),
        "opening": position_shown(of.opening),
        "moves": [{"kind": kind} | revenue(amount) for kind, amount in of.moves.items()],
        "closing": position_shown(of.closing),
    }


def month_text(day: date) -> str:
    return f"{day.year:04d}-{day.month:02d}"


def month_of(text: str) -> date:
    """The first day of `YYYY-MM`, in any digits. Raises NotFound."""
    year, dash, month = ascii_digits(text).partition("-")
    digits = len(year) == 4 and len(month) == 2 and (year + month).isascii() and (year + month).isdigit()
    if not dash or not digits or int(year) not in YEARS or not 1 <= int(month) <= 12:
        raise NotFound
    return date(int(year), int(month), 1)


def months_of(salon: Salon) -> Iterator[date]:
    """The months for which a salon has a statement, newest first, each by its first day."""
    first = first_day(salon)
    day = timezone.now().astimezone(salon.zone).date().replace(day=1)
    while first is not None and day >= first.replace(day=1):
        yield day
        day = date(day.year - (day.month == 1), (day.month - 2) % 12 + 1, 1)


def _months(salon: Salon, query: dict[str, Any]) -> Response:
    scope = scope_of(f"statements {salon.pk}", ("-month",), query)
    before = values_of(query["cursor"], scope)[0] if query.get("cursor") else "9999-99"
    left = [month for day in months_of(salon) if (month := month_text(day)) < before]
    shown = left[: query["limit"]]
    more = len(left) > len(shown)
    body = {
        "items": [{"month": month} for month in shown],
        "next_cursor": cursor_of([shown[-1]], scope) if more else None,
    }
    return Response(body, headers=PRIVATE)


WHAT = "What the salon earned and had in a month, from the books. Finance and the owner read the same."


class FinanceStatements(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listSalonStatements",
        summary="The months for which a salon has a statement, newest first",
        tags=["finance"],
        parameters=[SALON, PageQuery],
        responses={200: MonthPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        return _months(any_salon(salon), self.query)


class FinanceStatement(Endpoint):
    access = {"GET": FINANCE}

    @extend_schema(
        operation_id="getSalonStatement",
        summary="A salon's statement for a month",
        description=WHAT,
        tags=["finance"],
        parameters=[SALON, MONTH],
        responses={200: StatementShape},
    )
    def get(self, request: Request, salon: str, month: str) -> Response:
        found = statement(any_salon(salon), month=month_of(month))
        return Response(statement_shown(found), headers=PRIVATE)


class MyStatements(Endpoint):
    access = {"GET": Desk("see_figures")}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listMySalonStatements",
        summary="The months for which my salon has a statement, newest first",
        tags=["manage"],
        parameters=[SALON, PageQuery],
        responses={200: MonthPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        return _months(desk_of(person(request), salon, "see_figures"), self.query)


class MyStatement(Endpoint):
    access = {"GET": Desk("see_figures")}

    @extend_schema(
        operation_id="getMySalonStatement",
        summary="My salon's statement for a month",
        description=WHAT,
        tags=["manage"],
        parameters=[SALON, MONTH],
        responses={200: StatementShape},
    )
    def get(self, request: Request, salon: str, month: str) -> Response:
        found = statement(desk_of(person(request), salon, "see_figures"), month=month_of(month))
        return Response(statement_shown(found), headers=PRIVATE)
