"""STC Pay through us: a code comes to the payer's phone, and passes through us to the gateway."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.core.models import IdempotencyRecord
from backend.payments.models import GatewayCall, Payment
from tests.factories import UserFactory
from tests.payments.conftest import Payer
from tests.payments.saga import Customer, end_of
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("language", ["ar", "en"])
MOBILE = {"source": {"type": "stcpay", "mobile": "٠٥١٢٣٤٥٦٧٨"}}


def begin(payer: Payer, mobile: dict[str, Any] = MOBILE) -> dict[str, Any]:
    body: dict[str, Any] = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", mobile), 201)
    return body


def enter(payer: Payer, payment: dict[str, Any], otp: Any, **rest: Any) -> Any:
    return payer.phone.post(f"payments/{payment['id']}/otp", {"otp": otp}, **rest)


def codes_sent() -> int:
    return GatewayCall.objects.filter(verb="otp").count()


@BOTH
def test_the_payer_is_asked_for_the_code_and_pays_with_it(sandbox: SandboxProcess, language: str) -> None:
    payer = Payer(sandbox, language=language)
    payment = begin(payer)
    assert payment["state"] == "initiated"
    assert payment["next_action"] == {"type": "otp", "url": None, "return_url": None}
    assert payment["notice"]["code"] == "waiting_for_code"
    said = "تم إرسال رمز" if language == "ar" else "A code was sent"
    assert said in payment["notice"]["detail"]
    assert re.search(r"\d:\d\d ([صم]|AM|PM)\.$", payment["notice"]["detail"])
    paid = ok(enter(payer, payment, "١٢٣ ٤٥٦"))
    assert (paid["state"], paid["next_action"], paid["booking"]["state"]) == ("captured", None, "requested")
    assert end_of(sandbox, payer.booking_id) == "paid"


@BOTH
@pytest.mark.parametrize(
    ("otp", "code", "arabic", "english"),
    [
        ("999999", "code_incorrect", "الرمز غير صحيح", "The code is not correct"),
        ("111111", "insufficient_funds", "الرصيد", "enough balance"),
        ("222222", "limit_exceeded", "حد", "limit"),
        ("444444", "payment_expired", "انتهت مهلة الدفع", "The time to pay has run out"),
    ],
)
def test_a_code_that_does_not_pay_says_why_keeps_the_time_and_leaves_another_try(
    sandbox: SandboxProcess, language: str, otp: str, code: str, arabic: str, english: str
) -> None:
    payer = Payer(sandbox, language=language)
    failed = ok(enter(payer, begin(payer), otp))
    assert (failed["state"], failed["failure"]["code"]) == ("failed", code)
    if code == "code_incorrect":
        assert (arabic if language == "ar" else english) in failed["failure"]["detail"]
    assert bool(re.search("[\u0600-\u06ff]", failed["failure"]["detail"])) is (language == "ar")
    assert payer.booking.state == "held"
    assert ok(enter(payer, begin(payer), "123456"))["state"] == "captured"


def test_a_number_without_stc_pay_is_told_so_at_once(payer: Payer) -> None:
    failed = begin(payer, {"source": {"type": "stcpay", "mobile": "0515555555"}})
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "wallet_unavailable")


def test_the_same_tap_again_only_looks_and_a_paid_one_stays_paid(payer: Payer) -> None:
    payment, key = begin(payer), str(uuid.uuid4())
    ok(enter(payer, payment, "123456", key=key))
    again = enter(payer, payment, "123456", key=key)
    assert (ok(again)["state"], again.headers["Idempotent-Replayed"]) == ("captured", "true")
    assert ok(enter(payer, payment, "654321"))["state"] == "captured"
    refused(enter(payer, payment, "000000", key=key), 422, "idempotency_key_reused")
    assert codes_sent() == 1


def test_a_code_whose_answer_is_lost_is_looked_up_and_not_sent_blindly(payer: Payer) -> None:
    payment, key = begin(payer), str(uuid.uuid4())
    payer.sandbox.fault("drop", acts=True, method="POST", path="/stc_pays/*")
    payer.sandbox.fault("status", status=503, method="GET", path="/payments/*")
    shown = ok(enter(payer, payment, "123456", key=key))
    assert shown["state"] == "initiated"
    assert ok(enter(payer, payment, "123456", key=key))["state"] == "captured"
    assert codes_sent() == 1
    assert end_of(payer.sandbox, payer.booking_id) == "paid"


def test_a_dead_gateway_keeps_the_payment_and_the_same_tap_pays_later(payer: Payer, settings: Any) -> None:
    payment, key, usual = begin(payer), str(uuid.uuid4()), settings.MOYASAR_BASE_URL
    settings.MOYASAR_BASE_URL = "http://127.0.0.1:9/v1"
    problem = refused(enter(payer, payment, "123456", key=key), 503, "payments_unavailable")
    assert problem["retry_after"]
    settings.MOYASAR_BASE_URL = usual
    assert payer.read(payment)["next_action"]["type"] == "otp"
    assert ok(enter(payer, payment, "123456", key=key))["state"] == "captured"


@pytest.mark.parametrize("status", [429, 401])
def test_a_gateway_that_turns_us_away_says_nothing_about_the_code(payer: Payer, status: int) -> None:
    payment = begin(payer)
    payer.sandbox.fault(
        "status",
        status=status,
        method="POST",
        path="/stc_pays/*",
        body={"type": "api_error", "message": "no"},
    )
    refused(enter(payer, payment, "123456"), 503, "payments_unavailable")
    assert ok(enter(payer, payment, "123456"))["state"] == "captured"


@BOTH
def test_a_code_that_may_be_entered_again_is_refused_in_words(sandbox: SandboxProcess, language: str) -> None:
    """Whether a wrong code ends the payment is the gateway's choice: should it leave it open, so do we."""
    payer = Payer(sandbox, language=language)
    payment = begin(payer)
    sandbox.fault(
        "status",
        status=400,
        method="POST",
        path="/stc_pays/*",
        body={"type": "invalid_request_error", "message": "no"},
    )
    detail = refused(enter(payer, payment, "999999"), 422, "otp_refused")["detail"]
    assert ("لم يتم قبول الرمز" if language == "ar" else "The code was not accepted") in detail
    assert payer.read(payment)["next_action"]["type"] == "otp"
    assert ok(enter(payer, payment, "123456"))["state"] == "captured"


