from __future__ import annotations

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.project.tree import ROOT

FILES = ("base", "dev", "contract")


def pins(name: str) -> dict[str, str]:
    """Package and version of each requirement in a compiled file."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_and_hashed(name):
    text = (ROOT / f"requirements/{name}.txt").read_text()
    logical = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and line[0] != "#"]
    requirements = [line for line in logical if not line.lstrip().startswith("#")]
    assert requirements
    for line in requirements:
        assert re.match(r"[a-z0-9._-]+==\S+ ", line), line
        assert "--hash=sha256:" in line, line


@pytest.mark.parametrize("name", FILES)
def test_no_requirement_file_says_where_packages_come_from(name):
    for kind in ("in", "txt"):
        text = (ROOT / f"requirements/{name}.{kind}").read_text()
        body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        assert not re.search(r"index-url|find-links|trusted-host|://", body)


@pytest.mark.parametrize("name", FILES)
def test_the_compiled_file_knows_every_requirement_that_is_written_down(name):
    written = (ROOT / f"requirements/{name}.in").read_text()
    names = re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", written, re.MULTILINE)
    assert {n.lower().replace("_", "-") for n in names} <= pins(name).keys()


def test_development_and_production_run_the_same_versions():
    base, dev = pins("base"), pins("dev")
    assert base.items() <= dev.items()


def test_production_installs_whatever_the_backend_imports():
    """`make` installs dev.txt, so only this test notices an import that the image would miss."""
    base = pins("base").keys()
    providers = packages_distributions()
    missing = set()
    for path in (ROOT / "backend").rglob("*.py"):
        for module in top_level_imports(ast.parse(path.read_text(encoding="utf-8"))):
            if module in sys.stdlib_module_names or module == "backend":
                continue
            found = {name.lower().replace("_", "-") for name in providers.get(module, [module])}
            if not found & base:
                missing.add(f"{module} ({path.relative_to(ROOT)})")
    assert not missing


def top_level_imports(tree: ast.Module) -> set[str]:
    """What the module imports when it is loaded: not what hides behind TYPE_CHECKING."""
    found = set()
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
        pending += list(ast.iter_child_nodes(node))
    return found
