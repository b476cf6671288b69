"""Notice, horizon, deposits, daily limits, states and buffers on the whole path, and what `explain` says of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.availability import Reason
from backend.bookings.models import Booking
from backend.bookings.refusals import BY_REASON
from backend.salons.models import Closure, Override, Season, WorkingWindow
from tests.bookings.visits import ask, claims_on, item, offered, visit, why
from tests.factories import ServiceFactory, UserFactory, employ, open_salon, performed_by
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
SUNDAY = "2026-11-22"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time("2026-11-19T18:30:00Z") as frozen:  # Thursday 21:30 in Riyadh
        yield frozen


def at(time: str, day: str = SUNDAY) -> str:
    return f"{day}T{time}:00+03:00"


def somebody(**more: Any) -> Api:
    return Api(UserFactory.create(), **more)


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True} | more)


def book(salon: Any, services: Any, starts_at: str, *, by: Api | None = None, **more: Any) -> dict[str, Any]:
    return ok((by or somebody()).post("bookings", visit(salon, services, starts_at, **more)), 201)


# A service's own rules


def test_a_visit_asks_for_the_deposit_each_service_asks_for() -> None:
    salon, cut, people = open_salon(deposit_percent=20, service={"price_minor": 10001})
    colour = ServiceFactory.create(salon=salon, price_minor=30000, deposit_percent=50)
    wash = ServiceFactory.create(salon=salon, price_minor=5000, deposit_percent=0)
    for service in (colour, wash):
        performed_by(service, *people)
    together = book(salon, [cut, colour, wash], at("12:00"))
    assert (together["state"], together["deposit"]["amount_minor"]) == ("held", 2000 + 15000)
    alone = book(salon, wash, at("18:00"))
    assert (alone["state"], alone["deposit"]["amount_minor"]) == ("requested", 0)


def test_a_visit_of_two_has_the_longest_notice_and_the_shortest_horizon() -> None:
    salon, cut, people = open_now(
        service={"min_notice_minutes": 0, "horizon_days": 300}, min_notice_minutes=60, horizon_days=30
    )
    peel = performed_by(
        ServiceFactory.create(salon=salon, min_notice_minutes=48 * 60, horizon_days=5), *people
    )
    plain = performed_by(ServiceFactory.create(salon=salon), *people)
    WorkingWindow.objects.update(closes_minute=24 * 60)

    soon, later = at("21:30", "2026-11-19"), at("12:00", "2026-11-25")
    assert why(salon, cut, at=soon) == []
    assert why(salon, plain, at=soon) == ["too_soon"]
    assert why(salon, cut, plain, at=at("22:00", "2026-11-19")) == ["too_soon"]
    assert why(salon, cut, plain, at=at("22:30", "2026-11-19")) == []
    for services in ([cut, peel], [peel, cut]):
        assert why(salon, *services, at=at("21:00", "2026-11-21")) == ["too_soon"]
        assert why(salon, *services, at=at("21:30", "2026-11-21")) == []
        assert why(salon, *services, at=at("12:00", "2026-11-24")) == []
        assert why(salon, *services, at=later) == ["too_far"]
        refused(somebody().post("bookings", visit(salon, services, later)), 422, "too_far")
    assert why(salon, cut, at=at("12:00", "2027-06-01")) == []


def test_notice_longer_than_the_horizon_leaves_nothing_and_says_both() -> None:
    salon, service, _ = open_now(service={"min_notice_minutes": 3 * 24 * 60, "horizon_days": 2})
    [*days] = ask(salon, service, date="2026-11-19", days=7)["days"]
    assert [slot for day in days for slot in day["slots"]] == []
    assert why(salon, service, at=at("12:00", "2026-11-22")) == ["too_soon", "too_far"]
    told = refused(somebody().post("bookings", visit(salon, service, at("12:00"))), 422, "too_soon")
    assert told["params"]["reasons"] == ["too_soon", "too_far"]


# How many visits a person takes in a day


def evening_salon(**person: Any) -> Any:
    """Open from 20:00 to 02:00, with one person who takes two visits a day."""
    salon, service, [noura] = open_now(opens=20 * 60, closes=26 * 60, min_notice_minutes=0)
    for name, value in ({"max_bookings_per_day": 2} | person).items():
        setattr(noura, name, value)
    noura.save()
    return salon, service, noura


def test_a_daily_limit_counts_business_days_so_a_late_shift_is_the_evening_before() -> None:
    salon, service, _ = evening_salon()
    monday = "2026-11-23"
    assert book(salon, service, at("21:00"))["business_date"] == SUNDAY
    assert book(salon, service, at("00:30", monday))["business_date"] == SUNDAY
    for full in (at("22:00"), at("01:00", monday)):
        assert why(salon, service, at=full) == ["day_full"]
        told = refused(somebody().post("bookings", visit(salon, service, full)), 422, "day_full")
        assert told["detail"]
    assert offered(salon, service, date=SUNDAY) == ["00:00", "00:30", "01:00"]  # Saturday's evening
    assert offered(salon, service, date=monday)[0] == "20:00"
    assert book(salon, service, at("20:00", monday))["business_date"] == monday


def test_only_visits_that_still_count_fill_a_day(clock: Any) -> None:
    salon, service, noura = evening_salon(max_bookings_per_day=1)
    customer = UserFactory.create()
    booking = book(salon, service, at("21:00"), by=Api(customer))
    assert why(salon, service, at=at("23:00")) == ["day_full"]
    moved = ok(
        Api(customer).post(f"bookings/{booking['id']}/reschedule", {"version": 1, "starts_at": at("23:00")})
    )  # a booking that is moved does not count against itself
    ok(Api(customer).post(f"bookings/{booking['id']}/cancel", {"version": moved["version"]}))
    assert why(salon, service, at=at("21:00")) == []
    salon.deposit_percent = 20
    salon.save(update_fields=["deposit_percent"])
    assert book(salon, service, at("21:00"))["state"] == "held"
    assert why(salon, service, at=at("23:00")) == ["day_full"]
    clock.tick(timedelta(minutes=10))  # the hold has died, and nobody wrote it down
    assert why(salon, service, at=at("23:00")) == []
    assert book(salon, service, at("23:00"))["state"] == "held"
    assert claims_on(staff_member=noura)


def test_a_visit_of_several_services_counts_once_and_the_next_person_takes_over() -> None:
    salon, cut, [noura, huda] = open_now(staff=2, service={"duration_minutes": 30})
    noura.max_bookings_per_day = 1
    noura.save()
    gap = {"processing_starts_minute": 20, "processing_minutes": 20, "duration_minutes": 60}
    colour = performed_by(ServiceFactory.create(salon=salon, **gap), noura, huda)
    body = visit(salon, [cut, colour, cut], at("12:00"))
    body["items"] = [item(cut, noura), item(colour, noura), item(cut, noura)]
    ok(somebody().post("bookings", body), 201)
    noura.max_bookings_per_day = 2
    noura.save()
    assert why(salon, cut, at=at("18:00"), staff_member_id=str(noura.pk)) == []
    noura.max_bookings_per_day = 1
    noura.save()
    assert why(salon, cut, at=at("18:00"), staff_member_id=str(noura.pk)) == ["day_full"]
    assert book(salon, cut, at("18:00"))["items"][0]["staff_member"]["id"] == str(huda.pk)


# Which bookings take time


def test_every_state_that_counts_blocks_and_every_other_one_does_not(clock: Any) -> None:
    salon, service, _ = open_now()
    receptionist, customer = employ(salon), UserFactory.create()
    time = at("12:00")

    def act(booking: dict[str, Any], verb: str) -> dict[str, Any]:
        path = f"manage/bookings/{booking['id']}/{verb}"
        return ok(Api(receptionist).post(path, {"version": booking["version"]}))

    def set_salon(**values: Any) -> None:
        for name, value in values.items():
            setattr(salon, name, value)
        salon.save()
        salon.refresh_from_db()

    set_salon(auto_confirm=False)
    requested = book(salon, service, time)
    assert (requested["state"], why(salon, service, at=time)) == ("requested", ["slot_unavailable"])
    assert act(requested, "decline")["state"] == "declined"
    assert why(salon, service, at=time) == []

    requested = book(salon, service, time, by=Api(customer))
    clock.tick(timedelta(minutes=salon.respond_within_minutes))
    assert why(salon, service, at=time) == []  # nobody answered, and nobody wrote it down
    again = book(salon, service, time)
    assert Booking.objects.get(pk=requested["id"]).state == "expired"
    assert act(again, "confirm")["state"] == "confirmed"
    assert why(salon, service, at=time) == ["slot_unavailable"]
    again = ok(Api(receptionist).get(f"manage/bookings/{again['id']}"))
    assert act(again, "cancel")["state"] == "cancelled"

    set_salon(deposit_percent=20)
    held = book(salon, service, time)
    assert (held["state"], why(salon, service, at=time)) == ("held", ["slot_unavailable"])
    clock.tick(timedelta(minutes=10))
    assert why(salon, service, at=time) == []


def test_a_time_is_booked_and_cancelled_as_often_as_people_like() -> None:
    salon, service, [noura] = open_now()
    customer = somebody()
    for _ in range(3):
        booking = book(salon, service, at("12:00"), by=customer)
        assert claims_on(staff_member=noura) == [("12:00", "12:45")]
        ok(customer.post(f"bookings/{booking['id']}/cancel", {"version": 1}))
        assert claims_on(staff_member=noura) == []
    assert Booking.objects.filter(state="cancelled").count() == 3


def test_the_gap_that_counts_is_the_one_after_the_first_and_the_one_before_the_second() -> None:
    salon, early, people = open_now(
        grid_minutes=5,
        service={"duration_minutes": 60, "buffer_before_minutes": 5, "buffer_after_minutes": 20},
    )
    late = performed_by(
        ServiceFactory.create(
            salon=salon, duration_minutes=60, buffer_before_minutes=10, buffer_after_minutes=15
        ),
        *people,
    )
    book(salon, early, at("12:00"))
    assert why(salon, late, at=at("13:25")) == ["slot_unavailable"]
    assert why(salon, late, at=at("13:30")) == []  # 20 minutes after, 10 before
    assert why(salon, late, at=at("10:45")) == ["slot_unavailable"]
    assert why(salon, late, at=at("10:40")) == []  # 15 minutes after, 5 before
    refused(somebody().post("bookings", visit(salon, late, at("13:25"))), 409, "slot_unavailable")
    book(salon, late, at("13:30"))
    book(salon, late, at("10:40"))


def test_a_closure_over_bookings_leaves_them_and_takes_no_more() -> None:
    salon, service, _ = open_now()
    customer = UserFactory.create()
    kept = book(salon, service, at("12:00"), by=Api(customer))
    Closure.objects.create(
        salon=salon, kind="days", first_date=date(2026, 11, 22), last_date=date(2026, 11, 22)
    )
    [day] = ask(salon, service, date=SUNDAY)["days"]
    assert (day["closed"], day["slots"]) == (True, [])
    assert why(salon, service, at=at("15:00"))[0] == "salon_closed"
    told = refused(somebody().post("bookings", visit(salon, service, at("15:00"))), 422, "salon_closed")
    assert told["detail"] == "الصالون مغلق في هذا اليوم."
    assert ok(Api(customer).get(f"bookings/{kept['id']}"))["state"] == "confirmed"
    # It moves out of the closure, and nothing moves in.
    path = f"bookings/{kept['id']}/reschedule"
    refused(Api(customer).post(path, {"version": 1, "starts_at": at("15:00")}), 422, "salon_closed")
    ok(Api(customer).post(path, {"version": 1, "starts_at": at("12:00", "2026-11-23")}))


def test_an_override_shrinks_extends_or_closes_its_own_day() -> None:
    salon, service, _ = open_now(grid_minutes=60, service={"duration_minutes": 60})
    for day, windows in ((22, [(900, 1020)]), (23, [(480, 600), (1380, 1500)]), (24, [])):
        override = Override.objects.create(salon=salon, date=date(2026, 11, day))
        for opens, closes in windows:
            override.windows.create(opens_minute=opens, closes_minute=closes)
    assert offered(salon, service, date=SUNDAY) == ["15:00", "16:00"]
    assert offered(salon, service, date="2026-11-23") == ["08:00", "09:00", "23:00"]
    assert offered(salon, service, date="2026-11-24") == ["00:00"]  # Monday's evening
    booked = book(salon, service, at("00:00", "2026-11-24"))
    assert booked["business_date"] == "2026-11-23"
    refused(
        somebody().post("bookings", visit(salon, service, at("12:00", "2026-11-24"))), 422, "salon_closed"
    )


def test_a_zone_of_half_hours_and_one_that_changes_its_clocks() -> None:
    for zone, day, first, offset in (
        ("Asia/Kolkata", "2026-11-22", "10:00", "+05:30"),
        ("Europe/Berlin", "2027-03-28", "10:00", "+02:00"),
        ("Europe/Berlin", "2027-03-27", "10:00", "+01:00"),
    ):
        salon, service, _ = open_now(timezone=zone, horizon_days=200)
        [answer] = ask(salon, service, date=day)["days"]
        starts = [slot["starts_at"] for slot in answer["slots"]]
        assert starts[0] == f"{day}T{first}:00{offset}"
        assert starts[-1] == f"{day}T21:00:00{offset}"
        assert book(salon, service, starts[0])["business_date"] == day


# Explaining


def test_every_reason_has_a_refusal_of_its_own_code() -> None:
    assert {reason: kind.code for reason, kind in BY_REASON.items()} == {r: str(r) for r in Reason}


def test_the_reasons_are_told_in_both_languages() -> None:
    salon, service, _ = open_now()
    for language, words in (("ar", "خارج"), ("en", "The chosen time is outside working hours.")):
        explained = ask(salon, service, date=SUNDAY, explain=at("09:30"), api=Api(language=language))[
            "explanation"
        ]
        assert [r["code"] for r in explained["reasons"]] == ["outside_hours"]
        assert words in explained["reasons"][0]["detail"]


def test_a_moment_is_read_however_it_is_written() -> None:
    salon, service, _ = open_now()
    for written in (
        "2026-11-22T12:00:00+03:00",
        "2026-11-22T12:00:00 03:00",  # what a browser makes of a plus sign
        "2026-11-22 12:00 03:00",
        "2026-11-22T09:00:00Z",
        "2026-11-22T09:00:00.000Z",
        "٢٠٢٦-١١-٢٢T١٢:٠٠:٠٠+٠٣:٠٠",
        "2026-11-21T23:00:00-10:00",
    ):
        explained = ask(salon, service, date=SUNDAY, explain=written)["explanation"]
        assert explained == {"starts_at": at("12:00"), "bookable": True, "reasons": []}


def test_what_is_not_a_whole_minute_is_explained_as_it_is_refused() -> None:
    salon, service, _ = open_now()
    seconds = "2026-11-22T12:00:30+03:00"
    assert why(salon, service, at=seconds) == ["not_on_grid"]
    for path in ("quotes", "bookings"):
        told = refused(somebody().post(path, visit(salon, service, seconds)), 422, "not_on_grid")
        assert told["params"]["reasons"] == ["not_on_grid"]


@pytest.mark.parametrize("hours", ["plain", "with seasons and prayers"])
@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2020-01-01T00:00:00+03:00", "past_time"),
        ("2020-01-01T00:00:00-23:59", "past_time"),
        ("2099-12-31T12:00:00+03:00", "too_far"),
        ("2100-12-31T23:59:00-23:59", "too_far"),
    ],
)
def test_a_moment_far_away_is_refused_in_words(moment: str, code: str, hours: str) -> None:
    salon, service, _ = open_now()
    if hours != "plain":
        salon.prayer_pause, salon.pause_prayers = "chosen", ["dhuhr", "isha"]
        salon.latitude, salon.longitude = "24.71355", "46.67530"
        salon.save()
        ramadan = Season.objects.create(
            salon=salon,
            name="Ramadan",
            hijri_from_month=9,
            hijri_from_day=1,
            hijri_to_month=9,
            hijri_to_day=30,
        )
        WorkingWindow.objects.create(
            salon=salon, season=ramadan, weekday=1, opens_minute=1200, closes_minute=1560
        )
    assert why(salon, service, at=moment)[0] == code
    for path in ("quotes", "bookings"):
        refused(somebody().post(path, visit(salon, service, moment)), 422, code)
    for day in ("2020-01-01", "2100-12-31"):
        assert len(ask(salon, service, date=day, days=31)["days"]) == 31


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("9999-12-31T23:59:59Z", "date_out_of_range"),
        ("0001-01-01T00:00:00Z", "date_out_of_range"),
        ("1448-06-12T12:00:00+03:00", "date_out_of_range"),
        ("2026-02-30T12:00:00Z", "datetime_invalid"),
        ("2026-11-22T12:00:00", "offset_required"),
        ("2026-11-22T12:00:00+24:00", "datetime_invalid"),
        ("soon", "datetime_invalid"),
    ],
)
def test_what_is_no_moment_is_a_field_error(moment: str, code: str) -> None:
    salon, service, _ = open_now()
    told = refused(
        Api().get(f"salons/{salon.slug}/availability", service_ids=str(service.pk), explain=moment),
        400,
        "validation_failed",
    )
    assert [(e["parameter"], e["code"]) for e in told["errors"]] == [("explain", code)]
    told = refused(somebody().post("bookings", visit(salon, service, moment)), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in told["errors"]] == [("/starts_at", code)]


def test_the_question_is_held_to_what_a_booking_may_ask() -> None:
    salon, service, _ = open_now()
    path, known = f"salons/{salon.slug}/availability", str(service.pk)
    for query, parameter, code in (
        ({}, "service_ids", "field_required"),
        ({"service_ids": ","}, "service_ids", "list_empty"),
        ({"service_ids": ",".join([known] * 11)}, "service_ids", "list_too_long"),
        ({"service_ids": "x"}, "service_ids", "uuid_invalid"),
        ({"service_ids": known, "staff_member_id": "x"}, "staff_member_id", "uuid_invalid"),
        ({"service_ids": known, "staff_member_id": known}, "staff_member_id", "not_found"),
        ({"service_ids": known, "date": "9999-12-31"}, "date", "date_out_of_range"),
    ):
        told = refused(Api().get(path, **query), 400, "validation_failed")
        assert [(e["parameter"], e["code"]) for e in told["errors"]] == [(parameter, code)]
    for days in ("0", "32", "-1", "many", "999999999999"):
        told = refused(Api().get(path, service_ids=known, days=days), 400, "validation_failed")
        assert told["errors"][0]["parameter"] == "days"
    assert len(ok(Api().get(path, service_ids=known, days="٣١"))["days"]) == 31


def test_now_itself_is_not_too_late_and_half_a_minute_ago_is(clock: Any) -> None:
    salon, service, _ = open_now(min_notice_minutes=0)
    clock.move_to(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
    assert why(salon, service, at=at("12:00")) == []
    clock.tick(timedelta(seconds=30))
    assert why(salon, service, at=at("12:00")) == ["past_time"]
    assert timezone.now().second == 30
    refused(somebody().post("bookings", visit(salon, service, at("12:00"))), 422, "past_time")