def test_a_code_that_comes_too_late_finds_an_ended_payment(settings: Any) -> None:
    with SandboxProcess() as own:
        settings.MOYASAR_SECRET_KEY, settings.MOYASAR_BASE_URL = own.secret_key, own.base_url
        payer = Payer(own)
        payment = begin(payer)
        own.advance_clock(16 * 60)
        late = ok(enter(payer, payment, "123456"))
        assert (late["state"], late["failure"]["code"]) == ("failed", "payment_expired")


def test_no_code_is_passed_on_for_a_time_that_is_gone(payer: Payer) -> None:
    payment = begin(payer)
    with freeze_time(timezone.now() + timedelta(minutes=21), tick=True):
        payer.sign_in_again()
        refused(enter(payer, payment, "123456"), 409, "slot_expired")
        assert payer.read(payment)["next_action"] is None
    assert codes_sent() == 0


def test_only_a_payment_that_waits_for_a_code_takes_one(payer: Payer) -> None:
    refused(enter(payer, payer.begin(), "123456"), 409, "no_code_due")
    payment = begin(payer)
    refused(
        Api(UserFactory.create()).post(f"payments/{payment['id']}/otp", {"otp": "123456"}), 404, "not_found"
    )
    refused(payer.phone.post(f"payments/{uuid.uuid4()}/otp", {"otp": "123456"}), 404, "not_found")
    for otp in ("12", "1" * 11, "letters", ""):
        assert enter(payer, payment, otp).status_code == 400, otp
    assert enter(payer, payment, 123456).status_code == 400
    path = f"payments/{payment['id']}/otp"
    refused(payer.phone.send("POST", path, body={"otp": "123456"}), 400, "idempotency_key_required")
    assert codes_sent() == 0


def test_an_address_that_takes_no_codes_is_no_server_error(payer: Payer) -> None:
    payment = begin(payer)
    Payment.objects.update(next_action_url="https://elsewhere.example/otp")
    refused(enter(payer, payment, "123456"), 409, "no_code_due")


def test_a_code_is_kept_nowhere(payer: Payer, caplog: Any) -> None:
    payment = begin(payer)
    ok(enter(payer, payment, "123456"))
    kept = [
        *IdempotencyRecord.objects.values_list(),
        *GatewayCall.objects.values_list(),
        *Payment.objects.values_list(),
    ]
    assert "123456" not in str(kept) + caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_booking_paid_with_stc_pay_is_returned_when_it_is_cancelled(sandbox: SandboxProcess) -> None:
    customer = Customer(sandbox)
    ok(enter(customer, begin(customer), "123456"))
    customer.cancel()
    assert end_of(sandbox, customer.booking_id) == "free"
