"""Owing somebody a message and delivering it: claim and commit, call the carrier, then record what happened.

No provider is ever called inside a transaction of ours, and nothing is sent twice on a guess: a text whose
fate nobody saw is looked up at the provider under our own reference, and sent again only when it is surely
not there.
"""

from backend.notifications.operations.claiming import Prospect, foresee
from backend.notifications.operations.delivering import deliver_due, deliver_job
from backend.notifications.operations.health import note_failure, note_refusal, note_success, trusted_first
from backend.notifications.operations.planning import VALID_FOR
from backend.notifications.operations.recording import LEASE, MAX_ATTEMPTS, RETRY_DELAYS
from backend.notifications.operations.reporting import age_reports, record_report
from backend.notifications.operations.resending import MessageNotResendable, resend
from backend.notifications.operations.writing import (
    WAKE_UP,
    Subject,
    Words,
    deliver_after_commit,
    draft,
    enqueue,
)

__all__ = [
    "LEASE",
    "MAX_ATTEMPTS",
    "RETRY_DELAYS",
    "VALID_FOR",
    "WAKE_UP",
    "MessageNotResendable",
    "Prospect",
    "Subject",
    "Words",
    "age_reports",
    "deliver_after_commit",
    "deliver_due",
    "deliver_job",
    "draft",
    "enqueue",
    "foresee",
    "note_failure",
    "note_refusal",
    "note_success",
    "record_report",
    "resend",
    "trusted_first",
]
