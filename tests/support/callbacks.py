"""Twilio calling us: signs what it posts over our public address, whatever the server thinks it is called."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.test import Client

PUBLIC = "https://api.example.sa"


def sign(token: str, url: str, fields: Mapping[str, str]) -> str:
    """As documented: HMAC-SHA1 over the address and each field's name and value, sorted by name."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def post_form(
    path: str,
    fields: Mapping[str, str],
    *,
    token: str,
    public: str = PUBLIC,
    signature: str | None = None,
    tampered: Mapping[str, str] | None = None,
) -> Any:
    """A form from Twilio. `tampered` fields replace signed ones; an empty `signature` leaves the header out."""
    given = sign(token, f"{public}{path}", fields) if signature is None else signature
    return Client().post(
        path,
        urlencode({**fields, **(tampered or {})}),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": given} if given else {},
    )


def post_json(path: str, body: Any, *, token: str, tampered: Any = None, with_hash: bool = True) -> Any:
    """JSON from Twilio: the address carries the body's hash, and the signature covers the address alone."""
    raw = json.dumps(body).encode()
    if with_hash:
        path += f"{'&' if '?' in path else '?'}bodySHA256={hashlib.sha256(raw).hexdigest()}"
    return Client().post(
        path,
        raw if tampered is None else json.dumps(tampered).encode(),
        content_type="application/json",
        headers={"X-Twilio-Signature": sign(token, f"{PUBLIC}{path}", {})},
    )
