"""Finance in the console: refunds read back before they are sent, two people, payouts, statements and lists."""

from __future__ import annotations

import html
import re
import uuid
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone, translation

from backend.bookings.models import Booking
from backend.core.console import in_riyals
from backend.core.money import money
from backend.core.time import RIYADH
from backend.payments.differences import MEANINGS
from backend.payments.models import (
    Difference,
    ExportTaken,
    Payment,
    Payout,
    Refund,
    RefundRequest,
    Resolution,
    Settlement,
    WebhookEvent,
)
from backend.payments.operations import post
from backend.payments.queries.ledger import owed_to
from backend.payments.refusals import RequestNotYours, TaskResolved
from tests.console.helpers import Browser, World, act, address, browser, operator, said
from tests.factories import UserFactory
from tests.project.tree import ROOT

pytestmark = pytest.mark.django_db

LANGUAGES = ("ar", "en")
REPORTS = ("money-tasks", "salon-balances", "salon-statement", "exports")


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    settings.FINANCE_REFUND_LIMIT_MINOR = 1000


def refund_page(world: World) -> str:
    return reverse("admin:payments_payment_refund", args=[world.payment.pk])


def filled(page: Any, **values: str) -> dict[str, str]:
    key = re.search(r'name="key" value="([^"]+)"', page.content.decode())
    assert key is not None
    return {"key": key[1]} | values


