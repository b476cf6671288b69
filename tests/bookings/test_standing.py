"""Standing: what missed visits and late cancellations ask of whoever books again, and how it is regained."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import Device
from backend.bookings.models import Booking, Forgiveness
from backend.bookings.operations import standing as operations
from backend.bookings.operations.standing import NothingToForgive
from backend.bookings.standing import USUAL, Mark, MarkKind, Policy, standing
from backend.core.money import percentage
from backend.core.time import RIYADH, parse_moment
from backend.notifications.models import Message
from backend.salons.models import Business, Salon
from tests.bookings.visits import visit
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.race import race

NOW = datetime(2026, 11, 19, 18, 30, tzinfo=UTC)
"""Thursday 21:30 in Riyadh."""
PRICE = 11500
LANGUAGES = pytest.mark.parametrize("language", ["ar", "en"])


# The rule by itself ---------------------------------------------------------------------------------------------

POLICIES = st.builds(
    lambda steps, days, no_show, late: Policy(tuple(sorted(steps)), days, no_show, late),
    st.lists(st.integers(0, 100), min_size=1, max_size=5),
    st.integers(1, 365),
    st.integers(0, 3),
    st.integers(0, 3),
)
MOMENTS = st.integers(-500, 500).map(lambda days: NOW + timedelta(days=days))
MARKS = st.lists(
    st.builds(
        Mark,
        kind=st.sampled_from(MarkKind),
        visit_at=MOMENTS,
        counts_from=st.none() | MOMENTS,
        is_forgiven=st.booleans(),
    ),
    max_size=8,
)


@given(POLICIES, MARKS, MARKS, MOMENTS)
def test_more_marks_never_ask_for_less(
    policy: Policy, some: list[Mark], others: list[Mark], at: datetime
) -> None:
    few, many = standing(some, policy, at=at), standing([*some, *others], policy, at=at)
    assert (few.marks, few.percent) <= (many.marks, many.percent)
    assert 0 <= few.percent <= many.percent <= max(policy.steps)


@given(POLICIES, MARKS, MOMENTS, st.data())
def test_letting_go_of_a_mark_never_asks_for_more(
    policy: Policy, marks: list[Mark], at: datetime, data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.integers(0, max(len(marks) - 1, 0))))
    left = [
        Mark(mark.kind, mark.visit_at, mark.counts_from, mark.is_forgiven or number in gone)
        for number, mark in enumerate(marks)
    ]
    assert standing(left, policy, at=at).percent <= standing(marks, policy, at=at).percent
    everything = [Mark(mark.kind, mark.visit_at, mark.counts_from, True) for mark in marks]
    assert standing(everything, policy, at=at) == USUAL


@given(POLICIES, MARKS, MOMENTS)
def test_what_is_asked_falls_when_it_was_said_to_and_ends_at_nothing(
    policy: Policy, marks: list[Mark], at: datetime
) -> None:
    now = standing(marks, policy, at=at)
    assert (now.until is None) is (now.percent == 0)
    if now.until is not None:
        assert now.until > at
        assert standing(marks, policy, at=now.until).percent < now.percent
    known = [mark for mark in marks if mark.counts_from is None or mark.counts_from <= at]
    later = [standing(known, policy, at=at + timedelta(days=days)).percent for days in range(0, 1000, 40)]
    assert later == sorted(later, reverse=True), "nothing is added, so nothing rises"
    longest = max((mark.visit_at for mark in marks), default=at) + timedelta(days=policy.days)
    assert standing(marks, policy, at=max(at, longest)) == USUAL


@given(POLICIES, MARKS, MOMENTS, st.integers(0, 10**7), st.integers(0, 100))
def test_a_deposit_is_never_below_the_usual_one_nor_above_the_price(
    policy: Policy, marks: list[Mark], at: datetime, price: int, usual: int
) -> None:
    deposit = percentage(price, usual)
    assert deposit <= standing(marks, policy, at=at).deposit_of(price, deposit) <= price


# A salon with a policy -------------------------------------------------------------------------------------------


class Place:
    """A salon that confirms by itself and usually asks for nothing, its owner, and a customer's phone."""

    def __init__(self, clock: Any, language: str = "en", **policy: Any) -> None:
        self.clock = clock
        self.salon: Salon
        self.salon, self.service, _ = open_salon(staff=2, deposit_percent=0, auto_confirm=True)
        self.language = language
        self.owner_user, self.desk_user = employ(self.salon, "owner"), employ(self.salon)
        self.customer = UserFactory.create(language=language)
        self.path = f"manage/businesses/{self.salon.business_id}"
        self.set(**{"standing_steps": [30, 50, 100]} | policy)

    # Days go by between two calls, and no sign-in lasts that long.
    @property
    def owner(self) -> Api:
        return Api(self.owner_user, language=self.language)

    @property
    def desk(self) -> Api:
        return Api(self.desk_user, language=self.language)

    @property
    def phone(self) -> Api:
        return Api(self.customer, language=self.language)

    def set(self, **policy: Any) -> Any:
        version = ok(self.owner.get(self.path))["version"]
        return ok(self.owner.send("PATCH", self.path, body={"version": version} | policy))

    def quote(self, starts_at: str, *, at: Any = None) -> Any:
        salon, service = at or (self.salon, self.service)
        return ok(self.phone.post("quotes", visit(salon, service, starts_at)))

    def book(self, starts_at: str, *, at: Any = None) -> Any:
        salon, service = at or (self.salon, self.service)
        return ok(self.phone.post("bookings", visit(salon, service, starts_at)), 201)

    def act(self, booking: Any, verb: str, *, desk: bool = False, **more: Any) -> Any:
        door, phone = ("manage/bookings", self.desk) if desk else ("bookings", self.phone)
        version = Booking.objects.get(pk=booking["id"]).version
        return ok(phone.post(f"{door}/{booking['id']}/{verb}", {"version": version} | more))

    def missed(self, starts_at: str, *, settled: bool = True) -> Any:
        """A visit that the customer missed; `settled`: the time to object has passed too."""
        booking = self.book(starts_at)
        self.clock.move_to(parse_moment(starts_at) + timedelta(minutes=20))
        shown = self.act(booking, "no-show", desk=True)
        if settled:
            self.clock.tick(timedelta(hours=48))
        return shown

    def late(self, starts_at: str) -> Any:
        """A visit that the customer cancelled an hour before."""
        booking = self.book(starts_at)
        self.clock.move_to(parse_moment(starts_at) - timedelta(hours=1))
        return self.act(booking, "cancel")

    def standing(self) -> Any:
        """The only entry of `me/standing`, or None."""
        items = ok(self.phone.get("me/standing"))["items"]
        assert len(items) <= 1
        return items[0] if items else None

    def client(self) -> str:
        [found] = ok(self.desk.get(f"manage/salons/{self.salon.slug}/clients", phone=self.customer.phone))[
            "items"
        ]
        return f"manage/salons/{self.salon.slug}/clients/{found['id']}"

    def forgiving(self) -> Any:
        """The owner's word, as a call to race."""
        return partial(
            operations.forgive,
            salon=Salon.objects.get(pk=self.salon.pk),
            customer=self.customer,
            by=self.owner_user,
            reason="Kindness",
            now=parse_moment(day("2026-11-22")),
        )

    def told(self, kind: str) -> list[str]:
        rows = Message.objects.filter(recipient=self.customer, kind=kind).order_by("id")
        return list(rows.values_list("body", flat=True))


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def place(clock: Any, db: Any) -> Place:
    return Place(clock)


