from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "backend.payments"
    label = "payments"

    def ready(self) -> None:
        from backend.core import jobs, privacy
        from backend.payments import receivers  # noqa: F401  (connects itself)
        from backend.payments.operations import finish_events, send_due_refunds, settle_unfinished
        from backend.payments.privacy import KEEPER

        privacy.register(KEEPER)
        jobs.register("webhooks", finish_events)
        jobs.register("payments", settle_unfinished)
        jobs.register("refunds", send_due_refunds)
