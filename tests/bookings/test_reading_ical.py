"""What other people's calendar files say, and what they may not do to us."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.bookings.availability import moment_of
from backend.bookings.providers.ical import CalendarTooBusy, CalendarUnreadable, busy_times
from tests.support.calendars import calendar, event

RIYADH = ZoneInfo("Asia/Riyadh")
BEGINS, ENDS = datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)


def busy(*parts: str, zone: ZoneInfo = RIYADH, data: bytes | None = None) -> list[tuple[str, str]]:
    found = busy_times(
        calendar(*parts) if data is None else data,
        zone=zone,
        begins=BEGINS,
        ends=ENDS,
        own_host="mawid.example",
    )
    shown = [[moment_of(minute).astimezone(zone) for minute in span] for span in found]
    return [(f"{starts:%m-%d %H:%M}", f"{ends:%m-%d %H:%M}") for starts, ends in shown]


NOON = [("11-24 12:00", "11-24 13:00")]
ZONE_OF_ITS_OWN = "\r\n".join(
    [
        *("BEGIN:VTIMEZONE", "TZID:Over there", "BEGIN:STANDARD", "DTSTART:19700101T000000"),
        *("TZOFFSETFROM:+0500", "TZOFFSETTO:+0500", "END:STANDARD", "END:VTIMEZONE"),
    ]
)


@pytest.mark.parametrize(
    "parts",
    [
        (event("1", "20261124T120000", "20261124T130000"),),
        (event("1", "20261124T090000Z", "20261124T100000Z"),),
        (event("1", "20261124T090000", "20261124T100000", zone="Europe/London"),),
        (event("1", "20261124T120000", "20261124T130000", zone="Arab Standard Time"),),
        (event("1", "20261124T120000", "20261124T130000", zone=""),),
        ("X-WR-TIMEZONE:Europe/London", event("1", "20261124T090000", "20261124T100000", zone="")),
        ("X-WR-TIMEZONE:Nowhere/Land", event("1", "20261124T120000", "20261124T130000", zone="")),
        (ZONE_OF_ITS_OWN, event("1", "20261124T140000", "20261124T150000", zone="Over there")),
        (event("1", "20261124T120000", "", "DURATION:PT1H"),),
        (event("1", "20261124T120030", "20261124T125910"),),
        (event("1", "20261124T120000", "20261124T124000"), event("2", "20261124T123000", "20261124T130000")),
        (event("1", "20261124T120000", "20261124T123000"), event("2", "20261124T123000", "20261124T130000")),
    ],
)
def test_an_hour_is_the_same_hour_however_it_is_written(parts: tuple[str, ...]) -> None:
    assert busy(*parts) == NOON


def test_whole_days_are_the_salons() -> None:
    assert busy(event("1", "20261124", "20261126")) == [("11-24 00:00", "11-26 00:00")]
    assert busy(event("1", "20261124")) == [("11-24 00:00", "11-25 00:00")]
    london = ZoneInfo("Europe/London")
    assert busy(event("1", "20261124"), zone=london) == [("11-24 00:00", "11-25 00:00")]


@pytest.mark.parametrize(
    "more",
    ["TRANSP:TRANSPARENT", "STATUS:CANCELLED", "X-MICROSOFT-CDO-BUSYSTATUS:FREE", "status:cancelled"],
)
def test_what_is_free_or_cancelled_takes_nothing(more: str) -> None:
    assert busy(event("1", "20261124T120000", "20261124T130000", more)) == []


def test_what_was_ours_is_not_read_back() -> None:
    assert busy(event("01a2@mawid.example", "20261124T120000", "20261124T130000")) == []
    assert busy(event("01a2@MAWID.example", "20261124T120000", "20261124T130000")) == []
    assert busy(event("01a2@notmawid.example", "20261124T120000", "20261124T130000")) == NOON


def test_an_event_without_length_takes_nothing() -> None:
    assert busy(event("1", "20261124T120000")) == []
    assert busy(event("1", "20261124T120000", "20261124T120000")) == []


class TestRecurrences:
    def test_a_series_with_a_day_left_out_one_moved_and_one_cancelled(self) -> None:
        series = event(
            *("1", "20251125T120000", "20251125T130000", "RRULE:FREQ=WEEKLY;UNTIL=20261222T090000Z"),
            "EXDATE;TZID=Asia/Riyadh:20261201T120000",
        )
        moved = event(
            "1", "20261209T160000", "20261209T170000", "RECURRENCE-ID;TZID=Asia/Riyadh:20261208T120000"
        )
        called_off = event(
            *("1", "20261215T120000", "20261215T130000"),
            *("RECURRENCE-ID;TZID=Asia/Riyadh:20261215T120000", "STATUS:CANCELLED"),
        )
        assert busy(series, moved, called_off) == [
            *NOON,
            ("12-09 16:00", "12-09 17:00"),
            ("12-22 12:00", "12-22 13:00"),
        ]

    def test_a_series_across_a_change_of_the_clock_keeps_its_hour(self) -> None:
        new_york = event(
            "1", "20261026T090000", "20261026T100000", "RRULE:FREQ=DAILY", zone="America/New_York"
        )
        assert busy(new_york)[0] == ("11-21 17:00", "11-21 18:00")

    def test_what_began_before_and_ends_after_is_cut(self) -> None:
        assert busy(event("1", "20200101", "20300101")) == [("11-21 03:00", "12-31 03:00")]

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=SECONDLY",
            "FREQ=MINUTELY",
            "FREQ=HOURLY",
            "FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=1,2,3",
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=SOMETIMES",
        ],
    )
    def test_rules_that_never_end_are_refused_at_sight(self, rule: str) -> None:
        began = time.monotonic()
        with pytest.raises((CalendarTooBusy, CalendarUnreadable)):
            busy(event("1", "20200101T120000", "20200101T130000", f"RRULE:{rule}"))
        assert time.monotonic() - began < 1

    def test_many_costly_series_are_given_up(self) -> None:
        costly = [
            event(str(n), "19700101T120000", "19700101T130000", "RRULE:FREQ=DAILY") for n in range(1500)
        ]
        began = time.monotonic()
        with pytest.raises(CalendarTooBusy):
            busy(*costly)
        assert time.monotonic() - began < 20

    def test_more_events_than_a_person_has_are_refused(self) -> None:
        minutes = [BEGINS + timedelta(minutes=2 * n) for n in range(5001)]
        crowd = [
            event(str(n), f"{at:%Y%m%dT%H%M%SZ}", f"{at + timedelta(minutes=1):%Y%m%dT%H%M%SZ}")
            for n, at in enumerate(minutes)
        ]
        with pytest.raises(CalendarTooBusy):
            busy(*crowd)
        with pytest.raises(CalendarTooBusy):
            busy(*crowd[:2001])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>Sign in</html>",
        b"\xff\xfe\x00\x01",
        b"BEGIN:VCALENDAR\r\n",
        b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n",
        calendar(event("1", "yesterday", "today")),
        calendar("BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT"),
        calendar("CALSCALE:ISLAMIC", event("1", "20261124T120000", "20261124T130000")),
        b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 30_000,
    ],
)
def test_what_is_no_calendar_is_unreadable(data: bytes) -> None:
    with pytest.raises(CalendarUnreadable):
        busy(data=data)


def test_several_calendars_one_after_another_are_one() -> None:
    data = calendar(event("1", "20261124T120000", "20261124T123000"))
    data += calendar(event("2", "20261124T123000", "20261124T130000"))
    assert busy(data=data) == NOON


@settings(max_examples=60, deadline=None)
@given(
    spans=st.lists(
        st.tuples(st.integers(-3000, 60_000), st.integers(1, 3000), st.booleans()), min_size=1, max_size=12
    )
)
def test_a_minute_is_busy_exactly_where_some_event_that_counts_covers_it(
    spans: list[tuple[int, int, bool]],
) -> None:
    def written(minute: int) -> str:
        return f"{BEGINS + timedelta(minutes=minute):%Y%m%dT%H%M%SZ}"

    parts = [
        event(str(n), written(starts), written(starts + length), *([] if counts else ["TRANSP:TRANSPARENT"]))
        for n, (starts, length, counts) in enumerate(spans)
    ]
    found = busy_times(calendar(*parts), zone=RIYADH, begins=BEGINS, ends=ENDS)
    origin, last = int(BEGINS.timestamp()) // 60, int((ENDS - BEGINS).total_seconds()) // 60
    covered = {
        minute
        for starts, length, counts in spans
        if counts
        for minute in range(max(starts, 0), min(starts + length, last))
    }
    assert {minute - origin for starts, ends in found for minute in range(starts, ends)} == covered
    assert all(one[1] < other[0] for one, other in pairwise(found))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), day=st.dates(date(1970, 1, 1), date(2037, 1, 1)))
def test_no_bytes_whatever_make_it_stumble(data: bytes, day: date) -> None:
    for noise in (data, calendar(event("1", f"{day:%Y%m%d}")) + data, calendar(data.decode("latin-1"))):
        with suppress(CalendarUnreadable, CalendarTooBusy):
            busy(data=noise)
