"""Reminders go out once, by day, at the salon's hours, and only for visits that were agreed on before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.bookings.operations import by_salon, reschedule
from backend.bookings.operations.reminding import remind
from backend.notifications.models import Message
from tests.bookings.visits import item, visit
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db
TUESDAY = "2026-11-24"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with freeze_time("2026-11-19T12:00:00Z") as frozen:  # Thursday 15:00 in Riyadh
        yield frozen


def at(time: str, day: str = TUESDAY) -> str:
    return f"{day}T{time}:00+03:00"


def moment(time: str, day: str = TUESDAY) -> datetime:
    return datetime.fromisoformat(at(time, day))


def a_salon(**more: Any) -> tuple[Any, Any]:
    wanted = {"deposit_percent": 0, "auto_confirm": True, "audience": "family", "opens": 8 * 60} | more
    salon, service, _ = open_salon(staff=2, **wanted)
    return salon, service


def book(salon: Any, service: Any, starts_at: str, customer: Any = None) -> Booking:
    phone = Api(customer or UserFactory.create(language="en"))
    return Booking.objects.get(pk=ok(phone.post("bookings", visit(salon, service, starts_at)), 201)["id"])


def reminders(**which: Any) -> list[Message]:
    return list(Message.objects.filter(kind="booking_reminder", **which).order_by("created_at"))


def run(clock: Any, *times: str) -> list[str]:
    """When, of these moments at which the round runs, somebody was reminded."""
    told = []
    for time in times:
        clock.move_to(datetime.fromisoformat(time))
        before = len(reminders())
        remind(timezone.now())
        told += [time] * (len(reminders()) - before)
    return told


def test_a_visit_is_announced_a_day_and_two_hours_before(clock: Any) -> None:
    booking = book(*a_salon(), at("16:00"))
    day_before, same_day = at("16:00", "2026-11-23"), at("14:00")
    assert run(
        clock, at("15:59", "2026-11-23"), day_before, at("16:01", "2026-11-23"), same_day, at("15:00")
    ) == [
        day_before,
        same_day,
    ]
    for message in reminders():
        assert (message.title, message.expires_at) == ("Booking reminder", booking.starts_at)
        assert (
            message.body
            == f"Reminder of your appointment at Lamsa Salon\nTuesday 24/11 at 4:00 PM\nBooking {booking.reference}"
        )
        assert message.push_body == f"Booking {booking.reference}\nTuesday 24/11 at 4:00 PM"
        assert message.values == ["Lamsa Salon", "Tuesday", "24/11", "4:00 PM", booking.reference]
    booking.refresh_from_db()
    assert booking.remind_at is None


def test_a_guest_the_desk_wrote_down_is_reminded_too(clock: Any) -> None:
    salon, service = a_salon()
    desk = Api(employ(salon))
    guest = {
        "items": [item(service)],
        "starts_at": at("16:00"),
        "guest": {"name": "هند", "phone": "0551234567"},
    }
    ok(desk.post(f"manage/salons/{salon.slug}/bookings", guest), 201)
    run(clock, at("14:00"))
    [message] = reminders()
    assert (message.to_phone, message.recipient, message.language) == ("+966551234567", None, "ar")


@pytest.mark.parametrize(
    ("booked_at", "told"),
    [
        (at("15:00", "2026-11-23"), [at("16:00", "2026-11-23"), at("14:00")]),
        (at("16:00", "2026-11-23"), [at("14:00")]),  # at that very moment it needs no telling
        (at("21:00", "2026-11-23"), [at("14:00")]),
        (at("14:30"), []),
    ],
)
def test_what_was_booked_after_the_time_of_a_reminder_gets_none(
    clock: Any, booked_at: str, told: Any
) -> None:
    salon, service = a_salon()
    clock.move_to(datetime.fromisoformat(booked_at))
    book(salon, service, at("16:00"))
    minutes = [at("16:00", "2026-11-23"), at("21:00", "2026-11-23"), at("14:00"), at("15:59")]
    assert run(clock, *(m for m in minutes if m >= booked_at)) == told


@pytest.mark.parametrize(
    ("starts_at", "hours", "told"),
    [
        ("09:00", [2], at("21:00", "2026-11-23")),  # 07:00 is night
        ("10:00", [2], at("08:00")),  # the night is over
        ("23:30", [2], at("21:30")),
        ("00:00", [2], at("21:00", "2026-11-23")),  # 22:00 of the evening before is night
        ("00:30", [2], at("21:00", "2026-11-23")),
        ("23:00", [24], at("21:00", "2026-11-23")),
    ],
)
def test_nobody_is_woken(clock: Any, starts_at: str, hours: list[int], told: str) -> None:
    salon, service = a_salon(opens=0, closes=1440, reminder_hours=hours, service={"duration_minutes": 30})
    booking = book(salon, service, at(starts_at))
    assert booking.remind_at == datetime.fromisoformat(told)
    assert run(clock, told) == [told]


def test_two_reminders_that_fall_into_one_night_are_one(clock: Any) -> None:
    book(*a_salon(reminder_hours=[11, 2]), at("09:30"))
    evening = at("21:00", "2026-11-23")
    assert run(clock, evening, at("21:30", "2026-11-23"), at("08:00")) == [evening]


def test_what_nobody_sent_in_time_is_not_made_up_for_at_night(clock: Any) -> None:
    book(*a_salon(reminder_hours=[24]), at("19:00"))
    assert run(clock, at("22:05", "2026-11-23"), at("08:00")) == []
    book(*a_salon(reminder_hours=[5]), at("19:00"))
    assert run(clock, at("17:30")) == [at("17:30")], "late by day is better than never"


def test_a_visit_that_begins_is_not_announced_any_more(clock: Any) -> None:
    book(*a_salon(), at("16:00"))
    assert run(clock, at("16:00")) == []


def test_a_moved_visit_is_announced_at_its_new_time_only(clock: Any) -> None:
    salon, service = a_salon()
    booking = book(salon, service, at("16:00"))
    clock.move_to(moment("15:00", "2026-11-23"))
    owner = employ(salon, "owner")
    reschedule(
        bookings=Booking.objects.all(),
        booking_id=booking.pk,
        actor=by_salon(owner),
        version=booking.version,
        starts_at=moment("19:00"),
        now=timezone.now(),
    )
    times = [at("16:00", "2026-11-23"), at("19:00", "2026-11-23"), at("14:00"), at("17:00")]
    assert run(clock, *times) == [at("19:00", "2026-11-23"), at("17:00")]


def test_what_is_still_waiting_to_be_sent_is_dropped_with_the_time_it_told(clock: Any, settings: Any) -> None:
    salon, service = a_salon()
    customer = UserFactory.create(language="en")
    booking = book(salon, service, at("16:00"), customer)
    run(clock, at("16:00", "2026-11-23"))
    [waiting] = reminders()
    assert waiting.state == "pending", "nothing in this test commits, so nothing was carried"
    shown = ok(Api(customer).get(f"bookings/{booking.pk}"))
    ok(Api(customer).post(f"bookings/{booking.pk}/cancel", {"version": shown["version"]}))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.next_attempt_at) == ("skipped", None)
    booking.refresh_from_db()
    assert booking.remind_at is None
    assert run(clock, at("14:00")) == []


def test_an_unanswered_request_is_not_announced_and_a_confirmed_one_is(clock: Any) -> None:
    salon, service = a_salon(auto_confirm=False, respond_within_minutes=7 * 1440)
    booking = book(salon, service, at("16:00"))
    assert (booking.state, booking.remind_at) == ("requested", None)
    assert run(clock, at("16:00", "2026-11-23")) == []
    desk = Api(employ(salon))
    ok(desk.post(f"manage/bookings/{booking.pk}/confirm", {"version": booking.version}))
    assert run(clock, at("14:00")) == [at("14:00")]


def test_the_salon_decides_when(clock: Any) -> None:
    salon, service = a_salon()
    booking = book(salon, service, at("16:00"))
    owner = Api(employ(salon, "owner"))
    path = f"manage/salons/{salon.slug}"
    profile = ok(owner.get(path))
    assert profile["reminder_hours"] == [24, 2]
    changed = ok(
        owner.send("PATCH", path, body={"version": profile["version"], "reminder_hours": [3, 48, 3]})
    )
    assert changed["reminder_hours"] == [48, 3]
    remind(timezone.now())
    booking.refresh_from_db()
    assert booking.remind_at == moment("16:00", "2026-11-22")
    times = [at("16:00", "2026-11-22"), at("16:00", "2026-11-23"), at("13:00"), at("14:00")]
    assert run(clock, *times) == [at("16:00", "2026-11-22"), at("13:00")]


def test_what_was_due_when_the_hours_changed_is_said_all_the_same(clock: Any) -> None:
    salon, service = a_salon()
    book(salon, service, at("16:00"))
    clock.move_to(moment("14:00") + timedelta(seconds=20))  # the round of this minute is still to come
    owner, path = Api(employ(salon, "owner")), f"manage/salons/{salon.slug}"
    ok(owner.send("PATCH", path, body={"version": salon.version, "reminder_hours": [2, 1]}))
    clock.move_to(moment("14:00") + timedelta(seconds=40))
    remind(timezone.now())
    assert len(reminders()) == 1


def test_no_hours_are_no_reminders(clock: Any) -> None:
    salon, service = a_salon()
    book(salon, service, at("16:00"))
    owner = Api(employ(salon, "owner"))
    ok(
        owner.send(
            "PATCH", f"manage/salons/{salon.slug}", body={"version": salon.version, "reminder_hours": []}
        )
    )
    assert run(clock, at("16:00", "2026-11-23"), at("14:00")) == []


def test_hours_added_late_do_not_reach_back(clock: Any) -> None:
    salon, service = a_salon(reminder_hours=[2])
    book(salon, service, at("16:00"))
    clock.move_to(moment("18:00", "2026-11-23"))
    owner = Api(employ(salon, "owner"))
    ok(
        owner.send(
            "PATCH", f"manage/salons/{salon.slug}", body={"version": salon.version, "reminder_hours": [24, 2]}
        )
    )
    assert run(clock, at("18:01", "2026-11-23"), at("14:00")) == [at("14:00")]


@pytest.mark.parametrize(
    ("hours", "code"),
    [
        ([0], "too_small"),
        ([169], "too_large"),
        ([1, 2, 3, 4], "list_too_long"),
        (["2"], "wrong_type"),
        (2, None),
    ],
)
def test_hours_nobody_could_mean_are_refused(hours: Any, code: str | None) -> None:
    salon, _ = a_salon()
    owner = Api(employ(salon, "owner"))
    body = {"version": salon.version, "reminder_hours": hours}
    problem = refused(owner.send("PATCH", f"manage/salons/{salon.slug}", body=body), 400, "validation_failed")
    assert problem["errors"][0]["pointer"].startswith("/reminder_hours")
    assert code is None or problem["errors"][0]["code"] == code


def test_a_round_reads_what_is_due_and_nothing_of_the_past(clock: Any) -> None:
    salon, service = a_salon()
    book(salon, service, at("16:00"))
    clock.move_to(moment("16:00", "2026-11-23"))

    def looked() -> int:
        with CaptureQueriesContext(connection) as queries:
            remind(timezone.now())
        return len(queries)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM bookings_booking WHERE remind_at <= now() ORDER BY remind_at, id"
        )
        assert "booking_reminders" in str(cursor.fetchall())
    one = looked()
    Booking.objects.update(state="completed", remind_at=None)
    for hour in (17, 18, 19):
        book(salon, service, at(f"{hour}:00"))
    Booking.objects.filter(state="confirmed").update(remind_at=timezone.now() + timedelta(minutes=1))
    clock.tick(timedelta(minutes=2))
    assert looked() <= one


@pytest.mark.django_db(transaction=True)
def test_many_rounds_at_once_remind_each_person_once(clock: Any, sent: Any) -> None:
    salon, service = a_salon()
    for hour in range(10, 16):
        book(salon, service, at(f"{hour}:00"))
    clock.move_to(moment("09:00"))
    now = timezone.now()
    Booking.objects.update(remind_at=moment("08:00"))
    race(*[lambda: remind(now)] * 4)
    keys = [m.event_key for m in reminders()]
    assert len(keys) == len(set(keys)) == len([text for text in sent() if text.startswith("Reminder")])
    remind(now)
    assert len(reminders()) == len(keys)


# After the visit ---------------------------------------------------------------------------------


def completed(clock: Any, when: str, *, guest: bool = False) -> Booking:
    salon, service = a_salon(closes=23 * 60)
    desk_user = employ(salon)
    if guest:
        body = {
            "items": [item(service)],
            "starts_at": at("16:00"),
            "guest": {"name": "هند", "phone": "0551234567"},
        }
        booking_id = ok(Api(desk_user).post(f"manage/salons/{salon.slug}/bookings", body), 201)["id"]
        booking = Booking.objects.get(pk=booking_id)
    else:
        booking = book(salon, service, at("16:00"))
    clock.move_to(datetime.fromisoformat(when))
    ok(Api(desk_user).post(f"manage/bookings/{booking.pk}/complete", {"version": booking.version}))
    return Booking.objects.get(pk=booking.pk)


def asked() -> list[Message]:
    return list(Message.objects.filter(kind="review_request"))


@pytest.mark.parametrize(
    ("done", "due"),
    [
        (at("17:00"), moment("19:00")),
        (at("19:59"), moment("21:59")),
        (at("20:00"), moment("10:00", "2026-11-25")),
        (at("23:30"), moment("10:00", "2026-11-25")),
        (at("01:00", "2026-11-25"), moment("10:00", "2026-11-25")),
        (at("07:59", "2026-11-25"), moment("10:00", "2026-11-25")),
    ],
)
def test_how_it_was_is_asked_once_and_by_day(clock: Any, done: str, due: datetime) -> None:
    booking = completed(clock, done)
    assert booking.remind_at == due
    clock.move_to(due)
    remind(timezone.now())
    [message] = asked()
    assert message.body == (
        f"How was your visit at Lamsa Salon?\nBooking {booking.reference} can be rated in the app."
    )
    clock.tick(timedelta(days=1))
    remind(timezone.now())
    assert len(asked()) == 1


def test_a_guest_without_an_account_is_not_asked(clock: Any) -> None:
    assert completed(clock, at("17:00"), guest=True).remind_at is None


def test_who_has_said_how_it_was_is_not_asked(clock: Any) -> None:
    booking = completed(clock, at("17:00"))
    assert booking.customer is not None
    ok(Api(booking.customer).send("PUT", f"bookings/{booking.pk}/review", body={"rating": 5, "comment": ""}))
    clock.move_to(moment("19:00"))
    remind(timezone.now())
    assert asked() == []


def test_what_can_be_rated_no_more_is_not_asked_about(clock: Any) -> None:
    assert completed(clock, at("16:00", "2026-12-08")).remind_at is None


# The rounds --------------------------------------------------------------------------------------


def test_the_rounds_are_part_of_what_runs_each_minute(clock: Any) -> None:
    book(*a_salon(), at("16:00"))
    clock.move_to(moment("14:00"))
    call_command("tick", verbosity=0)
    assert len(reminders()) == 1
