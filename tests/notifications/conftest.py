import pytest

from tests.accounts.helpers import Inbox
from tests.support.carriers import Twilio, Unifonic

PATIENCE = 1.2
AT_ONCE = PATIENCE + 2.5
"""Far below the silence of a carrier that hangs, with room for a busy machine."""


@pytest.fixture
def inbox(settings, tmp_path):
    settings.CONSOLE_MESSAGES_FILE = tmp_path / "messages.log"
    settings.SMS_PROVIDER = ["console"]
    return Inbox(settings.CONSOLE_MESSAGES_FILE)


@pytest.fixture
def unifonic(settings):
    """The stand-in, with an adapter that soon loses patience."""
    settings.PROVIDER_TIMEOUT = PATIENCE
    with Unifonic() as stand_in:
        for name, value in stand_in.settings(whatsapp=True).items():
            setattr(settings, name, value)
        settings.SMS_PROVIDER = ["unifonic"]
        yield stand_in


@pytest.fixture
def twilio(settings):
    settings.PROVIDER_TIMEOUT = PATIENCE
    with Twilio() as stand_in:
        for name, value in stand_in.settings(whatsapp=True).items():
            setattr(settings, name, value)
        settings.SMS_PROVIDER = ["twilio"]
        yield stand_in
