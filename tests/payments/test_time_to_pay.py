"""A payment can be begun exactly while the app is told so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from freezegun import freeze_time

from tests.payments.conftest import Payer
from tests.support.api import ok

pytestmark = pytest.mark.django_db


def test_paying_is_offered_exactly_while_it_can_be_begun(payer: Payer) -> None:
    began = timezone.now()
    offered = []
    for minute in (*range(0, 64, 4), 44.9, 45.1, 59):
        with freeze_time(began + timedelta(minutes=minute), tick=True):
            payer.sign_in_again()
            actions = ok(payer.phone.get(f"bookings/{payer.booking_id}"))["allowed_actions"]
            path, body = f"bookings/{payer.booking_id}/payments", {"source": {"type": "client"}}
            answer = payer.phone.post(path, body)
        assert answer.status_code == (201 if "pay" in actions else 409), minute
        offered.append("pay" in actions)
    assert offered.index(False) == 12
    assert offered[12:16] == [False] * 4
