"""Separate processes ask for one and the same slot at the same moment, over HTTP, round after round."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections import Counter
from queue import Empty
from typing import Any

from tests.stress.customer import Ask, Outcome, customer

SHOWN = 20
"""Rounds up to which each has a line of its own."""


def fight(port: int, tokens: list[str], asks: list[Ask], *, seconds: float) -> list[Outcome]:
    """What everybody was answered in each round, in no order; fewer rounds than asks when the time is over."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(len(tokens)), context.Queue()
    over = context.Event()
    fighters = [
        context.Process(target=customer, args=(port, token, asks, barrier, results, over), daemon=True)
        for token in tokens
    ]
    for fighter in fighters:
        fighter.start()
    try:
        outcomes: list[Outcome] = []
        until = time.monotonic() + seconds
        while len(outcomes) < len(tokens) * len(asks):
            if time.monotonic() > until:
                over.set()
            try:
                outcomes.append(results.get(timeout=1))
            except Empty:
                if over.is_set() and not any(fighter.is_alive() for fighter in fighters):
                    break
                if any(fighter.exitcode for fighter in fighters):
                    raise SystemExit("a customer's process died") from None
        return outcomes
    finally:
        for fighter in fighters:
            fighter.join(timeout=5)
            if fighter.is_alive():
                fighter.kill()


def judge(outcomes: list[Outcome], processes: int, slots: list[dict[str, Any]]) -> list[str]:
    """One 201 in each round and otherwise 409 `slot_unavailable`. Prints the times, which are not judged."""
    wanted = Counter({(201, ""): 1, (409, "slot_unavailable"): processes - 1})
    by_round: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        by_round.setdefault(outcome.round, []).append(outcome)
    faults = []
    if len(by_round) <= SHOWN:
        print(f"{'round':>5}  {'starts':<25} {'won ms':>8} {'median ms':>10} {'last ms':>8}")
    for number, those in sorted(by_round.items()):
        answers = Counter((outcome.status, outcome.code) for outcome in those)
        if answers != wanted:
            faults.append(f"round {number + 1} was answered {dict(answers)}")
        if len(by_round) <= SHOWN:
            times = [outcome.milliseconds for outcome in those]
            won = [f"{outcome.milliseconds:.0f}" for outcome in those if outcome.status == 201]
            print(
                f"{number + 1:>5}  {slots[number]['starts_at']:<25} {', '.join(won) or '-':>8} "
                f"{statistics.median(times):>10.0f} {max(times):>8.0f}"
            )
    if not by_round:
        return ["no round was finished"]
    lasts = {number: max(o.milliseconds for o in those) for number, those in by_round.items()}
    first, later = lasts.pop(min(lasts)), sorted(lasts.values()) or [0.0]
    print(
        f"{len(by_round):,} rounds of {processes}: a round took {statistics.median(later):.0f} ms (median), the worst"
        f" {later[-1]:.0f} ms (before that {', '.join(f'{ms:.0f}' for ms in later[-4:-1])})."
        f" The first, in which every connection is opened: {first:.0f} ms."
    )
    return faults
