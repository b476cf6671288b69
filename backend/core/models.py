"""Rows every app leans on: kept answers and counted requests."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class IdempotencyRecord(models.Model):
    """The first answer to a keyed request, written in the transaction that acted."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    operation = models.CharField(max_length=40)
    key = models.UUIDField()
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.TextField()
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "operation", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"


class RateCount(models.Model):
    """How often `key` was counted in the window that ends at `ends_at`; changed only by `core.limits`."""

    key = models.CharField(max_length=120, primary_key=True)
    ends_at = models.DateTimeField(db_index=True)
    taken = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.key


class Alarm(models.Model):
    """Something a person has to look at: one row per kind, subject and hour, written by `core.alarms`.

    Neither subject nor details may hold a phone number or a code.
    """

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    hour = models.DateTimeField()
    """The full hour (UTC) in which it was raised: another hour of the same trouble is another row."""
    details = models.JSONField(default=dict)
    """Of the last time."""
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject", "hour"], name="alarm_once_an_hour"),
            models.CheckConstraint(
                condition=models.Q(last_at__gte=models.F("first_at")), name="alarm_ends_after_it_began"
            ),
        ]
        indexes = [models.Index(fields=["-last_at"], name="alarm_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class ClientCalls(models.Model):
    """How often one version of an app called one operation on one day (UTC); written by `core.clients`."""

    day = models.DateField()
    client = models.CharField(max_length=40)
    operation = models.CharField(max_length=200)
    calls = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "client calls"
        constraints = [
            models.UniqueConstraint(fields=["day", "client", "operation"], name="client_calls_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.client} {self.operation}: {self.calls}"
