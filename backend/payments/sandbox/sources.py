"""From the `source` of a request to what the payer will meet: checks, what is shown, and how it ends."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.payments.sandbox import outcomes
from backend.payments.sandbox.errors import invalid, refused
from backend.payments.sandbox.store import Record, Store
from backend.payments.sandbox.values import flag, iso

WALLETS = ("applepay", "samsungpay", "googlepay")


@dataclass
class Plan:
    """`step` is what the payer must do first: None, "3ds" or "otp"."""

    source: dict[str, Any]
    outcome: outcomes.Outcome
    step: str | None = None
    manual: bool = False
    hidden: dict[str, Any] = field(default_factory=dict)


def plan(source: Mapping[str, Any], *, amount: int, now: datetime, store: Store) -> Plan:
    """Raises ApiError when the source cannot be charged at all."""
    kind = source.get("type")
    if kind == "creditcard":
        return _card(source, now=now, store=store)
    if kind == "token":
        return _token(source, store=store)
    if kind in WALLETS:
        return _wallet(source, amount=amount)
    if kind == "stcpay":
        return _stcpay(source)
    if kind == "sadadbill":
        raise refused("This source is not enabled for the account")
    raise invalid(**{"source.type": "is not supported"})


def checked_card(source: Mapping[str, Any], now: datetime) -> tuple[str, int, int]:
    """Number, month and year of an acceptable card. Raises ApiError naming the fields."""
    number = str(source.get("number") or "").replace(" ", "").replace("-", "")
    name, cvc = source.get("name"), str(source.get("cvc") or "")
    errors: dict[str, str] = {}
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        errors["number"] = "is invalid"
    if not isinstance(name, str) or len(name.split()) < 2:
        errors["name"] = "must hold a first and a last name"
    cvc_length = 4 if outcomes.company(number) == "amex" else 3
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) == cvc_length):
        errors["cvc"] = "is invalid"
    month, year = _digits(source.get("month")), _digits(source.get("year"))
    year += 2000 if 0 < year < 100 else 0
    if not 1 <= month <= 12:
        errors["month"] = "is invalid"
    elif (year, month) < (now.year, now.month):
        errors["year"] = "card has expired"
    if errors:
        raise invalid(**errors)
    return number, month, year


def _digits(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def _shown(company: str, number: str | None, name: object) -> dict[str, Any]:
    debit = company == "mada"
    return {
        "type": "creditcard",
        "company": company,
        "name": name,
        "number": f"XXXX-XXXX-XXXX-{number[-4:]}" if number else None,
        "gateway_id": f"moyasar_cc_{secrets.token_hex(10)}",
        "reference_number": None,
        "token": None,
        "message": None,
        "transaction_url": None,
        "response_code": None,
        "authorization_code": None,
        "issuer_name": "Sandbox Bank",
        "issuer_country": "SA",
        "issuer_card_type": "debit" if debit else "credit",
        "issuer_card_category": "STANDARD",
    }


def _card(source: Mapping[str, Any], *, now: datetime, store: Store) -> Plan:
    number, month, year = checked_card(source, now)
    charge, company = outcomes.card(number), outcomes.company(number)
    three_ds, save = flag(source.get("3ds"), default=True), flag(source.get("save_card"), default=False)
    if save and not three_ds:
        raise refused("Wrong number of parameters", "Wrong number of parameters")
    result = Plan(
        source=_shown(company, number, source.get("name")),
        outcome=charge.outcome,
        step="3ds" if three_ds and charge.challenge else None,
        manual=flag(source.get("manual"), default=False),
    )
    if save:
        token = new_token(
            number=number, month=month, year=year, name=str(source.get("name")), now=now, store=store
        )
        result.source["token"] = result.hidden["token"] = token.doc["id"]
    return result


def _token(source: Mapping[str, Any], *, store: Store) -> Plan:
    name = source.get("token")
    if not isinstance(name, str) or not name.startswith("token_"):
        raise invalid(**{"source.token": "is invalid"})
    manual, stored = flag(source.get("manual"), default=False), store.token(name)
    if stored is not None:
        if stored.doc["status"] not in ("initiated", "active"):
            raise refused("Token is not active")
        shown = _shown(stored.doc["brand"], stored.doc["last_four"], stored.doc["name"]) | {"token": name}
        # A card collected without 3-D Secure goes through it at its first payment.
        first_time = stored.doc["status"] == "initiated"
        return Plan(
            source=shown,
            outcome=outcomes.by_code(stored.hidden["code"]),
            step="3ds" if first_time else None,
            manual=manual,
            hidden={"token": name},
        )
    charge = outcomes.token(name)
    if charge is None:
        raise invalid(**{"source.token": "is invalid"})
    step = "3ds" if charge.challenge and flag(source.get("3ds"), default=True) else None
    shown = _shown("mada", "4201320111111010", "Sandbox Customer") | {"token": name}
    return Plan(source=shown, outcome=charge.outcome, step=step, manual=manual)


def _wallet(source: Mapping[str, Any], *, amount: int) -> Plan:
    if not isinstance(source.get("token"), str) or not source["token"]:
        raise invalid(**{"source.token": "is required"})
    shown = _shown("mada", "1010", None) | {"type": source["type"], "number": "1010", "dpan": "1010"}
    return Plan(shown, outcomes.wallet(amount), manual=flag(source.get("manual"), default=False))


def _stcpay(source: Mapping[str, Any]) -> Plan:
    digits = outcomes.stc_number(source.get("mobile"))
    if digits is None:
        raise invalid(**{"source.mobile": "is invalid"})
    shown = {
        "type": "stcpay",
        "mobile": f"05{digits[1]}XXXX{digits[-3:]}",
        "reference_number": None,
        "cashier": source.get("cashier"),
        "branch": source.get("branch"),
        "transaction_url": None,
        "message": None,
    }
    failure = outcomes.stc_start(digits)
    if failure is not None:
        return Plan(shown, failure)
    return Plan(shown, outcomes.stc_code("123456"), step="otp")


def new_token(*, number: str, month: int, year: int, name: str, now: datetime, store: Store) -> Record:
    """A saved card. The number itself is never kept, only how it will behave."""
    record = Record(
        {
            "id": f"token_{secrets.token_urlsafe(18)}",
            "status": "initiated",
            "brand": outcomes.company(number),
            "funding": "debit" if outcomes.company(number) == "mada" else "credit",
            "country": "SA",
            "month": f"{month:02d}",
            "year": str(year),
            "name": name,
            "last_four": number[-4:],
            "verification_url": None,
            "message": None,
            "metadata": None,
            "created_at": iso(now),
            "updated_at": iso(now),
        },
        {"code": outcomes.card(number).outcome.code or "99"},
    )
    store.save_token(record)
    return record
