"""A guest signs in with the number a desk wrote down, and finds the visit."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import Device, PhoneChange, User
from backend.bookings import operations
from backend.bookings.models import Booking, BookingEvent, Claim, ClientNote
from backend.core.models import RateCount
from tests.accounts.helpers import Inbox, Phone, sign_in
from tests.bookings.desk import NOW, TODAY, at, day_of, walk_in
from tests.bookings.visits import claims_on, visit
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db
NUMBER = "+966512345678"
TOMORROW = "2026-11-23"


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:  # Sunday 16:07 in Riyadh
        yield frozen


@pytest.fixture
def inbox(settings: Any, tmp_path: Any) -> Inbox:
    settings.CONSOLE_MESSAGES_FILE = tmp_path / "messages.log"
    return Inbox(settings.CONSOLE_MESSAGES_FILE)


def signed_in(inbox: Inbox, *, language: str = "ar", installation: str | None = None) -> Api:
    """Somebody with the number, signed in on a new phone or on this one."""
    RateCount.objects.filter(key__startswith="otp").delete()
    answer = sign_in(
        Phone(HTTP_ACCEPT_LANGUAGE=language), inbox, installation=installation or str(uuid.uuid4())
    )
    api = Api(language=language)
    api.headers["Authorization"] = f"Bearer {answer['access_token']}"
    return api


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 20, "auto_confirm": False, "min_notice_minutes": 0} | more)


def written(salon: Any, service: Any, starts_at: str = at("18:00", TOMORROW), **more: Any) -> dict[str, Any]:
    """A guest with the number, written down by the salon's desk."""
    answer: dict[str, Any] = ok(
        walk_in(Api(employ(salon)), salon, service, starts_at, phone="0512345678", **more), 201
    )
    return answer


def mine(api: Api, **query: Any) -> list[str]:
    return [booking["id"] for booking in ok(api.get("bookings", **query))["items"]]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_guest_who_signs_in_finds_the_visit_and_may_cancel_it(
    clock: Any, inbox: Inbox, sent: Any, language: str
) -> None:
    salon, service, [noura] = open_now()
    desk = employ(salon)
    guest = ok(walk_in(Api(desk), salon, service, at("18:00", TOMORROW), phone="0512345678"), 201)
    clock.tick(timedelta(hours=1))

    api = signed_in(inbox, language=language)

    [found] = ok(api.get("bookings", phase="upcoming"))["items"]
    assert (found["id"], found["reference"], found["version"]) == (guest["id"], guest["reference"], 2)
    assert {"cancel", "reschedule"} <= set(found["allowed_actions"])
    assert found["cancellation"]["fee_now"]["amount_minor"] == 0
    events = ok(api.get(f"bookings/{guest['id']}/events"))["items"]
    assert [(e["verb"], e["actor"], e["from"], e["to"]) for e in events] == [
        ("create", "salon", None, "confirmed"),
        ("adopt", "system", "confirmed", "confirmed"),
    ]
    me = User.objects.get(phone=NUMBER)
    assert claims_on(customer=me) == claims_on(staff_member=noura) == [("18:00", "18:45")]
    row = Booking.objects.get()
    assert (row.customer, row.guest_name, row.guest_phone, row.language) == (me, "هند", "", language)
    # The desk sees the name it wrote, and that the guest has an account now.
    [shown] = day_of(Api(desk), salon, TOMORROW)["bookings"]
    assert shown["customer"] == {"name": "هند", "phone_masked": "05•••••678", "is_guest": False}

    told = len(sent(NUMBER))
    cancelled = ok(api.post(f"bookings/{guest['id']}/cancel", {"version": 2}))

    assert cancelled["state"] == "cancelled"
    assert Booking.objects.get().cancellation_fee_minor == 0
    [text] = sent(NUMBER)[told:]
    assert (
        ("بناء على" in text or "إلغاء" in text) if language == "ar" else "was cancelled as you asked" in text
    )
    assert claims_on(staff_member=noura) == claims_on(customer=me) == []


