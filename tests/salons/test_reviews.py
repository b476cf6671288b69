"""Reviews: by whoever was there, answered by the salon, moderated by the platform, counted to the last star."""

from __future__ import annotations

import threading
import uuid
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import Count, Sum
from django.utils import timezone
from freezegun import freeze_time

from backend.accounts.models import Device, PlatformRole, User
from backend.bookings.models import Booking
from backend.bookings.operations.reviewing import REVIEW_OPEN, review_visit
from backend.bookings.queries import bookings_of
from backend.salons.models import Review, ReviewReport, Salon
from backend.salons.operations import reviews as operations
from backend.salons.queries.reviews import review_of
from tests.factories import SalonFactory, UserFactory, employ
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db

LANGUAGES = ("ar", "en")
PHONE, ARABIC_PHONE = "0512345678", "٠٥١٢٣٤٥٦٧٨"


def visit(
    salon: Salon, customer: User | None = None, *, ended: timedelta = timedelta(hours=1), **more: Any
) -> Booking:
    """A visit that was over `ended` ago: completed, unless told otherwise."""
    ends_at = timezone.now() - ended
    row: dict[str, Any] = {
        "reference": uuid.uuid4().hex[:12],
        "salon": salon,
        "customer": customer,
        "state": "completed",
        "source": "app",
        "language": "ar",
        "starts_at": ends_at - timedelta(hours=1),
        "ends_at": ends_at,
        "business_date": (ends_at - timedelta(hours=1)).date(),
        "price_minor": 0,
        "deposit_minor": 0,
        "free_cancel_hours": 0,
        "late_cancel_percent": 0,
        "created_at": ends_at - timedelta(days=1),
    }
    if more.get("state") == "no_show":
        row["no_show_at"] = ends_at
    return Booking.objects.create(**row | more)


def put(api: Api, booking: Booking, **body: Any) -> Any:
    return api.send("PUT", f"bookings/{booking.pk}/review", body=body)


def rating(salon: Salon) -> tuple[int, int]:
    salon.refresh_from_db()
    return salon.rating_sum, salon.rating_count


def adds_up(salon: Salon) -> bool:
    """The salon's rating is what its published reviews say, counted the slow and obvious way."""
    published = Review.objects.filter(salon=salon, status="published")
    found = published.aggregate(stars=Sum("rating", default=0), count=Count("id"))
    return rating(salon) == (found["stars"], found["count"])


def written(salon: Salon, *, author: User | None = None, **more: Any) -> Review:
    """A review of a visit to `salon`, counted."""
    author = author or UserFactory.create(name="سارة العتيبي")
    booking = visit(salon, author)
    body: dict[str, Any] = {"rating": 4, "comment": "جميل"} | more
    return operations.write_review(
        author=author, salon_id=salon.pk, booking_id=booking.pk, now=timezone.now(), **body
    )


def admin() -> User:
    person: User = UserFactory.create()
    PlatformRole.objects.create(user=person, role="platform_admin")
    return person


# Writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_somebody_who_was_there_says_how_it_was_and_everybody_reads_it(language: str) -> None:
    salon = SalonFactory.create(slug="lamsa")
    customer = UserFactory.create(name="سارة أحمد العتيبي")
    booking = visit(salon, customer)
    said = ok(put(Api(customer, language=language), booking, rating=5, comment="  رائع\nجدا \u202e "))
    assert (said["rating"], said["comment"], said["version"]) == (5, "رائع\nجدا", 1)
    assert (said["status"], said["hidden_reason"], said["updated_at"]) == ("published", None, None)
    assert datetime.fromisoformat(said["editable_until"]) == (booking.ends_at + REVIEW_OPEN).replace(
        microsecond=0
    )
    [shown] = ok(Api(language=language).get("salons/lamsa/reviews"))["items"]
    assert shown["id"] == said["id"]
    assert (shown["rating"], shown["comment"], shown["author_name"]) == (5, "رائع\nجدا", "سارة")
    assert (shown["reply"], shown["replied_at"]) == (None, None)
    assert rating(salon) == (5, 1)
    found = review_of(booking.pk)
    assert found is not None
    assert str(found.pk) == said["id"]
    assert review_of(uuid.uuid4()) is None


