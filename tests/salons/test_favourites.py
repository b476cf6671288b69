"""Favourites: kept once, shown while the salon is live, never shown to a session in doubt."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backend.accounts.models import Device
from backend.accounts.operations import SessionRevoked, delete_account
from backend.salons.models import Favourite, Salon
from backend.salons.operations.favourites import MOST_FAVOURITES, keep_favourite
from tests.factories import CityFactory, DistrictFactory, SalonFactory, UserFactory
from tests.support.api import Api, ok, refused
from tests.support.race import race

pytestmark = pytest.mark.django_db


def keep(api: Api, salon: Any) -> Any:
    return api.send("PUT", f"me/favourites/{salon}")


def drop(api: Api, salon: Any) -> Any:
    return api.send("DELETE", f"me/favourites/{salon}")


def slugs(api: Api) -> list[str]:
    return [s["slug"] for s in ok(api.get("me/favourites"))["items"]]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_salon_is_kept_once_and_let_go_of_once(language: str) -> None:
    one, two = SalonFactory.create(slug="one"), SalonFactory.create(slug="two")
    api = Api(UserFactory.create(), language=language)
    for salon in (one.slug, two.pk, one.pk, one.slug):
        assert keep(api, salon).status_code == 204
    items = ok(api.get("me/favourites"))["items"]
    assert [s["slug"] for s in items] == ["two", "one"]
    assert items[0]["name"] == ("صالون لمسة" if language == "ar" else "Lamsa Salon")
    assert [s["id"] for s in items] == [str(two.pk), str(one.pk)]
    for _ in range(2):
        assert drop(api, "two").status_code == 204
    assert slugs(api) == ["one"]


@pytest.mark.parametrize("status", ["draft", "in_review", "suspended"])
def test_only_live_salons_are_kept_and_shown_and_any_is_let_go_of(status: str) -> None:
    salon = SalonFactory.create(slug="lamsa")
    api = Api(UserFactory.create())
    keep(api, "lamsa")
    Salon.objects.filter(pk=salon.pk).update(status=status)
    assert slugs(api) == []
    other = Api(UserFactory.create())
    for name in ("lamsa", salon.pk, "nowhere", uuid.uuid4()):
        refused(keep(other, name), 404, "not_found")
        assert drop(other, name).status_code == 204, "what is no favourite is let go of already"
    Salon.objects.filter(pk=salon.pk).update(status="live")
    assert slugs(api) == ["lamsa"]
    Salon.objects.filter(pk=salon.pk).update(status=status)
    assert drop(api, "lamsa").status_code == 204
    assert not Favourite.objects.exists()


def test_favourites_are_ones_own() -> None:
    SalonFactory.create(slug="lamsa")
    mine, theirs = Api(UserFactory.create()), Api(UserFactory.create())
    keep(mine, "lamsa")
    assert slugs(theirs) == []
    drop(theirs, "lamsa")
    assert slugs(mine) == ["lamsa"]
    for answer in (Api().get("me/favourites"), keep(Api(), "lamsa"), drop(Api(), "lamsa")):
        refused(answer, 401, "auth_required")


@pytest.mark.parametrize("name", ["%00", "a%20b", "لمسة"])
def test_a_name_no_salon_can_have_is_not_found(name: str) -> None:
    api = Api(UserFactory.create())
    refused(keep(api, name), 404, "not_found")
    refused(drop(api, name), 404, "not_found")


def test_many_favourites_come_in_pages_and_cost_the_same() -> None:
    user = UserFactory.create()
    api = Api(user)
    for n in range(7):
        city = CityFactory.create(slug=f"city-{n}")
        salon = SalonFactory.create(
            slug=f"s-{n}", city=city, district=DistrictFactory.create(slug=f"d-{n}", city=city)
        )
        Favourite.objects.create(user=user, salon=salon, created_at=timezone.now() + timedelta(seconds=n))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ok(api.get("me/favourites", limit="3", **cursor))
        seen += [s["slug"] for s in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"s-{n}" for n in range(6, -1, -1)]
    costs = []
    for limit in ("1", "7"):
        with CaptureQueriesContext(connection) as cost:
            ok(api.get("me/favourites", limit=limit))
        costs.append(len(cost))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("language", ["ar", "en"])
def test_nobody_keeps_more_than_anybody_scrolls_through(language: str) -> None:
    user = UserFactory.create()
    city, business = CityFactory.create(), SalonFactory.create().business
    salons = Salon.objects.bulk_create(
        Salon(
            slug=f"many-{n}", name_ar="ص", name_en="S", audience="women", status="live", city=city,
            business=business, created_at=timezone.now(),
        )
        for n in range(MOST_FAVOURITES)
    )  # fmt: skip
    Favourite.objects.bulk_create(Favourite(user=user, salon=s, created_at=timezone.now()) for s in salons)
    one_more = SalonFactory.create(slug="one-more")
    api = Api(user, language=language)
    problem = refused(keep(api, "one-more"), 422, "favourites_full")
    assert problem["params"] == {"most": 500}
    assert "500" in problem["detail"]
    assert keep(api, "many-0").status_code == 204, "one that is kept already is kept"
    drop(api, "many-0")
    assert keep(api, one_more.pk).status_code == 204


def test_a_session_in_doubt_has_only_what_it_chose_itself() -> None:
    SalonFactory.create(slug="old")
    SalonFactory.create(slug="both")
    user = UserFactory.create()
    owner = Api(user)
    keep(owner, "old")
    keep(owner, "both")
    Favourite.objects.update(created_at=timezone.now() - timedelta(days=200))
    doubtful = Api(user)
    device = Device.objects.latest("created_at")
    Device.objects.filter(pk=device.pk).update(history_from=timezone.now(), name_asked=True)
    assert slugs(doubtful) == []
    assert drop(doubtful, "old").status_code == 204
    assert keep(doubtful, "both").status_code == 204
    assert slugs(doubtful) == ["both"]
    assert sorted(slugs(owner)) == ["both", "old"]


@pytest.mark.django_db(transaction=True)
def test_one_salon_kept_from_many_phones_at_once_is_kept_once() -> None:
    SalonFactory.create(slug="lamsa")
    user = UserFactory.create()
    answers = race(*(partial(keep, Api(user), "lamsa") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {204}
    assert Favourite.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(3))
def test_whoever_keeps_a_salon_while_leaving_leaves_nothing_behind(round_: int) -> None:
    salon, user, now = SalonFactory.create(), UserFactory.create(), timezone.now()
    kept, _ = race(
        partial(keep_favourite, user=user, salon=salon, now=now), partial(delete_account, user=user, now=now)
    )
    assert kept is None or isinstance(kept, SessionRevoked)
    assert not Favourite.objects.exists()
