"""Who performs what, told from either side.

The rows at the other end get a new version as well: whoever has one of them open saw another list.
"""

from __future__ import annotations

import uuid
from collections.abc import Set

from django.db.models import F

from backend.salons.models import Service, StaffMember, StaffService


def set_services(member: StaffMember, wanted: Set[uuid.UUID]) -> bool:
    """Let this person perform exactly these services of their salon; True when that changed anything."""
    links = StaffService.objects.filter(staff_member=member)
    have = set(links.values_list("service_id", flat=True))
    links.filter(service_id__in=have - wanted).delete()
    StaffService.objects.bulk_create(
        StaffService(staff_member=member, service_id=service_id) for service_id in sorted(wanted - have)
    )
    Service.objects.filter(pk__in=have ^ wanted).update(version=F("version") + 1)
    return have != wanted


def set_staff(service: Service, wanted: Set[uuid.UUID]) -> bool:
    """Let exactly these people of the salon perform this service; True when that changed anything."""
    links = StaffService.objects.filter(service=service)
    have = set(links.values_list("staff_member_id", flat=True))
    links.filter(staff_member_id__in=have - wanted).delete()
    StaffService.objects.bulk_create(
        StaffService(staff_member_id=member_id, service=service) for member_id in sorted(wanted - have)
    )
    StaffMember.objects.filter(pk__in=have ^ wanted).update(version=F("version") + 1)
    return have != wanted
