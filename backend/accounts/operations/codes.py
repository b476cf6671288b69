"""One-time codes: the count before the call, the try before the comparison, the account after the proof."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from backend.accounts import messages, tokens
from backend.accounts.models import MAX_TRIES, MAX_TRIES_WITH_REPEATS, Device, OtpChallenge, User
from backend.accounts.operations.sessions import AccountSuspended, DeviceDetails, open_session
from backend.accounts.tokens import TokenPair
from backend.core import limits
from backend.core.errors import Invalid, TooManyRequests, Unavailable, ValidationFailed
from backend.core.limits import Limit
from backend.core.time import seconds_until
from backend.notifications.providers import ProviderError, sms_provider

logger = logging.getLogger("mawid.codes")

CODE_LENGTH = 6
RESEND_WAIT = timedelta(seconds=60)
REPEAT_WITHIN = timedelta(seconds=60)

PER_MINUTE = Limit("otp-minute", 1, RESEND_WAIT, scaled=False)
PER_HOUR = Limit("otp-hour", 5, timedelta(hours=1))
PER_DAY = Limit("otp-day", 10, timedelta(days=1))
PER_INSTALLATION = Limit("otp-installation", 20, timedelta(hours=1))

_Outcome = OtpChallenge.SendOutcome


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
    code_length: int = CODE_LENGTH


def request_code(
    *,
    phone: str,
    channel: str,
    app_hash: str | None,
    installation_id: uuid.UUID | None,
    language: str,
    now: datetime,
) -> CodeRequest:
    """Send a code to this number (E.164), whoever it belongs to. It replaces the number's earlier codes.

    The counts are taken before anybody is called and stay, unless every provider clearly refused. An outcome
    nobody saw counts as sent: the text may have arrived, so the code stays good and no second text is risked.
    Raises OtpResendWait, TooManyRequests, OtpNotSent, or ValidationFailed (`phone_invalid`) when the carriers
    know the number to be none.
    """
    taken = _count(phone=phone, installation_id=installation_id, now=now)
    code = f"{secrets.randbelow(10**CODE_LENGTH):0{CODE_LENGTH}d}"
    challenge = _create_challenge(phone=phone, channel=channel, language=language, code=code, now=now)
    body = messages.code_text(
        code=code,
        language=language,
        minutes=int(settings.OTP_LIFETIME.total_seconds() // 60),
        app_hash=app_hash,
    )
    refusals = _send(challenge, body)
    if refusals:
        for limit, subject in taken:
            limits.give_back(limit, subject)
        if all(error.error_class == "recipient" for error in refusals):
            raise ValidationFailed.at("/phone", "phone_invalid")
        raise OtpNotSent(extra={"retry_after": 5})
    return CodeRequest(
        challenge_id=challenge.pk,
        phone=phone,
        expires_in_seconds=seconds_until(challenge.expires_at, now),
        resend_in_seconds=int(RESEND_WAIT.total_seconds()),
    )


def _count(*, phone: str, installation_id: uuid.UUID | None, now: datetime) -> list[tuple[Limit, str]]:
    """Take every count or none. In autocommit: what is refused or fails later must not undo them."""
    wanted = [(PER_MINUTE, phone), (PER_HOUR, phone), (PER_DAY, phone)]
    if installation_id is not None:
        wanted.append((PER_INSTALLATION, installation_id.hex))
    taken: list[tuple[Limit, str]] = []
    for limit, subject in wanted:
        wait = limits.take(limit, subject, now=now)
        if wait:
            for earlier in taken:
                limits.give_back(*earlier)
            if limit is PER_MINUTE:
                raise OtpResendWait(retry_after=wait, seconds=wait)
            raise TooManyRequests(retry_after=wait)
        taken.append((limit, subject))
    return taken


def _create_challenge(*, phone: str, channel: str, language: str, code: str, now: datetime) -> OtpChallenge:
    challenge = OtpChallenge(
        phone=phone,
        channel=channel,
        language=language,
        created_at=now,
        expires_at=now + settings.OTP_LIFETIME,
    )
    challenge.code_hmac = _code_hmac(challenge, code)
    try:
        with transaction.atomic():
            OtpChallenge.objects.filter(
                phone=phone, purpose=challenge.purpose, used_at__isnull=True, superseded_at__isnull=True
            ).update(superseded_at=now)
            challenge.save(force_insert=True)
    except IntegrityError as error:
        # Another machine, with another clock, sent this number a code at this very moment.
        wait = int(RESEND_WAIT.total_seconds())
        raise OtpResendWait(retry_after=wait, seconds=wait) from error
    return challenge


def _send(challenge: OtpChallenge, body: str) -> list[ProviderError]:
    """Try the providers in order, outside any transaction. The refusals, when all of them clearly refused."""
    refusals: list[ProviderError] = []
    for name in settings.OTP_PROVIDER:
        try:
            message_id = sms_provider(name).send(to=challenge.phone, body=body, reference=challenge.reference)
        except ProviderError as error:
            alarm = error.error_class in ("configuration", "our_bug")
            logger.log(
                logging.ERROR if alarm else logging.WARNING,
                "provider did not take a code: %s",
                error,
                extra={"provider": name, "outcome": error.outcome, "error_class": error.error_class},
            )
            if error.outcome == "unknown" or error.error_class == "duplicate":
                _note(challenge, _Outcome.UNKNOWN, provider=name, error_class=error.error_class)
                return []
            refusals.append(error)
            continue
        _note(challenge, _Outcome.ACCEPTED, provider=name, message_id=message_id)
        return []
    _note(challenge, _Outcome.REFUSED, provider=name, error_class=refusals[-1].error_class)
    return refusals


def _note(
    challenge: OtpChallenge, outcome: str, *, provider: str, message_id: str = "", error_class: str = ""
) -> None:
    OtpChallenge.objects.filter(pk=challenge.pk).update(
        send_outcome=outcome, provider=provider, provider_message_id=message_id[:80], error_class=error_class
    )


# Giving it back ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SignIn:
    user: User
    device: Device
    tokens: TokenPair
    is_new_user: bool


def verify_code(*, challenge_id: uuid.UUID, code: str, device: DeviceDetails, now: datetime) -> SignIn:
    """Sign in with a code (ASCII digits). The account is created now, by the proof, not by the request.

    The same code from the same installation is answered with the same session for 60 s: a lost answer must
    not cost a second text. Raises OtpInvalid (`attempts_left`), OtpExpired, OtpTooManyAttempts or
    AccountSuspended.
    """
    challenge = OtpChallenge.objects.select_related("device__user").filter(pk=challenge_id).first()
    if challenge is None:
        raise OtpExpired
    if challenge.used_at is not None:
        return _repeat(challenge, code=code, details=device, now=now)
    tries = _count_try(challenge, now=now)
    if not hmac.compare_digest(bytes(challenge.code_hmac), _code_hmac(challenge, code)):
        raise OtpInvalid(attempts_left=max(0, MAX_TRIES - tries))
    with transaction.atomic():
        # Twins with the right code queue here; the first one signs in.
        won = OtpChallenge.objects.filter(
            pk=challenge.pk, used_at__isnull=True, superseded_at__isnull=True
        ).update(used_at=now)
        if won:
            return _sign_in(challenge, details=device, now=now)
    challenge = OtpChallenge.objects.select_related("device__user").get(pk=challenge.pk)
    return _repeated(challenge, details=device, now=now)


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
    challenge.refresh_from_db(fields=["superseded_at", "expires_at", "created_at"])
    if challenge.superseded_at is not None or challenge.expires_at <= now:
        raise OtpExpired
    raise OtpTooManyAttempts(retry_after=max(1, seconds_until(challenge.created_at + RESEND_WAIT, now)))


def _sign_in(challenge: OtpChallenge, *, details: DeviceDetails, now: datetime) -> SignIn:
    user, is_new = User.objects.for_sign_in(challenge.phone, device_language=challenge.language, now=now)
    if not user.is_active:
        raise AccountSuspended
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
    """Bound to purpose, challenge and phone, under a key that is not in the database."""
    text = "|".join((challenge.purpose, str(challenge.pk), challenge.phone, code))
    return hmac.new(settings.OTP_KEY.encode(), text.encode(), hashlib.sha256).digest()
