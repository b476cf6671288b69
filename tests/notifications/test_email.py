"""E-mail on the wire: a mail server that fails at each step of the conversation, and a service's API."""

import time
from datetime import UTC, datetime

import pytest

from backend.notifications.providers import ProviderError, message_provider
from backend.notifications.providers.mail import as_html
from tests.notifications.conftest import AT_ONCE
from tests.support.carriers import ACCEPTING_FAULTS, LOSING_FAULTS
from tests.support.mailserver import PASSWORD, USER

TO, REFERENCE = "sara@example.com", "0199aabbccddeeff"
TITLE, TEXT = "تم تأكيد الحجز", "تم تأكيد حجزك في Rose\nالأحد 22/11 الساعة 4:30 م\nرقم الحجز BK10427"


def send(*, to=TO, title=TITLE, body=TEXT, promotional=False):
    return message_provider("django").send(
        channel="email", to=to, body=body, reference=REFERENCE, title=title, promotional=promotional
    )


def refusal(**kwargs):
    with pytest.raises(ProviderError) as caught:
        send(**kwargs)
    return caught.value


# What is sent


def test_a_message_is_handed_over(mail_server):
    assert send() == f"{REFERENCE}@example.sa"
    (mail,) = mail_server.accepted
    assert mail_server.envelopes == [("mawid@example.sa", [TO])]
    assert (mail["Subject"], mail["From"], mail["To"]) == (TITLE, "موعد <mawid@example.sa>", TO)
    assert mail["Reply-To"] == "help@example.sa"
    assert mail["Message-ID"] == f"<{REFERENCE}@example.sa>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "ar"
    assert mail["List-Unsubscribe"] is None
    assert mail.get_body(("plain",)).get_content().strip().splitlines() == TEXT.splitlines()
    page = mail.get_body(("html",)).get_content()
    assert '<html lang="ar" dir="rtl">' in page
    assert "4:30 م<br>رقم الحجز BK10427" in page


def test_an_english_message_reads_from_the_left(mail_server):
    send(title="Booking confirmed", body="Your booking at صالون روز is confirmed")
    (mail,) = mail_server.accepted
    assert mail["Content-Language"] == "en"
    assert '<html lang="en" dir="ltr">' in mail.get_body(("html",)).get_content()


def test_an_offer_has_its_own_sender_and_a_way_out(mail_server):
    send(promotional=True)
    (mail,) = mail_server.accepted
    assert mail_server.envelopes[0][0] == "offers@example.sa"
    assert mail["From"] == "Mawid <offers@example.sa>"
    assert mail["List-Unsubscribe"] == "<mailto:help@example.sa?subject=unsubscribe>"


def test_an_offer_without_a_sender_of_its_own_stays(mail_server, settings):
    settings.EMAIL_OFFERS_FROM = ""
    error = refusal(promotional=True)
    assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert mail_server.accepted == []


def test_words_are_words_and_not_markup(mail_server):
    send(title="<b>Sale</b>\nBcc: someone@example.com", body="<script>alert(1)</script> & more")
    (mail,) = mail_server.accepted
    assert mail["Subject"] == "<b>Sale</b> Bcc: someone@example.com"
    assert mail["Bcc"] is None
    page = mail.get_body(("html",)).get_content()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page


def test_without_a_title_the_first_words_are_the_subject(mail_server):
    send(title="")
    assert mail_server.accepted[0]["Subject"].strip() == " ".join(TEXT.split())[:60].strip()
    assert "<h1" not in as_html(title="", body=TEXT)


def test_a_server_that_wants_a_password_gets_it(mail_server, settings):
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    send()
    settings.EMAIL_HOST_PASSWORD = "another"
    error = refusal()
    assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert len(mail_server.accepted) == 1


def test_nobody_can_be_asked_about_an_email(mail_server):
    with pytest.raises(ProviderError) as caught:
        message_provider("django").find(reference=REFERENCE, to=TO, body=TEXT, since=datetime.now(UTC))
    assert caught.value.outcome == "unknown"


# What the server says

REPLIES = [
    ("connect", "421 4.3.2 come back later", "provider_fault", False),
    ("connect", "554 5.7.1 go away", "provider_fault", False),
    ("mail", "421 4.3.2 too busy", "provider_fault", False),
    ("mail", "451 4.3.0 later", "provider_fault", False),
    ("mail", "550 5.7.1 this sender may not", "configuration", False),
    ("rcpt", "421 4.7.0 too many", "provider_fault", False),
    ("rcpt", "450 4.7.1 greylisted", "no_route", False),
    ("rcpt", "452 4.2.2 mailbox full", "no_route", False),
    ("rcpt", "550 5.1.1 no such mailbox", "recipient", True),
    ("rcpt", "553 5.1.3 no such syntax", "recipient", True),
    ("rcpt", "550 no such mailbox", "recipient", True),
    ("rcpt", "554 5.7.1 relaying denied", "configuration", False),
    ("text", "451 4.3.0 later", "provider_fault", False),
    ("text", "552 5.3.4 too large", "our_bug", True),
    ("text", "550 5.7.26 unauthenticated sender", "configuration", False),
    ("text", "554 5.6.0 we do not like it", "provider_fault", False),
]


