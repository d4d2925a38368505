"""TLS in libpq's words, for both servers: what is asked of one, and why one was refused."""

from __future__ import annotations

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

    from hostmap_sql.database_url import DatabaseUrl

# From the weakest to the strictest.
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FALL_BACK = MODES[:3]

SYSTEM = "system"
"""What `sslrootcert` says for the authorities that the system trusts."""


def is_remote(host: str) -> bool:
    """Whether what is sent to a host leaves this machine: it is neither a socket nor a loopback."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return False
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return not (getattr(address, "ipv4_mapped", None) or address).is_loopback


@dataclass(frozen=True)
class Terms:
    """What is asked of a server: how strictly it is looked at, and which authorities it may name.

    `root` is the file of the authorities, None for those that the system trusts.
    """

    mode: str
    root: str | None

    @classmethod
    def of(cls, mode: str | None, root: str | None, hosts: Iterable[str]) -> Terms:
        """What a URL asks for. Of a server elsewhere it is everything, unless it says otherwise.

        :raises InvalidValue: these words are not libpq's, or do not go together.
        """
        mode = mode or ("verify-full" if any(map(is_remote, hosts)) else "prefer")
        if mode not in MODES:
            problem = f"has an sslmode that is not one of {', '.join(MODES)}"
            raise InvalidValue("database URL", problem)
        if root == SYSTEM:
            if mode != "verify-full":
                problem = "has sslrootcert=system, which goes with no sslmode but verify-full"
                raise InvalidValue("database URL", problem)
            root = None
        # As libpq does, where there is something to verify with.
        return cls("verify-ca" if mode == "require" and root else mode, root or None)

    @property
    def is_required(self) -> bool:
        """Whether a server without TLS is refused."""
        return self.mode not in _FALL_BACK

    @property
    def verifies(self) -> bool:
        """Whether a server has to show a certificate that is trusted."""
        return self.mode in ("verify-ca", "verify-full")

    def context(self) -> ssl.SSLContext:
        """The same, for Python's own TLS.

        :raises InvalidValue: the file of the authorities cannot be read.
        """
        try:
            # To read all authorities of the system takes 30 ms.
            is_folder = self.root is not None and Path(self.root).is_dir()
            context = (
                ssl.create_default_context(
                    cafile=None if is_folder else self.root, capath=self.root if is_folder else None
                )
                if self.verifies
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        except OSError as error:
            problem = f"has an sslrootcert that cannot be read: {error.strerror}"
            raise InvalidValue("database URL", problem) from error
        # Python 3.13 asks for more than libpq: the authorities that MySQL makes for itself lack it.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname = self.mode == "verify-full"
        context.verify_mode = ssl.CERT_REQUIRED if self.verifies else ssl.CERT_NONE
        return context


def system_roots() -> str | None:
    """The file of the authorities that the system trusts, if they are in one."""
    paths = ssl.get_default_verify_paths()
    # Debian's OpenSSL knows the folder alone, which has the file in it.
    in_folder = Path(paths.capath or paths.openssl_capath, "ca-certificates.crt")
    return paths.cafile or (str(in_folder) if in_folder.is_file() else None)


# --- refusals -------------------------------------------------------------------------------------

# By OpenSSL's numbers of what is wrong with a certificate: X509_V_ERR_...
_WRONG_DATE = (9, 10)
_WRONG_NAME = (62, 63, 64)


class Refusal(Enum):
    """Why a server was refused, and what can be done about it."""

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
        """What was found to be wrong with a certificate."""
        if error.verify_code in _WRONG_NAME:
            return cls.WRONG_NAME
        return cls.WRONG_DATE if error.verify_code in _WRONG_DATE else cls.UNTRUSTED


class TlsRefused(DatabaseError):
    """A server was refused for its TLS. It is of no use to try again."""

    def __init__(self, problem: str, code: str | None = None, statement: str | None = None) -> None:
        super().__init__(problem, code, statement)


@contextmanager
def refusals(
    url: DatabaseUrl,
    refusal_of: Callable[[Exception], Refusal | None],
    code_of: Callable[[Exception], str | None],
) -> Iterator[None]:
    """Around an attempt to connect: says so if the server was refused for its TLS."""
    try:
        yield
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise TlsRefused(f"{url}: {refusal.value}", code_of(error)) from error
