"""Messages in the console: dead letters sent again, how the carriers do, and what it all costs."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.notifications.models import DeliveryAttempt, Message, ProviderHealth, ProviderRefusal
from tests.console.helpers import World, act, address, browser, operator, said
from tests.factories import SalonFactory

pytestmark = pytest.mark.django_db

HEALTH, COSTS = "/console/reports/message-health/", "/console/reports/message-costs/"
NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def message(**fields: Any) -> Message:
    now = timezone.now()
    values: dict[str, Any] = {
        "to_phone": "+966512345678",
        "language": "ar",
        "kind": "booking_confirmed",
        "audience": "customer",
        "title": "تأكيد",
        "body": "نص",
        "event_key": uuid.uuid4().hex,
        "state": "sent",
        "created_at": now,
        "finished_at": now,
    }
    return Message.objects.create(**values | fields)


def attempt(of: Message | None = None, **fields: Any) -> DeliveryAttempt:
    now = timezone.now()
    of = of or message()
    values: dict[str, Any] = {
        "message": of,
        "number": of.delivery_attempts.count() + 1,
        "provider": "unifonic",
        "started_at": now,
        "finished_at": now,
        "outcome": "accepted",
        "units": 1,
    }
    return DeliveryAttempt.objects.create(**values | fields)


def cells(answer: Any) -> list[dict[str, Any]]:
    return list(answer.context["lines"])


def test_a_dead_letter_is_sent_again_and_the_rest_is_told(world: World) -> None:
    by = operator("platform_admin")
    dead, held, sent = message(state="failed", attempts=6), message(state="skipped"), message()
    answer = act(browser(by, language="en"), Message, "resend", dead, held, sent)
    for row in (dead, held, sent):
        row.refresh_from_db()
    assert (dead.state, dead.attempts, dead.resent_by) == ("pending", 0, by)
    assert (held.state, sent.state) == ("pending", "sent")
    told = said(answer)
    assert len(told) == 2
    assert "cannot be sent again" in told[0]


def test_one_click_too_many_sends_no_second_one(world: World) -> None:
    client, dead = browser(operator("platform_admin")), message(state="failed", attempts=6)
    act(client, Message, "resend", dead)
    Message.objects.filter(pk=dead.pk).update(attempts=2)
    act(client, Message, "resend", dead)
    dead.refresh_from_db()
    assert dead.attempts == 2


@pytest.mark.parametrize("role", ["support", "finance"])
def test_nobody_else_sends_anything_again(role: str, world: World) -> None:
    dead = message(state="failed")
    browser(operator(role)).post(
        address(Message), {"action": "resend", "_selected_action": [str(dead.pk)], "q": "0512345678"}
    )
    dead.refresh_from_db()
    assert dead.state == "failed"


def test_the_page_of_a_message_tells_every_try(world: World) -> None:
    row = message(subject_type="booking", subject_id=world.booking.pk, push_body="قفل", state="unknown")
    attempt(row, provider="twilio", channel="whatsapp", outcome="refused", error_class="opted_out")
    attempt(row, provider="unifonic", report="delivered", reported_at=timezone.now(), cost_micro=62_500)
    page = (
        browser(operator("platform_admin"), language="en")
        .get(address(Message, "change", row.pk))
        .content.decode()
    )
    for text in ("WhatsApp", "opted_out", "delivered", "0.0625", str(world.booking.pk), "قفل"):
        assert text in page
    seen = browser(operator("support"), language="en")
    hidden = seen.get(address(Message, "change", row.pk)).content.decode()
    assert "قفل" not in hidden
    assert "delivered" in hidden


def test_lists_narrow_to_dead_letters_and_channels(world: World) -> None:
    dead = message(state="failed", channel="email", kind="refund_issued")
    client = browser(operator("platform_admin"))
    for query in ("?state__exact=failed", "?channel=email"):
        rows = client.get(address(Message) + query).context["cl"].queryset
        assert list(rows) == [dead]


# How the carriers do -----------------------------------------------------------------------------


def test_each_carrier_and_channel_has_its_rate_of_the_hour_and_of_the_day() -> None:
    with freeze_time(NOON - timedelta(hours=5)):
        attempt(outcome="refused", error_class="provider_fault")
        client = None
    with freeze_time(NOON):
        for _ in range(3):
            attempt()
        attempt(channel="whatsapp", provider="twilio", outcome="unknown", error_class="unknown")
        client = browser(operator("platform_admin"), language="en")
        lines = {(line["provider"], line["channel"]): line for line in cells(client.get(HEALTH))}
    hour, day = lines["unifonic", "SMS"]["rates"]
    assert (hour["percent"], hour["accepted"], hour["all"], hour["tone"]) == ("100.0%", 3, 3, "good")
    assert (day["percent"], day["accepted"], day["all"], day["tone"]) == ("75.0%", 3, 4, "bad")
    assert lines["unifonic", "SMS"]["error"]["kind"] == "provider_fault"
    assert lines["twilio", "WhatsApp"]["rates"][0]["percent"] == "0.0%"


def test_a_rate_is_never_rounded_up_to_all() -> None:
    for _ in range(2):
        attempt()
    row = message()
    DeliveryAttempt.objects.bulk_create(
        DeliveryAttempt(
            message=row, number=number, provider="unifonic", started_at=timezone.now(),
            finished_at=timezone.now(), outcome="refused" if number == 1 else "accepted", units=1,
        )
        for number in range(1, 4000)
    )  # fmt: skip
    [line] = cells(browser(operator("platform_admin")).get(HEALTH))
    assert line["rates"][0]["percent"] == "99.9%"


def test_an_open_circuit_is_seen_also_when_nothing_was_sent() -> None:
    now = timezone.now()
    ProviderHealth.objects.create(
        provider="twilio", channel="sms", failures=5, last_failure_at=now, last_error_class="unknown",
        opened_at=now, open_until=now + timedelta(seconds=20),
    )  # fmt: skip
    page = browser(operator("platform_admin"), language="en").get(HEALTH)
    [line] = cells(page)
    assert (line["provider"], line["rates"], line["error"]["kind"]) == ("twilio", [None, None], "unknown")
    assert "set aside" in page.content.decode()


def test_codes_have_lines_of_their_own_and_refused_ones_count() -> None:
    ProviderRefusal.objects.create(
        provider="twilio", channel="sms", outcome="refused", error_class="balance", at=timezone.now()
    )
    [line] = cells(browser(operator("platform_admin"), language="en").get(HEALTH))
    assert (line["what"], line["provider"], line["rates"][1]["percent"]) == (
        "one-time codes",
        "twilio",
        "0.0%",
    )


def test_what_is_in_hand_is_counted() -> None:
    now = timezone.now()
    message(state="pending", next_attempt_at=now - timedelta(minutes=5), finished_at=None)
    message(state="pending", next_attempt_at=now + timedelta(minutes=5), finished_at=None)
    backlog = browser(operator("platform_admin")).get(HEALTH).context["backlog"]
    assert (backlog.due, backlog.later, backlog.sending) == (1, 1, 0)


def test_an_installation_that_sent_nothing_says_so() -> None:
    page = browser(operator("platform_admin"), language="en").get(HEALTH).content.decode()
    assert "Nothing was sent in the last day." in page


# What messages cost ------------------------------------------------------------------------------


def test_costs_are_added_up_three_ways_and_agree() -> None:
    with freeze_time(NOON):
        salon = SalonFactory.create(name_en="Lamsa")
        attempt(message(salon_id=salon.pk), units=2, cost_micro=125_000)
        attempt(message(salon_id=salon.pk, kind="booking_reminder"), provider="twilio", cost_micro=180_000)
        attempt(message(), cost_micro=62_500)
        attempt(message(), outcome="refused", cost_micro=9_000_000)
        page = browser(operator("finance"), language="en").get(COSTS)
    tables = [[(l["name"], l["units"], l["cost"]) for l in t["lines"]] for t in page.context["tables"]]  # noqa: E741
    assert tables[0] == [("booking_confirmed", "3", "0.19 SAR"), ("booking_reminder", "1", "0.18 SAR")]
    assert tables[1] == [("Lamsa", "3", "0.31 SAR"), ("The platform itself", "1", "0.06 SAR")]
    assert tables[2] == [("unifonic · SMS", "3", "0.19 SAR"), ("twilio · SMS", "1", "0.18 SAR")]
    assert page.context["total"]["cost"] == "0.37 SAR"


def test_days_are_riyadhs_and_both_count() -> None:
    for moment in (
        "2026-11-19T20:59:59Z",
        "2026-11-19T21:00:00Z",
        "2026-11-20T20:59:59Z",
        "2026-11-20T21:00:00Z",
    ):
        with freeze_time(moment):
            attempt(cost_micro=10_000)
    page = browser(operator("finance")).get(f"{COSTS}?from=2026-11-20&to=٢٠٢٦-١١-٢٠")
    assert page.context["total"]["messages"] == "2"


@pytest.mark.parametrize(
    "query", ["from=2026-13-01", "from=2026-11-20&to=2026-11-19", "from=2020-01-01", "to=x"]
)
def test_a_period_that_is_none_is_told_and_costs_nothing(query: str) -> None:
    attempt(cost_micro=10_000)
    page = browser(operator("finance"), language="en").get(f"{COSTS}?{query}")
    assert page.status_code == 200
    assert page.context["problem"]
    assert page.context["total"]["messages"] == "0"


# Both --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "allowed"), [("platform_admin", {HEALTH, COSTS}), ("finance", {COSTS}), ("support", set())]
)
def test_reports_open_to_their_readers_alone_and_stand_in_the_overview(role: str, allowed: set[str]) -> None:
    client = browser(operator(role), language="en")
    overview = client.get("/console/").content.decode()
    for url in (HEALTH, COSTS):
        assert client.get(url).status_code == (200 if url in allowed else 403)
        assert (f'href="{url}"' in overview) is (url in allowed)
    assert client.post(COSTS).status_code in (403, 405)


def test_a_stranger_is_sent_to_sign_in(client: Any) -> None:
    for url in (HEALTH, COSTS):
        answer = client.get(url)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/console/login/")


@pytest.mark.parametrize("url", [HEALTH, COSTS])
def test_more_rows_ask_no_more_of_the_database(url: str) -> None:
    client = browser(operator("platform_admin"))
    counts = []
    for _ in range(2):
        for number in range(5):
            attempt(message(salon_id=SalonFactory.create().pk, kind=f"kind_{number}"), provider=f"p{number}")
        with CaptureQueriesContext(connection) as asked:
            assert client.get(url).status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
