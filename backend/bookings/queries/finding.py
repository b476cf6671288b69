"""Which salons have time on a day."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from backend.bookings import availability
from backend.bookings.queries.rules import Line, SalonRules, with_rules
from backend.bookings.queries.times import Visit, question
from backend.core.errors import NotFound
from backend.salons.models import Salon
from backend.salons.queries.search import says


def salons_free_on(
    day: date, *, service: str, category: str | None, now: datetime, salon_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Those of these salons with a free start on a calendar day, for one service at least.

    `service` are words that it or its category holds, `category` a slug; empty they ask for nothing. One query for all,
    and one or two for each salon whose rules this process has at hand.
    """
    free = set()
    for salon in Salon.objects.live().select_related("city", "district").filter(id__in=salon_ids):
        try:
            if with_rules(salon, lambda rules: _has_time(rules, day, service, category, now)):
                free.add(salon.pk)
        except NotFound:
            continue
    return free


def _has_time(rules: SalonRules, day: date, service: str, category: str | None, now: datetime) -> bool:
    lines = [line for line in rules.lines.values() if _is_wanted(line, service, category)]
    if not lines:
        return False
    # What is taken is read once, as for a visit of them all, and then each is asked for by itself.
    steps = tuple(rules.step(line.service.pk, None) for line in lines)
    begins, ends = availability.starts_on(rules.salon.zone, from_date=day, days=1)
    lead = max(step.buffer_before for step in steps)
    known = question(
        Visit(rules=rules, lines=tuple(lines), steps=steps), starts=(begins - lead, ends), now=now
    )
    return any(
        availability.slots(
            replace(known, steps=(step,), notice_minutes=line.notice_minutes, horizon_days=line.horizon_days),
            from_date=day,
            days=1,
        )
        for line, step in zip(lines, steps, strict=True)
    )


def _is_wanted(line: Line, service: str, category: str | None) -> bool:
    shown = line.above or line.service
    if line.has_variants or (category and shown.category_id != category):
        return False
    rows: tuple[Any, ...] = (line.service, shown, shown.category)
    return says(service, [text for row in rows for text in (row.name_ar, row.name_en)])
