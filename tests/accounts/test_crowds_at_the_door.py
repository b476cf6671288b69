"""The same request many times at once: five comparisons, one session, one successor; and what happens unguarded."""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db.models import F, QuerySet

from backend.accounts.models import MAX_TRIES, Device, OtpChallenge, User
from backend.accounts.operations import codes, sessions
from tests.accounts.helpers import Phone, ask, refresh, sign_in, verify, wrong
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)


def crowd(act, times, at_once):
    """`act` so many times by so many threads: each has a connection, and servers have a limit on those."""
    each = [partial(lambda: [act() for _ in range(times // at_once)])] * at_once
    return [answer for answers in race(*each) for answer in answers]


def outcomes(answers):
    return Counter(answer.json().get("code", answer.status_code) for answer in answers)


def test_of_two_hundred_wrong_guesses_on_one_code_five_are_compared(inbox):
    asked = ask(Phone()).json()
    guess = wrong(inbox.code())
    answers = crowd(lambda: verify(Phone(), asked["otp_request_id"], guess), times=200, at_once=40)
    assert outcomes(answers) == {"otp_invalid": 5, "otp_too_many_attempts": 195}
    assert OtpChallenge.objects.get().tries == 5
    # The right one comes too late, and is not compared either.
    late = verify(Phone(), asked["otp_request_id"], inbox.code())
    assert late.json()["code"] == "otp_too_many_attempts"


def test_witness_tries_read_before_they_are_written_let_everybody_guess(inbox, monkeypatch):
    asked = ask(Phone()).json()
    guess = wrong(inbox.code())
    everybody_has_read = threading.Barrier(20)

    def naive(challenge, *, now):
        tries = OtpChallenge.objects.get(pk=challenge.pk).tries
        everybody_has_read.wait(30)
        assert tries < MAX_TRIES
        OtpChallenge.objects.filter(pk=challenge.pk).update(tries=tries + 1)
        return tries + 1

    monkeypatch.setattr(codes, "_count_try", naive)
    answers = race(*[partial(verify, Phone(), asked["otp_request_id"], guess)] * 20)
    assert outcomes(answers) == {"otp_invalid": 20}


def test_fifty_right_verifications_open_one_session(inbox):
    asked = ask(Phone()).json()
    act = partial(verify, Phone(), asked["otp_request_id"], inbox.code())
    answers = race(*[act] * 50)
    # Tries and repeats are counted together, so the last of the fifty are told to wait; none opens another session.
    told = outcomes(answers)
    assert told.keys() <= {200, "otp_too_many_attempts"}
    assert told[200] >= 1
    assert len({answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}) == 1
    assert (Device.objects.count(), User.objects.count()) == (1, 1)


def test_witness_a_code_that_is_not_used_up_opens_several(inbox, monkeypatch):
    asked = ask(Phone()).json()

    def never_used_up(challenge, *, now, network=""):
        OtpChallenge.objects.filter(pk=challenge.pk).update(tries=F("tries"))
        return True

    monkeypatch.setattr(codes, "use_code", never_used_up)
    race(*[partial(verify, Phone(), asked["otp_request_id"], inbox.code())] * 4)
    assert Device.objects.count() > 1


def test_fifty_refreshes_of_one_token_get_one_successor(inbox):
    pair = sign_in(Phone(), inbox)
    answers = race(*[partial(refresh, Phone(), pair["refresh_token"])] * 50)
    assert outcomes(answers) == {200: 50}
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    assert successor != pair["refresh_token"]
    assert Device.objects.get().revoked_at is None
    assert refresh(Phone(), successor).status_code == 200


def test_witness_without_the_row_lock_each_gets_a_successor_of_its_own(inbox, monkeypatch):
    pair = sign_in(Phone(), inbox)
    everybody_has_read = threading.Barrier(4)
    rotate = sessions._rotate

    def together(device, *, now):
        everybody_has_read.wait(30)
        rotate(device, now=now)

    monkeypatch.setattr(sessions, "_rotate", together)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows)
    answers = race(*[partial(refresh, Phone(), pair["refresh_token"])] * 4)
    assert len({answer.json()["refresh_token"] for answer in answers}) == 4
