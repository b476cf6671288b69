"""Limits on codes beyond one number: crowds, ceilings, and who keeps getting in while others attack."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import transaction

from backend.accounts.models import Device, OtpChallenge, User
from backend.accounts.operations import codes
from backend.core.models import Alarm, RateCount
from tests.accounts.helpers import INSTALLATION, PHONE, Phone, ask, sign_in, verify, wrong
from tests.support.carriers import Unifonic

pytestmark = pytest.mark.django_db
STRANGE = "00000000-0000-4000-8000-000000000009"


def caller(address, *, installation=None, language="en", **headers):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language, REMOTE_ADDR=address, **headers)
    if installation:
        client.credentials(HTTP_X_INSTALLATION_ID=installation)
    return client


def number(n):
    """Each in a prefix of its own."""
    return f"+9665{5000 + n}5678"


def settle():
    """Wait for what is sent beside the request."""
    for thread in threading.enumerate():
        if thread.name == codes.BESIDE_THE_REQUEST:
            thread.join(10)


# Crowds


@pytest.mark.django_db(transaction=True)  # what was proven is taken off after the commit
def test_codes_nobody_gives_back_use_up_a_network_and_proven_ones_do_not(inbox, clock, settings):
    settings.LIMITS_SCALE = 0.02  # 10 unproven codes a network
    for n in range(15):
        sign_in(caller(f"188.48.7.{n}"), inbox, phone=number(n), installation=None)
    for n in range(20, 30):
        assert ask(caller(f"188.48.7.{n}"), number(n)).status_code == 202
    answer = ask(caller("188.48.7.99"), number(40))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["RateLimit-Policy"] == '"otp-network";q=10;w=3600'
    assert answer.headers["RateLimit"] == f'"otp-network";r=0;t={answer.headers["Retry-After"]}'
    assert ask(caller("188.48.8.99"), number(40)).status_code == 202
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject, alarm.count) == ("otp_network_velocity", "188.48.7.0/24", 1)


def test_a_range_of_numbers_is_braked_and_the_alarm_names_no_number(inbox, clock, settings):
    settings.LIMITS_SCALE = 0.1  # 10 unproven codes a prefix
    for n in range(10):
        assert ask(caller(f"10.0.{n}.1"), f"051234{n:04d}").status_code == 202
    answer = ask(caller("10.0.99.1"), "0512349999")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert ask(caller("10.0.99.1"), "0512359999").status_code == 202
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.subject) == ("otp_prefix_velocity", "96651234")
    assert "12349999" not in str(alarm.details)


def test_a_braked_range_does_not_keep_out_a_device_that_signed_in_before(inbox, clock, settings):
    phone = caller("10.1.1.1", installation=INSTALLATION)
    sign_in(phone, inbox)
    settings.LIMITS_SCALE = 0.02
    clock.tick(timedelta(days=1))
    for n in range(2):
        assert ask(caller("10.0.0.1"), f"051234{n:04d}").status_code == 202
    assert ask(caller("10.0.0.1")).json()["code"] == "rate_limited"
    assert sign_in(phone, inbox)["is_new_user"] is False


def test_another_country_cannot_use_up_the_hour(inbox, clock, settings):
    settings.PHONE_COUNTRIES = ["SA", "AE"]
    settings.LIMITS_SCALE = 0.015  # 3 unproven codes a country
    for n in range(3):
        assert ask(caller(f"10.0.{n}.1"), f"+97150{n}234567").status_code == 202
    answer = ask(caller("10.0.9.1"), "+971509234567")
    assert answer.headers["RateLimit-Policy"] == '"otp-country";q=3;w=3600'
    for n in range(4):
        assert ask(caller(f"10.0.{n}.1"), number(n)).status_code == 202
    assert Alarm.objects.get().subject == "AE"


def test_a_forged_forwarding_header_gains_nothing(inbox, clock, settings):
    settings.LIMITS_SCALE, settings.TRUSTED_PROXIES = 0.004, 0  # 2 unproven codes a network
    answers = [
        ask(caller("188.48.7.1", HTTP_X_FORWARDED_FOR=f"10.{n}.0.1"), number(n)).status_code for n in range(4)
    ]
    assert answers == [202, 202, 429, 429]
    settings.TRUSTED_PROXIES = 1
    behind = [f"10.{n}.0.1, 188.48.9.1" for n in range(4)]
    answers = [
        ask(caller("172.16.0.1", HTTP_X_FORWARDED_FOR=chain), number(10 + n)).status_code
        for n, chain in enumerate(behind)
    ]
    assert answers == [202, 202, 429, 429]
    assert ask(caller("172.16.0.1", HTTP_X_FORWARDED_FOR="188.48.10.1"), number(30)).status_code == 202


# The owner of a number


def test_strangers_who_use_up_a_number_do_not_lock_out_its_own_device(inbox, clock):
    owner = caller("10.1.1.1", installation=INSTALLATION)
    sign_in(owner, inbox)
    clock.tick(timedelta(days=1))
    for n in range(30):
        ask(caller(f"10.9.{n}.1"))
        clock.tick(timedelta(minutes=5))
    assert ask(caller("10.9.9.1")).json()["code"] == "rate_limited"
    assert sign_in(owner, inbox)["is_new_user"] is False
    # An installation that knows itself known elsewhere is a stranger here.
    other = caller("10.1.1.2", installation=STRANGE)
    sign_in(other, inbox, phone="0598765432", installation=STRANGE)
    clock.tick(timedelta(seconds=61))
    assert ask(other).json()["code"] == "rate_limited"


def test_a_storm_of_refused_requests_does_not_hold_the_minute(inbox, clock):
    owner = caller("10.1.1.1", installation=INSTALLATION)
    sign_in(owner, inbox)
    clock.tick(timedelta(days=1))
    for _ in range(5):
        ask(caller("10.9.9.1"))
        clock.tick(timedelta(seconds=60))
    for n in range(20):
        assert ask(caller(f"10.9.{n}.1")).json()["code"] == "rate_limited"
    assert ask(owner).status_code == 202


def test_its_own_device_has_limits_too(inbox, clock):
    owner = caller("10.1.1.1", installation=INSTALLATION)
    sign_in(owner, inbox)
    clock.tick(timedelta(days=1))
    for left in (4, 3, 2, 1, 0):
        answer = ask(owner)
        assert answer.headers["RateLimit"].startswith(f'"otp-phone";r={left};t=')
        clock.tick(timedelta(seconds=60))
    assert ask(owner).json()["code"] == "rate_limited"


# Wrong codes over all phones


def use_up_wrong_codes(inbox, how_many, *, address="10.{n}.0.1"):
    for n in range(how_many):
        client = caller(address.format(n=n))
        asked = ask(client, number(n)).json()
        answer = verify(client, asked["otp_request_id"], wrong(inbox.code()), None)
        assert answer.json()["code"] == "otp_invalid"


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "عدد الطلبات كبير. يرجى المحاولة بعد قليل."),
        ("en", "Too many requests. Please try again shortly."),
    ],
)
def test_past_the_ceiling_known_devices_sign_in_and_others_wait_minutes(
    inbox, clock, settings, language, detail
):
    owner = caller("10.200.1.1", installation=INSTALLATION)
    sign_in(owner, inbox)
    clock.tick(timedelta(minutes=2))
    settings.LIMITS_SCALE = 0.1  # 10 wrong codes
    settings.OTP_SPEND_PER_HOUR = 20_000
    newcomer = caller("10.200.2.1", language=language)
    asked = ask(newcomer, "0598765432").json()
    code = inbox.code()
    use_up_wrong_codes(inbox, 10)

    answer = verify(newcomer, asked["otp_request_id"], code, STRANGE)

    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (
        429,
        "rate_limited",
        detail,
    )
    assert 0 < answer.json()["retry_after"] <= 600
    assert OtpChallenge.objects.get(pk=asked["otp_request_id"]).tries == 0, "nothing compared, no try lost"
    assert Alarm.objects.get(kind="otp_wrong_codes").subject == "all"
    assert sign_in(owner, inbox)["is_new_user"] is False
    clock.tick(timedelta(minutes=10))
    answer = verify(newcomer, asked["otp_request_id"], code, STRANGE)
    assert answer.json()["code"] == "otp_expired", "the code's own time is over; the ceiling's is too"


def test_a_right_code_takes_nothing_from_the_budget(inbox, clock):
    for n in range(3):
        sign_in(caller(f"10.{n}.0.1"), inbox, phone=number(n), installation=None)
    assert set(RateCount.objects.filter(key__startswith="otp-wrong").values_list("taken", flat=True)) == {0}


def test_one_network_cannot_use_up_the_budget_of_all(inbox, clock, settings):
    settings.LIMITS_SCALE, settings.OTP_SPEND_PER_HOUR = 0.1, 20_000  # 3 wrong codes a network
    use_up_wrong_codes(inbox, 3, address="188.48.7.1")
    client = caller("188.48.7.2")
    asked = ask(client, "0598765432").json()
    assert verify(client, asked["otp_request_id"], wrong(inbox.code()), None).json()["code"] == "rate_limited"
    client = caller("188.48.8.2")
    assert verify(client, asked["otp_request_id"], wrong(inbox.code()), None).json()["code"] == "otp_invalid"
    assert Alarm.objects.get().kind == "otp_wrong_codes_of_network"


# The spend ceiling


@pytest.fixture
def slow_provider(settings):
    with Unifonic() as stand_in:
        for name, value in stand_in.settings().items():
            setattr(settings, name, value)
        yield stand_in


@pytest.fixture
def ceiling(settings, inbox):
    """Three quarters of the hour's spend are gone."""
    settings.OTP_SPEND_PER_HOUR = 8
    for n in range(6):
        assert ask(caller(f"10.{n}.0.1"), number(n)).status_code == 202


