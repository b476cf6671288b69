"""An account moves to another number: proven twice, or after a time in which anybody could say no."""

import re
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import (
    Device,
    OtpChallenge,
    PhoneChange,
    PlatformRole,
    PushTarget,
    SupportLook,
    User,
)
from backend.accounts.operations import (
    codes,
    delete_account,
    finish_due_changes,
    phone_changes,
    purge_leftovers,
)
from backend.notifications.models import Message
from backend.notifications.sms import sms_units
from tests.accounts.helpers import PHONE, Phone, ask, sign_in, wrong
from tests.factories import UserFactory
from tests.notifications.conftest import twilio  # noqa: F401  (fixture)
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

NEW = "+966598765432"
NEW_TYPED = "٠٥٩٨٧٦٥٤٣٢"


@pytest.fixture
def user(clock):
    return UserFactory.create(phone=PHONE)


@pytest.fixture(params=["ar", "en"])
def api(request, user):
    return Api(user, language=request.param)


@pytest.fixture
def english_api(user):
    return Api(user, language="en")


def code_to(sent, number):
    return re.search(r"[0-9]{6}", sent(number)[-1]).group()


def begin(api, new_phone=NEW_TYPED, **body):
    return api.post("me/phone-changes", {"new_phone": new_phone, **body})


def confirm(api, change_id, **codes):
    return api.post(f"me/phone-changes/{change_id}/confirm", codes)


def both(sent):
    return {"new_code": code_to(sent, NEW), "old_code": code_to(sent, PHONE)}


# Both numbers at hand


def test_both_codes_move_the_account_at_once(api, user, sent):
    others = [Device.objects.create(user=user) for _ in range(2)]
    PushTarget.objects.create(device=others[0], kind="fid", token="t", stored_at=timezone.now())

    asked = ok(begin(api), 202)
    assert asked == {
        "id": str(PhoneChange.objects.get().pk),
        "new_phone": "05•••••432",
        "needs": ["new", "old"],
        "expires_in_seconds": 300,
    }
    done = ok(confirm(api, asked["id"], **both(sent)))

    assert (done["state"], done["takes_effect_at"]) == ("done", None)
    me = ok(api.get("me"))
    assert (me["id"], me["phone"], me["phone_change"]) == (str(user.pk), NEW, None)
    assert Device.objects.filter(user=user, revoked_at__isnull=True).count() == 1
    assert not PushTarget.objects.exists()
    told = Message.objects.get()
    assert (told.kind, told.to_phone, told.recipient, told.language) == (
        "phone_changed",
        PHONE,
        user,
        api.headers["Accept-Language"],
    )
    assert sent(PHONE)[-1] == told.body


def test_each_text_says_what_its_code_is_for(api, sent):
    ok(begin(api, app_hash="FA+9qCX9VSu"), 202)
    to_new, to_old = sent(NEW)[-1], sent(PHONE)[-1]
    assert to_new.endswith("\nFA+9qCX9VSu")
    assert to_old.startswith("Code to move" if api.headers["Accept-Language"] == "en" else "رمز نقل")
    assert code_to(sent, NEW) != code_to(sent, PHONE)
    assert {sms_units(text)[1] for text in (to_new, to_old)} == {1}


def test_confirming_again_is_the_same_answer(english_api, sent):
    asked = ok(begin(english_api), 202)
    codes = both(sent)
    first = ok(confirm(english_api, asked["id"], **codes))
    assert ok(confirm(english_api, asked["id"], **codes)) == first
    assert Message.objects.count() == 1


def test_the_number_given_up_opens_a_new_account(english_api, user, sent, inbox, clock):
    asked = ok(begin(english_api), 202)
    ok(confirm(english_api, asked["id"], **both(sent)))
    clock.tick(timedelta(minutes=2))
    assert sign_in(Phone(), inbox)["user"]["id"] != str(user.pk)
    assert sign_in(Phone(), inbox, phone=NEW)["user"]["id"] == str(user.pk)


