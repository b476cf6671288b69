"""The public catalogue over HTTP: what is found, in which language, at what cost."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.salons.models import (
    Category,
    City,
    Closure,
    Membership,
    Override,
    Photo,
    Resource,
    Review,
    Salon,
    Season,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from backend.salons.operations.indexing import heal
from tests.factories import (
    BusinessFactory,
    CategoryFactory,
    CityFactory,
    DistrictFactory,
    SalonFactory,
    ServiceFactory,
    StaffMemberFactory,
    UserFactory,
    employ,
    open_salon,
)
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
HIDDEN = ["draft", "in_review", "suspended"]


def slugs(language: str = "ar", **query: Any) -> list[str]:
    return [s["slug"] for s in ok(Api(language=language).get("salons", **query))["items"]]


# Lists ----------------------------------------------------------------------------------------------------------


def test_a_summary_holds_what_a_list_shows() -> None:
    salon = SalonFactory.create(slug="lamsa", rating_sum=14, rating_count=3)
    assert ok(Api(language="en").get("salons")) == {
        "items": [
            {
                "id": str(salon.id),
                "slug": "lamsa",
                "name": "Lamsa Salon",
                "city": {"slug": "riyadh", "name": "Riyadh"},
                "district": "Al Olaya",
                "district_slug": "riyadh-al-olaya",
                "audience": "women",
                "rating": {"average": 4.7, "count": 3},
                "from_price": None,
                "photo": None,
                "location": None,
                "distance_m": None,
            }
        ],
        "next_cursor": None,
    }


def test_the_best_rated_come_first_and_pages_meet_without_overlap() -> None:
    for n in range(7):
        SalonFactory.create(slug=f"s{n}", rating_sum=5 * (n % 3), rating_count=n % 3)
    whole = slugs()
    assert [int(slug[1:]) % 3 for slug in whole] == [2, 2, 1, 1, 0, 0, 0]
    phone, paged, cursor = Api(), [], None
    while True:
        found = ok(phone.get("salons", limit=2, **({"cursor": cursor} if cursor else {})))
        paged += [s["slug"] for s in found["items"]]
        if (cursor := found["next_cursor"]) is None:
            break
    assert paged == whole


def test_filters_narrow_and_combine() -> None:
    jeddah, nails = CityFactory.create(slug="jeddah"), CategoryFactory.create(slug="nails")
    for slug, more in {
        "a": {},
        "b": {"city": jeddah},
        "c": {"audience": "men"},
        "d": {"city": jeddah, "audience": "men"},
    }.items():
        SalonFactory.create(slug=slug, **more)
    ServiceFactory.create(salon=Salon.objects.get(slug="a"), category=nails)
    ServiceFactory.create(salon=Salon.objects.get(slug="a"), category=nails, name_en="Another")
    ServiceFactory.create(salon=Salon.objects.get(slug="d"), category=nails)
    ServiceFactory.create(salon=Salon.objects.get(slug="c"), category=nails, is_active=False)
    for query, expected in (
        ({}, "abcd"),
        ({"city": "jeddah"}, "bd"),
        ({"audience": "men"}, "cd"),
        ({"category": "nails"}, "ad"),
        ({"city": "jeddah", "audience": "men", "category": "nails"}, "d"),
        ({"city": "jeddah", "audience": "women", "category": "nails"}, ""),
        ({"city": "mecca"}, ""),
        ({"category": "الشعر"}, ""),
        ({"city": "RIYADH"}, ""),
        ({"city": ""}, "abcd"),
    ):
        assert sorted(slugs(**query)) == list(expected), query


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ({"audience": "cats"}, "audience", "invalid_choice"),
        ({"city": "x" * 41}, "city", "too_long"),
        ({"city": "a\0"}, "city", "invalid_format"),
        ({"limit": 51}, "limit", "too_large"),
        ({"ctiy": "riyadh"}, "ctiy", "unknown_field"),
    ],
)
def test_a_wrong_filter_is_named(query: dict[str, Any], parameter: str, code: str) -> None:
    [error] = refused(Api().get("salons", **query), 400, "validation_failed")["errors"]
    assert (error["parameter"], error["code"]) == (parameter, code)


def test_cities_and_categories_stand_in_their_own_order() -> None:
    for slug, position in (("b", 2), ("c", 1), ("a", 2)):
        CityFactory.create(slug=slug, position=position)
        CategoryFactory.create(slug=slug, position=position)
    for slug, position in (("b", 2), ("c", 1), ("a", 2)):
        DistrictFactory.create(slug=slug, position=position, city=CityFactory.create(slug="a"))
    for address in ("cities", "categories", "cities/a/districts"):
        assert [row["slug"] for row in ok(Api().get(address))["items"]] == ["c", "a", "b"]
        refused(Api().get(address, limit=5), 400, "validation_failed")
    assert ok(Api().get("cities/b/districts")) == {"items": []}
    refused(Api().get("cities/nowhere/districts"), 404, "not_found")


# Who is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", HIDDEN)
def test_only_live_salons_are_found(status: str) -> None:
    owner = employ(SalonFactory.create(slug="hidden", status=status), role="owner")
    hidden = Salon.objects.get()
    for phone in (Api(), Api(owner)):
        assert ok(phone.get("salons"))["items"] == []
        for name in ("hidden", str(hidden.id)):
            refused(phone.get(f"salons/{name}"), 404, "not_found")
            refused(phone.get(f"salons/{name}/reviews"), 404, "not_found")


def test_a_salon_is_found_by_id_and_by_slug() -> None:
    salon = SalonFactory.create(slug="lamsa-2")
    page = ok(Api().get("salons/lamsa-2"))
    for name in (str(salon.id), str(salon.id).upper(), salon.id.hex):
        assert ok(Api().get(f"salons/{name}")) == page


@pytest.mark.parametrize(
    "name",
    [
        "LAMSA",
        "lamsa-٢",
        "لمسة",
        "lamsa%20",
        "lamsa%00",
        "%00",
        "..",
        "lamsa'--",
        "0",
        "٠١٢٣٤٥٦٧-٠٠٠٠-٧٠٠٠-٨٠٠٠-٠٠٠٠٠٠٠٠٠٠٠٠",
        "x" * 3000,
        "d6af5c8b-9abd-44e6-a214-acb127cd3f40",
    ],
)
def test_anything_else_is_not_found(name: str) -> None:
    SalonFactory.create(slug="lamsa")
    for suffix in ("", "/reviews"):
        refused(Api().get(f"salons/{name}{suffix}"), 404, "not_found")


# Names ----------------------------------------------------------------------------------------------------------


def everything_named(page: Any) -> list[Any]:
    """Every `name` anywhere in an answer."""
    if isinstance(page, dict):
        return [v for k, v in page.items() if k == "name"] + [
            n for v in page.values() for n in everything_named(v)
        ]
    return [n for v in page for n in everything_named(v)] if isinstance(page, list) else []


@pytest.mark.parametrize("missing", [None, ""])
@pytest.mark.parametrize(
    ("language", "written", "other"), [("ar", "name_en", "name_ar"), ("en", "name_ar", "name_en")]
)
def test_a_name_that_is_missing_is_said_in_the_other_language(
    language: str, written: str, other: str, missing: str | None
) -> None:
    names = {written: "Noura نورة", other: missing}
    tabuk = CityFactory.create(slug="tabuk", **names)
    salon = SalonFactory.create(
        slug="lamsa",
        city=tabuk,
        district=DistrictFactory.create(slug="tabuk-x", city=tabuk, **names),
        business=BusinessFactory.create(**names),
        **names,
        **{written.replace("name", "address"): "King Rd طريق", other.replace("name", "address"): missing},
    )
    service = ServiceFactory.create(
        salon=salon, category=CategoryFactory.create(slug="nails", **names), **names
    )
    person = StaffMemberFactory.create(salon=salon, **names)
    StaffService.objects.create(staff_member=person, service=service)
    phone = Api(employ(salon), language=language)
    lists = ("salons", "cities", "cities/tabuk/districts", "categories", "manage/salons")
    for address in ("salons/lamsa", *lists):
        found = everything_named(ok(phone.get(address)))
        assert found
        assert set(found) == {"Noura نورة"}, address
    page = ok(phone.get("salons/lamsa"))
    assert page["address"] == "King Rd طريق"
    assert page["description"] is None, "absent text is null, never an empty string"


@pytest.mark.parametrize(("language", "name"), [("ar", "صالون لمسة"), ("en", "Lamsa Salon")])
def test_a_name_in_both_languages_is_said_in_the_one_asked_for(language: str, name: str) -> None:
    SalonFactory.create(slug="lamsa")
    assert ok(Api(language=language).get("salons/lamsa"))["name"] == name
    assert ok(Api(language=language).get("salons"))["items"][0]["name"] == name


# The page of a salon --------------------------------------------------------------------------------------------


def test_a_page_holds_what_is_needed_to_choose() -> None:
    _salon, service, [person] = open_salon(
        slug="lamsa",
        weekdays=(4,),
        opens=16 * 60,
        closes=26 * 60,
        service={"price_minor": 11505, "description_ar": "قص"},
    )
    page = ok(Api(language="ar").get("salons/lamsa"))
    assert page["services"] == [
        {
            "id": str(service.id),
            "name": "قص شعر",
            "description": "قص",
            "category": {"slug": "hair", "name": "شعر"},
            "duration_minutes": 45,
            "price": {"amount_minor": 11505, "currency": "SAR", "display": "115.05 ر.س"},
            "price_from": False,
            "deposit": {"amount_minor": 2301, "currency": "SAR", "display": "23.01 ر.س"},
            "variants": [],
            "min_notice_minutes": 60,
            "horizon_days": 30,
            "photo": None,
        }
    ]
    assert page["staff"] == [
        {
            "id": str(person.id),
            "name": "نورة",
            "title": None,
            "gender": None,
            "languages": [],
            "service_ids": [str(service.id)],
            "photo": None,
        }
    ]
    assert page["hours"] == [
        {"day": "thursday", "opens": "16:00", "closes": "02:00", "closes_next_day": True}
    ]
    assert page["rating"] == {"average": None, "count": 0}
    assert (page["timezone"], page["currency"]) == ("Asia/Riyadh", "SAR")
    assert page["booking_rules"] == {
        "auto_confirm": False,
        "deposit_percent": 20,
        "free_cancel_hours": 24,
        "min_notice_minutes": 60,
        "horizon_days": 30,
    }
    assert "phone" not in str(page)


@pytest.mark.parametrize(
    ("opens", "closes", "shown"),
    [
        (0, 1440, ("00:00", "00:00", True)),
        (9 * 60 + 5, 17 * 60 + 30, ("09:05", "17:30", False)),
        (16 * 60, 1439, ("16:00", "23:59", False)),
        (16 * 60, 1440, ("16:00", "00:00", True)),
        (20 * 60 + 30, 1441, ("20:30", "00:01", True)),
        (23 * 60 + 59, 2160, ("23:59", "12:00", True)),
    ],
)
def test_hours_may_pass_midnight(opens: int, closes: int, shown: tuple[str, str, bool]) -> None:
    open_salon(slug="lamsa", weekdays=(4,), opens=opens, closes=closes)
    [window] = ok(Api().get("salons/lamsa"))["hours"]
    assert (window["opens"], window["closes"], window["closes_next_day"]) == shown


def test_the_week_begins_on_sunday_and_a_day_may_have_two_shifts() -> None:
    salon, _, [person] = open_salon(slug="lamsa", opens=20 * 60, closes=25 * 60)
    WorkingWindow.objects.create(salon=salon, weekday=7, opens_minute=600, closes_minute=720)
    WorkingWindow.objects.create(
        salon=salon, staff_member=person, weekday=1, opens_minute=0, closes_minute=60
    )
    assert [(w["day"], w["opens"]) for w in ok(Api().get("salons/lamsa"))["hours"]] == [
        ("sunday", "10:00"),
        ("sunday", "20:00"),
        *((day, "20:00") for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")),
    ]


def test_what_is_no_longer_offered_is_not_shown() -> None:
    salon, cut, [one, two] = open_salon(slug="lamsa", staff=2)
    old = ServiceFactory.create(salon=salon, is_active=False, name_en="Old")
    StaffService.objects.create(staff_member=one, service=old)
    StaffMember.objects.filter(pk=two.pk).update(is_active=False)
    page = ok(Api().get("salons/lamsa"))
    assert [s["id"] for s in page["services"]] == [str(cut.id)]
    assert [(s["id"], s["service_ids"]) for s in page["staff"]] == [(str(one.id), [str(cut.id)])]


def test_the_price_list_and_the_team_stand_in_the_salons_order() -> None:
    salon = SalonFactory.create(slug="lamsa")
    for name, position in (("b", 2), ("a", 1), ("c", 3)):
        ServiceFactory.create(salon=salon, name_en=name, position=position)
        StaffMemberFactory.create(salon=salon, name_en=name, position=position)
    ServiceFactory.create(name_en="of another salon")
    page = ok(Api(language="en").get("salons/lamsa"))
    assert [s["name"] for s in page["services"]] == [s["name"] for s in page["staff"]] == ["a", "b", "c"]


# The page in depth ----------------------------------------------------------------------------------------------

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
"""Sunday, 12:00 in Riyadh."""


def photo(salon: Salon, **more: Any) -> Photo:
    values = {
        "content_hash": "0" * 64,
        "width": 1600,
        "height": 1200,
        "blurhash": "LEHV6nWB2yk8",
        "created_at": NOON,
    }
    made: Photo = Photo.objects.create(salon=salon, key=uuid.uuid4().hex, **values | more)
    return made


def test_a_service_with_variants_shows_the_lowest_price_and_each_of_them() -> None:
    salon, cut, _ = open_salon(
        slug="lamsa", service={"price_minor": 100, "deposit_percent": 50, "horizon_days": 7}
    )
    for name, price, minutes, active in (
        ("Long", 15000, 60, True),
        ("Short", 9000, 30, True),
        ("Gone", 10, 5, False),
    ):
        ServiceFactory.create(
            salon=salon,
            variant_of=cut,
            name_en=name,
            price_minor=price,
            duration_minutes=minutes,
            is_active=active,
        )
    old = ServiceFactory.create(salon=salon, is_active=False)
    ServiceFactory.create(salon=salon, variant_of=old, name_en="Of what is gone")
    heal(NOON)
    page = ok(Api(language="en").get("salons/lamsa"))
    [service] = page["services"]
    assert service["id"] == str(cut.id)
    assert (service["price"]["amount_minor"], service["price_from"], service["duration_minutes"]) == (
        9000,
        True,
        30,
    )
    assert service["deposit"]["amount_minor"] == 4500
    assert (service["min_notice_minutes"], service["horizon_days"]) == (60, 7)
    assert [
        (v["name"], v["price"]["amount_minor"], v["deposit"]["amount_minor"]) for v in service["variants"]
    ] == [
        ("Long", 15000, 7500),
        ("Short", 9000, 4500),
    ]
    assert page["from_price"]["amount_minor"] == 9000
    ServiceFactory.create(salon=salon, price_minor=9000)
    assert [s["price_from"] for s in ok(Api().get("salons/lamsa"))["services"]] == [True, False]


def test_what_happens_behind_the_scenes_is_not_shown() -> None:
    salon, cut, _ = open_salon(
        slug="lamsa",
        service={
            "buffer_before_minutes": 11,
            "buffer_after_minutes": 13,
            "processing_starts_minute": 17,
            "processing_minutes": 19,
        },
    )
    ServiceNeed.objects.create(service=cut, kind="secret-room")
    text = Api().get("salons/lamsa").content.decode()
    for hidden in ("buffer", "processing", "secret-room", "version", "catalogue"):
        assert hidden not in text
    assert salon.slug in text


def test_the_law_wants_to_know_who_sells_and_by_what_licence() -> None:
    SalonFactory.create(
        slug="lamsa",
        business=BusinessFactory.create(vat_number="310000000000003", commercial_registration="1010101010"),
        licence_number="40123456",
        licence_expires_on=date(2027, 5, 1),
        building_number="2929",
        postal_code="12211",
        secondary_number="8118",
        unit_number="3",
        short_address="RRRD2929",
        latitude="24.71360",
        longitude="46.67530",
    )
    page = ok(Api(language="en").get("salons/lamsa"))
    assert page["business"] == {
        "name": "Lamsa Est.",
        "vat_number": "310000000000003",
        "commercial_registration": "1010101010",
    }
    assert page["licence"] == {"number": "40123456", "expires_on": "2027-05-01"}
    assert page["national_address"] == {
        "building_number": "2929",
        "district": "Al Olaya",
        "city": "Riyadh",
        "postal_code": "12211",
        "secondary_number": "8118",
        "unit_number": "3",
        "short_address": "RRRD2929",
    }
    assert page["location"] == {"latitude": 24.7136, "longitude": 46.6753}
    SalonFactory.create(slug="bare")
    bare = ok(Api().get("salons/bare"))
    assert (bare["licence"], bare["location"], bare["business"]["vat_number"]) == (None, None, None)


def test_photos_are_shown_where_they_belong_and_hidden_ones_nowhere() -> None:
    salon, cut, [person] = open_salon(slug="lamsa")
    room = Resource.objects.create(salon=salon, kind="room", code="1", name="Room")
    second = photo(salon, position=2)
    front = photo(salon, position=3, is_primary=True, alt_ar="الواجهة", alt_en="The front")
    of_cut, of_person = photo(salon, service=cut), photo(salon, staff_member=person)
    hidden = [
        photo(salon, is_hidden=True),
        photo(salon, service=cut, is_hidden=True),
        photo(salon, resource=room),
    ]
    page = ok(Api(language="en").get("salons/lamsa"))
    assert [p["id"] for p in page["photos"]] == [str(second.pk), str(front.pk)]
    assert page["photo"]["id"] == str(front.pk)
    assert page["photo"]["alt"] == "The front"
    assert page["services"][0]["photo"]["id"] == str(of_cut.pk)
    assert page["staff"][0]["photo"]["id"] == str(of_person.pk)
    assert not any(str(p.pk) in str(page) for p in hidden)
    [listed] = ok(Api(language="en").get("salons"))["items"]
    assert listed["photo"] == page["photo"]
    Photo.objects.filter(pk=front.pk).update(is_hidden=True)
    assert ok(Api().get("salons"))["items"][0]["photo"] is None
    assert ok(Api().get("salons/lamsa"))["photo"] is None


def test_stars_are_counted_one_by_one_without_hidden_reviews() -> None:
    salon = SalonFactory.create(slug="lamsa")
    for rating, status in ((5, "published"), (5, "published"), (3, "published"), (1, "hidden")):
        Review.objects.create(
            salon=salon, booking_id=uuid.uuid4(), rating=rating, status=status, created_at=timezone.now()
        )
    assert ok(Api().get("salons/lamsa"))["rating_breakdown"] == [
        {"stars": 5, "count": 2},
        {"stars": 4, "count": 0},
        {"stars": 3, "count": 1},
        {"stars": 2, "count": 0},
        {"stars": 1, "count": 0},
    ]


@pytest.mark.parametrize(
    ("hour", "business_date", "open_now", "closes_at", "opens_at"),
    [
        (12, "2026-11-22", False, None, "2026-11-22T16:00:00+03:00"),
        (16, "2026-11-22", True, "2026-11-23T02:00:00+03:00", None),
        (25, "2026-11-22", True, "2026-11-23T02:00:00+03:00", None),
        (26, "2026-11-23", False, None, "2026-11-24T16:00:00+03:00"),
    ],
)
def test_today_is_the_evening_until_it_ends(
    hour: int, business_date: str, open_now: bool, closes_at: str | None, opens_at: str | None
) -> None:
    salon, _, _ = open_salon(slug="lamsa", opens=16 * 60, closes=26 * 60)
    Closure.objects.create(
        salon=salon, kind="days", first_date=date(2026, 11, 23), last_date=date(2026, 11, 23)
    )
    with freeze_time(NOON + timedelta(hours=hour - 12)):
        today = ok(Api().get("salons/lamsa"))["today"]
    evening = {"starts_at": "2026-11-22T16:00:00+03:00", "ends_at": "2026-11-23T02:00:00+03:00"}
    assert today == {
        "business_date": business_date,
        "windows": [evening] if business_date == "2026-11-22" else [],
        "open_now": open_now,
        "closes_at": closes_at,
        "opens_at": opens_at,
    }


def test_weekly_hours_are_those_outside_of_seasons() -> None:
    salon, _, _ = open_salon(slug="lamsa", weekdays=(4,))
    season = Season.objects.create(
        salon=salon, name_en="Summer", first_date=date(2027, 6, 1), last_date=date(2027, 8, 31)
    )
    WorkingWindow.objects.create(salon=salon, season=season, weekday=5, opens_minute=0, closes_minute=60)
    assert [w["day"] for w in ok(Api().get("salons/lamsa"))["hours"]] == ["thursday"]


def test_seasons_and_holidays_ahead_are_announced() -> None:
    salon, _, _ = open_salon(slug="lamsa")
    for name, first, last in (
        ("Later", date(2027, 6, 1), date(2027, 8, 31)),
        ("Winter", date(2027, 2, 10), date(2027, 2, 12)),
        ("Already", date(2027, 1, 1), date(2027, 2, 1)),
    ):
        Season.objects.create(salon=salon, name_en=name, name_ar="", first_date=first, last_date=last)
    with freeze_time(datetime(2027, 1, 20, 9, 0, tzinfo=UTC)):
        page = ok(Api(language="ar").get("salons/lamsa"))
        assert page["seasons"] == [
            {"name": "Already", "first_date": "2027-01-20", "last_date": "2027-02-01"},
            {"name": "Winter", "first_date": "2027-02-10", "last_date": "2027-02-12"},
        ]
        assert "2027-02-22" in page["hours_may_differ_on"], "Founding Day"
        Override.objects.create(salon=salon, date=date(2027, 2, 22))
        assert "2027-02-22" not in ok(Api().get("salons/lamsa"))["hours_may_differ_on"]


def test_a_page_that_has_not_changed_is_not_sent_again() -> None:
    open_salon(slug="lamsa")
    with freeze_time(NOON):
        first = Api().get("salons/lamsa")
        assert first.headers["Cache-Control"] == "public, max-age=60"
        again = Api().send("GET", "salons/lamsa", headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        Salon.objects.update(name_en="New", name_ar="جديد")
        other = Api().send("GET", "salons/lamsa", headers={"If-None-Match": first.headers["ETag"]})
        assert other.status_code == 200


def test_reviews_show_a_first_name_and_nothing_else_of_a_person() -> None:
    salon = SalonFactory.create(slug="lamsa")
    author = UserFactory.create(name="سارة أحمد العتيبي")
    now = timezone.now()
    for who, comment in ((author, "رائع"), (None, ""), (UserFactory.create(name=""), "ok")):
        Review.objects.create(
            salon=salon, author=who, booking_id=uuid.uuid4(), rating=5, comment=comment, created_at=now
        )
    Review.objects.create(salon=SalonFactory.create(), booking_id=uuid.uuid4(), rating=1, created_at=now)
    answer = Api().get("salons/lamsa/reviews")
    assert sorted((r["author_name"] or "", r["comment"]) for r in ok(answer)["items"] if r["comment"]) == [
        ("", "ok"),
        ("سارة", "رائع"),
    ]
    assert len(ok(answer)["items"]) == 3
    assert "العتيبي" not in answer.content.decode()
    assert author.phone not in answer.content.decode()


# Cost -----------------------------------------------------------------------------------------------------------


def fill(salons: int, each: int) -> None:
    for _ in range(salons):
        salon, _, _ = open_salon(staff=each)
        for n in range(each):
            service = ServiceFactory.create(salon=salon, category=CategoryFactory.create(slug=f"c{n}"))
            for person in salon.staff.all():
                StaffService.objects.create(staff_member=person, service=service)
            Review.objects.create(
                salon=salon,
                author=UserFactory.create(),
                booking_id=uuid.uuid4(),
                rating=4,
                created_at=timezone.now(),
            )


@pytest.mark.parametrize(
    ("address", "most"),
    [
        ("salons?limit=50", 2),
        ("salons?limit=50&city=riyadh&category=hair", 2),
        ("salons/{salon}", 14),
        ("salons/{salon}/reviews", 2),
        ("cities", 1),
    ],
)
def test_a_bigger_catalogue_does_not_cost_more_questions(address: str, most: int) -> None:
    costs = []
    for salons, each in ((1, 1), (4, 4)):
        fill(salons, each)
        newest = Salon.objects.order_by("-id")[0].slug
        with CaptureQueriesContext(connection) as queries:
            answer = Api().get(f"/api/v1/{address.format(salon=newest)}")
        ok(answer)
        costs.append(len(queries))
        Review.objects.all().delete()
        StaffService.objects.all().delete()
        for model in (WorkingWindow, Service, StaffMember, Salon):
            model.objects.all().delete()
    assert costs[0] == costs[1] <= most


def test_a_list_of_fifty_stays_small() -> None:
    for n in range(50):
        salon = SalonFactory.create(slug=f"a-rather-long-slug-number-{n}")
        photo(salon, is_primary=True, alt_ar="واجهة الصالون", caption_ar="المدخل من الشارع")
    answer = Api().send("GET", "salons?limit=50", headers={"Accept-Encoding": "identity"})
    assert len(answer.content) <= 60_000
    assert len(ok(answer)["items"]) == 50


# The desks I work at --------------------------------------------------------------------------------------------


def test_i_see_my_own_desks_only_with_my_role() -> None:
    lamsa, noura = SalonFactory.create(slug="lamsa"), SalonFactory.create(slug="noura", status="draft")
    SalonFactory.create(slug="other")
    me = employ(lamsa, "owner")
    employ(noura, "receptionist", user=me)
    employ(lamsa, "manager")
    assert [(d["slug"], d["role"]) for d in ok(Api(me).get("manage/salons"))["items"]] == [
        ("lamsa", "owner"),
        ("noura", "receptionist"),
    ]
    assert ok(Api(UserFactory.create()).get("manage/salons"))["items"] == []
    refused(Api().get("manage/salons"), 401, "auth_required")


def test_many_desks_cost_no_more_questions() -> None:
    costs = []
    for count in (1, 8):
        me = UserFactory.create()
        for _ in range(count):
            employ(SalonFactory.create(), user=me)
        phone = Api(me)
        ok(phone.get("manage/salons"))
        with CaptureQueriesContext(connection) as queries:
            ok(phone.get("manage/salons"))
        costs.append(len(queries))
    assert costs[0] == costs[1]


# What can never be stored ---------------------------------------------------------------------------------------


def broken(row: Any) -> str:
    from django.db import IntegrityError, transaction

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        row()
    return str(refusal.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


def test_the_database_refuses_a_catalogue_that_makes_no_sense() -> None:
    salon = SalonFactory.create(slug="lamsa")
    now = timezone.now()

    def window(**more: int) -> Any:
        return lambda: WorkingWindow.objects.create(
            salon=salon, **{"weekday": 1, "opens_minute": 600, "closes_minute": 700} | more
        )

    for row, constraint in (
        (lambda: SalonFactory.create(status="open"), "salon_status_known"),
        (lambda: SalonFactory.create(audience="cats"), "salon_audience_known"),
        (lambda: SalonFactory.create(deposit_percent=101), "salon_percents_are_percents"),
        (lambda: SalonFactory.create(late_cancel_percent=101), "salon_percents_are_percents"),
        (lambda: SalonFactory.create(grid_minutes=0), "salon_grid_is_sensible"),
        (lambda: SalonFactory.create(rating_sum=6, rating_count=1), "salon_rating_adds_up"),
        (lambda: ServiceFactory.create(salon=salon, duration_minutes=0), "service_duration_is_sensible"),
        (
            lambda: ServiceFactory.create(salon=salon, buffer_after_minutes=241),
            "service_buffers_are_sensible",
        ),
        (window(weekday=0), "window_weekday_is_iso"),
        (window(weekday=8), "window_weekday_is_iso"),
        (window(opens_minute=1440, closes_minute=1500), "window_minutes_in_order"),
        (window(closes_minute=600), "window_minutes_in_order"),
        (window(closes_minute=2161), "window_minutes_in_order"),
        (lambda: Closure.objects.create(salon=salon, starts_at=now, ends_at=now), "closure_has_one_form"),
        (lambda: employ(salon, "queen"), "membership_role_known"),
        (
            lambda: [employ(salon, "owner", user=u) for u in [UserFactory.create()] * 2],
            "membership_once_per_salon",
        ),
        (
            lambda: Review.objects.create(salon=salon, booking_id=uuid.uuid4(), rating=6, created_at=now),
            "review_one_to_five",
        ),
    ):
        assert broken(row) == constraint
    assert not Membership.objects.exists()
    assert {City.objects.count(), Category.objects.count()} <= {0, 1}
