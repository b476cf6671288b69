"""The adapter on the wire, against a stand-in that answers as the documentation says, and worse."""

import time
from base64 import b64encode
from datetime import UTC, datetime
from functools import partial

import pytest

from backend.notifications.providers import (
    ProviderError,
    Template,
    carriers,
    is_ready,
    message_provider,
)
from tests.notifications.conftest import AT_ONCE
from tests.support.carriers import FAULTS, SEND, WHATSAPP

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
TEXT = "تم تأكيد حجزك في صالون روز"


def send(reference="0199aa", body=TEXT, channel="sms", template=None, promotional=False):
    return message_provider("unifonic").send(
        channel=channel,
        to="+966512345678",
        body=body,
        reference=reference,
        template=template,
        promotional=promotional,
    )


def refusal(**kwargs):
    with pytest.raises(ProviderError) as caught:
        send(**kwargs)
    return caught.value


@pytest.mark.parametrize("how", ["accept", "accept-text"])
def test_a_text_is_handed_over_as_a_form(unifonic, how):
    unifonic.answers(how)

    assert send() == "3200017889310"

    assert unifonic.sent == [
        {
            "AppSid": "sid-1",
            "SenderID": "Mawid",
            "Recipient": "966512345678",
            "Body": TEXT,
            "responseType": "JSON",
            "CorrelationID": "0199aa",
            "MessageType": "3",
        }
    ]
    path, headers = unifonic.requests[0]
    assert path == SEND
    assert headers["Accept"] == "application/json"
    assert headers["Content-Type"].startswith("application/x-www-form-urlencoded")


@pytest.mark.parametrize(
    ("status", "error_class", "permanent"),
    [
        (401, "configuration", False),
        (402, "configuration", False),
        (403, "configuration", False),
        (440, "configuration", False),
        (459, "configuration", False),
        (480, "configuration", False),
        (406, "our_bug", True),
        (412, "our_bug", True),
        (419, "our_bug", True),
        (449, "our_bug", True),
        (456, "our_bug", True),
        (460, "our_bug", True),
        (409, "duplicate", True),
        (410, "recipient", True),
        (422, "recipient", True),
        (450, "recipient", True),
        (481, "recipient", True),
        (482, "recipient", True),
        (483, "recipient", True),
        (429, "throttled", False),
        (400, "provider_fault", False),
        (404, "provider_fault", False),
        (418, "provider_fault", False),
    ],
)
@pytest.mark.parametrize("envelope", [True, False])
def test_a_refusal_by_status(unifonic, status, error_class, permanent, envelope):
    unifonic.answers(status, envelope=envelope)
    error = refusal()
    assert (error.outcome, error.error_class, error.permanent) == ("refused", error_class, permanent)


@pytest.mark.parametrize(
    ("code", "error_class"),
    [
        ("ER-01", "configuration"),
        ("ER-02", "recipient"),
        ("ER-03", "recipient"),
        ("ER-04", "recipient"),
        ("ER-05", "no_route"),
        ("ER-06", "our_bug"),
        ("ER-07", "provider_fault"),
        ("ER-08", "configuration"),
        ("ER-09", "duplicate"),
        ("ER-77", "provider_fault"),
    ],
)
def test_a_refusal_that_comes_with_200(unifonic, code, error_class):
    unifonic.answers(code)
    error = refusal()
    assert (error.outcome, error.error_class) == ("refused", error_class)


@pytest.mark.parametrize("status", [500, 502, 503, 499, 546, 599])
def test_a_server_fault_is_a_refusal_only_when_it_says_so(unifonic, status):
    unifonic.answers(status, envelope=False)
    assert refusal().outcome == "unknown"
    unifonic.answers(status, envelope=True)
    assert refusal().outcome == "refused"


@pytest.mark.parametrize("how", [*FAULTS, "accept-without-id", 302, 408])
def test_what_may_have_been_an_acceptance(unifonic, how):
    unifonic.answers(how)
    began = time.monotonic()
    assert refusal().outcome == "unknown"
    assert time.monotonic() - began < AT_ONCE
    assert len(unifonic.sent) == 1


def test_nobody_there(unifonic, settings):
    settings.UNIFONIC_BASE_URL = "http://127.0.0.1:9"
    assert refusal().outcome == "unreachable"


def test_no_error_tells_the_number_or_the_text(unifonic):
    for how in ("drop", "html", 401, "ER-02"):
        unifonic.answers(how)
        error = refusal()
        assert "512345678" not in f"{error!r} {error.__cause__!r}"
        assert "sid-1" not in f"{error!r} {error.__cause__!r}"


def test_asking_what_became_of_a_text(unifonic):
    unifonic.answers("drop")
    refusal()
    find = partial(message_provider("unifonic").find, to="+966512345678", body=TEXT, since=NOW)
    assert find(reference="0199aa") == "3200017889310"
    assert find(reference="0199bb") is None
    unifonic.details = "missing"
    with pytest.raises(ProviderError) as caught:
        find(reference="0199aa")
    assert caught.value.outcome == "unknown"


def test_basic_credentials_when_the_account_wants_them(unifonic, settings):
    send()
    settings.UNIFONIC_BASIC_USER, settings.UNIFONIC_BASIC_PASSWORD = "someone", "something"
    send("0199bb")
    without, with_them = (headers.get("Authorization") for _, headers in unifonic.requests)
    assert (without, with_them) == (None, f"Basic {b64encode(b'someone:something').decode()}")


