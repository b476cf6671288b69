"""Busy times from a staff member's own calendar: they take time like a booking does, and never undo one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import User
from backend.bookings.models import Claim, OutsideCalendar
from backend.bookings.operations import outside
from backend.notifications.models import Message
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.calendars import OutsideServer, event, send

pytestmark = pytest.mark.django_db

NOW = "2026-11-22T13:07:00Z"
DAY = "2026-11-24"


@pytest.fixture(autouse=True)
def this_moment() -> Iterator[Any]:
    with freeze_time(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def server(settings: Any) -> Iterator[OutsideServer]:
    settings.OUTSIDE_CALENDARS_ALLOW_LOOPBACK = True
    with OutsideServer() as running:
        running.says()
        yield running


class Place:
    """A salon with one staff member who has an account, and the owner."""

    def __init__(self, **more: Any) -> None:
        self.salon, self.service, [self.noura] = open_salon(deposit_percent=0, auto_confirm=True, **more)
        self.owner = Api(employ(self.salon, "owner"))
        self.user = employ(self.salon, "staff")
        self.noura.user = self.user
        self.noura.save()
        self.me = Api(self.user)
        self.path = f"manage/salons/{self.salon.slug}/staff/{self.noura.pk}/outside-calendar"

    def connect(self, url: str, desk: Api | None = None, **more: Any) -> Any:
        return (desk or self.me).send("PUT", self.path, body={"url": url} | more)

    def refresh(self) -> Any:
        return ok(self.me.post(f"{self.path}/refresh"))

    def starts(self, day: str = DAY) -> list[str]:
        answer = ok(
            Api().get(
                f"salons/{self.salon.slug}/availability", service_ids=str(self.service.pk), date=day, days=1
            )
        )
        [found] = answer["days"]
        return [slot["starts_at"][11:16] for slot in found["slots"]]

    def book(self, time: str, customer: Any = None, day: str = DAY) -> Any:
        body = {
            "salon_id": str(self.salon.pk),
            "items": [{"service_id": str(self.service.pk)}],
            "starts_at": f"{day}T{time}:00+03:00",
        }
        return Api(customer or UserFactory.create()).post("bookings", body)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_busy_hour_elsewhere_is_not_on_offer_and_is_refused(server: OutsideServer, language: str) -> None:
    place = Place()
    place.me.headers["Accept-Language"] = language
    before = place.starts()
    server.says(event("1", "20261124T120000", "20261124T130000"))
    shown = ok(place.connect(server.url()))
    assert (shown["state"], shown["host"], shown["error"]) == ("ok", "127.0.0.1", None)
    assert set(before) - set(place.starts()) == {"11:30", "12:00", "12:30"}
    refused(place.book("12:00"), 409, "slot_unavailable")
    ok(place.book("13:00"), 201)


def claimed(place: Place) -> list[tuple[str, str]]:
    zone = place.salon.zone
    rows = Claim.objects.filter(outside_calendar__staff_member=place.noura, is_active=True)
    return [
        (f"{row.starts_at.astimezone(zone):%m-%d %H:%M}", f"{row.ends_at.astimezone(zone):%H:%M}")
        for row in rows.order_by("starts_at")
    ]


def test_what_is_taken_away_elsewhere_is_free_here_after_the_next_reading(server: OutsideServer) -> None:
    place = Place()
    server.says(event("1", "20261124T120000", "20261124T130000"))
    ok(place.connect(server.url()))
    server.says()
    place.refresh()
    assert "12:00" in place.starts()
    ok(place.book("12:00"), 201)


def test_forgetting_the_calendar_frees_its_times_at_once(server: OutsideServer) -> None:
    place = Place()
    server.says(event("1", "20261124T120000", "20261124T130000"))
    ok(place.connect(server.url()))
    assert place.me.send("DELETE", place.path).status_code == 204
    assert "12:00" in place.starts()
    refused(place.me.get(place.path), 404, "not_found")
    refused(place.me.post(f"{place.path}/refresh"), 404, "not_found")
    assert place.me.send("DELETE", place.path).status_code == 204


class TestConflicts:
    def test_a_booking_stands_and_the_desk_is_shown_the_conflict(self, server: OutsideServer) -> None:
        place = Place()
        booked = ok(place.book("12:00"), 201)
        server.says(event("1", "20261124T110000", "20261124T140000"))
        shown = ok(place.connect(server.url()))
        assert shown["conflicts_count"] == 1
        assert [row["booking_id"] for row in shown["conflicts"]] == [booked["id"]]
        assert claimed(place) == [("11-24 11:00", "12:00"), ("11-24 12:45", "14:00")]
        assert ok(place.owner.get(f"manage/bookings/{booked['id']}"))["state"] == "confirmed"
        day = ok(place.owner.get(f"manage/salons/{place.salon.slug}/calendar", date=DAY))["days"][0]
        [column] = day["staff"]
        [elsewhere] = column["elsewhere"]
        assert (elsewhere["starts_at"][11:16], elsewhere["ends_at"][11:16]) == ("11:00", "14:00")
        assert elsewhere["conflicts"]
        assert column["outside_calendar"]["state"] == "ok"

    def test_once_the_booking_goes_its_time_is_taken_too(self, server: OutsideServer) -> None:
        place = Place()
        customer = UserFactory.create()
        booked = ok(place.book("12:00", customer), 201)
        server.says(event("1", "20261124T110000", "20261124T140000"))
        ok(place.connect(server.url()))
        ok(Api(customer).post(f"bookings/{booked['id']}/cancel", {"version": booked["version"]}))
        assert claimed(place)[0][0] == "11-24 11:00"
        assert "12:00" not in place.starts()
        assert ok(place.me.get(place.path))["conflicts_count"] == 0

    def test_a_dead_hold_in_the_way_is_written_down_first(
        self, server: OutsideServer, this_moment: Any
    ) -> None:
        place = Place()
        place.salon.deposit_percent = 20
        place.salon.save()
        held = ok(place.book("12:00"), 201)
        assert held["state"] == "held"
        this_moment.tick(timedelta(minutes=11))
        server.says(event("1", "20261124T120000", "20261124T130000"))
        assert ok(place.connect(server.url()))["conflicts_count"] == 0
        assert claimed(place) == [("11-24 12:00", "13:00")]
        assert ok(place.owner.get(f"manage/bookings/{held['id']}"))["state"] == "expired"

    def test_an_added_visit_stands_on_a_lane_beside_it(self, server: OutsideServer) -> None:
        place = Place()
        server.says(event("1", "20261124T120000", "20261124T130000"))
        ok(place.connect(server.url()))
        body = {
            "items": [{"service_id": str(place.service.pk)}],
            "starts_at": f"{DAY}T12:00:00+03:00",
            "guest": {"name": "هند", "phone": None},
            "overbook_reason": "She asked for it",
        }
        answer = place.owner.post(f"manage/salons/{place.salon.slug}/bookings", body)
        assert answer.status_code == 201, answer.json()
        assert claimed(place) == [("11-24 12:00", "13:00")]


class TestADeadCalendar:
    def test_it_is_said_and_what_is_known_stays_taken(self, server: OutsideServer, this_moment: Any) -> None:
        place = Place()
        server.says(event("1", "20261124T120000", "20261124T130000"))
        ok(place.connect(server.url()))
        server.body = b"<html>Sorry</html>"
        for expected in ("retrying", "retrying", "failing"):
            this_moment.tick(timedelta(minutes=5))
            shown = place.refresh()
            assert (shown["state"], shown["error"]["code"]) == (expected, "calendar_unreadable")
        assert shown["last_success_at"].startswith("2026-11-22T16:07")
        assert "12:00" not in place.starts()
        [row] = ok(place.owner.get(f"manage/salons/{place.salon.slug}/outside-calendars"))["items"]
        assert (row["staff_member"]["id"], row["state"]) == (str(place.noura.pk), "failing")
        for language, word in (("ar", "تقويم"), ("en", "calendar")):
            place.owner.headers["Accept-Language"] = language
            assert word in ok(place.owner.get(place.path))["error"]["detail"]
        server.says()
        assert place.refresh()["state"] == "ok"
        assert "12:00" in place.starts()

    def test_its_person_and_the_owners_are_told_once_and_again_only_after_it_recovered(
        self, server: OutsideServer, this_moment: Any, sent: Any
    ) -> None:
        place = Place()
        owner = User.objects.get(memberships__salon=place.salon, memberships__role="owner")
        User.objects.filter(pk=owner.pk).update(language="en")
        numbers = (place.user.phone, owner.phone)
        employ(place.salon, "receptionist")
        this_moment.move_to(f"{DAY}T06:00:00Z")
        ok(place.connect(server.url(), Api(place.user)))

        def fail(hours: int) -> list[int]:
            """What each has been told after so many hours of failures, read each hour."""
            for _ in range(hours):
                this_moment.tick(timedelta(hours=1))
                with TestCase.captureOnCommitCallbacks(execute=True):
                    outside.read_calendar(OutsideCalendar.objects.get().pk, now=timezone.now())
            return [len(sent(number)) for number in numbers]

        server.answers = lambda handler: send(handler, 500)
        assert fail(5) == [0, 0], "a server may be down for a morning"
        assert fail(1) == [1, 1]
        assert sent(numbers[0]) == ["تعذرت قراءة تقويم نورة منذ\nالثلاثاء 24/11 الساعة 9:00 ص"]
        assert sent(numbers[1]) == ["The calendar of Noura cannot be read since\nTuesday 24/11 at 9:00 AM"]
        assert fail(24) == [1, 1]
        assert len(sent()) == 2, "nobody else"
        server.answers = None
        fail(1)
        assert OutsideCalendar.objects.get().state == "ok"
        server.answers = lambda handler: send(handler, 500)
        assert fail(9) == [1, 1], "six hours, but they end at night"
        assert not 8 <= timezone.now().astimezone(place.salon.zone).hour < 22
        assert fail(8) == [2, 2]
        messages = Message.objects.filter(kind="outside_calendar_failing")
        assert {m.subject_id for m in messages} == {place.salon.pk}
        assert not any("ورة" in m.push_body or "Noura" in m.push_body for m in messages)

    @pytest.mark.parametrize(
        ("status", "code"),
        [(401, "sign_in_refused"), (404, "calendar_gone"), (410, "calendar_gone"), (500, "answer_refused")],
    )
    def test_what_the_server_says_is_told_in_words(
        self, server: OutsideServer, status: int, code: str
    ) -> None:
        place = Place()
        server.answers = lambda handler: send(handler, status)
        assert ok(place.connect(server.url()))["error"]["code"] == code

    def test_it_is_tried_again_more_and_more_seldom(self, server: OutsideServer, this_moment: Any) -> None:
        place = Place()
        server.answers = lambda handler: send(handler, 500)
        ok(place.connect(server.url()))
        waits = []
        for _ in range(8):
            row = OutsideCalendar.objects.get()
            waits.append((row.next_read_at - row.tried_at) // timedelta(minutes=1))
            this_moment.move_to(row.next_read_at)
            assert outside.read_due(row.next_read_at) == 1
        assert waits == [15, 30, 60, 120, 240, 360, 360, 360]

    def test_an_address_sealed_with_another_key_has_to_be_entered_again(
        self, server: OutsideServer, settings: Any
    ) -> None:
        place = Place()
        ok(place.connect(server.url()))
        settings.SECRET_KEY = "another key altogether"
        OutsideCalendar.objects.update(sealed=OutsideCalendar.objects.get().sealed[:-4] + b"AAAA")
        row = OutsideCalendar.objects.get()
        assert outside.read_calendar(row.pk, now=row.next_read_at)
        assert OutsideCalendar.objects.get().error == "secret_lost"


class TestReading:
    def test_caldav_is_asked_by_report_for_the_days_that_can_be_booked(self, server: OutsideServer) -> None:
        place = Place()
        server.username, server.password = "noura", "secret word"
        server.says(
            event("1", "20261124T120000", "20261124T130000"), event("2", "20261125T120000", "20261125T130000")
        )
        more = {"kind": "caldav", "username": "noura", "password": "secret word"}
        shown = ok(place.connect(server.url("/dav/noura/"), **more))
        assert (shown["state"], shown["kind"]) == ("ok", "caldav")
        assert claimed(place) == [("11-24 12:00", "13:00"), ("11-25 12:00", "13:00")]
        [asked] = server.requests
        assert (asked.method, asked.headers["Depth"]) == ("REPORT", "1")
        assert b'start="20261121T130700Z"' in asked.body
        server.says()
        assert place.refresh()["state"] == "ok"
        assert claimed(place) == []
        more["password"] = "wrong"
        assert ok(place.connect(server.url("/dav/noura/"), **more))["error"]["code"] == "sign_in_refused"

    def test_an_unchanged_calendar_is_not_read_again_until_more_days_can_be_booked(
        self, server: OutsideServer, this_moment: Any
    ) -> None:
        place = Place()
        weekly = "RRULE:FREQ=WEEKLY"
        server.says(event("1", "20261124T120000", "20261124T130000", weekly))
        server.etag = '"v1"'
        ok(place.connect(server.url()))
        last = claimed(place)[-1]
        for days in range(1, 9):
            this_moment.tick(timedelta(days=1))
            row = OutsideCalendar.objects.get()
            outside.read_calendar(row.pk, now=datetime.now().astimezone())
            assert OutsideCalendar.objects.get().error == ""
            conditional = "If-None-Match" in server.requests[-1].headers
            assert conditional is (days <= 7), days
        assert (last, claimed(place)[-1]) == (("12-29 12:00", "13:00"), ("01-05 12:00", "13:00"))

    def test_our_own_feed_read_back_takes_nothing(self, server: OutsideServer) -> None:
        place = Place()
        booked = ok(place.book("12:00"), 201)
        url = ok(place.me.post(place.path.replace("outside-calendar", "calendar-feed")), 201)["url"]
        server.body = Api().get(url[url.index("/api") :]).content
        assert booked["id"].encode() in server.body
        assert ok(place.connect(server.url()))["conflicts_count"] == 0
        assert claimed(place) == []

    def test_two_readings_at_once_are_one(self, server: OutsideServer) -> None:
        place = Place()
        ok(place.connect(server.url()))
        row = OutsideCalendar.objects.get()
        seen = []

        def meanwhile(handler: Any) -> None:
            seen.append(outside.read_calendar(row.pk, now=row.next_read_at))
            server._serve(handler)

        OutsideCalendar.objects.update(leased_until=row.next_read_at + timedelta(seconds=30))
        assert not outside.read_calendar(row.pk, now=row.next_read_at)
        assert len(server.requests) == 1
        assert outside.read_calendar(row.pk, now=row.next_read_at + timedelta(seconds=31))

    def test_another_address_while_the_old_one_is_read_wins(self, server: OutsideServer) -> None:
        place = Place()
        server.says(event("1", "20261124T120000", "20261124T130000"))
        ok(place.connect(server.url()))
        row = OutsideCalendar.objects.get()
        reading = outside.outside.read

        def slow(*args: Any, **named: Any) -> Any:
            found = reading(*args, **named)
            OutsideCalendar.objects.update(version=row.version + 1)
            return found

        server.says()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outside.outside, "read", slow)
            outside.read_calendar(row.pk, now=row.next_read_at)
        assert claimed(place) == [("11-24 12:00", "13:00")]

    def test_the_command_reads_all_or_one_salons(
        self, server: OutsideServer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place, other = Place(), Place()
        for one in (place, other):
            ok(one.connect(server.url()))
        server.says(event("1", "20261124T120000", "20261124T130000"))
        call_command("calendars", salon=place.salon.slug)
        assert capsys.readouterr().out.strip().endswith("1 busy times, 0 conflicts")
        assert (len(claimed(place)), len(claimed(other))) == (1, 0)
        call_command("calendars")
        assert len(claimed(other)) == 1
        server.answers = lambda handler: send(handler, 500)
        with pytest.raises(CommandError, match="2 could not be read"):
            call_command("calendars")
        with pytest.raises(CommandError, match="no such salon"):
            call_command("calendars", salon="nowhere")

    def test_the_tick_reads_what_is_due(self, server: OutsideServer, this_moment: Any) -> None:
        place = Place()
        ok(place.connect(server.url()))
        now = OutsideCalendar.objects.get().next_read_at
        assert outside.read_due(now - timedelta(seconds=1)) == 0
        assert outside.read_due(now) == 1
        place.noura.is_active = False
        place.noura.save()
        assert outside.read_due(now + timedelta(days=1)) == 0


class TestWhoMay:
    def test_only_the_owner_and_the_person_whose_calendar_it_is(self, server: OutsideServer) -> None:
        place = Place()
        ok(place.connect(server.url(), place.owner))
        ok(place.connect(server.url(), place.me))
        for role in ("staff", "receptionist", "manager"):
            other = Api(employ(place.salon, role))
            refused(place.connect(server.url(), other), 403, "permission_denied")
            refused(other.get(place.path), 403, "permission_denied")
            refused(other.send("DELETE", place.path), 403, "permission_denied")
            refused(other.post(f"{place.path}/refresh"), 403, "permission_denied")
        stranger = Place()
        refused(stranger.owner.get(place.path), 403, "permission_denied")
        wrong = place.path.replace(str(place.noura.pk), str(stranger.noura.pk))
        refused(place.owner.get(wrong), 404, "not_found")

    def test_the_address_is_kept_sealed_and_never_shown(self, server: OutsideServer) -> None:
        place = Place()
        url = server.url("/private-4711/calendar.ics")
        shown = place.connect(url, username="noura", password="pass 4711")
        assert "4711" not in shown.content.decode()
        row = OutsideCalendar.objects.values().get()
        assert b"4711" not in bytes(row.pop("sealed"))
        assert "4711" not in str(row)

    def test_readings_by_hand_are_limited(self, server: OutsideServer, settings: Any) -> None:
        place = Place()
        settings.LIMITS_SCALE = 0.1
        ok(place.connect(server.url()))
        place.refresh()
        answer = place.me.post(f"{place.path}/refresh")
        assert refused(answer, 429, "rate_limited")["retry_after"] > 0


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/url", "field_required"),
        ({"url": 5}, "/url", "wrong_type"),
        ({"url": ""}, "/url", "field_blank"),
        ({"url": "https://x.example/" + "a" * 2000}, "/url", "too_long"),
        ({"url": "ftp://example.com/a.ics"}, "/url", "url_invalid"),
        ({"url": "calendar"}, "/url", "url_invalid"),
        ({"url": "https:///a.ics"}, "/url", "url_invalid"),
        ({"url": "https://noura:secret@example.com/a.ics"}, "/url", "url_invalid"),
        ({"url": "https://exa mple.com/a.ics"}, "/url", "url_invalid"),
        ({"url": "https://example.com:99999/a.ics"}, "/url", "url_invalid"),
        ({"url": "https://[::1/a.ics"}, "/url", "url_invalid"),
        ({"url": "http://example.com/a.ics"}, "/url", "url_invalid"),
        ({"url": "https://127.0.0.1/a.ics"}, "/url", "address_refused"),
        ({"url": "https://[::ffff:10.0.0.1]/a.ics"}, "/url", "address_refused"),
        ({"url": "https://169.254.169.254/latest"}, "/url", "address_refused"),
        ({"url": "https://example.com/a.ics", "kind": "exchange"}, "/kind", "invalid_choice"),
        ({"url": "https://example.com/a.ics", "password": "x"}, "/username", "field_required"),
        ({"url": "https://example.com/a.ics", "username": 7}, "/username", "wrong_type"),
        ({"url": "https://example.com/a.ics", "colour": "red"}, "/colour", "unknown_field"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(body: Any, pointer: str, code: str) -> None:
    place = Place()
    answer = refused(place.me.send("PUT", place.path, body=body), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in answer["errors"]] == [(pointer, code)]
    assert not OutsideCalendar.objects.exists()
