"""What a customer answers: that they come, whether the salon's new time suits them, and that they were there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.bookings.operations import deposit_paid
from backend.payments.models import Payment, Refund
from tests.bookings.visits import claims_on, item, visit
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
SUNDAY = "2026-11-22"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with freeze_time("2026-11-19T18:30:00Z") as frozen:  # Thursday 21:30 in Riyadh
        yield frozen


def at(time: str, day: str = SUNDAY) -> str:
    return f"{day}T{time}:00+03:00"


class Visit:
    """A confirmed visit on Sunday at 12:00, its customer and the desk; both read English."""

    def __init__(self, *, staff: int = 1, **salon: Any) -> None:
        wanted = {"deposit_percent": 0, "auto_confirm": True} | salon
        self.salon, self.service, self.people = open_salon(staff=staff, **wanted)
        self.customer = UserFactory.create(language="en")
        self.receptionist = employ(self.salon, user=UserFactory.create(language="en"))
        self.sign_in()
        self.shown = ok(self.phone.post("bookings", visit(self.salon, self.service, at("12:00"))), 201)
        if self.shown["state"] == "held":
            now = timezone.now()
            amount = self.shown["deposit"]["amount_minor"]
            Payment.objects.create(
                booking_id=self.shown["id"],
                state="captured",
                amount_minor=amount,
                captured_minor=amount,
                source_type="client",
                created_at=now,
                expires_at=now,
            )
            deposit_paid(uuid.UUID(self.shown["id"]), now=now)
            self.read()

    def sign_in(self) -> None:
        """Again, once the clock has moved past the life of a token."""
        self.phone, self.desk = Api(self.customer), Api(self.receptionist)

    def read(self, *, desk: bool = False) -> dict[str, Any]:
        if desk:
            return ok(self.desk.get(f"manage/bookings/{self.shown['id']}"))  # type: ignore[no-any-return]
        self.shown = ok(self.phone.get(f"bookings/{self.shown['id']}"))
        return self.shown

    def ask(self, verb: str, *, desk: bool = False, **body: Any) -> Any:
        api, door = (self.desk, "manage/bookings") if desk else (self.phone, "bookings")
        return api.post(f"{door}/{self.shown['id']}/{verb}", {"version": self.shown["version"]} | body)

    def done(self, verb: str, *, desk: bool = False, **body: Any) -> dict[str, Any]:
        """The verb must succeed; the customer's view of the booking afterwards."""
        answer = ok(self.ask(verb, desk=desk, **body))
        assert answer["version"] == self.read()["version"]
        return self.shown

    def verbs(self) -> list[str]:
        return [event["verb"] for event in ok(self.phone.get(f"bookings/{self.shown['id']}/events"))["items"]]

    def missed(self, clock: Any) -> None:
        """It is Sunday 12:10 and the desk has written down that nobody came."""
        clock.move_to("2026-11-22T09:10:00Z")
        self.sign_in()
        self.done("no-show", desk=True)


# Coming


def test_a_customer_says_they_will_come_and_the_desk_sees_it(sent: Any, clock: Any) -> None:
    booked = Visit()
    assert booked.shown["attendance_confirmed_at"] is None
    clock.tick(timedelta(minutes=5))
    told = len(sent())
    shown = booked.done("confirm-attendance")
    assert shown["attendance_confirmed_at"] == at("21:35", "2026-11-19")
    assert booked.read(desk=True)["attendance_confirmed_at"] == at("21:35", "2026-11-19")
    assert "confirm_attendance" not in shown["allowed_actions"]
    assert len(sent()) == told
    # At a new time they are asked again, whoever moved it.
    for desk, time in ((False, "13:00"), (True, "14:00")):
        assert booked.done("reschedule", starts_at=at(time), desk=desk)["attendance_confirmed_at"] is None
        assert booked.done("confirm-attendance")["attendance_confirmed_at"]


@pytest.mark.parametrize("verb", ["confirm-attendance", "accept-move", "refuse-move"])
def test_an_answer_repeated_on_a_bad_line_is_given_once(verb: str, sent: Any) -> None:
    booked = Visit()
    if verb != "confirm-attendance":
        booked.done("reschedule", desk=True, starts_at=at("15:00"))
    before = booked.shown["version"]
    first = ok(booked.ask(verb))
    told, verbs = len(sent()), booked.verbs()
    assert ok(booked.ask(verb)) == first  # the tap whose answer was lost
    booked.read()
    assert ok(booked.ask(verb)) == first  # and one after a look
    assert (booked.verbs(), len(sent())) == (verbs, told)
    refused(booked.ask(verb, version=before + 5), 409, "version_conflict")


