"""Shapes of the catalogue on the wire. Names are in the answer's language."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from backend.core import text
from backend.core.api import fields
from backend.core.api.pagination import PageQuery
from backend.core.api.shapes import MoneyShape, Shape, SlugNameShape
from backend.salons.api.photo_shapes import PhotoShape
from backend.salons.models import Audience, Gender
from backend.salons.queries.search import Near

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


LONGEST_QUERY = 100
SORTS = ("relevance", "rating", "distance", "price", "name")
_NUMBER = re.compile(r"-?[0-9]{1,3}(?:\.[0-9]{1,15})?")


def _number(data: Any) -> Decimal:
    """A number in any digits, with either decimal mark."""
    folded = text.ascii_digits(str(data)).replace("٫", ".").strip()
    if not _NUMBER.fullmatch(folded):
        raise serializers.ValidationError("", code="invalid_format")
    return Decimal(folded)


@extend_schema_field({"type": "number", "minimum": 1, "maximum": 5})
class Stars(serializers.Field[int, Any, Any, Any]):
    """One to five stars; becomes whole tenths of a star."""

    def to_internal_value(self, data: Any) -> int:
        stars = _number(data)
        if stars < 1:
            raise serializers.ValidationError("", code="too_small")
        if stars > 5:
            raise serializers.ValidationError("", code="too_large")
        return int((stars * 10).to_integral_value(ROUND_CEILING))

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(OpenApiTypes.STR)
class Place(serializers.Field[Near, Any, Any, Any]):
    """`latitude,longitude` in degrees."""

    def to_internal_value(self, data: Any) -> Near:
        parts = str(data).replace("،", ",").split(",")
        if len(parts) != 2:
            raise serializers.ValidationError("", code="invalid_format")
        latitude, longitude = map(_number, parts)
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise serializers.ValidationError("", code="invalid_format")
        return Near(float(latitude), float(longitude))

    def to_representation(self, value: Any) -> Any:
        return value


class SalonListQuery(PageQuery):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_QUERY,
        help_text="Words in Arabic or English, the last ones may be unfinished; all must be found: in the name, "
        "services, categories, district, city or description",
    )
    city = serializers.CharField(required=False, max_length=40, help_text="City slug")
    district = serializers.CharField(required=False, max_length=80, help_text="District slug")
    category = serializers.CharField(required=False, max_length=40, help_text="Category slug")
    audience = serializers.ChoiceField(required=False, choices=Audience.choices)
    service = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST_QUERY,
        help_text="Words that a service or its category holds",
    )
    max_price_minor = fields.QueryInteger(
        required=False, min_value=0, help_text="At most this for the cheapest service, in halalas"
    )
    min_rating = Stars(required=False, help_text="At least so many stars on average; `4.5`")
    open_now = fields.QueryBoolean(required=False, help_text="Open at this moment")
    free_on = fields.Day(
        required=False,
        help_text="With a free start on this day: for a service that `service` and `category` describe, or for any",
    )
    near = Place(required=False, help_text="`latitude,longitude`; `24.7136,46.6753`")
    radius_km = fields.QueryInteger(
        required=False,
        min_value=1,
        max_value=200,
        default=30,
        help_text="Around `near`, 1 to 200, default 30",
    )
    sort = serializers.ChoiceField(
        required=False,
        choices=[(s, s) for s in SORTS],
        help_text="Default `relevance` with `q`, else `rating`; `distance` needs `near`; `price` is the lowest first",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("sort") == "distance" and "near" not in attrs:
            raise serializers.ValidationError({"near": [ErrorDetail("", code="field_required")]})
        return attrs


class RatingShape(Shape):
    average = serializers.FloatField(allow_null=True, help_text="One decimal; null before the first review")
    count = serializers.IntegerField()


class LocationShape(Shape):
    latitude = serializers.FloatField(help_text="Degrees, WGS 84")
    longitude = serializers.FloatField()


class SalonSummary(Shape):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    city = SlugNameShape()
    district = serializers.CharField(allow_null=True)
    district_slug = serializers.CharField(allow_null=True)
    audience = serializers.ChoiceField(choices=Audience.choices)
    rating = RatingShape()
    from_price = MoneyShape(allow_null=True, help_text="Of its cheapest service; null before it has any")
    photo = PhotoShape(allow_null=True)
    location = LocationShape(allow_null=True)
    distance_m = serializers.IntegerField(allow_null=True, help_text="Metres from `near`, when given")


class SalonPage(Shape):
    items = SalonSummary(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class VariantShape(Shape):
    id = serializers.UUIDField(help_text="To be booked like a service")
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    duration_minutes = serializers.IntegerField()
    price = MoneyShape()
    deposit = MoneyShape()


class ServiceShape(VariantShape):
    id = serializers.UUIDField()
    category = SlugNameShape()
    duration_minutes = serializers.IntegerField(help_text="Of the shortest variant, where there are any")
    price = MoneyShape(help_text="Of the cheapest variant, where there are any")
    price_from = serializers.BooleanField(help_text="Whether `price` is only the lowest of several")
    variants = VariantShape(many=True, help_text="Where there are any, one of them is booked in its place")
    min_notice_minutes = serializers.IntegerField()
    horizon_days = serializers.IntegerField()
    photo = PhotoShape(allow_null=True)


class StaffShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField(allow_null=True)
    gender = serializers.ChoiceField(choices=Gender.choices, allow_null=True)
    languages = serializers.ListField(child=serializers.CharField(), help_text="ISO 639 codes")
    service_ids = serializers.ListField(child=serializers.UUIDField())
    photo = PhotoShape(allow_null=True)


class HoursShape(Shape):
    day = serializers.ChoiceField(choices=[(d, d) for d in WEEKDAYS])
    opens = serializers.CharField(help_text="`16:00`, local")
    closes = serializers.CharField()
    closes_next_day = serializers.BooleanField()


class BookingRulesShape(Shape):
    auto_confirm = serializers.BooleanField()
    deposit_percent = serializers.IntegerField()
    free_cancel_hours = serializers.IntegerField()
    min_notice_minutes = serializers.IntegerField()
    horizon_days = serializers.IntegerField()


class NationalAddressShape(Shape):
    building_number = serializers.CharField(allow_null=True)
    district = serializers.CharField(allow_null=True)
    city = serializers.CharField()
    postal_code = serializers.CharField(allow_null=True)
    secondary_number = serializers.CharField(allow_null=True)
    unit_number = serializers.CharField(allow_null=True)
    short_address = serializers.CharField(allow_null=True, help_text="Four letters and four digits")


class SellerShape(Shape):
    name = serializers.CharField(help_text="The legal seller")
    vat_number = serializers.CharField(allow_null=True)
    commercial_registration = serializers.CharField(allow_null=True)


class LicenceShape(Shape):
    number = serializers.CharField()
    expires_on = serializers.DateField(allow_null=True)


class StarsShape(Shape):
    stars = serializers.IntegerField()
    count = serializers.IntegerField()


class OpeningShape(Shape):
    starts_at = fields.Moment()
    ends_at = fields.Moment()


class TodayShape(Shape):
    business_date = serializers.DateField(
        help_text="An evening belongs to its day until it ends, after midnight too"
    )
    windows = OpeningShape(many=True, help_text="Closures are taken out, pauses for prayer are not")
    open_now = serializers.BooleanField()
    closes_at = fields.Moment(allow_null=True, help_text="When open now")
    opens_at = fields.Moment(
        allow_null=True, help_text="When not open now; null where no opening is in sight"
    )


class SeasonDaysShape(Shape):
    name = serializers.CharField()
    first_date = serializers.DateField()
    last_date = serializers.DateField()


class SalonDetail(SalonSummary):
    description = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
    national_address = NationalAddressShape()
    business = SellerShape()
    licence = LicenceShape(allow_null=True)
    photos = PhotoShape(many=True)
    rating_breakdown = StarsShape(many=True, help_text="Five stars first")
    today = TodayShape()
    seasons = SeasonDaysShape(many=True, help_text="In the coming 60 days: with hours other than `hours`")
    hours_may_differ_on = serializers.ListField(
        child=serializers.DateField(),
        help_text="Holidays in the coming 60 days about which the salon has not said what holds",
    )
    timezone = serializers.CharField()
    currency = serializers.CharField()
    services = ServiceShape(many=True)
    staff = StaffShape(many=True)
    hours = HoursShape(many=True)
    booking_rules = BookingRulesShape()


class CategoryList(Shape):
    items = SlugNameShape(many=True)


class ReviewShape(Shape):
    id = serializers.UUIDField()
    rating = serializers.IntegerField()
    comment = serializers.CharField(allow_null=True)
    reply = serializers.CharField(allow_null=True)
    replied_at = fields.Moment(allow_null=True)
    author_name = serializers.CharField(allow_null=True, help_text="First name only")
    created_at = fields.Moment()


class ReviewPage(Shape):
    items = ReviewShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)
