"""Which starts a customer may take, and why any other start is refused: one computation for both questions.

Every rule is a set of refused starts. A start is offered when no rule refuses it, and explained by the rules
that do, so a listed time and an accepted time cannot differ. A further rule is a further input to the survey and,
where people deserve a word for it, a further `Reason`.

Two kinds of time are kept apart. A *service* must lie inside working time; hours, closures, pauses and absences end
it. A *claim*, the service with its buffers, must be free of other claims, and may run past closing time or into a
closure: tidying up needs the chair, not an open shop.

A salon's own rules change seldom, so what a `Rulebook` says of the starts of some days is kept for a while; a
question then costs the claims of those it may be served by, and little else.

The package is pure: it reads no clock, no database and no settings.
"""

from backend.bookings.availability.grounds import starts_on
from backend.bookings.availability.survey import (
    MAX_DAYS,
    assign,
    explain,
    listing,
    offer,
    settled_since,
    slots,
)
from backend.bookings.availability.visits import choose, claims, reach
from backend.bookings.availability.wishes import (
    Need,
    NeedKind,
    Question,
    Reason,
    Rulebook,
    Slot,
    Step,
)
from backend.salons.timetable import Span, ceil_minute, floor_minute, moment_of

__all__ = [
    "MAX_DAYS",
    "Need",
    "NeedKind",
    "Question",
    "Reason",
    "Rulebook",
    "Slot",
    "Span",
    "Step",
    "assign",
    "ceil_minute",
    "choose",
    "claims",
    "explain",
    "floor_minute",
    "listing",
    "moment_of",
    "offer",
    "reach",
    "settled_since",
    "slots",
    "starts_on",
]