def test_saying_it_again_changes_nothing_and_saying_it_anew_changes_the_one_review() -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    api, booking = Api(customer), visit(salon, customer)
    first = ok(put(api, booking, rating=2, comment="طويل"))
    assert ok(put(api, booking, rating=2, comment="طويل")) == first
    assert ok(put(api, booking, rating=2, comment="طويل", version=7)) == first, "a repeat needs no version"
    anew = ok(put(api, booking, rating=4, version=1))
    assert (anew["id"], anew["version"], anew["rating"], anew["comment"]) == (first["id"], 2, 4, None)
    assert anew["updated_at"]
    assert Review.objects.count() == 1
    assert rating(salon) == (4, 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_edit_of_what_changed_meanwhile_is_refused_with_the_review_as_it_is(language: str) -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    api, booking = Api(customer, language=language), visit(salon, customer)
    ok(put(api, booking, rating=2))
    ok(put(api, booking, rating=3))
    problem = refused(put(api, booking, rating=5, version=1), 409, "version_conflict")
    assert (problem["current"]["rating"], problem["current"]["version"]) == (3, 2)
    assert rating(salon) == (3, 1)
    other = visit(salon, customer)
    assert "current" not in refused(put(api, other, rating=5, version=1), 409, "version_conflict")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("state", "arrived", "ended", "allowed"),
    [
        ("completed", False, timedelta(hours=1), True),
        ("completed", False, timedelta(minutes=-30), True),
        ("confirmed", True, timedelta(hours=1), True),
        ("no_show", True, timedelta(hours=1), True),
        ("confirmed", True, timedelta(minutes=-30), False),
        ("confirmed", False, timedelta(hours=1), False),
        ("no_show", False, timedelta(hours=1), False),
        ("cancelled", False, timedelta(hours=1), False),
        ("declined", False, timedelta(hours=1), False),
        ("expired", False, timedelta(hours=1), False),
    ],
)
def test_only_a_visit_that_took_place_is_reviewed(
    state: str, arrived: bool, ended: timedelta, allowed: bool, language: str
) -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    booking = visit(salon, customer, state=state, ended=ended, arrived_at=timezone.now() if arrived else None)
    answer = put(Api(customer, language=language), booking, rating=5)
    if allowed:
        ok(answer)
    else:
        refused(answer, 422, "review_not_allowed")
    assert rating(salon) == ((5, 1) if allowed else (0, 0))


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_weeks_after_the_visit_what_was_said_stays(language: str) -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    with freeze_time("2026-11-20T12:00:00Z") as clock:
        api, booking = Api(customer, language=language), visit(salon, customer, ended=timedelta())
        ok(put(api, booking, rating=1))
        clock.tick(REVIEW_OPEN - timedelta(seconds=1))
        api = Api(customer, language=language)
        assert ok(put(api, booking, rating=2))["rating"] == 2
        late = visit(salon, customer, ended=REVIEW_OPEN)
        clock.tick(timedelta(seconds=1))
        problem = refused(put(api, booking, rating=5), 422, "review_closed")
        assert problem["params"] == {"days": 14}
        assert "14" in problem["detail"]
        refused(put(api, late, rating=5), 422, "review_closed")
    assert rating(salon) == (2, 1)


def test_nobody_reviews_a_visit_that_is_not_theirs() -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    owner = employ(salon, "owner")
    own = visit(salon, customer)
    walk_in = visit(salon, None, guest_name="ضيفة", guest_phone="+966512345678", source="desk")
    for api in (Api(UserFactory.create(phone="+966512345678")), Api(owner), Api(admin())):
        for booking_id in (own.pk, walk_in.pk, uuid.uuid4()):
            refused(api.send("PUT", f"bookings/{booking_id}/review", body={"rating": 5}), 404, "not_found")
    refused(put(Api(), own, rating=5), 401, "auth_required")
    assert not Review.objects.exists()


