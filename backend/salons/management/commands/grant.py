"""`manage.py grant PHONE ROLE [--salon SLUG]`: give somebody a role, on the platform or at one salon."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.accounts.models import PlatformRole, User
from backend.core.phone import PhoneInvalid, mobile_e164
from backend.salons.models import Membership, Salon, SalonRole


class Command(BaseCommand):
    help = (
        "Give a role: finance, support, platform_admin; or with --salon: staff, receptionist, manager, owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("phone")
        parser.add_argument("role", choices=[*PlatformRole.Role.values, *SalonRole.values])
        parser.add_argument("--salon", help="the salon's slug")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            phone = mobile_e164(options["phone"])
        except PhoneInvalid as error:
            raise CommandError("not a mobile number") from error
        role, slug = options["role"], options["salon"]
        if (role in SalonRole.values) != bool(slug):
            raise CommandError("a salon's role needs --salon, a platform role must not have it")
        salon = Salon.objects.filter(slug=slug).first() if slug else None
        if slug and salon is None:
            raise CommandError(f"no salon {slug!r}")
        now = timezone.now()
        user, _ = User.objects.get_or_create(phone=phone, defaults={"joined_at": now})
        if salon is not None:
            Membership.objects.update_or_create(
                user=user,
                salon=salon,
                defaults={"role": role},
                create_defaults={"role": role, "created_at": now},
            )
        else:
            PlatformRole.objects.get_or_create(user=user, role=role)
        self.stdout.write(f"{role} granted" + (f" at {slug}" if slug else ""))
