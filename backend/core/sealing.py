"""Secrets that must be read again, such as the password of somebody's calendar: encrypted before they are stored.

The key comes from SECRET_KEY (HKDF, RFC 5869), so a copy of the database alone opens nothing, and another SECRET_KEY
makes what was sealed unreadable.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBroken(Exception):
    """It was sealed with another key, or altered."""


def seal(text: str) -> bytes:
    return _box(settings.SECRET_KEY).encrypt(text.encode())


def unseal(sealed: bytes | memoryview) -> str:
    """Raises SealBroken."""
    try:
        return _box(settings.SECRET_KEY).decrypt(bytes(sealed)).decode()
    except InvalidToken as error:
        raise SealBroken from error


@lru_cache(maxsize=4)
def _box(secret: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"mawid sealed values").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
