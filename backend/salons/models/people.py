"""Who: people at a salon's desk, and customers who liked it or say how it was."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7
from backend.salons.models.places import Salon


class SalonRole(models.TextChoices):
    STAFF = "staff"
    RECEPTIONIST = "receptionist"
    MANAGER = "manager"
    OWNER = "owner"


class Membership(models.Model):
    """Who may work at a salon's desk, and as what."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=SalonRole.choices)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "salon"], name="membership_once_per_salon"),
            models.CheckConstraint(condition=Q(role__in=SalonRole.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.salon_id}"


class ReviewStatus(models.TextChoices):
    PUBLISHED = "published"
    HIDDEN = "hidden"


class Review(models.Model):
    """What somebody who was there says; one per booking (`booking_id` is the booking's id, an app above).

    A hidden one is seen by its author, its salon and the platform only, and does not count in the rating.
    `moderated_at` is when the platform last decided about it: reports that came later wait for a decision.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="reviews")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    booking_id = models.UUIDField(unique=True)
    rating = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True, default="", max_length=1000)
    reply = models.TextField(blank=True, default="", max_length=1000)
    replied_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=9, choices=ReviewStatus.choices, default=ReviewStatus.PUBLISHED)
    hidden_reason = models.CharField(max_length=300, blank=True, default="")
    moderated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    moderated_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rating__gte=1, rating__lte=5), name="review_one_to_five"),
            models.CheckConstraint(condition=Q(status__in=ReviewStatus.values), name="review_status_known"),
        ]
        indexes = [
            models.Index(fields=["salon", "-created_at", "-id"], name="review_newest_first"),
            models.Index(fields=["-created_at", "-id"], name="review_newest_anywhere"),
        ]

    def __str__(self) -> str:
        return f"{self.rating} {self.salon_id}"


class ReviewReport(models.Model):
    """Somebody says that a review should not stand; the platform decides. One per person and review."""

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="reports")
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=300)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["review", "reporter"], name="review_report_once"),
        ]

    def __str__(self) -> str:
        return f"{self.review_id} {self.reporter_id}"


class Favourite(models.Model):
    """A salon somebody keeps at hand."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["user", "salon"], name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.salon_id}"
