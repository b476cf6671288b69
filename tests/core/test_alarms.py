"""Alarms: one row for the same trouble in the same hour, and one line at ERROR."""

from __future__ import annotations

import logging
from functools import partial

import pytest
from freezegun import freeze_time

from backend.core.alarms import raise_alarm
from backend.core.models import Alarm
from tests.support.race import race


@pytest.mark.django_db
def test_the_same_trouble_is_one_row_an_hour_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), freeze_time("2026-11-20T18:30:00Z") as clock:
        raise_alarm("otp_spend", "all", left=7)
        clock.tick(60)
        raise_alarm("otp_spend", "all", left=3)
        raise_alarm("otp_spend", "somewhere else")
        clock.tick(3600)
        raise_alarm("otp_spend", "all", left=0)
    first, again = Alarm.objects.filter(subject="all").order_by("hour")
    assert (first.count, first.details) == (2, {"left": 3})
    assert (first.last_at - first.first_at).total_seconds() == 60
    assert (again.count, again.details, again.acknowledged_at) == (1, {"left": 0}, None)
    assert [record.message for record in caplog.records] == ["alarm: otp_spend"] * 3


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_are_counted_up_in_one_row() -> None:
    race(*[partial(raise_alarm, "otp_spend", "all")] * 20)
    assert Alarm.objects.get().count == 20
