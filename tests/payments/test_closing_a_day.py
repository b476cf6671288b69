"""`docs/finance.md`, step by step, in a browser: every step of the document is a test here, in both languages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation
from freezegun import freeze_time

from backend.core.time import RIYADH
from backend.payments.models import DayClose, Difference, Payment, Reconciliation, Settlement
from backend.payments.operations import reconcile
from tests.console.helpers import Browser, act, address, browser, operator, said
from tests.payments.conftest import Payer
from tests.payments.test_settlements import file_of, row_of
from tests.support.api import ok
from tests.support.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


class Desk:
    """A finance user's browser the morning after, and a payment of the day before."""

    def __init__(self, payer: Payer, language: str) -> None:
        self.payer, self.language = payer, language
        self.person = operator("finance")
        self.browser: Browser = browser(self.person, language=language)
        self.payment = payer.begin()
        payer.pay(self.payment)
        ok(payer.webhook(self.payment))
        self.day: date = Payment.objects.get(pk=self.payment["id"]).created_at.astimezone(RIYADH).date()

    @property
    def url(self) -> str:
        return reverse("admin:payments_close_day")

    def look(self, **query: str) -> Any:
        return self.browser.get(self.url, {"day": self.day.isoformat()} | query)

    def press(self, do: str, **more: Any) -> Any:
        return self.browser.post(self.url, {"day": self.day.isoformat(), "do": do, **more}, follow=True)

    def word(self, english: str) -> str:
        with translation.override(self.language):
            return translation.gettext(english)

    def act(self, verb: str, *rows: Difference, page: Any = None, **more: str) -> Any:
        """Choose rows of the list, as a page shows them, and run an action on them."""
        if page is None:
            page = self.browser.get(address(Difference), {"q": str(rows[0].pk)})
        versions = dict(re.findall(r'name="(version-[^"]+)" value="(\d+)"', page.content.decode()))
        return act(self.browser, Difference, verb, *rows, **versions, **more)

    def answer_all(self, resolution: str) -> None:
        """Whatever stands open, a page of the list at a time; the gateway of the tests holds other tests' payments."""
        open_ones = Difference.objects.filter(state="open").order_by("-opened_at", "-id")
        while rows := list(open_ones[:50]):
            page = self.browser.get(address(Difference), {"state__exact": "open"})
            self.act("resolve", *rows, page=page, resolution=resolution, reason="Looked into")

    def plant(self) -> Difference:
        """Somebody returned money at the gateway's desk, and the books of it disagree since."""
        Payment.objects.filter(pk=self.payment["id"]).update(amount_minor=2200, captured_minor=2200)
        self.press("compare")
        return Difference.objects.get(payment_id=self.payment["id"], state="open")


