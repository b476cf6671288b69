"""What the catalogue keeps about a person: what they wrote and like, and the salons they work at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Replace
from django.utils.translation import gettext_lazy as _

from backend.core.privacy import ERASED_NAME, Erased, Erasure, Keeper, Kept, Person, Record, without_phones
from backend.core.time import rfc3339
from backend.salons.models import (
    Favourite,
    HijriShift,
    Membership,
    Review,
    ReviewReport,
    Salon,
    SalonEvent,
    SalonRole,
    SalonStatus,
    StaffMember,
)
from backend.salons.operations.members import SalonNeedsOwner


def export(person: Person, since: datetime) -> Mapping[str, Iterable[Record]]:
    return {
        "reviews": (
            {
                "salon": review.salon.name,
                "booking_id": str(review.booking_id),
                "rating": review.rating,
                "comment": review.comment,
                "reply": without_phones(review.reply),
                "status": review.status,
                "hidden_reason": without_phones(review.hidden_reason),
                "at": rfc3339(review.created_at),
            }
            for review in Review.objects.filter(author=person, created_at__gte=since)
            .select_related("salon")
            .order_by("-created_at", "-id")
        ),
        "review_reports": (
            {"salon": row.review.salon.name, "reason": row.reason, "at": rfc3339(row.created_at)}
            for row in ReviewReport.objects.filter(reporter=person, created_at__gte=since)
            .select_related("review__salon")
            .order_by("-created_at", "-id")
        ),
        "memberships": (
            {"salon": row.salon.name, "role": row.role, "since": rfc3339(row.created_at)}
            for row in Membership.objects.filter(user=person, created_at__gte=since)
            .select_related("salon")
            .order_by("-created_at", "-id")
        ),
        "favourites": (
            {"salon": row.salon.name, "since": rfc3339(row.created_at)}
            for row in Favourite.objects.filter(user=person, created_at__gte=since)
            .select_related("salon")
            .order_by("-created_at", "-id")
        ),
        "staff_entries": (
            {"salon": row.salon.name, "name": row.name, "title": row.title, "is_active": row.is_active}
            for row in StaffMember.objects.filter(user=person).select_related("salon").order_by("id")
        ),
    }


def erase(person: Person, now: datetime) -> Erasure:
    """Reviews stay, by nobody; who works here no longer does. Raises SalonNeedsOwner."""
    reviews = Review.objects.filter(author=person)
    # A first name alone may be the stylist's: only what points at one person goes out of the text.
    telling = [person.phone, person.name if " " in person.name else ""]
    reports = ReviewReport.objects.filter(review__author=person)
    for words in filter(None, telling):
        for rows, columns in ((reviews, ("comment", "reply", "hidden_reason")), (reports, ("reason",))):
            for column in columns:
                rows.filter(**{f"{column}__contains": words}).update(
                    **{column: Replace(column, Value(words), Value(ERASED_NAME))}
                )
    reviewed = reviews.update(author=None)
    Review.objects.filter(moderated_by=person).update(moderated_by=None)
    # Everybody locks reviews, then salons, then roles. Of two owners who leave at once the second is the only one.
    works_at = Membership.objects.filter(user=person).values("salon")
    listed_at = StaffMember.objects.filter(user=person).values("salon")
    places = Salon.objects.filter(Q(pk__in=works_at) | Q(pk__in=listed_at)).order_by("pk")
    list(places.select_for_update(no_key=True))
    owned = Membership.objects.filter(user=person, role=SalonRole.OWNER, salon__status=SalonStatus.LIVE)
    other = Membership.objects.filter(salon=OuterRef("salon"), role=SalonRole.OWNER).exclude(user=person)
    if owned.filter(~Exists(other)).exists():
        raise SalonNeedsOwner
    memberships = Membership.objects.filter(user=person).delete()[0]
    favourites = Favourite.objects.filter(user=person).delete()[0]
    reported = ReviewReport.objects.filter(reporter=person).delete()[0]
    SalonEvent.objects.filter(actor=person).update(actor=None)
    HijriShift.objects.filter(decided_by=person).update(decided_by=None)
    entries = StaffMember.objects.filter(user=person).update(user=None)
    return Erasure(
        erased=[
            Erased("memberships", _("Roles at salons"), memberships),
            Erased("favourites", _("Favourite salons"), favourites),
            Erased("review_reports", _("Reports of reviews"), reported),
        ],
        kept=[
            Kept(
                "reviews",
                _("Ratings and texts of reviews"),
                _("They help others choose. They no longer carry a name."),
                reviewed,
                None,
            ),
            Kept(
                "staff_entries",
                _("Entries in a salon's list of staff"),
                _(
                    "They belong to the salon, which answers for them. They are no longer linked to an account."
                ),
                entries,
                None,
            ),
        ],
    )


def in_use_since(moment: datetime) -> QuerySet[Any, Any]:
    """Who works at a salon is not a dormant customer."""
    return Membership.objects.values("user_id").union(
        StaffMember.objects.filter(user__isnull=False, is_active=True).values("user_id")
    )


KEEPER = Keeper(export=export, erase=erase, in_use_since=in_use_since)
