"""What delivery learns about a person: where they are reached, and whether they take offers."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from backend.accounts.models import Device, PushTarget, User
from backend.notifications.addressbook import addressbook
from backend.notifications.models import Message
from tests.accounts.privacy import notice_in_force
from tests.factories import SalonFactory, UserFactory, employ
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return UserFactory.create()


def reachable(user: User, *, seen: datetime | None = None, kind: str = "fcm_token", **device: Any) -> str:
    seen = seen or timezone.now()
    owner = Device.objects.create(user=user, last_seen_at=seen, **device)
    token = uuid.uuid4().hex
    PushTarget.objects.create(device=owner, kind=kind, token=token, stored_at=seen)
    return token


def tokens(user: User) -> list[str]:
    return [target.token for target in addressbook().push_targets(user.pk)]


def test_live_devices_are_reached_the_one_seen_last_first(user: User) -> None:
    now = timezone.now()
    old = reachable(user, seen=now - timedelta(days=59))
    new = reachable(user, seen=now, kind="fid")
    reachable(user, seen=now - timedelta(days=61))
    reachable(user, revoked_at=now)
    reachable(user, history_from=now, name_asked=True)
    reachable(UserFactory.create())
    assert tokens(user) == [new, old]
    assert [target.kind for target in addressbook().push_targets(user.pk)] == ["fid", "fcm_token"]


def test_at_most_ten_devices_are_rung(user: User) -> None:
    for _ in range(12):
        reachable(user)
    assert len(tokens(user)) == 10


def test_a_dead_target_is_forgotten_and_the_device_stays_signed_in(user: User) -> None:
    token = reachable(user)
    addressbook().forget_push_target(token)
    addressbook().forget_push_target(token)
    assert tokens(user) == []
    assert Device.objects.filter(user=user, revoked_at=None).exists()


def test_offers_need_a_consent_that_stands(user: User) -> None:
    notice_in_force()
    phone = Api(user)
    assert addressbook().takes_offers(user.pk) is False
    for granted in (True, False, True):
        ok(phone.send("PUT", "me/consents/marketing", body={"granted": granted}))
        assert addressbook().takes_offers(user.pk) is granted
    ok(phone.send("PUT", "me/consents/photos", body={"granted": False}))
    assert addressbook().takes_offers(user.pk) is True


def test_salon_people_are_known_and_others_are_not(user: User) -> None:
    assert addressbook().works_at_a_salon(user.pk) is False
    assert addressbook().works_at_a_salon(uuid.uuid4()) is False
    employ(SalonFactory.create(), "staff", user)
    assert addressbook().works_at_a_salon(user.pk) is True


def test_a_consent_taken_back_stops_what_was_not_sent_yet(user: User) -> None:
    notice_in_force()
    phone = Api(user)
    ok(phone.send("PUT", "me/consents/marketing", body={"granted": True}))

    def owed(kind: str, person: User) -> Message:
        now = timezone.now()
        return Message.objects.create(
            recipient=person,
            to_phone=person.phone or "",
            language="ar",
            kind=kind,
            audience="customer",
            body="نص",
            event_key=uuid.uuid4().hex,
            created_at=now,
            next_attempt_at=now + timedelta(hours=9),
        )

    offer, news, others = (
        owed("salon_offer", user),
        owed("booking_confirmed", user),
        owed("salon_offer", UserFactory()),
    )
    ok(phone.send("PUT", "me/consents/photos", body={"granted": False}))
    offer.refresh_from_db()
    assert offer.state == "pending"
    ok(phone.send("PUT", "me/consents/marketing", body={"granted": False}))
    for message in (offer, news, others):
        message.refresh_from_db()
    assert (offer.state, news.state, others.state) == ("skipped", "pending", "pending")
    kinds = [item["kind"] for item in ok(phone.get("me/notifications"))["items"]]
    assert kinds == ["booking_confirmed"]
