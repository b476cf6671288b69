"""Somebody deletes the account while money is on the table: it goes where the policy says, and the books agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import User
from backend.bookings.models import Booking
from backend.payments.models import Payment, Refund
from tests.accounts.privacy import notice_in_force
from tests.factories import employ
from tests.payments.conftest import Payer
from tests.support.api import Api, ok
from tests.support.database import places_with
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db

NAME = "نورة بنت خالد العتيبي"


def sums() -> dict[str, int | None]:
    """What the books add up to, without the words around it."""
    return Payment.objects.aggregate(captured=Sum("captured_minor")) | Booking.objects.aggregate(
        price=Sum("price_minor"), deposit=Sum("deposit_minor")
    )


@pytest.fixture
def paid(sandbox: SandboxProcess) -> Payer:
    """A confirmed booking with its deposit paid, free to cancel until two hours before."""
    notice_in_force()
    payer = Payer(sandbox, free_cancel_hours=2)
    User.objects.filter(pk=payer.user.pk).update(name=NAME)
    payment = payer.begin()
    payer.pay(payment)
    payer.webhook(payment)
    desk = employ(payer.salon)
    ok(Api(desk).post(f"manage/bookings/{payer.booking_id}/confirm", {"version": payer.booking.version}))
    assert payer.booking.state == "confirmed"
    return payer


def leave(payer: Payer) -> dict[str, Any]:
    before = sums()
    body: dict[str, Any] = ok(payer.phone.send("DELETE", "me"))
    assert sums() == before
    assert places_with(NAME, payer.user.phone or "") == []
    return body


def test_in_time_everything_goes_back_and_the_gateway_agrees(paid: Payer, sent: Any) -> None:
    assert ok(paid.phone.get(f"bookings/{paid.booking_id}"))["cancellation"]["fee_now"]["amount_minor"] == 0
    told = len(sent(paid.user.phone))
    body = leave(paid)
    [ended] = body["ended"]
    assert (ended["reference"], ended["title"]) == (paid.booking.reference, "صالون لمسة")
    assert (ended["fee"]["amount_minor"], ended["refund"]["amount_minor"]) == (0, 2300)
    payment, refund = Payment.objects.get(), Refund.objects.get()
    assert (refund.state, refund.amount_minor) == ("done", 2300)
    assert (payment.state, payment.captured_minor, payment.refunded_minor) == ("refunded", 2300, 2300)
    assert paid.sandbox.api("GET", f"/payments/{payment.pk}").json()["refunded"] == 2300
    assert len(sent(paid.user.phone)) == told
    kept = {row["what"]: row["count"] for row in body["kept"]}
    assert (kept["payments"], kept["bookings"]) == (1, 1)


def test_too_late_the_salon_keeps_what_the_app_had_shown(paid: Payer) -> None:
    with freeze_time(paid.booking.starts_at - timedelta(hours=1)):
        paid.sign_in_again()
        shown = ok(paid.phone.get(f"bookings/{paid.booking_id}"))["cancellation"]["fee_now"]["amount_minor"]
        [ended] = leave(paid)["ended"]
    assert shown == ended["fee"]["amount_minor"] == 2300
    assert ended["refund"]["amount_minor"] == 0
    assert not Refund.objects.exists()
    assert paid.booking.cancellation_fee_minor == 2300


def test_money_that_arrives_after_the_person_left_goes_back(payer: Payer) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    [ended] = ok(payer.phone.send("DELETE", "me"))["ended"]
    assert ended["refund"]["amount_minor"] == 0
    payer.sandbox.pay(payment["id"])
    payer.webhook(payment)
    row = Payment.objects.get()
    assert (row.state, row.captured_minor, row.refunded_minor) == ("voided", 2300, 0)
    assert payer.booking.state == "cancelled"


def test_the_books_of_a_hold_that_ran_out_stay_as_they_are(payer: Payer) -> None:
    with freeze_time(timezone.now() + timedelta(hours=2)):
        payer.sign_in_again()
        assert ok(payer.phone.send("DELETE", "me"))["ended"] == []
    assert payer.booking.state == "expired"


def test_money_that_arrives_after_the_hold_ran_out_and_the_person_left_goes_back(payer: Payer) -> None:
    payment = payer.begin()
    payer.at_the_bank(payment)
    with freeze_time(timezone.now() + timedelta(minutes=21), tick=True):
        payer.sign_in_again()
        ok(payer.phone.send("DELETE", "me"))
        assert payer.booking.state == "expired"
        payer.sandbox.pay(payment["id"])
        payer.webhook(payment)
    assert payer.booking.state == "expired"
    assert Payment.objects.get().state == "voided"
