"""Money that needs a person: finance's list, and the answers to it."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.permissions import FINANCE
from backend.core.api.pagination import PageQuery, cursor_of, scope_of, values_of
from backend.core.api.views import Endpoint, person
from backend.payments import operations
from backend.payments.api import present, serializers
from backend.payments.api.desk import refuse_card_data

PRIVATE = {"Cache-Control": "no-store"}
ORDER = ("opened_at", "id")


class FinanceTasks(Endpoint):
    access = {"GET": FINANCE}
    queries = {"GET": PageQuery}

    @extend_schema(
        operation_id="listFinanceTasks",
        summary="Money that needs a person, oldest first",
        description=(
            "`refund`: the gateway would not return it. `quarantine`: it came with another amount, currency or "
            "metadata, and counts for nothing. `capture`: the bank let a deposit go before it was charged."
        ),
        tags=["finance"],
        parameters=[PageQuery],
        responses={200: serializers.TaskPage},
    )
    def get(self, request: Request) -> Response:
        limit, scope = self.query["limit"], scope_of("tasks", ORDER, self.query)
        after = None
        if cursor := self.query.get("cursor"):
            at, key = values_of(cursor, scope)
            after = (datetime.fromisoformat(at), uuid.UUID(key))
        tasks = operations.open_tasks(after=after, limit=limit + 1)
        more = len(tasks) > limit
        tasks = tasks[:limit]
        body = {
            "items": [present.task(task) for task in tasks],
            "next_cursor": cursor_of(tasks[-1].order, scope) if more else None,
        }
        return Response(body, headers=PRIVATE)


class FinanceTaskResolution(Endpoint):
    access = {"POST": FINANCE}

    @extend_schema(
        operation_id="resolveFinanceTask",
        summary="Answer for a task, with a name and a reason",
        description=(
            "`refunded_outside`: the money went back by another way. `accepted`: looked into, and it stays as it is. "
            "`retry`: tried once more now; the task comes back if that fails."
        ),
        tags=["finance"],
        request=serializers.ResolveBody,
        responses={200: serializers.ResolutionShape},
    )
    def post(self, request: Request, task_id: uuid.UUID) -> Response:
        refuse_card_data(request.data)
        body = self.body(serializers.ResolveBody, request)
        resolution = operations.resolve_task(task_id=task_id, by=person(request), now=timezone.now(), **body)
        return Response(present.resolution(resolution), headers=PRIVATE)
