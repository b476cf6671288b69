"""Bookings in the console: what changed, what was refused, and many answered at once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from freezegun import freeze_time

from backend.bookings import operations
from backend.bookings.admin.bookings import VERBS
from backend.bookings.models import Booking, BookingEvent, Claim, Refusal
from backend.bookings.operations.transitions import MOVES
from backend.bookings.queries import Wish
from backend.core.time import RIYADH
from tests.bookings.visits import visit
from tests.console.helpers import World, act, address, browser, operator, said
from tests.factories import StaffMemberFactory, UserFactory, employ, open_salon, performed_by
from tests.support.api import Api, refused

pytestmark = pytest.mark.django_db
LANGUAGES = ("ar", "en")


def rows(response: Any) -> list[Any]:
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def text_of(response: Any) -> str:
    page = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(page.split())


# Refused times


@pytest.fixture
def turned_away() -> Any:
    """Somebody who was refused on Thursday at 18:03, before opening on Sunday."""
    with freeze_time("2026-11-19T15:03:00Z"):
        salon, service, _ = open_salon(deposit_percent=0)
        wish = visit(salon, service, "2026-11-22T08:00:00+03:00")
        refused(Api(UserFactory.create()).post("quotes", wish), 422, "outside_hours")
        yield salon


@pytest.mark.parametrize("role", ["platform_admin", "support"])
@pytest.mark.parametrize(
    ("language", "why", "what", "asked"),
    [
        ("ar", "الوقت المختار خارج ساعات العمل.", "قص شعر", "معاينة"),
        ("en", "The chosen time is outside working hours.", "Haircut", "Quote"),
    ],
)
def test_the_console_says_what_the_system_knew_when_it_refused(
    role: str, language: str, why: str, what: str, asked: str, turned_away: Any
) -> None:
    client = browser(operator(role), language=language)
    [row] = rows(client.get(address(Refusal)))
    listed = text_of(client.get(address(Refusal)))
    page = text_of(client.get(address(Refusal, "change", row.pk)))
    for shown in (listed, page):
        assert why in shown
        assert "6:03" in shown
        assert asked in shown
    assert what in page
    assert "outside_hours" in page
    assert str(row.catalogue_version) in page


def test_refusals_are_found_by_salon_by_start_and_by_both(turned_away: Any) -> None:
    other, service, _ = open_salon(deposit_percent=0)
    wish = visit(other, service, "2026-11-22T08:00:00+03:00")
    refused(Api(UserFactory.create()).post("quotes", wish), 422, "outside_hours")
    client = browser(operator("support"))
    here, there = Refusal.objects.order_by("pk")

    def found(words: str, **more: str) -> list[Refusal]:
        return rows(client.get(address(Refusal), {"q": words} | more))

    slug = turned_away.slug
    assert found(slug.upper()) == [here]
    assert found("2026-11-22 08:00") == found("٢٠٢٦-١١-٢٢ ٠٨:٠٠") == found("2026-11-22") == [there, here]
    assert found(f"{slug} 2026-11-22 8:00") == found(f"{slug} 2026-11-22") == [here]
    for nothing in (
        "2026-11-22 08:01",
        "2026-11-21",
        f"{slug} 2026-11-22 09:00",
        "2026-11-22 99:99",
        "nobody",
    ):
        assert found(nothing) == []
    assert found(slug, reasons__contains="outside_hours", asked__exact="quote") == [here]
    assert found(slug, reasons__contains="day_full") == found(slug, asked__exact="create") == []
    assert found(slug, at__gte="2026-11-19 00:00:00+03:00", at__lt="2026-11-20 00:00:00+03:00") == [here]
    assert found(slug, at__gte="2026-11-20 00:00:00+03:00", at__lt="2026-11-21 00:00:00+03:00") == []


def test_nobody_else_opens_them(turned_away: Any) -> None:
    row = Refusal.objects.get()
    for person in (operator("finance"), operator(None, is_staff=True)):
        client = browser(person)
        assert client.get(address(Refusal)).status_code == 403
        assert client.get(address(Refusal, "change", row.pk)).status_code == 403


# What changed


def test_every_move_has_words() -> None:
    assert VERBS.keys() >= MOVES.keys() | {"create", "adopt"}
    with translation.override("ar"):
        assert [verb for verb in VERBS if not re.search("[ء-ي]", str(VERBS[verb]))] == []


def moved(world: World, *, to: Any, times: int = 1) -> Booking:
    """The world's booking, moved by the desk to another person and back again."""
    people = [to, world.member]
    for turn in range(times):
        world.booking.refresh_from_db()
        operations.reschedule(
            bookings=Booking.objects.all(),
            booking_id=world.booking.pk,
            actor=operations.by_salon(world.owner),
            version=world.booking.version,
            starts_at=world.booking.starts_at + timedelta(minutes=30),
            staff_member_id=people[turn % 2].pk,
            now=timezone.now(),
        )
    world.booking.refresh_from_db()
    return world.booking


