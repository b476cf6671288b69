"""The circuit of a provider: it opens after failures in a row, one process tries again, a success closes it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from backend.core.models import Alarm
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message, ProviderHealth
from backend.notifications.operations import health
from backend.notifications.operations.routes import Route
from backend.notifications.providers import ErrorClass, ProviderError
from tests.support.race import race

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
SMS = Route("sms", "unifonic")

pytestmark = pytest.mark.django_db(transaction=True)


def fault(error_class: ErrorClass = "provider_fault", outcome="refused"):
    return ProviderError("no", outcome=outcome, error_class=error_class)


def fail(times, *, now=NOW, error_class="provider_fault"):
    for _ in range(times):
        operations.note_failure(provider="unifonic", channel="sms", error=fault(error_class), now=now)


def circuit():
    row = ProviderHealth.objects.filter(provider="unifonic", channel="sms").first()
    return row and (row.failures, row.opened_at, row.open_until)


def tell(key, now=NOW):
    with transaction.atomic():
        operations.enqueue(
            operations.draft(
                recipient=None,
                to_phone="+966512345678",
                language="ar",
                kind="booking_confirmed",
                audience="customer",
                words=operations.Words(text="نص"),
                event_key=key,
                now=now,
            )
        )
    message = Message.objects.get(event_key=key)
    attempts = DeliveryAttempt.objects.filter(message=message).order_by("number")
    return message.state, [attempt.provider for attempt in attempts]


def test_five_failures_in_a_row_open_it_and_raise_one_alarm():
    fail(4)
    assert circuit() == (4, None, None)
    assert not Alarm.objects.exists()
    fail(1)
    assert circuit() == (5, NOW, NOW + timedelta(seconds=20))
    fail(2, now=NOW + timedelta(seconds=5))
    assert circuit() == (7, NOW, NOW + timedelta(seconds=20))
    assert [(alarm.kind, alarm.subject, alarm.count) for alarm in Alarm.objects.all()] == [
        ("circuit_open", "unifonic sms", 1)
    ]


@pytest.mark.parametrize("error_class", ["recipient", "opted_out", "no_route", "our_bug", "blocked"])
def test_what_says_nothing_about_the_provider_does_not_count(error_class):
    fail(9, error_class=error_class)
    assert circuit() is None


def test_a_success_begins_the_count_anew():
    fail(4)
    operations.note_success(provider="unifonic", channel="sms")
    fail(4)
    assert circuit() == (4, None, None)
    fail(1)
    operations.note_success(provider="unifonic", channel="sms")
    assert circuit() == (0, None, None)


def test_one_process_tries_again():
    fail(5)
    later = NOW + timedelta(seconds=20)
    assert not health.may_try(SMS, now=later - timedelta(seconds=1))
    outcomes = race(*[lambda: health.may_try(SMS, now=later)] * 6)
    assert sorted(outcomes) == [False] * 5 + [True]
    assert circuit() == (5, NOW, later + timedelta(seconds=20))


def test_without_its_guard_every_process_would_try():
    """The witness: whoever only looks finds the pause over, all at once."""
    fail(5)
    later = NOW + timedelta(seconds=20)
    look = ProviderHealth.objects.filter(open_until__lte=later).exists
    assert race(*[look] * 6) == [True] * 6


def test_traffic_moves_to_the_next_provider_and_back(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    unifonic.answers(503, envelope=True)
    for number in range(5):
        assert tell(str(number)) == ("sent", ["unifonic", "console"])
    assert tell("6") == ("sent", ["console"])

    again = NOW + timedelta(seconds=25)
    assert tell("7", now=again) == ("sent", ["unifonic", "console"])
    assert tell("8", now=again + timedelta(seconds=1)) == ("sent", ["console"])

    unifonic.answers("accept")
    assert tell("9", now=again + timedelta(seconds=25)) == ("sent", ["unifonic"])
    assert tell("10", now=again + timedelta(seconds=26)) == ("sent", ["unifonic"])
    assert circuit() == (0, None, None)


def test_timeouts_open_it_too(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    unifonic.answers("drop")
    assert [tell(str(number))[0] for number in range(5)] == ["unknown"] * 5
    assert tell("6") == ("sent", ["console"])


def test_the_last_one_left_is_always_tried(unifonic):
    fail(50)
    assert tell("1") == ("sent", ["unifonic"])
    assert circuit() == (0, None, None)


def test_codes_share_it(unifonic, inbox, settings, client):
    settings.OTP_PROVIDER = ["unifonic", "console"]
    fail(4)
    unifonic.answers(503, envelope=True)

    def ask(phone):
        answer = client.post("/api/v1/auth/otp-requests", {"phone": phone}, content_type="application/json")
        assert answer.status_code == 202, answer.content

    ask("0512345671")
    assert circuit()[1] is not None
    asked = len(unifonic.sent)
    ask("0512345672")
    assert len(unifonic.sent) == asked == 1
    assert len(inbox.all()) == 2
