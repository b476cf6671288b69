from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import DataRequest, Device, SupportLook
from backend.accounts.operations.exporting import MOST_RECORDS
from backend.bookings.models import Booking
from backend.core import privacy
from backend.notifications.models import OptOut
from backend.payments.models import Payment, Refund
from tests.accounts.privacy import book, with_a_past
from tests.factories import UserFactory, employ
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

NAME, OTHER_NAME = "نورة بنت خالد العتيبي", "هيفاء بنت سعد القحطاني"


@pytest.fixture
def person() -> dict[str, Any]:
    return with_a_past(UserFactory.create(name=NAME, gender="female", language="ar"))


def export(phone: Api) -> dict[str, Any]:
    return ok(phone.get("me/export"))


def test_the_copy_is_a_file_that_no_cache_keeps(person: dict[str, Any]) -> None:
    with freeze_time("2026-11-20T22:30:00Z"):
        answer = Api(person["review"].author).get("me/export")
        assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="my-data-2026-11-21.json"'
    assert answer.headers["Content-Type"] == "application/json"


def test_everything_about_the_person_is_in_it(person: dict[str, Any]) -> None:
    user = person["review"].author
    payment = Payment.objects.create(
        booking=person["past"],
        state="captured",
        amount_minor=2300,
        captured_minor=2300,
        source_type="client",
        created_at=timezone.now(),
        expires_at=timezone.now(),
    )
    Refund.objects.create(
        payment=payment,
        amount_minor=300,
        reason="goodwill",
        next_attempt_at=timezone.now(),
        created_at=timezone.now(),
    )
    employ(person["salon"], "staff", user)
    OptOut.objects.create(phone=user.phone, channel="sms", at=timezone.now())
    helper = UserFactory.create()
    SupportLook.objects.create(
        by=helper, person=user, what="person", asked_for="•", request_id="", at=timezone.now()
    )
    body = export(person["phone"])
    assert body["complete"] is True
    sections = body["sections"]
    assert all(sections.values()) or {n for n, r in sections.items() if not r} == {
        "staff_entries",
        "invoices",
    }
    [profile] = sections["profile"]
    assert (profile["phone"], profile["name"], profile["gender"]) == (user.phone, NAME, "female")
    assert {b["reference"] for b in sections["bookings"]} == {
        person["live"].reference,
        person["past"].reference,
    }
    past = next(b for b in sections["bookings"] if b["reference"] == person["past"].reference)
    assert past["note"] == f"{NAME} {user.phone}"
    assert past["items"][0]["service_ar"] == "قص شعر"
    assert past["events"][0]["verb"] == "create"
    assert sections["devices"][0]["receives_push"] is True
    assert sections["codes"][0]["sent_to"] == user.phone
    assert sections["payments"][0]["captured_minor"] == 2300
    assert sections["refunds"][0]["amount_minor"] == 300
    assert sections["reviews"][0]["rating"] == 5
    assert sections["memberships"][0]["role"] == "staff"
    assert sections["consents"][0] | {"at": ""} == {
        "purpose": "marketing",
        "granted": True,
        "at": "",
        "means": "web",
        "client": "",
        "notice_version": 2,
    }
    assert {m["kind"] for m in sections["messages"]} >= {"trial", "booking_confirmed"}
    assert sections["looks_by_support"][0]["what"] == "person"
    assert sections["data_requests"][0]["kind"] == "copy"


def test_no_code_and_no_token_is_in_it(person: dict[str, Any]) -> None:
    text = json.dumps(export(person["phone"]))
    for word in ("hmac", "token", "password", "installation_id"):
        assert word not in text


