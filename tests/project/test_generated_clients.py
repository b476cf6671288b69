"""What openapi-generator makes of openapi.yaml by the settings in mobile-contract/clients/.

Nobody here has a Swift or Dart compiler. So the code is parsed, and read for what went wrong in generated clients
before: operations that vanish, models named by chance, lists without a fallback, days read as moments.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.core.contract.reading import operations
from tests.project.syntax import EXTENSIONS, mistakes
from tests.project.tree import ROOT

FOLDER = ROOT / "mobile-contract"
NEEDS_GENERATOR = "openapi-generator (`make contract-generator` installs it, 140 MB)"
DOCUMENT: dict[str, Any] = yaml.load(
    (FOLDER / "openapi.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
LISTS = {name for name, schema in SCHEMAS.items() if "enum" in schema}
OPERATIONS = {operation["operationId"] for _, _, operation in operations(DOCUMENT)}
UPLOADS = {
    operation["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
    for _, _, operation in operations(DOCUMENT)
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
}
"""Their parts become parameters of the method. Nor is there a type that is only ever null."""
MODELS = SCHEMAS.keys() - UPLOADS - {"NullEnum"}

# The grammar for Swift takes the `!` of `() as! T` for one that belongs to the bracket, and then misses another.
FALSE_ALARM = re.compile(r"missing !: .*\) as! T$")


@dataclass(frozen=True)
class Client:
    """Where a client has its models and methods, and how it declares them."""

    models: str
    model: str
    methods: str
    method: str
    beside: str
    """What stands beside each method and is none of ours."""
    nested: frozenset[str] = frozenset()
    """A gender may also be empty; each model that says so declares the list for itself."""


CLIENTS = {
    "swift6": Client(
        models="Sources/Mawid/Models/*.swift",
        model=r"^public (?:indirect )?(?:struct|enum|final class) (\w+)",
        methods="Sources/Mawid/APIs/*.swift",
        method=r"^    open class func (\w+)\(",
        beside="WithRequestBuilder",
    ),
    "kotlin": Client(
        models="src/main/kotlin/sa/mawid/client/models/*.kt",
        model=r"^(?:data |enum |sealed )?(?:class|interface|object) (\w+)",
        methods="src/main/kotlin/sa/mawid/client/apis/*.kt",
        method=r"^    suspend fun (\w+)\(",
        beside="WithHttpInfo",
    ),
    "dart": Client(
        models="lib/src/model/*.dart",
        model=r"^(?:class|enum) (\w+)",
        methods="lib/src/api/*.dart",
        method=r"^  Future<Response<.*>> (\w+)\(",
        beside="-",
        nested=frozenset({"MeGenderEnum", "PatchedProfileChangesRequestGenderEnum"}),
    ),
}

pytestmark = pytest.mark.server
every_client = pytest.mark.parametrize("name", CLIENTS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each client. Workers of one run share them: the first makes them, the others wait."""
    if importlib.util.find_spec("openapi_generator_cli") is None:
        if os.environ.get("CI"):
            pytest.fail(f"The build skips nothing; this needs {NEEDS_GENERATOR}")
        pytest.skip(f"SKIPPED: needs {NEEDS_GENERATOR}")
    run = tmp_path_factory.getbasetemp()
    folder = (run.parent if os.environ.get("PYTEST_XDIST_WORKER") else run) / "generated-clients"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            generate(folder)
            (folder / "complete").touch()
    return {name: folder / name for name in CLIENTS}


