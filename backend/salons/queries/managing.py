"""What a salon's own people, and the platform, ask about it."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Subquery

from backend.salons.models import (
    Business,
    Membership,
    Rental,
    Resource,
    Salon,
    SalonEvent,
    SalonRole,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from backend.salons.queries import memberships_of


def businesses_of(owner: Any) -> QuerySet[Business]:
    """The sellers behind the salons somebody owns, oldest first: owning one of its salons is enough."""
    owned = memberships_of(owner).filter(role=SalonRole.OWNER).values("salon__business_id")
    return Business.objects.filter(pk__in=owned).order_by("id")


def works_for(user: Any, business: Any) -> bool:
    """Whether somebody works, as whatever, at a salon of this business."""
    return memberships_of(user).filter(salon__business=business).exists()


def with_profile(salons: QuerySet[Salon]) -> QuerySet[Salon]:
    """Salons with all that a profile shows, in one query."""
    last = SalonEvent.objects.filter(salon=OuterRef("pk")).order_by("-id")
    return salons.select_related("business", "city", "district").annotate(
        moved_at=Subquery(last.values("at")[:1]), moved_because=Subquery(last.values("reason")[:1])
    )


def services_at(salon: Salon) -> QuerySet[Service]:
    """The whole price list, switched-off lines too, in its order."""
    return (
        Service.objects.filter(salon=salon)
        .select_related("category")
        .prefetch_related("staff", "needs")
        .order_by("position", "id")
    )


def staff_at(salon: Salon) -> QuerySet[StaffMember]:
    """Everybody on the list of staff, who left too, in its order."""
    services = Prefetch("services", Service.objects.only("id").order_by("position", "id"))
    return StaffMember.objects.filter(salon=salon).prefetch_related(services).order_by("position", "id")


def resources_at(salon: Salon) -> QuerySet[Resource]:
    return Resource.objects.filter(salon=salon).order_by("position", "id")


def rentals_at(salon: Salon) -> QuerySet[Rental]:
    """All that is let, what is switched off too, in its order."""
    return Rental.objects.filter(salon=salon).order_by("position", "id")


def members_at(salon: Salon) -> QuerySet[Membership]:
    """Who works at the desk, with the entry in the list of staff that is theirs."""
    entry = StaffMember.objects.filter(salon=salon, user=OuterRef("user")).order_by("id")
    return (
        Membership.objects.filter(salon=salon)
        .select_related("user")
        .annotate(staff_member_id=Subquery(entry.values("pk")[:1]))
        .order_by("created_at", "id")
    )


def missing_of(salon: Salon) -> list[str]:
    """What a salon lacks before it can be reviewed: `name_ar name_en coordinates hours service licence_number`.

    A city's centre stands in for coordinates. `service` is one on offer with somebody who performs it and a resource
    of every kind it needs.
    """
    able = StaffService.objects.filter(service=OuterRef("pk"), staff_member__is_active=True)
    there = Resource.objects.filter(salon=salon, kind=OuterRef("kind"), is_active=True)
    lacking = ServiceNeed.objects.filter(~Exists(there), service=OuterRef("pk"))
    bookable = Service.objects.filter(
        Exists(able), ~Exists(lacking), salon=salon, variant_of=None, is_active=True
    )
    hours = WorkingWindow.objects.filter(salon=salon, staff_member=None, season=None)
    has = {
        "name_ar": bool(salon.name_ar),  # type: ignore[attr-defined]
        "name_en": bool(salon.name_en),  # type: ignore[attr-defined]
        "coordinates": salon.latitude is not None or salon.city.latitude is not None,
        "hours": hours.exists(),
        "service": bookable.exists(),
        "licence_number": bool(salon.licence_number),
    }
    return [name for name, there_is in has.items() if not there_is]


@cache
def time_zones() -> frozenset[str]:
    """The names a salon's zone may have: known to this machine and to the database, which reckons in them too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        return frozenset(name for (name,) in cursor.fetchall()) & available_timezones()
