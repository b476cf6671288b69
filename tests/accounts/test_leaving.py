from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts import operations
from backend.accounts.models import Consent, DataRequest, Device, OtpChallenge, PhoneChange, PushTarget, User
from backend.bookings.models import Booking, Claim
from backend.bookings.operations import create_booking
from backend.bookings.queries import Wish
from backend.core import privacy
from backend.core.models import IdempotencyRecord
from backend.notifications.models import Message
from backend.notifications.operations import deliver_due
from backend.salons.models import Membership, Review, ReviewReport
from tests.accounts.helpers import Inbox, Phone, bearer, sign_in
from tests.accounts.privacy import book, notice_in_force, with_a_past
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.database import places_with
from tests.support.race import race

pytestmark = pytest.mark.django_db

NAME = "نورة بنت خالد العتيبي"


def leave(phone: Api) -> dict[str, Any]:
    body = ok(phone.send("DELETE", "me"))
    assert isinstance(body, dict)
    return body


@pytest.fixture
def person() -> dict[str, Any]:
    return with_a_past(UserFactory.create(name=NAME, gender="female", phone="+966512345678"))


def test_nobody_finds_the_person_anywhere_any_more(person: dict[str, Any]) -> None:
    forms = (NAME, "+966512345678", "512345678")
    desk = employ(person["salon"])
    ReviewReport.objects.create(
        review=person["review"],
        reporter=desk,
        reason=f"{NAME} +966512345678",
        created_at=timezone.now(),
    )
    walk_in = {
        "items": [{"service_id": str(person["service"].id)}],
        "starts_at": person["live"].starts_at.replace(hour=15).isoformat(),
        "note": NAME,
        "guest": {"name": NAME, "phone": "0512345678"},
    }
    ok(Api(desk).post(f"manage/salons/{person['salon'].slug}/bookings", walk_in), 201)
    assert len(places_with(*forms)) > 12, "the test would prove nothing"
    leave(person["phone"])
    assert places_with(*forms) == []


def test_bookings_stay_without_words_and_times_to_come_are_given_back(person: dict[str, Any]) -> None:
    live, past = person["live"], person["past"]
    sums = list(Booking.objects.order_by("pk").values_list("price_minor", "deposit_minor", "starts_at"))
    body = leave(person["phone"])
    live.refresh_from_db()
    past.refresh_from_db()
    assert (live.state, past.state) == ("cancelled", "completed")
    assert not Claim.objects.filter(booking=live, is_active=True).exists()
    assert (
        list(Booking.objects.order_by("pk").values_list("price_minor", "deposit_minor", "starts_at")) == sums
    )
    event = live.events.latest("id")
    assert (event.verb, event.actor_role, event.actor_id) == ("cancel", "customer", live.customer_id)
    assert not past.events.exclude(reason="").exists()
    assert [(row["kind"], row["reference"]) for row in body["ended"]] == [("booking", live.reference)]
    assert body["ended"][0]["fee"]["amount_minor"] == body["ended"][0]["refund"]["amount_minor"] == 0


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_answer_says_what_went_what_stays_and_why(person: dict[str, Any], language: str) -> None:
    body = leave(Api(person["review"].author, language=language))
    erased = {row["what"]: row["count"] for row in body["erased"]}
    assert erased == {
        "profile": 1,
        "devices": 2,
        "codes": 2,
        "phone_changes": 1,
        "messages": 4,
        "message_preferences": 1,
        "booking_notes": 2,
        "client_notes": 1,
        "forgivenesses": 1,
        "waitlist": 1,
        "calendars": 2,
        "favourites": 1,
        "cards": 1,
        "review_reports": 1,
    }
    kept = {row["what"]: row for row in body["kept"]}
    assert kept.keys() == {"bookings", "consents", "receipts", "reviews"}
    assert kept["bookings"]["count"] == 2
    assert kept["bookings"]["until"] > f"{timezone.now().year + 5}"
    assert kept["reviews"]["until"] is None
    for row in (*body["erased"], *body["kept"]):
        assert row["title"].isascii() is (language == "en"), row
    for row in body["kept"]:
        assert row["why"].isascii() is (language == "en"), row


