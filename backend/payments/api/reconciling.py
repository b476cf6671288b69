"""Finance's proofs: runs that compare ours with the gateway and its settlements, and the differences they found."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api import fields
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.shapes import MoneyShape, Shape
from backend.core.api.views import Endpoint, person
from backend.core.errors import NotFound, ValidationFailed, VersionConflict
from backend.core.money import money
from backend.core.time import rfc3339
from backend.payments import operations
from backend.payments.api.desk import refuse_card_data
from backend.payments.api.serializers import PersonShape
from backend.payments.differences import MEANINGS
from backend.payments.models import (
    Difference,
    DifferenceAct,
    DifferenceEvent,
    DifferenceKind,
    DifferenceResolution,
    DifferenceState,
    Reconciliation,
)
from backend.payments.providers import GatewayError
from backend.payments.queries import reconciling as books
from backend.payments.refusals import PaymentsUnavailable

logger = logging.getLogger("mawid.payments")

PRIVATE = {"Cache-Control": "no-store"}
MOST_DAYS = 31


# `from` is a word of Python, so these two name their fields in get_fields.
class ReconciliationBody(Body):
    def get_fields(self) -> Any:
        return super().get_fields() | {"from": fields.Day(), "to": fields.Day()}


class ReconciliationShape(Shape):
    id = serializers.UUIDField()
    ours_count = serializers.IntegerField(help_text="Payments here")
    theirs_count = serializers.IntegerField(help_text="Of those, at the gateway")
    settled_count = serializers.IntegerField(help_text="Of those, in a settlement")
    captured = MoneyShape()
    refunded = MoneyShape()
    theirs_captured = MoneyShape()
    theirs_refunded = MoneyShape()
    settled = MoneyShape(help_text="Sent to the bank, before fees")
    settled_back = MoneyShape(help_text="Taken back for refunds")
    fees = MoneyShape(help_text="VAT included")
    found_differences = serializers.IntegerField()
    open_differences = serializers.IntegerField()
    healed_differences = serializers.IntegerField()
    gone_differences = serializers.IntegerField(help_text="Known of these days, and found no more")
    fingerprint = serializers.CharField(
        help_text="The same for two runs over the same data; empty before the end"
    )
    note = serializers.ChoiceField(
        choices=["no_settlements"],
        allow_null=True,
        help_text="The gateway has no settlements for this account",
    )
    started_at = fields.Moment()
    finished_at = fields.Moment(allow_null=True, help_text="Null: it stopped half-way, and proves nothing")

    def get_fields(self) -> Any:
        return {"from": fields.Day(read_only=True), "to": fields.Day(read_only=True)} | super().get_fields()


class ReconciliationPage(Shape):
    items = ReconciliationShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DifferenceShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=DifferenceKind.choices)
    title = serializers.CharField()
    explanation = serializers.CharField()
    what_to_do = serializers.CharField()
    severity = serializers.ChoiceField(choices=["money", "notice"])
    state = serializers.ChoiceField(
        choices=DifferenceState.choices, help_text="`gone`: a later run found it no more"
    )
    healed = serializers.BooleanField()
    business_date = fields.Day()
    payment_id = serializers.UUIDField(allow_null=True, help_text="As the gateway knows it")
    settlement_id = serializers.UUIDField(allow_null=True)
    amount = MoneyShape(help_text="Ours less theirs, where that can be said")
    ours = serializers.DictField(allow_null=True)
    theirs = serializers.DictField(allow_null=True)
    settlements = serializers.DictField(allow_null=True)
    owner = PersonShape(allow_null=True)
    resolution = serializers.ChoiceField(choices=DifferenceResolution.choices, allow_null=True)
    note = serializers.CharField(allow_null=True)
    resolved_by = PersonShape(allow_null=True)
    opened_at = fields.Moment()
    closed_at = fields.Moment(allow_null=True)


class DifferencePage(Shape):
    items = DifferenceShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DifferenceEventShape(Shape):
    act = serializers.ChoiceField(choices=DifferenceAct.choices)
    resolution = serializers.ChoiceField(choices=DifferenceResolution.choices, allow_null=True)
    note = serializers.CharField(allow_null=True)
    by = PersonShape(allow_null=True, help_text="Null: a run")
    at = fields.Moment()


class DifferenceDetail(DifferenceShape):
    history = DifferenceEventShape(many=True, help_text="Oldest first, 200 at most")


class DifferenceQuery(PageQuery):
    kind = serializers.ChoiceField(required=False, choices=DifferenceKind.choices)
    state = serializers.ChoiceField(required=False, choices=DifferenceState.choices)


class TakeBody(Body):
    version = fields.Integer(min_value=1)


class NoteBody(TakeBody):
    note = fields.Text(max_length=500)


class ResolveDifferenceBody(NoteBody):
    resolution = fields.Choice(choices=DifferenceResolution.choices)


class Reconciliations(Endpoint):
    access = {"GET": FINANCE, "POST": FINANCE}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listReconciliations",
        summary="Past comparisons, newest first",
        tags=["finance"],
        parameters=[PageQuery],
        responses={200: ReconciliationPage},
    )
    def get(self, request: Request) -> Response:
        found = page(books.reconciliations(), order=("-started_at", "-id"), query=self.query)
        return Response(found.body(_run), headers=PRIVATE)

    @extend_schema(
        operation_id="createReconciliation",
        summary="Compare some Riyadh days now (31 at most): ours, the gateway's list, the settlements",
        description=(
            "What asking the gateway again can settle is settled. Everything else stands as a difference until "
            "somebody answers for it. One comparison runs at a time."
        ),
        tags=["finance"],
        request=ReconciliationBody,
        responses={201: ReconciliationShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(ReconciliationBody, request)
        if body["to"] < body["from"]:
            raise ValidationFailed.at("/to", "too_small")
        if (body["to"] - body["from"]).days >= MOST_DAYS:
            raise ValidationFailed.at("/to", "too_large")
        try:
            run = operations.reconcile(
                from_date=body["from"], to_date=body["to"], run_by=person(request), now=timezone.now()
            )
        except GatewayError as error:
            logger.warning("reconciliation stopped", extra={"error": str(error)})
            raise PaymentsUnavailable(extra={"retry_after": 60}) from error
        return Response(_run(books.reconciliations().get(pk=run.pk)), status=201, headers=PRIVATE)


class ReconciliationItem(Endpoint):
    access = {"GET": FINANCE}

    @extend_schema(
        operation_id="getReconciliation",
        summary="One comparison: the sums of each side, and what it found",
        tags=["finance"],
        responses={200: ReconciliationShape},
    )
    def get(self, request: Request, reconciliation_id: uuid.UUID) -> Response:
        return Response(_run(_found_run(reconciliation_id)), headers=PRIVATE)


class ReconciliationDifferences(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": DifferenceQuery}

    @extend_schema(
        operation_id="listReconciliationDifferences",
        summary="The differences one comparison found, as they stand now",
        tags=["finance"],
        parameters=[DifferenceQuery],
        responses={200: DifferencePage},
    )
    def get(self, request: Request, reconciliation_id: uuid.UUID) -> Response:
        run = _found_run(reconciliation_id)
        rows = books.differences().filter(pk__in=run.findings.values("difference"), **_filters(self.query))
        return Response(page(rows, order=("id",), query=self.query).body(_difference), headers=PRIVATE)


class Differences(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": DifferenceQuery}

    @extend_schema(
        operation_id="listDifferences",
        summary="All differences, newest first; `state=open` is the queue",
        tags=["finance"],
        parameters=[DifferenceQuery],
        responses={200: DifferencePage},
    )
    def get(self, request: Request) -> Response:
        rows = books.differences().filter(**_filters(self.query))
        found = page(rows, order=("-opened_at", "-id"), query=self.query)
        return Response(found.body(_difference), headers=PRIVATE)


class DifferenceItem(Endpoint):
    access = {"GET": FINANCE}

    @extend_schema(
        operation_id="getDifference",
        summary="One difference with all that was done about it",
        tags=["finance"],
        responses={200: DifferenceDetail},
    )
    def get(self, request: Request, difference_id: uuid.UUID) -> Response:
        row = books.differences().filter(pk=difference_id).first()
        if row is None:
            raise NotFound
        return Response(_detail(row), headers=PRIVATE)


class DifferenceTake(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="takeDifference",
        summary="Become the one who looks into a difference",
        tags=["finance"],
        request=TakeBody,
        responses={200: DifferenceDetail},
    )
    def post(self, request: Request, difference_id: uuid.UUID) -> Response:
        body = self.body(TakeBody, request)
        return _act(operations.take_difference, request, difference_id, body)


class DifferenceNotes(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="noteDifference",
        summary="Write down what was found out so far",
        tags=["finance"],
        request=NoteBody,
        responses={200: DifferenceDetail},
    )
    def post(self, request: Request, difference_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        body = self.body(NoteBody, request)
        return _act(operations.note_difference, request, difference_id, body)


class DifferenceResolve(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="resolveDifference",
        summary="Answer for a difference, with a name and a reason",
        description=(
            "`explained`: nothing is wrong. `corrected`: put right by hand. `claimed`: somebody else has to put it "
            "right. `written_off`: the loss is ours. It opens again if a later comparison finds it changed."
        ),
        tags=["finance"],
        request=ResolveDifferenceBody,
        responses={200: DifferenceDetail},
    )
    def post(self, request: Request, difference_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        body = self.body(ResolveDifferenceBody, request)
        return _act(operations.resolve_difference, request, difference_id, body)


def _act(operation: Any, request: Request, difference_id: uuid.UUID, body: dict[str, Any]) -> Response:
    """Run one of finance's acts; who comes too late is shown the difference as it is now."""
    try:
        row = operation(difference_id=difference_id, by=person(request), now=timezone.now(), **body)
    except VersionConflict as error:
        current = books.differences().get(pk=difference_id)
        raise VersionConflict(current=_detail(current)) from error
    return Response(_detail(row), headers=PRIVATE)


