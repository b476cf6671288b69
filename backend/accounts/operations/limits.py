"""How often codes are sent and guessed: a bounded bill, a bounded guess, and nobody locked out by others.

Three rules, all counted in PostgreSQL before anything happens, in transactions of their own:

* **Own pace.** A phone and an installation have their small budgets. A device that signed in to this number
  before has a budget of its own for it: strangers who use up the number's budget lock out strangers.
* **Brakes on crowds.** Per network, per phone prefix and per foreign country only codes that nobody gave back
  are counted: a proven code is taken off again. That is velocity and conversion rate in one number: an honest
  crowd behind one carrier address passes, bought or pumped traffic does not (facts: messaging 4.3). Known
  devices are not braked.
* **Two ceilings over everybody.** Message parts an hour (`reserve_parts`), wrong codes in ten minutes (`guess_budget`).
  Reaching one raises an alarm and leaves those who are known: known phones keep getting codes, known devices
  keep giving them.

Guesses: a code has six digits, so one comparison succeeds once in 10^6. Windows start with their first count, so
an hour touches at most seven windows of ten minutes: at most 700 comparisons, a chance below 1 in 1,000 over all
phones together, however many addresses are behind it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import phonenumbers
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from backend.accounts import queries
from backend.core import limits
from backend.core.alarms import raise_alarm
from backend.core.errors import TooManyRequests, Unavailable
from backend.core.limits import Count, Limit, Refusal

RESEND_WAIT = timedelta(seconds=60)
HOUR = timedelta(hours=1)

PER_MINUTE = Limit("otp-minute", 1, RESEND_WAIT, scaled=False)
PER_HOUR = Limit("otp-phone", 5, HOUR)
PER_DAY = Limit("otp-day", 10, timedelta(days=1))
PER_INSTALLATION = Limit("otp-installation", 20, HOUR)

# Codes sent and not given back yet.
PER_PREFIX = Limit("otp-prefix", 100, HOUR)
PER_NETWORK = Limit("otp-network", 500, HOUR)
PER_COUNTRY = Limit("otp-country", 200, HOUR)

WRONG_CODES = Limit("otp-wrong", 100, timedelta(minutes=10))
WRONG_CODES_PER_NETWORK = Limit("otp-wrong-network", 30, timedelta(minutes=10))

EVERYBODY = "all"
ALARMS = {
    PER_PREFIX.name: "otp_prefix_velocity",
    PER_NETWORK.name: "otp_network_velocity",
    PER_COUNTRY.name: "otp_country_velocity",
    WRONG_CODES.name: "otp_wrong_codes",
    WRONG_CODES_PER_NETWORK.name: "otp_wrong_codes_of_network",
}


class OtpResendWait(TooManyRequests):
    code = "otp_resend_wait"
    message = ngettext_lazy(
        "You can ask for a new code in %(seconds)d second.",
        "You can ask for a new code in %(seconds)d seconds.",
        "seconds",
    )


class OtpNotSent(Unavailable):
    code = "otp_not_sent"
    message = _("The code could not be sent. Please try again shortly.")


# Asking for a code ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """What one request for a code was counted against."""

    counts: tuple[Count, ...]
    left: int
    """How many codes this caller may still ask for within the hour, and when that is five again."""
    resets_in_seconds: int

    def give_back(self) -> None:
        """Only when surely nothing was sent."""
        give_back(self.counts)


def count_request(*, phone: str, installation_id: uuid.UUID | None, network: str, now: datetime) -> Taken:
    """Count one request for a code to this number (E.164), or refuse it and count nothing.

    `network` is the caller's (`core.api.client_address`), empty when unknown. Raises OtpResendWait or
    TooManyRequests.
    """
    known = queries.signed_in_before(phone=phone, installation_id=installation_id)
    budget = f"{phone}/{installation_id.hex}" if known and installation_id else phone
    wanted = [Count(PER_MINUTE, phone), Count(PER_HOUR, budget), Count(PER_DAY, budget)]
    if installation_id is not None:
        wanted.append(Count(PER_INSTALLATION, installation_id.hex))
    if not known:
        wanted += _crowds(phone=phone, network=network)
    refusal = limits.take_all(wanted, now=now)
    if refusal is not None:
        raise _refused(refusal)
    left, resets_in = limits.left(PER_HOUR, budget, now=now)
    return Taken(counts=tuple(wanted), left=left, resets_in_seconds=resets_in)


def reserve_parts(parts: int, *, now: datetime) -> Count | None:
    """Take so many SMS parts from the hour's spend, before anything is sent.

    None past three quarters of OTP_SPEND_PER_HOUR: the rest is kept for known numbers (`reserve_for_known`).
    Raises OtpNotSent, for known and unknown numbers alike, when that is used up too.
    """
    count = Count(_spend_for_anyone(), EVERYBODY, parts)
    if limits.take_all([count], now=now) is None:
        return count
    left, seconds = limits.left(_spend(), EVERYBODY, now=now)
    raise_alarm("otp_spend", EVERYBODY, parts_an_hour=_spend().allowed, left_for_known_numbers=left)
    if left < parts:
        raise OtpNotSent(extra={"retry_after": seconds})
    return None


def reserve_for_known(*, phone: str, parts: int, now: datetime) -> Count | None:
    """The same past that point: None when this number has no account, or nothing is left."""
    count = Count(_spend(), EVERYBODY, parts)
    if not queries.has_account(phone) or limits.take_all([count], now=now) is not None:
        return None
    return count


def _spend() -> Limit:
    return Limit("otp-spend", settings.OTP_SPEND_PER_HOUR, HOUR)


def _spend_for_anyone() -> Limit:
    """Shares its count with `_spend`."""
    return Limit("otp-spend", max(1, settings.OTP_SPEND_PER_HOUR * 3 // 4), HOUR)


def _crowds(*, phone: str, network: str) -> list[Count]:
    country = phonenumbers.region_code_for_number(phonenumbers.parse(phone, None))
    counts = [Count(PER_PREFIX, phone[:-4])]
    # The home country is bounded by the ceiling itself; others may not use it up.
    if country and country not in settings.PHONE_COUNTRIES[:1]:
        counts.append(Count(PER_COUNTRY, country))
    if network:
        counts.append(Count(PER_NETWORK, network))
    return counts


# Giving it back ---------------------------------------------------------------------------------


def guess_budget(
    *, phone: str, installation_id: uuid.UUID | None, network: str, now: datetime
) -> tuple[Count, ...]:
    """What a wrong code of this caller is counted against. Raises TooManyRequests when that is used up.

    A device that signed in to this number before is not counted: its guesses are bounded by its own codes and
    their five tries, so that no attack elsewhere keeps it out. Everybody else waits ten minutes at most.
    """
    if queries.signed_in_before(phone=phone, installation_id=installation_id):
        return ()
    counts = [Count(WRONG_CODES, EVERYBODY)]
    if network:
        counts.append(Count(WRONG_CODES_PER_NETWORK, network))
    refusal = limits.used_up(counts, now=now)
    if refusal is not None:
        raise _refused(refusal)
    return tuple(counts)


def count_guess(budget: tuple[Count, ...], *, now: datetime) -> None:
    """Count one comparison as a wrong one, before it is made; a right one is given back. Raises TooManyRequests."""
    refusal = limits.take_all(budget, now=now) if budget else None
    if refusal is not None:
        raise _refused(refusal)


def proven(*, phone: str, network: str) -> None:
    """A code was used: take it off the crowds it was counted among. Once for each code."""
    give_back(_crowds(phone=phone, network=network))


# Both -------------------------------------------------------------------------------------------


def give_back(counts: Iterable[Count]) -> None:
    for count in counts:
        limits.give_back(count.limit, count.subject, count.amount)


def _refused(refusal: Refusal) -> TooManyRequests:
    limit, wait = refusal.count.limit, refusal.retry_after
    if limit.name in ALARMS:
        raise_alarm(
            ALARMS[limit.name],
            refusal.count.subject.removeprefix("+"),
            limit=limit.allowed,
            seconds=int(limit.window.total_seconds()),
        )
    if limit is PER_MINUTE:
        return PER_HOUR.refusal(wait, OtpResendWait, seconds=wait)
    return limit.refusal(wait)
