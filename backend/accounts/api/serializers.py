"""Bodies of sign-in and of one's own account, in and out."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.accounts.api.parsers import FormFlag
from backend.accounts.models import LANGUAGES, Device, Gender, PlatformRole
from backend.accounts.operations import DeviceDetails
from backend.core.api import fields
from backend.core.api.bodies import Body

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
    channel = fields.Choice(choices=["sms"], default="sms")
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


class TokenRefreshBody(Body):
    refresh_token = serializers.CharField(max_length=2000)


class LogoutBody(Body):
    refresh_token = serializers.CharField(max_length=2000)
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


class Me(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    phone = serializers.CharField(read_only=True, help_text="E.164")
    phone_display = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    language = serializers.ChoiceField(choices=LANGUAGES, read_only=True, allow_null=True)
    gender = serializers.ChoiceField(
        choices=[Gender.FEMALE.value, Gender.MALE.value], read_only=True, allow_blank=True
    )
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=PlatformRole.Role.values), read_only=True
    )


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
