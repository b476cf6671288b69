"""The QR code of a simplified tax invoice: five fields, told by tag and length (ZATCA, E-Invoicing, Phase 1)."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import segno

LONGEST = 255
"""Bytes of a value: its length is told in one byte."""


def qr_text(snapshot: Mapping[str, Any]) -> str:
    """What the code of a document says: base64 of tag, length and value of seller, VAT number, time, total and VAT.

    Lengths count the bytes of UTF-8. Time is UTC; amounts are riyals with two decimals and no groups.
    """
    seller = snapshot["seller"]
    values = (
        seller["name"]["ar"],
        seller["vat_number"],
        snapshot["issued_at"],
        _riyals(snapshot["total_minor"]),
        _riyals(snapshot["vat_minor"]),
    )
    records = b"".join(_record(tag, value) for tag, value in enumerate(values, start=1))
    return base64.b64encode(records).decode()


def qr_picture(text: str) -> bytes:
    """A PNG of the code, with the quiet margin around it."""
    picture = io.BytesIO()
    segno.make_qr(text, error="m").save(picture, kind="png", scale=8, border=4)
    return picture.getvalue()


def _record(tag: int, value: str) -> bytes:
    data = value.encode()[:LONGEST].decode(errors="ignore").encode()  # no half of a letter
    return bytes((tag, len(data))) + data


def _riyals(amount_minor: int) -> str:
    return f"{amount_minor // 100}.{amount_minor % 100:02d}"
