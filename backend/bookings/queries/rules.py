"""What a salon sells, who and what performs it, and when: compiled once per catalogue version, kept by each process.

The database raises the version with every change on every path, so what is kept here is never believed too long: a
question first compares the version it finds beside the claims (`times.py`).
"""

from __future__ import annotations

import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

from backend.bookings.availability import Need, NeedKind, Rulebook, Step
from backend.bookings.standing import Policy
from backend.core.errors import DomainError, Unavailable
from backend.core.money import percentage
from backend.salons.models import (
    Business,
    Rental,
    Resource,
    Salon,
    SalonStatus,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
)
from backend.salons.queries import live_salon
from backend.salons.queries.timetables import timetable_of

Answer = TypeVar("Answer")

_TRIES = 5
_KEPT = 2000
"""Names of salons in one process. One that is asked about a lot takes some hundred kilobytes."""


@dataclass(frozen=True)
class Line:
    """A line of the price list as it is booked. A variant takes from `above` what it has none of its own.

    `performers` are active and in the order they are shown. `needs` has an entry for each kind of resource, with the
    active resources of that kind.
    """

    service: Service
    above: Service | None
    salon: Salon
    performers: tuple[uuid.UUID, ...]
    needs: tuple[tuple[uuid.UUID, ...], ...]
    has_variants: bool

    @property
    def booked(self) -> dict[str, Any]:
        """What an item of a booking is of."""
        return {"service": self.service}

    @property
    def name_ar(self) -> str:
        return self._name("ar")

    @property
    def name_en(self) -> str:
        return self._name("en")

    def _name(self, language: str) -> str:
        """In this language, else in the other; a variant after the service it is one of."""
        rows = [row for row in (self.above, self.service) if row is not None]
        return " – ".join(
            getattr(row, f"name_{language}") or row.name_ar or row.name_en or "" for row in rows
        )

    @property
    def price_minor(self) -> int:
        return self.service.price_minor

    @property
    def deposit_minor(self) -> int:
        own = self._rule.deposit_percent
        return percentage(self.price_minor, self.salon.deposit_percent if own is None else own)

    @property
    def notice_minutes(self) -> int:
        own = self._rule.min_notice_minutes
        return self.salon.min_notice_minutes if own is None else own

    @property
    def horizon_days(self) -> int:
        own = self._rule.horizon_days
        return self.salon.horizon_days if own is None else own

    @property
    def _rule(self) -> Service:
        return self.above or self.service

    def step(self, chosen: uuid.UUID | None = None) -> Step[uuid.UUID]:
        """This service as a part of a visit: by a chosen person, or by whoever performs it."""
        service = self.service
        people = self.performers if chosen is None else tuple(p for p in self.performers if p == chosen)
        gap = None
        if service.processing_starts_minute is not None and service.processing_minutes is not None:
            gap = (
                service.processing_starts_minute,
                service.processing_starts_minute + service.processing_minutes,
            )
        return Step(
            duration=service.duration_minutes,
            needs=(
                Need(NeedKind.STAFF, people),
                *(Need(NeedKind.RESOURCE, resources) for resources in self.needs),
            ),
            buffer_before=service.buffer_before_minutes,
            buffer_after=service.buffer_after_minutes,
            gap=gap,
        )


@dataclass(frozen=True)
class SalonRules:
    """A salon at one catalogue version: its row, rulebook, price list, people and things. Nothing in it is changed.

    `lines` are those on sale, by service id; `staff` and `resources` the active ones; `standing` what marks ask for.
    """

    salon: Salon
    rulebook: Rulebook[uuid.UUID]
    lines: Mapping[uuid.UUID, Line]
    staff: Mapping[uuid.UUID, StaffMember]
    resources: Mapping[uuid.UUID, Resource]
    standing: Policy | None = None
    steps: dict[tuple[uuid.UUID, uuid.UUID | None], Step[uuid.UUID]] = field(default_factory=dict)
    visits: dict[tuple[object, ...], Any] = field(default_factory=dict)
    """What `times.plan_visit` made of wishes."""

    @property
    def version(self) -> int:
        return self.salon.catalogue_version

    @cached_property
    def rentals(self) -> Mapping[uuid.UUID, Rental]:
        """What is let here, in its order: read when first asked for, since most questions are about services."""
        rows = Rental.objects.filter(salon=self.salon, is_active=True, resource__is_active=True)
        return {row.pk: row for row in rows.select_related("resource").order_by("position", "id")}

    def step(self, service_id: uuid.UUID, chosen: uuid.UUID | None) -> Step[uuid.UUID]:
        """The step of a service on sale, made once."""
        known = self.steps.get((service_id, chosen))
        if known is None:
            known = self.steps[service_id, chosen] = self.lines[service_id].step(chosen)
        return known


