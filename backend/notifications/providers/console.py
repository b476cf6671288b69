"""The carrier of a developer's machine, on every channel: prints the message and keeps it for people and tests."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from backend.core.time import rfc3339
from backend.notifications.providers import CHANNELS, Channel, ProviderError, Template


class ConsoleProvider:
    channels = CHANNELS
    longest_call = 0.1

    def needs(self, channel: Channel) -> Mapping[str, bool]:
        return {}

    def address(self, channel: Channel) -> None:
        return None

    def carries(self, channel: Channel, template: Template) -> bool:
        return True

    def send(
        self,
        *,
        channel: Channel,
        to: str,
        body: str,
        reference: str,
        template: Template | None = None,
        valid_for: timedelta | None = None,
        title: str = "",
        data: Mapping[str, str] | None = None,
        promotional: bool = False,
    ) -> str:
        record = {
            "at": rfc3339(timezone.now()),
            "channel": channel,
            "to": to,
            "reference": reference,
            "body": body,
        }
        if title:
            record["title"] = title
        path = Path(settings.CONSOLE_MESSAGES_FILE)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                # One write to a file opened for appending: lines of parallel processes do not mix.
                os.write(descriptor, (json.dumps(record, ensure_ascii=False) + "\n").encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ProviderError(
                f"{path.name}: {error.strerror}", outcome="refused", error_class="configuration"
            ) from error
        way = "message" if channel == "sms" else channel
        said = [part for part in (title if channel in ("push", "email") else "", *body.splitlines()) if part]
        sys.stdout.write(f"[{way}] to {to}: {' / '.join(said)}\n")
        sys.stdout.flush()
        return f"console-{reference}"

    def find(self, *, reference: str, to: str, body: str, since: datetime) -> str | None:
        try:
            lines = Path(settings.CONSOLE_MESSAGES_FILE).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ProviderError(
                f"messages file: {error.strerror}", outcome="unreachable", error_class="configuration"
            ) from error
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and record.get("reference") == reference:
                return f"console-{reference}"
        return None
