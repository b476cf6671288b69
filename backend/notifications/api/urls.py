"""Mounted under /api/v1/."""

from django.urls import path

from backend.notifications.api import people, webhooks

urlpatterns = [
    path("me/notifications", people.Inbox.as_view(), name="my-notifications"),
    path("me/notifications/read-all", people.InboxReadAll.as_view(), name="my-notifications-read-all"),
    path(
        "me/notifications/<id:message_id>/read",
        people.InboxMessage.as_view(),
        name="my-notification-read",
    ),
    path(
        "me/notification-preferences",
        people.NotificationPreferences.as_view(),
        name="my-notification-preferences",
    ),
    path("webhooks/twilio/messages", webhooks.TwilioReports.as_view(), name="webhook-twilio-messages"),
    path("webhooks/twilio/inbound", webhooks.TwilioInbound.as_view(), name="webhook-twilio-inbound"),
    path("webhooks/unifonic/<str:secret>", webhooks.UnifonicReports.as_view(), name="webhook-unifonic"),
]
