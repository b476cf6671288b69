"""What carriers report later, and what an operator sends anew."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.db import connection, transaction

from backend.accounts.models import User
from backend.core import jobs
from backend.notifications import operations, queries, tallies
from backend.notifications.models import DeliveryAttempt, Message
from backend.notifications.operations import MessageNotResendable
from tests.support.race import race

NOW = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)

pytestmark = pytest.mark.django_db(transaction=True)


def tell(key="1", **more):
    with transaction.atomic():
        operations.enqueue(
            operations.draft(
                recipient=None,
                to_phone="+966512345678",
                language="ar",
                kind="booking_confirmed",
                audience="customer",
                words=operations.Words(text="نص"),
                event_key=key,
                now=NOW,
                **more,
            )
        )
    return Message.objects.get(event_key=key)


def report(what, message=None, *, now=SOON, provider="unifonic", **more):
    if not more:
        more = {"provider_message_id": DeliveryAttempt.objects.get(message=message).provider_message_id}
    return operations.record_report(provider=provider, report=what, now=now, **more)


def reports():
    return [attempt.report for attempt in DeliveryAttempt.objects.order_by("message_id", "number")]


@pytest.mark.parametrize("order", list(permutations(["sent", "undelivered", "delivered", "read"])))
def test_reports_only_move_forward(unifonic, order):
    message = tell()
    for what in order:
        assert report(what, message)
    assert reports() == ["read"]


def test_an_unknown_message_is_none_of_ours(unifonic):
    message = tell()
    assert not report("delivered", provider_message_id="999")
    assert not report("delivered", provider_message_id="", reference="not-a-reference")
    assert not report("delivered", provider="twilio", reference=message.reference)
    assert reports() == [""]


def test_a_report_is_found_by_our_reference_when_it_was_quicker_than_the_answer(unifonic):
    unifonic.answers("drop")
    unifonic.details = "missing"
    message = tell()
    assert message.state == "unknown"
    assert report("delivered", provider_message_id="77", reference=message.reference)
    message.refresh_from_db()
    assert (message.state, message.next_attempt_at, reports()) == ("sent", None, ["delivered"])
    assert DeliveryAttempt.objects.get().outcome == "accepted"


def report_while_calling(carrier, what, monkeypatch):
    """The carrier's report overtakes its answer to our call."""
    take = carrier._accept

    def accept(form, how):
        taken = take(form, how)
        try:
            report(what, provider_message_id=str(taken["data"]["MessageID"]), reference=form["CorrelationID"])
        finally:
            connection.close()
        return taken

    monkeypatch.setattr(carrier, "_accept", accept)


def test_a_failure_told_before_the_answer_sends_it_on(unifonic, inbox, settings, monkeypatch):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    report_while_calling(unifonic, "undelivered", monkeypatch)
    message = tell()
    assert (message.state, reports()) == ("pending", ["undelivered"])
    assert operations.deliver_due(now=SOON) == 1
    message.refresh_from_db()
    assert (message.state, len(unifonic.accepted), len(inbox.all())) == ("sent", 1, 1)


def test_an_arrival_told_before_an_answer_that_never_came_is_believed(unifonic, monkeypatch):
    unifonic.answers("drop")
    unifonic.details = "missing"
    report_while_calling(unifonic, "delivered", monkeypatch)
    message = tell()
    attempt = DeliveryAttempt.objects.get()
    assert (message.state, message.next_attempt_at) == ("sent", None)
    assert (attempt.outcome, attempt.report) == ("accepted", "delivered")


def test_an_arrival_told_after_a_crash_is_believed(unifonic):
    """The carrier took it, the worker died before it noted that, and the carrier's list does not show it yet."""
    message = tell()
    Message.objects.update(state="sending", claimed_until=SOON, finished_at=None)
    DeliveryAttempt.objects.update(outcome=None, finished_at=None, provider_message_id="")
    unifonic.kept.clear()
    assert report("delivered", provider_message_id="77", reference=message.reference)
    operations.deliver_due(now=SOON)
    message.refresh_from_db()
    assert (message.state, len(unifonic.accepted)) == ("sent", 1)


def test_an_arrival_told_while_we_ask_is_not_sent_again(unifonic, monkeypatch):
    unifonic.answers("drop", "accept")
    message = tell()
    look_up = unifonic._serve_details

    def serve_details(handler, form):
        try:
            report("delivered", provider_message_id="77", reference=message.reference)
        finally:
            connection.close()
        unifonic.details = "missing"
        look_up(handler, form)

    monkeypatch.setattr(unifonic, "_serve_details", serve_details)
    for hours in range(1, 12):
        operations.deliver_due(now=NOW + timedelta(hours=hours))
    message.refresh_from_db()
    assert (message.state, len(unifonic.accepted), reports()) == ("sent", 1, ["delivered"])


