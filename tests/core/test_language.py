"""Which language an answer speaks (KSA facts 3.10 and 8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from backend.core.api.language import negotiate
from tests.core.helpers import problem, send
from tests.factories import CityFactory, UserFactory
from tests.support.api import Api, ok

HEADERS = [
    (None, "ar"),
    ("", "ar"),
    ("ar", "ar"),
    ("en", "en"),
    ("EN", "en"),
    ("ar-SA", "ar"),
    ("ar-EG", "ar"),
    ("ar-Arab-SA", "ar"),
    ("ar-SA-u-nu-arab", "ar"),
    ("en-SA", "en"),
    ("en_US_POSIX", "en"),
    ("ar_SA", "ar"),
    ("en_SA", "en"),
    ("ar_SA, en;q=0.5", "ar"),
    ("en_SA, ar;q=0.5", "en"),
    ("ar_SA@numbers=latn", "ar"),
    ("en_SA@calendar=islamic-umalqura, ar;q=0.9", "en"),
    ("en;q=1.5, ar;q=0.9", "en"),
    ("ar;q=0.9, en;q=1.5", "en"),
    ("ar, en;q=1.5", "ar"),
    ("ar, en;q=inf", "ar"),
    ("en;q=-1, ar;q=0.1", "ar"),
    ("ar;q=0, en", "en"),
    ("ar;q=0, en;q=0.1", "en"),
    ("ar;q=0", "ar"),
    ("en;q=0", "ar"),
    ("ar;q=0.000, *", "en"),
    ("en, *;q=0", "en"),
    ("*", "ar"),
    ("*, en;q=0.5", "ar"),
    ("ar;q=0.5, *", "en"),
    ("en;q=0.5, ar;q=0.4, *", "en"),
    ("fr", "ar"),
    ("fr, en;q=0.3", "en"),
    ("fr, en;q=0.3, ar;q=0.4", "ar"),
    ("english, en", "en"),
    ("arz", "ar"),
    ("ar;q=0.5, en;q=0.5", "ar"),
    ("en;q=0.5, ar;q=0.5", "en"),
    ("en;q=0.8;level=1, ar;q=0.5", "en"),
    ("en;q=abc, ar;q=0.1", "ar"),
    ("en;q=nan, ar;q=0.1", "ar"),
    ("en ; q = 0.9 , ar ; q = 0.1", "en"),
    ("<script>, ../../etc, \x00, en", "en"),
    ("🙂, en;q=0.2", "en"),
    ("العربية, en", "en"),
    (";;;===,,,", "ar"),
    ("en," + "x" * 10_000, "en"),
    (",".join(f"x{n}" for n in range(2000)), "ar"),
]


@pytest.mark.parametrize(("header", "language"), HEADERS)
def test_a_header_is_read_as_it_was_meant(header: str | None, language: str) -> None:
    assert negotiate(header) == language


@given(st.one_of(st.text(max_size=80), st.text(alphabet="aren-_;,q=.0159*@ ", max_size=60)))
def test_no_header_can_spoil_an_answer(header: str) -> None:
    assert negotiate(header) in ("ar", "en")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "language"),
    [case for case in HEADERS if case[0] is None or ("\x00" not in case[0] and case[0].isascii())],
)
def test_answers_say_which_language_they_are_in(header: str | None, language: str) -> None:
    CityFactory.create()
    response = send("GET", "/api/v1/cities", language=header)
    assert response.json()["items"][0]["name"] == {"ar": "الرياض", "en": "Riyadh"}[language]
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]


def test_a_language_ends_with_its_request() -> None:
    with translation.override("fr"):
        problem(send("GET", "/nowhere", language="en"), 404, "not_found", language="en")
        problem(send("GET", "/nowhere", language=None), 404, "not_found", language="ar")


@pytest.mark.django_db
class TestWhoeverIsSignedIn:
    @pytest.mark.parametrize(
        ("stored", "header", "spoken"),
        [
            ("ar", "en", "ar"),
            ("en", "ar", "en"),
            (None, "en", "en"),
            (None, "ar_SA", "ar"),
            ("ar", "fr", "ar"),
        ],
    )
    def test_is_spoken_to_in_the_language_they_chose(
        self, stored: str | None, header: str, spoken: str
    ) -> None:
        phone = Api(UserFactory.create(language=stored), language=header)
        response = phone.get("me")
        assert ok(response)["language"] == stored
        assert response.headers["Content-Language"] == spoken
        refusals: list[tuple[Any, int, str]] = [
            (phone.send("PATCH", "me", body={"x": 1}), 400, "validation_failed"),
            (phone.get("me", x=1), 400, "validation_failed"),
            (phone.send("PUT", "me"), 405, "method_not_allowed"),
            (phone.get("bookings/018f3a52-0000-7000-8000-000000000001"), 404, "not_found"),
        ]
        for answer, status, code in refusals:
            problem(answer, status, code, language=spoken)

    def test_is_spoken_to_in_the_new_language_at_once(self) -> None:
        phone = Api(UserFactory.create(language="ar"), language="ar")
        assert phone.send("PATCH", "me", body={"language": "en"}).headers["Content-Language"] == "en"
        assert phone.get("me").headers["Content-Language"] == "en"

    def test_sees_public_pages_in_the_language_on_the_screen(self) -> None:
        """They are cached for everybody, so only the header counts."""
        CityFactory.create()
        phone = Api(UserFactory.create(language="ar"), language="en")
        assert ok(phone.get("cities"))["items"][0]["name"] == "Riyadh"

    def test_leaves_no_trace_in_the_next_request(self) -> None:
        ok(Api(UserFactory.create(language="en"), language="ar").get("me"))
        assert translation.get_language() == "ar", "the process's own"
        problem(send("GET", "/nowhere", language=None), 404, "not_found", language="ar")

    def test_is_remembered_by_the_language_of_the_device(self) -> None:
        """Messages sent later have no header to look at."""
        user = UserFactory.create(language=None, device_language="ar")
        ok(Api(user, language="en").get("me"))
        user.refresh_from_db()
        assert (user.language, user.device_language, user.spoken_language) == (None, "en", "en")
