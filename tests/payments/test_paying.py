"""From a held booking to a paid one, through the real protocol, on good days and bad ones."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking, Claim
from backend.core.models import Alarm
from backend.payments.models import Payment, Refund, WebhookEvent
from backend.payments.operations import (
    apply,
    finish_events,
    send_due_refunds,
    send_refund,
    settle_unfinished,
    unowed_minor,
)
from backend.payments.providers import GatewayPayment
from backend.salons.models import Closure, Salon
from tests.factories import UserFactory, employ
from tests.payments.conftest import CARD, INSUFFICIENT, Payer
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db


def test_a_paid_deposit_turns_the_hold_into_a_request(payer: Payer, sent: Any) -> None:
    payment = payer.begin()
    assert payment["client_payment"]["amount_minor"] == 2300
    assert payment["client_payment"]["apply_coupon"] is False
    assert payer.booking.hold_expires_at is not None
    assert payer.booking.hold_expires_at > timezone.now() + timedelta(minutes=19)
    payer.pay(payment)
    ok(payer.webhook(payment))
    assert payer.booking.state == "requested"
    assert payer.read(payment)["state"] == "captured"
    assert payer.read(payment)["poll_after_seconds"] is None
    assert any("23.00" in text for text in sent(payer.user.phone))


def test_a_salon_that_confirms_by_itself_confirms_on_payment(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox, auto_confirm=True)
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    assert payer.booking.state == "confirmed"
    assert set(Claim.objects.filter(booking=payer.booking).values_list("expires_at", flat=True)) == {None}


def test_a_webhook_repeated_or_out_of_order_changes_nothing_more(payer: Payer, sent: Any) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment, "payment_failed", data={"id": payment["id"], "status": "failed"}))
    for _ in range(3):
        ok(payer.webhook(payment, event_id="11111111-2222-4333-8444-555555555555"))
    ok(payer.webhook(payment, "payment_faild"))
    ok(payer.webhook(payment, "something_new"))
    assert payer.booking.version == 2
    assert payer.booking.state == "requested"
    assert WebhookEvent.objects.get(event_id="11111111-2222-4333-8444-555555555555").times_received == 3
    assert len([text for text in sent(payer.user.phone) if "23.00" in text]) == 1
    assert "secret_token" not in str(WebhookEvent.objects.values_list("payload", flat=True))


def test_a_webhook_nobody_signed_is_refused_and_not_kept(payer: Payer) -> None:
    payment = payer.begin()
    refused(payer.webhook(payment, secret_token="wrong"), 401, "webhook_unverified")
    assert payer.webhook(payment, secret_token=None).status_code == 401
    response = Api().client.post("/api/v1/webhooks/moyasar", data=b"\xff{", content_type="application/json")
    assert response.status_code in (400, 401)
    assert not WebhookEvent.objects.exists()


def test_a_webhook_lies_and_the_gateway_is_believed(payer: Payer) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    ok(payer.webhook(payment))
    assert payer.booking.state == "held"
    ok(payer.webhook(payment, live=True))
    assert WebhookEvent.objects.get(outcome="wrong_mode")


def test_reading_a_payment_asks_the_gateway_when_the_webhook_is_late(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    assert payer.read(payment)["state"] == "initiated"
    with freeze_time(timezone.now() + timedelta(seconds=6), tick=True):
        assert payer.read(payment)["state"] == "captured"
    assert payer.booking.state == "requested"


def test_the_bank_sends_the_payer_back_to_a_page_that_asks_the_gateway(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    for language, words in (("ar", "تم استلام الدفعة"), ("en", "Payment received")):
        page = Api(language=language).get(f"/pay/return/{payment['id']}", status="failed", message="forged")
        assert page.status_code == 200
        assert words in page.content.decode()
    assert payer.booking.state == "requested"


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "رصيد البطاقة غير كاف. يرجى استخدام بطاقة أخرى."),
        ("en", "The card does not have enough balance. Please use another card."),
    ],
)
def test_a_declined_card_reads_well_keeps_the_time_and_another_card_works(
    sandbox: SandboxProcess, language: str, detail: str
) -> None:
    payer = Payer(sandbox, language=language)
    first = payer.begin()
    payer.pay(first, card=INSUFFICIENT)
    ok(payer.webhook(first, "payment_failed"))
    failed = payer.read(first)
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "insufficient_funds")
    assert failed["failure"]["detail"].startswith(detail)
    assert payer.booking.state == "held"
    second = payer.begin()
    payer.pay(second)
    ok(payer.webhook(second))
    assert payer.booking.state == "requested"


def test_a_closed_bank_page_is_a_failed_payment(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment, "UNAUTHENTICATED")
    ok(payer.webhook(payment, "payment_failed"))
    assert payer.read(payment)["failure"]["code"] == "authentication_failed"


def test_paying_twice_for_one_booking_returns_the_second(payer: Payer) -> None:
    first, second = payer.begin(), payer.begin()
    for payment in (first, second):
        payer.pay(payment)
        ok(payer.webhook(payment))
    assert payer.booking.state == "requested"
    assert payer.read(first)["state"] == "captured"
    assert payer.read(second)["state"] == "voided"
    assert payer.sandbox.count("POST /payments/{id}/void") == 1


def test_a_payment_that_comes_after_the_hold_died_gets_the_time_back_when_it_is_free(payer: Payer) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    with freeze_time(timezone.now() + timedelta(minutes=21), tick=True):
        payer.sign_in_again()
        assert ok(payer.phone.get(f"bookings/{payer.booking_id}"))["state"] == "expired"
        payer.sandbox.pay(payment["id"])
        ok(payer.webhook(payment))
        assert payer.booking.state == "requested"
        assert Claim.objects.filter(booking=payer.booking, is_active=True).count() == 2


def test_a_payment_that_comes_after_the_time_was_given_away_goes_back(payer: Payer, sent: Any) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    wanted = payer.booking.starts_at.isoformat()
    with freeze_time(timezone.now() + timedelta(minutes=21), tick=True):
        other = payer.book(Api(UserFactory.create()), wanted)
        payer.sandbox.pay(payment["id"])
        ok(payer.webhook(payment))
    assert payer.booking.state == "expired"
    assert Claim.objects.filter(booking_id=other, is_active=True).exists()
    assert payer.read(payment)["state"] == "voided"
    assert any("23.00" in text for text in sent(payer.user.phone))


@pytest.mark.parametrize("meanwhile", ["closed", "suspended"])
def test_a_payment_that_comes_after_the_salon_closed_for_that_time_goes_back(
    payer: Payer, meanwhile: str
) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    with freeze_time(timezone.now() + timedelta(minutes=21), tick=True):
        if meanwhile == "closed":
            day = payer.booking.starts_at.date()
            Closure.objects.create(salon=payer.salon, kind="days", first_date=day, last_date=day)
        else:
            Salon.objects.filter(pk=payer.salon.pk).update(status="suspended")
        payer.sandbox.pay(payment["id"])
        ok(payer.webhook(payment))
        payer.sign_in_again()
        assert ok(payer.phone.get(f"bookings/{payer.booking_id}"))["state"] == "expired"
        assert payer.read(payment)["state"] == "voided"
    assert not Claim.objects.filter(booking=payer.booking, is_active=True).exists()


def test_a_payment_of_another_amount_is_put_aside_and_pays_for_nothing(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment, amount_minor=200)
    ok(payer.webhook(payment))
    kept = Payment.objects.get(pk=payment["id"])
    assert (kept.quarantined_because, kept.captured_minor) == ("amount", 0)
    assert payer.booking.state == "held"


def test_a_paid_payment_of_another_booking_pays_for_nothing(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment, metadata={"payment_id": payment["id"], "booking_id": "another"})
    ok(payer.webhook(payment))
    assert Payment.objects.get(pk=payment["id"]).quarantined_because == "metadata"
    assert payer.booking.state == "held"


def test_declining_returns_the_whole_deposit(payer: Payer, sent: Any) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    desk = Api(employ(payer.salon))
    ok(desk.post(f"manage/bookings/{payer.booking_id}/decline", {"version": 2, "reason": "مريضة"}))
    assert payer.read(payment)["state"] == "refunded"
    assert Refund.objects.get().amount_minor == 2300
    assert payer.sandbox.count("POST /payments/{id}/refund") == 1


def test_cancelling_late_keeps_the_fee_the_customer_was_shown(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox, auto_confirm=True, free_cancel_hours=200, late_cancel_percent=50)
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    shown = ok(payer.phone.get(f"bookings/{payer.booking_id}"))
    assert shown["cancellation"]["fee_now"]["amount_minor"] == 1150
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": shown["version"]}))
    assert payer.read(payment)["state"] == "partially_refunded"
    assert sandbox.api("GET", f"/payments/{payment['id']}").json()["refunded"] == 1150


def test_a_refund_whose_answer_was_lost_is_not_sent_twice(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    payer.sandbox.fault("drop", acts=True, method="POST", path="/payments/*/refund")
    desk = Api(employ(payer.salon))
    ok(desk.post(f"manage/bookings/{payer.booking_id}/decline", {"version": 2}))
    assert Refund.objects.get().state == "sending"
    with freeze_time(timezone.now() + timedelta(minutes=3), tick=True):
        assert send_due_refunds(timezone.now()) == 1
    assert payer.sandbox.count("POST /payments/{id}/refund") == 1
    assert payer.read(payment)["state"] == "refunded"


def test_a_gateway_that_is_down_loses_nothing(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    payer.sandbox.fault("status", status=503, method="GET", path="/payments/*", count=3)
    ok(payer.webhook(payment))
    assert payer.booking.state == "held"
    assert WebhookEvent.objects.get().handled_at is None
    payer.sandbox.clear_faults()
    with freeze_time(timezone.now() + timedelta(minutes=5), tick=True):
        assert finish_events(timezone.now()) == 1
        assert payer.booking.state == "requested"


def test_sweep_finds_a_payment_nobody_told_us_about(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    with freeze_time(timezone.now() + timedelta(minutes=2), tick=True):
        assert settle_unfinished(timezone.now()) == 1
    assert payer.booking.state == "requested"


def test_an_attempt_the_gateway_never_saw_is_closed_in_time(payer: Payer) -> None:
    payment = payer.begin()
    with freeze_time(timezone.now() + timedelta(minutes=26), tick=True):
        payer.sign_in_again()
        settle_unfinished(timezone.now())
        assert payer.read(payment)["failure"]["code"] == "payment_expired"


def test_card_numbers_are_refused_wherever_they_hide(payer: Payer) -> None:
    path = f"bookings/{payer.booking_id}/payments"
    for body in (
        {"source": CARD},
        {"source": {"type": "token", "token": "4201320111111010"}},
        {"source": {"type": "client"}, "cvc": "123"},
        {"source": {"type": "applepay", "token": '{"number": "4201 3201 1111 1010"}'}},
    ):
        refused(payer.phone.post(path, body), 422, "card_data_refused")
    assert not Payment.objects.exists()


def test_a_stored_card_is_charged_once_for_one_key(payer: Payer) -> None:
    path, key = f"bookings/{payer.booking_id}/payments", "8f3f3f64-7f0e-4f3f-9d6c-5a1d6a3b2c11"
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    first = ok(payer.phone.post(path, body, key=key), 201)
    again = payer.phone.post(path, body, key=key)
    assert ok(again, 201)["id"] == first["id"]
    assert first["state"] == "captured"
    assert payer.sandbox.count("POST /payments") == 1
    assert payer.booking.state == "requested"


def test_an_answer_lost_while_charging_is_looked_up_and_not_charged_again(payer: Payer) -> None:
    payer.sandbox.fault("drop", acts=True, method="POST", path="/payments")
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    answer = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", body), 201)
    assert answer["state"] == "captured"
    assert payer.sandbox.count("POST /payments") == 1


def test_without_a_gateway_paying_says_so_and_keeps_the_hold(payer: Payer, settings: Any) -> None:
    settings.MOYASAR_SECRET_KEY = ""
    path = f"bookings/{payer.booking_id}/payments"
    refused(payer.phone.post(path, {"source": {"type": "client"}}), 503, "payments_unavailable")
    assert payer.booking.state == "held"


def test_nobody_pays_for_a_dead_hold_or_for_somebody_else(payer: Payer) -> None:
    path = f"bookings/{payer.booking_id}/payments"
    refused(Api(UserFactory.create()).post(path, {"source": {"type": "client"}}), 404, "not_found")
    with freeze_time(timezone.now() + timedelta(minutes=11), tick=True):
        refused(payer.phone.post(path, {"source": {"type": "client"}}), 409, "slot_expired")


def paid_and_requested(payer: Payer) -> dict[str, Any]:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    assert payer.booking.state == "requested"
    return payment


def owed(payment: dict[str, Any], amount: int, reason: str, **values: Any) -> Refund:
    now = timezone.now()
    return Refund.objects.create(
        payment_id=payment["id"],
        amount_minor=amount,
        reason=reason,
        created_at=now,
        **{"next_attempt_at": now} | values,
    )


def test_a_refund_sent_late_in_a_slow_round_still_has_its_whole_lease(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another machine takes it while the first is still asking, and money goes back twice."""
    for payment in (payer.begin(), payer.begin()):
        Payment.objects.filter(pk=payment["id"]).update(state="captured", captured_minor=2300)
        owed(payment, 100, "test")
    leases = []
    with freeze_time(timezone.now() + timedelta(seconds=1)) as clock:

        class Slow:
            def fetch_payment(self, id: uuid.UUID) -> GatewayPayment:
                return GatewayPayment(id=id, status="paid", amount_minor=2300, currency="SAR")

            def refund_payment(self, id: uuid.UUID, amount: int) -> GatewayPayment:
                leases.append(Refund.objects.get(payment_id=id).next_attempt_at - timezone.now())
                clock.tick(timedelta(seconds=130))
                return GatewayPayment(
                    id=id, status="refunded", amount_minor=2300, currency="SAR", refunded_minor=amount
                )

        monkeypatch.setattr("backend.payments.operations.refunding.gateway", Slow)
        assert send_due_refunds(timezone.now()) == 2
    assert leases == [timedelta(minutes=2)] * 2