def minor(quote: Any) -> int:
    return int(quote["deposit"]["amount_minor"])


def day(date: str, time: str = "12:00") -> str:
    return f"{date}T{time}:00+03:00"


@pytest.mark.django_db
@LANGUAGES
def test_standing_is_lost_and_regained(clock: Any, language: str) -> None:
    place = Place(clock, language)
    assert minor(place.quote(day("2026-11-22"))) == 0
    assert place.quote(day("2026-11-22"))["deposit_reason"] is None

    missed = place.missed(day("2026-11-22"))
    stands = place.standing()
    assert (stands["marks"], stands["deposit_percent"]) == (1, 30)
    assert stands["until"] == day("2027-05-21")
    assert [salon["id"] for salon in stands["salons"]] == [str(place.salon.pk)]
    [mark] = stands["recorded"]
    assert (mark["kind"], mark["status"]) == ("no_show", "counts")
    assert mark["kind_label"] == {"ar": "عدم حضور", "en": "Missed visit"}[language]
    assert mark["booking"]["reference"] == missed["reference"]
    assert "21/05/2027" in mark["detail"]

    quote = place.quote(day("2026-11-26"))
    assert minor(quote) == percentage(PRICE, 30)
    assert quote["deposit_reason"] | {"detail": "", "usual_deposit": None} == {
        "code": "standing",
        "detail": "",
        "usual_deposit": None,
        "marks": 1,
        "percent": 30,
        "until": day("2027-05-21"),
    }
    said = quote["deposit_reason"]["detail"]
    assert ("30%" if language == "en" else "30 %") in said
    assert "21/05/2027" in said
    assert ("deposit" in said) is (language == "en")
    held = place.book(day("2026-11-26"))
    assert (held["state"], minor(held)) == ("held", percentage(PRICE, 30)), "asked as it was quoted"
    place.act(held, "cancel")

    client = place.client()
    shown = ok(place.owner.get(client))["standing"]
    assert (shown["deposit_percent"], shown["forgivenesses"]) == (30, [])
    forgiven = ok(place.owner.post(f"{client}/forgiveness", {"reason": "A family matter"}), 201)
    assert (forgiven["marks"], forgiven["deposit_percent"], forgiven["until"]) == (0, 0, None)
    assert [mark["status"] for mark in forgiven["recorded"]] == ["forgiven"]
    [word] = forgiven["forgivenesses"]
    assert (word["reason"], word["booking"], word["withdrawn_at"]) == ("A family matter", None, None)
    assert minor(place.quote(day("2026-11-26"))) == 0
    assert place.book(day("2026-11-26"))["state"] == "confirmed"
    [text] = place.told("standing_reviewed")
    assert ("as usual" in text) is (language == "en")


