"""A salon's offers: to its own customers who agreed, once a week, in words that fit."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import Consent, User
from backend.bookings.models import Booking
from backend.bookings.operations.announcing import announce
from backend.notifications.models import Message, Preference
from backend.notifications.sms import sms_units
from backend.salons.models import Salon
from tests.accounts.privacy import notice_in_force
from tests.factories import SalonFactory, UserFactory, employ
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ARABIC, ENGLISH = "خصم 20% على الصبغة هذا الأسبوع", "20% off colouring this week"


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOON) as frozen:
        yield frozen


@pytest.fixture
def salon(clock: Any) -> Salon:
    return SalonFactory.create(audience="family", name_ar="صالون لمسة", name_en="Lamsa")


@pytest.fixture
def owner(salon: Salon) -> User:
    return employ(salon, "owner")


def visited(salon: Salon, person: User, *, days_ago: int = 30, state: str = "completed") -> Booking:
    starts_at = timezone.now() - timedelta(days=days_ago)
    return Booking.objects.create(
        no_show_at=starts_at if state == "no_show" else None,
        salon=salon,
        customer=person,
        reference=uuid.uuid4().hex[:8].upper(),
        state=state,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=45),
        business_date=starts_at.date(),
        price_minor=11500,
        deposit_minor=0,
        free_cancel_hours=24,
        late_cancel_percent=0,
        source="app",
        language="ar",
        created_at=starts_at,
    )


def agreed(person: User, *decisions: bool) -> User:
    for granted in decisions or (True,):
        Consent.objects.create(
            user=person,
            purpose="marketing",
            granted=granted,
            notice=notice_in_force(),
            at=timezone.now(),
            means="app",
        )
    return person


def customer(
    salon: Salon, *decisions: bool, days_ago: int = 30, state: str = "completed", **fields: Any
) -> User:
    person = agreed(UserFactory.create(**fields), *decisions)
    visited(salon, person, days_ago=days_ago, state=state)
    return person


def send(owner: User, salon: Salon, *, ar: Any = ARABIC, en: Any = ENGLISH, **more: Any) -> Any:
    return Api(owner).post(
        f"manage/salons/{salon.slug}/announcements", {"text_ar": ar, "text_en": en}, **more
    )


def told() -> set[Any]:
    return set(Message.objects.filter(kind="salon_offer").values_list("recipient", flat=True))


def faults(answer: Any) -> list[tuple[str, str]]:
    problem = refused(answer, 400, "validation_failed")
    return [(error["pointer"], error["code"]) for error in problem["errors"]]


def test_the_salons_customers_who_agreed_are_told_each_in_their_language(salon: Salon, owner: User) -> None:
    arabic = customer(salon, language="ar")
    english = customer(salon, language="en")
    device = customer(salon, language=None, device_language="en")
    assert ok(send(owner, salon), 201) == {"recipients": 3}
    for person, name, text in (
        (arabic, "صالون لمسة", ARABIC),
        (english, "Lamsa", ENGLISH),
        (device, "Lamsa", ENGLISH),
    ):
        message = Message.objects.get(recipient=person)
        assert name in message.body
        assert text in message.body
        assert (message.kind, message.audience, message.to_phone) == ("salon_offer", "customer", person.phone)
        assert (message.salon_id, message.subject_type, message.subject_id) == (salon.pk, "salon", salon.pk)
        assert message.state == "pending"
        assert message.next_attempt_at == NOON
        assert name not in message.push_body
        assert message.title
        assert len(message.title) <= 20


def test_nobody_else_is(salon: Salon, owner: User) -> None:
    UserFactory.create()
    agreed(UserFactory.create())  # never came
    customer(SalonFactory.create())
    visited(salon, UserFactory.create())  # was never asked
    customer(salon, False)
    customer(salon, True, False)
    customer(salon, days_ago=366)
    customer(salon, days_ago=-30, state="confirmed")
    for state in ("cancelled", "declined", "expired", "no_show"):
        customer(salon, state=state)
    customer(salon, is_active=False)
    silenced = customer(salon)
    Preference.objects.create(user=silenced, topic="offers", channels=[], changed_at=NOON)
    gone = customer(salon)
    User.objects.filter(pk=gone.pk).update(phone=None, name="", deleted_at=NOON)
    assert ok(send(owner, salon), 201) == {"recipients": 0}
    back = customer(salon, True, False, True)
    chosen = customer(salon, state="confirmed")
    Preference.objects.create(user=chosen, topic="offers", channels=["push"], changed_at=NOON)
    with freeze_time(NOON + timedelta(days=8)):
        assert ok(send(owner, salon), 201) == {"recipients": 2}
    assert told() == {back.pk, chosen.pk}


def test_somebody_who_came_often_is_told_once(salon: Salon, owner: User) -> None:
    person = customer(salon)
    visited(salon, person, days_ago=10)
    assert ok(send(owner, salon), 201) == {"recipients": 1}


def test_of_too_many_those_who_came_last_are_told(salon: Salon, owner: User, settings: Any) -> None:
    settings.ANNOUNCEMENT_RECIPIENTS = 2
    old, late, latest = (customer(salon, days_ago=days) for days in (300, 20, 10))
    visited(salon, old, days_ago=200)
    assert ok(send(owner, salon), 201) == {"recipients": 2}
    assert told() == {late.pk, latest.pk}


def test_one_a_week_and_a_repeat_is_the_same_one(salon: Salon, owner: User, clock: Any) -> None:
    customer(salon)
    key = uuid.uuid4()
    assert ok(send(owner, salon, key=key), 201) == {"recipients": 1}
    repeat = send(owner, salon, key=key)
    assert (repeat.status_code, repeat.headers["Idempotent-Replayed"]) == (201, "true")
    clock.tick(timedelta(days=6, hours=23))
    assert refused(send(owner, salon), 429, "rate_limited")["retry_after"] == 3600
    clock.tick(3600)
    assert ok(send(owner, salon), 201) == {"recipients": 1}
    assert Message.objects.count() == 2


def test_what_was_refused_does_not_use_up_the_week(salon: Salon, owner: User) -> None:
    assert faults(send(owner, salon, ar="عرض https://a.sa")) == [("/text_ar", "link_not_allowed")]
    ok(send(owner, salon), 201)


def test_an_offer_that_reaches_nobody_does_not_use_up_the_week(salon: Salon, owner: User) -> None:
    assert ok(send(owner, salon), 201) == {"recipients": 0}
    customer(salon)
    assert ok(send(owner, salon), 201) == {"recipients": 1}


@pytest.mark.django_db(transaction=True)
def test_two_owners_at_once_send_one(salon: Salon) -> None:
    customer(salon)
    send_one = partial(announce, salon=salon, texts={"ar": ARABIC, "en": ENGLISH}, now=NOON)
    outcomes = race(*[send_one] * 4)
    assert sorted(str(getattr(outcome, "code", outcome)) for outcome in outcomes) == [
        "1",
        *["rate_limited"] * 3,
    ]
    assert Message.objects.count() == 1


def test_the_whole_text_keeps_to_two_parts(salon: Salon, owner: User) -> None:
    customer(salon, language="ar")
    ok(send(owner, salon, ar="س"), 201)
    room = 134 - sms_units(Message.objects.get().body)[0] + 1
    with freeze_time(NOON + timedelta(days=8)):
        problem = refused(send(owner, salon, ar="س" * (room + 1)), 400, "validation_failed")
        [error] = problem["errors"]
        assert (error["pointer"], error["code"]) == ("/text_ar", "too_long")
        assert error["params"] == {"units": 135, "parts": 3}
        ok(send(owner, salon, ar="س" * room), 201)
    assert {sms_units(message.body)[1] for message in Message.objects.all()} <= {1, 2}


@pytest.mark.parametrize(
    "text", ["see https://lamsa.sa", "HTTP:x", "www.lamsa", "lamsa.com now", "bit.ly/abc", "at LAMSA.SA"]
)
def test_links_are_refused(salon: Salon, owner: User, text: str) -> None:
    assert faults(send(owner, salon, en=text)) == [("/text_en", "link_not_allowed")]
    assert faults(send(owner, salon, ar=f"عرض {text}")) == [("/text_ar", "link_not_allowed")]


@pytest.mark.parametrize(
    "text", ["Only 49.50 SAR. Call 0512345678", "خصم 1.5 ر.س على القص. أهلا", "9:30 p.m. - 11"]
)
def test_prices_and_times_are_no_links(salon: Salon, owner: User, text: str) -> None:
    ok(send(owner, salon, ar=text, en=text), 201)


@pytest.mark.parametrize(
    ("ar", "en", "fault"),
    [
        ("", ENGLISH, ("/text_ar", "field_blank")),
        (ARABIC, None, ("/text_en", "field_null")),
        (17, ENGLISH, ("/text_ar", "wrong_type")),
        ("س" * 321, ENGLISH, ("/text_ar", "too_long")),
        ("\u202e\u200f", ENGLISH, ("/text_ar", "field_blank")),
    ],
)
def test_both_languages_are_asked_for(
    salon: Salon, owner: User, ar: Any, en: Any, fault: tuple[str, str]
) -> None:
    assert faults(send(owner, salon, ar=ar, en=en)) == [fault]


def test_a_percent_sign_is_a_percent_sign(salon: Salon, owner: User) -> None:
    customer(salon, language="en")
    ok(send(owner, salon, en="100%(text)s % off %d"), 201)
    assert "100%(text)s % off %d" in Message.objects.get().body


def test_whatsapp_is_given_who_offers_and_what_without_line_breaks(salon: Salon, owner: User) -> None:
    customer(salon, language="en")
    ok(send(owner, salon, en="Less for haircuts\nuntil 30/12"), 201)
    [offer] = Message.objects.filter(kind="salon_offer")
    assert offer.values == [str(salon.name_en), "Less for haircuts until 30/12"]


def test_a_salon_for_women_is_not_named(owner: User, salon: Salon) -> None:
    Salon.objects.filter(pk=salon.pk).update(audience="women")
    for language in ("ar", "en"):
        customer(salon, language=language)
    ok(send(owner, salon), 201)
    for message in Message.objects.all():
        assert not any(name in message.body + message.push_body for name in ("لمسة", "Lamsa"))


@pytest.mark.parametrize("role", ["staff", "receptionist", "manager"])
def test_only_owners_speak_for_the_salon(salon: Salon, role: str) -> None:
    refused(send(employ(salon, role), salon), 403, "permission_denied")


def test_another_salons_owner_does_not(salon: Salon, owner: User) -> None:
    refused(send(owner, SalonFactory.create()), 403, "permission_denied")


def test_a_salon_that_takes_no_bookings_makes_no_offers(salon: Salon, owner: User) -> None:
    Salon.objects.filter(pk=salon.pk).update(status="suspended")
    refused(send(owner, salon), 422, "salon_not_live")


def test_more_customers_cost_no_more_statements(salon: Salon, owner: User, clock: Any) -> None:
    counts = []
    for people in (1, 40):
        for _ in range(people):
            customer(salon)
        with CaptureQueriesContext(connection) as asked:
            announce(salon=salon, texts={"ar": ARABIC, "en": ENGLISH}, now=timezone.now())
        counts.append(len(asked))
        clock.tick(timedelta(days=8))
    assert counts[0] == counts[1]
