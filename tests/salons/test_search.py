"""Search: what people type finds what salons wrote, best first, on every server alike."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from backend.core.search_text import sort_key, tokens
from backend.salons.models import (
    Category,
    City,
    Closure,
    District,
    Salon,
    SalonStatus,
    SearchEntry,
    Service,
    StaffService,
    WorkingWindow,
)
from backend.salons.operations import indexing
from backend.salons.operations.editing import lock_salon, save_changes
from backend.salons.queries.search import lexeme
from tests.factories import (
    CategoryFactory,
    CityFactory,
    DistrictFactory,
    SalonFactory,
    ServiceFactory,
    StaffMemberFactory,
    open_salon,
)
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

CORPUS = yaml.safe_load((Path(__file__).parent / "search_corpus.yaml").read_text(encoding="utf-8"))
NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
"""Sunday, 12:00 in Riyadh."""
SUNDAY = date(2026, 11, 22)
RIYADH = "24.71360,46.67530"


def heal() -> int:
    return indexing.heal(NOON)


def listed(language: str = "ar", **query: Any) -> list[str]:
    """Slugs of a whole list, page by page."""
    found, cursor = [], None
    while True:
        answer = ok(Api(language=language).get("salons", **query | ({"cursor": cursor} if cursor else {})))
        found += [salon["slug"] for salon in answer["items"]]
        if (cursor := answer["next_cursor"]) is None:
            return found


# The corpus -----------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus() -> None:
    for slug, ar, en in (
        ("riyadh", "الرياض", "Riyadh"),
        ("jeddah", "جدة", "Jeddah"),
        ("dammam", "الدمام", "Dammam"),
    ):
        City.objects.create(slug=slug, name_ar=ar, name_en=en)
    for slug, row in CORPUS["districts"].items():
        District.objects.create(slug=slug, city_id=row["city"], name_ar=row["ar"], name_en=row["en"])
    for slug, ar in (("hair", "شعر"), ("nails", "أظافر"), ("brows", "حواجب ورموش"), ("skin", "بشرة")):
        Category.objects.create(slug=slug, name_ar=ar, name_en=slug.title())
    for slug, ar in (
        ("makeup", "تجميل الوجه"),
        ("bridal", "مناسبات"),
        ("spa", "استرخاء"),
        ("barber", "عناية الرجل"),
    ):
        Category.objects.create(
            slug=slug, name_ar=ar, name_en={"makeup": "Face", "bridal": "Occasions"}.get(slug, slug)
        )
    for row in CORPUS["salons"]:
        ar, en = row.get("about", ("", ""))
        salon = SalonFactory.create(
            slug=row["slug"],
            name_ar=row["ar"],
            name_en=row["en"],
            city_id=CORPUS["districts"][row["district"]]["city"],
            district_id=row["district"],
            audience=row.get("audience", "women"),
            rating_sum=2 * row["rating"],
            rating_count=20,
            description_ar=ar,
            description_en=en,
        )
        for line in row["services"]:
            service_ar, service_en, category = line.split(" | ")
            ServiceFactory.create(salon=salon, category_id=category, name_ar=service_ar, name_en=service_en)
    heal()


def test_the_corpus_finds_what_it_says_best_first(corpus: None) -> None:
    assert len(CORPUS["salons"]) >= 40
    assert len(CORPUS["queries"]) >= 60
    wrong = []
    for query in CORPUS["queries"]:
        for language in ("ar", "en"):
            found = listed(language, q=query["q"], limit=50)
            expected = query["first"]
            if (found if query.get("only") else found[: len(expected)]) != expected:
                wrong.append((query["q"], expected, found))
    assert wrong == []


@pytest.mark.parametrize("q", ["صالون", "الأميرة", "ا", "a", "قص شعر", "olaya"])
def test_pages_of_a_ranked_list_meet_without_overlap(corpus: None, q: str, monkeypatch: Any) -> None:
    whole = listed(q=q, limit=50)
    assert len(whole) > 3
    assert len(set(whole)) == len(whole)
    assert listed(q=q, limit=2) == whole
    # Where many fit, each kind of fit is asked for by itself: the order is the same.
    monkeypatch.setattr("backend.salons.queries.search.MOST_COMPARED", 1)
    assert listed(q=q, limit=50) == whole
    assert listed(q=q, limit=3) == whole


@pytest.mark.parametrize("q", ["؟!، ـ", "   ", "🙂", "\u200f", "'", "&|!:*()", "\\"])
def test_a_query_without_a_word_filters_nothing(corpus: None, q: str) -> None:
    assert listed(q=q, limit=50) == listed(limit=50)
    assert len(listed(q=q, service=q, limit=50)) == len(CORPUS["salons"])


@pytest.mark.parametrize(
    "q",
    [
        "أميرة'; DROP TABLE salons_salon; --",
        "' | !'x':*",
        "a' OR '1'='1",
        "\\' | \\",
        "princess:*A",
        "=صالون الأميرة للتجميل:A",
        "~beauty center",
        "%(q)s %s %%",
        "ﷺ" * 30,
        "x" * 100,
        "ا " * 50,
        "𐤀𐤁𐤂",
    ],
)
def test_no_text_breaks_out_of_the_query(corpus: None, q: str) -> None:
    for name in ("q", "service"):
        ok(Api().get("salons", **{name: q}))
    assert Salon.objects.count() == len(CORPUS["salons"])


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ({"q": "x" * 101}, "q", "too_long"),
        ({"q": "a\0b"}, "q", "invalid_format"),
        ({"service": "x" * 101}, "service", "too_long"),
        ({"service": "\0"}, "service", "invalid_format"),
        ({"near": "24.7"}, "near", "invalid_format"),
        ({"near": "24.7,46.7,1"}, "near", "invalid_format"),
        ({"near": "91,0"}, "near", "invalid_format"),
        ({"near": "0,181"}, "near", "invalid_format"),
        ({"near": "nan,inf"}, "near", "invalid_format"),
        ({"near": "1e9,0"}, "near", "invalid_format"),
        ({"near": RIYADH, "radius_km": 0}, "radius_km", "too_small"),
        ({"near": RIYADH, "radius_km": 201}, "radius_km", "too_large"),
        ({"min_rating": "0.9"}, "min_rating", "too_small"),
        ({"min_rating": "5.1"}, "min_rating", "too_large"),
        ({"min_rating": "good"}, "min_rating", "invalid_format"),
        ({"max_price_minor": "-1"}, "max_price_minor", "too_small"),
        ({"max_price_minor": "12.5"}, "max_price_minor", "invalid_format"),
        ({"open_now": "yes"}, "open_now", "invalid_format"),
        ({"free_on": "tomorrow"}, "free_on", "date_invalid"),
        ({"free_on": "1448-06-10"}, "free_on", "date_out_of_range"),
        ({"sort": "random"}, "sort", "invalid_choice"),
        ({"sort": "distance"}, "near", "field_required"),
        ({"cursor": "abc"}, "cursor", "cursor_invalid"),
    ],
)
def test_a_wrong_value_is_named(query: dict[str, Any], parameter: str, code: str) -> None:
    [error] = refused(Api().get("salons", **query), 400, "validation_failed")["errors"]
    assert (error["parameter"], error["code"]) == (parameter, code)


def test_a_cursor_is_good_for_its_own_words_and_order_only(corpus: None) -> None:
    cursor = ok(Api().get("salons", q="صالون", limit=1))["next_cursor"]
    assert ok(Api().get("salons", q="صالون", limit=1, cursor=cursor))
    for other in ({"q": "نورة"}, {"q": "صالون", "sort": "rating"}, {"q": "صالون", "city": "riyadh"}, {}):
        [error] = refused(Api().get("salons", cursor=cursor, **other), 400, "validation_failed")["errors"]
        assert error["code"] == "cursor_invalid"


# Order of names -------------------------------------------------------------------------------------------------

NAMES = ["آمنة", "ابتسام", "أحمد", "إيمان", "بدر"]


def test_names_stand_in_the_order_of_the_dictionary() -> None:
    for name in reversed(NAMES):
        SalonFactory.create(slug=f"s{NAMES.index(name)}", name_ar=name, name_en="")
    SalonFactory.create(slug="s5", name_ar="الياقوت", name_en="")
    heal()
    assert listed(sort="name", limit=2) == ["s0", "s1", "s2", "s3", "s4", "s5"]


def test_each_language_has_its_own_order_of_names() -> None:
    SalonFactory.create(slug="a", name_ar="ياسمين", name_en="Amber")
    SalonFactory.create(slug="b", name_ar="أمل", name_en="Zahra")
    heal()
    assert listed("ar", sort="name") == ["b", "a"]
    assert listed("en", sort="name") == ["a", "b"]


def test_a_list_begun_in_one_language_does_not_go_on_in_the_other() -> None:
    """The other order would leave out salons, or show some twice, and nobody would know."""
    SalonFactory.create(slug="a", name_ar="ياسمين", name_en="Amber")
    SalonFactory.create(slug="b", name_ar="أمل", name_en="Zahra")
    heal()
    cursor = ok(Api().get("salons", sort="name", limit=1))["next_cursor"]
    other = Api(language="en").get("salons", sort="name", limit=1, cursor=cursor)
    [error] = refused(other, 400, "validation_failed")["errors"]
    assert error["code"] == "cursor_invalid"


def other_locales() -> list[str]:
    """Locales this server can make a database in; every one has at least the first two."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT collcollate FROM pg_collation WHERE collprovider = 'c' AND collencoding IN (-1, 6)"
        )
        known = [row[0] for row in cursor.fetchall()]
    return ["C", "C.UTF-8", *(locale for locale in known if locale.lower().startswith(("ar_", "en_us")))][:4]


