"""One-time codes: the count before the call, the try before the comparison, the account after the proof."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import uuid
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from backend.accounts import messages, tokens
from backend.accounts.models import MAX_TRIES, MAX_TRIES_WITH_REPEATS, Device, OtpChallenge, User
from backend.accounts.operations import limits, review
from backend.accounts.operations.limits import RESEND_WAIT, OtpNotSent, OtpResendWait, Taken
from backend.accounts.operations.sending import answer_to, hand_over, note, require_channel
from backend.accounts.operations.sessions import AccountSuspended, DeviceDetails, open_session
from backend.accounts.roles import is_staff_anywhere
from backend.accounts.tokens import TokenPair
from backend.core.errors import Invalid, TooManyRequests
from backend.core.time import seconds_until
from backend.notifications.providers import ProviderError
from backend.notifications.sms import sms_units

logger = logging.getLogger("mawid.codes")

CODE_LENGTH = 6
REPEAT_WITHIN = timedelta(seconds=60)

BESIDE_THE_REQUEST = "send-code"
"""Name of the threads that send past the spend ceiling."""

_Outcome = OtpChallenge.SendOutcome


class OtpInvalid(Invalid):
    code = "otp_invalid"
    message = _("The verification code is not correct.")


class OtpExpired(Invalid):
    code = "otp_expired"
    message = _("This code is no longer valid. Please ask for a new one.")


class OtpTooManyAttempts(TooManyRequests):
    code = "otp_too_many_attempts"
    message = _("Too many wrong attempts. Please ask for a new code.")
    client = "fix"


# Asking for a code ------------------------------------------------------------------------------


@dataclass(frozen=True)
class CodeRequest:
    """What the asker may know: the same for known and unknown numbers."""

    challenge_id: uuid.UUID
    phone: str
    expires_in_seconds: int
    resend_in_seconds: int
    left: int
    """How many codes may still be asked for within the hour, and when that is five again."""
    resets_in_seconds: int
    code_length: int = CODE_LENGTH


def request_code(
    *,
    phone: str,
    channel: str,
    app_hash: str | None,
    installation_id: uuid.UUID | None,
    language: str,
    now: datetime,
    network: str = "",
) -> CodeRequest:
    """Send a code to this number (E.164), whoever it belongs to. It replaces the number's earlier codes.

    The counts are taken before anybody is called and stay, unless every provider clearly refused. An outcome
    nobody saw counts as sent: the text may have arrived, so the code stays good and no second text is risked.
    Raises OtpResendWait, TooManyRequests, OtpNotSent, or ValidationFailed (`phone_invalid`) when the carriers
    know the number to be none. `network` is where the caller is (`core.api.client_address`).
    """
    require_channel(channel)
    fixed = review.fixed_code(phone, now=now)
    taken = limits.count_request(phone=phone, installation_id=installation_id, network=network, now=now)
    challenge = OtpChallenge(phone=phone, channel=channel, language=language)
    if fixed:
        _open(challenge, fixed, now=now)
        note(challenge, _Outcome.ACCEPTED, provider=review.PROVIDER)
    else:
        text = partial(messages.code_text, language=language, app_hash=app_hash)
        send_code(challenge, text, taken=taken, now=now)
    return CodeRequest(
        challenge_id=challenge.pk,
        phone=phone,
        expires_in_seconds=seconds_until(challenge.expires_at, now),
        resend_in_seconds=int(RESEND_WAIT.total_seconds()),
        left=taken.left,
        resets_in_seconds=taken.resets_in_seconds,
    )


def send_code(
    challenge: OtpChallenge,
    text: Callable[..., str],
    *,
    taken: Taken,
    now: datetime,
    pointer: str = "/phone",
) -> None:
    """Open `challenge` with a new code and send `text(code=…, minutes=…)`.

    What was `taken` is given back when every provider clearly refused. Raises OtpResendWait, OtpNotSent, or
    ValidationFailed at `pointer`.

    Past the spend ceiling only numbers with an account are sent anything, and the answer must not say which: it
    is given at once and the same for both, whatever becomes of the message.
    """
    code = new_code()
    body = text(code=code, minutes=int(settings.OTP_LIFETIME.total_seconds() // 60))
    parts = sms_units(body)[1]
    try:
        spent = limits.reserve_parts(parts, now=now)
    except OtpNotSent:
        taken.give_back()
        raise
    _open(challenge, code, now=now)
    send = partial(hand_over, challenge, body, code=code)
    if spent is None:
        _send_if_known(challenge, send, parts=parts, now=now)
        return
    refusals = send()
    if refusals:
        limits.give_back([*taken.counts, spent])
        raise answer_to(refusals, pointer=pointer)


def _send_if_known(
    challenge: OtpChallenge, send: Callable[[], list[ProviderError]], *, parts: int, now: datetime
) -> None:
    """Send past the spend ceiling: to a number with an account, and beside the request.

    A provider takes its time and may refuse; either would tell known numbers from unknown ones, so the caller is
    answered before it is asked. What is kept for known numbers also bounds the threads.
    """
    spent = limits.reserve_for_known(phone=challenge.phone, parts=parts, now=now)
    if spent is None:
        note(challenge, _Outcome.WITHHELD, provider="")
        return

    def send_beside() -> None:
        try:
            if send():
                limits.give_back([spent])
        except Exception:  # nobody is left to be told
            logger.exception("a code could not be sent")
        finally:
            connection.close()

    threading.Thread(target=copy_context().run, args=(send_beside,), name=BESIDE_THE_REQUEST).start()


def _open(challenge: OtpChallenge, code: str, *, now: datetime) -> None:
    """Write a challenge for this code; it replaces the number's earlier one of the same purpose."""
    challenge.created_at, challenge.expires_at = now, now + settings.OTP_LIFETIME
    challenge.code_hmac = _code_hmac(challenge, code)
    try:
        with transaction.atomic():
            OtpChallenge.objects.filter(
                phone=challenge.phone,
                purpose=challenge.purpose,
                used_at__isnull=True,
                superseded_at__isnull=True,
            ).update(superseded_at=now)
            challenge.save(force_insert=True)
    except IntegrityError as error:
        # Another machine, with another clock, sent this number a code at this very moment.
        wait = int(RESEND_WAIT.total_seconds())
        raise OtpResendWait(retry_after=wait, seconds=wait) from error


