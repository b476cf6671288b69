from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "backend.payments"
    label = "payments"

    def ready(self) -> None:
        from backend.core import jobs, privacy
        from backend.core.purge import now_and_then
        from backend.payments import receivers  # noqa: F401  (connects itself)
        from backend.payments.gateway import purge_calls
        from backend.payments.operations import (
            catch_up,
            catch_up_documents,
            expire_requests,
            fetch_new_settlements,
            finish_cards,
            finish_events,
            send_due_refunds,
            settle_unfinished,
        )
        from backend.payments.privacy import KEEPER

        privacy.register(KEEPER)
        jobs.register("webhooks", finish_events)
        jobs.register("payments", settle_unfinished)
        jobs.register("catch-up", catch_up)
        jobs.register("refunds", send_due_refunds)
        jobs.register("refund-requests", expire_requests)
        jobs.register("settlements", fetch_new_settlements)
        jobs.register("cards", finish_cards)
        jobs.register("tax-documents", now_and_then("tax-documents", catch_up_documents))
        jobs.register("purge-gateway-calls", now_and_then("gateway-calls", purge_calls))
