"""What companies report of a message: who is speaking is settled first, and a state only moves forward."""

import itertools
import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client, TestCase
from django.utils import timezone

from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message
from tests.support.callbacks import PUBLIC, post_form, post_json, sign
from tests.support.race import race

pytestmark = pytest.mark.django_db

PATH = "/api/v1/webhooks/twilio/messages"
SECRET = "a-secret-of-32-letters-or-more-01"


@pytest.fixture(autouse=True)
def public_address(settings):
    settings.PUBLIC_BASE_URL = PUBLIC
    settings.UNIFONIC_CALLBACK_SECRET = SECRET
    settings.MESSAGE_CHANNELS = ["sms"]


def owe(key="1"):
    with TestCase.captureOnCommitCallbacks(execute=True), transaction.atomic():
        return operations.enqueue(
            operations.draft(
                recipient=None,
                to_phone="+966512345678",
                language="ar",
                kind="booking_confirmed",
                audience="customer",
                words=operations.Words(text="تم تأكيد حجزك"),
                event_key=key,
                now=timezone.now(),
            )
        )


def told(message=None):
    attempts = DeliveryAttempt.objects.order_by("number")
    if message is not None:
        attempts = attempts.filter(message=message)
    return [(attempt.report, attempt.report_error) for attempt in attempts]


def by_twilio(twilio, status, *, sid=None, path=PATH, **more):
    sid = sid or twilio.accepted[0]["sid"]
    fields = {"MessageSid": sid, "SmsSid": sid, "MessageStatus": status, "SmsStatus": status} | {
        "To": "+966512345678",
        "From": "Mawid",
        "AccountSid": twilio.account_sid,
        "ApiVersion": "2010-04-01",
        **more,
    }
    return post_form(path, fields, token=twilio.auth_token)


# Twilio


@pytest.mark.parametrize(
    ("status", "code", "report", "error"),
    [
        ("queued", "", "", ""),
        ("accepted", "", "", ""),
        ("sending", "", "", ""),
        ("something_new", "", "", ""),
        ("sent", "", "sent", ""),
        ("delivered", "", "delivered", ""),
        ("read", "", "read", ""),
        ("undelivered", "30003", "undelivered", "no_route"),
        ("undelivered", "30006", "undelivered", "recipient"),
        ("failed", "63016", "undelivered", "our_bug"),
        ("failed", "30450", "undelivered", "blocked"),
        ("failed", "", "undelivered", "provider_fault"),
        ("canceled", "not a number", "undelivered", "provider_fault"),
    ],
)
def test_a_status_in_our_words(twilio, status, code, report, error):
    owe()
    response = by_twilio(twilio, status, ErrorCode=code)
    assert response.status_code == 200
    assert told()[0] == (report, error)


REPORTS = ("sent", "undelivered", "delivered", "read")


@pytest.mark.parametrize("order", list(itertools.permutations(REPORTS, 3)))
def test_reports_in_any_order_and_twice_only_move_forward(twilio, order):
    message = owe()
    for status in order:
        for _ in range(2):
            assert by_twilio(twilio, status).status_code == 200
    assert told(message)[0][0] == max(order, key=REPORTS.index)


@pytest.mark.django_db(transaction=True)
def test_reports_that_come_at_once_end_at_the_furthest(twilio):
    message = owe()
    race(*[lambda status=status: by_twilio(twilio, status) for status in ("sent", "delivered", "read") * 2])
    assert told(message) == [("read", "")]


def test_a_report_that_is_quicker_than_the_answer_to_our_call_is_kept(twilio):
    """Nobody saw what Twilio called the message: our own name in the address finds it."""
    twilio.answers("drop")
    message = owe()
    assert Message.objects.get().state == "unknown"
    callback = twilio.sent[0]["StatusCallback"].removeprefix(PUBLIC)
    assert callback == f"{PATH}?reference={message.reference}&channel=sms"
    assert by_twilio(twilio, "delivered", path=callback).status_code == 200
    assert told(message) == [("delivered", "")]
    assert Message.objects.get().state == "sent"
    assert len(twilio.sent) == 1


def test_an_unknown_message_is_nobodys_fault(twilio):
    owe()
    assert by_twilio(twilio, "delivered", sid="SM" + "0" * 32).status_code == 200
    reference = f"{PATH}?reference=one-time-code"
    assert by_twilio(twilio, "delivered", sid="SM" + "0" * 32, path=reference).status_code == 200
    assert told() == [("", "")]


