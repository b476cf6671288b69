"""The translated catalogue: businesses, salons, what they sell, who does it and when.

Names stand in both languages (django-modeltranslation, `translation.py`): reading `name` gives the active language
and falls back to the other. Hours are minutes after local midnight of the weekday they open on, so a shift may end
after midnight (at most noon of the next day).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.core.money import CURRENCY


class City(models.Model):
    slug = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "slug"]
        verbose_name_plural = "cities"

    def __str__(self) -> str:
        return self.slug


class Category(models.Model):
    slug = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "slug"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.slug


class Business(models.Model):
    """The legal seller. One business may run several salons."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    vat_number = models.CharField(
        max_length=15, blank=True, default="", validators=[RegexValidator(r"^3[0-9]{13}3$")]
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(vat_number="") | Q(vat_number__regex=r"^3[0-9]{13}3$"),
                name="business_vat_number_shape",
            ),
        ]
        verbose_name_plural = "businesses"

    def __str__(self) -> str:
        return str(self.name)


class Audience(models.TextChoices):
    WOMEN = "women"
    MEN = "men"
    FAMILY = "family"
    CHILDREN = "children"


class SalonStatus(models.TextChoices):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    LIVE = "live"
    SUSPENDED = "suspended"


class SalonQuerySet(models.QuerySet["Salon"]):
    def live(self) -> SalonQuerySet:
        return self.filter(status=SalonStatus.LIVE)


class Salon(models.Model):
    """One place with one calendar of opening hours, and its rules for being booked.

    `deposit_percent` of the price is asked when booking; up to `free_cancel_hours` before the visit cancelling is
    free, later `late_cancel_percent` of the deposit is kept. Percentages are whole numbers.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="salons")
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="", max_length=2000)
    city = models.ForeignKey(City, on_delete=models.PROTECT, related_name="+")
    district = models.CharField(max_length=80, blank=True, default="")
    address = models.CharField(max_length=200, blank=True, default="")
    latitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    longitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    phone = models.CharField(max_length=16, blank=True, default="")
    audience = models.CharField(max_length=10, choices=Audience.choices)
    status = models.CharField(max_length=10, choices=SalonStatus.choices, default=SalonStatus.DRAFT)
    timezone = models.CharField(max_length=40, default="Asia/Riyadh")
    currency = models.CharField(max_length=3, default=CURRENCY)
    auto_confirm = models.BooleanField(default=False)
    grid_minutes = models.PositiveSmallIntegerField(default=30)
    min_notice_minutes = models.PositiveIntegerField(default=60)
    horizon_days = models.PositiveSmallIntegerField(default=30)
    respond_within_minutes = models.PositiveIntegerField(default=240)
    deposit_percent = models.PositiveSmallIntegerField(default=0)
    free_cancel_hours = models.PositiveSmallIntegerField(default=24)
    late_cancel_percent = models.PositiveSmallIntegerField(default=100)
    rating_sum = models.PositiveIntegerField(default=0)
    rating_count = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    objects = SalonQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(status__in=SalonStatus.values), name="salon_status_known"),
            models.CheckConstraint(condition=Q(audience__in=Audience.values), name="salon_audience_known"),
            models.CheckConstraint(
                condition=Q(deposit_percent__lte=100, late_cancel_percent__lte=100),
                name="salon_percents_are_percents",
            ),
            models.CheckConstraint(
                condition=Q(grid_minutes__gte=5, grid_minutes__lte=240), name="salon_grid_is_sensible"
            ),
            models.CheckConstraint(
                condition=Q(rating_sum__gte=F("rating_count"), rating_sum__lte=5 * F("rating_count")),
                name="salon_rating_adds_up",
            ),
        ]
        indexes = [models.Index(fields=["city", "id"], condition=Q(status="live"), name="salon_live_by_city")]

    def __str__(self) -> str:
        return self.slug

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Service(models.Model):
    """A line of the price list. Prices are halalas and include VAT; durations and buffers are minutes."""

    name_ar: str | None
    name_en: str | None

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="services")
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="", max_length=1000)
    duration_minutes = models.PositiveSmallIntegerField()
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    price_minor = models.PositiveIntegerField()
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

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
        ]

    def __str__(self) -> str:
        return str(self.name)


class StaffMember(models.Model):
    """The person with the scissors. Shown by first name; may or may not sign in (`user`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.PROTECT, related_name="staff")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=80)
    title = models.CharField(max_length=80, blank=True, default="")
    services = models.ManyToManyField(Service, through="StaffService", related_name="staff")
    is_active = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]

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


class WorkingWindow(models.Model):
    """Weekly hours: of the salon, or of one staff member (who then works only where both are open).

    `weekday` is ISO (Monday 1 … Sunday 7); minutes count from local midnight and may pass 1440.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="working_windows")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="working_windows"
    )
    weekday = models.PositiveSmallIntegerField()
    opens_minute = models.PositiveSmallIntegerField()
    closes_minute = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["weekday", "opens_minute", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__gte=1, weekday__lte=7), name="window_weekday_is_iso"),
            models.CheckConstraint(
                condition=Q(
                    opens_minute__lt=1440, closes_minute__gt=F("opens_minute"), closes_minute__lte=2160
                ),
                name="window_minutes_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens_minute}-{self.closes_minute}"


class Closure(models.Model):
    """Time in which the salon is shut, or one staff member away, whatever the weekly hours say. Half-open."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="closures")
    staff_member = models.ForeignKey(
        StaffMember, on_delete=models.CASCADE, null=True, blank=True, related_name="closures"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=120, blank=True, default="")

    class Meta:
        ordering = ["starts_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="closure_ends_after_start"),
        ]
        indexes = [models.Index(fields=["salon", "ends_at"], name="closure_by_salon")]

    def __str__(self) -> str:
        return f"{self.starts_at:%F} {self.salon_id}"


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
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "salon"], name="membership_once_per_salon"),
            models.CheckConstraint(condition=Q(role__in=SalonRole.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.salon_id}"


class Review(models.Model):
    """What somebody who was there says; one per booking (`booking_id` is the booking's id, an app above)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="reviews")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    booking_id = models.UUIDField(unique=True)
    rating = models.PositiveSmallIntegerField()
    comment = models.TextField(blank=True, default="", max_length=1000)
    reply = models.TextField(blank=True, default="", max_length=1000)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(rating__gte=1, rating__lte=5), name="review_one_to_five")
        ]
        indexes = [models.Index(fields=["salon", "-created_at", "-id"], name="review_newest_first")]

    def __str__(self) -> str:
        return f"{self.rating} {self.salon_id}"