# Giving it back ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignIn:
    user: User
    device: Device
    tokens: TokenPair
    is_new_user: bool


def verify_code(
    *, challenge_id: uuid.UUID, code: str, device: DeviceDetails, now: datetime, network: str = ""
) -> SignIn:
    """Sign in with a code (ASCII digits). The account is created now, by the proof, not by the request.

    The same code from the same installation is answered with the same session for 60 s: a lost answer must
    not cost a second text. Raises OtpInvalid (`attempts_left`), OtpExpired, OtpTooManyAttempts,
    TooManyRequests (limits.guess_budget) or AccountSuspended.
    """
    challenge = OtpChallenge.objects.filter(pk=challenge_id, purpose=OtpChallenge.Purpose.SIGN_IN).first()
    if challenge is None:
        raise OtpExpired
    if challenge.used_at is not None:
        return _repeat(challenge, code=code, details=device, now=now)
    left = try_code(challenge, code, installation_id=device.installation_id, network=network, now=now)
    if left is not None:
        raise OtpInvalid(attempts_left=left)
    with transaction.atomic():
        # Twins with the right code queue here; the first one signs in.
        if use_code(challenge, network=network, now=now):
            return _sign_in(challenge, details=device, now=now)
    used = OtpChallenge.objects.select_related("device__user").filter(pk=challenge.pk).first()
    if used is None:
        raise OtpExpired
    return _repeated(used, details=device, now=now)


def try_code(
    challenge: OtpChallenge,
    code: str,
    *,
    now: datetime,
    installation_id: uuid.UUID | None = None,
    network: str = "",
) -> int | None:
    """None for the right code (ASCII digits), else how many tries are left. Every call counts one.

    Outside any transaction, which could undo the count. Raises OtpExpired, OtpTooManyAttempts, or
    TooManyRequests when all phones together saw too many wrong codes.
    """
    # Whoever is refused here has lost no try to a crowd elsewhere.
    budget = limits.guess_budget(
        phone=challenge.phone, installation_id=installation_id, network=network, now=now
    )
    tries = _count_try(challenge, now=now)
    limits.count_guess(budget, now=now)
    if hmac.compare_digest(bytes(challenge.code_hmac), _code_hmac(challenge, code)):
        limits.give_back(budget)
        return None
    return max(0, MAX_TRIES - tries)


