"""Twilio's own library on the wire, against a stand-in that answers as the documentation says, and worse."""

import json
import logging
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from backend.notifications.providers import (
    ProviderError,
    Template,
    carriers,
    is_ready,
    message_provider,
)
from backend.notifications.providers.twilio import error_class
from tests.notifications.conftest import AT_ONCE
from tests.support.carriers import FAULTS

TO, TEXT = "+966512345678", "تم تأكيد حجزك في صالون روز"
CODE = Template(name="otp", language="ar", values=("012345",))


def send(channel="sms", body=TEXT, template=None, valid_for=None, to=TO, promotional=False):
    return message_provider("twilio").send(
        channel=channel,
        to=to,
        body=body,
        reference="0199aa",
        template=template,
        valid_for=valid_for,
        promotional=promotional,
    )


def refusal(**kwargs):
    with pytest.raises(ProviderError) as caught:
        send(**kwargs)
    return caught.value


def find(body=TEXT, since=None, to=TO):
    since = since or datetime.now(UTC)
    return message_provider("twilio").find(reference="0199aa", to=to, body=body, since=since)


# Sending


def test_a_text_is_handed_over(twilio):
    assert send(valid_for=timedelta(minutes=5)) == twilio.accepted[0]["sid"]
    assert twilio.sent == [{"To": TO, "From": "Mawid", "Body": TEXT, "ValidityPeriod": "300"}]
    path, headers = twilio.requests[0]
    credentials = f"{twilio.account_sid}:{twilio.auth_token}"
    assert path == twilio.path
    assert headers["Authorization"] == f"Basic {b64encode(credentials.encode()).decode()}"
    assert headers["Accept"] == "application/json"


def test_a_messaging_service_comes_before_a_sender(twilio, settings):
    settings.TWILIO_MESSAGING_SERVICE_SID = twilio.messaging_service_sid
    assert send() == twilio.accepted[0]["sid"]
    assert twilio.sent == [{"To": TO, "MessagingServiceSid": twilio.messaging_service_sid, "Body": TEXT}]


@pytest.mark.parametrize(
    ("valid_for", "period"),
    [
        (timedelta(milliseconds=100), "1"),
        (timedelta(minutes=5), "300"),
        (timedelta(hours=6), "21600"),
        (timedelta(days=2), "36000"),
    ],
)
def test_a_text_lives_as_long_as_it_is_good_for(twilio, valid_for, period):
    send(valid_for=valid_for)
    assert twilio.sent[0]["ValidityPeriod"] == period


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_code_on_whatsapp_fills_in_the_approved_content(twilio, settings, language):
    settings.TWILIO_MESSAGING_SERVICE_SID = twilio.messaging_service_sid
    send(
        channel="whatsapp",
        template=Template(name="otp", language=language, values=("012345",)),
        valid_for=timedelta(minutes=5),
    )
    form = dict(twilio.sent[0])
    assert json.loads(form.pop("ContentVariables")) == {"1": "012345"}
    assert form == {
        "To": f"whatsapp:{TO}",
        "From": "whatsapp:+966500000000",
        "ContentSid": twilio.content_sids[language],
        "ValidityPeriod": "300",
    }


@pytest.mark.parametrize("sender", ["+966500000000", "whatsapp:+966500000000"])
def test_free_words_on_whatsapp(twilio, settings, sender):
    settings.TWILIO_WHATSAPP_FROM = sender
    send(channel="whatsapp")
    assert twilio.sent == [{"To": f"whatsapp:{TO}", "From": "whatsapp:+966500000000", "Body": TEXT}]


def test_a_content_that_nobody_configured_is_our_fault_and_leaves_nothing(twilio, settings):
    settings.TWILIO_WHATSAPP_OTP_CONTENT_SID = {"ar": "", "en": "HX1"}
    for template in (CODE, Template(name="reminder", language="en", values=())):
        error = refusal(channel="whatsapp", template=template)
        assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert twilio.sent == []


APPROVED = {"booking_confirmed": {"ar": {"twilio": "HX" + "1a" * 16}, "en": {"unifonic": "confirmed_en"}}}


