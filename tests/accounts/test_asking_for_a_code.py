from datetime import timedelta

import pytest

from backend.accounts.models import OtpChallenge, User
from backend.core.models import RateCount
from tests.accounts.helpers import INSTALLATION, PHONE, Phone, ask, sign_in, verify
from tests.support.carriers import Unifonic

pytestmark = pytest.mark.django_db


def test_a_code_arrives_in_arabic(arabic, inbox, clock):
    answer = ask(arabic, channel="sms")

    assert answer.status_code == 202
    body = answer.json()
    assert body.pop("otp_request_id") == str(OtpChallenge.objects.get().pk)
    assert body == {
        "expires_in_seconds": 300,
        "resend_in_seconds": 60,
        "code_length": 6,
        "sent_to": "05•••••678",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == "ar"
    assert inbox.all()[0]["to"] == PHONE
    assert inbox.last() == f"رمز التحقق: {inbox.code()}\nصالح لمدة 5 دقائق. يرجى عدم مشاركته."


def test_a_code_arrives_in_english(english, inbox, clock):
    assert ask(english).status_code == 202
    assert inbox.last() == f"Verification code: {inbox.code()}\nValid for 5 minutes. Please do not share it."


def test_the_last_line_is_the_app_hash(arabic, inbox, clock):
    assert ask(arabic, app_hash="FA+9qCX9VSu").status_code == 202
    assert inbox.last().splitlines()[-1] == "FA+9qCX9VSu"
    assert inbox.last().endswith("FA+9qCX9VSu")


def test_the_last_line_is_bound_to_the_domain(arabic, inbox, clock, settings):
    settings.OTP_DOMAIN = "mawid.example.sa"
    assert ask(arabic).status_code == 202
    assert inbox.last().endswith(f"\n@mawid.example.sa #{inbox.code()}")


@pytest.mark.parametrize("bad", ["short", "FA+9qCX9VS\n", "FA+9qCX9VSu4", "FA 9qCX9VSu", 12345678901])
def test_a_hash_that_is_none_is_refused(arabic, inbox, clock, bad):
    answer = ask(arabic, app_hash=bad)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/app_hash"
    assert inbox.all() == []


@pytest.mark.parametrize(
    "typed",
    [
        "0512345678",
        "٠٥١٢٣٤٥٦٧٨",
        "۰۵۱۲۳۴۵۶۷۸",
        "966512345678",
        "00966512345678",
        "+966 51 234 5678",
        "0512\u200e345678",
        "512345678",
    ],
)
def test_one_number_however_it_is_typed(arabic, inbox, clock, typed):
    assert ask(arabic, typed).status_code == 202
    assert OtpChallenge.objects.get().phone == PHONE


def test_a_form_is_understood_too(arabic, inbox, clock):
    form = "application/x-www-form-urlencoded"
    asked = arabic.post("/api/v1/auth/otp-requests", "phone=%2B966512345678&channel=sms", content_type=form)
    assert asked.status_code == 202
    body = (
        f"otp_request_id={asked.json()['otp_request_id']}&code={inbox.code()}"
        f"&device.installation_id={INSTALLATION}&device[platform]=ios"
    )
    signed_in = arabic.post("/api/v1/auth/otp-verifications", body, content_type=form)
    assert signed_in.status_code == 200
    body = f"refresh_token={signed_in.json()['refresh_token']}&everywhere=true"
    assert arabic.post("/api/v1/auth/logout", body, content_type=form).status_code == 204


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "رقم الجوال غير صحيح. مثال: 0512345678"),
        ("en", "The mobile number is not correct. Example: 0512345678"),
    ],
)
@pytest.mark.parametrize("phone", ["0123", "0112345678", "920001234", "0521234567", "05123ABC78", ""])
def test_what_is_no_mobile_number_is_refused(inbox, clock, phone, language, detail):
    answer = ask(Phone(HTTP_ACCEPT_LANGUAGE=language), phone)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert answer.json()["code"] == "validation_failed"
    assert error["pointer"] == "/phone"
    assert error["code"] == ("phone_invalid" if phone else "field_blank")
    if phone:
        assert error["detail"] == detail
    assert inbox.all() == []


