"""Shapes of what the desk and the platform read: every text in both languages."""

from __future__ import annotations

from rest_framework import serializers

from backend.core.api import fields
from backend.core.api.both import Both
from backend.core.api.shapes import MoneyShape, Shape, SlugNameShape
from backend.salons.api.manage.fields import Attributes
from backend.salons.api.serializers import LocationShape
from backend.salons.models import Audience, Gender, PrayerPause, SalonRole, SalonStatus
from backend.salons.models.places import PRAYERS


def both_texts() -> Both:
    return Both(max_length=2000)


def texts() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField())


class DeskShape(Shape):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=SalonStatus.choices)
    role = serializers.ChoiceField(choices=SalonRole.choices)
    abilities = texts()


class DeskList(Shape):
    items = DeskShape(many=True)


class BusinessShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    name = both_texts()
    address = both_texts()
    vat_number = serializers.CharField(allow_null=True)
    commercial_registration = serializers.CharField(allow_null=True)
    standing_steps = serializers.ListField(
        child=serializers.IntegerField(), help_text="Least deposit in percent with one mark, two marks ..."
    )
    standing_days = serializers.IntegerField()
    no_show_marks = serializers.IntegerField()
    late_cancel_marks = serializers.IntegerField()


class BusinessList(Shape):
    items = BusinessShape(many=True)


class SalonStandingShape(Shape):
    """A salon as the platform lists it."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(choices=SalonStatus.choices)
    status_reason = serializers.CharField(allow_null=True, help_text="Why it was moved here last")
    status_changed_at = fields.Moment(allow_null=True)
    business = BusinessShape()
    name = both_texts()
    audience = serializers.ChoiceField(choices=Audience.choices)
    city = SlugNameShape()
    licence_number = serializers.CharField(allow_null=True)
    licence_expires_on = fields.Day(allow_null=True)
    created_at = fields.Moment()


class SalonStandingPage(Shape):
    items = SalonStandingShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SalonProfileShape(SalonStandingShape):
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="What it lacks before it can be submitted"
    )
    description = both_texts()
    district = SlugNameShape(allow_null=True)
    address = both_texts()
    building_number = serializers.CharField(allow_null=True)
    postal_code = serializers.CharField(allow_null=True)
    secondary_number = serializers.CharField(allow_null=True)
    unit_number = serializers.CharField(allow_null=True)
    short_address = serializers.CharField(allow_null=True)
    location = LocationShape(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    timezone = serializers.CharField()
    currency = serializers.CharField()
    auto_confirm = serializers.BooleanField()
    grid_minutes = serializers.IntegerField()
    min_notice_minutes = serializers.IntegerField()
    horizon_days = serializers.IntegerField()
    respond_within_minutes = serializers.IntegerField()
    deposit_percent = serializers.IntegerField()
    free_cancel_hours = serializers.IntegerField()
    late_cancel_percent = serializers.IntegerField()
    max_reschedules = serializers.IntegerField()
    reminder_hours = serializers.ListField(child=serializers.IntegerField())
    authorise_first = serializers.BooleanField()
    prayer_pause = serializers.ChoiceField(choices=PrayerPause.choices)
    pause_prayers = serializers.ListField(child=serializers.ChoiceField(choices=PRAYERS))
    prayer_pause_minutes = serializers.IntegerField()
    services_may_span_pauses = serializers.BooleanField()


class ProcessingGapShape(Shape):
    starts_minute = serializers.IntegerField()
    minutes = serializers.IntegerField()


class DeskServiceShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    variant_of = serializers.UUIDField(allow_null=True)
    category = SlugNameShape()
    name = both_texts()
    description = both_texts()
    duration_minutes = serializers.IntegerField()
    buffer_before_minutes = serializers.IntegerField()
    buffer_after_minutes = serializers.IntegerField()
    processing_gap = ProcessingGapShape(allow_null=True)
    price = MoneyShape()
    min_notice_minutes = serializers.IntegerField(allow_null=True)
    horizon_days = serializers.IntegerField(allow_null=True)
    deposit_percent = serializers.IntegerField(allow_null=True)
    is_active = serializers.BooleanField()
    position = serializers.IntegerField()
    staff_member_ids = serializers.ListField(child=serializers.UUIDField())
    needs = texts()


class DeskServiceList(Shape):
    items = DeskServiceShape(many=True)


class DeskServiceRemoval(Shape):
    removed = serializers.BooleanField(help_text="false: it was booked before, and is switched off instead")
    item = DeskServiceShape(allow_null=True)


class DeskStaffMemberShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    name = both_texts()
    title = both_texts()
    gender = serializers.ChoiceField(choices=Gender.choices, allow_null=True)
    languages = texts()
    max_bookings_per_day = serializers.IntegerField(allow_null=True)
    has_account = serializers.BooleanField(help_text="Whether it is linked to somebody who signs in")
    service_ids = serializers.ListField(child=serializers.UUIDField())
    is_active = serializers.BooleanField()
    position = serializers.IntegerField()


class DeskStaffList(Shape):
    items = DeskStaffMemberShape(many=True)


class DeskStaffRemoval(Shape):
    removed = serializers.BooleanField(help_text="false: booked before, and switched off instead")
    item = DeskStaffMemberShape(allow_null=True)


class DeskResourceShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    kind = serializers.CharField()
    code = serializers.CharField()
    name = both_texts()
    attributes = Attributes()
    is_active = serializers.BooleanField()
    position = serializers.IntegerField()


class DeskResourceList(Shape):
    items = DeskResourceShape(many=True)


class DeskResourceRemoval(Shape):
    removed = serializers.BooleanField(help_text="false: booked before, and switched off instead")
    item = DeskResourceShape(allow_null=True)


class DeskRentalShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    resource_id = serializers.UUIDField()
    name = both_texts()
    description = both_texts()
    price_per_hour = MoneyShape(allow_null=True)
    price_per_day = MoneyShape(allow_null=True)
    step_minutes = serializers.IntegerField()
    min_minutes = serializers.IntegerField()
    max_minutes = serializers.IntegerField()
    buffer_before_minutes = serializers.IntegerField()
    buffer_after_minutes = serializers.IntegerField()
    min_notice_minutes = serializers.IntegerField(allow_null=True)
    horizon_days = serializers.IntegerField(allow_null=True)
    deposit_percent = serializers.IntegerField(allow_null=True)
    deposit = MoneyShape(allow_null=True, help_text="Where it is an amount")
    damage_hold = MoneyShape()
    auto_confirm = serializers.BooleanField()
    is_active = serializers.BooleanField()
    position = serializers.IntegerField()


class DeskRentalList(Shape):
    items = DeskRentalShape(many=True)


class DeskRentalRemoval(Shape):
    removed = serializers.BooleanField(help_text="false: booked before, and switched off instead")
    item = DeskRentalShape(allow_null=True)


class MemberShape(Shape):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    role = serializers.ChoiceField(choices=SalonRole.choices)
    phone_masked = serializers.CharField(allow_null=True)
    staff_member_id = serializers.UUIDField(allow_null=True, help_text="Their entry in the list of staff")
    is_me = serializers.BooleanField()
    created_at = fields.Moment()


class MemberList(Shape):
    items = MemberShape(many=True)
