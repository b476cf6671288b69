"""The price list, the people and the rooms, as their owner edits them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from backend.bookings import operations as bookings
from backend.bookings.models import Booking, Calendar
from backend.bookings.queries import Wish
from backend.core.errors import ValidationFailed
from backend.core.time import RIYADH
from backend.salons.models import Membership, Resource, Salon, Service, StaffMember, StaffService
from backend.salons.operations import services
from tests.factories import (
    CategoryFactory,
    ResourceFactory,
    ServiceFactory,
    StaffMemberFactory,
    UserFactory,
    employ,
    open_salon,
)
from tests.salons.manage_helpers import desk, said, send_escaped, wrong
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db

FOREIGN = str(uuid.uuid4())


@pytest.fixture(autouse=True)
def category() -> Any:
    return CategoryFactory.create()


def a_service(**changes: Any) -> dict[str, Any]:
    return {
        "category": "hair",
        "name": said("قص شعر", "Haircut"),
        "duration_minutes": 45,
        "price_minor": 11500,
    } | changes


def book(salon: Salon, service: Service) -> Booking:
    day = timezone.now().astimezone(RIYADH) + timedelta(days=1)
    return bookings.create_booking(
        customer=UserFactory.create(),
        salon=salon,
        wishes=[Wish(service.id)],
        starts_at=day.replace(hour=12, minute=0, second=0, microsecond=0),
        now=timezone.now(),
    )


# Services ----------------------------------------------------------------------------------------


def test_a_service_is_written_and_read_back_in_both_languages() -> None:
    owner, place = desk()
    members = [StaffMemberFactory.create(salon=place) for _ in range(2)]
    body = a_service(
        description=said("مع الغسيل", "With washing"),
        buffer_before_minutes=5,
        buffer_after_minutes=10,
        processing_gap={"starts_minute": 10, "minutes": 20},
        min_notice_minutes=30,
        horizon_days=14,
        deposit_percent=50,
        position=3,
        staff_member_ids=[str(m.id) for m in members],
        needs=["room", "dryer"],
    )
    made = ok(owner.post(f"manage/salons/{place.slug}/services", body), 201)
    as_sent = body.keys() - {"category", "price_minor", "needs"}
    assert {name: made[name] for name in as_sent} == {name: body[name] for name in as_sent}
    assert made["category"]["slug"] == "hair"
    assert made["price"]["amount_minor"] == 11500
    assert sorted(made["needs"]) == ["dryer", "room"]
    assert made["staff_member_ids"] == body["staff_member_ids"]
    assert made == ok(owner.get(f"manage/salons/{place.slug}/services/{made['id']}"))
    [row] = ok(owner.get(f"manage/salons/{place.slug}/services"))["items"]
    assert row == made


def test_an_edit_changes_what_it_names_and_null_means_the_salons_rule() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}/services"
    made = ok(owner.post(url, a_service(deposit_percent=50, needs=["room"])), 201)
    changes = {"version": 1, "price_minor": 9900, "deposit_percent": None, "needs": []}
    done = ok(owner.send("PATCH", f"{url}/{made['id']}", body=changes))
    assert (done["version"], done["price"]["amount_minor"], done["deposit_percent"]) == (2, 9900, None)
    assert (done["needs"], done["duration_minutes"], done["name"]) == ([], 45, made["name"])
    stale = owner.send("PATCH", f"{url}/{made['id']}", body={"version": 1, "price_minor": 1})
    assert refused(stale, 409, "version_conflict")["current"] == done
    same = ok(
        owner.send("PATCH", f"{url}/{made['id']}", body={"version": 2, "price_minor": 9900, "needs": []})
    )
    assert same == done


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"category": None}, {"/category": "field_null"}),
        ({"category": "magic"}, {"/category": "not_found"}),
        ({"category": 7}, {"/category": "wrong_type"}),
        ({"name": "قص"}, {"/name": "wrong_type"}),
        ({"name": said("  ", "\u200f")}, {"/name": "field_blank"}),
        ({"name": said("ا\ud800")}, {"/name/ar": "invalid_format"}),
        ({"duration_minutes": 4}, {"/duration_minutes": "too_small"}),
        ({"duration_minutes": 721}, {"/duration_minutes": "too_large"}),
        ({"duration_minutes": 45.5}, {"/duration_minutes": "wrong_type"}),
        ({"price_minor": -1}, {"/price_minor": "too_small"}),
        ({"price_minor": "١٠٠"}, {"/price_minor": "wrong_type"}),
        ({"price_minor": 10**9}, {"/price_minor": "too_large"}),
        ({"buffer_after_minutes": 241}, {"/buffer_after_minutes": "too_large"}),
        ({"processing_gap": {"starts_minute": 10}}, {"/processing_gap/minutes": "field_required"}),
        ({"processing_gap": {"starts_minute": 10, "minutes": 35}}, {"/processing_gap/minutes": "too_large"}),
        ({"processing_gap": 5}, {"/processing_gap": "wrong_type"}),
        ({"needs": ["Room"]}, {"/needs/0": "invalid_format"}),
        ({"needs": ["ro\nom"]}, {"/needs/0": "invalid_format"}),
        ({"needs": "room"}, {"/needs": "wrong_type"}),
        ({"needs": [f"kind-{n}" for n in range(11)]}, {"/needs": "list_too_long"}),
        ({"staff_member_ids": [FOREIGN]}, {"/staff_member_ids/0": "not_found"}),
        ({"staff_member_ids": ["x"]}, {"/staff_member_ids/0": "uuid_invalid"}),
        ({"variant_of": FOREIGN}, {"/variant_of": "not_found"}),
        ({"colour": "red"}, {"/colour": "unknown_field"}),
        ({"position": -1}, {"/position": "too_small"}),
        ({"is_active": "yes"}, {"/is_active": "wrong_type"}),
    ],
)
@pytest.mark.parametrize("language", ["ar", "en"])
def test_each_wrong_value_of_a_service_is_named(language: str, changes: Any, errors: dict[str, str]) -> None:
    owner, place = desk(language=language)
    answer = send_escaped(owner, f"manage/salons/{place.slug}/services", a_service(**changes))
    assert wrong(answer) == errors
    assert not Service.objects.exists()


def test_a_shorter_service_may_not_cut_its_processing_gap() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}/services"
    gap = {"starts_minute": 10, "minutes": 20}
    made = ok(owner.post(url, a_service(processing_gap=gap)), 201)
    url = f"{url}/{made['id']}"
    short = owner.send("PATCH", url, body={"version": 1, "duration_minutes": 30})
    assert wrong(short) == {"/duration_minutes": "too_small"}
    done = ok(owner.send("PATCH", url, body={"version": 1, "duration_minutes": 30, "processing_gap": None}))
    assert (done["duration_minutes"], done["processing_gap"]) == (30, None)


def test_people_of_another_salon_perform_nothing_here() -> None:
    owner, place = desk()
    mine, theirs = StaffMemberFactory.create(salon=place), StaffMemberFactory.create()
    ids = [str(mine.id), str(theirs.id)]
    answer = owner.post(f"manage/salons/{place.slug}/services", a_service(staff_member_ids=ids))
    assert wrong(answer) == {"/staff_member_ids/1": "not_found"}


def test_a_variant_has_its_own_words_length_and_price_and_takes_the_rest_from_above() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}/services"
    above = ok(owner.post(url, a_service()), 201)
    plain = a_service(variant_of=above["id"], name=said("شعر طويل", "Long hair"), price_minor=15000)
    del plain["category"]
    variant = ok(owner.post(url, plain), 201)
    assert (variant["variant_of"], variant["category"], variant["price"]["amount_minor"]) == (
        above["id"],
        above["category"],
        15000,
    )
    told = plain | {
        "category": "hair",
        "staff_member_ids": [],
        "needs": [],
        "min_notice_minutes": 5,
        "horizon_days": None,
        "deposit_percent": 5,
    }
    refusal = {f"/{name}": "unknown_field" for name in told.keys() - plain.keys()}
    assert wrong(owner.post(url, told)) == refusal
    edit = {"version": 1, "needs": ["room"]}
    assert wrong(owner.send("PATCH", f"{url}/{variant['id']}", body=edit)) == {"/needs": "unknown_field"}
    below = plain | {"variant_of": variant["id"]}
    assert wrong(owner.post(url, below)) == {"/variant_of": "invalid_choice"}
    CategoryFactory.create(slug="nails")
    ok(owner.send("PATCH", f"{url}/{above['id']}", body={"version": 1, "category": "nails"}))
    assert ok(owner.get(f"{url}/{variant['id']}"))["category"]["slug"] == "nails"


def test_a_service_of_another_salon_has_no_variants_here() -> None:
    owner, place = desk()
    foreign = ServiceFactory.create()
    body = a_service(variant_of=str(foreign.id))
    assert wrong(owner.post(f"manage/salons/{place.slug}/services", body)) == {"/variant_of": "not_found"}


def test_a_service_needs_a_category_unless_it_is_a_variant() -> None:
    owner, place = desk()
    body = a_service()
    del body["category"]
    assert wrong(owner.post(f"manage/salons/{place.slug}/services", body)) == {"/category": "field_required"}


def test_what_was_never_booked_is_removed_with_its_variants() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}/services"
    above = ok(owner.post(url, a_service(needs=["room"])), 201)
    body = a_service(variant_of=above["id"])
    del body["category"]
    ok(owner.post(url, body), 201)
    assert wrong(owner.send("DELETE", f"{url}/{above['id']}")) == {"version": "field_required"}
    stale = owner.send("DELETE", f"{url}/{above['id']}", query={"version": 7})
    assert refused(stale, 409, "version_conflict")["current"]["id"] == above["id"]
    gone = owner.send("DELETE", f"{url}/{above['id']}", query={"version": "١"})
    assert ok(gone) == {"removed": True, "item": None}
    assert ok(owner.get(url))["items"] == []
    refused(owner.send("DELETE", f"{url}/{above['id']}", query={"version": 1}), 404, "not_found")


def test_what_was_booked_is_switched_off_and_the_booking_stays() -> None:
    place, service, [member] = open_salon()
    room = ResourceFactory.create(salon=place)
    booking = book(place, service)
    item = booking.items.get()
    item.resources.create(resource=room)
    owner = Api(employ(place, "owner"))
    for path, row in (("services", service), ("staff", member), ("resources", room)):
        url = f"manage/salons/{place.slug}/{path}"
        gone = ok(owner.send("DELETE", f"{url}/{row.id}", query={"version": 1}))
        assert gone["removed"] is False
        assert (gone["item"]["is_active"], gone["item"]["version"]) == (False, 2)
        [kept] = ok(owner.get(url))["items"]
        assert kept == gone["item"]
    seen = ok(Api(booking.customer).get(f"bookings/{booking.id}"))
    assert seen["state"] == "held"
    assert seen["items"][0]["service"]["id"] == str(service.id)


def test_a_service_whose_variant_was_booked_is_switched_off_with_all_of_them() -> None:
    place, above, _staff = open_salon()
    variant = ServiceFactory.create(salon=place, variant_of=above)
    spare = ServiceFactory.create(salon=place, variant_of=above)
    book(place, variant)
    owner = Api(employ(place, "owner"))
    url = f"manage/salons/{place.slug}/services/{above.id}"
    assert ok(owner.send("DELETE", url, query={"version": 1}))["removed"] is False
    left = Service.objects.filter(pk__in=[above.pk, variant.pk, spare.pk])
    assert set(left.values_list("is_active", "version")) == {(False, 2)}


def test_the_price_list_is_put_in_order() -> None:
    owner, place = desk()
    rows = [str(ServiceFactory.create(salon=place).id) for _ in range(3)]
    foreign = str(ServiceFactory.create().id)
    url = f"manage/salons/{place.slug}/services/order"
    wanted = [rows[2], rows[0], rows[1]]
    done = ok(owner.send("PUT", url, body={"service_ids": wanted}))
    assert [row["id"] for row in done["items"]] == wanted
    assert [row["position"] for row in done["items"]] == [0, 1, 2]
    late = owner.send("PUT", url, body={"service_ids": wanted[:2]})
    assert refused(late, 409, "version_conflict")["current"] == done
    assert wrong(owner.send("PUT", url, body={"service_ids": [*wanted, foreign]})) == {
        "/service_ids/3": "not_found"
    }
    assert wrong(owner.send("PUT", url, body={"service_ids": [*wanted, wanted[0]]})) == {
        "/service_ids/3": "invalid_choice"
    }
    assert wrong(owner.send("PUT", url, body={"service_ids": []})) == {"/service_ids": "list_empty"}


@pytest.mark.parametrize("position", [0, 7, 32_000])
def test_what_is_added_comes_last_unless_it_says_where(position: int) -> None:
    owner, place = desk()
    for factory, path, body in (
        (ServiceFactory, "services", a_service()),
        (StaffMemberFactory, "staff", {}),
        (ResourceFactory, "resources", {"kind": "room", "code": "new"}),
    ):
        first, last = (factory.create(salon=place, position=p) for p in (0, position))
        url = f"manage/salons/{place.slug}/{path}"
        added = ok(owner.post(url, body | {"name": said("جديد")}), 201)
        listed = [row["id"] for row in ok(owner.get(url))["items"]]
        assert listed == [str(first.pk), str(last.pk), added["id"]]
        assert added["position"] == min(position + 1, 32_000)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(4))
def test_a_service_booked_while_it_is_removed_is_kept_or_the_booking_is_refused(_round: int) -> None:
    place, service, _staff = open_salon()
    remove = partial(services.remove_service, salon=place, service_id=service.pk, version=1)
    booked, left = race(partial(book, place, service), remove)
    if isinstance(booked, Booking):
        assert left.is_active is False
        assert booked.items.get().service_id == service.pk
    else:
        assert isinstance(booked, ValidationFailed)
        assert left is None
        assert not Booking.objects.exists()


# Staff -------------------------------------------------------------------------------------------


def test_a_staff_member_is_written_and_read_back_in_both_languages() -> None:
    owner, place = desk()
    services = [ServiceFactory.create(salon=place) for _ in range(2)]
    body = {
        "name": said("نورة", "Noura"),
        "title": said("خبيرة قص", "Stylist"),
        "gender": "female",
        "languages": ["ar", "ur", "fil", "ar"],
        "max_bookings_per_day": 6,
        "service_ids": [str(s.id) for s in services],
        "position": 2,
    }
    made = ok(owner.post(f"manage/salons/{place.slug}/staff", body), 201)
    expected = body | {"languages": ["ar", "ur", "fil"], "is_active": True, "has_account": False}
    assert {name: made[name] for name in expected} == expected
    assert [made] == ok(owner.get(f"manage/salons/{place.slug}/staff"))["items"]
    assert made == ok(owner.get(f"manage/salons/{place.slug}/staff/{made['id']}"))
    url = f"manage/salons/{place.slug}/staff/{made['id']}"
    done = ok(owner.send("PATCH", url, body={"version": 1, "service_ids": [], "gender": None}))
    assert (done["version"], done["service_ids"], done["gender"], done["title"]) == (
        2,
        [],
        None,
        body["title"],
    )
    stale = owner.send("PATCH", url, body={"version": 1, "is_active": False})
    assert refused(stale, 409, "version_conflict")["current"] == done


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": said("")}, {"/name": "field_blank"}),
        ({"gender": "other"}, {"/gender": "invalid_choice"}),
        ({"gender": 1}, {"/gender": "wrong_type"}),
        ({"languages": ["arabic"]}, {"/languages/0": "invalid_choice"}),
        ({"languages": ["ar", "qq"]}, {"/languages/1": "invalid_choice"}),
        ({"languages": ["mul"]}, {"/languages/0": "invalid_choice"}),
        ({"languages": ["ar"] * 11}, {"/languages": "list_too_long"}),
        ({"max_bookings_per_day": 0}, {"/max_bookings_per_day": "too_small"}),
        ({"service_ids": [FOREIGN]}, {"/service_ids/0": "not_found"}),
        ({"phone": "0112345678"}, {"/phone": "phone_invalid"}),
        ({"user": FOREIGN}, {"/user": "unknown_field"}),
    ],
)
def test_each_wrong_value_of_a_staff_member_is_named(changes: Any, errors: dict[str, str]) -> None:
    owner, place = desk()
    body = {"name": said("نورة")} | changes
    assert wrong(owner.post(f"manage/salons/{place.slug}/staff", body)) == errors
    assert not StaffMember.objects.exists()


def test_nobody_performs_a_variant_by_itself() -> None:
    owner, place = desk()
    variant = ServiceFactory.create(salon=place, variant_of=ServiceFactory.create(salon=place))
    body = {"name": said("نورة"), "service_ids": [str(variant.id)]}
    assert wrong(owner.post(f"manage/salons/{place.slug}/staff", body)) == {"/service_ids/0": "not_found"}


@pytest.mark.parametrize(("audience", "gender"), [("women", "male"), ("men", "female")])
def test_a_salon_employs_nobody_its_audience_rules_out(audience: str, gender: str) -> None:
    owner, place = desk(audience=audience)
    url = f"manage/salons/{place.slug}/staff"
    body = {"name": said("نور"), "gender": gender}
    refused(owner.post(url, body), 422, "staff_gender_not_allowed")
    left = ok(owner.post(url, body | {"is_active": False}), 201)
    back = {"version": 1, "is_active": True}
    refused(owner.send("PATCH", f"{url}/{left['id']}", body=back), 422, "staff_gender_not_allowed")
    works = ok(owner.post(url, {"name": said("نور")}), 201)
    declared = {"version": 1, "gender": gender}
    refused(owner.send("PATCH", f"{url}/{works['id']}", body=declared), 422, "staff_gender_not_allowed")


def test_an_account_is_linked_only_to_somebody_with_a_role_here() -> None:
    owner, place = desk()
    member = employ(place, "staff")
    stranger = UserFactory.create()
    url = f"manage/salons/{place.slug}/staff"
    made = ok(owner.post(url, {"name": said("نورة"), "phone": member.phone}), 201)
    assert made["has_account"] is True
    assert member.phone not in str(made)
    answers = [
        owner.post(url, {"name": said("نورة"), "phone": phone}).json()["errors"]
        for phone in (stranger.phone, "+966599999999")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0]["pointer"] == "/phone"
    assert answers[0][0]["code"] == "not_found"
    unlinked = ok(owner.send("PATCH", f"{url}/{made['id']}", body={"version": 1, "phone": None}))
    assert unlinked["has_account"] is False


def test_who_performs_what_is_one_truth_edited_from_both_sides() -> None:
    owner, place = desk()
    service, member = ServiceFactory.create(salon=place), StaffMemberFactory.create(salon=place)
    services, staff = f"manage/salons/{place.slug}/services", f"manage/salons/{place.slug}/staff"
    ok(owner.send("PATCH", f"{staff}/{member.id}", body={"version": 1, "service_ids": [str(service.id)]}))
    [row] = ok(owner.get(services))["items"]
    assert (row["staff_member_ids"], row["version"]) == ([str(member.id)], 2)
    seen_before = {"version": 1, "staff_member_ids": []}
    refused(owner.send("PATCH", f"{services}/{service.id}", body=seen_before), 409, "version_conflict")
    ok(owner.send("PATCH", f"{services}/{service.id}", body={"version": 2, "staff_member_ids": []}))
    [row] = ok(owner.get(staff))["items"]
    assert (row["service_ids"], row["version"]) == ([], 3)


def test_a_staff_member_never_booked_is_removed() -> None:
    owner, place = desk()
    member = StaffMemberFactory.create(salon=place)
    StaffService.objects.create(staff_member=member, service=ServiceFactory.create(salon=place))
    Calendar.objects.create(staff_member=member)
    url = f"manage/salons/{place.slug}/staff/{member.id}"
    assert ok(owner.send("DELETE", url, query={"version": 1})) == {"removed": True, "item": None}
    assert not Calendar.objects.exists()


# Resources ---------------------------------------------------------------------------------------


def test_a_resource_is_written_and_read_back_in_both_languages() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}/resources"
    body = {
        "kind": "room",
        "code": "A1",
        "name": said("غرفة المساج", "Massage room"),
        "attributes": {"floor": 2, "window": True, "لون": "أبيض", "area": 12.5},
        "position": 1,
    }
    made = ok(owner.post(url, body), 201)
    assert {name: made[name] for name in body} == body
    assert [made] == ok(owner.get(url))["items"]
    assert made == ok(owner.get(f"{url}/{made['id']}"))
    done = ok(owner.send("PATCH", f"{url}/{made['id']}", body={"version": 1, "attributes": {}, "code": "A2"}))
    assert (done["version"], done["attributes"], done["code"], done["kind"]) == (2, {}, "A2", "room")
    stale = owner.send("PATCH", f"{url}/{made['id']}", body={"version": 1, "kind": "chair"})
    assert refused(stale, 409, "version_conflict")["current"] == done
    gone = ok(owner.send("DELETE", f"{url}/{made['id']}", query={"version": 2}))
    assert gone == {"removed": True, "item": None}


def test_a_code_stands_on_one_door_of_a_salon() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}/resources"
    ResourceFactory.create(code="A1")
    first = ok(owner.post(url, {"kind": "room", "code": "A1", "name": said("غرفة")}), 201)
    second = {"kind": "room", "code": "A1", "name": said("غرفة")}
    assert wrong(owner.post(url, second)) == {"/code": "already_exists"}
    other = ok(owner.post(url, second | {"code": "A2"}), 201)
    taken = owner.send("PATCH", f"{url}/{other['id']}", body={"version": 1, "code": "A1"})
    assert wrong(taken) == {"/code": "already_exists"}
    ok(owner.send("PATCH", f"{url}/{first['id']}", body={"version": 1, "code": "A1"}))


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"kind": "غرفة"}, {"/kind": "invalid_format"}),
        ({"kind": "r"}, {"/kind": "invalid_format"}),
        ({"kind": 5}, {"/kind": "wrong_type"}),
        ({"code": " "}, {"/code": "field_blank"}),
        ({"code": "x" * 21}, {"/code": "too_long"}),
        ({"code": "a\0"}, {"/code": "invalid_format"}),
        ({"attributes": ["x"]}, {"/attributes": "wrong_type"}),
        ({"attributes": {str(n): n for n in range(21)}}, {"/attributes": "list_too_long"}),
        ({"attributes": {"deep": {"er": 1}}}, {"/attributes/deep": "wrong_type"}),
        ({"attributes": {"none": None}}, {"/attributes/none": "wrong_type"}),
        ({"attributes": {"text": "x" * 101}}, {"/attributes/text": "too_long"}),
        ({"attributes": {"text": "a\0"}}, {"/attributes/text": "invalid_format"}),
        ({"attributes": {"half": "\ud800"}}, {"/attributes/half": "invalid_format"}),
        ({"attributes": {"many": 10**400}}, {"/attributes/many": "too_large"}),
        ({"attributes": {"": 1}}, {"/attributes/": "field_blank"}),
    ],
)
def test_each_wrong_value_of_a_resource_is_named(changes: Any, errors: dict[str, str]) -> None:
    owner, place = desk()
    body = {"kind": "room", "code": "A1", "name": said("غرفة")} | changes
    assert wrong(send_escaped(owner, f"manage/salons/{place.slug}/resources", body)) == errors
    assert not Resource.objects.exists()


# Whose it is, and how much -----------------------------------------------------------------------


def test_rows_of_another_salon_are_not_found_below_this_one() -> None:
    owner, place = desk()
    theirs = {
        "services": ServiceFactory.create(),
        "staff": StaffMemberFactory.create(),
        "resources": ResourceFactory.create(),
    }
    for path, row in theirs.items():
        url = f"manage/salons/{place.slug}/{path}/{row.id}"
        refused(owner.get(url), 404, "not_found")
        refused(owner.send("PATCH", url, body={"version": 1, "position": 1}), 404, "not_found")
        refused(owner.send("DELETE", url, query={"version": 1}), 404, "not_found")
        row.refresh_from_db()
        assert (row.version, row.position) == (1, 0)


def test_a_retry_with_the_same_key_adds_one_row() -> None:
    owner, place = desk()
    rows = {
        "services": a_service(),
        "staff": {"name": said("نورة")},
        "resources": {"kind": "room", "code": "A1", "name": said("غرفة")},
    }
    for path, body in rows.items():
        key = uuid.uuid4()
        first = owner.post(f"manage/salons/{place.slug}/{path}", body, key=key)
        assert ok(first, 201) == ok(owner.post(f"manage/salons/{place.slug}/{path}", body, key=key), 201)
        assert len(ok(owner.get(f"manage/salons/{place.slug}/{path}"))["items"]) == 1


def test_lists_end_somewhere(monkeypatch: Any) -> None:
    owner, place = desk()
    monkeypatch.setattr("backend.salons.operations.services.MOST_SERVICES", 1)
    monkeypatch.setattr("backend.salons.operations.staff.MOST_STAFF", 1)
    monkeypatch.setattr("backend.salons.operations.resources.MOST_RESOURCES", 1)
    ServiceFactory.create(salon=place)
    StaffMemberFactory.create(salon=place)
    ResourceFactory.create(salon=place)
    rows = {
        "services": a_service(),
        "staff": {"name": said("نورة")},
        "resources": {"kind": "room", "code": "A1", "name": said("غرفة")},
    }
    for path, body in rows.items():
        answer = refused(owner.post(f"manage/salons/{place.slug}/{path}", body), 422, "limit_reached")
        assert answer["params"] == {"most": 1}


def test_lists_ask_the_database_as_often_for_many_as_for_one(django_assert_num_queries: Any) -> None:
    owner, place = desk()
    for count in (1, 7):
        while Service.objects.filter(salon=place).count() < count:
            service = ServiceFactory.create(salon=place)
            service.needs.create(kind="room")
            member = StaffMemberFactory.create(salon=place)
            StaffService.objects.create(staff_member=member, service=service)
            ResourceFactory.create(salon=place)
        for path, queries in (("services", 8), ("staff", 7), ("resources", 6)):
            with django_assert_num_queries(queries):
                assert len(ok(owner.get(f"manage/salons/{place.slug}/{path}"))["items"]) == count


def test_every_edit_reaches_what_is_kept_in_memory() -> None:
    owner, place = desk()
    url = f"manage/salons/{place.slug}"
    versions = [Salon.objects.get(pk=place.pk).catalogue_version]
    service = ok(owner.post(f"{url}/services", a_service()), 201)
    versions.append(Salon.objects.get(pk=place.pk).catalogue_version)
    ok(owner.send("PATCH", f"{url}/services/{service['id']}", body={"version": 1, "needs": ["room"]}))
    versions.append(Salon.objects.get(pk=place.pk).catalogue_version)
    ok(owner.post(f"{url}/resources", {"kind": "room", "code": "1", "name": said("غرفة")}), 201)
    versions.append(Salon.objects.get(pk=place.pk).catalogue_version)
    ok(owner.send("PATCH", url, body={"version": 1, "grid_minutes": 15}))
    versions.append(Salon.objects.get(pk=place.pk).catalogue_version)
    assert versions == sorted(set(versions))


def test_a_receptionist_sees_the_catalogue_and_changes_nothing() -> None:
    phone, place = desk("receptionist")
    for path in ("services", "staff", "resources"):
        ok(phone.get(f"manage/salons/{place.slug}/{path}"))
        refused(phone.post(f"manage/salons/{place.slug}/{path}", {}), 403, "permission_denied")
    assert Membership.objects.count() == 1