@pytest.mark.parametrize("which", ["new", "old"])
def test_one_wrong_code_moves_nothing_and_is_named(api, user, sent, which):
    asked = ok(begin(api), 202)
    codes = both(sent)
    problem = refused(
        confirm(api, asked["id"], **codes | {f"{which}_code": wrong(codes[f"{which}_code"])}),
        400,
        "otp_invalid",
    )
    assert problem["params"] == {"attempts_left": 4, "wrong": [which]}
    user.refresh_from_db()
    assert user.phone == PHONE
    assert ok(confirm(api, asked["id"], **codes))["state"] == "done"


def test_five_wrong_tries_end_it(english_api, sent):
    asked = ok(begin(english_api), 202)
    codes = both(sent)
    for _ in range(5):
        refused(
            confirm(english_api, asked["id"], **codes | {"old_code": wrong(codes["old_code"])}),
            400,
            "otp_invalid",
        )
    refused(confirm(english_api, asked["id"], **codes), 429, "otp_too_many_attempts")


def test_the_old_code_is_not_optional(english_api, sent):
    asked = ok(begin(english_api), 202)
    problem = refused(
        confirm(english_api, asked["id"], new_code=code_to(sent, NEW)), 400, "validation_failed"
    )
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/old_code", "field_required")]


def test_codes_die_after_five_minutes(english_api, sent, clock):
    asked = ok(begin(english_api), 202)
    clock.tick(timedelta(minutes=5))
    refused(confirm(english_api, asked["id"], **both(sent)), 400, "otp_expired")
    clock.tick(timedelta(minutes=6))
    assert finish_due_changes(timezone.now()) == 1
    assert PhoneChange.objects.get().state == "stopped"


def test_a_newer_change_replaces_the_open_one(english_api, user, sent, clock):
    first = ok(begin(english_api), 202)
    codes = both(sent)
    clock.tick(timedelta(seconds=61))
    second = ok(begin(english_api, "0598765433"), 202)
    refused(confirm(english_api, first["id"], **codes), 400, "otp_expired")
    codes = {"new_code": code_to(sent, "+966598765433"), "old_code": code_to(sent, PHONE)}
    assert ok(confirm(english_api, second["id"], **codes))["state"] == "done"


def test_codes_are_bound_to_their_purpose(english_api, user, sent, inbox):
    """A code that moves an account signs nobody in, and a sign-in code moves nothing."""
    asked = ok(begin(english_api), 202)
    change = PhoneChange.objects.get()
    for challenge in (change.new_code, change.old_code):
        body = {"otp_request_id": str(challenge.pk), "code": code_to(sent, challenge.phone)}
        refused(Api().post("auth/otp-verifications", body), 400, "otp_expired")
    with pytest.raises(IntegrityError), transaction.atomic():
        OtpChallenge.objects.filter(pk=change.new_code_id).update(user=None)
    assert asked["id"] not in {str(change.new_code_id), str(change.old_code_id)}


# Somebody else's number


def test_a_number_with_an_account_gets_the_same_answer_and_no_code(api, sent):
    owner = UserFactory.create(phone=NEW)
    free = ok(begin(Api(UserFactory.create()), "0598765499"), 202)
    taken = ok(begin(api), 202)
    assert free.keys() == taken.keys()
    assert (taken["needs"], taken["expires_in_seconds"]) == (free["needs"], free["expires_in_seconds"])
    [text] = sent(NEW)
    assert not re.search("[0-9]", text)
    assert sms_units(text)[1] == 1
    problem = refused(
        confirm(api, taken["id"], new_code="482913", old_code=code_to(sent, PHONE)), 400, "otp_invalid"
    )
    assert problem["params"]["wrong"] == ["new"]
    owner.refresh_from_db()
    assert owner.phone == NEW


def test_a_number_taken_meanwhile_is_not_taken_twice(api, user, sent):
    asked = ok(begin(api), 202)
    UserFactory.create(phone=NEW)
    refused(confirm(api, asked["id"], **both(sent)), 409, "phone_taken")
    user.refresh_from_db()
    assert (user.phone, PhoneChange.objects.get().state) == (PHONE, "failed")
    assert not Message.objects.exists()