def _found_run(reconciliation_id: uuid.UUID) -> Reconciliation:
    run = books.reconciliations().filter(pk=reconciliation_id).first()
    if run is None:
        raise NotFound
    return run


def _filters(query: dict[str, Any]) -> dict[str, Any]:
    return {name: query[name] for name in ("kind", "state") if query.get(name)}


def _run(run: Any) -> dict[str, Any]:
    """`run` comes with `open_count`."""
    return {
        "id": str(run.id),
        "from": run.from_date.isoformat(),
        "to": run.to_date.isoformat(),
        "ours_count": run.ours_count,
        "theirs_count": run.theirs_count,
        "settled_count": run.lines_count,
        "captured": money(run.captured_minor),
        "refunded": money(run.refunded_minor),
        "theirs_captured": money(run.theirs_captured_minor),
        "theirs_refunded": money(run.theirs_refunded_minor),
        "settled": money(run.settled_minor),
        "settled_back": money(run.settled_back_minor),
        "fees": money(run.fees_minor),
        "found_differences": run.found_count,
        "open_differences": run.open_count,
        "healed_differences": run.healed_count,
        "gone_differences": run.gone_count,
        "fingerprint": run.fingerprint,
        "note": run.note or None,
        "started_at": rfc3339(run.started_at),
        "finished_at": rfc3339(run.finished_at) if run.finished_at else None,
    }


