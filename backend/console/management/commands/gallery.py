"""`manage.py gallery`: writes docs/messages.html, every message in both languages on each channel."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backend.console.gallery import render


class Command(BaseCommand):
    help = "Write docs/messages.html: every message, language and channel; --check only says whether it is current."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the page is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "docs" / "messages.html"
        page = render()
        if not options["check"]:
            path.write_text(page, encoding="utf-8")
            self.stdout.write(str(path))
        elif not path.exists() or path.read_text(encoding="utf-8") != page:
            raise CommandError(
                "docs/messages.html is not current; `python manage.py gallery` writes it anew."
            )
