"""What the Personal Data Protection Law wants on record: the notice, consents, requests, breaches.

Part of `accounts.models`, which re-exports it. Articles are those of the implementing regulation (KSA facts 5.2).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from backend.core.ids import uuid7

ANSWER_WITHIN = timedelta(days=30)
"""To a request of a person (art. 3); once more the same with notice and reasons."""
TELL_AUTHORITY_WITHIN = timedelta(hours=72)
"""SDAIA, from the moment of knowing (art. 24)."""
TELL_PEOPLE_WITHIN = timedelta(days=3)
"""The Ministry of Commerce and the people concerned (E-Commerce regulation art. 5)."""


class PrivacyNotice(models.Model):
    """What people are told about their data, in both languages. A published notice never changes (a trigger refuses).

    The texts are Markdown (headings, paragraphs, lists); `{controller}` and `{contact}` stand for the settings.
    """

    version = models.PositiveIntegerField(_("version"), primary_key=True)
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    """Nothing while it is a draft; may lie ahead."""
    text_ar = models.TextField(_("Arabic text"))
    text_en = models.TextField(_("English text"))

    class Meta:
        verbose_name = _("privacy notice")
        verbose_name_plural = _("privacy notices")
        ordering = ["-version"]
        constraints = [
            models.CheckConstraint(
                condition=Q(published_at__isnull=True) | ~(Q(text_ar="") | Q(text_en="")),
                name="privacy_notice_speaks_both",
            ),
        ]

    def __str__(self) -> str:
        return str(self.version)


class Purpose(models.TextChoices):
    """What needs a consent of its own. Booking needs none: its basis is the contract."""

    MARKETING = "marketing", _("marketing")
    PHOTOS = "photos", _("photos")
    HEALTH_NOTES = "health_notes", _("health notes")


class Consent(models.Model):
    """Proof that somebody gave, refused or withdrew a consent: the latest row of a purpose is its state.

    Rows are only ever added (a trigger refuses the rest) and outlive the account, whose row has lost its name by then.
    """

    class Means(models.TextChoices):
        APP = "app", _("app")
        WEB = "web", _("web")
        ACCOUNT_DELETION = "account_deletion", _("deletion of the account")

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consents", verbose_name=_("person")
    )
    purpose = models.CharField(_("purpose"), max_length=16, choices=Purpose.choices)
    granted = models.BooleanField(_("given"))
    notice = models.ForeignKey(
        PrivacyNotice, on_delete=models.PROTECT, related_name="+", verbose_name=_("privacy notice")
    )
    """The notice in force at that moment."""
    at = models.DateTimeField(_("time"))
    means = models.CharField(_("means"), max_length=16, choices=Means.choices)
    client = models.CharField(_("app version"), max_length=40, blank=True, default="")
    request_id = models.CharField(_("request"), max_length=64, blank=True, default="")

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = [models.Index(fields=["user", "purpose", "-id"], name="consent_state")]
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="consent_purpose_known"),
            models.CheckConstraint(
                condition=Q(means__in=["app", "web", "account_deletion"]), name="consent_means_known"
            ),
            models.CheckConstraint(
                condition=~Q(means="account_deletion") | Q(granted=False),
                name="consent_ends_with_the_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class DataRequest(models.Model):
    """Somebody uses a right over their data. Every request is on record, also one made by voice (art. 3).

    `person` is empty for somebody without an account; `note` goes when the person's data does.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", _("access")
        COPY = "copy", _("copy")
        CORRECTION = "correction", _("correction")
        DESTRUCTION = "destruction", _("destruction")
        OBJECTION = "objection", _("objection")

    class Channel(models.TextChoices):
        APP = "app", _("app")
        PHONE = "phone", _("telephone")
        EMAIL = "email", _("e-mail")
        LETTER = "letter", _("letter")
        IN_PERSON = "in_person", _("in person")

    class Outcome(models.TextChoices):
        DONE = "done", _("done")
        PARTLY = "partly", _("partly done")
        REFUSED = "refused", _("refused, with reasons")
        WITHDRAWN = "withdrawn", _("taken back")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="data_requests",
        verbose_name=_("person"),
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    received_at = models.DateTimeField(_("received at"))
    due_at = models.DateTimeField(_("due at"))
    extended_until = models.DateTimeField(_("extended until"), null=True, blank=True)
    extension_reason = models.CharField(_("reason of the extension"), max_length=300, blank=True, default="")
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices, blank=True, default="")
    note = models.TextField(_("note"), max_length=2000, blank=True, default="")

    class Meta:
        verbose_name = _("data request")
        verbose_name_plural = _("data requests")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(closed_at__isnull=True), name="data_request_open"),
            models.Index(fields=["person", "received_at"], name="data_request_of_person"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["access", "copy", "correction", "destruction", "objection"]),
                name="data_request_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["app", "phone", "email", "letter", "in_person"]),
                name="data_request_channel_known",
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("received_at"), due_at__lte=F("received_at") + ANSWER_WITHIN),
                name="data_request_due_in_30_days",
            ),
            models.CheckConstraint(
                condition=Q(extended_until__isnull=True, extension_reason="")
                | (
                    Q(
                        extended_until__isnull=False,
                        extended_until__gt=F("due_at"),
                        extended_until__lte=F("due_at") + ANSWER_WITHIN,
                    )
                    & ~Q(extension_reason="")
                ),
                name="data_request_extended_once",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, outcome="")
                | Q(
                    closed_at__isnull=False,
                    closed_at__gte=F("received_at"),
                    outcome__in=["done", "partly", "refused", "withdrawn"],
                ),
                name="data_request_closed_whole",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="refused") | ~Q(note=""), name="data_request_refused_with_reasons"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def answer_by(self) -> datetime:
        """The day that counts: the extended one, when there is one."""
        return self.extended_until or self.due_at

    def overdue(self, now: datetime) -> bool:
        return self.closed_at is None and now > self.answer_by


