"""What a text costs: SMS units and parts (facts: messaging 5.2)."""

from __future__ import annotations

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("^{}\\[~]|€\f")


def sms_units(text: str) -> tuple[int, int]:
    """(units, parts). Carriers bill parts.

    One letter outside GSM-7 (any Arabic one) makes the whole text UCS-2: 70 units, then 67 a part. GSM-7 has
    160, then 153 a part.
    """
    if all(c in _GSM_BASIC or c in _GSM_DOUBLE for c in text):
        units = sum(2 if c in _GSM_DOUBLE else 1 for c in text)
        single, each = 160, 153
    else:
        units = len(text.encode("utf-16-le", "surrogatepass")) // 2
        single, each = 70, 67
    return units, 1 if units <= single else -(-units // each)
