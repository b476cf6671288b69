"""What support and finance find, and what stays hidden from them."""

from __future__ import annotations

from typing import Any

import pytest

from backend.accounts.models import Device, OtpChallenge, PhoneChange, SupportLook, User
from backend.accounts.operations import support
from backend.bookings.models import Booking, BookingEvent
from backend.notifications.models import Message
from backend.payments.models import Payment
from backend.salons.models import Salon
from tests.console.helpers import World, address, browser, operator, registered
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def rows(response: Any) -> list[Any]:
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


SPELLINGS = ("0512345678", "+966512345678", "٠٥١٢٣٤٥٦٧٨", "051 234 5678", "966512345678")


@pytest.mark.parametrize("number", SPELLINGS)
def test_support_finds_a_person_by_a_whole_number_in_any_spelling(number: str, world: World) -> None:
    client = browser(operator("support"))
    assert rows(client.get(address(User), {"q": number})) == [world.customer]


@pytest.mark.parametrize("words", ["", "051234567", "5678", "نورة", "%", "+9665"])
def test_support_finds_nobody_by_less(words: str, world: World) -> None:
    client = browser(operator("support"))
    for model in (User, Device, OtpChallenge, Booking, BookingEvent, Message):
        assert rows(client.get(address(model), {"q": words})) == [], model
        assert rows(client.get(address(model), {"q": words, "all": ""})) == [], model


def test_support_sees_bookings_and_messages_of_the_person_they_found(world: World) -> None:
    client = browser(operator("support"))
    assert rows(client.get(address(Booking), {"q": "0512345678"})) == [world.booking]
    assert rows(client.get(address(Booking), {"q": world.booking.reference.lower()})) == [world.booking]
    assert world.message in rows(client.get(address(Message), {"q": "0512345678"}))
    # The links of the person's page name them by an id that nobody guesses.
    page = client.get(address(User, "change", world.customer.pk)).content.decode()
    assert f"{address(Booking)}?q={world.customer.pk}" in page
    assert rows(client.get(address(Booking), {"q": str(world.customer.pk)})) == [world.booking]
    assert rows(client.get(address(OtpChallenge), {"q": str(world.customer.pk)})) != []


def test_every_look_is_recorded_found_or_not(world: World) -> None:
    by = operator("support")
    client = browser(by)
    before = SupportLook.objects.count()
    client.get(address(User))
    client.get(address(User), {"q": "5678"})
    assert SupportLook.objects.count() == before
    client.get(address(User), {"q": "0512345678"})
    client.get(address(User), {"q": "0512345999"})
    client.get(address(User, "change", world.customer.pk))
    looks = SupportLook.objects.filter(by=by).order_by("at", "pk")
    assert [(look.person, look.asked_for) for look in looks] == [
        (world.customer, "05•••••678"),
        (None, "05•••••999"),
        (world.customer, "05•••••678"),
    ]


NUMBERS = (User, Device, OtpChallenge, PhoneChange, Booking, Message)