@pytest.mark.django_db
def test_each_step_asks_for_more_and_time_takes_it_back(place: Place) -> None:
    asked = [0]
    for date in ("2026-11-22", "2026-11-29", "2026-12-06", "2026-12-13"):
        booking = place.quote(day(date))
        asked[-1:] = [minor(booking)] if len(asked) == 1 else asked[-1:]
        if minor(booking):  # a held visit is confirmed once its deposit is paid
            Business.objects.update(standing_steps=[])
            place.set(standing_steps=[])
            place.missed(day(date))
            place.set(standing_steps=[30, 50, 100])
        else:
            place.missed(day(date))
        asked.append(place.standing()["deposit_percent"])
    assert asked == [0, 30, 50, 100, 100]
    place.clock.move_to(parse_moment(day("2026-11-22")) + timedelta(days=180))
    assert place.standing()["deposit_percent"] == 100, "three marks are left"
    for ends, percent in (("2026-11-29", 50), ("2026-12-06", 30)):
        before = place.standing()
        place.clock.move_to(parse_moment(day(ends)) + timedelta(days=180))
        assert parse_moment(before["until"]) == parse_moment(day(ends)) + timedelta(days=180)
        assert place.standing()["deposit_percent"] == percent
    place.clock.move_to(parse_moment(day("2026-12-13")) + timedelta(days=180))
    assert place.standing() is None


