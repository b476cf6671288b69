"""Push on the wire, against a stand-in that answers as the documentation says, and worse."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta

import pytest

from backend.accounts.models import PushTarget
from backend.notifications.providers import REPEATABLE, ProviderError, message_provider
from tests.factories import DeviceFactory, UserFactory
from tests.notifications.conftest import AT_ONCE
from tests.support.carriers import FAULTS

pytestmark = pytest.mark.django_db

REFERENCE = "0199aabbccddeeff0199aabbccddeeff"
TITLE, TEXT = "تم تأكيد الحجز", "الأحد 22/11 الساعة 4:30 م"
DATA = {"kind": "booking_confirmed", "booking_id": "0199-1"}


@pytest.fixture
def user():
    return UserFactory()


@pytest.fixture
def target(user):
    return reachable(user)


def reachable(user, kind="fcm_token", seen=timedelta()):
    now = datetime.now(UTC)
    device = DeviceFactory(user=user, last_seen_at=now - seen)
    token = f"target-{PushTarget.objects.count() + 1}"
    PushTarget.objects.create(device=device, kind=kind, token=token, stored_at=now)
    return token


def send(user, *, title=TITLE, body=TEXT, data=DATA, valid_for=timedelta(hours=6)):
    return message_provider("fcm").send(
        channel="push",
        to=str(user.pk),
        body=body,
        reference=REFERENCE,
        valid_for=valid_for,
        title=title,
        data=data,
    )


def refusal(user, **kwargs):
    with pytest.raises(ProviderError) as caught:
        send(user, **kwargs)
    return caught.value


def kept():
    return set(PushTarget.objects.values_list("token", flat=True))


# Sending


def test_a_push_is_handed_over(fcm, user, target):
    before = int(time.time())
    assert send(user) == "0:1"
    (message,) = fcm.messages
    expires = int(message["apns"]["headers"].pop("apns-expiration"))
    assert before + 21600 <= expires <= time.time() + 21600
    assert message == {
        "token": target,
        "notification": {"title": TITLE, "body": TEXT},
        "data": DATA,
        "android": {
            "priority": "high",
            "ttl": "21600s",
            "collapse_key": REFERENCE,
            "notification": {"tag": REFERENCE},
        },
        "apns": {
            "headers": {
                "apns-priority": "10",
                "apns-push-type": "alert",
                "apns-collapse-id": REFERENCE,
            },
            "payload": {"aps": {"sound": "default"}},
        },
    }
    path, headers = fcm.requests[-1]
    assert path == "/v1/projects/mawid-test/messages:send"
    assert headers["Authorization"] == f"Bearer {fcm.granted[0]}"


def test_a_title_may_say_it_all(fcm, user, target):
    send(user, body="")
    assert fcm.messages[0]["notification"] == {"title": TITLE}


def test_an_installation_id_is_addressed_as_one(fcm, user):
    token = reachable(user, kind="fid")
    send(user)
    assert fcm.messages[0]["fid"] == token
    assert "token" not in fcm.messages[0]


def test_all_devices_are_rung_the_one_seen_last_first(fcm, user):
    older, newer = reachable(user, seen=timedelta(hours=1)), reachable(user)
    send(user)
    assert [message["token"] for message in fcm.messages] == [newer, older]


@pytest.mark.parametrize(
    ("valid_for", "ttl"),
    [
        (timedelta(milliseconds=200), "0s"),
        (timedelta(minutes=5), "300s"),
        (timedelta(days=90), "2419200s"),
    ],
)
def test_a_push_lives_as_long_as_it_is_good_for_within_four_weeks(fcm, user, target, valid_for, ttl):
    send(user, valid_for=valid_for)
    assert fcm.messages[0]["android"]["ttl"] == ttl


def test_a_second_copy_bears_the_same_names_so_that_it_replaces_the_first(fcm, user, target):
    fcm.answers("drop", "accept")
    assert refusal(user).outcome == "unknown"
    send(user)
    first, second = fcm.messages
    for message in (first, second):
        message["apns"]["headers"].pop("apns-expiration")
    assert first == second
    assert "push" in REPEATABLE
    since = datetime.now(UTC)
    assert message_provider("fcm").find(reference=REFERENCE, to=str(user.pk), body=TEXT, since=since) is None


def test_one_device_that_took_it_is_enough(fcm, user):
    dead, alive = reachable(user), reachable(user, seen=timedelta(hours=1))
    fcm.answers((404, "UNREGISTERED"), "accept")
    assert send(user) == "0:1"
    assert kept() == {alive}
    assert fcm.messages[0]["token"] == dead


def test_nobody_to_ring(fcm, user):
    error = refusal(user)
    assert (error.outcome, error.error_class, error.permanent) == ("refused", "recipient", True)
    assert error.passes_to_other_channels
    assert fcm.requests == []


# Refusals: every row of the documentation

ROWS = [
    ((404, "UNREGISTERED"), "recipient", True),
    ((403, "SENDER_ID_MISMATCH"), "configuration", True),
    ("bad-token", "recipient", True),
    ("bad-payload", "our_bug", False),
    ("bad-payload-with-code", "our_bug", False),
    ("bare-400", "our_bug", False),
    ((429, "QUOTA_EXCEEDED"), "throttled", False),
    ((503, "UNAVAILABLE"), "provider_fault", False),
    ((500, "INTERNAL"), "provider_fault", False),
    ((401, "THIRD_PARTY_AUTH_ERROR"), "configuration", False),
    ("no-permission", "configuration", False),
    ("no-project", "configuration", False),
    ((400, "SOMETHING_NEW"), "our_bug", False),
    ((418, "SOMETHING_NEW"), "provider_fault", False),
    (403, "configuration", False),
    (404, "configuration", False),
    (429, "throttled", False),
]


@pytest.mark.parametrize(("how", "expected", "forgotten"), ROWS)
def test_a_refusal(fcm, user, target, how, expected, forgotten):
    fcm.answers(how)
    error = refusal(user)
    assert (error.outcome, error.error_class) == ("refused", expected)
    assert error.passes_to_other_channels
    assert kept() == (set() if forgotten else {target})
    assert fcm.accepted == []


def test_they_say_how_long_to_wait(fcm, user, target):
    fcm.answers((429, "QUOTA_EXCEEDED", {"Retry-After": "30"}))
    began = time.monotonic()
    assert refusal(user).retry_after == timedelta(seconds=30)
    assert time.monotonic() - began < AT_ONCE
    fcm.answers((503, "UNAVAILABLE", {"Retry-After": "soon"}))
    assert refusal(user).retry_after is None


def test_the_worst_of_several_devices_decides(fcm, user):
    reachable(user), reachable(user)
    fcm.answers((404, "UNREGISTERED"), (503, "UNAVAILABLE"))
    assert refusal(user).error_class == "provider_fault"
    reachable(user)
    fcm.answers((503, "UNAVAILABLE"), "drop")
    assert refusal(user).outcome == "unknown"


@pytest.mark.parametrize("how", [*FAULTS, "accept-without-name", 302, 408, 500, 502, 503])
def test_what_may_have_been_an_acceptance(fcm, user, target, how):
    fcm.answers(how)
    began = time.monotonic()
    error = refusal(user)
    assert (error.outcome, error.error_class) == ("unknown", "unknown")
    assert time.monotonic() - began < AT_ONCE
    assert len(fcm.messages) == 1
    assert kept() == {target}


def test_ten_silent_devices_take_no_longer_than_one(fcm, user):
    for _ in range(10):
        reachable(user)
    fcm.answers("deaf")
    began = time.monotonic()
    assert refusal(user).outcome == "unknown"
    assert time.monotonic() - began < AT_ONCE


def test_nobody_there(fcm, user, target, settings):
    send(user)  # the access token is at hand
    settings.FCM_BASE_URL = "http://127.0.0.1:9"
    error = refusal(user)
    assert (error.outcome, error.error_class) == ("unreachable", "provider_fault")


# What never leaves


def test_a_push_larger_than_a_phone_takes_is_our_fault(fcm, user, target):
    error = refusal(user, body="ح" * 2040)
    assert (error.outcome, error.error_class, error.permanent) == ("refused", "our_bug", True)
    assert fcm.requests == []
    send(user, body="ح" * 1950)
    reaching = fcm.messages[0]["notification"], fcm.messages[0]["data"]
    assert len(json.dumps(reaching, ensure_ascii=False).encode()) <= 4096


@pytest.mark.parametrize("key", ["from", "message_type", "google.x", "gcm_x"])
def test_a_key_that_fcm_keeps_for_itself_is_our_fault(fcm, user, target, key):
    assert refusal(user, data={key: "1"}).error_class == "our_bug"
    assert fcm.requests == []


# Credentials


def test_the_access_token_is_asked_for_once(fcm, user, target):
    send(user)
    send(user)
    (claims,) = fcm.assertions
    assert claims["iss"] == "push@mawid-test.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert claims["exp"] - claims["iat"] == 3600


def test_the_access_token_is_renewed_before_its_end(fcm, user, target):
    fcm.lives = 300
    send(user)
    send(user)
    assert len(fcm.assertions) == 2


def test_a_withdrawn_access_token_is_replaced_once(fcm, user, target):
    send(user)
    fcm.answers("stale-access-token", "accept")
    assert send(user) == "0:2"
    assert len(fcm.assertions) == 2
    fcm.answers("stale-access-token")
    assert refusal(user).error_class == "configuration"
    assert len(fcm.assertions) == 3


@pytest.mark.parametrize(
    ("how", "outcome", "expected"),
    [
        (400, "refused", "configuration"),
        (401, "refused", "configuration"),
        (429, "unreachable", "provider_fault"),
        (500, "unreachable", "provider_fault"),
        ("html", "unreachable", "provider_fault"),
        ("empty", "unreachable", "provider_fault"),
        ("broken", "unreachable", "provider_fault"),
        ("drop", "unreachable", "provider_fault"),
        ("deaf", "unreachable", "provider_fault"),
    ],
)
def test_without_an_access_token_nothing_has_left(fcm, user, target, how, outcome, expected):
    if how == "deaf":
        fcm.before_silence()
    fcm.tokens = how
    began = time.monotonic()
    error = refusal(user)
    assert (error.outcome, error.error_class) == (outcome, expected)
    assert time.monotonic() - began < AT_ONCE
    assert fcm.messages == []


@pytest.mark.parametrize(
    "wrong", [{"private_key": "no key"}, {"private_key": ""}, {"token_uri": "ftp://somewhere"}]
)
def test_a_service_account_that_cannot_sign_is_our_configuration(fcm, user, target, settings, wrong):
    settings.FCM_SERVICE_ACCOUNT = settings.FCM_SERVICE_ACCOUNT | wrong
    error = refusal(user)
    assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert fcm.requests == []


@pytest.mark.parametrize("how", ["accept", "drop", "bad-token", (503, "UNAVAILABLE"), "html"])
def test_nothing_tells_the_target_the_text_or_the_token(fcm, user, target, how, caplog):
    caplog.set_level(logging.DEBUG)
    fcm.answers(how)
    error = None
    try:
        send(user)
    except ProviderError as caught:
        error = caught
    told = f"{error!r} {getattr(error, '__cause__', None)!r} {caplog.text}"
    told += "".join(
        str(record.__dict__) for record in caplog.records if not record.name.startswith("django.db")
    )
    for secret in (target, TEXT, fcm.granted[0], "PRIVATE KEY"):
        assert secret not in told
