from django.urls import path

from backend.payments.api import (
    cards,
    dashboard,
    desk,
    exports,
    finance_payments,
    invoices,
    ledger,
    message_costs,
    payouts,
    reconciling,
    refund_requests,
    settlements,
    tasks,
    views,
)

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
    path("finance/payments", finance_payments.FinancePayments.as_view(), name="finance-payments"),
    path(
        "finance/payments/<uuid:payment_id>",
        finance_payments.FinancePayment.as_view(),
        name="finance-payment",
    ),
    path(
        "finance/payments/<uuid:payment_id>/refunds",
        finance_payments.FinanceRefunds.as_view(),
        name="finance-refunds",
    ),
    path("finance/refund-requests", refund_requests.RefundRequests.as_view(), name="finance-refund-requests"),
    path(
        "finance/refund-requests/<uuid:request_id>/approve",
        refund_requests.RefundRequestApproval.as_view(),
        name="finance-refund-approve",
    ),
    path(
        "finance/refund-requests/<uuid:request_id>/decline",
        refund_requests.RefundRequestRefusal.as_view(),
        name="finance-refund-decline",
    ),
    path(
        "finance/refund-requests/<uuid:request_id>/withdraw",
        refund_requests.RefundRequestWithdrawal.as_view(),
        name="finance-refund-withdraw",
    ),
    path("finance/payouts", payouts.Payouts.as_view(), name="finance-payouts"),
    path("finance/payouts/<uuid:payout_id>/void", payouts.PayoutVoid.as_view(), name="finance-payout-void"),
    path(
        "finance/exports/<str:sheet>.<str:file_type>",
        exports.FinanceExport.as_view(),
        name="finance-export",
    ),
    path("finance/balances", ledger.Balances.as_view(), name="finance-balances"),
    path("finance/ledger", ledger.Ledger.as_view(), name="finance-ledger"),
    path(
        "finance/statements/<str:salon>", ledger.FinanceStatements.as_view(), name="finance-statement-months"
    ),
    path(
        "finance/statements/<str:salon>/<str:month>",
        ledger.FinanceStatement.as_view(),
        name="finance-statement",
    ),
    path(
        "manage/salons/<str:salon>/statements", ledger.MyStatements.as_view(), name="manage-statement-months"
    ),
    path(
        "manage/salons/<str:salon>/statements/<str:month>",
        ledger.MyStatement.as_view(),
        name="manage-statement",
    ),
    path("finance/tasks", tasks.FinanceTasks.as_view(), name="finance-tasks"),
    path(
        "finance/tasks/<uuid:task_id>/resolve",
        tasks.FinanceTaskResolution.as_view(),
        name="finance-task-resolve",
    ),
    path("finance/message-costs", message_costs.MessageCosts.as_view(), name="finance-message-costs"),
    path("finance/reconciliations", reconciling.Reconciliations.as_view(), name="finance-reconciliations"),
    path(
        "finance/reconciliations/<uuid:reconciliation_id>",
        reconciling.ReconciliationItem.as_view(),
        name="finance-reconciliation",
    ),
    path(
        "finance/reconciliations/<uuid:reconciliation_id>/differences",
        reconciling.ReconciliationDifferences.as_view(),
        name="finance-reconciliation-differences",
    ),
    path("finance/differences", reconciling.Differences.as_view(), name="finance-differences"),
    path(
        "finance/differences/<uuid:difference_id>",
        reconciling.DifferenceItem.as_view(),
        name="finance-difference",
    ),
    path(
        "finance/differences/<uuid:difference_id>/take",
        reconciling.DifferenceTake.as_view(),
        name="finance-difference-take",
    ),
    path(
        "finance/differences/<uuid:difference_id>/notes",
        reconciling.DifferenceNotes.as_view(),
        name="finance-difference-notes",
    ),
    path(
        "finance/differences/<uuid:difference_id>/resolve",
        reconciling.DifferenceResolve.as_view(),
        name="finance-difference-resolve",
    ),
    path("finance/settlements", settlements.Settlements.as_view(), name="finance-settlements"),
    path(
        "finance/settlements/<uuid:settlement_id>",
        settlements.SettlementItem.as_view(),
        name="finance-settlement",
    ),
    path(
        "finance/settlements/<uuid:settlement_id>/lines",
        settlements.SettlementLines.as_view(),
        name="finance-settlement-lines",
    ),
]
