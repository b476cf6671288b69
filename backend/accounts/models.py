"""People, what they may do on the platform, their devices, and the codes that prove a phone is theirs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone

from backend.accounts.privacy_models import ANSWER_WITHIN as ANSWER_WITHIN
from backend.accounts.privacy_models import Breach as Breach
from backend.accounts.privacy_models import Consent as Consent
from backend.accounts.privacy_models import DataRequest as DataRequest
from backend.accounts.privacy_models import PrivacyNotice as PrivacyNotice
from backend.accounts.privacy_models import Purpose as Purpose
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
        while True:
            with transaction.atomic():
                self.bulk_create([new], ignore_conflicts=True)
                user = self.select_for_update(no_key=True).filter(phone=phone).first()
            # Nobody, when whoever had the number gave it up while we waited for their row: then it is free.
            if user is not None:
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
    recycled_at = models.DateTimeField(null=True, blank=True)
    """When the number's new holder said that this account is not theirs."""
    email = models.EmailField(max_length=254, blank=True, default="", db_default="")
    """Where the person also wants to be written at; only ever an address they confirmed. Several may share one."""
    email_verified_at = models.DateTimeField(null=True, blank=True)

    history_from: datetime | None = None
    """Set by authentication for a session that may not see what is older (`Device.history_from`)."""
    name_asked = False
    """Set by authentication for a session that has yet to say the account's name (`Device.name_asked`)."""

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
            models.CheckConstraint(
                condition=Q(recycled_at__isnull=True) | Q(deleted_at__isnull=False),
                name="user_recycled_is_deleted",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(phone__isnull=True, name="", gender="", email=""),
                name="user_deleted_is_nobody",
            ),
            models.CheckConstraint(
                condition=Q(email="", email_verified_at__isnull=True)
                | ~Q(email="") & Q(email_verified_at__isnull=False),
                name="user_email_is_confirmed",
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
        if self.name_asked or self.history_from is not None:
            # Whoever has the number now, they are not yet who was given the role. Where there is no name to say,
            # they say "not me" and are given it anew.
            return frozenset()
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
    history_from = models.DateTimeField(null=True, blank=True)
    """Nothing older is shown here: a long-dormant account was opened on a new device (operations.identity)."""
    name_asked = models.BooleanField(default=False)
    """Whether saying the account's name would show the rest."""

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
            models.CheckConstraint(
                condition=Q(name_asked=False) | Q(history_from__isnull=False), name="device_asks_for_a_reason"
            ),
        ]
        indexes = [models.Index(fields=["installation_id"], name="device_by_installation")]

    def __str__(self) -> str:
        return f"{self.platform} {self.pk}"


