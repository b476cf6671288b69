"""What support sees of bookings, and what a session in doubt does not."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.accounts.models import Device, OtpChallenge, PlatformRole, SupportLook
from backend.accounts.operations.support import LOOKS
from backend.bookings import operations
from backend.bookings.models import Booking
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from tests.factories import UserFactory, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

NUMBER = "+966512345678"


def book(customer, *, days=1, salon=None):
    place, service, _ = salon or open_salon(deposit_percent=0, auto_confirm=True)
    day = timezone.now().astimezone(RIYADH) + timedelta(days=days)
    return operations.create_booking(
        customer=customer,
        salon=place,
        wishes=[Wish(service.id)],
        starts_at=day.replace(hour=12, minute=0, second=0, microsecond=0),
        now=timezone.now(),
    )


def with_role(role):
    person = UserFactory.create()
    PlatformRole.objects.create(user=person, role=role)
    return person


# Support


@pytest.mark.parametrize("language", ["ar", "en"])
def test_support_finds_a_person_by_the_whole_number(language):
    customer = UserFactory.create(phone=NUMBER, name="نورة")
    Device.objects.create(user=customer)
    Device.objects.create(user=customer, revoked_at=timezone.now())
    booking = book(customer)
    book(UserFactory.create(), days=2)
    OtpChallenge.objects.create(
        phone=NUMBER,
        code_hmac=b"x" * 32,
        language="ar",
        created_at=timezone.now(),
        expires_at=timezone.now() + timedelta(minutes=5),
        send_outcome="refused",
        error_class="recipient",
    )

    supporter = with_role("support")
    body = ok(Api(supporter, language=language).get("support/people", phone="٠٥١٢٣٤٥٦٧٨"))

    [found] = body["items"]
    assert (found["id"], found["name"], found["phone_masked"]) == (str(customer.pk), "نورة", "05•••••678")
    assert found["devices_count"] == 1
    [shown] = found["bookings"]
    assert shown["reference"] == booking.reference
    assert shown["state"] == "confirmed"
    assert shown["salon"]["name"] == ("صالون لمسة" if language == "ar" else "Lamsa Salon")
    kinds = {(m["kind"], m["state"], m["error_class"]) for m in found["messages"]}
    assert ("code_sign_in", "failed", "recipient") in kinds
    assert any(m["kind"] == "booking_confirmed" for m in found["messages"])
    # No money, no words of a message, no number.
    text = str(body)
    for hidden in ("price", "deposit", "amount", "body", NUMBER, "0512345678"):
        assert hidden not in text

    look = SupportLook.objects.get()
    assert (look.by, look.person, look.what, look.asked_for) == (supporter, customer, "person", "05•••••678")
    assert look.request_id


def test_a_look_that_finds_nobody_is_recorded_too():
    api = Api(with_role("support"))
    assert ok(api.get("support/people", phone="0512345678")) == {"items": []}
    look = SupportLook.objects.get()
    assert (look.person, look.asked_for) == (None, "05•••••678")


@pytest.mark.parametrize(
    "query",
    [{}, {"phone": "05123456"}, {"phone": "0512345*"}, {"q": "نورة"}, {"phone": "0512345678", "limit": "50"}],
)
def test_there_is_no_searching(query):
    refused(Api(with_role("support")).get("support/people", **query), 400, "validation_failed")
    assert not SupportLook.objects.exists()


@pytest.mark.parametrize("role", [None, "finance", "platform_admin"])
@pytest.mark.parametrize("language", ["ar", "en"])
def test_it_is_closed_to_everybody_else(role, language):
    person = with_role(role) if role else UserFactory.create()
    refused(
        Api(person, language=language).get("support/people", phone="0512345678"), 403, "permission_denied"
    )
    refused(Api(language=language).get("support/people", phone="0512345678"), 401, "auth_required")
    assert not SupportLook.objects.exists()


def test_customers_cannot_be_copied_by_looking_them_up():
    api = Api(with_role("support"))
    for _ in range(LOOKS.allowed):
        ok(api.get("support/people", phone="0512345678"))
    refused(api.get("support/people", phone="0512345678"), 429, "rate_limited")
    assert SupportLook.objects.count() == LOOKS.allowed


# A session in doubt


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_session_in_doubt_sees_what_was_booked_since(language):
    customer = UserFactory.create(phone=NUMBER)
    salon = open_salon(deposit_percent=0, auto_confirm=True)
    old = book(customer, salon=salon)
    Booking.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=200))
    api = Api(customer, language=language)
    Device.objects.update(history_from=timezone.now(), name_asked=True)
    assert ok(api.get("bookings"))["items"] == []
    refused(api.get(f"bookings/{old.id}"), 404, "not_found")
    refused(api.get(f"bookings/{old.id}/events"), 404, "not_found")
    refused(api.post(f"bookings/{old.id}/cancel", {"version": 1}), 404, "not_found")

    new = book(customer, days=2, salon=salon)
    assert [b["id"] for b in ok(api.get("bookings"))["items"]] == [str(new.id)]
    assert ok(api.get(f"bookings/{new.id}"))["reference"] == new.reference
    # Another device of the same person, never in doubt, sees both.
    assert len(ok(Api(customer).get("bookings"))["items"]) == 2

    ok(api.post("me/identity-confirmation", {"name": customer.name}))
    assert len(ok(api.get("bookings"))["items"]) == 2


def test_disowned_bookings_stay_with_the_old_account():
    customer = UserFactory.create(phone=NUMBER)
    old = book(customer)
    api = Api(customer)
    Device.objects.update(history_from=timezone.now(), name_asked=True)
    answer = ok(api.post("me/identity-confirmation", {"not_me": True}))
    api.headers["Authorization"] = f"Bearer {answer['tokens']['access_token']}"
    assert ok(api.get("bookings"))["items"] == []
    refused(api.get(f"bookings/{old.id}"), 404, "not_found")
    old.refresh_from_db()
    assert old.customer == customer
    assert (old.customer.name, old.customer.phone) == ("", None)
