from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import override_settings
from django.utils import timezone

from backend.accounts.models import Consent, Device, PrivacyNotice, Purpose
from backend.accounts.queries import has_consented
from tests.accounts.privacy import FIRST_NOTICE, book, notice_in_force
from tests.factories import UserFactory, open_salon
from tests.support.api import Api, ok, refused

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def notice() -> PrivacyNotice:
    return notice_in_force()


# The notice -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "title"), [("ar", "# إشعار الخصوصية"), ("en", "# Privacy notice")])
def test_a_stranger_reads_the_notice_in_their_language(language: str, title: str) -> None:
    answer = Api(language=language).get("privacy-notice")
    body = ok(answer)
    assert body["version"] == 2
    assert body["text"].startswith(title)
    assert answer.headers["Cache-Control"] == "public, max-age=300, stale-while-revalidate=3600"
    assert "Accept-Language" in answer.headers["Vary"]
    assert answer.headers["ETag"]


@override_settings(
    CONTROLLER_NAME="شركة المثال",
    CONTROLLER_CONTACT="privacy@example.sa",
    DATA_PROTECTION_OFFICER="dpo@example.sa",
)
def test_the_notice_names_the_controller_of_this_installation() -> None:
    body = ok(Api().get("privacy-notice"))
    assert body["controller"] == {
        "name": "شركة المثال",
        "contact": "privacy@example.sa",
        "data_protection_officer": "dpo@example.sa",
    }
    assert "شركة المثال" in body["text"]
    assert "privacy@example.sa" in body["text"]
    assert "{" not in body["text"]


@pytest.mark.parametrize("text", [FIRST_NOTICE.ARABIC, FIRST_NOTICE.ENGLISH])
def test_both_texts_say_the_same(text: str) -> None:
    assert text.count("\n## ") == FIRST_NOTICE.ENGLISH.count("\n## ")
    assert text.count("\n- ") == FIRST_NOTICE.ENGLISH.count("\n- ")
    assert text.count("{controller}") == text.count("{contact}") == 1
    for period in ("7", "90", "30"):
        assert f" {period} " in text


def test_the_newest_published_notice_is_in_force_and_older_ones_stay_readable() -> None:
    now = timezone.now()
    PrivacyNotice.objects.create(version=3, published_at=now, text_ar="جديد", text_en="new")
    PrivacyNotice.objects.create(
        version=4, published_at=now + timedelta(days=30), text_ar="قادم", text_en="coming"
    )
    PrivacyNotice.objects.create(version=5, text_ar="مسودة", text_en="draft")
    assert ok(Api().get("privacy-notice"))["text"] == "جديد"
    assert ok(Api().get("privacy-notice", version=1))["version"] == 1
    for hidden in (4, 5, 6):
        refused(Api().get("privacy-notice", version=hidden), 404, "not_found")
    refused(Api().get("privacy-notice", version="x"), 400, "validation_failed")


def test_a_published_notice_never_changes_and_a_draft_may(notice: PrivacyNotice) -> None:
    draft = PrivacyNotice.objects.create(version=9, text_ar="مسودة", text_en="draft")
    PrivacyNotice.objects.filter(pk=draft.pk).update(text_en="better")
    PrivacyNotice.objects.filter(pk=draft.pk).delete()
    published = PrivacyNotice.objects.filter(pk=notice.pk)
    for change in (lambda: published.update(text_en="worse"), published.delete):
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            change()


# Consents -------------------------------------------------------------------------------------------------------


def test_nothing_is_agreed_to_until_somebody_agrees() -> None:
    items = ok(Api(UserFactory.create()).get("me/consents"))["items"]
    assert [item["purpose"] for item in items] == ["marketing", "photos", "health_notes"]
    assert not any(item["granted"] for item in items)
    assert {item["decided_at"] for item in items} == {None}