def test_a_review_stays_by_nobody(person: dict[str, Any]) -> None:
    leave(person["phone"])
    review = Review.objects.get(pk=person["review"].pk)
    assert (review.author, review.rating) == (None, 5)
    assert review.comment == "لطيفات جدا. —"
    [shown] = ok(Api().get(f"salons/{person['salon'].slug}/reviews"))["items"]
    assert shown["author_name"] is None


def test_consents_end_with_the_account_and_stay_as_proof(person: dict[str, Any]) -> None:
    leave(person["phone"])
    rows = Consent.objects.order_by("id").values_list("granted", "means")
    assert list(rows) == [(True, "web"), (False, "account_deletion")]


def test_the_request_is_on_record(person: dict[str, Any]) -> None:
    user = person["review"].author
    operations.open_data_request(
        person=user, kind="correction", channel="phone", now=timezone.now(), note=f"{NAME} called"
    )
    leave(person["phone"])
    request = DataRequest.objects.get(kind="destruction")
    assert (request.person, request.channel, request.outcome) == (user, "app", "done")
    assert DataRequest.objects.get(kind="correction").note == "—"


def test_the_row_keeps_nothing_that_names_somebody(person: dict[str, Any]) -> None:
    leave(person["phone"])
    user = User.objects.get(pk=person["live"].customer_id)
    assert (user.phone, user.name, user.gender, user.language) == (None, "", "", None)
    assert user.deleted_at is not None
    for model in (Device, PushTarget, OtpChallenge, PhoneChange):
        assert not model.objects.exists(), model
    assert not IdempotencyRecord.objects.exists()


def test_the_database_itself_refuses_a_deleted_person_with_a_name(person: dict[str, Any]) -> None:
    leave(person["phone"])
    gone = User.objects.filter(deleted_at__isnull=False)
    for change in ({"name": NAME}, {"phone": "+966512345678"}, {"gender": "female"}):
        with pytest.raises(IntegrityError, match="user_deleted_is_nobody"), transaction.atomic():
            gone.update(**change)


