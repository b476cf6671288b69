"""Arabic text at the edges: digits of every script, invisible marks, masked numbers.

Rules from the KSA facts: phones and codes arrive with Arabic-Indic, Extended or full-width digits and with bidi marks
pasted inside; stored names must not carry marks that can spoof what staff see.
"""

import re
import unicodedata

_INVISIBLE = dict.fromkeys(
    (
        0xAD,
        0x61C,
        0x180E,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        9,
        10,
        13,
    )
)
_SPOOFING = dict.fromkeys(
    (0x61C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
)


def ascii_digits(text: str) -> str:
    """The text with every decimal digit as 0-9 and without invisible marks. For numbers and codes, never for prose."""
    if text.isascii() and text.isprintable():
        return text
    folded = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in folded)


def clean_name(text: str) -> str:
    """A name or one-line text as stored: bidi controls gone, runs of white space folded, ends trimmed."""
    return re.sub(r"\s+", " ", text.translate(_SPOOFING)).strip()


def clean_prose(text: str) -> str:
    """Free text as stored: bidi controls gone, lines kept."""
    return text.translate(_SPOOFING).strip()


def isolate(text: str) -> str:
    """First-strong isolate around a name of unknown script, for push, JSON and pages (never for SMS)."""
    return f"\u2068{text}\u2069"
