import pytest
from freezegun import freeze_time

from tests.accounts.helpers import Inbox, Phone


@pytest.fixture
def inbox(settings, tmp_path):
    settings.CONSOLE_MESSAGES_FILE = tmp_path / "messages.log"
    settings.OTP_PROVIDER = ["console"]
    return Inbox(settings.CONSOLE_MESSAGES_FILE)


@pytest.fixture
def clock():
    """A Friday evening in Riyadh that moves only when told."""
    with freeze_time("2026-11-20T18:30:00Z") as frozen:
        yield frozen


@pytest.fixture
def arabic():
    return Phone(HTTP_ACCEPT_LANGUAGE="ar-SA")


@pytest.fixture
def english():
    return Phone(HTTP_ACCEPT_LANGUAGE="en")
