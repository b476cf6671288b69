"""Which language an answer speaks: the stored choice of a signed-in person, else `Accept-Language`, else Arabic."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Language = Literal["ar", "en"]
DEFAULT: Language = "ar"
SPOKEN: tuple[Language, ...] = ("ar", "en")
_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*")


@lru_cache(maxsize=256)
def negotiate(header: str | None) -> Language:
    """The best of ar and en. Survives what phones send: `ar_SA`, `ar_SA@numbers=latn`, `q=1.5`, broken parts.

    An unreadable element is skipped rather than spoiling the header; `q` is clamped to 0..1; `q=0` means "not this",
    and `*` whatever is not named (RFC 9110, section 12.5.4).
    """
    ranked: list[tuple[float, int, Language | None]] = []
    named: set[Language] = set()
    for position, element in enumerate((header or "")[:1000].split(",")):
        tag, *parameters = element.strip().split(";")
        tag = tag.partition("@")[0].strip().replace("_", "-")
        if not _TAG.fullmatch(tag):
            continue
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.strip().partition("=")
            if name.strip().lower() == "q":
                try:
                    quality = min(1.0, max(0.0, float(value)))
                except ValueError:
                    quality = 0.0
        primary = tag.split("-")[0].lower()
        language: Language | None = "ar" if primary == "ar" else "en" if primary == "en" else None
        if language:
            named.add(language)
        if quality > 0 and (language or primary == "*"):
            ranked.append((-quality, position, language))
    for _, _, language in sorted(ranked, key=lambda found: found[:2]):
        if chosen := language or next((other for other in SPOKEN if other not in named), None):
            return chosen
    return DEFAULT
