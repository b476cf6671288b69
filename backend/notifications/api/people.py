"""What people hear from us: their inbox, and by which channel they want what."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backend.core.api import fields
from backend.core.api.access import SIGNED_IN
from backend.core.api.bodies import Body
from backend.core.api.pagination import PageQuery, page
from backend.core.api.shapes import Shape
from backend.core.api.views import Endpoint, person
from backend.core.time import rfc3339
from backend.notifications.kinds import TOPICS, Topic
from backend.notifications.models import Message
from backend.notifications.operations import inbox, wishes

PRIVATE = {"Cache-Control": "no-store"}
AUDIENCES = Message.Audience.values
LABELS: Mapping[Topic, Any] = {
    "bookings": _("My bookings"),
    "reminders": _("Reminders of my visits"),
    "payments": _("My payments"),
    "reviews": _("Invitations to review a visit"),
    "offers": _("Offers of salons I visit"),
    "desk": _("News at the salon's desk"),
    "digest": _("The salon's day ahead"),
}


class InboxQuery(PageQuery):
    audience = fields.Choice(
        choices=AUDIENCES,
        required=False,
        help_text="What was written to the person as a customer, or as staff",
    )


class ReadAllBody(Body):
    audience = fields.Choice(
        choices=AUDIENCES, required=False, allow_null=True, default=None, help_text="Null: everything"
    )


class SubjectShape(Shape):
    type = serializers.CharField(help_text="`booking` or `salon`; an open list")
    id = serializers.UUIDField()


class NotificationShape(Shape):
    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="Such as `booking_confirmed`; an open list")
    audience = serializers.ChoiceField(choices=AUDIENCES)
    title = serializers.CharField(allow_null=True)
    body = serializers.CharField(help_text="In the language it was written in; may hold line breaks")
    at = fields.Moment()
    read_at = fields.Moment(allow_null=True)
    subject = SubjectShape(allow_null=True, help_text="What to open")


class NotificationPage(Shape):
    items = NotificationShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    unread_count = serializers.IntegerField(
        help_text=f"Of the asked audience, at most {inbox.MOST_COUNTED}; read ahead of the list, not page by page"
    )


class UnreadShape(Shape):
    unread_count = serializers.IntegerField()


class Inbox(Endpoint):
    access = {"GET": SIGNED_IN}
    queries = {"GET": InboxQuery}

    @extend_schema(
        operation_id="listMyNotifications",
        summary="My messages, newest first",
        description="Every message of the last 90 days to the person, also one that no channel could deliver or "
        "that was silenced.",
        tags=["messages"],
        parameters=[InboxQuery],
        responses={200: NotificationPage},
    )
    def get(self, request: Request) -> Response:
        mine = person(request)
        audience = self.query.get("audience")
        found = page(inbox.inbox_of(mine, audience=audience), order=("-id",), query=self.query)
        unread = inbox.unread_count(mine, audience=audience)
        return Response(found.body(_notification) | {"unread_count": unread}, headers=PRIVATE)


class InboxMessage(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="readMyNotification",
        summary="This message was opened",
        tags=["messages"],
        request=None,
        responses={200: NotificationShape},
    )
    def post(self, request: Request, message_id: uuid.UUID) -> Response:
        message = inbox.read_message(person=person(request), message_id=message_id, now=timezone.now())
        return Response(_notification(message), headers=PRIVATE)


class InboxReadAll(Endpoint):
    access = {"POST": SIGNED_IN}

    @extend_schema(
        operation_id="readAllMyNotifications",
        summary="All messages were seen",
        tags=["messages"],
        request=ReadAllBody,
        responses={200: UnreadShape},
    )
    def post(self, request: Request) -> Response:
        body = self.body(ReadAllBody, request)
        mine, audience = person(request), body["audience"]
        inbox.read_all(person=mine, audience=audience, now=timezone.now())
        return Response({"unread_count": inbox.unread_count(mine, audience=audience)}, headers=PRIVATE)


class TopicWish(Body):
    topic = fields.Choice(choices=list(TOPICS))
    channels = serializers.ListField(
        child=fields.Choice(choices=wishes.CHANNELS),
        max_length=len(wishes.CHANNELS),
        help_text="All that are wanted, the first one first; empty: the inbox alone",
    )


class WishesBody(Body):
    topics = serializers.ListField(child=TopicWish(), required=False, max_length=len(TOPICS))
    stopped_channels = serializers.ListField(
        child=fields.Choice(choices=wishes.STOPPABLE),
        required=False,
        max_length=len(wishes.STOPPABLE),
        help_text="The whole list from now on; leaving a channel out starts it again",
    )


class TopicShape(Shape):
    topic = serializers.CharField(help_text="Stable; an open list")
    label = serializers.CharField()  # type: ignore[assignment]
    audience = serializers.ChoiceField(choices=AUDIENCES)
    channels = serializers.ListField(
        child=serializers.ChoiceField(choices=wishes.CHANNELS),
        help_text="Wanted, the first one first. A message goes by the first of them that works",
    )
    available = serializers.ListField(
        child=serializers.ChoiceField(choices=wishes.CHANNELS), help_text="Those that reach this person now"
    )
    essential = serializers.BooleanField(
        help_text="True: what must be learnt still goes to the phone number when `channels` is empty"
    )


class WishesShape(Shape):
    topics = TopicShape(many=True)
    stopped_channels = serializers.ListField(
        child=serializers.ChoiceField(choices=wishes.STOPPABLE),
        help_text="Nothing but verification codes goes to the phone number there, whatever the topics say",
    )


class NotificationPreferences(Endpoint):
    access = {"GET": SIGNED_IN, "PATCH": SIGNED_IN}

    @extend_schema(
        operation_id="getMyNotificationPreferences",
        summary="What I am told, and by which channel",
        description="Topics for staff appear for people who work at a salon. Offers also need the consent "
        "`marketing`.",
        tags=["messages"],
        responses={200: WishesShape},
    )
    def get(self, request: Request) -> Response:
        return Response(_wishes(person(request)), headers=PRIVATE)

    @extend_schema(
        operation_id="updateMyNotificationPreferences",
        summary="Choose channels topic by topic, stop or start a channel",
        description="Topics that are not named stay as they are. A topic of somebody else's audience is refused as "
        "`invalid_choice`, a repeated value as `already_exists`.",
        tags=["messages"],
        request=WishesBody,
        responses={200: WishesShape},
    )
    def patch(self, request: Request) -> Response:
        body = self.body(WishesBody, request)
        wishes.wish(
            person=person(request),
            topics=body.get("topics", ()),
            stopped_channels=body.get("stopped_channels"),
            now=timezone.now(),
        )
        return Response(_wishes(person(request)), headers=PRIVATE)


def _notification(message: Message) -> dict[str, Any]:
    return {
        "id": str(message.pk),
        "kind": message.kind,
        "audience": message.audience,
        "title": message.title or None,
        "body": message.body,
        "at": rfc3339(message.created_at),
        "read_at": rfc3339(message.read_at) if message.read_at else None,
        "subject": {"type": message.subject_type, "id": str(message.subject_id)}
        if message.subject_id
        else None,
    }


def _wishes(mine: Any) -> dict[str, Any]:
    found = wishes.wishes_of(mine)
    return {
        "topics": [
            {
                "topic": choice.topic,
                "label": str(LABELS[choice.topic]),
                "audience": choice.audience,
                "channels": list(choice.channels),
                "available": list(found.available),
                "essential": choice.essential,
            }
            for choice in found.choices
        ],
        "stopped_channels": list(found.stopped_channels),
    }
