"""`manage.py calendars`: read the staff's calendars elsewhere now, all of them or one salon's, due or not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.bookings.models import OutsideCalendar
from backend.bookings.operations.outside import read_calendar
from backend.core.errors import NotFound
from backend.salons.models import Salon
from backend.salons.queries import salon_lookup


class Command(BaseCommand):
    help = "Read the staff's calendars elsewhere for the times at which they are busy."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--salon", metavar="SLUG", help="only this salon's, named by slug or id")

    def handle(self, *args: Any, **options: Any) -> None:
        calendars = OutsideCalendar.objects.filter(staff_member__is_active=True).order_by("pk")
        if options["salon"]:
            try:
                salon = Salon.objects.get(**salon_lookup(options["salon"]))
            except (Salon.DoesNotExist, NotFound) as error:
                raise CommandError("there is no such salon") from error
            calendars = calendars.filter(staff_member__salon=salon)
        failed = 0
        for calendar_id in list(calendars.values_list("pk", flat=True)):
            if not read_calendar(calendar_id, now=timezone.now()):
                continue
            row = calendars.select_related("staff_member__salon").filter(pk=calendar_id).first()
            if row is None:
                continue
            failed += bool(row.error)
            told = row.error or f"{row.times.count()} busy times, {row.conflicts} conflicts"
            self.stdout.write(f"{row.staff_member.salon.slug} {row.staff_member.name}: {told}")
        if failed:
            raise CommandError(f"{failed} could not be read")
