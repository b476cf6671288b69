"""A tap on "book" whose answer never came is repeated with the same key: there is one booking, whatever went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connection, transaction
from django.utils import timezone

from backend.accounts.models import Device, User
from backend.accounts.tokens import pair_of
from backend.bookings.models import Booking, BookingEvent, Claim
from backend.core.models import IdempotencyRecord
from backend.core.time import RIYADH
from backend.notifications.models import Message
from tests.factories import UserFactory, open_salon
from tests.stress.processes import children
from tests.support.carriers import Unifonic
from tests.support.race import wait_until_somebody_waits_for_us
from tests.support.server import ROOT, ServerProcess, database_url

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.server,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found through /proc"),
]


class World:
    """A salon that confirms by itself, a customer with one key, a carrier, and the server between them."""

    def __init__(self, server: ServerProcess, carrier: Unifonic, environment: dict[str, str]) -> None:
        self.server, self.carrier, self.environment = server, carrier, environment
        self.salon, self.service, _ = open_salon(staff=2, auto_confirm=True, deposit_percent=0)
        self.user: User = UserFactory.create()
        start = (timezone.now().astimezone(RIYADH) + timedelta(days=2)).replace(
            hour=12, minute=0, second=0, microsecond=0
        )
        self.body = {
            "salon_id": str(self.salon.pk),
            "items": [{"service_id": str(self.service.pk), "staff_member_id": None}],
            "starts_at": start.isoformat(),
        }
        self.headers = {
            "Authorization": f"Bearer {pair_of(Device.objects.create(user=self.user)).access}",
            "Idempotency-Key": str(uuid.uuid4()),
        }

    def book(self, *, patience: float = 20.0) -> requests.Response:
        """Always the same request."""
        return requests.post(
            f"{self.server.url}/api/v1/bookings", json=self.body, headers=self.headers, timeout=patience
        )

    def kill_the_server(self) -> None:
        """-9 for everything at once: a worker would else notice its parent's end and finish in peace."""
        process = self.server._process
        assert process is not None
        for worker in children(process.pid):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self.server.kill()

    def deliver(self) -> None:
        done = subprocess.run(
            [sys.executable, "manage.py", "deliver"],
            cwd=ROOT,
            env=os.environ | self.environment | {"DATABASE_URL": database_url()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def assert_booked_once(self, answer: requests.Response) -> None:
        """One booking, which is the one answered; one set of claims, one event, one message, sent once."""
        assert answer.status_code == 201, answer.text
        booking = Booking.objects.get()
        assert answer.json()["id"] == str(booking.pk)
        assert booking.state == "confirmed"
        owners = Counter(
            "staff" if claim.calendar.staff_member_id else "customer"
            for claim in Claim.objects.filter(is_active=True).select_related("calendar")
        )
        assert owners == {"staff": 1, "customer": 1}
        assert list(BookingEvent.objects.values_list("version", "verb")) == [(1, "create")]
        assert list(Message.objects.values_list("kind", "state")) == [("booking_confirmed", "sent")]
        assert len(self.carrier.accepted) == 1
        assert IdempotencyRecord.objects.count() == 1

    def assert_replayed(self, again: requests.Response) -> None:
        assert again.status_code == 201, again.text
        assert again.headers.get("Idempotent-Replayed") == "true"


@pytest.fixture
def world() -> Iterator[World]:
    with Unifonic() as carrier:
        environment = {
            "SMS_PROVIDER": "unifonic",
            "UNIFONIC_BASE_URL": carrier.base_url,
            "UNIFONIC_APP_SID": "sid-1",
            "UNIFONIC_SENDER_ID": "Mawid",
        }
        with ServerProcess(**environment) as server:
            yield World(server, carrier, environment)


@contextmanager
def held_before_commit(request: Callable[[], requests.Response]) -> Iterator[Future[requests.Response]]:
    """The request under way, its booking and claims written and not committed, for as long as the block lasts."""
    with ThreadPoolExecutor(1) as pool, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE notifications_message IN SHARE MODE")
        answer = pool.submit(request)
        wait_until_somebody_waits_for_us()
        yield answer


def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_after_a_success_the_same_answer_comes_again(world: World) -> None:
    first = world.book()
    world.assert_booked_once(first)
    again = world.book()
    world.assert_replayed(again)
    assert again.content == first.content
    world.assert_booked_once(again)


def test_a_client_that_lost_patience_finds_the_booking_it_had_begun(world: World) -> None:
    with held_before_commit(lambda: world.book(patience=1)) as answer:
        with pytest.raises(requests.Timeout):
            answer.result(timeout=20)
        meanwhile = world.book()
        assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "request_in_progress")
        assert not Booking.objects.exists()
    until(lambda: Message.objects.filter(state="sent").exists())
    again = world.book()
    world.assert_replayed(again)
    world.assert_booked_once(again)


def test_a_server_killed_before_the_commit_has_done_nothing(world: World) -> None:
    with held_before_commit(world.book) as answer:
        world.kill_the_server()
        with pytest.raises(requests.ConnectionError):
            answer.result(timeout=20)
        assert not Booking.objects.exists()
    assert not Booking.objects.exists()
    world.server.start()
    again = world.book()
    assert "Idempotent-Replayed" not in again.headers
    world.assert_booked_once(again)


def test_a_server_killed_after_the_commit_had_booked(world: World) -> None:
    world.carrier.answers("hang", "accept")  # it takes the message over and never says so
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(world.book)
        until(lambda: world.carrier.accepted)
        world.kill_the_server()
        with pytest.raises(requests.ConnectionError):
            answer.result(timeout=20)
    world.server.start()
    again = world.book()
    world.assert_replayed(again)

    # Whoever delivers next asks the carrier instead of sending again, once the dead server's claim has lapsed.
    Message.objects.filter(state="sending").update(claimed_until=timezone.now())
    world.deliver()
    world.assert_booked_once(again)
