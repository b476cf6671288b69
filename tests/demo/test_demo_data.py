"""The demo's world: believable, the same for the same seed, and its books in order."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from backend.accounts.models import PlatformRole, User
from backend.bookings import availability
from backend.bookings.affected import at_odds_now
from backend.bookings.availability import NeedKind
from backend.bookings.models import Booking, BookingEvent, BookingState, Claim
from backend.bookings.operations import expire_dead
from backend.bookings.queries import Wish, free_slots, plan_visit, rules_of
from backend.core import jobs
from backend.core.time import RIYADH
from backend.demo import export, loading, pictures
from backend.demo.catalogue import SALONS, SERVICES, SKILLS
from backend.demo.drafts import Book
from backend.demo.stories import Story, tell
from backend.demo.world import build_cluster
from backend.payments.models import PAID_STATES, Payment, PaymentState, Refund, RefundState
from backend.payments.operations import close_day, reconcile
from backend.payments.operations.posting import catch_up
from backend.payments.queries.ledger import balances, figures, position
from backend.salons.models import (
    Category,
    City,
    Closure,
    District,
    Favourite,
    Membership,
    Override,
    Photo,
    Resource,
    Review,
    ReviewReport,
    Salon,
    SearchEntry,
    Season,
    Service,
    StaffMember,
    WorkingWindow,
)
from backend.salons.queries.managing import missing_of
from tests.support.api import Api
from tests.support.sandbox import SandboxProcess


@pytest.fixture(scope="module")
def loaded(django_db_setup: Any, django_db_blocker: Any) -> Iterator[loading.Totals]:
    """Loaded once for this module, and taken away again with the transaction."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        totals = loading.load(now=timezone.now())
        assert totals is not None
        yield totals
        transaction.set_rollback(True)


@pytest.fixture
def demo(loaded: loading.Totals, db: None) -> loading.Totals:
    """The loaded demo; what a test changes is undone after it."""
    return loaded


def stories(*, seed: int = loading.SEED, now: datetime, salons: int = 4) -> list[Story]:
    cluster = build_cluster(seed, 0)
    today = now.astimezone(RIYADH).date()
    midnight = datetime.combine(today, datetime.min.time(), tzinfo=RIYADH)
    book = Book(cluster, seed=seed, today=today)
    seconds = int((now - midnight).total_seconds())
    return [
        tell(draft, seed=seed, now=seconds)
        for salon in cluster.salons[:salons]
        for draft in book.drafts(salon)
    ]


# The world ----------------------------------------------------------------------------------------------


def test_it_is_large_enough_to_look_real(demo: loading.Totals) -> None:
    assert Salon.objects.live().count() >= 14
    assert set(Salon.objects.values_list("city", flat=True)) == {"riyadh", "jeddah", "dammam", "khobar"}
    assert set(Salon.objects.values_list("audience", flat=True)) == {"women", "men", "family", "children"}
    assert StaffMember.objects.count() >= 60
    assert Booking.objects.count() == demo.bookings > 5000
    assert Payment.objects.count() == demo.payments > 2000
    assert Review.objects.count() == demo.reviews > 500
    first = Booking.objects.order_by("starts_at").values_list("starts_at", flat=True)[0]
    assert timezone.now() - first > timedelta(days=88)


def test_every_text_exists_in_both_languages(demo: loading.Totals) -> None:
    for model in (City, Category, Salon, StaffMember):
        assert not model.objects.filter(
            Q(name_ar="") | Q(name_en="") | Q(name_ar=None) | Q(name_en=None)
        ).exists()
    for model in (District, Service, Resource, Season):
        assert not model.objects.filter(
            Q(name_ar="") | Q(name_en="") | Q(name_ar=None) | Q(name_en=None)
        ).exists()
    assert not Salon.objects.filter(Q(description_ar="") | Q(description_en="") | Q(district=None)).exists()


def test_hours_are_as_people_keep_them(demo: loading.Totals) -> None:
    salon_hours = WorkingWindow.objects.filter(staff_member=None)
    assert salon_hours.filter(weekday__in=(4, 5), closes_minute__gt=1440).exists(), "past midnight"
    assert not salon_hours.filter(weekday=5, opens_minute__lt=13 * 60).exists(), "Friday opens after noon"
    split = salon_hours.values("salon", "weekday").annotate(parts=Count("id")).filter(parts=2)
    assert split.exists()


