"""An owner keeps the salon's hours over HTTP, in both languages, with mistakes."""

from __future__ import annotations

import uuid
from datetime import date
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from freezegun import freeze_time

from backend.accounts.models import PlatformRole
from backend.core.hijri import gregorian_range
from backend.salons.models import Closure, HijriShift, Override, Resource, Salon, Season, WorkingWindow
from backend.salons.operations import hours as operations
from backend.salons.queries.timetables import timetable_of
from backend.salons.timetable import WeeklyWindow
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.race import race

NOW = "2026-11-19T18:30:00Z"  # a Thursday, 21:30 in Riyadh
FRIDAY = "2026-11-20"
NOBODY = "0b5f3c0e-9f5e-4a55-8a55-0d6a1c2b3d4e"


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:
        yield frozen


class Desk:
    """An owner's phone at one salon's rules about hours."""

    def __init__(self, *, language: str = "ar", role: str = "owner", **salon: Any) -> None:
        self.salon, self.service, self.staff = open_salon(deposit_percent=0, **salon)
        self.api = Api(employ(self.salon, role), language=language)

    def path(self, rest: str) -> str:
        return f"manage/salons/{self.salon.slug}/{rest}"

    def get(self, rest: str, **query: Any) -> Any:
        return self.api.get(self.path(rest), **query)

    def post(self, rest: str, body: Any, **query: Any) -> Any:
        return self.api.send("POST", self.path(rest), body=body, query=query)

    def put(self, rest: str, body: Any, **query: Any) -> Any:
        return self.api.send("PUT", self.path(rest), body=body, query=query)

    def patch(self, rest: str, body: Any, **query: Any) -> Any:
        return self.api.send("PATCH", self.path(rest), body=body, query=query)

    def delete(self, rest: str, **query: Any) -> Any:
        return self.api.send("DELETE", self.path(rest), query=query)

    def open_on(self, day: str) -> list[tuple[int, int]]:
        """Today's hours as the timetable has them, in minutes after the day's midnight in Riyadh."""
        table = timetable_of(Salon.objects.get(pk=self.salon.pk))
        on = date.fromisoformat(day)
        midnight = (on - date(1970, 1, 1)).days * 1440 - 180
        return [(starts - midnight, ends - midnight) for starts, ends in table.openings(on)]


def wrong(response: Any) -> set[tuple[str | None, str]]:
    """Pointer (or parameter) and code of each wrong field."""
    return {
        (e["pointer"] if e["pointer"] is not None else e["parameter"], e["code"])
        for e in refused(response, 400, "validation_failed")["errors"]
    }


