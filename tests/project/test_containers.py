from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
from argparse import ArgumentParser
from typing import Any

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from tests.project.tree import ROOT, variables

INSTRUCTIONS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL",
    "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, the rest) in order; comments gone, continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    joined = re.sub(r"\\\n\s*", " ", "\n".join(line for line in lines if not line.startswith("#")))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def assert_is_a_command_of_ours(words: list[str]) -> None:
    """`python manage.py VERB ...` with options that the verb really takes."""
    assert words[:2] == ["python", "manage.py"]
    app = get_commands()[words[2]]
    assert isinstance(app, str)
    parser: ArgumentParser = load_command_class(app, words[2]).create_parser("manage.py", words[2])
    parser.parse_args(words[3:])


def test_the_dockerfile_is_one():
    found = dockerfile()
    assert found[0][0] == "FROM"
    for instruction, rest in found:
        assert instruction in INSTRUCTIONS, (instruction, rest)
        if rest.startswith("["):
            assert all(isinstance(word, str) for word in json.loads(rest))


def test_everything_the_image_copies_exists_and_reaches_the_builder():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    admitted = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for instruction, rest in dockerfile():
        if instruction != "COPY" or rest.startswith("--from"):
            continue
        *sources, _ = shlex.split(rest)
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(fnmatch.fnmatch(source, pattern) for pattern in admitted), source


def test_the_image_runs_production_as_nobody_special():
    found = dockerfile()
    last_stage = found[max(n for n, (instruction, _) in enumerate(found) if instruction == "FROM") :]
    assert any(i == "ENV" and "APP_ENV=production" in rest for i, rest in last_stage)
    assert [rest for i, rest in last_stage if i == "USER"][-1] not in ("root", "0")
    assert any(i == "HEALTHCHECK" and "/healthz" in rest for i, rest in last_stage)
    assert any(i == "RUN" and "--require-hashes" in rest for i, rest in found)


def test_the_image_starts_a_command_that_exists():
    (command,) = [rest for instruction, rest in dockerfile() if instruction == "CMD"]
    assert_is_a_command_of_ours(json.loads(command))


def test_the_health_check_is_python():
    (check,) = [rest for instruction, rest in dockerfile() if instruction == "HEALTHCHECK"]
    program, flag, script = json.loads(check[check.index("[") :])
    assert (program, flag) == ("python", "-c")
    compile(script, "HEALTHCHECK", "exec")


def test_compose_runs_database_migrations_api_clock_and_messages():
    services = compose()["services"]
    assert services.keys() == {"db", "migrate", "web", "tick", "deliver"}
    assert services["db"]["image"].startswith("postgres:")
    assert services["db"]["healthcheck"]["test"]
    assert services["migrate"]["depends_on"]["db"]["condition"] == "service_healthy"
    for name in ("web", "tick", "deliver"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", ["migrate", "tick", "deliver"])
def test_compose_runs_commands_that_exist(name):
    assert_is_a_command_of_ours(compose()["services"][name]["command"])


def test_compose_keeps_secrets_in_files_that_the_settings_read():
    found = compose()
    secrets = found["secrets"].keys()
    for service in found["services"].values():
        assert set(service["secrets"]) <= secrets
        for name, value in service["environment"].items():
            if str(value).startswith("/run/secrets/"):
                assert name.endswith("_FILE")
                assert value.removeprefix("/run/secrets/") in service["secrets"]
                assert name.removesuffix("_FILE") in {*variables(), "POSTGRES_PASSWORD"}
            else:
                assert not re.search("SECRET|PASSWORD|KEY|URL", name), name
    for secret in found["secrets"].values():
        assert secret["file"].startswith("./var/")  # which git and the builder ignore


def test_named_volumes_are_declared():
    found = compose()
    for service in found["services"].values():
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in found["volumes"]


def test_the_build_script_is_bash():
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)
    text = (ROOT / ".ci/run").read_text()
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    for path in re.findall(r"\btests/[\w/.]+", text):
        assert (ROOT / path).exists(), path
