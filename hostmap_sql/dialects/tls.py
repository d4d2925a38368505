"""TLS policies in libpq's terms, for both servers, and the reasons why a server fails them."""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from hostmap_sql.errors import DatabaseError, InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hostmap_sql.dialects.database_url import DatabaseUrl

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""The values of `sslmode`, from the weakest to the strictest."""

OPTIONAL_MODES = MODES[:3]
"""The modes that accept a server without TLS."""

SYSTEM = "system"
"""The value of `sslrootcert` for the authorities that the system trusts."""


def is_file(name: str) -> bool:
    """Whether this is the name of a file."""
    return os.path.isfile(name)  # noqa: PTH113 - Path raises where a name is too long


def is_folder(name: str) -> bool:
    """Whether this is the name of a folder."""
    return os.path.isdir(name)  # noqa: PTH112 - as above


def is_remote(host: str) -> bool:
    """Whether a host is on another machine: neither a Unix socket nor a loopback address."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return False
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return not (getattr(address, "ipv4_mapped", None) or address).is_loopback


@dataclass(frozen=True)
class TlsPolicy:
    """The requirements on a server's TLS.

    :param mode: one of `MODES`.
    :param root: the file of the trusted authorities, None for those that the system trusts.
    """

    mode: str
    root: str | None

    @classmethod
    def of(cls, mode: str | None, root: str | None, hosts: Iterable[str]) -> TlsPolicy:
        """Build the policy of a URL; the default for remote hosts is verify-full.

        :raises InvalidValue: the mode is unknown, or contradicts the root.
        """
        mode = mode or ("verify-full" if any(map(is_remote, hosts)) else "prefer")
        if mode not in MODES:
            problem = f"has an sslmode that is not one of {', '.join(MODES)}"
            raise InvalidValue("database URL", problem)
        if root == SYSTEM:
            if mode != "verify-full":
                problem = "has sslrootcert=system, which requires sslmode=verify-full"
                raise InvalidValue("database URL", problem)
            root = None
        # As in libpq: a root certificate turns require into verify-ca.
        return cls("verify-ca" if mode == "require" and root else mode, root or None)

    @property
    def is_required(self) -> bool:
        """Whether a server without TLS is refused."""
        return self.mode not in OPTIONAL_MODES

    @property
    def verifies(self) -> bool:
        """Whether the server needs a trusted certificate."""
        return self.mode in ("verify-ca", "verify-full")

    def context(self) -> ssl.SSLContext:
        """Build the context for Python's own TLS.

        :raises InvalidValue: the file of the authorities cannot be read.
        """
        try:
            # Without verification, skip the authorities: reading the system's takes 30 ms.
            in_folder = self.root is not None and is_folder(self.root)
            context = (
                ssl.create_default_context(
                    cafile=None if in_folder else self.root, capath=self.root if in_folder else None
                )
                if self.verifies
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        except OSError as error:
            problem = f"has an sslrootcert that cannot be read: {error.strerror}"
            raise InvalidValue("database URL", problem) from error
        # Python 3.13 is stricter than libpq, and rejects the authorities that MySQL generates.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = self.mode == "verify-full"
        context.verify_mode = ssl.CERT_REQUIRED if self.verifies else ssl.CERT_NONE
        return context


def system_roots() -> str | None:
    """Return the file of the authorities that the system trusts, None if there is no such file."""
    paths = ssl.get_default_verify_paths()
    # Debian's OpenSSL names only the folder that contains the file.
    in_folder = Path(paths.capath or paths.openssl_capath, "ca-certificates.crt")
    return paths.cafile or (str(in_folder) if in_folder.is_file() else None)


# --- refusals -------------------------------------------------------------------------------------

# OpenSSL's verification errors: X509_V_ERR_...
_WRONG_DATE = (9, 10)
_WRONG_NAME = (62, 63, 64)


class Refusal(Enum):
    """A reason why a server fails the policy, with its fix."""

    NOT_OFFERED = (
        "the server offers no TLS: turn it on there, or spell out sslmode=disable in the URL"
    )
    UNTRUSTED = (
        "the server's certificate is not from a trusted authority: name the file of its authority "
        "with sslrootcert=, or spell out sslmode=require without one, in the URL"
    )
    WRONG_NAME = (
        "the server's certificate is not for this host: "
        "connect by a name that is in it, or spell out sslmode=verify-ca in the URL"
    )
    WRONG_DATE = (
        "the server's certificate has expired or is not yet valid: "
        "renew it, or spell out sslmode=require, without sslrootcert=, in the URL"
    )

    @classmethod
    def of(cls, error: ssl.SSLCertVerificationError) -> Refusal:
        """Classify a failed verification."""
        if error.verify_code in _WRONG_NAME:
            return cls.WRONG_NAME
        return cls.WRONG_DATE if error.verify_code in _WRONG_DATE else cls.UNTRUSTED


class TlsRefused(DatabaseError):
    """The server fails the TLS policy; a retry would fail as well."""


@contextmanager
def translate_refusals(
    url: DatabaseUrl,
    refusal_of: Callable[[Exception], Refusal | None],
    code_of: Callable[[Exception], str | None],
) -> Iterator[None]:
    """Wrap an attempt to connect, and raise TlsRefused if it failed because of TLS."""
    try:
        yield
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise TlsRefused(f"{url}: {refusal.value}", code_of(error)) from error
