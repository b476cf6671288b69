"""What a platform admin edits: the catalogue in both languages, and who holds which role, each change with a name."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import translation

from backend.accounts.models import PlatformRole, User
from backend.salons.models import (
    City,
    Closure,
    Membership,
    Salon,
    Service,
    StaffMember,
    StaffService,
    WorkingWindow,
)
from tests.console.helpers import World, address, browser, operator
from tests.factories import ServiceFactory, UserFactory, open_salon

pytestmark = pytest.mark.django_db


@pytest.fixture
def by() -> User:
    return operator("platform_admin")


@pytest.fixture
def client(by: User) -> Any:
    return browser(by, language="en")


def saved(response: Any) -> None:
    errors = response.context and [form.errors for form in [response.context["adminform"].form]]
    assert response.status_code == 302, errors


def errors_of(response: Any) -> Any:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def test_a_city_has_a_name_in_each_language(client: Any) -> None:
    saved(
        client.post(
            address(City, "add"), {"slug": "jeddah", "name_ar": "جدة", "name_en": "Jeddah", "position": "٣"}
        )
    )
    city = City.objects.get(slug="jeddah")
    assert (city.name_ar, city.name_en, city.position) == ("جدة", "Jeddah", 3)
    saved(
        client.post(
            address(City, "change", "jeddah"), {"name_ar": "جدّة", "name_en": "Jeddah", "position": "3"}
        )
    )
    for language, name in (("ar", "جدّة"), ("en", "Jeddah")):
        with translation.override(language):
            assert City.objects.get(slug="jeddah").name == name
    assert errors_of(client.post(address(City, "add"), {"slug": "abha", "name_en": "Abha", "position": "1"}))[
        "name_ar"
    ]
    page = client.get(address(City, "add")).content.decode()
    assert 'name="name_ar"' in page
    assert 'dir="rtl"' in page
    saved(client.post(address(City, "delete", "jeddah"), {"post": "yes"}))
    assert not City.objects.filter(slug="jeddah").exists()


def test_a_city_with_salons_cannot_be_deleted(client: Any, world: World) -> None:
    client.post(address(City, "delete", world.salon.city_id), {"post": "yes"})
    assert City.objects.filter(pk=world.salon.city_id).exists()


NO_ROWS = {
    f"{prefix}-{name}_FORMS": number
    for prefix in ("needs", "variants", "events")
    for name, number in (("TOTAL", "0"), ("INITIAL", "0"), ("MIN_NUM", "0"), ("MAX_NUM", "0"))
}


def service(world: World, **changes: str) -> dict[str, str]:
    return (
        NO_ROWS
        | {
            "category": world.service.category_id,
            "name_ar": "قص",
            "name_en": "Cut",
            "description_ar": "",
            "description_en": "",
            "duration_minutes": "45",
            "buffer_before_minutes": "0",
            "buffer_after_minutes": "0",
            "price_minor": "115.00",
            "is_active": "on",
            "position": "0",
        }
        | changes
    )


@pytest.mark.parametrize(
    ("typed", "minor"), [("150", 15000), ("1,250.50", 125050), ("١٥٠٫٥", 15050), ("0", 0), ("99.9", 9990)]
)
def test_prices_are_typed_in_riyals(typed: str, minor: int, client: Any, world: World) -> None:
    url = address(Service, "change", world.service.pk)
    assert 'value="115.00"' in client.get(url).content.decode()
    saved(client.post(url, service(world, price_minor=typed)))
    world.service.refresh_from_db()
    assert world.service.price_minor == minor


@pytest.mark.parametrize("typed", ["", "-1", "1.505", "ten", "1e9", "NaN", "10000001"])
def test_what_is_no_price_is_refused(typed: str, client: Any, world: World) -> None:
    answer = client.post(address(Service, "change", world.service.pk), service(world, price_minor=typed))
    assert errors_of(answer)["price_minor"]


def test_names_lose_the_marks_that_could_spoof(client: Any, world: World) -> None:
    saved(
        client.post(
            address(Service, "change", world.service.pk), service(world, name_en="Cut\u202egnihton  x")
        )
    )
    world.service.refresh_from_db()
    assert world.service.name_en == "Cutgnihton x"


def test_a_rule_of_the_database_is_told_in_words(client: Any, world: World) -> None:
    answer = client.post(address(Service, "change", world.service.pk), service(world, duration_minutes="3"))
    assert errors_of(answer)
    assert "between 5 and 720" in answer.content.decode()


def test_only_what_was_changed_is_written(client: Any, world: World, django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        saved(
            client.post(
                address(Service, "change", world.service.pk), service(world, name_ar="قص شعر", name_en="X")
            )
        )
    update, version = [q["sql"] for q in queries if q["sql"].startswith('UPDATE "salons_service"')]
    assert "name_en" in update
    assert "price_minor" not in update + version
    world.service.refresh_from_db()
    assert world.service.version == 2, "an edit at the desk that began before is refused"


def salon(world: World, **changes: str) -> dict[str, str]:
    row = world.salon
    body = {
        "name_ar": row.name_ar, "name_en": row.name_en, "business": str(row.business_id), "audience": row.audience,
        "description_ar": "", "description_en": "", "city": row.city_id, "district": row.district_id,
        "address_ar": "", "address_en": "", "latitude": "", "longitude": "", "phone": "",
        "timezone": row.timezone, "grid_minutes": "30", "min_notice_minutes": "60", "horizon_days": "30",
        "respond_within_minutes": "240", "deposit_percent": "20", "free_cancel_hours": "24",
        "late_cancel_percent": "100", "max_reschedules": "3",
        "prayer_pause": row.prayer_pause, "prayer_pause_minutes": "30",
    }  # fmt: skip
    return NO_ROWS | body | changes


def test_a_salon_is_edited_but_its_status_and_address_are_not(client: Any, world: World) -> None:
    url = address(Salon, "change", world.salon.pk)
    saved(client.post(url, salon(world, deposit_percent="٣٠", status="suspended", slug="other")))
    before = world.salon.slug
    world.salon.refresh_from_db()
    assert (world.salon.deposit_percent, world.salon.status, world.salon.slug) == (30, "live", before)
    assert world.salon.version == 2
    assert errors_of(client.post(url, salon(world, timezone="Asia/Nowhere")))["timezone"]
    assert errors_of(client.post(url, salon(world, deposit_percent="130")))


def test_hours_are_typed_as_a_clock(client: Any, world: World) -> None:
    body = {"salon": str(world.salon.pk), "staff_member": "", "weekday": "7"}
    saved(
        client.post(address(WorkingWindow, "add"), body | {"opens_minute": "٢٢:٠٠", "closes_minute": "25:30"})
    )
    window = WorkingWindow.objects.latest("pk")
    assert (window.weekday, window.opens_minute, window.closes_minute) == (7, 1320, 1530)
    assert 'value="25:30"' in client.get(address(WorkingWindow, "change", window.pk)).content.decode()
    for opens, closes in (("10:00", "9:00"), ("10:61", "11:00"), ("10", "11"), ("10:00", "37:00")):
        body |= {"opens_minute": opens, "closes_minute": closes}
        assert errors_of(client.post(address(WorkingWindow, "add"), body))
    saved(client.post(address(WorkingWindow, "delete", window.pk), {"post": "yes"}))


def test_a_closure_is_typed_in_riyadhs_time_and_for_people_of_the_salon(client: Any, world: World) -> None:
    body = {
        "salon": str(world.salon.pk), "staff_member": str(world.member.pk), "kind": "moments",
        "starts_at_0": "٢٠٢٦-١٢-٠١", "starts_at_1": "10:00", "ends_at_0": "2026-12-01", "ends_at_1": "12:00",
        "reason_ar": "إجازة", "reason_en": "",
    }  # fmt: skip
    saved(client.post(address(Closure, "add"), body))
    made = Closure.objects.get(reason_ar="إجازة")
    assert made.starts_at.isoformat() == "2026-12-01T07:00:00+00:00"
    stranger = open_salon()[2][0]
    assert errors_of(client.post(address(Closure, "add"), body | {"staff_member": str(stranger.pk)}))[
        "staff_member"
    ]
    assert (
        "comes after" in client.post(address(Closure, "add"), body | {"ends_at_1": "09:00"}).content.decode()
    )


def test_who_performs_what_is_edited_on_the_persons_page(client: Any, world: World) -> None:
    second = ServiceFactory.create(salon=world.salon)
    kept = StaffService.objects.get(staff_member=world.member)
    body = {
        "name_ar": "نورة", "name_en": "Noura", "title_ar": "", "title_en": "", "is_active": "on", "position": "0",
        "+-TOTAL_FORMS": "2", "+-INITIAL_FORMS": "1", "+-MIN_NUM_FORMS": "0", "+-MAX_NUM_FORMS": "1000",
        "+-0-id": str(kept.pk), "+-0-staff_member": str(world.member.pk), "+-0-service": str(kept.service_id),
        "+-1-id": "", "+-1-staff_member": str(world.member.pk), "+-1-service": str(second.pk),
    }  # fmt: skip
    page = client.get(address(StaffMember, "change", world.member.pk))
    prefix = page.context["inline_admin_formsets"][0].formset.prefix
    saved(
        client.post(
            address(StaffMember, "change", world.member.pk),
            {k.replace("+", prefix): v for k, v in body.items()},
        )
    )
    assert set(StaffService.objects.filter(staff_member=world.member).values_list("service", flat=True)) == {
        world.service.pk,
        second.pk,
    }


def test_choices_are_called_by_their_names(client: Any, world: World) -> None:
    query = {"app_label": "salons", "model_name": "service", "field_name": "salon", "term": "lamsa"}
    answer = client.get("/console/autocomplete/", query).json()
    assert [row["text"] for row in answer["results"]] == ["Lamsa Salon"]
    assert browser(operator("finance")).get("/console/autocomplete/", query).status_code == 403


# Roles ------------------------------------------------------------------------------------------


def last_log(by: User) -> LogEntry:
    return LogEntry.objects.filter(user=by).latest("pk")


def test_granting_and_removing_a_platform_role_leaves_a_name(client: Any, by: User) -> None:
    somebody = UserFactory.create(phone="+966512345678", name="نورة")
    saved(client.post(address(PlatformRole, "add"), {"somebody": "٠٥١٢٣٤٥٦٧٨", "role": "finance"}))
    granted = PlatformRole.objects.get(user=somebody)
    assert granted.role == "finance"
    entry = last_log(by)
    assert (entry.object_repr, entry.action_flag) == (f"finance: {somebody.pk}", 1)
    again = client.post(address(PlatformRole, "add"), {"somebody": "0512345678", "role": "finance"})
    assert again.status_code == 200
    saved(client.post(address(PlatformRole, "delete", granted.pk), {"post": "yes"}))
    assert not PlatformRole.objects.filter(user=somebody).exists()
    entry = last_log(by)
    assert (entry.object_repr, entry.action_flag) == (f"finance: {somebody.pk}", 3)
    client.get("/console/")  # what was said about it
    page = client.get(address(LogEntry)).content.decode()
    assert page.count("نورة") == 2
    User.objects.filter(pk=somebody.pk).update(name="")  # an erased account leaves no name in the log
    assert "نورة" not in client.get(address(LogEntry)).content.decode()


@pytest.mark.parametrize("number", ["0512345670", "5", ""])
def test_a_role_goes_to_nobody_by_a_slip_of_the_finger(number: str, client: Any) -> None:
    before = PlatformRole.objects.count()
    answer = client.post(address(PlatformRole, "add"), {"somebody": number, "role": "finance"})
    assert errors_of(answer)["somebody"]
    assert PlatformRole.objects.count() == before


def test_nobody_locks_themselves_out(client: Any, by: User) -> None:
    own = PlatformRole.objects.get(user=by)
    assert client.post(address(PlatformRole, "delete", own.pk), {"post": "yes"}).status_code == 403
    other = PlatformRole.objects.get(user=operator("platform_admin"))
    saved(client.post(address(PlatformRole, "delete", other.pk), {"post": "yes"}))


def test_a_membership_is_granted_changed_and_removed_on_the_record(
    client: Any, by: User, world: World
) -> None:
    somebody = UserFactory.create(phone="+966512345670", name="سعاد")
    body = {"somebody": "0512345670", "salon": str(world.salon.pk), "role": "staff"}
    saved(client.post(address(Membership, "add"), body))
    made = Membership.objects.get(user=somebody)
    assert client.post(address(Membership, "add"), body).status_code == 200
    saved(client.post(address(Membership, "change", made.pk), {"role": "owner"}))
    made.refresh_from_db()
    assert (made.role, made.salon) == ("owner", world.salon)
    assert last_log(by).object_repr == f"owner @ {world.salon.slug}: {somebody.pk}"
    saved(client.post(address(Membership, "delete", made.pk), {"post": "yes"}))
    assert not Membership.objects.filter(user=somebody).exists()
    assert last_log(by).action_flag == 3
