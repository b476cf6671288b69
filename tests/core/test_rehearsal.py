"""Any refusal on request, outside production."""

from __future__ import annotations

from typing import Any

import pytest

from backend.bookings.models import Booking
from backend.core.api.problems import status_of
from backend.core.contract.examples import SHARED
from backend.core.errors import all_refusals
from tests.factories import UserFactory, open_salon
from tests.support.api import Api, refused

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("language", ["ar", "en"])
def test_every_refusal_can_be_had_whole_and_in_both_languages(language: str) -> None:
    phone = Api(UserFactory.create(), language=language)

    for kind in all_refusals():
        answer = phone.send("GET", "me", headers={"X-Sandbox-Outcome": kind.code})

        problem = refused(answer, status_of(kind), kind.code)
        assert problem["detail"]
        assert "%(" not in problem["detail"]
        assert ("Retry-After" in answer.headers) == ("retry_after" in problem)


def test_a_rehearsed_refusal_does_nothing() -> None:
    salon, service, _staff = open_salon()
    phone = Api(UserFactory.create())
    day = phone.get(f"salons/{salon.slug}/availability", service_ids=str(service.id), days=3).json()["days"][
        1
    ]
    wanted = {
        "salon_id": str(salon.id),
        "items": [{"service_id": str(service.id)}],
        "starts_at": day["slots"][0]["starts_at"],
    }

    refused(
        phone.post("bookings", wanted, **{"X-Sandbox-Outcome": "slot_unavailable"}), 409, "slot_unavailable"
    )

    assert not Booking.objects.exists()
    assert phone.post("bookings", wanted).status_code == 201


def test_a_stranger_is_told_to_sign_in_first() -> None:
    answer = Api().send("GET", "me", headers={"X-Sandbox-Outcome": "slot_unavailable"})

    refused(answer, 401, "auth_required")


@pytest.mark.parametrize("wanted", ["", "no_such_code", "SLOT_UNAVAILABLE"])
def test_a_code_nobody_knows_is_refused(wanted: str) -> None:
    answer = Api(UserFactory.create()).send("GET", "me", headers={"X-Sandbox-Outcome": wanted})

    refused(answer, 400, "sandbox_outcome_refused")


def test_production_refuses_the_header(settings: Any) -> None:
    settings.PRODUCTION = True

    answer = Api(UserFactory.create()).send("GET", "me", headers={"X-Sandbox-Outcome": "slot_unavailable"})

    refused(answer, 400, "sandbox_outcome_refused")


@pytest.mark.parametrize("code", sorted(SHARED))
def test_whatever_any_operation_may_refuse_can_be_tried(code: str) -> None:
    answer = Api().send("GET", "cities", headers={"X-Sandbox-Outcome": code})
    assert answer.json()["code"] == code
