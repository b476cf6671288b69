"""What the payer reads when a payment does not go straight: in both languages, and the time stays kept."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.payments.models import Payment
from backend.payments.refusals import FAILURES, NOTICES, failure_code
from tests.payments.conftest import CARD, Payer
from tests.support.api import ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

KEPT = {
    "ar": r"الموعد محجوز حتى الساعة \d{1,2}:\d{2} [صم]\.$",
    "en": r"Your time is kept until \d{1,2}:\d{2} (AM|PM)\.$",
}
BOTH = pytest.mark.parametrize("language", ["ar", "en"])

DECLINED = [
    ("4201321234411220", "card_declined", "رفض البنك العملية", "The bank declined the payment"),
    ("4201320131000508", "card_declined", "رفض البنك العملية", "The bank declined the payment"),
    ("4201321144311528", "card_declined", "رفض البنك العملية", "The bank declined the payment"),
    ("4201320000013020", "card_declined", "رفض البنك العملية", "The bank declined the payment"),
    ("4201320000311101", "insufficient_funds", "رصيد البطاقة غير كاف", "does not have enough balance"),
    ("4201326324640570", "limit_exceeded", "حد البطاقة لا يسمح", "The limit of the card"),
    ("4201322267774310", "card_expired", "انتهت صلاحية هذه البطاقة", "This card has expired"),
    ("4111118250252531", "authentication_failed", "تعذر على البنك التحقق", "could not confirm it was you"),
    ("4111113343111067", "payment_expired", "انتهت مهلة الدفع", "The time to pay has run out"),
    ("4111116611600661", "card_declined", "رفض البنك العملية", "The bank declined the payment"),
    ("4111112205628150", "card_expired", "انتهت صلاحية هذه البطاقة", "This card has expired"),
]


@BOTH
@pytest.mark.parametrize(("number", "code", "arabic", "english"), DECLINED)
def test_every_way_a_card_fails_reads_well_keeps_the_time_and_leaves_another_try(
    sandbox: SandboxProcess, language: str, number: str, code: str, arabic: str, english: str
) -> None:
    payer = Payer(sandbox, language=language)
    payment = payer.begin()
    held_until = payer.booking.hold_expires_at
    payer.at_the_bank(payment, card=CARD | {"number": number})
    payer.sandbox.pay(payment["id"])
    ok(payer.webhook(payment, "payment_failed"))
    failed = payer.read(payment)
    assert (failed["state"], failed["failure"]["code"]) == ("failed", code)
    detail = failed["failure"]["detail"]
    assert (arabic if language == "ar" else english) in detail
    assert re.search(KEPT[language], detail), detail
    assert failed["client_payment"] is None
    assert (payer.booking.state, payer.booking.hold_expires_at) == ("held", held_until)
    second = payer.begin()
    payer.pay(second)
    ok(payer.webhook(second))
    assert payer.booking.state == "requested"


@BOTH
def test_the_word_for_no_is_the_same_whoever_says_it(sandbox: SandboxProcess, language: str) -> None:
    """Nobody learns at a salon's counter that a card was reported stolen."""
    payer = Payer(sandbox, language=language)
    said = set()
    for number in ("4201321234411220", "4201320131000508", "4201321144311528"):
        payment = payer.begin()
        payer.pay(payment, card=CARD | {"number": number})
        ok(payer.webhook(payment, "payment_failed"))
        said.add(payer.read(payment)["failure"]["code"])
    assert said == {"card_declined"}


@BOTH
def test_a_cancelled_confirmation_says_that_nothing_was_charged(
    sandbox: SandboxProcess, language: str
) -> None:
    payer = Payer(sandbox, language=language)
    payment = payer.begin()
    payer.pay(payment, "CANCELLED")
    ok(payer.webhook(payment, "payment_failed"))
    failure = payer.read(payment)["failure"]
    assert failure["code"] == "payment_cancelled"
    assert ("لم يتم خصم أي مبلغ" if language == "ar" else "nothing was charged") in failure["detail"]
    assert re.search(KEPT[language], failure["detail"])
    assert payer.booking.state == "held"


