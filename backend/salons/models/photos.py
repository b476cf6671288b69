"""Pictures of a salon, of its rooms, staff and services."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from backend.core.ids import uuid7
from backend.salons.models.offer import Resource, Service, StaffMember
from backend.salons.models.places import Salon


class Photo(models.Model):
    """One picture, encoded anew by us in several widths under `key`; nothing of the file that was sent is kept.

    It shows a resource, a staff member or a service, or else the salon itself. `width` and `height` are pixels of the
    largest rendition.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="photos")
    resource = models.ForeignKey(
        Resource, on_delete=models.CASCADE, null=True, blank=True, related_name="photos"
    )
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="photos"
    )
    service = models.ForeignKey(
        Service, on_delete=models.CASCADE, null=True, blank=True, related_name="photos"
    )
    key = models.CharField(max_length=80, unique=True)
    content_hash = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    blurhash = models.CharField(max_length=60)
    caption = models.CharField(max_length=200, blank=True, default="")
    alt = models.CharField(max_length=200, blank=True, default="")
    is_primary = models.BooleanField(default=False)
    is_hidden = models.BooleanField(default=False)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(resource__isnull=True, staff_member__isnull=True)
                | Q(resource__isnull=True, service__isnull=True)
                | Q(staff_member__isnull=True, service__isnull=True),
                name="photo_shows_one_thing",
            ),
            models.UniqueConstraint(
                fields=["salon", "resource", "staff_member", "service"],
                condition=Q(is_primary=True),
                nulls_distinct=False,
                name="photo_one_primary_each",
            ),
        ]

    def __str__(self) -> str:
        return self.key