class RulesChanged(Exception):
    """The salon changed its rules since they were compiled: read them again and ask anew."""


_kept: OrderedDict[str, SalonRules] = OrderedDict()
"""By id. A salon asked for by its slug is kept under that too."""
_lock = Lock()


def _known(name: str) -> SalonRules | None:
    with _lock:
        if name in _kept:
            _kept.move_to_end(name)
        return _kept.get(name)


def rules_of(salon: Salon) -> SalonRules:
    """The rules of a salon whose row was just read, from memory where its version is still the same."""
    known = _known(str(salon.pk))
    if known is not None and known.version == salon.catalogue_version:
        return known
    compiled = _compile(salon)
    with _lock:
        for name in (str(salon.pk), salon.slug):
            _kept[name] = compiled
            _kept.move_to_end(name)
        while len(_kept) > _KEPT:
            _kept.popitem(last=False)
    return compiled


def rules_at(salon_id: uuid.UUID, *, version: int) -> SalonRules:
    """The rules of a salon whose catalogue version was just read, with nothing else read where they are kept."""
    known = _known(str(salon_id))
    return (
        known if known is not None and known.version == version else rules_of(Salon.objects.get(pk=salon_id))
    )


def salon_kept(salon_id: uuid.UUID) -> Salon | None:
    """A salon's row as this process last read it, if it did."""
    known = _known(str(salon_id))
    return known.salon if known is not None else None


def with_rules(salon: Salon, ask: Callable[[SalonRules], Answer]) -> Answer:
    """What `ask` answers by a live salon's present rules, asked again when they change under it. Raises NotFound."""
    return _asked_again(lambda: live_salon(str(salon.pk)), ask, salon)


def with_rules_named(name: str, ask: Callable[[SalonRules], Answer]) -> Answer:
    """The same for a salon by id or slug, without reading its row where this process knows it.

    What was kept may be out of date until `ask` compares the version, so only an answer counts, never a refusal.
    """
    known = _known(name)
    if known is not None and known.salon.status == SalonStatus.LIVE:
        with suppress(RulesChanged, DomainError):
            return ask(known)
    return _asked_again(lambda: live_salon(name), ask)


def _asked_again(
    read: Callable[[], Salon], ask: Callable[[SalonRules], Answer], salon: Salon | None = None
) -> Answer:
    for _ in range(_TRIES):
        try:
            return ask(rules_of(salon or read()))
        except RulesChanged:
            salon = None
    raise Unavailable


def _compile(salon: Salon) -> SalonRules:
    """Read everything in a fixed number of queries."""
    staff = {row.pk: row for row in StaffMember.objects.filter(salon=salon, is_active=True)}
    resources = {row.pk: row for row in Resource.objects.filter(salon=salon, is_active=True)}
    services = {row.pk: row for row in Service.objects.filter(salon=salon).select_related("category")}
    performers: defaultdict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for service_id, staff_id in StaffService.objects.filter(service__salon=salon).values_list(
        "service_id", "staff_member_id"
    ):
        performers[service_id].append(staff_id)
    needs: defaultdict[uuid.UUID, list[str]] = defaultdict(list)
    for service_id, kind in (
        ServiceNeed.objects.filter(service__salon=salon).order_by("kind").values_list("service_id", "kind")
    ):
        needs[service_id].append(kind)
    with_variants = {row.variant_of_id for row in services.values() if row.variant_of_id and row.is_active}
    lines = {}
    for service in services.values():
        above = services[service.variant_of_id] if service.variant_of_id else None
        rule = above or service
        if not (service.is_active and rule.is_active):
            continue
        able = set(performers[rule.pk])
        lines[service.pk] = Line(
            service=service,
            above=above,
            salon=salon,
            performers=tuple(staff_id for staff_id in staff if staff_id in able),
            needs=tuple(
                tuple(row.pk for row in resources.values() if row.kind == kind) for kind in needs[rule.pk]
            ),
            has_variants=service.pk in with_variants,
        )
    return SalonRules(
        salon=salon,
        rulebook=Rulebook(
            timetable=timetable_of(salon),
            grid_minutes=salon.grid_minutes,
            notice_minutes=salon.min_notice_minutes,
            horizon_days=salon.horizon_days,
        ),
        lines=lines,
        staff=staff,
        resources=resources,
        # Whoever edits a business raises the versions of its salons.
        standing=policy_of(Business.objects.get(pk=salon.business_id)),
    )


def policy_of(business: Business) -> Policy | None:
    """What marks ask for at a business's salons; None where they ask for nothing."""
    if not business.standing_steps:
        return None
    return Policy(
        steps=tuple(business.standing_steps),
        days=business.standing_days,
        no_show_marks=business.no_show_marks,
        late_cancel_marks=business.late_cancel_marks,
    )
