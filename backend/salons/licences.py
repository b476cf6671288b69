"""Numbers a Saudi business is known by, and the parts of its National Address: their shapes, and how they are read.

Every function takes what a person typed, in any digits and with spaces or hyphens, and returns what is stored, or
raises ValueError. The patterns serve database checks as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from backend.core.text import ascii_digits

VAT_PATTERN = r"^3[0-9]{13}3$"
COMMERCIAL_REGISTRATION_PATTERN = r"^[0-9]{10}$"
LICENCE_PATTERN = r"^[0-9]{4,20}$"
"""The shape of a municipal (Balady) licence number is UNCONFIRMED: digits, and no more is said about them."""
BUILDING_PATTERN = r"^[0-9]{4}$"
"""Building number and secondary number of the National Address (Saudi Post)."""
POSTAL_CODE_PATTERN = r"^[0-9]{5}$"
SHORT_ADDRESS_PATTERN = r"^[A-Z]{4}[0-9]{4}$"

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212]+")


def vat_number(text: str) -> str:
    """The 15 digits of a VAT registration, which begin and end with 3."""
    return _read(text, VAT_PATTERN)


def commercial_registration(text: str) -> str:
    """The 10 digits of a commercial registration or unified number."""
    return _read(text, COMMERCIAL_REGISTRATION_PATTERN)


def licence_number(text: str) -> str:
    """The digits of a municipal licence."""
    return _read(text, LICENCE_PATTERN)


def building_number(text: str) -> str:
    """The 4 digits of a building number, or of a secondary number."""
    return _read(text, BUILDING_PATTERN)


def postal_code(text: str) -> str:
    """The 5 digits of a postal code."""
    return _read(text, POSTAL_CODE_PATTERN)


def short_address(text: str) -> str:
    """The short form of a National Address, four letters and four digits, in upper case: `RRRD2929`."""
    return _read(text.upper(), SHORT_ADDRESS_PATTERN)


class Bounds(NamedTuple):
    """A box of degrees around a country, edges included."""

    south: int
    north: int
    west: int
    east: int


COUNTRY_BOUNDS = {"SA": Bounds(south=16, north=33, west=34, east=56)}


def coordinates(
    latitude: Decimal, longitude: Decimal, countries: Iterable[str] = ("SA",)
) -> tuple[Decimal, Decimal]:
    """Degrees north and east with five decimals, about a metre. Raises ValueError outside every one of `countries`.

    The boxes only catch slips such as swapped values; a country without a box is the whole globe.
    """
    if not (latitude.is_finite() and longitude.is_finite()):
        raise ValueError("coordinates are numbers")
    boxes = [COUNTRY_BOUNDS.get(country, Bounds(-90, 90, -180, 180)) for country in countries]
    if not any(b.south <= latitude <= b.north and b.west <= longitude <= b.east for b in boxes):
        raise ValueError("the point lies outside the countries served")
    return round(latitude, 5), round(longitude, 5)


def _read(text: str, pattern: str) -> str:
    clean = _SEPARATORS.sub("", ascii_digits(text))
    if not re.fullmatch(pattern, clean):
        raise ValueError(f"not of the shape {pattern}")
    return clean
