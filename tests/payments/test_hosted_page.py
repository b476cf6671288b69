"""A page of the gateway's own, for an app that cannot pay otherwise: whatever is paid there, once or twice or late."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone, translation
from freezegun import freeze_time

from backend.core.models import Alarm
from backend.payments.admin import timeline
from backend.payments.models import Payment, Refund, WebhookEvent
from backend.payments.operations import catch_up, reconcile, send_due_refunds, settle_unfinished
from tests.payments.conftest import Payer
from tests.payments.saga import Customer, end_of
from tests.support.api import ok
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db
BODY = {"source": {"type": "hosted"}}
BOTH = pytest.mark.parametrize("language", ["ar", "en"])


def begin(payer: Payer, body: dict[str, Any] = BODY, **rest: Any) -> dict[str, Any]:
    shown: dict[str, Any] = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", body, **rest), 201)
    return shown


def page_of(payment: dict[str, Any]) -> str:
    return str(payment["next_action"]["url"])


def invoice_of(payer: Payer, payment: dict[str, Any]) -> dict[str, Any]:
    named = Payment.objects.get(pk=payment["id"]).invoice_id
    doc: dict[str, Any] = payer.sandbox.api("GET", f"/invoices/{named}").json()
    return doc


def told(payer: Payer, payment: dict[str, Any], number: int = -1, kind: str = "payment_paid") -> Any:
    """The gateway's call about one of the payments made on the page."""
    page = invoice_of(payer, payment)
    made = page["payments"][number]
    return payer.webhook(
        payment, kind, data={"id": made["id"], "invoice_id": page["id"], "status": made["status"]}
    )


def later(payer: Payer, payment: dict[str, Any], seconds: int = 10) -> dict[str, Any]:
    with freeze_time(timezone.now() + timedelta(seconds=seconds), tick=True):
        return payer.read(payment)


def verified_twice(payer: Payer, payment: dict[str, Any]) -> None:
    """The page open in two windows, and the bank says yes in both."""
    for _ in range(2):
        payer.sandbox.press(page_of(payment), "VERIFY")
    for made in invoice_of(payer, payment)["payments"]:
        payer.sandbox.pay(made["id"])


@BOTH
def test_a_page_is_opened_paid_and_leads_back(sandbox: SandboxProcess, language: str) -> None:
    payer = Payer(sandbox, language=language)
    payment = begin(payer)
    assert (payment["state"], payment["next_action"]["type"]) == ("initiated", "redirect")
    assert payment["notice"]["code"] == "waiting_on_page"
    said = "صفحة الدفع جاهزة" if language == "ar" else "The payment page is ready"
    assert said in payment["notice"]["detail"]
    page = sandbox.open_page(page_of(payment))
    assert "23.00 SAR" in page.text
    back = sandbox.press(page_of(payment), "PAY").headers["Location"]
    assert back.startswith(payment["next_action"]["return_url"] + "?")
    shown = later(payer, payment)
    assert (shown["state"], shown["booking"]["state"], shown["next_action"]) == (
        "captured",
        "requested",
        None,
    )
    assert end_of(sandbox, payer.booking_id) == "paid"


@BOTH
def test_a_declined_card_leaves_the_page_open_and_the_time_kept(
    sandbox: SandboxProcess, language: str
) -> None:
    payer = Payer(sandbox, language=language)
    payment = begin(payer)
    held_until = payer.booking.hold_expires_at
    said = sandbox.press(page_of(payment), "DECLINE").text
    assert "Not paid. You may try again." in said
    ok(told(payer, payment, kind="payment_failed"))
    assert WebhookEvent.objects.get().outcome == "no_money_moved"
    shown = later(payer, payment)
    assert (shown["state"], shown["failure"], page_of(shown)) == ("initiated", None, page_of(payment))
    assert (payer.booking.state, payer.booking.hold_expires_at) == ("held", held_until)
    sandbox.press(page_of(payment), "PAY")
    ok(told(payer, payment))
    assert payer.booking.state == "requested"


def test_a_webhook_about_the_page_is_acted_on_once_and_told_under_our_payment(payer: Payer) -> None:
    payment = begin(payer)
    payer.sandbox.press(page_of(payment), "PAY")
    for _ in range(3):
        ok(told(payer, payment))
    assert str(WebhookEvent.objects.latest("id").payment_id) in (
        payment["id"],
        invoice_of(payer, payment)["payments"][0]["id"],
    )
    assert str(WebhookEvent.objects.earliest("id").payment_id) == payment["id"]
    assert Payment.objects.count() == 1
    assert payer.read(payment)["state"] == "captured"


