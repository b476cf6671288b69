"""Where: cities and districts, the legal seller, the salon with its rules for being booked, and its search entry."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.core.money import CURRENCY
from backend.salons.licences import (
    BUILDING_PATTERN,
    COMMERCIAL_REGISTRATION_PATTERN,
    LICENCE_PATTERN,
    POSTAL_CODE_PATTERN,
    SHORT_ADDRESS_PATTERN,
    VAT_PATTERN,
)
from backend.salons.prayer import Prayer


def _shaped(field: str, pattern: str, name: str) -> models.CheckConstraint:
    """Empty, or of this shape."""
    return models.CheckConstraint(condition=Q(**{field: ""}) | Q(**{f"{field}__regex": pattern}), name=name)


class City(models.Model):
    """A city salons are in. Its centre stands in for a salon without coordinates when prayer times are reckoned."""

    slug = models.SlugField(max_length=40, primary_key=True)
    name = models.CharField(max_length=60)
    latitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    longitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "slug"]
        verbose_name_plural = "cities"

    def __str__(self) -> str:
        return self.slug


class District(models.Model):
    """A district of a city. One name may stand for two districts of a city, so the slug is the key."""

    slug = models.SlugField(max_length=80, primary_key=True)
    city = models.ForeignKey(City, on_delete=models.PROTECT, related_name="districts")
    name = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["city", "position", "slug"]

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


MOST_STEPS = 5
LONGEST_STANDING = 365


class Business(models.Model):
    """The legal seller. One business may run several salons. Name and address are those of its registration.

    `commission_basis_points` is the platform's share of what its salons earn: 250 is 2.5 %.

    Its salons share a customer's standing (ADR 0023): each missed visit leaves `no_show_marks`, each late cancellation
    `late_cancel_marks`, for `standing_days` from the visit. With the n-th mark the deposit is at least the n-th of
    `standing_steps`, in percent of the price, and with more marks than steps the last; no steps ask nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120)
    address = models.CharField(max_length=200, blank=True, default="", db_default="")
    vat_number = models.CharField(
        max_length=15, blank=True, default="", validators=[RegexValidator(VAT_PATTERN)]
    )
    commercial_registration = models.CharField(
        max_length=10, blank=True, default="", validators=[RegexValidator(COMMERCIAL_REGISTRATION_PATTERN)]
    )
    commission_basis_points = models.PositiveSmallIntegerField(default=0, db_default=0)
    standing_steps = ArrayField(models.PositiveSmallIntegerField(), default=list, db_default=[], blank=True)
    standing_days = models.PositiveSmallIntegerField(default=180, db_default=180)
    no_show_marks = models.PositiveSmallIntegerField(default=1, db_default=1)
    late_cancel_marks = models.PositiveSmallIntegerField(default=1, db_default=1)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                # A step that is not there is no fault; none is lower than the one before it.
                condition=Q(standing_steps__len__lte=MOST_STEPS)
                & Q(standing_steps__0__range=(0, 100))
                & Q(standing_steps__1__range=(F("standing_steps__0"), 100))
                & Q(standing_steps__2__range=(F("standing_steps__1"), 100))
                & Q(standing_steps__3__range=(F("standing_steps__2"), 100))
                & Q(standing_steps__4__range=(F("standing_steps__3"), 100)),
                name="business_steps_rise",
            ),
            models.CheckConstraint(
                condition=Q(standing_days__range=(1, LONGEST_STANDING)), name="business_standing_ends"
            ),
            models.CheckConstraint(
                condition=Q(no_show_marks__lte=3, late_cancel_marks__lte=3), name="business_marks_are_few"
            ),
            models.CheckConstraint(
                condition=Q(commission_basis_points__lte=10_000), name="business_commission_in_whole"
            ),
            _shaped("vat_number", VAT_PATTERN, "business_vat_number_shape"),
            _shaped(
                "commercial_registration", COMMERCIAL_REGISTRATION_PATTERN, "business_registration_shape"
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


class PrayerPause(models.TextChoices):
    """When work pauses for prayer: never, for the Friday noon prayer, or for the prayers the salon names."""

    NONE = "none"
    FRIDAY = "friday"
    CHOSEN = "chosen"


PRAYERS = tuple(prayer.value for prayer in Prayer)


class SalonQuerySet(models.QuerySet["Salon"]):
    def live(self) -> SalonQuerySet:
        return self.filter(status=SalonStatus.LIVE)


LONGEST_WAIT_FOR_CAPTURE = 5 * 24 * 60
"""Minutes a salon may take to answer where deposits are only authorised first: issuers drop holds after a week or two
(Moyasar facts 9)."""


MOST_REMINDERS = 3
EARLIEST_REMINDER = 7 * 24
"""Hours before a visit."""


def usual_reminders() -> list[int]:
    return [24, 2]


class Salon(models.Model):
    """One place with one calendar of opening hours, and its rules for being booked.

    `deposit_percent` of the price is asked when booking, unless a service says otherwise; up to `free_cancel_hours`
    before the visit cancelling is free, later `late_cancel_percent` of the deposit is kept. Percentages are whole
    numbers. A pause for prayer lasts `prayer_pause_minutes` from the adhan at the salon's own place.

    Customers are reminded `reminder_hours` before a visit. `has_own_wordings` spares a question for each message to
    the customers of a salon that words none of its own (bookings.Wording).

    `version` guards an edit of this row. `catalogue_version` is raised by the database with every change of anything
    customers or the availability engine read about the salon, this row's own columns included.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="salons")
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="", max_length=2000)
    audience = models.CharField(max_length=10, choices=Audience.choices)
    status = models.CharField(max_length=10, choices=SalonStatus.choices, default=SalonStatus.DRAFT)

    city = models.ForeignKey(City, on_delete=models.PROTECT, related_name="+")
    district = models.ForeignKey(District, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    address = models.CharField(max_length=200, blank=True, default="")
    building_number = models.CharField(max_length=4, blank=True, default="")
    postal_code = models.CharField(max_length=5, blank=True, default="")
    secondary_number = models.CharField(max_length=4, blank=True, default="")
    unit_number = models.CharField(max_length=10, blank=True, default="")
    short_address = models.CharField(max_length=8, blank=True, default="")
    latitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    longitude = models.DecimalField(max_digits=8, decimal_places=5, null=True, blank=True)
    phone = models.CharField(max_length=16, blank=True, default="")
    licence_number = models.CharField(max_length=20, blank=True, default="")
    licence_expires_on = models.DateField(null=True, blank=True)

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
    max_reschedules = models.PositiveSmallIntegerField(default=3)
    authorise_first = models.BooleanField(default=False)
    prayer_pause = models.CharField(max_length=6, choices=PrayerPause.choices, default=PrayerPause.FRIDAY)
    pause_prayers = ArrayField(models.CharField(max_length=7), default=list, blank=True)
    prayer_pause_minutes = models.PositiveSmallIntegerField(default=30)
    services_may_span_pauses = models.BooleanField(default=False)

    reminder_hours = ArrayField(
        models.PositiveSmallIntegerField(), default=usual_reminders, db_default=[24, 2], blank=True
    )
    has_own_wordings = models.BooleanField(default=False, db_default=False, editable=False)

    rating_sum = models.PositiveIntegerField(default=0)
    rating_count = models.PositiveIntegerField(default=0)
    rating_score = models.GeneratedField(
        # Five votes of four stars stand behind every salon, so that one first review does not lead the list.
        expression=(F("rating_sum") + 20) * 1000 / (F("rating_count") + 5),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    version = models.PositiveIntegerField(default=1)
    catalogue_version = models.PositiveBigIntegerField(default=1, editable=False)
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
            models.CheckConstraint(condition=Q(horizon_days__lte=366), name="salon_horizon_is_sensible"),
            models.CheckConstraint(condition=Q(max_reschedules__lte=20), name="salon_moves_are_few"),
            models.CheckConstraint(
                condition=Q(reminder_hours__len__lte=MOST_REMINDERS)
                & Q(reminder_hours__0__range=(1, EARLIEST_REMINDER))  # one that is not there is no fault
                & Q(reminder_hours__1__range=(1, EARLIEST_REMINDER))
                & Q(reminder_hours__2__range=(1, EARLIEST_REMINDER)),
                name="salon_reminders_are_few",
            ),
            models.CheckConstraint(
                condition=Q(authorise_first=False) | Q(respond_within_minutes__lte=LONGEST_WAIT_FOR_CAPTURE),
                name="salon_answers_while_an_authorisation_lives",
            ),
            models.CheckConstraint(
                condition=Q(rating_sum__gte=F("rating_count"), rating_sum__lte=5 * F("rating_count")),
                name="salon_rating_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(prayer_pause__in=PrayerPause.values, prayer_pause_minutes__lte=120)
                & Q(pause_prayers__contained_by=list(PRAYERS)),
                name="salon_prayer_pause_known",
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__gte=-90,
                    latitude__lte=90,
                    longitude__gte=-180,
                    longitude__lte=180,
                ),
                name="salon_coordinates_are_a_pair",
            ),
            _shaped("building_number", BUILDING_PATTERN, "salon_building_number_shape"),
            _shaped("postal_code", POSTAL_CODE_PATTERN, "salon_postal_code_shape"),
            _shaped("secondary_number", BUILDING_PATTERN, "salon_secondary_number_shape"),
            _shaped("short_address", SHORT_ADDRESS_PATTERN, "salon_short_address_shape"),
            _shaped("licence_number", LICENCE_PATTERN, "salon_licence_number_shape"),
        ]
        indexes = [
            models.Index(fields=["city", "id"], condition=Q(status="live"), name="salon_live_by_city"),
            models.Index(
                fields=["-rating_score", "id"], condition=Q(status="live"), name="salon_live_by_rating"
            ),
            models.Index(fields=["status", "id"], name="salon_by_status"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class SalonEvent(models.Model):
    """One move of a salon's status: who, from, to, why, when. Written by `operations.standing` only."""

    id = models.BigAutoField(primary_key=True)
    salon = models.ForeignKey(Salon, on_delete=models.CASCADE, related_name="events")
    from_status = models.CharField(max_length=10)
    to_status = models.CharField(max_length=10)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True, default="")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.salon_id} {self.from_status} {self.to_status}"


class SearchEntry(models.Model):
    """What search compares: folded words of both languages and sort keys, made by Python, compared byte by byte.

    `terms` is built from lexemes, never by PostgreSQL's parser, so every server finds the same. Its weights: A the
    salon's name, B its services and categories, C district and city, D the description. Beside weighted words stand a
    name's words (`^word`), a whole name (`=name`) and kinds of thing (`~kind`). `catalogue_version` 0 marks a stale
    entry (migration 0006); `operations.indexing` makes it anew.
    """

    salon = models.OneToOneField(
        Salon, on_delete=models.CASCADE, primary_key=True, related_name="search_entry"
    )
    catalogue_version = models.PositiveBigIntegerField()
    terms = SearchVectorField()
    sort_key_ar = models.TextField(db_collation="C")
    sort_key_en = models.TextField(db_collation="C")
    from_price_minor = models.PositiveIntegerField(null=True)

    class Meta:
        indexes = [GinIndex(fields=["terms"], name="search_entry_terms")]

    def __str__(self) -> str:
        return str(self.salon_id)
