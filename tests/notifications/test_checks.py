"""A provider that is named but could not work stops the start, and the message names the variable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks

from tests.support.carriers import Fcm

ROOT = Path(__file__).resolve().parents[2]

OFF = {
    "TWILIO_ACCOUNT_SID": "",
    "TWILIO_AUTH_TOKEN": "",
    "TWILIO_FROM": "",
    "TWILIO_MESSAGING_SERVICE_SID": "",
    "TWILIO_WHATSAPP_FROM": "",
    "TWILIO_WHATSAPP_OTP_CONTENT_SID": {"ar": "", "en": ""},
    "UNIFONIC_APP_SID": "",
    "UNIFONIC_SENDER_ID": "",
    "UNIFONIC_BASIC_USER": "",
    "UNIFONIC_BASIC_PASSWORD": "",
    "UNIFONIC_WHATSAPP_PUBLIC_ID": "",
    "UNIFONIC_WHATSAPP_SECRET": "",
    "UNIFONIC_WHATSAPP_OTP_TEMPLATE": "",
    "TWILIO_PROMOTION_FROM": "",
    "UNIFONIC_PROMOTION_SENDER_ID": "",
    "UNIFONIC_CALLBACK_SECRET": "",
    "WHATSAPP_TEMPLATES": {},
    "PUSH_PROVIDER": [],
    "FCM_SERVICE_ACCOUNT": {},
    "FCM_PROJECT_ID": "",
    "FCM_BASE_URL": "",
    "EMAIL_PROVIDER": [],
}
TWILIO = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "x", "TWILIO_FROM": "Mawid"}
UNIFONIC = {"UNIFONIC_APP_SID": "sid-1", "UNIFONIC_SENDER_ID": "Mawid"}
CONTENT = {"ar": "HX1", "en": "HX2"}


@pytest.fixture(autouse=True)
def nothing_set(settings):
    for name, value in OFF.items():
        setattr(settings, name, value)


def found():
    return {
        (message.id.removeprefix("notifications."), message.msg.split()[0])
        for message in run_checks()
        if message.id and message.id.startswith("notifications.")
    }


@pytest.mark.parametrize("variable", ["OTP_PROVIDER", "SMS_PROVIDER"])
@pytest.mark.parametrize(
    ("provider", "values", "complaints"),
    [
        (
            "twilio",
            {},
            {("E002", "TWILIO_ACCOUNT_SID"), ("E002", "TWILIO_AUTH_TOKEN"), ("E002", "TWILIO_FROM")},
        ),
        ("twilio", TWILIO | {"TWILIO_AUTH_TOKEN": ""}, {("E002", "TWILIO_AUTH_TOKEN")}),
        ("twilio", TWILIO | {"TWILIO_FROM": ""}, {("E002", "TWILIO_FROM")}),
        ("twilio", TWILIO, set()),
        ("twilio", TWILIO | {"TWILIO_FROM": "", "TWILIO_MESSAGING_SERVICE_SID": "MG1"}, set()),
        ("twilio", TWILIO | {"TWILIO_FROM": "+966500000000"}, set()),
        ("twilio", TWILIO | {"TWILIO_FROM": "MuchTooLongName"}, {("E009", "TWILIO_FROM")}),
        (
            "twilio",
            TWILIO | {"TWILIO_WHATSAPP_FROM": "+966500000000"},
            {
                ("E006", "TWILIO_WHATSAPP_OTP_CONTENT_SID_AR"),
                ("E006", "TWILIO_WHATSAPP_OTP_CONTENT_SID_EN"),
            },
        ),
        (
            "twilio",
            TWILIO
            | {
                "TWILIO_WHATSAPP_FROM": "whatsapp:+966500000000",
                "TWILIO_WHATSAPP_OTP_CONTENT_SID": {"ar": "HX1", "en": ""},
            },
            {("E006", "TWILIO_WHATSAPP_OTP_CONTENT_SID_EN")},
        ),
        ("twilio", TWILIO | {"TWILIO_WHATSAPP_OTP_CONTENT_SID": CONTENT}, {("E006", "TWILIO_WHATSAPP_FROM")}),
        (
            "twilio",
            TWILIO | {"TWILIO_WHATSAPP_OTP_CONTENT_SID": CONTENT, "TWILIO_WHATSAPP_FROM": "Mawid"},
            {("E009", "TWILIO_WHATSAPP_FROM")},
        ),
        (
            "twilio",
            TWILIO | {"TWILIO_ACCOUNT_SID": "SK1", "TWILIO_MESSAGING_SERVICE_SID": "AC1"},
            {("W008", "TWILIO_ACCOUNT_SID"), ("W008", "TWILIO_MESSAGING_SERVICE_SID")},
        ),
        ("unifonic", {}, {("E002", "UNIFONIC_APP_SID"), ("W003", "UNIFONIC_SENDER_ID")}),
        ("unifonic", UNIFONIC | {"UNIFONIC_SENDER_ID": "MuchTooLongName"}, {("E004", "UNIFONIC_SENDER_ID")}),
        ("unifonic", UNIFONIC | {"UNIFONIC_SENDER_ID": "Mawid-AD"}, {("E005", "UNIFONIC_SENDER_ID")}),
        ("unifonic", UNIFONIC, set()),
        ("unifonic", UNIFONIC | {"UNIFONIC_BASIC_USER": "someone"}, {("E007", "UNIFONIC_BASIC_USER")}),
        (
            "unifonic",
            UNIFONIC | {"UNIFONIC_WHATSAPP_SECRET": "x"},
            {("E006", "UNIFONIC_WHATSAPP_PUBLIC_ID"), ("E006", "UNIFONIC_WHATSAPP_OTP_TEMPLATE")},
        ),
        (
            "unifonic",
            UNIFONIC
            | {
                "UNIFONIC_WHATSAPP_SECRET": "x",
                "UNIFONIC_WHATSAPP_PUBLIC_ID": "x",
                "UNIFONIC_WHATSAPP_OTP_TEMPLATE": "x",
            },
            set(),
        ),
        ("twilio", TWILIO | {"TWILIO_FROM": "Mawid-AD"}, {("E005", "TWILIO_FROM")}),
        ("twilio", TWILIO | {"TWILIO_PROMOTION_FROM": "Mawid-AD"}, set()),
        ("twilio", TWILIO | {"TWILIO_PROMOTION_FROM": "Mawid"}, {("E011", "TWILIO_PROMOTION_FROM")}),
        (
            "unifonic",
            UNIFONIC | {"UNIFONIC_PROMOTION_SENDER_ID": "MawidSalon-AD"},
            {("E011", "UNIFONIC_PROMOTION_SENDER_ID")},
        ),
        ("unifonic", UNIFONIC | {"UNIFONIC_PROMOTION_SENDER_ID": "Mawid-AD"}, set()),
        (
            "unifonic",
            UNIFONIC | {"UNIFONIC_CALLBACK_SECRET": "short"},
            {("E010", "UNIFONIC_CALLBACK_SECRET")},
        ),
        (
            "unifonic",
            UNIFONIC | {"UNIFONIC_CALLBACK_SECRET": "with/a/slash" * 4},
            {("E010", "UNIFONIC_CALLBACK_SECRET")},
        ),
        ("unifonic", UNIFONIC | {"UNIFONIC_CALLBACK_SECRET": "s" * 32}, set()),
        (
            "unifonic",
            UNIFONIC
            | {
                "UNIFONIC_WHATSAPP_SECRET": "x",
                "UNIFONIC_WHATSAPP_PUBLIC_ID": "x",
                "WHATSAPP_TEMPLATES": {"booking_confirmed": {"ar": {"unifonic": "x"}}},
            },
            set(),
        ),
        (
            "twilio",
            TWILIO
            | {
                "WHATSAPP_TEMPLATES": {
                    "booking_confirmed": {"ar": {"twilio": "HX1"}, "en": {"twilio": "MG1"}},
                    "booking_eaten": {"ar": {"unifonic": "x"}},
                }
            },
            {("E012", "WHATSAPP_TEMPLATES"), ("W008", "WHATSAPP_TEMPLATES:")},
        ),
        ("console", {}, set()),
    ],
)
def test_half_a_configuration_stops_the_start(settings, variable, provider, values, complaints):
    setattr(settings, variable, [provider])
    for name, value in values.items():
        setattr(settings, name, value)
    assert found() == complaints


def service_account(**wrong):
    with Fcm() as stand_in:
        account = stand_in.settings()["FCM_SERVICE_ACCOUNT"]
    return account | {"token_uri": "https://oauth2.googleapis.com/token"} | wrong


@pytest.mark.parametrize(
    ("account", "project", "complaints"),
    [
        ({}, "", {("E002", "FCM_SERVICE_ACCOUNT"), ("E002", "FCM_PROJECT_ID")}),
        ({}, "mawid", {("E002", "FCM_SERVICE_ACCOUNT")}),
        (service_account(), "mawid", set()),
        (service_account(private_key="no key"), "mawid", {("E013", "FCM_SERVICE_ACCOUNT")}),
        (service_account(token_uri="http://example.sa/token"), "mawid", {("E014", "FCM_SERVICE_ACCOUNT:")}),
    ],
)
def test_half_a_configuration_of_push_stops_the_start(settings, account, project, complaints):
    settings.PUSH_PROVIDER = ["fcm"]
    settings.FCM_SERVICE_ACCOUNT, settings.FCM_PROJECT_ID = account, project
    assert found() == complaints


@pytest.mark.parametrize(
    ("values", "complaints"),
    [
        ({"EMAIL_HOST": "mail.example.sa"}, set()),
        ({"EMAIL_HOST": ""}, {("E002", "EMAIL_HOST")}),
        ({"EMAIL_HOST": "mail.example.sa", "EMAIL_FROM": ""}, {("E002", "EMAIL_FROM")}),
        ({"EMAIL_HOST": "mail.example.sa", "EMAIL_FROM": "Mawid"}, {("E015", "EMAIL_FROM")}),
        (
            {"EMAIL_HOST": "mail.example.sa", "EMAIL_OFFERS_FROM": "a@b", "EMAIL_REPLY_TO": "help"},
            {("E015", "EMAIL_OFFERS_FROM"), ("E015", "EMAIL_REPLY_TO")},
        ),
        (
            {"EMAIL_SERVICE": "postmark", "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend"},
            {("E016", "ANYMAIL:")},
        ),
        (
            {
                "EMAIL_SERVICE": "postmark",
                "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
                "ANYMAIL": {"POSTMARK_SERVER_TOKEN": "x"},
            },
            set(),
        ),
    ],
)
def test_half_a_configuration_of_email_stops_the_start(settings, values, complaints):
    settings.EMAIL_PROVIDER, settings.EMAIL_SERVICE, settings.ANYMAIL = ["django"], "smtp", {}
    settings.EMAIL_FROM, settings.EMAIL_OFFERS_FROM, settings.EMAIL_REPLY_TO = "m@example.sa", "", ""
    for name, value in values.items():
        setattr(settings, name, value)
    assert found() == complaints


def test_a_provider_that_nobody_names_may_be_half_configured(settings):
    settings.TWILIO_WHATSAPP_FROM = "+966500000000"
    settings.UNIFONIC_SENDER_ID = "MuchTooLongName"
    assert found() == set()


def test_no_provider_at_all_stops_the_start(settings):
    settings.OTP_PROVIDER = []
    assert found() == {("E001", "OTP_PROVIDER")}
    settings.SMS_PROVIDER = []
    assert found() == {("E001", "OTP_PROVIDER"), ("E001", "SMS_PROVIDER")}


PRODUCTION = {
    "APP_ENV": "production",
    "PHOTO_STORAGE": "disk",
    "MEDIA_DIR": "/srv/mawid/media",
    "SECRET_KEY": "0123456789" * 6,
    "ALLOWED_HOSTS": "api.example.sa",
    "PUBLIC_BASE_URL": "https://api.example.sa",
    "DATABASE_URL": "postgresql://mawid@db.example.sa/mawid",
    "OTP_PROVIDER": "twilio",
    "SMS_PROVIDER": "twilio",
    "PATH": os.environ["PATH"],
}


def complaint(environment):
    """The last line of what the settings say to this environment; empty when they are content."""
    result = subprocess.run(
        [sys.executable, "-c", "import backend.config.settings"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode == 0) == (result.stderr == ""), result.stderr
    return result.stderr.splitlines()[-1] if result.stderr else ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWILIO_BASE_URL", "http://127.0.0.1:9001"),
        ("UNIFONIC_BASE_URL", "http://127.0.0.1:9001"),
        ("UNIFONIC_WHATSAPP_BASE_URL", "http://127.0.0.1:9001"),
        ("OTP_PROVIDER", "twilio,console"),
        ("SMS_PROVIDER", "twilio,pigeon"),
        ("PROVIDER_TIMEOUT", "60"),
        ("UNIFONIC_WHATSAPP_OTP_BUTTON", "round"),
        ("FCM_BASE_URL", "http://127.0.0.1:9001"),
        ("FCM_SERVICE_ACCOUNT", "{"),
        ("FCM_SERVICE_ACCOUNT", "[]"),
        ("PUSH_PROVIDER", "console"),
        ("PUSH_PROVIDER", "twilio"),
        ("EMAIL_PROVIDER", "console"),
        ("EMAIL_SERVICE", "pigeon"),
        ("EMAIL_ENCRYPTION", "rot13"),
        ("ANYMAIL", "token"),
        ("WHATSAPP_TEMPLATES", "[]"),
        ("WHATSAPP_TEMPLATES", '{"booking_confirmed": []}'),
        ("WHATSAPP_TEMPLATES", '{"booking_confirmed": {"fr": {"twilio": "HX1"}}}'),
        ("WHATSAPP_TEMPLATES", '{"booking_confirmed": {"ar": {"pigeon": "HX1"}}}'),
        ("WHATSAPP_TEMPLATES", '{"booking_confirmed": {"ar": {"twilio": ""}}}'),
    ],
)
def test_production_refuses_what_is_only_good_for_tests_and_names_it(name, value):
    assert complaint(PRODUCTION | {name: value}).startswith(
        f"django.core.exceptions.ImproperlyConfigured: {name}"
    )


def test_an_email_provider_without_a_service_stops_production_and_names_it():
    environment = PRODUCTION | {"EMAIL_PROVIDER": "django"}
    assert complaint(environment).startswith("django.core.exceptions.ImproperlyConfigured: EMAIL_SERVICE")
    assert complaint(environment | {"EMAIL_HOST": "mail.example.sa"}) == ""