def generate(folder: Path) -> None:
    """All clients at once, without the generator's documents and tests."""
    started = {}
    for name in CLIENTS:
        with (folder / f"{name}.log").open("w") as log:
            started[name] = subprocess.Popen(
                [
                    *(sys.executable, "-c", "from openapi_generator_cli import cli; cli()", "generate"),
                    *(
                        "-c",
                        FOLDER / f"clients/{name}.yaml",
                        "-i",
                        FOLDER / "openapi.yaml",
                        "-o",
                        folder / name,
                    ),
                    *("--global-property", "apiDocs=false,modelDocs=false,apiTests=false,modelTests=false"),
                ],
                # A program that lives for seconds gains nothing from the slower, better compiler.
                env=os.environ | {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
    try:
        codes = {name: process.wait(timeout=240) for name, process in started.items()}
    finally:
        for process in started.values():
            process.kill()
    for name, code in codes.items():
        assert code == 0, (folder / f"{name}.log").read_text()[-4000:]


def text(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    assert found, pattern
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def declared(pattern: str, source: str) -> set[str]:
    names = re.findall(pattern, source, re.MULTILINE)
    assert len(names) == len(set(names)), "a name twice"
    return set(names)


@every_client
def test_every_file_parses(made: dict[str, Path], name: str) -> None:
    files = [path for path in made[name].rglob("*") if path.suffix in EXTENSIONS]
    assert len(files) > len(SCHEMAS)
    wrong = [f"{path.name}:{found}" for path in files for found in mistakes(path.suffix, path.read_bytes())]
    assert [found for found in wrong if not FALSE_ALARM.search(found)] == []


@every_client
def test_its_models_are_those_of_the_contract_and_no_others(made: dict[str, Path], name: str) -> None:
    client = CLIENTS[name]
    assert declared(client.model, text(made[name], client.models)) == MODELS | client.nested


@every_client
def test_every_operation_is_a_method(made: dict[str, Path], name: str) -> None:
    client = CLIENTS[name]
    methods = declared(client.method, text(made[name], client.methods))
    assert {method for method in methods if not method.endswith(client.beside)} == OPERATIONS


def test_a_value_of_tomorrow_has_a_fallback(made: dict[str, Path]) -> None:
    swift = text(made["swift6"], CLIENTS["swift6"].models)
    kotlin = text(made["kotlin"], "src/main/kotlin/sa/mawid/client/infrastructure/SerializerHelper.kt")
    dart = text(made["dart"], CLIENTS["dart"].models)
    for name in LISTS:
        shape = (
            rf"public enum {name}: [^{{]*\bCaseIterableDefaultsLast {{[^}}]*    case unknownDefaultOpenApi = "
        )
        assert re.search(shape, swift), name
        assert f".{name}.UNKNOWN_DEFAULT_OPEN_API)" in kotlin, name
    read = [
        (kind, settings)
        for settings, kind in re.findall(r"@JsonKey\(([^)]*)\)\s+final (?:List<)?(\w+)", dart)
        if kind in LISTS
    ]
    assert {kind for kind, _ in read} >= {"BookingState", "PaymentState"}
    assert [
        kind for kind, told in read if f"unknownEnumValue: {kind}.unknownDefaultOpenApi" not in told
    ] == []


def test_moments_days_ids_and_absent_values_are_what_they_should_be(made: dict[str, Path]) -> None:
    swift = text(made["swift6"], "Sources/Mawid/Models/BookingShape.swift")
    for line in ("id: String", "startsAt: Date", "businessDate: OpenAPIDateWithoutTime", "holdExpiresAt: Date?",
                 "state: BookingState", "items: [BookingItemShape]", "price: MoneyShape"):  # fmt: skip
        assert f"public var {line}\n" in swift
    kotlin = text(made["kotlin"], "src/main/kotlin/sa/mawid/client/models/BookingShape.kt")
    for line in ("id: kotlin.String,", "startsAt: java.time.OffsetDateTime,", "businessDate: java.time.LocalDate,",
                 "holdExpiresAt: java.time.OffsetDateTime?", "state: BookingState,", "price: MoneyShape,"):  # fmt: skip
        assert f"val {line}" in kotlin
    dart = text(made["dart"], "lib/src/model/booking_shape.dart")
    for line in ("String id;", "DateTime startsAt;", "DateTime? holdExpiresAt;", "BookingState state;"):
        assert f"final {line}" in dart


def test_what_a_retry_needs_is_asked_for_and_values_of_parameters_have_names(made: dict[str, Path]) -> None:
    swift = text(made["swift6"], "Sources/Mawid/APIs/*.swift")
    assert "func createBooking(idempotencyKey: String, bookingBodyRequest: BookingBodyRequest, " in swift
    assert set(re.findall(r"public enum (\w+):", swift)) == {
        "Sort_listSalons", "FileType_getFinanceExport", "Sheet_getFinanceExport",
    }  # fmt: skip
    kotlin = text(made["kotlin"], "src/main/kotlin/sa/mawid/client/apis/*.kt")
    assert (
        "fun createBooking(idempotencyKey: kotlin.String, bookingBodyRequest: BookingBodyRequest)" in kotlin
    )
    assert "phase: BookingPhase? = null, state: BookingState? = null)" in kotlin
    assert re.search(
        r"createBooking\(\{\s+required String idempotencyKey,", text(made["dart"], "lib/src/api/*.dart")
    )