@pytest.mark.parametrize(("language", "before", "after"), [("ar", "نورة", "هدى"), ("en", "Noura", "Huda")])
def test_the_page_of_a_booking_shows_before_and_after(
    language: str, before: str, after: str, world: World
) -> None:
    huda = StaffMemberFactory.create(salon=world.salon, name_ar="هدى", name_en="Huda")
    performed_by(world.service, huda)
    booking = moved(world, to=huda)
    client = browser(operator("platform_admin"), language=language)
    event = BookingEvent.objects.get(booking=booking, verb="reschedule")
    for url in (address(Booking, "change", booking.pk), address(BookingEvent, "change", event.pk)):
        page = client.get(url).content.decode()
        assert f'<del><bdi dir="auto">{before}</bdi></del> <ins><bdi dir="auto">{after}</bdi></ins>' in page
        assert re.search(r"<del><bdi[^>]*>\d[^<]*12:00 .*?<ins><bdi[^>]*>\d[^<]*12:30 ", page)


def test_the_page_of_a_booking_asks_no_more_for_a_longer_life(world: World) -> None:
    huda = StaffMemberFactory.create(salon=world.salon, name_ar="هدى", name_en="Huda")
    performed_by(world.service, huda)
    client = browser(operator("platform_admin"))

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(address(Booking, "change", world.booking.pk)).status_code == 200
        return len(found)

    moved(world, to=huda)
    before = queries()
    moved(world, to=huda, times=4)
    assert queries() == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_added_visit_and_its_lane_are_told_apart(language: str, world: World) -> None:
    salon, service, [_noura] = open_salon(deposit_percent=0)
    day = timezone.now().astimezone(RIYADH) + timedelta(days=2)
    starts_at = day.replace(hour=12, minute=0, second=0, microsecond=0)
    plain, added = (
        operations.write_walk_in(
            staff_user=employ(salon, "owner"),
            salon=salon,
            wishes=[Wish(service.pk)],
            starts_at=starts_at,
            guest_name="هند",
            overbook_reason="ضيفة",
            now=timezone.now(),
        )
        for _ in range(2)
    )
    client = browser(operator("platform_admin"), language=language)
    assert rows(client.get(address(Booking), {"is_overbooked__exact": "1"})) == [added]
    lane = "الخانة الإضافية" if language == "ar" else "Extra lane"
    for booking, number in ((plain, "—"), (added, "1")):
        claim = Claim.objects.get(booking=booking)
        page = text_of(client.get(address(Claim, "change", claim.pk)))
        assert re.search(f"{lane}:? {number}", page), page
    page = client.get(address(Booking, "change", added.pk)).content.decode()
    assert '<del><bdi dir="auto">—</bdi></del> <ins><bdi dir="auto">1</bdi></ins>' in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_disputes_are_found_while_they_wait_and_when_they_are_answered(language: str, world: World) -> None:
    now = timezone.now()
    Booking.objects.filter(pk=world.booking.pk).update(state="no_show", no_show_at=now, disputed_at=now)
    client = browser(operator("platform_admin"), language=language)

    def waiting() -> list[Booking]:
        query = {"disputed_at__isempty": "0", "dispute_answered_at__isempty": "1"}
        return rows(client.get(address(Booking), query))

    def answered() -> list[Booking]:
        return rows(client.get(address(Booking), {"dispute_answered_at__isempty": "0"}))

    assert (waiting(), answered()) == ([world.booking], [])
    page = text_of(client.get(address(Booking, "change", world.booking.pk)))
    assert ("تاريخ الاعتراض" if language == "ar" else "No-show disputed") in page
    Booking.objects.update(dispute_answered_at=now)
    assert (waiting(), answered()) == ([], [world.booking])