def test_an_answer_repeated_after_others_have_acted_undoes_nothing(clock: Any) -> None:
    booked = Visit()
    seen = booked.shown["version"]
    booked.done("confirm-attendance")
    booked.done("reschedule", desk=True, starts_at=at("15:00"))
    late = ok(booked.ask("confirm-attendance", version=seen))
    assert late == booked.read()
    assert late["attendance_confirmed_at"] is None
    conflict = refused(booked.ask("accept-move", version=seen), 409, "version_conflict")
    assert conflict["current"] == late


# The salon's move


def test_what_the_salon_moves_the_customer_accepts_or_refuses(sent: Any) -> None:
    booked = Visit()
    assert booked.shown["moved_by_salon"] is None
    told = len(sent(booked.receptionist.phone))
    shown = booked.done("reschedule", desk=True, starts_at=at("15:00"))
    assert shown["moved_by_salon"] == {"from": at("12:00")}
    assert {"accept_move", "refuse_move"} <= set(shown["allowed_actions"])
    assert booked.read(desk=True)["moved_by_salon"] == {"from": at("12:00")}
    assert sent(booked.customer.phone)[-1] == (
        f"The salon has moved your booking {shown['reference']}\nSunday 22/11 at 3:00 PM\nRefusing is free of charge"
    )
    texts = len(sent())
    # Moved again, it is still the first start that the customer agreed to.
    shown = booked.done("reschedule", desk=True, starts_at=at("16:00"))
    assert shown["moved_by_salon"] == {"from": at("12:00")}
    texts = len(sent())
    shown = booked.done("accept-move")
    assert shown["moved_by_salon"] is None
    assert not {"accept_move", "refuse_move"} & set(shown["allowed_actions"])
    assert (shown["state"], shown["starts_at"]) == ("confirmed", at("16:00"))
    assert len(sent()) == texts
    assert len(sent(booked.receptionist.phone)) == told


def test_moved_back_to_where_it_was_there_is_nothing_to_answer(sent: Any) -> None:
    booked = Visit()
    booked.done("reschedule", desk=True, starts_at=at("15:00"))
    shown = booked.done("reschedule", desk=True, starts_at=at("12:00"))
    assert shown["moved_by_salon"] is None
    assert sent(booked.customer.phone)[-1] == (
        f"Your booking {shown['reference']} has been moved\nNow: Sunday 22/11 at 12:00 PM"
    )
    refused(booked.ask("refuse-move"), 409, "cannot_change_status")


def test_another_person_at_the_same_time_is_for_the_customer_to_answer_too() -> None:
    booked = Visit(staff=2)
    given = booked.shown["items"][0]["staff_member"]["id"]
    other = next(str(one.pk) for one in booked.people if str(one.pk) != given)
    shown = booked.done("reschedule", desk=True, starts_at=at("12:00"), staff_member_id=other)
    assert shown["moved_by_salon"] == {"from": at("12:00")}
    assert booked.done("refuse-move")["state"] == "cancelled"


def test_refusing_is_free_and_gives_the_whole_deposit_back(clock: Any, sent: Any) -> None:
    booked = Visit(deposit_percent=20, free_cancel_hours=24, late_cancel_percent=100)
    clock.move_to("2026-11-22T06:00:00Z")  # 09:00: cancelling has cost the deposit since yesterday
    booked.sign_in()
    assert booked.read()["cancellation"]["fee_now"]["amount_minor"] == 2300
    shown = booked.done("reschedule", desk=True, starts_at=at("18:00"))
    assert shown["cancellation"]["fee_now"]["amount_minor"] == 0
    told = len(sent(booked.receptionist.phone))
    shown = booked.done("refuse-move", reason="لا يناسبني")
    assert (shown["state"], shown["moved_by_salon"], shown["allowed_actions"]) == ("cancelled", None, [])
    assert list(Refund.objects.values_list("amount_minor", flat=True)) == [2300]
    assert Booking.objects.get().cancellation_fee_minor == 0
    assert claims_on(staff_member=booked.people[0]) == []
    [text] = sent(booked.receptionist.phone)[told:]
    assert text == (
        f"Booking {shown['reference']} is cancelled: its new time was refused\nSunday 22/11 at 6:00 PM"
    )
    assert sent(booked.customer.phone)[-1].endswith("was cancelled as you asked.")


def test_cancelling_in_the_ordinary_way_is_free_too_until_the_move_is_answered(clock: Any) -> None:
    fees = {}
    for answer in ("none", "accepted"):
        clock.move_to("2026-11-19T18:30:00Z")
        booked = Visit(deposit_percent=20, free_cancel_hours=24, late_cancel_percent=50)
        clock.move_to("2026-11-22T06:00:00Z")
        booked.sign_in()
        booked.done("reschedule", desk=True, starts_at=at("18:00"))
        if answer == "accepted":
            booked.done("accept-move")
        fees[answer] = booked.shown["cancellation"]["fee_now"]["amount_minor"]
        booked.done("cancel")
        row = Booking.objects.get(pk=booked.shown["id"])
        assert row.cancellation_fee_minor == fees[answer]
        assert Refund.objects.get(payment__booking=row).amount_minor == 2300 - fees[answer]
    assert fees == {"none": 0, "accepted": 1150}


