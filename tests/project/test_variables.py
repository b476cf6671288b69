from __future__ import annotations

import re

from tests.project.tree import ROOT, variables

SECRET = re.compile(r"SECRET|KEY|PASSWORD|TOKEN|SID(?:_|$)")


def example() -> dict[str, str]:
    """Names and values of .env.example; every line is commented out, so that an empty one hides no NAME_FILE."""
    text = (ROOT / ".env.example").read_text()
    assert not re.search(r"^[A-Z]", text, re.MULTILINE)
    found = re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE)
    assert len(found) == len(dict(found)), "a variable stands there twice"
    return dict(found)


def test_the_settings_read_the_environment_in_a_way_this_test_can_see():
    assert {"APP_ENV", "DATABASE_URL", "SECRET_KEY", "PORT", "LOG_LEVEL"} <= variables()


def test_the_example_lists_exactly_what_the_settings_read():
    assert example().keys() == variables()


def test_the_example_holds_no_secret():
    values = example()
    secret = [name for name in values if SECRET.search(name)]
    assert len(secret) > 5
    for name in secret:
        assert values[name] == "", name


def test_the_example_explains_each_group():
    lines = (ROOT / ".env.example").read_text().splitlines()
    explained = False
    for line in lines:
        if re.match(r"#[A-Z][A-Z0-9_]*=", line):
            assert explained, f"nothing explains {line}"
        else:
            explained = line.startswith("# ") and not line.startswith("# ---")


def test_the_readme_lists_every_variable():
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(variables())
