"""Finance's manual tasks: money the machine could not finish, each closed by a person with a name and a reason.

A task is read off the state it is about, never kept beside it: what needs a person cannot be forgotten.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from backend.core.errors import NotFound
from backend.payments import messages
from backend.payments.models import Outcome, Payment, PaymentState, Refund, RefundState, Resolution, TaskKind
from backend.payments.operations.invoicing import credit_payment
from backend.payments.operations.posting import post
from backend.payments.operations.refunding import send_refund
from backend.payments.operations.settling import settle_after_commit
from backend.payments.queries import lapsed_holds, manual_refunds, quarantined_payments
from backend.payments.refusals import TaskResolved


@dataclass(frozen=True)
class Task:
    """One thing for a person to look into. Its id is the refund's or the payment's; `why` is for operators."""

    id: uuid.UUID
    kind: TaskKind
    payment: Payment
    refund: Refund | None
    amount_minor: int
    why: str
    opened_at: datetime

    @property
    def order(self) -> tuple[datetime, uuid.UUID]:
        return self.opened_at, self.id


def open_tasks(*, after: tuple[datetime, uuid.UUID] | None, limit: int) -> list[Task]:
    """The oldest open tasks after a place in the list, at most `limit`. Three queries whatever there is."""
    refunds = manual_refunds().select_related("payment__booking__salon")
    quarantined = quarantined_payments().select_related("booking__salon")
    lapsed = lapsed_holds().select_related("booking__salon")
    sources: list[Iterator[Task]] = [
        (_of_refund(refund) for refund in _after(refunds, after)[:limit]),
        (_of_quarantine(payment) for payment in _after(quarantined, after)[:limit]),
        (_of_capture(payment) for payment in _after(lapsed, after)[:limit]),
    ]
    merged = heapq.merge(*sources, key=attrgetter("order"))
    return [task for task, _ in zip(merged, range(limit), strict=False)]


def open_task(task_id: uuid.UUID) -> Task:
    """One open task. Raises NotFound, also when somebody has answered for it."""
    refund = manual_refunds().select_related("payment__booking__salon").filter(pk=task_id).first()
    if refund is not None:
        return _of_refund(refund)
    for rows, of in ((quarantined_payments(), _of_quarantine), (lapsed_holds(), _of_capture)):
        payment = rows.select_related("booking__salon").filter(pk=task_id).first()
        if payment is not None:
            return of(payment)
    raise NotFound


def _after(rows: QuerySet[Any], after: tuple[datetime, uuid.UUID] | None) -> QuerySet[Any]:
    if after is not None:
        at, key = after
        rows = rows.filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=key))
    return rows.order_by("created_at", "id")


def _of_refund(refund: Refund) -> Task:
    return Task(
        refund.pk,
        TaskKind.REFUND,
        refund.payment,
        refund,
        refund.amount_minor,
        refund.last_error,
        refund.created_at,
    )


def _of_quarantine(payment: Payment) -> Task:
    why = payment.quarantined_because
    return Task(payment.pk, TaskKind.QUARANTINE, payment, None, payment.amount_minor, why, payment.created_at)


def _of_capture(payment: Payment) -> Task:
    why = payment.gateway_message
    return Task(payment.pk, TaskKind.CAPTURE, payment, None, payment.amount_minor, why, payment.created_at)


def resolve_task(*, task_id: uuid.UUID, outcome: str, note: str, by: Any, now: datetime) -> Resolution:
    """Answer for one task.

    `refunded_outside`: the money went back by another way. `accepted`: looked into, and it stays as it is. `retry`: the
    machine tries once more after the commit, and the task comes back if it fails again.
    Raises NotFound, TaskResolved when somebody answered before.
    """
    with transaction.atomic():
        refund = Refund.objects.filter(pk=task_id).select_related("payment").first()
        payment_id = refund.payment_id if refund else task_id
        # Payments are locked first, as everywhere; two answers to one task wait for each other here.
        payment = (
            Payment.objects.select_for_update(no_key=True, of=("self",))
            .select_related("booking__customer")
            .filter(pk=payment_id)
            .first()
        )
        if payment is None:
            raise NotFound
        if refund is not None:
            refund = manual_refunds().select_for_update(no_key=True, of=("self",)).filter(pk=task_id).first()
            if refund is None:
                raise _closed_or_unknown(Resolution.objects.filter(refund=task_id))
            refund.payment = payment
            _settle_refund(refund, outcome, now=now)
        else:
            lapsed = lapsed_holds().filter(pk=task_id).exists()
            if not lapsed and not quarantined_payments().filter(pk=task_id).exists():
                raise _closed_or_unknown(Resolution.objects.filter(payment=task_id, refund=None))
            if outcome == Outcome.RETRY:
                if lapsed:
                    payment.state, payment.failure_code = PaymentState.AUTHORIZED, ""
                    payment.save(update_fields=["state", "failure_code"])
                settle_after_commit(task_id)
        answer = Resolution.objects.create(
            payment=payment, refund=refund, outcome=outcome, note=note, resolved_by=by, resolved_at=now
        )
        post(payment.booking_id, now=now)
        credit_payment(payment, now=now)
        return answer


def _closed_or_unknown(answers: QuerySet[Resolution]) -> Exception:
    return TaskResolved() if answers.exists() else NotFound()


def _settle_refund(refund: Refund, outcome: str, *, now: datetime) -> None:
    if outcome == Outcome.REFUNDED_OUTSIDE:
        refund.state, refund.done_at = RefundState.DONE, now
        refund.save(update_fields=["state", "done_at"])
        messages.refund_issued(refund, now=now)
    elif outcome == Outcome.RETRY:
        # It came here refused, or with a total that never moved: an old total would take a later refund for this one.
        refund.state, refund.attempts, refund.next_attempt_at = RefundState.DUE, 0, now
        refund.refunded_before_minor = None
        refund.save(update_fields=["state", "attempts", "next_attempt_at", "refunded_before_minor"])
        transaction.on_commit(partial(send_refund, refund.pk, now=now), robust=True)
