import pytest

from backend.notifications.providers import unifonic as adapter
from tests.accounts.helpers import Inbox
from tests.notifications.stand_in import Unifonic


@pytest.fixture
def inbox(settings, tmp_path):
    settings.CONSOLE_MESSAGES_FILE = tmp_path / "messages.log"
    settings.SMS_PROVIDER = ["console"]
    return Inbox(settings.CONSOLE_MESSAGES_FILE)


@pytest.fixture
def unifonic(settings, monkeypatch):
    """The stand-in, with an adapter that loses patience after half a second."""
    monkeypatch.setattr(adapter, "TOTAL", 0.5)
    monkeypatch.setattr(adapter.UnifonicSms, "longest_call", 0.5)
    adapter._client.cache_clear()
    with Unifonic() as stand_in:
        settings.UNIFONIC_APP_SID, settings.UNIFONIC_SENDER_ID = "sid-1", "Mawid"
        settings.UNIFONIC_BASE_URL = stand_in.base_url
        settings.SMS_PROVIDER = ["unifonic"]
        yield stand_in
    adapter._client.cache_clear()