def test_a_salon_that_takes_no_bookings_any_more_is_still_reviewed_by_who_was_there() -> None:
    salon, customer = SalonFactory.create(status="suspended"), UserFactory.create()
    ok(put(Api(customer), visit(salon, customer), rating=1))
    assert rating(salon) == (1, 1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/rating", "field_required"),
        ({"rating": 0}, "/rating", "too_small"),
        ({"rating": 6}, "/rating", "too_large"),
        ({"rating": "5"}, "/rating", "wrong_type"),
        ({"rating": "٥"}, "/rating", "wrong_type"),
        ({"rating": 4.5}, "/rating", "wrong_type"),
        ({"rating": True}, "/rating", "wrong_type"),
        ({"rating": None}, "/rating", "field_null"),
        ({"rating": 5, "comment": 5}, "/comment", "wrong_type"),
        ({"rating": 5, "comment": "x" * 1001}, "/comment", "too_long"),
        ({"rating": 5, "comment": "a\0b"}, "/comment", "invalid_format"),
        ({"rating": 5, "version": 0}, "/version", "too_small"),
        ({"rating": 5, "version": 10**12}, "/version", "too_large"),
        ({"rating": 5, "stars": 5}, "/stars", "unknown_field"),
    ],
)
def test_a_wrong_review_names_the_field(body: Any, pointer: str, code: str, language: str) -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    problem = refused(
        put(Api(customer, language=language), visit(salon, customer), **body), 400, "validation_failed"
    )
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(pointer, code)]
    assert not Review.objects.exists()


def test_a_session_in_doubt_neither_sees_nor_writes_what_is_older() -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    old = visit(salon, customer, ended=timedelta(days=1))
    api = Api(customer)
    ok(put(api, old, rating=3))
    Device.objects.update(history_from=timezone.now() - timedelta(hours=2), name_asked=False)
    refused(put(api, old, rating=1), 404, "not_found")
    new = visit(salon, customer, created_at=timezone.now())
    ok(put(api, new, rating=5))
    assert rating(salon) == (8, 2)


# What is public ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [PHONE, ARABIC_PHONE, "+966 51 234 5678"])
def test_numbers_in_comments_and_replies_are_for_nobody_else(number: str) -> None:
    salon = SalonFactory.create(slug="lamsa")
    customer, manager = UserFactory.create(), employ(salon, "manager")
    own = ok(
        put(Api(customer), booking := visit(salon, customer), rating=3, comment=f"اتصلوا على {number} الآن")
    )
    assert number in own["comment"]
    desk = ok(
        Api(manager).send(
            "PUT", f"manage/reviews/{own['id']}/reply", body={"reply": f"واتساب {number}", "version": 1}
        )
    )
    assert number not in desk["comment"]
    assert number in desk["reply"]
    [shown] = ok(Api().get("salons/lamsa/reviews"))["items"]
    assert (shown["comment"], shown["reply"]) == ("اتصلوا على ••• الآن", "واتساب •••")
    assert shown["replied_at"] == desk["replied_at"]
    own = ok(put(Api(customer), booking, rating=3, comment=f"اتصلوا على {number} الآن"))
    assert own["reply"] == "واتساب •••"


# The desk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_desk_reads_all_reviews_hidden_ones_with_the_reason(language: str) -> None:
    salon = SalonFactory.create(slug="lamsa")
    shown, hidden = written(salon), written(salon, rating=1)
    written(SalonFactory.create())
    operations.hide_review(
        review_id=hidden.pk, reason="إعلان", moderator=admin(), version=1, now=timezone.now()
    )
    api = Api(employ(salon, "manager"), language=language)
    items = ok(api.get("manage/salons/lamsa/reviews"))["items"]
    assert [(r["id"], r["status"], r["hidden_reason"]) for r in items] == [
        (str(hidden.pk), "hidden", "إعلان"),
        (str(shown.pk), "published", None),
    ]
    assert {r["author_name"] for r in items} == {"سارة"}
    assert items[1]["booking_id"] == str(shown.booking_id)
    assert "العتيبي" not in str(items)
    assert [r["id"] for r in ok(api.get("manage/salons/lamsa/reviews", status="hidden"))["items"]] == [
        str(hidden.pk)
    ]


