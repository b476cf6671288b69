"""Marks, read from what bookings say, and how somebody stands with a business. Nothing of it is stored (ADR 0023)."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import (
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce

from backend.bookings.models import ActorRole, Booking, BookingEvent, BookingState, Forgiveness, Source
from backend.bookings.queries.rules import SalonRules, policy_of
from backend.bookings.queries.times import Visit
from backend.bookings.standing import USUAL, Mark, MarkKind, MarkStatus, Policy, Standing, standing
from backend.salons.models import Business, Salon
from backend.salons.models.places import LONGEST_STANDING

MISSED = Q(state=BookingState.NO_SHOW)
_FREE_UNTIL = F("starts_at") - ExpressionWrapper(
    F("free_cancel_hours") * Value(timedelta(hours=1), output_field=DurationField()),
    output_field=DurationField(),
)
CANCELLED_LATE = Q(state=BookingState.CANCELLED, cancelled_at__gte=_FREE_UNTIL) & (
    Q(salon_moved_from=None) | Q(cancelled_at__gte=F("starts_at"))
)
"""Among `with_cancelling`: by the customer, once it was no longer free. Nobody agreed to a time the salon moved to."""


def with_cancelling(bookings: QuerySet[Booking]) -> QuerySet[Any]:
    """Bookings with `cancelled_at`: when the customer cancelled what had been confirmed."""
    cancelled = BookingEvent.objects.filter(
        booking=OuterRef("pk"),
        verb="cancel",
        actor_role=ActorRole.CUSTOMER,
        from_state=BookingState.CONFIRMED,
    )
    return bookings.annotate(cancelled_at=Subquery(cancelled.values("at")[:1]))


@dataclass(frozen=True)
class Marked:
    """A booking and the mark it left."""

    booking: Booking
    mark: Mark


@dataclass(frozen=True)
class Stands:
    """How somebody stands with one business: what they booked there that left a mark, the latest visit first."""

    business: Business
    policy: Policy
    salons: tuple[Salon, ...]
    standing: Standing
    marked: tuple[Marked, ...]


def marks_with(customer: Any, business_id: uuid.UUID, *, at: datetime) -> list[Marked]:
    """What somebody's bookings with a business left, the latest visit first: one question.

    What ended longer ago than any policy reaches is left out. A session in doubt (accounts.operations.identity) is
    not answerable for what was booked before it.
    """
    return _marked(_missed_by(customer, at=at).filter(salon__business=business_id).select_related("salon"))


def stands_with(customer: Any, business: Business, *, at: datetime) -> Stands | None:
    """The same with what follows from it; None where the business has no policy. `salons` are left out."""
    policy = policy_of(business)
    if policy is None:
        return None
    return _stands(business, policy, marks_with(customer, business.pk, at=at), (), at=at)


def asked_of(visit: Visit, customer: Any, *, at: datetime) -> Standing:
    """How whoever wants this visit stands."""
    return standing_with(visit.rules, customer, at=at)


def standing_with(rules: SalonRules, customer: Any, *, at: datetime) -> Standing:
    """How a customer stands with a salon's business: no question where it has no policy, else one."""
    policy = rules.standing
    if policy is None or customer is None:
        return USUAL
    found = marks_with(customer, rules.salon.business_id, at=at)
    return standing((one.mark for one in found), policy, at=at)


def standings_of(customer: Any, *, at: datetime) -> list[Stands]:
    """Businesses with a policy where something of this customer's has not expired: two questions."""
    missed = _missed_by(customer, at=at).filter(salon__business__standing_steps__len__gt=0)
    by_business: defaultdict[Business, list[Marked]] = defaultdict(list)
    for one in _marked(missed.select_related("salon__business")):
        by_business[one.booking.salon.business].append(one)
    salons: defaultdict[uuid.UUID, list[Salon]] = defaultdict(list)
    for salon in Salon.objects.live().filter(business__in=by_business).order_by("pk"):
        salons[salon.business_id].append(salon)
    found = []
    for business, marked in by_business.items():
        policy = policy_of(business)
        if policy is not None:
            found.append(_stands(business, policy, marked, salons[business.pk], at=at))
    return [stands for stands in found if stands.marked]


def forgivenesses_of(customer: Any, business_id: uuid.UUID) -> QuerySet[Forgiveness]:
    """What a business's owners let go of, the latest first, with who did and what was withdrawn since."""
    return (
        Forgiveness.objects.filter(customer=customer, salon__business=business_id, withdraws=None)
        .select_related("by", "booking", "salon", "withdrawn_by")
        .order_by("-at", "-id")
    )


def _stands(
    business: Business, policy: Policy, marked: Sequence[Marked], salons: Sequence[Salon], *, at: datetime
) -> Stands:
    return Stands(
        business=business,
        policy=policy,
        salons=tuple(salons),
        standing=standing((one.mark for one in marked), policy, at=at),
        marked=tuple(
            one
            for one in marked
            if one.mark.status(policy, at=at) is not MarkStatus.EXPIRED and policy.marks_of(one.mark.kind)
        ),
    )


def _missed_by(customer: Any, *, at: datetime) -> QuerySet[Any]:
    """Visits this customer booked and missed, or cancelled once they were confirmed; when, and whether forgiven.

    What a desk wrote down leaves no mark: nobody agreed to its terms, and a number may be mistyped.
    """
    forgiven = Forgiveness.objects.filter(
        Q(booking=OuterRef("pk"))
        | Q(booking=None, at__gte=Coalesce(OuterRef("no_show_at"), OuterRef("cancelled_at"))),
        customer=customer,
        salon__business=OuterRef("salon__business"),
        withdraws=None,
        withdrawn_by=None,
    )
    booked = Booking.objects.filter(
        customer=customer, source=Source.APP, starts_at__gt=at - timedelta(days=LONGEST_STANDING)
    )
    if customer.history_from is not None:
        booked = booked.filter(created_at__gte=customer.history_from)
    missed: QuerySet[Any] = (
        with_cancelling(booked)
        .filter(MISSED | CANCELLED_LATE)
        .annotate(is_forgiven=Exists(forgiven))
        .order_by("-starts_at", "-id")
    )
    return missed


def _marked(missed: QuerySet[Booking]) -> list[Marked]:
    return [Marked(row, _mark_of(row)) for row in missed]


def _mark_of(row: Any) -> Mark:
    if row.state == BookingState.NO_SHOW:
        objected = row.disputed_at is not None
        return Mark(
            MarkKind.NO_SHOW,
            visit_at=row.starts_at,
            counts_from=row.dispute_answered_at if objected else row.disputable_until,
            is_forgiven=row.is_forgiven,
        )
    return Mark(
        MarkKind.LATE_CANCELLATION,
        visit_at=row.starts_at,
        counts_from=row.cancelled_at,
        is_forgiven=row.is_forgiven,
    )
