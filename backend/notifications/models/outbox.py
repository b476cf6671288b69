"""The outbox: every message we owe somebody, and every time we handed it to a carrier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7
from backend.core.phone import E164_PATTERN


class Message(models.Model):
    """One fact told to one person, written in the fact's transaction, delivered after its commit.

    pending ─claim─▶ sending ─▶ sent | failed | pending (again, later) | unknown (it may have gone out);
    pending ─▶ skipped: nobody was asked to carry it (silenced, outdated, or no consent).
    A failed one is the dead letter: nothing tries it again until somebody resends it. Every message to a person
    with an account is also in their inbox, whatever became of its delivery.
    """

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        SENDING = "sending", "sending"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"
        UNKNOWN = "unknown", "unknown"
        SKIPPED = "skipped", "skipped"

    class Audience(models.TextChoices):
        CUSTOMER = "customer", "customer"
        STAFF = "staff", "staff"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    to_phone = models.CharField(max_length=16, blank=True)
    language = models.CharField(max_length=2)
    kind = models.CharField(max_length=40)
    """What it tells, e.g. `booking_confirmed`: a stored code for filters, never shown."""
    audience = models.CharField(max_length=8, choices=Audience.choices)
    channel = models.CharField(max_length=8, blank=True, default="", db_default="")
    """What it went by, or goes by at the moment; empty until a first provider was asked."""
    title = models.CharField(max_length=60, blank=True, default="", db_default="")
    """Heads a push and an e-mail, and its line in the inbox."""
    body = models.TextField(blank=True)
    """The whole text, as SMS, e-mail and the inbox show it."""
    push_body = models.TextField(blank=True, default="", db_default="")
    """What a lock screen may show: no name of a person, a salon or a service."""
    values = models.JSONField(default=list, db_default=[])
    """What fills the wording approved for WhatsApp, in its order: a list of texts."""
    salon_id = models.UUIDField(null=True, blank=True)
    """On whose behalf it is sent: who pays for it, and whose name it bears."""
    subject_type = models.CharField(max_length=16, blank=True, default="", db_default="")
    subject_id = models.UUIDField(null=True, blank=True)
    """What it is about, such as ("booking", its id): what the inbox opens, and what a reply acts on."""
    event_key = models.CharField(max_length=160)
    """Names the fact and the reader, so that an operation run twice cannot tell it twice."""
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    """Rounds of sending begun; a round may try several providers, each a DeliveryAttempt."""
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    """When to send (pending) or to ask the provider again (unknown); null when nothing is left to do."""
    claimed_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    """When it has nothing to tell any more, such as a reminder when the visit begins."""
    finished_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    """When its reader opened it in the inbox."""
    resent_at = models.DateTimeField(null=True, blank=True)
    """When somebody last had it sent anew; what was tried before does not count any more."""
    resent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    erased_at = models.DateTimeField(null=True, blank=True)
    """When its number and words were let go of; that it was sent, when and by whom stays (`privacy`)."""

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state__in=["pending", "unknown"]), name="message_due"
            ),
            models.Index(fields=["claimed_until"], condition=Q(state="sending"), name="message_lease"),
            models.Index(
                fields=["recipient", "-id"], condition=Q(erased_at__isnull=True), name="message_inbox"
            ),
            models.Index(
                fields=["recipient"],
                condition=Q(erased_at__isnull=True, read_at__isnull=True),
                name="message_unread",
            ),
            models.Index(fields=["subject_id"], name="message_by_subject"),
            models.Index(
                fields=["to_phone", "-created_at"],
                condition=Q(channel="whatsapp"),
                name="message_whatsapp_to",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event_key"], name="message_once_per_event"),
            models.CheckConstraint(
                condition=Q(to_phone__regex=E164_PATTERN) | Q(erased_at__isnull=False, to_phone=""),
                name="message_phone_is_e164",
            ),
            models.CheckConstraint(condition=Q(language__in=["ar", "en"]), name="message_language_known"),
            models.CheckConstraint(
                condition=Q(audience__in=["customer", "staff"]), name="message_audience_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["", "sms", "whatsapp", "push", "email"]),
                name="message_channel_known",
            ),
            models.CheckConstraint(
                condition=Q(subject_type="", subject_id__isnull=True)
                | Q(subject_type__in=["booking", "salon"], subject_id__isnull=False),
                name="message_subject_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True) & ~Q(body="")
                | Q(erased_at__isnull=False, title="", body="", push_body="", values=[]),
                name="message_says_something",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="pending",
                    next_attempt_at__isnull=False,
                    claimed_until__isnull=True,
                    finished_at__isnull=True,
                )
                | Q(state="sending", claimed_until__isnull=False, finished_at__isnull=True)
                | Q(
                    state__in=["sent", "failed", "skipped"],
                    next_attempt_at__isnull=True,
                    claimed_until__isnull=True,
                    finished_at__isnull=False,
                )
                | Q(state="unknown", claimed_until__isnull=True, finished_at__isnull=False),
                name="message_state_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(
                    state__in=["sent", "failed", "unknown", "skipped"],
                    to_phone="",
                    next_attempt_at__isnull=True,
                ),
                name="message_erased_is_over",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def reference(self) -> str:
        """What we call this message towards a provider, the same in every attempt: short and ASCII."""
        return self.id.hex


class DeliveryAttempt(models.Model):
    """One handing over to one provider, committed before the call.

    While it has no outcome, the call may or may not have happened.
    """

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", "accepted"
        REFUSED = "refused", "refused"
        UNREACHABLE = "unreachable", "unreachable"
        UNKNOWN = "unknown", "unknown"

    class Report(models.TextChoices):
        """What the provider told of it later. It only moves forward in this order (`REPORT_RANK`)."""

        NONE = "", "none"
        SENT = "sent", "sent"
        UNKNOWN = "unknown", "unknown"
        UNDELIVERED = "undelivered", "undelivered"
        DELIVERED = "delivered", "delivered"
        READ = "read", "read"

    REPORT_RANK: ClassVar[Mapping[str, int]] = {value: rank for rank, value in enumerate(Report.values)}

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="delivery_attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    channel = models.CharField(max_length=8, default="sms", db_default="sms")
    provider = models.CharField(max_length=16)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, null=True, blank=True)
    error_class = models.CharField(max_length=16, blank=True, default="")
    provider_message_id = models.CharField(max_length=80, blank=True, default="")
    units = models.PositiveSmallIntegerField()
    """What the carrier bills: SMS parts, or one for a message on any other channel."""
    cost_micro = models.PositiveBigIntegerField(default=0, db_default=0)
    """Its price when it was handed over, in millionths of a riyal (settings.MESSAGE_PRICES); an estimate."""
    report = models.CharField(max_length=11, choices=Report.choices, blank=True, default="", db_default="")
    reported_at = models.DateTimeField(null=True, blank=True)
    report_error = models.CharField(max_length=16, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["provider", "provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="attempt_by_provider_id",
            ),
            models.Index(
                fields=["finished_at"],
                condition=Q(outcome="accepted", report__in=["", "sent"]),
                name="attempt_unreported",
            ),
            models.Index(fields=["started_at"], name="attempt_by_time"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["message", "number"], name="attempt_number_once"),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "whatsapp", "push", "email"]), name="attempt_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(report="", reported_at__isnull=True)
                | Q(
                    report__in=["sent", "undelivered", "delivered", "read", "unknown"],
                    reported_at__isnull=False,
                ),
                name="attempt_report_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True, finished_at__isnull=True)
                | Q(
                    outcome__in=["accepted", "refused", "unreachable", "unknown"],
                    finished_at__isnull=False,
                ),
                name="attempt_outcome_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} #{self.number}"


class ProviderRefusal(models.Model):
    """A provider surely did not take a one-time code, which then went to the next one or nowhere.

    The outbox keeps its own (DeliveryAttempt). Without these rows a first provider that refuses every code would
    not show: the code's own row names only the provider that took it.
    """

    provider = models.CharField(max_length=16)
    channel = models.CharField(max_length=8)
    outcome = models.CharField(max_length=12)
    error_class = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="refusal_by_time")]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["refused", "unreachable"]), name="refusal_outcome_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "whatsapp"]), name="refusal_channel_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.error_class}"