def test_the_catalogue_is_shown_in_its_depth(demo: loading.Totals) -> None:
    assert Service.objects.filter(variant_of__name_en="Blow-dry").values("name_en").distinct().count() == 3
    assert Service.objects.filter(processing_minutes__gt=0, needs=None).exists()
    assert Service.objects.filter(needs__kind="massage-room").exists()
    assert Resource.objects.count() >= 15
    assert not StaffMember.objects.filter(Q(gender="") | Q(languages=[])).exists()
    assert not StaffMember.objects.filter(salon__audience="women", gender="male").exists()
    assert set(Closure.objects.values_list("kind", flat=True)) == {"moments", "days", "weekly"}
    assert Override.objects.filter(windows=None).exists()
    assert Override.objects.exclude(windows=None).exists()
    assert Season.objects.filter(salon__slug="lamsa", hijri_from_month=9).exists()
    assert set(Salon.objects.values_list("prayer_pause", flat=True)) == {"friday", "chosen"}
    assert not City.objects.filter(Q(latitude=None) | Q(longitude=None)).exists()
    customer = User.objects.get(phone="+966550000001")
    assert Favourite.objects.filter(user=customer).count() == 3
    assert Review.objects.filter(status="hidden").exclude(moderated_by=None).count() == 1
    assert ReviewReport.objects.get().review.status == "published"
    assert Review.objects.exclude(reply="").exclude(replied_at=None).exists()


def test_salons_come_and_go(demo: loading.Totals) -> None:
    others = dict(Salon.objects.exclude(status="live").values_list("slug", "status"))
    assert others == {"nada-studio": "in_review", "sukun": "draft", "barq-barbers": "suspended"}
    for salon in Salon.objects.prefetch_related("events"):
        moves = [(event.from_status, event.to_status) for event in salon.events.all()]
        assert ([*moves][-1][1] if moves else "draft") == salon.status
        assert all(before[1] == after[0] for before, after in pairwise(moves))
    assert missing_of(Salon.objects.get(slug="nada-studio")) == []
    assert missing_of(Salon.objects.get(slug="sukun")) == ["licence_number"]


@pytest.mark.parametrize("typed", ["لمسه", "LAMSA", "اللمسة"])
def test_every_salon_is_found_at_once(demo: loading.Totals, typed: str) -> None:
    assert not SearchEntry.objects.filter(catalogue_version=0).exists()
    names = [row["slug"] for row in Api().get(f"salons?q={typed}").json()["items"]]
    assert names[0] == "lamsa"


def test_nothing_booked_is_at_odds_with_the_hours(demo: loading.Totals) -> None:
    now = timezone.now()
    total = sum(at_odds_now(salon=salon, now=now).total for salon in Salon.objects.live())
    assert total == 0


def test_each_salon_has_six_to_twelve_services() -> None:
    for plan in SALONS:
        listed = [key for _, skill in plan.teams for key in SKILLS[skill].services]
        assert 6 <= len(listed) <= 12, plan.slug
        assert len(set(listed)) == len(listed), plan.slug
        assert all(key in SERVICES for key in listed)


def test_the_demo_people_sign_in_as_promised(demo: loading.Totals) -> None:
    def person(number: int) -> User:
        return User.objects.get(phone=f"+96655000000{number}")

    assert person(1).name
    assert set(person(1).bookings.values_list("state", flat=True)) >= {"completed", "confirmed"}
    desk = {m.user_id: m.role for m in Membership.objects.filter(salon__slug="lamsa")}
    assert desk == {person(2).pk: "owner", person(3).pk: "receptionist"}
    assert person(4).platform_roles == {"finance"}
    assert person(5).platform_roles == {"platform_admin"}
    assert PlatformRole.objects.count() == 2


@pytest.mark.parametrize("slug", ["lamsa", "noura"])
def test_whoever_tries_it_finds_time_on_every_coming_day(demo: loading.Totals, slug: str) -> None:
    salon, now = Salon.objects.get(slug=slug), timezone.now()
    service = salon.services.all()[0]
    visit = plan_visit(rules_of(salon), [Wish(service.pk)])
    assert len(visit.staff_ids) >= 2
    tomorrow = now.astimezone(RIYADH).date() + timedelta(days=1)
    per_day: Counter[date] = Counter()
    for slot in free_slots(visit, from_date=tomorrow, days=30, now=now):
        per_day[availability.moment_of(slot.starts).astimezone(RIYADH).date()] += 1
    assert salon.horizon_days == 30
    assert [per_day[tomorrow + timedelta(days=i)] >= 10 for i in range(30)] == [True] * 30


