"""The outbox against both carriers on the wire: whatever they answer, nothing hangs, nothing is sent twice."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from backend.core.models import Alarm
from backend.core.time import RIYADH
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.providers import REACTIONS, ProviderError
from tests.factories import employ, open_salon
from tests.notifications.conftest import AT_ONCE
from tests.notifications.test_twilio import REFUSALS
from tests.stress import scene
from tests.support.carriers import ACCEPTING_FAULTS, LOSING_FAULTS

TEXT = "تم تأكيد حجزك في صالون روز"
NO_WORD = [*ACCEPTING_FAULTS, *LOSING_FAULTS, 302, 408, 500, 502]

pytestmark = pytest.mark.django_db(transaction=True)


def enqueue():
    began = time.monotonic()
    operations.enqueue(
        operations.draft(
            recipient=None,
            to_phone="+966512345678",
            language="ar",
            kind="booking_confirmed",
            audience="customer",
            words=operations.Words(text=TEXT),
            event_key="booking:1:v1:confirmed:customer",
            now=timezone.now(),
        )
    )
    assert time.monotonic() - began < AT_ONCE
    return Message.objects.get()


def deliver_for_a_day():
    now = timezone.now()
    for _ in range(12):
        now += timedelta(hours=2)
        began = time.monotonic()
        operations.deliver_due(now=now)
        assert time.monotonic() - began < AT_ONCE
    return Message.objects.get()


def attempts():
    rows = DeliveryAttempt.objects.order_by("number")
    return [(row.provider, row.outcome, row.error_class) for row in rows]


@pytest.mark.parametrize("fault", NO_WORD)
def test_twilio_without_a_word_is_never_asked_to_send_again(twilio, unifonic, settings, fault):
    settings.SMS_PROVIDER = ["twilio", "unifonic"]
    twilio.answers(fault)
    assert enqueue().state == "unknown"
    assert attempts() == [("twilio", "unknown", "unknown")]

    message = deliver_for_a_day()

    assert len(twilio.sent) == 1
    assert unifonic.sent == []
    if fault in ACCEPTING_FAULTS:
        # Found among the latest messages to this number.
        assert (message.state, len(twilio.accepted)) == ("sent", 1)
        assert DeliveryAttempt.objects.get().provider_message_id == twilio.accepted[0]["sid"]
    else:
        assert (message.state, message.next_attempt_at, twilio.accepted) == ("unknown", None, [])


@pytest.mark.parametrize("fault", NO_WORD)
def test_unifonic_without_a_word_is_asked_what_became_of_it(twilio, unifonic, settings, fault):
    settings.SMS_PROVIDER = ["unifonic", "twilio"]
    unifonic.answers(fault, "accept")
    assert enqueue().state == "unknown"
    assert attempts() == [("unifonic", "unknown", "unknown")]

    message = deliver_for_a_day()

    assert (message.state, len(unifonic.accepted), twilio.sent) == ("sent", 1, [])
    assert len(unifonic.sent) == (1 if fault in ACCEPTING_FAULTS else 2)


@pytest.mark.parametrize(("status", "code", "error_class", "permanent"), REFUSALS)
def test_each_refusal_goes_on_or_stops_as_the_table_says(
    twilio, unifonic, settings, status, code, error_class, permanent
):
    settings.SMS_PROVIDER = ["twilio", "unifonic"]
    twilio.answers((status, code))

    message = enqueue()

    assert len(twilio.sent) == 1
    if ProviderError("no", outcome="refused", error_class=error_class).passes_on:
        assert (message.state, len(unifonic.accepted)) == ("sent", 1)
        assert attempts() == [("twilio", "refused", error_class), ("unifonic", "accepted", "")]
    else:
        assert (message.state, unifonic.sent) == ("failed", [])
        assert attempts() == [("twilio", "refused", error_class)]
    alarms = list(Alarm.objects.filter(kind="provider_refusal").values_list("subject", flat=True))
    assert alarms == (["twilio"] if REACTIONS[error_class] == "alarm" else [])


def test_a_provider_that_cannot_be_reached_is_passed_over(twilio, unifonic, settings):
    settings.SMS_PROVIDER = ["twilio", "unifonic"]
    settings.TWILIO_BASE_URL = "http://127.0.0.1:9"
    assert enqueue().state == "sent"
    assert attempts() == [("twilio", "unreachable", "provider_fault"), ("unifonic", "accepted", "")]


def test_the_order_is_the_one_of_the_setting(twilio, unifonic, settings):
    settings.SMS_PROVIDER = ["unifonic", "twilio"]
    unifonic.answers(480)
    assert enqueue().state == "sent"
    assert attempts() == [("unifonic", "refused", "configuration"), ("twilio", "accepted", "")]


def test_a_text_is_good_for_hours(twilio):
    enqueue()
    assert twilio.sent[0]["ValidityPeriod"] == "21600"


def test_a_booking_is_answered_within_its_budget_while_the_first_carrier_is_silent(
    twilio, unifonic, settings
):
    """The customer and three people of the desk are told; the first carrier says nothing for as long as we let it."""
    settings.SMS_PROVIDER = ["twilio", "unifonic"]
    twilio.answers("hang")
    settings.PROVIDER_TIMEOUT = 10
    salon, service, _people = open_salon(auto_confirm=False, deposit_percent=0)
    for role in ("owner", "receptionist", "receptionist"):
        employ(salon, role)
    [token] = scene.customers(1)
    start = (timezone.now().astimezone(RIYADH) + timedelta(days=2)).replace(
        hour=12, minute=0, second=0, microsecond=0
    )

    began = time.monotonic()
    answer = Client().post(
        "/api/v1/bookings",
        {
            "salon_id": str(salon.pk),
            "items": [{"service_id": str(service.pk)}],
            "starts_at": start.isoformat(),
        },
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4())},
    )
    took = time.monotonic() - began

    assert answer.status_code == 201, answer.content
    assert took < 12 + 4
    states = sorted(Message.objects.values_list("state", flat=True))
    assert states == ["pending"] * 3 + ["unknown"]
    twilio.answers("accept")
    later = timezone.now() + timedelta(minutes=5)
    assert operations.deliver_due(now=later) == 4
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
    assert len(twilio.accepted) == 4