def test_an_unexplained_refund_keeps_the_others_of_its_payment_waiting(payer: Payer) -> None:
    """Its evidence is the total before its call: another refund would move that and pass for the first."""
    payment = paid_and_requested(payer)
    first = owed(payment, 500, "one", state="sending", attempts=1, refunded_before_minor=0)
    second = owed(payment, 500, "two", next_attempt_at=timezone.now() + timedelta(minutes=1))
    payer.sandbox.fault("status", status=503, method="GET", path="/payments/*")
    later = timezone.now() + timedelta(minutes=2)
    assert not send_refund(first.pk, now=later)
    assert not send_refund(second.pk, now=later)
    for minutes in (60, 120):
        send_due_refunds(timezone.now() + timedelta(minutes=minutes))
    assert set(Refund.objects.values_list("state", flat=True)) == {"done"}
    assert payer.sandbox.api("GET", f"/payments/{payment['id']}").json()["refunded"] == 1000


def test_a_fee_is_not_charged_to_a_second_payment_that_is_on_its_way_back(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox, auto_confirm=True, free_cancel_hours=200, late_cancel_percent=50)
    earlier, counted = payer.begin(), payer.begin()
    payer.pay(counted)
    ok(payer.webhook(counted))
    sandbox.fault("status", status=429, method="POST", path="/payments/*/void")
    payer.pay(earlier)
    ok(payer.webhook(earlier))
    assert Refund.objects.get().state == "due"
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    send_due_refunds(timezone.now() + timedelta(minutes=10))
    assert sandbox.api("GET", f"/payments/{earlier['id']}").json()["status"] == "voided"
    assert sandbox.api("GET", f"/payments/{counted['id']}").json()["refunded"] == 1150


