"""A customer's review of their visit."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.api.views import FRESH, own_booking
from backend.bookings.models import Booking
from backend.bookings.operations.reviewing import review_until, review_visit
from backend.bookings.queries import bookings_of
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.bodies import Body
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import VersionConflict
from backend.core.privacy import without_phones
from backend.core.time import rfc3339
from backend.salons.models import Review, ReviewStatus
from backend.salons.queries.reviews import review_of


class ReviewBody(Body):
    rating = fields.Integer(min_value=1, max_value=5, help_text="1 to 5 stars")
    comment = fields.Prose(required=False, allow_blank=True, max_length=1000, default="")
    version = fields.Integer(
        required=False,
        min_value=1,
        max_value=2_000_000_000,
        help_text="Of the review being changed, when one was read",
    )


class OwnReviewShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    rating = serializers.IntegerField()
    comment = serializers.CharField(allow_null=True)
    reply = serializers.CharField(allow_null=True)
    replied_at = fields.Moment(allow_null=True)
    status = serializers.ChoiceField(choices=ReviewStatus.choices, help_text="`hidden`: others do not see it")
    hidden_reason = serializers.CharField(allow_null=True)
    created_at = fields.Moment()
    updated_at = fields.Moment(allow_null=True)
    editable_until = fields.Moment()


def own_review(row: Review, booking: Booking) -> dict[str, Any]:
    """A review as its author sees it: their words as written, the salon's as everybody reads them."""
    zone = booking.salon.zone
    return {
        "id": str(row.id),
        "version": row.version,
        "rating": row.rating,
        "comment": row.comment or None,
        "reply": without_phones(row.reply) or None,
        "replied_at": rfc3339(row.replied_at, zone) if row.replied_at else None,
        "status": row.status,
        "hidden_reason": row.hidden_reason or None,
        "created_at": rfc3339(row.created_at, zone),
        "updated_at": rfc3339(row.updated_at, zone) if row.updated_at else None,
        "editable_until": rfc3339(review_until(booking), zone),
    }


class BookingReview(Endpoint):
    access = {"PUT": SIGNED_IN}

    @extend_schema(
        operation_id="putBookingReview",
        summary="Say how my visit was, or say it anew within 14 days of it",
        tags=["bookings"],
        request=ReviewBody,
        responses={200: OwnReviewShape},
    )
    def put(self, request: Request, booking_id: uuid.UUID) -> Response:
        booking = own_booking(person(request), booking_id)
        body = self.body(ReviewBody, request)
        try:
            review = review_visit(
                bookings=bookings_of(person(request)), booking_id=booking_id, now=timezone.now(), **body
            )
        except VersionConflict:
            current = review_of(booking_id)
            raise VersionConflict(current=own_review(current, booking) if current else None)
        return Response(own_review(review, booking), headers=FRESH)


routes = [path("bookings/<id:booking_id>/review", BookingReview.as_view(), name="booking-review")]
