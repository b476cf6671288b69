"""Reads the environment, once and typed. A missing or malformed value stops the start and says its name.

`NAME_FILE` may point to a file that holds the value (Docker and systemd credentials).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "", *, choices: Sequence[str] = ()) -> str:
    value = os.environ.get(name)
    if value is None and (path := os.environ.get(f"{name}_FILE")):
        try:
            value = Path(path).read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: {path} cannot be read ({error.strerror}).") from error
    value = default if value is None or value == "" else value
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


def several(name: str, default: str = "", *, choices: Sequence[str] = ()) -> list[str]:
    """Comma-separated, in order, white space ignored."""
    values = [part.strip() for part in text(name, default).split(",") if part.strip()]
    for value in values:
        if choices and value not in choices:
            raise ImproperlyConfigured(f"{name}: {value!r} is not one of {', '.join(choices)}.")
    return values


def url(name: str, default: str = "") -> str:
    """An http(s) address without a trailing slash, or empty."""
    value = text(name, default).rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise ImproperlyConfigured(f"{name}: {value!r} is not an http or https address.")
    return value
