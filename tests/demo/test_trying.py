"""The console of the docs: whose token is one click away, and where nobody's is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from backend.accounts.models import Device
from backend.demo.people import DEMO_PEOPLE
from tests.console.helpers import browser, operator
from tests.core.helpers import field_error, problem, send
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
DEMO_TOKEN = "/docs/demo-token"
PHONES = {person.role: person.phone for person in DEMO_PEOPLE}
"""Of the demo's people, by role."""


@pytest.fixture
def people() -> dict[str, Any]:
    return {role: UserFactory.create(phone=phone) for role, phone in PHONES.items()}


def page(address: str = "/docs/try", **headers: str) -> str:
    return str(send("GET", address, Accept="text/html", **headers).content.decode())


@pytest.mark.parametrize("role", ["customer", "owner"])
def test_a_click_gives_a_token_that_signs_in_as_that_person(people: dict[str, Any], role: str) -> None:
    answer = send("POST", DEMO_TOKEN, {"role": role})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"access_token", "access_expires_in_seconds"}
    me = send("GET", "/api/v1/me", Authorization=f"Bearer {answer.json()['access_token']}")
    assert me.json()["phone"] == PHONES[role]
    assert 0 < answer.json()["access_expires_in_seconds"] <= 900


def test_the_same_browser_holds_one_session_however_often_it_clicks(people: dict[str, Any]) -> None:
    for _ in range(3):
        send(
            "POST", DEMO_TOKEN, {"role": "customer"}, X_Installation_Id="018f3a52-7c11-7000-8000-0000000000aa"
        )
    assert Device.objects.filter(user=people["customer"], revoked_at=None).count() == 1


def test_the_platforms_own_people_are_not_given_away(people: dict[str, Any]) -> None:
    for role in ("receptionist", "finance", "platform_admin"):
        field_error(send("POST", DEMO_TOKEN, {"role": role}), "invalid_choice", pointer="/role")
    field_error(send("POST", DEMO_TOKEN, {}), "field_required", pointer="/role")
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    "where",
    [
        {"PRODUCTION": True},
        {"OTP_PROVIDER": ["unifonic"]},
        {"OTP_PROVIDER": ["console", "twilio"]},
        {"PRODUCTION": True, "OTP_PROVIDER": ["console"]},
    ],
)
def test_no_token_is_given_where_codes_prove_something(
    people: dict[str, Any], where: dict[str, Any], settings: Any
) -> None:
    for name, value in where.items():
        setattr(settings, name, value)
    for role in ("customer", "owner"):
        problem(send("POST", DEMO_TOKEN, {"role": role}), 404, "not_found")
    assert not Device.objects.exists()
    assert "data-role" not in page()


def test_without_the_demo_there_is_nobody_to_be() -> None:
    problem(send("POST", DEMO_TOKEN, {"role": "customer"}), 404, "not_found")


def test_a_suspended_person_of_the_demo_is_nobody_either() -> None:
    UserFactory.create(phone=PHONES["customer"], is_active=False)
    problem(send("POST", DEMO_TOKEN, {"role": "customer"}), 404, "not_found")


def test_a_form_of_another_site_is_refused(people: dict[str, Any]) -> None:
    """A page elsewhere can send forms, but no JSON without being allowed to."""
    answer = send("POST", DEMO_TOKEN, b"role=customer", Content_Type="application/x-www-form-urlencoded")
    problem(answer, 415, "unsupported_media_type")


def test_the_console_offers_what_this_server_can_do(settings: Any) -> None:
    text = page()
    assert 'data-role="customer"' in text
    assert 'data-role="owner"' in text
    assert 'id="by-phone"' in text
    settings.OTP_PROVIDER = ["unifonic"]
    text = page()
    assert "data-role" not in text
    assert 'id="by-phone"' in text
    assert 'id="by-token"' in text


# In production --------------------------------------------------------------------------------------------------


@pytest.fixture
def production(settings: Any) -> None:
    settings.PRODUCTION = True


@pytest.mark.parametrize(
    ("asked", "given"),
    [("", ""), ("?lang=en", "?language=en"), ("?lang=xx", ""), ("?lang=ar", "?language=ar")],
)
def test_in_production_the_console_stands_behind_the_operators_sign_in(
    production: None, asked: str, given: str
) -> None:
    answer = send("GET", f"/docs/try{asked}", Accept="text/html")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/console/try{given}")
    stranger = Client().get("/console/try")
    assert (stranger.status_code, stranger.headers["Location"]) == (302, "/console/login/?next=/console/try")


def test_an_operator_finds_the_console_there_and_pastes_a_token(production: None) -> None:
    client = browser(operator("support"))
    for language, direction in (("ar", "rtl"), ("en", "ltr")):
        answer = client.get(f"/console/try?language={language}", follow=True)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert f'lang="{language}" dir="{direction}"' in text
        assert 'id="by-token"' in text
        assert "data-role" not in text
        assert 'id="by-phone"' not in text
        assert "no-store" in answer.headers["Cache-Control"]
        assert "public" not in answer.headers["Cache-Control"]


def test_the_operators_console_shows_its_icons_as_the_public_one_does(
    production: None, settings: Any
) -> None:
    """Swagger UI draws its arrows and locks from `data:` images; scripts and answers still come from here alone."""
    staff = browser(operator("support")).get("/console/try")
    assert staff.status_code == 200
    policy = dict(part.split(" ", 1) for part in staff.headers["Content-Security-Policy"].split("; "))
    assert policy["img-src"] == "'self' data:"
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    assert (policy["frame-ancestors"], staff.headers["X-Frame-Options"]) == ("'none'", "DENY")
    settings.PRODUCTION = False
    public = send("GET", "/docs/try", Accept="text/html")
    assert public.headers["Content-Security-Policy"] == staff.headers["Content-Security-Policy"]
    page = browser(operator("support")).get("/console/")
    assert "data:" not in page.headers["Content-Security-Policy"]
