"""Codes go after a week; sessions half a year after they were last used, but never the last trace of a person."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from backend.accounts.models import Device, OtpChallenge, User
from backend.accounts.operations.purge import purge_sign_in
from tests.accounts.helpers import sign_in

pytestmark = pytest.mark.django_db


def test_codes_are_kept_for_a_week(english, inbox, clock):
    sign_in(english, inbox)
    clock.tick(timedelta(days=6, hours=23))
    assert purge_sign_in(timezone.now()) == 0
    clock.tick(timedelta(hours=2))
    assert purge_sign_in(timezone.now()) == 1
    assert not OtpChallenge.objects.exists()
    assert Device.objects.count() == 1


def test_old_sessions_go_and_the_one_seen_last_stays(clock):
    now = timezone.now()

    def device(user, days, **more):
        seen = now - timedelta(days=days)
        return Device.objects.create(
            user=user, installation_id=uuid.uuid4(), created_at=seen, last_seen_at=seen, **more
        )

    active, dormant = User.objects.create_user("+966512345671"), User.objects.create_user("+966512345672")
    device(active, 200)
    device(active, 181, revoked_at=now - timedelta(days=181))
    recent = device(active, 179, revoked_at=now - timedelta(days=179))
    device(dormant, 900)
    last = device(dormant, 400)
    assert purge_sign_in(now) == 3
    assert set(Device.objects.values_list("pk", flat=True)) == {recent.pk, last.pk}