def use_code(challenge: OtpChallenge, *, now: datetime, network: str = "") -> bool:
    """Use a right code up, once and for all, in the transaction of what it allows. False: it was used before."""
    used = bool(
        OtpChallenge.objects.filter(pk=challenge.pk, used_at__isnull=True, superseded_at__isnull=True).update(
            used_at=now
        )
    )
    if used:
        transaction.on_commit(partial(limits.proven, phone=challenge.phone, network=network))
    return used


def _count_try(challenge: OtpChallenge, *, now: datetime) -> int:
    """Count one try in a statement of its own: nothing undoes it, and parallel guesses cannot share one.

    Returns how many tries that makes. Raises what is wrong with the challenge itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_otpchallenge SET tries = tries + 1
             WHERE id = %s AND tries < %s AND superseded_at IS NULL AND expires_at > %s
            RETURNING tries
            """,
            [challenge.pk, MAX_TRIES, now],
        )
        row = cursor.fetchone()
    if row:
        return int(row[0])
    try:
        challenge.refresh_from_db(fields=["superseded_at", "expires_at", "created_at"])
    except OtpChallenge.DoesNotExist as error:
        raise OtpExpired from error  # went with its account a moment ago
    if challenge.superseded_at is not None or challenge.expires_at <= now:
        raise OtpExpired
    raise OtpTooManyAttempts(retry_after=max(1, seconds_until(challenge.created_at + RESEND_WAIT, now)))


def _sign_in(challenge: OtpChallenge, *, details: DeviceDetails, now: datetime) -> SignIn:
    user, is_new = User.objects.for_sign_in(challenge.phone, device_language=challenge.language, now=now)
    if not user.is_active:
        raise AccountSuspended
    if challenge.provider == review.PROVIDER and is_staff_anywhere(user):
        raise OtpExpired
    device = open_session(user=user, details=details, now=now)
    OtpChallenge.objects.filter(pk=challenge.pk).update(device=device)
    return SignIn(user=user, device=device, tokens=tokens.pair_of(device), is_new_user=is_new)


def _repeat(challenge: OtpChallenge, *, code: str, details: DeviceDetails, now: datetime) -> SignIn:
    """A verification of a used code. Who cannot be the first caller is not even compared."""
    answer = _repeated(challenge, details=details, now=now)
    counted = OtpChallenge.objects.filter(pk=challenge.pk, tries__lt=MAX_TRIES_WITH_REPEATS).update(
        tries=F("tries") + 1
    )
    if not counted:
        raise OtpTooManyAttempts(retry_after=int(RESEND_WAIT.total_seconds()))
    if not hmac.compare_digest(bytes(challenge.code_hmac), _code_hmac(challenge, code)):
        raise OtpInvalid(attempts_left=0)
    return answer


def _repeated(challenge: OtpChallenge, *, details: DeviceDetails, now: datetime) -> SignIn:
    """The session this code opened, for the installation that opened it. Raises OtpExpired."""
    device = challenge.device
    if (
        challenge.used_at is None
        or now - challenge.used_at > REPEAT_WITHIN
        or device is None
        or device.revoked_at is not None
        or device.previous_token_id is not None
        or device.installation_id != details.installation_id
    ):
        raise OtpExpired
    if not device.user.is_active:
        raise AccountSuspended
    return SignIn(
        user=device.user,
        device=device,
        tokens=tokens.pair_of(device),
        is_new_user=device.user.joined_at == challenge.used_at,
    )


def _code_hmac(challenge: OtpChallenge, code: str) -> bytes:
    """Bound to purpose, challenge, asker and phone, under a key that is not in the database."""
    return sealed(challenge.purpose, str(challenge.pk), str(challenge.user_id or ""), challenge.phone, code)


def new_code() -> str:
    return f"{secrets.randbelow(10**CODE_LENGTH):0{CODE_LENGTH}d}"


def sealed(*parts: str) -> bytes:
    """What a database may hold of a code: it says nothing without OTP_KEY, and is worth nothing elsewhere."""
    return hmac.new(settings.OTP_KEY.encode(), "|".join(parts).encode(), hashlib.sha256).digest()
