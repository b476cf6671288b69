"""Requests at the same moment, each on a connection of its own, against rows that are really committed."""

from functools import partial

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import Device, OtpChallenge, User
from tests.accounts.helpers import ask, at_once, refresh, sign_in, verify, wrong

pytestmark = pytest.mark.django_db(transaction=True)


def codes(outcomes):
    return [answer.json().get("code", answer.status_code) for answer in outcomes]


def test_parallel_guesses_share_five_comparisons(inbox):
    asked = ask(APIClient()).json()
    guess = wrong(inbox.code())
    outcomes = at_once(*[partial(verify, APIClient(), asked["otp_request_id"], guess)] * 16)
    assert sorted(codes(outcomes)) == ["otp_invalid"] * 5 + ["otp_too_many_attempts"] * 11
    assert sorted(a.json()["params"]["attempts_left"] for a in outcomes if a.status_code == 400) == [0, 1, 2, 3, 4]
    assert OtpChallenge.objects.get().tries == 5


def test_parallel_right_codes_open_one_session(inbox):
    asked = ask(APIClient()).json()
    outcomes = at_once(*[partial(verify, APIClient(), asked["otp_request_id"], inbox.code())] * 4)
    assert codes(outcomes) == [200] * 4
    assert len({answer.json()["refresh_token"] for answer in outcomes}) == 1
    assert {answer.json()["is_new_user"] for answer in outcomes} == {True}
    assert (Device.objects.count(), User.objects.count()) == (1, 1)


def test_parallel_right_codes_from_two_phones_open_one_session(inbox):
    asked = ask(APIClient()).json()
    act = partial(verify, APIClient(), asked["otp_request_id"], inbox.code())
    outcomes = at_once(
        partial(act, installation="00000000-0000-4000-8000-000000000001"),
        partial(act, installation="00000000-0000-4000-8000-000000000002"),
    )
    assert sorted(map(str, codes(outcomes))) == ["200", "otp_expired"]
    assert Device.objects.count() == 1


def test_parallel_requests_send_one_code(inbox):
    outcomes = at_once(*[partial(ask, APIClient())] * 6)
    assert sorted(map(str, codes(outcomes))) == ["202"] + ["otp_resend_wait"] * 5
    assert len(inbox.all()) == 1


def test_parallel_refreshes_get_one_successor(inbox):
    pair = sign_in(APIClient(), inbox)
    outcomes = at_once(*[partial(refresh, APIClient(), pair["refresh_token"])] * 6)
    assert codes(outcomes) == [200] * 6
    assert len({answer.json()["refresh_token"] for answer in outcomes}) == 1
    assert Device.objects.get().revoked_at is None


def test_two_first_sign_ins_make_one_person(inbox):
    people = at_once(*[partial(User.objects.for_sign_in, "+966512345678")] * 6)
    # Outside a transaction the row lock has nothing to hold on to, so ask again the way operations do.
    assert all(isinstance(outcome, Exception) for outcome in people)

    from django.db import transaction

    def first_sign_in():
        with transaction.atomic():
            return User.objects.for_sign_in("+966512345678")

    people = at_once(*[first_sign_in] * 6)
    assert len({user.pk for user, _ in people}) == 1
    assert User.objects.count() == 1
