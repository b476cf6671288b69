"""One payment's story: tries, calls, webhooks, refunds, desk money and the booking's own events, in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.bookings.admin.bookings import STATE_WORDS, VERBS
from backend.core.console import EMPTY, in_riyals, ltr
from backend.payments.admin.wording import MISMATCHES, REASONS, SOURCES, TOLD
from backend.payments.models import (
    CallOutcome,
    DeskReceipt,
    GatewayCall,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    Resolution,
    WebhookEvent,
)

MOST = 200
"""Rows of one kind: what a payer who stalls leaves behind, and far more than any other story has."""

KINDS: dict[str, Any] = {
    "webhook": _("Webhook"),
    "payment": _("Payment"),
    "booking": _("Booking"),
    "refund": _("Refund"),
    "gateway": _("Gateway"),
    "desk": _("At the salon"),
    "finance": _("Finance"),
}
"""In the order of cause and effect, for what one request did: all of that carries the moment it began."""
_ORDER = {kind: index for index, kind in enumerate(KINDS)}

CALLS: dict[str, Any] = {
    "create": _("Charge sent"),
    "otp": _("One-time code sent"),
    "fetch": _("State asked for"),
    "capture": _("Capture sent"),
    "void": _("Void sent"),
    "refund": _("Refund sent"),
    "update": _("Details sent"),
    "invoice_create": _("Payment page asked for"),
    "invoice_fetch": _("Payment page looked at"),
    "invoice_cancel": _("Payment page closed"),
}
OUTCOMES: dict[str, Any] = {
    CallOutcome.OK: _("answered"),
    CallOutcome.REFUSED: _("refused: nothing happened"),
    CallOutcome.FAULT: _("turned away: nothing happened"),
    CallOutcome.UNREACHABLE: _("not reached: nothing happened"),
    CallOutcome.UNKNOWN: _("no usable answer: it may have happened"),
}
_TONE = {CallOutcome.OK: "", CallOutcome.UNKNOWN: "bad"}


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `payment_id` names the attempt it concerns; `tone` is empty, good, bad or open."""

    at: datetime
    kind: str
    what: str
    payment_id: UUID | None = None
    tone: str = ""
    facts: tuple[str, ...] = field(default=())
    times: int = 1
    until: datetime | None = None

    @property
    def kind_words(self) -> str:
        return str(KINDS[self.kind])

    @property
    def last_at(self) -> datetime:
        return self.until or self.at


def entries(payment: Payment) -> tuple[list[Entry], bool]:
    """Everything about this payment's booking that touches money, oldest first, and whether some was left out."""
    attempts = {row.pk: row for row in Payment.objects.filter(booking=payment.booking_id)}
    # What was paid on a page of the gateway's goes by the page's id there, and then by one of its own.
    names = {name: row.pk for row in attempts.values() for name in (row.invoice_id, row.gateway_id) if name}
    names |= {key: key for key in attempts}
    newest, cut = [], False
    for rows, tell in (
        (payment.booking.events.order_by("-id"), _booking),
        (GatewayCall.objects.filter(payment_id__in=names).order_by("-id"), partial(_call, names=names)),
        (WebhookEvent.objects.filter(payment_id__in=names).order_by("-id"), partial(_webhook, names=names)),
        (Refund.objects.filter(payment__in=attempts).order_by("-id"), _refund),
        (DeskReceipt.objects.filter(booking=payment.booking_id).order_by("-taken_at"), _receipt),
        (Resolution.objects.filter(payment__in=attempts).order_by("-resolved_at"), _resolution),
    ):
        found, more = _newest(rows)
        cut = cut or more
        newest += [entry for row in found for entry in tell(row)]
    newest += [entry for row in attempts.values() for entry in _attempt(row)]
    newest.sort(key=lambda entry: (entry.at, _ORDER[entry.kind]))
    return list(_gathered(newest)), cut


def render(payment: Payment) -> SafeString:
    told, cut = entries(payment)
    lines = [
        {
            "entry": entry,
            "other": reverse("admin:payments_payment_change", args=[entry.payment_id])
            if entry.payment_id not in (None, payment.pk)
            else "",
        }
        for entry in told
    ]
    calls = f"{reverse('admin:payments_gatewaycall_changelist')}?q={payment.pk}"
    return render_to_string("payments/timeline.html", {"lines": lines, "cut": cut, "calls": calls})


def _newest(rows: QuerySet[Any]) -> tuple[list[Any], bool]:
    found = list(rows[: MOST + 1])
    return found[:MOST], len(found) > MOST


def _gathered(story: Iterable[Entry]) -> Iterator[Entry]:
    """The same call with the same answer, over and over, is one line: an app asks every few seconds."""
    last: Entry | None = None
    for entry in story:
        if last is not None and entry.kind == "gateway" and _alike(last, entry):
            last = replace(last, times=last.times + 1, until=entry.at)
            continue
        if last is not None:
            yield last
        last = entry
    if last is not None:
        yield last


def _alike(one: Entry, other: Entry) -> bool:
    same = (one.kind, one.what, one.payment_id, one.tone) == (
        other.kind,
        other.what,
        other.payment_id,
        other.tone,
    )
    return same and one.facts[:1] == other.facts[:1]


