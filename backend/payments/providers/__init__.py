"""What we ask of a payment gateway, in our own words; one module per company keeps the promise.

Amounts are integer minor units, times are aware, ids are UUIDs. A gateway never tells us that a payment
is good for a booking: it says what it holds, and `operations` compares id, status, amount, currency and
metadata with ours.

A failed call says what may be believed:

=================== ===================================== ==========================================
error               what happened there                   what to do
=================== ===================================== ==========================================
GatewayUnreachable  nothing: the call never left          try later
GatewayRefused      nothing: refused for a stated reason  do not repeat; tell somebody
GatewayFault        nothing: turned away before acting,   try later
                    or a mere read went wrong
GatewayUnknown      perhaps it acted, perhaps not         fetch the payment, compare, then decide
=================== ===================================== ==========================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True)
class GatewayPayment:
    """A payment as the gateway holds it at this moment.

    `status` is the gateway's word, lower-case; new ones may appear. `refunded_minor` is the running total
    (a partial refund already makes the status `refunded`), `captured_minor` is filled by manual captures
    only, `fee_minor` is an estimate: book fees from settlements. `response_code` and `message` are for
    operators, never for the payer. `invoice_id` is the hosted page it was made on. `token` names the card when the
    payer asked to have it saved. `raw` is the part of the answer that is safe to keep: no card holder, phone, address,
    token or payment page.
    """

    id: UUID
    status: str
    amount_minor: int
    currency: str
    fee_minor: int = 0
    refunded_minor: int = 0
    captured_minor: int = 0
    metadata: Mapping[str, str] = field(default_factory=dict)
    invoice_id: UUID | None = None
    source_type: str | None = None
    card_company: str | None = None
    last_digits: str | None = None
    message: str | None = None
    response_code: str | None = None
    token: str | None = field(default=None, repr=False)
    transaction_url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GatewayToken:
    """A saved card. `status` is `initiated`, `active`, `inactive` or `expired`; `month` and `year` are its expiry."""

    id: str = field(repr=False)
    status: str
    brand: str | None = None
    last_four: str | None = None
    month: int | None = None
    year: int | None = None
    verification_url: str | None = None


@dataclass(frozen=True)
class GatewayInvoice:
    """A checkout page hosted by the gateway; not a tax document. `payments` are the tries made on it."""

    id: UUID
    status: str
    amount_minor: int
    currency: str
    url: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    payments: tuple[GatewayPayment, ...] = ()
    expires_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class GatewaySettlement:
    """Money the gateway sent to our bank account. `fee_minor` is for the transfer, its VAT (`tax_minor`) inside.

    `reference` is the bank's and may come later than the rest.
    """

    id: str
    currency: str
    amount_minor: int
    fee_minor: int = 0
    tax_minor: int = 0
    line_count: int = 0
    reference: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True)
class SettlementLine:
    """One movement inside a settlement. `amount_minor` is net and may be negative; `tax_minor` is inside `fee_minor`.

    `type` is the gateway's word (`payment`, `refund`, `void`, `fee`, `chargeback`, ...): new ones may appear.
    Only here do real fees and chargebacks show.
    """

    type: str
    amount_minor: int
    currency: str
    payment_id: UUID | None = None
    payment_amount_minor: int = 0
    fee_minor: int = 0
    tax_minor: int = 0
    reference_number: str | None = None
    transacted_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CallMade:
    """One request to the gateway and what came of it, safe to keep: no secret, no card, no payer.

    `outcome` is `ok`, or the kind of failure in the table above: `unreachable`, `refused`, `fault`, `unknown`.
    `payment_id` is a hosted page's own id where one is read, and None for what is about no single payment. `note` is
    the payment's status, or why it went wrong.
    """

    verb: str
    payment_id: UUID | None
    took_ms: int
    status: int | None
    outcome: str
    request_id: str = ""
    note: str = ""


@dataclass(frozen=True)
class WebhookCall:
    """A verified call from the gateway. It is still only a hint: fetch `payment_id` and believe that.

    `event_id` is stable over the gateway's retries. `live` is None when the call does not say; compare it
    with the gateway's own `live`. `payment_id` is None when the event is not about a payment. `payload` is
    safe to store as JSON: without the shared secret, card tokens and personal data.
    """

    event_id: str
    type: str
    live: bool | None
    payment_id: UUID | None
    created_at: datetime | None
    payload: Mapping[str, Any]


class GatewayError(Exception):
    """Parent of all failures. The text is safe to log.

    `permanent` says whether repeating the same call could ever help. `status` is the HTTP status if there
    was one, `type` and `message` are the gateway's own words, `request_id` is what its support asks for.
    """

    permanent = False

    def __init__(
        self,
        text: str,
        *,
        status: int | None = None,
        type: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.type = type
        self.message = message
        self.request_id = request_id


class GatewayUnreachable(GatewayError):
    """The call never left this machine. Nothing happened; it may be repeated."""


class GatewayUnknown(GatewayError):
    """The call left and may have been carried out. It must be resolved by fetching, never by repeating.

    `absent` is True when we looked, waited, looked again, and the gateway knew of no such payment. A
    create may then be sent again, with the same id and no other: the first one could still arrive.
    """

    def __init__(self, text: str, *, absent: bool = False, **details: Any) -> None:
        super().__init__(text, **details)
        self.absent = absent


class GatewayRefused(GatewayError):
    """A clear no, with a reason in JSON. Nothing happened, and the same call would be refused again."""

    permanent = True

    def __init__(self, text: str, *, errors: Any = None, **details: Any) -> None:
        super().__init__(text, **details)
        self.errors = errors


class GatewayFault(GatewayError):
    """The gateway is unwell or talks nonsense, and nothing was carried out. Repeating later may help."""


class WebhookRejected(Exception):
    """Parent of the two reasons why a webhook call is not taken in."""


class WebhookUnverified(WebhookRejected):
    """Whoever called does not know the shared secret, or none is configured."""


class WebhookUnreadable(WebhookRejected):
    """The body is not an event."""


class PaymentGateway(Protocol):
    """One company that moves money. No method repeats a call that may have been carried out."""

    @property
    def live(self) -> bool:
        """Whether real money moves."""

    @property
    def publishable_key(self) -> str:
        """The key an app may hold; it can create payments and nothing else."""

    def create_payment(
        self,
        *,
        given_id: UUID,
        amount_minor: int,
        currency: str,
        description: str,
        callback_url: str | None,
        source: Mapping[str, Any],
        metadata: Mapping[str, str],
    ) -> GatewayPayment:
        """Charge the source under an id that we chose and stored before. A declined card is a payment
        with status `failed`, not an error.

        An id that was used before gives back the payment made then: compare its amount. Raises ValueError
        for a source holding card data, before anything leaves; otherwise GatewayError.
        """

    def fetch_payment(self, payment_id: UUID) -> GatewayPayment | None:
        """The payment as it is now, or None when the gateway says it knows none. Raises GatewayError."""

    def list_payments(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        updated_from: datetime | None = None,
    ) -> Iterator[GatewayPayment]:
        """Every payment once, newest first: created in [from, to), updated at or after.

        Raises GatewayError half-way rather than leave anything out in silence.
        """

    def refund_payment(self, payment_id: UUID, amount_minor: int | None = None) -> GatewayPayment:
        """Give back part, or all that is left. Not idempotent: on GatewayUnknown compare
        `refunded_minor` with its value before the call. Raises GatewayError."""

    def void_payment(self, payment_id: UUID) -> GatewayPayment:
        """Cancel before settlement. Raises GatewayError; when refused, fetch and fall back to a refund."""

    def capture_payment(self, payment_id: UUID, amount_minor: int | None = None) -> GatewayPayment:
        """Charge a hold, once; what is not captured is released. Raises GatewayError."""

    def update_payment(
        self,
        payment_id: UUID,
        *,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> GatewayPayment:
        """Change what describes a payment; metadata is added to what is there, an empty value unsets a key.

        May be repeated. Raises GatewayError.
        """

    def submit_otp(self, payment_id: UUID, *, page_url: str, otp: str) -> GatewayPayment:
        """The payer's one-time code for an STC Pay payment, at the `transaction_url` it waits on.

        A wrong code ends the payment as `failed`. Raises ValueError when the URL is no such page; GatewayError.
        """

    def fetch_token(self, token_id: str) -> GatewayToken | None:
        """A saved card, or None when the gateway knows none. Raises GatewayError."""

    def delete_token(self, token_id: str) -> None:
        """Forget a saved card; one that is gone already is no error. May be repeated. Raises GatewayError."""

    def create_invoice(
        self,
        *,
        attempt_id: UUID,
        amount_minor: int,
        currency: str,
        description: str,
        metadata: Mapping[str, str],
        success_url: str | None = None,
        back_url: str | None = None,
        expires_at: datetime | None = None,
    ) -> GatewayInvoice:
        """A hosted page to pay on, for apps that cannot pay otherwise. At least 1.00.

        Invoices have no idempotency, so `attempt_id` goes into the metadata and is looked up first: a payable
        one of the same amount is given back. Callers let one process at a time ask for an attempt.
        Raises GatewayError; after GatewayUnknown ask again.
        """

    def fetch_invoice(self, invoice_id: UUID) -> GatewayInvoice | None:
        """The invoice with the tries made on it, or None. Raises GatewayError."""

    def list_invoices(self, *, metadata: Mapping[str, str]) -> Iterator[GatewayInvoice]:
        """Every invoice whose metadata holds these values, newest first. Raises GatewayError half-way."""

    def cancel_invoice(self, invoice_id: UUID) -> GatewayInvoice:
        """Make an invoice unpayable. Raises GatewayError; one that has ended is refused."""

    def list_settlements(
        self, *, created_from: datetime | None = None, created_to: datetime | None = None
    ) -> Iterator[GatewaySettlement]:
        """Every settlement created in [from, to), newest first. Raises GatewayError half-way."""

    def fetch_settlement(self, settlement_id: str) -> GatewaySettlement | None:
        """One settlement, or None. Raises GatewayError."""

    def settlement_lines(self, settlement_id: str) -> Iterator[SettlementLine]:
        """Every line of a settlement, all pages. Raises GatewayError half-way rather than leave one out."""

    def parse_webhook(self, body: bytes) -> WebhookCall:
        """Who is speaking is settled first, from the raw bytes. Raises WebhookUnverified or
        WebhookUnreadable."""
