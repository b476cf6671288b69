"""Settlements come in, from the gateway's API or from its file: each whole or not at all, each once, each posted."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from backend.core import limits
from backend.core.limits import Limit
from backend.core.money import CURRENCY
from backend.payments.gateway import configured, gateway
from backend.payments.models import Payment, Settlement, SettlementLine, SettlementSource
from backend.payments.operations.posting import SettledLine, settled
from backend.payments.operations.settlement_files import Movement, name_of, read_settlement, signed
from backend.payments.providers import (
    GatewayError,
    GatewayFault,
    GatewayRefused,
    GatewaySettlement,
    PaymentGateway,
)
from backend.payments.providers import SettlementLine as ToldLine

logger = logging.getLogger("mawid.payments")
BATCH = 500
COMPARED = 500
"""Lines by which a settlement is known again."""
LOOK_BACK = timedelta(days=14)
"""Settlements are sent twice a week; one that comes to light later is asked for by its day."""
HOURLY = Limit("settlements_import", 1, timedelta(hours=1), scaled=False)
NO_SETTLEMENTS = "no_settlements"


@dataclass
class Imported:
    """What an import came to. `note` is `no_settlements` where the gateway has none for this account."""

    added: list[Settlement] = field(default_factory=list)
    known: int = 0
    note: str = ""


@dataclass(frozen=True)
class Compared:
    """A settlement that a file or the API told, and in how many lines what stood here before differs from it."""

    settlement: Settlement
    is_new: bool
    differing_lines: int = 0


def import_settlements(
    *, created_from: datetime, created_to: datetime | None = None, now: datetime, by: Any = None
) -> Imported:
    """Bring in what the gateway's API lists as settled in [from, to) and is not here yet.

    An account without settlements there is a note. Raises GatewayError when the list cannot be read whole.
    """
    using, found = gateway(), Imported()
    try:
        told = list(using.list_settlements(created_from=created_from, created_to=created_to))
    except (GatewayRefused, GatewayFault) as error:
        if error.status not in (403, 404):
            raise
        found.note = NO_SETTLEMENTS
        return found
    known = {
        row.gateway_id: row for row in Settlement.objects.filter(gateway_id__in=[one.id for one in told])
    }
    for one in reversed(told):  # the oldest first
        if one.id in known:
            _learn_reference(known[one.id], one)
            found.known += 1
        else:
            added = _import(one, using=using, now=now, by=by)
            if added.is_new:
                found.added.append(added.settlement)
            else:
                found.known += 1
    return found


def import_settlement(gateway_id: str, *, now: datetime) -> bool:
    """Bring in the one settlement the gateway told us of; False when it says it knows none. Raises GatewayError."""
    if Settlement.objects.filter(gateway_id=gateway_id).exists():
        return True
    using = gateway()
    told = using.fetch_settlement(gateway_id)
    if told is None:
        return False
    _import(told, using=using, now=now, by=None)
    return True


def fetch_new_settlements(now: datetime) -> int:
    """Look once an hour, on whichever machine, for settlements nobody told us of. Returns how many there were."""
    if not configured() or limits.take(HOURLY, "moyasar", now=now):
        return 0
    try:
        return len(import_settlements(created_from=now - LOOK_BACK, now=now).added)
    except GatewayError as error:
        logger.warning("settlements left for the next run", extra={"error": str(error)})
        return 0


def import_file(
    content: bytes, *, settlement_id: str = "", reference: str = "", now: datetime, by: Any = None
) -> Compared:
    """Bring in a settlement from the file that came by e-mail. `settlement_id` is the gateway's, where it is known.

    One that is here already gains nothing: it is compared with the file, line by line. A file without an id is taken
    for the settlement that holds most of its payments. Raises SettlementFileInvalid.
    """
    movements = read_settlement(content)
    told = GatewaySettlement(
        id=settlement_id or name_of(movements),
        currency=CURRENCY,
        amount_minor=sum(movement.net_minor for movement in movements),
        line_count=len(movements),
        reference=reference or None,
        created_at=max(movement.transacted_at for movement in movements),
    )
    known = Settlement.objects.filter(gateway_id=told.id).first()
    if known is None and not settlement_id:
        known = _holding(movements)
    if known is not None:
        return Compared(known, False, _differing(known, movements))
    return _keep(told, movements, source=SettlementSource.CSV, now=now, by=by)


def _import(told: GatewaySettlement, *, using: PaymentGateway, now: datetime, by: Any) -> Compared:
    movements = [_movement(line, told, now) for line in using.settlement_lines(told.id)]
    from_file = _holding(movements, source=SettlementSource.CSV)
    if from_file is None:
        return _keep(told, movements, source=SettlementSource.API, now=now, by=by)
    # It came as a file first: the lines are in the books, the gateway's own words about the whole are better.
    with transaction.atomic():
        differing = _differing(from_file, movements)
        if differing:
            logger.warning("a file and the gateway differ", extra={"settlement": told.id, "lines": differing})
        from_file.gateway_id, from_file.source = told.id, SettlementSource.API
        from_file.amount_minor, from_file.fee_minor = told.amount_minor, told.fee_minor
        from_file.tax_minor, from_file.reference = told.tax_minor, (told.reference or "")[:80]
        from_file.told_line_count = told.line_count or None
        from_file.save()
        settled(_transfer_fee(from_file))
    return Compared(from_file, False, differing)


def _movement(line: ToldLine, of: GatewaySettlement, now: datetime) -> Movement:
    """The API's `fee` has its VAT inside."""
    return Movement(
        gateway_payment_id=line.payment_id,
        type=line.type,
        currency=line.currency,
        payment_amount_minor=signed(line.type, line.payment_amount_minor, line.amount_minor),
        net_minor=line.amount_minor,
        fee_minor=line.fee_minor - line.tax_minor,
        fee_vat_minor=line.tax_minor,
        reference_number=(line.reference_number or "")[:80],
        transacted_at=line.transacted_at or of.created_at or now,
    )


