"""Where pushes go: to the device that said so last, and nowhere once it is signed out."""

from functools import partial

import pytest

from backend.accounts import operations
from backend.accounts.models import Device, PushTarget, User
from tests.accounts.helpers import INSTALLATION, Phone, bearer, sign_in
from tests.support.race import race

pytestmark = pytest.mark.django_db
TOKEN = "dQw4w9WgXcQ:APA91b" + "x" * 140
OTHER = "00000000-0000-4000-8000-000000000001"


def put(pair, token=TOKEN, kind="fcm_token", **more):
    body = {"token": token, "kind": kind, **more}
    client = bearer(pair["access_token"])
    return client.put("/api/v1/devices/current/push-token", body, format="json")


def holders():
    return [str(target.device.user.phone) for target in PushTarget.objects.select_related("device__user")]


def test_a_device_says_where_it_is_reached(english, inbox, clock):
    pair = sign_in(english, inbox)
    answer = put(pair)
    assert (answer.status_code, answer.content) == (204, b"")
    target = PushTarget.objects.get()
    assert (target.token, target.kind, target.device) == (TOKEN, "fcm_token", Device.objects.get())
    assert target.stored_at.isoformat() == "2026-11-20T18:30:00+00:00"
    clock.tick(60)
    assert put(pair, "cRANDOMfid0123456789ab", "fid").status_code == 204
    target = PushTarget.objects.get()
    assert (target.token, target.kind) == ("cRANDOMfid0123456789ab", "fid")
    assert target.stored_at.isoformat() == "2026-11-20T18:31:00+00:00"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"token": ""}, "/token", "field_blank"),
        ({"token": "two words"}, "/token", "invalid_format"),
        ({"token": "x" * 1025}, "/token", "too_long"),
        ({"token": 17}, "/token", "wrong_type"),
        ({"kind": "pigeon"}, "/kind", "invalid_choice"),
        ({"colour": "red"}, "/colour", "unknown_field"),
    ],
)
def test_wrong_bodies_are_refused(english, inbox, clock, body, pointer, code):
    answer = put(sign_in(english, inbox), **({"token": TOKEN} | body))
    assert answer.status_code == 400
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
    assert not PushTarget.objects.exists()


def test_strangers_are_asked_to_sign_in(english):
    answer = english.put("/api/v1/devices/current/push-token", {"token": TOKEN, "kind": "fid"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")


def test_a_target_has_one_person_at_a_time(english, inbox, clock):
    first = sign_in(english, inbox, installation=INSTALLATION)
    second = sign_in(english, inbox, phone="0598765432", installation=OTHER)
    put(first)
    put(second)
    assert holders() == ["+966598765432"]


def test_signing_in_on_the_same_phone_moves_the_target(english, inbox, clock):
    put(sign_in(english, inbox))
    sign_in(english, inbox, phone="0598765432")
    assert holders() == ["+966598765432"]
    clock.tick(61)
    sign_in(english, inbox)
    assert holders() == ["+966512345678"]
    assert PushTarget.objects.get().device.revoked_at is None


def test_signing_in_elsewhere_moves_nothing(english, inbox, clock):
    put(sign_in(english, inbox))
    sign_in(english, inbox, phone="0598765432", installation=OTHER)
    sign_in(english, inbox, phone="0598765433", installation=None)
    assert holders() == ["+966512345678"]


@pytest.mark.parametrize("way", ["logout", "everywhere", "revoked", "copied"])
def test_signing_out_forgets_it(english, inbox, clock, way):
    pair = sign_in(english, inbox)
    put(pair)
    client = bearer(pair["access_token"])
    if way == "revoked":
        device = client.get("/api/v1/devices").json()["items"][0]
        assert client.delete(f"/api/v1/devices/{device['id']}").status_code == 204
    elif way == "copied":
        for _ in range(3):
            refresh = {"refresh_token": pair["refresh_token"]}
            client.post("/api/v1/auth/token-refreshes", refresh, format="json")
            clock.tick(61)
    else:
        body = {"refresh_token": pair["refresh_token"], "everywhere": way == "everywhere"}
        assert client.post("/api/v1/auth/logout", body, format="json").status_code == 204
    assert Device.objects.get().revoked_at is not None
    assert not PushTarget.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_phones_bringing_one_token_leave_one_holder():
    devices = [Device.objects.create(user=User.objects.create_user(f"+96651234567{n}")) for n in range(6)]
    now = devices[0].created_at
    race(
        *[
            partial(operations.keep_push_target, device=device, kind="fid", token=TOKEN, now=now)
            for device in devices
        ]
    )
    assert PushTarget.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_device_signed_out_meanwhile_keeps_no_target():
    device = Device.objects.create(user=User.objects.create_user("+966512345678"))
    operations.end_sessions(Device.objects.all(), now=device.created_at)
    with pytest.raises(operations.SessionRevoked):
        operations.keep_push_target(device=device, kind="fid", token=TOKEN, now=device.created_at)


def test_phones_speak_arabic_too(arabic, inbox, clock):
    answer = put(sign_in(arabic, inbox), token="two words")
    assert answer.status_code == 400
    assert isinstance(arabic, Phone)
