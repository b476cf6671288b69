"""What an answer sets off and its caller does not wait for."""

from __future__ import annotations

import logging
import threading

from django.utils import timezone
from rest_framework.response import Response

from backend.notifications import operations as notifications

logger = logging.getLogger("mawid.payments")
AT_MOST = 4
"""Messages after one answer: an event about money rarely sets off more."""
SECONDS = 12.0
"""After so many none is taken up any more, so that a silent carrier soon lets the thread go."""

_one_at_a_time = threading.Lock()


class MessagesAfterwards(Response):
    """An answer after which messages that are due leave, once the caller has it.

    Servers close a response when all of it was sent (PEP 3333), in the thread that made it. A carrier takes longer
    than a gateway's webhook may, and `deliver` comes by only each minute. One thread of a process does this at a time,
    so that a silent carrier never holds up the others; what does not fit stays due.
    """

    def close(self) -> None:
        super().close()
        if not _one_at_a_time.acquire(blocking=False):
            return
        try:
            notifications.deliver_due(now=timezone.now(), limit=AT_MOST, seconds=SECONDS)
        except Exception:  # the answer is out: `deliver` comes by
            logger.exception("messages left for deliver")
        finally:
            _one_at_a_time.release()