def test_what_is_owed_back_counts_a_refund_that_finished_since_the_payment_was_read(payer: Payer) -> None:
    payment = Payment.objects.get(pk=paid_and_requested(payer)["id"])
    owed({"id": payment.pk}, 2000, "one", state="done")
    assert unowed_minor(payment) == 300


@pytest.mark.parametrize("status", [401, 403, 405])
def test_a_refused_key_leaves_refunds_due(payer: Payer, status: int) -> None:
    payment = paid_and_requested(payer)
    refund = owed(payment, 100, "test")
    for method in ("GET", "POST"):
        payer.sandbox.fault(
            "status", status=status, body={"type": "api_error", "message": "no"}, method=method
        )
    send_refund(refund.pk, now=timezone.now())
    send_refund(refund.pk, now=timezone.now() + timedelta(hours=1))
    assert Refund.objects.get().state == "due"
    assert send_refund(refund.pk, now=timezone.now() + timedelta(hours=9))


@pytest.mark.parametrize("settled_first", [False, True])
def test_metadata_edited_at_the_gateway_does_not_hide_money_from_its_refund(
    payer: Payer, settled_first: bool
) -> None:
    payment = payer.begin()
    right = payment["client_payment"]["metadata"]
    wrong = right | {"booking_id": "another"}
    payer.pay(payment, metadata=right if settled_first else wrong)
    ok(payer.webhook(payment))
    edited = payer.sandbox.api(
        "PUT", f"/payments/{payment['id']}", json={"metadata": wrong if settled_first else right}
    )
    assert edited.status_code == 200
    ok(payer.webhook(payment))
    assert payer.booking.state == "requested"
    assert Payment.objects.get().quarantined_because == ""
    ok(Api(employ(payer.salon)).post(f"manage/bookings/{payer.booking_id}/decline", {"version": 2}))
    assert payer.read(payment)["state"] == "refunded"


