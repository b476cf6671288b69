"""One salon's bookings through the hands of everyone who meets them, over HTTP, in both languages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from backend.accounts.models import PlatformRole
from tests.accounts.helpers import Inbox, Phone, sign_in
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db
LANGUAGES = ("ar", "en")
MONDAY = "2026-11-23"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with freeze_time("2026-11-22T06:00:00Z") as frozen:  # Sunday, 09:00 in Riyadh
        yield frozen


def at(time: str, day: str = MONDAY) -> str:
    return f"{day}T{time}:00+03:00"


class Desk(Api):
    """A phone or a tablet on the salon's side."""


class Scene:
    """A salon that confirms by hand, two people in it, its desk and its owner."""

    def __init__(self, language: str, **salon: Any) -> None:
        self.language = language
        self.salon, self.service, self.people = open_salon(staff=2, deposit_percent=0, **salon)
        self.receptionist, self.boss = employ(self.salon), employ(self.salon, "owner")
        self.user = UserFactory.create(device_language=language)

    @property
    def phone(self) -> Api:
        """The customer's, signed in a moment ago; so the others."""
        return Api(self.user, language=self.language)

    @property
    def desk(self) -> Desk:
        return Desk(self.receptionist, language=self.language)

    @property
    def owner(self) -> Desk:
        return Desk(self.boss, language=self.language)

    def body(self, starts_at: str, staff: Any = None) -> dict[str, Any]:
        item = {"service_id": str(self.service.pk), "staff_member_id": str(staff.pk) if staff else None}
        return {"items": [item], "starts_at": starts_at}

    def book(self, starts_at: str, **more: Any) -> Any:
        return ok(
            self.phone.post("bookings", self.body(starts_at, **more) | {"salon_id": str(self.salon.pk)}), 201
        )

    def verb(self, who: Api, booking: Any, verb: str, **more: Any) -> Any:
        """One button pressed: the booking as it is afterwards."""
        door = "manage/bookings" if isinstance(who, Desk) else "bookings"
        return ok(who.post(f"{door}/{booking['id']}/{verb}", {"version": booking["version"]} | more))

    def manage(self, path: str) -> str:
        return f"manage/salons/{self.salon.slug}/{path}"


@pytest.fixture(params=LANGUAGES)
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(request.param)


def test_the_customer(scene: Scene, clock: Any, sent: Any) -> None:
    """From the price to the review, with a move of each side in between."""
    words = {"ar": ("بانتظار القبول", "مكتمل"), "en": ("Waiting for the salon", "Completed")}[scene.language]
    phone = scene.phone
    quote = ok(phone.post("quotes", scene.body(at("12:00")) | {"salon_id": str(scene.salon.pk)}))
    assert quote["price"]["amount_minor"] == 11500
    assert quote["price_parts"]["vat"]["amount_minor"] == 1500
    booking = scene.book(at("12:00"))
    assert (booking["state"], booking["state_label"]) == ("requested", words[0])
    booking = scene.verb(scene.desk, booking, "confirm")
    booking = scene.verb(phone, booking, "confirm-attendance")
    assert booking["attendance_confirmed_at"]
    booking = scene.verb(phone, booking, "reschedule", starts_at=at("13:00"))
    assert (booking["moves_left"], booking["attendance_confirmed_at"]) == (2, None)

    booking = scene.verb(scene.desk, booking, "reschedule", starts_at=at("17:00"), reason="مرض")
    assert booking["starts_at"] == at("17:00")
    booking = ok(phone.get(f"bookings/{booking['id']}"))
    assert booking["moved_by_salon"] == {"from": at("13:00")}
    assert {"accept_move", "refuse_move"} <= set(booking["allowed_actions"])
    assert booking["cancellation"]["fee_now"]["amount_minor"] == 0
    booking = scene.verb(phone, booking, "accept-move")
    assert (booking["moved_by_salon"], booking["moves_left"]) == (None, 2)

    clock.move_to("2026-11-23T14:00:00Z")
    booking = scene.verb(scene.desk, booking, "check-in")
    clock.tick(timedelta(hours=1))
    booking = scene.verb(scene.desk, booking, "complete")
    booking = ok(scene.phone.get(f"bookings/{booking['id']}"))
    assert (booking["state"], booking["state_label"]) == ("completed", words[1])
    ok(scene.phone.send("PUT", f"bookings/{booking['id']}/review", body={"rating": 5}))
    events = ok(scene.phone.get(f"bookings/{booking['id']}/events"))["items"]
    assert [event["actor"] for event in events] == [
        "customer", "salon", "customer", "customer", "salon", "customer", "salon", "salon",
    ]  # fmt: skip
    told = sent(scene.user.phone)
    assert len(told) == 4  # received, confirmed, moved by them, moved by the salon
    assert all(any("؀" <= letter <= "ۿ" for letter in text) == (scene.language == "ar") for text in told)


def test_the_customer_refuses_a_move_and_disputes_a_no_show(scene: Scene, clock: Any) -> None:
    moved = scene.verb(scene.desk, scene.book(at("12:00")), "confirm")
    moved = scene.verb(scene.desk, moved, "reschedule", starts_at=at("20:00"))
    refused_move = scene.verb(scene.phone, moved, "refuse-move", reason="لا يناسب")
    assert (refused_move["state"], refused_move["phase"]) == ("cancelled", "cancelled")
    assert at("20:00")[11:16] in {
        slot["starts_at"][11:16]
        for slot in ok(
            scene.phone.get(
                f"salons/{scene.salon.slug}/availability", service_ids=str(scene.service.pk), date=MONDAY
            )
        )["days"][0]["slots"]
    }

    missed = scene.verb(scene.desk, scene.book(at("12:00")), "confirm")
    clock.move_to("2026-11-23T10:00:00Z")
    missed = scene.verb(scene.desk, missed, "no-show")
    clock.move_to("2026-11-25T09:59:00Z")
    told = scene.phone.post(f"bookings/{missed['id']}/dispute-no-show", {"version": missed["version"]})
    refused(told, 400, "validation_failed")
    disputed = scene.verb(scene.phone, missed, "dispute-no-show", reason="كنت هناك")
    assert disputed["no_show"]["disputed_at"]
    settled = scene.verb(scene.owner, disputed, "withdraw-no-show", reason="تأكدنا")
    assert settled["state"] == "completed"
    assert ok(scene.phone.get(f"bookings/{missed['id']}"))["no_show"] is None


