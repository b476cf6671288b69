"""Salons' own words in the console: the same rules as in the owner's app, and what a customer would read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from backend.bookings.models import Wording
from backend.salons.models import Salon
from tests.console.helpers import address, browser, operator
from tests.console.test_catalogue import errors_of, saved
from tests.factories import open_salon

pytestmark = pytest.mark.django_db
TEXT = "حياك الله في {salon}\r\n{day} {date} الساعة {time}\r\n{ref}"


@pytest.fixture
def client() -> Any:
    return browser(operator("platform_admin"), language="en")


def new(client: Any, **more: str) -> Any:
    salon, _, _ = open_salon(audience="men")
    body = {"salon": str(salon.pk), "kind": "booking_confirmed", "language": "ar", "text": TEXT} | more
    return client.post(address(Wording, "add"), body)


def test_what_is_written_here_is_checked_kept_and_shown_as_a_customer_reads_it(client: Any) -> None:
    saved(new(client))
    row = Wording.objects.get()
    assert row.text == TEXT.replace("\r\n", "\n")
    assert row.changed_by is not None
    assert Salon.objects.get().has_own_wordings
    page = client.get(address(Wording, "change", row.pk)).content.decode()
    assert 'dir="rtl" lang="ar">حياك الله في صالون لمسة<br>الأربعاء 30/12 الساعة 12:30 م<br>BK10427<' in page
    assert "61 / 1" in page
    saved(client.post(address(Wording, "change", row.pk), {"text": f"أهلا {TEXT[5:]}"}))
    row.refresh_from_db()
    assert row.text.startswith("أهلا ")
    assert LogEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("موعدك {day} {date} {time}", "These placeholders are missing: ref"),
        (f"{TEXT} {{name}}", "These placeholders are not known here: name"),
        (f"{TEXT}{'ا' * 20}", "units. It must fit one part"),
        (f"{TEXT} lamsa.sa", "Links are not allowed here."),
    ],
)
def test_what_may_not_be_sent_is_not_kept(client: Any, text: str, sentence: str) -> None:
    assert sentence in str(errors_of(new(client, text=text)))
    assert not Wording.objects.exists()


def test_taking_words_back_leaves_everybody_s(client: Any) -> None:
    saved(new(client))
    row = Wording.objects.get()
    client.post(address(Wording, "delete", row.pk), {"post": "yes"})
    assert not Wording.objects.exists()
    assert not Salon.objects.get().has_own_wordings
