"""Kept rules: never believed too long, and what a question costs with them."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import User
from backend.bookings.models import Booking, Calendar, Claim
from backend.salons.models import (
    Closure,
    HijriShift,
    Override,
    OverrideWindow,
    Photo,
    Salon,
    Season,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from tests.bookings.visits import ask, offered, why
from tests.factories import (
    RentalFactory,
    ResourceFactory,
    ServiceFactory,
    UserFactory,
    employ,
    needing,
    open_salon,
    variant,
)
from tests.support.api import Api, ok, refused
from tests.support.race import race

NOW = "2026-11-19T18:30:00Z"
SUNDAY = "2026-11-22"
NOON = f"{SUNDAY}T12:00:00+03:00"
FIRST = importlib.import_module("backend.salons.migrations.0005_catalogue_version").PATHS
TABLES = sorted({*FIRST, "salons_rental"})


@pytest.fixture
def clock() -> Any:
    with freeze_time(NOW) as frozen:
        yield frozen


def open_now(**more: Any) -> Any:
    return open_salon(**{"deposit_percent": 0, "auto_confirm": True} | more)


def version_of(salon: Salon) -> int:
    return Salon.objects.values_list("catalogue_version", flat=True).get(pk=salon.pk)


# The version


@pytest.mark.django_db
@pytest.mark.parametrize("table", TABLES)
def test_every_change_of_every_table_a_salon_is_read_from_raises_its_version(table: str) -> None:
    """By bare SQL, as an operator at a prompt would: insert, update and delete."""
    salon, service, [noura] = open_now()
    elsewhere, *_ = open_now(city__slug="jeddah", district__slug="jeddah-1", district__city__slug="jeddah")
    needing(service, "room")
    ResourceFactory.create(salon=salon)
    RentalFactory.create(salon=salon)
    season = Season.objects.create(
        salon=salon, name="S", first_date=date(2026, 12, 1), last_date=date(2026, 12, 2)
    )
    WorkingWindow.objects.create(salon=salon, season=season, weekday=1, opens_minute=1, closes_minute=2)
    override = Override.objects.create(salon=salon, date=date(2026, 12, 1))
    OverrideWindow.objects.create(override=override, opens_minute=1, closes_minute=2)
    Closure.objects.create(
        salon=salon,
        staff_member=noura,
        kind="days",
        first_date=date(2026, 12, 1),
        last_date=date(2026, 12, 1),
    )
    HijriShift.objects.create(hijri_year=1448, hijri_month=9, days=1, decided_at=timezone.now())
    Photo.objects.create(salon=salon, key="k", width=1, height=1, created_at=timezone.now())

    key = {"salons_city": "slug", "salons_district": "slug", "salons_category": "slug"}.get(table, "id")
    column = {
        "salons_salon": "id",
        "salons_business": "id",
        "salons_city": "slug",
        "salons_district": "slug",
        "salons_category": "slug",
        "salons_hijrishift": "id",
        "salons_serviceneed": "service_id",
        "salons_staffservice": "service_id",
        "salons_overridewindow": "override_id",
    }.get(table, "salon_id")
    value = {
        "salons_business": salon.business_id,
        "salons_city": salon.city_id,
        "salons_district": salon.district_id,
        "salons_category": service.category_id,
        "salons_hijrishift": HijriShift.objects.get().pk,
        "salons_serviceneed": service.pk,
        "salons_staffservice": service.pk,
        "salons_overridewindow": override.pk,
    }.get(table, salon.pk)
    versions, others = [version_of(salon)], version_of(elsewhere)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key}, to_jsonb(t) FROM {table} t WHERE {column} = %s LIMIT 1", [value])
        row_key, row = cursor.fetchone()
        for change, parameters in (
            (f"UPDATE {table} SET {key} = {key} WHERE {key} = %s", [row_key]),
            (f"DELETE FROM {table} WHERE {key} = %s", [row_key]),
            (f"INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, %s)", [row]),
        ):
            cursor.execute(change, parameters)
            assert cursor.rowcount == 1
            versions.append(version_of(salon))
    assert versions == sorted(set(versions))
    shared = table in ("salons_hijrishift", "salons_category")
    assert (version_of(elsewhere) > others) is shared


@pytest.mark.django_db
def test_every_table_of_the_catalogue_that_answers_are_made_of_is_watched() -> None:
    """A table added later is watched too, or named here as one that no answer about time rests on."""
    quiet = {
        "salons_salon",  # watches itself, row by row
        "salons_salonevent",
        "salons_searchentry",
        "salons_membership",
        "salons_review",
        "salons_reviewreport",
        "salons_favourite",
    }
    with connection.cursor() as cursor:
        here = {t for t in connection.introspection.table_names(cursor) if t.startswith("salons_")}
        cursor.execute(
            "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'catalogue_version%'"
        )
        watched = {name for (name,) in cursor.fetchall()}
    assert MigrationLoader(connection).disk_migrations[("salons", "0005_catalogue_version")]
    assert watched == {*TABLES, "salons_salon"}
    assert here - watched <= quiet


# What is kept


def by_the_desk(salon: Salon, service: Service, noura: StaffMember) -> None:
    body = {"kind": "days", "first_date": SUNDAY, "last_date": SUNDAY}
    ok(Api(employ(salon, "owner")).post(f"manage/salons/{salon.slug}/closures", body), 201)


def by_a_bulk_update(salon: Salon, service: Service, noura: StaffMember) -> None:
    StaffMember.objects.filter(salon=salon).update(is_active=False)


def by_a_bulk_insert(salon: Salon, service: Service, noura: StaffMember) -> None:
    Override.objects.bulk_create([Override(salon=salon, date=date(2026, 11, 22))])


def by_bare_sql(salon: Salon, service: Service, noura: StaffMember) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM salons_workingwindow WHERE salon_id = %s AND weekday = 7", [salon.pk])


def by_a_bulk_delete(salon: Salon, service: Service, noura: StaffMember) -> None:
    StaffService.objects.filter(staff_member__in=salon.staff.all()).delete()


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "change", [by_the_desk, by_a_bulk_update, by_a_bulk_insert, by_bare_sql, by_a_bulk_delete]
)
def test_the_next_answer_knows_of_a_change_however_it_was_made(change: Callable[..., None]) -> None:
    salon, service, [noura] = open_now()
    assert "12:00" in offered(salon, service, date=SUNDAY)
    for name in (salon.slug, str(salon.pk)):
        ok(Api().get(f"salons/{name}/availability", service_ids=str(service.pk)))
    change(salon, service, noura)
    assert offered(salon, service, date=SUNDAY) == []
    assert why(salon, service, at=NOON) != []


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_a_service_added_just_now_is_not_refused_and_one_removed_is_not_offered() -> None:
    salon, service, [noura] = open_now()
    assert offered(salon, service, date=SUNDAY)
    added = ServiceFactory.create(salon=salon)
    StaffService.objects.create(service=added, staff_member=noura)
    assert offered(salon, added, date=SUNDAY)
    assert offered(salon, added, date=SUNDAY, staff_member_id=str(noura.pk))
    huda = StaffMember.objects.create(salon=salon, name_ar="هدى", name_en="Huda")
    StaffService.objects.create(service=added, staff_member=huda)
    assert offered(salon, added, date=SUNDAY, staff_member_id=str(huda.pk))
    Service.objects.filter(pk=added.pk).update(is_active=False)
    told = refused(
        Api().get(f"salons/{salon.slug}/availability", service_ids=str(added.pk)), 400, "validation_failed"
    )
    assert [e["code"] for e in told["errors"]] == ["not_found"]
    long = variant(service)
    told = refused(
        Api().get(f"salons/{salon.slug}/availability", service_ids=str(service.pk)), 400, "validation_failed"
    )
    assert [e["code"] for e in told["errors"]] == ["variant_required"]
    assert offered(salon, long, date=SUNDAY)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_a_slug_that_changes_hands_leads_to_its_new_salon() -> None:
    old, service, _ = open_now()
    new, other, _ = open_now()
    slug = old.slug
    assert offered(old, service, date=SUNDAY)
    Salon.objects.filter(pk=old.pk).update(slug=f"{slug}-old")
    refused(Api().get(f"salons/{slug}/availability", service_ids=str(service.pk)), 404, "not_found")
    Salon.objects.filter(pk=new.pk).update(slug=slug)
    ok(Api().get(f"salons/{slug}/availability", service_ids=str(other.pk)))
    refused(Api().get(f"salons/{slug}/availability", service_ids=str(service.pk)), 400, "validation_failed")


@pytest.mark.django_db(transaction=True)
def test_a_change_of_another_connection_counts_from_its_commit_on() -> None:
    salon, service, _ = open_now()
    day = (timezone.now() + timedelta(days=2)).date()
    before = offered(salon, service, date=str(day))
    assert before
    seen: list[list[str]] = []

    def close() -> None:
        with transaction.atomic():
            Closure.objects.create(salon=salon, kind="days", first_date=day, last_date=day)
            race(lambda: seen.append(offered(salon, service, date=str(day))))
        race(lambda: seen.append(offered(salon, service, date=str(day))))

    race(close)
    assert seen == [before, []]


@pytest.mark.django_db(transaction=True)
def test_rules_that_were_rolled_back_are_never_answered_from() -> None:
    salon, service, _ = open_now()
    day = (timezone.now() + timedelta(days=2)).date()
    before = offered(salon, service, date=str(day))

    def close_and_think_better() -> None:
        with transaction.atomic():
            Closure.objects.create(salon=salon, kind="days", first_date=day, last_date=day)
            transaction.set_rollback(True)

    race(close_and_think_better)
    assert offered(salon, service, date=str(day)) == before


# What it costs


def cost(salon: Salon, *services: Service, **more: Any) -> int:
    with CaptureQueriesContext(connection) as queries:
        ask(salon, *services, **({"date": SUNDAY} | more))
    return len(queries)


def crowd(salon: Salon, people: list[StaffMember], number: int) -> None:
    """Bookings of strangers with this salon's people, one after another, from Friday on."""
    customer = UserFactory.create()
    calendars = [Calendar.objects.create(staff_member=person) for person in people]
    rows, claims = [], []
    for n in range(number):
        starts = datetime(2026, 11, 20, 7, tzinfo=UTC) + timedelta(
            days=n // 20, minutes=30 * (n // len(people) % 20)
        )
        row = Booking(
            id=uuid.uuid4(), reference=f"X{n}", state="confirmed", salon=salon, customer=customer, source="app",
            language="ar", starts_at=starts, ends_at=starts + timedelta(minutes=30),
            business_date=starts.date(), price_minor=0, deposit_minor=0, free_cancel_hours=0,
            late_cancel_percent=0, created_at=timezone.now(),
        )  # fmt: skip
        calendar = calendars[n % len(people)]
        rows.append(row)
        claims.append(
            Claim(
                calendar=calendar,
                booking=row,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                business_date=row.business_date,
            )
        )
    Booking.objects.bulk_create(rows)
    Claim.objects.bulk_create(claims)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_a_question_costs_the_same_whatever_the_staff_the_days_and_the_bookings() -> None:
    cold, warm = set(), set()
    for staff, bookings in ((1, 0), (20, 0), (20, 300)):
        salon, service, people = open_now(staff=staff, service={"duration_minutes": 30})
        needing(service, "room")
        ResourceFactory.create_batch(staff, salon=salon)
        if bookings:
            Booking.objects.all().delete()
            crowd(salon, people, bookings)
        cold.add(cost(salon, service))
        for days in (1, 7, 31):
            warm.add(cost(salon, service, days=days))
            warm.add(cost(salon, service, service, days=days))
        warm.add(cost(salon, service, staff_member_id=str(people[0].pk), days=31))
        explaining = {cost(salon, service, days=days, explain=NOON) for days in (1, 31)}
        assert explaining == {2}
    assert warm == {1}
    assert len(cold) == 1
    assert cold.pop() < 20


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_a_daily_limit_costs_no_further_query() -> None:
    salon, service, people = open_now(staff=20)
    StaffMember.objects.filter(salon=salon).update(max_bookings_per_day=2)
    crowd(salon, people, 300)
    cost(salon, service)
    assert {cost(salon, service, days=days) for days in (1, 31)} == {1}


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_a_month_of_twenty_people_is_one_call() -> None:
    salon, service, people = open_now(staff=20, horizon_days=60)
    answer = ask(salon, service, date=SUNDAY, days=31)
    assert [day["date"] for day in answer["days"]] == [
        str(date(2026, 11, 22) + timedelta(days=n)) for n in range(31)
    ]
    for day in answer["days"]:
        assert len(day["slots"]) == 23
        assert all(slot["staff_member_ids"] == [str(p.pk) for p in people] for slot in day["slots"])