EVENING = {"day": "thursday", "opens": "16:00", "closes": "02:00"}


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestWorkingWindows:
    def test_an_evening_past_midnight_is_added_shown_changed_and_removed(self) -> None:
        desk = Desk(weekdays=())
        added = ok(desk.post("working-windows", EVENING | {"closes_next_day": True}), 201)
        window = added["working_window"]
        assert window == EVENING | {
            "id": window["id"],
            "version": 1,
            "closes_next_day": True,
            "staff_member_id": None,
            "season_id": None,
        }
        assert (added["affected_bookings"], added["affected_total"]) == ([], 0)
        assert desk.open_on("2026-11-19") == [(960, 1560)]
        path = f"working-windows/{window['id']}"
        changed = ok(desk.patch(path, {"version": 1, "opens": "١٧:٣٠"}))["working_window"]
        assert (changed["opens"], changed["closes"], changed["closes_next_day"]) == ("17:30", "02:00", True)
        changed = ok(desk.patch(path, {"version": 2, "closes": "۲۳:۰۰"}))["working_window"]
        assert (changed["closes"], changed["closes_next_day"], changed["version"]) == ("23:00", False, 3)
        assert ok(desk.get("working-windows"))["items"] == [changed]
        assert ok(desk.delete(path, version="٣"))["working_window"] == changed
        assert ok(desk.get("working-windows"))["items"] == []
        refused(desk.delete(path, version=3), 404, "not_found")

    @pytest.mark.parametrize(
        ("opens", "closes", "next_day", "shown"),
        [
            ("10:00", "12:00", None, ("12:00", False)),
            ("16:00", "00:00", None, ("00:00", True)),
            ("22:00", "12:00", True, ("12:00", True)),
            ("00:00", "00:00", None, ("00:00", True)),
        ],
    )
    def test_a_closing_time_not_later_than_the_opening_is_the_next_days(
        self, opens: str, closes: str, next_day: bool | None, shown: tuple[str, bool]
    ) -> None:
        desk = Desk(weekdays=())
        body = {"day": "monday", "opens": opens, "closes": closes, "closes_next_day": next_day}
        window = ok(desk.post("working-windows", body), 201)["working_window"]
        assert (window["closes"], window["closes_next_day"]) == shown

    @pytest.mark.parametrize(
        ("body", "errors"),
        [
            ({}, {("/day", "field_required"), ("/opens", "field_required"), ("/closes", "field_required")}),
            (EVENING | {"day": "someday"}, {("/day", "invalid_choice")}),
            (EVENING | {"day": 4}, {("/day", "wrong_type")}),
            (EVENING | {"opens": 960}, {("/opens", "wrong_type")}),
            (EVENING | {"opens": "24:00"}, {("/opens", "invalid_format")}),
            (EVENING | {"opens": "4 pm"}, {("/opens", "invalid_format")}),
            (EVENING | {"closes": "1:00"}, {("/closes", "invalid_format")}),
            (EVENING | {"opens": "16:00\0"}, {("/opens", "invalid_format")}),
            (EVENING | {"closes_next_day": False}, {("/closes", "ends_before_start")}),
            (EVENING | {"closes": "12:01", "closes_next_day": True}, {("/closes", "too_large")}),
            (EVENING | {"closes_next_day": "yes"}, {("/closes_next_day", "wrong_type")}),
            (EVENING | {"staff_member_id": NOBODY}, {("/staff_member_id", "not_found")}),
            (EVENING | {"season_id": NOBODY}, {("/season_id", "not_found")}),
            (EVENING | {"season_id": "x"}, {("/season_id", "uuid_invalid")}),
            (EVENING | {"colour": "red"}, {("/colour", "unknown_field")}),
            ([], {("", "wrong_type")}),
        ],
    )
    def test_what_is_wrong_is_named(self, body: Any, errors: set[tuple[str, str]]) -> None:
        assert wrong(Desk(weekdays=()).post("working-windows", body)) == errors

    @pytest.mark.parametrize(
        ("day", "opens", "closes", "clashes"),
        [
            ("thursday", "17:00", "18:00", True),
            ("thursday", "15:00", "16:00", False),
            ("friday", "01:59", "03:00", True),
            ("friday", "02:00", "03:00", False),
            ("wednesday", "22:00", "09:00", False),
            ("wednesday", "22:00", "12:00", False),
        ],
    )
    def test_hours_of_one_week_never_overlap_past_midnight_either(
        self, day: str, opens: str, closes: str, clashes: bool
    ) -> None:
        desk = Desk(weekdays=())
        ok(desk.post("working-windows", EVENING), 201)
        answer = desk.post("working-windows", {"day": day, "opens": opens, "closes": closes})
        if clashes:
            assert wrong(answer) == {("/opens", "windows_overlap")}
        else:
            ok(answer, 201)

    def test_the_week_is_round(self) -> None:
        """ISO weeks end on Sunday, the Kingdom's on Saturday: neither end may hide an overlap."""
        desk = Desk(weekdays=())
        for late, early in (("sunday", "monday"), ("saturday", "sunday")):
            ok(desk.put("working-windows", {"windows": [{"day": late, "opens": "20:00", "closes": "02:00"}]}))
            clash = {"day": early, "opens": "01:00", "closes": "03:00"}
            assert wrong(desk.post("working-windows", clash)) == {("/opens", "windows_overlap")}
            window = ok(
                desk.post("working-windows", {"day": "wednesday", "opens": "09:00", "closes": "10:00"}), 201
            )
            path = f"working-windows/{window['working_window']['id']}"
            assert wrong(desk.patch(path, {"version": 1} | clash)) == {("/opens", "windows_overlap")}

    def test_a_staff_member_and_a_season_have_weeks_of_their_own(self) -> None:
        desk = Desk(staff=2)
        first, second = (str(person.pk) for person in desk.staff)
        eight = {"day": "monday", "opens": "08:00", "closes": "12:00"}
        ok(desk.post("working-windows", eight | {"staff_member_id": first}), 201)
        ok(desk.post("working-windows", eight | {"staff_member_id": second}), 201)
        assert wrong(desk.post("working-windows", eight | {"staff_member_id": second})) == {
            ("/opens", "windows_overlap")
        }
        [own] = ok(desk.get("working-windows", staff_member_id=first))["items"]
        assert own["staff_member_id"] == first
        assert wrong(desk.get("working-windows", staff_member_id="x")) == {
            ("staff_member_id", "uuid_invalid")
        }

    def test_a_whole_week_is_replaced_and_what_stays_keeps_its_row(self) -> None:
        desk = Desk()
        kept = WorkingWindow.objects.get(salon=desk.salon, weekday=1)
        body: dict[str, Any] = {
            "windows": [
                {"day": "monday", "opens": "10:00", "closes": "22:00"},
                {"day": "friday", "opens": "16:00", "closes": "20:00"},
                {"day": "friday", "opens": "21:00", "closes": "01:00"},
            ]
        }
        items = ok(desk.put("working-windows", body))["items"]
        assert [(w["day"], w["opens"]) for w in items] == [
            ("monday", "10:00"),
            ("friday", "16:00"),
            ("friday", "21:00"),
        ]
        assert items[0]["id"] == str(kept.pk)
        version = Salon.objects.get(pk=desk.salon.pk).catalogue_version
        assert ok(desk.put("working-windows", body))["items"] == items
        assert Salon.objects.get(pk=desk.salon.pk).catalogue_version == version, (
            "the same again writes nothing"
        )
        body["windows"].append({"day": "saturday", "opens": "00:30", "closes": "02:00"})
        assert wrong(desk.put("working-windows", body)) == {("/windows/3", "windows_overlap")}
        body["windows"][3] = {"day": "sunday", "opens": "10:00", "closes": "09:00", "closes_next_day": False}
        assert wrong(desk.put("working-windows", body)) == {("/windows/3/closes", "ends_before_start")}
        assert wrong(desk.put("working-windows", {"windows": "all"})) == {("/windows", "wrong_type")}

    def test_a_stale_phone_is_shown_the_window_as_it_is(self) -> None:
        desk = Desk(weekdays=(1,), language="en")
        window = WorkingWindow.objects.get(salon=desk.salon)
        path = f"working-windows/{window.pk}"
        ok(desk.patch(path, {"version": 1, "opens": "11:00"}))
        answer = refused(desk.patch(path, {"version": 1, "opens": "12:00"}), 409, "version_conflict")
        assert (answer["current"]["opens"], answer["current"]["version"]) == ("11:00", 2)
        answer = refused(desk.delete(path, version=1), 409, "version_conflict")
        assert answer["current"]["version"] == 2
        assert wrong(desk.delete(path)) == {("version", "field_required")}
        assert wrong(desk.patch(path, {"opens": "12:00"})) == {("/version", "field_required")}

    def test_a_repeated_tap_adds_one_window(self) -> None:
        desk, key = Desk(weekdays=()), str(uuid.uuid4())
        path = desk.path("working-windows")
        first = ok(desk.api.post(path, EVENING, key=key), 201)
        assert ok(desk.api.post(path, EVENING, key=key), 201) == first
        assert WorkingWindow.objects.filter(salon=desk.salon).count() == 1

    def test_a_preview_writes_nothing_and_uses_up_no_key(self) -> None:
        desk, key = Desk(weekdays=()), str(uuid.uuid4())
        path = desk.path("working-windows")
        before = Salon.objects.get(pk=desk.salon.pk).catalogue_version
        shown = ok(
            desk.api.send(
                "POST", path, body=EVENING, query={"preview": "true"}, headers={"Idempotency-Key": key}
            )
        )
        assert shown["working_window"]["opens"] == "16:00"
        assert not WorkingWindow.objects.exists()
        assert Salon.objects.get(pk=desk.salon.pk).catalogue_version == before
        ok(desk.api.post(path, EVENING, key=key), 201)
        assert WorkingWindow.objects.count() == 1

    def test_another_salons_rows_do_not_exist(self) -> None:
        desk, other = Desk(), Desk()
        foreign = WorkingWindow.objects.filter(salon=other.salon).first()
        assert foreign is not None
        refused(
            desk.patch(f"working-windows/{foreign.pk}", {"version": 1, "opens": "09:00"}), 404, "not_found"
        )
        refused(desk.delete(f"working-windows/{foreign.pk}", version=1), 404, "not_found")
        body = EVENING | {"staff_member_id": str(other.staff[0].pk)}
        assert wrong(desk.post("working-windows", body)) == {("/staff_member_id", "not_found")}
        refused(Api(employ(other.salon)).get(desk.path("working-windows")), 403, "permission_denied")

    def test_staff_see_the_hours_and_the_reception_edits_them(self) -> None:
        reads, writes = Desk(role="staff"), Desk(role="receptionist", weekdays=())
        ok(reads.get("working-windows"))
        refused(reads.post("working-windows", EVENING), 403, "permission_denied")
        ok(writes.post("working-windows", EVENING), 201)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestOverrides:
    BODY = {"date": FRIDAY, "windows": [{"opens": "18:00", "closes": "01:00"}]}

    def test_a_date_gets_hours_of_its_own_in_any_digits_and_gives_them_back(self) -> None:
        desk = Desk(language="en")
        body = self.BODY | {"date": "٢٠٢٦-١١-٢٠", "reason": {"ar": "حفل", "en": "A party"}}
        override = ok(desk.post("overrides", body), 201)["override"]
        assert override["date"] == FRIDAY
        assert override["reason"] == {"ar": "حفل", "en": "A party"}
        assert override["windows"] == [{"opens": "18:00", "closes": "01:00", "closes_next_day": True}]
        assert desk.open_on(FRIDAY) == [(1080, 1500)]
        path = f"overrides/{override['id']}"
        closed = ok(desk.patch(path, {"version": 1, "windows": []}))["override"]
        assert (closed["windows"], closed["version"]) == ([], 2)
        assert desk.open_on(FRIDAY) == []
        moved = ok(desk.patch(path, {"version": 2, "date": "2026-11-21", "reason": {"ar": "عطلة"}}))
        assert moved["override"]["date"] == "2026-11-21"
        assert moved["override"]["reason"] == {"ar": "عطلة", "en": None}
        assert desk.open_on(FRIDAY) == [(600, 1320)]
        ok(desk.delete(path, version=moved["override"]["version"]))
        assert desk.open_on("2026-11-21") == [(600, 1320)]
        assert not Override.objects.exists()

    def test_a_date_has_one_override_of_each_subject(self) -> None:
        desk = Desk()
        ok(desk.post("overrides", self.BODY), 201)
        assert wrong(desk.post("overrides", self.BODY)) == {("/date", "already_exists")}
        own = self.BODY | {"staff_member_id": str(desk.staff[0].pk), "windows": []}
        ok(desk.post("overrides", own), 201)
        assert wrong(desk.post("overrides", own)) == {("/date", "already_exists")}
        later = ok(desk.post("overrides", self.BODY | {"date": "2026-11-21"}), 201)["override"]
        answer = desk.patch(f"overrides/{later['id']}", {"version": 1, "date": FRIDAY})
        assert wrong(answer) == {("/date", "already_exists")}
        ok(desk.patch(f"overrides/{later['id']}", {"version": 1, "date": "2026-11-21"}))

    @pytest.mark.parametrize(
        ("body", "errors"),
        [
            ({"windows": []}, {("/date", "field_required")}),
            ({"date": FRIDAY}, {("/windows", "field_required")}),
            ({"date": "1448-06-10", "windows": []}, {("/date", "date_out_of_range")}),
            ({"date": "2026-02-30", "windows": []}, {("/date", "date_invalid")}),
            ({"date": FRIDAY, "windows": {}}, {("/windows", "wrong_type")}),
            ({"date": FRIDAY, "windows": [{"opens": "10:00"}]}, {("/windows/0/closes", "field_required")}),
            (
                {
                    "date": FRIDAY,
                    "windows": [{"opens": "10:00", "closes": "12:00"}, {"opens": "11:59", "closes": "13:00"}],
                },
                {("/windows/1", "windows_overlap")},
            ),
            (
                {"date": FRIDAY, "windows": [{"opens": "10:00", "closes": "11:00"}] * 11},
                {("/windows", "list_too_long")},
            ),
            ({"date": FRIDAY, "windows": [], "reason": "party"}, {("/reason", "wrong_type")}),
            ({"date": FRIDAY, "windows": [], "reason": {"ar": "\0"}}, {("/reason/ar", "invalid_format")}),
            ({"date": FRIDAY, "windows": [], "reason": {"ar": "ا" * 121}}, {("/reason/ar", "too_long")}),
            (
                {"date": FRIDAY, "windows": [], "staff_member_id": NOBODY},
                {("/staff_member_id", "not_found")},
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, body: Any, errors: set[tuple[str, str]]) -> None:
        assert wrong(Desk().post("overrides", body)) == errors

    def test_the_list_is_paged_and_filtered_at_a_fixed_cost(self, django_assert_num_queries: Any) -> None:
        desk = Desk()
        for day in range(1, 8):
            ok(desk.post("overrides", self.BODY | {"date": f"2026-12-{day:02d}"}), 201)
        found = ok(desk.get("overrides", limit=3))
        assert [o["date"] for o in found["items"]] == ["2026-12-01", "2026-12-02", "2026-12-03"]
        rest = ok(desk.get("overrides", limit=50, cursor=found["next_cursor"]))
        assert (len(rest["items"]), rest["next_cursor"]) == (4, None)
        few = ok(desk.get("overrides", **{"from": "2026-12-03", "to": "2026-12-04"}))["items"]
        assert len(few) == 2
        assert ok(desk.get("overrides", staff_member_id=str(desk.staff[0].pk)))["items"] == []

    def test_a_salon_keeps_a_bounded_number_of_coming_overrides(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(operations, "MOST_RULES", 2)
        monkeypatch.setattr(operations._require_room, "__defaults__", (2,))
        desk = Desk()
        Override.objects.create(salon=desk.salon, date="2026-01-01")
        for day in ("2026-12-01", "2026-12-02"):
            ok(desk.post("overrides", self.BODY | {"date": day}), 201)
        refused(desk.post("overrides", self.BODY), 422, "too_many_rules")


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestClosures:
    MOMENTS = {
        "kind": "moments",
        "starts_at": "2026-11-20T12:00:00+03:00",
        "ends_at": "2026-11-20T14:00:00+03:00",
    }
    DAYS = {"kind": "days", "first_date": FRIDAY, "last_date": "2026-11-21"}
    WEEKLY = {"kind": "weekly", "day": "friday", "opens": "12:00", "closes": "13:30"}

    @pytest.mark.parametrize(
        ("body", "left"),
        [(MOMENTS, [(600, 720), (840, 1320)]), (DAYS, []), (WEEKLY, [(600, 720), (810, 1320)])],
    )
    def test_each_kind_takes_its_time_out_of_the_hours_and_gives_it_back(
        self, body: dict[str, Any], left: list[tuple[int, int]]
    ) -> None:
        desk = Desk()
        closure = ok(desk.post("closures", body | {"reason": {"en": "Works"}}), 201)["closure"]
        assert {name: closure[name] for name in body} == body
        assert closure["reason"] == {"ar": None, "en": "Works"}
        assert desk.open_on(FRIDAY) == left
        [listed] = ok(desk.get("closures"))["items"]
        assert listed == closure
        ok(desk.delete(f"closures/{closure['id']}", version=1))
        assert desk.open_on(FRIDAY) == [(600, 1320)]

    def test_leave_and_repairs_have_their_subject(self) -> None:
        desk = Desk()
        room = Resource.objects.create(salon=desk.salon, kind="room", code="1", name_ar="غرفة")
        [noura] = desk.staff
        leave = ok(desk.post("closures", self.DAYS | {"staff_member_id": str(noura.pk)}), 201)["closure"]
        repair = ok(desk.post("closures", self.DAYS | {"resource_id": str(room.pk)}), 201)["closure"]
        assert desk.open_on(FRIDAY) == [(600, 1320)]
        assert ok(desk.get("closures", staff_member_id=str(noura.pk)))["items"] == [leave]
        assert ok(desk.get("closures", resource_id=str(room.pk)))["items"] == [repair]
        both = self.DAYS | {"resource_id": str(room.pk), "staff_member_id": str(noura.pk)}
        assert wrong(desk.post("closures", both)) == {("/resource_id", "invalid_choice")}

    def test_a_change_keeps_what_it_does_not_name(self) -> None:
        desk = Desk()
        weekly = ok(desk.post("closures", self.WEEKLY | {"first_date": FRIDAY}), 201)["closure"]
        path = f"closures/{weekly['id']}"
        changed = ok(desk.patch(path, {"version": 1, "closes": "14:00"}))["closure"]
        assert (changed["opens"], changed["closes"], changed["first_date"]) == ("12:00", "14:00", FRIDAY)
        changed = ok(desk.patch(path, {"version": 2, "first_date": None}))["closure"]
        assert changed["first_date"] is None
        assert wrong(desk.patch(path, {"version": 3, "opens": None})) == {("/opens", "field_required")}
        assert wrong(desk.patch(path, {"version": 3, "kind": "days"})) == {("/kind", "unknown_field")}
        days = ok(desk.post("closures", self.DAYS), 201)["closure"]
        answer = desk.patch(f"closures/{days['id']}", {"version": 1, "last_date": "2026-11-19"})
        assert wrong(answer) == {("/last_date", "ends_before_start")}
        refused(desk.patch(path, {"version": 1, "closes": "15:00"}), 409, "version_conflict")

    @pytest.mark.parametrize(
        ("body", "errors"),
        [
            ({}, {("/kind", "field_required")}),
            ({"kind": "holiday"}, {("/kind", "invalid_choice")}),
            ({"kind": "moments"}, {("/starts_at", "field_required"), ("/ends_at", "field_required")}),
            ({"kind": "days"}, {("/first_date", "field_required"), ("/last_date", "field_required")}),
            (
                {"kind": "weekly"},
                {("/day", "field_required"), ("/opens", "field_required"), ("/closes", "field_required")},
            ),
            (MOMENTS | {"ends_at": MOMENTS["starts_at"]}, {("/ends_at", "ends_before_start")}),
            (MOMENTS | {"ends_at": "2026-11-20T14:00:00"}, {("/ends_at", "offset_required")}),
            (MOMENTS | {"day": "friday"}, {("/day", "unknown_field")}),
            (DAYS | {"last_date": "2026-11-19"}, {("/last_date", "ends_before_start")}),
            (WEEKLY | {"closes_next_day": False, "closes": "11:00"}, {("/closes", "ends_before_start")}),
            (DAYS | {"resource_id": NOBODY}, {("/resource_id", "not_found")}),
        ],
    )
    def test_what_is_wrong_is_named(self, body: Any, errors: set[tuple[str, str]]) -> None:
        assert wrong(Desk().post("closures", body)) == errors


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestSeasons:
    RAMADAN: Any = {
        "name": {"ar": "رمضان", "en": "Ramadan"},
        "hijri": {"from_month": 9, "from_day": 1, "to_month": 9, "to_day": 30},
        "windows": [{"day": "monday", "opens": "21:00", "closes": "02:00"}],
    }
    SUMMER: Any = {
        "name": {"en": "Summer"},
        "dates": {"first_date": "2027-06-01", "last_date": "2027-08-31"},
        "windows": [{"day": "monday", "opens": "16:00", "closes": "22:00"}],
    }

    def test_ramadan_has_its_hours_and_shows_when_it_comes(self) -> None:
        desk = Desk()
        noura = str(desk.staff[0].pk)
        own = {"day": "monday", "opens": "22:00", "closes": "01:00", "staff_member_id": noura}
        body = self.RAMADAN | {"windows": [*self.RAMADAN["windows"], own]}
        season = ok(desk.post("seasons", body), 201)["season"]
        assert season["next_dates"][0] == {"first_date": "2027-02-08", "last_date": "2027-03-08"}
        assert len(season["next_dates"]) == 2
        assert season["dates"] is None
        assert [w["staff_member_id"] for w in season["windows"]] == [None, noura]
        assert desk.open_on("2027-02-08") == [(1260, 1560)]
        assert desk.open_on("2027-02-09") == []
        assert desk.open_on("2027-02-07") == [(600, 1320)]
        assert ok(desk.get("seasons"))["items"] == [season]
        [window, _] = ok(desk.get("working-windows", season_id=season["id"]))["items"]
        assert window["season_id"] == season["id"]

    def test_a_season_can_be_looked_at_before_it_is_added(self) -> None:
        desk = Desk()
        seen = ok(desk.post("seasons", self.RAMADAN, preview="true"), 200)["season"]
        assert (seen["name"], seen["hijri"]) == (self.RAMADAN["name"], self.RAMADAN["hijri"])
        assert not Season.objects.exists()

    def test_a_season_is_changed_in_parts_and_removed_with_its_hours(self) -> None:
        desk = Desk()
        season = ok(desk.post("seasons", self.SUMMER), 201)["season"]
        path = f"seasons/{season['id']}"
        assert (season["hijri"], season["dates"]) == (None, self.SUMMER["dates"])
        renamed = ok(desk.patch(path, {"version": 1, "name": {"ar": "الصيف"}}))["season"]
        assert (renamed["name"], renamed["windows"]) == ({"ar": "الصيف", "en": None}, season["windows"])
        to_hijri = {"version": renamed["version"], "hijri": self.RAMADAN["hijri"]}
        moved = ok(desk.patch(path, to_hijri))["season"]
        assert (moved["dates"], moved["hijri"]) == (None, self.RAMADAN["hijri"])
        daily = [{"day": "tuesday", "opens": "10:00", "closes": "11:00"}]
        changed = ok(desk.patch(path, {"version": moved["version"], "windows": daily}))["season"]
        assert [w["day"] for w in changed["windows"]] == ["tuesday"]
        assert changed["version"] > moved["version"]
        refused(desk.patch(path, {"version": 1, "windows": daily}), 409, "version_conflict")
        ok(desk.delete(path, version=changed["version"]))
        assert not Season.objects.exists()
        assert not WorkingWindow.objects.filter(season__isnull=False).exists()

    @pytest.mark.parametrize(
        ("change", "errors"),
        [
            ({"hijri": None}, {("/hijri", "field_required")}),
            ({"dates": SUMMER["dates"]}, {("/dates", "invalid_choice")}),
            (
                {"hijri": None, "dates": {"first_date": "2027-02-02", "last_date": "2027-02-01"}},
                {("/dates/last_date", "ends_before_start")},
            ),
            ({"hijri": {"from_month": 13}}, {
                ("/hijri/from_month", "too_large"), ("/hijri/from_day", "field_required"),
                ("/hijri/to_month", "field_required"), ("/hijri/to_day", "field_required"),
            }),
            ({"hijri": RAMADAN["hijri"] | {"from_day": "1"}}, {("/hijri/from_day", "wrong_type")}),
            ({"hijri": RAMADAN["hijri"] | {"to_day": 31}}, {("/hijri/to_day", "too_large")}),
            ({"name": {}}, {("/name", "field_blank")}),
            ({"windows": []}, {("/windows", "list_empty")}),
            ({"windows": RAMADAN["windows"] * 2}, {("/windows/1", "windows_overlap")}),
            (
                {"windows": [*RAMADAN["windows"], RAMADAN["windows"][0] | {"staff_member_id": NOBODY}]},
                {("/windows/1/staff_member_id", "not_found")},
            ),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_named(self, change: Any, errors: set[tuple[str, str]]) -> None:
        assert wrong(Desk().post("seasons", self.RAMADAN | change)) == errors

    def test_a_season_of_a_thirtieth_comes_in_the_years_that_have_one(self) -> None:
        last_night = {"hijri": {"from_month": 9, "from_day": 30, "to_month": 9, "to_day": 30}}
        season = ok(Desk().post("seasons", self.RAMADAN | last_night), 201)["season"]
        # The Ramadans before and between these have 29 days.
        assert season["next_dates"] == [
            {"first_date": day, "last_date": day} for day in ("2030-02-03", "2032-01-13")
        ]

    @pytest.mark.parametrize("change", ["added", "changed", "removed", "replaced"])
    def test_whoever_saw_a_season_before_its_windows_changed_does_not_undo_that(self, change: str) -> None:
        desk = Desk()
        season = ok(desk.post("seasons", self.RAMADAN), 201)["season"]
        [window] = ok(desk.get("working-windows", season_id=season["id"]))["items"]
        path = f"working-windows/{window['id']}"
        more = {"day": "tuesday", "opens": "10:00", "closes": "11:00"}
        ok(
            {
                "added": lambda: desk.post("working-windows", more | {"season_id": season["id"]}),
                "changed": lambda: desk.patch(path, {"version": 1, "closes": "03:00"}),
                "removed": lambda: desk.delete(path, version=1),
                "replaced": lambda: desk.put(
                    "working-windows", {"season_id": season["id"], "windows": [more]}
                ),
            }[change](),
            201 if change == "added" else 200,
        )
        stale = {"version": season["version"], "windows": self.RAMADAN["windows"]}
        told = refused(desk.patch(f"seasons/{season['id']}", stale), 409, "version_conflict")
        assert told["current"] == ok(desk.get("seasons"))["items"][0]

    def test_replacing_its_week_does_not_empty_a_season(self) -> None:
        desk = Desk()
        season = ok(desk.post("seasons", self.RAMADAN), 201)["season"]
        body = {"season_id": season["id"], "windows": []}
        assert wrong(desk.put("working-windows", body)) == {("/windows", "list_empty")}
        ok(desk.put("working-windows", body | {"staff_member_id": str(desk.staff[0].pk)}))
        assert ok(desk.get("seasons"))["items"] == [season]

    def test_the_list_costs_the_same_however_many(self, django_assert_num_queries: Any) -> None:
        from django.test.utils import CaptureQueriesContext

        desk = Desk()
        ok(desk.post("seasons", self.SUMMER), 201)
        with CaptureQueriesContext(connection) as one:
            ok(desk.get("seasons"))
        for _ in range(3):
            ok(desk.post("seasons", self.RAMADAN), 201)
        with CaptureQueriesContext(connection) as four:
            ok(desk.get("seasons"))
        assert len(one) == len(four)

    def test_a_salon_has_a_bounded_number_of_seasons(self) -> None:
        desk = Desk()
        for _ in range(operations.MOST_SEASONS):
            Season.objects.create(salon=desk.salon, first_date="2027-01-01", last_date="2027-01-02")
        refused(desk.post("seasons", self.SUMMER), 422, "too_many_rules")


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestHolidays:
    @pytest.mark.parametrize(("language", "name"), [("ar", "اليوم الوطني"), ("en", "National Day")])
    def test_the_coming_year_is_a_list_of_questions(self, language: str, name: str) -> None:
        desk = Desk(language=language)
        items = ok(desk.get("holidays"))["items"]
        assert [item["code"] for item in items] == [
            "founding_day",
            "eid_al_fitr",
            "eid_al_adha",
            "national_day",
        ]
        national = items[-1]
        assert name in national["name"]
        assert national["days"] == [
            {
                "date": "2027-09-23",
                "windows": [{"opens": "10:00", "closes": "22:00", "closes_next_day": False}],
            }
        ]
        assert not any(item["confirmed"] for item in items)
        body = {"date": "2027-09-23", "windows": [{"opens": "10:00", "closes": "22:00"}]}
        ok(desk.post("overrides", body), 201)
        assert ok(desk.get("holidays"))["items"][-1]["confirmed"]


def admin(language: str = "ar") -> Api:
    user = UserFactory.create()
    PlatformRole.objects.create(user=user, role="platform_admin")
    return Api(user, language=language)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
class TestHijriMonths:
    @pytest.mark.parametrize(("language", "name"), [("ar", "رمضان"), ("en", "Ramadan")])
    def test_the_platform_sees_when_months_begin_and_records_a_sighting(
        self, language: str, name: str
    ) -> None:
        api = admin(language)
        months = ok(api.get("platform/hijri-months", **{"from": "٢٠٢٧-٠٢-٢٠"}))["items"]
        assert len(months) == 14
        assert months[0] == {
            "year": 1448,
            "month": 9,
            "name": name,
            "computed_first_date": "2027-02-08",
            "first_date": "2027-02-08",
            "last_date": "2027-03-08",
            "days": None,
        }
        shifted = ok(api.send("PUT", "platform/hijri-months/1448/9", body={"days": 1}))
        assert shifted["hijri_month"]["first_date"] == "2027-02-09"
        assert shifted["affected_total"] == 0
        months = ok(api.get("platform/hijri-months", **{"from": "2027-02-08"}))["items"]
        assert (months[0]["month"], months[0]["last_date"]) == (8, "2027-02-08")
        assert (months[1]["days"], months[1]["computed_first_date"]) == (1, "2027-02-08")
        row = HijriShift.objects.get()
        assert (row.hijri_year, row.hijri_month, row.days) == (1448, 9, 1)
        assert row.decided_by is not None
        ok(api.send("PUT", "platform/hijri-months/1448/9", body={"days": 0}))
        assert HijriShift.objects.get().days == 0
        assert gregorian_range(1448, 9)[0] == date(2027, 2, 8)

    def test_a_preview_records_nothing(self) -> None:
        body = {"days": -1, "preview": True}
        shown = ok(admin().send("PUT", "platform/hijri-months/1448/9", body=body))
        assert shown["hijri_month"]["first_date"] == "2027-02-07"
        assert not HijriShift.objects.exists()

    @pytest.mark.parametrize(
        ("path", "body", "status", "code"),
        [
            ("1448/13", {"days": 1}, 404, "not_found"),
            ("1300/9", {"days": 1}, 404, "not_found"),
            ("1448/9", {"days": 2}, 400, "validation_failed"),
            ("1448/9", {"days": "1"}, 400, "validation_failed"),
            ("1448/9", {}, 400, "validation_failed"),
        ],
    )
    def test_what_is_wrong_is_refused(self, path: str, body: Any, status: int, code: str) -> None:
        refused(admin().send("PUT", f"platform/hijri-months/{path}", body=body), status, code)

    def test_days_outside_the_tables_are_refused(self) -> None:
        answer = admin().get("platform/hijri-months", **{"from": "2090-01-01"})
        assert wrong(answer) == {("from", "date_out_of_range")}

    def test_owners_do_not_move_the_moon(self) -> None:
        desk = Desk()
        refused(desk.api.get("platform/hijri-months"), 403, "permission_denied")
        answer = desk.api.send("PUT", "platform/hijri-months/1448/9", body={"days": 1})
        refused(answer, 403, "permission_denied")


@pytest.mark.django_db(transaction=True)
def test_two_owners_editing_one_window_at_once_leave_one_edit() -> None:
    desk = Desk(weekdays=(1,))
    window = WorkingWindow.objects.get(salon=desk.salon)
    edit = partial(operations.change_window, salon=desk.salon, window_id=window.pk, version=1)
    outcomes = race(
        partial(edit, window=WeeklyWindow(1, 600, 700)), partial(edit, window=WeeklyWindow(1, 600, 800))
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["VersionConflict", "WorkingWindow"]
    window.refresh_from_db()
    assert window.version == 2


@pytest.mark.django_db(transaction=True)
def test_two_owners_adding_overlapping_windows_at_once_leave_one() -> None:
    desk = Desk(weekdays=())
    add = partial(operations.add_window, salon=desk.salon, staff_member_id=None, season_id=None)
    outcomes = race(*(partial(add, window=WeeklyWindow(1, 600 + 10 * n, 700 + 10 * n)) for n in range(4)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        *["ValidationFailed"] * 3,
        "WorkingWindow",
    ]


@pytest.mark.django_db(transaction=True)
def test_witness_without_the_salons_lock_both_windows_are_written(monkeypatch: Any) -> None:
    import threading

    desk = Desk(weekdays=())
    looked = threading.Barrier(2)
    monkeypatch.setattr(operations, "lock_salon", lambda salon: salon)
    real = operations._require_room

    def wait(rows: Any, *most: int) -> None:
        real(rows, *most)
        looked.wait(20)

    monkeypatch.setattr(operations, "_require_room", wait)
    add = partial(operations.add_window, salon=desk.salon, staff_member_id=None, season_id=None)
    race(*(partial(add, window=WeeklyWindow(1, 600 + n, 700 + n)) for n in range(2)))
    assert WorkingWindow.objects.filter(salon=desk.salon).count() == 2


@pytest.mark.django_db
def test_the_database_refuses_rules_that_make_no_sense() -> None:
    salon, _, _ = open_salon(weekdays=())
    nonsense: list[tuple[Any, dict[str, Any]]] = [
        (WorkingWindow, {"weekday": 8, "opens_minute": 0, "closes_minute": 60}),
        (WorkingWindow, {"weekday": 1, "opens_minute": 60, "closes_minute": 60}),
        (Season, {"first_date": "2027-01-02", "last_date": "2027-01-01"}),
        (Closure, {"kind": "days"}),
        (Closure, {"kind": "moments"}),
    ]
    for kind, columns in nonsense:
        with pytest.raises(IntegrityError), transaction.atomic():
            kind.objects.create(salon=salon, **columns)
