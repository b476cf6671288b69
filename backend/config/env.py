"""Reads the environment, once and typed. A missing or malformed value stops the start and says its name.

`NAME_FILE` may point to a file that holds the value (Docker and systemd credentials).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "", *, choices: Sequence[str] = ()) -> str:
    value = os.environ.get(name, "")
    if not value and (path := os.environ.get(f"{name}_FILE")):
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: {path} cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError:
            raise ImproperlyConfigured(f"{name}_FILE: {path} does not hold text.") from None
    value = value or default
    if choices and value not in choices:
        raise ImproperlyConfigured(f"{name}: {value!r} is not one of {', '.join(choices)}.")
    return value


def flag(name: str, default: bool) -> bool:
    value = text(name, "true" if default else "false").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name}: {value!r} is neither true nor false.")


def integer(name: str, default: int, *, least: int, most: int) -> int:
    value = text(name, str(default))
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {value!r} is not a whole number.") from error
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name}: {number} is not between {least} and {most}.")
    return number


def decimal(name: str, default: float, *, least: float) -> float:
    value = text(name, str(default))
    try:
        number = float(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {value!r} is not a number.") from error
    if not least <= number < float("inf"):
        raise ImproperlyConfigured(f"{name}: {value} is not a number of at least {least}.")
    return number


def prices(name: str) -> dict[str, int]:
    """`provider:channel=amount, …`, each amount a whole number of at least 0."""
    found: dict[str, int] = {}
    for entry in several(name):
        parts = re.fullmatch(r"([a-z]+:[a-z]+)=([0-9]{1,12})", entry)
        if parts is None:
            raise ImproperlyConfigured(f"{name}: {entry!r} is not provider:channel=amount.")
        found[parts.group(1)] = int(parts.group(2))
    return found


def hours(name: str, default: str) -> tuple[time, time]:
    """`HH:MM-HH:MM`, the first before the second."""
    value = text(name, default)
    try:
        begins, ends = (time.fromisoformat(part.strip()) for part in value.split("-"))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {value!r} is not two times such as 09:00-19:00.") from error
    if begins >= ends or begins.tzinfo or ends.tzinfo:
        raise ImproperlyConfigured(f"{name}: {value!r} does not begin before it ends.")
    return begins, ends


def several(name: str, default: str = "", *, choices: Sequence[str] = ()) -> list[str]:
    """Comma-separated, in order, white space ignored."""
    values = [part.strip() for part in text(name, default).split(",") if part.strip()]
    for value in values:
        if choices and value not in choices:
            raise ImproperlyConfigured(f"{name}: {value!r} is not one of {', '.join(choices)}.")
    return values


def origins(name: str) -> list[str]:
    """Comma-separated web origins: scheme and host, perhaps a port, nothing behind."""
    values = several(name)
    for value in values:
        if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", value):
            raise ImproperlyConfigured(f"{name}: {value!r} is not an origin such as https://www.example.sa.")
    return values


def url(name: str, default: str = "") -> str:
    """An http(s) address without a trailing slash, or empty."""
    value = text(name, default).rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"{name}: {value!r} is not an http or https address.")
    return value


def json_object(name: str) -> dict[str, Any]:
    """A JSON object; empty when unset. A message never repeats the value, which may hold a key."""
    given = text(name)
    try:
        value = json.loads(given) if given else {}
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ImproperlyConfigured(f"{name}: not a JSON object.")
    return value


def app_versions(name: str) -> dict[str, dict[str, str]]:
    """`{"ios": {"minimum": "2.0.0", "latest": "2.4.0", "store_url": "https://…"}}`; empty when unset."""
    value = json_object(name)
    for platform, told in value.items():
        if platform not in ("ios", "android", "web") or not isinstance(told, dict):
            raise ImproperlyConfigured(f"{name}: an object each for ios, android and web, and nothing else.")
        if set(told) != {"minimum", "latest", "store_url"} or not all(
            isinstance(v, str) for v in told.values()
        ):
            raise ImproperlyConfigured(
                f"{name}: {platform} needs minimum, latest and store_url, each a text."
            )
        for part in ("minimum", "latest"):
            if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", told[part]):
                raise ImproperlyConfigured(f"{name}: {platform}, {part} is a version such as 2.3.1.")
        if not told["store_url"].startswith("https://"):
            raise ImproperlyConfigured(f"{name}: {platform}, store_url is an https address.")
    return value


def moment(name: str) -> datetime | None:
    """A moment with its offset, as in `2026-11-20T03:00:00+03:00`; None when unset."""
    given = text(name)
    try:
        value = datetime.fromisoformat(given) if given else None
    except ValueError:
        value = None
    if given and (value is None or value.tzinfo is None):
        raise ImproperlyConfigured(f"{name}: {given!r} is not a moment such as 2026-11-20T03:00:00+03:00.")
    return value


def wordings(name: str, *, providers: Sequence[str]) -> dict[str, dict[str, dict[str, str]]]:
    """`{"booking_confirmed": {"ar": {"twilio": "HX…", "unifonic": "name"}}}`: what each company calls a wording."""
    value = json_object(name)
    for kind, languages in value.items():
        for language, names in languages.items() if isinstance(languages, dict) else [("", None)]:
            if language not in ("ar", "en") or not isinstance(names, dict):
                raise ImproperlyConfigured(f"{name}: {kind} needs an object each for ar and en.")
            for provider, given in names.items():
                if provider not in providers or not isinstance(given, str) or not given:
                    raise ImproperlyConfigured(
                        f"{name}: {kind}, {language} names wordings of {', '.join(providers)}, each a text."
                    )
    return value


def review_numbers(name: str, *, obvious_codes: bool) -> dict[str, tuple[str, date]]:
    """`+966512345678=482913@2026-12-31, …`: at most ten exact numbers, each with its code and its last day.

    Without `obvious_codes` a code needs four different digits and may not count up or down. A message never
    repeats the value, which holds codes.
    """
    numbers: dict[str, tuple[str, date]] = {}
    for position, entry in enumerate(several(name), 1):
        found = re.fullmatch(r"(\+[1-9][0-9]{7,14})=([0-9]{6})@([0-9]{4}-[0-9]{2}-[0-9]{2})", entry)
        try:
            last_day = date.fromisoformat(found.group(3)) if found else None
        except ValueError:
            last_day = None
        if found is None or last_day is None:
            raise ImproperlyConfigured(f"{name}: entry {position} is not +number=six digits@YYYY-MM-DD.")
        phone, code = found.group(1, 2)
        if not obvious_codes and (len(set(code)) < 4 or code in "01234567890" or code in "09876543210"):
            raise ImproperlyConfigured(f"{name}: the code of entry {position} is too easy to guess.")
        if phone in numbers:
            raise ImproperlyConfigured(f"{name}: entry {position} repeats a number.")
        numbers[phone] = (code, last_day)
    if len(numbers) > 10:
        raise ImproperlyConfigured(f"{name}: at most 10 numbers.")
    return numbers