def test_the_desk_that_looked_before_is_told_that_something_changed(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    guest = written(salon, service)
    signed_in(inbox)
    desk = Api(employ(salon))
    body = {"version": 1, "starts_at": at("19:00", TOMORROW)}
    problem = refused(desk.post(f"manage/bookings/{guest['id']}/reschedule", body), 409, "version_conflict")
    assert problem["current"]["customer"]["is_guest"] is False
    ok(desk.post(f"manage/bookings/{guest['id']}/reschedule", body | {"version": 2}))


def test_what_is_long_past_stays_the_salons(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    old, recent = written(salon, service, at("12:00", TODAY)), written(salon, service, at("13:00", TODAY))
    other = written(salon, service, at("14:00", TODAY))
    for guest, days in ((old, 30), (recent, 29)):
        shift = timedelta(days=days)
        row = Booking.objects.get(pk=guest["id"])
        Booking.objects.filter(pk=row.pk).update(starts_at=row.starts_at - shift, ends_at=row.ends_at - shift)
    Booking.objects.filter(pk=other["id"]).update(guest_phone="+966512345679")
    assert mine(signed_in(inbox)) == [recent["id"]]
    assert Booking.objects.get(pk=old["id"]).guest_phone == NUMBER


def test_what_was_cancelled_is_found_and_takes_no_time(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    guest = written(salon, service)
    ok(Api(employ(salon)).post(f"manage/bookings/{guest['id']}/cancel", {"version": 1}))
    api = signed_in(inbox)
    assert mine(api, phase="cancelled") == [guest["id"]]
    assert claims_on(customer=User.objects.get(phone=NUMBER)) == []


def test_one_who_is_expected_elsewhere_at_that_time_has_both_visits(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now(deposit_percent=0, auto_confirm=True)
    api = signed_in(inbox)
    own = ok(api.post("bookings", visit(salon, service, at("18:00", TOMORROW))), 201)
    elsewhere, theirs, _ = open_now()
    overlapping = written(elsewhere, theirs, at("18:30", TOMORROW))
    beside = written(elsewhere, theirs, at("20:00", TOMORROW))
    api = signed_in(inbox)
    assert set(mine(api)) == {own["id"], overlapping["id"], beside["id"]}
    assert claims_on(customer=User.objects.get(phone=NUMBER)) == [("18:00", "18:45"), ("20:00", "20:45")]
    ok(api.post(f"bookings/{overlapping['id']}/cancel", {"version": 2}))


def test_visits_at_two_salons_and_later_ones_are_found_at_each_sign_in(clock: Any, inbox: Inbox) -> None:
    first, service, _ = open_now()
    second, other, _ = open_now()
    one, two = written(first, service), written(second, other, at("20:00", TOMORROW))
    assert mine(signed_in(inbox)) == [two["id"], one["id"]]
    assert mine(signed_in(inbox)) == [two["id"], one["id"]]
    assert BookingEvent.objects.filter(verb="adopt").count() == 2
    three = written(first, service, at("21:00", TOMORROW))
    assert mine(signed_in(inbox)) == [three["id"], two["id"], one["id"]]
    assert BookingEvent.objects.filter(verb="adopt").count() == 3


def test_a_number_a_desk_writes_for_everybody_gives_nobody_anything(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    pattern = Booking.objects.get(pk=written(salon, service)["id"])
    for number in range(100):
        pattern.pk, pattern.reference = uuid.uuid4(), f"BK{number}"
        pattern.save(force_insert=True)
    assert mine(signed_in(inbox)) == []
    pattern.delete()
    assert len(mine(signed_in(inbox), limit="50")) == 50


# Whose number it is


def dormant_account(name: str = "نورة العتيبي") -> User:
    long_ago = timezone.now() - timedelta(days=400)
    user: User = UserFactory.create(phone=NUMBER, name=name, joined_at=long_ago)
    Device.objects.create(user=user, created_at=long_ago, last_seen_at=timezone.now() - timedelta(days=200))
    return user


def test_a_session_in_doubt_is_given_nothing_until_the_name_is_said(clock: Any, inbox: Inbox) -> None:
    owner = dormant_account()
    salon, service, _ = open_now()
    guest = written(salon, service)
    api = signed_in(inbox)
    assert mine(api) == []
    refused(api.post("me/identity-confirmation", {"name": "محمد"}), 400, "identity_name_wrong")
    assert Booking.objects.get().customer is None
    ok(api.post("me/identity-confirmation", {"name": "نورة العتيبي"}))
    assert mine(api) == [guest["id"]]
    assert Booking.objects.get().customer == owner
    ok(api.post("me/identity-confirmation", {"name": "نورة العتيبي"}))
    assert BookingEvent.objects.filter(verb="adopt").count() == 1


def test_a_nameless_account_in_doubt_is_given_nothing(clock: Any, inbox: Inbox) -> None:
    dormant_account(name="")
    salon, service, _ = open_now()
    written(salon, service)
    assert mine(signed_in(inbox)) == []
    assert Booking.objects.get().customer is None


def test_whoever_disowns_an_account_finds_none_of_its_visits(clock: Any, inbox: Inbox) -> None:
    dormant_account()
    salon, service, _ = open_now()
    written(salon, service)
    api = signed_in(inbox)
    answer = ok(api.post("me/identity-confirmation", {"not_me": True}))
    api.headers["Authorization"] = f"Bearer {answer['tokens']['access_token']}"
    assert mine(api) == []
    assert mine(signed_in(inbox)) == []


def test_the_next_holder_of_a_deleted_accounts_number_finds_nothing_older(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    adopted = written(salon, service)
    first = signed_in(inbox)
    assert mine(first) == [adopted["id"]]
    written(salon, service, at("20:00", TOMORROW))  # since then, and never found
    ok(first.send("DELETE", "me"))
    clock.tick(timedelta(days=1))
    fresh = written(salon, service, at("21:00", TOMORROW), name="سعاد")
    assert mine(signed_in(inbox)) == [fresh["id"]]


def test_the_next_holder_of_a_number_that_was_left_finds_nothing_older(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    first = signed_in(inbox)
    ok(first.get("me"))
    left = User.objects.get(phone=NUMBER)
    older = written(salon, service)
    User.objects.filter(pk=left.pk).update(phone="+966598765432")
    PhoneChange.objects.create(
        user=left,
        old_phone=NUMBER,
        new_phone="+966598765432",
        needs_old=True,
        state="done",
        created_at=timezone.now(),
        finished_at=timezone.now(),
    )
    clock.tick(timedelta(days=1))
    newer = written(salon, service, at("20:00", TOMORROW))
    assert mine(signed_in(inbox)) == [newer["id"]]
    assert Booking.objects.get(pk=older["id"]).customer is None
    # Who went and came back is nobody else.
    User.objects.filter(phone=NUMBER).update(phone="+966500000999")
    User.objects.filter(pk=left.pk).update(phone=NUMBER)
    assert mine(signed_in(inbox)) == [older["id"]]


def test_deleting_the_account_leaves_no_name_behind(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    written(salon, service, name="هند بنت سعد")
    ok(signed_in(inbox).send("DELETE", "me"))
    row = Booking.objects.get()
    assert (row.guest_name, row.guest_phone, row.state) == ("", "", "cancelled")


# What goes with it


def test_what_the_salon_noted_about_the_guest_follows_and_stays_its_own(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    other, _, _ = open_now()
    written(salon, service)
    now = timezone.now()
    notes = [
        ClientNote.objects.create(salon=at_salon, guest_phone=NUMBER, text=text, created_at=now - age)
        for at_salon, text, age in (
            (salon, "تفضل الشاي", timedelta(days=1)),
            (salon, "قبل زمن", timedelta(days=31)),
            (other, "عند غيرنا", timedelta(days=1)),
        )
    ]
    signed_in(inbox)
    me = User.objects.get(phone=NUMBER)
    # What is older than the visits that follow was perhaps about somebody else, and leads nowhere any more.
    left = {note.text: (note.customer, note.guest_phone) for note in ClientNote.objects.all()}
    assert left == {"تفضل الشاي": (me, ""), "عند غيرنا": (None, NUMBER)}
    assert len(notes) == 3


def test_what_the_desk_wrote_for_itself_is_not_shown_to_the_guest(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    desk = employ(salon)
    guest = ok(walk_in(Api(desk), salon, service, at("18:00"), phone="0512345678", note="تتأخر دائما"), 201)
    api = signed_in(inbox)
    assert ok(api.get(f"bookings/{guest['id']}"))["note"] is None
    assert ok(Api(desk).get(f"manage/bookings/{guest['id']}"))["note"] == "تتأخر دائما"
    own = visit(salon, service, at("12:00", TOMORROW), note="شعري طويل")
    assert ok(api.post("bookings", own), 201)["note"] == "شعري طويل"


# The cost, and the crowd


def test_signing_in_costs_one_question_where_nobody_was_written_down(clock: Any, inbox: Inbox) -> None:
    salon, service, _ = open_now()
    Booking.objects.filter(pk=written(salon, service)["id"]).update(guest_phone="+966512345670")
    user = UserFactory.create(phone=NUMBER)
    with CaptureQueriesContext(connection) as queries:
        assert operations.adopt_guest_visits(user=user, now=timezone.now()) == 0
    assert len(queries) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        assert "booking_by_guest" in str(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
def test_two_devices_at_once_adopt_once() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    starts_at = (timezone.now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    desk = Api(employ(salon))
    for hours in (0, 1, 2):
        ok(walk_in(desk, salon, service, (starts_at + timedelta(hours=hours)).isoformat(), phone=NUMBER), 201)

    def sign_in_there() -> int:
        with transaction.atomic():
            user, _ = User.objects.for_sign_in(NUMBER)
            return operations.adopt_guest_visits(user=user, now=timezone.now())

    assert sorted(race(*[sign_in_there] * 4)) == [0, 0, 0, 3]
    me = User.objects.get(phone=NUMBER)
    assert set(Booking.objects.values_list("customer", "version")) == {(me.pk, 2)}
    assert BookingEvent.objects.filter(verb="adopt").count() == 3
    assert Claim.objects.filter(calendar__customer=me).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_desk_that_moves_the_visit_at_that_moment_is_first_or_is_told() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    starts_at = (timezone.now() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    staff = employ(salon)
    desk = Api(staff)
    for hour in range(6):
        begins = starts_at + timedelta(hours=hour)
        number = f"+96651234500{hour}"
        guest = ok(walk_in(desk, salon, service, begins.isoformat(), phone=number), 201)

        def adopt(number: str = number) -> int:
            with transaction.atomic():
                user, _ = User.objects.for_sign_in(number)
                return operations.adopt_guest_visits(user=user, now=timezone.now())

        moved, adopted = race(
            partial(
                operations.reschedule,
                bookings=Booking.objects.all(),
                booking_id=guest["id"],
                actor=operations.by_salon(staff),
                version=1,
                starts_at=begins + timedelta(minutes=5),
                now=timezone.now(),
            ),
            adopt,
        )
        assert adopted == 1
        row = Booking.objects.get(pk=guest["id"])
        assert type(moved).__name__ == ("Booking" if row.version == 3 else "VersionConflict")
        claims = {(claim.starts_at, claim.ends_at) for claim in row.claims.filter(is_active=True)}
        assert claims == {(row.starts_at, row.ends_at)}
        assert row.claims.count() == 2