def test_ones_own_number_is_no_change(api, sent):
    problem = refused(begin(api, "0512345678"), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/new_phone", "phone_unchanged")]
    assert sent() == []


def test_numbers_that_are_none_are_refused_before_anything_is_sent(english_api, sent):
    for number, code in (("0112345678", "phone_invalid"), ("+971501234567", "phone_not_supported")):
        problem = refused(begin(english_api, number), 400, "validation_failed")
        assert problem["errors"][0]["code"] == code
    assert sent() == []


def test_a_code_just_sent_to_either_number_means_waiting_and_costs_nothing(english_api, user, sent, clock):
    assert ask(Phone()).status_code == 202
    for _ in range(2):
        assert refused(begin(english_api), 429, "otp_resend_wait")["retry_after"] == 60
    assert sent(NEW) == []
    clock.tick(timedelta(seconds=61))
    ok(begin(english_api), 202)


@pytest.mark.parametrize("taken", [False, True])
def test_a_new_number_that_carriers_refuse_is_refused_alike(api, sent, twilio, settings, taken):  # noqa: F811
    """Whoever it belongs to: the text goes out in either case. Nothing stays counted, so the next one may follow."""
    if taken:
        UserFactory.create(phone=NEW)
    settings.OTP_PROVIDER = ["twilio"]
    twilio.answers((400, 21211))
    problem = refused(begin(api), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/new_phone", "phone_invalid")]
    assert len(twilio.sent) == 1
    assert not PhoneChange.objects.exists()
    settings.OTP_PROVIDER = ["console"]
    ok(begin(api), 202)


def test_the_device_that_gives_the_codes_stays(english_api, user, sent):
    asked = ok(begin(english_api), 202)
    second = Api(user)
    ok(confirm(second, asked["id"], **both(sent)))
    assert ok(second.get("me"))["phone"] == NEW
    refused(english_api.get("me"), 401, "session_revoked")


def test_five_changes_an_hour(english_api, clock):
    for number in range(5):
        ok(begin(english_api, f"059876543{number}", without_old=True), 202)
    refused(begin(english_api, "0598765439", without_old=True), 429, "rate_limited")


def test_somebody_elses_change_does_not_exist(english_api, sent):
    asked = ok(begin(english_api), 202)
    stranger = Api(UserFactory.create())
    refused(confirm(stranger, asked["id"], **both(sent)), 404, "not_found")
    refused(stranger.send("DELETE", f"me/phone-changes/{asked['id']}"), 404, "not_found")
    # Nor is a change that no one else began open to the public door.
    refused(Api().post(f"auth/phone-changes/{asked['id']}/confirm", {"new_code": "482913"}), 404, "not_found")
    refused(confirm(english_api, uuid.uuid4(), **both(sent)), 404, "not_found")


# Without the old number


def cool(api, sent):
    asked = ok(begin(api, without_old=True), 202)
    assert asked["needs"] == ["new"]
    assert sent(PHONE) == []
    return ok(confirm(api, asked["id"], new_code=code_to(sent, NEW)))


def test_without_the_old_number_it_cools(api, user, sent, clock):
    other = Device.objects.create(user=user)

    cooling = cool(api, sent)

    assert cooling["state"] == "cooling"
    assert cooling["takes_effect_at"] == "2026-11-23T21:30:00+03:00"
    me = ok(api.get("me"))
    assert (me["phone"], me["phone_change"]) == (PHONE, cooling)
    [warning] = sent(PHONE)
    assert "23/11" in warning
    assert "9:30" in warning
    assert sms_units(warning)[1] == 1

    clock.tick(timedelta(hours=71, minutes=59))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone == PHONE
    clock.tick(timedelta(minutes=1))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone == NEW
    assert PhoneChange.objects.get().state == "done"
    assert Message.objects.filter(to_phone=PHONE, kind="phone_changed").exists()
    other.refresh_from_db()
    assert other.revoked_at is not None
    assert Device.objects.get(revoked_at__isnull=True).user == user
    call_command("tick")
    assert Message.objects.count() == 2


def test_anybody_signed_in_can_stop_it(api, user, sent, inbox, clock):
    cooling = cool(api, sent)
    other = Api(user)
    assert ok(other.get("me"))["phone_change"]["id"] == cooling["id"]
    for _ in range(2):
        ok(other.send("DELETE", f"me/phone-changes/{cooling['id']}"), 204)
    assert ok(api.get("me"))["phone_change"] is None
    clock.tick(timedelta(days=4))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone == PHONE
    refused(confirm(Api(user), cooling["id"], new_code="482913"), 400, "otp_expired")


def test_what_has_taken_effect_cannot_be_stopped(english_api, sent):
    asked = ok(begin(english_api), 202)
    ok(confirm(english_api, asked["id"], **both(sent)))
    refused(english_api.send("DELETE", f"me/phone-changes/{asked['id']}"), 409, "phone_change_over")


def test_a_number_that_went_to_somebody_else_while_cooling(english_api, user, sent, clock):
    cool(english_api, sent)
    UserFactory.create(phone=NEW)
    clock.tick(timedelta(hours=72))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone == PHONE
    assert PhoneChange.objects.get().state == "failed"
    assert Device.objects.get(user=user).revoked_at is None


def test_a_closed_account_does_not_come_back(english_api, user, sent, clock):
    cool(english_api, sent)
    User.objects.filter(pk=user.pk).update(phone=None, name="", deleted_at=timezone.now())
    clock.tick(timedelta(hours=72))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone is None
    assert PhoneChange.objects.get().state == "failed"


def test_the_cooling_period_is_a_setting(english_api, sent, settings):
    settings.PHONE_CHANGE_COOLING = timedelta(hours=24)
    assert cool(english_api, sent)["takes_effect_at"] == "2026-11-21T21:30:00+03:00"


def test_a_change_that_is_over_is_forgotten_with_the_texts_that_told_of_it(english_api, user, sent, clock):
    """It holds a number the person has no more, or one that was never theirs."""
    cooling = cool(english_api, sent)
    ok(english_api.send("DELETE", f"me/phone-changes/{cooling['id']}"), 204)
    clock.tick(timedelta(days=90))
    purge_leftovers(timezone.now())
    assert PhoneChange.objects.get().state == "stopped"
    clock.tick(timedelta(seconds=1))
    assert purge_leftovers(timezone.now()) > 0
    assert not PhoneChange.objects.exists()


@pytest.mark.parametrize("act", ["confirm", "stop", "finish"])
def test_a_change_whose_account_goes_meanwhile_is_not_there(english_api, user, sent, clock, monkeypatch, act):
    change = ok(begin(english_api), 202) if act == "confirm" else cool(english_api, sent)
    locked = phone_changes._locked

    def and_the_account_goes_first(row):
        delete_account(user=user, now=timezone.now())
        return locked(row)

    monkeypatch.setattr(phone_changes, "_locked", and_the_account_goes_first)
    clock.tick(timedelta(minutes=1))
    if act == "confirm":
        refused(confirm(english_api, change["id"], **both(sent)), 404, "not_found")
    elif act == "stop":
        refused(english_api.send("DELETE", f"me/phone-changes/{change['id']}"), 404, "not_found")
    else:
        assert finish_due_changes(timezone.now() + timedelta(days=4)) == 0


# With support


@pytest.fixture
def supporter(clock):
    person = UserFactory.create()
    PlatformRole.objects.create(user=person, role="support")
    return person


def assist(supporter, person_id, new_phone=NEW_TYPED, *, language="en", **body):
    body = {"new_phone": new_phone, "reason": "Old SIM lost, ID seen"} | body
    return Api(supporter, language=language).post(f"support/people/{person_id}/phone-changes", body)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_support_begins_the_person_proves_and_time_passes(user, supporter, sent, clock, language):
    phone = Device.objects.create(user=user)
    asked = ok(assist(supporter, user.pk, language=language), 202)
    assert (asked["needs"], asked["new_phone"]) == (["new"], "05•••••432")

    stranger = Api(language=language)
    path = f"auth/phone-changes/{asked['id']}/confirm"
    refused(stranger.post(path, {"new_code": wrong(code_to(sent, NEW))}), 400, "otp_invalid")
    cooling = ok(stranger.post(path, {"new_code": code_to(sent, NEW)}))
    assert (cooling["state"], cooling["takes_effect_at"]) == ("cooling", "2026-11-23T21:30:00+03:00")
    assert len(sent(PHONE)) == 1
    assert ok(Api(user).get("me"))["phone_change"]["id"] == asked["id"]

    clock.tick(timedelta(hours=72))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone == NEW
    phone.refresh_from_db()
    assert phone.revoked_at is not None
    assert not Device.objects.filter(user=user, revoked_at__isnull=True).exists()
    change = PhoneChange.objects.get()
    assert (change.assisted_by, change.reason) == (supporter, "Old SIM lost, ID seen")


def test_the_person_can_stop_what_support_began(user, supporter, sent, inbox, clock):
    asked = ok(assist(supporter, user.pk), 202)
    ok(Api().post(f"auth/phone-changes/{asked['id']}/confirm", {"new_code": code_to(sent, NEW)}))
    # The text to the old number says how: sign in with it.
    back = sign_in(Phone(), inbox)
    owner = Api()
    owner.headers["Authorization"] = f"Bearer {back['access_token']}"
    ok(owner.send("DELETE", f"me/phone-changes/{asked['id']}"), 204)
    clock.tick(timedelta(hours=73))
    call_command("tick")
    assert User.objects.get(pk=user.pk).phone == PHONE


def test_each_beginning_is_recorded_whatever_comes_of_it(user, supporter, clock):
    taken = UserFactory.create()
    admin = UserFactory.create()
    PlatformRole.objects.create(user=admin, role="platform_admin")
    refused(assist(supporter, user.pk, taken.phone), 409, "phone_taken")
    refused(assist(supporter, uuid.uuid4()), 404, "not_found")
    refused(assist(supporter, admin.pk), 403, "permission_denied")
    refused(assist(supporter, supporter.pk), 403, "permission_denied")
    ok(assist(supporter, user.pk), 202)
    looks = SupportLook.objects.all()
    assert Counter(look.person for look in looks) == Counter([user, None, admin, supporter, user])
    assert {(look.by, look.what) for look in looks} == {(supporter, "phone_change")}
    assert {look.asked_for for look in looks} == {f"05•••••{taken.phone[-3:]}", "05•••••432"}
    assert all(look.request_id for look in looks)


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_support_moves_nobody_who_may_open_the_console(user, supporter, sent, clock, flag):
    User.objects.filter(pk=user.pk).update(**{flag: True})
    refused(assist(supporter, user.pk), 403, "permission_denied")
    assert sent(NEW) == []


def test_a_change_asked_while_the_account_is_deleted_leaves_no_number(english_api, user, monkeypatch):
    send_code = codes.send_code

    def and_meanwhile_it_goes(*args, **kwargs):
        send_code(*args, **kwargs)
        if not User.objects.filter(pk=user.pk, deleted_at__isnull=False).exists():
            delete_account(user=user, now=timezone.now())

    monkeypatch.setattr(codes, "send_code", and_meanwhile_it_goes)
    refused(begin(english_api), 401, "session_revoked")
    assert not PhoneChange.objects.exists()
    assert not OtpChallenge.objects.exists()


def test_a_reason_is_due(user, supporter):
    problem = refused(assist(supporter, user.pk, reason="  "), 400, "validation_failed")
    assert problem["errors"][0]["pointer"] == "/reason"


@pytest.mark.parametrize("role", [None, "finance", "platform_admin"])
def test_only_support_begins_changes(user, role, clock):
    person = UserFactory.create()
    if role:
        PlatformRole.objects.create(user=person, role=role)
    refused(assist(person, user.pk), 403, "permission_denied")
    refused(Api().post(f"support/people/{user.pk}/phone-changes", {}), 401, "auth_required")
    assert not SupportLook.objects.exists()


# What the database itself refuses


def test_the_database_keeps_the_promises(user, clock):
    now = timezone.now()
    good = {"user": user, "old_phone": PHONE, "new_phone": NEW, "needs_old": False, "created_at": now}
    PhoneChange.objects.create(**good)
    for wrong_values in (
        {},  # a second open one
        {"state": "done", "finished_at": now},  # never cooled
        {"state": "done", "takes_effect_at": now + timedelta(hours=1), "finished_at": now},  # too early
        {"state": "cooling", "takes_effect_at": now, "needs_old": True},
        {"state": "stopped"},
        {"state": "stopped", "finished_at": now, "new_phone": PHONE},
        {"state": "stopped", "finished_at": now, "assisted_by": user},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PhoneChange.objects.create(**good | wrong_values)
