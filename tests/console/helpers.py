"""What the console's tests share: a browser, people of each role, and a world with a row of every kind."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.db.models import Model
from django.test import Client, TestCase
from django.urls import reverse
from django.utils import timezone

from backend.accounts import operations as people
from backend.accounts.models import (
    Breach,
    Consent,
    Device,
    OtpChallenge,
    PhoneChange,
    PlatformRole,
    PrivacyNotice,
    SupportLook,
    User,
)
from backend.bookings import operations
from backend.bookings.models import Booking, Forgiveness, OutsideCalendar, Refusal, WaitlistEntry, Wording
from backend.bookings.queries import Wish
from backend.console import sign_in
from backend.core.alarms import raise_alarm
from backend.core.hijri import hijri_of
from backend.core.time import RIYADH
from backend.notifications.models import DeliveryAttempt, Message, ProviderRefusal
from backend.payments.models import (
    DayClose,
    Difference,
    DifferenceEvent,
    ExportTaken,
    Finding,
    GatewayCall,
    Payment,
    Payout,
    Reconciliation,
    Refund,
    RefundRequest,
    Settlement,
    SettlementLine,
    WebhookEvent,
)
from backend.payments.operations import post
from backend.payments.operations.invoicing import invoice_payment
from backend.salons.models import (
    Business,
    Closure,
    HijriShift,
    Override,
    OverrideWindow,
    Photo,
    Review,
    ReviewReport,
    SalonEvent,
    Season,
)
from tests.bookings.sessions import on_sale
from tests.factories import RentalFactory, ResourceFactory, UserFactory, employ, needing, open_salon

SIGN_IN = "/console/login/"
ROLES = ("platform_admin", "finance", "support")


class Browser(Client):
    """Holds every page of the console to what all pages promise."""

    def request(self, **request: Any) -> Any:
        if connection.in_atomic_block:
            with TestCase.captureOnCommitCallbacks(execute=True):
                response = super().request(**request)
        else:
            response = super().request(**request)
        if f"{request['PATH_INFO']}/".startswith("/console/"):
            check_page(response)
        return response


def check_page(response: Any) -> None:
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "no-store" in response.headers["Cache-Control"]
    if "html" in response.headers.get("Content-Type", "") and response.content:
        page = response.content.decode()
        language = response.headers["Content-Language"]
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page
        outside = re.findall(r"""(?:src|href|action|data-[a-z-]*url)=["']((?:https?:)?//[^"']+)""", page)
        assert outside == []
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page)
        assert not re.search(r"""\son[a-z]+=["']|\sstyle=["']""", page)


def operator(role: str | None, **fields: Any) -> User:
    person: User = UserFactory.create(name="مشغل", **fields)
    if role:
        PlatformRole.objects.create(user=person, role=role)
    return person


def browser(person: User, *, language: str = "ar") -> Browser:
    """Signed in already, as `sign_in` leaves a session behind."""
    client = Browser()
    client.force_login(person)
    now = timezone.now().timestamp()
    session = client.session
    session[sign_in.DEVICE] = str(Device.objects.create(user=person, name="Console").pk)
    session[sign_in.SINCE] = session[sign_in.SEEN] = now
    session.save()
    client.cookies["console_language"] = language
    return client


def session_of(client: Client) -> SessionStore:
    return SessionStore(client.cookies[settings.SESSION_COOKIE_NAME].value)


