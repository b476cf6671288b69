"""An operator's second try at a dead letter."""

from __future__ import annotations

import logging
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.core.errors import Conflict
from backend.notifications.models import Message

logger = logging.getLogger("mawid.messages")

_State = Message.State


class MessageNotResendable(Conflict):
    code = "message_not_resendable"
    message = _(
        "This message cannot be sent again: it is on its way, was delivered, or has nothing to tell any more."
    )


def resend(message: Message, *, by: AbstractBaseUser, now: datetime) -> None:
    """Send a failed, unknown or skipped message anew, with all its tries; the row keeps who asked, and when.

    One that may have gone out may reach its reader twice: whoever resends it decides that. Raises
    MessageNotResendable for any other state, for words that were let go of, and after `expires_at`.
    """
    again = Message.objects.filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now),
        pk=message.pk,
        state__in=[_State.FAILED, _State.UNKNOWN, _State.SKIPPED],
        erased_at__isnull=True,
    ).update(
        state=_State.PENDING,
        attempts=0,
        next_attempt_at=now,
        finished_at=None,
        resent_at=now,
        resent_by=by,
    )
    if not again:
        raise MessageNotResendable
    logger.info("message resent", extra={"message_id": str(message.pk), "by": str(by.pk)})
