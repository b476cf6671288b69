import uuid
from datetime import timedelta

import jwt
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from backend.accounts.api.authentication import DeviceAuthentication
from backend.accounts.models import Device, User
from tests.accounts.helpers import Phone, bearer, refresh, sign_in

pytestmark = pytest.mark.django_db

ENDED = {
    "session_expired": {
        "ar": "انتهت الجلسة. يرجى تسجيل الدخول من جديد.",
        "en": "Your session has ended. Please sign in again.",
    },
    "session_revoked": {
        "ar": "تم تسجيل الخروج من هذا الجهاز. يرجى تسجيل الدخول من جديد.",
        "en": "This device has been signed out. Please sign in again.",
    },
    "refresh_reused": {
        "ar": "تم تسجيل الخروج من هذا الجهاز حفاظا على أمان الحساب. يرجى تسجيل الدخول من جديد.",
        "en": "This device has been signed out for your safety. Please sign in again.",
    },
    "token_expired": {"ar": "يلزم تجديد تسجيل الدخول.", "en": "Your sign-in needs to be renewed."},
    "token_invalid": {
        "ar": "تعذر التعرف على تسجيل الدخول. يرجى تسجيل الدخول من جديد.",
        "en": "Your sign-in could not be recognised. Please sign in again.",
    },
    "auth_required": {"ar": "يرجى تسجيل الدخول للمتابعة.", "en": "Please sign in to continue."},
}


def assert_refused(call, code):
    """`call(client headers)` is a 401 of this code, told in both languages."""
    for language in ("ar", "en"):
        answer = call(language)
        assert answer.status_code == 401, answer.content
        assert (answer.json()["code"], answer.json()["detail"]) == (code, ENDED[code][language])
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def me(token, language="en"):
    return bearer(token, HTTP_ACCEPT_LANGUAGE=language).get("/api/v1/me")


def refreshed(token, language="en"):
    return refresh(Phone(HTTP_ACCEPT_LANGUAGE=language), token)


@pytest.fixture
def pair(english, inbox, clock):
    return sign_in(english, inbox)


def test_a_pair_is_exchanged_for_the_next(pair, clock):
    clock.tick(timedelta(minutes=12))
    answer = refreshed(pair["refresh_token"])
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    new = answer.json()
    assert set(new) == {
        "access_token",
        "access_expires_in_seconds",
        "refresh_token",
        "refresh_expires_in_seconds",
    }
    assert new["refresh_token"] != pair["refresh_token"]
    assert (new["access_expires_in_seconds"], new["refresh_expires_in_seconds"]) == (900, 5_184_000)
    assert me(new["access_token"]).status_code == 200
    assert me(pair["access_token"]).status_code == 200


def test_a_lost_answer_is_given_again(pair, clock):
    first = refreshed(pair["refresh_token"]).json()
    clock.tick(timedelta(seconds=60))
    again = refreshed(pair["refresh_token"])
    assert again.status_code == 200
    assert again.json()["refresh_token"] == first["refresh_token"]
    assert again.json()["access_token"] == first["access_token"]


def test_later_than_a_minute_it_is_a_copy_and_the_session_ends(pair, clock):
    new = refreshed(pair["refresh_token"]).json()
    clock.tick(timedelta(seconds=61))
    answer = refreshed(pair["refresh_token"], "ar")
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_reused")
    assert answer.json()["detail"] == ENDED["refresh_reused"]["ar"]
    assert_refused(lambda language: refreshed(new["refresh_token"], language), "session_revoked")
    assert_refused(lambda language: me(new["access_token"], language), "session_revoked")


def test_only_the_last_but_one_has_grace(pair, clock):
    second = refreshed(pair["refresh_token"]).json()
    refreshed(second["refresh_token"])
    answer = refreshed(pair["refresh_token"])
    assert (answer.json()["code"], answer.json()["detail"]) == (
        "refresh_reused",
        ENDED["refresh_reused"]["en"],
    )