@pytest.mark.django_db
def test_a_missed_visit_counts_once_nobody_objected_in_time(place: Place) -> None:
    place.missed(day("2026-11-22"), settled=False)
    [mark] = place.standing()["recorded"]
    assert (mark["status"], mark["disputable_until"]) == ("pending", day("2026-11-24", "12:20"))
    assert minor(place.quote(day("2026-11-26"))) == 0
    place.clock.move_to(parse_moment(day("2026-11-24", "12:19")))
    assert minor(place.quote(day("2026-11-26"))) == 0
    place.clock.move_to(parse_moment(day("2026-11-24", "12:20")))
    assert minor(place.quote(day("2026-11-26"))) == percentage(PRICE, 30)


@pytest.mark.django_db
def test_an_objection_keeps_a_mark_from_counting_until_it_is_turned_down(place: Place) -> None:
    booking = place.missed(day("2026-11-22"), settled=False)
    place.act(booking, "dispute-no-show", reason="I was there")
    place.clock.tick(timedelta(days=5))
    [mark] = place.standing()["recorded"]
    assert (mark["status"], mark["counts_from"], place.standing()["deposit_percent"]) == ("disputed", None, 0)
    place.act(booking, "uphold-no-show", desk=True)
    assert place.standing()["deposit_percent"] == 30
    assert len(place.told("deposit_raised")) == 2, "once with the visit, once with the answer"
    place.act(booking, "withdraw-no-show", desk=True)
    assert place.standing() is None


@pytest.mark.django_db
@LANGUAGES
def test_a_late_cancellation_counts_at_once_and_is_told_with_its_reason(clock: Any, language: str) -> None:
    place = Place(clock, language)
    booking = place.late(day("2026-11-22"))
    stands = place.standing()
    [mark] = stands["recorded"]
    assert (mark["kind"], mark["status"], stands["deposit_percent"]) == ("late_cancellation", "counts", 30)
    [text] = place.told("deposit_raised")
    percent = {"ar": "30 %", "en": "30%"}[language]
    assert all(part in text for part in (booking["reference"], percent, "22/11", "21/5"))
    assert ("Because of booking" in text) is (language == "en")


@pytest.mark.django_db
@pytest.mark.parametrize("hours", [24.5, 24])
def test_cancelling_counts_from_the_moment_on_which_it_is_no_longer_free(place: Place, hours: float) -> None:
    booking = place.book(day("2026-11-22"))
    place.clock.move_to(parse_moment(day("2026-11-22")) - timedelta(hours=hours))
    place.act(booking, "cancel")
    assert (place.standing() is None) is (hours > 24)


@pytest.mark.django_db
def test_what_the_salon_cancels_or_moves_is_no_fault_of_the_customers(place: Place) -> None:
    booking = place.book(day("2026-11-22"))
    place.clock.move_to(parse_moment(day("2026-11-22")) - timedelta(hours=2))
    place.act(booking, "cancel", desk=True, reason="Ill")
    moved = place.book(day("2026-11-22", "15:00"))
    place.act(moved, "reschedule", desk=True, starts_at=day("2026-11-22", "17:00"))
    place.clock.move_to(parse_moment(day("2026-11-22", "16:00")))
    place.act(moved, "cancel")
    assert place.standing() is None
    assert place.told("deposit_raised") == []


@pytest.mark.django_db
def test_a_visit_a_desk_wrote_down_leaves_no_mark_even_when_its_guest_signs_in(place: Place) -> None:
    body = {
        "items": [{"service_id": str(place.service.pk), "staff_member_id": None}],
        "starts_at": day("2026-11-22"),
        "guest": {"name": "هند", "phone": place.customer.phone},
    }
    guest = ok(place.desk.post(f"manage/salons/{place.salon.slug}/bookings", body), 201)
    place.clock.move_to(parse_moment(day("2026-11-22", "12:20")))
    place.act(guest, "no-show", desk=True)
    Booking.objects.filter(pk=guest["id"]).update(customer=place.customer, guest_phone="")  # adopted
    place.clock.tick(timedelta(days=3))
    assert place.standing() is None
    assert minor(place.quote(day("2026-11-26"))) == 0


