"""An e-mail address beside the phone number: proven by a code sent there, then used for messages, never to sign in."""

from __future__ import annotations

import hmac
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from backend.accounts import messages
from backend.accounts.models import MAX_TRIES, EmailChallenge, User
from backend.accounts.operations.codes import (
    CODE_LENGTH,
    OtpExpired,
    OtpInvalid,
    OtpTooManyAttempts,
    new_code,
    sealed,
)
from backend.accounts.operations.identity import require_confirmed
from backend.accounts.operations.limits import RESEND_WAIT, OtpNotSent, OtpResendWait
from backend.accounts.operations.sessions import SessionRevoked
from backend.core import limits
from backend.core.alarms import raise_alarm
from backend.core.errors import Refused, ValidationFailed
from backend.core.ids import uuid7
from backend.core.limits import Count, Limit
from backend.core.time import seconds_until
from backend.notifications.providers import ProviderError, Reaction, message_provider

logger = logging.getLogger("mawid.codes")

LIFETIME = timedelta(minutes=10)
"""Longer than a text message's code: mail is slower, and is read on another screen."""
PER_MINUTE = Limit("email-code-minute", 1, RESEND_WAIT, scaled=False)
PER_PERSON = Limit("email-code-person", 5, timedelta(hours=1))
PER_ADDRESS = Limit("email-code-address", 10, timedelta(days=1))


class EmailNotOffered(Refused):
    code = "email_not_offered"
    message = _("Messages by e-mail are not offered here.")


@dataclass(frozen=True)
class EmailRequest:
    email: str
    expires_in_seconds: int
    resend_in_seconds: int
    code_length: int = CODE_LENGTH


def ask_email(*, user: User, email: str, language: str, now: datetime) -> EmailRequest:
    """Send a code to an address; it replaces the person's earlier one. A confirmed address stays until then.

    The counts are taken before any provider is called, and given back when all clearly refused. Raises
    IdentityUnconfirmed, EmailNotOffered, OtpResendWait, TooManyRequests, OtpNotSent, SessionRevoked, or
    ValidationFailed (`email_invalid`) when the address is known to be none.
    """
    require_confirmed(user)
    if not settings.EMAIL_PROVIDER:
        raise EmailNotOffered
    counts = [
        Count(PER_MINUTE, user.pk.hex),
        Count(PER_PERSON, user.pk.hex),
        Count(PER_ADDRESS, sealed("email-limit", email.lower()).hex()[:32]),
    ]
    refusal = limits.take_all(counts, now=now)
    if refusal is not None:
        wait = refusal.retry_after
        if refusal.count.limit is PER_MINUTE:
            raise PER_MINUTE.refusal(wait, OtpResendWait, seconds=wait)
        raise refusal.count.limit.refusal(wait)
    code = new_code()
    challenge = EmailChallenge(user=user, email=email, created_at=now, expires_at=now + LIFETIME)
    challenge.code_hmac = _sealed(challenge, code)
    with transaction.atomic():
        if not _lock(user):
            raise SessionRevoked
        EmailChallenge.objects.bulk_create(
            [challenge],
            update_conflicts=True,
            unique_fields=["user"],
            update_fields=["email", "code_hmac", "created_at", "expires_at", "tries", "used_at"],
        )
    try:
        _send(challenge, code=code, language=language)
    except (OtpNotSent, ValidationFailed):
        for count in counts:
            limits.give_back(count.limit, count.subject, count.amount)
        raise
    return EmailRequest(
        email=email,
        expires_in_seconds=seconds_until(challenge.expires_at, now),
        resend_in_seconds=int(RESEND_WAIT.total_seconds()),
    )


def confirm_email(*, user: User, code: str, now: datetime) -> str:
    """Keep the address that the code (ASCII digits) was sent to, and return it. The same code again is fine.

    Raises IdentityUnconfirmed, OtpInvalid (`attempts_left`), OtpExpired, OtpTooManyAttempts, SessionRevoked.
    """
    require_confirmed(user)
    challenge = _count_try(user, now=now)
    if not hmac.compare_digest(bytes(challenge.code_hmac), _sealed(challenge, code)):
        raise OtpInvalid(attempts_left=max(0, MAX_TRIES - challenge.tries))
    with transaction.atomic():
        if not _lock(user):
            raise SessionRevoked
        mine = EmailChallenge.objects.filter(pk=user.pk, created_at=challenge.created_at)
        if mine.filter(used_at__isnull=True).update(used_at=now):
            User.objects.filter(pk=user.pk).update(email=challenge.email, email_verified_at=now)
        elif not User.objects.filter(pk=user.pk, email=challenge.email).exists():
            raise OtpExpired  # replaced by a newer one, or taken off since
    return challenge.email


def remove_email(*, user: User) -> None:
    """Write to no address any more; a code under way leads nowhere. Again is fine. Raises IdentityUnconfirmed."""
    require_confirmed(user)
    with transaction.atomic():
        _lock(user)
        EmailChallenge.objects.filter(pk=user.pk).delete()
        User.objects.filter(pk=user.pk).update(email="", email_verified_at=None)


def _count_try(user: User, *, now: datetime) -> EmailChallenge:
    """Count one try in a statement of its own, as with other codes. Raises OtpExpired, OtpTooManyAttempts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE accounts_emailchallenge SET tries = tries + 1
             WHERE user_id = %s AND tries < %s AND expires_at > %s
            RETURNING email, code_hmac, created_at, expires_at, tries
            """,
            [user.pk, MAX_TRIES, now],
        )
        row = cursor.fetchone()
    if row:
        return EmailChallenge(
            user=user, email=row[0], code_hmac=row[1], created_at=row[2], expires_at=row[3], tries=row[4]
        )
    spent = EmailChallenge.objects.filter(pk=user.pk, expires_at__gt=now).first()
    if spent is None:
        raise OtpExpired
    raise OtpTooManyAttempts(retry_after=max(1, seconds_until(spent.created_at + RESEND_WAIT, now)))


def _sealed(challenge: EmailChallenge, code: str) -> bytes:
    return sealed("email", str(challenge.user_id), challenge.email, challenge.created_at.isoformat(), code)


def _lock(user: User) -> bool:
    return User.objects.select_for_update(no_key=True).filter(pk=user.pk, deleted_at__isnull=True).exists()


def _send(challenge: EmailChallenge, *, code: str, language: str) -> None:
    """Raises OtpNotSent, or ValidationFailed at `/email`. A mail that may have gone out counts as sent."""
    minutes = int(LIFETIME.total_seconds() // 60)
    subject, body = messages.email_code(code=code, minutes=minutes, language=language)
    last: ProviderError | None = None
    for name in settings.EMAIL_PROVIDER:
        try:
            message_provider(name).send(
                channel="email",
                to=challenge.email,
                title=subject,
                body=body,
                reference=uuid7().hex,
                valid_for=LIFETIME,
            )
            return
        except ProviderError as error:
            logger.warning("provider did not take a code: %s", error, extra={"provider": name})
            if error.reaction is Reaction.ALARM:
                raise_alarm("provider_refusal", name, channel="email", error_class=error.error_class)
            if error.outcome == "unknown":
                return
            last = error
            if not error.passes_on:
                break
    if last is not None and last.error_class in ("recipient", "opted_out"):
        raise ValidationFailed.at("/email", "email_invalid") from last
    raise OtpNotSent(extra={"retry_after": int(RESEND_WAIT.total_seconds())}) from last