@BOTH
def test_a_closed_bank_page_waits_and_can_be_opened_again(sandbox: SandboxProcess, language: str) -> None:
    payer = Payer(sandbox, language=language)
    source = {"source": {"type": "token", "token": "token_3ds_sara"}}
    payment = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", source), 201)
    with freeze_time(timezone.now() + timedelta(seconds=10), tick=True):
        shown = payer.read(payment)
    assert (shown["state"], shown["failure"]) == ("initiated", None)
    assert shown["next_action"]["url"] == payment["next_action"]["url"]
    assert shown["notice"]["code"] == "waiting_for_payer"
    assert ("بانتظار التأكيد" if language == "ar" else "waits for your confirmation") in shown["notice"][
        "detail"
    ]
    assert re.search(KEPT[language], shown["notice"]["detail"])
    assert shown["poll_after_seconds"]


@BOTH
def test_an_app_that_never_reached_the_gateway_may_try_again(sandbox: SandboxProcess, language: str) -> None:
    payer = Payer(sandbox, language=language)
    payment = payer.begin()
    assert payment["notice"] is None
    with freeze_time(timezone.now() + timedelta(seconds=10), tick=True):
        shown = payer.read(payment)
    assert shown["notice"]["code"] == "not_started"
    assert shown["client_payment"]["given_id"] == payment["id"]
    assert ("لم يتم خصم أي مبلغ" if language == "ar" else "nothing was charged") in shown["notice"]["detail"]


@BOTH
def test_an_answer_lost_on_the_way_asks_for_patience_and_charges_once(
    sandbox: SandboxProcess, language: str
) -> None:
    payer = Payer(sandbox, language=language)
    sandbox.fault("drop", acts=True, method="POST", path="/payments")
    sandbox.fault("status", status=503, method="GET", path="/payments/*", count=2)
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    payment = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", body), 201)
    assert (payment["state"], payment["notice"]["code"]) == ("initiated", "waiting_for_bank")
    assert ("لن يتم الخصم مرتين" if language == "ar" else "nothing is charged twice") in payment["notice"][
        "detail"
    ]
    sandbox.clear_faults()
    with freeze_time(timezone.now() + timedelta(seconds=10), tick=True):
        assert payer.read(payment)["state"] == "captured"
    assert sandbox.count("POST /payments") == 1


@BOTH
@pytest.mark.parametrize("status", [429, 403, 401])
def test_what_never_reached_the_bank_ends_at_once_so_that_another_try_can_begin(
    sandbox: SandboxProcess, language: str, status: int
) -> None:
    payer = Payer(sandbox, language=language)
    sandbox.fault(
        "status", status=status, method="POST", path="/payments", body={"type": "api_error", "message": "no"}
    )
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    path = f"bookings/{payer.booking_id}/payments"
    first = ok(payer.phone.post(path, body), 201)
    assert (first["state"], first["failure"]["code"]) == ("failed", "gateway_unavailable")
    assert re.search(KEPT[language], first["failure"]["detail"])
    sandbox.clear_faults()
    assert ok(payer.phone.post(path, body), 201)["state"] == "captured"


@BOTH
def test_a_gateway_that_cannot_be_reached_at_all_charges_nobody(
    sandbox: SandboxProcess, language: str, settings: Any
) -> None:
    payer = Payer(sandbox, language=language)
    settings.MOYASAR_BASE_URL = "http://127.0.0.1:9/v1"
    body = {"source": {"type": "token", "token": "token_ok_sara"}}
    payment = ok(payer.phone.post(f"bookings/{payer.booking_id}/payments", body), 201)
    assert (payment["state"], payment["failure"]["code"]) == ("failed", "gateway_unavailable")
    assert payer.booking.state == "held"


