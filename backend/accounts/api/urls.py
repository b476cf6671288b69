"""Mounted under /api/v1/."""

from django.urls import path

from backend.accounts.api import views

urlpatterns = [
    path("auth/otp-requests", views.OtpRequests.as_view(), name="otp-requests"),
    path("auth/otp-verifications", views.OtpVerifications.as_view(), name="otp-verifications"),
    path("auth/token-refreshes", views.TokenRefreshes.as_view(), name="token-refreshes"),
    path("auth/logout", views.Logout.as_view(), name="logout"),
    path("me", views.MeView.as_view(), name="me"),
    path("devices", views.Devices.as_view(), name="devices"),
    path("devices/<uuid:id>", views.DeviceView.as_view(), name="device"),
]
