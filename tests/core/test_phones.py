"""Phone numbers as people type and paste them (KSA facts 1.3, judged by 1.5)."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.core.phone import E164_PATTERN, PhoneInvalid, PhoneNotSupported, display, masked, mobile_e164

GOAL = "+966512345678"
MARKS = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u200b\u200c\u200d\u2060\u00ad"
SPACES = "  \u2007\u2009\u202f\u3000"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212."
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
WIDE = str.maketrans("0123456789+", "０１２３４５６７８９＋")

FORMS = [
    "0512345678",
    "512345678",
    "966512345678",
    "00966512345678",
    "+966512345678",
    "+9660512345678",
    "009660512345678",
    "+966 (0) 51 234 5678",
    "051 234 5678",
    "+966 51 234 5678",
    "٩٦٦٥١٢٣٤٥٦٧٨+",
    "+٩٦٦٥١٢٣٤٥٦٧٨",
    "05١٢3٤٥678",
    "0512\t345678",
    "0512\n345678\r",
    "\u202b+966 51 234 5678\u202c",
    "(051) 234-5678",
    "051.234.5678",
]


@pytest.mark.parametrize("typed", FORMS)
def test_every_way_of_typing_it_is_one_number(typed: str) -> None:
    for form in (typed, typed.translate(EASTERN), typed.translate(PERSIAN), typed.translate(WIDE)):
        assert mobile_e164(form) == GOAL


@pytest.mark.parametrize("mark", list(MARKS), ids=lambda m: f"U+{ord(m):04X}")
def test_an_invisible_mark_changes_nothing_wherever_it_stands(mark: str) -> None:
    for number in ("0512345678", "+966512345678"):
        for place in range(len(number) + 1):
            assert mobile_e164(number[:place] + mark + number[place:]) == GOAL


@pytest.mark.parametrize("separator", list(SPACES + DASHES), ids=lambda m: f"U+{ord(m):04X}")
def test_every_space_and_dash_separates(separator: str) -> None:
    assert mobile_e164(separator.join(("051", "234", "5678"))) == GOAL
    assert mobile_e164(separator.join(("+966", "51", "234", "5678"))) == GOAL


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "+",
        "++966512345678",
        "0521234567",  # 052 is not in use
        "051234567",
        "05123456789",
        "0512O45678",
        "05١٢ABC678",
        "جوال 0512345678",
        "0512345678 منزل",
        "0512345678 تحويلة 5",
        "0512345678 ext 5",
        "0512345678x5",
        "0512345678;ext=5",
        "0512345678#5",
        "0512345678,5",
        "0512345678/0551234567",
        "0512345678 0551234567",
        "0112345678",
        "+966112345678",
        "920012345",
        "+966920012345",
        "8001234567",
        "+9668001234567",
        "112",
        "966",
        "0000000000",
        "+999512345678",
        "\U0001f4de0512345678",
        "0" * 251,
        "tel:0512345678",
        "0512345678\0",
        "\ud8000512345678",
    ],
)
def test_what_is_no_mobile_number_is_refused(typed: str) -> None:
    with pytest.raises(PhoneInvalid) as refusal:
        mobile_e164(typed)
    assert not isinstance(refusal.value, PhoneNotSupported)


NEIGHBOURS = {
    "AE": "+971501234567",
    "KW": "+96550012345",
    "BH": "+97336001234",
    "QA": "+97433123456",
    "OM": "+96892123456",
    "EG": "+201001234567",
    "JO": "+962790123456",
    "YE": "+967712345678",
}


@pytest.mark.parametrize("country", NEIGHBOURS)
def test_a_neighbours_number_is_welcome_where_its_country_is(country: str, settings: Any) -> None:
    number = NEIGHBOURS[country]
    with pytest.raises(PhoneNotSupported):
        mobile_e164(number)
    settings.PHONE_COUNTRIES = ["SA", country]
    assert mobile_e164(number) == mobile_e164(number.replace("+", "00")) == number
    assert mobile_e164("0512345678") == GOAL


# 9 national digits of a range in use: 5[013-689]XXXXXXX, 57[0-8]XXXXXX or 579[0-8]XXXXX.
saudi_mobiles = st.from_regex(r"\A5(?:[013-689][0-9]{7}|7[0-8][0-9]{6}|79[0-8][0-9]{5})\Z").filter(
    str.isascii
)
scripts = st.sampled_from(
    [
        chr(n)
        for n in range(0x110000)
        if unicodedata.category(chr(n)) == "Nd" and unicodedata.decimal(chr(n)) == 0
    ]
)
prefixes = st.sampled_from(["", "0", "966", "00966", "+966", "+9660", "009660", "+966 (0) "])


@settings(max_examples=200)
@given(saudi_mobiles, st.data())
def test_any_saudi_mobile_in_any_script_is_itself(national: str, data: st.DataObject) -> None:
    typed = data.draw(prefixes) + national
    room = 24 - len(typed)
    for _ in range(data.draw(st.integers(0, min(room, 5)))):
        place = data.draw(
            st.integers(typed.index(")") + 1 if ")" in typed else typed.startswith("+"), len(typed))
        )
        typed = typed[:place] + " " + typed[place:]
    zero = ord(data.draw(scripts))
    written = "".join(
        chr(zero + int(c)) if c.isascii() and c.isdigit() and data.draw(st.booleans()) else c for c in typed
    )
    for mark in data.draw(st.text(alphabet=MARKS, max_size=6)):
        place = data.draw(st.integers(0, len(written)))
        written = written[:place] + mark + written[place:]
    assert mobile_e164(written) == f"+966{national}"


@settings(max_examples=200)
@given(st.one_of(st.text(), st.text(alphabet="0123456789٠١٢٣٤٥+-() .\u200f\ud800", max_size=30)))
@example("+" * 24)
@example("(" * 24)
@example("ﷺ" * 20)
def test_no_text_is_worse_than_invalid(text: str) -> None:
    try:
        number = mobile_e164(text)
    except PhoneInvalid:
        return
    assert re.fullmatch(E164_PATTERN, number)
    assert mobile_e164(number) == number


def test_numbers_are_shown_as_people_read_them() -> None:
    assert display(GOAL) == "051 234 5678"
    assert display("+971501234567") == "+971 50 123 4567"


@given(saudi_mobiles)
def test_a_masked_number_can_be_recognised_but_not_called(national: str) -> None:
    shown = masked(f"+966{national}")
    assert re.fullmatch(r"05•••••[0-9]{3}", shown)
    assert shown[-3:] == national[-3:]


@pytest.mark.parametrize("number", NEIGHBOURS.values())
def test_a_foreign_number_is_masked_too(number: str) -> None:
    assert len(re.findall("[0-9]", masked(number))) <= 6
    assert masked(number).endswith(number[-3:])