@pytest.mark.django_db(transaction=True)
def test_the_order_and_the_words_do_not_lean_on_the_servers_locale() -> None:
    """Another database of the same server, in another locale, orders and finds alike."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.attname, c.collname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation"
            " WHERE a.attrelid = 'salons_searchentry'::regclass AND a.attname LIKE 'sort_key%'"
        )
        assert dict(cursor.fetchall()) == {"sort_key_ar": "C", "sort_key_en": "C"}
    for number, locale in enumerate(other_locales()):
        database = f"{connection.settings_dict['NAME']}_locale_{number}"
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {database}")
            cursor.execute(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8' LOCALE '{locale}'")
        other = connection.copy()
        other.settings_dict = {**connection.settings_dict, "NAME": database}
        try:
            with other.cursor() as cursor:
                cursor.execute('CREATE TABLE names (name text, key text COLLATE "C", terms tsvector)')
                for text in reversed(NAMES):
                    terms = " ".join(lexeme(word, "1A") for word in tokens(text))
                    cursor.execute(
                        "INSERT INTO names VALUES (%s, %s, %s::tsvector)", [text, sort_key(text), terms]
                    )
                cursor.execute("SELECT name FROM names ORDER BY key")
                assert [row[0] for row in cursor.fetchall()] == NAMES, locale
                cursor.execute("SELECT name FROM names WHERE terms @@ %s::tsquery", [lexeme("ايم", "*A")])
                assert cursor.fetchall() == [("إيمان",)], locale
        finally:
            other.close()
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {database}")


# Filters --------------------------------------------------------------------------------------------------------


def test_services_are_found_by_their_words_alone() -> None:
    for slug, name in (("cut", "صالون لمسة"), ("named", "قص الذهب")):
        SalonFactory.create(slug=slug, name_ar=name)
    ServiceFactory.create(salon=Salon.objects.get(slug="cut"), name_ar="قص شعر")
    ServiceFactory.create(salon=Salon.objects.get(slug="named"), name_ar="صبغة")
    heal()
    assert sorted(listed(q="قص")) == ["cut", "named"]
    assert listed(service="قص") == ["cut"]
    assert sorted(listed(service="شعر")) == ["cut", "named"], "by category too"
    assert listed(service="قَصّ", q="لمسه") == ["cut"]


def test_a_price_is_the_lowest_that_can_be_booked() -> None:
    salon = SalonFactory.create(slug="a")
    cut = ServiceFactory.create(salon=salon, price_minor=1000)
    ServiceFactory.create(salon=salon, price_minor=15000)
    for price, active in ((9000, True), (12000, True), (100, False)):
        ServiceFactory.create(salon=salon, variant_of=cut, price_minor=price, is_active=active)
    gone = ServiceFactory.create(salon=salon, price_minor=5, is_active=False)
    ServiceFactory.create(salon=salon, variant_of=gone, price_minor=6)
    SalonFactory.create(slug="empty")
    ServiceFactory.create(salon=SalonFactory.create(slug="b"), price_minor=8000)
    heal()
    prices = {s["slug"]: s["from_price"] for s in ok(Api(language="en").get("salons"))["items"]}
    assert prices["a"] == {"amount_minor": 9000, "currency": "SAR", "display": "90.00 SAR"}
    assert prices["empty"] is None
    assert listed(sort="price", limit=1) == ["b", "a", "empty"]
    assert sorted(listed(max_price_minor=9000)) == ["a", "b"]
    assert listed(max_price_minor="٨٩٩٩") == ["b"]


def test_stars_are_compared_as_they_are_shown() -> None:
    for slug, total, count in (("none", 0, 0), ("low", 89, 20), ("shown-as-45", 89, 20), ("high", 48, 10)):
        SalonFactory.create(slug=slug, rating_sum=total, rating_count=count)
    Salon.objects.filter(slug="low").update(rating_sum=88)
    shown = {s["slug"]: s["rating"]["average"] for s in ok(Api().get("salons"))["items"]}
    assert shown == {"none": None, "low": 4.4, "shown-as-45": 4.5, "high": 4.8}
    assert sorted(listed(min_rating="4.5")) == sorted(listed(min_rating="٤٫٥")) == ["high", "shown-as-45"]
    assert listed(min_rating="4.51") == ["high"]
    assert "none" not in listed(min_rating="1")


def test_places_narrow_a_search() -> None:
    SalonFactory.create(slug="olaya")
    jeddah = CityFactory.create(slug="jeddah", name_ar="جدة", name_en="Jeddah")
    SalonFactory.create(
        slug="rawdah",
        city=jeddah,
        district=DistrictFactory.create(
            slug="jeddah-rawdah", city=jeddah, name_ar="الروضة", name_en="Rawdah"
        ),
    )
    SalonFactory.create(slug="nowhere", district=None)
    assert listed(district="riyadh-al-olaya") == ["olaya"]
    assert listed(district="jeddah-rawdah", city="jeddah") == ["rawdah"]
    assert listed(district="jeddah-rawdah", city="riyadh") == []
    assert listed(district="العليا") == []
    rows = {
        s["slug"]: (s["district"], s["district_slug"]) for s in ok(Api(language="en").get("salons"))["items"]
    }
    assert rows["rawdah"] == ("Rawdah", "jeddah-rawdah")
    assert rows["nowhere"] == (None, None)


def great_circle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Metres, by the law of cosines, to compare with the haversine formula."""
    (lat1, lng1), (lat2, lng2) = [tuple(map(math.radians, p)) for p in (a, b)]
    inner = math.sin(lat1) * math.sin(lat2) + math.cos(lat1) * math.cos(lat2) * math.cos(lng2 - lng1)
    return 6_371_008.8 * math.acos(min(1.0, inner))


