"""The page that Prometheus reads."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from backend.notifications import operations
from backend.notifications.providers import ProviderError

TOKEN = "metrics-token-of-thirty-two-letters"

pytestmark = pytest.mark.django_db(transaction=True)


def page(client, token=TOKEN):
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_there_is_no_page_without_its_token(client, settings):
    assert client.get("/metrics").status_code == 404
    assert page(client, "").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    assert page(client).status_code == 200
    assert page(client, "رمز").status_code == 404
    assert page(client, TOKEN[:-1]).status_code == client.get("/metrics").status_code == 404


def test_it_says_how_messages_are_doing(client, settings, unifonic):
    settings.METRICS_TOKEN = TOKEN
    unifonic.answers("accept", 482, 429)
    for key in "123":
        operations.enqueue(
            operations.draft(
                recipient=None,
                to_phone="+966512345678",
                language="ar",
                kind="booking_confirmed",
                audience="customer",
                words=operations.Words(text="نص"),
                event_key=key,
                now=timezone.now() - timedelta(minutes=1),
            )
        )
    error = ProviderError("no", outcome="unreachable", error_class="provider_fault")
    for _ in range(5):
        operations.note_failure(provider="twilio", channel="whatsapp", error=error, now=timezone.now())

    answer = page(client)

    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    said = answer.content.decode()
    for line in (
        'mawid_message_attempts{provider="unifonic",channel="sms",window="hour",outcome="accepted"} 1',
        'mawid_message_attempts{provider="unifonic",channel="sms",window="day",outcome="refused"} 2',
        'mawid_message_success_ratio{provider="unifonic",channel="sms",window="hour"} 0.333333',
        'mawid_message_circuit_open{provider="twilio",channel="whatsapp"} 1',
        'mawid_message_backlog{state="due"} 1',
    ):
        assert line in said.splitlines(), said
    waits = re.search(r"^mawid_message_oldest_due_seconds (\d+\.?\d*)$", said, re.MULTILINE)
    assert waits
    assert 40 < float(waits.group(1)) < 120
    for line in said.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) .+|[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [0-9.e+-]+', line), line