def test_lamsa_and_noura_keep_the_rules_of_the_design(demo: loading.Totals) -> None:
    lamsa, noura = Salon.objects.get(slug="lamsa"), Salon.objects.get(slug="noura")
    assert not lamsa.auto_confirm
    assert lamsa.deposit_percent > 0
    assert lamsa.free_cancel_hours == 24
    assert noura.auto_confirm
    assert noura.deposit_percent == 0
    assert (lamsa.name_ar, lamsa.name_en) == ("لمسة", "Lamsa")


# The books ----------------------------------------------------------------------------------------------


def test_bookings_and_payments_stand_in_every_state(demo: loading.Totals) -> None:
    assert set(Booking.objects.values_list("state", flat=True)) == set(BookingState.values)
    found = set(Payment.objects.values_list("state", flat=True))
    assert found >= set(PaymentState.values) - {PaymentState.AUTHORIZED, PaymentState.INITIATED}
    cancelled = Booking.objects.filter(state="cancelled", deposit_minor__gt=0)
    assert cancelled.filter(cancellation_fee_minor__gt=0).exists()
    assert cancelled.filter(cancellation_fee_minor=0).exists()
    by = set(BookingEvent.objects.filter(verb="cancel").values_list("actor_role", flat=True))
    assert by == {"customer", "salon"}
    retried = Booking.objects.filter(payments__state="failed").filter(payments__state="captured")
    assert retried.exists()


def test_claims_are_what_a_real_booking_would_take(demo: loading.Totals) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM bookings_claim a JOIN bookings_claim b
                ON a.calendar_id = b.calendar_id AND a.id < b.id AND a.is_active AND b.is_active
               AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
            """
        )
        assert cursor.fetchone() == (0,)
    taking = ("held", "requested", "confirmed", "completed", "no_show")
    assert not Claim.objects.filter(is_active=True).exclude(booking__state__in=taking).exists()
    assert not Claim.objects.filter(is_active=False, booking__state__in=taking).exists()
    assert not Booking.objects.filter(claims=None).exists()
    with_rooms = Booking.objects.filter(items__resources__isnull=False)
    with_gaps = Booking.objects.filter(items__service__processing_minutes__isnull=False)
    visits = Booking.objects.filter(customer__isnull=False)
    sample = [
        booking
        for rows in (visits, with_rooms, with_gaps)
        for booking in rows.values_list("pk", flat=True)[:200]
    ]
    for booking in visits.filter(pk__in=sample).prefetch_related(
        "items__service__variant_of", "items__resources", "claims"
    ):
        items = list(booking.items.all())
        chosen = [[i.staff_member_id, *(given.resource_id for given in i.resources.all())] for i in items]
        steps = [
            availability.Step(
                i.service.duration_minutes,
                [
                    availability.Need(NeedKind.RESOURCE if place else NeedKind.STAFF, [taker])
                    for place, taker in enumerate(takers)
                ],
                i.service.buffer_before_minutes,
                i.service.buffer_after_minutes,
                gap_of(i.service),
            )
            for i, takers in zip(items, chosen, strict=True)
        ]
        spans = availability.claims(steps, chosen, _minute(booking.starts_at))
        wanted = [span for _, span in spans] + [(_minute(booking.starts_at), _minute(booking.ends_at))]
        found = [(_minute(c.starts_at), _minute(c.ends_at)) for c in booking.claims.all()]
        assert sorted(found) == sorted(wanted)


def test_the_past_leaves_nothing_for_the_minute_loop(demo: loading.Totals) -> None:
    """Without a gateway at hand `payments` does nothing by itself, so what it would ask about is counted."""
    assert expire_dead(timezone.now()) == 0
    assert {name: job(timezone.now()) for name, job in jobs.registered().items()} == dict.fromkeys(
        jobs.registered(), 0
    )
    unfinished = Payment.objects.filter(state__in=("initiated", "authorized"))
    assert not unfinished.exclude(booking__state="held").exists()
    assert not Refund.objects.exclude(state=RefundState.DONE).exists()


def test_events_tell_the_whole_story_in_order(demo: loading.Totals) -> None:
    now = timezone.now()
    assert not BookingEvent.objects.filter(at__gt=now).exists()
    last = {e.booking_id: e for e in BookingEvent.objects.order_by("booking_id", "version")}
    for booking in Booking.objects.all().iterator():
        assert last[booking.pk].to_state == booking.state
        assert last[booking.pk].version == booking.version
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM bookings_bookingevent a JOIN bookings_bookingevent b
                ON a.booking_id = b.booking_id AND b.version = a.version + 1
             WHERE b.at < a.at OR b.from_state <> a.to_state
            """
        )
        assert cursor.fetchone() == (0,)


