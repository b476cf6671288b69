"""Rows every app leans on: kept answers and counted requests."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class IdempotencyRecord(models.Model):
    """The first answer to a keyed request, written in the transaction that acted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
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
    """How often `key` was counted since `window_started_at`; changed only by `core.limits.take`."""

    key = models.CharField(max_length=120, primary_key=True)
    window_started_at = models.DateTimeField()
    taken = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.key
