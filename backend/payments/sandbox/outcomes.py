"""What becomes of a charge: the published test cards, amounts, phones and codes (docs.moyasar.com: Test
Cards, Apple Pay Testing, Testing STC Pay; read October 2026), and a few token names of our own."""

from __future__ import annotations

from dataclasses import dataclass

MESSAGES = {
    "00": "APPROVED",
    "99": "UNSPECIFIED FAILURE",
    "51": "INSUFFICIENT FUNDS",
    "41": "LOST CARD",
    "05": "DECLINED",
    "54": "EXPIRED CARD",
    "61": "EXCEEDS LIMIT",
    "43": "STOLEN CARD",
}


@dataclass(frozen=True)
class Outcome:
    """`code` is the acquirer's answer, None when it was never asked. Only 00 means money."""

    code: str | None
    message: str
    failure_reason: str | None = None

    @property
    def approved(self) -> bool:
        return self.code == "00"


def by_code(code: str) -> Outcome:
    return Outcome(code, MESSAGES[code])


APPROVED = by_code("00")
EXPIRED = Outcome(None, "Allowed time frame for transaction has been expired", "3ds_timeout")


def _three_ds(reason: str) -> Outcome:
    return Outcome(None, "3-D Secure transaction attempt failed", reason)


PAGE_RESULTS = {
    "AUTHENTICATED": None,  # go on to the acquirer
    "UNAUTHENTICATED": _three_ds("3ds_declined_authentication_failed"),
    "CANCELLED": Outcome(None, "3-D Secure transaction attempt was cancelled", "3ds_unspecified"),
}
PAGE_RESULTS["CANCELLED_AUTHENTICATION"] = PAGE_RESULTS["CANCELLED"]

_CARDS = {
    "00": "4201320111111010 4111111111111111 5421080101000000 340000000900000 6200000000000005",
    "99": "4201320000013020 4123120000000000 5105105105105100",
    "51": "4201320000311101 4123120001090000 5457210001000092",
    "41": "4201320131000508 4123450131000508 5204010101000000",
    "05": "4201321234411220 4123120001090109 5204730000002514",
    "54": "4201322267774310 4123128518640738 5105107550274126",
    "61": "4201326324640570 4123123033308648 5105106475101067",
    "43": "4201321144311528 4123125276780003 5105107304607225",
}
_CODE_OF_CARD = {number: code for code, numbers in _CARDS.items() for number in numbers.split()}
_FRICTIONLESS = "4111114005765430"
_THREE_DS_FAILURES = {
    "4111118250252531": "3ds_declined_authentication_failed",
    "4111113343111067": "3ds_timeout",
    "4111116611600661": "3ds_blocked_suspected_fraud",
    "4111112205628150": "3ds_expiration_check",
    "4111115784228433": "3ds_unspecified",
    "4111115620358287": "3ds_unspecified",
}


@dataclass(frozen=True)
class Charge:
    """How a source ends, and whether the payer has a step to take first."""

    outcome: Outcome
    challenge: bool


def card(number: str) -> Charge:
    """A card that is not listed fails, as Moyasar's page says."""
    if number == _FRICTIONLESS:
        return Charge(APPROVED, challenge=False)
    if number in _THREE_DS_FAILURES:
        return Charge(_three_ds(_THREE_DS_FAILURES[number]), challenge=False)
    if number in _CODE_OF_CARD:
        return Charge(by_code(_CODE_OF_CARD[number]), challenge=True)
    return Charge(by_code("99"), challenge=False)


def company(number: str) -> str:
    if number.startswith("4201"):
        return "mada"
    if number.startswith(("34", "37")):
        return "amex"
    if number.startswith("62"):
        return "unionpay"
    return "visa" if number.startswith("4") else "master"


_TOKEN_NAMES = {
    "ok": Charge(APPROVED, challenge=False),
    "3ds": Charge(APPROVED, challenge=True),
    "unspecified": Charge(by_code("99"), challenge=False),
    "insufficient": Charge(by_code("51"), challenge=False),
    "lost": Charge(by_code("41"), challenge=False),
    "declined": Charge(by_code("05"), challenge=False),
    "expired": Charge(by_code("54"), challenge=False),
    "limit": Charge(by_code("61"), challenge=False),
    "stolen": Charge(by_code("43"), challenge=False),
}


def token(name: str) -> Charge | None:
    """`token_ok…` pays at once, `token_3ds…` asks the payer, `token_declined…` and so on fail."""
    for word, charge in _TOKEN_NAMES.items():
        if name.startswith(f"token_{word}"):
            return charge
    return None


_WALLET_AMOUNTS = (
    (20000, 30000, "00"),
    (100000, 110000, "99"),
    (110100, 120000, "51"),
    (120100, 130000, "41"),
    (130100, 140000, "05"),
    (140100, 150000, "54"),
    (150100, 160000, "61"),
    (160100, 170000, "43"),
)


def wallet(amount_minor: int) -> Outcome:
    """Apple, Samsung and Google Pay: the amount decides, and any other amount fails."""
    for low, high, code in _WALLET_AMOUNTS:
        if low <= amount_minor <= high:
            return by_code(code)
    return by_code("99")


_STC_PHONES = {
    "515555555": "Mobile number is not registered",
    "515555556": "Account needs to be updated",
    "515555557": "Invalid account",
    "515555558": "OTP attempts exhausted",
    "515555559": "Please wait 60 seconds before a new attempt",
}
_STC_CODES = {
    "111111": "Insufficient balance",
    "222222": "Daily limit exceeded",
    "333333": "Maximum amount exceeded",
    "444444": "Timed out",
}


def stc_number(mobile: object) -> str | None:
    """The nine digits of a Saudi mobile written 05…, +9665… or 009665…; None for anything else."""
    if not isinstance(mobile, str):
        return None
    for prefix in ("+966", "00966", "966", "0"):
        if mobile.startswith(prefix):
            digits = mobile[len(prefix) :]
            fits = len(digits) == 9 and digits.isascii() and digits.isdigit() and digits[0] == "5"
            return digits if fits else None
    return None


def stc_start(digits: str) -> Outcome | None:
    """A failure at the start, or None: a code is on its way."""
    message = _STC_PHONES.get(digits)
    return Outcome(None, message) if message else None


def stc_code(otp: str) -> Outcome:
    if otp in ("123456", "000000"):
        return Outcome("00", "Paid")
    return Outcome(None, _STC_CODES.get(otp, "Invalid OTP"))
