"""Who may do what in the console: one table. A model without a line in it cannot be registered.

Roles are the platform's (accounts.PlatformRole); a superuser counts as a platform admin. "add", "change" and "delete"
open Django's own pages; other verbs are actions, each of which goes through an operation of its app. What the system
decides has no such page whatever stands here: its admin is a `ReadOnlyAdmin`.
"""

from __future__ import annotations

from typing import Any

ADMIN, FINANCE, SUPPORT = "platform_admin", "finance", "support"

Verbs = frozenset[str]


def _verbs(text: str) -> Verbs:
    return frozenset(text.split())


SEE = _verbs("view")
KEEP = _verbs("view add change")
"""Kept for ever: bookings point at it. It is switched off, not deleted."""
EDIT = _verbs("view add change delete")

POLICY: dict[str, dict[str, Verbs]] = {
    # People. Support finds a person by a whole phone number; every look is recorded.
    "accounts.user": {ADMIN: _verbs("view see_number"), SUPPORT: SEE},
    "accounts.platformrole": {ADMIN: _verbs("view add delete")},
    "accounts.device": {ADMIN: _verbs("view sign_out"), SUPPORT: SEE},
    "accounts.otpchallenge": {ADMIN: SEE, SUPPORT: SEE},
    "accounts.phonechange": {ADMIN: SEE, SUPPORT: SEE},
    "accounts.supportlook": {ADMIN: SEE},
    # Personal data: what the law wants on record. Consents prove themselves; requests and breaches are worked on.
    "accounts.privacynotice": {ADMIN: SEE},
    "accounts.consent": {ADMIN: SEE},
    "accounts.datarequest": {ADMIN: _verbs("view add answer")},
    "accounts.breach": {ADMIN: _verbs("view add change")},
    # The catalogue.
    "salons.city": {ADMIN: EDIT},
    "salons.district": {ADMIN: EDIT},
    "salons.category": {ADMIN: EDIT},
    "salons.business": {ADMIN: KEEP},
    "salons.salon": {ADMIN: KEEP | {"move"}},
    "salons.salonevent": {ADMIN: SEE},
    "salons.service": {ADMIN: KEEP},
    "salons.serviceneed": {ADMIN: EDIT},
    "salons.staffmember": {ADMIN: KEEP},
    "salons.staffservice": {ADMIN: EDIT},
    "salons.resource": {ADMIN: KEEP},
    "salons.rental": {ADMIN: KEEP},
    "salons.workingwindow": {ADMIN: EDIT},
    "salons.season": {ADMIN: EDIT},
    "salons.override": {ADMIN: EDIT},
    "salons.overridewindow": {ADMIN: EDIT},
    "salons.closure": {ADMIN: EDIT},
    "salons.hijrishift": {ADMIN: KEEP},
    "salons.photo": {ADMIN: _verbs("view moderate")},
    "salons.membership": {ADMIN: EDIT},
    "salons.review": {ADMIN: _verbs("view moderate")},
    "salons.reviewreport": {ADMIN: SEE},
    # Bookings: decided by the salon, the customer and the clock; the team may answer in the salon's place.
    "bookings.booking": {ADMIN: _verbs("view answer see_money"), SUPPORT: SEE},
    "bookings.bookingitem": {ADMIN: _verbs("view see_money"), SUPPORT: SEE},
    "bookings.bookingevent": {ADMIN: SEE, SUPPORT: SEE},
    "bookings.claim": {ADMIN: SEE},
    "bookings.refusal": {ADMIN: SEE, SUPPORT: SEE},
    "bookings.forgiveness": {ADMIN: SEE},
    "bookings.outsidecalendar": {ADMIN: SEE},
    "bookings.session": {ADMIN: SEE},
    "bookings.waitlistentry": {ADMIN: SEE},
    "bookings.wording": {ADMIN: EDIT},
    # Money: decided by the gateway.
    "payments.payment": {ADMIN: SEE, FINANCE: _verbs("view refund answer")},
    "payments.refundrequest": {ADMIN: SEE, FINANCE: _verbs("view decide")},
    "payments.exporttaken": {ADMIN: SEE, FINANCE: SEE},
    "payments.entry": {ADMIN: SEE, FINANCE: SEE},
    "payments.line": {ADMIN: SEE, FINANCE: SEE},
    "payments.payout": {ADMIN: SEE, FINANCE: _verbs("view record void")},
    "payments.refund": {ADMIN: SEE, FINANCE: SEE},
    "payments.webhookevent": {ADMIN: _verbs("view act_again"), FINANCE: _verbs("view act_again")},
    "payments.gatewaycall": {ADMIN: SEE, FINANCE: SEE},
    "payments.reconciliation": {ADMIN: SEE, FINANCE: SEE},
    "payments.difference": {ADMIN: SEE, FINANCE: _verbs("view work")},
    "payments.differenceevent": {ADMIN: SEE, FINANCE: SEE},
    "payments.settlement": {ADMIN: SEE, FINANCE: SEE},
    "payments.settlementline": {ADMIN: SEE, FINANCE: SEE},
    "payments.dayclose": {ADMIN: SEE, FINANCE: _verbs("view close")},
    "payments.taxdocument": {ADMIN: SEE, FINANCE: SEE},
    # Messages: support sees what became of them, not what they said.
    "notifications.message": {ADMIN: _verbs("view read_body resend"), SUPPORT: SEE},
    "notifications.deliveryattempt": {ADMIN: SEE, SUPPORT: SEE},
    "notifications.providerrefusal": {ADMIN: SEE},
    # The system itself.
    "core.alarm": {ADMIN: _verbs("view acknowledge")},
    "admin.logentry": {ADMIN: SEE},
}

