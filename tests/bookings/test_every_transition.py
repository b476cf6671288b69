"""Every verb × every actor × every state: done with one event, or refused without a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import PlatformRole, User
from backend.bookings import operations
from backend.bookings.models import Booking, BookingEvent, BookingState, Claim
from backend.bookings.operations.transitions import MOVES
from backend.bookings.queries import Wish
from backend.bookings.refusals import CannotChangeStatus, SlotExpired
from backend.core.errors import PermissionDenied
from backend.core.time import parse_moment
from backend.payments.models import Payment, Refund
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

BOOKED = "2026-11-19T18:30:00Z"
"""Thursday 21:30 in Riyadh, and the visit is on Sunday from 12:00 to 12:45."""
BEFORE, DURING = "2026-11-20T09:00:00Z", "2026-11-22T09:10:00Z"
STARTS, ELSEWHEN = "2026-11-22T12:00:00+03:00", "2026-11-22T15:00:00+03:00"

# What is right, written down once more: verb -> state -> the state after it. Anything absent is refused.

CUSTOMER: dict[str, dict[str, str]] = {
    "cancel": {"held": "cancelled", "requested": "cancelled", "confirmed": "cancelled"},
    "reschedule": {"requested": "requested", "confirmed": "confirmed"},
    "accept-move": {"requested": "requested", "confirmed": "confirmed"},
    "refuse-move": {"requested": "cancelled", "confirmed": "cancelled"},
    "confirm-attendance": {"confirmed": "confirmed"},
    "dispute-no-show": {"no_show": "no_show"},
}
DESK: dict[str, dict[str, str]] = {
    "confirm": {"requested": "confirmed"},
    "decline": {"requested": "declined"},
    "cancel": {"held": "cancelled", "requested": "cancelled", "confirmed": "cancelled"},
    "reschedule": {"requested": "requested", "confirmed": "confirmed"},
    "check-in": {"confirmed": "confirmed"},
    "complete": {"confirmed": "completed"},
    "no-show": {"confirmed": "no_show"},
    "uphold-no-show": {"no_show": "no_show"},
    "withdraw-no-show": {"no_show": "completed"},
}
SYSTEM: dict[str, dict[str, str]] = {
    "request": {"held": "requested", "expired": "requested"},
    "auto_confirm": {"held": "confirmed", "expired": "confirmed"},
    "cancel": {"held": "cancelled", "requested": "cancelled", "confirmed": "cancelled"},
    "expire": {"held": "expired", "requested": "expired"},
}
DOORS = {"bookings": CUSTOMER, "manage/bookings": DESK}

ONCE_BEGUN = {"complete", "no-show", "dispute-no-show", "uphold-no-show", "withdraw-no-show"}
"""Verbs of a visit whose time has come; every other is tried two days before it."""
AT_REST = {"cancelled", "declined", "expired"}
QUIET = {("cancel", "cancelled")}
"""Asked for what is so already: answered with the booking, and nothing happens."""


def test_the_table_names_every_verb_there_is() -> None:
    told = {verb.replace("-", "_") for table in (CUSTOMER, DESK, SYSTEM) for verb in table}
    assert told == set(MOVES)


class World:
    """A paid visit in one state, where nothing but the state speaks against any verb, and everybody around it."""

    def __init__(self, clock: Any, state: str, *, when: str) -> None:
        self.salon, service, _ = open_salon(free_cancel_hours=0)
        self.customer: User = UserFactory.create()
        self.booking: Booking = operations.create_booking(
            customer=self.customer,
            salon=self.salon,
            wishes=[Wish(service.pk)],
            starts_at=parse_moment(STARTS),
            now=timezone.now(),
        )
        clock.move_to(when)
        now = timezone.now()
        self.set(
            state=state,
            hold_expires_at=now + timedelta(minutes=10) if state == "held" else None,
            respond_by=now + timedelta(hours=1),
            deposit_paid_at=None if state == "held" else now,
            salon_moved_from=parse_moment("2026-11-22T11:00:00+03:00"),
            no_show_at=now - timedelta(minutes=1),
        )
        Claim.objects.update(is_active=state not in AT_REST, expires_at=self.booking.dies_at)
        if state != "held":
            amount = self.booking.deposit_minor
            Payment.objects.create(
                booking=self.booking,
                state="captured",
                amount_minor=amount,
                captured_minor=amount,
                source_type="client",
                created_at=now,
                expires_at=now,
            )

    def set(self, **values: Any) -> None:
        Booking.objects.filter(pk=self.booking.pk).update(**values)
        self.booking.refresh_from_db()

    def everybody(self) -> dict[str, User | None]:
        elsewhere, *_ = open_salon()
        people: dict[str, User | None] = {
            "customer": self.customer,
            "another customer": UserFactory.create(),
            "receptionist": employ(self.salon, "receptionist"),
            "staff": employ(self.salon, "staff"),
            "owner": employ(self.salon, "owner"),
            "another salon's owner": employ(elsewhere, "owner"),
            "support": UserFactory.create(),
            "platform admin": UserFactory.create(),
            "nobody": None,
        }
        for role in ("support", "platform admin"):
            PlatformRole.objects.create(user=people[role], role=role.replace(" ", "_"))
        return people

    def ask(self, api: Api, door: str, verb: str, **body: Any) -> Any:
        wanted = {"version": self.booking.version, "reason": "لسبب"} | body
        if verb == "reschedule":
            wanted["starts_at"] = ELSEWHEN
        return api.post(f"{door}/{self.booking.pk}/{verb}", wanted)


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with freeze_time(BOOKED) as frozen:
        yield frozen


TABLES = (
    "bookings_booking",
    "bookings_bookingitem",
    "bookings_itemresource",
    "bookings_claim",
    "bookings_calendar",
    "bookings_bookingevent",
    "notifications_message",
    "payments_payment",
    "payments_refund",
)
_TRACE = " UNION ALL ".join(f"SELECT '{table}', row_to_json(t)::text FROM {table} t" for table in TABLES)


def trace() -> list[Any]:
    """Everything a refused verb must leave byte for byte as it was."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_TRACE} ORDER BY 1, 2")
        return cursor.fetchall()


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside did not happen: each of several people makes the same move first."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def told(door: str, actor: str) -> tuple[int, str] | None:
    """How somebody who may not is refused, whatever the state; None for those who may."""
    if actor == "nobody":
        return 401, "auth_required"
    if door == "bookings":
        return None if actor == "customer" else (404, "not_found")
    if actor in ("receptionist", "owner"):
        return None
    return (403, "permission_denied") if actor == "staff" else (404, "not_found")