def test_a_report_of_an_earlier_try_is_not_laid_on_a_later_one(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    unifonic.answers("drop", "accept")
    message = tell()
    operations.resend(message, by=User.objects.create_user("+966500000009"), now=SOON)
    operations.deliver_due(now=SOON)
    assert report("undelivered", provider_message_id="an-id-nobody-saw", reference=message.reference)
    message.refresh_from_db()
    assert (message.state, reports()) == ("sent", ["undelivered", ""])


def test_a_report_of_what_was_refused_at_once_is_nobodys(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    unifonic.answers(503, envelope=True)
    message = tell()
    assert not report("undelivered", provider_message_id="5", reference=message.reference)
    assert (message.state, reports()) == ("sent", ["", ""])


def test_a_repeated_report_changes_nothing(unifonic):
    message = tell()
    report("delivered", message)
    report("delivered", message, now=SOON + timedelta(hours=1))
    assert DeliveryAttempt.objects.get().reported_at == SOON


def test_what_did_not_arrive_goes_on_by_the_next_way_once(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    message = tell()
    first = DeliveryAttempt.objects.get()
    assert (
        race(*[lambda: report("undelivered", provider_message_id=first.provider_message_id)] * 4)
        == [True] * 4
    )
    assert operations.deliver_due(now=SOON) == 1
    message.refresh_from_db()
    rows = message.delivery_attempts.order_by("number").values_list("provider", "report")
    assert (message.state, list(rows)) == ("sent", [("unifonic", "undelivered"), ("console", "")])

    assert report("undelivered", provider="console", reference=message.reference)
    message.refresh_from_db()
    assert message.state == "failed"
    assert operations.deliver_due(now=SOON + timedelta(days=1)) == 0
    assert len(inbox.all()) == len(unifonic.sent) == 1


def test_what_did_not_arrive_and_has_no_other_way_is_a_dead_letter(unifonic):
    message = tell()
    report("undelivered", message)
    operations.deliver_due(now=SOON)
    message.refresh_from_db()
    assert (message.state, len(unifonic.sent)) == ("failed", 1)


@pytest.mark.parametrize("again", ["delivered", "read"])
def test_what_arrived_after_all_is_not_sent_on(unifonic, inbox, settings, again):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    message = tell()
    report("undelivered", message)
    report(again, message)
    assert operations.deliver_due(now=SOON) == 0
    message.refresh_from_db()
    assert (message.state, message.next_attempt_at, reports()) == ("sent", None, [again])
    assert inbox.all() == []


def test_a_dead_letter_that_arrived_after_all_is_none(unifonic):
    message = tell()
    report("undelivered", message)
    operations.deliver_due(now=SOON)
    report("delivered", message)
    message.refresh_from_db()
    assert message.state == "sent"


def test_what_was_sent_anew_is_not_called_off_by_its_first_try(unifonic):
    message = tell()
    report("undelivered", message)
    operations.deliver_due(now=SOON)
    operations.resend(message, by=User.objects.create_user("+966500000009"), now=SOON)
    DeliveryAttempt.objects.exclude(number=1).delete()
    Message.objects.update(state="pending", next_attempt_at=SOON, finished_at=None, claimed_until=None)
    operations.record_report(
        provider="unifonic",
        report="delivered",
        now=SOON,
        provider_message_id=DeliveryAttempt.objects.get().provider_message_id,
    )
    message.refresh_from_db()
    assert message.state == "pending"


def test_a_report_of_the_refused_channel_is_not_laid_on_the_one_in_flight():
    message = tell()
    DeliveryAttempt.objects.all().delete()
    for number, channel, outcome in ((1, "whatsapp", "refused"), (2, "sms", None)):
        DeliveryAttempt.objects.create(
            message=message,
            number=number,
            channel=channel,
            provider="twilio",
            started_at=NOW,
            finished_at=NOW if outcome else None,
            outcome=outcome,
            units=1,
        )
    told = {"provider": "twilio", "provider_message_id": "SM1", "reference": message.reference}
    assert not report("undelivered", channel="whatsapp", **told)
    assert reports() == ["", ""]
    assert report("delivered", channel="sms", **told)
    assert reports() == ["", "delivered"]


def test_an_old_message_is_not_sent_after_the_fact(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    message = tell()
    report("undelivered", message, now=NOW + operations.VALID_FOR)
    assert operations.deliver_due(now=NOW + timedelta(days=1)) == 0
    message.refresh_from_db()
    assert (message.state, reports()) == ("sent", ["undelivered"])


def test_no_report_is_one_after_three_days(unifonic):
    tell("silent")
    told = tell("told")
    report("delivered", told)
    assert operations.age_reports(NOW + timedelta(hours=71)) == 0
    assert jobs.registered()["delivery reports"](NOW + timedelta(hours=73)) == 1
    assert sorted(reports()) == ["delivered", "unknown"]
    assert operations.age_reports(NOW + timedelta(hours=74)) == 0
    # Late is better than never.
    silent = Message.objects.get(event_key="silent")
    report("delivered", silent)
    assert reports() == ["delivered", "delivered"]


# Sending anew


def test_a_dead_letter_is_sent_anew_with_all_its_tries(unifonic):
    operator = User.objects.create_user("+966500000009")
    unifonic.answers(482, "accept")
    message = tell()
    assert message.state == "failed"
    operations.resend(message, by=operator, now=SOON)
    assert operations.deliver_due(now=SOON) == 1
    message.refresh_from_db()
    assert (message.state, message.attempts, message.resent_at, message.resent_by) == (
        "sent",
        1,
        SOON,
        operator,
    )
    assert [attempt.number for attempt in message.delivery_attempts.order_by("number")] == [1, 2]


def test_one_that_may_have_gone_out_is_sent_anew_without_a_question(unifonic):
    operator = User.objects.create_user("+966500000009")
    unifonic.answers("deaf", "accept")
    unifonic.details = "missing"
    message = tell()
    assert message.state == "unknown"
    operations.resend(message, by=operator, now=SOON)
    operations.deliver_due(now=SOON)
    message.refresh_from_db()
    assert (message.state, len(unifonic.sent), len(unifonic.requests)) == ("sent", 2, 2)


def test_an_undelivered_way_is_open_again_to_whoever_resends(unifonic):
    operator = User.objects.create_user("+966500000009")
    message = tell()
    report("undelivered", message)
    operations.deliver_due(now=SOON)
    operations.resend(message, by=operator, now=SOON)
    operations.deliver_due(now=SOON)
    message.refresh_from_db()
    assert (message.state, len(unifonic.sent)) == ("sent", 2)


def test_who_resends_opens_the_next_way_again_too(unifonic, inbox, settings):
    settings.SMS_PROVIDER = ["unifonic", "console"]
    message = tell()
    report("undelivered", message)
    operations.deliver_due(now=SOON)
    report("undelivered", provider="console", reference=message.reference)
    later = SOON + timedelta(minutes=5)
    operations.resend(message, by=User.objects.create_user("+966500000009"), now=later)
    operations.deliver_due(now=later)
    again = message.delivery_attempts.order_by("-number")[0].provider_message_id
    assert report("undelivered", provider_message_id=again, now=later)
    operations.deliver_due(now=later)
    message.refresh_from_db()
    assert (message.state, len(unifonic.sent), len(inbox.all())) == ("sent", 2, 2)


def test_what_needs_no_second_try_is_refused(unifonic):
    operator = User.objects.create_user("+966500000009")
    sent = tell()
    unifonic.answers(482)
    outdated = tell("2", expires_at=SOON)
    erased = tell("3")
    Message.objects.filter(pk=erased.pk).update(
        erased_at=SOON, to_phone="", body="", title="", push_body="", values=[]
    )
    for message in (sent, outdated, erased):
        with pytest.raises(MessageNotResendable):
            operations.resend(message, by=operator, now=SOON)
    assert operations.deliver_due(now=SOON) == 0


# Numbers


def test_costs_are_added_up_by_kind_salon_channel_and_provider(unifonic, settings):
    settings.MESSAGE_PRICES = {"unifonic:sms": 60_000}
    salon = User.objects.create_user("+966500000009").pk  # any id
    tell("1", salon_id=salon)
    tell("2", salon_id=salon)
    tell("3")
    unifonic.answers(482)
    tell("4")  # refused: nobody bills it
    rows = queries.costs(NOW, NOW + timedelta(days=1))
    assert [(row.kind, row.salon_id, row.channel, row.provider) for row in rows] == [
        ("booking_confirmed", salon, "sms", "unifonic"),
        ("booking_confirmed", None, "sms", "unifonic"),
    ]
    assert [(row.messages, row.units, row.cost_micro) for row in rows] == [(2, 2, 120_000), (1, 1, 60_000)]
    assert queries.costs(NOW - timedelta(days=1), NOW) == []


def test_success_is_counted_by_provider_and_channel(unifonic):
    message = tell("1")
    unifonic.answers(482, "drop", "accept")
    tell("2"), tell("3"), tell("4")
    report("delivered", message)
    [row] = tallies.rates(NOW + timedelta(minutes=1))["hour"]
    assert (row.provider, row.channel, row.accepted, row.refused, row.unknown) == ("unifonic", "sms", 2, 1, 1)
    assert (row.success_rate, row.confirmed) == (0.5, 1)
    later = tallies.rates(NOW + timedelta(hours=2))
    assert (later["hour"], len(later["day"])) == ([], 1)


def test_the_backlog_is_what_is_not_done_with(unifonic):
    unifonic.answers(429, "drop", "accept")
    tell("1"), tell("2"), tell("3")
    assert queries.backlog(NOW) == queries.Backlog(due=0, later=2, sending=0, oldest_due_at=None)
    later = queries.backlog(NOW + timedelta(hours=1))
    assert (later.due, later.later) == (2, 0)
    assert later.oldest_due_at == Message.objects.get(event_key="1").next_attempt_at
