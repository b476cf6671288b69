"""Reading and writing the small values of the protocol: times, amounts, flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

_EXPONENTS = {"KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3, "JPY": 0, "KRW": 0}


def iso(moment: datetime) -> str:
    """UTC with milliseconds and Z; sorts as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_moment(text: object) -> datetime | None:
    """An ISO date or time, read as UTC when it names no zone; None when it is neither."""
    try:
        moment = datetime.fromisoformat(text.strip()) if isinstance(text, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def whole_number(value: object) -> int | None:
    """An integer, from JSON or as the digits of a form field; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return None


def flag(value: object, *, default: bool) -> bool:
    """SDKs send true, "true" or nothing."""
    if value is None:
        return default
    return value is True or str(value).lower() in ("true", "1")


def uuid_text(value: object) -> str | None:
    """The canonical form of a UUID, or None."""
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def amount_format(minor: int, currency: str) -> str:
    exponent = _EXPONENTS.get(currency, 2)
    whole, part = divmod(minor, 10**exponent)
    return f"{whole}.{part:0{exponent}d} {currency}" if exponent else f"{whole} {currency}"


def half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def estimated_fee(amount_minor: int, company: str | None) -> int:
    """A plausible fee including VAT: 1 % for mada, 2.2 % for others, plus 15 %. Of this sandbox only."""
    fee = half_up(amount_minor * (100 if company == "mada" else 220), 10_000)
    return fee + half_up(fee * 15, 100)


def listed(
    key: str,
    rows: Sequence[Any],
    query: Mapping[str, str],
    *,
    size: int,
    show: Callable[[Any], Any] = lambda row: row,
) -> dict[str, Any]:
    """One page of `rows` under `key`. As some of Moyasar's lists do, it keeps the totals to itself."""
    number = max(whole_number(query.get("page")) or 1, 1)
    return {
        key: [show(row) for row in rows[(number - 1) * size : number * size]],
        "meta": {
            "current_page": number,
            "next_page": number + 1 if len(rows) > number * size else None,
            "prev_page": number - 1 if number > 1 else None,
            "total_pages": None,
            "total_count": None,
        },
    }


def metadata(value: Any) -> dict[str, Any] | None:
    """Checked metadata without its empty values; None when it breaks a rule."""
    if value is None or value == "":
        return {}
    if not isinstance(value, dict) or len(value) > 30:
        return None
    for key, item in value.items():
        if not 0 < len(key) <= 40 or isinstance(item, dict | list) or len(str(item)) > 500:
            return None
    return {key: item for key, item in value.items() if item is not None and item != ""}
