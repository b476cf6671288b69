"""The server dies (-9) after the customer paid and before the webhook; nothing is lost and nothing happens twice."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from backend.accounts.models import Device, User
from backend.accounts.tokens import pair_of
from backend.bookings.models import Booking, Claim
from backend.core.time import RIYADH
from backend.notifications.models import Message
from backend.payments.models import Payment, Refund, WebhookEvent
from tests.factories import UserFactory, open_salon
from tests.payments.conftest import CARD
from tests.support.sandbox import SandboxProcess
from tests.support.server import ROOT, ServerProcess, database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server]


class World:
    def __init__(self, sandbox: SandboxProcess, server: ServerProcess, environment: dict[str, str]) -> None:
        self.sandbox, self.server, self.environment = sandbox, server, environment
        self.salon, self.service, _ = open_salon()
        self.user: User = UserFactory.create()
        token = pair_of(Device.objects.create(user=self.user)).access
        self.headers = {"Authorization": f"Bearer {token}", "Accept-Language": "ar"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method,
            f"{self.server.url}/api/v1/{path}",
            json=body,
            headers=self.headers | {"Idempotency-Key": str(uuid.uuid4())},
            timeout=20,
        )
        assert answer.status_code < 300, answer.text
        return answer.json()

    def pay_at_the_bank(self) -> str:
        day = (timezone.now().astimezone(RIYADH) + timedelta(days=2)).replace(
            hour=12, minute=0, second=0, microsecond=0
        )
        wanted = {"salon_id": str(self.salon.id), "items": [{"service_id": str(self.service.id)}]}
        booking = self.call("POST", "bookings", wanted | {"starts_at": day.isoformat()})
        payment = self.call("POST", f"bookings/{booking['id']}/payments", {"source": {"type": "client"}})
        asked = payment["client_payment"]
        self.sandbox.create_as_app(
            given_id=asked["given_id"],
            amount=asked["amount_minor"],
            currency=asked["currency"],
            description=asked["description"],
            metadata=asked["metadata"],
            callback_url=asked["callback_url"],
            apply_coupon=False,
            source=CARD,
        )
        self.server.kill()
        self.sandbox.pay(payment["id"])
        return str(payment["id"])

    def manage(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=os.environ | self.environment | {"DATABASE_URL": database_url()},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def assert_paid_once(self, payment_id: str) -> None:
        booking = Booking.objects.get()
        assert booking.state == "requested"
        assert [e.to_state for e in booking.events.all()] == ["held", "requested"]
        assert Payment.objects.get(pk=payment_id).captured_minor == 2300
        assert not Refund.objects.exists()
        assert Claim.objects.filter(is_active=True).count() == 2
        kinds = list(Message.objects.filter(recipient=self.user).values_list("kind", flat=True))
        assert sorted(kinds) == ["booking_received", "deposit_received"]
        assert self.sandbox.api("GET", f"/payments/{payment_id}").json()["refunded"] == 0


@pytest.fixture
def world() -> Iterator[World]:
    with SandboxProcess(options=["--webhook-retry-scale", "0.01"]) as sandbox:
        environment = {
            "MOYASAR_SECRET_KEY": sandbox.secret_key,
            "MOYASAR_PUBLISHABLE_KEY": sandbox.publishable_key,
            "MOYASAR_WEBHOOK_SECRET": sandbox.webhook_secret,
            "MOYASAR_BASE_URL": sandbox.base_url,
        }
        with ServerProcess(**environment) as server:
            sandbox.api(
                "POST",
                "/webhooks",
                json={
                    "http_method": "post",
                    "url": f"{server.url}/api/v1/webhooks/moyasar",
                    "shared_secret": sandbox.webhook_secret,
                },
            )
            yield World(sandbox, server, environment)


def test_the_webhooks_repetition_finishes_the_booking_exactly_once(world: World) -> None:
    payment_id = world.pay_at_the_bank()
    assert Booking.objects.get().state == "held"
    world.server.start()
    world.sandbox.resend_webhook(payment_id=payment_id, times=4)
    world.sandbox.wait_for_webhooks(60)
    world.assert_paid_once(payment_id)
    assert WebhookEvent.objects.filter(handled_at=None).count() == 0


def test_reconcile_finishes_the_booking_when_no_webhook_ever_comes(world: World) -> None:
    world.sandbox.pause_webhooks()
    payment_id = world.pay_at_the_bank()
    today = str(timezone.now().astimezone(RIYADH).date())
    first = world.manage("reconcile", "--from", today)
    assert f"status {payment_id} healed" in first.stdout, first.stdout + first.stderr
    assert first.returncode == 0
    again = world.manage("reconcile", "--from", today)
    assert "differences: 0 open, 0 healed" in again.stdout
    world.assert_paid_once(payment_id)
