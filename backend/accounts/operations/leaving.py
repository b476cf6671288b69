"""Letting go of people: the account somebody deletes, and those nobody has used for long.

The row of a person stays, without phone and name, so that bookings, payments and proofs keep something to point at and
the books keep balancing. What belongs to the apps above is let go of by their keepers (`core.privacy`).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from backend.accounts import queries
from backend.accounts.models import DataRequest, User
from backend.accounts.operations.data_requests import close_data_request, open_data_request
from backend.accounts.operations.sessions import SessionRevoked
from backend.core import privacy
from backend.core.privacy import Erasure, Leftover

logger = logging.getLogger("mawid.privacy")

BATCH = 500


def delete_account(*, user: User, now: datetime) -> Erasure:
    """The person leaves: nobody is left behind the row when this returns, or nothing has changed.

    Live bookings are cancelled by their policy, and refunds follow as they do for any cancellation. Raises
    SessionRevoked when the account is already gone, and whatever an app above has against it.
    """
    with transaction.atomic():
        erasure = erase_person(User.objects.filter(pk=user.pk, deleted_at__isnull=True), now=now)
        if erasure is None:
            raise SessionRevoked
        request = open_data_request(
            person=user, kind=DataRequest.Kind.DESTRUCTION, channel=DataRequest.Channel.APP, now=now
        )
        close_data_request(request, outcome=DataRequest.Outcome.DONE, now=now)
    return erasure


def erase_person(people: QuerySet[User], *, now: datetime) -> Erasure | None:
    """Take the person out of everything, in the caller's transaction; None when `people` has nobody.

    The row is locked, and once more as a key when the phone goes. Whoever inserts a row that points at the person
    while holding a booking of theirs passes the first lock, so a salon's desk or a webhook never deadlocks with this;
    two requests of the same person can, and the loser is asked to retry.
    """
    person = people.select_for_update(no_key=True).first()
    if person is None:
        return None
    erasure = Erasure()
    for keeper in reversed(privacy.keepers()):
        erasure.add(keeper.erase(person, now))
    # The instance keeps its values for whoever reported on them; only the row forgets.
    User.objects.filter(pk=person.pk).update(
        phone=None,
        name="",
        gender="",
        email="",
        email_verified_at=None,
        language=None,
        is_staff=False,
        is_superuser=False,
        deleted_at=now,
    )
    return erasure


# Those nobody has used for long ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One line of a run: a person by id, or a kind of leftover, and how much was let go of."""

    subject: str
    counts: dict[str, int]

    def __str__(self) -> str:
        return f"{self.subject}: " + (", ".join(f"{what} {n}" for what, n in self.counts.items()) or "-")


def anonymise(
    *, before: datetime, now: datetime, dry_run: bool, stop: Callable[[], bool] = lambda: False
) -> Iterator[Step]:
    """Let go of customers not seen since `before`, and of personal leftovers past their time.

    The same code runs dry and for good; dry, all of it happens in one transaction that is rolled back. For good,
    each person and each batch is committed on its own, so a run that was killed is finished by the next.
    """
    if not dry_run:
        yield from _anonymise(before=before, now=now, stop=stop)
        return
    with transaction.atomic():
        yield from _anonymise(before=before, now=now, stop=stop)
        transaction.set_rollback(True)


def purge_leftovers(now: datetime) -> int:
    """`tick`'s share: leftovers whose time the privacy notice names."""
    return sum(
        sum(_purge(leftover, before=now - leftover.kept_for, now=now))
        for leftover in _leftovers()
        if leftover.kept_for is not None
    )


def _anonymise(*, before: datetime, now: datetime, stop: Callable[[], bool]) -> Iterator[Step]:
    for person_id in _dormant(before):
        if stop():
            return
        with transaction.atomic():
            # Asked again under the lock: somebody may have come back since the list was made.
            erasure = erase_person(queries.dormant_people(before).filter(pk=person_id), now=now)
        if erasure is not None:
            yield Step(f"person {person_id}", _counts(erasure))
    for leftover in _leftovers():
        oldest = before if leftover.kept_for is None else now - leftover.kept_for
        count = 0
        for done in _purge(leftover, before=oldest, now=now):
            count += done
            if stop():
                break
        yield Step(f"leftover {leftover.what}", {"rows": count})
        if stop():
            return


def _dormant(before: datetime) -> Iterator[uuid.UUID]:
    """Ids in order, a batch at a time: who cannot be let go of now is passed over, not met again."""
    last = uuid.UUID(int=0)
    while batch := list(
        queries.dormant_people(before).filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        yield from batch
        last = batch[-1]


def _leftovers() -> Iterator[Leftover]:
    for keeper in reversed(privacy.keepers()):
        yield from keeper.leftovers


def _purge(leftover: Leftover, *, before: datetime, now: datetime) -> Iterator[int]:
    done = BATCH
    while done == BATCH:
        with transaction.atomic():
            done = leftover.purge(before, BATCH, now)
        yield done


def _counts(erasure: Erasure) -> dict[str, int]:
    counts = {"ended": len(erasure.ended)} if erasure.ended else {}
    return counts | {row.what: row.count for row in erasure.erased if row.count}
