"""Changes of number at the same moment, each on a connection of its own, against rows that are really committed."""

import re
import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import Device, PhoneChange, User
from backend.accounts.operations import finish_due_changes
from backend.core.models import RateCount
from backend.notifications.models import Message
from tests.accounts.helpers import PHONE, Phone, ask, sign_in, verify
from tests.factories import UserFactory
from tests.support.api import Api, ok
from tests.support.race import race, wait_until_somebody_waits_for_us

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "+966598765432"


def code_to(sent, number):
    return re.search(r"[0-9]{6}", sent(number)[-1]).group()


def codes(outcomes):
    return sorted(str(answer.json().get("code", answer.status_code)) for answer in outcomes)


def test_two_confirms_at_once_move_the_account_once(sent):
    user = UserFactory.create(phone=PHONE)
    api = Api(user)
    change = ok(api.post("me/phone-changes", {"new_phone": NEW}), 202)
    body = {"new_code": code_to(sent, NEW), "old_code": code_to(sent, PHONE)}
    outcomes = race(*[partial(api.post, f"me/phone-changes/{change['id']}/confirm", body)] * 4)
    assert codes(outcomes) == ["200"] * 4
    assert {answer.json()["state"] for answer in outcomes} == {"done"}
    assert User.objects.get(pk=user.pk).phone == NEW
    assert Message.objects.count() == 1


def test_two_people_asking_for_one_number_at_once(sent):
    people = [Api(UserFactory.create()) for _ in range(2)]
    body = {"new_phone": NEW, "without_old": True}
    outcomes = race(*[partial(api.post, "me/phone-changes", body) for api in people])
    assert codes(outcomes) == ["202", "otp_resend_wait"]
    assert len(sent(NEW)) == 1


def test_two_people_claiming_one_number_at_once():
    """Both proved it, one after the other, and both have cooled: one gets it, however many machines finish."""
    now = timezone.now()
    people = [UserFactory.create() for _ in range(2)]
    for person in people:
        PhoneChange.objects.create(
            user=person,
            old_phone=person.phone,
            new_phone=NEW,
            needs_old=False,
            state="cooling",
            created_at=now - timedelta(days=4),
            takes_effect_at=now - timedelta(minutes=1),
        )
    race(*[partial(finish_due_changes, now)] * 4)
    assert sorted(PhoneChange.objects.values_list("state", flat=True)) == ["done", "failed"]
    assert User.objects.filter(phone=NEW).count() == 1
    assert User.objects.filter(phone__isnull=True).count() == 0
    assert Message.objects.count() == 1


def test_a_change_and_a_first_sign_in_with_the_number_at_once(sent, inbox):
    """Whoever comes second learns of it; nobody is without a number, and nobody sees a 500."""
    user = UserFactory.create(phone=PHONE)
    api = Api(user)
    change = ok(api.post("me/phone-changes", {"new_phone": NEW}), 202)
    body = {"new_code": code_to(sent, NEW), "old_code": code_to(sent, PHONE)}
    RateCount.objects.all().delete()  # a minute later
    asked = ask(Phone(), NEW).json()
    outcomes = race(
        partial(api.post, f"me/phone-changes/{change['id']}/confirm", body),
        partial(verify, Phone(), asked["otp_request_id"], code_to(sent, NEW)),
    )
    assert codes(outcomes) in (["200", "200"], ["200", "phone_taken"])
    assert User.objects.filter(phone=NEW).count() == 1


def test_signing_in_while_the_number_is_given_up():
    """The sign-in waits for the row, finds that the number is nobody's any more, and makes a new account."""
    user = UserFactory.create(phone=PHONE)
    holding = threading.Event()

    def give_up():
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            holding.set()
            wait_until_somebody_waits_for_us()
            User.objects.filter(pk=user.pk).update(phone=NEW)

    def sign_in_meanwhile():
        holding.wait(10)
        return User.objects.for_sign_in(PHONE)

    _, (found, is_new) = race(give_up, sign_in_meanwhile)
    assert is_new
    assert found.pk != user.pk
    assert User.objects.get(phone=PHONE) == found
    assert User.objects.get(phone=NEW) == user


def test_stopping_and_finishing_at_once():
    user = UserFactory.create(phone=PHONE)
    api = Api(user)
    now = timezone.now()
    change = PhoneChange.objects.create(
        user=user,
        old_phone=PHONE,
        new_phone=NEW,
        needs_old=False,
        state="cooling",
        created_at=now - timedelta(days=4),
        takes_effect_at=now,
    )
    answer, _ = race(
        partial(api.send, "DELETE", f"me/phone-changes/{change.pk}"), partial(finish_due_changes, now)
    )
    change.refresh_from_db()
    told = (answer.status_code, change.state, User.objects.get().phone)
    # Signed out by the finished change, the device may also be told just that.
    assert told in ((204, "stopped", PHONE), (409, "done", NEW), (401, "done", NEW))


def test_disowning_twice_at_once_makes_one_fresh_account(inbox):
    user = UserFactory.create(phone=PHONE)
    Device.objects.create(user=user, last_seen_at=timezone.now() - timedelta(days=200))
    api = Api()
    api.headers["Authorization"] = f"Bearer {sign_in(Phone(), inbox)['access_token']}"
    outcomes = race(*[partial(api.post, "me/identity-confirmation", {"not_me": True})] * 3)
    assert codes(outcomes).count("200") == 1
    assert set(codes(outcomes)) <= {"200", "session_revoked"}
    assert User.objects.filter(phone=PHONE).count() == 1
    assert User.objects.count() == 2


def test_parallel_names_share_three_tries(inbox):
    user = UserFactory.create(phone=PHONE, name="نورة")
    Device.objects.create(user=user, last_seen_at=timezone.now() - timedelta(days=200))
    api = Api()
    api.headers["Authorization"] = f"Bearer {sign_in(Phone(), inbox)['access_token']}"
    outcomes = race(*[partial(api.post, "me/identity-confirmation", {"name": "محمد"})] * 8)
    assert codes(outcomes).count("identity_name_wrong") == 3
    assert codes(outcomes).count("identity_too_many_attempts") == 5
