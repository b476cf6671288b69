"""Proofs that our books, the gateway's list and its settlements agree, and what is left to explain. Halalas."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from backend.core.ids import uuid7
from backend.payments.models.settlements import Settlement


class DifferenceKind(models.TextChoices):
    """Every difference is of one kind. `payments.differences` says of each what it means and what to do."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    CURRENCY = "currency"
    AMOUNT = "amount"
    METADATA = "metadata"
    STATUS = "status"
    REFUNDED = "refunded"
    DUPLICATE = "duplicate"
    ORPHAN = "orphan"
    SETTLED_TWICE = "settled_twice"
    SETTLED_AMOUNT = "settled_amount"
    FEE = "fee"
    WRONG_DAY = "wrong_day"
    UNSETTLED = "unsettled"
    CHARGEBACK = "chargeback"
    CHARGEBACK_PENALTY = "chargeback_penalty"
    SETTLEMENT_TOTAL = "settlement_total"


class DifferenceState(models.TextChoices):
    OPEN = "open"
    HEALED = "healed"
    RESOLVED = "resolved"
    GONE = "gone"


class DifferenceResolution(models.TextChoices):
    EXPLAINED = "explained"
    CORRECTED = "corrected"
    CLAIMED = "claimed"
    WRITTEN_OFF = "written_off"


class Difference(models.Model):
    """Something on which the three sides disagree, from the run that found it to the day it is answered for.

    `subject` names what it is about (`payment:<the gateway's id>`, `line:<id>`, `settlement:<id>`): a later run that
    finds the same again finds this row. `business_date` is the Riyadh day it belongs to. `amount_minor` is ours less
    theirs where that can be said. `facts` is what each side said: `ours`, `gateway`, `settlements`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=DifferenceKind.choices)
    subject = models.CharField(max_length=60)
    state = models.CharField(max_length=8, choices=DifferenceState.choices, default=DifferenceState.OPEN)
    business_date = models.DateField()
    payment_id = models.UUIDField(null=True, blank=True, db_index=True)
    settlement = models.ForeignKey(
        Settlement, on_delete=models.PROTECT, null=True, blank=True, related_name="differences"
    )
    amount_minor = models.BigIntegerField(default=0)
    facts = models.JSONField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolution = models.CharField(max_length=12, choices=DifferenceResolution.choices, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "subject"], name="difference_known_once"),
            models.CheckConstraint(condition=Q(kind__in=DifferenceKind.values), name="difference_kind_known"),
            models.CheckConstraint(
                condition=Q(state__in=DifferenceState.values), name="difference_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="difference_closed_whole_or_not",
            ),
            models.CheckConstraint(
                condition=(
                    Q(state="resolved", resolution__in=DifferenceResolution.values, resolved_by__isnull=False)
                    & ~Q(note="")
                )
                | (~Q(state="resolved") & Q(resolution="", resolved_by__isnull=True)),
                name="difference_resolved_with_a_name",
            ),
        ]
        indexes = [
            models.Index(fields=["business_date"], condition=Q(state="open"), name="difference_standing"),
            models.Index(fields=["-opened_at", "-id"], name="difference_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class DifferenceAct(models.TextChoices):
    OPENED = "opened"
    CHANGED = "changed"
    TAKEN = "taken"
    NOTED = "noted"
    RESOLVED = "resolved"
    HEALED = "healed"
    GONE = "gone"
    REOPENED = "reopened"


class DifferenceEvent(models.Model):
    """What became of a difference, and by whom; a run acts without a name. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    difference = models.ForeignKey(Difference, on_delete=models.PROTECT, related_name="events")
    act = models.CharField(max_length=8, choices=DifferenceAct.choices)
    resolution = models.CharField(max_length=12, choices=DifferenceResolution.choices, blank=True, default="")
    note = models.CharField(max_length=500, blank=True, default="")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(act__in=DifferenceAct.values), name="difference_act_known"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.difference_id}"


class Reconciliation(models.Model):
    """One comparison of the Riyadh days `from_date` to `to_date`: ours, the gateway's list, the settlement lines.

    The sums are of the same payments on each side. `fingerprint` is of all it found: two runs over the same data have
    the same. `note` is empty, or `no_settlements` where the gateway has none for this account. A run without
    `finished_at` stopped half-way, and proves nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    from_date = models.DateField()
    to_date = models.DateField()
    run_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    ours_count = models.PositiveIntegerField(default=0)
    theirs_count = models.PositiveIntegerField(default=0)
    lines_count = models.PositiveIntegerField(default=0)
    captured_minor = models.BigIntegerField(default=0)
    refunded_minor = models.BigIntegerField(default=0)
    theirs_captured_minor = models.BigIntegerField(default=0)
    theirs_refunded_minor = models.BigIntegerField(default=0)
    settled_minor = models.BigIntegerField(default=0)
    settled_back_minor = models.BigIntegerField(default=0)
    fees_minor = models.BigIntegerField(default=0)
    found_count = models.PositiveIntegerField(default=0)
    healed_count = models.PositiveIntegerField(default=0)
    gone_count = models.PositiveIntegerField(default=0)
    fingerprint = models.CharField(max_length=64, blank=True, default="")
    note = models.CharField(max_length=20, blank=True, default="")
    differences = models.ManyToManyField(Difference, through="Finding", related_name="runs")

    class Meta:
        indexes = [models.Index(fields=["-started_at", "-id"], name="reconciliation_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(to_date__gte=F("from_date")), name="reconciliation_days_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_date}..{self.to_date}"


class Finding(models.Model):
    """That a run found a difference, and whether it healed it."""

    id = models.BigAutoField(primary_key=True)
    reconciliation = models.ForeignKey(
        Reconciliation, on_delete=models.CASCADE, related_name="findings", db_index=False
    )
    difference = models.ForeignKey(Difference, on_delete=models.CASCADE, related_name="findings")
    is_healed = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reconciliation", "difference"], name="finding_once_a_run"),
        ]

    def __str__(self) -> str:
        return f"{self.difference_id}"


class DayClose(models.Model):
    """A Riyadh day on which everything agreed or was answered for, with the name of who said so. Never undone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business_date = models.DateField(unique=True)
    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.PROTECT, related_name="closes")
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.business_date.isoformat()
