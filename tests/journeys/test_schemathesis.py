"""The whole contract, asked as each role with requests made from the contract itself (Schemathesis).

Each request is undone before the next, so that every one finds the world as it was. FUZZ_EXAMPLES is how many requests
a role that the operation admits sends of each kind (few in the build); another role sends one.
"""

from __future__ import annotations

import copy
import os
import random
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import TestCase
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core import NotSet
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

from backend.core.api.access import ROLES, Access
from tests.journeys.test_role_matrix import SALON_ROLES, VALUES, World, endpoints
from tests.project.tree import ROOT
from tests.support import contract
from tests.support.api import Api

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
AWAY = {"payments_unavailable", "otp_not_sent"}
"""What may answer 503 here: no gateway and no carrier is on the line."""
SCHEMA_COULD_TELL = {
    "field_null", "wrong_type", "invalid_choice", "unknown_field",
    "too_long", "too_large", "too_small", "list_too_long",
}  # fmt: skip
"""Field errors that a request which fits the schema never meets."""
RULES = re.compile(
    r"/topics/\d+/topic|/opens|/timezone|/languages/\d+|/is_primary|(/windows/\d+)?/closes|/text_(ar|en)|/amount_minor|"
    r"/attributes/.*|/closes_next_day|/day|/(starts|ends)_at|/(first|last)_date|/(min|max)_minutes",
    re.DOTALL,
)
"""But here: a rule says the same words (a topic that is not this person's, a text with what we add to it, a longest
let that is shorter than the shortest, a weekday for a closure of dates)."""
UNLISTED = {405, 406, 413, 415, 503}
"""Answers to a programming error or an outage: the `default` of each operation, not a line of their own."""
ENDPOINTS = [
    pytest.param(path, method, policy, id=f"{method} {path}")
    for path, method, policy in endpoints()
    if policy is not None and "/webhooks/" not in path
]


@schemathesis.check
def an_answer_keeps_the_conventions(ctx: Any, response: Any, case: Any) -> None:
    """What the contract promises of every answer, and no schema can say."""
    headers = {name: values[0] for name, values in response.headers.items()}
    assert headers["x-request-id"]
    assert headers["content-language"] in ("ar", "en")
    status = response.status_code
    if case.operation.method == "get" and status == 200:
        assert headers.get("cache-control"), "a read that does not say who may keep it"
    if status < 400:
        return
    problem = response.json()
    assert headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["request_id"] == headers["x-request-id"]
    assert problem["detail"].strip()
    assert headers.get("retry-after") == (str(problem["retry_after"]) if "retry_after" in problem else None)
    listed = case.operation.definition.raw["responses"]
    assert str(status) in listed or status in UNLISTED, f"{status} is not listed"
    assert status != 503 or problem["code"] in AWAY, problem
    assert status != 400 or problem["code"] != "malformed_request" or case.meta.generation.mode.is_negative
    if case.meta.generation.mode.is_positive:
        told = [
            f"{e['code']} at {e['pointer']}"
            for e in problem.get("errors", ())
            if e["code"] in SCHEMA_COULD_TELL and not RULES.fullmatch(e["pointer"] or "")
        ]
        assert not told, f"fits the schema, and is refused: {told}"


@cache
def operations() -> dict[str, Any]:
    config = schemathesis.Config.from_path(ROOT / "mobile-contract/rules/schemathesis.toml")
    schema = schemathesis.openapi.from_dict(copy.deepcopy(contract.schema()), config=config)
    schema.app = WSGIHandler()
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


def documented(path: str) -> str:
    return re.sub(r"<\w+:(\w+)>", r"{\1}", path)


def requests_for(operation: Any, count: int) -> list[Any]:
    """The same ones in every run: of each kind `count`, and those first that reach furthest."""

    def made(mode: GenerationMode) -> list[Any]:
        found: list[Any] = []

        @settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def collect(case: Any) -> None:
            found.append(case)

        with suppress(Unsatisfiable):  # where nothing is asked, nothing can be wrong
            collect()
        return found

    schema = operation.schema
    edges = list(
        schema.iter_coverage_cases(
            operation,
            generation_modes=list(GenerationMode),
            generation_config=schema.config.generation_for(operation=operation),
        )
    )
    chosen = random.Random(operation.label).sample(edges, min(len(edges), 2 * count))
    found = [*made(GenerationMode.POSITIVE), *made(GenerationMode.NEGATIVE), *chosen]
    return [case for case in found if "" not in (case.query or {}).values()]  # an empty value is none