def test_every_halala_is_accounted_for(demo: loading.Totals) -> None:
    """What came in is kept for a visit or as a fee, and everything else went back."""
    paid = Booking.objects.annotate(
        captured=Sum("payments__captured_minor", filter=Q(payments__state__in=PAID_STATES)),
        returned=Sum("payments__refunded_minor", filter=Q(payments__state__in=PAID_STATES)),
    ).filter(captured__gt=0)
    for booking in paid:
        kept = booking.captured - booking.returned
        if booking.state in ("completed", "no_show", "confirmed", "requested"):
            assert (booking.captured, kept) == (booking.deposit_minor, booking.deposit_minor)
        else:
            assert kept == (booking.cancellation_fee_minor or 0)
    with_refunds = Payment.objects.annotate(given=Sum("refunds__amount_minor")).filter(refunded_minor__gt=0)
    assert not with_refunds.exclude(given=F("refunded_minor")).exists()
    assert not Refund.objects.filter(payment__refunded_minor=0).exists()
    unpaid = Booking.objects.filter(
        deposit_minor__gt=0, state__in=("confirmed", "completed", "no_show"), source="app"
    )
    assert not unpaid.exclude(payments__state="captured").exists()


def test_the_books_hold_every_past_day_and_equal_the_payments(demo: loading.Totals) -> None:
    now = timezone.now()
    assert catch_up(now) == 0
    held = balances()
    paid = Payment.objects.filter(state__in=PAID_STATES).aggregate(
        all=Sum(F("captured_minor") - F("refunded_minor"))
    )
    assert held["gateway_clearing"] == paid["all"] > 0
    assert held["suspense"] == held["refunds"] == sum(held.values()) == 0
    lamsa = Salon.objects.get(slug="lamsa")
    today = now.astimezone(RIYADH).date()
    earned = figures(salon=lamsa, from_date=today - timedelta(days=30), to_date=today)
    assert len(earned.by_day) > 20
    assert sum(day.gross_minor for day in earned.by_day.values()) == earned.total.gross_minor > 0
    stands = position(lamsa)
    assert stands.deposits_held_minor > 0
    assert stands.owed_minor > 0
    assert stands.customers_owe_minor < earned.total.gross_minor, "most of what is due was taken at the desk"


def test_ratings_are_the_sum_of_the_reviews(demo: loading.Totals) -> None:
    seen = Q(reviews__status="published")
    for salon in Salon.objects.annotate(
        sum=Sum("reviews__rating", filter=seen), count=Count("reviews", filter=seen)
    ):
        assert (salon.rating_sum, salon.rating_count) == (salon.sum or 0, salon.count)
    assert not Review.objects.exclude(
        booking_id__in=Booking.objects.filter(state="completed").values("id")
    ).exists()


def test_pictures_are_drawn_once_and_hang_where_people_look(demo: loading.Totals) -> None:
    count = pictures.hang(now=timezone.now())
    photos = Photo.objects.filter(salon__slug="lamsa")
    assert count == Photo.objects.count() >= 15
    assert photos.filter(is_primary=True, resource=None, service=None).count() == 1
    assert photos.exclude(resource=None).exists()
    assert photos.exclude(service=None).exists()
    assert not Photo.objects.filter(
        Q(caption_ar="") | Q(caption_en="") | Q(alt_ar="") | Q(alt_en="")
    ).exists()
    assert Api().get("salons?q=lamsa").json()["items"][0]["photo"]["renditions"]
    assert pictures.hang(now=timezone.now()) == 0


# Loading ------------------------------------------------------------------------------------------------


def test_a_second_load_changes_nothing(demo: loading.Totals) -> None:
    before = (Booking.objects.count(), Payment.objects.count(), User.objects.count())
    out = io.StringIO()
    call_command("demo_data", stdout=out)
    assert "here already" in out.getvalue()
    assert (Booking.objects.count(), Payment.objects.count(), User.objects.count()) == before