def assert_moved(world: World, verb: str, to: str, *, role: str, before: set[int]) -> None:
    was, now = world.booking, Booking.objects.get(pk=world.booking.pk)
    assert (now.state, now.version) == (to, was.version + 1)
    [event] = BookingEvent.objects.exclude(pk__in=before)
    assert (event.verb, event.version, event.from_state, event.to_state, event.actor_role) == (
        verb.replace("-", "_"),
        now.version,
        was.state,
        to,
        role,
    )
    held = set(Claim.objects.values_list("is_active", flat=True))
    assert held == {to not in AT_REST} or was.state in AT_REST


@pytest.mark.parametrize("state", BookingState.values)
@pytest.mark.parametrize(("door", "verb"), [(door, verb) for door, table in DOORS.items() for verb in table])
def test_a_verb_in_a_state(door: str, verb: str, state: str, clock: Any) -> None:
    world = World(clock, state, when=DURING if verb in ONCE_BEGUN else BEFORE)
    if verb == "uphold-no-show":
        world.set(disputed_at=timezone.now())
    to, role = DOORS[door][verb].get(state), "customer" if door == "bookings" else "salon"
    apis = {name: Api(person) for name, person in world.everybody().items()}
    before, events = trace(), set(BookingEvent.objects.values_list("pk", flat=True))
    for actor, api in apis.items():
        if refusal := told(door, actor):
            refused(world.ask(api, door, verb), *refusal)
        elif to is not None:
            shown = ok(api.get(f"{door}/{world.booking.pk}"))
            assert verb.replace("-", "_") in shown["allowed_actions"]
            with undone():
                shown = ok(world.ask(api, door, verb))
                assert (shown["state"], shown["version"]) == (to, world.booking.version + 1)
                assert_moved(world, verb, to, role=role, before=events)
        elif (verb, state) in QUIET:
            assert ok(world.ask(api, door, verb))["state"] == state
        else:
            shown = ok(api.get(f"{door}/{world.booking.pk}"))
            assert verb.replace("-", "_") not in shown["allowed_actions"]
            refused(world.ask(api, door, verb), 409, "cannot_change_status")
        assert trace() == before, actor


@pytest.mark.parametrize("state", BookingState.values)
@pytest.mark.parametrize("verb", SYSTEM)
def test_a_verb_of_the_system_in_a_state(verb: str, state: str, clock: Any) -> None:
    """No path leads to these: the operation itself refuses people."""
    world = World(clock, state, when=BEFORE)
    world.set(deposit_paid_at=timezone.now())
    before, events = trace(), set(BookingEvent.objects.values_list("pk", flat=True))

    def act(actor: operations.Actor) -> None:
        operations.act(
            bookings=Booking.objects.all(),
            booking_id=world.booking.pk,
            verb=verb,
            actor=actor,
            version=world.booking.version,
            now=timezone.now(),
        )

    if verb != "cancel":
        for person in (
            operations.by_customer(world.customer),
            operations.by_salon(employ(world.salon, "owner")),
        ):
            with pytest.raises(PermissionDenied):
                act(person)
            assert trace() == before
    if to := SYSTEM[verb].get(state):
        act(operations.SYSTEM)
        assert_moved(world, verb, to, role="system", before=events)
    else:
        with pytest.raises(CannotChangeStatus):
            act(operations.SYSTEM)
        assert trace() == before


# The right state at the wrong moment