def test_a_report_that_names_no_message_is_refused(twilio):
    response = post_form(PATH, {"MessageStatus": "sent"}, token=twilio.auth_token)
    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    "how",
    [
        {"signature": ""},
        {"signature": "bm90IGEgc2lnbmF0dXJl"},
        {"signature": "é"},
        {"token": "another"},
        {"public": "http://api.example.sa"},
        {"public": "https://testserver"},
        {"tampered": {"MessageStatus": "read"}},
        {"tampered": {"More": "1"}},
    ],
)
def test_a_call_that_twilio_did_not_sign_changes_nothing(twilio, how):
    owe()
    fields = {"MessageSid": twilio.accepted[0]["sid"], "MessageStatus": "delivered"}
    response = post_form(PATH, fields, **({"token": twilio.auth_token} | how))
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")
    assert told() == [("", "")]


def test_a_changed_reference_is_not_what_was_signed(twilio):
    message = owe()
    signed = sign(twilio.auth_token, f"{PUBLIC}{PATH}?reference=x", {"MessageSid": "SM1"})
    path = f"{PATH}?reference={message.reference}"
    response = post_form(path, {"MessageSid": "SM1"}, token=twilio.auth_token, signature=signed)
    assert response.status_code == 403


def test_without_a_token_of_our_own_nobody_can_sign(twilio, settings):
    owe()
    settings.TWILIO_AUTH_TOKEN = ""
    fields = {"MessageSid": twilio.accepted[0]["sid"], "MessageStatus": "delivered"}
    assert post_form(PATH, fields, token="").status_code == 403
    assert told() == [("", "")]


def test_a_port_in_the_address_does_not_matter(twilio):
    owe()
    fields = {"MessageSid": twilio.accepted[0]["sid"], "MessageStatus": "delivered"}
    assert post_form(PATH, fields, token=twilio.auth_token, public=f"{PUBLIC}:443").status_code == 200
    assert told() == [("delivered", "")]


def test_json_is_believed_by_its_hash(twilio):
    message = owe()
    body = {"MessageSid": twilio.accepted[0]["sid"], "MessageStatus": "delivered"}
    forged = body | {"MessageStatus": "read"}
    path = f"{PATH}?reference={message.reference}"
    assert post_json(path, body, token=twilio.auth_token, tampered=forged).status_code == 403
    assert post_json(path, body, token=twilio.auth_token, with_hash=False).status_code == 403
    assert told() == [("", "")]
    assert post_json(path, body, token=twilio.auth_token).status_code == 200
    assert told() == [("delivered", "")]
    assert post_json(path, [body], token=twilio.auth_token).status_code == 400


@pytest.mark.parametrize(
    "path", [PATH, "/api/v1/webhooks/twilio/inbound", f"/api/v1/webhooks/unifonic/{SECRET}"]
)
def test_only_posts_are_taken_and_the_contract_is_silent_about_them(path):
    assert Client().get(path).status_code == 405
    described = Client().get("/api/v1/openapi.json").json()["paths"]
    assert not any("webhooks/twilio" in known or "webhooks/unifonic" in known for known in described)


# Unifonic


def unifonic_says(fields, *, secret=SECRET, form=False, query=""):
    path = f"/api/v1/webhooks/unifonic/{secret}{query}"
    if form:
        return Client().post(path, urlencode(fields), content_type="application/x-www-form-urlencoded")
    return Client().post(path, json.dumps(fields), content_type="application/json")


SEEN = [
    ({"MessageID": 3200017889310, "DLR": "Delivered"}, "delivered", ""),
    (
        {"MessageID": "3200017889310", "Status": "Sent", "DLR": "Undeliverable"},
        "undelivered",
        "provider_fault",
    ),
    ({"messageid": "3200017889310", "status": "sent"}, "sent", ""),
    ({"MESSAGEID": "3200017889310", "STATUS": "FAILED", "errorCode": "ER-05"}, "undelivered", "no_route"),
    ({"MessageID": "3200017889310", "Status": "Rejected"}, "undelivered", "provider_fault"),
    ({"MessageID": "3200017889310", "DLR": "2"}, "delivered", ""),
    ({"MessageID": "3200017889310", "DLR": "5"}, "undelivered", "provider_fault"),
    ({"MessageID": "3200017889310", "Status": "Queued"}, "", ""),
    ({"MessageID": "3200017889310", "Status": "Something new", "Extra": {"a": [1]}}, "", ""),
    ({"messageId": "3200017889310", "eventId": "e-1", "eventType": "message.delivered"}, "delivered", ""),
    (
        {"messageId": "3200017889310", "eventType": "message.sent_successfully_to_provider"},
        "sent",
        "",
    ),
    ({"messageId": "3200017889310", "eventType": "message.read"}, "read", ""),
    ({"messageId": "3200017889310", "eventType": "message.failed"}, "undelivered", "provider_fault"),
    ({"messageId": "3200017889310", "eventType": "conversation.opened"}, "", ""),
]


