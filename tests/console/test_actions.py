"""Actions go through the operations, row by row, and say what was refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from backend.accounts.models import Breach, DataRequest, Device
from backend.bookings.models import Booking, BookingEvent
from backend.core.models import Alarm
from backend.payments.models import WebhookEvent
from backend.salons.models import Review, Salon
from tests.console.helpers import World, act, address, browser, operator, said

pytestmark = pytest.mark.django_db


def logged(person: Any) -> list[tuple[str, str]]:
    return [(e.object_repr, e.change_message) for e in LogEntry.objects.filter(user=person).order_by("pk")]


def test_a_booking_is_confirmed_in_the_salons_place(world: World, sent: Any) -> None:
    by = operator("platform_admin")
    answer = act(browser(by), Booking, "confirm", world.booking, reason="اتصل الصالون")
    world.booking.refresh_from_db()
    assert world.booking.state == "confirmed"
    event = BookingEvent.objects.filter(booking=world.booking).latest("id")
    assert (event.verb, event.actor, event.actor_role, event.reason) == (
        "confirm",
        by,
        "salon",
        "اتصل الصالون",
    )
    assert any(world.booking.reference in text for text in sent(world.customer.phone))
    assert len(said(answer)) == 1
    assert logged(by) == [(world.booking.reference, "confirm")]


@pytest.mark.parametrize(("verb", "state"), [("decline", "declined"), ("cancel", "cancelled")])
def test_a_booking_is_ended_in_the_salons_place_and_the_deposit_goes_back(
    verb: str, state: str, world: World
) -> None:
    act(browser(operator("platform_admin")), Booking, verb, world.booking)
    world.booking.refresh_from_db()
    assert world.booking.state == state
    assert world.payment.refunds.exclude(reason="goodwill").get().amount_minor > 0


@pytest.mark.parametrize("language", ["ar", "en"])
def test_what_is_refused_is_told_row_by_row_and_the_rest_is_done(language: str, world: World) -> None:
    other = world.book(hour=15)
    client = browser(operator("platform_admin"), language=language)
    act(client, Booking, "decline", other)
    told = said(act(client, Booking, "confirm", world.booking, other))
    world.booking.refresh_from_db()
    other.refresh_from_db()
    assert (world.booking.state, other.state) == ("confirmed", "declined")
    assert len(told) == 2
    assert other.reference in told[0]
    assert world.booking.reference not in told[0]


def test_too_many_at_once_are_none(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("backend.core.console.pages.MOST_AT_ONCE", 1)
    other = world.book(hour=15)
    told = said(act(browser(operator("platform_admin")), Booking, "confirm", world.booking, other))
    assert len(told) == 1
    assert set(Booking.objects.values_list("state", flat=True)) == {"requested"}


@pytest.mark.parametrize("role", ["support", "finance"])
def test_an_action_posted_by_somebody_else_does_nothing(role: str, world: World) -> None:
    client = browser(operator(role))
    for model, action, row in (
        (Booking, "cancel", world.booking),
        (Device, "sign_out", world.device),
        (WebhookEvent, "act_again", world.event),
        (Alarm, "acknowledge", Alarm.objects.get()),
        (Salon, "suspend", world.salon),
    ):
        act(client, model, action, row)
    for row in (world.booking, world.device, world.event, world.salon):
        row.refresh_from_db()
    assert world.booking.state == "requested"
    assert world.device.revoked_at is None
    assert world.event.handled_at is None
    assert Alarm.objects.get().acknowledged_at is None
    assert world.salon.status == "live"


def test_a_device_is_signed_out_once(world: World) -> None:
    by = operator("platform_admin")
    client = browser(by)
    act(client, Device, "sign_out", world.device)
    world.device.refresh_from_db()
    assert world.device.revoked_at is not None
    assert len(logged(by)) == 1
    act(client, Device, "sign_out", world.device)
    assert len(logged(by)) == 1


def test_a_kept_event_is_acted_on_again(world: World, settings: Any, monkeypatch: Any) -> None:
    client = browser(operator("platform_admin"), language="en")
    [told] = said(act(client, WebhookEvent, "act_again", world.event))
    assert "evt-1" in told  # no gateway is configured: said, not crashed
    settings.MOYASAR_SECRET_KEY = "sk_test_console"
    WebhookEvent.objects.update(payment_id=None)
    [told] = said(act(client, WebhookEvent, "act_again", world.event))
    world.event.refresh_from_db()
    assert (world.event.outcome, world.event.handled_at is not None) == ("ignored", True)
    [told] = said(act(client, WebhookEvent, "act_again", world.event))
    assert "nothing to act on" in told


def test_an_alarm_is_acknowledged_once_with_a_name(world: World) -> None:
    by = operator("platform_admin")
    act(browser(by), Alarm, "acknowledge", Alarm.objects.get())
    seen = Alarm.objects.get()
    assert (seen.acknowledged_by, seen.acknowledged_at is not None) == (by, True)
    act(browser(operator("platform_admin")), Alarm, "acknowledge", seen)
    assert Alarm.objects.get().acknowledged_by == by


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        ("draft", "submit", "draft"),  # it has no licence yet
        ("in_review", "approve", "live"),
        ("in_review", "send_back", "draft"),
        ("live", "suspend", "suspended"),
        ("suspended", "reinstate", "live"),
        ("draft", "approve", "draft"),
        ("draft", "suspend", "draft"),
        ("live", "send_back", "live"),
        ("suspended", "submit", "suspended"),
    ],
)
def test_a_salons_status_moves_along_its_table(before: str, action: str, after: str, world: World) -> None:
    Salon.objects.update(status=before, version=7)
    act(browser(operator("platform_admin")), Salon, action, world.salon, reason="بطلب الوزارة")
    world.salon.refresh_from_db()
    assert (world.salon.status, world.salon.version) == (after, 7 if before == after else 8)


def test_a_review_is_hidden_for_a_reason_and_stands_again(world: World) -> None:
    by, review = operator("platform_admin"), Review.objects.get()
    Salon.objects.filter(pk=world.salon.pk).update(rating_sum=5, rating_count=1)
    client = browser(by, language="en")
    assert "reason" in said(act(client, Review, "hide", review))[0]
    review.refresh_from_db()
    assert review.status == "published"
    act(client, Review, "hide", review, reason="إعلان")
    review.refresh_from_db()
    world.salon.refresh_from_db()
    assert (review.status, review.hidden_reason, review.moderated_by) == ("hidden", "إعلان", by)
    assert (world.salon.rating_sum, world.salon.rating_count) == (0, 0)
    act(browser(operator("support")), Review, "publish", review)
    review.refresh_from_db()
    assert review.status == "hidden"
    act(client, Review, "publish", review)
    review.refresh_from_db()
    world.salon.refresh_from_db()
    assert (review.status, world.salon.rating_sum, world.salon.rating_count) == ("published", 5, 1)
    assert [what for _, what in logged(by)] == ["hide", "publish"]


# Privacy ----------------------------------------------------------------------------------------


def test_a_request_made_by_voice_is_written_down_and_answered(world: World) -> None:
    client = browser(operator("platform_admin"))
    body = {"somebody": "٠٥١٢٣٤٥٦٧٨", "kind": "destruction", "channel": "phone", "note": "اتصل اليوم"}
    assert client.post(address(DataRequest, "add"), body).status_code == 302
    made = DataRequest.objects.latest("received_at")
    assert (made.person, made.kind, (made.due_at - made.received_at).days) == (
        world.customer,
        "destruction",
        30,
    )
    act(client, DataRequest, "extend", made)
    made.refresh_from_db()
    assert made.extended_until is None  # no reason, no extension
    act(client, DataRequest, "extend", made, reason="طلب كبير")
    made.refresh_from_db()
    assert made.extended_until is not None
    assert made.extension_reason == "طلب كبير"
    act(client, DataRequest, "refuse", made)
    made.refresh_from_db()
    assert made.closed_at is None
    act(client, DataRequest, "refuse", made, reason="طلب مكرر")
    made.refresh_from_db()
    assert (made.outcome, made.note) == ("refused", "اتصل اليوم\nطلب مكرر")
    [told] = said(act(client, DataRequest, "done", made))
    made.refresh_from_db()
    assert made.outcome == "refused"
    assert told


def test_a_request_of_somebody_without_an_account_needs_no_number() -> None:
    client = browser(operator("platform_admin"))
    body = {"somebody": "", "kind": "access", "channel": "letter", "note": ""}
    assert client.post(address(DataRequest, "add"), body).status_code == 302
    assert DataRequest.objects.get().person is None


def moment(name: str, at: Any) -> dict[str, str]:
    from backend.core.time import RIYADH

    local = at.astimezone(RIYADH)
    return {f"{name}_0": f"{local:%Y-%m-%d}", f"{name}_1": f"{local:%H:%M:%S}"}


def breach(**changes: Any) -> dict[str, str]:
    told = {
        "authority_told_at",
        "ministry_told_at",
        "people_told_at",
        "closed_at",
        "happened_from",
        "happened_until",
    }
    body = {f"{name}_{n}": "" for name in told for n in (0, 1)}
    body |= {"what": "ضياع جهاز", "categories": "", "people_count": "١٢", "records_count": "", "risks": ""}
    body |= {"measures": "", "contact": "", "people_told_how": ""}
    for name, value in changes.items():
        body |= {name: value} if isinstance(value, str) else moment(name, value)
    return body


def test_a_breach_is_registered_and_its_clocks_show(world: World) -> None:
    client = browser(operator("platform_admin"), language="en")
    now = timezone.now().replace(microsecond=0)
    assert client.post(address(Breach, "add"), breach(aware_at=now)).status_code == 302
    made = Breach.objects.latest("aware_at")
    assert (made.aware_at, made.people_count) == (now, 12)
    page = client.get(address(Breach)).content.decode()
    assert page.count("overdue") == 6  # three clocks of the old one, a class and a word each


def test_a_breach_is_closed_only_when_all_were_told(world: World) -> None:
    client = browser(operator("platform_admin"), language="en")
    now = timezone.now().replace(microsecond=0)
    url = address(Breach, "change", world.breach.pk)
    aware = world.breach.aware_at.replace(microsecond=0)
    refused = client.post(url, breach(aware_at=aware, closed_at=now))
    assert refused.status_code == 200
    assert "SDAIA and the ministry" in refused.content.decode()
    told = {"authority_told_at": now, "ministry_told_at": now, "people_told_how": "No risk for them."}
    assert client.post(url, breach(aware_at=aware, closed_at=now, **told)).status_code == 302
    assert client.post(url, breach(aware_at=aware)).status_code == 403
