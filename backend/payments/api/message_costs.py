"""What messages cost, for whom, and by which carrier."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.bodies import Query
from backend.core.api.shapes import MoneyShape, NamedShape, Shape
from backend.core.api.views import Endpoint
from backend.core.errors import ValidationFailed
from backend.core.money import money
from backend.core.time import RIYADH
from backend.notifications.queries import Cost, Total, costs, totals
from backend.salons.models import Salon

PRIVATE = {"Cache-Control": "no-store"}
MOST_DAYS = 92
GROUPS: dict[str, Callable[[Cost], tuple[Any, ...]]] = {
    "kind": lambda row: (row.kind, None, None, None),
    "salon": lambda row: (None, row.salon_id, None, None),
    "provider": lambda row: (None, None, row.provider, row.channel),
}
"""What each group knows of (kind, salon, provider, channel)."""


# `from` is a word of Python, so it is named in get_fields.
class MessageCostQuery(Query):
    group = fields.Choice(choices=list(GROUPS), required=False, default="kind")

    def get_fields(self) -> Any:
        days = {
            "from": fields.Day(required=False, help_text="First day in Riyadh; without it the month's first"),
            "to": fields.Day(required=False, help_text="Last day, at most 92 in all; without it today"),
        }
        return days | super().get_fields()


class TotalShape(Shape):
    messages = serializers.IntegerField(help_text="Handed over; one that went by two carriers counts twice")
    units = serializers.IntegerField(help_text="SMS parts; on other channels messages")
    cost = MoneyShape(help_text="Rounded to the halala")
    cost_micro = serializers.IntegerField(help_text="Millionths of a riyal, as added up")


class MessageCostShape(TotalShape):
    kind = serializers.CharField(allow_null=True, help_text="When grouped by it; an open list")
    salon = NamedShape(
        allow_null=True, help_text="When grouped by it; null there: on the platform's own behalf"
    )
    provider = serializers.CharField(allow_null=True, help_text="When grouped by it; an open list")
    channel = serializers.CharField(allow_null=True, help_text="Of the provider")


class MessageCostsShape(Shape):
    group = serializers.ChoiceField(choices=list(GROUPS))
    items = MessageCostShape(many=True, help_text="The dearest first")
    total = TotalShape()

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


class MessageCosts(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": MessageCostQuery}

    @extend_schema(
        operation_id="getMessageCosts",
        summary="What messages cost, by kind, salon or provider",
        description="Estimates by the prices in the settings, of what providers took or may have taken.",
        tags=["finance"],
        parameters=[MessageCostQuery],
        responses={200: MessageCostsShape},
    )
    def get(self, request: Request) -> Response:
        today = timezone.now().astimezone(RIYADH).date()
        last = self.query.get("to", today)
        first = self.query.get("from", last.replace(day=1))
        if last < first:
            raise ValidationFailed.parameter("to", "too_small")
        if (last - first).days >= MOST_DAYS:
            raise ValidationFailed.parameter("to", "too_large")
        group = self.query["group"]
        found = totals(costs(_midnight(first), _midnight(last + timedelta(days=1))), GROUPS[group])
        salons = Salon.objects.in_bulk({key[1] for key, _each in found if key[1] is not None})
        return Response(
            {
                "from": first.isoformat(),
                "to": last.isoformat(),
                "group": group,
                "items": [
                    {
                        "kind": kind,
                        "salon": {"id": str(salon), "name": str(salons[salon].name)}
                        if salon in salons
                        else None,
                        "provider": provider,
                        "channel": channel,
                    }
                    | _total(total)
                    for (kind, salon, provider, channel), total in found
                ],
                "total": _total(sum((total for _key, total in found), Total())),
            },
            headers=PRIVATE,
        )


def _total(total: Total) -> dict[str, Any]:
    return {
        "messages": total.messages,
        "units": total.units,
        "cost": money(total.cost_minor),
        "cost_micro": total.cost_micro,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=RIYADH)
