"""Reviews: written by who was there, answered by the salon, moderated by the platform.

A salon's rating is the sum and the count of its published reviews. Whoever changes a review holds its row and adds the
difference to the salon inside the database, so the two never part and nobody's vote is lost to a vote at the same
moment. Rows are locked in the order person, review, salon.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from backend.core import limits
from backend.core.errors import NotFound, VersionConflict
from backend.core.limits import Limit
from backend.salons.models import Review, ReviewReport, ReviewStatus, Salon
from backend.salons.operations.editing import save_changes
from backend.salons.operations.people import lock_person
from backend.salons.queries.reviews import AWAITING_DECISION, public_review

REPORTS_PER_DAY = Limit("review-report", 20, timedelta(days=1))


def write_review(
    *,
    author: Any,
    salon_id: uuid.UUID,
    booking_id: uuid.UUID,
    rating: int,
    comment: str,
    now: datetime,
    version: int | None = None,
) -> Review:
    """Say how a visit was, or say it anew; saying the same again changes nothing. A hidden review stays hidden.

    The caller has settled that `author` was there. `version` is what the author saw, when they saw one. Raises
    VersionConflict, SessionRevoked.
    """
    with transaction.atomic():
        lock_person(author)
        review = Review.objects.select_for_update(no_key=True).filter(booking_id=booking_id).first()
        if review is not None and (review.rating, review.comment) == (rating, comment):
            return review
        if version is not None and version != (review.version if review else None):
            raise VersionConflict
        if review is None:
            _count(salon_id, stars=rating, reviews=1)
            return Review.objects.create(
                salon_id=salon_id,
                author=author,
                booking_id=booking_id,
                rating=rating,
                comment=comment,
                created_at=now,
            )
        if review.status == ReviewStatus.PUBLISHED:
            _count(salon_id, stars=rating - review.rating)
        save_changes(review, {"rating": rating, "comment": comment, "updated_at": now})
    return review


def reply_to_review(*, review_id: uuid.UUID, reply: str, version: int, now: datetime) -> Review:
    """The salon's answer under a review; empty text takes it away. Raises NotFound, VersionConflict."""
    with transaction.atomic():
        review = _lock(review_id)
        if review.reply == reply:
            return review
        if review.version != version:
            raise VersionConflict
        save_changes(review, {"reply": reply, "replied_at": now if reply else None})
    return review


def hide_review(*, review_id: uuid.UUID, reason: str, moderator: Any, version: int, now: datetime) -> Review:
    """Take a review out of the public list and out of the rating. Raises NotFound, VersionConflict."""
    return _decide(review_id, ReviewStatus.HIDDEN, reason, moderator, version, now)


def publish_review(*, review_id: uuid.UUID, moderator: Any, version: int, now: datetime) -> Review:
    """Let a review stand: a hidden one counts again, a reported one is settled. Raises NotFound, VersionConflict."""
    return _decide(review_id, ReviewStatus.PUBLISHED, "", moderator, version, now)


def report_review(*, reporter: Any, review_id: uuid.UUID, reason: str, now: datetime) -> None:
    """Say that a public review should not stand; one person's first word about it is kept.

    Raises NotFound, TooManyRequests, SessionRevoked. Not for a transaction: the count is committed at once.
    """
    public_review(review_id)
    wait = limits.take(REPORTS_PER_DAY, str(reporter.pk), now=now)
    if wait:
        raise REPORTS_PER_DAY.refusal(wait)
    with transaction.atomic():
        lock_person(reporter)
        ReviewReport.objects.get_or_create(
            review_id=review_id, reporter=reporter, defaults={"reason": reason, "created_at": now}
        )


def _lock(review_id: uuid.UUID) -> Review:
    review = Review.objects.select_for_update(no_key=True).filter(pk=review_id).first()
    if review is None:
        raise NotFound
    return review


def _decide(
    review_id: uuid.UUID, status: ReviewStatus, reason: str, moderator: Any, version: int, now: datetime
) -> Review:
    """Write a decision down with its name. The same decision again, with nothing new to decide, changes nothing."""
    with transaction.atomic():
        review = _lock(review_id)
        same = (review.status, review.hidden_reason) == (status, reason)
        if same and not review.reports.filter(AWAITING_DECISION).exists():
            return review
        if review.version != version:
            raise VersionConflict
        if review.status != status:
            sign = 1 if status == ReviewStatus.PUBLISHED else -1
            _count(review.salon_id, stars=sign * review.rating, reviews=sign)
        decision = {"status": status, "hidden_reason": reason, "moderated_by": moderator, "moderated_at": now}
        save_changes(review, decision)
    return review


def _count(salon_id: uuid.UUID, *, stars: int, reviews: int = 0) -> None:
    """Add to a salon's rating, where it stands: never a number read before."""
    Salon.objects.filter(pk=salon_id).update(
        rating_sum=F("rating_sum") + stars, rating_count=F("rating_count") + reviews
    )
