"""Bodies of sign-in and of one's own account, in and out."""

from __future__ import annotations

from typing import Any, cast

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from backend.accounts.api.parsers import FormFlag
from backend.accounts.models import LANGUAGES, Device, Gender, PlatformRole, Purpose, PushTarget
from backend.accounts.operations import DeviceDetails
from backend.core import text
from backend.core.api import fields
from backend.core.api.bodies import Body, Query
from backend.core.api.shapes import MoneyShape, Shape

# In ---------------------------------------------------------------------------------------------


class AppHash(serializers.RegexField):
    """Checked to the letter: it becomes the last line of a text message."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[A-Za-z0-9+/]{11}\Z", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class OtpRequestBody(Body):
    phone = fields.Phone(help_text="As typed, in any digits, e.g. 0512345678")
    channel = fields.Choice(choices=["sms", "whatsapp"], default="sms")
    app_hash = AppHash(
        required=False,
        allow_null=True,
        help_text="Android: the 11 characters of SMS Retriever, which become the last line of the text",
    )


class DeviceBody(Body):
    installation_id = fields.Identifier(
        required=False, allow_null=True, default=None, help_text="Random, made once per installation"
    )
    platform = fields.Choice(choices=Device.Platform.values, default=Device.Platform.WEB.value)
    name = fields.Text(max_length=80, required=False, allow_blank=True, default="")
    app_version = fields.Text(max_length=32, required=False, allow_blank=True, default="")


class OtpVerificationBody(Body):
    otp_request_id = fields.Identifier()
    code = fields.Digits(max_length=40, help_text="Six digits, of any script")
    device = DeviceBody(required=False)

    def validate_device(self, value: dict[str, Any]) -> DeviceDetails:
        return DeviceDetails(**value)


class Token(serializers.CharField):
    """Opaque: neither cleaned nor coerced."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class TokenRefreshBody(Body):
    refresh_token = Token(max_length=2000)


class LogoutBody(Body):
    refresh_token = Token(max_length=2000)
    everywhere = FormFlag(default=False, help_text="Also sign out all other devices")


class ProfileChanges(Body):
    name = fields.Text(max_length=80, required=False, allow_blank=True)
    language = fields.Choice(
        choices=LANGUAGES,
        required=False,
        allow_null=True,
        help_text="Null follows the device (`Accept-Language`)",
    )
    gender = fields.Choice(choices=[Gender.FEMALE.value, Gender.MALE.value], required=False, allow_blank=True)


class Email(serializers.EmailField):
    """An address as typed; its domain becomes lower-case ASCII."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)
        self.error_messages["invalid"] = ""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if not isinstance(data, str):
            return super().run_validation(data)
        local, at, domain = text.ascii_digits(data).strip().rpartition("@")
        try:
            return super().run_validation(f"{local}{at}{domain.lower().encode('idna').decode()}")
        except UnicodeError as error:
            raise serializers.ValidationError("", code="email_invalid") from error
        except serializers.ValidationError as error:
            codes = [
                "email_invalid" if d.code == "invalid" else d.code for d in cast(list[Any], error.detail)
            ]
            raise serializers.ValidationError([ErrorDetail("", code=code) for code in codes]) from error


class EmailBody(Body):
    email = Email(help_text="As typed, e.g. name@example.com")


class EmailCode(Body):
    code = fields.Digits(max_length=40, help_text="Six digits, of any script")


class PushToken(serializers.RegexField):
    """An opaque string of Firebase's; visible ASCII."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[!-~]+\Z", max_length=1024, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("", code="wrong_type")
        return super().to_internal_value(data)


class PushTargetBody(Body):
    token = PushToken(help_text="As the Firebase SDK gave it")
    kind = fields.Choice(
        choices=PushTarget.Kind.values,
        help_text="`fcm_token`: a registration token; `fid`: a Firebase installation id",
    )


class PhoneChangeBody(Body):
    new_phone = fields.Phone(help_text="As typed, in any digits, e.g. 0512345678")
    without_old = fields.Boolean(
        default=False, help_text="The old number is lost: no code to it, and the change takes effect later"
    )
    app_hash = AppHash(
        required=False, allow_null=True, help_text="As in `requestOtp`, for the new number's text"
    )


class PhoneChangeCodes(Body):
    new_code = fields.Digits(max_length=40, help_text="Six digits, of any script")
    old_code = fields.Digits(
        max_length=40, required=False, allow_null=True, default=None, help_text="When `needs` names it"
    )


class AssistedPhoneChangeBody(Body):
    new_phone = fields.Phone(help_text="As typed, in any digits, e.g. 0512345678")
    reason = fields.Text(max_length=300, help_text="How the person proved who they are; kept")


class AssistedPhoneChangeCode(Body):
    new_code = fields.Digits(max_length=40, help_text="Six digits, of any script")


class IdentityBody(Body):
    name = fields.Text(max_length=80, required=False, help_text="Required unless `not_me`")
    not_me = fields.Boolean(default=False, help_text="This account is somebody else's")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["not_me"] and "name" not in attrs:
            raise serializers.ValidationError({"name": [ErrorDetail("", code="required")]})
        return attrs


# Out --------------------------------------------------------------------------------------------


class OtpRequestAnswer(serializers.Serializer[Any]):
    otp_request_id = serializers.UUIDField(read_only=True)
    expires_in_seconds = serializers.IntegerField(read_only=True)
    resend_in_seconds = serializers.IntegerField(read_only=True)
    code_length = serializers.IntegerField(read_only=True)
    sent_to = serializers.CharField(read_only=True, help_text="Masked, to be shown")