@pytest.mark.django_db(transaction=True)
def test_past_the_ceiling_known_numbers_get_codes_and_unknown_ones_the_same_answer(inbox, ceiling):
    User.objects.create_user(PHONE)
    known, unknown = ask(caller("10.9.1.1")), ask(caller("10.9.2.1"), "0598765432")
    settle()
    assert (known.status_code, unknown.status_code) == (202, 202)
    assert [m["to"] for m in inbox.all()[6:]] == [PHONE]
    outcomes = dict(OtpChallenge.objects.values_list("phone", "send_outcome"))
    assert (outcomes[PHONE], outcomes["+966598765432"]) == ("accepted", "withheld")
    assert known.json().keys() == unknown.json().keys()
    differing = ("otp_request_id", "sent_to")
    assert [v for k, v in known.json().items() if k not in differing] == [
        v for k, v in unknown.json().items() if k not in differing
    ]
    names = {"RateLimit", "RateLimit-Policy", "Cache-Control", "Content-Language"}
    assert names <= set(known.headers)
    assert set(known.headers) == set(unknown.headers)
    assert known.headers["RateLimit-Policy"] == unknown.headers["RateLimit-Policy"]
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.details["parts_an_hour"]) == ("otp_spend", 8)
    assert verify(caller("10.9.1.1"), known.json()["otp_request_id"], inbox.code()).status_code == 200
    # Who was sent nothing and guesses is told what anybody is told.
    for request in (unknown, ask(caller("10.9.3.1"), "0598765433")):
        answer = verify(caller("10.9.2.1"), request.json()["otp_request_id"], "123456")
        assert answer.json()["code"] == "otp_invalid"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["slow", 480, 482, "drop"])