def test_the_guest(scene: Scene, settings: Any, sent: Any) -> None:
    """Written down at the desk without an account; later signed in with the same number, it is theirs."""
    guest = {"guest": {"name": "سارة", "phone": "0512345678"}}
    written = ok(scene.desk.post(scene.manage("bookings"), scene.body(at("12:00")) | guest), 201)
    [text] = sent("+966512345678")
    assert written["reference"] in text
    signed_in = sign_in(Phone(), Inbox(Path(settings.CONSOLE_MESSAGES_FILE)))
    phone = Api(language=scene.language)
    phone.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    [found] = ok(phone.get("bookings", phase="upcoming"))["items"]
    assert found["reference"] == written["reference"]
    assert "cancel" in found["allowed_actions"]
    cancelled = scene.verb(phone, found, "cancel")
    assert cancelled["state"] == "cancelled"
    assert ok(scene.desk.get(f"manage/bookings/{written['id']}"))["customer"]["is_guest"] is False


def test_the_receptionist(scene: Scene, clock: Any) -> None:
    """A day at the desk: what waits, who comes in, who is known."""
    clock.move_to("2026-11-23T07:07:00Z")  # 10:07
    waiting = scene.book(at("17:00"))
    desk = scene.desk
    walk_in = scene.body(at("10:07"), scene.people[0]) | {"guest": {"name": "هند", "phone": "٠٥٥٠٠٠٠٠٧٧"}}
    came = ok(desk.post(scene.manage("bookings"), walk_in), 201)
    assert (came["state"], came["customer"]["is_guest"]) == ("confirmed", True)
    refused(desk.post(scene.manage("bookings"), walk_in), 409, "slot_unavailable")
    refused(
        desk.post(scene.manage("bookings"), walk_in | {"overbook_reason": "عروس"}), 403, "permission_denied"
    )

    [day] = ok(desk.get(scene.manage("calendar"), date=MONDAY))["days"]
    shown = {booking["reference"]: booking for booking in day["bookings"]}
    assert set(shown) == {waiting["reference"], came["reference"]}
    assert "confirm" in shown[waiting["reference"]]["allowed_actions"]
    assert "550000077" not in str(day)
    scene.verb(desk, waiting, "confirm")
    came = scene.verb(desk, scene.verb(desk, came, "check-in"), "complete")

    [client] = ok(desk.get(scene.manage("clients"), phone="0550000077"))["items"]
    assert (client["name"], client["visits"], client["is_guest"]) == ("هند", 1, True)
    note = {"text": "تفضّل القهوة بلا سكر", "is_health": False}
    ok(desk.post(scene.manage(f"clients/{client['id']}/notes"), note), 201)
    [kept] = ok(desk.get(scene.manage(f"clients/{client['id']}")))["notes"]
    assert kept["text"] == note["text"]


def test_the_owner(scene: Scene) -> None:
    """One more visit on purpose, with a reason; and which wishes were turned away."""
    noura = scene.people[0]
    first = scene.verb(scene.desk, scene.book(at("12:00"), staff=noura), "confirm")
    other = Api(UserFactory.create(), language=scene.language)
    wish = scene.body(at("12:00"), noura) | {"salon_id": str(scene.salon.pk)}
    refused(other.post("bookings", wish), 409, "slot_unavailable")
    [turned_away] = ok(scene.owner.get(scene.manage("refusals"), date="2026-11-22"))["items"]
    assert turned_away["starts_at"] == at("12:00")
    assert [reason["code"] for reason in turned_away["reasons"]] == ["slot_unavailable"]

    added = scene.body(at("12:00"), noura) | {
        "guest": {"name": "أم العروس"},
        "overbook_reason": "وعدتها المالكة",
    }
    extra = ok(scene.owner.post(scene.manage("bookings"), added), 201)
    assert (extra["is_overbooked"], extra["items"][0]["staff_member"]["id"]) == (True, str(noura.pk))
    events = ok(scene.owner.get(f"manage/bookings/{extra['id']}/events"))["items"]
    assert events[0]["reason"] == "وعدتها المالكة"
    moved = scene.verb(scene.owner, extra, "reschedule", starts_at=at("18:00"))
    assert moved["is_overbooked"] is False
    cancelled = scene.verb(scene.owner, first, "cancel", reason="صيانة")
    assert cancelled["state"] == "cancelled"


def test_support(scene: Scene) -> None:
    """Finds the person by the whole number and sees the visit, and touches nothing."""
    booking = scene.book(at("12:00"))
    supporter = UserFactory.create()
    PlatformRole.objects.create(user=supporter, role="support")
    support = Api(supporter, language=scene.language)
    [found] = ok(support.get("support/people", phone=scene.user.phone))["items"]
    assert booking["reference"] in str(found)
    refused(support.post(f"manage/bookings/{booking['id']}/confirm", {"version": 1}), 404, "not_found")
    refused(support.post(f"bookings/{booking['id']}/cancel", {"version": 1}), 404, "not_found")
    assert ok(scene.phone.get(f"bookings/{booking['id']}"))["version"] == 1
