"""What refusals and changes of bookings are about, by name."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from backend.accounts.models import PlatformRole
from backend.bookings.models import BookingEvent, Refusal
from backend.salons.models import Resource, Service, StaffMember

Names = dict[str, str]
"""What people call a row, in the active language, by its id."""


def named_in_refusals(salon_id: uuid.UUID, refusals: Iterable[Refusal]) -> Names:
    """The salon's services and people that these refusals speak of; two queries."""
    rows = list(refusals)
    services = Service.objects.filter(
        salon_id=salon_id, pk__in={one for row in rows for one in row.service_ids}
    ).select_related("variant_of")
    staff = StaffMember.objects.filter(
        salon_id=salon_id, pk__in={one for row in rows for one in row.staff_ids}
    )
    return {str(s.pk): _on_the_list(s) for s in services} | {str(s.pk): s.name for s in staff}


def _on_the_list(service: Service) -> str:
    """A variant is called after the service it is one of."""
    above = service.variant_of
    return f"{above.name} – {service.name}" if above is not None else service.name


def named_in_changes(events: Iterable[BookingEvent]) -> Names:
    """The people and things that these events moved a booking between; two queries at most."""
    staff: set[str] = set()
    things: set[str] = set()
    for event in events:
        staff.update(one for side in event.changes.get("staff", ()) for one in side)
        things.update(one for side in event.changes.get("resources", ()) for given in side for one in given)
    names: Names = {}
    if staff:
        names |= {str(row.pk): row.name for row in StaffMember.objects.filter(pk__in=staff)}
    if things:
        names |= {str(row.pk): row.name for row in Resource.objects.filter(pk__in=things)}
    return names


def of_the_platform(people: Iterable[Any]) -> set[uuid.UUID]:
    """Which of these people (ids) act for the platform: a salon is told that, not their names."""
    return set(PlatformRole.objects.filter(user_id__in=set(people)).values_list("user_id", flat=True))
