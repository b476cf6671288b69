"""Reviews at the salon's desk and at the platform's, and reports of reviews. The public list is in `views`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import Platform
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN, Access
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.schema import SALON
from backend.core.api.shapes import NamedShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound, PermissionDenied, ValidationFailed, VersionConflict
from backend.core.time import rfc3339
from backend.salons.api import present
from backend.salons.api.serializers import ReviewShape
from backend.salons.models import Review, ReviewStatus, Salon
from backend.salons.operations import reviews
from backend.salons.permissions import Ability, Desk, desk_of, roles_that, salons_where
from backend.salons.queries import salon_lookup
from backend.salons.queries.reviews import reviews_at, reviews_to_moderate

FRESH = {"Cache-Control": "private, no-cache"}
PLATFORM = Platform("platform_admin")


class ReviewAtMyDesk(Access):
    """The door of one review's desk: elsewhere it does not exist; here it takes the right role."""

    def __init__(self, ability: Ability) -> None:
        self.ability = ability
        self.roles = roles_that(ability)

    def admit(self, user: Any, kwargs: Mapping[str, Any]) -> None:
        at = Review.objects.filter(pk=kwargs["review_id"]).values_list("salon_id", flat=True).first()
        if at is None or at not in salons_where(user, "see_desk"):
            raise NotFound
        if at not in salons_where(user, self.ability):
            raise PermissionDenied


# What comes in ---------------------------------------------------------------------------------------------------


class DeskReviewQuery(PageQuery):
    status = fields.Choice(required=False, choices=ReviewStatus.choices)
    replied = fields.QueryBoolean(required=False, help_text="`false`: those that wait for an answer")


class PlatformReviewQuery(PageQuery):
    status = fields.Choice(required=False, choices=ReviewStatus.choices)
    salon = serializers.CharField(required=False, max_length=60, help_text="The salon's id or its slug")
    reported = fields.QueryBoolean(
        required=False, help_text="`true`: those with a report that waits for a decision"
    )


class ReplyBody(Body):
    reply = fields.Prose(allow_blank=True, max_length=1000, help_text="Empty text takes the reply away")
    version = fields.Integer(min_value=1, max_value=2_000_000_000)


class HideBody(Body):
    reason = fields.Text(max_length=300, help_text="Shown to the author and the salon")
    version = fields.Integer(min_value=1, max_value=2_000_000_000)


class PublishBody(Body):
    version = fields.Integer(min_value=1, max_value=2_000_000_000)


class ReportBody(Body):
    reason = fields.Text(max_length=300, help_text="Read by the platform only")


# What leaves -----------------------------------------------------------------------------------------------------


class DeskReviewShape(ReviewShape):
    version = serializers.IntegerField()
    booking_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ReviewStatus.choices)
    hidden_reason = serializers.CharField(allow_null=True)
    updated_at = fields.Moment(allow_null=True)


class DeskReviewPage(Shape):
    items = DeskReviewShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ReportShape(Shape):
    reason = serializers.CharField()
    created_at = fields.Moment()


class PlatformReviewShape(DeskReviewShape):
    salon = NamedShape()
    moderated_at = fields.Moment(allow_null=True)
    reports = ReportShape(
        many=True, help_text="The latest 20; those after `moderated_at` wait for a decision"
    )


class PlatformReviewPage(Shape):
    items = PlatformReviewShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def desk_review(row: Review) -> dict[str, Any]:
    """What everybody reads, with the salon's own reply as it was written and what became of the review."""
    return present.review(row) | {
        "version": row.version,
        "booking_id": str(row.booking_id),
        "reply": row.reply or None,
        "status": row.status,
        "hidden_reason": row.hidden_reason or None,
        "updated_at": rfc3339(row.updated_at) if row.updated_at else None,
    }


def platform_review(row: Review) -> dict[str, Any]:
    """Every word as it was written: whoever decides whether it may stand has to read it."""
    return desk_review(row) | {
        "comment": row.comment or None,
        "salon": {"id": str(row.salon.id), "name": row.salon.name},
        "moderated_at": rfc3339(row.moderated_at) if row.moderated_at else None,
        "reports": [
            {"reason": report.reason, "created_at": rfc3339(report.created_at)}
            for report in row.latest_reports  # type: ignore[attr-defined]  # by `reviews_to_moderate`
        ],
    }


def _at_desk(review_id: uuid.UUID) -> dict[str, Any]:
    return desk_review(Review.objects.select_related("author").get(pk=review_id))


def _at_platform(review_id: uuid.UUID) -> dict[str, Any]:
    return platform_review(reviews_to_moderate({}).get(pk=review_id))


# Endpoints -------------------------------------------------------------------------------------------------------