@pytest.fixture(params=["ar", "en"])
def desk(sandbox: SandboxProcess, request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(Payer(sandbox), request.param)
    with freeze_time(datetime.now(tz=RIYADH) + timedelta(days=1), tick=True):
        made.browser = browser(made.person, language=request.param)
        yield made


def test_step_1_open_the_page_and_choose_the_day(desk: Desk) -> None:
    listing = desk.browser.get(address(DayClose))
    assert desk.url in listing.content.decode()
    page = desk.browser.get(desk.url)
    assert page.status_code == 200
    assert desk.day.isoformat() in page.content.decode(), "yesterday is chosen"
    wrong = desk.browser.get(desk.url, {"day": "yesterday"})
    assert desk.word("This is not a valid date. Example: 2026-11-20") in wrong.content.decode()
    tomorrow = desk.browser.post(
        desk.url, {"day": (desk.day + timedelta(days=1)).isoformat(), "do": "close"}, follow=True
    )
    assert said(tomorrow) == [desk.word("This day is not over yet.")]
    assert browser(operator("support")).get(desk.url).status_code == 403


def test_step_2_compare_the_day(desk: Desk) -> None:
    page = desk.press("compare")
    assert desk.word("The day was compared.") in said(page)
    run = Reconciliation.objects.get()
    assert (run.from_date, run.to_date, run.run_by) == (desk.day, desk.day, desk.person)
    desk.payer.sandbox.fault("status", status=503, method="GET", path="/payments", count=5)
    assert said(desk.press("compare")) == [desk.word("The gateway did not answer. Please try again shortly.")]
    desk.payer.sandbox.clear_faults()


def test_step_3_read_the_three_columns(desk: Desk) -> None:
    desk.payer.sandbox.settle()
    desk.press("compare")
    run = Reconciliation.objects.get()
    page = desk.look().content.decode()
    for heading in ("ours", "the gateway", "settlements"):
        assert f'<th scope="col">{desk.word(heading)}</th>' in page
    assert run.captured_minor >= 2300
    assert run.settled_minor >= 2300
    for amount in (run.captured_minor, run.theirs_captured_minor, run.settled_minor):
        assert f"{amount // 100:,}.{amount % 100:02d}" in page
    assert desk.word("The gateway still holds, by our books at the end of the day:") in page


def test_step_4_bring_in_a_settlement_file_if_the_gateway_has_none(desk: Desk) -> None:
    desk.payer.sandbox.fault("status", status=404, method="GET", path="/settlements", count=1)
    desk.press("compare")
    assert Reconciliation.objects.get().note == "no_settlements"
    told = "The gateway has no settlements for this account. Bring in the file it sends by e-mail."
    assert desk.word(told) in desk.look().content.decode()
    content = file_of(row_of(desk.payment["id"], "23.00", "0.46", "0.07"))
    page = desk.press("import", file=SimpleUploadedFile("settlement.csv", content))
    assert said(page) == [desk.word("The settlement was brought in.")]
    page = desk.press("import", file=SimpleUploadedFile("settlement.csv", content))
    assert said(page) == [
        desk.word("This settlement was here already. Lines that differ: %(count)d") % {"count": 0}
    ]
    assert Settlement.objects.get().line_count == 1
    page = desk.press("import", file=SimpleUploadedFile("settlement.csv", b"a,b\n1,2\n"))
    assert said(page) == [desk.word("This file could not be read as a settlement. Nothing of it was kept.")]


def test_step_5_look_into_the_differences(desk: Desk) -> None:
    planted = desk.plant()
    page = desk.look().content.decode()
    assert desk.word("Other amount") in page
    link = re.search(r'href="([^"]*payments/difference/\?[^"]*kind__exact=amount[^"]*)"', page)
    assert link is not None
    queue = desk.browser.get(link[1].replace("&amp;", "&"))
    assert queue.status_code == 200
    assert str(planted.payment_id) in queue.content.decode()
    desk.act("take", planted)
    desk.act("note", planted, reason="Asked the salon")
    planted.refresh_from_db()
    assert (planted.owner, planted.note, planted.state) == (desk.person, "Asked the salon", "open")
    detail = desk.browser.get(address(Difference, "change", planted.pk)).content.decode()
    assert desk.word("The amount paid is not the amount we asked for. It counts for nothing here.") in detail


def test_step_6_answer_for_each_difference(desk: Desk) -> None:
    planted = desk.plant()
    empty = desk.act("resolve", planted)
    assert desk.word("Please choose an answer and write a reason.") in said(empty)[0]
    desk.act("resolve", planted, resolution="explained", reason="A coupon of theirs")
    planted.refresh_from_db()
    assert (planted.state, planted.resolution, planted.resolved_by) == ("resolved", "explained", desk.person)
    desk.press("compare")
    planted.refresh_from_db()
    assert planted.state == "resolved", "an answer stands as long as nothing changes"
    again = desk.act("resolve", planted, resolution="explained", reason="Twice")
    assert desk.word("This difference has been closed already.") in said(again)[0]
    Payment.objects.filter(pk=desk.payment["id"]).update(amount_minor=2100)
    desk.press("compare")
    planted.refresh_from_db()
    assert planted.state == "open", "changed facts open it again"
    assert [event.act for event in planted.events.order_by("id")] == ["opened", "resolved", "reopened"]


def test_an_answer_to_what_has_changed_since_the_page_was_opened_is_refused(desk: Desk) -> None:
    planted = desk.plant()
    opened = desk.browser.get(address(Difference))
    Payment.objects.filter(pk=desk.payment["id"]).update(amount_minor=2100)
    desk.press("compare")
    for verb in ("take", "note", "resolve"):
        told = said(desk.act(verb, planted, page=opened, resolution="explained", reason="As it was"))
        assert desk.word("This item has changed. Its details have been refreshed.") in told[0], verb
    unseen = said(act(desk.browser, Difference, "resolve", planted, resolution="explained", reason="Blind"))
    assert desk.word("This item has changed. Its details have been refreshed.") in unseen[0]
    planted.refresh_from_db()
    assert (planted.state, planted.owner, planted.note) == ("open", None, "")
    desk.act("resolve", planted, resolution="explained", reason="As it is")
    planted.refresh_from_db()
    assert planted.state == "resolved"


def test_what_each_side_says_is_told_in_words_and_riyals(desk: Desk) -> None:
    page = desk.browser.get(address(Difference, "change", desk.plant().pk)).content.decode()
    for word in ("amount", "captured", "currency"):
        assert f"<dt>{desk.word(word)}</dt>" in page
    assert "23.00" in page
    assert "22.00" in page
    assert "&quot;amount_minor" not in page


def test_what_the_page_says_is_said_in_the_readers_language(desk: Desk) -> None:
    desk.plant()
    for page in (desk.press("compare"), desk.press("import"), desk.press("close")):
        [sentence] = said(page)
        assert bool(re.search("[\u0600-\u06ff]", sentence)) == (desk.language == "ar"), sentence


def test_the_sums_of_a_run_are_those_after_it_healed(desk: Desk) -> None:
    desk.press("compare")
    run = Reconciliation.objects.latest("started_at")
    desk.payer.sign_in_again()
    desk.payer.booking_id = desk.payer.book(desk.payer.phone)
    lost = desk.payer.begin()
    desk.payer.pay(lost)
    later = (datetime.now(tz=RIYADH)).date()
    healed = reconcile(from_date=desk.day, to_date=later, now=timezone.now())
    assert Difference.objects.get(payment_id=lost["id"]).state == "healed"
    assert healed.captured_minor == run.captured_minor + 2300
    assert healed.ours_count == run.ours_count + 1


def test_step_7_close_the_day(desk: Desk) -> None:
    early = desk.press("close")
    assert said(early) == [
        desk.word("Please compare this day first: there is no comparison of it since it ended.")
    ]
    planted = desk.plant()
    open_ = Difference.objects.filter(state="open").count()
    assert said(desk.press("close")) == [
        desk.word("Differences of this day stand open: %(count)d.") % {"count": open_}
    ]
    desk.answer_all("explained")
    assert said(desk.press("close")) == [desk.word("The day is closed.")]
    closed = DayClose.objects.get()
    assert (closed.business_date, closed.closed_by) == (desk.day, desk.person)
    assert desk.word("This day is closed.") in desk.look().content.decode()
    assert said(desk.press("close")) == [desk.word("This day is closed already.")]
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        closed.delete()
    Payment.objects.filter(pk=planted.payment_id).update(amount_minor=2000)
    desk.press("compare")
    assert desk.word("Differences were found after the day was closed.") in desk.look().content.decode()


def test_the_database_closes_no_day_without_a_proof_of_it_and_keeps_the_proof(desk: Desk) -> None:
    desk.press("compare")
    proof = Reconciliation.objects.get()
    desk.answer_all("explained")
    started = datetime.combine(desk.day, datetime.min.time(), tzinfo=RIYADH) + timedelta(hours=23)
    days = {"from_date": desk.day, "to_date": desk.day}
    early = Reconciliation.objects.create(**days, started_at=started, finished_at=started)
    half = Reconciliation.objects.create(**days, started_at=timezone.now())
    facts = {"ours": None, "gateway": None, "settlements": None}
    standing = Difference(
        kind="orphan", subject="line:1", business_date=desk.day, facts=facts, opened_at=timezone.now()
    )
    named = {"closed_by": desk.person, "closed_at": timezone.now()}
    for run, day in ((early, desk.day), (half, desk.day), (proof, desk.day - timedelta(days=1))):
        with pytest.raises(IntegrityError, match="no comparison proves"), transaction.atomic():
            DayClose.objects.create(reconciliation=run, business_date=day, **named)
    with pytest.raises(IntegrityError, match="stand open"), transaction.atomic():
        standing.save()
        DayClose.objects.create(reconciliation=proof, business_date=desk.day, **named)
    DayClose.objects.create(reconciliation=proof, business_date=desk.day, **named)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Reconciliation.objects.filter(pk=proof.pk).update(captured_minor=0)


def test_every_step_of_both_documents_is_a_test() -> None:
    tests = [name for name in globals() if name.startswith("test_step_")]
    for name in ("finance.md", "finance.ar.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        numbers = re.findall(r"^## (\d+)\. (.+)$", text, flags=re.MULTILINE)
        assert [int(number) for number, _ in numbers] == list(range(1, len(tests) + 1)), name
        if name == "finance.md":
            for number, heading in numbers:
                words = re.sub(r"[^a-z0-9]+", "_", heading.lower()).strip("_")
                assert f"test_step_{number}_{words}" in tests


def test_what_the_documents_call_buttons_stands_on_the_page(desk: Desk) -> None:
    text = (ROOT / "docs" / ("finance.ar.md" if desk.language == "ar" else "finance.md")).read_text("utf-8")
    desk.press("compare")
    page = desk.look().content.decode()
    for button in ("Show", "Compare this day", "Bring in", "Close this day", "Close a day"):
        assert desk.word(button) in page
        assert desk.word(button) in text, f"{button} is called otherwise"


def test_the_command_prints_in_the_language_asked_and_says_whether_all_is_well(desk: Desk) -> None:
    from django.core.management import call_command

    def run() -> tuple[int, str]:
        out = io.StringIO()
        try:
            call_command("reconcile", from_date=str(desk.day), language=desk.language, stdout=out)
        except SystemExit as end:
            return int(end.code or 0), out.getvalue()
        return 0, out.getvalue()

    planted = desk.plant()
    code, report = run()
    assert code == 1
    assert desk.word("Other amount") in report
    desk.answer_all("written_off")
    code, report = run()
    assert code == 0, report
    planted.refresh_from_db()
    assert planted.resolution == "written_off"
