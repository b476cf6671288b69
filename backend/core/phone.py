"""Phone numbers: cleaned once at the edge, E.164 everywhere else (KSA facts 1.5 and 1.7)."""

from __future__ import annotations

import re

import phonenumbers
from django.conf import settings
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from backend.core.text import ascii_digits

E164_PATTERN = r"^\+[1-9][0-9]{7,14}$"
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_ALLOWED = re.compile(r"\+?[0-9 ().\-]{6,24}")
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


class PhoneInvalid(ValueError):
    """Not a mobile number at all."""


class PhoneNotSupported(PhoneInvalid):
    """A mobile number of a country that is not served."""


def mobile_e164(raw: str, *, region: str = "SA", allowed: tuple[str, ...] | None = None) -> str:
    """`+966512345678` from whatever a person typed or pasted.

    Anything with letters is refused, so are land lines, 920 numbers and ranges not in use. `allowed` are ISO country
    codes, by default the setting PHONE_COUNTRIES. Raises PhoneInvalid or PhoneNotSupported.
    """
    countries = tuple(settings.PHONE_COUNTRIES) if allowed is None else allowed
    text = _DASHES.sub("-", ascii_digits(raw)).strip().rstrip("+")
    if not _ALLOWED.fullmatch(text):
        raise PhoneInvalid
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise PhoneInvalid from error
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _MOBILE:
        raise PhoneInvalid
    if phonenumbers.region_code_for_number(number) not in countries:
        raise PhoneNotSupported
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def display(e164: str) -> str:
    """As people read it: `051 234 5678` for Saudi numbers, international otherwise."""
    number = phonenumbers.parse(e164, None)
    style = PhoneNumberFormat.NATIONAL if number.country_code == 966 else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)


def masked(e164: str) -> str:
    """`05•••••678`: enough to recognise one's own number, too little to call a stranger's."""
    if e164.startswith("+966"):
        return f"05•••••{e164[-3:]}"
    return f"{e164[:4]}•••••{e164[-3:]}"
