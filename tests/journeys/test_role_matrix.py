"""Every route × every role × own and foreign object, generated from the URL configuration.

A route whose methods declare no policy fails; so does a path value no one here knows how to make.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from backend.accounts.models import Device, PhoneChange, PlatformRole, User
from backend.bookings import operations
from backend.bookings.models import Booking, ClientNote, Forgiveness, OutsideCalendar, WaitlistEntry
from backend.bookings.queries import Wish
from backend.bookings.queries.clients import ClientKey
from backend.core.api.access import ANONYMOUS, ROLES, Access
from backend.core.api.views import Endpoint
from backend.core.time import RIYADH
from backend.notifications.models import Message
from backend.payments.models import (
    DeskReceipt,
    Difference,
    Payment,
    Payout,
    Reconciliation,
    RefundRequest,
    SavedCard,
    Settlement,
)
from backend.payments.operations.invoicing import invoice_receipt
from backend.salons.models import Business, Closure, Membership, Override, Photo, Review, Salon, Season
from backend.salons.permissions import Desk
from tests.bookings.sessions import on_sale
from tests.factories import RentalFactory, ResourceFactory, UserFactory, employ, open_salon
from tests.support.api import Api

pytestmark = pytest.mark.django_db

SALON_ROLES = ("staff", "receptionist", "manager", "owner")
OUTSIDE_THE_API = {
    "healthz", "readyz", "payment-return", "openapi", "photo-file", "metrics", "problem-type",
    "docs", "docs-guide", "docs-error-codes", "docs-reference", "docs-reference-area", "docs-reference-document",
    "docs-try", "docs-demo-token", "docs-nowhere",
}  # fmt: skip
"""Routes that are not Endpoints: public by nature, each with its own test."""


def routes(patterns: Any = None, prefix: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns if patterns is not None else get_resolver().url_patterns:
        here = prefix + str(pattern.pattern)
        if here.removeprefix("/").lstrip("^").startswith(("console", "docs", "problems")):
            continue  # pages, with tests of their own: tests/console, tests/core
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, here)
        else:
            yield here, pattern


def endpoints() -> list[tuple[str, str, Access | None]]:
    """(path template, method, policy) of every method of every route."""
    found = []
    for path, pattern in routes():
        view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
        if pattern.name in OUTSIDE_THE_API:
            continue
        assert issubclass(view or object, Endpoint), f"{path} is not an Endpoint: list or wrap it"
        for method in ("get", "post", "put", "patch", "delete"):
            if hasattr(view, method):
                found.append((path, method.upper(), view.access.get(method.upper())))
    return found


def test_every_method_of_every_route_declares_who_may_call_it() -> None:
    assert [f"{method} {path}" for path, method, policy in endpoints() if policy is None] == []


class World:
    """One salon with a booking and a payment, and somebody of each role who does or does not belong to it."""

    def __init__(self) -> None:
        self.salon, service, [self.staff_member] = open_salon()
        self.service = service
        self.resource = ResourceFactory.create(salon=self.salon)
        self.rental = RentalFactory.create(salon=self.salon)
        self.member = Membership.objects.get(salon=self.salon, user=employ(self.salon))
        self.customer: User = UserFactory.create()
        day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
        self.booking: Booking = operations.create_booking(
            customer=self.customer,
            salon=self.salon,
            wishes=[Wish(service.id)],
            starts_at=day.replace(hour=12, minute=0, second=0, microsecond=0),
            now=timezone.now(),
        )
        now = timezone.now()
        self.review = Review.objects.create(
            salon=self.salon, author=self.customer, booking_id=self.booking.pk, rating=5, created_at=now
        )
        Salon.objects.filter(pk=self.salon.pk).update(rating_sum=5, rating_count=1)
        OutsideCalendar.objects.create(
            staff_member=self.staff_member,
            host="calendar.example",
            sealed=b"",
            created_at=now,
            next_read_at=now,
        )
        self.place = WaitlistEntry.objects.create(
            salon=self.salon,
            customer=self.customer,
            service=service,
            date=self.booking.business_date,
            over_at=self.booking.ends_at,
            joined_at=now,
        )
        self.session = on_sale(
            self.salon, self.staff_member, starts_at=self.booking.starts_at + timedelta(hours=4), now=now
        )
        self.payment = Payment.objects.create(
            booking=self.booking, amount_minor=2300, source_type="client", created_at=now, expires_at=now
        )
        self.receipt = DeskReceipt.objects.create(
            booking=self.booking,
            method="cash",
            amount_minor=100,
            taken_by=UserFactory.create(),
            taken_at=now,
        )
        Business.objects.filter(pk=self.salon.business_id).update(vat_number="310000000000003")
        self.document = invoice_receipt(self.receipt, now=now)
        assert self.document is not None
        self.card = SavedCard.objects.create(
            customer=self.customer,
            token=f"token_{uuid.uuid4().hex}",
            status="active",
            last_four="1010",
            month=12,
            year=2031,
            created_at=now,
            next_attempt_at=now,
        )
        self.task = Payment.objects.create(
            booking=self.booking,
            amount_minor=2300,
            source_type="client",
            quarantined_because="amount",
            created_at=now,
            expires_at=now,
        )
        self.request = RefundRequest.objects.create(
            payment=self.payment, amount_minor=1, reason="late", needs_second=True, state="waiting",
            requested_by=UserFactory.create(), requested_at=now, expires_at=now + timedelta(days=7),
        )  # fmt: skip
        self.payout = Payout.objects.create(
            business_id=self.salon.business_id, salon=self.salon, from_date=day, to_date=day, amount_minor=1,
            bank_reference="FT1", recorded_by=UserFactory.create(), recorded_at=now,
        )  # fmt: skip
        self.device = Device.objects.create(user=self.customer)
        self.message = Message.objects.create(
            recipient=self.customer,
            to_phone=self.customer.phone or "",
            language="ar",
            kind="booking_received",
            audience="customer",
            body="نص",
            event_key="trial",
            state="sent",
            created_at=now,
            finished_at=now,
        )
        self.phone_change = PhoneChange.objects.create(
            user=self.customer,
            old_phone=self.customer.phone,
            new_phone="+966598765432",
            assisted_by=UserFactory.create(),
            reason="The old number is lost",
            needs_old=False,
            created_at=now,
        )
        self.photo = Photo.objects.create(
            salon=self.salon, key="00/00", width=320, height=320, is_primary=True, created_at=now
        )
        first, last = date(2031, 1, 1), date(2031, 1, 2)
        self.override = Override.objects.create(salon=self.salon, date=first)
        self.closure = Closure.objects.create(salon=self.salon, kind="days", first_date=first, last_date=last)
        self.season = Season.objects.create(salon=self.salon, first_date=first, last_date=last)
        self.client_id = ClientKey(self.customer.pk).id_at(self.salon)
        self.note = ClientNote.objects.create(
            salon=self.salon, customer=self.customer, text="tea", created_at=now
        )
        self.forgiveness = Forgiveness.objects.create(
            salon=self.salon, customer=self.customer, reason="kindness", at=now
        )
        self.run = Reconciliation.objects.create(from_date=day.date(), to_date=day.date(), started_at=now)
        self.difference = Difference.objects.create(
            kind="amount",
            subject="payment:1",
            business_date=day.date(),
            facts={"ours": None, "gateway": None, "settlements": None},
            opened_at=now,
        )
        self.settlement = Settlement.objects.create(
            gateway_id="st-1",
            source="api",
            amount_minor=0,
            lines_minor=0,
            line_count=0,
            created_at=now,
            imported_at=now,
        )

    def person(self, role: str, *, own: bool) -> User | None:
        """`own`: the customer of the booking, or somebody of its salon."""
        if role == ANONYMOUS:
            return None
        if role == "customer":
            return self.customer if own else UserFactory.create()
        if role in SALON_ROLES:
            return employ(self.salon if own else open_salon()[0], role)
        person: User = UserFactory.create()
        PlatformRole.objects.create(user=person, role=role)
        return person


VALUES: dict[str, Callable[[World], Any]] = {
    "<str:salon>": lambda w: w.salon.slug,
    "<id:booking_id>": lambda w: w.booking.id,
    "<id:entry_id>": lambda w: w.place.id,
    "<id:session_id>": lambda w: w.session.id,
    "<id:payment_id>": lambda w: w.payment.id,
    "<id:receipt_id>": lambda w: w.receipt.id,
    "<id:document_id>": lambda w: w.document.id,
    "<id:card_id>": lambda w: w.card.id,
    "<id:task_id>": lambda w: w.task.id,
    "<id:message_id>": lambda w: w.message.id,
    "<id:reconciliation_id>": lambda w: w.run.id,
    "<id:difference_id>": lambda w: w.difference.id,
    "<id:settlement_id>": lambda w: w.settlement.id,
    "<id:request_id>": lambda w: w.request.id,
    "<id:payout_id>": lambda w: w.payout.id,
    "<str:sheet>": lambda w: "payments",
    "<str:file_type>": lambda w: "csv",
    "<str:month>": lambda w: "2031-01",
    "<id:id>": lambda w: w.device.id,
    "<id:change_id>": lambda w: w.phone_change.id,
    "<id:service_id>": lambda w: w.service.id,
    "<id:staff_member_id>": lambda w: w.staff_member.id,
    "<id:resource_id>": lambda w: w.resource.id,
    "<id:rental_id>": lambda w: w.rental.id,
    "<id:member_id>": lambda w: w.member.id,
    "<id:business_id>": lambda w: w.salon.business_id,
    "<id:review_id>": lambda w: w.review.id,
    "<id:person_id>": lambda w: w.customer.id,
    "<slug:city>": lambda w: w.salon.city_id,
    "<id:photo_id>": lambda w: w.photo.id,
    "<id:window_id>": lambda w: w.salon.working_windows.first().pk,
    "<id:override_id>": lambda w: w.override.id,
    "<id:closure_id>": lambda w: w.closure.id,
    "<id:season_id>": lambda w: w.season.id,
    "<id:client_id>": lambda w: w.client_id,
    "<id:note_id>": lambda w: w.note.id,
    "<id:forgiveness_id>": lambda w: w.forgiveness.id,
    "<int:year>": lambda w: 1448,
    "<int:month>": lambda w: 9,
    "<str:secret>": lambda w: "nobody-knows-this-one",
    "<str:purpose>": lambda w: "marketing",
    "<str:kind>": lambda w: "booking_confirmed",
    "<str:language>": lambda w: "ar",
}
"""How to fill each kind of path value with an object of the world."""

OPEN_AREAS = (
    *("/finance/", "/support/", "/auth/", "/platform/"),
    *("/v1/reviews/", "/v1/sessions/", "/v1/rentals/"),
)
"""Where an object belongs to nobody in particular: whoever gets through the door finds it."""


def fill(path: str, world: World) -> str:
    for name, value in VALUES.items():
        path = path.replace(name, str(value(world)))
    assert "<" not in path, f"{path}: no value is known for this part"
    return path


MATRIX = [
    pytest.param(path, method, policy, role, own, id=f"{method} {path} {role} {'own' if own else 'foreign'}")
    for path, method, policy in endpoints()
    if policy is not None
    for role in ROLES
    for own in (True, False)
]


@pytest.mark.parametrize(("path", "method", "policy", "role", "own"), MATRIX)
def test_a_cell(path: str, method: str, policy: Access, role: str, own: bool) -> None:
    world = World()
    person = world.person(role, own=own)
    answer = Api(person).send(
        method,
        fill(path, world),
        body={} if method in ("POST", "PUT", "PATCH") else None,
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    status = answer.status_code
    assert status < 500 or answer.json()["code"] == "payments_unavailable", answer.content
    code = answer.json()["code"] if status >= 400 else ""
    if role == ANONYMOUS and role not in policy.roles:
        assert (status, code) == (401, "auth_required")
        return
    at_own_desk = own and role in SALON_ROLES
    if isinstance(policy, Desk):
        if at_own_desk and role in policy.roles:
            assert status not in (401, 403, 404), answer.content
        else:
            assert (status, code) == (403, "permission_denied")
    elif any(part in path for part in ("/manage/bookings/", "/manage/businesses/", "/manage/reviews/")):
        if at_own_desk:
            assert (status == 403) is (role not in policy.roles)
            assert status != 404
        else:
            assert (status, code) == (404, "not_found")
    elif role not in policy.roles:
        assert (status, code) == (403, "permission_denied")
    elif any(part in path for part in OPEN_AREAS):
        # Some acts are their asker's own: that refusal has a code of its own.
        assert status not in (401, 404)
        assert code != "permission_denied"
    elif "<id:" in path:
        # What is the customer's own is nobody else's, whatever their role.
        mine = own and role == "customer"
        assert status not in (401, 403)
        assert (status == 404) is (not mine), answer.content
    else:
        assert status not in (401, 403, 404) or "<str:salon>" not in path


def test_a_suspended_salon_has_no_public_page_but_keeps_its_desk() -> None:
    world = World()
    Salon.objects.filter(pk=world.salon.pk).update(status="suspended")
    assert Api().get(f"salons/{world.salon.slug}").status_code == 404
    desk = Api(world.person("owner", own=True))
    assert desk.get(f"manage/salons/{world.salon.slug}/bookings").status_code == 200
