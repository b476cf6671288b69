"""What people want to hear: topic by topic, channel by channel, and nothing for a number that said stop."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from backend.accounts.models import Device, PushTarget, User
from backend.accounts.operations import purge_leftovers
from backend.notifications.kinds import TOPICS
from backend.notifications.models import InboundMessage, OptOut, Preference
from backend.notifications.operations import wishes
from tests.factories import SalonFactory, UserFactory, employ
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db

PATH = "me/notification-preferences"


@pytest.fixture(autouse=True)
def channels(settings: Any) -> None:
    settings.MESSAGE_CHANNELS = ["push", "whatsapp", "sms", "email"]
    settings.SMS_PROVIDER, settings.PUSH_PROVIDER, settings.EMAIL_PROVIDER = ["console"], [], []


@pytest.fixture
def user() -> User:
    return UserFactory.create()


def topics(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {topic["topic"]: topic for topic in answer["topics"]}


def choose(phone: Api, *chosen: tuple[Any, Any], **more: Any) -> Any:
    body = {"topics": [{"topic": topic, "channels": wanted} for topic, wanted in chosen]} if chosen else {}
    return phone.send("PATCH", PATH, body=body | more)


def faults(answer: Any) -> list[tuple[str, str]]:
    problem = refused(answer, 400, "validation_failed")
    return [(error["pointer"], error["code"]) for error in problem["errors"]]


def test_without_a_choice_every_topic_uses_the_usual_order(user: User) -> None:
    answer = ok(Api(user).get(PATH))
    assert answer["stopped_channels"] == []
    found = topics(answer)
    assert list(found) == ["bookings", "reminders", "payments", "reviews", "offers"]
    for topic in found.values():
        assert topic["channels"] == ["push", "whatsapp", "sms", "email"]
        assert topic["audience"] == "customer"
        assert topic["label"]
    assert {name for name, topic in found.items() if topic["essential"]} == {"bookings", "payments"}


@pytest.mark.parametrize("role", ["staff", "receptionist", "manager", "owner"])
def test_staff_topics_are_for_people_of_a_salon(user: User, role: str) -> None:
    employ(SalonFactory.create(), role, user)
    assert list(topics(ok(Api(user).get(PATH)))) == list(TOPICS)


def test_labels_follow_the_language(user: User) -> None:
    assert topics(ok(Api(user, language="en").get(PATH)))["reminders"]["label"] == "Reminders of my visits"


def test_what_is_available_is_what_reaches_the_person_now(user: User, settings: Any) -> None:
    phone = Api(user)

    def available() -> list[str]:
        [found] = {tuple(topic["available"]) for topic in ok(phone.get(PATH))["topics"]}
        return list(found)

    assert available() == ["whatsapp", "sms"]
    settings.PUSH_PROVIDER, settings.EMAIL_PROVIDER = ["console"], ["console"]
    assert available() == ["whatsapp", "sms"]
    now = timezone.now()
    device = Device.objects.filter(user=user).latest("created_at")
    PushTarget.objects.create(device=device, kind="fid", token=uuid.uuid4().hex, stored_at=now)
    User.objects.filter(pk=user.pk).update(email="n@example.com", email_verified_at=now)
    assert available() == ["push", "whatsapp", "sms", "email"]
    OptOut.objects.create(phone=user.phone, channel="whatsapp", at=now)
    assert available() == ["push", "sms", "email"]
    settings.MESSAGE_CHANNELS = ["sms"]
    assert available() == ["sms"]


def test_a_choice_is_kept_and_leaves_the_others_alone(user: User) -> None:
    phone = Api(user)
    answer = ok(choose(phone, ("reminders", ["whatsapp"]), ("offers", [])))
    assert answer == ok(phone.get(PATH))
    assert topics(answer)["reminders"]["channels"] == ["whatsapp"]
    assert topics(answer)["offers"]["channels"] == []
    ok(choose(phone, ("reminders", ["sms", "push"])))
    found = topics(ok(phone.get(PATH)))
    assert found["reminders"]["channels"] == ["sms", "push"]
    assert found["offers"]["channels"] == []
    assert found["bookings"]["channels"] == ["push", "whatsapp", "sms", "email"]
    assert topics(ok(Api(UserFactory.create()).get(PATH)))["offers"]["channels"] != []


def test_an_essential_topic_may_be_silenced_too(user: User) -> None:
    found = topics(ok(choose(Api(user), ("payments", []))))
    assert (found["payments"]["channels"], found["payments"]["essential"]) == ([], True)


@pytest.mark.parametrize(
    ("chosen", "fault"),
    [
        (("weather", ["sms"]), ("/topics/0/topic", "invalid_choice")),
        (("account", ["sms"]), ("/topics/0/topic", "invalid_choice")),
        (("desk", ["sms"]), ("/topics/0/topic", "invalid_choice")),
        ((17, ["sms"]), ("/topics/0/topic", "wrong_type")),
        (("reminders", ["sms", "pigeon"]), ("/topics/0/channels/1", "invalid_choice")),
        (("reminders", ["sms", "sms"]), ("/topics/0/channels/1", "already_exists")),
        (("reminders", "sms"), ("/topics/0/channels", "wrong_type")),
        (("reminders", None), ("/topics/0/channels", "field_null")),
        (("reminders", ["sms"] * 5), ("/topics/0/channels", "list_too_long")),
    ],
)
def test_what_cannot_be_wanted_is_marked(user: User, chosen: Any, fault: tuple[str, str]) -> None:
    assert fault in faults(choose(Api(user), chosen))
    assert not Preference.objects.exists()


def test_a_topic_is_named_once_and_one_wrong_value_keeps_everything_as_it_was(user: User) -> None:
    phone = Api(user)
    assert faults(choose(phone, ("offers", []), ("offers", ["sms"]))) == [
        ("/topics/1/topic", "already_exists")
    ]
    assert faults(choose(phone, ("offers", []), stopped_channels=["push"])) == [
        ("/stopped_channels/0", "invalid_choice")
    ]
    assert not Preference.objects.exists()


def test_unknown_names_are_refused(user: User) -> None:
    assert faults(Api(user).send("PATCH", PATH, body={"quiet": True})) == [("/quiet", "unknown_field")]


def test_a_number_stops_a_channel_and_starts_it_again(user: User) -> None:
    phone = Api(user)
    assert ok(choose(phone, stopped_channels=["whatsapp", "sms"]))["stopped_channels"] == ["sms", "whatsapp"]
    stopped_at = OptOut.objects.get(phone=user.phone, channel="whatsapp").at
    assert ok(choose(phone, stopped_channels=["whatsapp"]))["stopped_channels"] == ["whatsapp"]
    assert OptOut.objects.get(phone=user.phone).at == stopped_at
    assert ok(choose(phone, ("offers", [])))["stopped_channels"] == ["whatsapp"]
    assert ok(choose(phone, stopped_channels=[]))["stopped_channels"] == []


def test_only_ones_own_number_is_started(user: User) -> None:
    other = UserFactory.create()
    OptOut.objects.create(phone=other.phone, channel="sms", at=timezone.now())
    ok(choose(Api(user), stopped_channels=[]))
    assert OptOut.objects.filter(phone=other.phone).exists()


def test_the_stop_of_a_number_outlives_the_account_and_its_choices_do_not(user: User) -> None:
    phone = Api(user, language="en")
    ok(choose(phone, ("offers", []), stopped_channels=["sms"]))
    kept = {row["what"]: row for row in ok(phone.send("DELETE", "me"))["kept"]}
    assert (kept["message_stops"]["count"], kept["message_stops"]["until"]) == (1, None)
    assert not Preference.objects.exists()
    again = UserFactory.create(phone=user.phone)
    assert ok(Api(again).get(PATH))["stopped_channels"] == ["sms"]


def test_replies_are_let_go_of_with_the_texts_they_answered(user: User) -> None:
    now = timezone.now()
    for days in (89, 91):
        InboundMessage.objects.create(
            provider="twilio",
            provider_message_id=f"SM{days}",
            channel="whatsapp",
            from_phone=user.phone,
            intent="stop",
            received_at=now - timedelta(days=days),
        )
    purge_leftovers(now)
    assert [reply.provider_message_id for reply in InboundMessage.objects.all()] == ["SM89"]


@pytest.mark.django_db(transaction=True)
def test_two_phones_choosing_at_once_leave_one_choice_each_topic(user: User) -> None:
    def chosen(*channels: str) -> Any:
        both = [{"topic": topic, "channels": list(channels)} for topic in ("offers", "reminders")]
        return partial(wishes.wish, person=user, topics=both, stopped_channels=["sms"], now=timezone.now())

    outcomes = race(chosen("sms"), chosen("push"), chosen("email"), chosen())
    assert outcomes == [None] * 4
    assert Preference.objects.count() == 2
    kept = {tuple(channels) for channels in Preference.objects.values_list("channels", flat=True)}
    assert len(kept) == 1
    assert OptOut.objects.count() == 1


def test_strangers_are_asked_to_sign_in() -> None:
    refused(Api().get(PATH), 401, "auth_required")
    refused(choose(Api()), 401, "auth_required")
