"""Requests at the same moment, each on a connection of its own, against rows that are really committed."""

from functools import partial

import pytest

from backend.accounts.models import Device, OtpChallenge, User
from tests.accounts.helpers import Phone, ask, refresh, sign_in, verify, wrong
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)


def codes(outcomes):
    return [answer.json().get("code", answer.status_code) for answer in outcomes]


def test_parallel_guesses_share_five_comparisons(inbox):
    asked = ask(Phone()).json()
    guess = wrong(inbox.code())
    outcomes = race(*[partial(verify, Phone(), asked["otp_request_id"], guess)] * 16)
    assert sorted(codes(outcomes)) == ["otp_invalid"] * 5 + ["otp_too_many_attempts"] * 11
    assert sorted(a.json()["params"]["attempts_left"] for a in outcomes if a.status_code == 400) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert OtpChallenge.objects.get().tries == 5


def test_parallel_right_codes_open_one_session(inbox):
    asked = ask(Phone()).json()
    outcomes = race(*[partial(verify, Phone(), asked["otp_request_id"], inbox.code())] * 4)
    assert codes(outcomes) == [200] * 4
    assert len({answer.json()["refresh_token"] for answer in outcomes}) == 1
    assert {answer.json()["is_new_user"] for answer in outcomes} == {True}
    assert (Device.objects.count(), User.objects.count()) == (1, 1)


def test_parallel_right_codes_from_two_phones_open_one_session(inbox):
    asked = ask(Phone()).json()
    act = partial(verify, Phone(), asked["otp_request_id"], inbox.code())
    outcomes = race(
        partial(act, installation="00000000-0000-4000-8000-000000000001"),
        partial(act, installation="00000000-0000-4000-8000-000000000002"),
    )
    assert sorted(map(str, codes(outcomes))) == ["200", "otp_expired"]
    assert Device.objects.count() == 1


def test_parallel_requests_send_one_code(inbox):
    outcomes = race(*[partial(ask, Phone())] * 6)
    assert sorted(map(str, codes(outcomes))) == ["202"] + ["otp_resend_wait"] * 5
    assert len(inbox.all()) == 1


def test_parallel_refreshes_get_one_successor(inbox):
    pair = sign_in(Phone(), inbox)
    outcomes = race(*[partial(refresh, Phone(), pair["refresh_token"])] * 6)
    assert codes(outcomes) == [200] * 6
    assert len({answer.json()["refresh_token"] for answer in outcomes}) == 1
    assert Device.objects.get().revoked_at is None


def test_two_first_sign_ins_make_one_person(inbox):
    people = race(*[partial(User.objects.for_sign_in, "+966512345678")] * 6)
    assert len({user.pk for user, _ in people}) == 1
    assert User.objects.count() == 1