OVER, BEGINS = "2026-11-22T09:45:00Z", "2026-11-22T09:00:00Z"
SPOILED: dict[str, tuple[str, str, str, str, dict[str, Any]]] = {
    "a visit that is over is not cancelled": ("bookings", "cancel", "confirmed", OVER, {}),
    "not by the desk either": ("manage/bookings", "cancel", "confirmed", OVER, {}),
    "a visit that begins is not moved": ("bookings", "reschedule", "confirmed", BEGINS, {}),
    "nor by the desk": ("manage/bookings", "reschedule", "confirmed", BEGINS, {}),
    "silence is consent once it begins": ("bookings", "refuse-move", "confirmed", BEGINS, {}),
    "and needs no other": ("bookings", "accept-move", "confirmed", BEGINS, {}),
    "what nobody moved": ("bookings", "accept-move", "confirmed", BEFORE, {"salon_moved_from": None}),
    "is not refused": ("bookings", "refuse-move", "requested", BEFORE, {"salon_moved_from": None}),
    "nobody says they will come to what has begun": (
        "bookings",
        "confirm-attendance",
        "confirmed",
        BEGINS,
        {},
    ),
    "nobody arrives twice": (
        "manage/bookings",
        "check-in",
        "confirmed",
        DURING,
        {"arrived_at": parse_moment(STARTS)},
    ),
    "nothing is over before it begins": ("manage/bookings", "complete", "confirmed", BEFORE, {}),
    "nobody is missed before it begins": ("manage/bookings", "no-show", "confirmed", BEFORE, {}),
    "one dispute is enough": (
        "bookings",
        "dispute-no-show",
        "no_show",
        DURING,
        {"disputed_at": parse_moment(STARTS)},
    ),
    "what nobody disputes is not answered": ("manage/bookings", "uphold-no-show", "no_show", DURING, {}),
    "one answer is enough": (
        "manage/bookings",
        "uphold-no-show",
        "no_show",
        DURING,
        {"disputed_at": parse_moment(STARTS), "dispute_answered_at": parse_moment(STARTS)},
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_the_right_state_at_the_wrong_moment_is_refused_without_a_trace(case: str, clock: Any) -> None:
    door, verb, state, when, values = SPOILED[case]
    world = World(clock, state, when=when)
    world.set(**values)
    api = Api(world.customer if door == "bookings" else employ(world.salon))
    before = trace()
    assert verb.replace("-", "_") not in ok(api.get(f"{door}/{world.booking.pk}"))["allowed_actions"]
    refused(world.ask(api, door, verb), 409, "cannot_change_status")
    assert trace() == before


@pytest.mark.parametrize("state", ["held", "requested"])
def test_a_dead_booking_can_only_expire(state: str, clock: Any) -> None:
    world = World(clock, state, when=BEFORE)
    world.set(hold_expires_at=timezone.now(), respond_by=timezone.now())
    before = trace()
    for actor, table in (
        (operations.by_customer(world.customer), CUSTOMER),
        (operations.by_salon(employ(world.salon)), DESK),
    ):
        for verb in (verb.replace("-", "_") for verb, states in table.items() if state in states):
            assert verb not in operations.allowed_actions(world.booking, actor=actor, now=timezone.now())
            with pytest.raises(SlotExpired):
                operations.act(
                    bookings=Booking.objects.all(),
                    booking_id=world.booking.pk,
                    verb=verb,
                    actor=actor,
                    version=world.booking.version,
                    now=timezone.now(),
                )
            assert trace() == before
    # Whoever comes through the door finds it written down.
    api = Api(world.customer)
    answer = refused(world.ask(api, "bookings", "reschedule"), 409, "version_conflict")
    assert (answer["current"]["state"], answer["current"]["allowed_actions"]) == ("expired", [])
    version = answer["current"]["version"]
    refused(world.ask(api, "bookings", "reschedule", version=version), 409, "cannot_change_status")


@pytest.mark.parametrize(("door", "verb"), [(door, verb) for door, table in DOORS.items() for verb in table])
def test_a_version_that_was_not_seen_gets_the_booking_as_it_is(door: str, verb: str, clock: Any) -> None:
    state = next(iter(DOORS[door][verb]))
    world = World(clock, state, when=DURING if verb in ONCE_BEGUN else BEFORE)
    if verb == "uphold-no-show":
        world.set(disputed_at=timezone.now())
    api = Api(world.customer if door == "bookings" else employ(world.salon))
    before = trace()
    answer = refused(world.ask(api, door, verb, version=7), 409, "version_conflict")
    assert answer["current"] == ok(api.get(f"{door}/{world.booking.pk}"))
    assert trace() == before


def test_what_closes_a_paid_booking_owes_the_deposit_back_once(clock: Any) -> None:
    for door, verb in (
        ("bookings", "cancel"),
        ("bookings", "refuse-move"),
        ("manage/bookings", "cancel"),
        ("manage/bookings", "decline"),
    ):
        clock.move_to(BOOKED)
        with undone():
            world = World(clock, "requested", when=BEFORE)
            api = Api(world.customer if door == "bookings" else employ(world.salon))
            ok(world.ask(api, door, verb))
            assert list(Refund.objects.values_list("amount_minor", flat=True)) == [2300], verb
