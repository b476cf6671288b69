"""Are the two guards there at all? A storm that meets nobody's mistake says nothing about what would stop one."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction

from backend.bookings.models import Calendar, Claim
from tests.factories import UserFactory
from tests.stress.actor import PATIENCE
from tests.stress.scene import one_slot_at_a_time, token_of
from tests.support.race import wait_until_somebody_waits_for_us


def missing(port: int) -> Iterator[str]:
    """What is wrong with them, asked of the database and of the server on this port."""
    if not _overlaps_are_refused():
        yield "the database takes two claims for the same time"
    if not _calendars_are_locked_first(port):
        yield "a booking is written before the calendars it needs are locked"


def _overlaps_are_refused() -> bool:
    """Claims written past the application, one over the other."""
    first = Claim.objects.order_by("id").first()
    assert first is not None
    at = datetime(2031, 1, 1, tzinfo=UTC)
    try:
        with transaction.atomic():
            for _ in range(2):
                Claim.objects.create(
                    calendar_id=first.calendar_id,
                    booking_id=first.booking_id,
                    starts_at=at,
                    ends_at=at + timedelta(minutes=30),
                )
            transaction.set_rollback(True)
    except IntegrityError:
        return True
    return False


def _calendars_are_locked_first(port: int) -> bool:
    """Whoever wants a calendar that we hold waits for us, and has written nothing yet."""
    [first, second] = one_slot_at_a_time(2)
    token = token_of(UserFactory.create())
    assert _book(port, token, first) == 201  # its calendars exist from here on
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            person = first["items"][0]["staff_member_id"]
            Calendar.objects.select_for_update(no_key=True).get(staff_member_id=person, lane=0)
            waiting = pool.submit(_book, port, token, second)
            wait_until_somebody_waits_for_us()
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    SELECT count(*) FROM pg_locks held
                     WHERE held.relation IN ('bookings_booking'::regclass, 'bookings_claim'::regclass)
                       AND held.mode = 'RowExclusiveLock' AND held.granted
                       AND pg_backend_pid() = ANY (pg_blocking_pids(held.pid))
                    """
                )
                written = cursor.fetchone()[0]
        assert waiting.result(PATIENCE) == 201
    return not written


def _book(port: int, token: str, body: dict[str, Any]) -> int:
    """The status; asked again where a worker was killed just before."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Idempotency-Key": str(uuid.uuid4()),
    }
    until = time.monotonic() + PATIENCE
    while True:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            link.request("POST", "/api/v1/bookings", json.dumps(body), headers)
            return link.getresponse().status
        except (OSError, http.client.HTTPException):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        finally:
            link.close()