def test_near_tells_the_distance_and_orders_by_it() -> None:
    places = {
        "here": (24.7136, 46.6753),
        "street": (24.7150, 46.6800),
        "town": (24.8000, 46.7000),
        "khobar": (26.2172, 50.1971),
    }
    for slug, (latitude, longitude) in places.items():
        SalonFactory.create(slug=slug, latitude=f"{latitude:.5f}", longitude=f"{longitude:.5f}")
    SalonFactory.create(slug="unknown")
    found = ok(Api().get("salons", near=RIYADH, sort="distance"))["items"]
    assert [s["slug"] for s in found] == ["here", "street", "town"]
    for salon in found:
        assert salon["distance_m"] == pytest.approx(
            great_circle(places["here"], places[salon["slug"]]), abs=1.5
        )
        assert salon["location"] == dict(zip(("latitude", "longitude"), places[salon["slug"]], strict=True))
    assert listed(near=RIYADH, sort="distance", limit=1) == ["here", "street", "town"]
    assert listed(near="٢٤٫٧١٣٦٠، ٤٦٫٦٧٥٣٠", radius_km="١", sort="distance") == ["here", "street"]
    assert listed(near=RIYADH, radius_km=9, sort="distance") == ["here", "street"]
    [unknown] = [s for s in ok(Api().get("salons"))["items"] if s["slug"] == "unknown"]
    assert (unknown["location"], unknown["distance_m"]) == (None, None)


