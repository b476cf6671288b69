"""The journeys of mobile-contract/flows: they name only what exists, and run on a live server."""

from __future__ import annotations

import json
import re
import subprocess
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.utils import timezone

from backend.core.contract.reading import operations
from backend.core.time import RIYADH
from tests.factories import open_salon
from tests.support.node import CONTRACT, npm, package
from tests.support.sandbox import SandboxProcess
from tests.support.server import ServerProcess

FOLDER = CONTRACT / "flows"
JOURNEYS = ("sign-in", "sign-out", "book-and-pay", "retry-after-timeout", "reschedule-conflict", "cancel")
FILES = sorted(FOLDER.glob("*.arazzo.yaml"))
CODE = "482913"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def known_operations() -> set[str]:
    document = yaml.load((CONTRACT / "openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {operation["operationId"] for _, _, operation in operations(document)}


def test_each_journey_has_its_file() -> None:
    assert {path.name.removesuffix(".arazzo.yaml") for path in FILES} == {*JOURNEYS, "find-time"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_journey_names_only_what_exists(path: Path, known_operations: set[str]) -> None:
    journey = read(path)
    sources = {source["name"]: FOLDER / source["url"] for source in journey["sourceDescriptions"]}
    assert all(source.exists() for source in sources.values())
    for workflow in journey["workflows"]:
        for step in workflow["steps"]:
            if "operationId" in step:
                assert step["operationId"] in known_operations, step["stepId"]
            else:
                _, name, wanted = step["workflowId"].split(".")
                assert wanted in {w["workflowId"] for w in read(sources[name])["workflows"]}, step["stepId"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_code_a_journey_waits_for_is_listed(path: Path) -> None:
    listed = {e["code"] for e in json.loads((CONTRACT / "errors.json").read_text(encoding="utf-8"))}
    assert set(re.findall(r"/code == '(\w+)'", path.read_text(encoding="utf-8"))) <= listed


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_every_journey_runs_on_a_live_server() -> None:
    tools = package("tools")
    with_deposit, _service, _staff = open_salon()
    without, _service, _staff = open_salon(staff=3, auto_confirm=True, deposit_percent=0)
    today = timezone.now().astimezone(RIYADH).date()
    phones = {name: f"+96650765430{n}" for n, name in enumerate((*JOURNEYS, "a stranger"))}

    def run(journey: str, server: str, **changed: str) -> subprocess.CompletedProcess[str]:
        given = {
            "phone": phones[journey],
            "code": CODE,
            "installationId": str(uuid.uuid4()),
            "salon": (with_deposit if journey == "book-and-pay" else without).slug,
            "date": str(today + timedelta(days=3)),
            "declinedToken": "token_declined_1",
            "token": "token_ok_1",
            **{
                key: str(uuid.uuid4())
                for key in ("bookKey", "declinedKey", "payKey", "moveKey", "staleKey", "againKey")
            },
        } | changed
        words = ["run", "flow", "--", f"../flows/{journey}.arazzo.yaml", "--input", json.dumps(given)]
        return npm(tools, *words, "--server", f"mawid={server}", timeout=120)

    with (
        SandboxProcess() as sandbox,
        ServerProcess(
            REVIEW_NUMBERS=",".join(
                f"{phone}={CODE}@{today + timedelta(days=1)}" for phone in phones.values()
            ),
            MOYASAR_SECRET_KEY=sandbox.secret_key,
            MOYASAR_PUBLISHABLE_KEY=sandbox.publishable_key,
            MOYASAR_WEBHOOK_SECRET=sandbox.webhook_secret,
            MOYASAR_BASE_URL=sandbox.base_url,
        ) as server,
    ):
        for journey in JOURNEYS:
            done = run(journey, server.url)
            assert done.returncode == 0, f"{journey}\n{done.stdout[-8000:]}\n{server.log()[-2000:]}"
        wrong = run("sign-in", server.url, phone=phones["a stranger"], code="000000")
        assert wrong.returncode != 0
        assert "✗ POST /api/v1/auth/otp-verifications" in wrong.stdout
