"""The translated catalogue: businesses, salons, what they sell, who does it with what, and when.

Names stand in both languages (django-modeltranslation, `translation.py`): reading `name` gives the active language
and falls back to the other. Hours are minutes after local midnight of the day they open on, so a shift may end after
midnight (at most noon of the next day).

Every row a customer or the availability engine reads hangs on a salon, and the database raises that salon's
`catalogue_version` with each change of one (migration 0005): what is kept in memory is kept by that number.
"""

from backend.salons.models.hours import (
    Closure,
    ClosureKind,
    HijriShift,
    Override,
    OverrideWindow,
    Season,
    WorkingWindow,
)
from backend.salons.models.offer import (
    Gender,
    Resource,
    Service,
    ServiceNeed,
    StaffMember,
    StaffService,
)
from backend.salons.models.people import Favourite, Membership, Review, ReviewReport, ReviewStatus, SalonRole
from backend.salons.models.photos import Photo
from backend.salons.models.places import (
    LONGEST_WAIT_FOR_CAPTURE,
    Audience,
    Business,
    Category,
    City,
    District,
    PrayerPause,
    Salon,
    SalonEvent,
    SalonStatus,
    SearchEntry,
)
from backend.salons.models.rentals import LONGEST_RENTAL, Rental

__all__ = [
    "LONGEST_RENTAL",
    "LONGEST_WAIT_FOR_CAPTURE",
    "Audience",
    "Business",
    "Category",
    "City",
    "Closure",
    "ClosureKind",
    "District",
    "Favourite",
    "Gender",
    "HijriShift",
    "Membership",
    "Override",
    "OverrideWindow",
    "Photo",
    "PrayerPause",
    "Rental",
    "Resource",
    "Review",
    "ReviewReport",
    "ReviewStatus",
    "Salon",
    "SalonEvent",
    "SalonRole",
    "SalonStatus",
    "SearchEntry",
    "Season",
    "Service",
    "ServiceNeed",
    "StaffMember",
    "StaffService",
    "WorkingWindow",
]
