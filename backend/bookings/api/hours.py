"""The desk's rules about hours: weekly windows, overrides and closures.

Every change answers with the bookings it collides with. With `preview` it answers the same and writes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, QuerySet
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.bookings.affected import change_hours
from backend.bookings.api import hours_bodies as bodies
from backend.bookings.api import hours_shapes as shapes
from backend.core.api.pagination import page
from backend.core.api.schema import SALON
from backend.core.api.views import Endpoint, answer_once, person
from backend.core.errors import NotFound
from backend.salons.api.manage.answering import OPTIONAL_KEY, OWN, current
from backend.salons.models import Closure, Override, Salon, WorkingWindow
from backend.salons.operations import hours as operations
from backend.salons.operations.editing import in_both
from backend.salons.permissions import Desk, desk_of

SEES, EDITS = Desk("see_desk"), Desk("edit_hours")

Row = TypeVar("Row", bound=Model)


class At(NamedTuple):
    """A salon whose hours are being changed, and when."""

    salon: Salon
    now: datetime

    @property
    def today(self) -> date:
        return self.now.astimezone(self.salon.zone).date()


class Rules(Endpoint):
    """Parent of everything below a salon that changes its hours."""

    def at(self, request: Request, salon: str) -> At:
        return At(desk_of(person(request), salon, "edit_hours"), timezone.now())

    def changed(self, at: At, name: str, change: Callable[[], Any]) -> dict[str, Any]:
        """The answer to a change; `change` gives what stands in it under `name`."""
        shown, affected = change_hours(
            salon=at.salon, change=change, now=at.now, preview=self.query["preview"]
        )
        return {name: shown} | shapes.affected(affected)

    def added(
        self, request: Request, at: At, name: str, change: Callable[[], Any], *, operation: str
    ) -> Response:
        """The answer to a POST; one with a key is carried out once, a preview as often as it is asked for."""
        if self.query["preview"]:
            return Response(self.changed(at, name, change), headers=OWN)
        return answer_once(
            request,
            operation=operation,
            body=request.data,
            act=lambda: (201, self.changed(at, name, change)),
            key_required=False,
        )

    def edited(
        self,
        at: At,
        name: str,
        rows: QuerySet[Row],
        row_id: uuid.UUID,
        show: Callable[[Row], dict[str, Any]],
        change: Callable[[Row], Row],
    ) -> Response:
        """The answer to a change of one row, which `change` makes of the row as it was read.

        What a body leaves out is taken from there: the version it names makes sure that nothing came between.
        """

        def find() -> Row:
            row = rows.filter(pk=row_id).first()
            if row is None:
                raise NotFound
            return row

        row = find()
        with current(lambda: show(find())):
            return Response(self.changed(at, name, lambda: show(change(row))), headers=OWN)

    def removed(
        self,
        at: At,
        name: str,
        rows: QuerySet[Row],
        row_id: uuid.UUID,
        show: Callable[[Row], dict[str, Any]],
    ) -> Response:
        def remove(row: Row) -> Row:
            kind: Any = rows.model
            operations.remove(salon=at.salon, kind=kind, row_id=row_id, version=self.query["version"])
            return row

        return self.edited(at, name, rows.all(), row_id, show, remove)


class WorkingWindows(Rules):
    access = {"GET": SEES, "POST": EDITS, "PUT": EDITS}
    queries = {"GET": bodies.WindowListQuery, "POST": bodies.WriteQuery, "PUT": bodies.WriteQuery}

    @extend_schema(
        operation_id="listWorkingWindows",
        summary="The working weeks of the salon and its staff, ordinary and of seasons",
        tags=["manage"],
        parameters=[SALON, bodies.WindowListQuery],
        responses={200: shapes.WindowPage},
    )
    def get(self, request: Request, salon: str) -> Response:
        rows = WorkingWindow.objects.filter(salon=desk_of(person(request), salon, "see_desk"))
        rows = rows.filter(**_named(self.query, "staff_member_id", "season_id"))
        found = page(rows, order=("weekday", "opens_minute", "id"), query=self.query)
        return Response(found.body(shapes.window), headers=OWN)

    @extend_schema(
        operation_id="addWorkingWindow",
        summary="Add a stretch of a working week",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY, bodies.WriteQuery],
        request=bodies.WindowBody,
        responses={201: shapes.WindowChange, 200: shapes.WindowChange},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.WindowBody, request)
        window = bodies.window_of(body)

        def add() -> dict[str, Any]:
            return shapes.window(
                operations.add_window(salon=at.salon, window=window, **_subject(body, "season_id"))
            )

        return self.added(request, at, "working_window", add, operation="addWorkingWindow")

    @extend_schema(
        operation_id="replaceWorkingWeek",
        summary="Replace the whole week of the salon or a staff member, ordinary or of a season",
        tags=["manage"],
        parameters=[SALON, bodies.WriteQuery],
        request=bodies.WeekBody,
        responses={200: shapes.WeekChange},
    )
    def put(self, request: Request, salon: str) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.WeekBody, request)

        def replace() -> list[dict[str, Any]]:
            rows = operations.replace_week(
                salon=at.salon, windows=body["windows"], **_subject(body, "season_id")
            )
            return [shapes.window(row) for row in rows]

        return Response(self.changed(at, "items", replace), headers=OWN)


class WorkingWindowItem(Rules):
    access = {"PATCH": EDITS, "DELETE": EDITS}
    queries = {"PATCH": bodies.WriteQuery, "DELETE": bodies.RemoveQuery}

    @extend_schema(
        operation_id="changeWorkingWindow",
        summary="Change the day or the hours of one window",
        tags=["manage"],
        parameters=[SALON, bodies.WriteQuery],
        request=bodies.ChangeWindowBody,
        responses={200: shapes.WindowChange},
    )
    def patch(self, request: Request, salon: str, window_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.ChangeWindowBody, request)

        def change(row: WorkingWindow) -> WorkingWindow:
            window = bodies.window_of(bodies.merged(row, body))
            return operations.change_window(
                salon=at.salon, window_id=window_id, version=body["version"], window=window
            )

        rows = WorkingWindow.objects.filter(salon=at.salon)
        return self.edited(at, "working_window", rows, window_id, shapes.window, change)

    @extend_schema(
        operation_id="removeWorkingWindow",
        summary="Remove one window; the answer shows it as it was",
        tags=["manage"],
        parameters=[SALON, bodies.RemoveQuery],
        responses={200: shapes.WindowChange},
    )
    def delete(self, request: Request, salon: str, window_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        rows = WorkingWindow.objects.filter(salon=at.salon)
        return self.removed(at, "working_window", rows, window_id, shapes.window)


class Overrides(Rules):
    access = {"GET": SEES, "POST": EDITS}
    queries = {"GET": bodies.OverrideListQuery, "POST": bodies.WriteQuery}

    @extend_schema(
        operation_id="listOverrides",
        summary="Dates with hours of their own, in order",
        tags=["manage"],
        parameters=[SALON, bodies.OverrideListQuery],
        responses={200: shapes.OverridePage},
    )
    def get(self, request: Request, salon: str) -> Response:
        rows = _overrides(desk_of(person(request), salon, "see_desk"))
        rows = rows.filter(**_named(self.query, "staff_member_id"))
        for name, lookup in (("from", "date__gte"), ("to", "date__lte")):
            if name in self.query:
                rows = rows.filter(**{lookup: self.query[name]})
        found = page(rows, order=("date", "id"), query=self.query)
        return Response(found.body(shapes.override), headers=OWN)

    @extend_schema(
        operation_id="addOverride",
        summary="Give one date hours of its own, or close it",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY, bodies.WriteQuery],
        request=bodies.OverrideBody,
        responses={201: shapes.OverrideChange, 200: shapes.OverrideChange},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.OverrideBody, request)

        def add() -> dict[str, Any]:
            return shapes.override(operations.add_override(salon=at.salon, today=at.today, **body))

        return self.added(request, at, "override", add, operation="addOverride")


class OverrideItem(Rules):
    access = {"PATCH": EDITS, "DELETE": EDITS}
    queries = {"PATCH": bodies.WriteQuery, "DELETE": bodies.RemoveQuery}

    @extend_schema(
        operation_id="changeOverride",
        summary="Change the hours of a date",
        tags=["manage"],
        parameters=[SALON, bodies.WriteQuery],
        request=bodies.ChangeOverrideBody,
        responses={200: shapes.OverrideChange},
    )
    def patch(self, request: Request, salon: str, override_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.ChangeOverrideBody, request)

        def change(row: Override) -> Override:
            return operations.change_override(
                salon=at.salon,
                override_id=row.pk,
                version=body["version"],
                changes=_named(body, "date") | words(body, "reason"),
                windows=body.get("windows"),
            )

        rows = _overrides(at.salon)
        return self.edited(at, "override", rows, override_id, shapes.override, change)

    @extend_schema(
        operation_id="removeOverride",
        summary="Remove an override: week and season hold again",
        tags=["manage"],
        parameters=[SALON, bodies.RemoveQuery],
        responses={200: shapes.OverrideChange},
    )
    def delete(self, request: Request, salon: str, override_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        return self.removed(at, "override", _overrides(at.salon), override_id, shapes.override)


class Closures(Rules):
    access = {"GET": SEES, "POST": EDITS}
    queries = {"GET": bodies.ClosureListQuery, "POST": bodies.WriteQuery}

    @extend_schema(
        operation_id="listClosures",
        summary="Closures of the salon, leave of its staff, resources out of use",
        tags=["manage"],
        parameters=[SALON, bodies.ClosureListQuery],
        responses={200: shapes.ClosurePage},
    )
    def get(self, request: Request, salon: str) -> Response:
        at = desk_of(person(request), salon, "see_desk")
        rows = Closure.objects.filter(salon=at, **_named(self.query, "staff_member_id", "resource_id"))
        found = page(rows, order=("-id",), query=self.query)
        return Response(found.body(partial(shapes.closure, salon=at)), headers=OWN)

    @extend_schema(
        operation_id="addClosure",
        summary="Close the salon, give a staff member leave, or take a resource out of use",
        tags=["manage"],
        parameters=[SALON, OPTIONAL_KEY, bodies.WriteQuery],
        request=bodies.ClosureBody,
        responses={201: shapes.ClosureChange, 200: shapes.ClosureChange},
    )
    def post(self, request: Request, salon: str) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.ClosureBody, request)
        form = bodies.closure_form(body["kind"], body) | {"kind": body["kind"]}

        def add() -> dict[str, Any]:
            row = operations.add_closure(
                salon=at.salon, form=form, reason=body["reason"], now=at.now, **_subject(body, "resource_id")
            )
            return shapes.closure(row, at.salon)

        return self.added(request, at, "closure", add, operation="addClosure")


class ClosureItem(Rules):
    access = {"PATCH": EDITS, "DELETE": EDITS}
    queries = {"PATCH": bodies.WriteQuery, "DELETE": bodies.RemoveQuery}

    @extend_schema(
        operation_id="changeClosure",
        summary="Change the times of a closure; its kind and subject stay",
        tags=["manage"],
        parameters=[SALON, bodies.WriteQuery],
        request=bodies.ChangeClosureBody,
        responses={200: shapes.ClosureChange},
    )
    def patch(self, request: Request, salon: str, closure_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        body = self.body(bodies.ChangeClosureBody, request)

        def change(row: Closure) -> Closure:
            form = bodies.closure_form(row.kind, bodies.merged(row, body))
            return operations.change_closure(
                salon=at.salon,
                closure_id=row.pk,
                version=body["version"],
                changes=form | words(body, "reason"),
            )

        rows = Closure.objects.filter(salon=at.salon)
        show = partial(shapes.closure, salon=at.salon)
        return self.edited(at, "closure", rows, closure_id, show, change)

    @extend_schema(
        operation_id="removeClosure",
        summary="Remove a closure; the answer shows it as it was",
        tags=["manage"],
        parameters=[SALON, bodies.RemoveQuery],
        responses={200: shapes.ClosureChange},
    )
    def delete(self, request: Request, salon: str, closure_id: uuid.UUID) -> Response:
        at = self.at(request, salon)
        rows = Closure.objects.filter(salon=at.salon)
        return self.removed(at, "closure", rows, closure_id, partial(shapes.closure, salon=at.salon))


def _named(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _subject(body: Mapping[str, Any], other: str) -> dict[str, Any]:
    return _named(body, "staff_member_id", other)


def words(body: Mapping[str, Any], name: str) -> dict[str, str]:
    return in_both(name, body[name]) if name in body else {}


def _overrides(salon: Salon) -> QuerySet[Override]:
    return Override.objects.filter(salon=salon).prefetch_related("windows")


IN_SALON = "manage/salons/<str:salon>"

routes = [
    path(f"{IN_SALON}/working-windows", WorkingWindows.as_view(), name="manage-working-windows"),
    path(
        f"{IN_SALON}/working-windows/<id:window_id>",
        WorkingWindowItem.as_view(),
        name="manage-working-window",
    ),
    path(f"{IN_SALON}/overrides", Overrides.as_view(), name="manage-overrides"),
    path(f"{IN_SALON}/overrides/<id:override_id>", OverrideItem.as_view(), name="manage-override"),
    path(f"{IN_SALON}/closures", Closures.as_view(), name="manage-closures"),
    path(f"{IN_SALON}/closures/<id:closure_id>", ClosureItem.as_view(), name="manage-closure"),
]
