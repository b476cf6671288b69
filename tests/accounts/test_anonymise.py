from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts import operations
from backend.accounts.models import Device, OtpChallenge, PlatformRole, User
from backend.bookings.models import Booking, BookingEvent
from backend.core import jobs, privacy
from backend.notifications.models import Message
from backend.payments.models import Payment, Refund
from tests.accounts.privacy import notice_in_force, with_a_past
from tests.factories import UserFactory, employ, open_salon
from tests.support.database import places_with

pytestmark = pytest.mark.django_db

THEN, NOW = "2024-03-10T12:00:00Z", "2026-11-20T18:30:00Z"
NAME = "نورة بنت خالد العتيبي"


def long_ago(**fields: Any) -> User:
    """Somebody who was last here in March 2024, with everything that leaves behind."""
    with freeze_time(THEN):
        user = UserFactory.create(**{"name": NAME} | fields)
        past = with_a_past(user)
        Booking.objects.filter(pk=past["live"].pk).update(state="completed")
    return user


def guest(phone: str = "+966511111111") -> Booking:
    with freeze_time(THEN):
        salon, _, _ = open_salon()
        now = timezone.now()
        booking = Booking.objects.create(
            reference=f"G{phone[-8:]}",
            state="completed",
            salon=salon,
            guest_name="ضيفة قديمة",
            guest_phone=phone,
            note="prefers tea",
            source="desk",
            language="ar",
            starts_at=now,
            ends_at=now + timedelta(hours=1),
            business_date=now.date(),
            price_minor=100,
            deposit_minor=0,
            free_cancel_hours=24,
            late_cancel_percent=100,
            created_at=now,
        )
        BookingEvent.objects.create(
            booking=booking,
            version=1,
            verb="create",
            to_state="confirmed",
            actor_role="salon",
            at=now,
            reason="tea",
        )
    return booking


def anonymise(*words: str) -> list[str]:
    out = StringIO()
    with freeze_time(NOW):
        call_command("anonymise", "--older-than", "365d", *words, stdout=out)
    return out.getvalue().splitlines()


def contents() -> dict[str, Any]:
    """Every row of every table."""
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
            found[table] = cursor.fetchall()
    return found


def test_the_dry_run_prints_what_the_real_run_does_and_changes_nothing() -> None:
    people = [long_ago(), long_ago(), long_ago(name="")]
    guest()
    with freeze_time(THEN):
        Message.objects.create(
            to_phone="+966522222222", language="ar", kind="trial", audience="customer", body="b", event_key="stray",
            state="sent", created_at=timezone.now(), finished_at=timezone.now(),
        )  # fmt: skip
    before = contents()
    foretold = anonymise("--dry-run")
    assert contents() == before
    assert anonymise() == foretold
    assert foretold[:3] == [
        f"person {user.pk}: cards 1, booking_notes 2, client_notes 1, calendars 2, waitlist 1, forgivenesses 1, "
        "favourites 1, review_reports 1, profile 1, devices 1, codes 2, phone_changes 1, messages 3, "
        "message_preferences 1"
        for user in sorted(people, key=lambda user: user.pk)
    ]
    assert foretold[3:] == [
        "leftover receipt_notes: rows 0",
        "leftover guests: rows 1",
        "leftover codes: rows 0",
        "leftover phone_changes: rows 0",
        "leftover message_texts: rows 1",
        "leftover replies: rows 3",
    ]
    assert anonymise() == [
        "leftover receipt_notes: rows 0",
        "leftover guests: rows 0",
        "leftover codes: rows 0",
        "leftover phone_changes: rows 0",
        "leftover message_texts: rows 0",
        "leftover replies: rows 0",
    ]


def test_nobody_finds_the_dormant_any_more_and_the_others_stay() -> None:
    gone = long_ago(phone="+966512345678")
    guest("+966511111111")
    with freeze_time(NOW):
        here = UserFactory.create(name="هيفاء بنت سعد القحطاني")
        with_a_past(here)
        stays = places_with(here.name)
    anonymise()
    assert places_with(NAME, "+966512345678", "ضيفة قديمة", "+966511111111", "prefers tea") == []
    gone.refresh_from_db()
    assert gone.deleted_at is not None
    assert stays == places_with(here.name)
    here.refresh_from_db()
    assert here.deleted_at is None