REPORTS: dict[str, frozenset[str]] = {
    "message-health": frozenset({ADMIN}),
    "message-costs": frozenset({ADMIN, FINANCE}),
    "money-tasks": frozenset({ADMIN, FINANCE}),
    "salon-balances": frozenset({ADMIN, FINANCE}),
    "salon-statement": frozenset({ADMIN, FINANCE}),
    "exports": frozenset({ADMIN, FINANCE}),
}
"""Pages that add up rather than list, by the names of their addresses, and who reads them."""

NOT_SHOWN: dict[str, str] = {
    "salons.searchentry": "made by the machine out of what the other pages show",
    "salons.favourite": "what somebody likes is theirs",
    "bookings.itemresource": "told with the booking's items",
    "bookings.freedtime": "minutes of work for the machine, gone when it is done",
    "bookings.waitedday": "what the salon's hours said when they were last looked at",
    "bookings.calendarfeed": "a hash of somebody's private address",
    "bookings.outsidetime": "when somebody is busy elsewhere: shown at the desk; what it takes stands among the claims",
    "bookings.daysummary": "a date by which the machine knows what it has told",
    "bookings.clientnote": "seen by the salon that wrote it, and by nobody else",
    "payments.deskreceipt": "the salon's own till: shown at its desk, with the names of both acts",
    "payments.finding": "that a run found a difference; both pages say it",
    "payments.documentseries": "where the numbers of the tax documents stand; the last document says the same",
    "payments.savedcard": "a token that can charge somebody's card",
    "payments.resolution": "told by the refund or the payment it answers for, in finance's list of tasks",
    "notifications.preference": "what somebody wants to hear is theirs",
    "notifications.optout": "a number's own wish; the message that was not sent tells of it",
    "notifications.inboundmessage": "words to a machine, acted on and not kept",
    "notifications.providerhealth": "a state in motion; the report on carriers shows it",
    "notifications.dailyspend": "counts in motion; the report on costs adds them up",
    "core.idempotencyrecord": "kept answers of phones: personal, and gone after a day",
    "core.ratecount": "counts in motion",
    "core.clientcalls": "counts of versions; `manage.py clients` adds them up",
    "accounts.pushtarget": "a secret address of a phone",
    "accounts.emailchallenge": "an address that nobody has confirmed",
    "bookings.calendar": "a number without a meaning of its own; claims show whose it is",
    "auth.group": "platform roles decide, in the table above",
}
"""Models with no page in the console, and why."""

MUST_SEARCH: dict[str, frozenset[str]] = {
    model: frozenset({SUPPORT})
    for model in (
        "accounts.user",
        "accounts.device",
        "accounts.otpchallenge",
        "accounts.phonechange",
        "bookings.booking",
        "bookings.bookingevent",
        "notifications.message",
    )
}
"""Who sees a list only as far as a whole phone number or reference names its rows: help for one, browsing for none."""


def roles_of(user: Any) -> frozenset[str]:
    roles: frozenset[str] = user.platform_roles
    return roles | {ADMIN} if user.is_superuser else roles


def is_operator(user: Any) -> bool:
    """Whether the console opens at all: a role on the platform, or `is_staff` (which by itself shows nothing)."""
    return bool(
        user.is_authenticated
        and user.is_active
        and user.deleted_at is None
        and (user.is_staff or roles_of(user))
    )


def may(user: Any, model: str, verb: str) -> bool:
    """`model` is a label such as "bookings.booking"."""
    rules = POLICY.get(model, {})
    return bool(is_operator(user) and any(verb in rules[role] for role in roles_of(user) if role in rules))


def may_read(user: Any, report: str) -> bool:
    return is_operator(user) and bool(roles_of(user) & REPORTS[report])


def must_search(user: Any, model: str) -> bool:
    """True unless one of the person's roles may see the whole list."""
    seeing = {role for role in roles_of(user) if "view" in POLICY.get(model, {}).get(role, frozenset())}
    return seeing <= MUST_SEARCH.get(model, frozenset())