def test_a_page_paid_in_two_windows_keeps_one_and_returns_the_other(payer: Payer) -> None:
    payment = begin(payer)
    verified_twice(payer, payment)
    for number in (0, 1, 0, 1):
        ok(told(payer, payment, number))
    states = Payment.objects.filter(booking=payer.booking_id).values_list("state", flat=True)
    assert sorted(states) == ["captured", "voided"]
    assert end_of(payer.sandbox, payer.booking_id) == "paid"


@pytest.mark.parametrize("finder", ["app", "sweep", "catch_up", "reconcile"])
def test_both_payments_of_a_page_are_found_when_nobody_tells_us(payer: Payer, finder: str) -> None:
    payment = begin(payer)
    if finder in ("catch_up", "reconcile"):  # the first is known by then, and the second comes after it
        payer.sandbox.press(page_of(payment), "VERIFY")
        payer.sandbox.press(page_of(payment), "PAY")
        ok(told(payer, payment))
        payer.sandbox.pay(invoice_of(payer, payment)["payments"][0]["id"])
    else:
        verified_twice(payer, payment)
    now = timezone.now() + timedelta(minutes=2)
    if finder == "app":
        later(payer, payment)
    elif finder == "sweep":
        settle_unfinished(now)
    elif finder == "catch_up":
        assert catch_up(now) == 1
    else:
        run = reconcile(
            from_date=now.date() - timedelta(days=1), to_date=now.date() + timedelta(days=1), now=now
        )
        made = [made["id"] for made in invoice_of(payer, payment)["payments"]]
        mine = run.differences.filter(payment_id__in=made)
        assert [(row.kind, row.state) for row in mine] == [("missing_here", "healed")]
    send_due_refunds(now + timedelta(minutes=10))
    assert Payment.objects.filter(booking=payer.booking_id).count() == 2
    assert end_of(payer.sandbox, payer.booking_id) == "paid"


def test_a_page_closes_with_the_time_it_pays_for(payer: Payer) -> None:
    payment = begin(payer)
    ends = invoice_of(payer, payment)["expired_at"]
    assert ends[:19] == payer.booking.hold_expires_at.isoformat()[:19]  # type: ignore[union-attr]


def test_a_page_nobody_used_ends_when_it_closes(settings: Any) -> None:
    with SandboxProcess() as own:
        settings.MOYASAR_SECRET_KEY, settings.MOYASAR_BASE_URL = own.secret_key, own.base_url
        payer = Payer(own)
        payment = begin(payer)
        own.advance_clock(26 * 60)
        with freeze_time(timezone.now() + timedelta(minutes=26), tick=True):
            settle_unfinished(timezone.now())
            payer.sign_in_again()
            shown = payer.read(payment)
        assert (shown["state"], shown["failure"]["code"]) == ("failed", "payment_expired")
        assert invoice_of(payer, payment)["status"] == "expired"


def test_who_is_at_the_bank_when_the_page_closes_is_waited_for(settings: Any) -> None:
    with SandboxProcess() as own:
        settings.MOYASAR_SECRET_KEY, settings.MOYASAR_BASE_URL = own.secret_key, own.base_url
        payer = Payer(own)
        payment = begin(payer)
        own.advance_clock(19 * 60)
        own.press(page_of(payment), "VERIFY")
        own.advance_clock(7 * 60)
        now = timezone.now() + timedelta(minutes=26)
        settle_unfinished(now)
        assert Payment.objects.get().state == "initiated"
        own.pay(invoice_of(payer, payment)["payments"][0]["id"])
        settle_unfinished(now + timedelta(minutes=2))
        send_due_refunds(now + timedelta(minutes=12))
        assert Payment.objects.get().state in ("captured", "voided", "refunded")


def test_a_page_that_is_not_wanted_any_more_is_taken_down(payer: Payer) -> None:
    payment = begin(payer)
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    assert payer.read(payment)["next_action"] is None
    settle_unfinished(timezone.now() + timedelta(minutes=2))
    assert invoice_of(payer, payment)["status"] == "canceled"
    assert payer.read(payment)["failure"]["code"] == "payment_expired"
    assert end_of(payer.sandbox, payer.booking_id) == "free"


def test_what_is_paid_on_a_page_for_a_booking_that_is_gone_goes_back(payer: Payer) -> None:
    payment = begin(payer)
    payer.sandbox.press(page_of(payment), "VERIFY")
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    settle_unfinished(timezone.now() + timedelta(minutes=2))
    payer.sandbox.pay(invoice_of(payer, payment)["payments"][0]["id"])
    ok(told(payer, payment))
    assert end_of(payer.sandbox, payer.booking_id) == "free"
    assert Payment.objects.get().state == "voided"


