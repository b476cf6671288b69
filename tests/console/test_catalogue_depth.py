"""The rest of the catalogue in the console: numbers, variants, resources, seasons, closures, sightings and photos."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from backend.core.hijri import gregorian_range, hijri_of
from backend.core.time import RIYADH
from backend.salons.models import (
    Business,
    City,
    Closure,
    District,
    HijriShift,
    Membership,
    Override,
    Photo,
    Resource,
    Salon,
    SalonEvent,
    Season,
    Service,
    StaffMember,
    WorkingWindow,
)
from tests.console.helpers import World, act, address, browser, operator, rows_below, said
from tests.console.test_catalogue import errors_of, salon, saved, service
from tests.factories import DistrictFactory, ResourceFactory, open_salon, variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Any:
    return browser(operator("platform_admin"), language="en")


def change(client: Any, row: Any, body: dict[str, str]) -> Any:
    """Send a page back with these values, the rows below it untouched."""
    url = address(type(row), "change", row.pk)
    return client.post(url, rows_below(client.get(url)) | body)


def fresh(row: Any) -> Any:
    row.refresh_from_db()
    return row


# Where -------------------------------------------------------------------------------------------


def test_numbers_of_authorities_are_read_as_people_write_them(client: Any) -> None:
    body = {
        "name_ar": "مؤسسة",
        "name_en": "Est.",
        "commission_basis_points": "٢٥٠",
        "standing_steps": "30,50",
        "standing_days": "١٨٠",
        "no_show_marks": "2",
        "late_cancel_marks": "1",
        "vat_number": "٣٠٠ ٠٠٠ ٠٠٠ ٠٠٠ ٠٠٣",
    }
    saved(client.post(address(Business, "add"), body | {"commercial_registration": "1010-123456"}))
    made = Business.objects.get(name_en="Est.")
    assert (made.vat_number, made.commercial_registration) == ("300000000000003", "1010123456")
    wrong = client.post(
        address(Business, "add"), body | {"vat_number": "123", "commercial_registration": "x"}
    )
    assert set(errors_of(wrong)) == {"vat_number", "commercial_registration"}
    assert "300000000000003" in errors_of(wrong)["vat_number"][0], "an example says what is expected"


def test_a_salon_has_all_of_its_address_licence_and_prayers(client: Any, world: World) -> None:
    body = salon(
        world, building_number="٢٩٢٩", postal_code="12211", secondary_number="8118", short_address="rrrd 2929",
        licence_number="4400 1234", licence_expires_on="٢٠٢٧-٠١-٣١", latitude="24.70", longitude="46.70",
        prayer_pause="chosen", prayer_pause_minutes="٢٥", services_may_span_pauses="on",
    )  # fmt: skip
    saved(change(client, world.salon, body | {"pause_prayers": ["isha", "asr"]}))  # type: ignore[dict-item]
    row = fresh(world.salon)
    assert (row.building_number, row.short_address, row.licence_number) == ("2929", "RRRD2929", "44001234")
    assert (row.pause_prayers, row.prayer_pause_minutes, row.services_may_span_pauses) == (
        ["asr", "isha"],
        25,
        True,
    )


def test_what_does_not_fit_together_is_said_at_its_field(client: Any, world: World) -> None:
    jeddah = City.objects.create(slug="jeddah", name_ar="جدة", name_en="Jeddah")
    elsewhere = DistrictFactory.create(slug="jeddah-x", city=jeddah)
    StaffMember.objects.update(gender="female")
    for field, wrong in {
        "district": {"district": elsewhere.pk},
        "longitude": {"latitude": "24.7"},
        "latitude": {"latitude": "46.7", "longitude": "24.7"},
        "pause_prayers": {"prayer_pause": "chosen"},
        "audience": {"audience": "men"},
        "postal_code": {"postal_code": "123"},
    }.items():
        answer = change(client, world.salon, salon(world, **wrong))
        assert list(errors_of(answer)) == [field]
    answer = change(client, world.salon, salon(world, horizon_days="500"))
    assert "366" in answer.content.decode()
    assert fresh(world.salon).version == 1


def test_a_district_belongs_to_a_city(client: Any, world: World) -> None:
    body = {
        "slug": "riyadh-malqa",
        "city": "riyadh",
        "name_ar": "حي الملقا",
        "name_en": "Al Malqa",
        "position": "2",
    }
    saved(client.post(address(District, "add"), body))
    assert District.objects.get(pk="riyadh-malqa").city_id == "riyadh"


def test_a_salons_page_tells_its_moves_and_who_made_them(client: Any, world: World) -> None:
    assert "reason" in said(act(client, Salon, "suspend", world.salon))[0]
    act(client, Salon, "suspend", world.salon, reason="شكوى قيد المراجعة")
    event = SalonEvent.objects.latest("id")
    assert (event.from_status, event.to_status, event.reason) == ("live", "suspended", "شكوى قيد المراجعة")
    assert event.actor.platform_roles == {"platform_admin"}
    page = client.get(address(Salon, "change", world.salon.pk)).content.decode()
    assert "شكوى قيد المراجعة" in page
    world.booking.refresh_from_db()
    assert world.booking.state == "requested", "what was promised stays"


# What and who ------------------------------------------------------------------------------------


def test_a_variant_is_added_below_its_service_and_takes_the_rest_from_it(client: Any, world: World) -> None:
    body = service(world, salon=str(world.salon.pk), variant_of=str(world.service.pk), name_en="Long hair")
    wrong = errors_of(client.post(address(Service, "add"), body | {"deposit_percent": "10"}))
    assert list(wrong) == ["deposit_percent"]
    stranger = open_salon()[1]
    wrong = errors_of(client.post(address(Service, "add"), body | {"variant_of": str(stranger.pk)}))
    assert list(wrong) == ["variant_of"]
    saved(client.post(address(Service, "add"), body))
    made = Service.objects.get(name_en="Long hair")
    assert (made.variant_of, made.category_id) == (world.service, world.service.category_id)
    below = errors_of(client.post(address(Service, "add"), body | {"variant_of": str(made.pk)}))
    assert list(below) == ["variant_of"]
    assert "Long hair" in client.get(address(Service, "change", world.service.pk)).content.decode()


def test_the_wait_inside_a_service_ends_before_it_does(client: Any, world: World) -> None:
    gap = {"processing_starts_minute": "15", "processing_minutes": "٢٠"}
    saved(change(client, world.service, service(world, **gap)))
    assert fresh(world.service).processing_minutes == 20
    answer = change(client, world.service, service(world, **gap | {"processing_minutes": "40"}))
    assert errors_of(answer)
    assert "inside the service" in answer.content.decode()


def test_what_a_service_needs_is_edited_below_it_and_raises_its_version(client: Any, world: World) -> None:
    rows = {"needs-TOTAL_FORMS": "2", "needs-1-id": "", "needs-1-service": str(world.service.pk)}
    wrong = change(
        client, world.service, service(world) | _shown(client, world.service) | rows | {"needs-1-kind": "A b"}
    )
    assert "small Latin letters" in wrong.content.decode()
    saved(
        change(
            client,
            world.service,
            service(world) | _shown(client, world.service) | rows | {"needs-1-kind": "chair"},
        )
    )
    assert set(world.service.needs.values_list("kind", flat=True)) == {"room", "chair"}
    assert fresh(world.service).version == 2


def _shown(client: Any, row: Any) -> dict[str, str]:
    return rows_below(client.get(address(type(row), "change", row.pk)))


def test_a_salon_for_women_employs_nobody_who_declared_to_be_a_man(client: Any, world: World) -> None:
    body = {
        "name_ar": "سارة", "name_en": "Sara", "title_ar": "", "title_en": "", "is_active": "on", "position": "0",
        "languages": "AR, en, en",
    }  # fmt: skip
    assert list(errors_of(change(client, world.member, body | {"gender": "male"}))) == ["gender"]
    assert list(errors_of(change(client, world.member, body | {"languages": "klingon"}))) == ["languages"]
    assert list(errors_of(change(client, world.member, body | {"languages": "qqq"}))) == ["languages"]
    saved(change(client, world.member, body | {"gender": "female", "max_bookings_per_day": "٤"}))
    row = fresh(world.member)
    assert (row.gender, row.languages, row.max_bookings_per_day) == ("female", ["ar", "en"], 4)


def test_a_code_on_a_door_is_there_once_also_when_it_changes(client: Any, world: World) -> None:
    body = {
        "kind": "room", "code": "R-7", "name_ar": "غرفة", "name_en": "Room", "attributes": '{"floor": 2}',
        "is_active": "on", "position": "0",
    }  # fmt: skip
    saved(client.post(address(Resource, "add"), body | {"salon": str(world.salon.pk)}))
    assert errors_of(client.post(address(Resource, "add"), body | {"salon": str(world.salon.pk)}))
    other = ResourceFactory.create(salon=world.salon, code="R-8")
    assert errors_of(change(client, other, body))
    assert errors_of(change(client, other, body | {"code": "R-9", "kind": "Room one"}))
    for wrong in ("[1]", '{"a": {"b": 1}}', "nonsense"):
        assert errors_of(change(client, other, body | {"code": "R-9", "attributes": wrong}))["attributes"]
    saved(change(client, other, body | {"code": "R-9"}))
    assert (fresh(other).code, other.attributes, other.version) == ("R-9", {"floor": 2}, 2)


# When --------------------------------------------------------------------------------------------


def test_hours_that_overlap_are_refused_also_across_midnight(client: Any, world: World) -> None:
    body = {"salon": str(world.salon.pk), "staff_member": str(world.member.pk), "weekday": "6"}
    late = body | {"opens_minute": "16:00", "closes_minute": "26:00"}
    saved(client.post(address(WorkingWindow, "add"), late))
    sunday = body | {"weekday": "7", "opens_minute": "01:00", "closes_minute": "05:00"}
    assert list(errors_of(client.post(address(WorkingWindow, "add"), sunday))) == ["opens_minute"]
    in_season = sunday | {"season": str(world.season.pk)}
    saved(client.post(address(WorkingWindow, "add"), in_season))
    saved(client.post(address(WorkingWindow, "add"), sunday | {"opens_minute": "02:00"}))
    window = WorkingWindow.objects.get(weekday=7, opens_minute=120)
    assert errors_of(
        change(client, window, {"weekday": "7", "opens_minute": "01:30", "closes_minute": "05:00"})
    )
    saved(change(client, window, {"weekday": "7", "opens_minute": "03:00", "closes_minute": "05:00"}))
    assert (fresh(window).opens_minute, window.version) == (180, 2)
    assert list(
        errors_of(client.post(address(WorkingWindow, "add"), late | {"season": str(_elsewhere().pk)}))
    ) == ["season"]


def _elsewhere() -> Season:
    return Season.objects.create(
        salon=open_salon()[0], first_date="2026-12-01", last_date="2026-12-02", name_ar="ش", name_en="w"
    )


def test_a_season_is_hijri_or_two_dates(client: Any, world: World) -> None:
    body = {"salon": str(world.salon.pk), "name_ar": "الصيف", "name_en": "Summer"}
    rows = {f"windows-{name}_FORMS": "0" for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
    dates = {"first_date": "٢٠٢٧-٠٦-٠١", "last_date": "2027-08-31"}
    hijri = {"hijri_from_month": "9", "hijri_from_day": "1", "hijri_to_month": "9", "hijri_to_day": "30"}

    def errors(values: dict[str, str]) -> set[str]:
        return set(errors_of(client.post(address(Season, "add"), body | rows | values)))

    assert errors({}) == {"first_date", "last_date"}
    assert errors(hijri | dates) == {"first_date", "last_date"}
    assert errors(hijri | {"hijri_to_day": ""}) == {"hijri_to_day"}
    assert errors(hijri | {"hijri_to_day": "31"}) == {"hijri_to_day"}
    assert errors(dates | {"last_date": "2027-05-31"}) == {"last_date"}
    saved(client.post(address(Season, "add"), body | rows | dates))
    made = Season.objects.get(name_en="Summer")
    saved(change(client, made, hijri | {"name_ar": "رمضان", "name_en": "Ramadan"}))
    assert (fresh(made).hijri_from_month, made.first_date, made.version) == (9, None, 2)


def test_a_date_has_hours_of_its_own_once(client: Any, world: World) -> None:
    rows = {
        "windows-TOTAL_FORMS": "2", "windows-INITIAL_FORMS": "0", "windows-0-opens_minute": "10:00",
        "windows-0-closes_minute": "12:00", "windows-1-opens_minute": "11:00", "windows-1-closes_minute": "13:00",
    }  # fmt: skip
    body = {"salon": str(world.salon.pk), "date": "2027-03-01", "reason_ar": "", "reason_en": ""} | rows
    overlapping = client.post(address(Override, "add"), body)
    assert overlapping.status_code == 200
    assert "overlap" in overlapping.content.decode()
    saved(client.post(address(Override, "add"), body | {"windows-1-opens_minute": "12:00"}))
    made = Override.objects.get(date="2027-03-01")
    assert list(made.windows.values_list("opens_minute", "closes_minute")) == [(600, 720), (720, 780)]
    again = client.post(address(Override, "add"), body | {"windows-1-opens_minute": "12:00"})
    assert list(errors_of(again)) == ["date"]
    other = Override.objects.create(salon=world.salon, date="2027-03-02")
    assert list(errors_of(change(client, other, {"date": "2027-03-01"}))) == ["date"]


@pytest.mark.parametrize(
    ("kind", "values", "wrong"),
    [
        ("moments", {}, {"starts_at", "ends_at"}),
        ("days", {}, {"first_date", "last_date"}),
        ("days", {"first_date": "2026-12-02", "last_date": "2026-12-01"}, {"last_date"}),
        ("days", {"first_date": "2026-12-02", "last_date": "2026-12-03", "weekday": "1"}, {"weekday"}),
        ("weekly", {}, {"weekday", "opens_minute", "closes_minute"}),
        ("weekly", {"weekday": "1", "opens_minute": "13:00", "closes_minute": "12:00"}, {"closes_minute"}),
        ("weekly", {"weekday": "1", "opens_minute": "13:00", "closes_minute": "14:00"}, set()),
        ("days", {"first_date": "٢٠٢٦-١٢-٠٢", "last_date": "2026-12-02"}, set()),
    ],
)
def test_each_kind_of_closure_says_at_the_field_what_it_lacks(
    kind: str, values: dict[str, str], wrong: set[str], client: Any, world: World
) -> None:
    before = set(Closure.objects.values_list("pk", flat=True))
    body = {
        "salon": str(world.salon.pk),
        "resource": str(world.room.pk),
        "kind": kind,
        "reason_ar": "",
    } | values
    answer = client.post(address(Closure, "add"), body)
    if wrong:
        assert set(errors_of(answer)) == wrong
        return
    saved(answer)
    made = Closure.objects.exclude(pk__in=before).get()
    assert (made.kind, made.resource) == (kind, world.room)
    assert client.get(address(Closure)).status_code == 200
    assert set(errors_of(change(client, made, dict.fromkeys(values, "") | {"reason_ar": ""}))) >= {*values}
    saved(change(client, made, values | {"reason_ar": "صيانة"}))
    assert fresh(made).version == 2


def test_a_closure_is_of_one_thing(client: Any, world: World) -> None:
    body = {
        "salon": str(world.salon.pk), "resource": str(world.room.pk), "staff_member": str(world.member.pk),
        "kind": "days", "first_date": "2026-12-02", "last_date": "2026-12-02",
    }  # fmt: skip
    assert list(errors_of(client.post(address(Closure, "add"), body))) == ["resource"]


# The moon ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_sighting_is_recorded_after_a_look_at_the_bookings_it_meets(language: str, world: World) -> None:
    day = (timezone.now() + timedelta(days=3)).date()
    today = hijri_of(day)
    [salon] = Salon.objects.filter(pk=world.salon.pk)
    season = Season.objects.create(
        salon=salon, name_ar="م", name_en="s", hijri_from_month=today.month % 12 + 1, hijri_from_day=1,
        hijri_to_month=today.month % 12 + 1, hijri_to_day=30,
    )  # fmt: skip
    year, month = (today.year, today.month + 1) if today.month < 12 else (today.year + 1, 1)
    eve = gregorian_range(year, month)[0] - timedelta(days=1)
    for weekday in range(1, 8):
        season.windows.create(salon=salon, weekday=weekday, opens_minute=1260, closes_minute=1500)
    Salon.objects.filter(pk=salon.pk).update(horizon_days=60)
    booked = world.book(hour=12, days=(eve - timezone.now().astimezone(RIYADH).date()).days)
    by = operator("platform_admin")
    client = browser(by, language=language)
    body = {"hijri_year": str(year), "hijri_month": str(month), "days": "-1"}
    looked = client.post(address(HijriShift, "add"), body)
    [told] = errors_of(looked)["seen"]
    assert booked.reference in told
    assert "1" in told
    assert ("الحجوزات" in told or "حجوزات" in told) == (language == "ar")
    assert not HijriShift.objects.filter(hijri_year=year, hijri_month=month).exists()
    saved(client.post(address(HijriShift, "add"), body | {"seen": "on"}))
    made = HijriShift.objects.get(hijri_year=year, hijri_month=month)
    assert (made.days, made.decided_by) == (-1, by)
    assert LogEntry.objects.filter(user=by, object_id=str(made.pk)).exists()
    saved(change(client, made, {"days": "0", "seen": "on"}))
    assert fresh(made).days == 0
    assert errors_of(client.post(address(HijriShift, "add"), body | {"seen": "on"})), (
        "a month has one sighting"
    )
    assert list(errors_of(client.post(address(HijriShift, "add"), body | {"hijri_year": "9"}))) == [
        "hijri_year"
    ]


# Pictures, people --------------------------------------------------------------------------------


def test_a_photo_is_seen_hidden_and_shown(client: Any, world: World, settings: Any) -> None:
    settings.PHOTO_STORAGE = "disk"
    assert f'src="/media/{world.photo.key}/320.webp"' in client.get(address(Photo)).content.decode()
    act(client, Photo, "hide", world.photo)
    assert (fresh(world.photo).is_hidden, world.photo.version) == (True, 2)
    act(client, Photo, "show", world.photo)
    assert (fresh(world.photo).is_hidden, world.photo.version) == (False, 3)
    page = browser(operator("support"))
    act(page, Photo, "hide", world.photo)
    assert not fresh(world.photo).is_hidden


def test_a_salon_keeps_an_owner(client: Any, world: World) -> None:
    only = Membership.objects.get(role="owner", salon=world.salon)
    assert list(errors_of(client.post(address(Membership, "change", only.pk), {"role": "staff"}))) == ["role"]
    answer = client.post(address(Membership, "delete", only.pk), {"post": "yes"})
    assert answer.status_code == 422
    assert Membership.objects.filter(pk=only.pk).exists()


def test_a_variant_is_performed_by_whoever_performs_its_service(client: Any, world: World) -> None:
    line = variant(world.service)
    url = address(StaffMember, "change", world.member.pk)
    rows = rows_below(client.get(url))
    prefix = next(key for key in rows if key.endswith("-TOTAL_FORMS")).removesuffix("-TOTAL_FORMS")
    body = rows | {
        "name_ar": "س", "name_en": "S", "title_ar": "", "title_en": "", "is_active": "on", "position": "0",
        "languages": "", f"{prefix}-TOTAL_FORMS": "2", f"{prefix}-1-id": "", f"{prefix}-1-service": str(line.pk),
        f"{prefix}-1-staff_member": str(world.member.pk),
    }  # fmt: skip
    assert "takes this from the service above" in client.post(url, body).content.decode()
