"""An e-mail address beside the number: proven before anything else goes there, and let go of with the account."""

from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts import operations
from backend.accounts.models import Device, EmailChallenge, User
from backend.core.models import RateCount
from backend.notifications.addressbook import addressbook
from tests.accounts.helpers import wrong
from tests.factories import UserFactory
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db

ADDRESS = "noura@example.com"


@pytest.fixture(autouse=True)
def mail(settings: Any) -> None:
    settings.EMAIL_PROVIDER = ["console"]


@pytest.fixture
def clock() -> Any:
    with freeze_time("2026-11-20T18:30:00Z") as frozen:
        yield frozen


@pytest.fixture
def user() -> User:
    return UserFactory.create(language="en")


@pytest.fixture
def phone(user: User, clock: Any) -> Api:
    return Api(user)


@pytest.fixture
def mails(settings: Any) -> Any:
    """What went by e-mail, oldest first."""

    def read() -> list[dict[str, str]]:
        path = settings.CONSOLE_MESSAGES_FILE
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [m for m in map(json.loads, lines) if m["channel"] == "email"]

    return read


def put(phone: Api, email: Any = ADDRESS) -> Any:
    return phone.send("PUT", "me/email", body={"email": email})


def confirm(phone: Api, code: str) -> Any:
    return phone.post("me/email/confirm", {"code": code})


def code_in(mail: dict[str, str]) -> str:
    found = re.search(r"^[0-9]{6}$", mail["body"], re.MULTILINE)
    assert found, mail["body"]
    return found.group()


def test_an_address_counts_once_its_code_came_back(phone: Api, user: User, mails: Any) -> None:
    asked = ok(put(phone), 202)
    assert asked == {
        "email": ADDRESS,
        "expires_in_seconds": 600,
        "resend_in_seconds": 60,
        "code_length": 6,
    }
    [sent] = mails()
    assert (sent["to"], sent["title"]) == (ADDRESS, "Confirming your e-mail address")
    assert ok(phone.get("me"))["email"] is None
    assert addressbook().email(user.pk) == ""
    me = ok(confirm(phone, code_in(sent)))
    assert me["email"] == ok(phone.get("me"))["email"] == ADDRESS
    assert addressbook().email(user.pk) == ADDRESS
    user.refresh_from_db()
    assert user.email_verified_at == timezone.now()


def test_the_code_speaks_the_language_of_the_screen(clock: Any, mails: Any) -> None:
    ok(put(Api(UserFactory.create())), 202)
    assert re.search("[\u0600-\u06ff]", mails()[0]["title"])
    assert re.search("[\u0600-\u06ff]", mails()[0]["body"])


def test_arabic_digits_and_spaces_are_understood(phone: Api, mails: Any) -> None:
    ok(put(phone), 202)
    code = code_in(mails()[0]).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert ok(confirm(phone, f" {code[:3]} {code[3:]} "))["email"] == ADDRESS


def test_a_lost_answer_is_given_again_and_changes_nothing(
    phone: Api, user: User, mails: Any, clock: Any
) -> None:
    ok(put(phone), 202)
    code = code_in(mails()[0])
    ok(confirm(phone, code))
    user.refresh_from_db()
    at = user.email_verified_at
    clock.tick(30)
    assert ok(confirm(phone, code))["email"] == ADDRESS
    user.refresh_from_db()
    assert user.email_verified_at == at
    ok(phone.send("DELETE", "me/email"), 204)
    refused(confirm(phone, code), 400, "otp_expired")


def test_five_tries_are_all(phone: Api, mails: Any) -> None:
    ok(put(phone), 202)
    code = code_in(mails()[0])
    for left in (4, 3, 2, 1, 0):
        problem = refused(confirm(phone, wrong(code)), 400, "otp_invalid")
        assert problem["params"]["attempts_left"] == left
    refused(confirm(phone, code), 429, "otp_too_many_attempts")
    assert ok(phone.get("me"))["email"] is None


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_share_no_try(user: User, settings: Any, mails: Any) -> None:
    phone = Api(user)
    ok(put(phone), 202)
    code = code_in(mails()[0])
    guess = partial(operations.confirm_email, user=user, code=wrong(code), now=timezone.now())
    outcomes = race(*[guess] * 8)
    assert (
        sorted(type(outcome).__name__ for outcome in outcomes)
        == ["OtpInvalid"] * 5 + ["OtpTooManyAttempts"] * 3
    )


def test_a_code_dies_after_ten_minutes_and_with_the_next_one(phone: Api, mails: Any, clock: Any) -> None:
    ok(put(phone), 202)
    first = code_in(mails()[0])
    clock.tick(61)
    ok(put(phone, "other@example.com"), 202)
    second = code_in(mails()[1])
    if first != second:
        refused(confirm(phone, first), 400, "otp_invalid")
    clock.tick(601)
    refused(confirm(phone, second), 400, "otp_expired")


def test_without_a_code_under_way_there_is_nothing_to_confirm(phone: Api) -> None:
    refused(confirm(phone, "123456"), 400, "otp_expired")


def test_somebody_elses_code_is_worth_nothing(phone: Api, mails: Any) -> None:
    other = Api(UserFactory.create())
    ok(put(phone), 202)
    ok(put(other, "other@example.com"), 202)
    mine, theirs = map(code_in, mails())
    if mine != theirs:
        refused(confirm(phone, theirs), 400, "otp_invalid")


