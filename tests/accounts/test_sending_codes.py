"""A code on the wire, through the public endpoint: who is asked in which order, and what a person is told."""

import json
import time

import pytest

from backend.accounts import messages
from backend.accounts.models import OtpChallenge
from backend.accounts.operations import sending
from backend.core.models import Alarm
from backend.notifications.models import ProviderRefusal
from backend.notifications.providers import REACTIONS, ProviderError, Reaction
from backend.notifications.sms import sms_units
from tests.accounts.helpers import PHONE, Phone, ask, verify
from tests.notifications.conftest import AT_ONCE, twilio, unifonic  # noqa: F401  (fixtures)
from tests.notifications.test_twilio import REFUSALS
from tests.support.carriers import ACCEPTING_FAULTS, FAULTS

pytestmark = pytest.mark.django_db

NO_WORD = [*FAULTS, 302, 408, 500, 502]
TOLD = {
    "phone_invalid": {
        "ar": "رقم الجوال غير صحيح. مثال: 0512345678",
        "en": "The mobile number is not correct. Example: 0512345678",
    },
    "otp_not_sent": {
        "ar": "تعذر إرسال الرمز. يرجى المحاولة بعد قليل.",
        "en": "The code could not be sent. Please try again shortly.",
    },
    "otp_channel_refused": {
        "ar": "هذا الرقم يرفض رسائلنا عبر هذه القناة. يرجى اختيار قناة أخرى.",
        "en": "This number refuses our messages on this channel. Please choose another one.",
    },
    "invalid_choice": {
        "ar": "القيمة ليست من القيم المسموح بها.",
        "en": "This value is not one of the allowed values.",
    },
}


@pytest.fixture
def both(twilio, unifonic, settings):  # noqa: F811
    settings.OTP_PROVIDER = ["twilio", "unifonic"]
    settings.LIMITS_SCALE = 1000
    return twilio, unifonic


def asked(client, **body):
    began = time.monotonic()
    answer = ask(client, **body)
    assert time.monotonic() - began < AT_ONCE
    return answer


def code_in(message):
    if "ContentVariables" in message:
        return json.loads(message["ContentVariables"])["1"]
    if "content" in message:
        return message["content"]["components"][0]["parameters"][0]["text"]
    return message["Body"].split()[2]


# In order


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_the_first_takes_it_and_nobody_else_is_asked(both, english, channel):
    first, second = both
    answer = asked(english, channel=channel)
    assert answer.status_code == 202
    assert (len(first.accepted), second.requests) == (1, [])
    challenge = OtpChallenge.objects.get()
    assert (challenge.provider, challenge.channel, challenge.send_outcome) == ("twilio", channel, "accepted")
    assert challenge.provider_message_id == first.accepted[0]["sid"]
    code = code_in(first.sent[0])
    assert verify(english, answer.json()["otp_request_id"], code).status_code == 200


@pytest.mark.parametrize("order", [["twilio", "unifonic"], ["unifonic", "twilio"]])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_a_clear_refusal_goes_on_to_the_next(both, english, settings, order, channel):
    settings.OTP_PROVIDER = order
    carriers = dict(zip(["twilio", "unifonic"], both, strict=True))
    first, second = carriers[order[0]], carriers[order[1]]
    first.answers(401)
    answer = asked(english, channel=channel)
    assert (answer.status_code, first.accepted, len(second.accepted)) == (202, [], 1)
    sent = second.whatsapp if second.sent == [] else second.sent
    assert verify(english, answer.json()["otp_request_id"], code_in(sent[0])).status_code == 200
    challenge = OtpChallenge.objects.get()
    assert (challenge.provider, challenge.send_outcome) == (order[1], "accepted")
    refusal = ProviderRefusal.objects.get()
    assert (refusal.provider, refusal.channel, refusal.error_class) == (order[0], channel, "configuration")


def test_nobody_there_goes_on_to_the_next(both, english, settings):
    settings.TWILIO_BASE_URL = "http://127.0.0.1:9"
    assert asked(english).status_code == 202
    assert OtpChallenge.objects.get().provider == "unifonic"
    assert ProviderRefusal.objects.get().outcome == "unreachable"