def test_silence_is_consent_once_the_visit_begins(clock: Any) -> None:
    booked = Visit()
    booked.done("reschedule", desk=True, starts_at=at("15:00"))
    clock.move_to("2026-11-22T11:59:59Z")
    booked.sign_in()
    assert booked.read()["moved_by_salon"] == {"from": at("12:00")}
    clock.move_to("2026-11-22T12:00:00Z")
    assert booked.read()["moved_by_salon"] is None
    refused(booked.ask("refuse-move"), 409, "cannot_change_status")


def test_a_guest_without_an_account_is_moved_without_a_question(sent: Any) -> None:
    booked = Visit()
    guest = {"name": "هند", "phone": "0512345678"}
    body = {"items": [item(booked.service)], "starts_at": at("13:00"), "guest": guest}
    walk_in = ok(booked.desk.post(f"manage/salons/{booked.salon.slug}/bookings", body), 201)
    path = f"manage/bookings/{walk_in['id']}"
    moved = ok(booked.desk.post(f"{path}/reschedule", {"version": 1, "starts_at": at("16:00")}))
    assert moved["moved_by_salon"] is None
    assert "الرفض" not in sent("+966512345678")[-1]


# How often


def test_moves_left_counts_the_customers_own_moves_down_to_none() -> None:
    booked = Visit(max_reschedules=2)
    assert booked.shown["moves_left"] == booked.read(desk=True)["moves_left"] == 2
    assert booked.done("reschedule", starts_at=at("13:00"))["moves_left"] == 1
    assert booked.done("reschedule", desk=True, starts_at=at("14:00"))["moves_left"] == 1
    booked.done("accept-move")
    shown = booked.done("reschedule", starts_at=at("15:00"))
    assert shown["moves_left"] == 0
    assert "reschedule" not in shown["allowed_actions"]
    refused(booked.ask("reschedule", starts_at=at("16:00")), 422, "reschedule_limit")
    assert booked.read() == shown
    # The salon is not bound by it, and moving on from there is an answer that costs no move.
    shown = booked.done("reschedule", desk=True, starts_at=at("17:00"))
    assert (shown["moves_left"], "reschedule" in shown["allowed_actions"]) == (0, True)
    shown = booked.done("reschedule", starts_at=at("18:00"))
    assert (shown["moves_left"], shown["moved_by_salon"]) == (0, None)
    refused(booked.ask("reschedule", starts_at=at("16:00")), 422, "reschedule_limit")


def test_a_refused_move_costs_none_and_the_salons_setting_is_kept_from_the_day_of_booking() -> None:
    booked = Visit(max_reschedules=1)
    refused(booked.ask("reschedule", starts_at=at("23:00")), 422, "outside_hours")
    assert booked.read()["moves_left"] == 1
    booked.salon.max_reschedules = 0
    booked.salon.save(update_fields=["max_reschedules"])
    assert booked.done("reschedule", starts_at=at("13:00"))["moves_left"] == 0


def test_a_salon_may_allow_no_moves_at_all() -> None:
    booked = Visit(max_reschedules=0)
    assert "reschedule" not in booked.shown["allowed_actions"]
    refused(booked.ask("reschedule", starts_at=at("13:00")), 422, "reschedule_limit")


# Not having come


def test_a_no_show_is_told_with_the_time_in_which_it_can_be_disputed(clock: Any, sent: Any) -> None:
    booked = Visit()
    assert booked.shown["no_show"] is None
    booked.missed(clock)
    assert booked.shown["no_show"] == {
        "disputable_until": at("12:10", "2026-11-24"),
        "disputed_at": None,
        "answered_at": None,
    }
    assert booked.shown["allowed_actions"] == ["dispute_no_show"]
    assert sent(booked.customer.phone)[-1] == (
        f"Booking {booked.shown['reference']} was marked as a no-show.\nThe app takes objections for 48 hours."
    )


@pytest.mark.parametrize(
    ("reason", "code"), [(None, "field_required"), ("", "field_blank"), ("  ", "field_blank")]
)
def test_a_dispute_says_why(reason: str | None, code: str, clock: Any) -> None:
    booked = Visit()
    booked.missed(clock)
    body = {} if reason is None else {"reason": reason}
    problem = refused(booked.ask("dispute-no-show", **body), 400, "validation_failed")
    assert [(e["code"], e["pointer"]) for e in problem["errors"]] == [(code, "/reason")]
    assert booked.verbs()[-1] == "no_show"