@pytest.mark.parametrize(
    ("near", "other"),
    [
        ((0.0, 179.99), (0.0, -179.99)),
        ((0.0, -179.99), (0.0, 179.99)),
        ((89.99, 0.0), (89.99, 180.0)),
        ((-90.0, 12.0), (-89.9, -150.0)),
        ((60.0, 10.0), (60.0, 10.5)),
    ],
)
def test_the_date_line_and_the_poles_are_places_too(
    near: tuple[float, float], other: tuple[float, float]
) -> None:
    SalonFactory.create(slug="other", latitude=f"{other[0]:.5f}", longitude=f"{other[1]:.5f}")
    [found] = ok(Api().get("salons", near=f"{near[0]},{near[1]}"))["items"]
    assert found["distance_m"] == pytest.approx(great_circle(near, other), abs=2)


@freeze_time(NOON)
def test_open_now_means_this_minute() -> None:
    open_salon(slug="open")
    open_salon(slug="evening", opens=16 * 60)
    open_salon(slug="yesterday", weekdays=(6,), opens=20 * 60, closes=2160)
    open_salon(slug="monday", weekdays=(1,))
    closed, _, _ = open_salon(slug="closed")
    Closure.objects.create(salon=closed, starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    SalonFactory.create(slug="never")
    open_salon(slug="london", opens=9 * 60, closes=9 * 60 + 30, timezone="Europe/London")
    assert sorted(listed(open_now="true")) == ["london", "open"]
    assert len(listed(open_now="false")) == 7
    with freeze_time(NOON - timedelta(minutes=1)):
        assert sorted(listed(open_now="true")) == ["closed", "open", "yesterday"]
    with freeze_time(NOON + timedelta(hours=4)):
        assert sorted(listed(open_now="true")) == ["closed", "evening", "open"]


@freeze_time(NOON)
def test_a_page_that_weighs_many_may_be_short_and_goes_on(monkeypatch: Any) -> None:
    monkeypatch.setattr("backend.salons.queries.search.MOST_WEIGHED", 3)
    for n in range(10):
        salon, _, _ = open_salon(slug=f"s{n}", id=UUID(int=n + 1))  # alike but for their place in the list
        if n != 8:
            Closure.objects.create(salon=salon, starts_at=NOON, ends_at=NOON + timedelta(hours=1))
    first = ok(Api().get("salons", open_now="true", limit=2))
    assert first["items"] == []
    assert first["next_cursor"]
    assert listed(open_now="true", limit=2) == ["s8"]


@freeze_time(NOON)
def test_free_on_a_day_means_a_start_for_one_of_the_services_meant() -> None:
    salon, _, [person] = open_salon(slug="free")
    colour = ServiceFactory.create(salon=salon, name_ar="صبغة", name_en="Colour", duration_minutes=600)
    ServiceFactory.create(  # nobody performs it
        salon=salon,
        name_ar="مناكير",
        name_en="Manicure",
        category=CategoryFactory.create(slug="nails", name_ar="أظافر", name_en="Nails"),
    )
    StaffService.objects.create(staff_member=person, service=colour)
    open_salon(slug="tuesdays", weekdays=(2,))
    full, _, _ = open_salon(slug="full")
    Closure.objects.create(salon=full, kind="days", first_date=SUNDAY, last_date=SUNDAY + timedelta(days=1))
    SalonFactory.create(slug="nothing-sold")
    heal()
    monday, tuesday = str(SUNDAY + timedelta(days=1)), str(SUNDAY + timedelta(days=2))
    assert listed(free_on=monday) == ["free"]
    assert sorted(listed(free_on=tuesday)) == ["free", "full", "tuesdays"]
    assert listed(free_on=monday, service="قص") == ["free"]
    assert listed(free_on=monday, service="صبغه") == ["free"]
    assert listed(free_on=str(SUNDAY), service="صبغه") == [], "ten hours no longer fit today"
    assert listed(free_on=str(SUNDAY), service="colour haircut") == [], "no service is both"
    assert listed(free_on=monday, service="مناكير") == []
    assert listed(free_on=monday, category="nails") == []
    assert listed(free_on=monday, category="hair") == ["free"]
    assert listed(free_on=str(SUNDAY + timedelta(days=31))) == [], "beyond the horizon"
    assert listed(free_on=str(SUNDAY - timedelta(days=1))) == []
    answer = Api().get("salons", free_on=monday)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert Api().get("salons").headers["Cache-Control"] == "public, max-age=60"


# The entry follows its salon ------------------------------------------------------------------------------------


def stale() -> int:
    return SearchEntry.objects.filter(catalogue_version=0).count()


def test_every_change_of_words_makes_its_entry_stale_and_the_next_run_heals_it() -> None:
    salon, service, _ = open_salon(slug="lamsa")
    assert heal() == 1
    assert (stale(), heal()) == (0, 0)
    for change in (
        lambda: Salon.objects.filter(pk=salon.pk).update(name_en="Renamed"),
        lambda: Service.objects.filter(pk=service.pk).update(name_en="Updo"),
        lambda: ServiceFactory.create(salon=salon, name_en="Threading"),
        lambda: Category.objects.filter(slug="hair").update(name_en="Tresses"),
        lambda: City.objects.filter(slug="riyadh").update(name_en="Capital"),
        lambda: District.objects.filter(slug="riyadh-al-olaya").update(name_en="Heights"),
    ):
        change()
        assert stale() == 1
        assert heal() == 1
    for word in ("renamed", "updo", "threading", "tresses", "capital", "heights"):
        assert listed(q=word) == ["lamsa"], word
    assert listed(q="haircut") == []
    Salon.objects.filter(pk=salon.pk).update(rating_sum=5, rating_count=1)
    assert stale() == 0, "stars are read where they stand"


def test_what_an_operation_changes_is_found_once_it_is_committed(
    django_capture_on_commit_callbacks: Any,
) -> None:
    salon = SalonFactory.create(slug="lamsa")
    heal()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        row = lock_salon(salon)
        lock_salon(salon)
        save_changes(row, {"name_en": "Brilliant"})
        assert listed(q="brilliant") == []
    assert listed(q="brilliant") == ["lamsa"]


@pytest.mark.parametrize("status", [s for s in SalonStatus.values if s != "live"])
def test_what_is_not_live_is_not_found_however_fresh_its_entry(status: str) -> None:
    salon = SalonFactory.create(slug="lamsa")
    heal()
    Salon.objects.filter(pk=salon.pk).update(status=status)
    for query in ({}, {"q": "lamsa"}, {"sort": "name"}, {"sort": "price"}, {"service": "x"}):
        assert listed(**query) == []


def test_a_new_salon_is_listed_before_anything_is_indexed() -> None:
    SalonFactory.create(slug="new")
    for sort in ("rating", "price", "name"):
        assert listed(sort=sort) == ["new"]


def test_long_texts_are_indexed_and_found() -> None:
    SalonFactory.create(
        slug="long",
        name_ar="ط" * 120,
        name_en="\\" * 120,
        description_ar="ع" * 2000,
        description_en="'\\" * 900,
    )
    assert heal() == 1
    assert listed(q="ط" * 100) == ["long"]
    assert listed(q="ع" * 60) == ["long"]
    SalonFactory.create(slug="other", name_ar="\\" * 120, name_en="ط" * 120)
    heal()
    for language in ("ar", "en"):
        assert sorted(listed(language, sort="name", limit=1)) == ["long", "other"]


# Cost -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "most"),
    [
        ({}, 2),
        ({"q": "لمسة"}, 3),
        ({"q": "قص شعر", "city": "riyadh"}, 3),
        ({"service": "قص", "sort": "price"}, 2),
        ({"near": RIYADH, "sort": "distance"}, 2),
    ],
)
def test_more_salons_cost_no_more_questions(query: dict[str, Any], most: int) -> None:
    costs = []
    for count in (1, 12):
        for _ in range(count):
            salon = SalonFactory.create(latitude="24.71360", longitude="46.67530")
            ServiceFactory.create(salon=salon)
        heal()
        with CaptureQueriesContext(connection) as queries:
            assert ok(Api().get("salons", limit=50, **query))["items"]
        costs.append(len(queries))
    assert costs[0] == costs[1] <= most