def test_foreign_numbers_are_refused_until_their_country_is_served(english, inbox, clock, settings):
    answer = ask(english, "+971501234567")
    assert answer.json()["errors"][0]["code"] == "phone_not_supported"
    settings.PHONE_COUNTRIES = ["SA", "AE"]
    assert ask(english, "+971501234567").status_code == 202


def test_known_and_unknown_numbers_get_the_same_answer(english, inbox, clock):
    User.objects.create_user("+966512345678")
    known, unknown = ask(english, "0512345678").json(), ask(english, "0598765432").json()
    assert known.keys() == unknown.keys()
    assert {k: v for k, v in known.items() if k not in ("otp_request_id", "sent_to")} == {
        k: v for k, v in unknown.items() if k not in ("otp_request_id", "sent_to")
    }
    assert User.objects.count() == 1


# Limits


@pytest.mark.parametrize(
    ("language", "waited", "detail"),
    [
        ("ar", 18, "يمكن طلب رمز جديد بعد 42 ثانية."),
        ("ar", 55, "يمكن طلب رمز جديد بعد 5 ثوان."),
        ("ar", 58, "يمكن طلب رمز جديد بعد ثانيتين."),
        ("ar", 59, "يمكن طلب رمز جديد بعد ثانية واحدة."),
        ("en", 18, "You can ask for a new code in 42 seconds."),
        ("en", 59, "You can ask for a new code in 1 second."),
    ],
)
def test_a_second_code_has_to_wait(inbox, clock, settings, language, waited, detail):
    settings.LIMITS_SCALE = 100
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    ask(client)
    clock.tick(timedelta(seconds=waited))

    answer = ask(client)

    assert answer.status_code == 429
    body = answer.json()
    assert (body["code"], body["detail"]) == ("otp_resend_wait", detail)
    assert body["retry_after"] == body["params"]["seconds"] == 60 - waited
    assert answer.headers["Retry-After"] == str(60 - waited)
    assert len(inbox.all()) == 1
    clock.tick(timedelta(seconds=60 - waited))
    assert ask(client).status_code == 202


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "عدد الطلبات كبير. يرجى المحاولة بعد قليل."),
        ("en", "Too many requests. Please try again shortly."),
    ],
)
def test_five_codes_an_hour(inbox, clock, language, detail):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    for _ in range(5):
        assert ask(client).status_code == 202
        clock.tick(timedelta(seconds=61))

    answer = ask(client)

    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        429,
        "rate_limited",
        detail,
    )
    assert answer.headers["Retry-After"] == str(3600 - 5 * 61)
    assert ask(client, "0598765432").status_code == 202
    clock.tick(timedelta(seconds=3600 - 5 * 61))
    assert ask(client).status_code == 202


def test_ten_codes_a_day(english, inbox, clock):
    for _ in range(10):
        assert ask(english).status_code == 202
        clock.tick(timedelta(minutes=13))
    answer = ask(english)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) == 24 * 3600 - 130 * 60


def test_twenty_codes_an_hour_from_one_installation(english, inbox, clock):
    english.credentials(HTTP_X_INSTALLATION_ID=INSTALLATION)
    for number in range(20):
        assert ask(english, f"05123456{number:02d}").status_code == 202
    answer = ask(english, "0512345699")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    # The refused request took nothing from the number itself.
    english.credentials()
    assert ask(english, "0512345699").status_code == 202


def test_a_refused_request_takes_nothing(english, inbox, clock):
    for _ in range(5):
        ask(english)
        clock.tick(timedelta(seconds=61))
    before = list(RateCount.objects.order_by("key").values())
    assert ask(english).json()["code"] == "rate_limited"
    assert list(RateCount.objects.order_by("key").values()) == before
    assert RateCount.objects.get(key=f"otp-day:{PHONE}").taken == 5