@pytest.mark.django_db
def test_a_kept_list_knows_of_time_and_of_every_claim(clock: Any) -> None:
    salon, service, [noura] = open_salon(
        deposit_percent=50, auto_confirm=True, min_notice_minutes=60, horizon_days=3
    )
    clock.move_to("2026-11-22T08:29:00Z")  # 11:29 in Riyadh
    first = offered(salon, service, date=SUNDAY)
    assert first[0] == "12:30"
    clock.tick(timedelta(minutes=1))
    assert offered(salon, service, date=SUNDAY) == first
    clock.tick(timedelta(minutes=1))
    assert offered(salon, service, date=SUNDAY) == first[1:]

    body = {
        "salon_id": str(salon.pk),
        "items": [{"service_id": str(service.pk), "staff_member_id": str(noura.pk)}],
        "starts_at": f"{SUNDAY}T16:00:00+03:00",
    }
    ok(Api(UserFactory.create()).post("bookings", body), 201)
    assert "16:00" not in offered(salon, service, date=SUNDAY)
    clock.tick(timedelta(minutes=10))
    assert "16:00" in offered(salon, service, date=SUNDAY)  # the deposit never came

    assert offered(salon, service, date="2026-11-26") == []
    clock.move_to("2026-11-22T21:00:00Z")  # midnight in Riyadh
    assert offered(salon, service, date="2026-11-26") != []


