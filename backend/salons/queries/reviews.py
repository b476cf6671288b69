"""Questions about reviews: by the public, their author, their salon's desk and the platform."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from backend.core.errors import NotFound
from backend.salons.models import Review, ReviewReport, ReviewStatus, Salon, SalonStatus

REPORTS_SHOWN = 20
"""The latest reports a moderator reads of one review."""

AWAITING_DECISION = Q(review__moderated_at__isnull=True) | Q(created_at__gt=F("review__moderated_at"))
"""Of reports: no decision of the platform has come since."""


def public_review(review_id: uuid.UUID) -> Review:
    """A review that everybody may read. Raises NotFound."""
    published = Review.objects.filter(status=ReviewStatus.PUBLISHED, salon__status=SalonStatus.LIVE)
    found = published.filter(pk=review_id).first()
    if found is None:
        raise NotFound
    return found


def review_of(booking_id: uuid.UUID) -> Review | None:
    """What was said about one visit. Whether the caller may see the booking is settled before."""
    return Review.objects.filter(booking_id=booking_id).first()


def reviews_at(salon: Salon, filters: Mapping[str, Any]) -> QuerySet[Review]:
    """All reviews of a salon, hidden ones too, by `status` and `replied` when given."""
    reviews = Review.objects.filter(salon=salon).select_related("author", "salon")
    if status := filters.get("status"):
        reviews = reviews.filter(status=status)
    if (replied := filters.get("replied")) is not None:
        reviews = reviews.filter(replied_at__isnull=not replied)
    return reviews


def reviews_to_moderate(filters: Mapping[str, Any]) -> QuerySet[Review]:
    """Reviews of all salons with their `latest_reports`, by `status`, `salon` (a Salon) and `reported` when given.

    `reported` means that a report is waiting for a decision.
    """
    reviews = Review.objects.select_related("author", "salon").prefetch_related(
        Prefetch(
            "reports",
            ReviewReport.objects.order_by("-created_at", "-id")[:REPORTS_SHOWN],
            to_attr="latest_reports",
        )
    )
    if status := filters.get("status"):
        reviews = reviews.filter(status=status)
    if salon := filters.get("salon"):
        reviews = reviews.filter(salon=salon)
    if (reported := filters.get("reported")) is not None:
        waiting = Exists(ReviewReport.objects.filter(AWAITING_DECISION, review=OuterRef("pk")))
        reviews = reviews.filter(waiting if reported else ~waiting)
    return reviews