def words(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


def given_back(client: Browser, world: World, amount: str) -> Any:
    """Type it, read what will happen, confirm; the page after that."""
    body = filled(client.get(refund_page(world)), amount=amount, reason="الغرفة باردة")
    client.post(refund_page(world), body)
    return client.post(refund_page(world), body | {"confirmed": "1"}, follow=True)


def nobody_waits(world: World) -> None:
    RefundRequest.objects.filter(pk=world.refund_request.pk).update(state="expired")


@pytest.mark.parametrize("language", LANGUAGES)
def test_refunds_step_3_read_what_will_happen_and_confirm(language: str, world: World) -> None:
    client = browser(operator("finance"), language=language)
    payment = client.get(address(Payment, "change", world.payment.pk))
    assert f'href="{refund_page(world)}"' in payment.content.decode()
    page = client.get(refund_page(world))
    body = filled(page, amount="٥٫٥٠", reason="الغرفة باردة")
    confirming = client.post(refund_page(world), body)
    assert confirming.context["confirming"]
    assert not Refund.objects.filter(request__isnull=False).exists(), "nothing happens before it is confirmed"
    done = client.post(refund_page(world), body | {"confirmed": "1"}, follow=True)
    assert len(said(done)) == 1
    made = RefundRequest.objects.get(state="made")
    assert (made.amount_minor, made.reason) == (550, "الغرفة باردة")
    again = client.post(refund_page(world), body | {"confirmed": "1"}, follow=True)
    assert said(again) == said(done)
    assert RefundRequest.objects.filter(state="made").count() == 1, "a page sent twice is one act"
    assert LogEntry.objects.filter(object_id=str(world.payment.pk), change_message="refund").exists()


def test_refunds_step_4_let_a_colleague_decide(world: World) -> None:
    nobody_waits(world)
    asker, colleague = operator("finance"), operator("finance")
    client, other = browser(asker, language="en"), browser(colleague, language="en")
    body = filled(client.get(refund_page(world)), amount="15", reason="cold")
    assert "waits for a second person" in client.post(refund_page(world), body).context["warning"]
    done = client.post(refund_page(world), body | {"confirmed": "1"}, follow=True)
    assert said(done) == ["The refund waits for a second person."]
    request = RefundRequest.objects.get(state="waiting")
    assert request.requested_by == asker
    mine = act(client, RefundRequest, "approve", request)
    assert "cannot decide on it" in said(mine)[0]
    theirs = act(other, RefundRequest, "approve", request)
    assert said(theirs) == ["Done: 1"]
    request.refresh_from_db()
    assert (request.state, request.decided_by, request.refund.amount_minor) == ("made", colleague, 1500)


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_asked_withdraws_it_and_a_colleague_cannot(language: str, world: World) -> None:
    asker, request = world.refund_request.requested_by, world.refund_request
    with translation.override(language):
        refusal, done, withdrawn = (
            str(RequestNotYours.message),
            translation.gettext("Done: %(count)d") % {"count": 1},
            translation.gettext("Withdrawn"),
        )
    colleague, client = browser(operator("finance"), language=language), browser(asker, language=language)
    assert refusal in said(act(colleague, RefundRequest, "withdraw", request))[0]
    assert said(act(client, RefundRequest, "withdraw", request)) == [done]
    request.refresh_from_db()
    assert (request.state, request.decided_by) == ("withdrawn", None)
    assert withdrawn in words(client.get(address(RefundRequest)))
    assert not Refund.objects.filter(request__isnull=False).exists()
    assert LogEntry.objects.filter(user=asker, change_message="withdraw").exists()


def test_a_card_number_typed_as_a_reason_is_refused_as_the_api_refuses_it(world: World) -> None:
    client, request = browser(operator("finance"), language="en"), world.refund_request
    number = "4111 1111 1111 1111"
    told = said(act(client, RefundRequest, "decline", request, reason=number))
    assert "Card details must never be sent here" in told[0]
    request.refresh_from_db()
    assert request.state == "waiting"
    page = client.post(refund_page(world), filled(client.get(refund_page(world)), amount="5", reason=number))
    assert page.context["form"].errors.keys() == {"reason"}


def test_declining_wants_a_reason(world: World) -> None:
    client = browser(operator("finance"), language="en")
    assert "A reason is needed." in said(act(client, RefundRequest, "decline", world.refund_request))[0]
    assert said(act(client, RefundRequest, "decline", world.refund_request, reason="not ours")) == ["Done: 1"]
    world.refund_request.refresh_from_db()
    assert (world.refund_request.state, world.refund_request.decline_reason) == ("declined", "not ours")


def test_refunds_step_2_type_the_amount_and_the_reason(world: World) -> None:
    client = browser(operator("finance"), language="en")
    page = client.get(refund_page(world))
    assert ("can be given back", "22.00 SAR") in page.context["facts"]
    assert 'value="22.00"' in page.content.decode()
    confirming = client.post(refund_page(world), filled(page, amount="7.5", reason="The room was cold"))
    assert [shown for _label, shown in confirming.context["answers"]] == ["7.50 SAR", "The room was cold"]
    changed = client.post(refund_page(world), filled(page, amount="7.5", reason="cold", changed="1"))
    assert not changed.context["confirming"]


@pytest.mark.parametrize(
    ("amount", "reason"), [("", "x"), ("0", "x"), ("ten", "x"), ("1.234", "x"), ("5", " ")]
)
def test_what_is_typed_wrongly_is_said_beside_it(world: World, amount: str, reason: str) -> None:
    client = browser(operator("finance"))
    body = filled(client.get(refund_page(world)), amount=amount, reason=reason, confirmed="1")
    page = client.post(refund_page(world), body)
    assert page.status_code == 200
    assert page.context["form"].errors
    assert not RefundRequest.objects.filter(state="made").exists()


def test_more_than_is_left_is_refused_in_words(world: World) -> None:
    client = browser(operator("finance"), language="en")
    page = given_back(client, world, "22.01")
    assert "No more than SAR 22.00" in page.context["problem"]


@pytest.mark.parametrize("role", ["platform_admin", "support"])
def test_only_finance_gives_money_back_and_writes_payouts_down(role: str, world: World) -> None:
    client = browser(operator(role))
    record = reverse("admin:payments_payout_record", args=[world.salon.pk])
    for url in (refund_page(world), record):
        assert client.get(url).status_code == 403
        assert client.post(url, {"confirmed": "1"}).status_code == 403
    if role == "platform_admin":
        assert (
            refund_page(world)
            not in client.get(address(Payment, "change", world.payment.pk)).content.decode()
        )


def test_refunds_step_1_find_the_payment(world: World) -> None:
    Payment.objects.filter(pk=world.payment.pk).update(card_last_four="1010")
    Payment.objects.create(
        booking=world.booking,
        amount_minor=1,
        source_type="client",
        created_at=timezone.now(),
        expires_at=timezone.now(),
    )
    client = browser(operator("finance"))
    for term, count in (
        ("1010", 1), ("١٠١٠", 1), (str(world.payment.pk), 1), (world.booking.reference.lower(), 2),
        ("0512345678", 2), ("0512345670", 0),
    ):  # fmt: skip
        page = client.get(address(Payment), {"q": term})
        assert page.status_code == 200
        assert page.context["cl"].result_count == count, term


def stuck(world: World) -> Refund:
    """A refund that the gateway would not make."""
    refund = Refund.objects.get(payment=world.payment)
    Refund.objects.filter(pk=refund.pk).update(state="manual", last_error="already returned")
    return refund


def task_page(row: Any) -> str:
    return reverse("admin:payments_task_answer", args=[row.pk])


@pytest.mark.parametrize("language", LANGUAGES)
def test_money_that_needs_a_person_step_1_open_the_list(language: str, world: World) -> None:
    client = browser(operator("finance"), language=language)
    assert 'href="/console/reports/money-tasks/"' in client.get("/console/").content.decode()
    assert client.get("/console/reports/money-tasks/").context["lines"] == []
    refund = stuck(world)
    Payment.objects.filter(pk=world.payment.pk).update(quarantined_because="amount")
    page = client.get("/console/reports/money-tasks/")
    assert len(page.context["lines"]) == 2
    for row in (refund, world.payment):
        assert f'href="{task_page(row)}"' in page.content.decode()
    assert "already returned" in words(page)
    for nowhere in ("x", "2026-11-01T00:00:00~x", f"2026-11-01T00:00:00~{refund.pk}", "\x00~"):
        assert len(client.get("/console/reports/money-tasks/", {"after": nowhere}).context["lines"]) == 2
    later = f"{timezone.now().isoformat()}~{refund.pk}"
    assert client.get("/console/reports/money-tasks/", {"after": later}).context["lines"] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_money_that_needs_a_person_step_2_answer_for_it(language: str, world: World) -> None:
    person, refund = operator("finance"), stuck(world)
    client = browser(person, language=language)
    page = client.get(task_page(refund))
    wrong = client.post(task_page(refund), filled(page, outcome="", note=""))
    assert wrong.context["form"].errors.keys() == {"outcome", "note"}
    body = filled(page, outcome="refunded_outside", note="By transfer FT77")
    confirming = client.post(task_page(refund), body)
    assert confirming.context["confirming"]
    with translation.override(language):
        assert translation.gettext("The money went back by another way") in words(confirming)
    assert not Resolution.objects.exists()
    done = client.post(task_page(refund), body | {"confirmed": "1"}, follow=True)
    assert len(said(done)) == 1
    answer = Resolution.objects.get()
    assert (answer.refund, answer.outcome, answer.note, answer.resolved_by) == (
        refund,
        "refunded_outside",
        "By transfer FT77",
        person,
    )
    assert LogEntry.objects.filter(user=person, change_message="answer: refunded_outside").exists()
    gone = client.get(task_page(refund), follow=True)
    with translation.override(language):
        assert said(gone) == [str(TaskResolved.message)]
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        answer.delete()


@pytest.mark.parametrize("role", ["platform_admin", "support"])
def test_only_finance_answers_for_money(role: str, world: World) -> None:
    refund = stuck(world)
    client = browser(operator(role))
    assert client.get(task_page(refund)).status_code == 403
    assert client.post(task_page(refund), {"confirmed": "1"}).status_code == 403
    if role == "platform_admin":
        assert task_page(refund) not in client.get("/console/reports/money-tasks/").content.decode()


def test_a_payments_story_tells_what_was_heard_by_the_gateways_own_id(world: World) -> None:
    theirs = uuid.uuid4()
    Payment.objects.filter(pk=world.payment.pk).update(gateway_id=theirs)
    WebhookEvent.objects.filter(pk=world.event.pk).update(payment_id=theirs)
    page = browser(operator("finance"), language="en").get(address(Payment, "change", world.payment.pk))
    assert "The gateway told us" in words(page)


def test_a_minus_stays_before_its_number_in_either_language() -> None:
    for language, currency in (("ar", "ر.س"), ("en", "SAR")):
        with translation.override(language):
            assert in_riyals(-24500) == f'<bdi dir="ltr">-245.00</bdi> {currency}'
            assert in_riyals(24500) == f"245.00 {currency}"


@pytest.mark.parametrize(("language", "title"), [("ar", "الفروقات"), ("en", "Differences")])
def test_a_list_is_called_what_it_lists_and_says_how_many(language: str, title: str, world: World) -> None:
    page = browser(operator("finance"), language=language).get(address(Difference))
    assert f"<title>{title} |" in page.content.decode()
    assert f"{title}: {Difference.objects.count()}" in words(page)


def test_a_filter_calls_its_values_as_the_rows_do(world: World) -> None:
    client = browser(operator("finance"), language="en")
    page = html.unescape(words(client.get(address(Difference))))
    with translation.override("en"):
        titles = {kind: str(meaning.title) for kind, meaning in MEANINGS.items()}
    for kind, title in titles.items():
        assert title in page
        shown = words(client.get(address(Difference), {"kind__exact": kind}))
        assert f"Differences: {Difference.objects.filter(kind=kind).count()}" in shown
    assert "Settlement Total" not in page
    settlements = words(client.get(address(Settlement)))
    assert "By source All The gateway A file" in settlements
    assert "Csv" not in settlements


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_payments_story_is_told_in_the_readers_language(language: str, world: World) -> None:
    Payment.objects.filter(pk=world.payment.pk).update(source_type="client", quarantined_because="amount")
    Refund.objects.filter(payment=world.payment).update(reason="booking_closed")
    WebhookEvent.objects.filter(pk=world.event.pk).update(
        payment_id=world.payment.pk, handled_at=timezone.now(), outcome="settled"
    )
    told = words(
        browser(operator("finance"), language=language).get(address(Payment, "change", world.payment.pk))
    )
    in_english = {
        *("Attempt begun", "in the app", "another amount than we asked for"),
        *("the booking has ended", "the payment was brought up to date"),
    }
    assert {text for text in in_english if text in told} == (in_english if language == "en" else set())
    assert not {"client", "booking_closed", "settled"} & set(told.split())


def test_reports_stand_beside_every_page_for_those_who_read_them(world: World) -> None:
    for role, listed, seen in (("finance", Payment, True), ("support", Booking, False)):
        page = browser(operator(role), language="en").get(address(listed))
        assert page.status_code == 200
        assert ('href="/console/reports/salon-balances/"' in page.content.decode()) == seen


def owed_world(world: World) -> None:
    """The visit took place and 22.00 of it came online."""
    world.booking.state = "completed"
    world.booking.save(update_fields=["state"])
    post(world.booking.pk, now=timezone.now())
    Payout.objects.update(voided_at=timezone.now(), voided_by=world.owner, void_reason="never written down")


@pytest.mark.parametrize("language", LANGUAGES)
def test_payouts_step_1_see_what_is_owed(language: str, world: World) -> None:
    owed_world(world)
    client = browser(operator("finance"), language=language)
    assert 'href="/console/reports/salon-balances/"' in client.get("/console/").content.decode()
    page = client.get("/console/reports/salon-balances/")
    assert money(owed_to(world.salon))["amount_minor"] == 2200
    with translation.override(language):
        assert money(2200)["display"] in words(page)
    assert client.get("/console/reports/salon-balances/", {"after": "zzz"}).context["lines"] == []


def test_payouts_step_3_take_one_back(world: World) -> None:
    person = operator("finance")
    client, payout, owed = browser(person, language="en"), Payout.objects.get(), owed_to(world.salon)
    assert "A reason is needed." in said(act(client, Payout, "void", payout))[0]
    assert said(act(client, Payout, "void", payout, reason="returned")) == ["Done: 1"]
    assert "taken back already" in said(act(client, Payout, "void", payout, reason="again"))[0]
    payout.refresh_from_db()
    assert (payout.voided_by, payout.void_reason, payout.recorded_by) == (person, "returned", world.owner)
    assert owed_to(world.salon) == owed + payout.amount_minor


@pytest.mark.parametrize("language", LANGUAGES)
def test_payouts_step_2_write_the_transfer_down(language: str, world: World) -> None:
    owed_world(world)
    owed = owed_to(world.salon)
    assert owed > 0
    person = operator("finance")
    client = browser(person, language=language)
    balances = client.get("/console/reports/salon-balances/")
    record = reverse("admin:payments_payout_record", args=[world.salon.pk])
    assert f'href="{record}"' in balances.content.decode()
    body = filled(
        client.get(record), amount=f"{owed / 100:.2f}", from_date="2026-11-01", to_date="2026-11-30",
        bank_reference="FT9",
    )  # fmt: skip
    assert client.post(record, body | {"to_date": "2026-10-01"}).context["form"].errors.keys() == {"to_date"}
    assert client.post(record, body).context["confirming"]
    done = client.post(record, body | {"confirmed": "1"}, follow=True)
    assert len(said(done)) == 1
    payout = Payout.objects.get(voided_at=None)
    assert (payout.amount_minor, payout.recorded_by, owed_to(world.salon)) == (owed, person, 0)
    again = filled(client.get(record), **{k: v for k, v in body.items() if k != "key"}, confirmed="1")
    assert client.post(record, again).context["problem"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_statements_and_lists_step_1_read_a_salons_month(language: str, world: World) -> None:
    owed_world(world)
    client = browser(operator("finance"), language=language)
    page = client.get("/console/reports/salon-statement/", {"salon": world.salon.slug})
    today = timezone.now().astimezone(RIYADH).date()
    assert page.context["month"] == f"{today:%Y-%m}"
    assert page.context["closing"]["owed"] in words(page)
    assert len(page.context["moves"]) >= 1
    for query in ({"salon": "nobody"}, {"salon": "\x00"}, {"salon": world.salon.slug, "month": "13"}):
        assert client.get("/console/reports/salon-statement/", query).context["problem"]
    assert client.get("/console/reports/salon-statement/").status_code == 200


def test_statements_and_lists_step_2_take_a_list_away(world: World) -> None:
    person = operator("finance")
    client = browser(person, language="en")
    page = client.get("/console/reports/exports/", {"from": "2026-11-01", "to": "2026-11-30"})
    link = re.search(r'href="(/console/exports/ledger\.csv\?[^"]+)"', page.content.decode())
    assert link is not None
    file = client.get(link[1].replace("&amp;", "&"))
    assert b"".join(file.streaming_content).startswith(b"\xef\xbb\xbfday,")
    assert ExportTaken.objects.filter(taken_by=person, sheet="ledger").count() == 1
    assert person.name in words(client.get("/console/reports/exports/"))
    wrong = client.get("/console/exports/ledger.csv", {"from": "2026-11-02", "to": "2026-11-01"})
    assert wrong.status_code == 302
    assert client.get("/console/exports/people.csv").status_code == 404
    assert ExportTaken.objects.filter(taken_by=person).count() == 1


@pytest.mark.parametrize(("role", "status"), [("finance", 200), ("platform_admin", 200), ("support", 403)])
def test_the_pages_open_to_finance_and_the_platforms_admins(role: str, status: int, world: World) -> None:
    client = browser(operator(role))
    for name in REPORTS:
        assert client.get(f"/console/reports/{name}/").status_code == status
    assert client.get("/console/exports/payments.csv").status_code == status


def test_a_stranger_is_sent_to_sign_in(client: Any, world: World) -> None:
    for url in (refund_page(world), "/console/exports/payments.csv", "/console/reports/exports/"):
        answer = client.get(url)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/console/login/")
    assert not ExportTaken.objects.filter(taken_by=UserFactory.create()).exists()


def test_every_step_of_the_documents_is_a_test() -> None:
    steps = {name for name in globals() if re.match(r"test_[a-z_]+_step_\d", name)}
    found, counts = set(), []
    for name in ("finance.md", "finance.ar.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8").split("\n# ")[-1]
        sections = re.findall(r"^## (.+?)\n\n(.+?)(?=\n\n## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
        listed = [
            (what, re.findall(r"^(\d)\. \*\*(.+?)\.\*\*", of, flags=re.MULTILINE)) for what, of in sections
        ]
        counts.append([len(of) for _what, of in listed])
        found = found or {
            f"test_{_word(what)}_step_{number}_{_word(title)}" for what, of in listed for number, title in of
        }
    assert found == steps
    assert counts[0] == counts[1]


def _word(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", heading.lower().replace("'", "")).strip("_")
