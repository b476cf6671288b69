"""A suite from the search to the day after: the deposit, the salon's answer, the rest, and the hold against damage."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.core.time import RIYADH
from backend.payments.models import Line, Payment, Refund, TaxDocument
from backend.salons.models import Business
from tests.bookings.renting import lease
from tests.factories import RentalFactory, UserFactory, employ, open_salon
from tests.payments.conftest import CARD, Payer
from tests.payments.saga import books_of, sweep_now
from tests.support.api import Api, ok, refused
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db


class Tenant(Payer):
    """Somebody who found a suite by a search, and the desk of its salon."""

    def __init__(self, sandbox: SandboxProcess, *, language: str = "ar", **rental: Any) -> None:
        self.sandbox, self.language = sandbox, language
        self.salon, _, _ = open_salon(min_notice_minutes=0, free_cancel_hours=200)
        Business.objects.filter(pk=self.salon.business_id).update(vat_number="310000000000003")
        self.rental = RentalFactory.create(salon=self.salon, **{"damage_minor": 50000} | rental)
        self.user, self.owner = UserFactory.create(language=language), employ(self.salon, "owner")
        self.phone = Api(self.user, language=language)
        day = (timezone.now().astimezone(RIYADH) + timedelta(days=1)).date()
        self.starts_at = datetime(day.year, day.month, day.day, 12, tzinfo=RIYADH)
        self.ends_at = self.starts_at + timedelta(hours=4)
        span = {"from": self.starts_at.isoformat(), "to": self.ends_at.isoformat()}
        [found] = ok(self.phone.get("rentals", **span))["items"]
        body = lease(self.rental, self.starts_at.isoformat(), self.ends_at.isoformat())
        quote = ok(self.phone.post("rentals/quotes", body))
        assert quote["price"] == found["price"]
        body["expected_total_minor"] = quote["price"]["amount_minor"]
        booking = ok(self.phone.post("rentals", body), 201)
        assert (booking["state"], booking["deposit"]) == ("held", quote["deposit"])
        self.booking_id = booking["id"]

    def at_desk(self, verb: str) -> dict[str, Any]:
        body: dict[str, Any] = ok(
            Api(self.owner).post(
                f"manage/bookings/{self.booking_id}/{verb}", {"version": self.booking.version}
            )
        )
        return body

    def hold(self, **source: Any) -> Any:
        return self.phone.post(
            f"bookings/{self.booking_id}/payments",
            {"source": {"type": "client"} | source, "purpose": "damage"},
        )

    def approved(self) -> None:
        deposit = self.begin()
        self.pay(deposit)
        ok(self.webhook(deposit))
        assert self.booking.state == "requested"
        self.at_desk("confirm")

    def held(self) -> dict[str, Any]:
        """The hold that the bank has let through, and we know of."""
        attempt = ok(self.hold(), 201)
        assert attempt["client_payment"]["manual"] is True
        self.pay(attempt, card=CARD | {"manual": True})
        ok(self.webhook(attempt, "payment_authorized"))
        shown: dict[str, Any] = self.read(attempt)
        return shown


def at_the_gateway(tenant: Tenant, payment: dict[str, Any]) -> str:
    return str(tenant.sandbox.api("GET", f"/payments/{payment['id']}").json()["status"])


def _around(tenant: Tenant) -> dict[str, str]:
    day = tenant.starts_at.date()
    return {"from": (day - timedelta(days=1)).isoformat(), "to": (day + timedelta(days=1)).isoformat()}


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_suite_is_rented_paid_used_and_the_hold_let_go(
    sandbox: SandboxProcess, language: str, sent: Any
) -> None:
    tenant = Tenant(sandbox, language=language)
    tenant.approved()
    suite = getattr(tenant.rental, f"name_{language}")
    assert len([text for text in sent(tenant.user.phone) if suite in text]) == 2
    hold = tenant.held()
    assert (hold["state"], hold["purpose"], hold["amount"]["amount_minor"]) == (
        "authorized",
        "damage",
        50000,
    )
    refused(tenant.hold(), 409, "nothing_to_pay")

    balance = ok(tenant.phone.get(f"bookings/{tenant.booking_id}/payments"))["balance"]
    assert balance["due"]["amount_minor"] == 80000 - 16000
    assert books_of(tenant.booking)["gateway_clearing"] == 16000

    with freeze_time(tenant.starts_at + timedelta(minutes=1), tick=True):
        tenant.sign_in_again()
        tenant.at_desk("check-in")
    with freeze_time(tenant.ends_at, tick=True):
        tenant.sign_in_again()
        tenant.at_desk("complete")
        assert tenant.read(hold)["state"] == "voided"
    assert at_the_gateway(tenant, hold) == "voided"
    assert sandbox.count("POST /payments/{id}/capture") == 0
    [refund] = Refund.objects.filter(payment_id=hold["id"])
    assert (refund.state, refund.amount_minor) == ("done", 50000)

    books = books_of(tenant.booking)
    assert sum(books.values()) == books["refunds"] == 0
    assert -books["salon_payable"] - books["vat"] == 80000
    earned = Line.objects.filter(
        entry__booking_id=tenant.booking_id, entry__kind="earned", account="salon_payable"
    )
    assert list(earned.values_list("service_id", "staff_member_id")) == [(None, None)]
    shown = ok(Api(tenant.owner).get(f"manage/salons/{tenant.salon.slug}/dashboard", **_around(tenant)))[
        "revenue"
    ]
    assert (shown["total"]["gross"]["amount_minor"], shown["by_service"], shown["by_staff"]) == (
        80000,
        [],
        [],
    )
    document = TaxDocument.objects.filter(booking_id=tenant.booking_id).earliest("pk")
    assert [line["name"]["en"] for line in document.snapshot["lines"]] == ["Bridal suite"]
    total = TaxDocument.objects.filter(booking_id=tenant.booking_id).aggregate(all=Sum("total_minor"))
    assert total["all"] == 16000


@pytest.mark.parametrize("end", ["cancel", "no-show", "customer"])
def test_however_a_rental_ends_the_hold_is_let_go_whole(sandbox: SandboxProcess, end: str) -> None:
    tenant = Tenant(sandbox)
    tenant.approved()
    hold = tenant.held()
    if end == "customer":
        ok(tenant.phone.post(f"bookings/{tenant.booking_id}/cancel", {"version": tenant.booking.version}))
    else:
        with freeze_time(tenant.starts_at + timedelta(minutes=30), tick=True):
            tenant.at_desk(end)
    assert at_the_gateway(tenant, hold) == "voided"
    kept = {"cancel": 0, "no-show": 16000, "customer": 16000}[end]
    assert books_of(tenant.booking)["gateway_clearing"] == kept


def test_a_hold_that_comes_too_late_or_twice_is_let_go(sandbox: SandboxProcess) -> None:
    tenant = Tenant(sandbox)
    tenant.approved()
    first, second = (ok(tenant.hold(), 201) for _ in range(2))
    for attempt in (first, second):
        tenant.pay(attempt, card=CARD | {"manual": True})
    ok(tenant.webhook(second, "payment_authorized"))
    ok(tenant.webhook(first, "payment_authorized"))
    assert [at_the_gateway(tenant, one) for one in (first, second)] == ["voided", "authorized"]
    late = Tenant(sandbox)
    late.approved()
    attempt = ok(late.hold(), 201)
    late.at_desk("cancel")
    late.pay(attempt, card=CARD | {"manual": True})
    ok(late.webhook(attempt, "payment_authorized"))
    assert at_the_gateway(late, attempt) == "voided"


def test_what_was_charged_instead_of_held_goes_back(sandbox: SandboxProcess) -> None:
    tenant = Tenant(sandbox)
    tenant.approved()
    attempt = ok(tenant.hold(), 201)
    tenant.pay(attempt)
    ok(tenant.webhook(attempt))
    assert at_the_gateway(tenant, attempt) == "voided"
    assert tenant.booking.deposit_minor == 16000
    assert books_of(tenant.booking)["gateway_clearing"] == 16000


def test_a_release_the_gateway_would_not_hear_of_is_made_by_sweep(sandbox: SandboxProcess) -> None:
    tenant = Tenant(sandbox)
    tenant.approved()
    hold = tenant.held()
    sandbox.fault("status", status=503, method="POST", path="/payments/*/void")
    with freeze_time(tenant.ends_at, tick=True):
        tenant.at_desk("complete")
        assert at_the_gateway(tenant, hold) == "authorized"
    sandbox.clear_faults()
    with freeze_time(tenant.ends_at + timedelta(minutes=10), tick=True):
        sweep_now()
    assert at_the_gateway(tenant, hold) == "voided"
    assert Payment.objects.get(pk=hold["id"]).state == "voided"


def test_what_cannot_be_held(sandbox: SandboxProcess) -> None:
    tenant = Tenant(sandbox)
    refused(tenant.hold(), 409, "deposit_first")
    tenant.approved()
    problem = refused(tenant.hold(type="hosted"), 400, "validation_failed")
    assert problem["errors"][0]["pointer"] == "/source/type"
    Booking.objects.filter(pk=tenant.booking_id).update(
        starts_at=tenant.starts_at + timedelta(days=3), ends_at=tenant.ends_at + timedelta(days=3)
    )
    refused(tenant.hold(), 422, "hold_too_early")
    none = Tenant(sandbox, damage_minor=0)
    none.approved()
    refused(none.hold(), 409, "nothing_to_pay")
