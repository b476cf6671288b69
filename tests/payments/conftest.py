from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from backend.bookings.models import Booking
from tests.factories import UserFactory, open_salon
from tests.support.api import Api, ok
from tests.support.sandbox import SandboxProcess

CARD = {
    "type": "creditcard",
    "name": "Sara Ali",
    "month": 12,
    "year": 2031,
    "cvc": "123",
    "number": "4201320111111010",
}
INSUFFICIENT = CARD | {"number": "4201320000311101"}


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess, settings: Any) -> SandboxProcess:
    """The sandbox gateway on the wire; its webhooks are delivered by the test itself."""
    settings.MOYASAR_SECRET_KEY = sandbox_process.secret_key
    settings.MOYASAR_PUBLISHABLE_KEY = sandbox_process.publishable_key
    settings.MOYASAR_WEBHOOK_SECRET = sandbox_process.webhook_secret
    settings.MOYASAR_BASE_URL = sandbox_process.base_url
    sandbox_process.clear_faults()
    sandbox_process.reset_calls()
    return sandbox_process


class Payer:
    """A customer with a held booking and the means to pay for it."""

    def __init__(self, sandbox: SandboxProcess, *, language: str = "ar", **salon: Any) -> None:
        self.sandbox = sandbox
        self.salon, self.service, self.staff = open_salon(**salon)
        self.user = UserFactory.create(device_language=language)
        self.phone = Api(self.user, language=language)
        self.booking_id = self.book(self.phone)

    def first_free(self) -> str:
        answer = Api().get(f"salons/{self.salon.slug}/availability", service_ids=str(self.service.id), days=4)
        return str(next(s["starts_at"] for day in ok(answer)["days"][2:] for s in day["slots"]))

    def book(self, phone: Api, starts_at: str | None = None) -> str:
        wanted = {
            "salon_id": str(self.salon.id),
            "items": [{"service_id": str(self.service.id)}],
            "starts_at": starts_at or self.first_free(),
        }
        return str(ok(phone.post("bookings", wanted), 201)["id"])

    def sign_in_again(self) -> None:
        """After the clock moved past the life of a token."""
        self.phone = Api(self.user)

    @property
    def booking(self) -> Booking:
        return Booking.objects.get(pk=self.booking_id)

    def begin(self, booking_id: str | None = None) -> dict[str, Any]:
        path = f"bookings/{booking_id or self.booking_id}/payments"
        body: dict[str, Any] = ok(self.phone.post(path, {"source": {"type": "client"}}), 201)
        return body

    def at_the_bank(
        self, payment: dict[str, Any], *, card: dict[str, Any] = CARD, **changed: Any
    ) -> dict[str, Any]:
        """What Moyasar's SDK does with `client_payment`: the payment is `initiated` and a page waits."""
        asked = payment["client_payment"] | changed
        return self.sandbox.create_as_app(
            given_id=asked["given_id"],
            amount=asked["amount_minor"],
            currency=asked["currency"],
            description=asked["description"],
            metadata=asked["metadata"],
            callback_url=asked["callback_url"],
            apply_coupon=asked["apply_coupon"],
            source=card,
        )

    def pay(self, payment: dict[str, Any], result: str = "AUTHENTICATED", **changed: Any) -> None:
        self.at_the_bank(payment, **changed)
        self.sandbox.pay(payment["id"], result)

    def read(self, payment: dict[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = ok(self.phone.get(f"payments/{payment['id']}"))
        return body

    def webhook(self, payment: dict[str, Any], type: str = "payment_paid", **changed: Any) -> Any:
        event = {
            "id": changed.pop("event_id", None) or str(uuid.uuid4()),
            "type": type,
            "created_at": timezone.now().isoformat(),
            "secret_token": self.sandbox.webhook_secret,
            "account_name": "Mawid",
            "live": False,
            "data": {"id": payment["id"], "status": "paid"},
        } | changed
        return Api().post("webhooks/moyasar", event)


@pytest.fixture
def payer(sandbox: SandboxProcess) -> Payer:
    return Payer(sandbox)