@freeze_time(NOON)
def test_open_now_costs_a_fixed_number_of_questions() -> None:
    costs = []
    for count in (1, 12):
        for _ in range(count):
            open_salon()
        with CaptureQueriesContext(connection) as queries:
            assert ok(Api().get("salons", limit=50, open_now="true"))["items"]
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 8


def test_many_entries_are_made_in_a_fixed_number_of_questions() -> None:
    costs = []
    for count in (1, 12):
        for _ in range(count):
            ServiceFactory.create(salon=SalonFactory.create())
        with CaptureQueriesContext(connection) as queries:
            assert heal() == count
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_the_index_answers_for_words_and_places() -> None:
    first = SalonFactory.create(slug="a")
    shared = {
        "business": first.business,
        "city": first.city,
        "audience": "women",
        "created_at": NOON,
        "status": "live",
    }
    Salon.objects.bulk_create(
        Salon(slug=f"s{n}", name_ar=f"ص{n}", latitude=f"{n / 10:.5f}", longitude=f"{n / 5:.5f}", **shared)
        for n in range(500)
    )
    heal()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE salons_salon")
        cursor.execute("ANALYZE salons_searchentry")
    for condition, index in (
        ("SELECT FROM salons_searchentry WHERE terms @@ '''^lamsa'':*'::tsquery", "search_entry_terms"),
        ("SELECT FROM salons_searchentry WHERE catalogue_version = 0", "search_entry_stale"),
        (
            "SELECT FROM salons_salon WHERE status = 'live' AND latitude BETWEEN 1 AND 2 AND longitude BETWEEN 1 AND 2",
            "salon_live_by_place",
        ),
        (
            "SELECT id FROM salons_salon WHERE status = 'live' ORDER BY rating_score DESC, id LIMIT 9",
            "salon_live_by_rating",
        ),
        ("SELECT FROM salons_searchentry ORDER BY sort_key_ar, salon_id LIMIT 9", "search_entry_by_name_ar"),
        ("SELECT FROM salons_searchentry ORDER BY sort_key_en, salon_id LIMIT 9", "search_entry_by_name_en"),
        (
            "SELECT FROM salons_searchentry ORDER BY COALESCE(from_price_minor, 2147483647), salon_id LIMIT 9",
            "search_entry_by_price",
        ),
    ):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute(f"EXPLAIN {condition}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert index in plan, plan


def test_hours_of_staff_do_not_open_a_salon() -> None:
    salon = SalonFactory.create(slug="a")
    person = StaffMemberFactory.create(salon=salon)
    for weekday in range(1, 8):
        WorkingWindow.objects.create(
            salon=salon, staff_member=person, weekday=weekday, opens_minute=0, closes_minute=1440
        )
    assert listed(open_now="true") == []
