"""One page per payment in the console: everything that happened around it, in order of time, in both languages."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backend.core import jobs
from backend.payments.admin.timeline import MOST, entries
from backend.payments.gateway import CALLS_KEPT, purge_calls
from backend.payments.models import GatewayCall, Payment, WebhookEvent
from tests.console.helpers import act, browser, operator
from tests.payments.conftest import INSUFFICIENT, Payer
from tests.support.api import ok
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db


def page_of(payment_id: Any) -> str:
    return reverse("admin:payments_payment_change", args=[payment_id])


def read(page: Any) -> list[str]:
    """The timeline's lines as a person reads them."""
    lines = re.findall(r"<li class=\"[a-z ]+\">(.*?)</li>", page.content.decode(), re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", line)).split()) for line in lines]


def story(payer: Payer) -> tuple[dict[str, Any], dict[str, Any]]:
    """A declined card, a second attempt that pays, the news of it twice, and a cancelled booking."""
    first = payer.begin()
    payer.pay(first, card=INSUFFICIENT)
    payer.webhook(first, "payment_failed")
    second = payer.begin()
    payer.pay(second)
    event_id = str(uuid.uuid4())
    payer.webhook(second, event_id=event_id)
    payer.webhook(second, event_id=event_id)
    version = payer.booking.version
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": version, "reason": "سفر"}))
    return first, second


@pytest.mark.parametrize("role", ["finance", "platform_admin"])
def test_the_page_tells_the_whole_story_in_order(payer: Payer, role: str) -> None:
    first, second = story(payer)

    lines = read(browser(operator(role), language="en").get(page_of(second["id"])))

    def place(*words: str, after: int = -1) -> int:
        found = [i for i, line in enumerate(lines) if i > after and all(word in line for word in words)]
        assert found, (words, lines)
        return found[0]

    booked = place("Booking", "booked")
    declined = place("Last compared with the gateway", "insufficient_funds", "another attempt")
    begun = place("Attempt begun", after=place("Attempt begun", "another attempt"))
    told = place("The gateway told us", "payment_paid", "received 2 times", "brought up to date")
    asked = place("State asked for", "answered · 200", "paid", after=told)
    paid = place("Money received")
    owed = place("Owed back", "the booking has ended")
    returned = place("Returned")
    assert booked < declined
    assert declined < begun < told < returned
    assert booked < paid
    assert told < asked < owed < returned
    assert "another attempt" not in lines[begun]
    assert place("Refund sent", "answered · 200")
    assert place("cancelled", "→ Cancelled", "سفر")
    assert [line for line in lines if payer.user.phone and payer.user.phone[-9:] in line] == []
    assert first["id"] != second["id"]


def test_the_page_reads_in_arabic_too(payer: Payer) -> None:
    _first, second = story(payer)

    page = browser(operator("finance"), language="ar").get(page_of(second["id"]))

    body = page.content.decode()
    assert '<html lang="ar" dir="rtl">' in body
    assert '<bdi dir="ltr">' in body
    assert len(read(page)) > 8


def test_support_and_strangers_do_not_see_it(payer: Payer, client: Any) -> None:
    payment = payer.begin()

    assert browser(operator("support")).get(page_of(payment["id"])).status_code == 403
    assert client.get(page_of(payment["id"])).status_code == 302


def test_what_the_gateway_says_is_shown_as_text(payer: Payer) -> None:
    payment = payer.begin()
    GatewayCall.objects.create(
        payment_id=payment["id"],
        verb="fetch",
        at=timezone.now(),
        took_ms=3,
        outcome="fault",
        note="<script>alert(1)</script>",
    )

    page = browser(operator("finance")).get(page_of(payment["id"]))

    assert "&lt;script&gt;alert(1)" in page.content.decode()


def test_an_app_that_asks_for_an_hour_is_one_line_and_the_page_stays_short(payer: Payer) -> None:
    payment = payer.begin()
    began = timezone.now()
    GatewayCall.objects.bulk_create(
        GatewayCall(
            payment_id=payment["id"],
            verb="fetch",
            at=began + timedelta(seconds=second),
            took_ms=5,
            status=200,
            outcome="ok",
            note="initiated",
        )
        for second in range(3 * MOST)
    )
    client = browser(operator("finance"), language="en")
    client.get(page_of(payment["id"]))

    with CaptureQueriesContext(
        connection,
    ) as queries:
        page = client.get(page_of(payment["id"]))

    assert len([line for line in read(page) if "State asked for" in line]) == 1
    assert f"×{MOST}" in page.content.decode()
    assert "Only the latest of each kind are shown." in page.content.decode()
    assert len(queries) < 25


def test_another_story_of_the_same_salon_stays_out(payer: Payer, sandbox: SandboxProcess) -> None:
    other = Payer(sandbox)
    theirs = other.begin()
    other.pay(theirs)
    other.webhook(theirs)
    mine = payer.begin()

    told, cut = entries(Payment.objects.get(pk=mine["id"]))

    assert not cut
    assert {str(entry.payment_id) for entry in told} - {"None"} == {mine["id"]}


# The trace of calls


def test_a_call_that_failed_is_on_the_page_with_what_it_proves(payer: Payer, sandbox: SandboxProcess) -> None:
    payment = payer.begin()
    sandbox.fault("status", method="GET", path="/payments/*", status=503)
    payer.webhook(payment)
    sandbox.fault("html", method="GET", path="/payments/*")
    payer.webhook(payment)

    outcomes = list(GatewayCall.objects.order_by("id").values_list("verb", "status", "outcome", "payment_id"))

    mine = uuid.UUID(payment["id"])
    assert outcomes == [("fetch", 503, "fault", mine), ("fetch", 403, "fault", mine)]
    lines = read(browser(operator("finance"), language="en").get(page_of(payment["id"])))
    assert [line for line in lines if "nothing happened" in line]


@pytest.mark.django_db(transaction=True)
def test_a_trace_that_cannot_be_written_does_not_disturb_the_payment(payer: Payer, caplog: Any) -> None:
    payment = payer.begin()
    payer.pay(payment)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_gatewaycall RENAME TO payments_gatewaycall_away")
    try:
        answer = payer.webhook(payment)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE payments_gatewaycall_away RENAME TO payments_gatewaycall")

    assert answer.status_code == 200
    assert payer.read(payment)["state"] == "captured"
    assert payer.booking.state in ("requested", "confirmed")
    assert "not written down" in caplog.text


def test_traces_are_kept_for_400_days_and_no_longer() -> None:
    now = timezone.now()
    for age in (CALLS_KEPT - timedelta(hours=1), CALLS_KEPT + timedelta(hours=1)):
        GatewayCall.objects.create(verb="list", at=now - age, took_ms=1, outcome="ok")

    assert purge_calls(now) == 1
    assert GatewayCall.objects.count() == 1
    assert "purge-gateway-calls" in jobs.registered()


# Replay


def test_finance_acts_on_an_event_that_was_left_lying(payer: Payer, sandbox: SandboxProcess) -> None:
    payment = payer.begin()
    payer.pay(payment)
    sandbox.fault("status", method="GET", path="/payments/*", status=503)
    payer.webhook(payment)
    event = WebhookEvent.objects.get()
    assert event.handled_at is None

    act(browser(operator("finance")), WebhookEvent, "act_again", event)

    event.refresh_from_db()
    assert event.outcome == "settled"
    assert payer.read(payment)["state"] == "captured"


def test_replaying_an_event_asks_the_gateway_again_and_applies_what_it_says_once(
    payer: Payer, sandbox: SandboxProcess
) -> None:
    payment = payer.begin()
    payer.webhook(payment)
    payer.pay(payment)
    event = WebhookEvent.objects.get()
    assert event.handled_at is not None

    for _ in range(2):
        page = act(browser(operator("finance"), language="en"), WebhookEvent, "act_again", event)
        assert "Done: 1" in page.content.decode()

    assert payer.read(payment)["state"] == "captured"
    assert payer.booking.state in ("requested", "confirmed")


def test_an_event_about_nothing_of_ours_has_nothing_to_replay(payer: Payer) -> None:
    payer.webhook({"id": str(uuid.uuid4())})
    event = WebhookEvent.objects.get()

    page = act(browser(operator("finance"), language="en"), WebhookEvent, "act_again", event)

    assert "There is nothing to act on in this event." in page.content.decode()
    assert not GatewayCall.objects.exists()


def test_support_cannot_replay(payer: Payer) -> None:
    payer.webhook(payer.begin())
    event = WebhookEvent.objects.get()

    assert act(browser(operator("support")), WebhookEvent, "act_again", event).status_code == 403
