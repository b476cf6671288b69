"""What the desk and the platform send. A PATCH changes what it names, `null` clears."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from backend.core.api import fields
from backend.core.api.bodies import Body, Query
from backend.core.api.both import Both
from backend.core.api.pagination import PageQuery
from backend.salons import licences
from backend.salons.api.manage import fields as own
from backend.salons.models import Audience, Gender, PrayerPause, SalonRole, SalonStatus
from backend.salons.models.places import (
    EARLIEST_REMINDER,
    LONGEST_STANDING,
    MOST_REMINDERS,
    MOST_STEPS,
    PRAYERS,
)
from backend.salons.models.rentals import LONGEST_MINUTES
from backend.salons.operations.lists import LAST_POSITION
from backend.salons.operations.services import MOST_SERVICES
from backend.salons.operations.staff import MOST_STAFF

DAY = 24 * 60
MOST_MINOR = 100_000_000
"""A million riyals."""


class OneOf(fields.Choice):
    """One of the values, or nothing: `null` is stored as empty text."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return "" if data is None else super().run_validation(data)


def _whole(least: int, most: int, **kwargs: Any) -> fields.Integer:
    return fields.Integer(min_value=least, max_value=most, required=False, **kwargs)


def _ids(most: int, **kwargs: Any) -> serializers.ListField:
    return serializers.ListField(child=fields.Identifier(), max_length=most, **kwargs)


class VersionQuery(Query):
    version = fields.QueryInteger(min_value=1, help_text="The version that was seen")


class VersionBody(Body):
    version = fields.Integer(min_value=1, max_value=2_000_000_000)


class ReasonBody(VersionBody):
    reason = fields.Text(max_length=300)


class OptionalReasonBody(VersionBody):
    reason = fields.Text(max_length=300, required=False, allow_blank=True, default="")


class PlatformSalonQuery(PageQuery):
    status = serializers.ChoiceField(required=False, choices=SalonStatus.choices)


# The salon ---------------------------------------------------------------------------------------


class LocationBody(Body):
    latitude = own.Degrees()
    longitude = own.Degrees()

    def validate(self, attrs: dict[str, Decimal]) -> dict[str, Decimal]:
        try:
            latitude, longitude = licences.coordinates(
                attrs["latitude"], attrs["longitude"], settings.PHONE_COUNTRIES
            )
        except ValueError:
            raise serializers.ValidationError("", code="location_not_served")
        return {"latitude": latitude, "longitude": longitude}


class ProfileBody(Body):
    """What a salon says about itself, and how it is booked."""

    description = Both(max_length=2000, lines=True, allow_blank=True, required=False)
    district = fields.Text(
        max_length=80, required=False, allow_null=True, help_text="Slug of a district of the city"
    )
    address = Both(max_length=200, allow_blank=True, required=False)
    building_number = own.Number(licences.building_number, help_text="Four digits")
    postal_code = own.Number(licences.postal_code, help_text="Five digits")
    secondary_number = own.Number(licences.building_number, help_text="Four digits")
    unit_number = own.OptionalText(max_length=10)
    short_address = own.Number(
        licences.short_address, help_text="National Address, four letters and four digits"
    )
    location = LocationBody(required=False, allow_null=True)
    phone = own.Number(own.telephone, help_text="Any telephone number, as typed")
    licence_number = own.Number(licences.licence_number, help_text="Municipal licence, digits")
    licence_expires_on = fields.Day(required=False, allow_null=True)
    timezone = own.TimeZoneName(max_length=40, required=False, help_text="IANA name")
    auto_confirm = fields.Boolean(required=False)
    grid_minutes = _whole(5, 240)
    min_notice_minutes = _whole(0, 30 * DAY)
    horizon_days = _whole(1, 366)
    respond_within_minutes = _whole(5, 7 * DAY)
    deposit_percent = _whole(0, 100)
    free_cancel_hours = _whole(0, 30 * 24)
    late_cancel_percent = _whole(0, 100)
    authorise_first = fields.Boolean(
        required=False, help_text="Deposits are held on the card and charged when the salon confirms"
    )
    max_reschedules = _whole(0, 20, help_text="How often a customer may move one booking")
    reminder_hours = serializers.ListField(
        child=fields.Integer(min_value=1, max_value=EARLIEST_REMINDER),
        max_length=MOST_REMINDERS,
        required=False,
        help_text="Hours before a visit at which its customer is reminded; empty: never",
    )
    prayer_pause = fields.Choice(choices=PrayerPause.choices, required=False)
    pause_prayers = serializers.ListField(
        child=fields.Choice(choices=PRAYERS), max_length=len(PRAYERS), required=False
    )
    prayer_pause_minutes = _whole(5, 120)
    services_may_span_pauses = fields.Boolean(required=False)

    def validate_reminder_hours(self, value: list[int]) -> list[int]:
        return sorted(set(value), reverse=True)

    def validate_pause_prayers(self, value: list[str]) -> list[str]:
        return [prayer for prayer in PRAYERS if prayer in value]


