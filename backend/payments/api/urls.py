from django.urls import path

from backend.payments.api import cards, dashboard, desk, invoices, message_costs, tasks, views

urlpatterns = [
    path("bookings/<uuid:booking_id>/payments", views.BookingPayments.as_view(), name="booking-payments"),
    path("bookings/<uuid:booking_id>/invoices", invoices.BookingInvoices.as_view(), name="booking-invoices"),
    path(
        "bookings/<uuid:booking_id>/invoices/<uuid:document_id>.pdf",
        invoices.BookingInvoicePdf.as_view(),
        name="booking-invoice-pdf",
    ),
    path("payments/<uuid:payment_id>", views.PaymentItem.as_view(), name="payment"),
    path("payments/<uuid:payment_id>/otp", views.PaymentOtp.as_view(), name="payment-otp"),
    path("me/cards", cards.MyCards.as_view(), name="my-cards"),
    path("me/cards/<uuid:card_id>", cards.MyCard.as_view(), name="my-card"),
    path("manage/bookings/<uuid:booking_id>/money", desk.BookingMoney.as_view(), name="desk-booking-money"),
    path(
        "manage/bookings/<uuid:booking_id>/receipts",
        desk.BookingReceipts.as_view(),
        name="desk-booking-receipts",
    ),
    path(
        "manage/bookings/<uuid:booking_id>/receipts/<uuid:receipt_id>/void",
        desk.ReceiptVoid.as_view(),
        name="desk-receipt-void",
    ),
    path("manage/salons/<str:salon>/dashboard", dashboard.SalonDashboard.as_view(), name="manage-dashboard"),
    path(
        "manage/bookings/<uuid:booking_id>/invoices",
        invoices.SalonBookingInvoices.as_view(),
        name="desk-booking-invoices",
    ),
    path(
        "manage/bookings/<uuid:booking_id>/invoices/<uuid:document_id>.pdf",
        invoices.SalonBookingInvoicePdf.as_view(),
        name="desk-booking-invoice-pdf",
    ),
    path("webhooks/moyasar", views.MoyasarWebhook.as_view(), name="webhook-moyasar"),
    path("finance/payments", views.FinancePayments.as_view(), name="finance-payments"),
    path("finance/tasks", tasks.FinanceTasks.as_view(), name="finance-tasks"),
    path(
        "finance/tasks/<uuid:task_id>/resolve",
        tasks.FinanceTaskResolution.as_view(),
        name="finance-task-resolve",
    ),
    path("finance/message-costs", message_costs.MessageCosts.as_view(), name="finance-message-costs"),
    path("finance/reconciliations", views.Reconciliations.as_view(), name="finance-reconciliations"),
    path(
        "finance/reconciliations/<uuid:reconciliation_id>/differences",
        views.ReconciliationDifferences.as_view(),
        name="finance-differences",
    ),
]
