"""The reference client on a live server, over a line that loses, cuts, delays and spoils what passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories import open_salon
from tests.support.node import npm, package
from tests.support.server import ServerProcess


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_the_reference_client_books_once_and_stays_signed_in_whatever_the_line_does(tmp_path: Path) -> None:
    client = package("clients/typescript")
    salon, _service, _staff = open_salon(staff=6, auto_confirm=True, deposit_percent=0)
    messages = tmp_path / "messages.log"
    with ServerProcess(
        LIMITS_SCALE="1000", CONSOLE_MESSAGES_FILE=str(messages), OTP_PROVIDER="console"
    ) as server:
        surroundings = {
            "MAWID_URL": server.url,
            "MAWID_SALON": salon.slug,
            "MAWID_MESSAGES": str(messages),
            "MAWID_PHONES": "01234",
        }
        for words in (("run", "generate"), ("test",)):
            done = npm(client, *words, **surroundings)
            assert done.returncode == 0, done.stdout[-8000:]