class SalonChangesBody(VersionBody, ProfileBody):
    name = Both(max_length=120, required=False)
    audience = fields.Choice(choices=Audience.choices, required=False)
    city = fields.Text(max_length=40, required=False, help_text="City slug")


class BusinessBody(Body):
    name = Both(max_length=120)
    address = Both(max_length=200, required=False, allow_blank=True, help_text="As registered for VAT")
    vat_number = own.Number(licences.vat_number, help_text="15 digits")
    commercial_registration = own.Number(licences.commercial_registration, help_text="10 digits")
    standing_steps = serializers.ListField(
        child=fields.Integer(min_value=0, max_value=100),
        max_length=MOST_STEPS,
        required=False,
        help_text="Least deposit in percent with one mark, two marks ...; none falls; empty: marks ask for nothing",
    )
    standing_days = _whole(1, LONGEST_STANDING, help_text="How long a mark counts, from the visit")
    no_show_marks = _whole(0, 3, help_text="What a missed visit leaves")
    late_cancel_marks = _whole(0, 3, help_text="What a cancellation after the free time leaves")

    def validate_standing_steps(self, value: list[int]) -> list[int]:
        if value != sorted(value):
            raise serializers.ValidationError("", code="steps_fall")
        return value


class BusinessChangesBody(VersionBody, BusinessBody):
    name = Both(max_length=120, required=False)


class OpenSalonBody(ProfileBody):
    """Of a business one has (`business_id`) or of a new one (`business`)."""

    business_id = fields.Identifier(required=False)
    business = BusinessBody(required=False)
    slug = own.Slug(required=False, help_text="Absent: made of the English name")
    name = Both(max_length=120)
    audience = fields.Choice(choices=Audience.choices)
    city = fields.Text(max_length=40, help_text="City slug")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "business" in attrs and "business_id" in attrs:
            raise serializers.ValidationError({"business": [ErrorDetail("", code="unknown_field")]})
        if "business" not in attrs and "business_id" not in attrs:
            raise serializers.ValidationError({"business": [ErrorDetail("", code="field_required")]})
        return attrs


# What is sold, by whom, with what ----------------------------------------------------------------


class ProcessingGapBody(Body):
    starts_minute = fields.Integer(min_value=1, max_value=719)
    minutes = fields.Integer(min_value=1, max_value=719)


class _ServiceBody(Body):
    category = fields.Text(max_length=40, required=False, help_text="Category slug; not for a variant")
    description = Both(max_length=1000, lines=True, allow_blank=True, required=False)
    buffer_before_minutes = _whole(0, 240)
    buffer_after_minutes = _whole(0, 240)
    processing_gap = ProcessingGapBody(
        required=False, allow_null=True, help_text="While the client waits, the staff member is free"
    )
    min_notice_minutes = _whole(0, 30 * DAY, allow_null=True, help_text="null: the salon's")
    horizon_days = _whole(1, 366, allow_null=True, help_text="null: the salon's")
    deposit_percent = _whole(0, 100, allow_null=True, help_text="null: the salon's")
    is_active = fields.Boolean(required=False)
    position = _whole(0, LAST_POSITION)
    staff_member_ids = _ids(MOST_STAFF, required=False, help_text="Who performs it; not for a variant")
    needs = serializers.ListField(
        child=own.Kind(), max_length=10, required=False, help_text="Kinds of resources; not for a variant"
    )


