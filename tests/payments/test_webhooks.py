"""The gateway's calls: answered in time whatever is slow, kept once, finished later."""

from __future__ import annotations

import io
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.response import Response

from backend.core.models import Alarm
from backend.notifications.models import Message
from backend.notifications.operations import deliver_due
from backend.payments.api import afterwards
from backend.payments.models import Payment, Refund, WebhookEvent
from backend.payments.operations import finish_events, send_due_refunds
from tests.payments.conftest import Payer
from tests.payments.saga import Customer
from tests.support.api import Api, ok
from tests.support.carriers import Twilio
from tests.support.sandbox import SandboxProcess

SILENCE = 20
"""Seconds for which a stand-in says nothing: far longer than any answer of ours may take, on a busy machine too."""


@contextmanager
def answered_in_time() -> Iterator[None]:
    began = time.perf_counter()
    yield
    assert time.perf_counter() - began < SILENCE / 3


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["latency", "timeout_after_acting"])
def test_a_slow_gateway_does_not_delay_the_answer(payer: Payer, kind: str) -> None:
    payment = payer.begin()
    payer.pay(payment)
    payer.sandbox.fault(kind, seconds=SILENCE, method="GET", path="/payments/*")
    with answered_in_time():
        ok(payer.webhook(payment))
    assert payer.booking.state == "held"
    assert finish_events(timezone.now() + timedelta(minutes=2)) == 1
    assert payer.booking.state == "requested"


@pytest.mark.django_db(transaction=True)
def test_a_slow_refund_does_not_delay_the_answer_and_is_made_once(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)
    payment = customer.begin()
    customer.cancel()
    customer.pay(payment)
    sandbox.fault("latency", seconds=SILENCE, method="POST", path="/payments/*/void")
    with answered_in_time():
        ok(customer.webhook(payment))
    refund = Refund.objects.get()
    assert refund.state == "sending"
    assert send_due_refunds(timezone.now() + timedelta(minutes=3)) == 1
    assert customer.read(payment)["state"] == "voided"
    assert sandbox.calls()["carried_out"]["POST /payments/{id}/void 200"] == 1


def on_the_wire(payer: Payer, payment: dict[str, Any]) -> HttpResponse:
    """The gateway's call as a server hands it over: closing the answer is the server's, once all of it was sent."""
    event = {
        "id": str(uuid.uuid4()),
        "type": "payment_paid",
        "created_at": timezone.now().isoformat(),
        "secret_token": payer.sandbox.webhook_secret,
        "live": False,
        "data": {"id": payment["id"]},
    }
    request = RequestFactory().post("/api/v1/webhooks/moyasar", event, content_type="application/json")
    answer: HttpResponse = WSGIHandler()(request.environ, lambda status, headers: None)
    return answer


@contextmanager
def real_carrier(settings: Any, behaviour: str) -> Iterator[Twilio]:
    with Twilio() as carrier:
        for name, value in carrier.settings(whatsapp=True).items():
            setattr(settings, name, value)
        settings.SMS_PROVIDER = ["twilio"]
        carrier.answers(behaviour)
        yield carrier


@pytest.mark.django_db(transaction=True)
def test_what_an_event_sets_off_is_told_once_the_answer_is_out(payer: Payer, settings: Any) -> None:
    payment = payer.begin()
    payer.pay(payment)
    mine = Message.objects.filter(recipient=payer.user, kind="deposit_received")
    with real_carrier(settings, "accept"):
        answer = on_the_wire(payer, payment)
        assert answer.status_code == 200
        assert payer.booking.state == "requested"
        assert mine.get().state == "pending"
        answer.close()
        assert mine.get().state == "sent"


@pytest.mark.django_db(transaction=True)
def test_a_slow_carrier_of_messages_does_not_delay_the_answer_or_another_one(
    payer: Payer, settings: Any
) -> None:
    payment = payer.begin()
    payer.pay(payment)
    with real_carrier(settings, "accept"), answered_in_time():
        answer = on_the_wire(payer, payment)
        with afterwards._one_at_a_time:  # another thread is with a carrier that says nothing
            answer.close()
        mine = Message.objects.filter(recipient=payer.user, kind="deposit_received")
        assert mine.get().state == "pending"
        deliver_due(now=timezone.now() + timedelta(minutes=1))
        assert mine.get().state == "sent"


