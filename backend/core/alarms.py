"""Alarms: what must not pass unseen becomes a row that somebody acknowledges, and a line at ERROR."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.db import connection
from django.utils import timezone

logger = logging.getLogger("mawid.alarms")


def raise_alarm(kind: str, subject: str, **details: Any) -> None:
    """Record that `kind` happened to `subject`: one row an hour, counted up, logged when the row is new.

    `details` are JSON values and describe the last time. No phone numbers, no codes.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        # Clocks of several machines differ a little: last_at never goes back.
        cursor.execute(
            """
            INSERT INTO core_alarm AS kept (kind, subject, hour, details, count, first_at, last_at)
            VALUES (%s, %s, %s, %s, 1, %s, %s)
            ON CONFLICT (kind, subject, hour) DO UPDATE
               SET count = kept.count + 1, last_at = greatest(kept.last_at, excluded.last_at),
                   details = excluded.details
            RETURNING count
            """,
            [
                kind,
                subject[:80],
                now.replace(minute=0, second=0, microsecond=0),
                json.dumps(details),
                now,
                now,
            ],
        )
        first = cursor.fetchone()[0] == 1
    if first:
        logger.error("alarm: %s", kind, extra={"subject": subject, "details": json.dumps(details)})