def test_a_payment_given_back_before_we_saw_it_pays_for_nothing(payer: Payer, sent: Any) -> None:
    payment = payer.begin()
    payer.pay(payment)
    payer.sandbox.api("POST", f"/payments/{payment['id']}/refund")
    ok(payer.webhook(payment, "payment_refunded"))
    assert payer.read(payment)["state"] == "refunded"
    assert payer.booking.state == "held"
    assert sent(payer.user.phone) == []


def test_a_late_payment_gets_its_time_back_from_a_hold_that_is_dead_but_not_written_down(
    payer: Payer,
) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    wanted = payer.booking.starts_at.isoformat()
    begun = timezone.now()
    with freeze_time(begun + timedelta(minutes=21), tick=True):
        other = payer.book(Api(UserFactory.create()), wanted)
    with freeze_time(begun + timedelta(minutes=32), tick=True):
        payer.sandbox.pay(payment["id"])
        ok(payer.webhook(payment))
    assert payer.booking.state == "requested"
    assert Booking.objects.get(pk=other).state == "expired"
    assert not Refund.objects.exists()


def test_one_payment_that_cannot_be_read_keeps_no_other_waiting(payer: Payer) -> None:
    odd, good = payer.begin(), payer.begin()
    payer.pay(good)
    for minutes in (2, 4):
        payer.sandbox.fault("status", status=500, method="GET", path=f"/payments/{odd['id']}", count=1)
        with freeze_time(timezone.now() + timedelta(minutes=minutes), tick=True):
            settle_unfinished(timezone.now())
    assert Payment.objects.get(pk=good["id"]).state == "captured"