def test_the_same_request_again_shows_the_same_page(payer: Payer) -> None:
    key = str(uuid.uuid4())
    first, again = begin(payer, key=key), begin(payer, key=key)
    assert page_of(first) == page_of(again)
    assert payer.sandbox.count("POST /invoices") == 1


def test_a_page_whose_address_was_lost_is_found_by_our_own_id(payer: Payer) -> None:
    payer.sandbox.fault("drop", acts=True, method="POST", path="/invoices")
    payer.sandbox.fault("latency", seconds=0, method="GET", path="/invoices")  # none is there before
    payer.sandbox.fault("status", status=503, method="GET", path="/invoices")
    payment = begin(payer)
    assert payer.sandbox.count("POST /invoices") == 1
    assert (payment["next_action"], payment["notice"]["code"]) == (None, "waiting_for_bank")
    shown = later(payer, payment)
    assert page_of(shown).startswith(payer.sandbox.origin)
    payer.sandbox.press(page_of(shown), "PAY")
    assert later(payer, payment, 20)["state"] == "captured"


@pytest.mark.parametrize("status", [429, 401])
def test_a_page_that_was_surely_not_put_up_leaves_another_try(payer: Payer, status: int) -> None:
    for _ in range(2):
        payer.sandbox.fault(
            "status", status=status, path="/invoices", body={"type": "api_error", "message": "no"}
        )
    payment = begin(payer)
    assert (payment["state"], payment["failure"]["code"]) == ("failed", "gateway_unavailable")
    payer.sandbox.clear_faults()
    assert page_of(begin(payer))


def test_a_wrong_amount_on_a_page_is_put_aside(payer: Payer) -> None:
    payment = begin(payer)
    payer.sandbox.press(page_of(payment), "PAY")
    Payment.objects.update(amount_minor=9900)
    ok(told(payer, payment))
    assert payer.read(payment)["notice"]["code"] == "under_review"
    assert Alarm.objects.get().kind == "payment_quarantined"
    assert payer.booking.state == "held"


def test_a_payment_on_a_page_of_somebody_elses_is_none_of_ours(payer: Payer) -> None:
    payment = begin(payer)
    data = {"id": str(uuid.uuid4()), "invoice_id": str(uuid.uuid4())}
    for odd in (data, data | {"invoice_id": "no id"}, data | {"invoice_id": 7}):
        ok(payer.webhook(payment, data=odd))
    assert set(WebhookEvent.objects.values_list("outcome", flat=True)) == {"unknown_payment"}


def test_a_page_of_a_salon_that_charges_later_charges_at_once(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, authorise_first=True)
    payment = begin(customer)
    sandbox.press(page_of(payment), "PAY")
    ok(told(customer, payment))
    assert customer.booking.deposit_paid_at is not None
    assert end_of(sandbox, customer.booking_id) == "paid"


def test_tries_that_came_to_nothing_are_no_difference(payer: Payer) -> None:
    payment = begin(payer)
    for choice in ("DECLINE", "DECLINE", "PAY"):
        payer.sandbox.press(page_of(payment), choice)
    ok(told(payer, payment))
    now = timezone.now()
    run = reconcile(from_date=now.date() - timedelta(days=1), to_date=now.date() + timedelta(days=1), now=now)
    made = [made["id"] for made in invoice_of(payer, payment)["payments"]]
    assert len(made) == 3
    assert not run.differences.filter(payment_id__in=made).exists()


def test_the_story_of_a_page_is_told_in_one_place(payer: Payer) -> None:
    payment = begin(payer)
    payer.sandbox.press(page_of(payment), "PAY")
    ok(told(payer, payment))
    row = Payment.objects.get()
    with translation.override("en"):
        story, _ = timeline.entries(row)
    assert {"gateway", "webhook", "payment"} <= {entry.kind for entry in story}
    assert {entry.payment_id for entry in story if entry.payment_id} == {row.pk}
    assert {"Payment page asked for", "Money received"} <= {entry.what for entry in story}


@pytest.mark.django_db(transaction=True)
def test_a_balance_can_be_paid_on_a_page_and_a_late_cancellation_returns_it(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox, auto_confirm=True)
    first = begin(customer)
    sandbox.press(page_of(first), "PAY")
    ok(told(customer, first))
    rest = begin(customer, BODY | {"purpose": "balance"})
    assert rest["amount"]["amount_minor"] == 9200
    sandbox.press(page_of(rest), "PAY")
    ok(told(customer, rest))
    assert customer.read(rest)["state"] == "captured"
    customer.cancel()
    call_command("sweep", verbosity=0)
    assert end_of(sandbox, customer.booking_id) == "free"
    assert set(Refund.objects.values_list("state", flat=True)) == {"done"}