def _difference(row: Difference) -> dict[str, Any]:
    meaning = MEANINGS[row.kind]
    return {
        "id": str(row.id),
        "version": row.version,
        "kind": row.kind,
        "title": str(meaning.title),
        "explanation": str(meaning.explanation),
        "what_to_do": str(meaning.what_to_do),
        "severity": meaning.severity,
        "state": row.state,
        "healed": row.state == DifferenceState.HEALED,
        "business_date": row.business_date.isoformat(),
        "payment_id": str(row.payment_id) if row.payment_id else None,
        "settlement_id": str(row.settlement_id) if row.settlement_id else None,
        "amount": money(row.amount_minor),
        "ours": row.facts.get("ours"),
        "theirs": row.facts.get("gateway"),
        "settlements": row.facts.get("settlements"),
        "owner": _person(row.owner),
        "resolution": row.resolution or None,
        "note": row.note or None,
        "resolved_by": _person(row.resolved_by),
        "opened_at": rfc3339(row.opened_at),
        "closed_at": rfc3339(row.closed_at) if row.closed_at else None,
    }


def _detail(row: Difference) -> dict[str, Any]:
    events = row.events.select_related("by").order_by("id")[:200]
    return _difference(row) | {"history": [_event(event) for event in events]}


def _event(event: DifferenceEvent) -> dict[str, Any]:
    return {
        "act": event.act,
        "resolution": event.resolution or None,
        "note": event.note or None,
        "by": _person(event.by),
        "at": rfc3339(event.at),
    }


def _person(user: Any) -> dict[str, Any] | None:
    return {"id": str(user.pk), "name": user.name or None} if user is not None else None
