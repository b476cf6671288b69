"""`manage.py grant PHONE ROLE [--salon SLUG]`: how the first owner, and the first accountant, get in."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from backend.accounts.models import PlatformRole, User
from backend.salons.models import Membership
from tests.factories import SalonFactory, UserFactory
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db


def grant(*words: str) -> str:
    told = StringIO()
    call_command("grant", *words, stdout=told)
    return told.getvalue()


@pytest.mark.parametrize("typed", ["0550000002", "+966550000002", "٠٥٥٠٠٠٠٠٠٢"])
def test_somebody_who_never_signed_in_can_be_made_an_owner(typed: str) -> None:
    SalonFactory.create(slug="lamsa")
    assert grant(typed, "owner", "--salon", "lamsa") == "owner granted at lamsa\n"
    owner = User.objects.get(phone="+966550000002")
    assert [(d["slug"], d["role"]) for d in ok(Api(owner).get("manage/salons"))["items"]] == [
        ("lamsa", "owner")
    ]


def test_a_second_grant_changes_the_role_at_that_salon_only() -> None:
    SalonFactory.create(slug="lamsa")
    SalonFactory.create(slug="noura")
    for role, salon in (
        ("receptionist", "lamsa"),
        ("staff", "noura"),
        ("manager", "lamsa"),
        ("manager", "lamsa"),
    ):
        grant("0550000002", role, "--salon", salon)
    assert sorted(Membership.objects.values_list("salon__slug", "role")) == [
        ("lamsa", "manager"),
        ("noura", "staff"),
    ]
    assert User.objects.count() == 1


def test_the_only_owner_of_a_salon_is_not_granted_less() -> None:
    salon = SalonFactory.create(slug="lamsa")
    grant("0550000002", "owner", "--salon", "lamsa")
    with pytest.raises(CommandError, match="salon_needs_owner"):
        grant("0550000002", "staff", "--salon", "lamsa")
    assert Membership.objects.get(salon=salon).role == "owner"


def test_a_platform_role_opens_its_area() -> None:
    person = UserFactory.create(phone="+966550000004")
    refused(Api(person).get("finance/reconciliations"), 403, "permission_denied")
    for _ in range(2):
        assert grant("0550000004", "finance") == "finance granted\n"
    assert PlatformRole.objects.get().user == person
    ok(Api(User.objects.get()).get("finance/reconciliations"))
    assert ok(Api(User.objects.get()).get("me"))["roles"] == ["finance"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("0112345678", "finance"), "not a mobile number"),
        (("nobody", "finance"), "not a mobile number"),
        (("+971501234567", "finance"), "not a mobile number"),
        (("0550000002", "king"), "invalid choice: 'king'"),
        (("0550000002", "owner"), "needs --salon"),
        (("0550000002", "owner", "--salon", ""), "needs --salon"),
        (("0550000002", "finance", "--salon", "lamsa"), "must not have it"),
        (("0550000002", "owner", "--salon", "nowhere"), "no salon 'nowhere'"),
        (("0550000002",), "role"),
    ],
)
def test_what_cannot_be_granted_is_said_and_changes_nothing(words: tuple[str, ...], told: str) -> None:
    SalonFactory.create(slug="lamsa")
    with pytest.raises(CommandError, match=told):
        grant(*words)
    assert not User.objects.exists()
    assert not Membership.objects.exists()
    assert not PlatformRole.objects.exists()
