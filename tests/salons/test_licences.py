"""Licence numbers, National Address and coordinates: read as people type them, refused when they cannot be right."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.salons import licences

READERS: list[Callable[[str], str]] = [
    licences.vat_number,
    licences.commercial_registration,
    licences.licence_number,
    licences.building_number,
    licences.postal_code,
    licences.short_address,
]


@pytest.mark.parametrize(
    ("read", "typed", "stored"),
    [
        (licences.vat_number, "300000000000003", "300000000000003"),
        (licences.vat_number, "٣١٠١٢٢٣٩٣٥٠٠٠٠٣", "310122393500003"),
        (licences.vat_number, " 3101 2239 3500 003\u200f", "310122393500003"),
        (licences.commercial_registration, "۱۰۱۰-۱۲۳-۴۵۶", "1010123456"),
        (licences.commercial_registration, "7001234567", "7001234567"),
        (licences.licence_number, "٤٢٠٥", "4205"),
        (licences.licence_number, "40102030405060708090", "40102030405060708090"),
        (licences.building_number, "٢٩٢٩", "2929"),
        (licences.postal_code, "１２２１１", "12211"),
        (licences.short_address, "rrrd2929", "RRRD2929"),
        (licences.short_address, "\u2066RRRD ٢٩٢٩\u2069", "RRRD2929"),
    ],
)
def test_a_number_is_stored_in_plain_digits_however_it_is_typed(
    read: Callable[[str], str], typed: str, stored: str
):
    assert read(typed) == stored


@pytest.mark.parametrize(
    ("read", "typed"),
    [
        (licences.vat_number, "200000000000003"),
        (licences.vat_number, "300000000000004"),
        (licences.vat_number, "30000000000003"),
        (licences.vat_number, "3000000000000003"),
        (licences.vat_number, "30000000000000X3"),
        (licences.commercial_registration, "101012345"),
        (licences.commercial_registration, "10101234567"),
        (licences.licence_number, "123"),
        (licences.licence_number, "1" * 21),
        (licences.licence_number, "12/34"),
        (licences.building_number, "292"),
        (licences.postal_code, "122111"),
        (licences.short_address, "RRR2929"),
        (licences.short_address, "RRRD292"),
        (licences.short_address, "رررد2929"),
        (licences.short_address, "2929RRRD"),
        *((read, "") for read in READERS),
        *((read, " - ") for read in READERS),
    ],
)
def test_a_number_of_another_shape_is_refused(read: Callable[[str], str], typed: str):
    with pytest.raises(ValueError, match="shape"):
        read(typed)


@given(st.sampled_from(READERS), st.text(st.characters(), max_size=25) | st.text("٠١٢٣٣3 -\n", max_size=25))
def test_whatever_is_typed_is_read_or_refused_and_reads_the_same_again(
    read: Callable[[str], str], typed: str
):
    try:
        stored = read(typed)
    except ValueError:
        return
    assert stored.isascii()
    assert read(stored) == stored


def test_a_point_in_riyadh_is_kept_to_five_decimals():
    assert licences.coordinates(Decimal("24.7136123"), Decimal("46.67529951")) == (
        Decimal("24.71361"),
        Decimal("46.67530"),
    )


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [("46.6753", "24.7136"), ("0", "0"), ("15.99", "45"), ("33.01", "45"), ("24", "33.9"), ("24", "56.1")],
)
def test_a_point_outside_the_country_is_refused(latitude: str, longitude: str):
    with pytest.raises(ValueError, match="outside"):
        licences.coordinates(Decimal(latitude), Decimal(longitude))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_point_that_is_no_number_is_refused(value: str):
    with pytest.raises(ValueError, match="numbers"):
        licences.coordinates(Decimal(value), Decimal("45"))


def test_a_country_without_a_box_is_the_whole_globe_and_no_more():
    assert licences.coordinates(Decimal("25.2"), Decimal("-170"), ["SA", "AE"]) == (
        Decimal("25.20000"),
        Decimal("-170.00000"),
    )
    with pytest.raises(ValueError, match="outside"):
        licences.coordinates(Decimal("91"), Decimal("55"), ["AE"])