@pytest.mark.parametrize(("fields", "report", "error"), SEEN)
def test_a_report_in_any_shape_seen_in_print(unifonic, fields, report, error):
    message = owe()
    assert unifonic_says(fields).status_code == 200
    assert told(message)[0] == (report, error)


def test_a_form_is_as_good_as_json(unifonic):
    message = owe()
    fields = {"MessageID": "3200017889310", "DLR": "Delivered", "Recipient": "966512345678"}
    assert unifonic_says(fields, form=True).status_code == 200
    assert told(message) == [("delivered", "")]


def test_our_own_name_in_the_address_finds_a_message_whose_id_nobody_saw(unifonic):
    unifonic.answers("drop")
    message = owe()
    path = unifonic.sent[0]["statusCallback"].removeprefix(PUBLIC)
    response = Client().post(path, '{"MessageID": "9", "DLR": "Delivered"}', content_type="application/json")
    assert response.status_code == 200
    assert told(message) == [("delivered", "")]


@pytest.mark.parametrize("secret", ["another", SECRET + "x", SECRET.upper(), "é" * 32])
def test_another_secret_is_not_there(unifonic, secret):
    owe()
    response = unifonic_says({"MessageID": "3200017889310", "DLR": "Delivered"}, secret=secret)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert told() == [("", "")]


@pytest.mark.parametrize("secret", [SECRET, "somebody-guesses"])
def test_the_log_does_not_repeat_the_address(unifonic, caplog, secret):
    caplog.set_level("INFO")
    unifonic_says({"MessageID": "77", "DLR": "Delivered"}, secret=secret)
    [line] = [record.getMessage() for record in caplog.records if record.name == "mawid.access"]
    assert line.startswith("POST /api/v1/webhooks/unifonic/*** ")
    assert secret not in caplog.text


def test_the_log_does_not_repeat_it_where_the_path_leads_nowhere(unifonic, caplog):
    caplog.set_level("INFO")
    answer = Client().post(f"/api/v1/webhooks/unifonic/{SECRET}/", "{}", content_type="application/json")
    assert answer.status_code == 404
    assert SECRET not in caplog.text


def test_without_a_secret_there_is_no_door(unifonic, settings):
    settings.UNIFONIC_CALLBACK_SECRET = ""
    assert (
        Client().post("/api/v1/webhooks/unifonic/", "{}", content_type="application/json").status_code == 404
    )
    assert unifonic_says({"MessageID": "3200017889310", "DLR": "Delivered"}).status_code == 404


@pytest.mark.parametrize("name", ["a\\u0000b", "\\ud800"])
def test_an_id_that_no_database_can_hold_is_a_bad_request(unifonic, name):
    body = f'{{"MessageID": "{name}", "DLR": "Delivered"}}'
    response = Client().post(f"/api/v1/webhooks/unifonic/{SECRET}", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '"text"', "[" * 20_000, '{"DLR": "Delivered"}', '{"MessageID": 5}', "\xff"]
)
def test_what_cannot_be_read_is_a_bad_request(unifonic, body):
    response = Client().post(f"/api/v1/webhooks/unifonic/{SECRET}", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


def test_an_unknown_id_is_nobodys_fault_and_a_repeat_changes_nothing(unifonic):
    owe()
    assert unifonic_says({"MessageID": "77", "DLR": "Delivered"}).status_code == 200
    assert told() == [("", "")]
    for status in ("Delivered", "Sent", "Delivered"):
        assert unifonic_says({"MessageID": "3200017889310", "DLR": status}).status_code == 200
    assert told() == [("delivered", "")]


def test_an_undelivered_text_goes_on_by_the_next_provider(unifonic, twilio, settings):
    settings.SMS_PROVIDER = ["unifonic", "twilio"]
    message = owe()
    assert unifonic_says({"MessageID": "3200017889310", "DLR": "Undeliverable"}).status_code == 200
    operations.deliver_due(now=timezone.now() + timedelta(seconds=1))
    assert len(unifonic.accepted) == len(twilio.accepted) == 1
    attempts = DeliveryAttempt.objects.filter(message=message).order_by("number")
    assert [(a.provider, a.report) for a in attempts] == [("unifonic", "undelivered"), ("twilio", "")]
