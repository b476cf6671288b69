"""What the system knew when it refused somebody a time, kept for 90 days without who it was."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core.serializers import serialize
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import PlatformRole
from backend.bookings import operations
from backend.bookings.models import Booking, Refusal
from backend.bookings.operations import remembering
from backend.core import jobs
from backend.core.limits import Limit
from backend.salons.models import Salon, SalonStatus
from tests.bookings.visits import item, visit, why
from tests.factories import UserFactory, employ, open_salon, variant
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
SUNDAY = "2026-11-22"
MONDAY = "2026-11-23"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time("2026-11-19T15:03:00Z") as frozen:  # Thursday 18:03 in Riyadh
        yield frozen


def at(time: str, day: str = SUNDAY) -> str:
    return f"{day}T{time}:00+03:00"


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True} | more)


def book(phone: Api, salon: Any, services: Any, time: str = "12:00") -> dict[str, Any]:
    return ok(phone.post("bookings", visit(salon, services, at(time))), 201)


def somebody() -> Api:
    return Api(UserFactory.create())


def kept() -> list[tuple[str, str, list[str]]]:
    """How, for which start and why, in the order it was written down."""
    return [
        (row.asked, f"{row.starts_at:%Y-%m-%dT%H:%MZ}", row.reasons) for row in Refusal.objects.order_by("pk")
    ]


def walk_in(salon: Any, service: Any, starts_at: str, **more: Any) -> dict[str, Any]:
    return {
        "items": [item(service, more.pop("by", None))],
        "starts_at": starts_at,
        "guest": {"name": "هند"},
    } | more


# What is kept


def test_every_door_keeps_what_it_refused() -> None:
    salon, service, [noura] = open_now()
    phone, desk = somebody(), Api(employ(salon))
    booking = book(phone, salon, service)
    other = book(somebody(), salon, service, "15:00")
    taken = at("15:00")
    move = {"version": 1, "starts_at": taken, "staff_member_id": str(noura.pk)}
    for path, body in (
        ("quotes", visit(salon, service, taken)),
        ("bookings", visit(salon, service, taken)),
        (f"bookings/{booking['id']}/reschedule", move),
    ):
        refused(phone.post(path, body), 409, "slot_unavailable")
    for path, body in (
        (f"manage/salons/{salon.slug}/bookings", walk_in(salon, service, taken, by=noura)),
        (f"manage/bookings/{booking['id']}/reschedule", move),
    ):
        refused(desk.post(path, body), 409, "slot_unavailable")

    assert other["starts_at"] == taken
    rows = list(Refusal.objects.order_by("pk"))
    assert [row.asked for row in rows] == ["quote", "create", "reschedule", "walk_in", "reschedule"]
    version = Salon.objects.get(pk=salon.pk).catalogue_version
    for row in rows:
        assert row.salon_id == salon.pk
        assert row.at == timezone.now()
        assert f"{row.starts_at:%Y-%m-%dT%H:%MZ}" == "2026-11-22T12:00Z"
        assert row.service_ids == [service.pk]
        assert row.reasons == ["slot_unavailable"]
        assert row.catalogue_version == version
    assert [row.staff_ids for row in rows] == [[], [], *[[noura.pk]] * 3]


def test_all_reasons_are_kept_as_they_were_explained() -> None:
    salon, service, _ = open_now(min_notice_minutes=0)
    wished = at("09:05", "2026-11-18")  # yesterday, before opening, between two steps of the grid
    explained = why(salon, service, at=wished)
    assert len(explained) > 1
    told = refused(somebody().post("bookings", visit(salon, service, wished)), 422, explained[0])
    assert told["params"]["reasons"] == explained
    assert kept() == [("create", "2026-11-18T06:05Z", explained)]


def test_a_booking_moved_into_the_past_or_asked_of_a_suspended_salon_is_kept_too() -> None:
    salon, service, _ = open_now()
    phone, desk = somebody(), Api(employ(salon))
    booking = book(phone, salon, service)
    body = {"version": 1, "starts_at": at("12:00", "2026-11-18")}
    refused(phone.post(f"bookings/{booking['id']}/reschedule", body), 422, "past_time")
    Salon.objects.filter(pk=salon.pk).update(status=SalonStatus.SUSPENDED)
    refused(
        desk.post(f"manage/salons/{salon.slug}/bookings", walk_in(salon, service, at("15:00"))),
        422,
        "salon_not_live",
    )
    assert kept() == [
        ("reschedule", "2026-11-18T09:00Z", ["past_time"]),
        ("walk_in", "2026-11-22T12:00Z", ["salon_not_live"]),
    ]


def test_what_is_granted_or_refused_for_another_cause_leaves_nothing() -> None:
    salon, service, _ = open_salon(deposit_percent=0)  # answers by hand, for women
    phone = somebody()
    booking = book(phone, salon, service)
    ok(phone.post("quotes", visit(salon, service, at("15:00"))))
    man = Api(UserFactory.create(gender="male"))
    refused(man.post("bookings", visit(salon, service, at("15:00"))), 422, "women_only")
    body = visit(salon, service, at("15:00"), expected_total_minor=1)
    refused(phone.post("bookings", body), 422, "amount_changed")
    unknown = visit(salon, service, at("15:00")) | {"salon_id": str(uuid.uuid4())}
    for path in ("quotes", "bookings"):
        refused(phone.post(path, unknown), 400, "validation_failed")
    stale = {"version": 7, "starts_at": at("15:00")}
    refused(phone.post(f"bookings/{booking['id']}/reschedule", stale), 409, "version_conflict")
    assert kept() == []


def test_nothing_of_whoever_was_refused_is_in_the_row() -> None:
    salon, service, _ = open_now()
    customer = UserFactory.create(name="نورة العتيبي", phone="+966512345678")
    receptionist = employ(salon)
    phone, desk = Api(customer), Api(receptionist)
    booking = book(phone, salon, service)
    book(somebody(), salon, service, "15:00")
    wish = visit(salon, service, at("15:00"), note="حساسية من الصبغة")
    refused(phone.post("bookings", wish), 409, "slot_unavailable")
    move = {"version": 1, "starts_at": at("15:00"), "reason": "زحمة"}
    refused(phone.post(f"bookings/{booking['id']}/reschedule", move), 409, "slot_unavailable")
    guest = {"name": "هند الحربي", "phone": "0598765432"}
    body = walk_in(salon, service, at("15:00"), guest=guest, note="حساسية")
    refused(desk.post(f"manage/salons/{salon.slug}/bookings", body), 409, "slot_unavailable")

    rows = serialize("json", Refusal.objects.all(), ensure_ascii=False)
    assert len(json.loads(rows)) == 3
    for trace in (
        *("نورة", "العتيبي", "هند", "512345678", "598765432", "حساسية", "زحمة"),
        *(str(customer.pk), str(receptionist.pk), booking["id"], booking["reference"]),
    ):
        assert trace not in rows


def test_a_refused_request_sent_again_is_refused_and_kept_again() -> None:
    salon, service, _ = open_now()
    book(somebody(), salon, service)
    phone, key = somebody(), uuid.uuid4()
    for _ in range(2):
        refused(phone.post("bookings", visit(salon, service, at("12:00")), key=key), 409, "slot_unavailable")
    assert kept() == [("create", "2026-11-22T09:00Z", ["slot_unavailable"])] * 2


@pytest.mark.django_db(transaction=True)
def test_a_refusal_outlives_the_transaction_that_refused() -> None:
    salon, service, _ = open_now()
    book(somebody(), salon, service)
    phone, desk = somebody(), Api(employ(salon))
    refused(phone.post("bookings", visit(salon, service, at("12:00"))), 409, "slot_unavailable")
    body = walk_in(salon, service, at("12:00"))
    refused(desk.post(f"manage/salons/{salon.slug}/bookings", body), 409, "slot_unavailable")
    assert [asked for asked, *_ in kept()] == ["create", "walk_in"]
    assert Booking.objects.count() == 1


def test_a_refusal_that_cannot_be_kept_is_answered_all_the_same(caplog: Any) -> None:
    salon, service, _ = open_now()
    book(somebody(), salon, service)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bookings_refusal RENAME TO bookings_refusal_away")
    refused(somebody().post("bookings", visit(salon, service, at("12:00"))), 409, "slot_unavailable")
    assert "a refusal could not be kept" in caplog.text


def test_one_person_cannot_fill_the_table(monkeypatch: Any, clock: Any) -> None:
    bound = Limit("refusals-kept", 2, remembering.KEPT_OF_ONE_PERSON.window, scaled=False)
    monkeypatch.setattr(remembering, "KEPT_OF_ONE_PERSON", bound)
    salon, service, _ = open_now()
    book(somebody(), salon, service)
    wish = visit(salon, service, at("12:00"))
    flood, other = UserFactory.create(), somebody()
    for _ in range(4):
        refused(Api(flood).post("quotes", wish), 409, "slot_unavailable")
    assert len(kept()) == 2
    refused(other.post("quotes", wish), 409, "slot_unavailable")
    assert len(kept()) == 3
    clock.tick(timedelta(days=1))
    refused(Api(flood).post("quotes", wish), 409, "slot_unavailable")
    assert len(kept()) == 4


def test_after_ninety_days_nobody_asks_any_more(clock: Any) -> None:
    salon, service, _ = open_now()
    book(somebody(), salon, service)
    refused(somebody().post("quotes", visit(salon, service, at("12:00"))), 409, "slot_unavailable")
    clock.tick(timedelta(hours=7))
    refused(somebody().post("quotes", visit(salon, service, at("12:30"))), 409, "slot_unavailable")
    purge = jobs.registered()["purge-refusals"]
    clock.tick(timedelta(days=90) - timedelta(hours=7))
    assert purge(timezone.now()) == 0
    clock.tick(timedelta(hours=6, seconds=1))
    assert purge(timezone.now()) == 1
    assert [starts for _, starts, _ in kept()] == ["2026-11-22T09:30Z"]


# What a salon sees of it


@pytest.mark.parametrize(
    ("language", "cut", "long", "person", "detail"),
    [
        ("ar", "قص شعر", "قص شعر – شعر طويل", "نورة", "الوقت المختار"),
        ("en", "Haircut", "Haircut – Long hair", "Noura", "The chosen time is outside working hours."),
    ],
)
def test_a_manager_sees_which_wishes_were_turned_away(
    language: str, cut: str, long: str, person: str, detail: str, clock: Any
) -> None:
    salon, service, [noura] = open_now()
    refused(somebody().post("quotes", visit(salon, service, at("08:00"))), 422, "outside_hours")
    clock.tick(timedelta(minutes=1))
    long_hair = variant(service)
    wish = visit(salon, long_hair, at("08:00", MONDAY)) | {"items": [item(long_hair, noura)]}
    refused(somebody().post("bookings", wish), 422, "outside_hours")
    elsewhere, theirs, _ = open_now()
    refused(somebody().post("quotes", visit(elsewhere, theirs, at("08:00"))), 422, "outside_hours")

    desk = Api(employ(salon, "manager"), language=language)
    page = ok(desk.get(f"manage/salons/{salon.slug}/refusals"))
    assert page["next_cursor"] is None
    latest, first = page["items"]
    assert latest | {"reasons": []} == {
        "at": at("18:04", "2026-11-19"),
        "asked": "create",
        "starts_at": at("08:00", MONDAY),
        "services": [{"id": str(long_hair.pk), "name": long}],
        "staff": [{"id": str(noura.pk), "name": person}],
        "reasons": [],
    }
    assert (first["asked"], first["services"][0]["name"], first["staff"]) == ("quote", cut, [])
    assert [reason["code"] for reason in first["reasons"]] == ["outside_hours"]
    assert detail in first["reasons"][0]["detail"]


def test_refusals_come_by_day_and_page_by_page(clock: Any) -> None:
    salon, service, _ = open_now()
    for _ in range(3):
        refused(somebody().post("quotes", visit(salon, service, at("08:00"))), 422, "outside_hours")
    clock.move_to("2026-11-19T20:59:00Z")  # the last minute of the day in Riyadh
    refused(somebody().post("quotes", visit(salon, service, at("08:05"))), 422, "outside_hours")
    clock.move_to("2026-11-19T21:00:00Z")
    refused(somebody().post("quotes", visit(salon, service, at("08:10"))), 422, "outside_hours")
    desk = Api(employ(salon, "owner"))
    address = f"manage/salons/{salon.slug}/refusals"
    assert len(ok(desk.get(address))["items"]) == 5
    [late] = ok(desk.get(address, date="٢٠٢٦-١١-٢٠"))["items"]
    assert late["starts_at"] == at("08:10")
    page = ok(desk.get(address, date="2026-11-19", limit=3))
    rest = ok(desk.get(address, date="2026-11-19", limit=3, cursor=page["next_cursor"]))
    starts = [one["starts_at"] for one in (*page["items"], *rest["items"])]
    assert starts == [at("08:05"), *[at("08:00")] * 3]
    assert rest["next_cursor"] is None
    for wrong in ({"date": "yesterday"}, {"day": "2026-11-19"}, {"cursor": "x"}):
        refused(desk.get(address, **wrong), 400, "validation_failed")


def test_only_owners_and_managers_of_the_salon_see_them() -> None:
    salon, *_ = open_now()
    elsewhere, *_ = open_now()
    address = f"manage/salons/{salon.slug}/refusals"
    for role in ("staff", "receptionist"):
        refused(Api(employ(salon, role)).get(address), 403, "permission_denied")
    refused(Api(employ(elsewhere, "owner")).get(address), 403, "permission_denied")
    refused(Api().get(address), 401, "auth_required")
    for role in ("manager", "owner"):
        assert ok(Api(employ(salon, role)).get(address)) == {"items": [], "next_cursor": None}


def test_the_list_asks_no_more_for_more_refusals() -> None:
    salon, service, people = open_now(staff=3)
    desk = Api(employ(salon, "manager"))

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            ok(desk.get(f"manage/salons/{salon.slug}/refusals"))
        return len(found)

    def refuse(person: Any) -> None:
        wish = visit(salon, service, at("08:00")) | {"items": [item(service, person)]}
        refused(somebody().post("quotes", wish), 422, "outside_hours")

    refuse(people[0])
    before = queries()
    for person in people * 3:
        refuse(person)
    assert queries() == before


def test_a_wish_for_what_the_salon_does_not_have_is_shown_without_it() -> None:
    salon, _service, _ = open_now()
    Salon.objects.filter(pk=salon.pk).update(status=SalonStatus.SUSPENDED)
    _, foreign, _ = open_now(service={"name_ar": "سر"})
    desk = Api(employ(salon, "manager"))
    body = walk_in(salon, foreign, at("15:00"))
    refused(desk.post(f"manage/salons/{salon.slug}/bookings", body), 422, "salon_not_live")
    [shown] = ok(desk.get(f"manage/salons/{salon.slug}/refusals"))["items"]
    assert (shown["services"], shown["reasons"][0]["code"]) == ([], "salon_not_live")


# What a desk sees of one booking


@pytest.mark.parametrize(("language", "before", "after"), [("ar", "نورة", "هدى"), ("en", "Noura", "Huda")])
def test_the_desk_sees_who_changed_what(language: str, before: str, after: str) -> None:
    salon, service, [noura, huda] = open_now(staff=2)
    huda.name_ar, huda.name_en = "هدى", "Huda"
    huda.save()
    customer, receptionist = (
        UserFactory.create(name="سارة"),
        employ(salon, user=UserFactory.create(name="ريم")),
    )
    phone, desk = Api(customer), Api(receptionist, language=language)
    wish = visit(salon, service, at("12:00")) | {"items": [item(service, noura)]}
    booking = ok(phone.post("bookings", wish), 201)
    body = {"version": 1, "starts_at": at("12:30"), "staff_member_id": str(huda.pk), "reason": "نورة مريضة"}
    ok(desk.post(f"manage/bookings/{booking['id']}/reschedule", body))

    created, moved = ok(desk.get(f"manage/bookings/{booking['id']}/events"))["items"]
    assert (created["verb"], created["actor"], created["actor_name"]) == ("create", "customer", "سارة")
    assert set(created["changes"].values()) == {None}
    assert (moved["verb"], moved["actor"], moved["actor_name"], moved["reason"]) == (
        *("reschedule", "salon", "ريم"),
        "نورة مريضة",
    )
    assert moved["changes"] == {
        "starts_at": {"before": at("12:00"), "after": at("12:30")},
        "staff": {
            "before": [{"id": str(noura.pk), "name": before}],
            "after": [{"id": str(huda.pk), "name": after}],
        },
        "resources": None,
        "lane": None,
    }
    # The customer's own list says no names.
    assert all("actor_name" not in e for e in ok(phone.get(f"bookings/{booking['id']}/events"))["items"])


def test_an_added_visit_shows_its_lane_and_the_platforms_people_stay_nameless() -> None:
    salon, service, [noura] = open_now()
    owner = employ(salon, "owner")
    book(somebody(), salon, service)
    desk = Api(owner)
    body = walk_in(salon, service, at("12:00"), by=noura, overbook_reason="ضيفة")
    added = ok(desk.post(f"manage/salons/{salon.slug}/bookings", body), 201)
    assert kept() == []  # nobody was turned away
    operator = UserFactory.create(name="مشغل")
    PlatformRole.objects.create(user=operator, role="platform_admin")
    operations.cancel(
        bookings=Booking.objects.all(),
        booking_id=uuid.UUID(added["id"]),
        actor=operations.by_salon(operator),
        version=1,
        now=timezone.now(),
    )
    created, cancelled = ok(desk.get(f"manage/bookings/{added['id']}/events"))["items"]
    assert (created["changes"]["lane"], created["reason"]) == ({"before": 0, "after": 1}, "ضيفة")
    assert created["actor_name"] == owner.name
    assert (cancelled["actor"], cancelled["actor_name"]) == ("salon", None)
