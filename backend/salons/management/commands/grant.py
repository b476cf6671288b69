"""`manage.py grant PHONE ROLE [--salon SLUG]`: give somebody a role, on the platform or at one salon."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backend.accounts.models import PlatformRole, User
from backend.core.errors import DomainError
from backend.core.phone import PhoneInvalid, mobile_e164
from backend.salons.models import Membership, Salon, SalonRole
from backend.salons.operations import members


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
        if salon is not None:
            self._grant_at(salon, phone, role, now)
        else:
            user, _ = User.objects.get_or_create(phone=phone, defaults={"joined_at": now})
            PlatformRole.objects.get_or_create(user=user, role=role)
        self.stdout.write(f"{role} granted" + (f" at {slug}" if slug else ""))

    def _grant_at(self, salon: Salon, phone: str, role: str, now: datetime) -> None:
        held = Membership.objects.filter(salon=salon, user__phone=phone).first()
        try:
            if held is None:
                members.add_member(salon=salon, phone=phone, role=role, now=now)
            else:
                members.change_role(salon=salon, member_id=held.pk, version=held.version, role=role)
        except DomainError as refused:
            raise CommandError(f"not granted: {refused.code}") from refused
