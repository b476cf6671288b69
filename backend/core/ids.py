"""Identifiers (ADR 0005): one UUID per row, in the database and on the wire."""

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """A version 7 UUID (RFC 9562 section 5.7): sorted by birth, so B-trees stay compact, with 74 random bits.

    Python 3.11 has none and PostgreSQL only from 18 on; the oldest server we support is 15.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random >> 62) << 64
    value |= 0b10 << 62 | (random & ((1 << 62) - 1))
    return uuid.UUID(int=value)