def test_tokens_of_the_deleted_open_nothing(arabic: Phone, inbox: Inbox, clock: Any) -> None:
    notice_in_force()
    tokens = sign_in(arabic, inbox)
    client = bearer(tokens["access_token"])
    assert client.delete("/api/v1/me").status_code == 200
    for answer in (
        client.get("/api/v1/me"),
        client.delete("/api/v1/me"),
        client.get("/api/v1/bookings"),
        arabic.post(
            "/api/v1/auth/token-refreshes", {"refresh_token": tokens["refresh_token"]}, format="json"
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")
    gone = arabic.post("/api/v1/auth/logout", {"refresh_token": tokens["refresh_token"]}, format="json")
    assert gone.status_code == 204


def test_the_number_comes_back_as_somebody_new_who_sees_nothing(
    person: dict[str, Any], arabic: Phone, inbox: Inbox, clock: Any
) -> None:
    leave(person["phone"])
    again = sign_in(arabic, inbox)
    assert again["is_new_user"] is True
    assert again["user"]["id"] != str(person["live"].customer_id)
    client = bearer(again["access_token"])
    assert client.get("/api/v1/bookings").json()["items"] == []
    assert client.get(f"/api/v1/bookings/{person['live'].pk}").status_code == 404
    assert client.get("/api/v1/me").json()["name"] == ""
    sections = client.get("/api/v1/me/export").json()["sections"]
    assert [sections[name] for name in ("bookings", "reviews", "consents")] == [[], [], []]


def test_nothing_is_sent_to_a_number_that_was_let_go(person: dict[str, Any], sent: Any) -> None:
    before = sent("+966512345678")
    owner = employ(person["salon"], "owner")
    Message.objects.filter(kind="trial").update(
        state="pending", finished_at=None, next_attempt_at=timezone.now()
    )
    leave(person["phone"])
    deliver_due(now=timezone.now())
    assert sent("+966512345678") == before
    assert len(sent(owner.phone)) == 1, "the salon is told that the time is free"
    assert set(Message.objects.filter(erased_at__isnull=False).values_list("state", flat=True)) == {
        "sent",
        "failed",
    }


def test_somebody_with_nothing_may_leave_too() -> None:
    body = leave(Api(UserFactory.create()))
    assert body["ended"] == []
    assert [row["what"] for row in body["kept"]] == []


def test_a_visit_that_is_over_is_left_to_the_salon() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    user = UserFactory.create()
    booking = book(user, salon, service)
    Booking.objects.filter(pk=booking.pk).update(
        starts_at=timezone.now() - timedelta(hours=2), ends_at=timezone.now() - timedelta(hours=1)
    )
    assert leave(Api(user))["ended"] == []
    booking.refresh_from_db()
    assert booking.state == "confirmed"
    completed = ok(Api(employ(salon)).post(f"manage/bookings/{booking.pk}/complete", {"version": 1}))
    assert completed["customer"] == {"name": None, "phone_masked": None, "is_guest": False}


def test_the_last_owner_hands_a_salon_over_before_leaving() -> None:
    salon, _, _ = open_salon()
    owner = employ(salon, "owner", UserFactory.create(name=NAME))
    refused(Api(owner).send("DELETE", "me"), 422, "salon_needs_owner")
    owner.refresh_from_db()
    assert owner.phone
    employ(salon, "owner")
    assert "memberships" in {row["what"] for row in leave(Api(owner))["erased"]}
    assert Membership.objects.get().user_id != owner.pk


def test_a_crash_halfway_changes_nothing(person: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(person: Any, now: Any) -> Any:
        raise ZeroDivisionError

    first = privacy.keepers()[0]
    monkeypatch.setattr(
        privacy, "_keepers", [privacy.Keeper(export=first.export, erase=broken), *privacy.keepers()[1:]]
    )
    before = places_with(NAME)
    refused(person["phone"].send("DELETE", "me"), 500, "server_error")
    assert places_with(NAME) == before
    person["live"].refresh_from_db()
    assert person["live"].state == "confirmed"


# At the same moment ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_deletions_at_once_one_happens() -> None:
    user = UserFactory.create(name=NAME)
    run = partial(operations.delete_account, user=user, now=timezone.now())
    outcomes = race(run, run)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Erasure", "SessionRevoked"]
    assert DataRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_whoever_books_while_leaving_leaves_no_booking_behind(round_: int) -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    user = UserFactory.create(name=NAME)
    now = timezone.now()
    starts_at = (now + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)
    race(
        partial(operations.delete_account, user=user, now=now),
        partial(
            create_booking,
            customer=user,
            salon=salon,
            wishes=[Wish(service.pk)],
            starts_at=starts_at,
            now=now,
        ),
    )
    assert not Booking.objects.filter(state="confirmed").exists()
    assert not Claim.objects.filter(is_active=True).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_whoever_signs_in_while_leaving_is_somebody(round_: int) -> None:
    user = UserFactory.create(phone="+966512345678", name=NAME)
    erasure, (signed_in, _) = race(
        partial(operations.delete_account, user=user, now=timezone.now()),
        partial(User.objects.for_sign_in, "+966512345678"),
    )
    assert erasure.erased
    user.refresh_from_db()
    assert user.deleted_at is not None
    assert User.objects.filter(phone="+966512345678").count() == (0 if signed_in.pk == user.pk else 1)


@pytest.mark.django_db(transaction=True)
def test_a_profile_saved_while_leaving_names_nobody() -> None:
    user = UserFactory.create()
    operations.delete_account(user=User.objects.get(pk=user.pk), now=timezone.now())
    with pytest.raises(operations.SessionRevoked):
        operations.update_profile(user=user, changes={"name": NAME})
    with pytest.raises(operations.SessionRevoked):
        notice_in_force()
        operations.decide_consent(
            user=user, purpose="marketing", granted=True, means="app", now=timezone.now()
        )
