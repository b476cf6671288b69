from django.urls import path

from backend.payments.api import views

urlpatterns = [
    path("bookings/<uuid:booking_id>/payments", views.BookingPayments.as_view(), name="booking-payments"),
    path("payments/<uuid:payment_id>", views.PaymentItem.as_view(), name="payment"),
    path("webhooks/moyasar", views.MoyasarWebhook.as_view(), name="webhook-moyasar"),
    path("finance/payments", views.FinancePayments.as_view(), name="finance-payments"),
    path("finance/reconciliations", views.Reconciliations.as_view(), name="finance-reconciliations"),
    path(
        "finance/reconciliations/<uuid:reconciliation_id>/differences",
        views.ReconciliationDifferences.as_view(),
        name="finance-differences",
    ),
]
