"""AES-256-GCM, with the package cryptography, which only this module imports."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12

# An error about a surrogate would quote the text.
_ENCODING = ("utf-8", "surrogatepass")


class AesGcmKey:
    """A key of 32 bytes. Its repr does not show it."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, text: str, context: str) -> str:
        """Return the nonce, the ciphertext and its tag, in base64url without padding."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._aead.encrypt(nonce, text.encode(*_ENCODING), context.encode(*_ENCODING))
        return urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()

    def open(self, data: str, context: str) -> str:
        """Return the text.

        :raises ValueError: the data were altered, or sealed by another key or for another context.
        """
        try:
            sealed = urlsafe_b64decode(data + "=" * (-len(data) % 4))
            nonce, sealed = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            text = self._aead.decrypt(nonce, sealed, context.encode(*_ENCODING))
        except (InvalidTag, ValueError):  # ValueError: not base64, or too short
            raise ValueError("the text was altered, or sealed for another context") from None
        return text.decode(*_ENCODING)
