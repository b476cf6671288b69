"""Mounted under /api/v1/."""

from django.urls import path

from backend.accounts.api import emails, identity, phone_changes, privacy, views

urlpatterns = [
    path("auth/otp-requests", views.OtpRequests.as_view(), name="otp-requests"),
    path("auth/otp-verifications", views.OtpVerifications.as_view(), name="otp-verifications"),
    path("auth/token-refreshes", views.TokenRefreshes.as_view(), name="token-refreshes"),
    path("auth/logout", views.Logout.as_view(), name="logout"),
    path(
        "auth/phone-changes/<id:change_id>/confirm",
        phone_changes.AssistedPhoneChangeConfirm.as_view(),
        name="assisted-phone-change-confirm",
    ),
    path("me", views.MeView.as_view(), name="me"),
    path("me/email", emails.MyEmail.as_view(), name="my-email"),
    path("me/email/confirm", emails.MyEmailConfirm.as_view(), name="my-email-confirm"),
    path("me/consents", privacy.Consents.as_view(), name="consents"),
    path("me/consents/<str:purpose>", privacy.ConsentView.as_view(), name="consent"),
    path("me/export", privacy.Export.as_view(), name="export"),
    path("privacy-notice", privacy.PrivacyNotices.as_view(), name="privacy-notice"),
    path("me/identity-confirmation", identity.IdentityConfirmation.as_view(), name="identity-confirmation"),
    path("me/phone-changes", phone_changes.PhoneChanges.as_view(), name="phone-changes"),
    path("me/phone-changes/<id:change_id>", phone_changes.PhoneChangeItem.as_view(), name="phone-change"),
    path(
        "me/phone-changes/<id:change_id>/confirm",
        phone_changes.PhoneChangeConfirm.as_view(),
        name="phone-change-confirm",
    ),
    path(
        "support/people/<id:person_id>/phone-changes",
        phone_changes.SupportPhoneChanges.as_view(),
        name="support-phone-changes",
    ),
    path("devices", views.Devices.as_view(), name="devices"),
    path("devices/current/push-token", views.CurrentPushToken.as_view(), name="push-token"),
    path("devices/<id:id>", views.DeviceView.as_view(), name="device"),
]
