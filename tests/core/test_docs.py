"""The pages below /docs. None of these tests may use the database: the pages must not either."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator

from backend.core.contract.reading import operations
from backend.core.docs import guides, pages, reference
from backend.core.docs.catalogue import GROUPS
from backend.core.docs.diagrams import drawn
from tests.core.helpers import ARABIC, problem, send
from tests.project.tree import ROOT

FOLDER = ROOT / "mobile-contract"
READING = [
    "/docs",
    "/docs/error-codes",
    "/docs/reference",
    *(f"/docs/guides/{name}" for name in guides.files()),
]
WITH_SCRIPTS = ["/docs/reference/bookings", "/docs/try"]


def page(address: str, *, language: str = "ar", status: int = 200) -> str:
    answer = send("GET", address, language=language, Accept="text/html")
    assert answer.status_code == status, address
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return str(answer.content.decode())


def told() -> dict[str, Any]:
    """The contract as the server tells it."""
    contract: dict[str, Any] = send("GET", "/api/v1/openapi.json").json()
    return contract


class Seen(HTMLParser):
    """What a page names: addresses, anchors, languages of its parts, the text of its title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: list[str] = []
        self.html: dict[str, str | None] = {}
        self.title = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data-schema")]
        self.anchors += [value or "" for name, value in attrs if name == "id"]
        if tag == "html":
            self.html = dict(attrs)

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data


# Every page -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [*READING, *WITH_SCRIPTS])
def test_a_page_speaks_the_language_that_is_asked_for_and_runs_its_way(address: str) -> None:
    arabic, english = Seen(page(address)), Seen(page(address, language="en"))
    assert arabic.html == {"lang": "ar", "dir": "rtl"}
    assert english.html == {"lang": "en", "dir": "ltr"}
    assert ARABIC.search(arabic.title)
    assert not ARABIC.search(english.title)
    assert sorted(set(arabic.anchors)) == sorted(arabic.anchors), "an id stands once"


def test_a_language_in_the_address_wins_and_stays() -> None:
    answer = send("GET", "/docs?lang=en", language="ar")
    assert answer.headers["Content-Language"] == "en"
    text = answer.content.decode()
    assert 'href="/docs/guides/auth?lang=en"' in text
    guide = page("/docs/guides/sessions?lang=en")
    assert 'href="/docs/guides/standing?lang=en"' in guide
    assert 'href="/docs/guides/standing"' in page("/docs/guides/sessions")
    assert Seen(page("/docs?lang=fr")).html["lang"] == "ar"


