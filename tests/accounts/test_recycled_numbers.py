"""Numbers are handed out again: a long-dormant account says little to whoever opens it on a new device."""

import uuid
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import Consent, Device, PhoneChange, PlatformRole, PrivacyNotice, User
from backend.accounts.names import same_name
from tests.accounts.helpers import INSTALLATION, PHONE, Phone, sign_in
from tests.factories import UserFactory, employ, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db

NAME = "نورة العتيبي"
OTHER = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
def owner(clock):
    """Somebody whose only device was last seen 180 days ago."""
    user = UserFactory.create(
        phone=PHONE, name=NAME, gender="female", joined_at=timezone.now() - timedelta(days=400)
    )
    Device.objects.create(
        user=user,
        installation_id=OTHER,
        name="Old phone",
        created_at=timezone.now() - timedelta(days=400),
        last_seen_at=timezone.now() - timedelta(days=180),
    )
    return user


@pytest.fixture(params=["ar", "en"])
def language(request):
    return request.param


def signed_in(inbox, language="en", installation=INSTALLATION):
    body = sign_in(Phone(HTTP_ACCEPT_LANGUAGE=language), inbox, installation=installation)
    api = Api(language=language)
    api.headers["Authorization"] = f"Bearer {body['access_token']}"
    return api


def confirm(api, **body):
    return api.post("me/identity-confirmation", body)


def test_a_dormant_account_keeps_its_name_to_itself(owner, inbox, language):
    api = signed_in(inbox, language)
    me = ok(api.get("me"))
    assert me["id"] == str(owner.pk)
    assert me["identity_confirmation_required"] is True
    assert (me["name"], me["gender"]) == ("", "")
    assert [device["name"] for device in ok(api.get("devices"))["items"]] == ["Pixel 9"]


@pytest.mark.parametrize("said", ["نورة العتيبي", "نوره العتيبى", "نُورَة", " نورة  بنت خالد العتيبي"])
def test_the_right_name_opens_it(owner, inbox, language, said):
    api = signed_in(inbox, language)
    answer = ok(confirm(api, name=said))
    assert answer["tokens"] is None
    assert answer["me"]["name"] == NAME
    assert answer["me"]["identity_confirmation_required"] is False
    assert ok(api.get("me"))["name"] == NAME
    assert ok(confirm(api, name="anything")) == answer
    # Now the account is awake: a second phone is asked nothing.
    assert not _again(inbox)["identity_confirmation_required"]


def test_three_wrong_names_a_day(owner, inbox, language, clock):
    api = signed_in(inbox, language)
    for said in ("محمد", "نورة الحربي", "Noura"):
        refused(confirm(api, name=said), 400, "identity_name_wrong")
    problem = refused(confirm(api, name=NAME), 429, "identity_too_many_attempts")
    assert problem["retry_after"] == 86_400
    assert ok(api.get("me"))["identity_confirmation_required"] is True
    clock.tick(timedelta(days=1))
    assert ok(confirm(signed_in(inbox, language), name=NAME))["me"]["name"] == NAME


def test_another_device_is_no_way_round(owner, inbox, clock):
    """Neither signing in again, nor on a second phone, nor changing the name, makes the question go away."""
    first = signed_in(inbox)
    since = Device.objects.get(installation_id=INSTALLATION).history_from
    clock.tick(timedelta(days=2))
    second = _again(inbox)
    assert second["identity_confirmation_required"] is True
    assert set(Device.objects.filter(history_from__isnull=False).values_list("history_from", flat=True)) == {
        since
    }
    clock.tick(timedelta(minutes=2))
    first = signed_in(inbox)
    assert ok(first.get("me"))["identity_confirmation_required"] is True
    refused(first.send("PATCH", "me", body={"name": "Sara"}), 403, "identity_unconfirmed")
    ok(first.send("PATCH", "me", body={"language": "en"}))
    owner.refresh_from_db()
    assert owner.name == NAME


def test_the_number_cannot_be_moved_before(owner, inbox, sent):
    api = signed_in(inbox)
    refused(api.post("me/phone-changes", {"new_phone": "0598765432"}), 403, "identity_unconfirmed")
    assert sent("+966598765432") == []