def test_the_confirmed_address_stays_until_the_new_one_is(phone: Api, mails: Any, clock: Any) -> None:
    ok(put(phone), 202)
    ok(confirm(phone, code_in(mails()[0])))
    clock.tick(61)
    ok(put(phone, "other@example.com"), 202)
    assert ok(phone.get("me"))["email"] == ADDRESS
    assert ok(confirm(phone, code_in(mails()[1])))["email"] == "other@example.com"


def test_two_people_may_share_a_mailbox(phone: Api, mails: Any) -> None:
    other = Api(UserFactory.create())
    for someone in (phone, other):
        ok(put(someone), 202)
        assert ok(confirm(someone, code_in(mails()[-1])))["email"] == ADDRESS


def test_taking_the_address_off_is_one_call_and_again_is_fine(phone: Api, user: User, mails: Any) -> None:
    ok(put(phone), 202)
    ok(confirm(phone, code_in(mails()[0])))
    for _ in range(2):
        ok(phone.send("DELETE", "me/email"), 204)
    assert ok(phone.get("me"))["email"] is None
    assert not EmailChallenge.objects.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Noura@EXAMPLE.com ", "Noura@example.com"),
        ("noura٢@example.com", "noura2@example.com"),
        ("noura@مثال.السعودية", "noura@xn--mgbh0fb.xn--mgberp4a5d4ar"),
    ],
)
def test_an_address_is_kept_as_mail_servers_take_it(phone: Api, mails: Any, given: str, kept: str) -> None:
    assert ok(put(phone, given), 202)["email"] == kept
    assert mails()[0]["to"] == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "field_blank"),
        (None, "field_null"),
        (17, "wrong_type"),
        (["a@b.sa"], "wrong_type"),
        ("noura", "email_invalid"),
        ("noura@", "email_invalid"),
        ("@example.com", "email_invalid"),
        ("a@b@example.com", "email_invalid"),
        ("noura@example", "email_invalid"),
        ("نورة@example.com", "email_invalid"),
        ("noura@example.com\nBcc: all@example.com", "email_invalid"),
        ("noura@" + "x" * 64 + ".com", "email_invalid"),
        ("n" * 250 + "@example.com", "too_long"),
    ],
)
def test_what_is_no_address_is_refused_in_words(phone: Api, mails: Any, given: Any, code: str) -> None:
    problem = refused(put(phone, given), 400, "validation_failed")
    assert (problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == ("/email", code)
    assert mails() == []


def test_codes_are_sent_at_a_bounded_pace(phone: Api, clock: Any, mails: Any) -> None:
    ok(put(phone), 202)
    assert refused(put(phone), 429, "otp_resend_wait")["retry_after"] == 60
    for _ in range(4):
        clock.tick(61)
        ok(put(phone), 202)
    clock.tick(61)
    refused(put(phone), 429, "rate_limited")
    assert len(mails()) == 5


def test_one_mailbox_is_not_filled_by_many_accounts(clock: Any, mails: Any) -> None:
    for _ in range(10):
        ok(put(Api(UserFactory.create())), 202)
    refused(put(Api(UserFactory.create()), ADDRESS.upper()), 429, "rate_limited")
    assert len(mails()) == 10
    assert not RateCount.objects.filter(key__icontains="example").exists()
    plain = hashlib.sha256(ADDRESS.encode()).hexdigest()[:32]
    assert not RateCount.objects.filter(key__contains=plain).exists(), (
        "anybody could try addresses against it"
    )


def test_a_provider_that_refused_costs_nothing(phone: Api, settings: Any, tmp_path: Any, mails: Any) -> None:
    where = settings.CONSOLE_MESSAGES_FILE
    settings.CONSOLE_MESSAGES_FILE = tmp_path  # a folder cannot be written to
    assert refused(put(phone), 503, "otp_not_sent")["retry_after"] == 60
    settings.CONSOLE_MESSAGES_FILE = where
    ok(put(phone), 202)


def test_where_no_mail_is_set_up_it_is_not_offered(phone: Api, settings: Any) -> None:
    settings.EMAIL_PROVIDER = []
    refused(put(phone), 422, "email_not_offered")


def test_a_session_in_doubt_neither_sees_nor_changes_the_address(user: User, clock: Any) -> None:
    now = timezone.now()
    User.objects.filter(pk=user.pk).update(email=ADDRESS, email_verified_at=now)
    phone = Api(user)
    clock.tick(60)
    Device.objects.filter(user=user).update(history_from=timezone.now(), name_asked=True)
    assert ok(phone.get("me"))["email"] is None
    refused(put(phone), 403, "identity_unconfirmed")
    refused(phone.send("DELETE", "me/email"), 403, "identity_unconfirmed")
    refused(confirm(phone, "123456"), 403, "identity_unconfirmed")
    user.refresh_from_db()
    assert user.email == ADDRESS


def test_the_database_holds_neither_code_nor_an_address_nobody_confirmed(
    phone: Api, user: User, mails: Any
) -> None:
    ok(put(phone), 202)
    challenge = EmailChallenge.objects.get()
    assert code_in(mails()[0]).encode() not in bytes(challenge.code_hmac)
    user.refresh_from_db()
    assert user.email == ""


def test_the_address_goes_with_the_account(phone: Api, user: User, mails: Any, clock: Any) -> None:
    ok(put(phone), 202)
    ok(confirm(phone, code_in(mails()[0])))
    document = ok(phone.get("me/export"))["sections"]
    assert document["profile"][0]["email"] == document["email_codes"][0]["sent_to"] == ADDRESS
    ok(phone.send("DELETE", "me"))
    user.refresh_from_db()
    assert (user.email, user.email_verified_at) == ("", None)
    assert not EmailChallenge.objects.exists()