def test_an_approved_wording_is_filled_in_by_number(twilio, settings):
    settings.WHATSAPP_TEMPLATES = APPROVED
    template = Template("booking_confirmed", "ar", ("صالون روز", "22/11", "4:30 م"))
    send(channel="whatsapp", template=template)
    (form,) = twilio.sent
    assert form["ContentSid"] == "HX" + "1a" * 16
    assert json.loads(form["ContentVariables"]) == {"1": "صالون روز", "2": "22/11", "3": "4:30 م"}
    assert "Body" not in form


def test_it_carries_on_whatsapp_what_twilio_approved_in_that_language(twilio, settings):
    settings.WHATSAPP_TEMPLATES = APPROVED
    carries = message_provider("twilio").carries
    assert carries("whatsapp", Template("booking_confirmed", "ar", ()))
    assert carries("whatsapp", Template("otp", "en", ()))
    assert not carries("whatsapp", Template("booking_confirmed", "en", ()))
    assert not carries("whatsapp", Template("booking_declined", "ar", ()))
    assert carries("sms", Template("booking_declined", "ar", ()))


def test_messages_by_whatsapp_need_no_wording_for_codes(twilio, settings):
    settings.WHATSAPP_TEMPLATES = APPROVED
    settings.TWILIO_WHATSAPP_OTP_CONTENT_SID = {"ar": "", "en": ""}
    assert is_ready("twilio", "whatsapp")
    assert carriers(["twilio"], "whatsapp") == [], "nor are they asked to carry codes"
    settings.TWILIO_WHATSAPP_OTP_CONTENT_SID = twilio.content_sids
    assert carriers(["twilio"], "whatsapp") == ["twilio"]


def test_reports_are_wanted_under_our_own_name_for_the_message(twilio, settings):
    settings.PUBLIC_BASE_URL = "https://api.example.sa"
    send()
    assert twilio.sent[0]["StatusCallback"] == (
        "https://api.example.sa/api/v1/webhooks/twilio/messages?reference=0199aa&channel=sms"
    )


def test_an_offer_leaves_under_its_own_name_or_not_at_all(twilio, settings):
    settings.TWILIO_MESSAGING_SERVICE_SID = twilio.messaging_service_sid
    send(promotional=True)
    assert twilio.sent == [{"To": TO, "From": "Mawid-AD", "Body": TEXT}]
    settings.TWILIO_PROMOTION_FROM = ""
    error = refusal(promotional=True)
    assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert len(twilio.sent) == 1


def test_an_answer_that_takes_its_time_is_waited_for(twilio):
    twilio.answers("latency")
    assert send() == twilio.accepted[0]["sid"]


# Refusals: every number of the documentation

REFUSALS = [
    (401, 20003, "configuration", False),
    (404, 20404, "configuration", False),
    (429, 20429, "throttled", False),
    (400, 21211, "recipient", True),
    (400, 21614, "recipient", True),
    (400, 21212, "configuration", False),
    (400, 21606, "configuration", False),
    (400, 63007, "configuration", False),
    (400, 21408, "configuration", True),
    (403, 21408, "configuration", True),
    (400, 21610, "opted_out", True),
    (429, 21611, "throttled", False),
    (400, 21612, "no_route", False),
    (400, 21602, "our_bug", True),
    (400, 21603, "our_bug", True),
    (400, 21604, "our_bug", True),
    (400, 21617, "our_bug", True),
    (400, 21655, "our_bug", True),
    (400, 21656, "our_bug", True),
    (400, 30450, "blocked", True),
    (429, 60203, "blocked", True),
    (400, 60202, "blocked", True),
    (403, 60410, "blocked", True),
    (403, 60605, "blocked", True),
    (400, 63016, "our_bug", True),
    # Numbers nobody has written down: judged by their status.
    (400, 29999, "provider_fault", False),
    (401, 29999, "configuration", False),
    (403, 29999, "configuration", False),
    (404, 29999, "configuration", False),
    (429, 29999, "throttled", False),
    (500, 20500, "provider_fault", False),
    (503, 20503, "provider_fault", False),
]