@pytest.mark.parametrize(("step", "reply", "expected", "permanent"), REPLIES)
def test_a_refusal(mail_server, step, reply, expected, permanent):
    mail_server.fails(step, reply)
    error = refusal()
    assert (error.outcome, error.error_class, error.permanent) == ("refused", expected, permanent)
    assert error.passes_to_other_channels
    assert mail_server.accepted == []


@pytest.mark.parametrize("how", ["hang", "drop", "drip"])
@pytest.mark.parametrize("step", ["connect", "mail", "rcpt"])
def test_silence_before_the_text_left_means_nobody_has_it(mail_server, step, how):
    mail_server.fails(step, how)
    began = time.monotonic()
    error = refusal()
    assert (error.outcome, error.error_class) == ("unreachable", "provider_fault")
    assert time.monotonic() - began < AT_ONCE
    assert mail_server.accepted == []


@pytest.mark.parametrize("how", ["hang", "drop", "drip"])
def test_silence_after_the_text_left_may_hide_an_acceptance(mail_server, how):
    mail_server.fails("text", how)
    began = time.monotonic()
    error = refusal()
    assert (error.outcome, error.error_class) == ("unknown", "unknown")
    assert time.monotonic() - began < AT_ONCE
    assert len(mail_server.accepted) == 1


def test_nobody_there(mail_server, settings):
    settings.EMAIL_PORT = 9
    error = refusal()
    assert (error.outcome, error.error_class) == ("unreachable", "provider_fault")


def test_a_server_without_the_encryption_we_want_gets_nothing(mail_server, settings):
    settings.EMAIL_USE_TLS = True
    error = refusal()
    assert (error.outcome, error.error_class) == ("refused", "configuration")
    assert mail_server.accepted == []


@pytest.mark.parametrize("step", ["mail", "rcpt", "text"])
def test_no_error_tells_the_address_or_the_text(mail_server, step):
    mail_server.fails(step, f"550 5.1.1 <{TO}> has no mailbox here")
    error = refusal()
    assert TO not in f"{error!r} {error.__cause__!r}"


# A service's API, through django-anymail


def test_a_service_takes_it_over(postmark):
    assert send() == "0a1b-1"
    (mail,) = postmark.accepted
    assert (mail["To"], mail["Subject"], mail["TextBody"]) == (TO, TITLE, TEXT)
    assert mail["HtmlBody"] == as_html(title=TITLE, body=TEXT)


@pytest.mark.parametrize(
    ("how", "expected", "permanent"),
    [
        ((401, 10), "configuration", False),
        ((403, 0), "configuration", False),
        ((422, 300), "recipient", True),
        ((422, 406), "recipient", True),
        ((422, 405), "our_bug", True),
        ((429, 0), "throttled", False),
        ((500, 0), "provider_fault", False),
        ((503, 100), "provider_fault", False),
        (401, "configuration", False),
    ],
)
def test_a_service_refuses(postmark, how, expected, permanent):
    postmark.answers(how)
    error = refusal()
    assert (error.outcome, error.error_class, error.permanent) == ("refused", expected, permanent)
    assert TO not in f"{error!r} {error.__cause__!r}"
    assert postmark.accepted == []


@pytest.mark.parametrize(
    "how", [*sorted(set(ACCEPTING_FAULTS) - {"drip", "array"}), *LOSING_FAULTS, 302, 408, 500, 502, 503]
)
def test_a_service_may_have_taken_it(postmark, how):
    postmark.answers(how)
    began = time.monotonic()
    assert refusal().outcome == "unknown"
    assert time.monotonic() - began < AT_ONCE


def test_a_service_that_says_nothing_of_the_recipient_may_have_taken_it(postmark, monkeypatch):
    monkeypatch.setitem(postmark.said, 406, "Nothing that anybody could read.")
    postmark.answers((422, 406))
    assert refusal().outcome == "unknown"


def test_no_service_there(postmark, settings):
    settings.ANYMAIL = settings.ANYMAIL | {"POSTMARK_API_URL": "http://127.0.0.1:9/"}
    error = refusal()
    assert (error.outcome, error.error_class) == ("unreachable", "provider_fault")


def test_a_service_without_its_token_is_our_configuration(postmark, settings):
    settings.ANYMAIL = {}
    error = refusal()
    assert (error.outcome, error.error_class) == ("refused", "configuration")
