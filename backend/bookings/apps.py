from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "backend.bookings"
    label = "bookings"

    def ready(self) -> None:
        from backend.bookings.operations import expire_dead
        from backend.bookings.privacy import KEEPER
        from backend.core import jobs, privacy

        privacy.register(KEEPER)
        jobs.register("expire", expire_dead)
