"""How each carrier does on each channel, and what a day has cost: rows that all processes share."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ProviderHealth(models.Model):
    """A provider on a channel, from its first failure on. No row: nothing was ever wrong.

    closed ─failures in a row─▶ open (`open_until` ahead: others are asked first) ─▶ one try ─▶ closed, or open again.
    """

    provider = models.CharField(max_length=16)
    channel = models.CharField(max_length=8)
    failures = models.PositiveIntegerField(default=0)
    """In a row; a success makes it 0."""
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_error_class = models.CharField(max_length=16, blank=True, default="")
    opened_at = models.DateTimeField(null=True, blank=True)
    """Since when its circuit is open; null when it is closed."""
    open_until = models.DateTimeField(null=True, blank=True)
    """When somebody may try it again; whoever does moves this ahead first, so that one process tries."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "channel"], name="health_once_per_channel"),
            models.CheckConstraint(
                condition=Q(channel__in=["sms", "whatsapp", "push", "email"]), name="health_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(opened_at__isnull=True, open_until__isnull=True)
                | Q(opened_at__isnull=False, open_until__isnull=False),
                name="health_circuit_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.channel}"


class DailySpend(models.Model):
    """What the messages of one day (Riyadh) cost so far, counted while there is a cap on it."""

    date = models.DateField(primary_key=True)
    cost_micro = models.PositiveBigIntegerField()
    """Millionths of a riyal, by settings.MESSAGE_PRICES."""

    def __str__(self) -> str:
        return self.date.isoformat()
