"""Consents: one per purpose, as easy to withdraw as to give, each decision a row that proves itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from backend.accounts import queries
from backend.accounts.models import Consent, Purpose, User
from backend.accounts.operations.sessions import SessionRevoked
from backend.accounts.signals import consent_withdrawn
from backend.core.request_context import current_request_id

_CLIENT = re.compile(r"[a-z]{2,10}/[0-9][0-9A-Za-z.+\-]{0,28}")
"""`X-Client: ios/2.3.1+431`. Anything else is not kept: a header may hold whatever somebody put there."""


def decide_consent(
    *, user: User, purpose: str, granted: bool, means: str, client: str = "", now: datetime
) -> Consent:
    """Give, refuse or withdraw one consent, under the notice in force.

    Saying the same again under the same notice adds nothing. A no is announced as `consent_withdrawn`, so that what
    rested on the consent goes with it. Raises NotFound when no notice is published.
    """
    notice = queries.notice_in_force(now)
    with transaction.atomic():
        # Decisions of one person queue here, also behind the deletion of the account.
        if not _lock(user):
            raise SessionRevoked
        latest = queries.latest_consents(user).get(purpose)
        if latest is not None and (latest.granted, latest.notice_id) == (granted, notice.pk):
            return latest
        if not granted:
            consent_withdrawn.send(Consent, user=user, purpose=purpose, now=now)
        return Consent.objects.create(
            user=user,
            purpose=purpose,
            granted=granted,
            notice=notice,
            at=now,
            means=means,
            client=client if _CLIENT.fullmatch(client) else "",
            request_id=current_request_id.get() or "",
        )


def withdraw_all(user: User, *, now: datetime) -> int:
    """An account that ends takes its consents back. The person's row is locked by the caller."""
    given: Iterable[Consent] = [c for c in queries.latest_consents(user).values() if c.granted]
    rows = [
        Consent(
            user=user,
            purpose=consent.purpose,
            granted=False,
            notice_id=consent.notice_id,
            at=now,
            means=Consent.Means.ACCOUNT_DELETION,
            request_id=current_request_id.get() or "",
        )
        for consent in given
    ]
    Consent.objects.bulk_create(rows)
    return len(rows)


def _lock(user: User) -> bool:
    return User.objects.select_for_update(no_key=True).filter(pk=user.pk, deleted_at__isnull=True).exists()


PURPOSES: frozenset[str] = frozenset(Purpose.values)