class Seeds:
    """Values of the world, by the names under which requests ask for them."""

    def __init__(self, world: World) -> None:
        tomorrow = (world.booking.starts_at + timedelta(hours=2)).isoformat()
        self.values: dict[str, Any] = {
            "salon_id": world.salon.id,
            "service_id": world.service.id,
            "staff_member_id": world.staff_member.id,
            "resource_id": world.resource.id,
            "rental_id": world.rental.id,
            "session_id": world.session.id,
            "booking_id": world.booking.id,
            "client_id": world.client_id,
            "photo_id": world.photo.id,
            "business_id": world.salon.business_id,
            "service_ids": [world.service.id],
            "staff_ids": [world.staff_member.id],
            "staff_member_ids": [world.staff_member.id],
            "resource_ids": [world.resource.id],
            "starts_at": tomorrow,
            "explain": tomorrow,
            "date": world.booking.business_date,
            "first_date": world.booking.business_date,
            "version": 1,
            "phone": "0512345678",
            "category": world.service.category_id,
            "city": world.salon.city_id,
            "near": "24.7136,46.6753",
        }

    def into(self, node: Any) -> Any:
        """The same body or query, with what it asks for being there."""
        if isinstance(node, list):
            return [self.into(inner) for inner in node]
        if isinstance(node, float) and node.is_integer():
            return int(node)  # a whole number to JSON Schema, whatever it looks like
        if not isinstance(node, dict):
            return node
        return {name: self._of(name, value) for name, value in node.items()}

    def _of(self, name: str, value: Any) -> Any:
        known = self.values.get(name)
        if known is None or value is None or isinstance(value, list) != isinstance(known, list):
            return self.into(value)
        if isinstance(known, list):
            return [str(one) for one in known]
        return known if isinstance(known, int) else str(known)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is undone, work that waits for the commit included; as if it were a test of its own."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def send(case: Any, phone: Api) -> Any:
    headers = {"Accept-Encoding": "identity", **phone.headers}
    with undone(), TestCase.captureOnCommitCallbacks(execute=True):
        return case.call(headers=headers)


@pytest.fixture(autouse=True)
def wide_limits(settings: Any) -> None:
    settings.LIMITS_SCALE = 1000


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """The server would leave it after each request, and the test's transaction with it."""
    around = (request_started, request_finished)
    for signal in around:
        signal.disconnect(close_old_connections)
    yield
    for signal in around:
        signal.connect(close_old_connections)


def test_every_operation_of_the_contract_is_asked() -> None:
    asked = {f"{param.values[1]} {documented(str(param.values[0]))}" for param in ENDPOINTS}
    assert set(operations()) <= asked


@pytest.mark.parametrize(("path", "method", "policy"), ENDPOINTS)
def test_an_operation_keeps_the_contract_whoever_asks_whatever(
    path: str, method: str, policy: Access
) -> None:
    operation = operations().get(f"{method} {documented(path)}")
    if operation is None:
        return  # not for apps, so not in the contract
    world = World()
    seeds = Seeds(world)
    there = {
        name: str(VALUES[f"<{kind}:{name}>"](world)) for kind, name in re.findall(r"<(\w+):(\w+)>", path)
    }
    cases = requests_for(operation, EXAMPLES)
    for case in cases:
        negative = {place for place, made in case.meta.components.items() if made.mode.is_negative}
        if ParameterLocation.PATH not in negative:
            case.path_parameters = there
        if ParameterLocation.QUERY not in negative and case.query:
            case.query = seeds.into(dict(case.query))
        if ParameterLocation.BODY not in negative and not isinstance(case.body, NotSet):
            case.body = seeds.into(case.body)
        only_a_look = str((case.query or {}).get("preview")) == "true"  # nothing is done, and no key is read
        if operation.method == "post" and (only_a_look or ParameterLocation.HEADER not in negative):
            case.headers["Idempotency-Key"] = str(uuid.uuid4())
        if "X-Installation-Id" in (case.headers or {}):  # one that is none is overlooked
            case.headers["X-Installation-Id"] = str(uuid.uuid4())
    failures: dict[str, str] = {}
    for number, role in enumerate(ROLES):
        phone = Api(world.person(role, own=role in (*SALON_ROLES, "customer")))
        mine = cases if role in policy.roles else [cases[number % len(cases)]]
        for case in mine:
            response = send(case, phone)
            try:
                case.validate_response(response, headers=phone.headers)
            except FailureGroup as group:
                for failure in group.exceptions:
                    failures.setdefault(str(failure), f"as {role}: {group}")
    assert not failures, "\n\n".join(failures.values())
