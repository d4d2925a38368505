"""`Cipher`: the protocol of the objects that `connect` accepts as its cipher."""

from __future__ import annotations

from typing import Protocol


class Cipher(Protocol):
    """Seals URLs for the table, and opens them: a `KeyRing`, or the client of a KMS or of Vault.

    Several threads use it at the same time. Errors name only the class of its exceptions, because
    their messages may hold a secret.

    >>> class VaultCipher:
    ...     def __init__(self, transit):
    ...         self.transit = transit
    ...     def seal(self, text, context):
    ...         return f"vault-hostmap/{self.transit.encrypt('hostmap', text, context)}"
    ...     def open(self, sealed, context):
    ...         return self.transit.decrypt("hostmap", sealed.partition("/")[2], context)
    """

    def seal(self, text: str, context: str) -> str:
        """Seal a text, and return ``KEY/DATA``: the id of the key, a slash and the ciphertext.

        The id has at most 64 letters, digits and ``. _ -``; the ciphertext is printable ASCII.

        :param text: the URL.
        :param context: the UUID of the cell and the column, as in ``UUID/transport_url``. It has to
            be authenticated, so that the text opens only there.
        """
        raise NotImplementedError

    def open(self, sealed: str, context: str) -> str:
        """Return the text that was sealed.

        :param sealed: the result of `seal`.
        :param context: the context that it was sealed for.
        :raises LookupError: the cipher does not have the key.
        :raises ValueError: the text was altered, or sealed for another context.
        """
        raise NotImplementedError
