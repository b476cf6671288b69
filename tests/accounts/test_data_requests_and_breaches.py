from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from backend.accounts import operations
from backend.accounts.models import Breach, Consent, DataRequest, PrivacyNotice
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def opened(**more: Any) -> DataRequest:
    return operations.open_data_request(
        **{"person": UserFactory.create(), "kind": "access", "channel": "phone", "now": NOW} | more
    )


# Requests -------------------------------------------------------------------------------------------------------


def test_a_request_is_due_in_thirty_days() -> None:
    request = opened()
    assert request.answer_by == NOW + 30 * DAY
    assert not request.overdue(NOW + 30 * DAY)
    assert request.overdue(NOW + 30 * DAY + timedelta(seconds=1))


def test_somebody_without_an_account_is_in_the_queue_too() -> None:
    assert opened(person=None, channel="letter").person is None


def test_it_may_be_extended_once_with_a_reason() -> None:
    request = opened()
    with pytest.raises(operations.DataRequestExtended):
        operations.extend_data_request(request, reason="")
    operations.extend_data_request(request, reason="Five years of paper.")
    request.refresh_from_db()
    assert request.answer_by == NOW + 60 * DAY
    with pytest.raises(operations.DataRequestExtended):
        operations.extend_data_request(request, reason="More paper.")


def test_it_is_answered_once() -> None:
    request = opened()
    operations.close_data_request(request, outcome="done", now=NOW + DAY)
    request.refresh_from_db()
    assert not request.overdue(NOW + 400 * DAY)
    with pytest.raises(operations.DataRequestClosed):
        operations.close_data_request(request, outcome="refused", now=NOW + DAY, note="again")
    with pytest.raises(operations.DataRequestExtended):
        operations.extend_data_request(request, reason="late")


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("data_request_due_in_30_days", {"due_at": NOW + 31 * DAY}),
        ("data_request_due_in_30_days", {"due_at": NOW}),
        ("data_request_extended_once", {"extended_until": NOW + 40 * DAY}),
        ("data_request_extended_once", {"extended_until": NOW + 61 * DAY, "extension_reason": "x"}),
        ("data_request_extended_once", {"extended_until": NOW + 29 * DAY, "extension_reason": "x"}),
        ("data_request_extended_once", {"extension_reason": "x"}),
        ("data_request_closed_whole", {"closed_at": NOW}),
        ("data_request_closed_whole", {"outcome": "done"}),
        ("data_request_closed_whole", {"closed_at": NOW - DAY, "outcome": "done"}),
        ("data_request_refused_with_reasons", {"closed_at": NOW, "outcome": "refused"}),
        ("data_request_kind_known", {"kind": "portability"}),
        ("data_request_channel_known", {"channel": "pigeon"}),
    ],
)
def test_the_database_keeps_the_rules_of_the_queue(constraint: str, changes: dict[str, Any]) -> None:
    request = opened()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        DataRequest.objects.filter(pk=request.pk).update(**changes)


# Breaches -------------------------------------------------------------------------------------------------------


def breach(**fields: Any) -> Breach:
    return Breach.objects.create(**{"aware_at": NOW, "what": "A backup was left open."} | fields)


def test_two_clocks_run_from_the_moment_of_knowing() -> None:
    leak = breach()
    assert leak.authority_due_at == NOW + timedelta(hours=72)
    assert leak.ministry_due_at == leak.people_due_at == NOW + 3 * DAY
    assert leak.overdue(NOW + 3 * DAY) == []
    assert leak.overdue(NOW + 3 * DAY + timedelta(seconds=1)) == ["authority", "ministry", "people"]


def test_a_clock_stops_when_somebody_was_told() -> None:
    leak = breach(authority_told_at=NOW + DAY)
    assert leak.overdue(NOW + 4 * DAY) == ["ministry", "people"]
    leak.people_told_how = "Nobody's data could be read: it was encrypted."
    assert leak.overdue(NOW + 4 * DAY) == ["ministry"]


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("breach_says_what", {"what": ""}),
        ("breach_ends_after_it_began", {"happened_from": NOW, "happened_until": NOW - DAY}),
        ("breach_ends_after_it_began", {"happened_until": NOW - DAY}),
        ("breach_authority_told_after_knowing", {"authority_told_at": NOW - DAY}),
        ("breach_ministry_told_after_knowing", {"ministry_told_at": NOW - DAY}),
        ("breach_people_told_after_knowing", {"people_told_at": NOW - DAY}),
        ("breach_closed_when_all_were_told", {"closed_at": NOW + DAY, "authority_told_at": NOW}),
        (
            "breach_closed_when_all_were_told",
            {"closed_at": NOW, "authority_told_at": NOW, "ministry_told_at": NOW},
        ),
    ],
)
def test_the_database_keeps_the_rules_of_the_register(constraint: str, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        breach(**fields)


# Both -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [PrivacyNotice, Consent, DataRequest, Breach])
@pytest.mark.parametrize("language", ["ar", "en"])
def test_the_console_has_words_for_them_in_both_languages(model: Any, language: str) -> None:
    with translation.override(language):
        words = [model._meta.verbose_name, model._meta.verbose_name_plural]
        words += [
            f.verbose_name for f in model._meta.get_fields() if f.name not in ("id", "user_id") and f.concrete
        ]
        words += [label for f in model._meta.fields for _, label in f.choices or ()]
        for word in map(str, words):
            assert word.isascii() is (language == "en"), word


def test_what_the_console_calls_a_row_names_nobody() -> None:
    user = UserFactory.create(name="نورة")
    request = opened(person=user, note="نورة 0512345678")
    assert str(request) == f"access {request.pk}"
    leak = breach(what="نورة")
    assert str(leak) == str(leak.pk)