def test_past_the_ceiling_a_providers_slowness_or_refusal_tells_nothing(
    inbox, ceiling, slow_provider, settings, how
):
    User.objects.create_user(PHONE)
    settings.OTP_PROVIDER = ["unifonic"]
    slow_provider.answers(how)

    began = time.monotonic()
    known = ask(caller("10.9.1.1"))
    took = time.monotonic() - began
    unknown = ask(caller("10.9.2.1"), "0598765432")

    settle()
    assert (known.status_code, unknown.status_code) == (202, 202)
    if how == "slow":
        assert took < 0.7, "the provider took a second, the answer did not wait for it"
    assert len(slow_provider.sent) == 1
    # A second request waits for both, whether or not the first came to nothing.
    assert {ask(caller("10.9.1.1"), p).json()["code"] for p in (PHONE, "0598765432")} == {"otp_resend_wait"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("ar", "تعذر إرسال الرمز. يرجى المحاولة بعد قليل."),
        ("en", "The code could not be sent. Please try again shortly."),
    ],
)
def test_the_ceiling_is_a_ceiling(inbox, ceiling, language, detail):
    for n in range(4):
        User.objects.create_user(number(100 + n))
    answers = [ask(caller(f"10.9.{n}.1", language=language), number(100 + n)) for n in range(4)]
    settle()
    assert [answer.status_code for answer in answers] == [202, 202, 503, 503]
    unknown = ask(caller("10.9.9.1", language=language), "0598765432")
    for answer in (answers[-1], unknown):
        assert (answer.json()["code"], answer.json()["detail"]) == ("otp_not_sent", detail)
        assert 0 < answer.json()["retry_after"] <= 3600
    assert len(inbox.all()) == 8
    assert RateCount.objects.get(key=f"otp-day:{number(103)}").taken == 0, "refused, so given back"