class ServiceBody(_ServiceBody):
    variant_of = fields.Identifier(required=False, allow_null=True, default=None)
    name = Both(max_length=120)
    duration_minutes = fields.Integer(min_value=5, max_value=720)
    price_minor = fields.Integer(min_value=0, max_value=MOST_MINOR, help_text="Halalas, VAT included")


class ServiceChangesBody(VersionBody, _ServiceBody):
    name = Both(max_length=120, required=False)
    duration_minutes = _whole(5, 720)
    price_minor = _whole(0, MOST_MINOR, help_text="Halalas, VAT included")


class ServiceOrderBody(Body):
    service_ids = _ids(MOST_SERVICES, min_length=1)


class StaffMemberBody(Body):
    name = Both(max_length=80)
    title = Both(max_length=80, allow_blank=True, required=False)
    gender = OneOf(choices=Gender.choices, required=False, allow_null=True)
    languages = serializers.ListField(child=own.Language(max_length=3), max_length=10, required=False)
    max_bookings_per_day = _whole(1, 200, allow_null=True, help_text="null: no limit")
    phone = fields.Phone(
        required=False, allow_null=True, help_text="Of somebody with a role here: their own account"
    )
    service_ids = _ids(MOST_SERVICES, required=False, help_text="What they perform")
    is_active = fields.Boolean(required=False)
    position = _whole(0, LAST_POSITION)

    def validate_languages(self, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))


class StaffMemberChangesBody(VersionBody, StaffMemberBody):
    name = Both(max_length=80, required=False)


class ResourceBody(Body):
    kind = own.Kind(help_text="`room`, `chair`: resources of one kind are alike")
    code = fields.Text(max_length=20, help_text="What stands on the door")
    name = Both(max_length=80)
    attributes = own.Attributes(required=False)
    is_active = fields.Boolean(required=False)
    position = _whole(0, LAST_POSITION)


class ResourceChangesBody(VersionBody, ResourceBody):
    kind = own.Kind(required=False)
    code = fields.Text(max_length=20, required=False)
    name = Both(max_length=80, required=False)


class RentalBody(Body):
    resource_id = fields.Identifier(help_text="What is let; each resource once")
    name = Both(max_length=80)
    description = Both(max_length=1000, lines=True, allow_blank=True, required=False)
    price_per_hour_minor = _whole(0, MOST_MINOR, allow_null=True, help_text="Halalas, VAT included")
    price_per_day_minor = _whole(
        0, MOST_MINOR, allow_null=True, help_text="Of 24 hours; the most that a part of a day costs"
    )
    step_minutes = _whole(15, DAY, help_text="It is let for a multiple of these; 60")
    min_minutes = fields.Integer(min_value=15, max_value=LONGEST_MINUTES)
    max_minutes = fields.Integer(min_value=15, max_value=LONGEST_MINUTES)
    buffer_before_minutes = _whole(0, DAY // 2)
    buffer_after_minutes = _whole(0, DAY // 2)
    min_notice_minutes = _whole(0, 30 * DAY, allow_null=True, help_text="null: the salon's")
    horizon_days = _whole(1, 366, allow_null=True, help_text="null: the salon's")
    deposit_percent = _whole(0, 100, allow_null=True, help_text="null, like the amount: the salon's")
    deposit_minor = _whole(0, MOST_MINOR, allow_null=True, help_text="An amount instead; halalas")
    damage_minor = _whole(0, MOST_MINOR, help_text="What the bank is to hold against damage; halalas")
    auto_confirm = fields.Boolean(required=False, help_text="false: the salon answers each request")
    is_active = fields.Boolean(required=False)
    position = _whole(0, LAST_POSITION)


class RentalChangesBody(VersionBody, RentalBody):
    resource_id = fields.Identifier(required=False)
    name = Both(max_length=80, required=False)
    min_minutes = _whole(15, LONGEST_MINUTES)
    max_minutes = _whole(15, LONGEST_MINUTES)


class MemberBody(Body):
    phone = fields.Phone(help_text="A number without an account gets one, which its holder opens by a code")
    role = fields.Choice(choices=SalonRole.choices)


class MemberChangesBody(VersionBody):
    role = fields.Choice(choices=SalonRole.choices)