@pytest.mark.parametrize("language", ["ar", "en"])
def test_withdrawing_is_the_same_single_step_as_giving(language: str) -> None:
    user = UserFactory.create()
    phone = Api(user, language=language)
    given = ok(phone.send("PUT", "me/consents/marketing", body={"granted": True}))
    assert (given["granted"], given["notice_version"]) == (True, 2)
    assert has_consented(user, Purpose.MARKETING)
    assert not has_consented(user, Purpose.PHOTOS)
    withdrawn = ok(phone.send("PUT", "me/consents/marketing", body={"granted": False}))
    assert withdrawn["granted"] is False
    assert not has_consented(user, Purpose.MARKETING)
    [marketing, photos, _] = ok(phone.get("me/consents"))["items"]
    assert marketing == withdrawn
    assert photos["decided_at"] is None
    assert [c.granted for c in Consent.objects.order_by("id")] == [True, False]


def test_a_decision_proves_who_when_how_and_under_which_words() -> None:
    user = UserFactory.create()
    phone = Api(user)
    Device.objects.filter(user=user).update(platform="ios")
    headers = {"X-Client": "ios/2.3.1+431", "X-Request-Id": "tap-of-a-finger"}
    ok(phone.send("PUT", "me/consents/photos", body={"granted": True}, headers=headers))
    row = Consent.objects.get()
    assert (row.user, row.purpose, row.granted, row.notice_id) == (user, "photos", True, 2)
    assert (row.means, row.client, row.request_id) == ("app", "ios/2.3.1+431", "tap-of-a-finger")


def test_what_a_header_says_about_the_app_is_kept_only_if_it_can_be_that() -> None:
    phone = Api(UserFactory.create())
    headers = {"X-Client": "نورة 0512345678"}
    ok(phone.send("PUT", "me/consents/photos", body={"granted": True}, headers=headers))
    assert Consent.objects.get().client == ""
    assert Consent.objects.get().means == "web"


def test_saying_the_same_again_proves_nothing_new_until_the_notice_changes() -> None:
    phone = Api(UserFactory.create())
    for _ in range(2):
        ok(phone.send("PUT", "me/consents/marketing", body={"granted": True}))
    assert Consent.objects.count() == 1
    PrivacyNotice.objects.create(version=3, published_at=timezone.now(), text_ar="جديد", text_en="new")
    again = ok(phone.send("PUT", "me/consents/marketing", body={"granted": True}))
    assert again["notice_version"] == 3
    assert Consent.objects.count() == 2


def test_a_no_before_any_yes_is_on_record_too() -> None:
    ok(Api(UserFactory.create()).send("PUT", "me/consents/health_notes", body={"granted": False}))
    assert Consent.objects.get().granted is False


def test_proof_cannot_be_changed_or_deleted() -> None:
    ok(Api(UserFactory.create()).send("PUT", "me/consents/marketing", body={"granted": True}))
    for change in (
        lambda: Consent.objects.update(granted=False),
        lambda: Consent.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            change()
    assert Consent.objects.get().granted is True


@pytest.mark.parametrize(
    ("purpose", "body", "status", "code"),
    [
        ("tracking", {"granted": True}, 404, "not_found"),
        ("marketing", {}, 400, "validation_failed"),
        ("marketing", {"granted": "true"}, 400, "validation_failed"),
        ("marketing", {"granted": True, "forever": True}, 400, "validation_failed"),
    ],
)
def test_what_is_no_decision_is_refused(purpose: str, body: Any, status: int, code: str) -> None:
    refused(Api(UserFactory.create()).send("PUT", f"me/consents/{purpose}", body=body), status, code)
    assert not Consent.objects.exists()


def test_consents_are_ones_own() -> None:
    ok(Api(UserFactory.create()).send("PUT", "me/consents/marketing", body={"granted": True}))
    other = ok(Api(UserFactory.create()).get("me/consents"))["items"]
    assert not any(item["granted"] for item in other)
    refused(Api().get("me/consents"), 401, "auth_required")
    refused(Api().send("PUT", "me/consents/marketing", body={"granted": True}), 401, "auth_required")


def test_booking_asks_for_no_consent() -> None:
    salon, service, _ = open_salon(deposit_percent=0, auto_confirm=True)
    assert book(UserFactory.create(name=""), salon, service).state == "confirmed"
    assert not Consent.objects.exists()
