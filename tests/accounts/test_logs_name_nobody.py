"""Phones, names and codes never reach a log: a whole visit with every logger at its chattiest, crashes included."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings as configured
from django.db import transaction
from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.bookings.models import Booking
from backend.config.urls import urlpatterns as real_urls
from backend.core.api.access import SIGNED_IN
from backend.core.api.views import Endpoint
from backend.core.logs import RequestIdFilter
from tests.accounts.helpers import Inbox, Phone, ask, bearer, verify, wrong
from tests.accounts.privacy import notice_in_force
from tests.factories import employ, open_salon
from tests.support.api import Api

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.test_logs_name_nobody")]

NAME, GUEST = "نورة بنت خالد العتيبي", "هيفاء بنت سعد القحطاني"
NOTE = "حساسية من الصبغة الفلانية"
NUMBERS = ("512345678", "511111111", "51 234 5678", "٥١٢٣٤٥٦٧٨")


class Crash(Endpoint):
    """Fails in each way a view may fail, with a person in its hands."""

    access = {"POST": SIGNED_IN}

    def post(self, request: Request) -> Response:
        phone, name, note = "+966512345678", NAME, NOTE
        match request.data["how"]:
            case "local":
                person = {"phone": phone, "name": name, "note": note}
                raise RuntimeError(f"no such person: {len(person)}")
            case "message":
                raise ValueError(f"bad number {phone}, 0512345678, 051 234 5678, ٠٥١٢٣٤٥٦٧٨")
            case "row":
                User.objects.create(phone=phone, name=f"{name}\n\n{note}", gender="other")
            case "key":
                User.objects.create(phone=phone, name=name)
        return Response(status=204)


urlpatterns = [*real_urls, path("api/v1/", include([path("crash", Crash.as_view())]))]


@pytest.fixture
def written() -> Iterator[list[io.StringIO]]:
    """All that is logged, as the settings format it for production and for a laptop, and the bare messages."""
    streams, handlers = [], []
    for form in ("json", "readable", None):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        if form:
            described = configured.LOGGING["formatters"][form]
            handler.setFormatter(import_string(described["()"])(described["format"]))
            handler.addFilter(RequestIdFilter())
        else:
            handler.setFormatter(logging.Formatter("%(message)s %(args)s"))
            handler.addFilter(lambda record: not record.exc_info)  # what only the formatters can clean
        streams.append(stream)
        handlers.append(handler)
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.Logger.manager.loggerDict))]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    for handler in handlers:
        loggers[0].addHandler(handler)
    try:
        yield streams
    finally:
        for logger, level in before:
            logger.setLevel(level)
        for handler in handlers:
            loggers[0].removeHandler(handler)


def nobody_in(written: list[io.StringIO], *more: str) -> None:
    for stream in written:
        text = stream.getvalue()
        assert text
        spoken = text.encode().decode("unicode_escape", "ignore") if "\\u" in text else text
        for telling in (NAME, NAME.split()[0], GUEST, NOTE, *NUMBERS, *more):
            assert telling not in text
            assert telling not in spoken


def test_a_whole_visit(written: list[io.StringIO], arabic: Phone, inbox: Inbox) -> None:
    notice_in_force()
    salon, service, _ = open_salon(deposit_percent=0)
    asked = ask(arabic).json()["otp_request_id"]
    code = inbox.code()
    verify(arabic, asked, wrong(code))
    client = bearer(verify(arabic, asked, code).json()["access_token"])
    client.patch("/api/v1/me", {"name": NAME}, format="json")
    client.patch("/api/v1/me", {"name": [NAME]}, format="json")
    days = arabic.get(f"/api/v1/salons/{salon.slug}/availability?service_ids={service.id}&days=4").json()[
        "days"
    ]
    start = days[2]["slots"][0]["starts_at"]
    body = {
        "salon_id": str(salon.id),
        "items": [{"service_id": str(service.id)}],
        "starts_at": start,
        "note": NOTE,
    }
    key = {"HTTP_IDEMPOTENCY_KEY": "6f7a1e3e-2c9d-4b1a-9d0a-6a6f2b6b9b3a"}
    assert client.post("/api/v1/bookings", body, format="json", **key).status_code == 201
    client.post("/api/v1/bookings", body | {"note": 7}, format="json", **key)
    walk_in = {
        "items": body["items"], "starts_at": days[2]["slots"][5]["starts_at"],
        "guest": {"name": GUEST, "phone": "0511111111"}, "note": NOTE,
    }  # fmt: skip
    assert Api(employ(salon)).post(f"manage/salons/{salon.slug}/bookings", walk_in).status_code == 201
    assert Booking.objects.count() == 2
    arabic.get("/api/v1/salons?q=0512345678")
    assert client.put("/api/v1/me/consents/marketing", {"granted": True}, format="json").status_code == 200
    assert NAME in str(client.get("/api/v1/me/export").json())
    assert client.delete("/api/v1/me").status_code == 200
    nobody_in(written, code, wrong(code))


@pytest.mark.parametrize("how", ["local", "message", "row", "key"])
def test_a_view_that_crashes(how: str, written: list[io.StringIO], arabic: Phone, inbox: Inbox) -> None:
    asked = ask(arabic).json()["otp_request_id"]
    client = bearer(verify(arabic, asked, inbox.code()).json()["access_token"])
    client.raise_request_exception = False
    with transaction.atomic():
        assert client.post("/api/v1/crash", {"how": how}, format="json").status_code == 500
        transaction.set_rollback(True)
    assert "Traceback" in written[0].getvalue()
    nobody_in(written)
