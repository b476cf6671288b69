"""Every operation, signed in as somebody it admits, given nonsense in each place: refused in words, never a crash.

Starting from the recorded request of each operation, so that the nonsense gets past the first check. Every
answer is held against the contract.
"""

from __future__ import annotations

import copy
import json
import random
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from backend.core.api.access import ROLES, Access
from tests.journeys.test_role_matrix import SALON_ROLES, World, endpoints, fill
from tests.project.tree import ROOT
from tests.support import contract
from tests.support.api import Api

pytestmark = pytest.mark.django_db

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 10**30, 1.5, 1e308, [], {}, [None], [[[]]], {"": {"a": None}}),
    *("", " ", "null", "0", "-1", "1e400", "٠٥١٢٣٤٥٦٧٨", "١٤٤٨-٠٦-١٠", "۱۲", "½", "²"),
    *("\u202eمرحبا\u202c", "\u2066x", "\u200f", "\u0000", "\ufeff", "a\u0301" * 50, "😀" * 300, "x" * 20_000),
    *("2026-02-30", "0001-01-01", "9999-12-31T23:59:59+14:00", "2026-11-20T16:30:00", "1448-06-10"),
    *("' OR 1=1 --", "%s%(x)s{0}", "../../etc", "<script>", "\r\nX: y", str(uuid.UUID(int=0))),
)
MOST = 24
"""Of all places and values, for one operation; which ones is decided by the operation's name, the same in each run."""


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from places(value, (*path, key))


