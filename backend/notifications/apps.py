from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "backend.notifications"
    label = "notifications"

    def ready(self) -> None:
        from backend.core import jobs, privacy
        from backend.notifications import checks, operations, tallies  # noqa: F401
        from backend.notifications.operations import inbound  # noqa: F401
        from backend.notifications.privacy import KEEPER

        privacy.register(KEEPER)
        jobs.register("deliver", operations.deliver_job, prompt=True)
        jobs.register("delivery reports", operations.age_reports)
        tallies.register("messages", tallies.of_messages)