def test_nor_can_a_move_be_stopped_that_its_owner_began_elsewhere(owner, inbox):
    change = PhoneChange.objects.create(
        user=owner,
        old_phone=PHONE,
        new_phone="+966598765432",
        needs_old=False,
        state="cooling",
        created_at=timezone.now(),
        takes_effect_at=timezone.now() + timedelta(days=3),
    )
    api = signed_in(inbox)
    assert ok(api.get("me"))["phone_change"] is None
    refused(api.send("DELETE", f"me/phone-changes/{change.pk}"), 403, "identity_unconfirmed")
    assert ok(confirm(api, name=NAME))["me"]["phone_change"]["id"] == str(change.pk)
    ok(api.send("DELETE", f"me/phone-changes/{change.pk}"), 204)


def test_roles_wait_for_the_name(owner, inbox):
    PlatformRole.objects.create(user=owner, role="support")
    api = signed_in(inbox)
    assert ok(api.get("me"))["roles"] == []
    refused(api.get("support/people", phone="0512345678"), 403, "permission_denied")
    ok(confirm(api, name=NAME))
    assert ok(api.get("me"))["roles"] == ["support"]


def test_roles_of_an_account_without_a_name_do_not_pass_with_the_number(owner, inbox):
    User.objects.filter(pk=owner.pk).update(name="")
    PlatformRole.objects.create(user=owner, role="support")
    api = signed_in(inbox)
    assert ok(api.get("me"))["roles"] == []
    refused(api.get("support/people", phone="0512345678"), 403, "permission_denied")


@pytest.mark.parametrize("named", [True, False])
def test_a_desk_does_not_pass_with_the_number(owner, inbox, named):
    salon, _, _ = open_salon()
    employ(salon, "owner", owner)
    if not named:
        User.objects.filter(pk=owner.pk).update(name="")
    api = signed_in(inbox)
    assert ok(api.get("manage/salons"))["items"] == []
    refused(api.get(f"manage/salons/{salon.slug}/bookings"), 403, "permission_denied")
    if named:
        ok(confirm(api, name=NAME))
        assert [desk["slug"] for desk in ok(api.get("manage/salons"))["items"]] == [salon.slug]


def test_what_the_other_agreed_to_stays_hidden_and_says_nothing_for_the_next(owner, inbox, language):
    before = timezone.now() - timedelta(days=300)
    notice = PrivacyNotice.objects.latest("version")
    Consent.objects.create(
        user=owner, purpose="marketing", granted=True, notice=notice, at=before, means="app"
    )
    api = signed_in(inbox, language)
    assert not any(item["granted"] for item in ok(api.get("me/consents"))["items"])
    ok(confirm(api, name=NAME))
    assert [item["purpose"] for item in ok(api.get("me/consents"))["items"] if item["granted"]] == [
        "marketing"
    ]


def test_an_account_without_a_name_is_asked_nothing(owner, inbox, language, clock):
    User.objects.filter(pk=owner.pk).update(name="")
    api = signed_in(inbox, language)
    assert ok(api.get("me"))["identity_confirmation_required"] is False
    assert Device.objects.get(installation_id=INSTALLATION).history_from == timezone.now()
    # A name given now is nobody's answer later.
    ok(api.send("PATCH", "me", body={"name": "Sara"}))
    clock.tick(timedelta(minutes=2))
    assert _again(inbox)["identity_confirmation_required"] is False
    assert Device.objects.filter(history_from__isnull=True).count() == 1


@pytest.mark.parametrize(
    ("days", "installation", "asked"),
    [(179, INSTALLATION, False), (180, INSTALLATION, True), (500, INSTALLATION, True), (500, OTHER, False)],
)
def test_when_it_is_asked(owner, inbox, days, installation, asked):
    Device.objects.update(last_seen_at=timezone.now() - timedelta(days=days))
    api = signed_in(inbox, installation=installation)
    assert ok(api.get("me"))["identity_confirmation_required"] is asked


def test_dormancy_is_a_setting(owner, inbox, settings):
    settings.DORMANT_AFTER = timedelta(days=365)
    assert ok(signed_in(inbox).get("me"))["identity_confirmation_required"] is False


def test_a_signed_out_device_was_seen_too(owner, inbox):
    Device.objects.create(
        user=owner, last_seen_at=timezone.now() - timedelta(days=3), revoked_at=timezone.now()
    )
    assert ok(signed_in(inbox).get("me"))["identity_confirmation_required"] is False