def test_the_desk_finds_what_waits_for_an_answer_page_by_page() -> None:
    salon = SalonFactory.create(slug="lamsa")
    rows = [written(salon) for _ in range(5)]
    operations.reply_to_review(review_id=rows[0].pk, reply="شكرا", version=1, now=timezone.now())
    api = Api(employ(salon, "owner"))
    waiting: list[str] = []
    query: dict[str, Any] = {"replied": "false", "limit": "3"}
    while True:
        page = ok(api.get("manage/salons/lamsa/reviews", **query))
        waiting += [r["id"] for r in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert waiting == [str(r.pk) for r in reversed(rows[1:])]
    assert [r["id"] for r in ok(api.get("manage/salons/lamsa/reviews", replied="true"))["items"]] == [
        str(rows[0].pk)
    ]
    problem = refused(api.get("manage/salons/lamsa/reviews", replied="maybe"), 400, "validation_failed")
    assert problem["errors"][0]["parameter"] == "replied"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_salon_answers_changes_its_answer_and_takes_it_away(language: str) -> None:
    salon = SalonFactory.create(slug="lamsa")
    review = written(salon)
    api, path = Api(employ(salon, "manager"), language=language), f"manage/reviews/{review.pk}/reply"
    first = ok(api.send("PUT", path, body={"reply": "شكرا", "version": 1}))
    assert (first["reply"], first["version"]) == ("شكرا", 2)
    assert first["replied_at"]
    assert ok(api.send("PUT", path, body={"reply": "شكرا", "version": 1})) == first, (
        "a repeat changes nothing"
    )
    problem = refused(api.send("PUT", path, body={"reply": "عفوا", "version": 1}), 409, "version_conflict")
    assert (problem["current"]["reply"], problem["current"]["version"]) == ("شكرا", 2)
    ok(api.send("PUT", path, body={"reply": "عفوا", "version": 2}))
    gone = ok(api.send("PUT", path, body={"reply": " ", "version": 3}))
    assert (gone["reply"], gone["replied_at"]) == (None, None)
    [shown] = ok(Api().get("salons/lamsa/reviews"))["items"]
    assert (shown["reply"], shown["replied_at"]) == (None, None)


def test_only_those_who_answer_for_the_salon_answer() -> None:
    salon = SalonFactory.create(slug="lamsa")
    review = written(salon)
    body = {"reply": "x", "version": 1}
    for role, allowed in (("staff", False), ("receptionist", False), ("manager", True), ("owner", True)):
        here, elsewhere = Api(employ(salon, role)), Api(employ(SalonFactory.create(), role))
        answers = (
            here.send("PUT", f"manage/reviews/{review.pk}/reply", body=body),
            here.get("manage/salons/lamsa/reviews"),
        )
        for answer in answers:
            assert (answer.status_code == 200) is allowed, role
            if not allowed:
                refused(answer, 403, "permission_denied")
        for review_id in (review.pk, uuid.uuid4()):
            refused(elsewhere.send("PUT", f"manage/reviews/{review_id}/reply", body=body), 404, "not_found")
        refused(elsewhere.get("manage/salons/lamsa/reviews"), 403, "permission_denied")
    refused(Api(review.author).send("PUT", f"manage/reviews/{review.pk}/reply", body=body), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"version": 1}, "/reply", "field_required"),
        ({"reply": "x"}, "/version", "field_required"),
        ({"reply": None, "version": 1}, "/reply", "field_null"),
        ({"reply": "x" * 1001, "version": 1}, "/reply", "too_long"),
        ({"reply": "a\0", "version": 1}, "/reply", "invalid_format"),
        ({"reply": "x", "version": "1"}, "/version", "wrong_type"),
    ],
)
def test_a_wrong_reply_names_the_field(body: Any, pointer: str, code: str) -> None:
    salon = SalonFactory.create()
    api = Api(employ(salon, "owner"))
    problem = refused(
        api.send("PUT", f"manage/reviews/{written(salon).pk}/reply", body=body), 400, "validation_failed"
    )
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [(pointer, code)]


