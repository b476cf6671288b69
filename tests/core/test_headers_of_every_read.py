"""What each read says about being kept: by whom, how long, under which tag; and that it travels compressed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from backend.core.api.access import ANONYMOUS, ROLES, Access
from tests.journeys.test_role_matrix import World, endpoints, fill
from tests.project.tree import ROOT
from tests.support.api import Api

pytestmark = pytest.mark.django_db

QUERIES = {
    "/api/v1/salons/<str:salon>/availability": lambda w: {"service_ids": str(w.service.id)},
    "/api/v1/support/people": lambda w: {"phone": w.customer.phone},
}
NOT_HERE = {"/api/v1/feeds/<str:secret>.ics"}
"""The address is told once and nobody in this world has one: tests/bookings/test_calendar_feeds.py."""
TOO_SHORT, WORTH_IT = 200, 600
"""Bytes. What is shorter than the first is never compressed; between them it is where that makes it shorter."""


def reader(policy: Access) -> str:
    """Somebody whom the operation lets in and who finds the world's objects there."""
    order = (ANONYMOUS, "customer", "owner", *reversed(ROLES))
    return next(role for role in order if role in policy.roles)


def reads(world: World) -> Iterator[tuple[str, Access, Api, dict[str, Any]]]:
    """(path, policy, a phone that may read it, what `Api.send` needs besides)."""
    phones: dict[str, Api] = {}
    for path, method, policy in endpoints():
        if method != "GET" or policy is None or path in NOT_HERE:
            continue
        role = reader(policy)
        phone = phones.setdefault(role, Api(world.person(role, own=True)))
        yield (
            path,
            policy,
            phone,
            {"path": fill(path, world), "query": QUERIES.get(path, lambda _: {})(world)},
        )


def test_every_read_says_who_may_keep_it_and_is_confirmed_by_its_tag() -> None:
    wrong = []
    for path, policy, phone, call in reads(World()):
        first = phone.send("GET", **call)
        kept = first.headers.get("Cache-Control", "")
        if first.status_code != 200:
            wrong.append(f"{path}: {first.status_code} {first.content[:200]!r}")
        elif not re.fullmatch(r"public, max-age=\d+(, .+)?|private, no-cache|no-store", kept):
            wrong.append(f"{path}: Cache-Control {kept!r}")
        elif kept.startswith("public") and ANONYMOUS not in policy.roles:
            wrong.append(f"{path}: {kept}, and not everybody may read it")
        elif "Accept-Language" not in first.headers["Vary"]:
            wrong.append(f"{path}: Vary {first.headers['Vary']}")
        elif kept != "no-store":
            tag = first.headers.get("ETag", "")
            again = phone.send("GET", **call, headers={"If-None-Match": tag})
            if (again.status_code, again.content) != (304, b"") or again.headers["Cache-Control"] != kept:
                wrong.append(f"{path}: the tag {tag!r} gave {again.status_code}")
    assert wrong == []


def test_every_answer_worth_it_travels_compressed() -> None:
    wrong, compressed = [], 0
    for path, _policy, phone, call in reads(World()):
        plain = phone.send("GET", **call)
        packed = phone.client.get(
            call["path"],
            query_params=call["query"],
            headers=phone.headers | {"Accept-Encoding": "gzip"},
        )
        small = packed.headers.get("Content-Encoding") == "gzip"
        compressed += small
        if "Accept-Encoding" not in packed.headers["Vary"] and small:
            wrong.append(f"{path}: Vary {packed.headers['Vary']}")
        size = len(plain.getvalue())
        if (small and size < TOO_SHORT) or (not small and size >= WORTH_IT):
            wrong.append(f"{path}: {size} bytes, compressed: {small}")
    assert wrong == []
    assert compressed > 50


def test_the_public_reads_are_kept_as_long_as_the_contract_says() -> None:
    text = (ROOT / "mobile-contract/conventions.md").read_text(encoding="utf-8")
    promised = {
        address: header
        for row, header in re.findall(r"^\| (`GET .+?) \| `(public, max-age=\d+)`", text, re.MULTILINE)
        for address in re.findall(r"`GET ([^`]+)`", row)
    }
    assert len(promised) >= 7
    world = World()
    for address, header in promised.items():
        path = address.replace("{salon}", world.salon.slug).replace("{city}", world.salon.city_id)
        assert Api().get(path).headers["Cache-Control"].startswith(header), address