@pytest.mark.parametrize("order", [["twilio", "unifonic"], ["unifonic", "twilio"]])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
@pytest.mark.parametrize("fault", NO_WORD)
def test_what_may_have_gone_out_is_never_sent_again(both, english, settings, order, channel, fault):
    settings.OTP_PROVIDER = order
    carriers = dict(zip(["twilio", "unifonic"], both, strict=True))
    first, second = carriers[order[0]], carriers[order[1]]
    if order[0] == "unifonic" and channel == "sms" and fault == 500:
        fault = 502
    first.answers(fault)

    answer = asked(english, channel=channel)

    assert answer.status_code == 202
    assert (len(first.requests), second.requests) == (1, [])
    assert len(first.accepted) == (fault in ACCEPTING_FAULTS)
    challenge = OtpChallenge.objects.get()
    assert (challenge.provider, challenge.send_outcome) == (order[0], "unknown")
    sent = (getattr(first, "whatsapp", None) or first.sent)[0]
    assert verify(english, answer.json()["otp_request_id"], code_in(sent)).status_code == 200


@pytest.mark.parametrize(("status", "code", "error_class", "permanent"), REFUSALS)
@pytest.mark.parametrize("language", ["ar", "en"])
def test_each_refusal_has_its_one_reaction(both, status, code, error_class, permanent, language):
    first, second = both
    first.answers((status, code))
    answer = asked(Phone(HTTP_ACCEPT_LANGUAGE=language))

    reaction = REACTIONS[error_class]
    error = ProviderError("no", outcome="refused", error_class=error_class)
    assert len(first.sent) == 1
    assert len(second.accepted) == error.passes_on
    assert OtpChallenge.objects.get().send_outcome == ("accepted" if error.passes_on else "refused")
    if error.passes_on:
        assert answer.status_code == 202
    elif error_class == "recipient":
        assert answer.status_code == 400
        [told] = answer.json()["errors"]
        assert (told["pointer"], told["code"]) == ("/phone", "phone_invalid")
        assert told["detail"] == TOLD["phone_invalid"][language]
    else:
        expected = "otp_channel_refused" if error_class == "opted_out" else "otp_not_sent"
        assert (answer.status_code, answer.json()["code"]) == (
            422 if error_class == "opted_out" else 503,
            expected,
        )
        assert answer.json()["detail"] == TOLD[expected][language]
    assert Alarm.objects.filter(kind="provider_refusal", subject="twilio").exists() == (
        reaction is Reaction.ALARM
    )


@pytest.mark.parametrize(("status", "code", "error_class", "permanent"), REFUSALS)
def test_the_only_provider_refuses(both, english, settings, status, code, error_class, permanent):
    settings.OTP_PROVIDER = ["twilio"]
    both[0].answers((status, code))
    answer = asked(english)
    expected = {"recipient": 400, "no_route": 400, "opted_out": 422}.get(error_class, 503)
    assert answer.status_code == expected
    if expected == 503:
        later = REACTIONS[error_class] is Reaction.BACK_OFF
        assert answer.json()["retry_after"] == (30 if later else 5)
        assert answer.headers["Retry-After"] == ("30" if later else "5")


def test_everybody_refuses_each_for_a_reason_of_its_own(both, english):
    first, second = both
    first.answers((400, 21612))
    second.answers("ER-05")
    assert asked(english).json()["errors"][0]["code"] == "phone_invalid"
    second.answers(480)
    assert asked(english, phone="0598765432").json()["code"] == "otp_not_sent"
    assert first.accepted == second.accepted == []


def test_a_duplicate_is_a_code_that_is_there(both, english, settings):
    settings.OTP_PROVIDER = ["unifonic", "twilio"]
    both[1].answers(409)
    assert asked(english).status_code == 202
    assert both[0].sent == []
    assert OtpChallenge.objects.get().send_outcome == "unknown"


def test_the_providers_share_one_budget_of_time(both, english, monkeypatch):
    monkeypatch.setattr(sending, "BUDGET", 0.4)
    both[0].answers(401)
    assert asked(english).json()["code"] == "otp_not_sent"
    assert both[1].requests == []


def test_a_code_lives_no_longer_with_the_carrier_than_with_us(both, english):
    asked(english)
    assert 290 <= int(both[0].sent[0]["ValidityPeriod"]) <= 300