class PushTarget(models.Model):
    """Where a push reaches a device. One target belongs to one device, and so to one person, at a time."""

    class Kind(models.TextChoices):
        FCM_TOKEN = "fcm_token", "FCM registration token"
        FID = "fid", "Firebase installation id"

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, related_name="push_target"
    )
    kind = models.CharField(max_length=9, choices=Kind.choices)
    token = models.CharField(max_length=1024)
    stored_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token"], name="push_target_once"),
            models.CheckConstraint(condition=Q(kind__in=["fcm_token", "fid"]), name="push_target_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.device_id}"


class OtpChallenge(models.Model):
    """One code sent to one number.

    The code itself is nowhere, and `code_hmac` needs a key that the database does not have.
    """

    class Purpose(models.TextChoices):
        SIGN_IN = "sign_in", "sign in"
        CHANGE_NEW = "change_new", "phone change, the new number"
        CHANGE_OLD = "change_old", "phone change, the old number"

    class SendOutcome(models.TextChoices):
        PENDING = "pending", "pending"
        ACCEPTED = "accepted", "accepted"
        REFUSED = "refused", "refused"
        UNKNOWN = "unknown", "unknown"
        WITHHELD = "withheld", "withheld"
        """Not sent: the spend ceiling was reached and the number has no account (operations.limits)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    purpose = models.CharField(max_length=16, choices=Purpose.choices, default=Purpose.SIGN_IN)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    """Who asked, for whom alone the code is good; nobody for a sign-in."""
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
        indexes = [
            models.Index(fields=["phone", "purpose", "created_at"], name="otp_by_phone"),
            models.Index(fields=["created_at"], name="otp_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["phone", "purpose"],
                condition=Q(used_at__isnull=True, superseded_at__isnull=True),
                name="otp_one_open_code",
            ),
            models.CheckConstraint(
                condition=Q(purpose="sign_in", user__isnull=True)
                | Q(purpose__in=["change_new", "change_old"], user__isnull=False),
                name="otp_change_has_an_asker",
            ),
            models.CheckConstraint(condition=Q(phone__regex=E164_PATTERN), name="otp_phone_is_e164"),
            models.CheckConstraint(condition=Q(tries__lte=MAX_TRIES_WITH_REPEATS), name="otp_tries_bounded"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="otp_expires_later"),
            models.CheckConstraint(
                condition=Q(send_outcome__in=["pending", "accepted", "refused", "unknown", "withheld"]),
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


class EmailChallenge(models.Model):
    """The code sent to an address that a person wants to be written at; their next one takes its place."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    email = models.EmailField(max_length=254)
    code_hmac = models.BinaryField(max_length=32)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="email_code_by_age")]
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=MAX_TRIES), name="email_code_tries_bounded"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="email_code_expires_later"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class PhoneChange(models.Model):
    """An account on its way to another number.

    waiting (for its codes) ─▶ done, when both numbers were proven; ─▶ cooling ─▶ done, when only the new one was,
    and nobody stopped it meanwhile. It ends as stopped, or as failed when the number went to somebody else first.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for its codes"
        COOLING = "cooling", "proven, not yet in effect"
        DONE = "done", "done"
        STOPPED = "stopped", "stopped"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="phone_changes")
    device = models.ForeignKey(Device, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    """Who asked or, later, gave the codes, and stays signed in; nobody for a change that support began."""
    assisted_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="assisted_phone_changes"
    )
    reason = models.CharField(max_length=300, blank=True, default="")
    """Why support began it."""
    old_phone = models.CharField(max_length=16)
    new_phone = models.CharField(max_length=16)
    new_code = models.ForeignKey(OtpChallenge, on_delete=models.SET_NULL, null=True, related_name="+")
    old_code = models.ForeignKey(
        OtpChallenge, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    needs_old = models.BooleanField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField()
    takes_effect_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["takes_effect_at"], condition=Q(state="cooling"), name="phone_change_due"),
            models.Index(fields=["old_phone"], condition=Q(state="done"), name="phone_change_left"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state__in=["waiting", "cooling"]),
                name="phone_change_one_open",
            ),
            models.CheckConstraint(
                condition=Q(old_phone__regex=E164_PATTERN, new_phone__regex=E164_PATTERN)
                & ~Q(old_phone=F("new_phone")),
                name="phone_change_changes",
            ),
            models.CheckConstraint(
                condition=Q(assisted_by__isnull=True) | ~Q(reason=""), name="phone_change_help_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", takes_effect_at__isnull=True, finished_at__isnull=True)
                | Q(state="cooling", takes_effect_at__isnull=False, finished_at__isnull=True)
                | Q(state__in=["done", "stopped", "failed"], finished_at__isnull=False),
                name="phone_change_state_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state="cooling") | Q(needs_old=False), name="phone_change_cools_without_old"
            ),
            # The old number was proven, or people had the time to say no.
            models.CheckConstraint(
                condition=~Q(state="done")
                | Q(needs_old=True)
                | Q(takes_effect_at__isnull=False, finished_at__gte=F("takes_effect_at")),
                name="phone_change_not_before_its_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SupportLook(models.Model):
    """One look of a support person at somebody's account, found or not. Rows are only ever added."""

    class What(models.TextChoices):
        PERSON = "person", "looked somebody up"
        PHONE_CHANGE = "phone_change", "began a phone change"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="support_looks")
    person = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="looked_at_by_support"
    )
    """Nobody, when nobody was found."""
    what = models.CharField(max_length=12, choices=What.choices)
    asked_for = models.CharField(max_length=40)
    """The masked number that was asked for."""
    request_id = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["person", "at"], name="support_look_at_person"),
            models.Index(fields=["by", "at"], name="support_look_by"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(what__in=["person", "phone_change"]), name="support_look_what_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.pk}"
