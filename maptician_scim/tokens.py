"""Bearer tokens as plain text: made, recognised, hashed. No table, no request.

A token is ``mapt_scim_``, 43 characters of base 62 (256 random bits) and 6 characters of checksum.
The fixed beginning lets secret scanners find a leaked one; the checksum lets a mistyped one be
refused without a query.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib

MARK = "mapt_scim_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_BITS = 256
RANDOM_LENGTH = 43
CHECKSUM_LENGTH = 6
PREFIX_LENGTH = len(MARK) + 8


class Secret(str):
    """A token in full, which a traceback or a log that shows its ``repr`` does not give away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Secret {prefix(self)}…>"


def generate() -> Secret:
    """A new secret."""
    body = _base62(secrets.randbits(RANDOM_BITS), RANDOM_LENGTH)
    return Secret(MARK + body + _checksum(body))


def is_well_formed(secret: str) -> bool:
    """Whether a string has the form of our tokens, checksum included."""
    if len(secret) != len(MARK) + RANDOM_LENGTH + CHECKSUM_LENGTH or not secret.startswith(MARK):
        return False
    body = Secret(secret[len(MARK) : -CHECKSUM_LENGTH])
    return body.isascii() and body.isalnum() and secret[-CHECKSUM_LENGTH:] == _checksum(body)


def digest(secret: str) -> str:
    """What is stored: SHA-256 in hexadecimal.

    A slow password hash protects guessable secrets; 256 random bits are not guessable, and every
    request would pay for it.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def prefix(secret: str) -> str:
    """The part that is stored and shown, by which people recognise a token.

    Empty for what is not one of ours: a password pasted by mistake is not shown in part either.
    """
    return secret[:PREFIX_LENGTH] if secret.startswith(MARK) else ""


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, remainder = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[remainder])
    return "".join(reversed(digits))
