"""Somebody answers on WhatsApp: a reminder is confirmed or cancelled once, and STOP is heard at once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.test import TestCase
from django.utils import timezone
from freezegun import freeze_time

from backend.bookings.models import Booking
from backend.bookings.operations import by_salon, cancel, reschedule
from backend.bookings.operations.reminding import remind
from backend.notifications.models import InboundMessage, Message, OptOut
from backend.notifications.operations import inbound
from backend.notifications.operations.inbound import intent_of
from tests.bookings.visits import item, visit
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok
from tests.support.callbacks import PUBLIC, post_form
from tests.support.carriers import Twilio
from tests.support.race import race

pytestmark = pytest.mark.django_db

PATH = "/api/v1/webhooks/twilio/inbound"
PHONE = "+966512345678"
APPROVED = {
    kind: {"ar": {"twilio": f"HX{kind}ar"}, "en": {"twilio": f"HX{kind}en"}}
    for kind in ("booking_reminder", "booking_confirmed", "booking_cancelled")
}
DAY_BEFORE, SAME_DAY = "2026-11-23T16:00:00+03:00", "2026-11-24T14:00:00+03:00"
STARTS_AT = "2026-11-24T16:00:00+03:00"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with freeze_time("2026-11-19T12:00:00Z") as frozen:  # Thursday 15:00 in Riyadh
        yield frozen


@pytest.fixture(autouse=True)
def twilio(settings: Any) -> Iterator[Twilio]:
    with Twilio() as stand_in:
        for name, value in stand_in.settings(whatsapp=True).items():
            setattr(settings, name, value)
        settings.SMS_PROVIDER = ["twilio"]
        settings.MESSAGE_CHANNELS = ["whatsapp", "sms"]
        settings.WHATSAPP_TEMPLATES = APPROVED
        settings.PUBLIC_BASE_URL = PUBLIC
        yield stand_in


@pytest.fixture
def customer() -> Any:
    return UserFactory.create(phone=PHONE, language="en")


def a_salon(**more: Any) -> tuple[Any, Any]:
    wanted = {"deposit_percent": 0, "auto_confirm": True, "audience": "family", "opens": 8 * 60} | more
    salon, service, _ = open_salon(staff=2, **wanted)
    return salon, service


def book(customer: Any, starts_at: str = STARTS_AT, where: tuple[Any, Any] | None = None) -> Booking:
    salon, service = where or a_salon()
    made = ok(Api(customer).post("bookings", visit(salon, service, starts_at)), 201)
    return Booking.objects.get(pk=made["id"])


def reminded(clock: Any, at: str = SAME_DAY) -> None:
    clock.move_to(datetime.fromisoformat(at))
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert remind(timezone.now()) > 0


def writes(
    twilio: Twilio, text: str, *, sid: str = "", phone: str = PHONE, status: int = 200, **more: str
) -> None:
    """`phone` sends us a text on WhatsApp, and our answer goes out."""
    fields = {
        "MessageSid": sid or f"SM{secrets.token_hex(16)}",
        "From": f"whatsapp:{phone}",
        "To": "whatsapp:+966500000000",
        "Body": text,
        **more,
    }
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert post_form(PATH, fields, token=twilio.auth_token).status_code == status


REPLIES = ("reply_confirmed", "reply_cancelled", "reply_costs", "reply_not_possible")


def answers() -> list[str]:
    """What was answered, in the order of what was written."""
    found = Message.objects.filter(kind__in=["stop_confirmed", *REPLIES]).values_list("event_key", "kind")
    return [kind for _, kind in sorted((int(key.removeprefix("inbound:")), kind) for key, kind in found)]


# Understanding


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        *((text, "stop") for text in ("STOP", "stop.", "Unsubscribe", "إيقاف", "ايقاف", "الغاء الاشتراك")),
        *((text, "stop") for text in ("إلغاءُ الاشتراك", "أوقف", "STOP ALL")),
        *((text, "start") for text in ("START", "ابدأ", "إبدا", "اشتراك")),
        *(
            (text, "confirm")
            for text in ("تأكيد", "تاكيد", "نعم", "نعم ✅", "حضور", "تأكـــيد", "Yes!", "CONFIRM")
        ),
        *((text, "cancel") for text in ("إلغاء", "الغاء", "ألغاء", "Cancel", "إلغاء الحجز")),
        *((text, "other") for text in ("", "؟", "no", "لا", "نعم بس ممكن نغير الوقت؟", "do not cancel")),
    ],
)
def test_what_somebody_means(text: str, intent: str) -> None:
    assert intent_of(text) == intent


def test_a_pressed_button_says_it_more_clearly_than_its_words() -> None:
    assert intent_of("cancel", "لن أتمكن من الحضور", "") == "cancel"
    assert intent_of("payload-17", "تأكيد", "") == "confirm"


# Confirming


@pytest.mark.parametrize("text", ["yes", "تاكيد"])
def test_a_reminder_is_confirmed(twilio: Twilio, clock: Any, customer: Any, text: str) -> None:
    booking = book(customer)
    reminded(clock)
    writes(twilio, text)
    booking.refresh_from_db()
    assert booking.attendance_confirmed_at == timezone.now()
    event = booking.events.get(verb="confirm_attendance")
    assert (event.actor, event.actor_role) == (customer, "customer")
    received = InboundMessage.objects.get()
    assert (received.intent, received.result, received.subject_id) == ("confirm", "done", booking.pk)
    # The answer is free words on WhatsApp, which are open for a day to whoever wrote.
    form = twilio.sent[-1]
    assert form["To"] == f"whatsapp:{PHONE}"
    assert form["Body"] == (
        f"Your attendance is confirmed\nTuesday 24/11 at 4:00 PM\nBooking {booking.reference}"
    )
    assert "ContentSid" not in form


def test_an_answer_goes_by_whatsapp_whatever_somebody_prefers(
    twilio: Twilio, clock: Any, customer: Any, settings: Any
) -> None:
    book(customer)
    reminded(clock)
    settings.MESSAGE_CHANNELS = ["sms"]
    writes(twilio, "yes")
    assert twilio.sent[-1]["To"] == f"whatsapp:{PHONE}"


def test_the_same_words_again_are_answered_and_change_nothing(
    twilio: Twilio, clock: Any, customer: Any
) -> None:
    booking = book(customer)
    reminded(clock)
    writes(twilio, "yes")
    writes(twilio, "نعم")
    assert booking.events.filter(verb="confirm_attendance").count() == 1
    assert answers() == ["reply_confirmed", "reply_confirmed"]


def test_a_webhook_that_comes_twice_acts_once(twilio: Twilio, clock: Any, customer: Any) -> None:
    booking = book(customer)
    reminded(clock)
    for _ in range(3):
        writes(twilio, "cancel", sid="SM1")
    assert booking.events.filter(verb="cancel").count() == 1
    assert answers() == ["reply_cancelled"]


def test_a_time_that_is_not_the_bookings_any_more_is_not_confirmed(
    twilio: Twilio, clock: Any, customer: Any
) -> None:
    booking = book(customer)
    reminded(clock, DAY_BEFORE)
    clock.tick(timedelta(minutes=5))
    reschedule(
        bookings=Booking.objects.all(),
        booking_id=booking.pk,
        actor=by_salon(employ(booking.salon)),
        version=booking.version,
        starts_at=datetime.fromisoformat("2026-11-24T18:00:00+03:00"),
        now=timezone.now(),
    )
    writes(twilio, "yes")
    booking.refresh_from_db()
    assert booking.attendance_confirmed_at is None
    assert answers() == ["reply_not_possible"]


# Cancelling


def test_a_reminder_is_answered_by_cancelling(twilio: Twilio, clock: Any, customer: Any) -> None:
    booking = book(customer)
    reminded(clock)
    writes(twilio, "إلغاء")
    booking.refresh_from_db()
    assert (booking.state, booking.cancellation_fee_minor) == ("cancelled", 0)
    assert booking.events.get(verb="cancel").actor == customer
    assert answers() == ["reply_cancelled"]
    assert InboundMessage.objects.get().result == "done"


def test_a_time_that_is_not_the_bookings_any_more_is_not_cancelled(
    twilio: Twilio, clock: Any, customer: Any
) -> None:
    booking = book(customer)
    reminded(clock, DAY_BEFORE)
    clock.tick(timedelta(minutes=5))
    moved = {"version": booking.version, "starts_at": "2026-11-26T18:00:00+03:00"}
    ok(Api(customer).post(f"bookings/{booking.pk}/reschedule", moved))
    writes(twilio, "cancel")
    booking.refresh_from_db()
    assert booking.state == "confirmed", "it answered a reminder of a visit that was moved away"
    assert answers() == ["reply_not_possible"]


def test_a_cancellation_that_costs_something_is_not_done_by_a_reply(
    twilio: Twilio, clock: Any, customer: Any
) -> None:
    booking = book(customer)
    reminded(clock)
    Booking.objects.filter(pk=booking.pk).update(
        deposit_minor=2300, late_cancel_percent=100, free_cancel_hours=24, deposit_paid_at=timezone.now()
    )
    writes(twilio, "cancel")
    booking.refresh_from_db()
    assert booking.state == "confirmed"
    assert answers() == ["reply_costs"]
    assert InboundMessage.objects.get().result == "reply_costs"


def test_a_booking_that_is_cancelled_already_is_said_to_be(twilio: Twilio, clock: Any, customer: Any) -> None:
    booking = book(customer)
    reminded(clock)
    desk = by_salon(employ(booking.salon))
    now = timezone.now()
    cancel(
        bookings=Booking.objects.all(), booking_id=booking.pk, actor=desk, version=booking.version, now=now
    )
    writes(twilio, "cancel")
    writes(twilio, "yes")
    assert booking.events.filter(verb="cancel").count() == 1
    assert answers() == ["reply_cancelled", "reply_not_possible"]
    assert list(InboundMessage.objects.order_by("id").values_list("result", flat=True)) == [
        "done",
        "cannot_change_status",
    ]


def test_after_the_visit_began_a_reply_comes_too_late(twilio: Twilio, clock: Any, customer: Any) -> None:
    booking = book(customer)
    reminded(clock)
    clock.move_to(datetime.fromisoformat("2026-11-24T16:01:00+03:00"))
    writes(twilio, "yes")
    booking.refresh_from_db()
    assert booking.attendance_confirmed_at is None
    assert answers() == ["reply_not_possible"]


@pytest.mark.parametrize(("text", "verb"), [("نعم", "confirm_attendance"), ("إلغاء", "cancel")])
def test_a_guest_answers_by_the_number_the_desk_wrote_down(
    twilio: Twilio, clock: Any, text: str, verb: str
) -> None:
    salon, service = a_salon()
    guest = {"items": [item(service)], "starts_at": STARTS_AT, "guest": {"name": "هند", "phone": PHONE}}
    made = ok(Api(employ(salon)).post(f"manage/salons/{salon.slug}/bookings", guest), 201)
    reminded(clock)
    writes(twilio, text)
    event = Booking.objects.get(pk=made["id"]).events.get(verb=verb)
    assert (event.actor, event.actor_role) == (None, "customer")
    assert Message.objects.filter(kind__in=REPLIES, language="ar", recipient=None).count() == 1


# Which booking


def test_the_newest_reminder_is_answered(twilio: Twilio, clock: Any, customer: Any) -> None:
    where = a_salon(reminder_hours=[2])
    earlier, later = book(customer, STARTS_AT, where), book(customer, "2026-11-24T17:30:00+03:00", where)
    reminded(clock, "2026-11-24T14:00:00+03:00")
    reminded(clock, "2026-11-24T15:30:00+03:00")
    writes(twilio, "yes")
    later.refresh_from_db()
    earlier.refresh_from_db()
    assert (earlier.attendance_confirmed_at, later.attendance_confirmed_at) == (None, timezone.now())


def test_a_button_answers_the_message_it_hangs_on(twilio: Twilio, clock: Any, customer: Any) -> None:
    where = a_salon(reminder_hours=[2])
    earlier, later = book(customer, STARTS_AT, where), book(customer, "2026-11-24T17:30:00+03:00", where)
    reminded(clock, "2026-11-24T14:00:00+03:00")
    asked = twilio.accepted[-1]["sid"]
    reminded(clock, "2026-11-24T15:30:00+03:00")
    writes(twilio, "", ButtonPayload="confirm", OriginalRepliedMessageSid=asked)
    later.refresh_from_db()
    earlier.refresh_from_db()
    assert (earlier.attendance_confirmed_at, later.attendance_confirmed_at) == (timezone.now(), None)


def test_an_answer_to_another_message_of_ours_is_no_answer_to_the_reminder(
    twilio: Twilio, clock: Any, customer: Any
) -> None:
    booking = book(customer)
    confirmation = twilio.accepted[-1]["sid"]
    reminded(clock)
    writes(twilio, "yes", OriginalRepliedMessageSid=confirmation)
    booking.refresh_from_db()
    assert booking.attendance_confirmed_at is None
    assert answers() == []


def test_a_reminder_can_be_answered_for_two_days(twilio: Twilio, clock: Any, customer: Any) -> None:
    salon, service = a_salon(reminder_hours=[72])
    booking = book(customer, where=(salon, service))
    reminded(clock, "2026-11-21T16:00:00+03:00")
    clock.move_to(datetime.fromisoformat("2026-11-23T16:00:01+03:00"))
    writes(twilio, "yes")
    assert answers() == []
    clock.move_to(datetime.fromisoformat("2026-11-23T16:00:00+03:00"))
    writes(twilio, "yes")
    booking.refresh_from_db()
    assert booking.attendance_confirmed_at == timezone.now()


def test_a_reminder_that_went_by_sms_asked_nothing_on_whatsapp(
    twilio: Twilio, clock: Any, customer: Any, settings: Any
) -> None:
    settings.WHATSAPP_TEMPLATES = {}
    book(customer)
    reminded(clock)
    writes(twilio, "cancel")
    assert (Booking.objects.get().state, answers()) == ("confirmed", [])


def test_another_number_answers_nothing(twilio: Twilio, clock: Any, customer: Any) -> None:
    book(customer)
    reminded(clock)
    writes(twilio, "cancel", phone="+966598765432")
    assert (Booking.objects.get().state, answers()) == ("confirmed", [])


def test_who_has_the_number_now_does_not_act_for_who_had_it(
    twilio: Twilio, clock: Any, customer: Any
) -> None:
    book(customer)
    reminded(clock)
    customer.phone = "+966598765432"
    customer.save(update_fields=["phone"])
    writes(twilio, "cancel")
    assert (Booking.objects.get().state, answers()) == ("confirmed", [])


def test_other_words_and_other_senders_change_nothing(twilio: Twilio, clock: Any, customer: Any) -> None:
    book(customer)
    reminded(clock)
    writes(twilio, "هل يوجد موقف سيارات؟")
    before = len(twilio.sent)
    for sender in (PHONE, "whatsapp:0512345678", "messenger:1", ""):
        fields = {"MessageSid": "SM9", "From": sender, "Body": "cancel"}
        assert post_form(PATH, fields, token=twilio.auth_token).status_code == 200
    assert (Booking.objects.get().state, answers(), len(twilio.sent)) == ("confirmed", [], before)
    assert InboundMessage.objects.get().intent == "other"


def test_nobody_cancels_without_twilios_signature(twilio: Twilio, clock: Any, customer: Any) -> None:
    book(customer)
    reminded(clock)
    fields = {"MessageSid": "SM9", "From": f"whatsapp:{PHONE}", "Body": "cancel"}
    assert post_form(PATH, fields, token="another").status_code == 403
    assert post_form(PATH, {"From": f"whatsapp:{PHONE}"}, token=twilio.auth_token).status_code == 400
    assert Booking.objects.get().state == "confirmed"
    assert not InboundMessage.objects.exists()


# Stopping


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("STOP", "Our messages on WhatsApp are stopped.\nTo get them again, please reply: START"),
        ("إيقاف", None),
    ],
)
def test_stop_is_heard_at_once(
    twilio: Twilio, clock: Any, customer: Any, text: str, said: str | None
) -> None:
    book(customer)
    writes(twilio, text)
    assert OptOut.objects.get().phone == PHONE
    assert twilio.sent[-1]["To"] == f"whatsapp:{PHONE}"
    assert said is None or twilio.sent[-1]["Body"] == said
    assert Message.objects.get(kind="stop_confirmed").language == ("en" if said else "ar")
    reminded(clock)
    assert twilio.sent[-1]["To"] == PHONE, "reminders go by SMS from now on"
    writes(twilio, text)
    assert OptOut.objects.count() == 1


def test_start_takes_it_back(twilio: Twilio, clock: Any, customer: Any) -> None:
    book(customer)
    writes(twilio, "stop")
    writes(twilio, "start")
    assert not OptOut.objects.exists()
    reminded(clock)
    assert twilio.sent[-1]["To"] == f"whatsapp:{PHONE}"
    assert json.loads(twilio.sent[-1]["ContentVariables"])["1"] == "Lamsa Salon"


# At the same moment


def take_in(text: str, sid: str) -> Any:
    return inbound.receive(
        provider="twilio",
        provider_message_id=sid,
        from_phone=PHONE,
        texts=(text,),
        answers="",
        now=timezone.now(),
    )


@pytest.mark.django_db(transaction=True)
def test_one_reply_handed_over_in_parallel_acts_once(clock: Any, customer: Any) -> None:
    booking = book(customer)
    clock.move_to(datetime.fromisoformat(SAME_DAY))
    remind(timezone.now())
    outcomes = race(*[partial(take_in, "cancel", "SM1")] * 4)
    assert sorted(outcome is None for outcome in outcomes) == [False, True, True, True]
    assert booking.events.filter(verb="cancel").count() == 1
    assert answers() == ["reply_cancelled"]


@pytest.mark.django_db(transaction=True)
def test_two_replies_in_parallel_leave_one_change_and_two_answers(clock: Any, customer: Any) -> None:
    booking = book(customer)
    clock.move_to(datetime.fromisoformat(SAME_DAY))
    remind(timezone.now())
    race(partial(take_in, "yes", "SM1"), partial(take_in, "نعم", "SM2"))
    assert booking.events.filter(verb="confirm_attendance").count() == 1
    assert answers() == ["reply_confirmed", "reply_confirmed"]


@pytest.mark.django_db(transaction=True)
def test_confirming_and_cancelling_at_once_end_cancelled(clock: Any, customer: Any) -> None:
    booking = book(customer)
    clock.move_to(datetime.fromisoformat(SAME_DAY))
    remind(timezone.now())
    race(partial(take_in, "yes", "SM1"), partial(take_in, "cancel", "SM2"))
    booking.refresh_from_db()
    assert booking.state == "cancelled"
    assert set(answers()) in (
        {"reply_cancelled", "reply_confirmed"},
        {"reply_cancelled", "reply_not_possible"},
    )
