"""What the tests of privacy share: a notice in force, and people with a past."""

from __future__ import annotations

import uuid
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.utils import timezone

from backend.accounts.models import (
    Device,
    EmailChallenge,
    OtpChallenge,
    PhoneChange,
    PrivacyNotice,
    PushTarget,
    User,
)
from backend.bookings.models import (
    Booking,
    CalendarFeed,
    ClientNote,
    Forgiveness,
    OutsideCalendar,
    WaitlistEntry,
)
from backend.notifications.models import InboundMessage, Message, Preference
from backend.payments.models import DeskReceipt, SavedCard
from backend.salons.models import Favourite, Review, ReviewReport
from tests.factories import SalonFactory, employ, open_salon
from tests.support.api import Api, ok

FIRST_NOTICE: Any = import_module("backend.accounts.migrations.0005_first_privacy_notice")


def notice_in_force() -> PrivacyNotice:
    """The notice of the migration; or the like, when a test lives before it or another truncated the tables."""
    now = timezone.now()
    notice = PrivacyNotice.objects.filter(published_at__lte=now).order_by("-version").first()
    return notice or PrivacyNotice.objects.create(
        version=FIRST_NOTICE.VERSION + PrivacyNotice.objects.count(),
        published_at=now - timedelta(days=1),
        text_ar=FIRST_NOTICE.ARABIC,
        text_en=FIRST_NOTICE.ENGLISH,
    )


def book(
    user: User,
    salon: Any,
    service: Any,
    *,
    days: int = 3,
    hour: int = 12,
    phone: Api | None = None,
    **more: Any,
) -> Booking:
    starts_at = (timezone.now() + timedelta(days=days)).astimezone(salon.zone)
    starts_at = starts_at.replace(hour=hour, minute=0, second=0, microsecond=0)
    body = {
        "salon_id": str(salon.id),
        "items": [{"service_id": str(service.id)}],
        "starts_at": starts_at.isoformat(),
    } | more
    return Booking.objects.get(pk=ok((phone or Api(user)).post("bookings", body), 201)["id"])


def with_a_past(user: User) -> dict[str, Any]:
    """Leave a trace of the person in every table there is: name and number wherever one could stand."""
    assert user.phone
    notice_in_force()
    now = timezone.now()
    phone = Api(user)
    salon, service, staff = open_salon(deposit_percent=0, auto_confirm=True)
    words = f"{user.name} {user.phone}"
    live = book(user, salon, service, phone=phone, note=words)
    past = book(user, salon, service, days=4, phone=phone, note=words)
    Booking.objects.filter(pk=past.pk).update(state="completed")
    past.events.update(reason=f"{words} came")
    device = Device.objects.filter(user=user).latest("created_at")
    Device.objects.filter(pk=device.pk).update(name=f"Phone of {user.name}", installation_id=uuid.uuid4())
    PushTarget.objects.create(device=device, kind="fcm_token", token=str(uuid.uuid4()), stored_at=now)
    PhoneChange.objects.create(
        user=user,
        old_phone="+966599999999",
        new_phone=user.phone,
        needs_old=True,
        state="done",
        created_at=now,
        finished_at=now,
    )
    OtpChallenge.objects.create(
        phone=user.phone,
        code_hmac=b"x" * 32,
        language="ar",
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    Message.objects.create(
        recipient=user,
        to_phone=user.phone,
        language="ar",
        kind="trial",
        audience="customer",
        body=words,
        event_key=f"trial:{uuid.uuid4()}",
        state="sent",
        created_at=now,
        finished_at=now,
    )
    User.objects.filter(pk=user.pk).update(email=f"{user.pk}@example.com", email_verified_at=now)
    EmailChallenge.objects.create(
        user=user,
        email=f"{user.pk}@example.com",
        code_hmac=b"x" * 32,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    review = Review.objects.create(
        salon=salon,
        author=user,
        booking_id=past.pk,
        rating=5,
        comment=f"لطيفات جدا. {user.name}",
        reply=f"شكرا {user.name}، اتصلي على {user.phone}",
        hidden_reason=f"{words} asked",
        created_at=now,
    )
    ClientNote.objects.create(salon=salon, customer=user, text=f"Tea with mint. {words}", created_at=now)
    Forgiveness.objects.create(salon=salon, customer=user, reason=words, at=now)
    CalendarFeed.objects.create(
        staff_member=staff[0], user=user, secret_hash=uuid.uuid4().hex * 2, created_at=now
    )
    OutsideCalendar.objects.create(
        staff_member=staff[0],
        user=user,
        host="calendar.example",
        sealed=b"x",
        created_at=now,
        next_read_at=now,
    )
    WaitlistEntry.objects.create(
        salon=salon,
        customer=user,
        service=service,
        date=now.date(),
        over_at=now + timedelta(days=1),
        joined_at=now,
    )
    elsewhere = Review.objects.create(
        salon=SalonFactory.create(), booking_id=uuid.uuid4(), rating=1, created_at=now
    )
    ReviewReport.objects.create(review=elsewhere, reporter=user, reason=words, created_at=now)
    SavedCard.objects.create(
        customer=user,
        token=f"token_{uuid.uuid4().hex}",
        status="active",
        last_four="1010",
        month=12,
        year=2031,
        created_at=now,
        next_attempt_at=now,
    )
    DeskReceipt.objects.create(
        booking=past,
        method="cash",
        amount_minor=100,
        note=words,
        taken_by=employ(salon),
        taken_at=now,
        voided_by=employ(salon),
        voided_at=now,
        void_reason=words,
    )
    Preference.objects.create(user=user, topic="reminders", channels=["sms"], changed_at=now)
    InboundMessage.objects.create(
        provider="twilio",
        provider_message_id=f"SM{user.pk}",
        channel="whatsapp",
        from_phone=user.phone,
        intent="other",
        received_at=now,
    )
    Favourite.objects.create(user=user, salon=salon, created_at=now)
    ok(phone.send("PUT", "me/consents/marketing", body={"granted": True}))
    return {
        "phone": phone,
        "salon": salon,
        "service": service,
        "staff": staff,
        "live": live,
        "past": past,
        "review": review,
    }
