"""Group sessions over HTTP: written down, published, joined, left, full, short of people, moved and called off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings import operations
from backend.bookings.models import Booking, Claim, Session
from backend.bookings.operations.sessions import finish_sessions
from backend.bookings.queries.diary import diary_of
from backend.bookings.signals import booking_closed
from backend.notifications.models import Message
from backend.payments.models import Account, Line
from tests.bookings.sessions import DAY, NOW, at, cancel, desk_of, evening, join, published, seen
from tests.bookings.visits import claims_on, offered, visit, why
from tests.factories import ResourceFactory, UserFactory, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

CONFIRMED = {
    "ar": "تم تأكيد حجزك {ref}\nأمسية حناء\nالثلاثاء 24/11 الساعة 6:00 م",
    "en": "Your booking {ref} is confirmed\nHenna evening\nTuesday 24/11 at 6:00 PM",
}
CALLED_OFF = {
    "ar": "نعتذر عن إلغاء: أمسية حناء\nالحجز {ref}",
    "en": "Sorry, this does not take place: Henna evening\nBooking {ref}",
}


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time(NOW) as frozen:
        yield frozen


def free_salon(**more: Any) -> Any:
    """A salon that asks no deposit."""
    return open_salon(deposit_percent=0, auto_confirm=True, **more)


def both_counts(session: dict[str, Any]) -> tuple[int, int]:
    row = Session.objects.get(pk=session["id"])
    return row.seats_taken, row.seats_confirmed


@pytest.mark.parametrize(("language", "title"), [("ar", "أمسية حناء"), ("en", "Henna evening")])
def test_somebody_joins_a_workshop_with_a_friend(language: str, title: str, sent: Any) -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    customer = UserFactory.create(device_language=language)
    phone = Api(customer, language=language)

    [listed] = ok(phone.get("sessions", city=salon.city_id))["items"]
    assert (listed["title"], listed["seats_left"], listed["allowed_actions"]) == (title, 3, ["join"])
    booking = join(phone, session, 2, expected_total_minor=20000)
    assert (booking["kind"], booking["state"], booking["items"]) == ("seat", "confirmed", [])
    assert booking["session"] == {
        "id": session["id"],
        "name": title,
        "seats": 2,
        "staff_member": {"id": str(noura.pk), "name": "نورة" if language == "ar" else "Noura"},
        "resources": [],
    }
    assert (booking["price"]["amount_minor"], booking["starts_at"]) == (20000, at("18:00"))
    assert sorted(booking["allowed_actions"]) == ["cancel", "confirm_attendance"]
    mine = seen(session, phone)
    assert mine["mine"] == {"booking_id": booking["id"], "seats": 2, "state": "confirmed"}
    assert (mine["seats_left"], mine["allowed_actions"]) == (1, [])
    assert seen(session)["mine"] is None
    assert sent(customer.phone) == [CONFIRMED[language].format(ref=booking["reference"])]
    assert claims_on(customer=customer) == [("18:00", "20:00")]

    other = Api(UserFactory.create())
    full = refused(other.post(f"sessions/{session['id']}/seats", {"seats": 2}), 409, "seats_unavailable")
    assert full["params"] == {"seats_left": 1}
    cancel(phone, booking)
    assert (seen(session, phone)["seats_left"], both_counts(session)) == (3, (0, 0))
    assert claims_on(customer=customer) == []
    join(other, session, 3)


def test_seats_wait_for_their_deposit_and_are_anybodys_once_the_hold_has_run_out(clock: Any) -> None:
    salon, _, [noura] = open_salon()
    session = published(desk_of(salon), salon, noura, deposit_percent=50)
    first, second = Api(UserFactory.create()), Api(UserFactory.create())
    assert seen(session)["deposit"]["amount_minor"] == 5000
    held = join(first, session, 3)
    assert (held["state"], held["deposit"]["amount_minor"]) == ("held", 15000)
    assert held["allowed_actions"][0] == "pay"
    assert both_counts(session) == (3, 0)
    refused(second.post(f"sessions/{session['id']}/seats", {"seats": 1}), 409, "seats_unavailable")

    clock.tick(timedelta(minutes=10))
    assert seen(session)["seats_left"] == 3, "nothing ran, and yet"
    got = join(second, session, 2)
    assert operations.deposit_paid(Booking.objects.get(pk=got["id"]).pk, now=timezone.now())
    assert ok(second.get(f"bookings/{got['id']}"))["state"] == "confirmed", "nobody has to answer"
    assert both_counts(session) == (2, 2)
    assert ok(first.get(f"bookings/{held['id']}"))["state"] == "expired"
    assert not operations.deposit_paid(Booking.objects.get(pk=held["id"]).pk, now=timezone.now())
    assert both_counts(session) == (2, 2)


def test_a_deposit_that_comes_late_gets_the_seats_that_are_still_there(clock: Any) -> None:
    salon, _, [noura] = open_salon()
    session = published(desk_of(salon), salon, noura)
    phone = Api(UserFactory.create())
    held = join(phone, session, 2)
    clock.tick(timedelta(minutes=11))
    operations.expire_dead(timezone.now())
    assert both_counts(session) == (0, 0)
    assert operations.deposit_paid(Booking.objects.get(pk=held["id"]).pk, now=timezone.now())
    assert both_counts(session) == (2, 2)
    assert ok(phone.get(f"bookings/{held['id']}"))["state"] == "confirmed"


def test_a_published_session_takes_its_people_and_rooms_like_any_booking() -> None:
    salon, service, [noura, hind] = free_salon(staff=2)
    room = ResourceFactory.create(salon=salon)
    desk, phone = desk_of(salon), Api(UserFactory.create())
    base = f"manage/salons/{salon.slug}/sessions"
    draft = ok(desk.post(base, evening(noura, resource_ids=[str(room.pk)])), 201)
    assert (draft["state"], draft["allowed_actions"]) == ("draft", ["edit", "publish", "remove"])
    assert ok(Api().get("sessions"))["items"] == []
    assert Api().get(f"sessions/{draft['id']}").status_code == 404
    assert phone.post(f"sessions/{draft['id']}/seats", {"seats": 1}).status_code == 404

    body = visit(salon, service, at("18:30"))
    body["items"][0]["staff_member_id"] = str(noura.pk)
    taken = ok(phone.post("bookings", body), 201)
    refused(desk.post(f"{base}/{draft['id']}/publish", {"version": 1}), 409, "slot_unavailable")
    assert ok(desk.get(f"{base}/{draft['id']}"))["state"] == "draft"
    cancel(phone, taken)
    ok(desk.post(f"{base}/{draft['id']}/publish", {"version": 1}))
    assert claims_on(staff_member=noura) == claims_on(resource=room) == [("18:00", "20:00")]
    assert why(salon, service, at=at("18:30"), staff_member_id=str(noura.pk)) == ["slot_unavailable"]
    refused(phone.post("bookings", body), 409, "slot_unavailable")
    assert "18:30" in offered(salon, service, date=DAY), "Hind is free"

    second = ok(desk.post(base, evening(hind, resource_ids=[str(room.pk)], starts_at=at("19:00"))), 201)
    refused(desk.post(f"{base}/{second['id']}/publish", {"version": 1}), 422, "resource_unavailable")
    closed = ok(desk.post(base, evening(hind, starts_at=at("21:00"), ends_at=at("23:00"))), 201)
    refused(desk.post(f"{base}/{closed['id']}/publish", {"version": 1}), 422, "outside_hours")
    ok(desk.send("DELETE", f"{base}/{closed['id']}", query={"version": 1}), 204)

    day = ok(desk.get(f"manage/salons/{salon.slug}/calendar", date=DAY))["days"][0]
    join(Api(UserFactory.create()), draft)
    [shown] = next(one for one in day["staff"] if one["id"] == str(noura.pk))["sessions"]
    assert (shown["id"], shown["starts_at"], shown["capacity"]) == (draft["id"], at("18:00"), 3)
    assert [len(one["sessions"]) for one in day["resources"]] == [1]
    again = ok(desk.get(f"manage/salons/{salon.slug}/calendar", date=DAY))["days"][0]
    assert [one["blocks"] for one in again["staff"]] == [[], []], "one block, whoever comes"


def test_nobody_sits_in_two_places_at_once() -> None:
    salon, service, [noura, hind] = free_salon(staff=2)
    desk, phone = desk_of(salon), Api(UserFactory.create())
    session = published(desk, salon, noura, capacity=5)
    booked = join(phone, session)
    refused(phone.post("bookings", visit(salon, service, at("18:30"))), 409, "booking_overlap")
    refused(phone.post(f"sessions/{session['id']}/seats", {"seats": 1}), 409, "booking_overlap")
    other = published(desk, salon, hind, starts_at=at("19:00"), ends_at=at("21:00"))
    refused(phone.post(f"sessions/{other['id']}/seats", {"seats": 1}), 409, "booking_overlap")
    cancel(phone, booked)
    join(phone, other)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_session_called_off_tells_and_refunds_each_person_once(language: str, sent: Any) -> None:
    salon, _, [noura] = free_salon()
    desk = desk_of(salon)
    session = published(desk, salon, noura)
    people = UserFactory.create_batch(2, device_language=language)
    bookings = [join(Api(one, language=language), session) for one in people]
    guest = ok(
        desk.post(
            f"manage/salons/{salon.slug}/sessions/{session['id']}/seats",
            {"seats": 1, "guest": {"name": "ريم", "phone": "+966551234567"}},
        ),
        201,
    )
    assert (guest["state"], guest["customer"]["is_guest"], guest["source"]) == ("confirmed", True, "desk")
    path = f"manage/salons/{salon.slug}/sessions/{session['id']}"
    listed = ok(desk.get(f"{path}/seats"))["items"]
    assert [one["session"]["seats"] for one in listed] == [1, 1, 1]

    off = ok(desk.post(f"{path}/cancel", {"version": 2, "reason": "مرض"}))
    assert (off["state"], off["seats_taken"]) == ("cancelled", 0)
    assert (off["end"]["is_closing"], off["end"]["fell_short"], off["end"]["reason"]) == (False, False, "مرض")
    assert ok(desk.post(f"{path}/cancel", {"version": 2, "reason": "مرض"})) == off, "again is fine"
    finish_sessions(timezone.now())
    assert claims_on(staff_member=noura) == []
    for person, booking in zip(people, bookings, strict=True):
        told = [text for text in sent(person.phone) if text.startswith(CALLED_OFF[language][:8])]
        assert told == [CALLED_OFF[language].format(ref=booking["reference"])]
        after = ok(Api(person).get(f"bookings/{booking['id']}"))
        assert (after["state"], after["cancellation"]) == ("cancelled", None)
        assert Booking.objects.get(pk=booking["id"]).cancellation_fee_minor == 0
    assert seen(session)["state"] == "cancelled"
    refused(
        Api(UserFactory.create()).post(f"sessions/{session['id']}/seats", {"seats": 1}),
        409,
        "session_cancelled",
    )


def test_what_a_crash_left_of_a_cancelled_session_is_finished_by_the_next_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    salon, _, [noura] = free_salon()
    desk = desk_of(salon)
    session = published(desk, salon, noura)
    for person in UserFactory.create_batch(3):
        join(Api(person), session)
    monkeypatch.setattr("backend.bookings.operations.sessions.BATCH", 1)
    closed = []

    def dies_at_the_second(booking: Booking, **_: Any) -> None:
        closed.append(booking.pk)
        if len(closed) == 2:
            raise KeyboardInterrupt

    booking_closed.connect(dies_at_the_second)
    path = f"manage/salons/{salon.slug}/sessions/{session['id']}"
    try:
        with pytest.raises(KeyboardInterrupt):
            desk.post(f"{path}/cancel", {"version": 2, "reason": "مرض"})
    finally:
        booking_closed.disconnect(dies_at_the_second)
    left = Booking.objects.filter(session=session["id"], state="confirmed")
    assert (left.count(), Session.objects.get().is_closing) == (2, True)

    call_command("tick")
    assert (left.count(), Session.objects.get().is_closing) == (0, False)
    told = Message.objects.filter(kind="session_cancelled").values_list("recipient", flat=True)
    assert len(told) == len(set(told)) == 3


def test_too_few_people_at_the_deadline_and_it_does_not_take_place(clock: Any, sent: Any) -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura, minimum_seats=2, decide_by=at("18:00", "2026-11-23"))
    person = UserFactory.create()
    booking = join(Api(person), session)
    assert seen(session)["minimum"] == {
        "seats": 2,
        "decide_by": at("18:00", "2026-11-23"),
        "is_reached": False,
    }
    clock.move_to("2026-11-23T15:00:00Z")
    assert seen(session)["state"] == "cancelled", "before anybody writes it down"
    assert ok(Api().get("sessions"))["items"] == []
    refused(
        Api(UserFactory.create()).post(f"sessions/{session['id']}/seats", {"seats": 1}),
        409,
        "session_cancelled",
    )
    for _ in range(2):
        finish_sessions(timezone.now())
        call_command("deliver")
    told = [text for text in sent(person.phone) if "نعتذر" in text]
    assert told == [CALLED_OFF["ar"].format(ref=booking["reference"])]
    ended = ok(desk_of(salon).get(f"manage/salons/{salon.slug}/sessions/{session['id']}"))
    assert (ended["state"], ended["end"]["fell_short"]) == ("cancelled", True)
    [event] = ok(Api(person).get(f"bookings/{booking['id']}/events"))["items"][-1:]
    assert (event["verb"], event["actor"]) == ("cancel", "system")
    assert not Claim.objects.filter(is_active=True).exists()


def test_who_leaves_after_the_deadline_does_not_undo_what_was_decided(clock: Any) -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura, minimum_seats=2, decide_by=at("18:00", "2026-11-23"))
    customer = UserFactory.create()
    booking = join(Api(customer), session, 2)
    clock.move_to("2026-11-23T15:00:01Z")
    cancel(Api(customer), booking)
    finish_sessions(timezone.now())
    assert (seen(session)["state"], seen(session)["seats_left"]) == ("published", 3)
    join(Api(UserFactory.create()), session)


def test_seats_held_at_the_deadline_do_not_count_and_their_deposit_goes_back(clock: Any) -> None:
    salon, _, [noura] = open_salon()
    session = published(desk_of(salon), salon, noura, minimum_seats=1, decide_by=at("10:05", "2026-11-22"))
    phone = Api(UserFactory.create())
    held = join(phone, session)
    clock.tick(timedelta(minutes=5))
    assert not operations.deposit_paid(Booking.objects.get(pk=held["id"]).pk, now=timezone.now())
    finish_sessions(timezone.now())
    assert ok(phone.get(f"bookings/{held['id']}"))["state"] == "cancelled"


def test_a_moved_session_takes_everybody_along_and_each_may_refuse(clock: Any, sent: Any) -> None:
    salon, _, [noura] = free_salon()
    desk = desk_of(salon)
    session = published(desk, salon, noura)
    stays, goes = UserFactory.create_batch(2)
    first, second = (join(Api(one), session) for one in (stays, goes))
    path = f"manage/salons/{salon.slug}/sessions/{session['id']}"
    clock.move_to("2026-11-24T07:00:00Z")
    desk = desk_of(salon)
    moved = ok(
        desk.post(f"{path}/reschedule", {"version": 2, "starts_at": at("19:00"), "ends_at": at("21:00")})
    )
    assert (moved["starts_at"], moved["version"]) == (at("19:00"), 3)
    for person, booking in ((stays, first), (goes, second)):
        now = ok(Api(person).get(f"bookings/{booking['id']}"))
        assert (now["starts_at"], now["moved_by_salon"]) == (at("19:00"), {"from": at("18:00")})
        assert claims_on(customer=person) == [("19:00", "21:00")]
        assert sent(person.phone)[-1].endswith("الرفض بدون رسوم") or "7:00" in sent(person.phone)[-1]
    assert claims_on(staff_member=noura) == [("19:00", "21:00")]
    ok(Api(stays).post(f"bookings/{first['id']}/accept-move", {"version": 2}))
    ok(Api(goes).post(f"bookings/{second['id']}/refuse-move", {"version": 2}))
    assert both_counts(session) == (1, 1)
    refused(
        desk.post(f"{path}/reschedule", {"version": 3, "starts_at": at("21:00"), "ends_at": at("23:00")}),
        422,
        "outside_hours",
    )
    assert claims_on(staff_member=noura) == [("19:00", "21:00")], "as it was"
    refused(
        desk.post(f"manage/bookings/{first['id']}/reschedule", {"version": 3, "starts_at": at("12:00")}),
        409,
        "cannot_change_status",
    )


def test_a_session_that_took_place_earns_a_line_for_each_booking(clock: Any) -> None:
    salon, _, [noura] = free_salon()
    reception = desk_of(salon, role="receptionist")
    session = published(desk_of(salon), salon, noura)
    bookings = [join(Api(one), session) for one in UserFactory.create_batch(2)]
    path = f"manage/salons/{salon.slug}/sessions/{session['id']}"
    refused(reception.post(f"{path}/complete", {"version": 2}), 409, "cannot_change_session")
    clock.move_to("2026-11-24T17:00:00Z")
    desk, reception = desk_of(salon), desk_of(salon, role="receptionist")
    ok(reception.post(f"manage/bookings/{bookings[0]['id']}/check-in", {"version": 1}))
    ok(reception.post(f"manage/bookings/{bookings[1]['id']}/no-show", {"version": 1}))
    done = ok(reception.post(f"{path}/complete", {"version": 2}))
    assert (done["state"], done["end"]["is_closing"], done["seats_taken"]) == ("completed", False, 2)
    states = [ok(desk.get(f"manage/bookings/{one['id']}"))["state"] for one in bookings]
    assert states == ["completed", "no_show"]
    earned = Line.objects.filter(account=Account.SALON_PAYABLE, entry__kind="earned")
    assert {line.staff_member_id for line in earned} == {noura.pk}
    ok(desk_of(salon, role="owner").get(f"manage/salons/{salon.slug}/dashboard"))
    refused(desk.post(f"{path}/cancel", {"version": 3, "reason": "x"}), 409, "cannot_change_session")


def test_terms_are_fixed_once_seats_are_on_sale() -> None:
    salon, _, [noura] = free_salon()
    desk = desk_of(salon)
    session = published(desk, salon, noura)
    path = f"manage/salons/{salon.slug}/sessions/{session['id']}"
    join(Api(UserFactory.create()), session, 2)
    changes: tuple[dict[str, Any], ...] = (
        {"price_minor": 1},
        {"starts_at": at("17:00")},
        {"staff_ids": []},
        {"minimum_seats": 1, "decide_by": at("12:00")},
    )
    for change in changes:
        refused(desk.send("PATCH", path, body={"version": 2} | change), 409, "cannot_change_session")
    few = refused(desk.send("PATCH", path, body={"version": 2, "capacity": 1}), 409, "capacity_taken")
    assert few["params"] == {"seats_taken": 2}
    stale = refused(desk.send("PATCH", path, body={"version": 1, "capacity": 9}), 409, "version_conflict")
    assert stale["current"]["version"] == 2
    changed = ok(desk.send("PATCH", path, body={"version": 2, "capacity": 2, "title": {"ar": "حناء"}}))
    assert (changed["capacity"], changed["version"], changed["title"]) == (2, 3, {"ar": "حناء", "en": None})
    refused(desk.send("DELETE", path, query={"version": 3}), 409, "cannot_change_session")


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"title": {"ar": "", "en": ""}}, "/title", "field_blank"),
        ({"staff_ids": []}, "/staff_ids", "list_empty"),
        ({"staff_ids": ["0b5f3c0e-9f5e-4a55-8a55-0d6a1c2b3d4e"]}, "/staff_ids/0", "not_found"),
        ({"ends_at": at("18:00")}, "/ends_at", "ends_before_start"),
        ({"ends_at": at("07:00", "2026-11-25")}, "/ends_at", "moment_not_allowed"),
        ({"capacity": 0}, "/capacity", "too_small"),
        ({"capacity": "3"}, "/capacity", "wrong_type"),
        ({"minimum_seats": 2}, "/decide_by", "field_required"),
        ({"minimum_seats": 4, "decide_by": at("12:00")}, "/minimum_seats", "too_large"),
        ({"minimum_seats": 2, "decide_by": at("19:00")}, "/decide_by", "moment_not_allowed"),
        ({"decide_by": at("12:00")}, "/minimum_seats", "field_required"),
        ({"price": 3}, "/price", "unknown_field"),
    ],
)
def test_what_is_wrong_with_a_session_is_pointed_at(wrong: dict[str, Any], pointer: str, code: str) -> None:
    salon, _, [noura] = free_salon()
    body = evening(noura) | wrong
    answer = refused(
        desk_of(salon).post(f"manage/salons/{salon.slug}/sessions", body), 400, "validation_failed"
    )
    assert [(one["pointer"], one["code"]) for one in answer["errors"]] == [(pointer, code)]
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"seats": 0}, "too_small"),
        ({"seats": 11}, "too_large"),
        ({"seats": "1"}, "wrong_type"),
        ({}, "field_required"),
    ],
)
def test_what_is_wrong_with_a_wish_for_seats_is_pointed_at(wrong: dict[str, Any], code: str) -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    phone = Api(UserFactory.create())
    answer = refused(phone.post(f"sessions/{session['id']}/seats", wrong), 400, "validation_failed")
    assert [(one["pointer"], one["code"]) for one in answer["errors"]] == [("/seats", code)]


def test_a_repeated_tap_books_once_and_a_changed_price_is_shown_first() -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    phone, key = Api(UserFactory.create()), "0b5f3c0e-9f5e-4a55-8a55-0d6a1c2b3d4e"
    path = f"sessions/{session['id']}/seats"
    refused(phone.post(path, {"seats": 2, "expected_total_minor": 10000}), 422, "amount_changed")
    one = ok(phone.post(path, {"seats": 2}, key=key), 201)
    again = phone.post(path, {"seats": 2}, key=key)
    assert (ok(again, 201)["id"], again.headers["Idempotent-Replayed"]) == (one["id"], "true")
    assert both_counts(session) == (2, 2)


def test_seats_are_sold_until_it_begins_and_at_its_own_desk_until_it_ends(clock: Any) -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    path = f"manage/salons/{salon.slug}/sessions/{session['id']}/seats"
    guest = {"seats": 1, "guest": {"name": "ريم"}}
    clock.move_to("2026-11-24T15:00:00Z")
    phone = Api(UserFactory.create())
    refused(phone.post(f"sessions/{session['id']}/seats", {"seats": 1}), 409, "session_closed")
    ok(desk_of(salon).post(path, guest), 201)
    clock.move_to("2026-11-24T17:00:00Z")
    refused(desk_of(salon).post(path, guest), 409, "session_closed")


def test_lists_are_by_city_and_day_and_say_when_they_go_on() -> None:
    salon, _, [noura] = free_salon()
    desk = desk_of(salon)
    days = ("2026-11-24", "2026-11-25", "2026-11-26")
    for day in days:
        published(desk, salon, noura, starts_at=at("18:00", day), ends_at=at("20:00", day))
    api = Api()
    page = ok(api.get("sessions", city=salon.city_id, limit=2))
    assert [one["starts_at"][:10] for one in page["items"]] == list(days[:2])
    rest = ok(api.get("sessions", city=salon.city_id, limit=2, cursor=page["next_cursor"]))
    assert ([one["starts_at"][:10] for one in rest["items"]], rest["next_cursor"]) == ([days[2]], None)
    assert ok(api.get("sessions", city="nowhere"))["items"] == []
    some = ok(api.get(f"salons/{salon.slug}/sessions", **{"from": days[1], "to": days[1]}))
    assert [one["starts_at"][:10] for one in some["items"]] == [days[1]]
    refused(api.get("sessions", **{"from": "yesterday"}), 400, "validation_failed")
    spoiled = api.send("GET", "sessions", headers={"Authorization": "Bearer nonsense"})
    assert len(ok(spoiled)["items"]) == 3, "an old token spoils no public page"


def test_a_womens_session_refuses_only_who_declared_otherwise() -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    phone = Api(UserFactory.create(gender="male"))
    refused(phone.post(f"sessions/{session['id']}/seats", {"seats": 1}), 422, "women_only")


def test_whoever_leaves_the_platform_gives_the_seats_back_and_takes_their_record() -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    customer = UserFactory.create()
    phone = Api(customer)
    join(phone, session, 2, note="مع صديقة")
    [exported] = ok(phone.get("me/export"))["sections"]["bookings"]
    assert (exported["kind"], exported["seats"], exported["items"][0]["service_ar"]) == (
        "seat",
        2,
        "أمسية حناء",
    )
    ok(phone.send("DELETE", "me"))
    assert both_counts(session) == (0, 0)
    assert Booking.objects.get().note == ""


def test_a_calendar_app_shows_a_session_once_whoever_comes() -> None:
    salon, _, [noura] = free_salon()
    session = published(desk_of(salon), salon, noura)
    for person in UserFactory.create_batch(2):
        join(Api(person), session)
    [entry] = diary_of(noura, now=timezone.now())
    assert (str(entry.id), entry.services_en, entry.who) == (session["id"], ("Henna evening",), "")