def test_bookings_are_found_by_day_of_the_salon_and_by_salon(world: World) -> None:
    later = world.book(hour=15, days=5)

    def found(day: str, **more: str) -> list[Booking]:
        """What the link of the filter with these words leads to."""
        client = browser(operator("platform_admin"), language="en")
        page = client.get(address(Booking), more).context["cl"]
        with translation.override("en"):
            [link] = [
                choice["query_string"]
                for spec in page.filter_specs
                for choice in spec.choices(page)
                if str(choice["display"]) == day
            ]
        return rows(client.get(address(Booking) + link))

    assert found("Any date") == [later, world.booking]
    assert found("Tomorrow") == [world.booking]
    assert found("The 7 days after today") == [later, world.booking]
    assert found("Today") == found("Yesterday") == found("The 7 days before today") == []
    assert found("Tomorrow", q=world.salon.slug, state__exact="requested") == [world.booking]
    assert found("Tomorrow", q="elsewhere") == found("Tomorrow", state__exact="confirmed") == []
    with freeze_time(world.booking.starts_at):
        assert found("Today") == [world.booking]
    with freeze_time(world.booking.starts_at + timedelta(days=1)):
        assert found("Yesterday") == found("The 7 days before today") == [world.booking]


# Many at once


@pytest.mark.parametrize(
    ("language", "wrong_state", "ran_out"),
    [
        ("ar", "لا يمكن تعديل هذا الحجز في حالته الحالية.", "انتهت مهلة حجز هذا الوقت."),
        (
            "en",
            "This booking cannot be changed in its current state.",
            "The time kept for this booking has run out.",
        ),
    ],
)
@pytest.mark.parametrize(("verb", "state"), [("confirm", "confirmed"), ("decline", "declined")])
def test_of_many_answered_at_once_each_failure_is_told_in_words(
    verb: str, state: str, language: str, wrong_state: str, ran_out: str, world: World
) -> None:
    done, dead = world.book(hour=15), world.book(hour=18)
    client = browser(operator("platform_admin"), language=language)
    act(client, Booking, "cancel", done)
    Booking.objects.filter(pk=dead.pk).update(respond_by=timezone.now() - timedelta(seconds=1))
    told = said(act(client, Booking, verb, world.booking, done, dead, reason="اتصل الصالون"))
    by_reference = {one.reference: [t for t in told if one.reference in t] for one in (done, dead)}
    assert [wrong_state in t for t in by_reference[done.reference]] == [True]
    assert [ran_out in t for t in by_reference[dead.reference]] == [True]
    assert len(told) == 3  # and how many were done
    assert world.booking.reference not in "".join(told)
    states = dict(Booking.objects.values_list("pk", "state"))
    assert states == {world.booking.pk: state, done.pk: "cancelled", dead.pk: "requested"}
    event = BookingEvent.objects.filter(booking=world.booking).latest("id")
    assert (event.verb, event.actor_role, event.reason) == (verb, "salon", "اتصل الصالون")
    assert not Claim.objects.filter(booking=done, is_active=True).exists()
    assert Claim.objects.filter(booking=world.booking, is_active=True).exists() is (state == "confirmed")


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_cancelled_at_once_what_is_over_stays(language: str, world: World) -> None:
    over = world.book(hour=15)
    act(browser(operator("platform_admin")), Booking, "confirm", over)
    Booking.objects.filter(pk=over.pk).update(state="completed")
    told = said(
        act(browser(operator("platform_admin"), language=language), Booking, "cancel", world.booking, over)
    )
    assert [over.reference in t for t in told] == [True, False]
    states = dict(Booking.objects.values_list("pk", "state"))
    assert states == {world.booking.pk: "cancelled", over.pk: "completed"}