class Breach(models.Model):
    """A leak, loss or misuse of personal data, and whom we told when. Two clocks run from the moment of knowing."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    aware_at = models.DateTimeField(_("known since"))
    happened_from = models.DateTimeField(_("happened from"), null=True, blank=True)
    happened_until = models.DateTimeField(_("happened until"), null=True, blank=True)
    what = models.TextField(_("what happened"))
    categories = models.TextField(_("kinds of data and of people"), blank=True, default="")
    people_count = models.PositiveIntegerField(_("number of people"), null=True, blank=True)
    records_count = models.PositiveIntegerField(_("number of records"), null=True, blank=True)
    risks = models.TextField(_("risks for the people"), blank=True, default="")
    measures = models.TextField(_("measures taken"), blank=True, default="")
    contact = models.CharField(_("contact person"), max_length=200, blank=True, default="")
    authority_told_at = models.DateTimeField(_("SDAIA told at"), null=True, blank=True)
    ministry_told_at = models.DateTimeField(_("Ministry of Commerce told at"), null=True, blank=True)
    people_told_at = models.DateTimeField(_("people told at"), null=True, blank=True)
    people_told_how = models.TextField(_("how people were told, or why not"), blank=True, default="")
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("breach")
        verbose_name_plural = _("breaches")
        indexes = [models.Index(fields=["-aware_at"], name="breach_by_time")]
        constraints = [
            models.CheckConstraint(condition=~Q(what=""), name="breach_says_what"),
            models.CheckConstraint(
                condition=Q(happened_until__isnull=True)
                | Q(happened_from__isnull=False, happened_until__gte=F("happened_from")),
                name="breach_ends_after_it_began",
            ),
            models.CheckConstraint(
                condition=Q(authority_told_at__isnull=True) | Q(authority_told_at__gte=F("aware_at")),
                name="breach_authority_told_after_knowing",
            ),
            models.CheckConstraint(
                condition=Q(ministry_told_at__isnull=True) | Q(ministry_told_at__gte=F("aware_at")),
                name="breach_ministry_told_after_knowing",
            ),
            models.CheckConstraint(
                condition=Q(people_told_at__isnull=True) | Q(people_told_at__gte=F("aware_at")),
                name="breach_people_told_after_knowing",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True)
                | (
                    Q(authority_told_at__isnull=False, ministry_told_at__isnull=False)
                    & (Q(people_told_at__isnull=False) | ~Q(people_told_how=""))
                ),
                name="breach_closed_when_all_were_told",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def authority_due_at(self) -> datetime:
        return self.aware_at + TELL_AUTHORITY_WITHIN

    @property
    def ministry_due_at(self) -> datetime:
        return self.aware_at + TELL_PEOPLE_WITHIN

    @property
    def people_due_at(self) -> datetime:
        return self.aware_at + TELL_PEOPLE_WITHIN

    def overdue(self, now: datetime) -> list[str]:
        """Who should have been told by `now` and was not: `authority`, `ministry`, `people`.

        People need not be told when it is written down why not.
        """
        clocks = [
            ("authority", self.authority_told_at, self.authority_due_at),
            ("ministry", self.ministry_told_at, self.ministry_due_at),
        ]
        if not self.people_told_how:
            clocks.append(("people", self.people_told_at, self.people_due_at))
        return [who for who, told_at, due_at in clocks if told_at is None and now > due_at]
