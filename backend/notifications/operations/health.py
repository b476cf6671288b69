"""The circuit of each provider on each channel: five failures in a row open it, and traffic goes elsewhere.

Its row is the same for all processes. While it is open others are asked first; after PAUSE one process tries the
provider again, and a success closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from backend.core.alarms import raise_alarm
from backend.core.postgres.base import binary_cursor
from backend.notifications.models import ProviderHealth, ProviderRefusal
from backend.notifications.operations.routes import Route
from backend.notifications.providers import Channel, ErrorClass, ProviderError, Reaction

OPENS_AFTER = 5
PAUSE = timedelta(seconds=20)

_FAULTS: frozenset[ErrorClass] = frozenset({"provider_fault", "unknown", "throttled", "configuration"})

_FAILED = """
    INSERT INTO notifications_providerhealth AS kept
           (provider, channel, failures, last_failure_at, last_error_class)
    VALUES (%(provider)s, %(channel)s, 1, %(now)s, %(error_class)s)
    ON CONFLICT (provider, channel) DO UPDATE
       SET failures = kept.failures + 1,
           last_failure_at = greatest(kept.last_failure_at, excluded.last_failure_at),
           last_error_class = excluded.last_error_class,
           opened_at = CASE WHEN kept.failures + 1 >= %(opens_after)s
                            THEN coalesce(kept.opened_at, excluded.last_failure_at) END,
           open_until = CASE WHEN kept.failures + 1 >= %(opens_after)s
                             THEN CASE WHEN kept.open_until > excluded.last_failure_at THEN kept.open_until
                                       ELSE excluded.last_failure_at + %(pause)s END END
    RETURNING failures
"""


def counts(error: ProviderError) -> bool:
    """Whether it says something about the provider, not about the number or the text."""
    return error.error_class in _FAULTS


def note_failure(*, provider: str, channel: Channel, error: ProviderError, now: datetime) -> None:
    """One more failure in a row, if it is the provider's; the one that opens the circuit is an alarm."""
    if not counts(error):
        return
    values: dict[str, Any] = {
        "provider": provider,
        "channel": channel,
        "now": now,
        "error_class": error.error_class,
        "opens_after": OPENS_AFTER,
        "pause": PAUSE,
    }
    with binary_cursor() as cursor:
        cursor.execute(_FAILED, values)
        failures = cursor.fetchone()[0]
    if failures == OPENS_AFTER:
        raise_alarm("circuit_open", f"{provider} {channel}", error_class=error.error_class)


def note_success(*, provider: str, channel: Channel) -> None:
    """Close the circuit; free of a write where nothing was wrong."""
    ProviderHealth.objects.filter(provider=provider, channel=channel, failures__gt=0).update(
        failures=0, opened_at=None, open_until=None
    )


def note_refusal(*, provider: str, channel: Channel, error: ProviderError, now: datetime) -> None:
    """Remember that a provider refused a message which is no row of the outbox, and raise an alarm if it is one."""
    ProviderRefusal.objects.create(
        provider=provider,
        channel=channel,
        outcome=error.outcome,
        error_class=error.error_class,
        at=now,
    )
    alarm(provider, channel, error)
    note_failure(provider=provider, channel=channel, error=error, now=now)


def alarm(provider: str, channel: Channel, error: ProviderError) -> None:
    if error.reaction is Reaction.ALARM:
        raise_alarm(
            "provider_refusal", provider, channel=channel, error_class=error.error_class, said=str(error)
        )


def may_try(route: Route, *, now: datetime) -> bool:
    """Take the one try of an open circuit whose pause is over; False when another process has it."""
    return bool(
        ProviderHealth.objects.filter(
            provider=route.provider, channel=route.channel, open_until__lte=now
        ).update(open_until=now + PAUSE)
    )


def trusted_first(providers: Sequence[str], channel: Channel, *, now: datetime) -> list[str]:
    """The providers of a channel in order, those whose circuit is open behind the others."""
    if len(providers) < 2:
        return list(providers)
    until = dict(
        ProviderHealth.objects.filter(channel=channel, open_until__isnull=False).values_list(
            "provider", "open_until"
        )
    )
    trusted: list[str] = []
    doubtful: list[str] = []
    for name in providers:
        ends = until.get(name)
        # Only the first place is worth the one try: whoever stands further back is asked when the first refused.
        well = ends is None or (ends <= now and not trusted and may_try(Route(channel, name), now=now))
        (trusted if well else doubtful).append(name)
    return trusted + doubtful
