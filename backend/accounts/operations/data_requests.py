"""The queue of people's requests about their data: opened by the app or by hand, answered within 30 days."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from backend.accounts.models import ANSWER_WITHIN, DataRequest, User
from backend.core.errors import Conflict


class DataRequestClosed(Conflict):
    """Met in the console only, so it has no code for apps."""

    message = _("This request has already been answered.")


class DataRequestExtended(Conflict):
    """Met in the console only, so it has no code for apps."""

    message = _("This request can be extended only once, with a reason, before it is answered.")


def open_data_request(
    *, person: User | None, kind: str, channel: str, now: datetime, note: str = ""
) -> DataRequest:
    """Write a request down; the answer is due in 30 days. `person` is None for somebody without an account."""
    return DataRequest.objects.create(
        person=person, kind=kind, channel=channel, received_at=now, due_at=now + ANSWER_WITHIN, note=note
    )


def close_data_request(request: DataRequest, *, outcome: str, now: datetime, note: str = "") -> None:
    """Note how it was answered; a refusal says why. Raises DataRequestClosed."""
    changes = {"outcome": outcome, "closed_at": now} | ({"note": note} if note else {})
    if not DataRequest.objects.filter(pk=request.pk, closed_at__isnull=True).update(**changes):
        raise DataRequestClosed


def extend_data_request(request: DataRequest, *, reason: str) -> None:
    """Take up to 30 days more; the person is told the reason beforehand. Raises DataRequestExtended."""
    waiting = DataRequest.objects.filter(pk=request.pk, closed_at__isnull=True, extended_until__isnull=True)
    if not reason or not waiting.update(
        extended_until=request.due_at + ANSWER_WITHIN, extension_reason=reason
    ):
        raise DataRequestExtended