@pytest.mark.parametrize("language", ["ar", "en"])
def test_nobody_else_is_in_it(person: dict[str, Any], language: str) -> None:
    other = UserFactory.create(name=OTHER_NAME)
    with_a_past(other)
    user, salon, [stylist] = person["review"].author, person["salon"], person["staff"]
    stylist.name_ar, stylist.name_en = "ريما", "Reema"
    stylist.save()
    book(other, salon, person["service"], days=5, note=OTHER_NAME)
    desk = employ(salon, user=UserFactory.create(name="موظفة الاستقبال"))
    person["past"].events.update(actor=desk, reason=f"please call {other.phone} or ٠٥٠ ١٢٣ ٤٥٦٧")
    person["review"].reply = f"call {desk.phone}"
    person["review"].save()
    salon.phone = "+966114567890"
    salon.save()
    user.language = language
    user.save()
    text = json.dumps(export(Api(user)), ensure_ascii=False)
    for foreign in (
        OTHER_NAME,
        other.phone,
        other.phone[4:],
        str(other.pk),
        desk.name,
        desk.phone,
        salon.phone,
    ):
        assert foreign not in text
    assert "٤٥٦٧" not in text
    assert stylist.name_ar not in text
    assert stylist.name_en not in text
    assert ("ر•••" if language == "ar" else "R•••") in text
    assert NAME in text


def test_guests_written_down_with_this_number_are_not_proven_to_be_this_person(
    person: dict[str, Any],
) -> None:
    Booking.objects.filter(pk=person["past"].pk).update(
        customer=None, guest_name="ضيفة", guest_phone=person["review"].author.phone
    )
    assert "ضيفة" not in json.dumps(export(person["phone"]), ensure_ascii=False)


def test_three_copies_a_day(person: dict[str, Any]) -> None:
    with freeze_time(timezone.now()) as clock:
        for _ in range(3):
            export(person["phone"])
        problem = refused(person["phone"].get("me/export"), 429, "rate_limited")
        assert problem["retry_after"] == 86_400
        clock.tick(timedelta(days=1))
        export(Api(person["review"].author))


def test_each_copy_is_a_request_that_was_answered(person: dict[str, Any]) -> None:
    export(person["phone"])
    request = DataRequest.objects.get()
    assert (request.kind, request.channel, request.outcome) == ("copy", "app", "done")
    assert request.closed_at is not None


def test_a_copy_that_fails_stays_in_the_queue(
    person: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(person: Any, since: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(
        privacy, "_keepers", [*privacy.keepers(), privacy.Keeper(export=broken, erase=broken)]
    )
    refused(person["phone"].get("me/export"), 500, "server_error")
    request = DataRequest.objects.get()
    assert request.closed_at is None
    assert request.due_at - request.received_at == timedelta(days=30)


def test_a_copy_too_long_for_one_answer_says_so(
    person: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.accounts.operations.exporting.MOST_RECORDS", 1)
    body = export(person["phone"])
    assert body["complete"] is False
    assert [b["reference"] for b in body["sections"]["bookings"]] == [person["past"].reference]
    assert DataRequest.objects.get().outcome == "partly"
    assert MOST_RECORDS == 10_000


def test_a_session_in_doubt_is_handed_nothing_old(person: dict[str, Any]) -> None:
    user = person["review"].author
    phone = Api(user)
    later = timezone.now() + timedelta(seconds=1)
    doubtful = Device.objects.filter(user=user).latest("created_at")
    Device.objects.filter(pk=doubtful.pk).update(history_from=later, name_asked=True)
    refused(phone.get("me/export"), 403, "identity_unconfirmed")
    Device.objects.filter(pk=doubtful.pk).update(name_asked=False)
    sections = export(phone)["sections"]
    assert not any(records for name, records in sections.items() if name not in ("profile", "staff_entries"))


def test_a_stranger_gets_nothing() -> None:
    refused(Api().get("me/export"), 401, "auth_required")


def test_the_number_of_questions_does_not_grow_with_the_past(
    person: dict[str, Any], django_assert_max_num_queries: Any
) -> None:
    book(person["review"].author, person["salon"], person["service"], days=6)
    book(person["review"].author, person["salon"], person["service"], days=7)
    with django_assert_max_num_queries(40):
        export(person["phone"])