class DeskReviews(Endpoint):
    access = {"GET": Desk("answer_reviews")}
    queries = {"GET": DeskReviewQuery}

    @extend_schema(
        operation_id="listDeskReviews",
        summary="My salon's reviews, newest first, hidden ones too",
        tags=["manage"],
        parameters=[SALON, DeskReviewQuery],
        responses={200: DeskReviewPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "answer_reviews")
        found = page(reviews_at(at, self.query), order=("-created_at", "-id"), query=self.query)
        return Response(found.body(desk_review), headers=FRESH)


class ReviewReply(Endpoint):
    access = {"PUT": ReviewAtMyDesk("answer_reviews")}

    @extend_schema(
        operation_id="putReviewReply",
        summary="Answer a review of my salon, or take the answer away",
        tags=["manage"],
        request=ReplyBody,
        responses={200: DeskReviewShape},
    )
    def put(self, request: Request, review_id: uuid.UUID) -> Response:
        body = self.body(ReplyBody, request)
        try:
            reviews.reply_to_review(review_id=review_id, now=timezone.now(), **body)
        except VersionConflict:
            raise VersionConflict(current=_at_desk(review_id))
        return Response(_at_desk(review_id), headers=FRESH)


class ReviewReports(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="reportReview",
        summary="Report a review that should not stand",
        description="One report per person and review: another one changes nothing.",
        tags=["catalogue"],
        request=ReportBody,
        responses={204: None},
    )
    def post(self, request: Request, review_id: uuid.UUID) -> Response:
        body = self.body(ReportBody, request)
        reviews.report_review(
            reporter=person(request), review_id=review_id, reason=body["reason"], now=timezone.now()
        )
        return Response(status=204)


class PlatformReviews(Endpoint):
    access = {"GET": PLATFORM}
    queries = {"GET": PlatformReviewQuery}

    @extend_schema(
        operation_id="listPlatformReviews",
        summary="Reviews of all salons, newest first, with their reports",
        tags=["platform"],
        parameters=[PlatformReviewQuery],
        responses={200: PlatformReviewPage},
    )
    def get(self, request: Request) -> Response:
        filters = dict(self.query)
        if salon := filters.get("salon"):
            filters["salon"] = _salon_asked_for(salon)
        found = page(reviews_to_moderate(filters), order=("-created_at", "-id"), query=self.query)
        return Response(found.body(platform_review), headers=FRESH)


def _salon_asked_for(salon: str) -> Salon:
    """A salon of any standing. Raises ValidationFailed at the parameter."""
    try:
        return Salon.objects.get(**salon_lookup(salon))
    except (NotFound, Salon.DoesNotExist) as error:
        raise ValidationFailed.parameter("salon", "not_found") from error


class ReviewHide(Endpoint):
    access = {"POST": PLATFORM}

    @extend_schema(
        operation_id="hideReview",
        summary="Hide a review: nobody else sees it, and it does not count",
        tags=["platform"],
        request=HideBody,
        responses={200: PlatformReviewShape},
    )
    def post(self, request: Request, review_id: uuid.UUID) -> Response:
        body = self.body(HideBody, request)
        try:
            reviews.hide_review(review_id=review_id, moderator=person(request), now=timezone.now(), **body)
        except VersionConflict:
            raise VersionConflict(current=_at_platform(review_id))
        return Response(_at_platform(review_id), headers=FRESH)


class ReviewPublish(Endpoint):
    access = {"POST": PLATFORM}

    @extend_schema(
        operation_id="publishReview",
        summary="Let a review stand: a hidden one counts again, a reported one is settled",
        tags=["platform"],
        request=PublishBody,
        responses={200: PlatformReviewShape},
    )
    def post(self, request: Request, review_id: uuid.UUID) -> Response:
        body = self.body(PublishBody, request)
        try:
            reviews.publish_review(review_id=review_id, moderator=person(request), now=timezone.now(), **body)
        except VersionConflict:
            raise VersionConflict(current=_at_platform(review_id))
        return Response(_at_platform(review_id), headers=FRESH)


routes = [
    path("manage/salons/<str:salon>/reviews", DeskReviews.as_view(), name="manage-salon-reviews"),
    path("manage/reviews/<id:review_id>/reply", ReviewReply.as_view(), name="manage-review-reply"),
    path("reviews/<id:review_id>/reports", ReviewReports.as_view(), name="review-reports"),
    path("platform/reviews", PlatformReviews.as_view(), name="platform-reviews"),
    path("platform/reviews/<id:review_id>/hide", ReviewHide.as_view(), name="platform-review-hide"),
    path("platform/reviews/<id:review_id>/publish", ReviewPublish.as_view(), name="platform-review-publish"),
]
