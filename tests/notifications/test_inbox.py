"""The inbox: one's own messages, newest first, whatever became of their delivery."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import Device, User
from backend.core.ids import uuid7
from backend.notifications.models import Message
from backend.notifications.operations import inbox
from tests.factories import UserFactory
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    return UserFactory.create()


def told(user: User | None, **fields: Any) -> Message:
    """A message to this person, sent a while ago."""
    now = timezone.now()
    values: dict[str, Any] = {
        "id": uuid7(),
        "recipient": user,
        "to_phone": user.phone if user else "+966500000000",
        "language": "ar",
        "kind": "booking_confirmed",
        "audience": "customer",
        "title": "تم تأكيد الحجز",
        "body": "تم تأكيد حجزك\nالجمعة 20/11",
        "event_key": uuid.uuid4().hex,
        "state": "sent",
        "created_at": now,
        "finished_at": now,
    }
    return Message.objects.create(**values | fields)


def kinds(page: dict[str, Any]) -> list[str]:
    return [item["kind"] for item in page["items"]]


def test_a_message_says_what_when_and_what_to_open(user: User) -> None:
    booking = uuid.uuid4()
    with freeze_time(NOON):
        message = told(user, subject_type="booking", subject_id=booking)
    page = ok(Api(user).get("me/notifications"))
    assert page == {
        "items": [
            {
                "id": str(message.pk),
                "kind": "booking_confirmed",
                "audience": "customer",
                "title": "تم تأكيد الحجز",
                "body": "تم تأكيد حجزك\nالجمعة 20/11",
                "at": "2026-11-20T12:00:00+03:00",
                "read_at": None,
                "subject": {"type": "booking", "id": str(booking)},
            }
        ],
        "next_cursor": None,
        "unread_count": 1,
    }


def test_a_message_about_nothing_in_particular_opens_nothing(user: User) -> None:
    told(user, title="")
    [item] = ok(Api(user).get("me/notifications"))["items"]
    assert (item["subject"], item["title"]) == (None, None)


@pytest.mark.parametrize("state", ["pending", "failed", "unknown", "skipped"])
def test_it_is_there_also_when_nobody_could_deliver_it(user: User, state: str) -> None:
    now = timezone.now()
    times = {"next_attempt_at": now, "finished_at": None} if state == "pending" else {}
    told(user, state=state, **times)
    assert len(ok(Api(user).get("me/notifications"))["items"]) == 1


def test_an_offer_that_was_held_back_stays_away(user: User) -> None:
    told(user, kind="salon_offer", state="skipped")
    told(user, kind="salon_offer")
    page = ok(Api(user).get("me/notifications"))
    assert (kinds(page), page["unread_count"]) == (["salon_offer"], 1)


def test_other_peoples_guests_and_erased_messages_are_not_there(user: User) -> None:
    told(UserFactory.create())
    told(None)
    told(user, erased_at=timezone.now(), to_phone="", title="", body="")
    assert ok(Api(user).get("me/notifications")) == {"items": [], "next_cursor": None, "unread_count": 0}


def test_pages_run_from_the_newest_and_lose_nothing(user: User) -> None:
    made = sorted(str(told(user).pk) for _ in range(5))  # of one millisecond, the order is chance
    phone = Api(user)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ok(phone.get("me/notifications", limit=2, **cursor))
        assert page["unread_count"] == 5
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        told(user)  # arrives while the list is read
        Message.objects.filter(recipient=user).exclude(pk__in=made).delete()
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made[::-1]


def test_the_desk_and_the_customer_are_two_lists(user: User) -> None:
    told(user)
    told(user, kind="booking_requested", audience="staff")
    phone = Api(user)
    assert kinds(ok(phone.get("me/notifications"))) == ["booking_requested", "booking_confirmed"]
    staff = ok(phone.get("me/notifications", audience="staff"))
    assert (kinds(staff), staff["unread_count"]) == (["booking_requested"], 1)
    customer = ok(phone.get("me/notifications", audience="customer"))
    assert (kinds(customer), customer["unread_count"]) == (["booking_confirmed"], 1)
    refused(phone.get("me/notifications", audience="everybody"), 400, "validation_failed")


def test_reading_is_noted_once(user: User) -> None:
    message = told(user)
    phone = Api(user)
    with freeze_time(NOON) as clock:
        phone = Api(user)
        first = ok(phone.post(f"me/notifications/{message.pk}/read"))
        clock.tick(60)
        again = ok(phone.post(f"me/notifications/{message.pk}/read"))
    assert first["read_at"] == again["read_at"] == "2026-11-20T12:00:00+03:00"
    assert ok(Api(user).get("me/notifications"))["unread_count"] == 0


def test_somebody_elses_and_unknown_messages_are_the_same_404(user: User) -> None:
    phone, other = Api(user), told(UserFactory.create())
    gone = told(user, erased_at=timezone.now(), to_phone="", title="", body="")
    for identifier in (other.pk, gone.pk, uuid.uuid4()):
        refused(phone.post(f"me/notifications/{identifier}/read"), 404, "not_found")
    other.refresh_from_db()
    assert other.read_at is None


def test_reading_all_reads_ones_own_and_only_the_audience_asked(user: User) -> None:
    told(user)
    told(user, audience="staff")
    theirs = told(UserFactory.create())
    phone = Api(user)
    assert ok(phone.post("me/notifications/read-all", {"audience": "staff"})) == {"unread_count": 0}
    assert ok(phone.get("me/notifications"))["unread_count"] == 1
    assert ok(phone.post("me/notifications/read-all", {})) == {"unread_count": 0}
    assert ok(phone.get("me/notifications"))["unread_count"] == 0
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_counting_ends_where_badges_do(user: User) -> None:
    for _ in range(inbox.MOST_COUNTED + 3):
        told(user)
    assert ok(Api(user).get("me/notifications", limit=1))["unread_count"] == inbox.MOST_COUNTED


def test_a_longer_inbox_asks_no_more_of_the_database(user: User) -> None:
    phone = Api(user)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as few:
            ok(phone.get("me/notifications"))
        counts.append(len(few))
        for _ in range(20):
            told(user, subject_type="booking", subject_id=uuid.uuid4())
    assert counts[0] == counts[1] == 3


def test_what_is_older_than_a_doubtful_session_is_not_shown(user: User) -> None:
    with freeze_time(NOON):
        old = told(user)
    with freeze_time(NOON + timedelta(days=300)):
        phone = Api(user)
        Device.objects.filter(user=user).update(history_from=timezone.now(), name_asked=True)
        told(user, kind="booking_received")
        page = ok(phone.get("me/notifications"))
        assert (kinds(page), page["unread_count"]) == (["booking_received"], 1)
        refused(phone.post(f"me/notifications/{old.pk}/read"), 404, "not_found")


def test_strangers_are_asked_to_sign_in() -> None:
    refused(Api().get("me/notifications"), 401, "auth_required")
    refused(Api().post("me/notifications/read-all", {}), 401, "auth_required")
