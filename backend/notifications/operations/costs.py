"""What a message costs, and the most that a day may cost."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import connection

from backend.core.alarms import raise_alarm
from backend.core.time import RIYADH
from backend.notifications.models import DailySpend
from backend.notifications.operations.routes import Route

MICRO = 1_000_000


def price(route: Route, *, units: int) -> int:
    """Millionths of a riyal, by settings.MESSAGE_PRICES; 0 for a price nobody wrote down."""
    each: int = settings.MESSAGE_PRICES.get(f"{route.provider}:{route.channel}", 0)
    return each * units


def is_used_up(now: datetime) -> bool:
    """Whether today (Riyadh) has cost what settings.MESSAGE_SPEND_PER_DAY allows; reads one row, or nothing."""
    cap = settings.MESSAGE_SPEND_PER_DAY * MICRO
    if not cap:
        return False
    today = DailySpend.objects.filter(date=now.astimezone(RIYADH).date()).values_list("cost_micro", flat=True)
    return (today.first() or 0) >= cap


def count(cost_micro: int, now: datetime) -> None:
    """Add to the day's cost what was handed over; the message that reaches the cap is an alarm, once a day."""
    cap = settings.MESSAGE_SPEND_PER_DAY * MICRO
    if not cap or not cost_micro:
        return
    date = now.astimezone(RIYADH).date()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO notifications_dailyspend AS kept (date, cost_micro) VALUES (%s, %s)
            ON CONFLICT (date) DO UPDATE SET cost_micro = kept.cost_micro + excluded.cost_micro
            RETURNING cost_micro
            """,
            [date, cost_micro],
        )
        total = cursor.fetchone()[0]
    if total >= cap > total - cost_micro:
        raise_alarm("message_spend", date.isoformat(), riyals=settings.MESSAGE_SPEND_PER_DAY)
