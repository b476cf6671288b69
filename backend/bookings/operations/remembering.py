"""Refusals of a time, kept for as long as somebody may ask why. Who was refused is not kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from backend.bookings.models import Refusal
from backend.bookings.queries import Wish
from backend.bookings.refusals import BY_REASON, AboutTime, SalonNotLive
from backend.core import limits
from backend.core.limits import Limit
from backend.core.postgres.base import binary_cursor
from backend.core.purge import purge

logger = logging.getLogger("mawid.bookings")

KEPT_FOR = timedelta(days=90)
KEPT_OF_ONE_PERSON = Limit("refusals-kept", 200, timedelta(days=1))
"""More than anybody at a desk is refused in a day, and too few to fill the table with."""

REASONS: dict[str, type[AboutTime]] = {
    **{str(reason): kind for reason, kind in BY_REASON.items()},
    SalonNotLive.code: SalonNotLive,
}
"""The refusals that are about a time, by wire code."""


def in_words(code: str) -> str:
    """A kept reason as a person reads it, in the active language."""
    return REASONS[code]().detail if code in REASONS else code


_INSERT = """
    INSERT INTO bookings_refusal
           (salon_id, at, asked, starts_at, service_ids, staff_ids, reasons, catalogue_version)
    SELECT id, %s::timestamptz, %s, %s::timestamptz, %s::uuid[], %s::uuid[], %s::varchar[],
           coalesce(%s::int, catalogue_version)
      FROM salons_salon WHERE id = %s AND set_config('synchronous_commit', 'off', true) = 'off'
"""
"""Nobody who was refused waits for the disk as well: a server that falls loses the last half second of these."""


@dataclass(frozen=True)
class Asking:
    """What is asked for (`models.Asked`), where and when. `wishes` name the services, and people where chosen."""

    asked: str
    salon_id: UUID
    starts_at: datetime
    wishes: Sequence[Wish]


@contextmanager
def remembered(asking: Asking, *, by: Any, now: datetime) -> Iterator[None]:
    """Keep the refusal that leaves this block, when it is about the time asked for, and let it go on.

    Stands around the transaction that decides, which is rolled back by then. `by` is counted, not written down.
    A refusal that cannot be kept is logged, and answered all the same.
    """
    try:
        yield
    except AboutTime as error:
        try:
            _keep(error, asking, by=by, now=now)
        except Exception:
            logger.exception("a refusal could not be kept", extra={"code": error.code})
        raise


def _keep(error: AboutTime, asking: Asking, *, by: Any, now: datetime) -> None:
    chosen = dict.fromkeys(wish.staff_member_id for wish in asking.wishes if wish.staff_member_id)
    with transaction.atomic(durable=True):
        if limits.take_here(KEPT_OF_ONE_PERSON, str(by.pk), now=now):
            return
        with binary_cursor() as cursor:
            cursor.execute(
                _INSERT,
                [
                    now,
                    asking.asked,
                    asking.starts_at,
                    [wish.service_id for wish in asking.wishes],
                    list(chosen),
                    error.extra.get("params", {}).get("reasons") or [error.code],
                    error.decided_by,
                    asking.salon_id,
                ],
            )


def purge_refusals(now: datetime) -> int:
    """Delete what nobody will ask about any more. Returns how many rows."""
    return purge(Refusal.objects.filter(at__lt=now - KEPT_FOR))
