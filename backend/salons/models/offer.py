"""What is sold, by whom, with what: the price list, staff members, and rooms, chairs and devices."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.salons.models.places import Category, Salon

KIND = r"^[a-z][a-z0-9_-]{1,39}$"


class Service(models.Model):
    """A line of the price list. Prices are halalas and include VAT; durations and buffers are minutes.

    A *variant* (`variant_of`) is a line of its own under another: long hair, say. Once a service has active variants,
    they are what is booked, and it shows the lowest of their prices as "from". A variant has its own words, length,
    buffers and price; who performs it, what it needs, its notice, horizon and deposit are those of the service above.

    From `processing_starts_minute` the client waits for `processing_minutes` while the staff member is free for
    others; room and chair stay taken. An empty notice, horizon or deposit means the salon's.
    """

    name_ar: str | None
    name_en: str | None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="services")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    variant_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="variants"
    )
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="", max_length=1000)
    duration_minutes = models.PositiveSmallIntegerField()
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    processing_starts_minute = models.PositiveSmallIntegerField(null=True, blank=True)
    processing_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    price_minor = models.PositiveIntegerField()
    min_notice_minutes = models.PositiveIntegerField(null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(null=True, blank=True)
    deposit_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(duration_minutes__gte=5, duration_minutes__lte=720),
                name="service_duration_is_sensible",
            ),
            models.CheckConstraint(
                condition=Q(buffer_before_minutes__lte=240, buffer_after_minutes__lte=240),
                name="service_buffers_are_sensible",
            ),
            models.CheckConstraint(
                condition=Q(processing_starts_minute__isnull=True, processing_minutes__isnull=True)
                | Q(
                    processing_starts_minute__isnull=False,
                    processing_minutes__isnull=False,
                    processing_starts_minute__gt=0,
                    processing_minutes__gt=0,
                    duration_minutes__gt=F("processing_starts_minute") + F("processing_minutes"),
                ),
                name="service_processing_inside",
            ),
            models.CheckConstraint(
                condition=Q(deposit_percent__isnull=True) | Q(deposit_percent__lte=100),
                name="service_deposit_is_a_percent",
            ),
            models.CheckConstraint(
                condition=Q(horizon_days__isnull=True) | Q(horizon_days__lte=366),
                name="service_horizon_is_sensible",
            ),
            models.CheckConstraint(
                condition=Q(variant_of__isnull=True) | ~Q(variant_of=F("id")),
                name="service_not_its_own_variant",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class Gender(models.TextChoices):
    FEMALE = "female"
    MALE = "male"


class StaffMember(models.Model):
    """The person with the scissors. Shown by first name; may or may not sign in (`user`).

    `languages` are ISO 639 codes. `max_bookings_per_day` counts a business date's visits; empty means no limit.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="staff")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=80)
    title = models.CharField(max_length=80, blank=True, default="")
    gender = models.CharField(max_length=6, choices=Gender.choices, blank=True, default="")
    languages = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    max_bookings_per_day = models.PositiveSmallIntegerField(null=True, blank=True)
    services = models.ManyToManyField(Service, through="StaffService", related_name="staff")
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(gender__in=["", *Gender.values]), name="staff_gender_known"),
            models.CheckConstraint(
                condition=Q(max_bookings_per_day__isnull=True) | Q(max_bookings_per_day__gte=1),
                name="staff_day_limit_is_sensible",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)


class StaffService(models.Model):
    """Who performs what."""

    staff_member = models.ForeignKey(StaffMember, on_delete=models.CASCADE, related_name="+")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "staff_member"], name="staff_service_once")]

    def __str__(self) -> str:
        return f"{self.staff_member_id} {self.service_id}"


class Resource(models.Model):
    """A room, chair or device that one visit at a time can have.

    `kind` is the salon's own word for what is alike (`room`, `chair`, `hammam`): a service needs a kind, and any
    active resource of that kind serves. `code` is what stands on the door. `attributes` are flat: text, number, flag.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="resources")
    kind = models.CharField(max_length=40)
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=80)
    attributes = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["salon", "code"], name="resource_code_once_per_salon"),
            models.CheckConstraint(condition=Q(kind__regex=KIND), name="resource_kind_shape"),
            models.CheckConstraint(condition=~Q(code=""), name="resource_has_a_code"),
        ]

    def __str__(self) -> str:
        return self.code


class ServiceNeed(models.Model):
    """A service takes one resource of this kind for as long as it lasts, buffers included."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="needs")
    kind = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "kind"], name="service_need_once"),
            models.CheckConstraint(condition=Q(kind__regex=KIND), name="service_need_kind_shape"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.kind}"
