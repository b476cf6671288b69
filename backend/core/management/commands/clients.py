"""`manage.py clients`: which versions of the apps call, and which still call a given operation."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Sum
from django.utils import timezone

from backend.core.models import ClientCalls


class Command(BaseCommand):
    help = "Calls by client version in the last days, or by version of those operations whose route holds --operation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument(
            "--operation", default="", help="part of a method and route, as in 'POST api/v1/bookings'"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = timezone.now().date() - timedelta(days=options["days"])
        rows = ClientCalls.objects.filter(day__gte=since, operation__contains=options["operation"])
        counted = rows.values("client").annotate(total=Sum("calls")).order_by("-total", "client")
        everything = sum(row["total"] for row in counted)
        for row in counted:
            self.stdout.write(
                f"{row['client']:24} {row['total']:>10}  {100 * row['total'] / everything:5.1f} %"
            )
        self.stdout.write(f"{'all':24} {everything:>10}")