def test_the_hour_over_everybody_gets_codes_again(inbox, clock, settings):
    settings.OTP_SPEND_PER_HOUR = 4
    for n in range(5):
        ask(caller(f"10.{n}.0.1"), number(n))
    assert OtpChallenge.objects.filter(send_outcome="withheld").count() == 2
    clock.tick(timedelta(hours=1))
    ask(caller("10.9.0.1"), number(9))
    assert OtpChallenge.objects.get(phone=number(9)).send_outcome == "accepted"


def test_a_clear_refusal_costs_nothing_and_an_unknown_outcome_does(inbox, clock, settings, slow_provider):
    settings.OTP_PROVIDER = ["unifonic"]
    slow_provider.answers(480, "drop")
    ask(caller("10.1.0.1"), number(1))
    assert RateCount.objects.get(key="otp-spend:all").taken == 0
    ask(caller("10.1.0.1"), number(2))
    assert RateCount.objects.get(key="otp-spend:all").taken == 1


# Counting


@pytest.mark.django_db(transaction=True)
def test_what_was_counted_stays_whatever_fails_later(inbox, settings):
    phone = caller("10.1.0.1")
    asked = ask(phone).json()
    assert verify(phone, asked["otp_request_id"], wrong(inbox.code())).status_code == 400
    counts = dict(RateCount.objects.values_list("key", "taken"))
    assert counts[f"otp-phone:{PHONE}"] == counts["otp-wrong:all"] == 1
    assert OtpChallenge.objects.get().tries == 1
    with pytest.raises(RuntimeError), transaction.atomic():
        codes.request_code(
            phone="+966598765432",
            channel="sms",
            app_hash=None,
            installation_id=None,
            language="ar",
            now=OtpChallenge.objects.get().created_at,
        )
    assert not Device.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_proven_code_is_taken_off_its_crowds_once(inbox):
    for n in range(3):
        ask(caller("188.48.7.1"), number(n))
    asked = ask(caller("188.48.7.1"), "0598765432").json()
    for _ in range(4):
        assert verify(caller("188.48.7.1"), asked["otp_request_id"], inbox.code()).status_code == 200
    counts = dict(RateCount.objects.values_list("key", "taken"))
    assert counts["otp-network:188.48.7.0/24"] == 3
    assert counts["otp-prefix:+96659876"] == 0


# Headers


def test_the_informative_headers(english, inbox, clock):
    answer = ask(english)
    assert answer.headers["RateLimit-Policy"] == '"otp-phone";q=5;w=3600'
    assert answer.headers["RateLimit"] == '"otp-phone";r=4;t=3600'
    clock.tick(timedelta(seconds=18))
    answer = ask(english)
    assert answer.headers["Retry-After"] == "42"
    assert answer.headers["RateLimit-Policy"] == '"otp-phone";q=5;w=3600'
    assert answer.headers["RateLimit"] == '"otp-phone";r=0;t=42'
    assert answer.json()["retry_after"] == 42
