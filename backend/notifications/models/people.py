"""What people want to hear, on which channel, and what they wrote back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.phone import E164_PATTERN


class Preference(models.Model):
    """A person's own choice for one topic. No row: the order of the topic's kinds and of settings.MESSAGE_CHANNELS."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="message_preferences"
    )
    topic = models.CharField(max_length=16)
    channels = models.JSONField()
    """The channels the person wants, the first one first; an empty list silences the topic (the inbox stays)."""
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "topic"], name="preference_once_per_topic"),
            models.CheckConstraint(
                condition=Q(
                    topic__in=["bookings", "reminders", "payments", "reviews", "offers", "desk", "digest"]
                ),
                name="preference_topic_known",
            ),
            models.CheckConstraint(
                condition=Q(channels__contained_by=["sms", "whatsapp", "push", "email"]),
                name="preference_channels_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.user_id}"


class OptOut(models.Model):
    """A number that asked us to stop on a channel, with an account or without: nothing of ours goes there again.

    Only the number itself takes it back: by writing START, or in the app of the account that holds it.
    """

    phone = models.CharField(max_length=16)
    channel = models.CharField(max_length=8)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["phone", "channel"], name="opt_out_once"),
            models.CheckConstraint(condition=Q(phone__regex=E164_PATTERN), name="opt_out_phone_is_e164"),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "whatsapp"]), name="opt_out_channel_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.pk}"


class InboundMessage(models.Model):
    """What somebody wrote to us, once, however often the provider hands it over. Its words are not kept."""

    class Intent(models.TextChoices):
        STOP = "stop", "stop"
        START = "start", "start"
        CONFIRM = "confirm", "confirm"
        CANCEL = "cancel", "cancel"
        OTHER = "other", "other"

    provider = models.CharField(max_length=16)
    provider_message_id = models.CharField(max_length=80)
    channel = models.CharField(max_length=8)
    from_phone = models.CharField(max_length=16, blank=True)
    intent = models.CharField(max_length=8, choices=Intent.choices)
    subject_type = models.CharField(max_length=16, blank=True, default="")
    subject_id = models.UUIDField(null=True, blank=True)
    result = models.CharField(max_length=40, blank=True, default="")
    """What came of it: empty, "done", or the stable code of the refusal."""
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "provider_message_id"], name="inbound_once"),
            models.CheckConstraint(
                condition=Q(from_phone__regex=E164_PATTERN) | Q(from_phone=""), name="inbound_phone_is_e164"
            ),
            models.CheckConstraint(
                condition=Q(intent__in=["stop", "start", "confirm", "cancel", "other"]),
                name="inbound_intent_known",
            ),
        ]
        indexes = [
            models.Index(fields=["received_at"], name="inbound_by_time"),
            models.Index(
                fields=["from_phone", "-received_at"], condition=~Q(from_phone=""), name="inbound_by_phone"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.intent} {self.pk}"
