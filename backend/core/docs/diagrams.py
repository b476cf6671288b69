"""Diagrams of the guides as HTML: lanes and arrows, or states and where they lead. No script, no inline style.

Understood is the part of Mermaid's language that the guides use: sequence diagrams with participants, messages and
blocks, and state diagrams of transitions. What is not understood is shown as it was written.
"""

from __future__ import annotations

import re
from html import escape

MOST_LANES = 5
"""As many as docs.css has columns for."""

_PARTICIPANT = re.compile(r"participant (\w+)(?: as (.+))?")
_MESSAGE = re.compile(r"(\w+)(--?)>>(\w+): ?(.*)")
_BLOCK = re.compile(r"(loop|alt|opt|par)\b ?(.*)")
_DIVIDER = re.compile(r"(else|and)\b ?(.*)")
_TRANSITION = re.compile(r"(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: (.*))?")


class _NotUnderstood(Exception):
    pass


def drawn(source: str) -> str | None:
    """The diagram as HTML, None when it is not understood."""
    kind, *lines = [line.strip() for line in source.strip().splitlines() if line.strip()] or [""]
    try:
        match kind:
            case "sequenceDiagram":
                return _sequence(lines)
            case "stateDiagram-v2":
                return _states(lines)
    except _NotUnderstood:
        pass
    return None


def _sequence(lines: list[str]) -> str:
    lanes: dict[str, str] = {}
    rows: list[str] = []
    open_blocks = 0
    for line in lines:
        if found := _PARTICIPANT.fullmatch(line):
            lanes[found[1]] = found[2] or found[1]
        elif found := _MESSAGE.fullmatch(line):
            rows.append(_message(list(lanes), lanes, *found.groups()))
        elif found := _BLOCK.fullmatch(line):
            open_blocks += 1
            rows.append(f'<div class="block">{_condition(found[1], found[2])}')
        elif open_blocks and (found := _DIVIDER.fullmatch(line)):
            rows.append(_condition(found[1], found[2]))
        elif open_blocks and line == "end":
            open_blocks -= 1
            rows.append("</div>")
        else:
            raise _NotUnderstood
    if open_blocks or not rows or not 2 <= len(lanes) <= MOST_LANES:
        raise _NotUnderstood
    heads = "".join(f"<b>{escape(name)}</b>" for name in lanes.values())
    body = "".join(rows)
    drawing = f'<div class="sequence lanes-{len(lanes)}"><div class="heads">{heads}</div>{body}</div>'
    return f'<div class="wide" tabindex="0">{drawing}</div>\n'


def _message(order: list[str], lanes: dict[str, str], sender: str, line: str, to: str, text: str) -> str:
    if sender not in lanes or to not in lanes or sender == to:
        raise _NotUnderstood
    here, there = order.index(sender) + 1, order.index(to) + 1
    kind = f"from-{min(here, there)} to-{max(here, there)}"
    kind += " back" if there < here else ""
    kind += " answer" if line == "--" else ""
    said = f'<span class="unseen">{escape(lanes[sender])} → {escape(lanes[to])}: </span>{_words(text)}'
    return f'<p class="{kind}"><span>{said}</span></p>'


def _condition(word: str, text: str) -> str:
    return f'<p class="condition"><b>{word}</b> {_words(text)}</p>'


def _states(lines: list[str]) -> str:
    leads: dict[str, list[tuple[str, str]]] = {}
    for line in lines:
        found = _TRANSITION.fullmatch(line)
        if found is None:
            raise _NotUnderstood
        leads.setdefault(found[1], []).append((found[2], found[3] or ""))
    if not leads:
        raise _NotUnderstood
    groups = []
    for state, ways in leads.items():
        to = "".join(
            f'<dd><span class="arrow" aria-hidden="true">→</span> {_state(target)} {_words(why)}</dd>'
            for target, why in ways
        )
        groups.append(f"<div><dt>{_state(state)}</dt>{to}</div>")
    return f'<dl class="states">{"".join(groups)}</dl>\n'


def _state(name: str) -> str:
    if name == "[*]":
        return '<span class="edge" aria-hidden="true">●</span>'
    return f'<b class="state">{escape(name)}</b>'


def _words(text: str) -> str:
    """A label; what stands between backticks is code. Long names may break where their parts meet."""
    breakable = re.sub(r"(?<=\w)([_/])(?=\w)", r"\1<wbr>", escape(text))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", breakable)