def spoiled(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = copy.deepcopy(body)
    node = copied
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return copied


def recorded(name: str) -> Any:
    path = ROOT / f"mobile-contract/examples/{name}/request-ok.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


GATEWAY_AWAY = {"payments_unavailable", "otp_not_sent", "unavailable"}


def admitted(policy: Access) -> str:
    """Somebody whom the operation lets in; of several, who may most."""
    order = ("customer", "owner", *reversed(ROLES))
    return next(role for role in order if role in policy.roles)


ENDPOINTS = [
    pytest.param(path, method, policy, id=f"{method} {path}")
    for path, method, policy in endpoints()
    if policy is not None and "/webhooks/" not in path
]


def operation_of(method: str, path: str) -> dict[str, Any]:
    documented = re.sub(r"<\w+:(\w+)>", r"{\1}", path)
    item: dict[str, Any] = contract.schema()["paths"].get(documented, {})
    found: dict[str, Any] = item.get(method.lower(), {})
    return found


def phone_of(world: World, role: str) -> Api:
    return Api(world.person(role, own=role in (*SALON_ROLES, "customer")))


def send(world: World, method: str, path: str, role: str, **more: Any) -> None:
    answer = phone_of(world, role).send(
        method, fill(path, world), headers={"Idempotency-Key": str(uuid.uuid4())}, **more
    )
    if answer.status_code >= 500:
        assert answer.json()["code"] in GATEWAY_AWAY, (more, answer.content)


def send_bytes(phone: Api, method: str, address: str, body: bytes, **headers: str) -> Any:
    """What no JSON writer would write."""
    answer = phone.client.generic(
        method,
        address,
        body,
        content_type="application/json",
        headers=phone.headers | {"Idempotency-Key": str(uuid.uuid4())} | headers,
    )
    kind = answer.headers.get("Content-Type", "")
    if "json" in kind:
        contract.check(method, address, answer.status_code, kind, answer.json())
    if answer.status_code >= 500:
        assert answer.json()["code"] in GATEWAY_AWAY, (body[:2000], answer.content)
    return answer


def barely_json(body: dict[str, Any], dice: random.Random) -> Iterator[bytes]:
    """The body with a name twice, half a letter, a number beyond all numbers, a well a hundred deep, and more."""
    for name in dice.sample(sorted(body), min(2, len(body))):
        again = json.dumps({name: dice.choice(VALUES[:10])}, ensure_ascii=True)[1:]
        yield (json.dumps(body)[:-1] + ("," if body else "") + again).encode()
    deep: Any = "x"
    for _ in range(100):
        deep = {"": deep} if dice.random() < 0.5 else [deep]
    for value in ("\ud800", "\udfff\ud800 x", float("inf"), float("nan"), 10**4000, deep, "ـ" * 200_000):
        place = dice.choice([path for path in places(body) if path] or [("unknown",)])
        yield json.dumps(spoiled(body, place, value)).encode()
    yield b"\xef\xbb\xbf" + json.dumps(body).encode()
    yield json.dumps(body).encode("utf-16")
    yield json.dumps(body).encode() + b"\x00"


@pytest.mark.parametrize(("path", "method", "policy"), ENDPOINTS)
def test_nonsense_in_the_body_is_refused_in_words(path: str, method: str, policy: Access) -> None:
    operation = operation_of(method, path)
    if "application/json" not in operation.get("requestBody", {}).get("content", {}):
        return
    body = recorded(operation["operationId"])
    trials = [(place, value) for place in places(body) for value in VALUES]
    trials += [((name,), value) for name in ("", "unknown", "id\u200f") for value in (None, "x")]
    chosen = random.Random(operation["operationId"]).sample(trials, min(MOST, len(trials)))
    world = World()
    for place, value in chosen:
        send(world, method, path, admitted(policy), body=spoiled(body, place, value) if place else value)
    phone, address = phone_of(world, admitted(policy)), fill(path, world)
    for text in barely_json(body, random.Random(operation["operationId"])):
        send_bytes(phone, method, address, text)


@pytest.mark.parametrize(("path", "method", "policy"), ENDPOINTS)
def test_nonsense_in_the_query_is_refused_in_words(path: str, method: str, policy: Access) -> None:
    operation = operation_of(method, path)
    names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    if not names:
        return
    world = World()
    trials = [
        (name, value) for name in (*names, "unknown") for value in VALUES if isinstance(value, str | int)
    ]
    chosen = random.Random(operation["operationId"]).sample(trials, min(MOST, len(trials)))
    for name, value in chosen:
        send(world, method, path, admitted(policy), query={name: str(value)[:2000]})


IN_A_PATH = (
    *("%00", "%0d%0a", "%ed%a0%80", "%ff", "%2e%2e%2f", "null", "-1", "9" * 400, "x" * 4000, "%25s%25(x)s"),
    *(
        "%D9%A1%D9%A2",
        "%E2%80%AEabc",
        "%EF%BB%BF",
        "%F0%9F%98%80" * 40,
        "*",
        "';--",
        "%20",
        str(uuid.UUID(int=0)),
    ),
)


def test_nonsense_in_an_address_leads_nowhere() -> None:
    """Ids are only looked up where they are ids; words, slugs and secrets are looked up as they come."""
    world = World()
    phones = {role: phone_of(world, role) for role in (*ROLES, "customer") if role != "anonymous"}
    for param in ENDPOINTS:
        path, method, policy = param.values
        for part in re.findall(r"<(?:str|slug|int|path):\w+>", str(path)):
            for value in random.Random(f"{method} {path}").sample(IN_A_PATH, 4):
                address = fill(str(path).replace(part, value), world)
                phone = phones.get(admitted(policy)) or Api()  # type: ignore[arg-type]
                answer = send_bytes(phone, str(method), address, b"{}")
                nothing_to_do = method == "DELETE" and answer.status_code == 204  # it is not there afterwards
                assert answer.status_code >= 400 or nothing_to_do, (method, address)


IN_A_HEADER = {
    "Accept-Language": (
        "ar-SA-u-nu-arab",
        "*;q=9",
        "x" * 5000,
        "ar;q=\u0661".encode().decode("latin-1"),
        ",,;;",
    ),
    "Authorization": (
        "Bearer",
        "Bearer ",
        "Bearer a.b.c",
        "Bearer " + "e" * 20_000,
        "Basic eDp5",
        "\xff\xfe",
    ),
    "Idempotency-Key": ("", "x", '"', "0" * 5000, str(uuid.UUID(int=0)) + "\xa0"),
    "If-None-Match": ("*", '"', 'W/"' + "x" * 5000, "\xff"),
    "X-Client": ("ios/9999.9999.9999+" + "z" * 20, "ios/\xb2.0.0", "web/1.0.0\x00"),
    "X-Installation-Id": ("", "x" * 5000, "\xff", str(uuid.UUID(int=0))),
    "X-Request-Id": ("\xe2\x80\xae", "a" * 65, "a b c d e f g h", "<script>"),
    "Content-Type": ("application/json; charset=utf-16", "application/json; charset=\xff", "text/json"),
    "Accept": ("application/json; indent=9999999", "*/*;q=x", "text/html", "\xff/\xff"),
}


@pytest.mark.parametrize("name", IN_A_HEADER)
def test_nonsense_in_a_header_is_refused_in_words_or_overlooked(name: str) -> None:
    world = World()
    body = json.dumps(recorded("createBooking")).encode()
    for value in IN_A_HEADER[name]:
        for method, path, text in (
            ("GET", "bookings", b""),
            ("POST", "bookings", body),
            ("GET", "salons", b""),
        ):
            answer = send_bytes(phone_of(world, "customer"), method, f"/api/v1/{path}", text, **{name: value})
            assert answer.status_code < 500
            assert re.fullmatch(r"[A-Za-z0-9_-]{8,64}", answer.headers["X-Request-Id"])
