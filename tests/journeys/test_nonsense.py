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


def send(world: World, method: str, path: str, role: str, **more: Any) -> None:
    own = role in (*SALON_ROLES, "customer")
    answer = Api(world.person(role, own=own)).send(
        method, fill(path, world), headers={"Idempotency-Key": str(uuid.uuid4())}, **more
    )
    if answer.status_code >= 500:
        assert answer.json()["code"] in GATEWAY_AWAY, (more, answer.content)


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
