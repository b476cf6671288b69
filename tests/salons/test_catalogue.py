"""The public catalogue over HTTP: what is found, in which language, at what cost."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.salons.models import (
    Category,
    City,
    Closure,
    Membership,
    Review,
    Salon,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from tests.factories import (
    CategoryFactory,
    CityFactory,
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
                "audience": "women",
                "rating": {"average": 4.7, "count": 3},
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
    for address in ("cities", "categories"):
        assert [row["slug"] for row in ok(Api().get(address))["items"]] == ["c", "a", "b"]
        refused(Api().get(address, limit=5), 400, "validation_failed")


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
    salon = SalonFactory.create(
        slug="lamsa",
        city=CityFactory.create(slug="tabuk", **names),
        **names,
        **{written.replace("name", "address"): "King Rd طريق", other.replace("name", "address"): missing},
    )
    service = ServiceFactory.create(
        salon=salon, category=CategoryFactory.create(slug="nails", **names), **names
    )
    person = StaffMemberFactory.create(salon=salon, **names)
    StaffService.objects.create(staff_member=person, service=service)
    phone = Api(employ(salon), language=language)
    for address in ("salons", "salons/lamsa", "cities", "categories", "manage/salons"):
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
            "deposit": {"amount_minor": 2301, "currency": "SAR", "display": "23.01 ر.س"},
        }
    ]
    assert page["staff"] == [
        {"id": str(person.id), "name": "نورة", "title": None, "service_ids": [str(service.id)]}
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
        ("salons?limit=50", 1),
        ("salons?limit=50&city=riyadh&category=hair", 1),
        ("salons/{salon}", 5),
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
        SalonFactory.create(slug=f"a-rather-long-slug-number-{n}")
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
        (lambda: Closure.objects.create(salon=salon, starts_at=now, ends_at=now), "closure_ends_after_start"),
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