@pytest.mark.django_db
def test_salons_of_one_business_share_and_those_of_two_do_not(place: Place) -> None:
    place.late(day("2026-11-22"))
    sister, service, _ = open_salon(business=place.salon.business, deposit_percent=0, auto_confirm=True)
    stranger, theirs, _ = open_salon(deposit_percent=0, auto_confirm=True)
    Business.objects.filter(pk=stranger.business_id).update(standing_steps=[30, 50, 100])
    assert minor(place.quote(day("2026-11-24"), at=(sister, service))) == percentage(PRICE, 30)
    assert minor(place.quote(day("2026-11-24"), at=(stranger, theirs))) == 0
    assert {salon["id"] for salon in place.standing()["salons"]} == {str(place.salon.pk), str(sister.pk)}
    assert place.book(day("2026-11-24", "15:00"), at=(stranger, theirs))["state"] == "confirmed"


@pytest.mark.django_db
def test_a_policy_weighs_what_it_says_and_without_steps_nothing_is_asked(place: Place) -> None:
    place.late(day("2026-11-22"))
    assert place.set(late_cancel_marks=2)["late_cancel_marks"] == 2
    assert place.standing()["deposit_percent"] == 50
    place.set(late_cancel_marks=0)
    assert place.standing() is None
    place.set(late_cancel_marks=1, standing_days=1)
    place.clock.move_to(parse_moment(day("2026-11-23", "11:59")))
    assert place.standing()["deposit_percent"] == 30
    place.clock.move_to(parse_moment(day("2026-11-23", "12:00")))
    assert place.standing() is None
    place.set(standing_days=180, standing_steps=[])
    assert place.standing() is None
    assert minor(place.quote(day("2026-11-26"))) == 0
    assert ok(place.owner.get(place.client()))["standing"] is None


@pytest.mark.django_db
def test_a_higher_usual_deposit_stays_and_has_no_other_reason(place: Place) -> None:
    place.late(day("2026-11-22"))
    Salon.objects.filter(pk=place.salon.pk).update(deposit_percent=60)
    quote = place.quote(day("2026-11-26"))
    assert (minor(quote), quote["deposit_reason"]) == (percentage(PRICE, 60), None)


@pytest.mark.django_db
def test_the_price_the_customer_saw_is_compared_and_the_deposit_changes_nothing_about_that(
    place: Place,
) -> None:
    place.late(day("2026-11-22"))
    body = visit(place.salon, place.service, day("2026-11-26"))
    refused(place.phone.post("bookings", body | {"expected_total_minor": PRICE - 1}), 422, "amount_changed")
    assert ok(place.phone.post("bookings", body | {"expected_total_minor": PRICE}), 201)["state"] == "held"


# What an owner lets go of ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_one_of_two_marks_can_be_forgiven_and_what_comes_after_counts(place: Place) -> None:
    first = place.late(day("2026-11-22"))
    place.set(standing_steps=[])
    second = place.late(day("2026-11-24"))
    place.set(standing_steps=[30, 50, 100])
    client = place.client()
    body = {"reason": "Her child was ill", "booking_id": first["id"]}
    shown = ok(place.owner.post(f"{client}/forgiveness", body), 201)
    assert (shown["marks"], shown["deposit_percent"]) == (1, 30)
    statuses = {mark["booking"]["id"]: mark["status"] for mark in shown["recorded"]}
    assert statuses == {first["id"]: "forgiven", second["id"]: "counts"}
    refused(place.owner.post(f"{client}/forgiveness", body), 422, "nothing_to_forgive")
    place.clock.tick(timedelta(hours=1))
    ok(place.owner.post(f"{client}/forgiveness", {"reason": "All of it"}), 201)
    place.clock.tick(timedelta(hours=1))
    place.late(day("2026-11-26"))
    assert place.standing()["deposit_percent"] == 30, "all there was is not all there will be"


