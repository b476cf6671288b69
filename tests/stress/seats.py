"""Separate processes ask for the last seats of one session at the same moment, over HTTP, round after round."""

from __future__ import annotations

import statistics
from collections import Counter

from django.db import connection

from tests.stress.customer import Outcome

LEFT = 3
_COUNTS = """
    SELECT s.id, s.seats_taken, s.seats_confirmed, coalesce(sum(b.seats), 0), count(DISTINCT b.customer_id)
      FROM bookings_session s
      LEFT JOIN bookings_booking b ON b.session_id = s.id AND b.state = 'confirmed'
     WHERE s.id = ANY(%s::uuid[]) GROUP BY 1, 2, 3
"""


def judge(outcomes: list[Outcome], processes: int, sessions: list[str]) -> list[str]:
    """In each round as many 201 as there are seats, and otherwise 409 `seats_unavailable`; rows say the same."""
    sold = min(LEFT, processes)
    wanted = Counter({(201, ""): sold})
    if processes > sold:
        wanted[409, "seats_unavailable"] = processes - sold
    by_round: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        by_round.setdefault(outcome.round, []).append(outcome)
    if not by_round:
        return ["no round was finished"]
    faults = []
    for number, those in sorted(by_round.items()):
        answers = Counter((outcome.status, outcome.code) for outcome in those)
        if len(those) == processes and answers != wanted:
            faults.append(f"round {number + 1} was answered {dict(answers)}")
    asked = [sessions[number] for number, those in by_round.items() if len(those) == processes]
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [asked])
        for session_id, *counts in cursor.fetchall():
            if set(map(int, counts)) != {sold}:
                faults.append(f"session {session_id} counts {counts}")
    lasts = [max(outcome.milliseconds for outcome in those) for those in by_round.values()]
    print(
        f"{len(asked):,} rounds of {processes} for {LEFT} seats: a round took {statistics.median(lasts):.0f} ms "
        f"(median), the worst {max(lasts):.0f} ms."
    )
    return faults
