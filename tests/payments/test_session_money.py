"""Deposits for seats, over the gateway's wire: paid, and returned in full when the session is called off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.core.time import RIYADH
from tests.bookings.sessions import desk_of, join, on_sale
from tests.payments.saga import Customer, end_of, finish
from tests.support.api import Api, ok
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("authorise_first", [False, True])
def test_a_session_called_off_returns_what_was_paid_for_its_seats(
    sandbox: SandboxProcess, authorise_first: bool
) -> None:
    payer = Customer(sandbox, authorise_first=authorise_first)
    evening = timezone.now().astimezone(RIYADH).replace(hour=18, minute=0, second=0, microsecond=0)
    session = on_sale(payer.salon, payer.staff[0], starts_at=evening + timedelta(days=9), now=timezone.now())
    payer.booking_id = join(payer.phone, session, 2)["id"]
    attempt = payer.begin()
    assert attempt["amount"]["amount_minor"] == 4000
    payer.pay(attempt)
    ok(payer.webhook(attempt, "payment_authorized" if authorise_first else "payment_paid"))
    payer.read(attempt)
    assert payer.booking.state == "confirmed", "nobody has to answer"
    assert end_of(sandbox, payer.booking_id) == "paid"
    path = f"manage/salons/{payer.salon.slug}/sessions/{session.pk}"
    ok(desk_of(payer.salon).post(f"{path}/cancel", {"version": session.version, "reason": "مرض"}))
    finish()
    assert end_of(sandbox, payer.booking_id) == "free"
    assert ok(Api(payer.user).get(f"bookings/{payer.booking_id}"))["state"] == "cancelled"