# Reports and moderation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_brings_a_review_before_the_platform_until_it_decides(language: str) -> None:
    salon = SalonFactory.create(slug="lamsa", name_ar="لمسة", name_en="Lamsa")
    quiet, loud = written(salon), written(salon, rating=1, comment=f"اتصلوا {PHONE}")
    reporter = Api(employ(salon, "owner"), language=language)
    assert reporter.post(f"reviews/{loud.pk}/reports", {"reason": "رقم جوال"}).status_code == 204
    assert reporter.post(f"reviews/{loud.pk}/reports", {"reason": "again"}).status_code == 204
    assert Api(UserFactory.create()).post(f"reviews/{loud.pk}/reports", {"reason": "نعم"}).status_code == 204
    moderator = Api(admin(), language=language)
    [case] = ok(moderator.get("platform/reviews", reported="true"))["items"]
    assert (case["id"], case["comment"]) == (str(loud.pk), f"اتصلوا {PHONE}")
    assert case["salon"] == {"id": str(salon.pk), "name": "لمسة" if language == "ar" else "Lamsa"}
    assert [r["reason"] for r in case["reports"]] == ["نعم", "رقم جوال"]
    assert [r["id"] for r in ok(moderator.get("platform/reviews", reported="false"))["items"]] == [
        str(quiet.pk)
    ]

    stands = ok(moderator.post(f"platform/reviews/{loud.pk}/publish", {"version": 1}))
    assert (stands["status"], stands["version"]) == ("published", 2)
    assert ok(moderator.get("platform/reviews", reported="true"))["items"] == []
    assert rating(salon) == (5, 2)
    ReviewReport.objects.create(
        review=loud,
        reporter=UserFactory.create(),
        reason="new",
        created_at=timezone.now() + timedelta(seconds=1),
    )
    assert len(ok(moderator.get("platform/reviews", reported="true"))["items"]) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hidden_review_is_seen_by_its_author_and_its_salon_and_does_not_count(language: str) -> None:
    salon, customer = SalonFactory.create(slug="lamsa"), UserFactory.create()
    booking = visit(salon, customer)
    author, moderator = Api(customer, language=language), admin()
    said = ok(put(author, booking, rating=1, comment="إعلان"))
    written(salon, rating=5)
    api, path = Api(moderator, language=language), f"platform/reviews/{said['id']}"
    hidden = ok(api.post(f"{path}/hide", {"reason": "إعلان لغير الصالون", "version": 1}))
    assert (hidden["status"], hidden["hidden_reason"], hidden["version"]) == (
        "hidden",
        "إعلان لغير الصالون",
        2,
    )
    assert hidden["moderated_at"]
    assert Review.objects.get(pk=said["id"]).moderated_by == moderator
    assert rating(salon) == (5, 1)
    assert said["id"] not in str(ok(Api().get("salons/lamsa/reviews")))
    [summary] = [s for s in ok(Api().get("salons"))["items"] if s["slug"] == "lamsa"]
    assert summary["rating"] == {"average": 5.0, "count": 1}
    # The same tap again changes nothing, another reason is a decision of its own.
    assert ok(api.post(f"{path}/hide", {"reason": "إعلان لغير الصالون", "version": 1})) == hidden
    problem = refused(api.post(f"{path}/hide", {"reason": "other", "version": 1}), 409, "version_conflict")
    assert problem["current"]["hidden_reason"] == "إعلان لغير الصالون"

    edited = ok(put(author, booking, rating=3, comment="شكرا"))
    assert (edited["status"], edited["hidden_reason"]) == ("hidden", "إعلان لغير الصالون")
    assert rating(salon) == (5, 1)

    shown = ok(api.post(f"{path}/publish", {"version": 3}))
    assert (shown["status"], shown["hidden_reason"]) == ("published", None)
    assert ok(api.post(f"{path}/publish", {"version": 3})) == shown
    assert rating(salon) == (8, 2)
    assert adds_up(salon)


