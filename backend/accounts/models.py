"""People, what they may do on the platform, their devices, and the codes that prove a phone is theirs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from backend.core.ids import uuid7
from backend.core.phone import E164_PATTERN

LANGUAGES = [("ar", "العربية"), ("en", "English")]
MAX_TRIES = 5
"""How many codes are compared per challenge before it is used (facts: messaging 4.1)."""
MAX_TRIES_WITH_REPEATS = 2 * MAX_TRIES
"""The same count including repeats of a verification whose answer was lost."""


class Gender(models.TextChoices):
    """Declared by the person, never required."""

    UNDECLARED = "", "undeclared"
    FEMALE = "female", "female"
    MALE = "male", "male"


class UserManager(BaseUserManager["User"]):
    def create_user(self, phone: str, *, password: str | None = None, **fields: Any) -> User:
        """A person with a proven number. There are no passwords: the phone is the key."""
        user = User(phone=phone, **fields)
        user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, phone: str, *, password: str | None = None, **fields: Any) -> User:
        return self.create_user(phone, **({"is_staff": True, "is_superuser": True} | fields))

    def for_sign_in(
        self, phone: str, *, device_language: str = "ar", now: datetime | None = None
    ) -> tuple[User, bool]:
        """The person of this number and whether they are new; inside a transaction their row comes locked.

        Two first sign-ins at once leave one person: the loser's insert waits and then does nothing.
        """
        new = User(phone=phone, device_language=device_language, joined_at=now or timezone.now())
        new.set_unusable_password()
        with transaction.atomic():
            self.bulk_create([new], ignore_conflicts=True)
            user = self.select_for_update(no_key=True).get(phone=phone)
        return user, user.pk == new.pk


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by a phone number. Deleting an account takes the number away and keeps the row."""

    last_login = None  # devices know better when somebody was last here

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    phone = models.CharField(max_length=16, unique=True, null=True)
    name = models.CharField(max_length=80, blank=True, default="")
    language = models.CharField(max_length=2, choices=LANGUAGES, null=True, blank=True)
    """Chosen by the person; null follows the device."""
    device_language = models.CharField(max_length=2, choices=LANGUAGES, default="ar")
    """The language of the person's last request, for messages sent later."""
    gender = models.CharField(max_length=6, choices=Gender.choices, blank=True, default=Gender.UNDECLARED)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    USERNAME_FIELD = "phone"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(phone__regex=E164_PATTERN), name="user_phone_is_e164"),
            models.CheckConstraint(
                condition=Q(phone__isnull=False) | Q(deleted_at__isnull=False),
                name="user_has_phone_until_deleted",
            ),
            models.CheckConstraint(condition=Q(language__in=["ar", "en"]), name="user_language_known"),
            models.CheckConstraint(
                condition=Q(device_language__in=["ar", "en"]), name="user_device_language_known"
            ),
            models.CheckConstraint(condition=Q(gender__in=Gender.values), name="user_gender_known"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def spoken_language(self) -> str:
        """The language to write to this person in, when no request is there to ask."""
        return self.language or self.device_language

    @property
    def platform_roles(self) -> frozenset[str]:
        """Roles on the whole platform; read once per instance."""
        kept: frozenset[str] | None = self.__dict__.get("_platform_roles")
        if kept is None:
            kept = frozenset(PlatformRole.objects.filter(user_id=self.pk).values_list("role", flat=True))
            self.__dict__["_platform_roles"] = kept
        return kept

    def has_platform_role(self, role: str) -> bool:
        return role in self.platform_roles


class PlatformRole(models.Model):
    """What a person may do across all salons; a role in one salon is that salon's membership."""

    class Role(models.TextChoices):
        FINANCE = "finance", "finance"
        SUPPORT = "support", "support"
        PLATFORM_ADMIN = "platform_admin", "platform admin"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="platform_role_rows")
    role = models.CharField(max_length=16, choices=Role.choices)
    granted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "role"], name="platform_role_once"),
            models.CheckConstraint(
                condition=Q(role__in=["finance", "support", "platform_admin"]), name="platform_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"


class Device(models.Model):
    """One signed-in installation: the session its tokens name as `sid`. `revoked_at` ends it for good.

    Tokens are not stored: the row holds what is needed to build the current pair again, byte for byte,
    so that a phone which lost an answer is given the same pair.
    """

    class Platform(models.TextChoices):
        IOS = "ios", "iOS"
        ANDROID = "android", "Android"
        WEB = "web", "web"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    installation_id = models.UUIDField(null=True, blank=True)
    platform = models.CharField(max_length=8, choices=Platform.choices, default=Platform.WEB)
    name = models.CharField(max_length=80, blank=True, default="")
    app_version = models.CharField(max_length=32, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    token_id = models.UUIDField(default=uuid.uuid4)
    token_issued_at = models.DateTimeField(default=timezone.now)
    previous_token_id = models.UUIDField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "installation_id"],
                condition=Q(revoked_at__isnull=True, installation_id__isnull=False),
                name="device_live_once_per_installation",
            ),
            models.CheckConstraint(
                condition=Q(platform__in=["ios", "android", "web"]), name="device_platform_known"
            ),
            models.CheckConstraint(
                condition=Q(previous_token_id__isnull=True, rotated_at__isnull=True)
                | Q(previous_token_id__isnull=False, rotated_at__isnull=False),
                name="device_rotation_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.platform} {self.pk}"


class OtpChallenge(models.Model):
    """One code sent to one number.

    The code itself is nowhere, and `code_hmac` needs a key that the database does not have.
    """

    class Purpose(models.TextChoices):
        SIGN_IN = "sign_in", "sign in"

    class SendOutcome(models.TextChoices):
        PENDING = "pending", "pending"
        ACCEPTED = "accepted", "accepted"
        REFUSED = "refused", "refused"
        UNKNOWN = "unknown", "unknown"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=16, choices=Purpose.choices, default=Purpose.SIGN_IN)
    phone = models.CharField(max_length=16)
    code_hmac = models.BinaryField(max_length=32)
    language = models.CharField(max_length=2, choices=LANGUAGES)
    channel = models.CharField(max_length=16, default="sms")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    superseded_at = models.DateTimeField(null=True, blank=True)
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """The session the code opened, answered again when the first answer was lost."""
    send_outcome = models.CharField(max_length=8, choices=SendOutcome.choices, default=SendOutcome.PENDING)
    provider = models.CharField(max_length=16, blank=True, default="")
    provider_message_id = models.CharField(max_length=80, blank=True, default="")
    error_class = models.CharField(max_length=16, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["phone", "purpose", "created_at"], name="otp_by_phone")]
        constraints = [
            models.UniqueConstraint(
                fields=["phone", "purpose"],
                condition=Q(used_at__isnull=True, superseded_at__isnull=True),
                name="otp_one_open_code",
            ),
            models.CheckConstraint(condition=Q(phone__regex=E164_PATTERN), name="otp_phone_is_e164"),
            models.CheckConstraint(condition=Q(tries__lte=MAX_TRIES_WITH_REPEATS), name="otp_tries_bounded"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="otp_expires_later"),
            models.CheckConstraint(
                condition=Q(send_outcome__in=["pending", "accepted", "refused", "unknown"]),
                name="otp_send_outcome_known",
            ),
            models.CheckConstraint(
                condition=Q(used_at__isnull=True) | Q(superseded_at__isnull=True),
                name="otp_used_or_superseded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"

    @property
    def reference(self) -> str:
        """What we call this message towards a provider: short, ASCII, ours alone."""
        return self.id.hex
