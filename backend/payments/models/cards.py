"""Cards that customers asked us to remember. The gateway keeps the card; we keep its token."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7


class CardStatus(models.TextChoices):
    UNREAD = "unread"
    ACTIVE = "active"
    REMOVING = "removing"


class SavedCard(models.Model):
    """A token of Moyasar's: `unread` until its details were fetched, `removing` until the gateway has forgotten it.

    A removed card has no owner any more, and its row goes once the gateway says that the token is gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="cards"
    )
    token = models.CharField(max_length=130, unique=True)
    status = models.CharField(max_length=8, choices=CardStatus.choices, default=CardStatus.UNREAD)
    brand = models.CharField(max_length=20, blank=True, default="")
    last_four = models.CharField(max_length=4, blank=True, default="")
    month = models.PositiveSmallIntegerField(null=True, blank=True)
    year = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CardStatus.values), name="card_status_known"),
            models.CheckConstraint(condition=~Q(token=""), name="card_has_a_token"),
            models.CheckConstraint(
                condition=~Q(status="active")
                | Q(
                    customer__isnull=False,
                    last_four__regex=r"^[0-9]{4}$",
                    month__gte=1,
                    month__lte=12,
                    year__gte=2000,
                ),
                name="card_in_use_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(status="removing") | Q(customer__isnull=True), name="card_removed_is_nobodys"
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "-created_at", "-id"], name="card_by_customer"),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status__in=("unread", "removing")),
                name="card_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.last_four}"
