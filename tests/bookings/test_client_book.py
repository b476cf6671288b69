"""The salon's client book: its own people, found whole or by name, and notes that nobody else sees."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from freezegun import freeze_time

from backend.accounts.models import PlatformRole, User
from backend.accounts.operations import anonymise, decide_consent
from backend.bookings import operations
from backend.bookings.models import Booking, ClientNote
from backend.bookings.operations.notes import HealthConsentMissing, add_note
from backend.bookings.queries import Wish
from backend.bookings.queries.clients import ClientKey
from backend.core.models import IdempotencyRecord
from backend.salons.models import Salon, Service
from tests.accounts.privacy import notice_in_force
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
"""Friday noon in Riyadh."""
PHONE, SPELLINGS = "+966512345678", ("0512345678", "٠٥١٢٣٤٥٦٧٨", "+966 51 234 5678", "٠٠٩٦٦۵۱۲۳۴۵۶۷۸")


class Place:
    """A salon that confirms by itself, and its desk."""

    def __init__(self) -> None:
        self.salon: Salon
        self.service: Service
        self.salon, self.service, _ = open_salon(staff=3, deposit_percent=0, auto_confirm=True)
        self.receptionist = employ(self.salon)
        self.receptionist.name = "هند"
        self.receptionist.save(update_fields=["name"])
        self.desk = Api(self.receptionist)
        self.path = f"manage/salons/{self.salon.slug}/clients"

    def visit(self, customer: User, *, days: float = 1, **values: Any) -> Booking:
        """A booking `days` from now; `values` are written over it."""
        booking = operations.create_booking(
            customer=customer,
            salon=self.salon,
            wishes=[Wish(self.service.pk)],
            starts_at=_free_time(),
            now=NOW,
        )
        return self._moved(booking, days, values)

    def guest(self, name: str, phone: str = PHONE, *, days: float = 1, **values: Any) -> Booking:
        booking = operations.write_walk_in(
            staff_user=self.receptionist,
            salon=self.salon,
            wishes=[Wish(self.service.pk)],
            starts_at=_free_time(),
            now=NOW,
            guest_name=name,
            guest_phone=phone,
        )
        return self._moved(booking, days, values)

    def _moved(self, booking: Booking, days: float, values: dict[str, Any]) -> Booking:
        starts_at = NOW + timedelta(days=days)
        ends_at = starts_at + timedelta(minutes=45)
        Booking.objects.filter(pk=booking.pk).update(**{"starts_at": starts_at, "ends_at": ends_at} | values)
        booking.refresh_from_db()
        return booking

    def find(self, **query: Any) -> list[dict[str, Any]]:
        return ok(self.desk.get(self.path, **query))["items"]

    def names(self, q: str) -> set[str]:
        return {item["name"] for item in self.find(q=q)}

    def id_of(self, phone: str = PHONE) -> str:
        [found] = self.find(phone=phone)
        return str(found["id"])

    def note(self, client: str, text: str, **more: Any) -> Any:
        return self.desk.post(f"{self.path}/{client}/notes", {"text": text} | more)

    def notes(self, client: str) -> list[str]:
        return [note["text"] for note in ok(self.desk.get(f"{self.path}/{client}"))["notes"]]


def _free_time() -> datetime:
    """Hours from noon on, of one day after the other."""
    days, hours = divmod(Booking.objects.count(), 8)
    return NOW + timedelta(days=1 + days, hours=hours)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time(NOW) as frozen:
        yield frozen


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def sara() -> User:
    return UserFactory.create(name="سارة العتيبي", phone=PHONE)


def consent(user: User, *, granted: bool = True) -> None:
    notice_in_force()
    ok(Api(user).send("PUT", "me/consents/health_notes", body={"granted": granted}))


# Finding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_whole_number_finds_its_client_in_any_spelling(place: Place, sara: User, spelling: str) -> None:
    place.visit(sara)
    place.visit(UserFactory.create())
    [found] = place.find(phone=spelling)
    assert (found["name"], found["phone_masked"], found["is_guest"]) == (sara.name, "05•••••678", False)


def test_a_whole_number_finds_a_guest_and_an_account_apart(place: Place, sara: User) -> None:
    place.visit(sara, days=2)
    place.guest("سارة", days=1)
    assert [(c["name"], c["is_guest"]) for c in place.find(phone=PHONE)] == [
        (sara.name, False),
        ("سارة", True),
    ]


def test_a_number_of_somebody_who_never_booked_here_finds_nobody(place: Place, sara: User) -> None:
    Place().visit(sara)
    Place().guest("سارة", "+966511111111")
    assert place.find(phone=PHONE) == place.find(phone="0511111111") == place.find(phone="0599999999") == []


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize(
    ("query", "name", "code"),
    [
        ({"phone": "05123"}, "phone", "phone_invalid"),
        ({"phone": "5678"}, "phone", "phone_invalid"),
        ({"phone": "+447911123456"}, "phone", "phone_not_supported"),
        ({"q": "س"}, "q", "too_short"),
        ({"q": "س ن"}, "q", "too_short"),
        ({"q": "0512345678"}, "q", "too_short"),
        ({"q": "؟؟؟"}, "q", "too_short"),
        ({"q": "س" * 81}, "q", "too_long"),
        ({"limit": "51"}, "limit", "too_large"),
        ({"cursor": "x"}, "cursor", "cursor_invalid"),
        ({"name": "سارة"}, "name", "unknown_field"),
    ],
)
def test_what_is_no_question_is_refused(
    place: Place, language: str, query: dict[str, str], name: str, code: str
) -> None:
    answer = Api(place.receptionist, language=language).get(place.path, **query)
    [error] = refused(answer, 400, "validation_failed")["errors"]
    assert (error["parameter"], error["code"]) == (name, code)
    assert error["detail"].isascii() is (language == "en")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("سارة العتيبي", "ساره"),
        ("سارة العتيبي", "عتي"),
        ("سارة العتيبي", "العتيبى سا"),
        ("إيمان", "ايم"),
        ("آمنة", "امنه"),
        ("مُنيرة", "منير"),
        ("Zoë Müller", "MUL zoe"),
        ("هدى ٢", "هدي 2"),
    ],
)
def test_a_name_is_found_by_the_beginnings_of_its_words_in_any_spelling(
    place: Place, name: str, asked: str
) -> None:
    place.visit(UserFactory.create(name=name))
    place.guest(name, "+966511111111")
    place.visit(UserFactory.create(name="غيرها"))
    Place().visit(UserFactory.create(name=name))
    assert [item["name"] for item in place.find(q=asked)] == [name, name]


def test_a_name_is_not_found_by_its_middle_nor_by_half_of_the_words(place: Place, sara: User) -> None:
    place.visit(sara)
    assert place.names("سارة") == {sara.name}
    assert place.names("ارة") == place.names("سارة القحطاني") == set()


def test_who_has_not_said_their_name_goes_by_the_one_the_desk_wrote(place: Place) -> None:
    booking = place.guest("هيا")
    Booking.objects.filter(pk=booking.pk).update(customer=UserFactory.create(name=""), guest_phone="")
    [found] = place.find(q="هيا")
    assert (found["name"], found["is_guest"]) == ("هيا", False)


def test_a_name_and_a_number_narrow_each_other(place: Place, sara: User) -> None:
    place.visit(sara)
    place.visit(UserFactory.create(name="سارة"))
    assert [item["name"] for item in place.find(q="سارة", phone=PHONE)] == [sara.name]
    assert place.find(q="نورة", phone=PHONE) == []


def test_the_latest_come_first_each_once_and_page_by_page(place: Place) -> None:
    people = [UserFactory.create(name=f"نورة {n}") for n in range(3)]
    for days in (-30, -10, 3):
        place.visit(people[0], days=days)
    place.visit(people[1], days=-20)
    place.visit(people[1], days=2)
    place.visit(people[2], days=1)
    for _again in range(2):  # two at the same moment: the mother's and the daughter's
        place.guest("هيا", "+966511111111", days=-1)
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        answer = ok(place.desk.get(place.path, **query))
        found += [item["name"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert found == ["نورة 0", "نورة 1", "نورة 2", "هيا"]


def test_who_is_erased_or_left_no_number_is_nobodys_client(place: Place, sara: User) -> None:
    place.visit(sara)
    place.guest("بلا رقم", "")
    ok(Api(sara).send("DELETE", "me"))
    assert place.find() == []
    assert place.find(phone=PHONE) == []
    assert place.names("بلا") == set()


def test_the_number_of_questions_does_not_grow(place: Place) -> None:
    def ask(**query: Any) -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert place.find(**query)
        return len(asked)

    def ask_all() -> list[int]:
        return [ask(), ask(q="نور"), ask(phone=PHONE)]

    place.visit(UserFactory.create(name="نورة", phone=PHONE))
    place.guest("نورة", "+966511111111")
    few = ask_all()
    for n in range(6):
        customer = UserFactory.create(name="نورة")
        for days in (1, 2):
            place.visit(customer, days=days)
        place.guest("نورة", f"+96651111112{n}")
    assert ask_all() == few
    client, books = place.id_of(), place.path
    with CaptureQueriesContext(connection) as one:
        ok(place.desk.get(f"{books}/{client}"))
    with CaptureQueriesContext(connection) as visits:
        ok(place.desk.get(f"{books}/{client}/visits"))
    assert len(one) < 12
    assert len(visits) < 16


# What it says ---------------------------------------------------------------------------------------------------


def test_visits_that_took_place_and_no_shows_are_counted_and_nothing_else(place: Place, sara: User) -> None:
    place.visit(sara, days=-40, state="completed")
    place.visit(sara, days=-30)  # confirmed, and nobody wrote down that it was otherwise
    place.visit(sara, days=-20, state="no_show", no_show_at=NOW)
    for state in ("cancelled", "declined", "expired"):
        place.visit(sara, days=-10, state=state)
        place.visit(sara, days=10, state=state)
    place.visit(sara, days=1, state="held", hold_expires_at=NOW + timedelta(minutes=5))
    place.visit(sara, days=2, state="requested", respond_by=NOW - timedelta(minutes=1))
    Place().visit(sara, days=-1, state="completed")
    [found] = place.find()
    assert (found["visits"], found["no_shows"]) == (2, 1)
    assert found["last_visit_at"] == "2026-10-21T12:00:00+03:00"
    assert found["next_visit_at"] is None
    place.visit(sara, days=4)
    place.visit(sara, days=3, state="requested", respond_by=NOW + timedelta(hours=1))
    [found] = place.find()
    assert found["next_visit_at"] == "2026-11-23T12:00:00+03:00"


def test_a_visit_going_on_is_the_next_one_until_it_is_over(place: Place, sara: User, clock: Any) -> None:
    place.visit(sara, days=0)
    clock.tick(timedelta(minutes=44))
    place.desk = Api(place.receptionist)
    [found] = place.find()
    assert (found["visits"], found["next_visit_at"]) == (0, "2026-11-20T12:00:00+03:00")
    clock.tick(timedelta(minutes=1))
    [found] = place.find()
    assert (found["visits"], found["next_visit_at"]) == (1, None)
    assert found["last_visit_at"] == "2026-11-20T12:00:00+03:00"


def test_a_guests_visits_go_by_their_number_and_the_latest_name(place: Place) -> None:
    place.guest("هيا", days=-5, state="completed")
    place.guest("هيا القحطاني", days=2)
    place.guest("نورة", "+966511111111")
    [found] = place.find(phone=PHONE)
    assert (found["name"], found["visits"], found["is_guest"]) == ("هيا القحطاني", 1, True)
    [page] = [ok(place.desk.get(f"{place.path}/{found['id']}/visits"))]
    assert [visit["customer"]["name"] for visit in page["items"]] == ["هيا القحطاني", "هيا"]


def test_the_visits_of_one_client_here_come_latest_first_page_by_page(place: Place, sara: User) -> None:
    mine = [place.visit(sara, days=days) for days in (3, 2, 1)]
    place.visit(UserFactory.create())
    Place().visit(sara)
    path = f"{place.path}/{place.id_of()}/visits"
    first = ok(place.desk.get(path, limit=2))
    rest = ok(place.desk.get(path, limit=2, cursor=first["next_cursor"]))
    shown = [visit["reference"] for visit in first["items"] + rest["items"]]
    assert shown == [booking.reference for booking in mine]
    assert rest["next_cursor"] is None


def test_the_whole_number_is_in_no_answer(place: Place, sara: User) -> None:
    place.visit(sara)
    place.guest("هيا", "+966511111111")
    for client in place.find():
        for path in ("", "/visits", "/notes"):
            answer = place.desk.get(f"{place.path}/{client['id']}{path}")
            assert answer.headers["Cache-Control"] == "no-store"
            assert not any(number in answer.content.decode() for number in ("12345678", "11111111"))


def test_the_number_asked_for_is_not_logged(
    place: Place, sara: User, caplog: pytest.LogCaptureFixture
) -> None:
    place.visit(sara)
    with caplog.at_level(logging.DEBUG):
        place.find(phone="0512345678")
        place.find(q="سارة")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("mawid")]
    assert [line.split()[1] for line in ours] == [f"/api/v1/{place.path}"] * 2
    assert not any("5123456" in line or "سارة" in line for line in ours)


# Whose it is ----------------------------------------------------------------------------------------------------


def test_another_salon_calls_the_same_person_otherwise_and_sees_none_of_it(place: Place, sara: User) -> None:
    elsewhere = Place()
    for book in (place, elsewhere):
        book.visit(sara)
        book.guest("هيا", "+966511111111")
    for phone in (PHONE, "+966511111111"):
        here, there = place.id_of(phone), elsewhere.id_of(phone)
        assert here != there
        assert uuid.UUID(here) != sara.pk
        ok(place.note(here, "شاي بالنعناع"), 201)
        assert elsewhere.notes(there) == []
        for path in ("", "/visits", "/notes"):
            refused(elsewhere.desk.get(f"{elsewhere.path}/{here}{path}"), 404, "not_found")
        refused(elsewhere.note(here, "x"), 404, "not_found")
    assert ClientNote.objects.count() == 2


def test_an_id_stays_the_same_and_belongs_to_one(place: Place) -> None:
    keys = [ClientKey(uuid.uuid4()), ClientKey(None, PHONE), ClientKey(None, "+96511111111")]
    ids = [key.id_at(place.salon) for key in keys]
    assert ids == [key.id_at(place.salon) for key in keys]
    assert len(set(ids)) == 3
    assert [ClientKey.from_id(place.salon, client) for client in ids] == keys


@pytest.mark.parametrize("role", ["staff", "finance", "support", "platform_admin", "customer"])
def test_stylists_and_the_platform_do_not_read_the_book(place: Place, sara: User, role: str) -> None:
    place.visit(sara)
    client = place.id_of()
    note = ok(place.note(client, "شاي"), 201)["id"]
    somebody = UserFactory.create()
    if role == "staff":
        employ(place.salon, "staff", somebody)
    elif role == "customer":
        somebody = sara
    else:
        PlatformRole.objects.create(user=somebody, role=role)
    api = Api(somebody)
    for path in ("", f"/{client}", f"/{client}/visits", f"/{client}/notes"):
        refused(api.get(place.path + path), 403, "permission_denied")
    refused(api.post(f"{place.path}/{client}/notes", {"text": "x"}), 403, "permission_denied")
    refused(api.send("DELETE", f"{place.path}/{client}/notes/{note}"), 403, "permission_denied")
    assert ClientNote.objects.count() == 1


# Notes ----------------------------------------------------------------------------------------------------------


def test_a_note_says_who_wrote_it_and_when(place: Place, sara: User, clock: Any) -> None:
    place.visit(sara)
    client = place.id_of()
    written = ok(place.note(client, "  تحب الشاي\nبالنعناع "), 201)
    assert written["text"] == "تحب الشاي\nبالنعناع"
    assert (written["written_by"], written["is_health"]) == ("هند", False)
    assert written["created_at"] == "2026-11-20T12:00:00+03:00"
    clock.tick(timedelta(minutes=1))
    ok(place.note(client, "تأتي مع ابنتها"), 201)
    assert place.notes(client) == ["تأتي مع ابنتها", "تحب الشاي\nبالنعناع"]
    path = f"{place.path}/{client}/notes"
    first = ok(place.desk.get(path, limit=1))
    [second] = ok(place.desk.get(path, limit=1, cursor=first["next_cursor"]))["items"]
    assert (first["items"][0]["text"], second["id"]) == ("تأتي مع ابنتها", written["id"])


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/text", "field_required"),
        ({"text": " \n "}, "/text", "field_blank"),
        ({"text": 7}, "/text", "wrong_type"),
        ({"text": "ن" * 1001}, "/text", "too_long"),
        ({"text": "شاي", "is_health": "true"}, "/is_health", "wrong_type"),
        ({"text": "شاي", "note": "x"}, "/note", "unknown_field"),
    ],
)
def test_what_is_no_note_is_refused(place: Place, sara: User, body: Any, pointer: str, code: str) -> None:
    place.visit(sara)
    answer = place.desk.post(f"{place.path}/{place.id_of()}/notes", body)
    [error] = refused(answer, 400, "validation_failed")["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert not ClientNote.objects.exists()


def test_a_repeated_tap_writes_one_note(place: Place, sara: User) -> None:
    place.visit(sara)
    path, key = f"{place.path}/{place.id_of()}/notes", uuid.uuid4()
    first = ok(place.desk.post(path, {"text": "شاي"}, key=key), 201)
    assert ok(place.desk.post(path, {"text": "شاي"}, key=key), 201) == first
    assert ClientNote.objects.count() == 1


def test_a_removed_note_is_gone_also_from_kept_answers(
    place: Place, sara: User, caplog: pytest.LogCaptureFixture
) -> None:
    place.visit(sara)
    client = place.id_of()
    first, second = (ok(place.note(client, text), 201)["id"] for text in ("شاي", "قهوة"))
    path = f"{place.path}/{client}/notes/{first}"
    with caplog.at_level(logging.INFO, "mawid.clients"):
        assert place.desk.send("DELETE", path).status_code == 204
    assert place.notes(client) == ["قهوة"]
    [kept] = IdempotencyRecord.objects.filter(operation="addSalonClientNote")
    assert second in kept.answer
    [line] = [record for record in caplog.records if record.name == "mawid.clients"]
    assert (str(line.note), line.by) == (first, place.receptionist.pk)  # type: ignore[attr-defined]
    refused(place.desk.send("DELETE", path), 404, "not_found")


def test_a_note_is_removed_under_its_own_client_only(place: Place, sara: User) -> None:
    place.visit(sara)
    place.guest("هيا", "+966511111111")
    note = ok(place.note(place.id_of(), "شاي"), 201)["id"]
    path = f"{place.path}/{place.id_of('+966511111111')}/notes/{note}"
    refused(place.desk.send("DELETE", path), 404, "not_found")
    assert ClientNote.objects.count() == 1


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_note_on_health_needs_the_persons_consent(place: Place, sara: User, language: str) -> None:
    place.visit(sara)
    place.guest("هيا", "+966511111111")
    desk = Api(place.receptionist, language=language)
    body = {"text": "حساسية من الحناء", "is_health": True}

    def write(phone: str) -> Any:
        return desk.post(f"{place.path}/{place.id_of(phone)}/notes", body)

    for phone in (PHONE, "+966511111111"):
        problem = refused(write(phone), 422, "health_consent_missing")
        assert problem["detail"].isascii() is (language == "en")
    consent(sara)
    assert ok(write(PHONE), 201)["is_health"] is True
    refused(write("+966511111111"), 422, "health_consent_missing")


def test_withdrawing_the_consent_takes_every_salons_notes_on_health(place: Place, sara: User) -> None:
    other = UserFactory.create()
    consent(sara)
    consent(other)
    books = [place, Place()]
    for book in books:
        book.visit(sara)
        book.visit(other)
        ok(book.note(book.id_of(), "حساسية من الحناء", is_health=True), 201)
        ok(book.note(book.id_of(other.phone or ""), "حساسية", is_health=True), 201)
        ok(book.note(book.id_of(), "شاي"), 201)
    ok(Api(sara).send("PUT", "me/consents/marketing", body={"granted": False}))
    assert ClientNote.objects.filter(is_health=True).count() == 4
    consent(sara, granted=False)
    for book in books:
        assert book.notes(book.id_of()) == ["شاي"]
        assert book.notes(book.id_of(other.phone or "")) == ["حساسية"]
        refused(book.note(book.id_of(), "حساسية", is_health=True), 422, "health_consent_missing")
    kept = IdempotencyRecord.objects.filter(operation="addSalonClientNote")
    assert kept.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_note_on_health_and_the_end_of_the_consent_meet_and_no_note_is_left(place: Place) -> None:
    sara = UserFactory.create(phone=PHONE)
    place.visit(sara)
    note = partial(
        add_note,
        salon=place.salon,
        client=ClientKey(sara.pk),
        text="حساسية",
        is_health=True,
        author=place.receptionist,
        now=NOW,
    )
    notice_in_force()
    decide = partial(decide_consent, user=sara, purpose="health_notes", means="app", now=NOW)
    for _round in range(10):
        decide(granted=True)
        outcomes = race(note, partial(decide, granted=False), note)
        assert all(isinstance(o, ClientNote | HealthConsentMissing) for o in (outcomes[0], outcomes[2]))
        assert not ClientNote.objects.exists()


# Privacy --------------------------------------------------------------------------------------------------------


def test_a_copy_of_ones_data_holds_what_salons_noted(place: Place, sara: User) -> None:
    place.visit(sara)
    place.visit(UserFactory.create(phone="+966511111111"))
    ok(place.note(place.id_of(), "تأتي مع أختها 0599999999"), 201)
    ok(place.note(place.id_of("+966511111111"), "غيرها"), 201)
    sections = ok(Api(sara).get("me/export"))["sections"]
    assert sections["client_notes"] == [
        {
            "salon": place.salon.name,
            "text": "تأتي مع أختها •••",
            "is_health": False,
            "at": "2026-11-20T12:00:00+03:00",
        }
    ]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_leaving_takes_the_notes_along_those_on_a_guest_too(place: Place, sara: User, language: str) -> None:
    place.visit(sara)
    place.guest("سارة")
    place.guest("هيا", "+966511111111")
    for client in place.find():
        ok(place.note(client["id"], "شاي"), 201)
    left = ok(Api(sara, language=language).send("DELETE", "me"))
    [told] = [row for row in left["erased"] if row["what"] == "client_notes"]
    assert told["count"] == 1
    assert told["title"].isascii() is (language == "en")
    assert ClientNote.objects.get().guest_phone == "+966511111111"
    assert not IdempotencyRecord.objects.filter(
        operation="addSalonClientNote", answer__contains=sara.pk
    ).exists()


def test_notes_on_guests_go_with_the_last_visit_that_leads_to_them(place: Place) -> None:
    place.guest("هيا", "+966511111111", days=-800, state="completed")
    place.guest("سارة", days=-800, state="completed")
    place.guest("سارة", days=-3, state="completed")
    for phone in (PHONE, "+966511111111"):
        ok(place.note(place.id_of(phone), "شاي"), 201)
    list(anonymise(before=NOW - timedelta(days=365), now=NOW, dry_run=False))
    assert ClientNote.objects.get().guest_phone == PHONE
    list(anonymise(before=NOW, now=NOW, dry_run=False))
    assert not ClientNote.objects.exists()
