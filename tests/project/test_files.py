from __future__ import annotations

import re
import subprocess

import pytest

from tests.project.tree import ROOT, files, in_git

pytestmark = pytest.mark.skipif(
    not in_git(), reason="not a git checkout, so nobody knows which files are ours"
)

# Put together here, so that this file does not find itself.
REGISTRIES = "|".join(
    (
        r"py" r"pi\.org",
        r"python" r"hosted\.org",
        r"npm" r"js\.org",
        r"ya" r"rnpkg\.com",
        r"arti" r"factory",
        r"prox" r"y\.golang",
    )
)
MACHINES = r"(?<![\w.])/(?:ro" r"ot|ho" r"me/\w+|Us" r"ers/\w+|wo" r"rk)/"
SECRETS = "|".join(
    (
        r"[sp]k_live" r"_[A-Za-z0-9]{12,}",
        r"AK" r"IA[0-9A-Z]{16}",
        r"\bAC" r"[0-9a-f]{32}\b",
        r"-----BEGIN" r" [A-Z ]*PRIVATE KEY-----",
        r"\beyJ" r"[A-Za-z0-9_-]{20,}\.eyJ",
        r"\bgh" r"[pousr]_[A-Za-z0-9]{30,}",
    )
)


VERBS = ("demo", "test", "serve", "check", "bench", "stress", "contract", "translations")


@pytest.fixture(scope="module")
def texts():
    found = {}
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            found[str(path.relative_to(ROOT))] = data.decode("utf-8")
    assert len(found) > 100
    return found


@pytest.mark.parametrize(
    ("what", "pattern"),
    [("a registry's host", REGISTRIES), ("a path of one machine", MACHINES), ("a secret", SECRETS)],
)
def test_no_file_holds(texts, what, pattern):
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for name, text in texts.items()
        for match in re.finditer(pattern, text)
    ]
    assert not found, f"{what}: {found}"


def test_what_is_generated_or_private_is_not_tracked():
    tracked = subprocess.run(
        ["git", "ls-files", "--", ".venv", "var", ".env", "*.mo", "*.pyc", "staticfiles"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tracked == ""


def test_links_between_documents_lead_somewhere(texts):
    broken = [
        f"{name}: {target}"
        for name, text in texts.items()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert not broken


def test_decisions_are_numbered_without_gaps_and_those_cited_exist(texts):
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04d}" for n in range(1, len(decisions) + 1)]
    cited = {number for text in texts.values() for number in re.findall(r"\bADR (\d{4})\b", text)}
    assert cited <= {path.name[:4] for path in decisions}


def test_make_explains_every_verb_it_promises():
    help_text = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for verb in (*VERBS, "lock", "clean", "help"):
        assert re.search(rf"^  make {verb} +\S", help_text, re.MULTILINE), verb


@pytest.mark.parametrize("verb", VERBS)
def test_make_has_a_recipe_for(verb):
    subprocess.run(["make", "--dry-run", verb], cwd=ROOT, capture_output=True, text=True, check=True)
