"""Shapes of free times, quotes and bookings on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.bookings.models import Asked, BookingState, Kind
from backend.core.api import fields
from backend.core.api.bodies import Body, Query
from backend.core.api.pagination import PageQuery
from backend.core.api.shapes import MoneyShape, NamedShape, Shape

PHASES = [("upcoming", "upcoming"), ("past", "past"), ("cancelled", "cancelled")]


class AvailabilityQuery(Query):
    service_ids = fields.CommaSeparated(
        help_text="Services in the order they are to be done, comma-separated"
    )
    staff_member_id = fields.Identifier(required=False, help_text="A chosen person; absent means anyone")
    date = fields.Day(required=False, help_text="First calendar day; absent means today in the salon's zone")
    days = fields.QueryInteger(
        required=False, default=1, min_value=1, max_value=31, help_text="1 to 31, default 1"
    )
    explain = fields.Moment(required=False, help_text="A moment: the answer says why it may not be taken")


class SlotShape(Shape):
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day(help_text="The salon's day: after midnight it is still the evening before")
    staff_member_ids = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Who could do the first service; all of them when there is one",
    )


class DayShape(Shape):
    date = fields.Day()
    closed = serializers.BooleanField(help_text="The salon does not open on this day")
    slots = SlotShape(many=True)


class ReasonShape(Shape):
    code = serializers.CharField()
    detail = serializers.CharField()


class ExplanationShape(Shape):
    starts_at = fields.Moment()
    bookable = serializers.BooleanField()
    reasons = ReasonShape(many=True)


class AvailabilityShape(Shape):
    timezone = serializers.CharField()
    days = DayShape(many=True)
    explanation = ExplanationShape(allow_null=True)


class ItemBody(Body):
    service_id = fields.Identifier()
    staff_member_id = fields.Identifier(required=False, allow_null=True, default=None)


class ItemList(serializers.ListField):
    """One to ten services, done one after another."""

    child = ItemBody()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=10, **kwargs)


class QuoteBody(Body):
    salon_id = fields.Identifier()
    items = ItemList()
    starts_at = fields.Moment()


class BookingBody(QuoteBody):
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")
    expected_total_minor = fields.Integer(required=False, allow_null=True, min_value=0, default=None)


class GuestBody(Body):
    name = fields.Text(max_length=80)
    phone = fields.Phone(required=False, allow_null=True, default=None)


class WalkInBody(Body):
    items = ItemList()
    starts_at = fields.Moment()
    guest = GuestBody()
    note = fields.Prose(required=False, allow_blank=True, max_length=500, default="")
    overbook_reason = fields.Text(
        required=False,
        allow_blank=True,
        max_length=300,
        default="",
        help_text="Why the visit is added although its people are taken; owners only",
    )


class RescheduleBody(Body):
    version = fields.Integer(min_value=1, max_value=2_000_000_000)
    starts_at = fields.Moment()
    staff_member_id = fields.Identifier(
        required=False,
        allow_null=True,
        default=None,
        help_text="A chosen person for all of it; absent or null prefers the same people",
    )
    reason = fields.Text(required=False, allow_blank=True, max_length=300, default="")


class VerbBody(Body):
    version = fields.Integer(min_value=1, max_value=2_000_000_000)
    reason = fields.Text(required=False, allow_blank=True, max_length=300, default="")


class DisputeBody(VerbBody):
    reason = fields.Text(max_length=300, help_text="What the salon is to know about it")


class PricePartsShape(Shape):
    subtotal = MoneyShape()
    vat = MoneyShape()
    total = MoneyShape()


class QuoteItemShape(Shape):
    service = NamedShape()
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    price = MoneyShape()


class QuoteCancellationShape(Shape):
    free_until = fields.Moment()
    fee_after = MoneyShape()


class DepositReasonShape(Shape):
    code = serializers.CharField(help_text="`standing`")
    detail = serializers.CharField()
    usual_deposit = MoneyShape(help_text="Without the marks")
    marks = serializers.IntegerField(help_text="That count; `GET me/standing` lists them")
    percent = serializers.IntegerField(help_text="Of the price, at least")
    until = fields.Moment(help_text="When less is asked again if nothing is added")


class QuoteShape(Shape):
    salon = NamedShape()
    items = QuoteItemShape(many=True)
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day()
    price = MoneyShape()
    price_parts = PricePartsShape()
    deposit = MoneyShape()
    deposit_reason = DepositReasonShape(allow_null=True, help_text="Why more is asked than of others")
    cancellation = QuoteCancellationShape()


class ItemResourceShape(NamedShape):
    code = serializers.CharField(help_text="What stands on the door or the device")


class BookingItemShape(QuoteItemShape):
    staff_member = NamedShape()
    resources = ItemResourceShape(many=True, help_text="Rooms, chairs and devices kept for it")


class BookedRentalShape(NamedShape):
    resource = ItemResourceShape()
    damage_hold = MoneyShape(
        help_text="What the bank is to hold against damage until it is over; 0 for nothing"
    )


class BookedSessionShape(NamedShape):
    seats = serializers.IntegerField()
    staff_member = NamedShape(allow_null=True, help_text="Who leads it")
    resources = ItemResourceShape(many=True, help_text="Where it is")


class CancellationShape(Shape):
    free_until = fields.Moment()
    fee_now = MoneyShape()


class MovedBySalonShape(Shape):
    # `from` is a word of Python, so the field is declared by its wire name.
    def get_fields(self) -> Any:
        return {"from": fields.Moment(help_text="The start last agreed to", read_only=True)}


class NoShowShape(Shape):
    disputable_until = fields.Moment(help_text="Before then the customer may say that they were there")
    disputed_at = fields.Moment(allow_null=True)
    answered_at = fields.Moment(allow_null=True, help_text="When the salon upheld it")


class BookingShape(Shape):
    id = serializers.UUIDField()
    reference = serializers.CharField()
    version = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    state = serializers.ChoiceField(choices=BookingState.choices)
    phase = serializers.ChoiceField(choices=PHASES)
    state_label = serializers.CharField()
    starts_at = fields.Moment()
    ends_at = fields.Moment()
    business_date = fields.Day()
    salon = NamedShape()
    items = BookingItemShape(many=True, help_text="The services of a visit; empty for other kinds")
    rental = BookedRentalShape(allow_null=True, help_text="What is let, where that is what was booked")
    session = BookedSessionShape(allow_null=True, help_text="Where seats are what was booked")
    price = MoneyShape()
    deposit = MoneyShape()
    allowed_actions = serializers.ListField(child=serializers.CharField())
    cancellation = CancellationShape(allow_null=True)
    hold_expires_at = fields.Moment(allow_null=True)
    hold_expires_in_seconds = serializers.IntegerField(allow_null=True)
    respond_by = fields.Moment(allow_null=True)
    moves_left = serializers.IntegerField(help_text="How often the customer may still move it")
    moved_by_salon = MovedBySalonShape(
        allow_null=True, help_text="While the customer can accept or refuse the salon's new time"
    )
    attendance_confirmed_at = fields.Moment(
        allow_null=True, help_text="When the customer said they will come"
    )
    arrived_at = fields.Moment(allow_null=True)
    no_show = NoShowShape(allow_null=True)
    poll_after_seconds = serializers.IntegerField(allow_null=True)
    note = serializers.CharField(allow_null=True)
    created_at = fields.Moment()


class BookingPage(Shape):
    items = BookingShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DeskCustomerShape(Shape):
    name = serializers.CharField(allow_null=True)
    phone_masked = serializers.CharField(allow_null=True)
    is_guest = serializers.BooleanField()


class DeskBookingShape(BookingShape):
    customer = DeskCustomerShape()
    is_overbooked = serializers.BooleanField(help_text="Added on purpose while its people were taken")
    source = serializers.CharField()  # type: ignore[assignment]  # DRF fields have a `source` of their own


class DeskBookingPage(Shape):
    items = DeskBookingShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class BookingListQuery(PageQuery):
    phase = serializers.ChoiceField(required=False, choices=PHASES)
    state = serializers.ChoiceField(required=False, choices=BookingState.choices)


class DeskBookingListQuery(PageQuery):
    date = fields.Day(required=False, help_text="The salon's business day")
    state = serializers.ChoiceField(required=False, choices=BookingState.choices)


class EventShape(Shape):
    at = fields.Moment()
    verb = serializers.CharField()
    # `from` is a word of Python, so the field is declared below by its wire name.
    to = serializers.CharField()
    actor = serializers.CharField()
    moved_from = fields.Moment(allow_null=True, help_text="The start a reschedule left behind")
    reason = serializers.CharField(allow_null=True)

    def get_fields(self) -> Any:
        return {"from": serializers.CharField(allow_null=True, read_only=True)} | super().get_fields()


class EventList(Shape):
    items = EventShape(many=True)


class MomentsBeforeAndAfterShape(Shape):
    before = fields.Moment()
    after = fields.Moment()


class NamesBeforeAndAfterShape(Shape):
    before = NamedShape(many=True)
    after = NamedShape(many=True)


class LaneBeforeAndAfterShape(Shape):
    before = serializers.IntegerField()
    after = serializers.IntegerField(help_text="How many others at most stand beside it; 0 for nobody")


class ChangesShape(Shape):
    starts_at = MomentsBeforeAndAfterShape(allow_null=True)
    staff = NamesBeforeAndAfterShape(allow_null=True, help_text="Who serves each item, in order")
    resources = NamesBeforeAndAfterShape(allow_null=True, help_text="What the items have, in order")
    lane = LaneBeforeAndAfterShape(allow_null=True)


class DeskEventShape(EventShape):
    actor_name = serializers.CharField(
        allow_null=True, help_text="Absent for the system, the platform's own people and erased accounts"
    )
    changes = ChangesShape()


class DeskEventList(Shape):
    items = DeskEventShape(many=True)


class RefusalListQuery(PageQuery):
    date = fields.Day(required=False, help_text="The day of the refusal in the salon's zone")


class RefusalShape(Shape):
    at = fields.Moment()
    asked = serializers.ChoiceField(choices=Asked.choices)
    starts_at = fields.Moment(help_text="The start that was asked for")
    services = NamedShape(many=True)
    staff = NamedShape(many=True, help_text="People who were chosen; empty means anyone")
    reasons = ReasonShape(many=True, help_text="All of them, the one that was told first")


class RefusalPage(Shape):
    items = RefusalShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)