@pytest.mark.parametrize("model", NUMBERS)
def test_a_look_through_any_list_is_recorded_and_braked(model: Any, world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(support, "LOOKS", support.Limit("support-look", 2, support.LOOKS.window))
    by = operator("support")
    client = browser(by)
    for number in ("0512345678", "0512345999"):
        assert client.get(address(model), {"q": number}).status_code == 200
    assert client.get(address(model), {"q": "0512345678"}).status_code == 429
    looks = SupportLook.objects.filter(by=by).order_by("at", "pk")
    assert [(look.person, look.asked_for) for look in looks] == [
        (world.customer, "05•••••678"),
        (None, "05•••••999"),
    ]


def test_a_look_by_reference_and_at_a_row_is_recorded_too(world: World) -> None:
    by = operator("support")
    client = browser(by)
    reference = world.booking.reference
    assert rows(client.get(address(Booking), {"q": reference.lower()})) == [world.booking]
    assert client.get(address(Booking), {"q": "ZZ99999"}).status_code == 200
    assert rows(client.get(address(BookingEvent), {"q": reference})) != []
    for row in (world.booking, world.device, world.message):
        assert client.get(address(type(row), "change", row.pk)).status_code == 200
    looks = SupportLook.objects.filter(by=by).order_by("at", "pk")
    assert [look.asked_for for look in looks] == [reference.lower(), reference, *["05•••••678"] * 3]
    assert looks[0].person == world.customer
    assert {look.person for look in looks[2:]} == {world.customer}


def test_whoever_may_browse_a_list_is_not_on_record_for_searching_it(world: World) -> None:
    by = operator("platform_admin")
    browser(by).get(address(Booking), {"q": "0512345678"})
    assert not SupportLook.objects.filter(by=by).exists()


def test_looking_at_many_people_is_braked(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(support, "LOOKS", support.Limit("support-look", 2, support.LOOKS.window))
    client = browser(operator("support"))
    for _ in range(2):
        assert client.get(address(User), {"q": "0512345678"}).status_code == 200
    answer = client.get(address(User), {"q": "0512345678"})
    assert answer.status_code == 429
    assert answer.headers["Content-Type"].startswith("text/html")


def test_support_sees_no_money_and_no_words(world: World) -> None:
    client = browser(operator("support"), language="en")
    for page in (
        client.get(address(Booking), {"q": "0512345678"}),
        client.get(address(Booking, "change", world.booking.pk)),
    ):
        assert "SAR" not in page.content.decode()
    page = client.get(address(Message, "change", world.message.pk)).content.decode()
    assert "نص الرسالة" not in page
    assert (
        "نص الرسالة"
        in browser(operator("platform_admin"))
        .get(address(Message, "change", world.message.pk))
        .content.decode()
    )


def test_numbers_are_masked_except_for_a_platform_admin_on_the_persons_own_page(world: World) -> None:
    whole = "051 234 5678"
    for role in ("support", "platform_admin"):
        client = browser(operator(role))
        for model in (User, Device, OtpChallenge, Booking, Message):
            listed = client.get(address(model), {"q": "0512345678"}).content.decode()
            assert "05•••••678" in listed
            assert whole not in listed
        page = client.get(address(User, "change", world.customer.pk)).content.decode()
        assert (whole in page) is (role == "platform_admin")
    money = browser(operator("finance")).get(address(Payment, "change", world.payment.pk)).content.decode()
    assert "05•••••678" in money
    assert whole not in money


def test_a_platform_admin_finds_things_by_number_id_reference_and_short_name(world: World) -> None:
    client = browser(operator("platform_admin"))
    assert rows(client.get(address(Booking), {"q": world.booking.reference})) == [world.booking]
    assert rows(client.get(address(Booking), {"q": str(world.booking.pk)})) == [world.booking]
    assert rows(client.get(address(Booking), {"q": world.salon.slug})) == [world.booking]
    assert rows(client.get(address(Salon), {"q": world.salon.slug[:6]})) == [world.salon]
    assert rows(client.get(address(Salon), {"q": "لمسة"})) == [world.salon]
    assert rows(client.get(address(Salon), {"q": "lamsa"})) == [world.salon]
    assert rows(client.get(address(Payment), {"q": world.booking.reference})) == [world.payment]
    assert rows(client.get(address(Payment), {"q": str(world.payment.pk)})) == [world.payment]
    assert rows(client.get(address(User), {"q": "somebody"})) == []
    assert len(rows(client.get(address(User)))) > 1


@pytest.mark.parametrize("role", ["platform_admin", "support"])
def test_a_hostile_search_is_only_a_search(role: str, world: World) -> None:
    client = browser(operator(role))
    for words in (
        "'; DROP TABLE",
        "\x00",
        "%%",
        '"',
        "\u202e",
        "a" * 5000,
        "\ud800".encode("utf-8", "replace").decode(),
    ):
        for model in (User, Booking, Message, *([Salon] if role == "platform_admin" else [])):
            assert client.get(address(model), {"q": words}).status_code == 200


def test_somebody_with_two_roles_sees_both_and_browses_what_one_may_browse() -> None:
    from backend.accounts.models import PlatformRole

    both = operator("support")
    PlatformRole.objects.create(user=both, role="platform_admin")
    UserFactory.create()
    client = browser(both)
    assert rows(client.get(address(User))) != []


@pytest.mark.parametrize(
    ("role", "model", "query"),
    [
        ("platform_admin", User, "phone__startswith=%2B9665"),
        ("platform_admin", OtpChallenge, "code_hmac__isnull=0"),
        ("support", Booking, "guest_phone__startswith=%2B9665"),
        ("finance", Payment, "booking__guest_phone__startswith=%2B9665"),
        ("finance", Payment, "booking__customer__name=x"),
    ],
)
def test_an_address_probes_no_column_that_is_not_shown(
    role: str, model: Any, query: str, world: World
) -> None:
    client = browser(operator(role))
    answer = client.get(f"{address(model)}?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_filters_of_every_list_work(world: World) -> None:
    client = browser(operator("platform_admin"))
    for model in registered():
        page = client.get(address(model))
        for spec in page.context["cl"].filter_specs:
            for choice in spec.choices(page.context["cl"]):
                assert client.get(address(model) + choice["query_string"]).status_code == 200
