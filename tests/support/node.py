"""The npm packages of mobile-contract/, for tests that run them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project.tree import ROOT

CONTRACT = ROOT / "mobile-contract"


def package(name: str) -> Path:
    """The package's folder, installed. Without Node.js the test is skipped, loudly; the build skips nothing."""
    folder = CONTRACT / name
    if shutil.which("node") is None or not (folder / "node_modules").is_dir():
        needed = f"Node.js, and `npm ci` in mobile-contract/{name} (`make contract-node` does it)"
        if os.environ.get("CI"):
            pytest.fail(f"The build skips nothing; this needs {needed}")
        pytest.skip(f"SKIPPED: needs {needed}")
    return folder


def npm(
    folder: Path, *words: str, timeout: float = 240, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`npm words` in the folder, to its end; standard error is told with the output."""
    return subprocess.run(
        ["npm", *words],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
