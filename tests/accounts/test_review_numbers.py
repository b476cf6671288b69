"""Fixed codes for the reviewers of app stores: few, expiring, without a text, never for staff."""

import logging
from datetime import date, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from backend.accounts.models import OtpChallenge, PlatformRole, User
from backend.config import env
from tests.accounts.helpers import PHONE, Phone, ask, sign_in, verify
from tests.factories import UserFactory, employ, open_salon

pytestmark = pytest.mark.django_db

CODE = "482913"


@pytest.fixture(autouse=True)
def review_number(settings, clock):
    settings.REVIEW_NUMBERS = {PHONE: (CODE, date(2026, 12, 31))}


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_fixed_code_signs_in_without_a_text(inbox, language, caplog):
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    with caplog.at_level(logging.WARNING, "mawid.codes"):
        asked = ask(client)
    assert asked.status_code == 202
    assert asked.json().keys() >= {"otp_request_id", "sent_to", "resend_in_seconds"}
    assert inbox.all() == []
    answer = verify(client, asked.json()["otp_request_id"], CODE)
    assert answer.status_code == 200
    assert answer.json()["is_new_user"] is True
    # The trace: a request of the provider `review`, and a line without number or code.
    challenge = OtpChallenge.objects.get()
    assert (challenge.provider, challenge.send_outcome) == ("review", "accepted")
    assert CODE.encode() not in bytes(challenge.code_hmac)
    assert "review number" in caplog.text
    assert PHONE not in caplog.text
    assert CODE not in caplog.text


def test_it_is_limited_like_any_other(english, inbox, clock):
    asked = ask(english).json()
    assert ask(english).json()["code"] == "otp_resend_wait"
    for _ in range(5):
        assert verify(english, asked["otp_request_id"], "000000").json()["code"] == "otp_invalid"
    assert verify(english, asked["otp_request_id"], CODE).json()["code"] == "otp_too_many_attempts"


def test_the_last_day_ends_in_riyadh(english, inbox, clock):
    clock.move_to("2026-12-31T20:59:59Z")
    assert verify(english, ask(english).json()["otp_request_id"], CODE).status_code == 200
    clock.tick(timedelta(minutes=2))
    asked = ask(english).json()
    assert len(inbox.all()) == 1
    assert inbox.code() != CODE
    assert verify(english, asked["otp_request_id"], CODE).json()["code"] == "otp_invalid"


def test_other_numbers_get_their_own_codes(english, inbox):
    sign_in(english, inbox, phone="0598765432")
    assert len(inbox.all()) == 1


@pytest.mark.parametrize("role", ["finance", "support", "platform_admin", "salon", "admin"])
def test_staff_get_a_real_code_instead(english, inbox, role):
    user = UserFactory.create(phone=PHONE)
    _make(user, role)
    asked = ask(english).json()
    assert len(inbox.all()) == 1
    assert verify(english, asked["otp_request_id"], CODE).json()["code"] == "otp_invalid"
    assert verify(english, asked["otp_request_id"], inbox.code()).status_code == 200


@pytest.mark.parametrize("role", ["platform_admin", "salon"])
def test_who_becomes_staff_meanwhile_is_refused_at_the_door(english, inbox, role):
    asked = ask(english).json()
    _make(UserFactory.create(phone=PHONE), role)
    assert verify(english, asked["otp_request_id"], CODE).json()["code"] == "otp_expired"
    assert not OtpChallenge.objects.get().device_id


def test_it_moves_no_account(english, inbox):
    """The fixed code is for signing in alone: a change of number sends real texts."""
    from tests.support.api import Api, ok

    api = Api(User.objects.create_user("+966598765432"), language="en")
    ok(api.post("me/phone-changes", {"new_phone": PHONE, "without_old": True}), 202)
    assert len(inbox.all()) == 1


def _make(user, role):
    if role == "salon":
        employ(open_salon()[0], "staff", user)
    elif role == "admin":
        User.objects.filter(pk=user.pk).update(is_staff=True)
    else:
        PlatformRole.objects.create(user=user, role=role)


# The setting


def read(monkeypatch, value, *, obvious_codes=False):
    monkeypatch.setenv("REVIEW_NUMBERS", value)
    return env.review_numbers("REVIEW_NUMBERS", obvious_codes=obvious_codes)


def test_it_is_off_by_default(monkeypatch):
    assert read(monkeypatch, "") == {}


def test_how_it_is_written(monkeypatch):
    written = "+966512345678=482913@2026-12-31, +966598765432=907135@2027-01-31"
    assert read(monkeypatch, written) == {
        "+966512345678": ("482913", date(2026, 12, 31)),
        "+966598765432": ("907135", date(2027, 1, 31)),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        "+966512345678=482913",  # for ever
        "+966512345678=482913@2026-02-30",
        "0512345678=482913@2026-12-31",
        "+96651234*=482913@2026-12-31",
        "+966512345678=48291@2026-12-31",
        "+966512345678=٤٨٢٩١٣@2026-12-31",
        "+966512345678=482913@2026-12-31,+966512345678=907135@2026-12-31",
        ",".join(f"+96651234567{n % 10}{n // 10}=482913@2026-12-31" for n in range(11)),
    ],
)
def test_what_stops_the_start(monkeypatch, wrong):
    with pytest.raises(ImproperlyConfigured, match="REVIEW_NUMBERS") as refusal:
        read(monkeypatch, wrong)
    assert "482913" not in str(refusal.value)


@pytest.mark.parametrize("code", ["000000", "123456", "654321", "111222", "123123", "121212", "234567"])
def test_obvious_codes_are_for_laptops(monkeypatch, code):
    entry = f"+966512345678={code}@2026-12-31"
    assert read(monkeypatch, entry, obvious_codes=True)
    with pytest.raises(ImproperlyConfigured, match="too easy"):
        read(monkeypatch, entry)


def test_a_number_that_could_not_sign_in_is_found_at_start(settings):
    settings.REVIEW_NUMBERS = {"+966112345678": (CODE, date(2026, 12, 31))}
    with pytest.raises(SystemCheckError, match=r"accounts\.E003"):
        call_command("check")