def address(model: type[Model], page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def registered() -> list[type[Model]]:
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def act(client: Client, model: type[Model], action: str, *rows: Model, **more: str) -> Any:
    """Choose rows of a list and run an action on them; the page that says what came of it."""
    body = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
    return client.post(address(model), body, follow=True)


def rows_below(page: Any) -> dict[str, str]:
    """What a browser sends for the rows below a page when nobody touches them."""
    body = {}
    for inline in page.context["inline_admin_formsets"]:
        formset = inline.formset
        for form in (formset.management_form, *formset.initial_forms):
            body |= {
                form.add_prefix(name): "" if form[name].value() is None else str(form[name].value())
                for name in form.fields
                if name != "DELETE"
            }
    return body


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class World:
    """At least one row of every model the console shows."""

    def __init__(self) -> None:
        now = timezone.now()
        self.salon, self.service, [self.member] = open_salon()
        self.room = ResourceFactory.create(salon=self.salon)
        RentalFactory.create(salon=self.salon)
        needing(self.service, self.room.kind)
        self.owner = employ(self.salon, "owner")
        self.customer: User = UserFactory.create(phone="+966512345678", name="نورة")
        self.booking = self.book(hour=12)
        Refusal.objects.create(
            salon=self.salon, at=now, asked="create", starts_at=self.booking.starts_at,
            service_ids=[self.service.pk], staff_ids=[self.member.pk], reasons=["slot_unavailable"],
            catalogue_version=1,
        )  # fmt: skip
        OutsideCalendar.objects.create(
            staff_member=self.member, host="calendar.example", sealed=b"", created_at=now, next_read_at=now
        )
        Forgiveness.objects.create(
            salon=self.salon,
            customer=self.customer,
            booking=self.booking,
            reason="ظرف طارئ",
            by=self.owner,
            at=now,
        )
        WaitlistEntry.objects.create(
            salon=self.salon,
            customer=self.customer,
            service=self.service,
            date=self.booking.business_date,
            from_minute=600,
            over_at=self.booking.ends_at,
            joined_at=now,
        )
        on_sale(self.salon, self.member, starts_at=self.booking.starts_at + timedelta(days=60), now=now)
        Wording.objects.create(
            salon=self.salon, kind="booking_cancelled", language="en", text="{ref} is off", changed_at=now
        )
        self.payment = Payment.objects.create(
            booking=self.booking,
            amount_minor=2300,
            captured_minor=2300,
            state="captured",
            source_type="client",
            created_at=now,
            expires_at=now,
        )
        Refund.objects.create(
            payment=self.payment, amount_minor=100, reason="goodwill", next_attempt_at=now, created_at=now
        )
        post(self.booking.pk, now=now)
        Business.objects.filter(pk=self.salon.business_id).update(vat_number="310000000000003")
        self.document = invoice_payment(self.payment, now=now)
        Payout.objects.create(
            business_id=self.salon.business_id, salon=self.salon, from_date=now.date(), to_date=now.date(),
            amount_minor=100, bank_reference="FT1", recorded_by=self.owner, recorded_at=now,
        )  # fmt: skip
        self.refund_request = RefundRequest.objects.create(
            payment=self.payment, amount_minor=100, reason="الغرفة باردة", needs_second=True, state="waiting",
            requested_by=operator("finance"), requested_at=now, expires_at=now + timedelta(days=7),
        )  # fmt: skip
        ExportTaken.objects.create(
            sheet="ledger",
            file_type="csv",
            from_date=now.date(),
            to_date=now.date(),
            taken_by=self.owner,
            taken_at=now,
        )
        self.event = WebhookEvent.objects.create(
            provider="moyasar",
            event_id="evt-1",
            type="payment_paid",
            payment_id=self.payment.pk,
            payload={"id": "evt-1", "live": False, "data": {"amount": 2300}},
            received_at=now,
            next_attempt_at=now,
        )
        GatewayCall.objects.create(
            payment_id=self.payment.pk, verb="fetch", at=now, took_ms=80, status=200, outcome="ok"
        )
        run = Reconciliation.objects.create(
            from_date=now.date(), to_date=now.date(), started_at=now, run_by=self.owner
        )
        self.difference = Difference.objects.create(
            kind="amount", subject=f"payment:{self.payment.pk}", payment_id=self.payment.pk,
            business_date=now.date(), facts={"ours": {"amount_minor": 1}, "gateway": None, "settlements": None},
            opened_at=now,
        )  # fmt: skip
        DifferenceEvent.objects.create(difference=self.difference, act="opened", at=now)
        Finding.objects.create(reconciliation=run, difference=self.difference)
        settlement = Settlement.objects.create(
            gateway_id="st-1", source="api", amount_minor=2250, lines_minor=2250, line_count=1, created_at=now,
            imported_at=now,
        )  # fmt: skip
        SettlementLine.objects.create(
            settlement=settlement, position=1, gateway_payment_id=self.payment.pk, payment=self.payment,
            type="payment", payment_amount_minor=2300, net_minor=2250, fee_minor=43, fee_vat_minor=7,
            transacted_at=now,
        )  # fmt: skip
        long_ago = now.date() - timedelta(days=30)
        proof = Reconciliation.objects.create(
            from_date=long_ago, to_date=long_ago, started_at=now, finished_at=now, run_by=self.owner
        )
        DayClose.objects.create(
            business_date=long_ago, reconciliation=proof, closed_by=self.owner, closed_at=now
        )
        Closure.objects.create(
            salon=self.salon, starts_at=now, ends_at=now + timedelta(hours=1), reason_ar="صيانة"
        )
        review = Review.objects.create(
            salon=self.salon,
            author=self.customer,
            booking_id=self.booking.pk,
            rating=5,
            comment="ممتاز",
            created_at=now,
        )
        ReviewReport.objects.create(review=review, reporter=self.owner, reason="إعلان", created_at=now)
        SalonEvent.objects.create(
            salon=self.salon, from_status="in_review", to_status="live", actor=self.owner, at=now
        )
        # A month that has nothing to do with today's hours, whenever the tests run.
        half_a_year_off = (hijri_of(now.date()).month + 5) % 12 + 1
        self.season = Season.objects.create(
            salon=self.salon, name_ar="الموسم", name_en="Season", hijri_from_month=half_a_year_off,
            hijri_from_day=1, hijri_to_month=half_a_year_off, hijri_to_day=30,
        )  # fmt: skip
        self.season.windows.create(salon=self.salon, weekday=7, opens_minute=1260, closes_minute=1560)
        override = Override.objects.create(
            salon=self.salon, date=now.date() + timedelta(days=20), reason_ar="العيد"
        )
        OverrideWindow.objects.create(override=override, opens_minute=960, closes_minute=1380)
        self.photo = Photo.objects.create(
            salon=self.salon, resource=self.room, key=f"ab/{'0' * 30}", content_hash="0" * 64, width=800,
            height=600, blurhash="LEHV6nWB2yk8pyo0adR*.7kCMdnj", caption_ar="الغرفة", created_at=now,
        )  # fmt: skip
        HijriShift.objects.create(
            hijri_year=1447, hijri_month=9, days=0, decided_by=self.owner, decided_at=now
        )
        self.device = Device.objects.create(user=self.customer, platform="ios", name="iPhone")
        OtpChallenge.objects.create(
            phone="+966512345678",
            code_hmac=b"x" * 32,
            language="ar",
            created_at=now,
            expires_at=now + timedelta(minutes=5),
        )
        PhoneChange.objects.create(
            user=self.customer,
            old_phone="+966512345678",
            new_phone="+966512345679",
            needs_old=False,
            created_at=now,
        )
        self.message = Message.objects.create(
            recipient=self.customer,
            to_phone="+966512345678",
            language="ar",
            kind="booking_received",
            audience="customer",
            body="نص الرسالة",
            event_key="test:1",
            created_at=now,
            next_attempt_at=now,
        )
        DeliveryAttempt.objects.create(
            message=self.message, number=1, provider="console", started_at=now, units=1
        )
        ProviderRefusal.objects.create(
            provider="console", channel="sms", outcome="refused", error_class="balance", at=now
        )
        notice = PrivacyNotice.objects.order_by("-version").first() or PrivacyNotice.objects.create(
            version=1, published_at=now, text_ar="إشعار", text_en="Notice"
        )
        Consent.objects.create(
            user=self.customer, purpose="marketing", granted=True, notice=notice, at=now, means="app"
        )
        self.request = people.open_data_request(person=self.customer, kind="access", channel="phone", now=now)
        self.breach = Breach.objects.create(aware_at=now - timedelta(days=5), what="ضياع جهاز")
        raise_alarm("otp_spend", "all", parts=3)
        admin_ = operator("platform_admin")
        SupportLook.objects.create(
            by=admin_, person=self.customer, what="person", asked_for="05•••••678", request_id="r", at=now
        )
        LogEntry.objects.create(
            user=admin_,
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(self.customer.pk),
            object_repr="نورة",
            action_flag=CHANGE,
            change_message="sign_out",
        )

    def book(self, *, hour: int, days: int = 1) -> Booking:
        """A booking that waits for the salon's answer."""
        day = timezone.now().astimezone(RIYADH) + timedelta(days=days)
        booking = operations.create_booking(
            customer=self.customer,
            salon=self.salon,
            wishes=[Wish(self.service.id)],
            starts_at=day.replace(hour=hour, minute=0, second=0, microsecond=0),
            now=timezone.now(),
        )
        assert operations.deposit_paid(booking.pk, now=timezone.now())
        return Booking.objects.get(pk=booking.pk)
