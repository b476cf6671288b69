import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from backend.accounts import operations
from backend.accounts.models import Device, OtpChallenge, User
from backend.accounts.operations import codes
from tests.accounts.helpers import INSTALLATION, PHONE, Phone, ask, bearer, sign_in, verify, wrong

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("language", ["ar", "en"])
def test_signing_in(inbox, clock, language):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)

    body = sign_in(client, inbox)

    user, device = User.objects.get(), Device.objects.get()
    assert user.phone == PHONE
    assert (user.language, user.device_language) == (None, language)
    assert body["is_new_user"] is True
    assert body["user"] == {"id": str(user.pk), "language": language}
    assert (body["access_expires_in_seconds"], body["refresh_expires_in_seconds"]) == (900, 5_184_000)
    assert (device.user, str(device.installation_id), device.platform, device.name) == (
        user,
        INSTALLATION,
        "android",
        "Pixel 9",
    )
    assert bearer(body["access_token"]).get("/api/v1/me").json()["id"] == str(user.pk)


def test_the_account_comes_into_being_with_the_proof_only(english, inbox, clock):
    ask(english)
    assert not User.objects.exists()


def test_coming_back_is_the_same_person(english, inbox, clock):
    first = sign_in(english, inbox)
    clock.tick(timedelta(minutes=2))
    again = sign_in(english, inbox, phone="٠٥١٢٣٤٥٦٧٨")
    assert again["is_new_user"] is False
    assert again["user"]["id"] == first["user"]["id"]


def test_the_same_installation_has_one_session(english, inbox, clock):
    first = sign_in(english, inbox)
    clock.tick(timedelta(minutes=2))
    again = sign_in(english, inbox)
    assert bearer(first["access_token"]).get("/api/v1/me").json()["code"] == "session_revoked"
    assert len(bearer(again["access_token"]).get("/api/v1/devices").json()["items"]) == 1


@pytest.mark.parametrize(
    "written", ["{}", "{0} {1}", "{0}-{1}", "\u200e{}\u200f", "arabic", "persian", "wide"]
)
def test_a_code_however_it_is_typed(english, inbox, clock, written):
    asked = ask(english).json()
    code = inbox.code()
    scripts = {"arabic": 0x660, "persian": 0x6F0, "wide": 0xFF10}
    if written in scripts:
        typed = "".join(chr(scripts[written] + int(digit)) for digit in code)
    elif "{0}" in written:
        typed = written.format(code[:3], code[3:])
    else:
        typed = written.format(code)
    assert verify(english, asked["otp_request_id"], typed).status_code == 200


@pytest.mark.parametrize(
    ("language", "detail"), [("ar", "رمز التحقق غير صحيح."), ("en", "The verification code is not correct.")]
)
def test_a_wrong_code_says_how_many_tries_are_left(inbox, clock, language, detail):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    asked = ask(client).json()
    arabic_digits = "".join(chr(0x660 + int(digit)) for digit in wrong(inbox.code()))

    answer = verify(client, asked["otp_request_id"], arabic_digits)

    assert answer.status_code == 400
    body = answer.json()
    assert (body["code"], body["detail"], body["params"]) == ("otp_invalid", detail, {"attempts_left": 4})
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "تم تجاوز عدد المحاولات المسموح. يرجى طلب رمز جديد."),
        ("en", "Too many wrong attempts. Please ask for a new code."),
    ],
)
def test_after_five_wrong_tries_the_right_code_is_worth_nothing(inbox, clock, language, detail):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    asked = ask(client).json()
    code = inbox.code()
    left = [verify(client, asked["otp_request_id"], wrong(code)).json()["params"] for _ in range(5)]
    assert [params["attempts_left"] for params in left] == [4, 3, 2, 1, 0]

    clock.tick(timedelta(seconds=20))
    answer = verify(client, asked["otp_request_id"], code)

    assert answer.status_code == 429
    assert (answer.json()["code"], answer.json()["detail"]) == ("otp_too_many_attempts", detail)
    assert answer.headers["Retry-After"] == "40"
    clock.tick(timedelta(seconds=40))
    assert sign_in(client, inbox)["is_new_user"] is True


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "انتهت صلاحية الرمز. يرجى طلب رمز جديد."),
        ("en", "This code is no longer valid. Please ask for a new one."),
    ],
)
def test_a_code_lives_five_minutes(inbox, clock, language, detail):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    asked = ask(client).json()
    clock.tick(timedelta(minutes=5))
    answer = verify(client, asked["otp_request_id"], inbox.code())
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        400,
        "otp_expired",
        detail,
    )


