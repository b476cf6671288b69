"""An attacker with many addresses and many numbers, for an hour: what it costs us, and what they may hope for.

Codes have six digits and come from `secrets`, so one comparison is right once in 10^6 whatever is guessed, and the
chance of n comparisons is at most n / 10^6 (exactly that within one code, less across several).
"""

import random
import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.db.models import Sum

from backend.accounts import operations
from backend.accounts.models import Device, OtpChallenge, User
from backend.accounts.operations import codes, limits
from backend.core.errors import DomainError, TooManyRequests
from backend.core.limits import Count
from backend.core.models import Alarm, RateCount
from tests.support.race import race

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOPE = 1e-3
"""What an attacker may hope for in an hour, over all phones together."""


@dataclass
class Attack:
    """One of the attackers: asks for a code to one number after another and guesses it, all from different
    networks."""

    attempts: int
    guesses: int = 5
    """For each code; more than five are no use, but who tells the attacker?"""
    known_every: int = 0
    """Every so many numbers, one of ours: a list of customers got out."""
    seed: int = 7
    outcomes: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        hurry()
        chance = random.Random(self.seed)
        for n in range(0, self.attempts, self.guesses):
            phone = f"+9665{chance.choice('034569')}{chance.randrange(10**7):07d}"
            if self.known_every and n // self.guesses % self.known_every == 0:
                User.objects.create_user(phone)
            asked = self.note(partial(self.ask, phone, at=self.moment(n), network=network(chance)))
            for guess in range(n, n + self.guesses):
                request = asked.challenge_id if asked else uuid.uuid4()
                self.note(partial(self.guess, request, at=self.moment(guess), network=network(chance)))

    def moment(self, n: int) -> datetime:
        return NOON + HOUR * n / self.attempts

    def ask(self, phone: str, *, at: datetime, network: str, installation_id: uuid.UUID | None = None):
        return operations.request_code(
            phone=phone,
            channel="sms",
            app_hash=None,
            installation_id=installation_id or uuid.uuid4(),
            network=network,
            language="ar",
            now=at,
        )

    def guess(self, request: uuid.UUID, *, at: datetime, network: str):
        return operations.verify_code(
            challenge_id=request,
            code="314159",
            device=operations.DeviceDetails(installation_id=uuid.uuid4()),
            network=network,
            now=at,
        )

    def note(self, act):
        try:
            answer = act()
        except DomainError as error:
            answer, name = None, error.code
        else:
            name = type(answer).__name__
        self.outcomes[name] += 1
        return answer

    @property
    def compared(self) -> int:
        """An attempt is compared when it ends as wrong or as a sign-in, and in no other case."""
        return self.outcomes["otp_invalid"] + self.outcomes["SignIn"]


def network(chance: random.Random) -> str:
    return f"{chance.randrange(1, 224)}.{chance.randrange(256)}.{chance.randrange(256)}.0/24"


def settle():
    for thread in threading.enumerate():
        if thread.name == codes.BESIDE_THE_REQUEST:
            thread.join(10)


def hurry():
    """Nothing here is to survive a crash of the database."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")


@pytest.fixture(autouse=True)
def as_in_production(settings):
    settings.LIMITS_SCALE = 1


def test_ten_thousand_attempts_in_an_hour_have_less_than_one_chance_in_a_thousand(inbox, settings):
    settings.OTP_SPEND_PER_HOUR = 400
    attackers = [Attack(attempts=5_000, guesses=20, known_every=3, seed=seed) for seed in range(2)]
    owner = User.objects.create_user("+966512345678")
    home = Device.objects.create(user=owner, installation_id=uuid.uuid4())

    race(*[attacker.run for attacker in attackers], timeout=900)
    settle()

    outcomes = sum((attacker.outcomes for attacker in attackers), Counter())
    compared = sum(attacker.compared for attacker in attackers)
    # Known twice: from what the attackers were told, and from the tries in the database.
    assert 0 < compared <= OtpChallenge.objects.aggregate(tries=Sum("tries"))["tries"]
    assert compared * 1e-6 < HOPE, outcomes
    assert outcomes.total() == 10_500
    # Each code went out once, and not one more than the ceiling; numbers of ours got some after it tripped.
    sent = OtpChallenge.objects.exclude(send_outcome="withheld")
    assert outcomes["CodeRequest"] > len(inbox.all()) == sent.count() <= 400
    assert sent.filter(phone__in=User.objects.values("phone")).count() > sent.count() / 3
    alarms = dict(Alarm.objects.values_list("kind").annotate(Sum("count")))
    assert alarms.keys() >= {"otp_wrong_codes", "otp_spend"}

    # In the midst of it a stranger waits for minutes, and somebody who signed in here before does not.
    attack, now = attackers[0], NOON + HOUR - timedelta(seconds=1)
    asked = attack.ask("+966598765432", at=now, network="188.48.7.0/24")
    with pytest.raises(TooManyRequests) as refusal:
        attack.guess(asked.challenge_id, at=now, network="188.48.7.0/24")
    assert refusal.value.extra["retry_after"] <= 600
    RateCount.objects.filter(key="otp-spend:all").update(taken=399)
    asked = attack.ask(owner.phone, at=now, network="188.48.7.0/24", installation_id=home.installation_id)
    settle()
    signed_in = operations.verify_code(
        challenge_id=asked.challenge_id,
        code=inbox.code(),
        device=operations.DeviceDetails(installation_id=home.installation_id),
        network="188.48.7.0/24",
        now=now,
    )
    assert signed_in.user == owner


def test_witness_without_the_budget_the_hope_is_met(inbox, settings):
    settings.LIMITS_SCALE = 1_000
    attack = Attack(attempts=1_100)
    attack.run()
    assert attack.compared * 1e-6 > HOPE


def test_no_hour_holds_more_whatever_the_timing():
    """Bursts at the seams of windows are the worst timing there is: seven windows touch an hour."""
    window = limits.WRONG_CODES.window
    assert limits.WRONG_CODES.most * (HOUR // window + 1) * 1e-6 < HOPE
    compared: list[datetime] = []
    everybody = (Count(limits.WRONG_CODES, limits.EVERYBODY),)

    def burst(now: datetime, how_many: int) -> None:
        for _ in range(how_many):
            try:
                limits.count_guess(everybody, now=now)
            except TooManyRequests:
                return
            compared.append(now)

    burst(NOON, 1)
    burst(NOON + window - timedelta(seconds=1), 200)
    for n in range(1, 8):
        burst(NOON + n * window, 200)
    busiest = max(sum(start <= at < start + HOUR for at in compared) for start in set(compared))
    assert busiest == 699
    assert busiest * 1e-6 < HOPE