def test_an_offer_leaves_under_its_own_name_and_class_or_not_at_all(unifonic, settings):
    send(promotional=True)
    assert (unifonic.sent[0]["SenderID"], unifonic.sent[0]["MessageType"]) == ("Mawid-AD", "5")
    settings.UNIFONIC_PROMOTION_SENDER_ID = ""
    error = refusal(promotional=True)
    assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert len(unifonic.sent) == 1


@pytest.mark.parametrize("promotional", [False, True])
def test_the_traffic_class_may_be_left_out(unifonic, settings, promotional):
    settings.UNIFONIC_MESSAGE_TYPE = False
    send(promotional=promotional)
    assert "MessageType" not in unifonic.sent[0]


@pytest.mark.parametrize(
    ("base", "secret", "wanted"),
    [
        ("https://api.example.sa", "s" * 32, True),
        ("https://api.example.sa", "", False),
        ("http://127.0.0.1:8000", "s" * 32, False),
    ],
)
def test_reports_are_wanted_where_they_can_come(unifonic, settings, base, secret, wanted):
    settings.PUBLIC_BASE_URL, settings.UNIFONIC_CALLBACK_SECRET = base, secret
    send()
    callback = f"https://api.example.sa/api/v1/webhooks/unifonic/{'s' * 32}?reference=0199aa&channel=sms"
    assert unifonic.sent[0].get("statusCallback") == (callback if wanted else None)


# WhatsApp

CODE = Template(name="otp", language="ar", values=("012345",))


@pytest.mark.parametrize("name", ["messageId", "id"])
def test_a_code_on_whatsapp_fills_in_the_approved_wording(unifonic, name):
    unifonic.id_name = name
    assert send(channel="whatsapp", template=CODE) == "wa-1"
    assert unifonic.whatsapp == [
        {
            "recipient": {"contact": "+966512345678", "channel": "whatsapp"},
            "content": {
                "type": "template",
                "name": "mawid_code",
                "language": {"code": "ar"},
                "components": [{"type": "body", "parameters": [{"type": "text", "text": "012345"}]}],
            },
        }
    ]
    path, headers = unifonic.requests[0]
    assert (path, headers["PublicId"], headers["Secret"]) == (WHATSAPP, "public-1", "secret-1")
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("button", ["options", "button"])
def test_the_copy_button_is_filled_in_as_configured(unifonic, settings, button):
    settings.UNIFONIC_WHATSAPP_OTP_BUTTON = button
    send(channel="whatsapp", template=CODE)
    body, copy = unifonic.whatsapp[0]["content"]["components"]
    assert (copy["type"], copy["parameters"]) == (button, body["parameters"])


APPROVED = {"booking_confirmed": {"ar": {"unifonic": "confirmed_ar"}, "en": {"twilio": "HX1"}}}


def test_an_approved_wording_is_filled_in_without_a_codes_button(unifonic, settings):
    settings.WHATSAPP_TEMPLATES = APPROVED
    settings.UNIFONIC_WHATSAPP_OTP_BUTTON = "button"
    send(channel="whatsapp", template=Template("booking_confirmed", "ar", ("صالون روز", "4:30 م")))
    assert unifonic.whatsapp[0]["content"] == {
        "type": "template",
        "name": "confirmed_ar",
        "language": {"code": "ar"},
        "components": [
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "صالون روز"}, {"type": "text", "text": "4:30 م"}],
            }
        ],
    }


def test_it_carries_on_whatsapp_what_unifonic_approved_in_that_language(unifonic, settings):
    settings.WHATSAPP_TEMPLATES = APPROVED
    carries = message_provider("unifonic").carries
    assert carries("whatsapp", Template("booking_confirmed", "ar", ()))
    assert carries("whatsapp", Template("otp", "en", ()))
    assert not carries("whatsapp", Template("booking_confirmed", "en", ()))
    assert carries("sms", Template("booking_declined", "ar", ()))


def test_messages_by_whatsapp_need_no_wording_for_codes(unifonic, settings):
    settings.UNIFONIC_WHATSAPP_OTP_TEMPLATE = ""
    assert not is_ready("unifonic", "whatsapp")
    settings.WHATSAPP_TEMPLATES = APPROVED
    assert is_ready("unifonic", "whatsapp")
    assert carriers(["unifonic"], "whatsapp") == [], "nor are they asked to carry codes"


def test_free_words_on_whatsapp(unifonic):
    send(channel="whatsapp")
    assert unifonic.whatsapp[0]["content"] == {"type": "text", "text": TEXT}


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (400, "provider_fault"),
        (401, "configuration"),
        (402, "configuration"),
        (403, "configuration"),
        (429, "throttled"),
    ],
)
def test_a_refusal_on_whatsapp(unifonic, status, error_class):
    unifonic.answers(status)
    error = refusal(channel="whatsapp", template=CODE)
    assert (error.outcome, error.error_class) == ("refused", error_class)


@pytest.mark.parametrize("how", [*FAULTS, "accept-without-id", 302, 500, 503])
def test_what_may_have_been_an_acceptance_on_whatsapp(unifonic, how):
    unifonic.answers(how)
    began = time.monotonic()
    assert refusal(channel="whatsapp", template=CODE).outcome == "unknown"
    assert time.monotonic() - began < AT_ONCE
    assert len(unifonic.whatsapp) == 1


def test_wrong_credentials_and_no_template_on_whatsapp(unifonic, settings):
    settings.UNIFONIC_WHATSAPP_SECRET = "another"
    assert refusal(channel="whatsapp", template=CODE).error_class == "configuration"
    other = Template(name="reminder", language="ar", values=())
    assert refusal(channel="whatsapp", template=other).error_class == "configuration"
    assert len(unifonic.whatsapp) == 1
