"""Shapes of the catalogue on the wire. Names are in the answer's language."""

from __future__ import annotations

from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.pagination import PageQuery
from backend.core.api.shapes import MoneyShape, Shape, SlugNameShape
from backend.salons.models import Audience, SalonRole

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class SalonListQuery(PageQuery):
    city = serializers.CharField(required=False, max_length=40, help_text="City slug")
    category = serializers.CharField(required=False, max_length=40, help_text="Category slug")
    audience = serializers.ChoiceField(required=False, choices=Audience.choices)


class RatingShape(Shape):
    average = serializers.FloatField(allow_null=True, help_text="One decimal; null before the first review")
    count = serializers.IntegerField()


class SalonSummary(Shape):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    city = SlugNameShape()
    district = serializers.CharField(allow_null=True)
    audience = serializers.ChoiceField(choices=Audience.choices)
    rating = RatingShape()


class SalonPage(Shape):
    items = SalonSummary(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ServiceShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    category = SlugNameShape()
    duration_minutes = serializers.IntegerField()
    price = MoneyShape()
    deposit = MoneyShape()


class StaffShape(Shape):
    id = serializers.UUIDField()
    name = serializers.CharField()
    title = serializers.CharField(allow_null=True)
    service_ids = serializers.ListField(child=serializers.UUIDField())


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


class SalonDetail(SalonSummary):
    description = serializers.CharField(allow_null=True)
    address = serializers.CharField(allow_null=True)
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
    author_name = serializers.CharField(allow_null=True, help_text="First name only")
    created_at = fields.Moment()


class ReviewPage(Shape):
    items = ReviewShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeskShape(Shape):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=SalonRole.choices)


class DeskList(Shape):
    items = DeskShape(many=True)
