from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "backend.notifications"
    label = "notifications"

    def ready(self) -> None:
        from backend.core import jobs
        from backend.notifications import checks, operations  # noqa: F401

        jobs.register("deliver", operations.deliver_job)
