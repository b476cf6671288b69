"""How a customer stands with the businesses they book at, and what an owner lets go of."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.models import Forgiveness
from backend.bookings.operations import standing as operations
from backend.bookings.queries.clients import client_at
from backend.bookings.queries.standing import Marked, Stands, forgivenesses_of, standings_of, stands_with
from backend.bookings.standing import MarkKind, MarkStatus
from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.bodies import Body
from backend.core.api.schema import OPTIONAL_IDEMPOTENCY_KEY, SALON
from backend.core.api.shapes import NamedShape, Shape
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound
from backend.core.time import rfc3339
from backend.salons.models import Salon
from backend.salons.permissions import Desk, desk_of

PRIVATE = {"Cache-Control": "no-store"}
SHOWN = [status for status in MarkStatus if status is not MarkStatus.EXPIRED]
FORGIVENESSES_SHOWN = 20

KIND_LABELS = {
    MarkKind.NO_SHOW: pgettext_lazy("standing", "Missed visit"),
    MarkKind.LATE_CANCELLATION: pgettext_lazy("standing", "Late cancellation"),
}


class MarkedBookingShape(Shape):
    id = serializers.UUIDField()
    reference = serializers.CharField()


class MarkShape(Shape):
    kind = serializers.ChoiceField(choices=list(MarkKind))
    kind_label = serializers.CharField()
    status = serializers.ChoiceField(
        choices=SHOWN, help_text="Only `counts` counts; `pending` and `disputed` are missed visits"
    )
    marks = serializers.IntegerField(help_text="How many it is worth where it counts")
    booking = MarkedBookingShape()
    salon = NamedShape()
    business_date = fields.Day()
    counts_from = fields.Moment(allow_null=True, help_text="null while an objection waits for its answer")
    counts_until = fields.Moment()
    disputable_until = fields.Moment(
        allow_null=True, help_text="Before then `POST bookings/{id}/dispute-no-show` objects to it"
    )
    detail = serializers.CharField(help_text="What becomes of it, in words")


class StandingShape(Shape):
    marks = serializers.IntegerField(help_text="That count")
    deposit_percent = serializers.IntegerField(help_text="Of the price, asked at least; 0: as of everybody")
    until = fields.Moment(allow_null=True, help_text="When less is asked again if nothing is added")
    recorded = MarkShape(many=True, help_text="The latest visit first")


class BusinessStandingShape(StandingShape):
    business = NamedShape()
    salons = NamedShape(many=True, help_text="Where it holds")


class BusinessStandingList(Shape):
    items = BusinessStandingShape(many=True)


class ForgivenessShape(Shape):
    id = serializers.UUIDField()
    at = fields.Moment()
    by = serializers.CharField(allow_null=True, help_text="Name of who did")
    salon = NamedShape()
    booking = MarkedBookingShape(allow_null=True, help_text="null: all that was recorded by then")
    reason = serializers.CharField()
    withdrawn_at = fields.Moment(allow_null=True)


class ClientStandingShape(StandingShape):
    forgivenesses = ForgivenessShape(many=True, help_text=f"The latest {FORGIVENESSES_SHOWN}")


class WithdrawalBody(Body):
    reason = fields.Text(max_length=300)


class ForgivenessBody(WithdrawalBody):
    booking_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="Of one mark; null: all there are"
    )


class MyStanding(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="getMyStanding",
        summary="Where missed visits or late cancellations of mine raise the deposit, why, and until when",
        description="One entry for each business with something recorded that has not expired. A visit that a desk "
        "wrote down is never recorded.",
        tags=["me"],
        responses={200: BusinessStandingList},
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        items = [_business(stands, now) for stands in standings_of(person(request), at=now)]
        return Response({"items": items}, headers=PRIVATE)


class ClientForgivenesses(Endpoint):
    access = {"POST": Desk("forgive_marks")}

    @extend_schema(
        operation_id="forgiveSalonClient",
        summary="Let go of what a client missed or cancelled late: one booking, or all there is",
        description="Holds at every salon of the business. The client is told. `nothing_to_forgive` where nothing "
        "is recorded that still could count.",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_IDEMPOTENCY_KEY],
        request=ForgivenessBody,
        responses={201: ClientStandingShape},
    )
    def post(self, request: Request, salon: str, client_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "forgive_marks")
        customer = client_at(at, client_id).customer
        body = self.body(ForgivenessBody, request)

        def forgive() -> tuple[int, Any]:
            now = timezone.now()
            operations.forgive(salon=at, customer=customer, by=person(request), now=now, **body)
            return 201, client_standing(at, customer, now=now)

        return answer_once(
            request, operation="forgiveSalonClient", body=request.data, act=forgive, key_required=False
        )


class ForgivenessWithdrawal(Endpoint):
    access = {"POST": Desk("forgive_marks")}

    @extend_schema(
        operation_id="withdrawSalonForgiveness",
        summary="Take back what was let go of; its marks count again",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_IDEMPOTENCY_KEY],
        request=WithdrawalBody,
        responses={200: ClientStandingShape},
    )
    def post(self, request: Request, salon: str, client_id: uuid.UUID, forgiveness_id: uuid.UUID) -> Response:
        at = desk_of(person(request), salon, "forgive_marks")
        customer = client_at(at, client_id).customer
        body = self.body(WithdrawalBody, request)

        def withdraw() -> tuple[int, Any]:
            now = timezone.now()
            operations.withdraw_forgiveness(
                salon=at,
                customer=customer,
                forgiveness_id=forgiveness_id,
                by=person(request),
                now=now,
                **body,
            )
            found = client_standing(at, customer, now=now)
            if found is None:  # marks ask for nothing here any more, so nothing is taken back
                raise NotFound
            return 200, found

        return answer_once(
            request, operation="withdrawSalonForgiveness", body=request.data, act=withdraw, key_required=False
        )


def client_standing(at: Salon, customer: Any, *, now: datetime) -> dict[str, Any] | None:
    """How a client stands with the salon's business; None for guests, and where marks ask for nothing."""
    stands = stands_with(customer, at.business, at=now) if customer is not None else None
    if stands is None:
        return None
    rows = forgivenesses_of(customer, at.business_id)[:FORGIVENESSES_SHOWN]
    return _standing(stands, now) | {"forgivenesses": [_forgiveness(row) for row in rows]}


