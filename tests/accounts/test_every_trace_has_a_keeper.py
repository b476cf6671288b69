"""No table may point at people, or hold what people wrote, without somebody having decided what becomes of it."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.db import models
from django.utils import timezone

from backend.accounts.models import OtpChallenge, PlatformRole, User
from backend.core import privacy
from backend.salons.models import HijriShift, Review, SalonEvent
from tests.accounts.privacy import with_a_past
from tests.factories import UserFactory, employ
from tests.support.api import ok

POINTS_AT_PEOPLE = {
    # Goes with the person.
    "accounts.Device.user": "deleted",
    "bookings.CalendarFeed.user": "deleted",
    "bookings.OutsideCalendar.user": "deleted",
    "bookings.ClientNote.customer": "deleted",
    "bookings.Forgiveness.customer": "deleted",
    "bookings.WaitlistEntry.customer": "deleted",
    "accounts.EmailChallenge.user": "deleted",
    "accounts.OtpChallenge.user": "deleted",
    "accounts.PhoneChange.user": "deleted",
    "accounts.PlatformRole.user": "deleted",
    "core.IdempotencyRecord.user": "deleted",
    "notifications.Preference.user": "deleted",
    "salons.Favourite.user": "deleted",
    "salons.HijriShift.decided_by": "emptied",
    "salons.Membership.user": "deleted",
    "salons.Review.author": "emptied",
    "salons.Review.moderated_by": "emptied",
    "salons.ReviewReport.reporter": "deleted",
    "salons.SalonEvent.actor": "emptied",
    "salons.StaffMember.user": "emptied",
    "payments.SavedCard.customer": "emptied",
    # Stays, and points at a row that names nobody any more.
    "accounts.Consent.user": "proof",
    "accounts.DataRequest.person": "proof; its note is emptied",
    "accounts.SupportLook.person": "proof; the number is masked",
    "bookings.Booking.customer": "books; note and reasons are emptied",
    "bookings.Calendar.customer": "times of those bookings",
    "notifications.Message.recipient": "that it was sent; number and words are emptied",
    # What somebody did at work: it belongs to what was done.
    "accounts.PhoneChange.assisted_by": "work",
    "accounts.SupportLook.by": "work",
    "bookings.ClientNote.written_by": "work",
    "bookings.Forgiveness.by": "work",
    "bookings.Wording.changed_by": "work",
    "bookings.BookingEvent.actor": "work, or the customer's own act",
    "core.Alarm.acknowledged_by": "work",
    "payments.Reconciliation.run_by": "work",
    "payments.Settlement.imported_by": "work",
    "payments.Difference.owner": "work",
    "payments.Difference.resolved_by": "work",
    "payments.DifferenceEvent.by": "work",
    "payments.DayClose.closed_by": "work",
    "bookings.Session.ended_by": "work",
    "payments.DeskReceipt.taken_by": "work",
    "payments.DeskReceipt.voided_by": "work",
    "payments.Resolution.resolved_by": "work",
    "payments.Payout.recorded_by": "work",
    "payments.Payout.voided_by": "work",
    "payments.RefundRequest.requested_by": "work",
    "payments.RefundRequest.decided_by": "work",
    "payments.ExportTaken.taken_by": "work",
    "notifications.Message.resent_by": "work",
    "payments.Refund.requested_by": "work, or the customer's own act",
}


def test_every_pointer_at_a_person_was_thought_about() -> None:
    """A new one fails here: a keeper (`<app>/privacy.py`) exports and erases it, and the list says what becomes."""
    ours = [model for model in apps.get_models() if model.__module__.startswith("backend.")]
    found = {
        f"{model._meta.label}.{field.name}"
        for model in ours
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model is User
    }
    assert found - POINTS_AT_PEOPLE.keys() == set(), "decide what becomes of these"
    assert POINTS_AT_PEOPLE.keys() - found == set(), "these are no more"


def test_every_app_with_people_in_it_has_a_keeper() -> None:
    owners = {keeper.erase.__module__.rpartition(".")[0] for keeper in privacy.keepers()}
    assert owners >= {label.split(".")[0].join(("backend.", "")) for label in POINTS_AT_PEOPLE}


def test_the_highest_app_lets_go_first() -> None:
    order = [keeper.erase.__module__.split(".")[1] for keeper in privacy.keepers()]
    assert order[:6] == ["core", "notifications", "accounts", "salons", "bookings", "payments"]


@pytest.mark.django_db
def test_what_is_said_to_go_is_gone() -> None:
    """The list above, held against rows: each pointer it lets go of points at the person before, and nowhere after."""
    user = UserFactory.create(name="نورة العتيبي")
    past, now = with_a_past(user), timezone.now()
    salon = past["salon"]
    employ(salon, "manager", user)
    past["staff"][0].user = user
    past["staff"][0].save()
    OtpChallenge.objects.update(user=user, purpose="change_new")
    PlatformRole.objects.create(user=user, role="support")
    SalonEvent.objects.create(salon=salon, from_status="in_review", to_status="live", actor=user, at=now)
    HijriShift.objects.create(hijri_year=1448, hijri_month=9, days=1, decided_by=user, decided_at=now)
    Review.objects.create(
        salon=salon, booking_id=uuid.uuid4(), rating=2, created_at=now, moderated_by=user, moderated_at=now
    )

    def pointing() -> dict[str, int]:
        counts = {}
        for path, fate in POINTS_AT_PEOPLE.items():
            label, _, name = path.rpartition(".")
            if fate in ("deleted", "emptied"):
                counts[path] = apps.get_model(label)._default_manager.filter(**{name: user.pk}).count()
        return counts

    assert {path for path, count in pointing().items() if count == 0} == set(), "the test would prove nothing"
    ok(past["phone"].send("DELETE", "me"))
    assert {path for path, count in pointing().items() if count} == set()
