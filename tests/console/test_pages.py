"""Every list and every page, in both languages: readable, bounded, from this server alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.staticfiles import finders
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from backend.bookings.models import Booking
from backend.core.console import BoundedPaginator
from backend.payments.models import Payment
from backend.salons.models import Salon, Service
from tests.console.helpers import Browser, World, address, browser, operator, registered
from tests.support.api import Api

pytestmark = pytest.mark.django_db

LANGUAGES = ("ar", "en")
BESIDES = 4
"""The session, the person, their roles, their device."""
MOST = 16
LABELS = "label|th|h1|h3|summary|option"


def readable(page: str) -> str:
    return re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_list_and_every_page_in_both_directions(language: str, world: World) -> None:
    client = browser(operator("platform_admin"), language=language)
    for model in registered():
        row = model._default_manager.order_by("pk").first()
        assert row is not None
        for url in (address(model), address(model, "change", row.pk), address(model, "history", row.pk)):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answer = client.get(url)
            assert answer.status_code == 200, url
            assert len(queries) <= MOST + BESIDES, (url, len(queries), [q["sql"][:90] for q in queries])
            page = answer.content.decode()
            assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in page
            text = readable(page)
            assert not re.search("[٠-٩۰-۹]", text), "digits are Latin in both languages"
            assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
            assert (
                "+966" not in text.replace("+966512345678", "") or model._meta.label_lower == "accounts.user"
            )


def test_a_list_asks_no_more_for_more_rows(world: World) -> None:
    client = browser(operator("platform_admin"))

    def counts() -> dict[type[Model], int]:
        found = {}
        for model in (Booking, Payment, Service, Salon):
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address(model)).status_code == 200
            found[model] = len(queries)
        return found

    before = counts()
    for hour in (14, 16, 18):
        booking = world.book(hour=hour)
        Payment.objects.create(
            booking=booking,
            amount_minor=1,
            source_type="client",
            created_at=booking.created_at,
            expires_at=booking.created_at,
        )
    from tests.factories import open_salon

    for _ in range(3):
        open_salon()
    assert counts() == before


def test_lists_count_no_further_than_people_page(monkeypatch: Any, world: World) -> None:
    monkeypatch.setattr("backend.core.console.pages.MOST_COUNTED", 1)
    world.book(hour=15)
    world.book(hour=17)
    for model in registered():
        page = admin.site.get_model_admin(model)
        assert page.paginator is BoundedPaginator
        assert not page.show_full_result_count
        assert not page.date_hierarchy
        assert page.sortable_by == ()
    client = browser(operator("platform_admin"), language="en")
    with CaptureQueriesContext(connection) as queries:
        page = client.get(address(Booking)).content.decode()
    assert "More than 10,000" in page
    assert "2 results" not in page
    counts = [q["sql"] for q in queries if "COUNT(*)" in q["sql"]]
    assert counts
    assert all("LIMIT 2" in sql for sql in counts)


def test_a_language_is_chosen_with_a_link_and_remembered() -> None:
    client = browser(operator("platform_admin"))
    del client.cookies["console_language"]
    assert 'dir="rtl"' in client.get("/console/").content.decode()
    moved = client.get("/console/salons/salon/?q=x&language=en")
    assert (moved.status_code, moved.headers["Location"]) == (302, "/console/salons/salon/?q=x")
    assert 'dir="ltr"' in client.get(moved.headers["Location"]).content.decode()
    assert 'dir="ltr"' in client.get("/console/").content.decode()
    assert client.cookies["console_language"]["path"] == "/console/"
    assert client.get("/console/?language=ar", follow=True).headers["Content-Language"] == "ar"
    assert client.get("/console/?language=fr").headers["Content-Language"] == "ar"
    assert client.get("/console//evil.example/?language=en").headers["Location"].startswith("/console")


def test_the_browsers_own_language_is_not_asked_here_and_the_cookie_not_by_the_api() -> None:
    client = Browser(headers={"Accept-Language": "en"})
    assert 'dir="rtl"' in client.get("/console/login/").content.decode()
    client.cookies["console_language"] = "en"
    assert client.get("/api/v1/cities", headers={"Accept-Language": "ar"}).headers["Content-Language"] == "ar"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("url", "status"), [("/console/nothing/here", 404), ("/console/salons/salon/", 403)])
def test_errors_in_the_console_are_pages(language: str, url: str, status: int) -> None:
    client = browser(operator("finance"), language=language)
    answer = client.get(url)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert f'lang="{language}"' in answer.content.decode()


def test_a_crash_in_the_console_is_a_page_and_is_logged(caplog: Any) -> None:
    client = browser(operator("platform_admin"))
    client.raise_request_exception = False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE salons_business RENAME COLUMN name TO lost_name")
        answer = client.get("/console/salons/business/")
        transaction.set_rollback(True)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "salons_business" not in answer.content.decode()
    assert "unexpected error in the console" in caplog.text


def test_the_apis_errors_stay_problems() -> None:
    for url in ("/nothing", "/consoles", "/api/v1/console/"):
        answer = Browser().get(url)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert Browser().get("/console").status_code == 302


def test_the_api_pays_nothing_for_the_consoles_sessions() -> None:
    person = operator("platform_admin")
    api = Api(person)
    with CaptureQueriesContext(connection) as plain:
        api.get("cities")
    cookies = browser(person).cookies
    api.client.cookies = cookies
    with CaptureQueriesContext(connection) as with_cookies:
        answer = api.get("cities")
    assert len(with_cookies) == len(plain)
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert "Set-Cookie" not in answer.headers
    assert not answer.cookies


def test_a_session_of_the_console_opens_nothing_in_the_api() -> None:
    assert browser(operator("platform_admin")).get("/api/v1/me").status_code == 401


def test_what_pages_load_is_on_this_server(world: World) -> None:
    client = browser(operator("platform_admin"))
    row = Salon.objects.first()
    assert row is not None
    seen = set()
    for url in ("/console/", address(Salon), address(Salon, "change", row.pk), "/console/login/"):
        page = client.get(url, follow=True).content.decode()
        seen |= set(re.findall(rf'(?:src|href)="{settings.STATIC_URL}([^"]+)"', page))
    assert {"console/console.css", "admin/css/rtl.css"} <= seen
    for path in seen:
        found = finders.find(path)
        assert found, path
        with open(str(found), encoding="utf-8") as file:
            assert not re.search(r"""url\(["']?(?:https?:)?//|@import\s+["'](?:https?:)?//""", file.read()), (
                path
            )


def test_dates_and_amounts_are_written_as_saudi_readers_write_them(world: World) -> None:
    for language, day, money in (
        ("ar", r"\d{1,2} [ء-ي]+ 20\d\d، ", "115.00 ر.س"),
        ("en", r"\d{1,2} [A-Z][a-z]+ 20\d\d, ", "115.00 SAR"),
    ):
        client = browser(operator("platform_admin"), language=language)
        page = client.get(address(Booking, "change", world.booking.pk)).content.decode()
        assert re.search(day, page)
        assert f'<bdi class="amount">{money}</bdi>' in page
        assert f'<bdi dir="ltr">{world.booking.reference}</bdi>' in page


def test_every_word_of_the_console_has_its_arabic() -> None:
    """Models, fields and choices get their words when the admin loads, so the catalogue is asked for what they say."""
    with (settings.LOCALE_PATHS[0] / "ar" / "LC_MESSAGES" / "django.po").open("rb") as file:
        known = {message.id for message in read_po(file, locale="ar") if message.string}
    missing = set()
    with translation.override(None):
        for model in registered():
            wanted = [model._meta.verbose_name, model._meta.verbose_name_plural]
            for field in model._meta.fields:
                if (
                    model is not LogEntry
                    and field.choices
                    and field.name not in ("language", "device_language")
                ):
                    wanted += [text for _, text in field.flatchoices]
            page = admin.site.get_model_admin(model)
            wanted += [page.search_help_text] if page.search_help_text else []
            missing |= {str(text) for text in wanted} - known
    assert missing - {"iOS", "Android"} == set()


def test_no_label_is_left_in_english_on_an_arabic_page(world: World) -> None:
    client = browser(operator("platform_admin"))
    left = set()
    for model in registered():
        row = model._default_manager.order_by("pk").first()
        assert row is not None
        urls = [address(model), address(model, "change", row.pk)]
        if admin.site.get_model_admin(model).has_add_permission(client.get("/console/").wsgi_request):
            urls.append(address(model, "add"))
        for url in urls:
            page = client.get(url).content.decode()
            labels = re.findall(rf"<({LABELS})\b[^>]*>(.*?)</\1>", page, re.DOTALL)
            for _, label in labels:
                if "<bdi" in label or "<a " in label or "<input" in label:
                    continue
                text = " ".join(re.sub(r"<[^>]+>", " ", label).split())
                if re.search("[A-Za-z]{3,}", text) and not re.search("[ء-ي]", text):
                    left.add((model._meta.label_lower, text))
    assert {(m, t) for m, t in left if t not in ("iOS", "Android", "English", "Asia/Riyadh")} == set()
