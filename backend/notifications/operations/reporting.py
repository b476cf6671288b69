"""What carriers tell afterwards: it arrived, or it did not. It only ever moves forward."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations.recording import call_off, send_on

NO_REPORT_AFTER = timedelta(hours=72)
"""Unifonic repeats a report for this long; operators may send none at all."""
BATCH = 1000

_State, _Outcome, _Report = Message.State, DeliveryAttempt.Outcome, DeliveryAttempt.Report


def record_report(
    *,
    provider: str,
    report: Literal["sent", "undelivered", "delivered", "read"],
    now: datetime,
    provider_message_id: str = "",
    reference: str = "",
    channel: str = "",
    error_class: str = "",
) -> bool:
    """Note what a provider tells of a message it took over; False when we know of no such message.

    It is found by the provider's id, else by our own reference (`Message.reference`), for a report that was quicker
    than the answer to our call; `channel` then keeps one on WhatsApp and one by SMS apart. Repeated and late reports
    change nothing. One settles an attempt whose fate nobody saw. "undelivered" of a message that is still worth having
    sends it on by its next route, once; "delivered" after it calls that off while nobody has begun.
    """
    attempt = _attempt_of(provider, provider_message_id, reference, channel)
    if attempt is None:
        return False
    rank = DeliveryAttempt.REPORT_RANK
    lower = [value for value in rank if rank[value] < rank[report]]
    with transaction.atomic():
        moved = DeliveryAttempt.objects.filter(pk=attempt.pk, report__in=lower).update(
            report=report, reported_at=now, report_error=error_class[:16]
        )
        if moved and report == "undelivered":
            send_on(attempt, now=now)
        elif moved:
            _settle_unknown(attempt, now=now)
            if report in (_Report.DELIVERED, _Report.READ):
                call_off(attempt, now=now)
    return True


def _attempt_of(
    provider: str, provider_message_id: str, reference: str, channel: str
) -> DeliveryAttempt | None:
    of_provider = DeliveryAttempt.objects.filter(provider=provider).order_by("-id")
    if provider_message_id:
        found = of_provider.filter(provider_message_id=provider_message_id).first()
        if found is not None:
            return found
        # One that has another id, or was refused, is not the one that is told of.
        of_provider = of_provider.filter(
            Q(outcome__isnull=True) | Q(outcome=_Outcome.UNKNOWN) | Q(outcome=_Outcome.ACCEPTED),
            provider_message_id="",
        )
    try:
        message_id = UUID(hex=reference)
    except ValueError:
        return None
    if channel:
        of_provider = of_provider.filter(channel=channel)
    return of_provider.filter(message_id=message_id).order_by("-number").first()


def _settle_unknown(attempt: DeliveryAttempt, *, now: datetime) -> None:
    """The carrier has it after all."""
    settled = DeliveryAttempt.objects.filter(pk=attempt.pk, outcome=_Outcome.UNKNOWN).update(
        outcome=_Outcome.ACCEPTED, finished_at=now, error_class=""
    )
    newer = DeliveryAttempt.objects.filter(message_id=attempt.message_id, number__gt=attempt.number)
    if settled and not newer.exists():
        # Also from under a worker that is just asking about it, which would else be left with an open claim.
        Message.objects.filter(
            pk=attempt.message_id, state__in=[_State.UNKNOWN, _State.SENDING], erased_at__isnull=True
        ).update(state=_State.SENT, next_attempt_at=None, claimed_until=None, finished_at=now)


def age_reports(now: datetime) -> int:
    """`tick`'s share: what nobody reported on in NO_REPORT_AFTER will not be reported on. Returns how many."""
    silent = DeliveryAttempt.objects.filter(
        outcome=_Outcome.ACCEPTED,
        report__in=[_Report.NONE, _Report.SENT],
        finished_at__lt=now - NO_REPORT_AFTER,
    ).order_by("finished_at")
    with transaction.atomic():
        aged = list(silent.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
        return DeliveryAttempt.objects.filter(pk__in=aged).update(report=_Report.UNKNOWN, reported_at=now)