@pytest.mark.django_db(transaction=True)
def test_an_event_told_again_sends_nothing_afterwards(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    event_id = str(uuid.uuid4())
    first, again = (payer.webhook(payment, event_id=event_id) for _ in range(2))
    assert (type(first), type(again)) == (afterwards.MessagesAfterwards, Response)


@pytest.mark.django_db(transaction=True)
def test_a_lock_somebody_else_holds_does_not_delay_the_answer(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    locked, answered = threading.Event(), threading.Event()

    def holds_on() -> None:
        try:
            with transaction.atomic():
                Payment.objects.select_for_update().get(pk=payment["id"])
                locked.set()
                answered.wait(SILENCE)
        finally:
            connection.close()

    other = threading.Thread(target=holds_on)
    other.start()
    try:
        assert locked.wait(10)
        with answered_in_time():
            ok(payer.webhook(payment))
    finally:
        answered.set()
        other.join()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == "10s"
    assert payer.booking.state == "held"
    assert finish_events(timezone.now() + timedelta(minutes=2)) == 1
    assert payer.booking.state == "requested"


@pytest.mark.django_db
def test_an_event_of_the_other_mode_moves_nothing_and_raises_an_alarm(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment, live=True))
    assert payer.booking.state == "held"
    assert WebhookEvent.objects.get().outcome == "wrong_mode"
    assert Alarm.objects.get().kind == "webhook_of_the_other_mode"


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["payment_expired", "webhook_verification", "new.thing"])
def test_an_event_nobody_knows_is_kept_and_welcome(payer: Payer, kind: str) -> None:
    ok(payer.webhook({"id": str(uuid.uuid4())}, kind))
    event = WebhookEvent.objects.get()
    assert event.type == kind
    assert event.handled_at is not None
    assert finish_events(timezone.now() + timedelta(days=1)) == 0


@pytest.mark.django_db
def test_a_repeated_event_costs_one_statement_and_asks_nobody(
    payer: Payer, django_assert_num_queries: Any
) -> None:
    payment = payer.begin()
    payer.pay(payment)
    event_id = str(uuid.uuid4())
    ok(payer.webhook(payment, event_id=event_id))
    payer.sandbox.reset_calls()
    with django_assert_num_queries(1):
        ok(payer.webhook(payment, event_id=event_id))
    assert payer.sandbox.calls()["total"] == 0
    assert WebhookEvent.objects.get().times_received == 2


@pytest.mark.django_db
def test_the_command_finishes_what_waits(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    payer.sandbox.fault("status", status=503, method="GET", path="/payments/*")
    ok(payer.webhook(payment))
    said = io.StringIO()
    call_command("webhooks", stdout=said)
    call_command("webhooks", "--retry", stdout=said)
    assert said.getvalue().split() == ["waiting:", "1", "finished:", "1", "waiting:", "0"]
    assert payer.booking.state == "requested"


@pytest.mark.django_db
def test_one_event_that_cannot_be_finished_keeps_no_other_waiting(payer: Payer) -> None:
    odd, good = payer.begin(), payer.begin()
    payer.pay(good)
    payer.sandbox.fault("status", status=500, method="GET", path=f"/payments/{odd['id']}", count=9)
    payer.sandbox.fault("status", status=503, method="GET", path=f"/payments/{good['id']}", count=1)
    for payment in (odd, good):
        ok(payer.webhook(payment))
    assert finish_events(timezone.now() + timedelta(minutes=2)) == 1
    assert payer.booking.state == "requested"
    assert WebhookEvent.objects.filter(handled_at=None).count() == 1


@pytest.mark.django_db
def test_every_secret_of_an_event_is_redacted(payer: Payer) -> None:
    payment = payer.begin()
    data = {
        "id": payment["id"],
        "source": {"type": "creditcard", "token": "token_secret", "name": "Sara Ali", "mobile": "0512345678"},
    }
    ok(payer.webhook(payment, "payment_authorized", data=data, ip="10.1.2.3"))
    kept = str(WebhookEvent.objects.get().payload)
    for secret in (payer.sandbox.webhook_secret, "token_secret", "Sara Ali", "0512345678", "10.1.2.3"):
        assert secret not in kept
    assert Api().get("webhooks/moyasar").status_code == 405
