"""What owners let go of."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7


class Forgiveness(models.Model):
    """An owner's word that marks of a customer count no more: those of one booking, or all there were at that moment.

    Marks belong to the salon's business, so all its salons heed it. A row is never changed: `withdraws` another row,
    and that one counts no more. Written by `operations.standing` only.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey("salons.Salon", on_delete=models.PROTECT, related_name="+")
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="forgivenesses"
    )
    booking = models.ForeignKey(
        "bookings.Booking", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdraws = models.OneToOneField(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="withdrawn_by"
    )
    reason = models.CharField(max_length=300)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="forgiveness_has_a_reason"),
            models.CheckConstraint(
                condition=Q(withdraws__isnull=True) | Q(booking__isnull=True),
                name="forgiveness_withdraws_or_names",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
