"""Money that comes late, twice, or is only held: where it ends, and what people hear of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.core.models import Alarm
from backend.payments.models import Payment, Refund
from backend.payments.operations import catch_up, owe_back, reconcile, send_due_refunds, settle_unfinished
from tests.factories import UserFactory
from tests.payments.conftest import CARD, Payer
from tests.payments.saga import Customer, end_of
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.fixture
def holder(sandbox: SandboxProcess) -> Customer:
    """A customer of a salon that has deposits charged once it confirms."""
    return Customer(sandbox, authorise_first=True)


def truth(customer: Payer, payment: dict[str, Any]) -> dict[str, Any]:
    doc: dict[str, Any] = customer.sandbox.api("GET", f"/payments/{payment['id']}").json()
    return doc


# Held by the bank


def test_a_held_deposit_makes_a_request_and_is_charged_when_the_salon_confirms(
    holder: Customer, sent: Any
) -> None:
    payment = holder.begin()
    assert payment["client_payment"]["manual"] is True
    holder.pay(payment)
    ok(holder.webhook(payment, "payment_authorized"))
    booking = holder.booking
    assert (booking.state, booking.deposit_paid_at) == ("requested", None)
    assert booking.deposit_secured_at is not None
    assert holder.read(payment)["state"] == "authorized"
    assert end_of(holder.sandbox, holder.booking_id) == "held"
    holder.at_desk("confirm")
    assert truth(holder, payment)["status"] == "captured"
    assert holder.booking.deposit_paid_at is not None
    assert end_of(holder.sandbox, holder.booking_id) == "paid"
    assert len([text for text in sent(holder.user.phone) if "23.00" in text]) == 2


@pytest.mark.parametrize("end", ["decline", "cancel", "expire"])
def test_a_hold_is_released_when_the_booking_ends_before_it_is_charged(
    holder: Customer, end: str, sent: Any
) -> None:
    payment = holder.heard()
    if end == "cancel":
        holder.cancel()
    elif end == "decline":
        holder.at_desk("decline")
    else:
        with freeze_time(holder.booking.respond_by + timedelta(seconds=1), tick=True):
            holder.sign_in_again()
            assert ok(holder.phone.get(f"bookings/{holder.booking_id}"))["state"] == "expired"
    assert truth(holder, payment)["status"] == "voided"
    assert end_of(holder.sandbox, holder.booking_id) == "free"
    assert holder.sandbox.count("POST /payments/{id}/refund") == 0
    if end == "decline":
        # The sentence for a deposit that was never charged, and one about the hold itself.
        assert not any("كاملا" in text for text in sent(holder.user.phone))


def test_a_late_cancellation_charges_only_its_fee_of_a_hold(sandbox: SandboxProcess) -> None:
    holder = Customer(sandbox, authorise_first=True, free_cancel_hours=200, late_cancel_percent=50)
    payment = holder.heard()
    sandbox.fault("status", status=503, method="POST", path="/payments/*/capture")
    holder.at_desk("confirm")
    assert truth(holder, payment)["status"] == "authorized"
    holder.cancel()
    assert truth(holder, payment)["captured"] == 1150
    assert end_of(sandbox, holder.booking_id) == "free"


def test_a_capture_that_failed_is_made_up_for_by_sweep(holder: Customer) -> None:
    payment = holder.heard()
    holder.sandbox.fault("drop", acts=True, method="POST", path="/payments/*/capture")
    holder.at_desk("confirm")
    assert Payment.objects.get(pk=payment["id"]).state == "authorized"
    assert settle_unfinished(timezone.now() + timedelta(minutes=2)) == 1
    assert holder.sandbox.count("POST /payments/{id}/capture") == 1
    assert end_of(holder.sandbox, holder.booking_id) == "paid"


def test_a_hold_the_bank_let_go_leaves_the_booking_and_tells_everybody(holder: Customer, sent: Any) -> None:
    payment = holder.heard()
    holder.sandbox.fault("status", status=400, method="POST", path="/payments/*/capture")
    holder.at_desk("confirm")
    kept = Payment.objects.get(pk=payment["id"])
    assert (kept.state, kept.failure_code) == ("failed", "hold_lapsed")
    assert (holder.booking.state, holder.booking.deposit_paid_at) == ("confirmed", None)
    [alarm] = Alarm.objects.all()
    assert (alarm.kind, alarm.subject, alarm.count) == ("hold_lapsed", payment["id"], 1)
    assert len([text for text in sent(holder.user.phone) if "23.00" in text]) == 2
    # The gateway goes on calling it authorized: it is not tried again, and the proof of the day does not mind.
    ok(holder.webhook(payment, "payment_authorized"))
    later = timezone.now() + timedelta(hours=2)
    assert settle_unfinished(later) == 0
    assert holder.sandbox.count("POST /payments/{id}/capture") == 1
    today = timezone.localdate()
    run = reconcile(from_date=today - timedelta(days=1), to_date=today + timedelta(days=1), now=later)
    assert not run.differences.filter(payment_id=payment["id"]).exists()
    # Charged by hand at the gateway after all, it counts.
    ok(holder.sandbox.api("POST", f"/payments/{payment['id']}/capture") and holder.webhook(payment))
    assert end_of(holder.sandbox, holder.booking_id) == "paid"


def test_a_hold_nobody_asked_for_is_charged_at_once(sandbox: SandboxProcess) -> None:
    payer = Customer(sandbox)
    payment = payer.begin()
    assert payment["client_payment"]["manual"] is False
    payer.pay(payment, card=CARD | {"manual": True})
    ok(payer.webhook(payment, "payment_authorized"))
    assert truth(payer, payment)["status"] == "captured"
    assert payer.booking.state == "requested"
    assert end_of(sandbox, payer.booking_id) == "paid"


def test_a_salon_that_turned_to_confirming_by_itself_charges_a_hold_at_once(holder: Customer) -> None:
    payment = holder.paid()
    holder.salon.auto_confirm = True
    holder.salon.save(update_fields=["auto_confirm"])
    ok(holder.webhook(payment))
    assert holder.booking.state == "confirmed"
    assert end_of(holder.sandbox, holder.booking_id) == "paid"
    assert holder.sandbox.count("POST /payments/{id}/capture") == 1


def test_a_second_hold_for_one_booking_is_released(holder: Customer) -> None:
    first, second = holder.begin(), holder.begin()
    for payment in (first, second):
        holder.pay(payment)
        ok(holder.webhook(payment))
    assert (truth(holder, first)["status"], truth(holder, second)["status"]) == ("authorized", "voided")
    assert end_of(holder.sandbox, holder.booking_id) == "held"


def test_our_own_charge_of_a_token_is_a_hold_too(holder: Customer) -> None:
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    answer = ok(holder.phone.post(f"bookings/{holder.booking_id}/payments", body), 201)
    assert answer["state"] == "authorized"
    assert end_of(holder.sandbox, holder.booking_id) == "held"


def test_a_deposit_voided_at_the_gateways_own_desk_raises_an_alarm(holder: Customer) -> None:
    payment = holder.heard()
    holder.sandbox.api("POST", f"/payments/{payment['id']}/void")
    for _ in range(2):
        ok(holder.webhook(payment, "payment_voided"))
    [alarm] = Alarm.objects.all()
    assert (alarm.kind, alarm.subject, alarm.count) == ("payment_voided_elsewhere", payment["id"], 1)


def test_a_hold_that_waits_for_its_salon_is_not_asked_about_each_minute(holder: Customer) -> None:
    payment = holder.heard()
    holder.sandbox.reset_calls()
    now = timezone.now()
    for minutes in (2, 4, 30, 59):
        settle_unfinished(now + timedelta(minutes=minutes))
    assert holder.sandbox.count("GET /payments/{id}") == 0
    settle_unfinished(now + timedelta(minutes=61))
    assert holder.sandbox.count("GET /payments/{id}") == 1
    assert Payment.objects.get(pk=payment["id"]).state == "authorized"


# Money that found no booking


@pytest.fixture
def gone(sandbox: SandboxProcess) -> tuple[Customer, dict[str, Any]]:
    """Somebody who paid for a booking they had cancelled before."""
    payer = Customer(sandbox)
    payment = payer.begin()
    payer.cancel()
    payer.pay(payment)
    return payer, payment


def test_money_nobody_waited_for_is_voided_while_it_is_young(
    gone: tuple[Customer, dict[str, Any]], sent: Any
) -> None:
    payer, payment = gone
    for _ in range(2):
        ok(payer.webhook(payment))
    assert truth(payer, payment)["status"] == "voided"
    assert payer.read(payment)["state"] == "voided"
    assert end_of(payer.sandbox, payer.booking_id) == "free"
    assert len([text for text in sent(payer.user.phone) if "23.00" in text]) == 1


def test_a_void_that_is_refused_becomes_a_refund(gone: tuple[Customer, dict[str, Any]]) -> None:
    payer, payment = gone
    payer.sandbox.fault("status", status=400, method="POST", path="/payments/*/void")
    ok(payer.webhook(payment))
    assert (truth(payer, payment)["status"], truth(payer, payment)["refunded"]) == ("refunded", 2300)
    assert end_of(payer.sandbox, payer.booking_id) == "free"


def test_an_old_payment_is_refunded_without_trying_to_void_it(gone: tuple[Customer, dict[str, Any]]) -> None:
    payer, payment = gone
    payer.sandbox.fault("status", status=429, method="POST", path="/payments/*/void")
    ok(payer.webhook(payment))
    assert Refund.objects.get().state == "due"
    assert send_due_refunds(timezone.now() + timedelta(hours=3)) == 1
    assert payer.sandbox.count("POST /payments/{id}/void") == 1
    assert truth(payer, payment)["refunded"] == 2300


@pytest.mark.parametrize("acts", [True, False])
def test_a_void_whose_answer_was_lost_gives_the_money_back_once(
    gone: tuple[Customer, dict[str, Any]], acts: bool
) -> None:
    payer, payment = gone
    payer.sandbox.fault("drop", acts=acts, method="POST", path="/payments/*/void")
    ok(payer.webhook(payment))
    assert Refund.objects.get().state == "sending"
    assert send_due_refunds(timezone.now() + timedelta(minutes=3)) == 1
    assert truth(payer, payment)["status"] == "voided"
    assert payer.sandbox.count("POST /payments/{id}/refund") == 0


def test_a_second_refund_the_gateway_will_not_make_waits_for_a_person(settings: Any) -> None:
    """The first, partial one already turned the status to `refunded` (payment facts 9)."""
    with SandboxProcess(options=["--single-refund"]) as strict:
        settings.MOYASAR_SECRET_KEY = strict.secret_key
        settings.MOYASAR_PUBLISHABLE_KEY = strict.publishable_key
        settings.MOYASAR_WEBHOOK_SECRET = strict.webhook_secret
        settings.MOYASAR_BASE_URL = strict.base_url
        payer = Customer(strict)
        payment = payer.heard()
        row, now = Payment.objects.get(pk=payment["id"]), timezone.now()
        for reason in ("one", "two"):
            owe_back(row, amount_minor=500, reason=reason, now=now)
            send_due_refunds(now)
        assert truth(payer, payment)["refunded"] == 500
    assert dict(Refund.objects.values_list("reason", "state")) == {"one": "done", "two": "manual"}
    assert Alarm.objects.get().kind == "refund_needs_a_person"
    row.refresh_from_db()
    assert (row.state, row.refunded_minor) == ("partially_refunded", 500)


# Time at the bank


def test_who_stalls_at_the_bank_keeps_the_time_until_the_gateway_gives_up(sandbox: SandboxProcess) -> None:
    payer = Payer(sandbox)
    begun = timezone.now()
    rival = Api(UserFactory.create())
    wanted = {
        "salon_id": str(payer.salon.id),
        "items": [{"service_id": str(payer.service.id)}],
        "starts_at": payer.booking.starts_at.isoformat(),
    }
    for minutes in (5, 20, 38):
        with freeze_time(begun + timedelta(minutes=minutes), tick=True):
            payer.sign_in_again()
            payer.begin()
        with freeze_time(begun + timedelta(minutes=minutes + 14.9), tick=True):
            rival = Api(UserFactory.create())
            refused(rival.post("bookings", wanted), 409, "slot_unavailable")
    with freeze_time(begun + timedelta(minutes=46), tick=True):
        # Begun now, it might outlive the hold: nobody is sent to the bank for that.
        payer.sign_in_again()
        body = {"source": {"type": "client"}}
        refused(payer.phone.post(f"bookings/{payer.booking_id}/payments", body), 409, "slot_expired")
    assert Booking.objects.get(pk=payer.booking_id).hold_expires_at <= begun + timedelta(minutes=61)


def test_an_attempt_closed_as_never_begun_that_is_paid_after_all_is_found(sandbox: SandboxProcess) -> None:
    """The app was left open and paid an hour later, and the gateway's word of it was lost."""
    payer = Customer(sandbox)
    payment = payer.begin()
    begun = timezone.now()
    with freeze_time(begun + timedelta(minutes=26), tick=True):
        settle_unfinished(timezone.now())
    assert Payment.objects.get(pk=payment["id"]).state == "failed"
    payer.pay(payment)
    with freeze_time(begun + timedelta(minutes=62), tick=True):
        assert catch_up(timezone.now()) == 1
        assert catch_up(timezone.now()) == 0
        send_due_refunds(timezone.now())
    assert end_of(sandbox, payer.booking_id) in ("paid", "free")


def test_catching_up_asks_once_an_hour_and_only_about_what_differs(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment)
    ok(payer.webhook(payment))
    payer.sandbox.reset_calls()
    now = timezone.now()
    for minutes in (1, 5, 59):
        assert catch_up(now + timedelta(minutes=minutes)) == 0
    counts = payer.sandbox.calls()["counts"]
    assert counts["GET /payments"] >= 1
    assert f"GET /payments/{payment['id']}" not in payer.sandbox.calls()["paths"]
    once = counts["GET /payments"]
    catch_up(now + timedelta(minutes=62))
    assert payer.sandbox.calls()["counts"]["GET /payments"] == 2 * once