@pytest.mark.django_db
@pytest.mark.usefixtures("clock")
def test_an_answer_that_has_not_changed_is_not_sent_again() -> None:
    salon, service, [noura] = open_now()
    customer: User = UserFactory.create()
    phone, path = Client(), f"/api/v1/salons/{salon.slug}/availability"
    query = {"service_ids": str(service.pk), "date": SUNDAY, "days": 31}
    first = phone.get(path, query)
    assert first.headers["ETag"]
    again = phone.get(path, query, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    body = {
        "salon_id": str(salon.pk),
        "items": [{"service_id": str(service.pk), "staff_member_id": str(noura.pk)}],
        "starts_at": NOON,
    }
    ok(Api(customer).post("bookings", body), 201)
    after = phone.get(path, query, headers={"If-None-Match": first.headers["ETag"]})
    assert after.status_code == 200
    assert after.headers["ETag"] != first.headers["ETag"]


@pytest.mark.django_db
def test_a_row_saved_from_an_old_copy_does_not_bring_an_old_version_back() -> None:
    """What a process kept of that version would be believed again."""
    salon, *_ = open_now()
    old = Salon.objects.get(pk=salon.pk)
    StaffMember.objects.filter(salon=salon).update(position=3)
    now_at = version_of(salon)
    assert old.catalogue_version < now_at
    old.save()
    assert version_of(salon) >= now_at
    old.rating_count = old.rating_sum = 0
    old.save(update_fields=["rating_count", "rating_sum"])
    assert version_of(salon) >= now_at
