"""Each morning a salon's people learn what the day brings: once, in their language, in words that count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from freezegun import freeze_time

from backend.bookings.messages import counted
from backend.bookings.models import DaySummary
from backend.bookings.operations.summarising import summarise
from backend.notifications.models import Message
from tests.bookings.visits import item, visit
from tests.factories import SalonFactory, UserFactory, employ, open_salon
from tests.support.api import Api, ok
from tests.support.race import race

pytestmark = pytest.mark.django_db
DAY = "2026-11-24"
TUESDAY_8 = f"{DAY}T08:00:00+03:00"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with freeze_time("2026-11-22T12:00:00Z") as frozen:
        yield frozen


class Desk:
    """A salon with two people who serve, an owner, a receptionist; one request and three confirmed visits."""

    def __init__(self) -> None:
        self.salon, self.service, (self.noura, self.huda) = open_salon(
            staff=2, deposit_percent=0, auto_confirm=False, respond_within_minutes=3 * 1440
        )
        self.owner = employ(self.salon, "owner", UserFactory.create(language="en"))
        self.receptionist = employ(self.salon, "receptionist", UserFactory.create(language="ar"))
        self.stylist = employ(self.salon, "staff", UserFactory.create(language="en"))
        self.idle = employ(self.salon, "staff", UserFactory.create(language="en"))
        for member, user in ((self.noura, self.stylist), (self.huda, self.idle)):
            member.user = user
            member.save()

    def fill(self) -> None:
        self.ask("16:00")
        for time in ("11:00", "13:00", "14:30"):
            self.ask(time, confirm=True)

    def ask(self, time: str, *, confirm: bool = False) -> None:
        body = visit(self.salon, self.service, f"{DAY}T{time}:00+03:00")
        body["items"] = [item(self.service, self.noura)]
        shown = ok(Api(UserFactory.create()).post("bookings", body), 201)
        if confirm:
            ok(Api(self.receptionist).post(f"manage/bookings/{shown['id']}/confirm", {"version": 1}))


def summaries() -> dict[Any, Message]:
    return {m.recipient_id: m for m in Message.objects.filter(kind="day_summary")}


def run(clock: Any, moment: str) -> int:
    clock.move_to(datetime.fromisoformat(moment))
    return summarise(timezone.now())


def test_everyone_is_told_what_awaits_them(clock: Any) -> None:
    desk = Desk()
    desk.fill()
    run(clock, TUESDAY_8)
    told = summaries()
    assert told.keys() == {desk.owner.pk, desk.receptionist.pk, desk.stylist.pk}
    assert told[desk.owner.pk].body == (
        "Tuesday 24/11 from 11:00 AM\n3 bookings confirmed\n1 request waiting"
    )
    assert told[desk.stylist.pk].body == told[desk.owner.pk].body
    assert told[desk.receptionist.pk].values == [
        "الثلاثاء",
        "24/11",
        "11:00 ص",
        "3 حجوزات مؤكدة",
        "طلب واحد معلق",
    ]
    assert all(m.audience == "staff" and m.subject_type == "salon" for m in told.values())


def test_who_serves_second_is_told_when_their_own_part_begins(clock: Any) -> None:
    desk = Desk()
    type(desk.salon).objects.update(auto_confirm=True)
    body = visit(desk.salon, desk.service, f"{DAY}T11:00:00+03:00")
    body["items"] = [item(desk.service, desk.noura), item(desk.service, desk.huda)]
    made = ok(Api(UserFactory.create()).post("bookings", body), 201)
    second = datetime.fromisoformat(made["items"][1]["starts_at"])
    assert second > datetime.fromisoformat(made["starts_at"])
    run(clock, TUESDAY_8)
    told = summaries()
    assert told[desk.stylist.pk].values[2] == "11:00 AM"
    assert told[desk.idle.pk].values[2] == f"{second.hour % 12 or 12}:{second:%M} {second:%p}"


def test_it_comes_at_the_hour_that_is_set_and_once(clock: Any, settings: Any) -> None:
    desk = Desk()
    desk.fill()
    settings.DAY_SUMMARY_HOUR = 9
    assert run(clock, f"{DAY}T08:59:00+03:00") == 0
    assert run(clock, f"{DAY}T09:00:00+03:00") == 1
    assert run(clock, f"{DAY}T09:01:00+03:00") == 0
    assert len(summaries()) == 3


def test_a_summary_that_nobody_sent_all_morning_stays_away(clock: Any) -> None:
    desk = Desk()
    desk.fill()
    assert run(clock, f"{DAY}T12:00:00+03:00") == 0
    assert not summaries()


def test_an_empty_day_says_nothing(clock: Any) -> None:
    Desk()
    assert run(clock, TUESDAY_8) == 1
    assert not summaries()
    assert DaySummary.objects.get().told_for_date.isoformat() == DAY


def test_each_salon_has_its_own_morning(clock: Any) -> None:
    desk = Desk()
    desk.fill()
    type(desk.salon).objects.update(timezone="Asia/Dubai")
    assert run(clock, f"{DAY}T07:00:00+03:00") == 1
    assert summaries()


def test_many_salons_are_told_by_as_many_questions_as_one(clock: Any) -> None:
    desk = Desk()
    desk.fill()

    def asked(moment: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            run(clock, moment)
        return len(queries)

    one = asked(TUESDAY_8)
    Message.objects.all().delete()
    DaySummary.objects.all().delete()
    SalonFactory.create_batch(5)
    assert asked(f"{DAY}T08:05:00+03:00") == one


@pytest.mark.django_db(transaction=True)
def test_many_machines_at_once_tell_each_person_once(clock: Any, sent: Any) -> None:
    desk = Desk()
    desk.fill()
    clock.move_to(datetime.fromisoformat(TUESDAY_8))
    now = timezone.now()
    race(*[lambda: summarise(now)] * 4)
    assert len(summaries()) == 3
    assert len([text for text in sent() if "24/11 from" in text]) == 2, "two of the three read English"


@pytest.mark.parametrize(
    ("count", "bookings", "requests"),
    [
        (0, "لا توجد حجوزات مؤكدة", "لا توجد طلبات معلقة"),
        (1, "حجز واحد مؤكد", "طلب واحد معلق"),
        (2, "حجزان مؤكدان", "طلبان معلقان"),
        (3, "3 حجوزات مؤكدة", "3 طلبات معلقة"),
        (10, "10 حجوزات مؤكدة", "10 طلبات معلقة"),
        (11, "11 حجزا مؤكدا", "11 طلبا معلقا"),
        (99, "99 حجزا مؤكدا", "99 طلبا معلقا"),
        (100, "100 حجز مؤكد", "100 طلب معلق"),
        (102, "102 حجز مؤكد", "102 طلب معلق"),
        (103, "103 حجوزات مؤكدة", "103 طلبات معلقة"),
        (111, "111 حجزا مؤكدا", "111 طلبا معلقا"),
    ],
)
def test_visits_are_counted_as_arabic_counts(count: int, bookings: str, requests: str) -> None:
    with translation.override("ar"):
        assert counted(count, count) == {"bookings": bookings, "requests": requests}