def _business(stands: Stands, now: datetime) -> dict[str, Any]:
    return _standing(stands, now) | {
        "business": {"id": str(stands.business.pk), "name": stands.business.name},
        "salons": _named(stands.salons),
    }


def _standing(stands: Stands, now: datetime) -> dict[str, Any]:
    until = stands.standing.until
    return {
        "marks": stands.standing.marks,
        "deposit_percent": stands.standing.percent,
        "until": rfc3339(until) if until else None,
        "recorded": [_mark(one, stands, now) for one in stands.marked],
    }


def _mark(one: Marked, stands: Stands, now: datetime) -> dict[str, Any]:
    mark, booking, zone = one.mark, one.booking, one.booking.salon.zone
    status, until = mark.status(stands.policy, at=now), mark.counts_until(stands.policy)
    open_until = booking.disputable_until if status is MarkStatus.PENDING else None
    return {
        "kind": mark.kind.value,
        "kind_label": str(KIND_LABELS[mark.kind]),
        "status": status.value,
        "marks": stands.policy.marks_of(mark.kind),
        "booking": {"id": str(booking.pk), "reference": booking.reference},
        "salon": {"id": str(booking.salon_id), "name": booking.salon.name},
        "business_date": booking.business_date.isoformat(),
        "counts_from": rfc3339(mark.counts_from, zone) if mark.counts_from else None,
        "counts_until": rfc3339(until, zone),
        "disputable_until": rfc3339(open_until, zone) if open_until else None,
        "detail": _in_words(status, mark.kind) % {"date": f"{until.astimezone(zone):%d/%m/%Y}"},
    }


def _in_words(status: MarkStatus, kind: MarkKind) -> str:
    match status:
        case MarkStatus.PENDING:
            return _("It counts until %(date)s unless an objection is made in the app within 48 hours.")
        case MarkStatus.DISPUTED:
            return _("It does not count while the salon has not answered the objection.")
        case MarkStatus.FORGIVEN:
            return _("The salon let go of it. It does not count.")
        case _ if kind is MarkKind.NO_SHOW:
            return _("It counts until %(date)s. The salon may let go of it.")
    return _("It counts until %(date)s: the time to cancel freely had passed. The salon may let go of it.")


def _forgiveness(row: Forgiveness) -> dict[str, Any]:
    withdrawn = getattr(row, "withdrawn_by", None)
    zone = row.salon.zone
    return {
        "id": str(row.pk),
        "at": rfc3339(row.at, zone),
        "by": (row.by.name if row.by else "") or None,
        "salon": {"id": str(row.salon_id), "name": row.salon.name},
        "booking": {"id": str(row.booking.pk), "reference": row.booking.reference} if row.booking else None,
        "reason": row.reason,
        "withdrawn_at": rfc3339(withdrawn.at, zone) if withdrawn else None,
    }


def _named(rows: Iterable[Any]) -> list[dict[str, str]]:
    return [{"id": str(row.pk), "name": row.name} for row in rows]


_CLIENT = "manage/salons/<str:salon>/clients/<id:client_id>"
routes = [
    path("me/standing", MyStanding.as_view(), name="my-standing"),
    path(f"{_CLIENT}/forgiveness", ClientForgivenesses.as_view(), name="manage-client-forgiveness"),
    path(
        f"{_CLIENT}/forgiveness/<id:forgiveness_id>/withdraw",
        ForgivenessWithdrawal.as_view(),
        name="manage-client-forgiveness-withdraw",
    ),
]
