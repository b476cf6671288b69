"""Everything about one person, as one document, without anybody else's data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from backend.accounts.models import DataRequest, User
from backend.accounts.operations.data_requests import close_data_request, open_data_request
from backend.accounts.operations.identity import require_confirmed
from backend.core import limits, privacy
from backend.core.limits import Limit
from backend.core.time import rfc3339

PER_DAY = Limit("export", 3, timedelta(days=1))
MOST_RECORDS = 10_000
"""Per section, the newest: years of a customer's life. Who has more is told so and asks for the rest."""


def export_person(*, person: User, now: datetime) -> dict[str, Any]:
    """`{"exported_at", "complete", "sections": {name: [record, ...]}}`, each section newest first.

    The request stands in the queue from before to after, so that a copy that failed is not forgotten. A session that
    may not see what is old (operations.identity) is handed nothing old. Raises TooManyRequests, IdentityUnconfirmed.
    Not for a transaction: the count is committed at once.
    """
    require_confirmed(person)
    wait = limits.take(PER_DAY, str(person.pk), now=now)
    if wait:
        raise PER_DAY.refusal(wait)
    request = open_data_request(
        person=person, kind=DataRequest.Kind.COPY, channel=DataRequest.Channel.APP, now=now
    )
    since = person.history_from or datetime.fromtimestamp(0, UTC)
    sections: dict[str, list[Any]] = {}
    complete = True
    for keeper in privacy.keepers():
        for name, records in keeper.export(person, since).items():
            kept = list(islice(records, MOST_RECORDS + 1))
            complete &= len(kept) <= MOST_RECORDS
            sections[name] = kept[:MOST_RECORDS]
    close_data_request(
        request,
        outcome=DataRequest.Outcome.DONE if complete else DataRequest.Outcome.PARTLY,
        now=now,
    )
    return {"exported_at": rfc3339(now), "complete": complete, "sections": sections}
