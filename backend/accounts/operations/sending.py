"""Handing a one-time code to the providers of OTP_PROVIDER: in order, outside any transaction, never on a guess.

What a provider's failure means is one table for the whole project (`notifications.providers.ProviderError`). For
somebody who waits for a code its four reactions are:

| reaction      | what happens                                                                              |
|---------------|-------------------------------------------------------------------------------------------|
| tell the user | nobody else is asked; 400 `phone_invalid`, or 422 `otp_channel_refused` after an opt-out   |
| try the next  | the next provider; when it was the last, 503 `otp_not_sent`, again in 5 s                  |
| back off      | the next provider if this one surely did not take it, else 503, again in 30 s; a code that |
|               | may have gone out counts as sent: 202, it stays good, and nobody sends it again            |
| alarm         | an alarm record; the next provider, unless it was stopped as fraud; 503 when nobody is left|

A provider that failed five times in a row, with codes or messages, is asked after the others (`notifications` keeps
its circuit), and never left out: the last one is always tried.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from django.conf import settings
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from backend.accounts import messages
from backend.accounts.models import OtpChallenge
from backend.accounts.operations.limits import OtpNotSent
from backend.core.errors import DomainError, Refused, ValidationFailed
from backend.notifications import operations as notifications
from backend.notifications import tallies
from backend.notifications.providers import (
    Channel,
    ProviderError,
    Reaction,
    Template,
    carriers,
    message_provider,
)
from backend.notifications.tallies import Tally

logger = logging.getLogger("mawid.codes")

BUDGET = 25.0
"""Seconds somebody may wait for all providers together; a further one is asked only if its slowest answer fits."""
RETRY_SOON, RETRY_LATER = 5, 30

_Outcome = OtpChallenge.SendOutcome


class OtpChannelRefused(Refused):
    code = "otp_channel_refused"
    message = _("This number refuses our messages on this channel. Please choose another one.")


def require_channel(channel: str) -> None:
    """Raises ValidationFailed (`invalid_choice`) when no provider of codes is set up for this channel."""
    if not carriers(settings.OTP_PROVIDER, cast(Channel, channel)):
        raise ValidationFailed.at("/channel", "invalid_choice")


def hand_over(challenge: OtpChallenge, body: str, *, code: str) -> list[ProviderError]:
    """Send the code to the challenge's phone. The refusals when nobody took it, an empty list otherwise.

    `body` is the text of an SMS. WhatsApp has its own wording, approved beforehand, and takes only the code.
    """
    channel = cast(Channel, challenge.channel)
    template = None
    if code not in body:
        channel = "sms"  # a text that keeps the code to itself has no approved wording on WhatsApp
    if channel == "whatsapp":
        body = messages.whatsapp_code_text(code=code, language=challenge.language)
        template = Template(name="otp", language=challenge.language, values=(code,))
    began = time.monotonic()
    refusals: list[ProviderError] = []
    asked = ""
    names = carriers(settings.OTP_PROVIDER, channel)
    for name in notifications.trusted_first(names, channel, now=challenge.created_at):
        provider = message_provider(name)
        passed = time.monotonic() - began
        if refusals and passed + provider.longest_call > BUDGET:
            break
        asked = name
        waited = timedelta(seconds=passed)
        moment = challenge.created_at + waited
        try:
            message_id = provider.send(
                channel=channel,
                to=challenge.phone,
                body=body,
                reference=challenge.reference,
                template=template,
                valid_for=challenge.expires_at - challenge.created_at - waited,
            )
        except ProviderError as error:
            _log(name, error)
            if error.outcome == "unknown" or error.error_class == "duplicate":
                notifications.note_failure(provider=name, channel=channel, error=error, now=moment)
                note(challenge, _Outcome.UNKNOWN, provider=name, error_class=error.error_class)
                return []
            notifications.note_refusal(provider=name, channel=channel, error=error, now=moment)
            refusals.append(error)
            if not error.passes_on:
                break
            continue
        notifications.note_success(provider=name, channel=channel)
        note(challenge, _Outcome.ACCEPTED, provider=name, message_id=message_id)
        return []
    if not refusals:
        refusals.append(
            ProviderError("nobody carries this channel", outcome="refused", error_class="configuration")
        )
    note(challenge, _Outcome.REFUSED, provider=asked, error_class=refusals[-1].error_class)
    return refusals


def answer_to(refusals: Sequence[ProviderError], *, pointer: str = "/phone") -> DomainError:
    """What the person is told when nobody took the code. `pointer` names the field that holds the number."""
    classes = [error.error_class for error in refusals]
    if classes[-1] == "opted_out":
        return OtpChannelRefused()
    if classes[-1] == "recipient" or set(classes) == {"no_route"}:
        return ValidationFailed.at(pointer, "phone_invalid")
    later = any(error.reaction is Reaction.BACK_OFF for error in refusals)
    return OtpNotSent(extra={"retry_after": RETRY_LATER if later else RETRY_SOON})


def note(
    challenge: OtpChallenge, outcome: str, *, provider: str, message_id: str = "", error_class: str = ""
) -> None:
    OtpChallenge.objects.filter(pk=challenge.pk).update(
        send_outcome=outcome, provider=provider, provider_message_id=message_id[:80], error_class=error_class
    )


def _log(provider: str, error: ProviderError) -> None:
    logger.log(
        logging.ERROR if error.reaction is Reaction.ALARM else logging.WARNING,
        "provider did not take a code: %s",
        error,
        extra={"provider": provider, "outcome": error.outcome, "error_class": error.error_class},
    )


def code_tallies(moment: datetime) -> list[Tally]:
    """How the providers did with codes asked for since `moment`, for `manage.py providers`."""
    challenges = OtpChallenge.objects.filter(
        created_at__gte=moment, send_outcome__in=[_Outcome.ACCEPTED, _Outcome.UNKNOWN]
    )
    rows = challenges.values("provider", "channel").annotate(
        accepted=Count("pk", filter=Q(send_outcome=_Outcome.ACCEPTED)),
        unknown=Count("pk", filter=Q(send_outcome=_Outcome.UNKNOWN)),
        confirmed=Count("pk", filter=Q(used_at__isnull=False)),
    )
    taken = [
        Tally(
            provider=row["provider"],
            channel=row["channel"],
            accepted=row["accepted"],
            unknown=row["unknown"],
            confirmed=row["confirmed"],
        )
        for row in rows.order_by("provider", "channel")
    ]
    unclear = (
        challenges.filter(send_outcome=_Outcome.UNKNOWN)
        .order_by("provider", "channel", "-created_at")
        .distinct("provider", "channel")
        .values_list("provider", "channel", "error_class", "created_at")
    )
    lost = [
        Tally(provider=provider, channel=channel, last_error_class=error_class, last_error_at=at)
        for provider, channel, error_class, at in unclear
    ]
    return taken + lost + tallies.of_refusals(moment)
