"""What messages cost, as finance reads it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import User
from backend.notifications.models import DeliveryAttempt, Message
from backend.salons.models import Salon
from tests.factories import FinanceFactory, SalonFactory, UserFactory
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

PATH = "finance/message-costs"


@pytest.fixture
def clock() -> Any:
    with freeze_time("2026-11-20T09:00:00Z") as frozen:
        yield frozen


@pytest.fixture
def finance(clock: Any) -> User:
    return FinanceFactory.create()


def sent(
    *,
    cost_micro: int,
    salon: Salon | None = None,
    kind: str = "booking_confirmed",
    units: int = 1,
    **attempt: Any,
) -> None:
    now = timezone.now()
    message = Message.objects.create(
        to_phone="+966512345678",
        language="ar",
        kind=kind,
        audience="customer",
        body="نص",
        salon_id=salon.pk if salon else None,
        event_key=uuid.uuid4().hex,
        state="sent",
        created_at=now,
        finished_at=now,
    )
    values: dict[str, Any] = {"provider": "unifonic", "channel": "sms", "outcome": "accepted"}
    DeliveryAttempt.objects.create(
        message=message,
        number=1,
        started_at=now,
        finished_at=now,
        units=units,
        cost_micro=cost_micro,
        **values | attempt,
    )


def test_costs_by_kind_salon_and_carrier_add_up_to_the_same(finance: User) -> None:
    salon = SalonFactory.create(name_en="Lamsa")
    sent(cost_micro=125_000, units=2, salon=salon)
    sent(cost_micro=180_000, salon=salon, kind="booking_reminder", provider="twilio")
    sent(cost_micro=62_500, provider="twilio", channel="whatsapp", outcome="unknown")
    sent(cost_micro=900_000, outcome="refused")
    phone = Api(finance, language="en")
    found = {group: ok(phone.get(PATH, group=group)) for group in ("kind", "salon", "provider")}
    assert ok(phone.get(PATH)) == found["kind"]
    assert {name: [item["cost_micro"] for item in answer["items"]] for name, answer in found.items()} == {
        "kind": [187_500, 180_000],
        "salon": [305_000, 62_500],
        "provider": [180_000, 125_000, 62_500],
    }
    total = {
        "messages": 3,
        "units": 4,
        "cost": {"amount_minor": 37, "currency": "SAR", "display": "0.37 SAR"},
        "cost_micro": 367_500,
    }
    assert all(answer["total"] == total for answer in found.values())
    assert all((answer["from"], answer["to"]) == ("2026-11-01", "2026-11-20") for answer in found.values())
    first, second = found["salon"]["items"]
    assert first["salon"] == {"id": str(salon.pk), "name": "Lamsa"}
    assert second["salon"] is None
    dearest = found["provider"]["items"][0]
    assert (dearest["provider"], dearest["channel"], dearest["kind"]) == ("twilio", "sms", None)
    assert found["kind"]["items"][0]["kind"] == "booking_confirmed"


def test_days_are_riyadhs_and_both_ends_count(finance: User, clock: Any) -> None:
    for moment in (
        "2026-11-17T20:59:59",
        "2026-11-17T21:00:00",
        "2026-11-18T20:59:59",
        "2026-11-18T21:00:00",
    ):
        clock.move_to(moment)
        sent(cost_micro=5_000)
    clock.move_to("2026-11-20T09:00:00")
    answer = ok(Api(finance).get(PATH, **{"from": "2026-11-18", "to": "٢٠٢٦-١١-١٨"}))
    assert (answer["total"]["messages"], answer["total"]["cost_micro"]) == (2, 10_000)


def test_halves_of_a_halala_are_rounded_up_once_in_the_end(finance: User) -> None:
    for kind in ("booking_confirmed", "booking_declined"):
        sent(cost_micro=5_000, kind=kind)
    answer = ok(Api(finance).get(PATH))
    assert [item["cost"]["amount_minor"] for item in answer["items"]] == [1, 1]
    assert answer["total"]["cost"]["amount_minor"] == 1


def test_nothing_sent_costs_nothing(finance: User) -> None:
    answer = ok(Api(finance).get(PATH))
    assert (answer["items"], answer["total"]["cost"]["amount_minor"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ({"from": "2026-11-21"}, "to", "too_small"),
        ({"from": "2026-08-20"}, "to", "too_large"),
        ({"from": "20-11-2026"}, "from", "date_invalid"),
        ({"group": "weather"}, "group", "invalid_choice"),
        ({"month": "11"}, "month", "unknown_field"),
    ],
)
def test_wrong_questions_are_marked(finance: User, query: dict[str, str], name: str, code: str) -> None:
    problem = refused(Api(finance).get(PATH, **query), 400, "validation_failed")
    assert [(error["parameter"], error["code"]) for error in problem["errors"]] == [(name, code)]


def test_ninety_two_days_are_allowed(finance: User) -> None:
    ok(Api(finance).get(PATH, **{"from": "2026-08-21", "to": "2026-11-20"}))


def test_it_is_finances_alone(clock: Any) -> None:
    refused(Api(UserFactory.create()).get(PATH), 403, "permission_denied")
    refused(Api().get(PATH), 401, "auth_required")


def test_more_salons_ask_no_more_of_the_database(finance: User) -> None:
    phone, counts = Api(finance), []
    for _ in range(2):
        for _ in range(4):
            sent(cost_micro=1, salon=SalonFactory.create())
        with CaptureQueriesContext(connection) as asked:
            ok(phone.get(PATH, group="salon"))
        counts.append(len(asked))
    assert counts[0] == counts[1]
