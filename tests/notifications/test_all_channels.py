"""One message over every channel there is, each company on the wire: the first that can takes it, and only that one."""

from datetime import timedelta

import pytest
from django.test import TestCase
from django.utils import timezone

from backend.accounts.models import PushTarget
from backend.notifications import operations
from backend.notifications.models import DeliveryAttempt, Message
from tests.factories import DeviceFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    now = timezone.now()
    user = UserFactory(phone="+966512345678", email="sara@example.com", email_verified_at=now)
    PushTarget.objects.create(device=DeviceFactory(user=user), kind="fid", token="fid-1", stored_at=now)
    return user


@pytest.fixture(autouse=True)
def channels(fcm, twilio, unifonic, mail_server, settings):
    settings.SMS_PROVIDER = ["unifonic", "twilio"]
    settings.MESSAGE_CHANNELS = ["push", "whatsapp", "sms", "email"]
    settings.WHATSAPP_TEMPLATES = {
        "booking_confirmed": {"ar": {"twilio": "HX1", "unifonic": "confirmed"}},
    }


def owe(user):
    with TestCase.captureOnCommitCallbacks(execute=True):
        operations.enqueue(
            operations.draft(
                recipient=user,
                to_phone=user.phone,
                language="ar",
                kind="booking_confirmed",
                audience="customer",
                words=operations.Words(
                    text="تم تأكيد حجزك في صالون روز",
                    title="تم تأكيد الحجز",
                    push="الأحد 22/11 الساعة 4:30 م",
                    values=("صالون روز", "الأحد", "22/11"),
                ),
                event_key="1",
                now=timezone.now(),
            )
        )
    return Message.objects.get()


def tried():
    rows = DeliveryAttempt.objects.order_by("number")
    return [(row.channel, row.provider, row.outcome, row.error_class) for row in rows]


def test_a_push_comes_first_and_says_no_name(user, fcm, twilio, unifonic, mail_server):
    message = owe(user)
    assert (message.state, message.channel) == ("sent", "push")
    assert tried() == [("push", "fcm", "accepted", "")]
    [pushed] = fcm.accepted
    assert pushed["notification"] == {"title": "تم تأكيد الحجز", "body": "الأحد 22/11 الساعة 4:30 م"}
    assert "روز" not in str(pushed)
    assert twilio.sent == unifonic.sent == unifonic.whatsapp == mail_server.accepted == []


def test_who_removed_the_app_hears_by_whatsapp(user, fcm, unifonic):
    fcm.answers((404, "UNREGISTERED"))
    message = owe(user)
    assert (message.state, message.channel) == ("sent", "whatsapp")
    assert tried() == [
        ("push", "fcm", "refused", "recipient"),
        ("whatsapp", "unifonic", "accepted", ""),
    ]
    [template] = unifonic.whatsapp
    assert template["content"]["name"] == "confirmed"
    assert not PushTarget.objects.exists()


def test_refusals_lead_through_all_channels_to_the_last(user, fcm, twilio, unifonic, mail_server):
    fcm.answers((503, "UNAVAILABLE"))
    unifonic.answers(429)
    twilio.answers((400, 63007), (400, 21614))
    message = owe(user)
    assert (message.state, message.channel) == ("sent", "email")
    assert tried() == [
        ("push", "fcm", "refused", "provider_fault"),
        ("whatsapp", "unifonic", "refused", "throttled"),
        ("whatsapp", "twilio", "refused", "configuration"),
        ("sms", "unifonic", "refused", "throttled"),
        ("sms", "twilio", "refused", "recipient"),
        ("email", "django", "accepted", ""),
    ]
    assert len(mail_server.accepted) == 1


@pytest.mark.parametrize("silent", ["push", "whatsapp", "email"])
def test_where_nobody_knows_nobody_else_is_asked(user, fcm, unifonic, mail_server, settings, silent):
    settings.MESSAGE_CHANNELS = [silent, "sms"]
    fcm.answers("drop")
    unifonic.answers("drop")
    mail_server.fails("text", "drop")
    message = owe(user)
    assert message.state == "unknown"
    assert [row[0] for row in tried()] == [silent]
    assert unifonic.sent == []


def test_a_push_whose_fate_is_unknown_is_simply_sent_again(user, fcm):
    fcm.answers("drop", "accept")
    owe(user)
    operations.deliver_due(now=timezone.now() + timedelta(minutes=3))
    first, second = fcm.messages
    assert first["android"]["collapse_key"] == second["android"]["collapse_key"]
    assert Message.objects.get().state == "sent"