def test_sixty_days_without_a_visit(pair, clock):
    clock.tick(timedelta(days=60, seconds=31))
    assert_refused(lambda language: refreshed(pair["refresh_token"], language), "session_expired")


def test_what_is_no_refresh_token(pair, clock):
    forged = jwt.encode(jwt.decode(pair["refresh_token"], options={"verify_signature": False}), "x" * 40)
    for token in ("nonsense", "a.b.c", "رمز", pair["access_token"], forged):
        assert_refused(lambda language, token=token: refreshed(token, language), "session_revoked")
    assert refreshed(pair["refresh_token"]).status_code == 200


@pytest.mark.parametrize("path", ["token-refreshes", "logout"])
@pytest.mark.parametrize("token", [123, True, 1.5, [], {}, None])
def test_a_token_is_text(english, clock, path, token):
    answer = english.post(f"/api/v1/auth/{path}", {"refresh_token": token}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == ("field_null" if token is None else "wrong_type")


def test_the_token_of_an_account_that_is_gone(pair, clock):
    User.objects.update(phone=None, deleted_at="2026-11-20T00:00:00Z")
    assert_refused(lambda language: refreshed(pair["refresh_token"], language), "session_revoked")
    assert_refused(lambda language: me(pair["access_token"], language), "session_revoked")


def test_the_token_of_an_account_that_was_erased(pair, clock):
    User.objects.all().delete()
    assert_refused(lambda language: refreshed(pair["refresh_token"], language), "session_revoked")
    assert_refused(lambda language: me(pair["access_token"], language), "session_revoked")


def test_a_suspended_account_is_told_so(pair, clock):
    User.objects.update(is_active=False)
    for answer in (refreshed(pair["refresh_token"]), me(pair["access_token"])):
        assert (answer.status_code, answer.json()["code"]) == (403, "account_suspended")


def test_an_access_token_lasts_a_quarter_of_an_hour_and_thirty_seconds(pair, clock):
    clock.tick(timedelta(minutes=15, seconds=29))
    assert me(pair["access_token"]).status_code == 200
    clock.tick(timedelta(seconds=2))
    assert_refused(lambda language: me(pair["access_token"], language), "token_expired")


def test_what_is_no_access_token(pair, clock):
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none")
    nobodys = jwt.encode(claims | {"sid": "x"}, django_settings.SIGNING_KEY)
    bare = jwt.encode({"sub": claims["sub"]}, django_settings.SIGNING_KEY)
    for token in ("", "a b", "رمز", "a.b.c", pair["refresh_token"], unsigned, nobodys, bare):
        assert_refused(lambda language, token=token: me(token, language), "token_invalid")
    stranger = jwt.encode(claims | {"sub": str(uuid.uuid4())}, django_settings.SIGNING_KEY)
    assert_refused(lambda language: me(stranger, language), "session_revoked")


def test_without_a_token(clock):
    for headers in ({}, {"HTTP_AUTHORIZATION": "Basic YTpi"}):
        assert_refused(
            lambda language, headers=headers: Phone(HTTP_ACCEPT_LANGUAGE=language, **headers).get(
                "/api/v1/me"
            ),
            "auth_required",
        )


def test_an_expired_token_does_not_spoil_sign_in(pair, clock, inbox):
    clock.tick(timedelta(hours=1))
    assert sign_in(bearer(pair["access_token"]), inbox)["is_new_user"] is False


def test_a_token_is_checked_by_one_indexed_read_and_no_write(pair, clock):
    """Hours after it was last seen, too: a device in use is noted when it renews its tokens."""
    Device.objects.update(last_seen_at="2026-11-20T00:00:00Z")
    request = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {pair['access_token']}"})
    with CaptureQueriesContext(connection) as asked:
        user, device = DeviceAuthentication().authenticate(Request(request))
    assert (user, device) == (User.objects.get(), Device.objects.get())
    [sql] = [query["sql"] for query in asked.captured_queries]
    assert sql.startswith("SELECT")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + sql)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert plan.count("Index Scan") == 2, plan  # the device by its key, its person by theirs
    assert "Seq Scan" not in plan