@pytest.mark.django_db
def test_what_was_let_go_of_can_be_taken_back_once_and_stays_on_record(place: Place) -> None:
    place.late(day("2026-11-22"))
    client = place.client()
    shown = ok(place.owner.post(f"{client}/forgiveness", {"reason": "By mistake"}), 201)
    path = f"{client}/forgiveness/{shown['forgivenesses'][0]['id']}/withdraw"
    back = ok(place.owner.post(path, {"reason": "Somebody else was meant"}))
    assert (back["deposit_percent"], len(back["forgivenesses"])) == (30, 1)
    assert back["forgivenesses"][0]["withdrawn_at"] is not None
    assert ok(place.owner.post(path, {"reason": "Once more"})) == back
    assert Forgiveness.objects.count() == 2
    assert len(place.told("standing_reviewed")) == 2
    stranger = Place(place.clock)
    stranger.late(day("2026-11-25"))
    foreign = f"{stranger.client()}/forgiveness/{shown['forgivenesses'][0]['id']}/withdraw"
    refused(stranger.owner.post(foreign, {"reason": "Not mine"}), 404, "not_found")
    Business.objects.update(standing_steps=[])
    refused(place.owner.post(path, {"reason": "Marks ask for nothing now"}), 404, "not_found")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/reason", "field_required"),
        ({"reason": " "}, "/reason", "field_blank"),
        ({"reason": 7}, "/reason", "wrong_type"),
        ({"reason": "ok", "booking_id": "x"}, "/booking_id", "uuid_invalid"),
        ({"reason": "ok", "booking_id": str(uuid.uuid4())}, "/booking_id", "not_found"),
        ({"reason": "ok", "all": True}, "/all", "unknown_field"),
    ],
)
def test_a_wrong_word_of_forgiveness_is_refused_with_its_place(
    place: Place, body: Any, pointer: str, code: str
) -> None:
    place.late(day("2026-11-22"))
    problem = refused(place.owner.post(f"{place.client()}/forgiveness", body), 400, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]
    assert Forgiveness.objects.count() == 0


@pytest.mark.django_db
def test_only_an_owner_forgives_and_only_somebody_with_marks(place: Place) -> None:
    place.book(day("2026-11-22"))
    client = place.client()
    body = {"reason": "Kindness"}
    for role in ("staff", "receptionist", "manager"):
        worker = Api(employ(place.salon, role))
        refused(worker.post(f"{client}/forgiveness", body), 403, "permission_denied")
    refused(place.owner.post(f"{client}/forgiveness", body), 422, "nothing_to_forgive")
    nobody = f"manage/salons/{place.salon.slug}/clients/{uuid.uuid4()}/forgiveness"
    refused(place.owner.post(nobody, body), 404, "not_found")


