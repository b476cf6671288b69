"""Card numbers and security codes: recognised anywhere, so that they never pass through us.

A card number that reaches a merchant's server breaks Moyasar's contract, and its API would not stop us
(docs.moyasar.com: Authentication).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_CARD_FIELDS = frozenset(
    [
        "number",
        "cardnumber",
        "pan",
        "cvc",
        "cvc2",
        "cvv",
        "cvv2",
        "cvn",
        "csc",
        "securitycode",
        "month",
        "year",
        "expmonth",
        "expyear",
    ]
)
"""Names of fields, in lower case and without what joins their words."""


def refuse_card_data(source: Mapping[str, Any]) -> None:
    """Card numbers may not pass through a merchant's server; Moyasar itself would not stop us."""
    if source.get("type") == "creditcard" or holds_card_data(source):
        raise ValueError("card data must go from the payer's phone to the gateway, never through us")


def holds_card_data(value: Any) -> bool:
    """Whether any depth of a body has a field for card data, or text that is a card number.

    Text that is itself a JSON object is looked into, because wallets wrap their token so.
    """
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, item = waiting.pop()
        if isinstance(item, Mapping):
            if any(re.sub("[^a-z0-9]", "", str(key).lower()) in _CARD_FIELDS for key in item):
                return True
            waiting += [(str(key), inner) for key, inner in item.items()]
        elif isinstance(item, list | tuple):
            waiting += [(name, inner) for inner in item]
        elif isinstance(item, str) and item.lstrip().startswith("{"):
            waiting.append((name, _parsed(item)))
        # A mobile number in 00966 form has fourteen digits and may pass the check by chance.
        elif isinstance(item, float) and item.is_integer():
            waiting.append((name, int(item)))
        elif isinstance(item, str | int) and name != "mobile" and _looks_like_card_number(str(item)):
            return True
    return False


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _looks_like_card_number(text: str) -> bool:
    """12 to 19 digits of any script, spaced or dashed, that pass the Luhn check."""
    if len(text) > 40:
        return False
    digits = [unicodedata.decimal(character, -1) for character in text if character not in " -"]
    if not 12 <= len(digits) <= 19 or -1 in digits:
        return False
    doubled = [
        digit if index % 2 == 0 else sum(divmod(2 * digit, 10)) for index, digit in enumerate(digits[::-1])
    ]
    return sum(doubled) % 10 == 0