def test_the_same_seed_tells_the_same_world() -> None:
    morning = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
    first, again = stories(now=morning), stories(now=morning)
    assert [(s.id, s.state, s.created_at, s.price_minor) for s in first] == [
        (s.id, s.state, s.created_at, s.price_minor) for s in again
    ]
    other = stories(seed=7, now=morning)
    assert {s.id for s in first}.isdisjoint(s.id for s in other)


def test_ids_do_not_depend_on_the_time_of_day() -> None:
    morning, night = datetime(2026, 11, 20, 6, 0, tzinfo=UTC), datetime(2026, 11, 20, 20, 59, tzinfo=UTC)
    assert [s.id for s in stories(now=morning)] == [s.id for s in stories(now=night)]


@pytest.mark.parametrize("hour", [0, 1, 9, 15, 23])
def test_whatever_the_hour_nothing_lies_in_the_future_and_nobody_is_double_booked(hour: int) -> None:
    now = datetime(2026, 11, 20, hour, 3, tzinfo=RIYADH)  # a Friday, after a long Thursday evening
    seconds = hour * 3600 + 180
    taken: dict[Any, list[tuple[int, int]]] = {}
    for story in stories(now=now, salons=5):
        assert all(change.at <= seconds for change in story.changes)
        assert story.created_at <= seconds
        if story.dies_at is not None:
            assert story.dies_at > seconds
        if story.state in ("held", "requested", "confirmed", "completed", "no_show"):
            for staff_id, span in story.draft.claims:
                taken.setdefault(staff_id, []).append(span)
    for spans in taken.values():
        spans.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


# What the gateway is told -------------------------------------------------------------------------------


def test_the_export_agrees_with_the_books(demo: loading.Totals, tmp_path: Path) -> None:
    path = tmp_path / "payments.jsonl"
    count = export.write_lines(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert count == len(rows) == Payment.objects.filter(gateway_seen=True).count()
    charged = [r for r in rows if r["status"] in ("paid", "refunded")]
    totals = Payment.objects.filter(state__in=PAID_STATES).aggregate(
        a=Sum("captured_minor"), b=Sum("refunded_minor")
    )
    assert sum(r["amount"] for r in charged) == totals["a"]
    assert sum(r["refunded"] for r in charged) == totals["b"]
    assert {r["status"] for r in rows} >= {"paid", "refunded", "failed", "voided"}
    assert all(r["metadata"]["payment_id"] == r["id"] for r in rows)
    unseen = Payment.objects.filter(gateway_seen=False)
    assert not unseen.exclude(state=PaymentState.FAILED).exists()


def test_finance_can_close_every_past_day_with_the_gateway(demo: loading.Totals, settings: Any) -> None:
    """The whole proof, against the sandbox as a process that was told the export and nothing else."""
    with SandboxProcess() as sandbox:
        settings.MOYASAR_SECRET_KEY = sandbox.secret_key
        settings.MOYASAR_PUBLISHABLE_KEY = sandbox.publishable_key
        settings.MOYASAR_WEBHOOK_SECRET = sandbox.webhook_secret
        settings.MOYASAR_BASE_URL = sandbox.base_url
        told = list(export.rows())
        assert sandbox.control("POST", "/payments", told)["imported"] == len(told)
        assert sandbox.control("POST", "/payments", told)["imported"] == 0, "telling it again is harmless"
        today = timezone.now().astimezone(RIYADH).date()
        sandbox.settle(until=(timezone.now() - timedelta(days=2)).isoformat())
        run = reconcile(from_date=today - timedelta(days=110), to_date=today, now=timezone.now(), heal=False)
        yesterday = today - timedelta(days=1)
        reconcile(from_date=yesterday, to_date=yesterday, now=timezone.now())
        close_day(business_date=yesterday, by=User.objects.get(phone="+966550000004"), now=timezone.now())
    assert list(run.differences.values_list("kind", "payment_id")) == []
    assert run.settled_minor > run.captured_minor // 2
    assert run.theirs_count == len(told)
    assert run.ours_count == Payment.objects.count()


def gap_of(service: Service) -> tuple[int, int] | None:
    starts, minutes = service.processing_starts_minute, service.processing_minutes
    return None if starts is None or minutes is None else (starts, starts + minutes)


def _minute(moment: datetime) -> int:
    return availability.floor_minute(moment)