class TokenAnswer(serializers.Serializer[Any]):
    access_token = serializers.CharField(read_only=True)
    access_expires_in_seconds = serializers.IntegerField(read_only=True)
    refresh_token = serializers.CharField(read_only=True)
    refresh_expires_in_seconds = serializers.IntegerField(read_only=True)


class SignedInUser(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    language = serializers.ChoiceField(
        choices=LANGUAGES, read_only=True, help_text="The language messages are written in"
    )


class SignInAnswer(TokenAnswer):
    is_new_user = serializers.BooleanField(read_only=True)
    user = SignedInUser(read_only=True)


class PhoneChangeAnswer(Shape):
    id = serializers.UUIDField()
    state = serializers.CharField(help_text="`cooling`, `done`; an open list")
    new_phone = serializers.CharField(help_text="Masked")
    takes_effect_at = fields.Moment(allow_null=True)


class PhoneChangeAsked(Shape):
    id = serializers.UUIDField()
    new_phone = serializers.CharField(help_text="Masked")
    needs = serializers.ListField(
        child=serializers.ChoiceField(choices=["new", "old"]), help_text="Whose codes to give back"
    )
    expires_in_seconds = serializers.IntegerField()


class Me(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    phone = serializers.CharField(read_only=True, help_text="E.164")
    phone_display = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    language = serializers.ChoiceField(choices=LANGUAGES, read_only=True, allow_null=True)
    gender = serializers.ChoiceField(
        choices=[Gender.FEMALE.value, Gender.MALE.value], read_only=True, allow_blank=True
    )
    email = serializers.CharField(
        read_only=True, allow_null=True, help_text="Where messages may also go; only ever a confirmed address"
    )
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=PlatformRole.Role.values), read_only=True
    )
    identity_confirmation_required = serializers.BooleanField(
        read_only=True, help_text="Older bookings and the name are hidden until `confirmIdentity`"
    )
    phone_change = PhoneChangeAnswer(
        read_only=True, allow_null=True, help_text="Takes effect soon, unless somebody stops it"
    )


class EmailAsked(Shape):
    email = serializers.CharField(help_text="Where the code went")
    expires_in_seconds = serializers.IntegerField()
    resend_in_seconds = serializers.IntegerField()
    code_length = serializers.IntegerField()


class IdentityAnswer(Shape):
    me = Me()
    tokens = TokenAnswer(allow_null=True, help_text="Of the fresh account, after `not_me`")


class DeviceAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    platform = serializers.ChoiceField(choices=Device.Platform.values, read_only=True)
    name = serializers.CharField(read_only=True)
    app_version = serializers.CharField(read_only=True)
    created_at = fields.Moment(read_only=True)
    last_seen_at = fields.Moment(read_only=True)
    current = serializers.BooleanField(read_only=True, help_text="This is the device that asks")


class DeviceList(serializers.Serializer[Any]):
    items = DeviceAnswer(many=True, read_only=True)


# Privacy ----------------------------------------------------------------------------------------


class PrivacyNoticeQuery(Query):
    version = fields.QueryInteger(
        min_value=1,
        max_value=999_999,
        required=False,
        help_text="An older notice; without it the one in force",
    )


class ConsentBody(Body):
    granted = fields.Boolean()


class ControllerShape(Shape):
    name = serializers.CharField(help_text="Who answers for the data")
    contact = serializers.CharField()
    data_protection_officer = serializers.CharField(
        allow_null=True, help_text="How to reach them; null: none"
    )


class PrivacyNoticeShape(Shape):
    version = serializers.IntegerField()
    published_at = fields.Moment()
    controller = ControllerShape()
    text = serializers.CharField(help_text="Markdown: headings, paragraphs and lists only")


class ConsentShape(Shape):
    purpose = serializers.ChoiceField(choices=Purpose.values)
    title = serializers.CharField()
    granted = serializers.BooleanField(help_text="False until it was given")
    decided_at = fields.Moment(allow_null=True)
    notice_version = serializers.IntegerField(allow_null=True, help_text="The notice in force at that moment")


class ConsentList(Shape):
    items = ConsentShape(many=True)


class ExportShape(Shape):
    exported_at = fields.Moment()
    complete = serializers.BooleanField()
    sections = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        help_text="Such as `profile`, `devices`, `consents`, `bookings`, `payments`, `messages`; each a list of "
        "records, newest first. An open list of names",
    )


class EndedShape(Shape):
    kind = serializers.CharField(help_text="`booking`; an open list")
    id = serializers.CharField()
    reference = serializers.CharField()
    title = serializers.CharField(help_text="Of a booking: the salon")
    fee = MoneyShape(help_text="Kept by the policy of the booking")
    refund = MoneyShape(help_text="On its way back")


class ErasedShape(Shape):
    what = serializers.CharField(help_text="Stable; an open list")
    title = serializers.CharField()
    count = serializers.IntegerField()


class KeptShape(ErasedShape):
    why = serializers.CharField(help_text="The reason in law")
    until = serializers.DateField(allow_null=True, help_text="Null: as long as it is of use")


class DeletionShape(Shape):
    deleted_at = fields.Moment()
    ended = EndedShape(many=True, help_text="Live bookings, cancelled by their policy")
    erased = ErasedShape(many=True)
    kept = KeptShape(many=True, help_text="Stays without a name")
