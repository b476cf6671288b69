"""Questions about bookings (`bookings`), free times (`times`) and the rules both rest on (`rules`)."""

from backend.bookings.queries.bookings import (
    PHASES,
    bookings_at,
    bookings_for_support,
    bookings_of,
    in_phase,
    phase_of,
)
from backend.bookings.queries.rules import (
    Line,
    RulesChanged,
    SalonRules,
    rules_at,
    rules_of,
    salon_kept,
    with_rules,
    with_rules_named,
)
from backend.bookings.queries.times import (
    Taken,
    Visit,
    Wish,
    free_slots,
    look_at,
    plan_visit,
    question,
    reckoned,
    taken,
)

__all__ = [
    "PHASES",
    "Line",
    "RulesChanged",
    "SalonRules",
    "Taken",
    "Visit",
    "Wish",
    "bookings_at",
    "bookings_for_support",
    "bookings_of",
    "free_slots",
    "in_phase",
    "look_at",
    "phase_of",
    "plan_visit",
    "question",
    "reckoned",
    "rules_at",
    "rules_of",
    "salon_kept",
    "taken",
    "with_rules",
    "with_rules_named",
]