def _keep(
    told: GatewaySettlement, movements: Sequence[Movement], *, source: str, now: datetime, by: Any
) -> Compared:
    """Write a settlement with all its lines, and post them, in one transaction."""
    with transaction.atomic():
        settlement, is_new = Settlement.objects.get_or_create(
            gateway_id=told.id,
            defaults={
                "source": source,
                "currency": told.currency,
                "amount_minor": told.amount_minor,
                "fee_minor": told.fee_minor,
                "tax_minor": told.tax_minor,
                "reference": (told.reference or "")[:80],
                "line_count": len(movements),
                "told_line_count": told.line_count or None,
                "lines_minor": sum(movement.net_minor for movement in movements),
                "created_at": told.created_at or now,
                "imported_at": now,
                "imported_by": by,
            },
        )
        if not is_new:  # another process was quicker
            return Compared(settlement, False, _differing(settlement, movements))
        for start in range(0, len(movements), BATCH):
            _keep_lines(settlement, list(enumerate(movements[start : start + BATCH], start=start + 1)))
        settled(_transfer_fee(settlement))
    return Compared(settlement, True)


def _keep_lines(settlement: Settlement, some: Sequence[tuple[int, Movement]]) -> None:
    ours = _ours({m.gateway_payment_id for _, m in some if m.gateway_payment_id is not None})
    lines = SettlementLine.objects.bulk_create(
        SettlementLine(
            settlement=settlement,
            position=position,
            gateway_payment_id=movement.gateway_payment_id,
            payment_id=ours.get(movement.gateway_payment_id),
            type=movement.type,
            currency=movement.currency,
            payment_amount_minor=movement.payment_amount_minor,
            net_minor=movement.net_minor,
            fee_minor=movement.fee_minor,
            fee_vat_minor=movement.fee_vat_minor,
            reference_number=movement.reference_number,
            transacted_at=movement.transacted_at,
        )
        for position, movement in some
    )
    settled(
        [
            SettledLine(
                key=str(line.pk),
                line_type=line.type,
                payment_id=line.payment_id,
                gross_minor=line.payment_amount_minor,
                net_minor=line.net_minor,
                fee_minor=line.fee_minor,
                fee_vat_minor=line.fee_vat_minor,
                at=line.transacted_at,
            )
            for line in lines
        ]
    )


def _transfer_fee(settlement: Settlement) -> list[SettledLine]:
    """What the bank transfer itself cost, which no line says."""
    if not settlement.fee_minor:
        return []
    return [
        SettledLine(
            key=f"{settlement.pk}:transfer",
            line_type="fee",
            payment_id=None,
            gross_minor=0,
            net_minor=-settlement.fee_minor,
            fee_minor=settlement.fee_minor - settlement.tax_minor,
            fee_vat_minor=settlement.tax_minor,
            at=settlement.created_at,
        )
    ]


def _ours(gateway_ids: set[uuid.UUID]) -> dict[uuid.UUID | None, uuid.UUID]:
    """Our payments by the ids the gateway knows them by."""
    own = Payment.objects.filter(pk__in=gateway_ids, gateway_id=None).values_list("pk", "pk")
    theirs = Payment.objects.filter(gateway_id__in=gateway_ids).values_list("gateway_id", "pk")
    return {**dict(own), **dict(theirs)}


def _holding(movements: Sequence[Movement], *, source: str | None = None) -> Settlement | None:
    """The settlement that holds most of these lines: the same payments, moved at the same moments.

    One line is no proof: a payment that was sent to the bank twice stands in two settlements.
    """
    asked = {key for movement in movements[:COMPARED] if (key := _place(movement)) is not None}
    lines = SettlementLine.objects.filter(gateway_payment_id__in={payment_id for payment_id, _, _ in asked})
    if source is not None:
        lines = lines.filter(settlement__source=source)
    held = Counter(
        line.settlement_id
        for line in lines.only("settlement", "gateway_payment_id", "type", "transacted_at")
        if _place(line) in asked
    )
    for settlement_id, count in held.most_common(1):
        if 2 * count > len(asked):
            return Settlement.objects.get(pk=settlement_id)
    return None


def _place(line: Movement | SettlementLine) -> tuple[uuid.UUID, str, datetime] | None:
    if line.gateway_payment_id is None:
        return None
    return line.gateway_payment_id, line.type, line.transacted_at.replace(microsecond=0)


def _differing(settlement: Settlement, movements: Sequence[Movement]) -> int:
    """In how many lines a settlement and another telling of it differ, whatever their order."""
    here = Counter(
        Movement(*values).told
        for values in settlement.lines.values_list(
            "gateway_payment_id", "type", "currency", "payment_amount_minor", "net_minor", "fee_minor",
            "fee_vat_minor", "reference_number", "transacted_at",
        ).iterator(chunk_size=1000)
    )  # fmt: skip
    there = Counter(movement.told for movement in movements)
    return max((here - there).total(), (there - here).total())


def _learn_reference(settlement: Settlement, told: GatewaySettlement) -> None:
    """The bank's reference may come later than the rest."""
    if told.reference and settlement.reference != told.reference[:80]:
        settlement.reference = told.reference[:80]
        settlement.save(update_fields=["reference"])
