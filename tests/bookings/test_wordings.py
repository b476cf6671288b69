"""A salon's own words: checked before they are kept, used where they may be, and never a women's salon's name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time

from backend.bookings.models import Wording
from backend.notifications.models import Message
from backend.notifications.sms import sms_units
from backend.salons.models import Salon
from tests.bookings.visits import visit
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
ARABIC = "حياك الله في {salon}\n{day} {date} الساعة {time}\n{ref}"
ENGLISH = "See you at {salon} on {day} {date} at {time}. Booking {ref}"


@pytest.fixture(autouse=True)
def clock() -> Iterator[Any]:
    with freeze_time("2026-11-19T12:00:00Z") as frozen:
        yield frozen


class Place:
    """A men's salon that confirms by itself, its owner and a customer."""

    def __init__(self, **more: Any) -> None:
        wanted = {"deposit_percent": 0, "auto_confirm": True, "audience": "men"} | more
        self.salon, self.service, _ = open_salon(**wanted)
        self.person = employ(self.salon, "owner")
        self.owner = Api(self.person)

    def path(self, kind: str, language: str = "ar") -> str:
        return f"manage/salons/{self.salon.slug}/wordings/{kind}/{language}"

    def put(self, text: Any, *, kind: str = "booking_confirmed", language: str = "ar") -> Any:
        return self.owner.send("PUT", self.path(kind, language), body={"text": text})

    def told(self, language: str = "ar") -> Message:
        customer = UserFactory.create(language=language)
        ok(Api(customer).post("bookings", visit(self.salon, self.service, "2026-11-24T16:00:00+03:00")), 201)
        return Message.objects.get(recipient=customer)


def faults(response: Any) -> list[str]:
    problem = refused(response, 400, "validation_failed")
    assert all(error["pointer"] == "/text" and error["detail"] for error in problem["errors"])
    return [error["code"] for error in problem["errors"]]


def test_the_salon_s_words_reach_its_customers_in_the_language_they_are_for() -> None:
    place = Place()
    shown = ok(place.put(ARABIC))
    assert (shown["text"], shown["is_own"]) == (ARABIC, True)
    assert shown["preview"].startswith("حياك الله في صالون لمسة\n")
    message = place.told()
    assert message.body.startswith("حياك الله في صالون لمسة\nالثلاثاء 24/11 الساعة 4:00 م\nBK")
    assert message.values[:2] == ["صالون لمسة", "الثلاثاء"], "WhatsApp keeps the wording that was approved"
    row = Wording.objects.get()
    assert (row.changed_by, row.kind, row.language) == (place.person, "booking_confirmed", "ar")
    ok(place.put(ENGLISH, language="en"))
    ok(place.owner.send("DELETE", place.path("booking_confirmed")))
    assert not Wording.objects.filter(language="ar").exists()


def test_without_words_of_its_own_a_salon_uses_everybody_s_and_is_asked_for_none() -> None:
    place = Place()
    assert not place.salon.has_own_wordings
    ok(place.put(ENGLISH, language="en"))
    assert Salon.objects.get().has_own_wordings
    dropped = ok(place.owner.send("DELETE", place.path("booking_confirmed", "en")))
    assert not dropped["is_own"]
    assert not Salon.objects.get().has_own_wordings
    ok(place.owner.send("DELETE", place.path("booking_confirmed", "en")))
    assert place.told("en").body.startswith("Your booking at Lamsa Salon is confirmed\n")


def test_the_list_has_every_kind_in_both_languages_with_what_it_may_say() -> None:
    place = Place()
    ok(place.put(ENGLISH, language="en"))
    items = ok(place.owner.get(f"manage/salons/{place.salon.slug}/wordings"))["items"]
    by = {(one["kind"], one["language"]): one for one in items}
    assert len(by) == len(items)
    assert {language for _, language in by} == {"ar", "en"}
    assert {"booking_reminder", "review_request"} <= {kind for kind, _ in by}
    assert not {"booking_requested", "day_summary", "deposit_received"} & {kind for kind, _ in by}
    mine = by["booking_confirmed", "en"]
    assert (mine["text"], mine["is_own"]) == (ENGLISH, True)
    assert mine["placeholders"] == ["salon", "ref", "day", "date", "time"]
    assert mine["required_placeholders"] == ["day", "date", "time", "ref"]
    assert mine["preview"] == "See you at Lamsa Salon on Wednesday 30/12 at 12:30 PM. Booking BK10427"
    assert by["booking_reminder", "en"]["text"].startswith("Reminder of your appointment at {salon}\n")
    for one in items:
        assert "{" not in one["preview"]
        assert "%" not in one["preview"]
        assert sms_units(one["preview"])[1] == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("موعدك {day} {date} الساعة {time}", "placeholder_missing"),
        (ARABIC + " {service}", "placeholder_unknown"),
        (ARABIC + " {amount}", "placeholder_unknown"),
        (ARABIC + " {", "placeholder_broken"),
        (ARABIC + " }{", "placeholder_broken"),
        (ARABIC + " {ref.__class__}", "placeholder_broken"),
        (ARABIC + " {}", "placeholder_broken"),
        (ARABIC + " 15%", "placeholder_broken"),
        (ARABIC + " %(salon)s", "placeholder_broken"),
        (ARABIC.replace("حياك", "حَياك"), "characters_not_allowed"),
        ("موعدك \u202e{ref} {day} {date} {time}", "characters_not_allowed"),
        ("موعدك \u2067{ref} {day} {date} {time}", "characters_not_allowed"),
        ("موعدك\u200f {ref} {day} {date} {time}", "characters_not_allowed"),
        ("موعدك\t{ref} {day} {date} {time}", "characters_not_allowed"),
        ("موعدك {ref} {day} {date} {time} lamsa.sa", "link_not_allowed"),
        ("موعدك {ref} {day} {date} {time} http://x", "link_not_allowed"),
        ("موعدك {ref} {day} {date} {time} www.x", "link_not_allowed"),
        ("Lamsa: {ref} {day} {date} {time}", "starts_in_other_language"),
        ("{salon}: {ref} {day} {date} {time}", "starts_in_other_language"),
        ("أهلا وسهلا ومرحبا بكم في {salon} {day} {date} الساعة {time} {ref}", "too_many_parts"),
    ],
)
def test_what_may_not_be_sent_is_refused_with_its_reason(text: str, code: str) -> None:
    place = Place()
    assert code in faults(place.put(text))
    assert not Wording.objects.exists()


