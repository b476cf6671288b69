import pytest
from django.db import IntegrityError, transaction

from backend.accounts.models import PlatformRole, User
from backend.accounts.permissions import require_platform_role
from backend.core.errors import PermissionDenied
from tests.accounts.helpers import PHONE, bearer, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(arabic, inbox, clock):
    return bearer(sign_in(arabic, inbox)["access_token"])


def patch(client, **changes):
    return client.patch("/api/v1/me", changes, format="json")


def test_me(client):
    user = User.objects.get()
    PlatformRole.objects.create(user=user, role="support")
    PlatformRole.objects.create(user=user, role="finance")
    answer = client.get("/api/v1/me")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {
        "id": str(user.pk),
        "phone": PHONE,
        "phone_display": "051 234 5678",
        "name": "",
        "language": None,
        "gender": "",
        "email": None,
        "roles": ["finance", "support"],
        "identity_confirmation_required": False,
        "phone_change": None,
    }


def test_what_is_said_is_kept(client):
    answer = patch(client, name="  نورة\u202e  العتيبي ", gender="female")
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["gender"]) == ("نورة العتيبي", "female")
    assert patch(client, gender="").json()["gender"] == ""
    assert client.get("/api/v1/me").json()["name"] == "نورة العتيبي"


def test_the_chosen_language_wins_over_the_phone(client):
    assert patch(client, language="en").headers["Content-Language"] == "en"
    answer = client.get("/api/v1/me", HTTP_ACCEPT_LANGUAGE="ar")
    assert answer.headers["Content-Language"] == "en"
    assert answer.json()["language"] == "en"
    assert User.objects.get().spoken_language == "en"
    assert patch(client, language=None).json()["language"] is None
    client.get("/api/v1/me", HTTP_ACCEPT_LANGUAGE="ar")
    assert User.objects.get().spoken_language == "ar"


def test_wrong_values_are_field_errors(client):
    def errors(**changes):
        answer = patch(client, **changes)
        assert answer.status_code == 400
        return {(e["pointer"], e["code"]) for e in answer.json()["errors"]}

    assert errors(language="fr", gender="other", name=7, phone="0598765432") == {
        ("/language", "invalid_choice"),
        ("/gender", "invalid_choice"),
        ("/name", "wrong_type"),
        ("/phone", "unknown_field"),
    }
    assert errors(name="x" * 81) == {("/name", "too_long")}
    assert errors(name=None) == {("/name", "field_null")}


def test_roles_are_read_once_and_guarded(client, django_assert_num_queries):
    user = User.objects.get()
    PlatformRole.objects.create(user=user, role="finance")
    with django_assert_num_queries(1):
        assert user.has_platform_role("finance")
        assert not user.has_platform_role("support")
        require_platform_role(user, "finance")
        with pytest.raises(PermissionDenied):
            require_platform_role(user, "platform_admin")


def test_the_database_keeps_numbers_honest():
    User.objects.create_user(PHONE)
    for wrong in (
        {"phone": "0512345678"},
        {"phone": None},
        {"phone": PHONE},
        {"phone": "+966598765432", "language": "fr"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create(**wrong)
    deleted = User.objects.create(phone=None, deleted_at="2026-11-20T00:00:00Z")
    assert not deleted.has_usable_password() or deleted.password == ""
    assert User.objects.create_superuser("+966598765432").is_superuser