def _booking(event: Any) -> Iterator[Entry]:
    facts = [event.get_actor_role_display()]
    if event.from_state != event.to_state:
        was = STATE_WORDS.get(event.from_state, EMPTY)
        facts.append(gettext("%(was)s → %(now)s") % {"was": was, "now": STATE_WORDS[event.to_state]})
    if event.reason:
        facts.append(_own_words(event.reason))
    yield Entry(event.at, "booking", str(VERBS.get(event.verb, event.verb)), facts=tuple(facts))


def _attempt(row: Payment) -> Iterator[Entry]:
    yield Entry(
        row.created_at,
        "payment",
        gettext("Attempt begun"),
        payment_id=row.pk,
        facts=(_riyals(row.amount_minor), row.get_purpose_display(), _called(row.source_type, SOURCES)),
    )
    if row.secured_at is not None:
        yield Entry(
            row.secured_at,
            "payment",
            gettext("Money held by the bank"),
            payment_id=row.pk,
            facts=(_riyals(row.amount_minor),),
        )
    if row.settled_at is not None:
        yield Entry(
            row.settled_at,
            "payment",
            gettext("Money received"),
            payment_id=row.pk,
            tone="good",
            facts=(_riyals(row.captured_minor),),
        )
    elif row.checked_at is not None:
        facts = [str(row.get_state_display())]
        facts += [ltr(text) for text in (row.failure_code,) if text]
        facts += [_own_words(text) for text in (row.gateway_message,) if text]
        yield Entry(
            row.checked_at,
            "payment",
            gettext("Last compared with the gateway"),
            payment_id=row.pk,
            tone={PaymentState.FAILED: "bad", PaymentState.VOIDED: ""}.get(PaymentState(row.state), "open"),
            facts=tuple(facts),
        )
    if row.quarantined_because:
        yield Entry(
            row.checked_at or row.created_at,
            "payment",
            gettext("Set aside: it does not match what was asked for"),
            payment_id=row.pk,
            tone="bad",
            facts=(_called(row.quarantined_because, MISMATCHES),),
        )


def _call(row: GatewayCall, *, names: Mapping[UUID, UUID]) -> Iterator[Entry]:
    facts: list[str] = [" · ".join([str(OUTCOMES[row.outcome]), str(row.status or "")]).removesuffix(" · ")]
    if row.note:
        facts.append(_own_words(row.note))
    facts.append(ltr(f"{row.took_ms:,} ms"))
    if row.request_id:
        facts.append(ltr(row.request_id))
    yield Entry(
        row.at,
        "gateway",
        str(CALLS.get(row.verb, row.verb)),
        payment_id=names.get(row.payment_id) if row.payment_id else None,
        tone=_TONE.get(CallOutcome(row.outcome), "open"),
        facts=tuple(facts),
    )


def _webhook(row: WebhookEvent, *, names: Mapping[UUID, UUID]) -> Iterator[Entry]:
    link = reverse("admin:payments_webhookevent_change", args=[row.pk])
    facts: list[str] = [format_html('<a href="{}"><bdi dir="ltr">{}</bdi></a>', link, row.type)]
    if row.times_received > 1:
        facts.append(gettext("received %(count)d times") % {"count": row.times_received})
    facts.append(gettext("waits to be acted on") if row.handled_at is None else _called(row.outcome, TOLD))
    yield Entry(
        row.received_at,
        "webhook",
        gettext("The gateway told us"),
        payment_id=names.get(row.payment_id) if row.payment_id else None,
        tone="open" if row.handled_at is None else "",
        facts=tuple(facts),
    )


def _refund(row: Refund) -> Iterator[Entry]:
    sum_of = _riyals(row.amount_minor)
    facts: list[str] = [sum_of, _called(row.reason, REASONS)]
    if row.state != RefundState.DONE:
        facts.append(str(row.get_state_display()))
        facts += [_own_words(text) for text in (row.last_error,) if text]
    tones = {RefundState.DONE: "", RefundState.MANUAL: "bad"}
    yield Entry(
        row.created_at,
        "refund",
        gettext("Owed back"),
        payment_id=row.payment_id,
        tone=tones.get(RefundState(row.state), "open"),
        facts=tuple(facts),
    )
    if row.done_at is not None:
        yield Entry(
            row.done_at,
            "refund",
            gettext("Returned"),
            payment_id=row.payment_id,
            tone="good",
            facts=(sum_of,),
        )


def _receipt(row: DeskReceipt) -> Iterator[Entry]:
    sum_of = _riyals(row.amount_minor)
    yield Entry(
        row.taken_at,
        "desk",
        gettext("Taken at the desk"),
        tone="good" if row.voided_at is None else "",
        facts=(sum_of, str(row.get_method_display())),
    )
    if row.voided_at is not None:
        yield Entry(
            row.voided_at,
            "desk",
            gettext("Desk receipt cancelled"),
            tone="bad",
            facts=(sum_of, _own_words(row.void_reason)),
        )


def _resolution(row: Resolution) -> Iterator[Entry]:
    yield Entry(
        row.resolved_at,
        "finance",
        gettext("Decided by finance"),
        payment_id=row.payment_id,
        facts=(str(row.get_outcome_display()), _own_words(row.note)),
    )


def _riyals(minor: int) -> SafeString:
    return format_html('<bdi class="amount">{}</bdi>', in_riyals(minor))


def _called(code: str, names: Mapping[str, Any]) -> str:
    return str(names[code]) if code in names else ltr(code)


def _own_words(text: str) -> SafeString:
    return format_html('<bdi dir="auto">{}</bdi>', text)
