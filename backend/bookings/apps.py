from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "backend.bookings"
    label = "bookings"

    def ready(self) -> None:
        from backend.bookings import receivers, replies  # noqa: F401  (they connect themselves)
        from backend.bookings.operations import expire_dead
        from backend.bookings.operations.offering import finish_waitlist, purge_waitlist
        from backend.bookings.operations.outside import read_due
        from backend.bookings.operations.remembering import purge_refusals
        from backend.bookings.operations.reminding import remind
        from backend.bookings.operations.sessions import finish_sessions
        from backend.bookings.operations.summarising import summarise
        from backend.bookings.privacy import KEEPER
        from backend.core import jobs, privacy
        from backend.core.purge import now_and_then

        privacy.register(KEEPER)
        jobs.register("expire", expire_dead)
        jobs.register("sessions", finish_sessions)
        jobs.register("waitlist", finish_waitlist)
        jobs.register("remind", remind)
        jobs.register("day-summary", summarise)
        jobs.register("outside-calendars", read_due)
        jobs.register("purge-refusals", now_and_then("refusals", purge_refusals))
        jobs.register("purge-waitlist", now_and_then("waitlist", purge_waitlist))