@pytest.mark.parametrize("address", [*READING[:4], *WITH_SCRIPTS])
def test_a_page_is_kept_by_caches_and_confirmed_by_its_tag(address: str) -> None:
    first = send("GET", address, Accept_Encoding="gzip")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert "Accept-Language" in first.headers["Vary"]
    assert "Set-Cookie" not in first.headers
    again = send("GET", address, Accept_Encoding="gzip", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert send("GET", address, language="en", If_None_Match=first.headers["ETag"]).status_code == 200


@pytest.mark.parametrize("address", READING)
def test_what_is_only_read_runs_no_script_and_loads_nothing_from_elsewhere(address: str) -> None:
    policy = send("GET", address).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    text = page(address)
    assert "<script" not in text
    assert " style=" not in text
    assert " onclick=" not in text


@pytest.mark.parametrize("address", WITH_SCRIPTS)
def test_the_pages_with_scripts_run_only_those_of_this_server(address: str) -> None:
    policy = send("GET", address).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "http" not in policy
    text = page(address)
    assert not re.search(r"<script(?![^>]* src=)", text), "no script in the page itself"
    assert not re.search(r"https?://", text)


@pytest.mark.parametrize("address", [*READING[:4], *WITH_SCRIPTS, "/docs/reference/bookings.json"])
def test_pages_are_read_and_nothing_else(address: str) -> None:
    problem(send("POST", address, {}), 405, "method_not_allowed")
    assert send("HEAD", address).status_code == 200
    if not address.endswith(".json"):
        problem(send("GET", address, Accept="image/png"), 406, "not_acceptable")


def test_every_link_of_every_page_leads_to_something_that_is_there() -> None:
    waiting, known = ["/docs"], {"/docs"}
    anchors: dict[str, list[str]] = {}
    leading: list[tuple[str, str, str]] = []
    while waiting:
        address = waiting.pop()
        answer = send("GET", address, Accept="*/*")
        assert answer.status_code == 200, address
        if not answer.headers["Content-Type"].startswith("text/html"):
            assert b"".join(answer) if answer.streaming else answer.content
            continue
        seen = Seen(answer.content.decode())
        anchors[address] = seen.anchors
        for found in seen.addresses:
            parts = urlsplit(found)
            assert not parts.netloc, found
            if parts.query:
                continue  # the same page in the other language
            to = parts.path or address
            if parts.fragment:
                leading.append((address, to, unquote(parts.fragment)))
            if to not in known:
                known.add(to)
                waiting.append(to)
    assert len(anchors) > 40
    names = {operation["operationId"] for _, _, operation in operations(told())}
    for address, to, anchor in leading:
        if anchor.startswith("tag/"):
            assert anchor.rpartition("/")[2] in names
        else:
            assert anchor in anchors[to], f"{address} leads to {to}#{anchor}"
    assert {f"/docs/guides/{name}" for name in guides.files()} <= set(anchors)


# What is not there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize(
    "address", ["/docs/guides/nothing", "/docs/", "/docs/x/y", "/docs/reference/nothing", "/problems/nothing"]
)
def test_an_unknown_page_says_so_in_words(address: str, language: str) -> None:
    text = page(address, language=language, status=404)
    assert bool(ARABIC.search(Seen(text).title)) == (language == "ar")
    assert 'href="/docs"' in text


@pytest.mark.parametrize(
    "name",
    [
        "../README",
        "..%2fREADME",
        "%2e%2e/%2e%2e/README",
        "..",
        ".",
        "%2fetc/passwd",
        "screens/../../README",
        "screens/",
        "auth.md",
        "auth/",
        "errors.json",
        "openapi",
        "openapi.yaml",
        "clients/typescript/README",
        "auth%00",
        "..\\README",
        "AUTH",
    ],
)
def test_nothing_but_the_guides_can_be_read(name: str) -> None:
    text = page(f"/docs/guides/{name}", language="en", status=404)
    assert "There is no such page" in text
    assert "openapi:" not in text
    assert "root:" not in text
    assert len(text) < 3000


# Guides ---------------------------------------------------------------------------------------------------------


def test_every_guide_has_a_title_in_both_languages() -> None:
    listed = [entry.name for group in GROUPS for entry in group.entries]
    assert sorted(listed) == sorted(guides.files())
    for group in GROUPS:
        for entry in group.entries:
            for language in ("ar", "en"):
                seen = Seen(page(f"/docs/guides/{entry.name}", language=language))
                assert bool(ARABIC.search(seen.title)) == (language == "ar"), entry.name