def test_only_what_everybody_reads_is_reported() -> None:
    salon = SalonFactory.create()
    hidden, review = written(salon), written(salon)
    operations.hide_review(review_id=hidden.pk, reason="x", moderator=admin(), version=1, now=timezone.now())
    api = Api(UserFactory.create())
    for review_id in (hidden.pk, uuid.uuid4()):
        refused(api.post(f"reviews/{review_id}/reports", {"reason": "x"}), 404, "not_found")
    refused(Api().post(f"reviews/{review.pk}/reports", {"reason": "x"}), 401, "auth_required")
    for body, code in (
        ({}, "field_required"),
        ({"reason": " \u200f"}, "field_blank"),
        ({"reason": "x" * 301}, "too_long"),
    ):
        problem = refused(api.post(f"reviews/{review.pk}/reports", body), 400, "validation_failed")
        assert problem["errors"][0]["code"] == code
    Salon.objects.filter(pk=salon.pk).update(status="suspended")
    refused(api.post(f"reviews/{review.pk}/reports", {"reason": "x"}), 404, "not_found")
    assert not ReviewReport.objects.exists()


def test_a_person_cannot_flood_the_moderators() -> None:
    salon, reporter = SalonFactory.create(), UserFactory.create()
    review, api = written(salon), Api(reporter)
    for _ in range(operations.REPORTS_PER_DAY.allowed):
        assert api.post(f"reviews/{review.pk}/reports", {"reason": "x"}).status_code == 204
    refused(api.post(f"reviews/{review.pk}/reports", {"reason": "x"}), 429, "rate_limited")
    assert Api(UserFactory.create()).post(f"reviews/{review.pk}/reports", {"reason": "x"}).status_code == 204


def test_the_platforms_list_is_filtered_and_closed_to_everybody_else() -> None:
    one, two = SalonFactory.create(slug="one", status="suspended"), SalonFactory.create(slug="two")
    first, second = written(one), written(two)
    api = Api(admin())
    assert len(ok(api.get("platform/reviews"))["items"]) == 2
    for name in ("one", str(one.pk)):
        assert [r["id"] for r in ok(api.get("platform/reviews", salon=name))["items"]] == [str(first.pk)]
    operations.hide_review(review_id=second.pk, reason="x", moderator=admin(), version=1, now=timezone.now())
    assert [r["id"] for r in ok(api.get("platform/reviews", status="hidden"))["items"]] == [str(second.pk)]
    for query, parameter, code in (
        ({"salon": "nowhere"}, "salon", "not_found"),
        ({"salon": "a b"}, "salon", "not_found"),
        ({"salon": "a\0b"}, "salon", "invalid_format"),
        ({"status": "gone"}, "status", "invalid_choice"),
        ({"reported": "1"}, "reported", "invalid_format"),
    ):
        problem = refused(api.get("platform/reviews", **query), 400, "validation_failed")
        assert [(e["parameter"], e["code"]) for e in problem["errors"]] == [(parameter, code)]
    for person in (UserFactory.create(), employ(one, "owner")):
        refused(Api(person).get("platform/reviews"), 403, "permission_denied")
        for verb in ("hide", "publish"):
            for review_id in (first.pk, uuid.uuid4()):
                answer = Api(person).post(f"platform/reviews/{review_id}/{verb}", {"version": 1})
                refused(answer, 403, "permission_denied")
    for verb, body in (("hide", {"reason": "x", "version": 1}), ("publish", {"version": 1})):
        refused(api.post(f"platform/reviews/{uuid.uuid4()}/{verb}", body), 404, "not_found")
    refused(api.post(f"platform/reviews/{first.pk}/hide", {"version": 1}), 400, "validation_failed")