def test_reviewers_of_app_stores_come_seldom_and_are_asked_nothing(owner, inbox, settings):
    settings.REVIEW_NUMBERS = {PHONE: ("482913", date(2026, 1, 1))}
    assert ok(signed_in(inbox).get("me"))["identity_confirmation_required"] is False


def test_new_people_are_asked_nothing(inbox, clock):
    assert ok(signed_in(inbox).get("me"))["identity_confirmation_required"] is False


# Not me


def test_this_is_not_my_account(owner, inbox, language):
    PlatformRole.objects.create(user=owner, role="finance")
    api = signed_in(inbox, language)
    PhoneChange.objects.create(
        user=owner,
        old_phone=PHONE,
        new_phone="+966598765432",
        needs_old=False,
        state="cooling",
        created_at=timezone.now(),
        takes_effect_at=timezone.now() + timedelta(days=3),
    )

    answer = ok(confirm(api, not_me=True))

    fresh = User.objects.get(phone=PHONE)
    assert fresh.pk != owner.pk
    assert answer["me"]["id"] == str(fresh.pk)
    assert (answer["me"]["name"], answer["me"]["roles"]) == ("", [])
    assert answer["me"]["identity_confirmation_required"] is False
    old = User.objects.get(pk=owner.pk)
    assert (old.phone, old.name, old.gender) == (None, "", "")
    assert old.recycled_at == old.deleted_at == timezone.now()
    assert not Device.objects.filter(user=old, revoked_at__isnull=True).exists()
    assert not PhoneChange.objects.exists()
    # The old session is over; the new one works, and the next sign-in comes to the fresh account.
    refused(api.get("me"), 401, "session_revoked")
    api.headers["Authorization"] = f"Bearer {answer['tokens']['access_token']}"
    assert ok(api.get("me"))["id"] == str(fresh.pk)
    assert str(Device.objects.get(user=fresh).installation_id) == INSTALLATION
    assert _again(inbox)["id"] == str(fresh.pk)


def test_not_me_is_open_to_an_account_without_a_name(owner, inbox):
    User.objects.filter(pk=owner.pk).update(name="")
    assert ok(confirm(signed_in(inbox), not_me=True))["me"]["id"] != str(owner.pk)


def test_nobody_disowns_an_account_that_is_not_in_doubt(inbox, clock, language):
    user = UserFactory.create(phone=PHONE)
    refused(confirm(Api(user, language=language), not_me=True), 409, "identity_not_asked")
    assert User.objects.get(pk=user.pk).phone == PHONE


def test_one_of_the_two_is_said(owner, inbox):
    problem = refused(confirm(signed_in(inbox)), 400, "validation_failed")
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/name", "field_required")]


def test_the_database_keeps_it_straight(owner):
    with pytest.raises(IntegrityError), transaction.atomic():
        Device.objects.create(user=owner, name_asked=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=owner.pk).update(recycled_at=timezone.now())


def _again(inbox):
    """`me` of yet another device."""
    from backend.core.models import RateCount

    RateCount.objects.filter(key__startswith="otp").delete()
    return ok(signed_in(inbox, installation=str(uuid.uuid4())).get("me"))


@pytest.mark.parametrize(
    ("said", "known", "same"),
    [
        ("أحمد", "احمد", True),
        ("إيمان", "ايمان", True),
        ("آمنة", "امنه", True),
        ("رؤى", "روى", True),
        ("هناء", "هنا", True),
        ("مُحَمَّد", "محمد", True),
        ("محمـــد", "محمد", True),
        ("عبد الله", "عبدالله محمد", True),
        ("سارة خالد", "سارة بنت خالد", True),
        ("noura", "Noura Al-Otaibi", True),
        ("NOURA ALOTAIBI", "Noura Al-Otaibi", True),
        ("Noura A Alotaibi", "Noura Alotaibi", True),
        ("José", "jose", True),
        ("نورة الحربي", "نورة العتيبي", False),
        ("العتيبي", "نورة العتيبي", False),
        ("عبد", "عبد الله", False),
        ("محمد", "نورة", False),
        ("", "نورة", False),
        ("!؟", "!؟", False),
        ("نورة", "Noura", False),
    ],
)
def test_which_names_are_the_same(said, known, same):
    assert same_name(said, known) is same
    assert same_name(known, said) is same