def test_a_text_too_long_is_told_its_length() -> None:
    place = Place()
    body = "حياك الله في {salon}\n{day} {date} الساعة {time}\n{ref}"
    spare = 70 - len(body.format(salon="ص" * 12, day="الأربعاء", date="30/12", time="12:30 م", ref="BK10427"))
    ok(place.put(body + "ا" * spare))
    problem = refused(place.put(body + "ا" * (spare + 1)), 400, "validation_failed")
    [error] = problem["errors"]
    assert (error["code"], error["params"]) == ("too_many_parts", {"units": 71, "parts": 2})
    assert "71" in error["detail"]


@pytest.mark.parametrize("text", [None, 5, "", "x" * 301, "\x00موعدك {ref}", ["موعدك"]])
def test_bodies_that_are_no_text_are_refused(text: Any) -> None:
    refused(Place().put(text), 400, "validation_failed")


@pytest.mark.parametrize(
    ("kind", "language"), [("booking_requested", "ar"), ("nonsense", "ar"), ("booking_confirmed", "fr")]
)
def test_what_cannot_be_reworded_does_not_exist(kind: str, language: str) -> None:
    place = Place()
    refused(place.put(ARABIC, kind=kind, language=language), 404, "not_found")
    refused(place.owner.send("DELETE", place.path(kind, language)), 404, "not_found")


def test_only_owners_choose_words() -> None:
    place = Place()
    for role in ("staff", "receptionist", "manager"):
        desk = Api(employ(place.salon, role))
        refused(desk.get(f"manage/salons/{place.salon.slug}/wordings"), 403, "permission_denied")
        refused(
            desk.send("PUT", place.path("booking_confirmed"), body={"text": ARABIC}), 403, "permission_denied"
        )
        refused(desk.send("DELETE", place.path("booking_confirmed")), 403, "permission_denied")


# Women's salons ----------------------------------------------------------------------------------

DISCREET = "تم تأكيد موعدك\n{day} {date} الساعة {time}\n{ref}"


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_women_s_salon_is_not_named_to_whoever_reads_along(language: str) -> None:
    place = Place(audience="women")
    message = place.told(language)
    said = [message.title, message.body, message.push_body, *message.values]
    for name in ("لمسة", "Lamsa", "قص شعر", "Haircut"):
        assert not any(name in text for text in said), (name, said)
    assert message.values[0] == ("الصالون" if language == "ar" else "the salon")
    assert "24/11" in message.body
    assert "BK" in message.body


@pytest.mark.parametrize(
    "text",
    [
        *(
            DISCREET + " {salon}",
            DISCREET + " صالون لمسة",
            DISCREET + " صـالون لمسه",
            DISCREET + " LAMSA SALON",
        ),
        *(DISCREET + " بصالون لمسة", DISCREET + " ولصالون لمسة", DISCREET + " الصالون لمسة"),
    ],
)
def test_it_may_not_be_named_in_own_words_either(text: str) -> None:
    place = Place(audience="women")
    assert {"placeholder_unknown", "salon_named"} & set(faults(place.put(text)))
    ok(place.put(DISCREET))
    assert place.told().body.startswith("تم تأكيد موعدك\nالثلاثاء 24/11")


def test_words_that_name_a_salon_rest_once_it_is_for_women() -> None:
    place = Place()
    ok(place.put("صالون لمسة بانتظارك\n{day} {date} الساعة {time}\n{ref}"))
    Salon.objects.update(audience="women")
    assert "\nفي الصالون\n" in place.told().body
    item = shown(place, "booking_confirmed", "ar")
    assert "\nفي الصالون\n" in item["text"], "what is shown to its owner is what is said"
    assert not item["is_own"]


def shown(place: Place, kind: str, language: str) -> dict[str, Any]:
    items = ok(place.owner.get(f"manage/salons/{place.salon.slug}/wordings"))["items"]
    return next(item for item in items if (item["kind"], item["language"]) == (kind, language))


@pytest.mark.parametrize(("language", "said"), [("ar", "في الصالون\n"), ("en", "at the salon is")])
def test_a_women_s_salon_sees_what_its_customers_get_and_may_start_from_it(language: str, said: str) -> None:
    place = Place(audience="women")
    item = shown(place, "booking_confirmed", language)
    assert said in item["preview"]
    assert said in item["text"]
    assert ok(place.put(item["text"], language=language))["preview"] == item["preview"]


def test_words_that_place_the_salon_s_name_say_the_salon_once_it_is_for_women() -> None:
    place = Place()
    ok(place.put(ARABIC))
    Salon.objects.update(audience="women")
    assert place.told().body.startswith("حياك الله في الصالون\n")
    item = shown(place, "booking_confirmed", "ar")
    assert item["is_own"]
    assert item["preview"].startswith("حياك الله في الصالون\n")
