"""The way a message takes: an order of channels and providers, and what stands against one of them."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import Consent, Device, PrivacyNotice, PushTarget, User
from backend.core.models import Alarm
from backend.core.patience import patience
from backend.notifications import kinds, operations
from backend.notifications.kinds import Kind
from backend.notifications.models import (
    DailySpend,
    DeliveryAttempt,
    Message,
    OptOut,
    Preference,
    ProviderHealth,
)
from backend.notifications.operations.routes import Route, channels_of, routes

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)  # 21:30 in Riyadh
PHONE = "+966512345678"
CHANNELS = ("push", "whatsapp", "sms", "email")
ESSENTIAL, REMINDER, OFFER = (
    Kind("trial_essential", topic="bookings", essential=True),
    Kind("trial_reminder", topic="reminders"),
    Kind("trial_offer", topic="offers"),
)
ACCOUNT, REPLY = (
    Kind("trial_account", topic="account"),
    Kind("trial_reply", topic="bookings", reply=True),
)
kinds.register((ESSENTIAL, REMINDER, OFFER, ACCOUNT, REPLY))
WORDED = {kind.code: {"ar": {"twilio": "HX1"}} for kind in (ESSENTIAL, REMINDER, OFFER)}


# The plan alone

orders = st.lists(st.sampled_from(CHANNELS), unique=True)
ways = st.builds(Route, st.sampled_from(CHANNELS), st.sampled_from(("a", "b", "c")))


@given(
    kind=st.sampled_from((ESSENTIAL, REMINDER)),
    chosen=st.none() | orders,
    usual=orders,
    has_account=st.booleans(),
)
def test_the_channels_are_the_wanted_ones_in_the_wanted_order(kind, chosen, usual, has_account):
    found = channels_of(kind, has_account=has_account, chosen=chosen, usual=usual)
    to_number = [channel for channel in usual if channel in ("sms", "whatsapp")] or ["sms"]
    wanted = [channel for channel in (usual if chosen is None else chosen) if channel in usual]
    assert len(found) == len(set(found))
    if not has_account:
        assert found == to_number
    elif kind.essential:
        assert found[: len(wanted)] == wanted
        assert set(to_number) <= set(found) <= {*wanted, *to_number}
    else:
        assert found == wanted


@given(chosen=st.none() | orders, usual=orders, has_account=st.booleans())
def test_no_choice_concerns_the_account_itself_or_an_answer(chosen, usual, has_account):
    assert channels_of(ACCOUNT, has_account=has_account, chosen=chosen, usual=usual) == ["sms"]
    assert channels_of(REPLY, has_account=has_account, chosen=chosen, usual=usual) == ["whatsapp"]


@given(
    channels=orders,
    names=st.fixed_dictionaries(
        {channel: st.lists(st.sampled_from("abc"), unique=True) for channel in CHANNELS}
    ),
    reached=st.sets(st.sampled_from(CHANNELS)),
    distrusted=st.sets(ways),
)
def test_every_way_that_is_open_is_gone_once_and_doubtful_ones_come_last(
    channels, names, reached, distrusted
):
    found = list(
        routes(
            channels,
            providers=names.__getitem__,
            reaches=reached.__contains__,
            trusted=lambda route: route not in distrusted,
        )
    )
    in_order = [Route(c, name) for c in channels if c in reached for name in names[c]]
    assert found == [r for r in in_order if r not in distrusted] + [r for r in in_order if r in distrusted]


def test_a_later_way_is_only_looked_at_when_its_turn_has_come():
    asked = []

    def reaches(channel):
        asked.append(channel)
        return True

    found = routes(CHANNELS, providers=lambda channel: ["a"], reaches=reaches, trusted=lambda route: True)
    assert next(found) == Route("push", "a")
    assert asked == ["push"]


# With people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person():
    person = User.objects.create_user(PHONE)
    User.objects.filter(pk=person.pk).update(email="sara@example.com", email_verified_at=NOW)
    device = Device.objects.create(user=person)
    PushTarget.objects.create(device=device, kind="fid", token="target-1", stored_at=NOW)
    return person


@pytest.fixture(autouse=True)
def everything_set_up(settings):
    settings.PUSH_PROVIDER = settings.EMAIL_PROVIDER = ["console"]
    settings.WHATSAPP_TEMPLATES = WORDED


def tell(kind=ESSENTIAL, *, recipient=None, now=NOW, key="1", title="تحديث", **more):
    with transaction.atomic():
        operations.enqueue(
            operations.draft(
                recipient=recipient,
                to_phone=PHONE,
                language="ar",
                kind=kind.code,
                audience="customer",
                words=operations.Words(text="نص", title=title, push="تم تحديث الحجز", values=("1",)),
                event_key=key,
                now=now,
                **more,
            )
        )
    message = Message.objects.get(event_key=key)
    return message.state, message.channel


def agree(person):
    notice = PrivacyNotice.objects.get_or_create(version=1, defaults={"text_ar": "نص", "text_en": "text"})[0]
    Consent.objects.create(
        user=person, purpose="marketing", granted=True, notice=notice, at=NOW, means=Consent.Means.APP
    )


def want(person, *channels, topic="bookings"):
    Preference.objects.create(user=person, topic=topic, channels=list(channels), changed_at=NOW)


def test_the_usual_order_begins_with_push(person):
    assert tell(recipient=person) == ("sent", "push")


def test_somebody_without_an_account_is_reached_by_number():
    assert tell() == ("sent", "whatsapp")


def test_without_an_approved_wording_it_is_a_text(settings):
    settings.WHATSAPP_TEMPLATES = {ESSENTIAL.code: {"en": {"twilio": "HX1"}}}
    assert tell() == ("sent", "sms")


def test_a_person_chooses_the_order(person):
    want(person, "email", "push")
    assert tell(recipient=person) == ("sent", "email")
    assert tell(REMINDER, recipient=person, key="2") == ("sent", "push")


def test_a_channel_nobody_is_reached_by_is_passed_over(person):
    PushTarget.objects.all().delete()
    want(person, "push", "email")
    assert tell(recipient=person) == ("sent", "email")
    assert tell(recipient=person, key="2", title="") == ("sent", "whatsapp")


def test_a_silenced_topic_leaves_only_what_must_be_learnt(person):
    want(person)
    want(person, topic="reminders")
    assert tell(recipient=person) == ("sent", "whatsapp")
    assert tell(REMINDER, recipient=person, key="2") == ("skipped", "")
    assert not DeliveryAttempt.objects.filter(message__event_key="2").exists()


def test_a_number_that_said_stop_is_not_reached_there():
    OptOut.objects.create(phone=PHONE, channel="whatsapp", at=NOW)
    assert tell() == ("sent", "sms")
    OptOut.objects.create(phone=PHONE, channel="sms", at=NOW)
    assert tell(key="2") == ("skipped", "")
    assert tell(ACCOUNT, key="3") == ("sent", "sms")
    assert tell(REPLY, key="4") == ("sent", "whatsapp")


def test_what_is_outdated_is_not_sent(person):
    assert tell(expires_at=NOW) == ("skipped", "")
    assert tell(key="2", expires_at=NOW + timedelta(hours=1)) == ("sent", "whatsapp")


def test_a_refusal_goes_on_to_the_next_channel_of_the_same_round(person, unifonic, settings):
    settings.MESSAGE_CHANNELS = ["sms", "email"]
    unifonic.answers(482)  # no mobile number
    assert tell(recipient=person) == ("sent", "email")
    rows = DeliveryAttempt.objects.order_by("number").values_list(
        "channel", "provider", "outcome", "error_class"
    )
    assert list(rows) == [("sms", "unifonic", "refused", "recipient"), ("email", "console", "accepted", "")]
    assert Message.objects.get().attempts == 1


def test_a_number_that_is_none_is_not_tried_with_the_next_provider(person, unifonic, twilio, settings):
    settings.SMS_PROVIDER = ["unifonic", "twilio"]
    settings.MESSAGE_CHANNELS = ["sms", "email"]
    unifonic.answers(482)
    assert tell(recipient=person) == ("sent", "email")
    assert twilio.sent == []


def test_an_unknown_outcome_goes_nowhere_else(person, unifonic, settings):
    settings.MESSAGE_CHANNELS = ["sms", "email"]
    unifonic.answers("drop")
    assert tell(recipient=person) == ("unknown", "sms")
    assert DeliveryAttempt.objects.count() == 1


# Offers


def test_an_offer_waits_for_the_morning_and_for_consent(person):
    assert tell(OFFER, recipient=person) == ("skipped", "")
    agree(person)
    assert tell(OFFER, recipient=person, key="2") == ("pending", "")
    morning = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # 9:00 in Riyadh
    assert Message.objects.get(event_key="2").next_attempt_at == morning
    assert operations.deliver_due(now=morning - timedelta(seconds=1)) == 0
    assert operations.deliver_due(now=morning) == 1
    assert Message.objects.get(event_key="2").state == "sent"


@pytest.mark.parametrize(("hour", "state"), [(8, "pending"), (9, "sent"), (18, "sent"), (19, "pending")])
def test_offers_keep_to_their_hours(person, settings, hour, state):
    settings.PROMOTION_HOURS = (time(9), time(19))
    agree(person)
    at = datetime(2026, 11, 21, hour - 3, 0, tzinfo=UTC)
    assert tell(OFFER, recipient=person, now=at)[0] == state


def test_a_carrier_gives_up_an_offer_when_its_hours_end(person, twilio, settings):
    settings.MESSAGE_CHANNELS, settings.TWILIO_PROMOTION_FROM = ["sms"], "Mawid-AD"
    agree(person)
    evening = datetime(2026, 11, 21, 15, 58, 30, tzinfo=UTC)  # 18:58:30 in Riyadh
    assert tell(OFFER, recipient=person, now=evening) == ("sent", "sms")
    assert tell(recipient=person, now=evening, key="service") == ("sent", "sms")
    offered, told = (int(sent["ValidityPeriod"]) for sent in twilio.sent)
    assert 60 < offered <= 90
    assert told == 6 * 60 * 60


def test_a_push_nobody_saw_arrive_is_repeated_in_its_hours_only(person, fcm, settings):
    settings.PUSH_PROVIDER, settings.MESSAGE_CHANNELS = ["fcm"], ["push"]
    fcm.answers("drop", "accept")
    agree(person)
    evening = datetime(2026, 11, 21, 15, 59, 55, tzinfo=UTC)  # 18:59:55 in Riyadh
    assert tell(OFFER, recipient=person, now=evening) == ("unknown", "push")
    operations.deliver_due(now=evening + timedelta(minutes=5))
    morning = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    waiting = Message.objects.get()
    assert (waiting.state, waiting.next_attempt_at, DeliveryAttempt.objects.count()) == (
        "unknown",
        morning,
        1,
    )
    assert operations.deliver_due(now=morning) == 1
    assert Message.objects.get().state == "sent"


def test_a_missing_sender_of_offers_does_not_turn_other_messages_away(person, unifonic, settings):
    settings.MESSAGE_CHANNELS = ["sms"]
    settings.UNIFONIC_PROMOTION_SENDER_ID = ""
    agree(person)
    morning = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    for key in "123456":
        assert tell(OFFER, recipient=person, now=morning, key=key) == ("pending", "sms")
    assert not ProviderHealth.objects.exists()


def test_a_circuits_one_try_is_not_spent_without_time_for_it(person, unifonic, settings):
    settings.PUSH_PROVIDER, settings.MESSAGE_CHANNELS = ["console"], ["push", "sms"]
    want(person, "sms")
    due = NOW - timedelta(seconds=1)
    ProviderHealth.objects.create(
        provider="unifonic", channel="sms", failures=5, opened_at=due, open_until=due
    )
    with patience(settings.PROVIDER_TIMEOUT / 2):
        assert tell(recipient=person)[0] == "pending"
    assert ProviderHealth.objects.get().open_until == due
    operations.deliver_due(now=NOW)
    assert Message.objects.get().state == "sent"


# Costs


def test_what_it_costs_is_written_down(unifonic, settings):
    settings.MESSAGE_PRICES = {"unifonic:sms": 60_000}
    settings.MESSAGE_CHANNELS = ["sms"]
    with transaction.atomic():
        operations.enqueue(
            operations.draft(
                recipient=None,
                to_phone=PHONE,
                language="ar",
                kind=ESSENTIAL.code,
                audience="customer",
                words=operations.Words(text="ن" * 71),
                event_key="long",
                now=NOW,
            )
        )
    attempt = DeliveryAttempt.objects.get()
    assert (attempt.units, attempt.cost_micro) == (2, 120_000)


def test_beyond_the_days_cost_only_what_must_be_learnt_goes(settings):
    settings.MESSAGE_PRICES = {"console:sms": 400_000, "console:whatsapp": 100_000}
    settings.MESSAGE_SPEND_PER_DAY = 1
    settings.MESSAGE_CHANNELS = ["sms"]
    assert [tell(REMINDER, key=str(n))[0] for n in range(4)] == ["sent"] * 3 + ["skipped"]
    assert tell(key="5") == ("sent", "sms")
    [alarm] = Alarm.objects.filter(kind="message_spend")
    assert (alarm.count, alarm.subject) == (1, "2026-11-20")
    assert DailySpend.objects.get().cost_micro == 1_600_000
    assert tell(REMINDER, key="6", now=NOW + timedelta(hours=3))[0] == "sent"  # it is the next day in Riyadh


# What it costs us


def statements(**more):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        tell(**more)
    return [
        q["sql"] for q in asked.captured_queries if "notifications_" in q["sql"] or "accounts_" in q["sql"]
    ]


def test_the_usual_message_takes_three_statements(settings):
    settings.WHATSAPP_TEMPLATES = {}
    asked = statements()
    assert [sql.split()[0] for sql in asked[:3]] == ["INSERT", "WITH", "WITH"]
    assert len(asked) == 4  # the fourth is this test's own look at it


def test_a_person_with_one_channel_costs_no_more(person, settings):
    settings.PUSH_PROVIDER = settings.EMAIL_PROVIDER = []
    settings.WHATSAPP_TEMPLATES = {}
    assert len(statements(recipient=person)) == 4
