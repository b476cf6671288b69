"""What finance looks for: payments by whatever is known of them, entries of the books, refunds that wait."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from backend.accounts.models import User
from backend.bookings.models import Booking
from backend.core import phone
from backend.core.text import ascii_digits
from backend.core.time import RIYADH
from backend.payments.models import Entry, Line, Payment, RefundRequest
from backend.payments.queries import all_payments
from backend.payments.queries.ledger import entries
from backend.salons.models import Salon

_CARD_END = re.compile(r"[0-9]{4}")


def midnight(day: date) -> datetime:
    """When a day begins in Riyadh."""
    return datetime.combine(day, time(), tzinfo=RIYADH)


def found_payments(
    *,
    q: str = "",
    state: str | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
    salon: Salon | None = None,
    amount_minor: int | None = None,
    quarantined: bool | None = None,
) -> QuerySet[Payment]:
    """Payments for finance only, newest first by `-created_at, -id`. Days are Riyadh's, of creation.

    `q` is a booking's reference, an id (of the payment, here or at the gateway, or of its page), a whole phone number
    in any spelling, or the last four digits of the card.
    """
    rows = all_payments()
    if q:
        rows = rows.filter(known_by(ascii_digits(q).strip()))
    if state is not None:
        rows = rows.filter(state=state)
    if from_date is not None:
        rows = rows.filter(created_at__gte=midnight(from_date))
    if to_date is not None:
        rows = rows.filter(created_at__lt=midnight(to_date + timedelta(days=1)))
    if salon is not None:
        rows = rows.filter(booking__salon=salon)
    if amount_minor is not None:
        rows = rows.filter(amount_minor=amount_minor)
    if quarantined is not None:
        rows = rows.exclude(quarantined_because="") if quarantined else rows.filter(quarantined_because="")
    return rows


def known_by(term: str) -> Q:
    """The payments a term of `found_payments` may mean; its digits are Latin."""
    if _CARD_END.fullmatch(term):
        return Q(card_last_four=term)
    try:
        key = uuid.UUID(term)
    except ValueError:
        pass
    else:
        return Q(pk=key) | Q(gateway_id=key) | Q(invoice_id=key)
    try:
        number = phone.mobile_e164(term)
    except phone.PhoneInvalid:
        return Q(booking__reference=term.upper())
    # By themselves each is found in an index; together they would be a look at every booking.
    customers = User.objects.filter(phone=number).values_list("pk", flat=True)
    theirs = Booking.objects.filter(Q(customer__in=list(customers)) | Q(guest_phone=number)).order_by()
    return Q(booking__in=theirs.values("pk"))


def found_entries(
    *,
    salon: Salon | None = None,
    account: str | None = None,
    kind: str | None = None,
    booking: str | None = None,
    payment_id: uuid.UUID | None = None,
    from_date: date | None = None,
    to_date: date | None = None,
) -> QuerySet[Entry]:
    """Entries of the books for finance only, newest first by `-business_date, -id`. `booking` is a reference."""
    rows = entries()
    about: Mapping[str, Any] = {
        "kind": kind,
        "booking__reference": booking.upper() if booking else None,
        "payment": payment_id,
        "business_date__gte": from_date,
        "business_date__lte": to_date,
    }
    rows = rows.filter(**{name: value for name, value in about.items() if value is not None})
    lines = Line.objects.filter(entry=OuterRef("pk"))
    if salon is not None:
        rows = rows.filter(business=salon.business_id)
        lines = lines.filter(salon=salon)
    if account is not None:
        lines = lines.filter(account=account)
    if salon is not None or account is not None:
        rows = rows.filter(Exists(lines))
    return rows


def refund_requests(*, state: str | None = None) -> QuerySet[RefundRequest]:
    """For finance only. Newest first is `-requested_at, -id`."""
    rows = RefundRequest.objects.select_related(
        "payment__booking__salon", "requested_by", "decided_by", "refund"
    )
    return rows if state is None else rows.filter(state=state)
