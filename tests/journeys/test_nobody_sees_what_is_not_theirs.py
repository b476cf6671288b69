"""Unknown and foreign objects are the same 404, for every role; areas closed to a role answer 403."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backend.accounts.models import PlatformRole
from backend.bookings import operations
from backend.bookings.models import Booking
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from backend.payments.models import Payment
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api

pytestmark = pytest.mark.django_db

VERBS = ("confirm", "decline", "check-in", "complete", "no-show", "cancel")


@pytest.fixture
def booking() -> Booking:
    salon, service, _ = open_salon()
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return operations.create_booking(
        customer=UserFactory.create(),
        salon=salon,
        wishes=[Wish(service.id)],
        starts_at=day.replace(hour=12, minute=0, second=0, microsecond=0),
        now=timezone.now(),
    )


@pytest.fixture
def payment(booking: Booking) -> Payment:
    now = timezone.now()
    return Payment.objects.create(
        booking=booking,
        amount_minor=2300,
        source_type="client",
        created_at=now,
        expires_at=now + timedelta(hours=1),
    )


def somebody(role: str) -> Any:
    """A person of this role who has nothing to do with the booking."""
    person = UserFactory.create()
    if role in ("staff", "receptionist", "manager", "owner"):
        employ(open_salon()[0], role, person)
    elif role != "customer":
        PlatformRole.objects.create(user=person, role=role)
    return person


ROLES = ("customer", "staff", "receptionist", "manager", "owner", "finance", "support", "platform_admin")


@pytest.mark.parametrize("role", ROLES)
def test_a_foreign_booking_or_payment_does_not_exist(role: str, booking: Booking, payment: Payment) -> None:
    api = Api(somebody(role))
    version = {"version": 1}
    calls: list[tuple[str, str, Any]] = [
        ("GET", "bookings/{booking}", None),
        ("GET", "bookings/{booking}/events", None),
        ("POST", "bookings/{booking}/cancel", version),
        ("POST", "bookings/{booking}/payments", {"source": {"type": "client"}}),
        ("GET", "payments/{payment}", None),
        ("GET", "manage/bookings/{booking}", None),
        *(("POST", f"manage/bookings/{{booking}}/{verb}", version) for verb in VERBS),
    ]
    for method, path, body in calls:
        foreign = api.send(
            method, path.format(booking=booking.id, payment=payment.id), body=body, headers=KEY()
        )
        unknown = api.send(
            method, path.format(booking=uuid.uuid4(), payment=uuid.uuid4()), body=body, headers=KEY()
        )
        same = {"status", "code", "title", "detail"}
        told = [{k: v for k, v in answer.json().items() if k in same} for answer in (foreign, unknown)]
        assert foreign.status_code == 404, path
        assert told[0] == told[1], path
    booking.refresh_from_db()
    assert booking.version == 1


def KEY() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


@pytest.mark.parametrize("role", ROLES)
def test_another_salons_desk_is_closed_and_a_hidden_salon_does_not_exist(role: str, booking: Booking) -> None:
    api = Api(somebody(role))
    path = f"manage/salons/{booking.salon.slug}/bookings"
    assert api.get(path).status_code == 403
    walk_in = {
        "items": [{"service_id": str(booking.items.get().service_id)}],
        "starts_at": booking.starts_at.isoformat(),
        "guest": {"name": "x"},
    }
    assert api.post(path, walk_in).status_code == 403
    booking.salon.status = "draft"
    booking.salon.save(update_fields=["status"])
    assert api.get(path).status_code == api.get(f"manage/salons/{uuid.uuid4()}/bookings").status_code == 404


@pytest.mark.parametrize("role", [role for role in ROLES if role != "finance"])
def test_finance_is_closed_to_everybody_else(role: str) -> None:
    api = Api(somebody(role))
    for path in (
        "finance/payments",
        "finance/reconciliations",
        f"finance/reconciliations/{uuid.uuid4()}/differences",
        "finance/differences",
        "finance/settlements",
    ):
        assert api.get(path).json()["code"] == "permission_denied", path


def test_a_staff_member_sees_the_desk_but_does_not_answer_for_it(booking: Booking) -> None:
    stylist = Api(employ(booking.salon, "staff"))
    assert stylist.get(f"manage/bookings/{booking.id}").status_code == 200
    for verb in VERBS:
        refusal = stylist.post(f"manage/bookings/{booking.id}/{verb}", {"version": 1})
        assert (refusal.status_code, refusal.json()["code"]) == (403, "permission_denied")


def test_strangers_are_asked_to_sign_in(booking: Booking) -> None:
    api = Api()
    for path in ("me", "devices", "bookings", f"bookings/{booking.id}", "manage/salons", "finance/payments"):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "auth_required"), path
