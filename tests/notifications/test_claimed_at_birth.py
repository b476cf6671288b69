"""A booking's first message is written as claimed by the request that hands it over, unless something is unusual."""

from datetime import timedelta
from uuid import uuid4

import pytest
import requests
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.accounts.models import Device
from backend.core.patience import patience
from backend.core.time import RIYADH
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message, OptOut, Preference, ProviderHealth
from tests.factories import open_salon
from tests.stress import scene

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def book(settings):
    settings.MESSAGE_CHANNELS = ["sms"]
    salon, service, _people = open_salon(auto_confirm=True, deposit_percent=0)
    [token] = scene.customers(1)
    noon = (timezone.now().astimezone(RIYADH) + timedelta(days=2)).replace(
        hour=12, minute=0, second=0, microsecond=0
    )
    hours = iter(range(9))

    def booked():
        answer = Client().post(
            "/api/v1/bookings",
            {
                "salon_id": str(salon.pk),
                "items": [{"service_id": str(service.pk)}],
                "starts_at": (noon + timedelta(hours=next(hours))).isoformat(),
            },
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())},
        )
        assert answer.status_code == 201, answer.content
        return Message.objects.get(subject_id=answer.json()["id"])

    return booked


def claims(captured):
    return [
        q["sql"] for q in captured if "UPDATE notifications_message" in q["sql"] and "'sending'" in q["sql"]
    ]


def tries(message):
    return list(message.delivery_attempts.order_by("number").values_list("provider", "outcome"))


def test_the_usual_message_is_claimed_with_its_booking_and_sent_once(book, unifonic):
    with CaptureQueriesContext(connection) as captured:
        message = book()
    assert claims(captured) == []
    assert (message.state, message.attempts, message.channel) == ("sent", 1, "sms")
    assert tries(message) == [("unifonic", "accepted")]
    assert len(unifonic.sent) == 1
    assert operations.deliver_due(now=timezone.now() + timedelta(days=1)) == 0


def test_a_choice_of_the_persons_own_is_kept_to(book, unifonic, settings):
    settings.MESSAGE_CHANNELS = ["sms", "whatsapp"]
    settings.WHATSAPP_TEMPLATES = {"booking_confirmed": {"ar": {"unifonic": "confirmed_ar"}}}
    Preference.objects.create(
        user=Device.objects.get().user, topic="bookings", channels=["whatsapp"], changed_at=timezone.now()
    )
    message = book()
    assert (message.state, message.channel) == ("sent", "whatsapp")
    assert unifonic.sent == []


def test_a_number_that_refused_is_left_alone(book, unifonic):
    OptOut.objects.create(phone=Device.objects.get().user.phone, channel="sms", at=timezone.now())
    assert book().state == "skipped"
    assert unifonic.requests == []
    assert not DeliveryAttempt.objects.exists()


def test_an_open_circuit_is_gone_around(book, twilio, unifonic, settings):
    settings.SMS_PROVIDER = ["twilio", "unifonic"]
    now = timezone.now()
    ProviderHealth.objects.create(
        provider="twilio", channel="sms", failures=5, opened_at=now, open_until=now + timedelta(hours=1)
    )
    message = book()
    assert (message.state, tries(message)) == ("sent", [("unifonic", "accepted")])
    assert twilio.requests == []


def test_what_there_is_no_time_for_is_let_go_and_delivered_later(book, unifonic):
    with patience(0):
        message = book()
    assert (message.state, message.attempts, tries(message)) == ("pending", 0, [])
    assert unifonic.requests == []
    assert operations.deliver_due(now=timezone.now()) == 1
    message.refresh_from_db()
    assert (message.state, message.attempts, tries(message)) == ("sent", 1, [("unifonic", "accepted")])


def test_who_dies_after_the_commit_leaves_a_claim_that_lapses(book, unifonic, monkeypatch):
    """As from `kill -9` before the first byte: the carrier is asked first, has nothing, and gets it."""

    def dies(*_, **__):
        raise SystemExit

    with monkeypatch.context() as wire:
        wire.setattr(requests.Session, "send", dies)
        with pytest.raises(SystemExit):
            book()
    message = Message.objects.get()
    assert (message.state, tries(message), unifonic.sent) == ("sending", [("unifonic", None)], [])

    now = timezone.now()
    assert operations.deliver_due(now=now) == 0, "it is claimed"
    assert operations.deliver_due(now=now + operations.LEASE + timedelta(seconds=5)) == 1
    message.refresh_from_db()
    assert message.state == "sent"
    assert tries(message) == [("unifonic", "unreachable"), ("unifonic", "accepted")]
    assert len(unifonic.accepted) == 1


def test_where_workers_deliver_nobody_claims_at_birth(book, unifonic, settings):
    settings.MESSAGE_DELIVERY = "worker"
    message = book()
    assert (message.state, tries(message), unifonic.requests) == ("pending", [], [])
    assert operations.deliver_due(now=timezone.now()) == 1
    assert len(unifonic.sent) == 1