# Providers


@pytest.fixture
def unifonic(settings):
    with Unifonic() as stand_in:
        settings.UNIFONIC_APP_SID, settings.UNIFONIC_SENDER_ID = "sid-1", "Mawid"
        settings.UNIFONIC_BASE_URL = stand_in.base_url
        settings.OTP_PROVIDER = ["unifonic"]
        yield stand_in


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "تعذر إرسال الرمز. يرجى المحاولة بعد قليل."),
        ("en", "The code could not be sent. Please try again shortly."),
    ],
)
def test_when_every_provider_refuses_nothing_is_counted(unifonic, language, detail):
    unifonic.answers(480)
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)

    answer = ask(client)

    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        503,
        "otp_not_sent",
        detail,
    )
    assert OtpChallenge.objects.get().send_outcome == "refused"
    unifonic.answers("accept")
    assert ask(client).status_code == 202


def test_a_number_the_carrier_does_not_know_is_a_wrong_number(unifonic, english):
    unifonic.answers(482)
    answer = ask(english)
    assert answer.status_code == 400
    assert answer.json()["errors"][0] | {"detail": ""} == {
        "pointer": "/phone",
        "parameter": None,
        "code": "phone_invalid",
        "detail": "",
        "params": {},
    }


def test_the_next_provider_is_asked_after_a_clear_refusal(unifonic, english, inbox, settings):
    settings.OTP_PROVIDER = ["unifonic", "console"]
    unifonic.answers(599, envelope=True)
    answer = ask(english)
    assert answer.status_code == 202
    assert verify(english, answer.json()["otp_request_id"], inbox.code()).status_code == 200
    assert OtpChallenge.objects.get().provider == "console"


def test_the_next_provider_is_asked_when_the_first_cannot_be_reached(unifonic, english, inbox, settings):
    settings.OTP_PROVIDER = ["unifonic", "console"]
    settings.UNIFONIC_BASE_URL = "http://127.0.0.1:9"
    assert ask(english).status_code == 202
    assert len(inbox.all()) == 1


@pytest.mark.parametrize("fault", ["drop", "html", "empty", 502])
def test_a_code_that_may_have_arrived_stays_good_and_is_not_sent_again(
    unifonic, english, inbox, settings, fault
):
    settings.OTP_PROVIDER = ["unifonic", "console"]
    unifonic.answers(fault)

    asked = ask(english)

    assert asked.status_code == 202
    assert OtpChallenge.objects.get().send_outcome == "unknown"
    assert inbox.all() == []
    code = unifonic.sent[0]["Body"].split()[2]
    assert verify(english, asked.json()["otp_request_id"], code).status_code == 200
    assert ask(english).json()["code"] == "otp_resend_wait"


def test_the_code_is_nowhere_in_the_database(english, inbox, clock):
    asked = ask(english).json()
    code = inbox.code()
    row = OtpChallenge.objects.filter(pk=asked["otp_request_id"]).values().get()
    assert code not in str(row)
    assert len(bytes(row["code_hmac"])) == 32


def test_other_fields_and_channels_are_refused(english, inbox, clock):
    assert ask(english, colour="red").json()["errors"][0]["code"] == "unknown_field"
    assert ask(english, channel="pigeon").json()["errors"][0]["code"] == "invalid_choice"
    assert ask(english, 512345678).json()["errors"][0]["code"] == "wrong_type"
    assert sign_in(english, inbox)["is_new_user"] is True


def test_a_minute_given_back_does_not_shorten_the_next(unifonic, english, clock):
    unifonic.answers(480, "accept")
    assert ask(english).status_code == 503
    clock.tick(timedelta(seconds=50))
    assert ask(english).status_code == 202
    clock.tick(timedelta(seconds=15))
    assert ask(english).json()["retry_after"] == 45