@pytest.mark.parametrize(("status", "code", "expected", "permanent"), REFUSALS)
@pytest.mark.parametrize("shape", ["classic", "problem"])
def test_a_refusal_by_number(twilio, status, code, expected, permanent, shape):
    twilio.answers(("problem", status, code) if shape == "problem" else (status, code))
    error = refusal()
    assert (error.outcome, error.error_class, error.permanent) == ("refused", expected, permanent)
    assert twilio.accepted == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (30003, "no_route"),
        (30004, "configuration"),
        (30005, "recipient"),
        (30006, "recipient"),
        (30007, "configuration"),
        (30008, "provider_fault"),
        (63016, "our_bug"),
    ],
)
def test_what_a_later_report_means_and_a_message_that_failed_at_once(twilio, code, expected):
    assert error_class(code) == expected
    twilio.answers(f"failed-{code}")
    error = refusal()
    assert (error.outcome, error.error_class) == ("refused", expected)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, "provider_fault"), (401, "configuration"), (403, "configuration"), (404, "configuration")],
)
def test_a_refusal_without_a_number(twilio, status, expected):
    twilio.answers(status)
    assert (refusal().outcome, refusal().error_class) == ("refused", expected)


def test_a_wrong_token_and_a_missing_one(twilio, settings):
    settings.TWILIO_AUTH_TOKEN = "another"
    assert refusal().error_class == "configuration"
    settings.TWILIO_AUTH_TOKEN = ""
    assert refusal().error_class == "configuration"
    assert len(twilio.sent) == 1


# Nobody knows


@pytest.mark.parametrize("how", [*FAULTS, "accept-without-sid", 302, 408, 500, 502, 503])
@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_what_may_have_been_an_acceptance(twilio, how, channel):
    twilio.answers(how)
    began = time.monotonic()
    error = refusal(channel=channel, template=CODE if channel == "whatsapp" else None)
    assert (error.outcome, error.error_class, error.permanent) == ("unknown", "unknown", False)
    assert time.monotonic() - began < AT_ONCE
    assert len(twilio.sent) == 1


def test_nobody_there(twilio, settings):
    settings.TWILIO_BASE_URL = "http://127.0.0.1:9"
    error = refusal()
    assert (error.outcome, error.error_class, error.passes_on) == ("unreachable", "provider_fault", True)


# What is found again


def test_a_lost_text_is_found_among_the_latest(twilio):
    twilio.answers("drop")
    refusal()
    assert find() == twilio.accepted[0]["sid"]


@pytest.mark.parametrize(
    "asked",
    [
        {"body": "another text"},
        {"to": "+966598765432"},
        {"since": datetime.now(UTC) + timedelta(days=1)},
    ],
)
def test_a_text_that_is_not_in_the_list_may_be_somewhere_else(twilio, asked):
    send()
    with pytest.raises(ProviderError) as caught:
        find(**asked)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("listing", ["refused", "broken"])
def test_a_list_that_cannot_be_read(twilio, listing):
    send()
    twilio.listing = listing
    with pytest.raises(ProviderError) as caught:
        find()
    assert caught.value.outcome == "unknown"


# What must not be told


@pytest.mark.parametrize("how", ["drop", "html", (400, 21211), ("problem", 400, 21614), 401, 500])
def test_nothing_tells_the_number_the_text_or_the_token(twilio, how, caplog):
    caplog.set_level(logging.DEBUG)
    twilio.answers(how)
    error = refusal()
    told = f"{error!r} {error.__cause__!r} {caplog.text}" + "".join(str(r.__dict__) for r in caplog.records)
    assert "512345678" not in told
    assert twilio.auth_token not in told
    assert "صالون" not in told


def test_the_environment_of_the_machine_does_not_move_the_address(twilio, monkeypatch, settings):
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    settings.TWILIO_AUTH_TOKEN = twilio.auth_token = "a token of its own, for a client of its own"
    assert send() == twilio.accepted[0]["sid"]
