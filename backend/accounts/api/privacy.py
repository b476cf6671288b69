"""The privacy notice, one's consents, a copy of one's data, and leaving."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts import operations, queries
from backend.accounts.api import serializers
from backend.accounts.models import Consent, Device, PrivacyNotice, Purpose, User
from backend.core.api.access import SIGNED_IN
from backend.core.api.views import Endpoint, PublicEndpoint
from backend.core.errors import NotFound
from backend.core.money import money
from backend.core.privacy import Erasure
from backend.core.time import RIYADH, rfc3339

NO_STORE = {"Cache-Control": "no-store"}
PUBLIC_FOR_MINUTES = {"Cache-Control": "public, max-age=300, stale-while-revalidate=3600"}

PURPOSE_TITLES: dict[str, Any] = {
    Purpose.MARKETING: _("Offers and news from Mawid"),
    Purpose.PHOTOS: _("Photos of me and of my visits"),
    Purpose.HEALTH_NOTES: _("Notes about my health, such as allergies"),
}
PURPOSE = OpenApiParameter(
    "purpose", str, OpenApiParameter.PATH, enum=Purpose.values, description="What the consent is for"
)


class PrivacyNotices(PublicEndpoint):
    queries = {"GET": serializers.PrivacyNoticeQuery}

    @extend_schema(
        operation_id="getPrivacyNotice",
        summary="The privacy notice, in the caller's language",
        description="Show it before the phone number is asked for. `text` is Markdown with headings, paragraphs "
        "and lists only. A consent points to the version that was in force.",
        tags=["me"],
        parameters=[serializers.PrivacyNoticeQuery],
        responses={200: serializers.PrivacyNoticeShape},
        auth=[],
    )
    def get(self, request: Request) -> Response:
        now, version = timezone.now(), self.query.get("version")
        notice = (
            queries.published_notice(version, now=now)
            if version is not None
            else queries.notice_in_force(now)
        )
        return Response(_notice(notice), headers=PUBLIC_FOR_MINUTES)


class Consents(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="listConsents",
        summary="What I agreed to, purpose by purpose",
        tags=["me"],
        responses={200: serializers.ConsentList},
    )
    def get(self, request: Request) -> Response:
        latest = queries.latest_consents(_user(request))
        items = [_consent(purpose, latest.get(purpose)) for purpose in Purpose.values]
        return Response({"items": items}, headers=NO_STORE)


class ConsentView(Endpoint):
    access = {"PUT": SIGNED_IN}

    @extend_schema(
        operation_id="putConsent",
        summary="Give or withdraw one consent",
        description="Booking never depends on one. Withdrawing is the same single call as giving.",
        tags=["me"],
        parameters=[PURPOSE],
        request=serializers.ConsentBody,
        responses={200: serializers.ConsentShape},
    )
    def put(self, request: Request, purpose: str) -> Response:
        if purpose not in operations.PURPOSES:
            raise NotFound
        body = self.body(serializers.ConsentBody, request)
        device = cast(Device, request.auth)
        consent = operations.decide_consent(
            user=_user(request),
            purpose=purpose,
            granted=body["granted"],
            means=Consent.Means.WEB if device.platform == Device.Platform.WEB else Consent.Means.APP,
            client=request.headers.get("X-Client", ""),
            now=timezone.now(),
        )
        return Response(_consent(purpose, consent), headers=NO_STORE)


class Export(Endpoint):
    access = {"GET": SIGNED_IN}

    @extend_schema(
        operation_id="exportMyData",
        summary="A copy of everything kept about me",
        description="One JSON document, three times a day. Other people's data is masked. `complete` is false when a "
        "section holds only the newest 10,000 records.",
        tags=["me"],
        responses={200: serializers.ExportShape},
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        document = operations.export_person(person=_user(request), now=now)
        name = f"my-data-{now.astimezone(RIYADH):%Y-%m-%d}.json"
        return Response(
            document, headers=NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
        )


def deletion(erasure: Erasure, *, at: str) -> dict[str, Any]:
    """What leaving did, in the active language; what counts nothing is not mentioned."""
    return {
        "deleted_at": at,
        "ended": [
            {
                "kind": row.kind,
                "id": row.id,
                "reference": row.reference,
                "title": row.title,
                "fee": money(row.fee_minor, row.currency),
                "refund": money(row.refund_minor, row.currency),
            }
            for row in erasure.ended
        ],
        "erased": [
            {"what": row.what, "title": str(row.title), "count": row.count}
            for row in reversed(erasure.erased)
            if row.count
        ],
        "kept": [
            {
                "what": row.what,
                "title": str(row.title),
                "count": row.count,
                "why": str(row.why),
                "until": row.until.isoformat() if row.until else None,
            }
            for row in reversed(erasure.kept)
            if row.count
        ],
    }


def _notice(notice: PrivacyNotice) -> dict[str, Any]:
    arabic = (translation.get_language() or "ar").startswith("ar")
    contact = settings.CONTROLLER_CONTACT or str(_("the contact details shown in the app"))
    text = notice.text_ar if arabic else notice.text_en
    return {
        "version": notice.version,
        "published_at": rfc3339(notice.published_at) if notice.published_at else None,
        "controller": {
            "name": settings.CONTROLLER_NAME,
            "contact": contact,
            "data_protection_officer": settings.DATA_PROTECTION_OFFICER or None,
        },
        "text": text.replace("{controller}", settings.CONTROLLER_NAME).replace("{contact}", contact),
    }


def _consent(purpose: str, latest: Consent | None) -> dict[str, Any]:
    return {
        "purpose": purpose,
        "title": str(PURPOSE_TITLES[purpose]),
        "granted": latest is not None and latest.granted,
        "decided_at": rfc3339(latest.at) if latest else None,
        "notice_version": latest.notice_id if latest else None,
    }


def _user(request: Request) -> User:
    return cast(User, request.user)
