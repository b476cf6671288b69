"""Visits in calendar apps: two parsers read what we write, and an address opens nothing once it is closed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import vobject
from freezegun import freeze_time
from icalendar import Calendar

from backend.bookings.models import Booking, CalendarFeed
from backend.salons.models import Membership
from tests.bookings.desk import walk_in
from tests.bookings.sessions import published
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

NOW = "2026-11-22T13:07:00Z"
DAY = "2026-11-24"


@pytest.fixture(autouse=True)
def this_moment() -> Iterator[Any]:
    with freeze_time(NOW, tick=False) as clock:
        yield clock


class Place:
    def __init__(self, language: str = "ar", **more: Any) -> None:
        self.salon, self.service, [self.noura] = open_salon(deposit_percent=0, **more)
        self.salon.name_en, self.salon.address = "Lamsa", "شارع العليا"
        self.salon.save()
        self.user = employ(self.salon, "staff")
        self.user.language = language
        self.user.save()
        self.noura.user = self.user
        self.noura.save()
        self.me = Api(self.user, language=language)
        self.owner = Api(employ(self.salon, "owner"))
        self.path = f"manage/salons/{self.salon.slug}/staff/{self.noura.pk}/calendar-feed"
        self.customer = UserFactory.create(name="سارة العتيبي")

    def address(self, desk: Api | None = None) -> str:
        url: str = ok((desk or self.me).post(self.path), 201)["url"]
        return url[url.index("/api/") :]

    def book(self, time: str = "12:00", day: str = DAY) -> dict[str, Any]:
        starts_at = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=self.salon.zone)
        body = {
            "salon_id": str(self.salon.pk),
            "items": [{"service_id": str(self.service.pk)}],
            "starts_at": starts_at.isoformat(),
            "note": "حساسية من الصبغة",
        }
        booked: dict[str, Any] = ok(Api(self.customer).post("bookings", body), 201)
        return booked


def events(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    [found] = Calendar.from_ical(answer.content, multiple=True)
    assert not found.errors
    return list(found.walk("VEVENT"))


@pytest.mark.parametrize(
    ("language", "service", "where"),
    [("ar", "قص شعر", "صالون لمسة"), ("en", "Haircut", "Lamsa")],
)
def test_my_day_in_a_calendar_app(language: str, service: str, where: str, this_moment: Any) -> None:
    """Subscribe, see a request, see it confirmed, see it go."""
    place = Place(language)
    address, app = place.address(), Api()
    assert events(app.get(address)) == []

    booked = place.book()
    [event] = events(app.get(address))
    assert (str(event["UID"]), event["STATUS"], event["SEQUENCE"]) == (
        f"{booked['id']}@127.0.0.1",
        "TENTATIVE",
        1,
    )
    assert str(event["SUMMARY"]) == f"{service} - سارة"
    assert where in str(event["LOCATION"])
    assert event["DTSTART"].dt == datetime.fromisoformat(f"{DAY}T12:00:00+03:00")
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(minutes=45)
    assert event["DTSTART"].params["TZID"] == "Asia/Riyadh"

    this_moment.tick(timedelta(minutes=5))
    ok(place.owner.post(f"manage/bookings/{booked['id']}/confirm", {"version": 1}))
    [event] = events(app.get(address))
    assert (event["STATUS"], event["SEQUENCE"]) == ("CONFIRMED", 2)
    assert event["LAST-MODIFIED"].dt == datetime(2026, 11, 22, 13, 12, tzinfo=UTC)
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt

    ok(Api(place.customer).post(f"bookings/{booked['id']}/cancel", {"version": 2}))
    [event] = events(app.get(address))
    assert (event["STATUS"], event["SEQUENCE"]) == ("CANCELLED", 3)
    this_moment.tick(timedelta(days=15))
    assert events(app.get(address)) == []


def test_another_parser_reads_the_same_times_and_the_zone_is_in_the_file() -> None:
    place = Place()
    place.book()
    text = Api().get(place.address()).content.decode()
    read = vobject.readOne(text)
    assert read.vevent.dtstart.value == datetime.fromisoformat(f"{DAY}T12:00:00+03:00")
    assert read.vtimezone.tzid.value == "Asia/Riyadh"
    assert read.x_wr_calname.value == "صالون لمسة: نورة"
    for line in ("METHOD:PUBLISH", "REFRESH-INTERVAL;VALUE=DURATION:PT30M", "X-WR-TIMEZONE:Asia/Riyadh"):
        assert f"\r\n{line}\r\n" in text


@pytest.mark.parametrize("zone", ["Asia/Riyadh", "Europe/London", "Asia/Kathmandu"])
def test_any_salons_zone_is_described(zone: str) -> None:
    place = Place()
    place.salon.timezone = zone
    place.salon.save()
    booked = place.book("15:00")
    answer = Api().get(place.address())
    [event] = events(answer)
    assert event["DTSTART"].dt == datetime.fromisoformat(booked["starts_at"])
    assert vobject.readOne(answer.content.decode()).vevent.dtstart.value == event["DTSTART"].dt


def test_arabic_is_folded_by_octets_and_lines_end_as_they_must() -> None:
    place = Place()
    place.service.name_ar = "قص شعر وصبغ وعلاج " * 6
    place.service.save()
    place.book()
    data: bytes = Api().get(place.address()).content
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert max(len(line) for line in data.split(b"\r\n")) <= 75
    for line in data.split(b"\r\n"):
        line.decode()  # no letter is cut in two
    assert place.service.name_ar.strip() in str(events(Api().get(place.address()))[0]["SUMMARY"])


def test_no_number_no_note_and_no_whole_name_is_in_it() -> None:
    place = Place()
    place.book()
    guest_phone = UserFactory.build().phone
    ok(
        walk_in(
            place.owner,
            place.salon,
            place.service,
            f"{DAY}T15:00:00+03:00",
            name="هند الحربي",
            phone=guest_phone,
        ),
        201,
    )
    text = re.sub(r"\r\n ", "", Api().get(place.address()).content.decode())
    assert "هند" in text
    for secret in (place.customer.phone, guest_phone, "العتيبي", "الحربي", "حساسية"):
        assert str(secret) not in text
        assert str(secret).removeprefix("+966") not in text


def test_only_my_own_part_and_only_the_days_around_are_in_it(this_moment: Any) -> None:
    salon, service, [noura, huda] = open_salon(
        staff=2, deposit_percent=0, auto_confirm=True, horizon_days=366
    )
    owner = Api(employ(salon, "owner"))
    for member in (noura, huda):
        ok(walk_in(owner, salon, service, f"{DAY}T12:00:00+03:00", by=member), 201)
    ok(walk_in(owner, salon, service, "2027-06-01T12:00:00+03:00", by=noura), 201)
    path = f"manage/salons/{salon.slug}/staff/{noura.pk}/calendar-feed"
    url = ok(owner.post(path), 201)["url"]
    address = url[url.index("/api/") :]
    [event] = events(Api().get(address))
    mine = Booking.objects.get(items__staff_member=noura, starts_at__lt="2027-01-01T00:00Z")
    assert str(event["UID"]).startswith(str(mine.pk))
    this_moment.tick(timedelta(days=33))
    assert str(mine.pk) not in Api().get(address).content.decode()


def test_a_hold_that_has_run_out_is_shown_as_cancelled_before_anybody_writes_it_down(
    this_moment: Any,
) -> None:
    place = Place()
    place.salon.deposit_percent = 20
    place.salon.save()
    assert place.book()["state"] == "held"
    address = place.address()
    assert events(Api().get(address))[0]["STATUS"] == "TENTATIVE"
    this_moment.tick(timedelta(minutes=11))
    assert events(Api().get(address))[0]["STATUS"] == "CANCELLED"


def test_a_group_session_stands_there_once_however_many_have_a_seat() -> None:
    place = Place("en")
    address = place.address()
    session = published(place.owner, place.salon, place.noura)
    for seats in (1, 2):
        ok(Api(UserFactory.create()).post(f"sessions/{session['id']}/seats", {"seats": seats}), 201)
    [event] = events(Api().get(address))
    assert (str(event["SUMMARY"]), event["STATUS"]) == ("Henna evening", "CONFIRMED")
    shown = ok(place.owner.get(f"manage/salons/{place.salon.slug}/sessions/{session['id']}"))
    ok(
        place.owner.post(
            f"manage/salons/{place.salon.slug}/sessions/{session['id']}/cancel",
            {"version": shown["version"], "reason": "Too few"},
        )
    )
    assert events(Api().get(address))[0]["STATUS"] == "CANCELLED"


class TestTheAddress:
    def test_it_is_long_shown_once_and_kept_as_a_hash(self) -> None:
        place = Place()
        answer = place.me.post(place.path)
        secret = ok(answer, 201)["url"].rpartition("/")[2].removesuffix(".ics")
        assert len(secret) >= 43
        assert answer.headers["Cache-Control"] == "no-store"
        assert secret not in str(CalendarFeed.objects.values().get())

    def test_a_new_one_closes_the_one_before(self) -> None:
        place = Place()
        first, second = place.address(), place.address()
        assert first != second
        refused(Api().get(first), 404, "not_found")
        assert Api().get(second).status_code == 200

    def test_it_is_closed_at_once(self) -> None:
        place = Place()
        address = place.address()
        assert place.me.send("DELETE", place.path).status_code == 204
        refused(Api().get(address), 404, "not_found")
        assert place.me.send("DELETE", place.path).status_code == 204

    def test_the_owner_and_the_person_themselves_may_make_one_and_nobody_else(self) -> None:
        place = Place()
        place.address(place.owner)
        for role in ("staff", "receptionist", "manager"):
            refused(Api(employ(place.salon, role)).post(place.path), 403, "permission_denied")
        stranger = Place()
        refused(stranger.owner.post(place.path), 403, "permission_denied")
        wrong = place.path.replace(str(place.noura.pk), str(stranger.noura.pk))
        refused(place.owner.post(wrong), 404, "not_found")

    @pytest.mark.parametrize("how", ["role", "account", "list"])
    def test_who_works_there_no_more_sees_no_more(self, how: str) -> None:
        place = Place()
        address = place.address()
        if how == "role":
            Membership.objects.filter(user=place.user).delete()
        elif how == "account":
            place.noura.user = UserFactory.create()
            place.noura.save()
        else:
            place.noura.is_active = False
            place.noura.save()
        refused(Api().get(address), 404, "not_found")

    def test_leaving_closes_it(self) -> None:
        place = Place()
        address = place.address()
        ok(place.me.send("DELETE", "me"))
        refused(Api().get(address), 404, "not_found")
        assert not CalendarFeed.objects.exists()

    @pytest.mark.parametrize(
        "path", ["feeds/x.ics", "feeds/%00.ics", "feeds/تقويم.ics", "feeds/" + "x" * 500 + ".ics"]
    )
    def test_an_unknown_one_is_not_found(self, path: str) -> None:
        refused(Api().get(path), 404, "not_found")

    def test_asking_too_often_is_refused(self, settings: Any) -> None:
        place = Place()
        address = place.address()
        settings.LIMITS_SCALE = 0.01
        assert Api().get(address).status_code == 200
        assert refused(Api().get(address), 429, "rate_limited")["retry_after"] > 0
        refused(Api().get("feeds/x.ics"), 404, "not_found")
        refused(Api().get("feeds/y.ics"), 429, "rate_limited")

    def test_it_stands_in_no_log(self, caplog: pytest.LogCaptureFixture) -> None:
        place = Place()
        address = place.address()
        secret = address.rpartition("/")[2].removesuffix(".ics")
        with caplog.at_level(logging.DEBUG):
            Api().get(address)
            place.address()
            Api().get(address)
            for bent in (
                f"/api/v1/feeds/{secret}",
                f"{address}/",
                f"/feeds/{secret}.ics",
                f"{address}/{secret}x",
            ):
                Api().get(bent)
        told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
        access = [line for line in told if "mawid.access" in line]
        assert len(access) == 7
        for line in access:
            assert secret not in line.split("'request':")[0]


class TestLookingAgain:
    def test_nothing_new_costs_nothing(self, this_moment: Any) -> None:
        place = Place()
        place.book()
        address = place.address()
        first = Api().get(address)
        assert first.headers["Cache-Control"] == "private, no-cache"
        this_moment.tick(timedelta(minutes=30))
        for header, value in (
            ("If-None-Match", first.headers["ETag"]),
            ("If-Modified-Since", first.headers["Last-Modified"]),
        ):
            again = Api().send("GET", address, headers={header: value})
            assert (again.status_code, again.content) == (304, b"")

    def test_a_change_is_seen(self, this_moment: Any) -> None:
        place = Place()
        booked = place.book()
        address = place.address()
        first = Api().get(address)
        this_moment.tick(timedelta(minutes=1))
        ok(place.owner.post(f"manage/bookings/{booked['id']}/confirm", {"version": 1}))
        for header, value in (
            ("If-None-Match", first.headers["ETag"]),
            ("If-Modified-Since", first.headers["Last-Modified"]),
        ):
            assert Api().send("GET", address, headers={header: value}).status_code == 200

    def test_the_number_of_questions_does_not_grow(self, django_assert_max_num_queries: Any) -> None:
        place = Place()
        address = place.address()
        Api().get(address)
        with django_assert_max_num_queries(14) as few:
            Api().get(address)
        before = len(few)
        for hour in range(10, 18):
            place.book(f"{hour}:00")
        with django_assert_max_num_queries(before + 1):  # the items, once there are bookings
            assert len(events(Api().get(address))) == 8


@pytest.mark.parametrize(("language", "summary"), [("ar", "قص شعر - صالون لمسة"), ("en", "Haircut - Lamsa")])
def test_a_customer_puts_a_booking_into_their_own_calendar(language: str, summary: str) -> None:
    place = Place()
    booked = place.book()
    phone = Api(place.customer, language=language)
    answer = phone.get(f"bookings/{booked['id']}/calendar.ics")
    [event] = events(answer)
    assert (str(event["SUMMARY"]), event["STATUS"]) == (summary, "TENTATIVE")
    assert booked["reference"] in answer.headers["Content-Disposition"]
    assert "سارة" not in answer.content.decode()
    refused(Api(UserFactory.create()).get(f"bookings/{booked['id']}/calendar.ics"), 404, "not_found")
    refused(Api().get(f"bookings/{booked['id']}/calendar.ics"), 401, "auth_required")
