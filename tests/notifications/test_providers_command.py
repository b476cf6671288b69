"""`manage.py providers`: what an operator sees, and what a script can rely on."""

import json
import time
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import OtpChallenge
from backend.accounts.operations import sending
from backend.core.time import RIYADH
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.providers import ProviderError

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=RIYADH)

pytestmark = pytest.mark.django_db


@pytest.fixture
def both(twilio, unifonic, settings):
    settings.OTP_PROVIDER = settings.SMS_PROVIDER = ["twilio", "unifonic"]
    return twilio, unifonic


def run(capsys, *words):
    """(exit code, standard output)"""
    code = 0
    try:
        call_command("providers", *words)
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().out


def lines(capsys, *words):
    code, out = run(capsys, "--json", *words)
    found = json.loads(out)
    assert found["well"] == (code == 0)
    return code, {(line["provider"], line["channel"]): line for line in found["providers"]}


def attempt(provider, outcome, error_class="", at=NOON):
    message = Message.objects.create(
        to_phone="+966512345678",
        language="ar",
        kind="booking_confirmed",
        audience="customer",
        body="نص",
        event_key=f"{Message.objects.count()}",
        state="sent",
        created_at=at,
        finished_at=at,
    )
    DeliveryAttempt.objects.create(
        message=message,
        number=1,
        provider=provider,
        started_at=at,
        finished_at=at,
        outcome=outcome,
        error_class=error_class,
        units=1,
    )


def code(provider, outcome, error_class="", at=NOON, used=False, channel="sms"):
    OtpChallenge.objects.create(
        phone="+966512345678",
        code_hmac=b"x",
        language="ar",
        channel=channel,
        created_at=at,
        expires_at=at + timedelta(minutes=5),
        used_at=at if used else None,
        superseded_at=None if used else at,
        send_outcome=outcome,
        provider=provider,
        error_class=error_class,
    )


def refused(provider, error_class, at=NOON, channel="sms"):
    error = ProviderError("no", outcome="refused", error_class=error_class)
    operations.note_refusal(provider=provider, channel=channel, error=error, now=at)


def test_a_laptop_is_well(capsys):
    code, out = run(capsys)
    assert code == 0
    head, console, *_ = out.splitlines()
    assert head.split()[:2] == ["PROVIDER", "CHANNEL"]
    assert "codes 1, texts 1" in console
    assert "on this machine" in console
    assert max(map(len, out.splitlines())) <= 120


def test_what_is_reachable_and_that_no_message_was_sent(both, capsys):
    code, found = lines(capsys)
    assert code == 0
    for name in ("twilio", "unifonic"):
        for channel in ("sms", "whatsapp"):
            assert found[name, channel]["configured"] is True
            assert found[name, channel]["reach"]["ok"] is True
    assert found["twilio", "sms"]["used_for"] == ["codes 1", "texts 1"]
    assert found["unifonic", "whatsapp"]["used_for"] == ["codes 2", "texts 2"]
    for carrier in both:
        assert carrier.accepted == carrier.sent == []
        [(path, headers)] = carrier.requests
        assert path == "/"
        assert not {"authorization", "publicid", "secret"} & {name.lower() for name in headers}


def test_one_that_is_down_is_marked_and_fails_the_command(both, settings, capsys):
    settings.TWILIO_BASE_URL = "http://127.0.0.1:9"
    code, out = run(capsys)
    assert code == 1
    marked = [line.split()[1:3] for line in out.splitlines() if line.startswith("!")]
    assert marked == [["twilio", "sms"], ["twilio", "whatsapp"]]
    assert "NO: ConnectionRefusedError" in out
    assert run(capsys, "--offline")[0] == 0


def test_push_and_email_are_judged_like_the_others(fcm, settings, capsys):
    settings.EMAIL_PROVIDER, settings.EMAIL_SERVICE, settings.EMAIL_HOST = ["django"], "smtp", ""
    code, found = lines(capsys)
    assert code == 1
    assert found["fcm", "push"]["used_for"] == ["pushes 1"]
    assert found["fcm", "push"]["reach"]["ok"] is True
    assert found["django", "email"]["used_for"] == ["e-mails 1"]
    assert found["django", "email"]["missing"] == ["EMAIL_HOST"]
    settings.EMAIL_HOST = "mail.example.sa"
    assert lines(capsys)[0] == 0
    assert [path for path, _ in fcm.requests] == ["/", "/"]


def test_one_that_is_down_but_not_in_use_does_not_matter(both, settings, capsys):
    settings.TWILIO_BASE_URL = "http://127.0.0.1:9"
    settings.OTP_PROVIDER = settings.SMS_PROVIDER = ["unifonic"]
    code, found = lines(capsys)
    assert (code, found["twilio", "sms"]["reach"]["ok"]) == (0, False)


