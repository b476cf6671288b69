"""An id in a path is the same in capitals: iPhones write UUIDs that way (RFC 9562, section 4)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from backend.core.api.views import Endpoint
from tests.core.helpers import problem, send
from tests.journeys.test_role_matrix import World, endpoints, fill, routes
from tests.support import contract
from tests.support.api import Api, ok

pytestmark = pytest.mark.django_db

OFF_THE_API = {"payment-return"}
"""Routes with an id that no app calls."""


def capitals(path: str) -> str:
    """The ids in a path, as another system writes them."""
    parts = path.split("/")
    return "/".join(part.upper() if len(part) == 36 and part.count("-") == 4 else part for part in parts)


def people(world: World) -> list[Api]:
    own = [Api(world.person(role, own=True)) for role in ("customer", "owner")]
    return own + [
        Api(world.person(role, own=False)) for role in ("finance", "support", "platform_admin", "customer")
    ]


def test_whatever_is_read_by_its_id_is_read_by_its_id_in_capitals() -> None:
    world = World()
    everybody = people(world)
    found = set()
    for route, method, _policy in endpoints():
        path = fill(route, world)
        if method != "GET" or "<id:" not in route or capitals(path) == path:
            continue
        for api in everybody:
            answer = api.get(path)
            if answer.status_code != 200:
                continue
            again = api.get(capitals(path))
            assert again.status_code == 200, (path, again.content)
            if "json" in answer.headers["Content-Type"]:
                assert again.json().keys() == answer.json().keys(), path
                assert again.json().get("id") == answer.json().get("id"), path
            found.add(route)
            break
    assert len(found) >= 20, found
    for part in ("/v1/bookings/<", "/v1/manage/", "/v1/finance/payments/<", "/v1/finance/differences/<"):
        assert any(part in route for route in found), part


def test_an_act_reaches_the_booking_whose_id_stands_in_capitals() -> None:
    world = World()
    customer, desk = Api(world.customer), Api(world.person("owner", own=True))
    name = str(world.booking.pk).upper()
    assert name != str(world.booking.pk)
    noted = ok(desk.get(f"manage/bookings/{name}"))
    assert noted["id"] == str(world.booking.pk)
    answer = ok(customer.post(f"bookings/{name}/cancel", {"version": noted["version"]}))
    assert (answer["id"], answer["state"]) == (str(world.booking.pk), "cancelled")


def test_a_salon_is_found_by_its_id_in_capitals() -> None:
    world = World()
    answer = ok(Api().get(f"salons/{str(world.salon.pk).upper()}"))
    assert answer["id"] == str(world.salon.pk)


@pytest.mark.parametrize(
    "name",
    [
        str(uuid.UUID(int=7)),
        "01A20185-D24A-7273-97A0-DF8FE12C4606",
        "01a20185d24a727397a0df8fe12c4606",
        "{01a20185-d24a-7273-97a0-df8fe12c4606}",
        "urn:uuid:01a20185-d24a-7273-97a0-df8fe12c4606",
        "01a20185-d24a-7273-97a0-df8fe12c460g",
        "01a20185-d24a-7273-97a0-df8fe12c460",
        "٠١a20185-d24a-7273-97a0-df8fe12c4606",
    ],
)
def test_what_is_nobodys_id_is_not_found(name: str) -> None:
    world = World()
    signed_in = {"Authorization": Api(world.customer).headers["Authorization"]}
    for method, path in (("GET", f"bookings/{name}"), ("POST", f"bookings/{name}/cancel")):
        body = {"version": 1} if method == "POST" else None
        key = {"Idempotency-Key": str(uuid.uuid4())}
        problem(send(method, f"/api/v1/{path}", body, **signed_in, **key), 404, "not_found")


def test_every_id_in_a_path_is_of_either_case_and_a_uuid_in_the_contract() -> None:
    for path, pattern in routes():
        assert "<uuid:" not in path, f"{path}: <id:…> takes both cases"
        view: Any = getattr(pattern.callback, "view_class", None)
        if "<id:" in path:
            assert pattern.name in OFF_THE_API or issubclass(view or object, Endpoint), path
    ids = [
        (path, parameter)
        for path, item in contract.schema()["paths"].items()
        for operation in item.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "path" and (parameter["name"] == "id" or parameter["name"].endswith("_id"))
    ]
    assert len(ids) > 60
    for path, parameter in ids:
        assert parameter["schema"] == {"type": "string", "format": "uuid"}, (path, parameter)