def test_a_dispute_is_open_for_48_hours_to_the_second(clock: Any, sent: Any) -> None:
    booked = Visit()
    booked.missed(clock)
    clock.move_to("2026-11-24T09:10:00Z")
    booked.sign_in()
    assert booked.read()["allowed_actions"] == []
    refused(booked.ask("dispute-no-show", reason="حضرت"), 409, "cannot_change_status")
    clock.move_to("2026-11-24T09:09:59Z")
    booked.sign_in()
    told = len(sent(booked.receptionist.phone))
    shown = booked.done("dispute-no-show", reason="حضرت مع والدتي")
    assert shown["state"] == "no_show"
    assert shown["no_show"]["disputed_at"] == "2026-11-24T12:09:59+03:00"
    assert shown["allowed_actions"] == []
    event = ok(booked.phone.get(f"bookings/{shown['id']}/events"))["items"][-1]
    assert (event["verb"], event["actor"], event["reason"]) == (
        "dispute_no_show",
        "customer",
        "حضرت مع والدتي",
    )
    [text] = sent(booked.receptionist.phone)[told:]
    assert text == f"Objection to the no-show of booking {shown['reference']}\nSunday 22/11 at 12:00 PM"
    refused(booked.ask("dispute-no-show", reason="مرة أخرى"), 409, "cannot_change_status")


def test_a_dispute_is_upheld_and_the_customer_is_told(clock: Any, sent: Any) -> None:
    booked = Visit()
    booked.missed(clock)
    booked.done("dispute-no-show", reason="حضرت")
    assert booked.read(desk=True)["allowed_actions"] == ["uphold_no_show", "withdraw_no_show"]
    clock.move_to("2026-11-30T09:00:00Z")  # the salon has as long as it takes
    booked.sign_in()
    shown = booked.done("uphold-no-show", desk=True, reason="لم يحضر أحد")
    assert (shown["state"], shown["no_show"]["answered_at"]) == ("no_show", at("12:00", "2026-11-30"))
    assert sent(booked.customer.phone)[-1] == (
        f"Your objection about booking {shown['reference']} was reviewed.\nThe no-show stands."
    )
    refused(booked.ask("uphold-no-show", desk=True), 409, "cannot_change_status")


@pytest.mark.parametrize("disputed", [True, False])
def test_a_no_show_is_withdrawn_and_the_visit_can_be_reviewed(disputed: bool, clock: Any, sent: Any) -> None:
    booked = Visit()
    booked.missed(clock)
    path = f"bookings/{booked.shown['id']}/review"
    refused(booked.phone.send("PUT", path, body={"rating": 5}), 422, "review_not_allowed")
    if disputed:
        booked.done("dispute-no-show", reason="حضرت")
    shown = booked.done("withdraw-no-show", desk=True)
    assert (shown["state"], shown["no_show"], shown["allowed_actions"]) == ("completed", None, [])
    assert (Booking.objects.get().dispute_answered_at is not None) is disputed
    assert sent(booked.customer.phone)[-1] == f"The no-show of booking {shown['reference']} was withdrawn."
    ok(booked.phone.send("PUT", path, body={"rating": 5}))


def test_a_guest_who_did_not_come_gets_no_message(clock: Any, sent: Any) -> None:
    booked = Visit()
    guest = {"name": "هند", "phone": "0512345678"}
    body = {"items": [item(booked.service)], "starts_at": at("13:00"), "guest": guest}
    walk_in = ok(booked.desk.post(f"manage/salons/{booked.salon.slug}/bookings", body), 201)
    clock.move_to("2026-11-22T10:30:00Z")
    booked.sign_in()
    told = len(sent("+966512345678"))
    ok(booked.desk.post(f"manage/bookings/{walk_in['id']}/no-show", {"version": 1}))
    ok(booked.desk.post(f"manage/bookings/{walk_in['id']}/withdraw-no-show", {"version": 2}))
    assert len(sent("+966512345678")) == told


# On the wire


def test_only_the_desk_is_told_that_a_visit_was_added_on_purpose() -> None:
    booked = Visit()
    body = {
        "items": [item(booked.service)],
        "starts_at": at("12:00"),
        "guest": {"name": "هند"},
        "overbook_reason": "والدة العروس",
    }
    owner = Api(employ(booked.salon, "owner"))
    added = ok(owner.post(f"manage/salons/{booked.salon.slug}/bookings", body), 201)
    assert (added["is_overbooked"], booked.read(desk=True)["is_overbooked"]) == (True, False)
    assert "is_overbooked" not in booked.read()