@pytest.mark.django_db
def test_a_repeated_tap_forgives_once(place: Place) -> None:
    place.late(day("2026-11-22"))
    path, key = f"{place.client()}/forgiveness", uuid.uuid4()
    first = ok(place.owner.post(path, {"reason": "Kindness"}, key=key), 201)
    assert ok(place.owner.post(path, {"reason": "Kindness"}, key=key), 201) == first
    assert Forgiveness.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_forgive_at_once_one_does(clock: Any) -> None:
    place = Place(clock)
    place.late(day("2026-11-22"))
    forgive = place.forgiving()
    outcomes = race(forgive, forgive, forgive)
    assert sum(isinstance(outcome, Forgiveness) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NothingToForgive) for outcome in outcomes) == 2
    assert Message.objects.filter(kind="standing_reviewed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_holding_the_person_two_owners_both_forgive(clock: Any, monkeypatch: Any) -> None:
    """The witness: the race above is one."""
    monkeypatch.setattr(operations, "_hold", lambda customer: customer)
    place = Place(clock)
    place.late(day("2026-11-22"))
    forgive = place.forgiving()
    for _ in range(30):
        outcomes = race(forgive, forgive, forgive)
        if sum(isinstance(outcome, Forgiveness) for outcome in outcomes) > 1:
            return
        Forgiveness.objects.all().delete()
    pytest.fail("nobody saw the race")


# Who may set it, and what it costs ------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "pointer", "code"),
    [
        ({"standing_steps": [50, 30]}, "/standing_steps", "steps_fall"),
        ({"standing_steps": [101]}, "/standing_steps/0", "too_large"),
        ({"standing_steps": ["30"]}, "/standing_steps/0", "wrong_type"),
        ({"standing_steps": [1] * 6}, "/standing_steps", "list_too_long"),
        ({"standing_days": 0}, "/standing_days", "too_small"),
        ({"standing_days": 366}, "/standing_days", "too_large"),
        ({"no_show_marks": 4}, "/no_show_marks", "too_large"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    place: Place, values: dict[str, Any], pointer: str, code: str
) -> None:
    problem = refused(
        place.owner.send("PATCH", place.path, body={"version": 2} | values), 400, "validation_failed"
    )
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"standing_steps": [50, 30]},
        {"standing_steps": [30, 101]},
        {"standing_steps": [-1]},
        {"standing_steps": [1] * 6},
        {"standing_days": 0},
        {"standing_days": 366},
        {"no_show_marks": 4},
    ],
)
def test_the_database_refuses_the_same_policies(place: Place, values: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Business.objects.filter(pk=place.salon.business_id).update(**values)


@pytest.mark.django_db
def test_a_booking_costs_one_statement_more_where_there_is_a_policy_and_none_where_there_is_none(
    place: Place,
) -> None:
    def statements(starts_at: str) -> int:
        phone = place.phone
        with CaptureQueriesContext(connection) as queries:
            ok(phone.post("bookings", visit(place.salon, place.service, starts_at)), 201)
        return len(queries)

    place.book(day("2026-11-24"))
    with_policy = statements(day("2026-11-25"))
    place.set(standing_steps=[])
    place.book(day("2026-11-26"))
    assert with_policy == statements(day("2026-11-27")) + 1
    for date in ("2026-11-22", "2026-11-23"):
        place.late(day(date))
    place.set(standing_steps=[0, 0, 0, 0, 1])
    place.book(day("2026-11-28"))
    assert statements(day("2026-11-29")) == with_policy, "marks cost no more"


@pytest.mark.django_db
def test_reading_ones_standing_asks_two_questions_whatever_there_is(place: Place) -> None:
    def questions() -> int:
        phone = place.phone
        with CaptureQueriesContext(connection) as queries:
            ok(phone.get("me/standing"))
        return len(queries)

    place.late(day("2026-11-22"))
    few = questions()
    place.set(standing_steps=[])
    for number in range(3):
        place.late(day(f"2026-11-2{number + 4}"))
    place.set(standing_steps=[30])
    open_salon(business=place.salon.business)
    assert len(place.standing()["recorded"]) == 4
    assert questions() == few


@pytest.mark.django_db
def test_a_session_in_doubt_answers_for_nothing_that_was_booked_before_it(place: Place) -> None:
    place.late(day("2026-11-22"))
    phone = place.phone
    Device.objects.filter(user=place.customer).update(history_from=parse_moment(day("2026-11-22", "10:30")))
    assert ok(phone.get("me/standing")) == {"items": []}
    assert minor(ok(phone.post("quotes", visit(place.salon, place.service, day("2026-11-26"))))) == 0


@pytest.mark.django_db
def test_days_are_those_of_the_salons_zone(place: Place) -> None:
    place.late(day("2026-11-22", "21:00"))
    [mark] = place.standing()["recorded"]
    assert mark["business_date"] == "2026-11-22"
    assert parse_moment(mark["counts_until"]).astimezone(RIYADH).date().isoformat() == "2027-05-21"
