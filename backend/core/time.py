"""Time: stored UTC, reckoned in the salon's zone, spoken as RFC 3339 with offset."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from backend.core.text import ascii_digits

RIYADH = ZoneInfo("Asia/Riyadh")
YEARS = range(2020, 2101)
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?"
    r"([Zz]|[+\- ][0-9]{2}:?[0-5][0-9])?"
)


class DateInvalid(ValueError):
    """`code` is the field error: date_invalid, datetime_invalid, offset_required or date_out_of_range."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def parse_date(text: str) -> date:
    """`YYYY-MM-DD` in any digits; years outside 2020-2100 (a Hijri year, say) are refused. Raises DateInvalid."""
    folded = ascii_digits(text).strip()
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", folded):
        raise DateInvalid("date_invalid")
    try:
        value = date.fromisoformat(folded)
    except ValueError as error:
        raise DateInvalid("date_invalid") from error
    if value.year not in YEARS:
        raise DateInvalid("date_out_of_range")
    return value


def parse_moment(text: str) -> datetime:
    """An RFC 3339 moment in any digits; the offset is required. In a query a space may stand for `+`.

    Raises DateInvalid. Fractions of a second are dropped: no rule of ours is finer.
    """
    found = _MOMENT.fullmatch(ascii_digits(text).strip())
    if not found:
        raise DateInvalid("datetime_invalid")
    *digits, offset = found.groups()
    if offset is None:
        raise DateInvalid("offset_required")
    year, month, day, hour, minute, second = (int(d) if d else 0 for d in digits)
    if year not in YEARS:
        raise DateInvalid("date_out_of_range")
    zone = "+00:00" if offset in "Zz" else offset.replace(" ", "+")
    if ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    try:
        return datetime.fromisoformat(
            f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"
        )
    except ValueError as error:
        raise DateInvalid("datetime_invalid") from error


def rfc3339(moment: datetime, zone: ZoneInfo = RIYADH) -> str:
    """`2026-11-20T16:30:00+03:00`: whole seconds, the zone's own offset (Swift and Kotlin refuse less)."""
    return moment.astimezone(zone).replace(microsecond=0).isoformat()


def seconds_until(moment: datetime, now: datetime) -> int:
    """Whole seconds left, never negative, rounded up so that a countdown ends late rather than early."""
    return max(0, -((now - moment) // timedelta(seconds=1)))