def seen_lately(user: User, now: datetime) -> None:
    Device.objects.filter(user=user).update(last_seen_at=now - timedelta(days=300))


def booked_lately(user: User, now: datetime) -> None:
    Booking.objects.filter(customer=user).update(ends_at=now - timedelta(days=300))


def still_expected(user: User, now: datetime) -> None:
    Booking.objects.filter(customer=user).update(state="confirmed")


def owed_money(user: User, now: datetime) -> None:
    booking = Booking.objects.filter(customer=user).first()
    payment = Payment.objects.create(
        booking=booking, state="captured", amount_minor=100, captured_minor=100, source_type="client",
        created_at=now, expires_at=now,
    )  # fmt: skip
    Refund.objects.create(
        payment=payment, amount_minor=100, state="manual", reason="x", next_attempt_at=now, created_at=now
    )


def employed(user: User, now: datetime) -> None:
    employ(open_salon()[0], "staff", user)


def in_the_office(user: User, now: datetime) -> None:
    PlatformRole.objects.create(user=user, role="finance")


def waiting_for_an_answer(user: User, now: datetime) -> None:
    operations.open_data_request(person=user, kind="correction", channel="letter", now=now)


def new_here(user: User, now: datetime) -> None:
    User.objects.filter(pk=user.pk).update(joined_at=now)


@pytest.mark.parametrize(
    "because",
    [
        seen_lately, booked_lately, still_expected, owed_money,
        employed, in_the_office, waiting_for_an_answer, new_here,
    ],
)  # fmt: skip
def test_who_is_of_use_to_somebody_is_not_dormant(because: Callable[[User, datetime], None]) -> None:
    user = long_ago()
    with freeze_time(NOW):
        because(user, timezone.now())
    assert not any(line.startswith("person") for line in anonymise())
    user.refresh_from_db()
    assert user.name == NAME


def test_a_killed_run_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    people = sorted([long_ago(), long_ago(), long_ago()], key=lambda user: user.pk)
    foretold = anonymise("--dry-run")
    real, calls = privacy.keepers()[0], []

    def dies_at_the_second(person: Any, now: datetime) -> privacy.Erasure:
        calls.append(person.pk)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real.erase(person, now)

    broken = privacy.Keeper(export=real.export, erase=dies_at_the_second)
    with monkeypatch.context() as patch:
        patch.setattr(privacy, "_keepers", [broken, *privacy.keepers()[1:]])
        with pytest.raises(KeyboardInterrupt):
            anonymise()
    assert [User.objects.get(pk=user.pk).name for user in people] == ["", NAME, NAME]
    assert anonymise() == foretold[1:]


def test_batches_of_leftovers_are_all_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.accounts.operations.leaving.BATCH", 2)
    for n in range(5):
        guest(f"+96651111111{n}")
    people = [long_ago(), long_ago(), long_ago(name="")]
    lines = anonymise()
    assert "leftover guests: rows 5" in lines
    assert len([line for line in lines if line.startswith("person")]) == len(people)
    assert not Booking.objects.exclude(guest_phone="").exists()
    assert set(Booking.objects.filter(customer=None).values_list("guest_name", "note")) == {("—", "")}


def test_texts_and_codes_go_when_the_notice_says_so_without_anybody_asking() -> None:
    with freeze_time("2026-08-01T12:00:00Z"):
        user = UserFactory.create()
        with_a_past(user)
    with freeze_time("2026-11-10T12:00:00Z"):
        with_a_past(UserFactory.create())
    with freeze_time(NOW):
        assert jobs.registered()["purge-leftovers"](timezone.now()) > 0
        assert jobs.registered()["purge-leftovers"](timezone.now()) == 0
    assert not Message.objects.filter(recipient=user).exclude(body="", to_phone="").exists()
    assert Message.objects.filter(created_at__month=11, erased_at=None).count() == 3
    assert not OtpChallenge.objects.exists()


@pytest.mark.parametrize("words", ["", "0", "-5", "1y", "d", "365 d"])
def test_an_age_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(CommandError):
        call_command("anonymise", f"--older-than={words}")


def test_days_may_be_bare_and_any_number_from_one() -> None:
    notice_in_force()
    for words in ("365", "1d"):
        call_command("anonymise", "--older-than", words, "--dry-run", stdout=StringIO())