def test_a_new_code_replaces_the_old_one(english, inbox, clock):
    first = ask(english).json()
    old = inbox.code()
    clock.tick(timedelta(seconds=61))
    second = ask(english).json()
    assert verify(english, first["otp_request_id"], old).json()["code"] == "otp_expired"
    assert verify(english, second["otp_request_id"], inbox.code()).status_code == 200


def test_an_unknown_request_is_an_expired_code(english, inbox, clock):
    assert verify(english, str(uuid.uuid4()), "123456").json()["code"] == "otp_expired"


def test_a_code_is_bound_to_its_request(english, inbox, clock):
    ask(english)
    code = inbox.code()
    other = ask(english, "0598765432").json()
    if inbox.code() != code:
        assert verify(english, other["otp_request_id"], code).json()["code"] == "otp_invalid"


def test_a_lost_answer_costs_no_second_text(english, inbox, clock):
    asked = ask(english).json()
    code = inbox.code()
    for _ in range(4):
        verify(english, asked["otp_request_id"], wrong(code))
    first = verify(english, asked["otp_request_id"], code).json()
    clock.tick(timedelta(seconds=60))

    again = verify(english, asked["otp_request_id"], code)

    assert again.status_code == 200
    assert again.json()["refresh_token"] == first["refresh_token"]
    assert again.json()["access_token"] == first["access_token"]
    assert again.json()["access_expires_in_seconds"] == 840
    assert again.json()["is_new_user"] is True
    assert Device.objects.count() == 1


def test_the_repeat_is_for_the_same_installation_and_for_a_minute(english, inbox, clock):
    asked = ask(english).json()
    code = inbox.code()
    verify(english, asked["otp_request_id"], code)
    stranger = verify(english, asked["otp_request_id"], code, installation=str(uuid.uuid4()))
    assert stranger.json()["code"] == "otp_expired"
    assert verify(english, asked["otp_request_id"], wrong(code)).json()["code"] == "otp_invalid"
    clock.tick(timedelta(seconds=61))
    assert verify(english, asked["otp_request_id"], code).json()["code"] == "otp_expired"


def test_guessing_at_a_used_code_ends_too(english, inbox, clock):
    asked = ask(english).json()
    code = inbox.code()
    verify(english, asked["otp_request_id"], code)
    answers = [verify(english, asked["otp_request_id"], wrong(code)).json()["code"] for _ in range(12)]
    assert answers == ["otp_invalid"] * 9 + ["otp_too_many_attempts"] * 3


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "تم إيقاف هذا الحساب. يرجى التواصل مع الدعم."),
        ("en", "This account has been suspended. Please contact support."),
    ],
)
def test_a_suspended_account_stays_outside(inbox, clock, language, detail):
    User.objects.create_user(PHONE, is_active=False)
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    asked = ask(client).json()
    answer = verify(client, asked["otp_request_id"], inbox.code())
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        403,
        "account_suspended",
        detail,
    )
    assert not Device.objects.exists()


def test_the_device_may_stay_nameless(english, inbox, clock):
    asked = ask(english).json()
    body = {"otp_request_id": asked["otp_request_id"], "code": inbox.code()}
    assert english.post("/api/v1/auth/otp-verifications", body, format="json").status_code == 200
    assert Device.objects.get().platform == "web"


@pytest.mark.parametrize("when", ["guess_budget", "give_back"])
def test_a_code_that_goes_with_its_account_meanwhile_is_an_expired_one(
    english, inbox, clock, monkeypatch, when
):
    """Before its try is counted, or between the try and its use: an answer, never a crash."""
    User.objects.create_user(PHONE)
    asked = ask(english).json()
    act = getattr(codes.limits, when)

    def and_the_account_goes(*args, **kwargs):
        operations.delete_account(user=User.objects.get(), now=timezone.now())
        return act(*args, **kwargs)

    monkeypatch.setattr(codes.limits, when, and_the_account_goes)
    answer = verify(english, asked["otp_request_id"], inbox.code())
    assert (answer.status_code, answer.json()["code"]) == (400, "otp_expired")


def test_wrong_shapes_are_field_errors(english, inbox, clock):
    def codes(**body):
        answer = english.post("/api/v1/auth/otp-verifications", body, format="json")
        assert answer.status_code == 400
        return {(e["pointer"], e["code"]) for e in answer.json()["errors"]}

    assert codes() == {("/otp_request_id", "field_required"), ("/code", "field_required")}
    assert codes(otp_request_id="x", code="12a456", device={"platform": "fax", "colour": "red"}) == {
        ("/otp_request_id", "uuid_invalid"),
        ("/code", "invalid_format"),
        ("/device/platform", "invalid_choice"),
        ("/device/colour", "unknown_field"),
    }
    assert OtpChallenge.objects.count() == 0
