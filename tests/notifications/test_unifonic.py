"""The adapter on the wire, against a stand-in that answers as the documentation says, and worse."""

from datetime import UTC, datetime

import pytest
from django.core.checks import run_checks

from backend.notifications.providers import ProviderError, sms_provider
from tests.notifications.stand_in import SEND

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
TEXT = "تم تأكيد حجزك في صالون روز"


def send(reference="0199aa", body=TEXT):
    return sms_provider("unifonic").send(to="+966512345678", body=body, reference=reference)


def refusal():
    with pytest.raises(ProviderError) as caught:
        send()
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
        ("ER-05", "recipient"),
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


@pytest.mark.parametrize("how", ["html", "empty", "accept-without-id", "drop", "hang", 302])
def test_what_may_have_been_an_acceptance(unifonic, how):
    unifonic.answers(how)
    assert refusal().outcome == "unknown"


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
    provider = sms_provider("unifonic")
    assert provider.find(reference="0199aa", since=NOW) == "3200017889310"
    assert provider.find(reference="0199bb", since=NOW) is None
    unifonic.details = "missing"
    with pytest.raises(ProviderError) as caught:
        provider.find(reference="0199aa", since=NOW)
    assert caught.value.outcome == "unknown"


def test_half_a_configuration_stops_the_start(settings):
    def found():
        return {
            message.id for message in run_checks() if message.id and message.id.startswith("notifications")
        }

    assert found() == set()
    settings.SMS_PROVIDER = ["unifonic"]
    settings.UNIFONIC_APP_SID = settings.UNIFONIC_SENDER_ID = ""
    assert found() == {"notifications.E002", "notifications.W003"}
    settings.UNIFONIC_APP_SID, settings.UNIFONIC_SENDER_ID = "sid-1", "MuchTooLongName"
    assert found() == {"notifications.E004"}
    settings.UNIFONIC_SENDER_ID = "Mawid-AD"
    assert found() == {"notifications.E005"}
    settings.UNIFONIC_SENDER_ID = "Mawid"
    assert found() == set()
    settings.OTP_PROVIDER = []
    assert found() == {"notifications.E001"}