def test_holds_that_never_end_keep_no_payment_waiting(payer: Payer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.payments.operations.settling.BATCH", 1)
    never, good = payer.begin(), payer.begin()
    payer.pay(good)
    Payment.objects.filter(pk=never["id"]).update(state="authorized")
    for minutes in (2, 4):
        with freeze_time(timezone.now() + timedelta(minutes=minutes), tick=True):
            settle_unfinished(timezone.now())
    assert Payment.objects.get(pk=good["id"]).state == "captured"


@pytest.mark.parametrize(
    "nonsense",
    [{"refunded_minor": 9_999_999_999}, {"transaction_url": "https://bank.example/" + "x" * 600}],
)
def test_a_gateway_that_talks_nonsense_is_still_written_down(payer: Payer, nonsense: Any) -> None:
    payment = payer.begin()
    truth = GatewayPayment(
        id=uuid.UUID(payment["id"]),
        status="paid",
        amount_minor=2300,
        currency="SAR",
        metadata=payment["client_payment"]["metadata"],
        **nonsense,
    )
    row = apply(truth.id, truth, now=timezone.now())
    assert row.captured_minor == 2300
    assert row.refunded_minor in (0, 2300)


def test_a_late_repeat_charges_nobody_for_a_booking_that_is_gone(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try died before its call; by the time the phone asks again, the booking is cancelled."""
    path, key = f"bookings/{payer.booking_id}/payments", "8f3f3f64-7f0e-4f3f-9d6c-5a1d6a3b2c12"
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    with monkeypatch.context() as dying:
        dying.setattr("backend.payments.operations.charge", lambda *_, **__: None)
        first = ok(payer.phone.post(path, body, key=key), 201)
    ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
    again = ok(payer.phone.post(path, body, key=key), 201)
    assert again["id"] == first["id"]
    assert payer.sandbox.count("POST /payments") == 0


def test_a_webhook_is_answered_whatever_goes_wrong_and_finished_later(
    payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = payer.begin()
    payer.pay(payment)
    with monkeypatch.context() as broken:

        def deadlock(*_: Any, **__: Any) -> None:
            raise OperationalError("deadlock detected")

        broken.setattr("backend.payments.operations.webhooks.settle", deadlock)
        ok(payer.webhook(payment))
    assert finish_events(timezone.now() + timedelta(minutes=2)) == 1
    assert payer.booking.state == "requested"


@pytest.mark.parametrize("token", [123, True, {"a": 1}])
def test_a_token_is_text(payer: Payer, token: Any) -> None:
    path = f"bookings/{payer.booking_id}/payments"
    answer = payer.phone.post(path, {"source": {"type": "token", "token": token}})
    [error] = refused(answer, 400, "validation_failed")["errors"]
    assert (error["pointer"], error["code"]) == ("/source/token", "wrong_type")


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_nobody_is_sent_to_pay_for_a_booking_that_no_longer_waits_for_money(payer: Payer, end: str) -> None:
    payment = payer.begin()
    later = timedelta(minutes=21) if end == "expired" else timedelta(seconds=1)
    assert payer.read(payment)["client_payment"]
    with freeze_time(timezone.now() + later, tick=True):
        payer.sign_in_again()
        if end == "cancelled":
            ok(payer.phone.post(f"bookings/{payer.booking_id}/cancel", {"version": payer.booking.version}))
        shown = payer.read(payment)
    assert (shown["state"], shown["client_payment"], shown["next_action"]) == ("initiated", None, None)
    assert shown["poll_after_seconds"]  # who is at the bank already is waited for


def test_money_that_needs_a_person_raises_an_alarm(payer: Payer) -> None:
    odd = payer.begin()
    payer.pay(odd, amount_minor=200)
    for _ in range(2):
        ok(payer.webhook(odd))
    payment = paid_and_requested(payer)
    refund = owed(payment, 2300, "test")
    payer.sandbox.api("POST", f"/payments/{payment['id']}/refund")
    send_refund(refund.pk, now=timezone.now())
    assert {(alarm.kind, alarm.subject) for alarm in Alarm.objects.all()} == {
        ("payment_quarantined", odd["id"]),
        ("refund_needs_a_person", str(refund.pk)),
    }
    assert set(Alarm.objects.values_list("count", flat=True)) == {1}
