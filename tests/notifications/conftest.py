import pytest

from tests.accounts.helpers import Inbox
from tests.support.carriers import Fcm, Postmark, Twilio, Unifonic
from tests.support.mailserver import MailServer

PATIENCE = 1.2
"""Seconds an adapter waits for a stand-in that a test has told to be silent."""
AT_ONCE = PATIENCE + 2.5
"""Far below the silence of a carrier that hangs, with room for a busy machine."""
AT_LEISURE = 6.0
"""Seconds it waits for one that answers, which a busy machine may delay."""


def waits_for(stand_in, settings, name="PROVIDER_TIMEOUT"):
    """The adapter's patience with this stand-in: short only once silence has been asked for."""
    setattr(settings, name, AT_LEISURE)
    stand_in.before_silence = lambda: setattr(settings, name, PATIENCE)


@pytest.fixture
def inbox(settings, tmp_path):
    settings.CONSOLE_MESSAGES_FILE = tmp_path / "messages.log"
    settings.SMS_PROVIDER = ["console"]
    return Inbox(settings.CONSOLE_MESSAGES_FILE)


@pytest.fixture
def unifonic(settings):
    with Unifonic() as stand_in:
        waits_for(stand_in, settings)
        for name, value in stand_in.settings(whatsapp=True).items():
            setattr(settings, name, value)
        settings.SMS_PROVIDER = ["unifonic"]
        yield stand_in


@pytest.fixture
def twilio(settings):
    with Twilio() as stand_in:
        waits_for(stand_in, settings)
        for name, value in stand_in.settings(whatsapp=True).items():
            setattr(settings, name, value)
        settings.SMS_PROVIDER = ["twilio"]
        yield stand_in


@pytest.fixture
def fcm(settings):
    with Fcm() as stand_in:
        waits_for(stand_in, settings)
        for name, value in stand_in.settings().items():
            setattr(settings, name, value)
        yield stand_in


@pytest.fixture
def mail_server(settings):
    """A server that e-mail really goes to: the tests' own backend, which keeps it in memory, is replaced."""
    settings.EMAIL_PROVIDER = ["django"]
    settings.EMAIL_FROM = "موعد <mawid@example.sa>"
    settings.EMAIL_OFFERS_FROM = "Mawid <offers@example.sa>"
    settings.EMAIL_REPLY_TO = "help@example.sa"
    with MailServer() as server:
        waits_for(server, settings, "EMAIL_TIMEOUT")
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server


@pytest.fixture
def postmark(settings):
    settings.EMAIL_PROVIDER = ["django"]
    settings.EMAIL_FROM = "Mawid <mawid@example.sa>"
    settings.EMAIL_OFFERS_FROM = settings.EMAIL_REPLY_TO = ""
    with Postmark() as stand_in:
        for name, value in stand_in.settings().items():
            setattr(settings, name, value)
        yield stand_in