def test_the_table_of_the_docstring_names_every_reaction():
    rows = [line.split("|")[1].strip() for line in sending.__doc__.splitlines() if line.startswith("| ")]
    assert [row for row in rows[1:] if row] == [reaction.value for reaction in Reaction]


# WhatsApp


@pytest.mark.parametrize("language", ["ar", "en"])
def test_whatsapp_gets_the_code_and_nothing_else(both, settings, language):
    settings.OTP_DOMAIN = "mawid.example.sa"
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    first, second = both
    assert asked(client, channel="whatsapp", app_hash="FA+9qCX9VSu").status_code == 202
    assert first.sent[0]["To"] == f"whatsapp:{PHONE}"
    assert first.sent[0]["ContentSid"] == first.content_sids[language]
    assert list(json.loads(first.sent[0]["ContentVariables"])) == ["1"]
    assert "Body" not in first.sent[0]

    settings.OTP_PROVIDER = ["unifonic"]
    assert asked(client, phone="0598765432", channel="whatsapp").status_code == 202
    content = second.whatsapp[0]["content"]
    assert (content["name"], content["language"]) == ("mawid_code", {"code": language})
    [parameter] = content["components"][0]["parameters"]
    assert parameter["text"].isdigit()


def test_whatsapp_goes_to_those_that_are_set_up_for_it(both, english, settings):
    settings.TWILIO_WHATSAPP_FROM = ""
    assert asked(english, channel="whatsapp").status_code == 202
    assert (both[0].requests, len(both[1].whatsapp)) == ([], 1)
    assert asked(english, phone="0598765432").status_code == 202
    assert len(both[0].sent) == 1


@pytest.mark.parametrize("language", ["ar", "en"])
def test_whatsapp_that_nobody_offers_is_no_choice(both, settings, language):
    settings.TWILIO_WHATSAPP_FROM = settings.UNIFONIC_WHATSAPP_OTP_TEMPLATE = ""
    client = Phone(HTTP_ACCEPT_LANGUAGE=language)
    answer = asked(client, channel="whatsapp")
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/channel", "invalid_choice")
    assert error["detail"] == TOLD["invalid_choice"][language]
    assert OtpChallenge.objects.count() == 0
    # Nothing was counted: the same number may have its text at once.
    assert asked(client).status_code == 202


def test_whatsapp_works_on_a_laptop(english, inbox, clock):
    answer = ask(english, channel="whatsapp", app_hash="FA+9qCX9VSu")
    assert answer.status_code == 202
    [message] = inbox.all()
    assert message["channel"] == "whatsapp"
    assert "FA+9qCX9VSu" not in message["body"]
    assert verify(english, answer.json()["otp_request_id"], inbox.code()).status_code == 200


def test_a_text_that_keeps_the_code_to_itself_goes_by_sms(both):
    challenge = OtpChallenge.objects.create(
        phone=PHONE,
        code_hmac=b"x",
        language="en",
        channel="whatsapp",
        created_at="2026-11-20T18:30:00Z",
        expires_at="2026-11-20T18:35:00Z",
    )
    challenge.refresh_from_db()
    assert sending.hand_over(challenge, "Nothing was changed.", code="012345") == []
    assert both[0].sent[0]["Body"] == "Nothing was changed."


@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_words_on_whatsapp_are_of_the_language_and_hold_the_code_once(language, settings):
    settings.OTP_DOMAIN = "mawid.example.sa"
    text = messages.whatsapp_code_text(code="012345", language=language)
    assert text.count("012345") == 1
    assert "@" not in text
    assert "\n" not in text
    assert any("ا" <= letter <= "ي" for letter in text) == (language == "ar")


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("app_hash", [None, "FA+9qCX9VSu"])
@pytest.mark.parametrize("domain", ["", "mawid.example.sa"])
def test_what_arrives_by_sms_is_one_part_and_ends_as_the_phone_wants(
    both, settings, language, app_hash, domain
):
    settings.OTP_DOMAIN = domain
    assert asked(Phone(HTTP_ACCEPT_LANGUAGE=language), app_hash=app_hash).status_code == 202
    body = both[0].sent[0]["Body"]
    code = code_in(both[0].sent[0])
    assert sms_units(body)[1] == 1
    last = body.splitlines()[-1]
    assert body.endswith(last)
    if app_hash:
        assert last == app_hash
    elif domain:
        assert last == f"@{domain} #{code}"
