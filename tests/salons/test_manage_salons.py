"""An owner opens a salon and keeps its profile, in both languages at once."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from backend.accounts.models import Device
from backend.salons.models import Business, Membership, Salon, StaffMember
from backend.salons.queries.managing import time_zones
from tests.factories import (
    BusinessFactory,
    CityFactory,
    DistrictFactory,
    SalonFactory,
    StaffMemberFactory,
    UserFactory,
    employ,
)
from tests.salons.manage_helpers import desk, said, wrong
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def city() -> Any:
    return DistrictFactory.create().city


def opening(**changes: Any) -> dict[str, Any]:
    return {
        "business": {"name": said("مؤسسة ريم", "Reem Est.")},
        "name": said("صالون ريم", "Reem's Salon"),
        "audience": "women",
        "city": "riyadh",
    } | changes


# Opening -----------------------------------------------------------------------------------------


def test_anyone_signed_in_opens_a_draft_that_only_they_see(city: Any) -> None:
    owner = UserFactory.create()
    made = ok(Api(owner).post("manage/salons", opening(district="riyadh-al-olaya")), 201)
    assert (made["slug"], made["status"], made["version"]) == ("reems-salon", "draft", 1)
    assert made["name"] == said("صالون ريم", "Reem's Salon")
    assert made["district"] == {"slug": "riyadh-al-olaya", "name": "حي العليا"}
    assert made["missing"] == ["coordinates", "hours", "service", "licence_number"]
    [mine] = ok(Api(owner).get("manage/salons"))["items"]
    assert (mine["id"], mine["status"], mine["role"]) == (made["id"], "draft", "owner")
    assert {"edit_salon", "edit_members", "edit_catalogue"} <= set(mine["abilities"])
    refused(Api().get(f"salons/{made['slug']}"), 404, "not_found")
    stranger = Api(UserFactory.create())
    for method in ("GET", "PATCH"):
        refused(stranger.send(method, f"manage/salons/{made['slug']}", body={}), 404, "not_found")


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        (said("صالون ريم", "  Café  N° 7 -- Olaya "), "cafe-n-7-olaya"),
        (said("صالون ريم"), "salon"),
        (said("صالون ريم", "A"), "salon-a"),
        (said("ا", "0190b0b0 0190 7000 8000 0190b0b00190"), "salon-0190b0b0-0190-7000-8000-0190b0b00190"),
    ],
)
def test_the_slug_is_made_of_the_english_name(name: Any, slug: str, city: Any) -> None:
    owner = Api(UserFactory.create())
    assert ok(owner.post("manage/salons", opening(name=name)), 201)["slug"] == slug
    again = ok(owner.post("manage/salons", opening(name=name)), 201)["slug"]
    assert again.startswith(f"{slug}-")
    assert len(again) <= 60


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("taken", "already_exists"),
        ("Upper", "invalid_format"),
        ("عربي", "invalid_format"),
        ("a--b", "invalid_format"),
        ("-a", "invalid_format"),
        ("a\nb", "invalid_format"),
        ("a", "too_short"),
        ("a" * 61, "too_long"),
        ("0190b0b001907000800000190b0b0190", "invalid_format"),
        ("", "field_blank"),
        (7, "wrong_type"),
    ],
)
def test_a_slug_of_ones_own_must_be_free_and_readable(slug: Any, code: str, city: Any) -> None:
    SalonFactory.create(slug="taken")
    assert wrong(Api(UserFactory.create()).post("manage/salons", opening(slug=slug))) == {"/slug": code}


def test_a_retry_with_the_same_key_opens_one_salon(city: Any) -> None:
    owner, key = Api(UserFactory.create()), uuid.uuid4()
    first = owner.post("manage/salons", opening(), key=key)
    second = owner.post("manage/salons", opening(), key=key)
    assert ok(first, 201) == ok(second, 201)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Salon.objects.count() == 1
    assert ok(owner.send("POST", "manage/salons", body=opening()), 201)["id"] != first.json()["id"]


def test_unfinished_salons_are_bounded_and_an_approved_one_makes_room(city: Any) -> None:
    owner = Api(UserFactory.create())
    for _ in range(5):
        ok(owner.post("manage/salons", opening()), 201)
    assert refused(owner.post("manage/salons", opening()), 422, "too_many_drafts")["params"] == {"most": 5}
    Salon.objects.filter(pk=Salon.objects.first().pk).update(status="live")
    ok(owner.post("manage/salons", opening()), 201)


def test_a_second_salon_joins_a_business_of_ones_own_and_nobody_elses(city: Any) -> None:
    owner, place = desk()
    body = opening(business_id=str(place.business_id))
    del body["business"]
    made = ok(owner.post("manage/salons", body), 201)
    assert made["business"]["id"] == str(place.business_id)
    manager = Api(employ(place, "manager"))
    assert wrong(manager.post("manage/salons", body)) == {"/business_id": "not_found"}
    body["business_id"] = str(BusinessFactory.create().pk)
    assert wrong(owner.post("manage/salons", body)) == {"/business_id": "not_found"}


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"business": None}, {"/business": "field_null"}),
        ({"business_id": str(uuid.uuid4())}, {"/business": "unknown_field"}),
        ({"business": {"name": "x"}}, {"/business/name": "wrong_type"}),
        ({"business": {"name": said("م"), "vat_number": "12"}}, {"/business/vat_number": "invalid_format"}),
        ({"business": {"name": said("م"), "iban": "x"}}, {"/business/iban": "unknown_field"}),
        ({"city": "atlantis"}, {"/city": "not_found"}),
        ({"city": "a\0b"}, {"/city": "invalid_format"}),
        ({"audience": "cats"}, {"/audience": "invalid_choice"}),
        ({"name": said("", "")}, {"/name": "field_blank"}),
        ({"name": said("ا" * 121)}, {"/name/ar": "too_long"}),
        ({"name": said("ا\0")}, {"/name/ar": "invalid_format"}),
        ({"status": "live"}, {"/status": "unknown_field"}),
        ({"district": "nowhere"}, {"/district": "not_found"}),
    ],
)
def test_each_wrong_field_of_an_opening_is_named(changes: Any, errors: dict[str, str], city: Any) -> None:
    assert wrong(Api(UserFactory.create()).post("manage/salons", opening(**changes))) == errors
    assert not Salon.objects.exists()
    assert not Business.objects.exists()


def test_a_session_in_doubt_opens_nothing(city: Any) -> None:
    user = UserFactory.create()
    phone = Api(user)
    Device.objects.filter(user=user).update(history_from=timezone.now())
    refused(phone.post("manage/salons", opening()), 403, "permission_denied")
    assert not Membership.objects.exists()


# The profile -------------------------------------------------------------------------------------

PROFILE = {
    "name": said("صالون ريم", "Reem Salon"),
    "description": said("سطر أول\nسطر ثان", "Two\nlines"),
    "audience": "family",
    "district": "riyadh-al-olaya",
    "address": said("شارع العليا", "Olaya Street"),
    "building_number": "2929",
    "postal_code": "12211",
    "secondary_number": "8118",
    "unit_number": "5",
    "short_address": "RRRD2929",
    "location": {"latitude": 24.7136, "longitude": 46.6753},
    "phone": "+966112345678",
    "licence_number": "41082345",
    "licence_expires_on": "2027-05-01",
    "timezone": "Asia/Riyadh",
    "auto_confirm": True,
    "grid_minutes": 15,
    "min_notice_minutes": 120,
    "horizon_days": 60,
    "respond_within_minutes": 90,
    "deposit_percent": 30,
    "free_cancel_hours": 12,
    "late_cancel_percent": 50,
    "prayer_pause": "chosen",
    "pause_prayers": ["dhuhr", "asr"],
    "prayer_pause_minutes": 20,
    "services_may_span_pauses": True,
}


def test_the_whole_profile_is_written_and_read_back_in_both_languages() -> None:
    owner, place = desk()
    done = ok(owner.send("PATCH", f"manage/salons/{place.slug}", body=PROFILE | {"version": 1}))
    assert done == ok(owner.get(f"manage/salons/{place.id}"))
    assert done["version"] == 2
    assert {name: done[name] for name in PROFILE} == PROFILE | {
        "district": {"slug": "riyadh-al-olaya", "name": "حي العليا"}
    }


def test_what_is_not_named_stays_and_null_clears() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}"
    ok(owner.send("PATCH", url, body=PROFILE | {"version": 1}))
    cleared = {
        "postal_code": None,
        "location": None,
        "licence_expires_on": None,
        "phone": None,
        "district": None,
    }
    done = ok(owner.send("PATCH", url, body=cleared | {"version": 2}))
    assert {name: done[name] for name in cleared} == cleared
    kept = PROFILE.keys() - cleared.keys()
    assert {name: done[name] for name in kept} == {name: PROFILE[name] for name in kept}
    same = ok(owner.send("PATCH", url, body={"version": 3, "grid_minutes": 15}))
    assert same["version"] == 3


def test_numbers_are_understood_in_every_digit_and_spelling() -> None:
    owner, place = desk()
    body = {
        "version": 1,
        "building_number": "٢٩٢٩",
        "postal_code": "۱۲۲۱۱",
        "short_address": "rrrd ٢٩٢٩",
        "licence_number": "٤١٠٨-٢٣٤٥",
        "phone": "٠١١ ٢٣٤ ٥٦٧٨",
        "licence_expires_on": "٢٠٢٧-٠٥-٠١",
    }
    done = ok(owner.send("PATCH", f"manage/salons/{place.slug}", body=body))
    assert (done["building_number"], done["postal_code"], done["short_address"]) == (
        "2929",
        "12211",
        "RRRD2929",
    )
    assert (done["licence_number"], done["licence_expires_on"]) == ("41082345", "2027-05-01")
    assert done["phone"] == "+966112345678"
    unified = ok(
        owner.send("PATCH", f"manage/salons/{place.slug}", body={"version": 2, "phone": "920012345"})
    )
    assert unified["phone"] == "+966920012345"


@pytest.mark.parametrize(
    ("name", "value", "pointer", "code"),
    [
        ("postal_code", "1221", "/postal_code", "invalid_format"),
        ("postal_code", 12211, "/postal_code", "wrong_type"),
        ("postal_code", "1" * 61, "/postal_code", "too_long"),
        ("postal_code", "", "/postal_code", "invalid_format"),
        ("licence_number", "12345\0", "/licence_number", "invalid_format"),
        ("phone", "hello", "/phone", "invalid_format"),
        ("phone", "0112345678;ext=5", "/phone", "invalid_format"),
        ("phone", "123", "/phone", "invalid_format"),
        ("location", {"latitude": 24.7}, "/location/longitude", "field_required"),
        ("location", {"latitude": 46.6, "longitude": 24.7}, "/location", "location_not_served"),
        ("location", {"latitude": "24.7", "longitude": 46.6}, "/location/latitude", "wrong_type"),
        ("location", {"latitude": True, "longitude": 46.6}, "/location/latitude", "wrong_type"),
        ("location", {"latitude": 1e300, "longitude": 46.6}, "/location/latitude", "too_large"),
        ("location", {"latitude": 10**400, "longitude": 46.6}, "/location/latitude", "too_large"),
        ("location", [24.7, 46.6], "/location", "wrong_type"),
        ("timezone", "Asia/Atlantis", "/timezone", "invalid_choice"),
        ("timezone", "../../etc/passwd", "/timezone", "invalid_choice"),
        ("grid_minutes", 4, "/grid_minutes", "too_small"),
        ("grid_minutes", 241, "/grid_minutes", "too_large"),
        ("grid_minutes", "30", "/grid_minutes", "wrong_type"),
        ("grid_minutes", None, "/grid_minutes", "field_null"),
        ("horizon_days", 367, "/horizon_days", "too_large"),
        ("min_notice_minutes", 10**12, "/min_notice_minutes", "too_large"),
        ("deposit_percent", 101, "/deposit_percent", "too_large"),
        ("auto_confirm", 1, "/auto_confirm", "wrong_type"),
        ("prayer_pause", "chosen", "/pause_prayers", "list_empty"),
        ("pause_prayers", ["noon"], "/pause_prayers/0", "invalid_choice"),
        ("pause_prayers", "asr", "/pause_prayers", "wrong_type"),
        ("description", {"ar": "ا" * 2001}, "/description/ar", "too_long"),
        ("description", {"fr": "x"}, "/description/fr", "unknown_field"),
        ("licence_expires_on", "1448-01-01", "/licence_expires_on", "date_out_of_range"),
        ("district", "jeddah-al-salamah", "/district", "not_found"),
        ("slug", "other", "/slug", "unknown_field"),
        ("status", "live", "/status", "unknown_field"),
        ("currency", "USD", "/currency", "unknown_field"),
    ],
)
@pytest.mark.parametrize("language", ["ar", "en"])
def test_each_wrong_value_is_named_and_changes_nothing(
    language: str, name: str, value: Any, pointer: str, code: str
) -> None:
    DistrictFactory.create(slug="jeddah-al-salamah", city=CityFactory.create(slug="jeddah"))
    owner, place = desk(language=language)
    answer = owner.send("PATCH", f"manage/salons/{place.slug}", body={"version": 1, name: value})
    assert wrong(answer) == {pointer: code}
    assert ok(owner.get(f"manage/salons/{place.slug}"))["version"] == 1


def test_every_time_zone_that_can_be_chosen_is_known_to_the_database_too() -> None:
    """Search reckons in it: one salon in a zone that only this machine knows would break "open now" for everybody."""
    owner, place = desk()
    url = f"manage/salons/{place.slug}"
    assert wrong(owner.send("PATCH", url, body={"version": 1, "timezone": "localtime"})) == {
        "/timezone": "invalid_choice"
    }
    assert ok(owner.send("PATCH", url, body={"version": 1, "timezone": "Asia/Dubai"}))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(now() AT TIME ZONE zone) FROM unnest(%s::text[]) AS zone", [sorted(time_zones())]
        )
        assert cursor.fetchone()[0] > 400


def test_moving_to_another_city_drops_the_district_of_the_former_one() -> None:
    DistrictFactory.create(slug="jeddah-al-salamah", city=CityFactory.create(slug="jeddah"))
    owner, place = desk()
    url = f"manage/salons/{place.slug}"
    moved = ok(owner.send("PATCH", url, body={"version": 1, "city": "jeddah"}))
    assert (moved["city"]["slug"], moved["district"]) == ("jeddah", None)
    back = {"version": 2, "city": "riyadh", "district": "riyadh-al-olaya"}
    assert ok(owner.send("PATCH", url, body=back))["district"]["slug"] == "riyadh-al-olaya"


def test_an_edit_of_what_somebody_else_changed_is_answered_with_what_is_there_now() -> None:
    owner, place = desk()
    other = Api(employ(place, "owner"))
    url = f"manage/salons/{place.slug}"
    ok(owner.send("PATCH", url, body={"version": 1, "grid_minutes": 15}))
    late = refused(other.send("PATCH", url, body={"version": 1, "grid_minutes": 60}), 409, "version_conflict")
    assert (late["current"]["version"], late["current"]["grid_minutes"]) == (2, 15)
    assert wrong(other.send("PATCH", url, body={"grid_minutes": 60})) == {"/version": "field_required"}


# Audience ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "gender", "allowed"),
    [
        ("women", "male", False),
        ("men", "female", False),
        ("women", "", True),
        ("women", "female", True),
        ("family", "male", True),
        ("children", "male", True),
    ],
)
def test_a_new_audience_must_suit_who_works_here(audience: str, gender: str, allowed: bool) -> None:
    before = "family" if audience != "family" else "children"
    owner, place = desk(audience=before)
    StaffMemberFactory.create(salon=place, gender=gender)
    answer = owner.send("PATCH", f"manage/salons/{place.slug}", body={"version": 1, "audience": audience})
    if allowed:
        assert ok(answer)["audience"] == audience
        return
    refused(answer, 422, "staff_gender_not_allowed")
    StaffMember.objects.update(is_active=False)
    ok(owner.send("PATCH", f"manage/salons/{place.slug}", body={"version": 1, "audience": audience}))


# Businesses --------------------------------------------------------------------------------------


def test_an_owner_keeps_the_business_behind_a_salon() -> None:
    owner, place = desk()
    [mine] = ok(owner.get("manage/businesses"))["items"]
    url = f"manage/businesses/{place.business_id}"
    body = {
        "version": 1,
        "name": said("مؤسسة ريم", "Reem Est."),
        "vat_number": "٣٠٠٠٠٠٠٠٠٠٠٠٠٠٣",
        "commercial_registration": "1010 123 456",
    }
    done = ok(owner.send("PATCH", url, body=body))
    assert done == mine | {
        "version": 2,
        "name": said("مؤسسة ريم", "Reem Est."),
        "vat_number": "300000000000003",
        "commercial_registration": "1010123456",
    }
    assert ok(owner.get(url)) == done
    stale = refused(
        owner.send("PATCH", url, body={"version": 1, "vat_number": None}), 409, "version_conflict"
    )
    assert stale["current"] == done
    assert ok(owner.send("PATCH", url, body={"version": 2, "vat_number": None}))["vat_number"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vat_number", "300000000000004"),
        ("vat_number", "30000000000003"),
        ("vat_number", "3000000000000o3"),
        ("commercial_registration", "101012345"),
    ],
)
def test_a_number_of_the_wrong_shape_is_refused(name: str, value: str) -> None:
    owner, place = desk()
    answer = owner.send("PATCH", f"manage/businesses/{place.business_id}", body={"version": 1, name: value})
    assert wrong(answer) == {f"/{name}": "invalid_format"}


def test_a_business_is_there_for_its_owners_only() -> None:
    _owner, place = desk()
    url = f"manage/businesses/{place.business_id}"
    manager = Api(employ(place, "manager"))
    stranger, _ = desk()
    for method in ("GET", "PATCH"):
        refused(manager.send(method, url, body={"version": 1}), 403, "permission_denied")
        refused(stranger.send(method, url, body={"version": 1}), 404, "not_found")
    assert ok(manager.get("manage/businesses"))["items"] == []


def test_lists_ask_the_database_as_often_for_many_as_for_one(django_assert_num_queries: Any) -> None:
    person = UserFactory.create()
    phone = Api(person)
    for count in (1, 6):
        while Membership.objects.filter(user=person).count() < count:
            employ(SalonFactory.create(), "owner", person)
        with django_assert_num_queries(2):
            assert len(ok(phone.get("manage/salons"))["items"]) == count
        with django_assert_num_queries(2):
            assert len(ok(phone.get("manage/businesses"))["items"]) == count
