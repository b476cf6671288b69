"""The short name of a booking that people read to each other: `BK` and letters or digits that cannot be confused.

Letters first and no `-` or `#`, so that Arabic text around it does not reorder it (KSA facts 3.11).
"""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_SCATTER = 0x9E3779B1  # odd, so multiplying modulo a power of two is one-to-one


def reference_of(number: int) -> str:
    """The reference of the `number`-th booking: neighbours look nothing alike, and no two are ever the same.

    Five characters serve the first 33 million, six the next billion; it is a name, not a secret.
    """
    width = 5
    while number >= 32**width:
        number -= 32**width
        width += 1
    scattered = number * _SCATTER % 32**width
    return "BK" + "".join(_ALPHABET[scattered >> 5 * i & 31] for i in reversed(range(width)))
