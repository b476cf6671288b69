from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "backend.bookings"
    label = "bookings"

    def ready(self) -> None:
        from backend.bookings.operations import expire_dead
        from backend.core import jobs

        jobs.register("expire", expire_dead)
