"""Getting in by phone and code, staying in, and getting out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts import operations
from backend.accounts.models import Device, PlatformRole, User
from backend.console.apps import forget_ended_sessions
from backend.console.middleware import LONGEST
from tests.console.helpers import SIGN_IN, Browser, browser, operator, session_of
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NUMBER = "+966512345678"
EVENING = "2026-11-20T18:30:00Z"


@pytest.fixture
def clock() -> Any:
    with freeze_time(EVENING) as frozen:
        yield frozen


def ask(client: Browser, number: str = "0512345678", **more: str) -> Any:
    return client.post(SIGN_IN, {"phone": number, **more})


def ticket_in(response: Any) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', response.content.decode())
    assert found, response.content.decode()
    return found[1]


def give(client: Browser, asked: Any, code: str, **more: str) -> Any:
    return client.post(SIGN_IN, {"ticket": ticket_in(asked), "code": code, **more})


def code_in(sent: Any, number: str = NUMBER) -> str:
    found = re.search(r"[0-9]{6}", sent(number)[-1])
    assert found
    return found.group()


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


@pytest.mark.parametrize(
    ("language", "heading", "masked"), [("ar", 'dir="rtl"', "05•••••678"), ("en", "Sign in", "05•••••678")]
)
def test_an_operator_signs_in_with_a_code(language: str, heading: str, masked: str, sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    client = Browser()
    client.cookies["console_language"] = language
    assert heading in client.get("/console/", follow=True).content.decode()
    asked = ask(client)
    assert masked in asked.content.decode()
    entered = give(client, asked, code_in(sent))
    assert (entered.status_code, entered.headers["Location"]) == (302, "/console/")
    page = client.get("/console/")
    assert page.status_code == 200
    assert page.headers["Content-Language"] == language


@pytest.mark.parametrize("number", ["0512345678", "٠٥١٢٣٤٥٦٧٨", "+966 51 234 5678", "۰۵۱۲۳۴۵۶۷۸"])
def test_numbers_and_codes_are_read_in_every_script(number: str, sent: Any) -> None:
    operator("support", phone=NUMBER)
    client = Browser()
    asked = ask(client, number)
    code = code_in(sent).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert give(client, asked, f"\u200f{code[:3]} {code[3:]}").status_code == 302


@pytest.mark.parametrize("number", ["", "0112345678", "920012345", "+971501234567", "abc", "05123"])
def test_a_number_that_cannot_sign_in_is_refused_at_its_field(number: str, sent: Any) -> None:
    answer = ask(Browser(), number)
    assert answer.status_code == 400
    assert answer.context["form"].errors["phone"]
    assert sent() == []


def test_a_wrong_code_says_so_and_five_end_it(sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    client = Browser()
    asked = ask(client)
    code = code_in(sent)
    for _ in range(5):
        refused = give(client, asked, wrong(code))
        assert refused.status_code == 400
        assert refused.context["form"].errors["code"]
    over = give(client, asked, code)
    assert over.status_code == 429
    assert over.context["form"].non_field_errors()
    assert client.get("/console/").status_code == 302


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12a456", "......"])
def test_what_is_no_code_costs_no_try(code: str, sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    client = Browser()
    asked = ask(client)
    for _ in range(6):
        assert give(client, asked, code).status_code == 400
    assert give(client, asked, code_in(sent)).status_code == 302


def test_nothing_before_the_proof_tells_who_has_a_role(sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    UserFactory.create(phone="+966512345679")
    pages = []
    for number in ("0512345678", "0512345679", "0512345670"):  # an operator, a customer, nobody
        client = Browser()
        asked = ask(client, number)
        assert asked.status_code == 200
        refused = give(client, asked, wrong(code_in(sent, "+966" + number[1:])))
        pages.append([unlike(asked), unlike(refused), refused.status_code])
    assert pages[0] == pages[1] == pages[2]


def unlike(response: Any) -> str:
    """The page without what differs for everybody."""
    text = re.sub(r'value="[^"]{20,}"', "", response.content.decode())
    return re.sub(r"05•••••[0-9]{3}", "", text)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_somebody_without_a_role_is_refused_after_the_proof_and_stays_signed_in_nowhere(
    language: str, sent: Any
) -> None:
    person = UserFactory.create(phone=NUMBER)
    client = Browser()
    client.cookies["console_language"] = language
    refused = give(client, ask(client), code_in(sent))
    assert refused.status_code == 403
    assert "console_session" not in client.cookies
    assert not Device.objects.filter(user=person, revoked_at=None).exists()
    assert client.get("/console/").status_code == 302


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("name", ["مشغل", ""])
@pytest.mark.parametrize("flags", [{}, {"is_superuser": True}])
def test_a_number_that_was_handed_out_again_opens_nothing(
    language: str, name: str, flags: dict[str, bool], sent: Any
) -> None:
    person = operator("platform_admin", phone=NUMBER, **flags)
    User.objects.filter(pk=person.pk).update(name=name)
    Device.objects.create(user=person, last_seen_at=timezone.now() - timedelta(days=180))
    client = Browser()
    client.cookies["console_language"] = language
    refused = give(client, ask(client), code_in(sent))
    assert refused.status_code == 403
    said = {"ar": "يرجى تأكيد الاسم", "en": "Please confirm the name"}[language]
    assert said in refused.content.decode()
    assert "console_session" not in client.cookies
    assert not Device.objects.exclude(history_from=None).filter(revoked_at=None).exists()
    assert client.get("/console/").status_code == 302


def test_a_session_in_doubt_shows_no_page() -> None:
    client = browser(operator("platform_admin"))
    Device.objects.update(history_from=timezone.now())
    assert client.get("/console/").status_code == 302


def test_signing_in_gives_the_browser_a_session_of_its_own(sent: Any) -> None:
    """Whoever planted the one before has nothing of it."""
    operator("platform_admin", phone=NUMBER)
    client = browser(operator("support"))
    Device.objects.update(revoked_at=timezone.now())
    planted = session_of(client).session_key
    assert give(client, ask(client), code_in(sent)).status_code == 302
    assert session_of(client).session_key != planted
    assert not Session.objects.filter(session_key=planted).exists()


def test_a_salon_owner_is_no_operator(sent: Any) -> None:
    from tests.factories import employ, open_salon

    employ(open_salon()[0], "owner", UserFactory.create(phone=NUMBER))
    client = Browser()
    assert give(client, ask(client), code_in(sent)).status_code == 403


@pytest.mark.parametrize("flags", [{"is_staff": True}, {"is_superuser": True}])
def test_staff_and_superusers_get_in_without_a_role(flags: dict[str, bool], sent: Any) -> None:
    operator(None, phone=NUMBER, **flags)
    client = Browser()
    assert give(client, ask(client), code_in(sent)).status_code == 302
    page = client.get("/console/")
    assert page.status_code == 200
    assert bool(page.context["app_list"]) is bool(flags.get("is_superuser"))


def test_the_limits_of_the_api_hold_here_too(sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    assert ask(Browser()).status_code == 200
    again = ask(Browser())
    assert again.status_code == 429
    assert len(sent(NUMBER)) == 1
    assert Browser().get(SIGN_IN).status_code == 200


def test_a_new_code_replaces_the_first(clock: Any, sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    client = Browser()
    asked = ask(client)
    first = code_in(sent)
    clock.tick(timedelta(seconds=61))
    again = client.post(SIGN_IN, {"ticket": ticket_in(asked), "again": "1"})
    assert again.status_code == 200
    assert give(client, asked, first).status_code >= 400
    assert give(client, again, code_in(sent)).status_code == 302


@pytest.mark.parametrize("ticket", ["", "x", "a:b:c"])
def test_a_ticket_that_is_not_ours_begins_again(ticket: str) -> None:
    answer = Browser().post(SIGN_IN, {"ticket": ticket, "code": "123456"})
    assert answer.status_code == 400
    assert "phone" in answer.context["form"].fields


def test_typing_numbers_fills_no_table_of_sessions(sent: Any) -> None:
    client = Browser()
    give(client, ask(client), "000000")
    assert Session.objects.count() == 0


def test_afterwards_one_stands_where_one_wanted_to_go_but_never_elsewhere(clock: Any, sent: Any) -> None:
    operator("platform_admin", phone=NUMBER)
    for wanted, went in (
        ("/console/salons/salon/", "/console/salons/salon/"),
        ("https://evil.example/console/", "/console/"),
        ("//evil.example/console/", "/console/"),
        ("/docs", "/console/"),
        ("/console/../docs\\", "/console/../docs\\"),
    ):
        client = Browser()
        asked = ask(client, next=wanted)
        entered = give(client, asked, code_in(sent), next=wanted)
        assert entered.headers["Location"].startswith("/console/"), (wanted, went)
        assert (entered.headers["Location"] == went) or wanted.startswith("/console/../")
        clock.tick(timedelta(minutes=15))


def test_the_session_cookie_is_for_the_console_alone(sent: Any, settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = True
    operator("platform_admin", phone=NUMBER)
    client = Browser()
    give(client, ask(client), code_in(sent))
    cookie = client.cookies["console_session"]
    assert cookie["path"] == "/console/"
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["samesite"] == "Strict"
    assert cookie["expires"] == ""


def test_a_posted_form_needs_its_token() -> None:
    client = Browser(enforce_csrf_checks=True)
    refused = client.post(SIGN_IN, {"phone": "0512345678"})
    assert refused.status_code == 403
    assert "html" in refused.headers["Content-Type"]


def test_half_an_hour_without_a_page_ends_it(clock: Any) -> None:
    client = browser(operator("platform_admin"))
    for _ in range(4):
        clock.tick(timedelta(minutes=25))
        assert client.get("/console/").status_code == 200
    clock.tick(timedelta(minutes=31))
    assert client.get("/console/").status_code == 302


def test_a_busy_session_ends_after_a_working_day(clock: Any) -> None:
    client = browser(operator("platform_admin"))
    ends = timezone.now() + LONGEST
    while timezone.now() < ends:
        assert client.get("/console/").status_code == 200
        clock.tick(timedelta(minutes=20))
    assert client.get("/console/").status_code == 302


def test_signing_out_ends_the_session_and_the_device(sent: Any) -> None:
    person = operator("platform_admin", phone=NUMBER)
    client = Browser()
    give(client, ask(client), code_in(sent))
    key = session_of(client).session_key
    assert client.get("/console/logout/").status_code == 405
    assert client.post("/console/logout/").status_code == 302
    assert not Session.objects.filter(session_key=key).exists()
    assert not Device.objects.filter(user=person, revoked_at=None).exists()
    assert client.get("/console/").status_code == 302


def test_signing_the_device_out_elsewhere_closes_the_console() -> None:
    person = operator("platform_admin")
    client = browser(person)
    assert client.get("/console/").status_code == 200
    operations.revoke_device(user=person, device_id=Device.objects.get(user=person).pk, now=timezone.now())
    assert client.get("/console/").status_code == 302


@pytest.mark.parametrize("how", ["role", "suspended", "deleted"])
def test_who_stops_being_an_operator_is_out_at_once(how: str) -> None:
    person = operator("finance")
    client = browser(person)
    assert client.get("/console/").status_code == 200
    if how == "role":
        PlatformRole.objects.filter(user=person).delete()
    elif how == "suspended":
        User.objects.filter(pk=person.pk).update(is_active=False)
    else:
        User.objects.filter(pk=person.pk).update(deleted_at=timezone.now(), phone=None, name="")
    assert client.get("/console/").status_code == 302


def test_there_are_no_passwords() -> None:
    client = browser(operator("platform_admin"))
    assert client.get("/console/password_change/").status_code == 404
    assert 'type="password"' not in Browser().get(SIGN_IN).content.decode()


def test_ended_sessions_are_forgotten(clock: Any) -> None:
    browser(operator("platform_admin"))
    assert forget_ended_sessions(timezone.now()) == 0
    clock.tick(timedelta(hours=1))
    assert forget_ended_sessions(timezone.now()) == 1