def test_asking_costs_one_read(pair, clock, django_assert_num_queries):
    client = bearer(pair["access_token"])
    with django_assert_num_queries(
        3
    ):  # the device with its person; what `me` adds: roles, a change of number
        client.get("/api/v1/me", HTTP_ACCEPT_LANGUAGE="en")


def test_being_here_is_noted_when_tokens_are_renewed(pair, clock):
    began = Device.objects.get().last_seen_at
    clock.tick(timedelta(minutes=10))
    me(pair["access_token"])
    assert Device.objects.get().last_seen_at == began
    refreshed(pair["refresh_token"])
    assert Device.objects.get().last_seen_at == began + timedelta(minutes=10)


# Leaving


def logout(token, **body):
    return Phone().post("/api/v1/auth/logout", {"refresh_token": token, **body}, format="json")


def test_signing_out(pair, clock):
    assert logout(pair["refresh_token"]).status_code == 204
    assert_refused(lambda language: me(pair["access_token"], language), "session_revoked")
    assert_refused(lambda language: refreshed(pair["refresh_token"], language), "session_revoked")


def test_signing_out_always_succeeds(pair, clock):
    clock.tick(timedelta(days=90))
    for token in (pair["refresh_token"], pair["refresh_token"], "nonsense"):
        answer = logout(token)
        assert (answer.status_code, answer.content) == (204, b"")


def test_signing_out_here_or_everywhere(english, inbox, clock):
    phones = []
    for _ in range(3):
        phones.append(sign_in(english, inbox, installation=str(uuid.uuid4())))
        clock.tick(timedelta(minutes=2))
    stranger = sign_in(english, inbox, phone="0598765432", installation=str(uuid.uuid4()))

    logout(phones[0]["refresh_token"], everywhere=False)
    assert [me(phone["access_token"]).status_code for phone in phones] == [401, 200, 200]
    # What has been signed out has no say any more.
    logout(phones[0]["refresh_token"], everywhere=True)
    assert [me(phone["access_token"]).status_code for phone in phones] == [401, 200, 200]
    logout(phones[1]["refresh_token"], everywhere=True)
    assert [me(phone["access_token"]).status_code for phone in phones] == [401, 401, 401]
    assert me(stranger["access_token"]).status_code == 200


# Devices


def test_devices_are_listed_and_signed_out(english, inbox, clock):
    old = sign_in(english, inbox, installation=str(uuid.uuid4()))
    clock.tick(timedelta(minutes=2))
    new = sign_in(english, inbox, installation=str(uuid.uuid4()))
    client = bearer(new["access_token"])

    items = client.get("/api/v1/devices").json()["items"]

    assert [item["current"] for item in items] == [True, False]
    assert items[0] | {"id": ""} == {
        "id": "",
        "platform": "android",
        "name": "Pixel 9",
        "app_version": "",
        "created_at": "2026-11-20T21:32:00+03:00",
        "last_seen_at": "2026-11-20T21:32:00+03:00",
        "current": True,
    }
    assert client.delete(f"/api/v1/devices/{items[1]['id']}").status_code == 204
    assert client.delete(f"/api/v1/devices/{items[1]['id']}").status_code == 204
    assert_refused(lambda language: me(old["access_token"], language), "session_revoked")
    assert len(client.get("/api/v1/devices").json()["items"]) == 1


def test_somebody_elses_device_is_not_there(english, inbox, clock):
    mine = sign_in(english, inbox)
    sign_in(english, inbox, phone="0598765432")
    theirs = Device.objects.get(user__phone="+966598765432")
    client = bearer(mine["access_token"], HTTP_ACCEPT_LANGUAGE="en")
    for device_id in (theirs.pk, uuid.uuid4()):
        answer = client.delete(f"/api/v1/devices/{device_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    theirs.refresh_from_db()
    assert theirs.revoked_at is None
