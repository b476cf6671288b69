"""A calendar being read while somebody books: the witness leaves the lock out, and the busy hour is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backend.bookings import operations
from backend.bookings.models import Booking, Claim, OutsideCalendar
from backend.bookings.operations import outside
from backend.bookings.operations.claiming import Calendars
from backend.bookings.queries import Wish
from backend.core.errors import DomainError
from tests.factories import UserFactory, open_salon
from tests.support.calendars import OutsideServer, event
from tests.support.race import race, wait_until_somebody_waits_for_us

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(settings: Any) -> Iterator[OutsideServer]:
    settings.OUTSIDE_CALENDARS_ALLOW_LOOPBACK = True
    with OutsideServer() as running:
        yield running


class Scene:
    """A staff member whose calendar says that tomorrow's noon is busy, and somebody who would like that hour."""

    def __init__(self, server: OutsideServer) -> None:
        self.salon, self.service, [self.noura] = open_salon(deposit_percent=0, auto_confirm=True)
        tomorrow = timezone.now().astimezone(self.salon.zone) + timedelta(days=1)
        self.noon: datetime = tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)
        server.says(
            event("1", f"{self.noon:%Y%m%dT%H%M%S}", f"{self.noon + timedelta(hours=1):%Y%m%dT%H%M%S}")
        )
        calendar = outside.connect(
            staff_member=self.noura,
            url=server.url(),
            is_caldav=False,
            username="",
            password="",
            now=timezone.now(),
        )
        self.calendar_id = calendar.pk
        self.customer = UserFactory.create()

    def read(self) -> bool:
        return outside.read_calendar(self.calendar_id, now=timezone.now())

    def book(self, minutes: int = 0) -> Booking:
        return operations.create_booking(
            customer=UserFactory.create(),
            salon=self.salon,
            wishes=[Wish(self.service.pk)],
            starts_at=self.noon + timedelta(minutes=minutes),
            now=timezone.now(),
        )

    def outcome(self) -> tuple[int, int, int]:
        """Bookings at noon, claims of the outside calendar, conflicts it knows of."""
        return (
            Booking.objects.filter(state="confirmed").count(),
            Claim.objects.filter(outside_calendar=self.calendar_id, is_active=True).count(),
            OutsideCalendar.objects.get(pk=self.calendar_id).conflicts,
        )


def test_whoever_comes_first_has_the_hour_and_the_other_is_told(server: OutsideServer) -> None:
    for _ in range(8):
        scene = Scene(server)
        Booking.objects.all().delete()
        race(scene.read, scene.book, partial(scene.book, -30), partial(scene.book, 30))
        booked, taken, conflicts = scene.outcome()
        if booked == 0:
            assert (taken, conflicts) == (1, 0)
        else:
            assert conflicts == 1
        busy = sorted(
            Claim.objects.filter(calendar__staff_member=scene.noura, is_active=True).values_list(
                "starts_at", "ends_at"
            )
        )
        assert all(one[1] <= other[0] for one, other in pairwise(busy))
        assert busy[0][0] <= scene.noon
        assert busy[-1][1] >= scene.noon + timedelta(hours=1)


def booking_between_look_and_claim(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Somebody books after the reading has looked at what is taken and before it claims."""
    outcomes: list[Any] = []
    look = outside._taken_by_others

    def book() -> None:
        try:
            outcomes.append(scene.book())
        except DomainError as refusal:
            outcomes.append(refusal)
        finally:
            connection.close()

    thread = threading.Thread(target=book)

    def look_and_let_others_in(*args: Any, **named: Any) -> Any:
        taken = look(*args, **named)
        thread.start()
        wait_until_somebody_waits_for_us(unless_over=thread)  # with the lock held it cannot end before we do
        return taken

    monkeypatch.setattr(outside, "_taken_by_others", look_and_let_others_in)
    scene.read()
    thread.join(20)
    assert not thread.is_alive()
    return outcomes


def test_nobody_books_between_the_look_and_the_claim(
    server: OutsideServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(server)
    [refusal] = booking_between_look_and_claim(scene, monkeypatch)
    assert isinstance(refusal, DomainError)
    assert scene.outcome() == (0, 1, 0)


def test_witness_without_the_lock_the_conflict_is_told_to_nobody(
    server: OutsideServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(server)
    lock = outside.lock_calendars

    def only_look(**named: Any) -> Calendars:
        found: list[Calendars] = []

        def run() -> None:
            found.append(lock(**named))
            connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return found[0]

    monkeypatch.setattr(outside, "lock_calendars", only_look)
    [booking] = booking_between_look_and_claim(scene, monkeypatch)
    assert isinstance(booking, Booking)
    assert scene.outcome() == (1, 0, 0)


def test_two_machines_read_one_calendar_once(server: OutsideServer) -> None:
    scene = Scene(server)
    serve = server._serve
    both = threading.Barrier(2)

    def slow(handler: Any) -> None:
        both.wait(10)
        serve(handler)

    server.answers = slow

    def meet() -> bool:
        done = scene.read()
        if not done:
            both.wait(10)
        return done

    assert sorted(race(meet, meet)) == [False, True]
    assert len(server.requests) == 1


def test_no_transaction_is_open_while_the_network_is_waited_for(server: OutsideServer) -> None:
    scene = Scene(server)
    serve = server._serve
    seen: list[bool] = []

    def look(handler: Any) -> None:
        seen.append(connection.in_atomic_block)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' "
                "AND datname = current_database()"
            )
            seen.append(bool(cursor.fetchone()[0]))
        connection.close()
        serve(handler)

    server.answers = look
    scene.read()
    assert seen == [False, False]
