"""What support may look at. Every look is written down in the transaction that answers it."""

from __future__ import annotations

from datetime import datetime, timedelta

from backend.accounts.models import SupportLook, User
from backend.core import limits, phone
from backend.core.limits import Limit
from backend.core.request_context import current_request_id

LOOKS = Limit("support-look", 60, timedelta(hours=1))
"""Per support person: enough for a busy day on the telephone, too little to copy the customers."""


def count_look(*, by: User, now: datetime) -> None:
    """Before each look, outside its transaction. Raises TooManyRequests."""
    wait = limits.take(LOOKS, by.pk.hex, now=now)
    if wait:
        raise LOOKS.refusal(wait)


def look_up(*, by: User, number: str, now: datetime) -> User | None:
    """The person of this whole number (E.164), if there is one, for the caller's transaction."""
    person = User.objects.filter(phone=number).first()
    record_look(by=by, person=person, what=SupportLook.What.PERSON, number=number, now=now)
    return person


def note_look(*, by: User, number: str, person: User | None, asked_for: str, now: datetime) -> None:
    """A look that began elsewhere: at whoever has this number (E.164), or at the person of a row that was found."""
    if number:
        look_up(by=by, number=number, now=now)
        return
    record_look(
        by=by,
        person=person,
        what=SupportLook.What.PERSON,
        number=(person.phone if person else None) or "",
        asked_for=asked_for,
        now=now,
    )


def record_look(
    *, by: User, person: User | None, what: str, number: str, now: datetime, asked_for: str = ""
) -> None:
    """Write down who looked at whom, and which number (E.164; kept masked) or reference they gave."""
    SupportLook.objects.create(
        by=by,
        person=person,
        what=what,
        asked_for=asked_for[:40] or (phone.masked(number) if number else ""),
        request_id=current_request_id.get() or "",
        at=now,
    )