@BOTH
def test_a_second_attempt_that_was_not_needed_goes_back_and_says_so(
    sandbox: SandboxProcess, language: str
) -> None:
    payer = Payer(sandbox, language=language)
    first, second = payer.begin(), payer.begin()
    for payment in (first, second):
        payer.at_the_bank(payment)
    for payment in (first, second):
        sandbox.pay(payment["id"])
        ok(payer.webhook(payment))
    assert payer.read(first)["notice"] is None
    notice = payer.read(second)["notice"]
    assert notice["code"] == "not_needed"
    assert ("سيعاد" if language == "ar" else "goes back to you") in notice["detail"]


@BOTH
def test_an_amount_that_is_not_ours_is_under_review(sandbox: SandboxProcess, language: str) -> None:
    payer = Payer(sandbox, language=language)
    payment = payer.begin()
    payer.pay(payment, amount_minor=200)
    ok(payer.webhook(payment))
    assert payer.read(payment)["notice"]["code"] == "under_review"


def test_a_time_that_is_gone_is_not_promised(payer: Payer) -> None:
    payment = payer.begin()
    payer.pay(payment, "UNAUTHENTICATED")
    ok(payer.webhook(payment, "payment_failed"))
    with freeze_time(timezone.now() + timedelta(minutes=21), tick=True):
        payer.sign_in_again()
        assert not re.search(KEPT["ar"], payer.read(payment)["failure"]["detail"])
        refused(
            payer.phone.post(f"bookings/{payer.booking_id}/payments", {"source": {"type": "client"}}),
            409,
            "slot_expired",
        )


@BOTH
def test_every_sentence_for_the_payer_exists_in_the_language(sandbox: SandboxProcess, language: str) -> None:
    payer = Payer(sandbox, language=language)
    payment = payer.begin()
    for code in FAILURES:
        Payment.objects.update(state="failed", failure_code=code)
        detail = payer.read(payment)["failure"]["detail"]
        assert bool(re.search("[\u0600-\u06ff]", detail)) is (language == "ar"), code
        assert detail.count(".") >= 2, "what happened, and what to do"


@pytest.mark.parametrize(
    ("response_code", "message", "reason", "code"),
    [
        ("05", "DECLINED", None, "card_declined"),
        ("43", "STOLEN CARD", None, "card_declined"),
        ("55", "INCORRECT PIN", None, "card_declined"),
        ("82", "CVV", None, "card_details_incorrect"),
        ("91", "ISSUER DOWN", None, "bank_unavailable"),
        ("96", "SYSTEM MALFUNCTION", None, "bank_unavailable"),
        ("94", "DUPLICATE", None, "payment_failed"),
        ("65", "ACTIVITY", None, "limit_exceeded"),
        ("33", "EXPIRED", None, "card_expired"),
        (None, "3-D Secure transaction attempt failed", "3ds_unspecified", "authentication_failed"),
        (None, "3-D Secure transaction attempt failed", "3ds_timeout", "payment_expired"),
        (None, "Allowed time frame for transaction has been expired", None, "payment_expired"),
        (None, "Insufficient balance", None, "insufficient_funds"),
        (None, "Daily limit exceeded", None, "limit_exceeded"),
        (None, "Invalid OTP", None, "code_incorrect"),
        (None, "Mobile number is not registered", None, "wallet_unavailable"),
        (None, "Account needs to be updated", None, "wallet_unavailable"),
        (None, "OTP attempts exhausted", None, "authentication_failed"),
        (None, "Something of tomorrow", "3ds_of_tomorrow", "payment_failed"),
        (None, None, None, "payment_failed"),
    ],
)
def test_the_gateways_groups_are_told_in_a_few_words(
    response_code: str | None, message: str | None, reason: str | None, code: str
) -> None:
    found = failure_code(response_code=response_code, message=message, reason=reason)
    assert found == code
    assert found in FAILURES


def test_notices_and_failures_share_no_code() -> None:
    assert not FAILURES.keys() & NOTICES.keys()