def test_one_that_keeps_silent_is_given_up(both, settings, capsys, monkeypatch):
    monkeypatch.setattr("backend.notifications.management.commands.providers.REACH_TIMEOUT", 0.3)
    monkeypatch.setattr(both[0], "_write", lambda *args: time.sleep(5))
    began = time.monotonic()
    code, found = lines(capsys)
    assert time.monotonic() - began < 4
    assert (code, found["twilio", "sms"]["reach"]["ok"]) == (1, False)
    assert found["unifonic", "sms"]["reach"]["ok"] is True


def test_offline_calls_nobody(both, capsys):
    code, found = lines(capsys, "--offline")
    assert (code, found["twilio", "sms"]["reach"]) == (0, None)
    assert both[0].requests == both[1].requests == []


def test_one_in_use_that_is_not_set_up_names_the_variables(both, settings, capsys):
    settings.TWILIO_AUTH_TOKEN = settings.TWILIO_FROM = ""
    code, out = run(capsys, "--offline")
    assert code == 1
    assert "twilio sms: set TWILIO_AUTH_TOKEN, TWILIO_FROM (or TWILIO_MESSAGING_SERVICE_SID)" in out
    settings.OTP_PROVIDER = settings.SMS_PROVIDER = ["unifonic"]
    assert run(capsys, "--offline")[0] == 0


def test_whatsapp_may_be_off(both, settings, capsys):
    settings.TWILIO_WHATSAPP_FROM = ""
    code, found = lines(capsys, "--offline")
    assert code == 0
    assert found["twilio", "whatsapp"]["missing"] == ["TWILIO_WHATSAPP_FROM"]


def test_no_secret_is_shown(both, capsys):
    out = run(capsys)[1] + run(capsys, "--json")[1]
    for secret in (both[0].auth_token, both[0].account_sid, both[1].secret, "sid-1"):
        assert secret not in out


def test_how_they_did_today(both, capsys):
    with freeze_time(NOON + timedelta(hours=2)):
        for _ in range(3):
            attempt("twilio", "accepted")
        attempt("twilio", "unreachable", "provider_fault")
        attempt("unifonic", "accepted")
        code("twilio", "accepted", used=True)
        code("twilio", "accepted")
        code("twilio", "unknown", "unknown", at=NOON + timedelta(minutes=1))
        code("unifonic", "accepted", channel="whatsapp", used=True)
        refused("twilio", "configuration", at=NOON + timedelta(minutes=2))
        # Yesterday, in Riyadh, does not count.
        attempt("unifonic", "refused", "throttled", at=NOON.replace(hour=0) - timedelta(minutes=1))
        code("unifonic", "accepted", at=NOON.replace(hour=0) - timedelta(minutes=1))
        refused("unifonic", "throttled", at=NOON.replace(hour=0) - timedelta(minutes=1))

        _, found = lines(capsys, "--offline")
        table = run(capsys, "--offline")[1]

    twilio = found["twilio", "sms"]
    assert twilio["today"] == {
        "accepted": 5,
        "refused": 2,
        "unknown": 1,
        "confirmed": 1,
        "success_rate": 0.625,
        "last_error_class": "configuration",
        "last_error_at": "2026-11-20T12:02:00+03:00",
    }
    assert twilio["by_kind"]["messages"] | {"last_error_at": None} == {
        "accepted": 3,
        "refused": 1,
        "unknown": 0,
        "confirmed": None,
        "success_rate": 0.75,
        "last_error_class": "provider_fault",
        "last_error_at": None,
    }
    assert twilio["by_kind"]["codes"]["success_rate"] == 0.5
    assert found["unifonic", "sms"]["today"]["accepted"] == 1
    assert found["unifonic", "sms"]["today"]["last_error_class"] is None
    assert found["unifonic", "whatsapp"]["today"]["confirmed"] == 1
    row = next(line for line in table.splitlines() if line.split()[:2] == ["twilio", "sms"])
    assert "5 of 8 (62.5%)" in row
    assert "1 of 2" in row
    assert row.endswith("configuration 12:02")


def test_a_first_provider_that_refuses_every_code_shows(both, capsys):
    """The code's own row names only the provider that took it."""
    twilio, _ = both
    twilio.answers((401, 20003))
    now = timezone.now()
    challenge = OtpChallenge.objects.create(
        phone="+966512345678",
        code_hmac=b"x",
        language="ar",
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    assert sending.hand_over(challenge, "رمز التحقق: 012345", code="012345") == []
    _, found = lines(capsys, "--offline")
    assert found["twilio", "sms"]["today"]["success_rate"] == 0.0
    assert found["twilio", "sms"]["today"]["last_error_class"] == "configuration"
    assert found["unifonic", "sms"]["today"]["success_rate"] == 1.0


def test_the_table_stands_even_when_nothing_can_be_counted(both, capsys, monkeypatch):
    from django.db import OperationalError

    from backend.notifications import tallies

    def fail(moment):
        raise OperationalError("the database is away")

    monkeypatch.setitem(tallies._counters, "codes", fail)
    call_command("providers", "--offline")
    told = capsys.readouterr()
    assert "twilio" in told.out
    assert "Nothing could be counted: OperationalError." in told.err
