"""Digits, days, moments and money."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.ids import uuid7
from backend.core.money import money, percentage, plain, split_vat
from backend.core.text import ascii_digits, clean_name, clean_prose, isolate
from backend.core.time import DateInvalid, parse_date, parse_moment, rfc3339, seconds_until
from tests.core.helpers import field_error, send

trial = pytest.mark.urls("tests.core.trial_urls")
ECHO = "/trial/echo"
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# Digits ---------------------------------------------------------------------------------------------------------


@trial
@pytest.mark.parametrize(
    ("query", "name", "understood"),
    [
        ("number=٢٥", "number", 25),
        ("number=۲۵", "number", 25),
        ("number=２５", "number", 25),
        ("number=%20%D9%A2%E2%80%8F5", "number", 25),
        ("day=٢٠٢٦-١١-٢٠", "day", "2026-11-20"),
        ("moment=٢٠٢٦-١١-٢٠T١٦:٣٠:٠٠+٠٣:٠٠", "moment", "2026-11-20T16:30:00+03:00"),
        ("moment=2026-11-20T16:30:00+03:00", "moment", "2026-11-20T16:30:00+03:00"),
        ("moment=2026-11-20T16:30:00%2B03:00", "moment", "2026-11-20T16:30:00+03:00"),
        ("moment=2026-11-20T13:30:00Z", "moment", "2026-11-20T16:30:00+03:00"),
        ("ids=018f3a52-0000-7000-8000-00000000000١", "ids", ["018f3a52-0000-7000-8000-000000000001"]),
        ("flag=true", "flag", True),
        ("number=", "number", None),
    ],
)
def test_a_query_is_understood_in_every_script(query: str, name: str, understood: Any) -> None:
    answer = send("GET", f"{ECHO}?{query}")
    assert answer.status_code == 200, answer.content
    assert answer.json().get(name) == understood


@trial
@pytest.mark.parametrize(
    ("field", "typed", "understood"),
    [
        ("code", "١٢٣٤٥٦", "123456"),
        ("code", "۱۲۳ ۴۵۶", "123456"),
        ("code", "１２３-４５６", "123456"),
        ("code", "\u200f123\u200e456 ", "123456"),
        ("phone", "٠٥١٢٣٤٥٦٧٨", "+966512345678"),
        ("day", "٢٠٢٦-١١-٢٠", "2026-11-20"),
        ("day", "\u200f2026-11-20\u200f", "2026-11-20"),
        ("moment", "٢٠٢٦-١١-٢٠T١٦:٣٠:٠٠Z", "2026-11-20T19:30:00+03:00"),
        ("id", "٠18f3a52-0000-7000-8000-000000000001", "018f3a52-0000-7000-8000-000000000001"),
        ("text", "  نورة\u202e  \n أحمد ", "نورة أحمد"),
        ("text", "\u2067نورة", "نورة"),
        ("prose", "  أ\nب\u202e\n", "أ\nب"),
    ],
)
def test_a_body_is_understood_in_every_script(field: str, typed: str, understood: str) -> None:
    answer = send("POST", ECHO, {field: typed})
    assert answer.status_code == 200, answer.content
    assert answer.json() == {field: understood}


@given(st.text())
def test_folding_digits_never_fails_and_has_nothing_left_to_fold(text: str) -> None:
    folded = ascii_digits(text)
    assert not [c for c in folded if c.isdecimal() and not c.isascii()]
    assert ascii_digits(folded) == folded


@given(st.text())
def test_a_stored_name_is_one_line_that_cannot_spoof(text: str) -> None:
    name = clean_name(text)
    assert name == name.strip() == clean_name(name)
    assert not BIDI.search(name)
    assert not re.search(r"[\n\r\t]|  ", name)
    assert not BIDI.search(clean_prose(text))


def test_zero_width_joiners_inside_words_survive() -> None:
    """Persian and Urdu spell with them, emoji are made of them."""
    assert clean_name("می\u200cخواهم 👩\u200d🦰") == "می\u200cخواهم 👩\u200d🦰"
    assert isolate("Lamsa") == "\u2068Lamsa\u2069"


# Days and moments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("2026-11-20", date(2026, 11, 20)), ("2028-02-29", date(2028, 2, 29)), ("2020-01-01", date(2020, 1, 1))],
)
def test_a_day(text: str, value: date) -> None:
    assert parse_date(text) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1448-06-10", "date_out_of_range"),
        ("١٤٤٨-٠٦-١٠", "date_out_of_range"),
        ("2019-12-31", "date_out_of_range"),
        ("2101-01-01", "date_out_of_range"),
        ("0000-01-01", "date_invalid"),
        ("2026-02-29", "date_invalid"),
        ("2026-13-01", "date_invalid"),
        ("2026-1-1", "date_invalid"),
        ("20261120", "date_invalid"),
        ("2026-W47-5", "date_invalid"),
        ("2026-11-20T00:00:00Z", "date_invalid"),
        ("20/11/2026", "date_invalid"),
        ("", "date_invalid"),
        ("今日", "date_invalid"),
    ],
)
def test_what_is_no_day_of_ours(text: str, code: str) -> None:
    with pytest.raises(DateInvalid) as refusal:
        parse_date(text)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-20T16:30:00+03:00", datetime(2026, 11, 20, 13, 30, tzinfo=UTC)),
        ("2026-11-20T16:30:00 03:00", datetime(2026, 11, 20, 13, 30, tzinfo=UTC)),
        ("2026-11-20T16:30+0300", datetime(2026, 11, 20, 13, 30, tzinfo=UTC)),
        ("2026-11-20 16:30:00Z", datetime(2026, 11, 20, 16, 30, tzinfo=UTC)),
        ("2026-11-20t16:30:00z", datetime(2026, 11, 20, 16, 30, tzinfo=UTC)),
        ("2026-11-20T16:30:59.999999999Z", datetime(2026, 11, 20, 16, 30, 59, tzinfo=UTC)),
        ("2026-11-20T00:30:00-11:30", datetime(2026, 11, 20, 12, 0, tzinfo=UTC)),
    ],
)
def test_a_moment_of_any_offset(text: str, value: datetime) -> None:
    assert parse_moment(text) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2026-11-20T16:30:00", "offset_required"),
        ("2026-11-20 16:30", "offset_required"),
        ("٢٠٢٦-١١-٢٠T١٦:٣٠:٠٠", "offset_required"),
        ("1448-06-10T16:30:00+03:00", "date_out_of_range"),
        ("2019-12-31T23:59:59Z", "date_out_of_range"),
        ("2026-11-20", "datetime_invalid"),
        ("2026-11-31T10:00:00Z", "datetime_invalid"),
        ("2026-11-20T24:00:00Z", "datetime_invalid"),
        ("2026-11-20T23:59:60Z", "datetime_invalid"),
        ("2026-11-20T10:00:00+24:00", "datetime_invalid"),
        ("2026-11-20T10:00:00+03:99", "datetime_invalid"),
        ("2026-11-20T10:00:00+3", "datetime_invalid"),
        ("2026-11-20T10:00:00Asia/Riyadh", "datetime_invalid"),
        ("1795000000", "datetime_invalid"),
        ("", "datetime_invalid"),
    ],
)
@trial
def test_what_is_no_moment(text: str, code: str) -> None:
    field_error(send("POST", ECHO, {"moment": text}), code, pointer="/moment")


aware = st.datetimes(datetime(2020, 1, 2), datetime(2100, 12, 30)).flatmap(
    lambda d: st.integers(-14 * 60, 14 * 60).map(lambda m: d.replace(tzinfo=timezone(timedelta(minutes=m))))
)


@given(aware)
def test_a_moment_leaves_whole_with_its_offset_and_comes_back(moment: datetime) -> None:
    spoken = rfc3339(moment)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00", spoken, re.ASCII)
    assert parse_moment(spoken) == moment.replace(microsecond=0)
    assert parse_moment(spoken.replace("+", " ")) == moment.replace(microsecond=0)


def test_another_zone_speaks_with_its_own_offset() -> None:
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert rfc3339(moment, ZoneInfo("Africa/Cairo")) == "2026-07-01T15:00:00+03:00"
    assert rfc3339(moment, ZoneInfo("UTC")) == "2026-07-01T12:00:00+00:00"


@given(st.integers(-(10**10), 10**10))
def test_a_countdown_ends_late_rather_than_early(microseconds: int) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    left = seconds_until(now + timedelta(microseconds=microseconds), now)
    assert left == max(0, -(-microseconds // 1_000_000))


# Money ----------------------------------------------------------------------------------------------------------


def test_net_and_vat_add_up_to_every_price() -> None:
    for gross in range(200_001):
        net, vat = split_vat(gross)
        assert net + vat == gross
        # Rounded half up, once: twice the distance to 100/115 of the price is at most one half of 1/115.
        assert -115 < 200 * gross - 230 * net <= 115


TRAPS = [
    1000,
    1100,
    1200,
    3300,
    3400,
    3500,
    5600,
    5700,
    5800,
    7900,
    8000,
    8100,
    10200,
    14900,
    19400,
    19600,
    130000,
]


@pytest.mark.parametrize("gross", TRAPS)
def test_prices_that_cannot_be_split_exactly_keep_their_total(gross: int) -> None:
    assert gross % 23 in (4, 11, 19)
    net, vat = split_vat(gross)
    assert net == int((Decimal(gross) * 100 / 115).quantize(Decimal(1), ROUND_HALF_UP))
    assert net + vat == gross
    assert abs(int((Decimal(net) * 15 / 100).quantize(Decimal(1), ROUND_HALF_UP)) - vat) == 1, "the trap"


@pytest.mark.parametrize(
    ("gross", "net", "vat"),
    [(0, 0, 0), (1, 1, 0), (115, 100, 15), (11500, 10000, 1500), (130000, 113043, 16957)],
)
def test_vat_of_known_prices(gross: int, net: int, vat: int) -> None:
    assert split_vat(gross) == (net, vat)


@settings(max_examples=200)
@given(st.integers(0, 10**9), st.integers(0, 100))
def test_a_percentage_is_rounded_half_up_and_never_exceeds_its_amount(amount: int, percent: int) -> None:
    exact = Decimal(amount) * percent / 100
    assert percentage(amount, percent) == int(exact.quantize(Decimal(1), ROUND_HALF_UP)) <= amount


@pytest.mark.parametrize(
    ("amount", "percent", "part"), [(1, 50, 1), (3, 50, 2), (5, 10, 1), (4, 10, 0), (11500, 20, 2300)]
)
def test_half_a_halala_counts_up(amount: int, percent: int, part: int) -> None:
    assert percentage(amount, percent) == part


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (15000, "150.00"),
        (123450, "1,234.50"),
        (150000, "1,500.00"),
        (123456789, "1,234,567.89"),
        (-5050, "-50.50"),
        (-5, "-0.05"),
    ],
)
def test_amounts_read_alike_in_both_languages(amount: int, shown: str) -> None:
    assert plain(amount) == shown
    for language, label in (("ar", "ر.س"), ("en", "SAR")):
        with translation.override(language):
            assert money(amount) == {"amount_minor": amount, "currency": "SAR", "display": f"{shown} {label}"}


@given(st.integers(-(10**12), 10**12))
def test_a_shown_amount_reads_back_equal_and_holds_no_marks(amount: int) -> None:
    assert round(Decimal(plain(amount).replace(",", "")) * 100) == amount
    with translation.override("ar"):
        shown = money(amount)["display"]
    assert not [c for c in shown if unicodedata.category(c) == "Cf"]


def test_another_currency_is_named_by_its_code() -> None:
    with translation.override("ar"):
        assert money(1000, "AED")["display"] == "10.00 AED"


# Ids ------------------------------------------------------------------------------------------------------------


def test_ids_are_valid_unguessable_and_sorted_by_birth() -> None:
    made = [uuid7() for _ in range(2000)]
    assert {(i.version, i.variant) for i in made} == {(7, "specified in RFC 4122")}
    assert len({i.int & ((1 << 62) - 1) for i in made}) == 2000
    born = [i.int >> 80 for i in made]
    assert born == sorted(born)