@pytest.mark.parametrize("name", guides.files())
def test_every_diagram_of_a_guide_is_drawn(name: str) -> None:
    written = guides.files()[name].read_text(encoding="utf-8").count("```mermaid")
    html = guides.guide(name).html
    assert html.count('class="sequence ') + html.count('class="states"') == written
    assert "Diagram" not in html


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A folder of guides of our own: `written(text)` is the first of them as HTML."""
    for name in ("auth.md", "screens/home.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("# x\n", encoding="utf-8")
    monkeypatch.setattr(guides, "FOLDER", tmp_path)

    def show(text: str, name: str = "auth") -> str:
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
        for made in (guides.files, guides.guide):
            made.cache_clear()
        return guides.guide(name).html

    guides.error_codes()  # those of the real folder
    yield show
    for made in (guides.files, guides.guide):
        made.cache_clear()


def test_markup_in_a_guide_is_text_and_no_link_runs_a_script(written: Any) -> None:
    html = written('<script>x()</script> <b>b</b>\n\n[a](javascript:x) `<i>`\n\n```json\n"</code><i>"\n```\n')
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "href" not in html
    assert "&lt;script&gt;" in html


def test_links_between_files_become_links_between_pages(written: Any) -> None:
    html = written(
        "[home](screens/home.md#top) [out](https://example.sa/x.md) `screens/home.md` [`auth.md`](auth.md) `nowhere.md`"
    )
    assert 'href="/docs/guides/screens/home#top"' in html
    assert 'href="https://example.sa/x.md"' in html
    assert '<a href="/docs/guides/screens/home"><code>screens/home.md</code></a>' in html
    assert html.count("/docs/guides/auth") == 1, "no link inside a link"
    assert "<code>nowhere.md</code>" in html
    assert "nowhere.md</code></a>" not in html
    from_below = written("[back](../auth.md) [beside](home.md) `auth.md`", "screens/home")
    assert from_below.count('href="/docs/guides/auth"') == 2
    assert 'href="/docs/guides/screens/home"' in from_below


def test_code_that_names_an_operation_or_a_refusal_leads_to_it(written: Any) -> None:
    html = written(
        "`POST bookings/{id}/cancel` `GET /api/v1/salons?q=x` `slot_unavailable` `examples/createQuote/`"
        " `GET nowhere` `held`"
    )
    assert html.count("<a ") == 4
    assert 'href="/docs/reference/bookings#tag/bookings/operation/cancelBooking"' in html
    assert 'href="/docs/reference/catalogue#tag/catalogue/operation/listSalons"' in html
    assert 'href="/docs/error-codes#slot_unavailable"' in html
    assert 'href="/docs/reference/bookings#tag/bookings/operation/createQuote"' in html


def test_anchors_are_those_of_the_code_hosts_and_never_the_same_twice(written: Any) -> None:
    html = written(
        "# One tap, one booking\n\n## `errors.json` & co\n\n## Again\n\n## Again\n\n## العربية أولا\n"
    )
    assert re.findall(r'<h\d id="([^"]*)"', html) == [
        "one-tap-one-booking", "errorsjson--co", "again", "again-1", "العربية-أولا",
    ]  # fmt: skip


# Diagrams -------------------------------------------------------------------------------------------------------


def test_a_message_goes_from_its_lane_to_its_lane() -> None:
    html = drawn(
        "sequenceDiagram\n participant A as App\n participant S as <Server>\n participant B as Bank\n"
        " A->>B: open `url`\n alt paid\n B-->>S: yes & no\n else not\n S-->>A: sorry\n end"
    )
    assert html is not None
    assert "lanes-3" in html
    assert (
        '<p class="from-1 to-3"><span><span class="unseen">App → Bank: </span>open <code>url</code>' in html
    )
    assert '<p class="from-2 to-3 back answer">' in html
    assert "yes &amp; no" in html
    assert "<b>&lt;Server&gt;</b>" in html
    assert html.count("<div") == html.count("</div>")


def test_a_state_shows_where_it_leads_and_why() -> None:
    html = drawn(
        "stateDiagram-v2\n [*] --> held: deposit due\n held --> expired\n held --> confirmed: <paid>"
    )
    assert html is not None
    assert html.count("<dt>") == 2
    assert html.count("<dd>") == 3
    assert "&lt;paid&gt;" in html


@pytest.mark.parametrize(
    "source",
    [
        "",
        "flowchart TD\n A --> B",
        "sequenceDiagram",
        "sequenceDiagram\n A->>B: nobody was introduced",
        "sequenceDiagram\n participant A\n participant B\n Note over A: x",
        "sequenceDiagram\n participant A\n participant B\n loop x\n A->>B: y",
        "sequenceDiagram\n participant A\n participant B\n A->>B: y\n end",
        "sequenceDiagram\n" + "".join(f" participant P{n}\n" for n in range(6)) + " P0->>P5: too wide",
        "stateDiagram-v2\n state x {",
        "stateDiagram-v2",
    ],
)
def test_a_diagram_that_is_not_understood_is_left_to_be_shown_as_written(source: str, written: Any) -> None:
    assert drawn(source) is None
    html = written(f"```mermaid\n{source}\n```\n")
    assert html.startswith("<pre")
    assert source.partition("\n")[0] in html


# Codes, the reference, the first call ---------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ar", "en"])
def test_every_code_is_listed_in_both_languages_and_is_where_its_type_leads(language: str) -> None:
    text = page("/docs/error-codes", language=language)
    anchors = Seen(text).anchors
    entries = json.loads((FOLDER / "errors.json").read_text(encoding="utf-8"))
    assert text.count('<li id="') == len(entries)
    assert {entry["code"] for entry in entries} <= set(anchors)
    for entry in entries[::20]:
        answer = send("GET", f"/problems/{entry['code']}", Accept="text/html")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/docs/error-codes#{entry['code']}")
    booked = next(entry for entry in entries if entry["code"] == "slot_unavailable")
    first, second = (booked["ar"], booked["en"]) if language == "ar" else (booked["en"], booked["ar"])
    assert 0 < text.index(first) < text.index(second)


def test_the_areas_of_the_reference_are_the_whole_contract_and_each_stands_alone() -> None:
    whole = told()
    found: dict[str, Any] = {}
    for area in reference.areas():
        document = send("GET", f"/docs/reference/{area}.json").json()
        assert [tag["name"] for tag in document["tags"]] == [area]
        for method, path, operation in operations(document):
            assert (method, path) not in found, "each operation is in one area"
            found[method, path] = operation
        text = json.dumps(document)
        for kind, name in set(re.findall(r'"#/components/(\w+)/([\w.-]+)"', text)):
            assert name in document["components"][kind]
        assert len(text) < len(json.dumps(whole)) * 0.7
    assert found == {(method, path): operation for method, path, operation in operations(whole)}


def test_the_list_of_the_reference_has_every_operation() -> None:
    text = page("/docs/reference", language="en")
    for _, path, operation in operations(told()):
        assert f'/operation/{operation["operationId"]}"' in text
        assert f"<code>{path.removeprefix('/api/v1/')}</code>" in text
    problem(send("GET", "/docs/reference/nothing.json"), 404, "not_found")


def test_the_first_calls_are_calls_of_the_contract(settings: Any) -> None:
    schema = told()
    routes = {
        (method.upper(), re.sub(r"\{\w+\}", "[^/]+", path)): operation
        for method, path, operation in operations(schema)
    }
    seen = []
    for _, command in pages.FIRST_CALLS:
        for line in command.replace("\\\n", " ").split("curl -s ")[1:]:
            address, *words = shlex.split(line)
            bodies = [json.loads(after) for word, after in itertools.pairwise(words) if word == "-d"]
            method = "POST" if bodies else "GET"
            path = address.replace("$API", "/api/v1").partition("?")[0]
            operation = next(
                o for (m, route), o in routes.items() if m == method and re.fullmatch(route, path)
            )
            seen.append(operation["operationId"])
            for body in bodies:
                shape = operation["requestBody"]["content"]["application/json"]["schema"]
                validator = Draft202012Validator({**shape, "components": schema["components"]})
                assert not list(validator.iter_errors(body))
    assert seen == ["listSalons", "getSalon", "getAvailability", "requestOtp", "verifyOtp", "createBooking"]
    assert f"{settings.PUBLIC_BASE_URL}/api/v1" in page("/docs")