@pytest.mark.parametrize("path", ["salons/lamsa/reviews", "manage/salons/lamsa/reviews", "platform/reviews"])
def test_more_reviews_cost_no_more_questions(path: str, django_assert_max_num_queries: Any) -> None:
    salon = SalonFactory.create(slug="lamsa")
    owner = employ(salon, "owner")
    PlatformRole.objects.create(user=owner, role="platform_admin")
    for _ in range(6):
        review = written(salon)
        for _ in range(3):
            ReviewReport.objects.create(
                review=review, reporter=UserFactory.create(), reason="x", created_at=timezone.now()
            )
    api = Api(owner)
    api.get(path)
    with django_assert_max_num_queries(8):
        assert len(ok(api.get(path))["items"]) == 6


def test_the_platform_reads_the_latest_twenty_reports_of_a_review() -> None:
    review = written(SalonFactory.create())
    for n in range(22):
        ReviewReport.objects.create(
            review=review,
            reporter=UserFactory.create(),
            reason=f"reason {n}",
            created_at=timezone.now() + timedelta(seconds=n),
        )
    [case] = ok(Api(admin()).get("platform/reviews"))["items"]
    assert [r["reason"] for r in case["reports"]] == [f"reason {n}" for n in range(21, 1, -1)]


# At the same moment ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_votes_at_the_same_moment_are_all_counted() -> None:
    salon = SalonFactory.create()
    moderator, now = admin(), timezone.now()
    customers = UserFactory.create_batch(8)
    fresh = [visit(salon, customer) for customer in customers]
    edited = [written(salon, rating=3) for _ in range(4)]
    hidden = [written(salon, rating=2) for _ in range(4)]
    race(
        *(
            partial(
                review_visit,
                bookings=bookings_of(customer),
                booking_id=booking.pk,
                rating=1 + n % 5,
                comment="",
                now=now,
            )
            for n, (customer, booking) in enumerate(zip(customers, fresh, strict=True))
        ),
        *(
            partial(
                operations.write_review,
                author=review.author,
                salon_id=salon.pk,
                booking_id=review.booking_id,
                rating=5,
                comment="",
                now=now,
            )
            for review in edited
        ),
        *(
            partial(
                operations.hide_review,
                review_id=review.pk,
                reason="x",
                moderator=moderator,
                version=1,
                now=now,
            )
            for review in hidden
        ),
    )
    assert rating(salon) == (sum(1 + n % 5 for n in range(8)) + 4 * 5, 12)
    assert adds_up(salon)


@pytest.mark.django_db(transaction=True)
def test_one_visit_reviewed_from_many_phones_at_once_is_one_review() -> None:
    salon, customer = SalonFactory.create(), UserFactory.create()
    booking = visit(salon, customer)
    phones = [Api(customer) for _ in range(6)]
    answers = race(*(partial(put, phone, booking, rating=1 + n % 5) for n, phone in enumerate(phones)))
    assert {answer.status_code for answer in answers} == {200}
    assert Review.objects.count() == 1
    assert adds_up(salon)


@pytest.mark.django_db(transaction=True)
def test_an_author_who_edits_while_the_platform_hides_leaves_a_rating_that_adds_up() -> None:
    salon, moderator = SalonFactory.create(), admin()
    for _ in range(8):
        review = written(salon, rating=2)
        edit = partial(
            operations.write_review,
            author=review.author,
            salon_id=salon.pk,
            booking_id=review.booking_id,
            rating=5,
            comment="",
            now=timezone.now(),
        )
        hide = partial(
            operations.hide_review,
            review_id=review.pk,
            reason="x",
            moderator=moderator,
            version=1,
            now=timezone.now(),
        )
        race(edit, hide)
        assert adds_up(salon)


@pytest.mark.django_db(transaction=True)
def test_witness_a_rating_that_is_read_and_written_back_loses_votes() -> None:
    """The same votes counted the tempting way: everybody reads the sum, everybody writes their own."""
    salon = SalonFactory.create()
    read = threading.Barrier(4)

    def vote() -> None:
        seen = Salon.objects.get(pk=salon.pk)
        read.wait(20)
        seen.rating_sum += 5
        seen.rating_count += 1
        seen.save(update_fields=["rating_sum", "rating_count"])

    race(*[vote] * 4)
    assert rating(salon) == (5, 1)
