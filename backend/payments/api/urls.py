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
    path("bookings/<id:booking_id>/payments", views.BookingPayments.as_view(), name="booking-payments"),
    path("bookings/<id:booking_id>/invoices", invoices.BookingInvoices.as_view(), name="booking-invoices"),
    path(
        "bookings/<id:booking_id>/invoices/<id:document_id>.pdf",
        invoices.BookingInvoicePdf.as_view(),
        name="booking-invoice-pdf",
    ),
    path("payments/<id:payment_id>", views.PaymentItem.as_view(), name="payment"),
    path("payments/<id:payment_id>/otp", views.PaymentOtp.as_view(), name="payment-otp"),
    path("me/cards", cards.MyCards.as_view(), name="my-cards"),
    path("me/cards/<id:card_id>", cards.MyCard.as_view(), name="my-card"),
    path("manage/bookings/<id:booking_id>/money", desk.BookingMoney.as_view(), name="desk-booking-money"),
    path(
        "manage/bookings/<id:booking_id>/receipts",
        desk.BookingReceipts.as_view(),
        name="desk-booking-receipts",
    ),
    path(
        "manage/bookings/<id:booking_id>/receipts/<id:receipt_id>/void",
        desk.ReceiptVoid.as_view(),
        name="desk-receipt-void",
    ),
    path("manage/salons/<str:salon>/dashboard", dashboard.SalonDashboard.as_view(), name="manage-dashboard"),
    path(
        "manage/bookings/<id:booking_id>/invoices",
        invoices.SalonBookingInvoices.as_view(),
        name="desk-booking-invoices",
    ),
    path(
        "manage/bookings/<id:booking_id>/invoices/<id:document_id>.pdf",
        invoices.SalonBookingInvoicePdf.as_view(),
        name="desk-booking-invoice-pdf",
    ),
    path("webhooks/moyasar", views.MoyasarWebhook.as_view(), name="webhook-moyasar"),
    path("finance/payments", finance_payments.FinancePayments.as_view(), name="finance-payments"),
    path(
        "finance/payments/<id:payment_id>",
        finance_payments.FinancePayment.as_view(),
        name="finance-payment",
    ),
    path(
        "finance/payments/<id:payment_id>/refunds",
        finance_payments.FinanceRefunds.as_view(),
        name="finance-refunds",
    ),
    path("finance/refund-requests", refund_requests.RefundRequests.as_view(), name="finance-refund-requests"),
    path(
        "finance/refund-requests/<id:request_id>/approve",
        refund_requests.RefundRequestApproval.as_view(),
        name="finance-refund-approve",
    ),
    path(
        "finance/refund-requests/<id:request_id>/decline",
        refund_requests.RefundRequestRefusal.as_view(),
        name="finance-refund-decline",
    ),
    path(
        "finance/refund-requests/<id:request_id>/withdraw",
        refund_requests.RefundRequestWithdrawal.as_view(),
        name="finance-refund-withdraw",
    ),
    path("finance/payouts", payouts.Payouts.as_view(), name="finance-payouts"),
    path("finance/payouts/<id:payout_id>/void", payouts.PayoutVoid.as_view(), name="finance-payout-void"),
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
        "finance/tasks/<id:task_id>/resolve",
        tasks.FinanceTaskResolution.as_view(),
        name="finance-task-resolve",
    ),
    path("finance/message-costs", message_costs.MessageCosts.as_view(), name="finance-message-costs"),
    path("finance/reconciliations", reconciling.Reconciliations.as_view(), name="finance-reconciliations"),
    path(
        "finance/reconciliations/<id:reconciliation_id>",
        reconciling.ReconciliationItem.as_view(),
        name="finance-reconciliation",
    ),
    path(
        "finance/reconciliations/<id:reconciliation_id>/differences",
        reconciling.ReconciliationDifferences.as_view(),
        name="finance-reconciliation-differences",
    ),
    path("finance/differences", reconciling.Differences.as_view(), name="finance-differences"),
    path(
        "finance/differences/<id:difference_id>",
        reconciling.DifferenceItem.as_view(),
        name="finance-difference",
    ),
    path(
        "finance/differences/<id:difference_id>/take",
        reconciling.DifferenceTake.as_view(),
        name="finance-difference-take",
    ),
    path(
        "finance/differences/<id:difference_id>/notes",
        reconciling.DifferenceNotes.as_view(),
        name="finance-difference-notes",
    ),
    path(
        "finance/differences/<id:difference_id>/resolve",
        reconciling.DifferenceResolve.as_view(),
        name="finance-difference-resolve",
    ),
    path("finance/settlements", settlements.Settlements.as_view(), name="finance-settlements"),
    path(
        "finance/settlements/<id:settlement_id>",
        settlements.SettlementItem.as_view(),
        name="finance-settlement",
    ),
    path(
        "finance/settlements/<id:settlement_id>/lines",
        settlements.SettlementLines.as_view(),
        name="finance-settlement-lines",
    ),
]
