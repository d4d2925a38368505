"""Certificates of servers, and the authorities that sign them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from time import sleep
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate, of its key and of its authority's certificate."""

    file: Path
    key: Path
    authority: Path
    ends: datetime

    def await_end(self) -> None:
        """Wait until it has expired."""
        sleep(max(0, (self.ends - datetime.now(UTC)).total_seconds()))


class Authority:
    """A certificate authority that writes its files into a folder."""

    def __init__(self, folder: Path, name: str = "ours") -> None:
        self._folder = folder
        self._count = 0
        self._key = generate_private_key(SECP256R1())
        self._name = _name(name)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._signed(self._name, self._key, datetime.now(UTC) + DAY, basic)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def certificate(self, host: str, *, lasts: timedelta = DAY) -> Certificate:
        """Make a server's certificate for one name or address, valid from now on."""
        ends = datetime.now(UTC) + lasts
        key = generate_private_key(SECP256R1())
        try:
            named: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            named = x509.DNSName(host)
        names = x509.SubjectAlternativeName([named])
        certificate = self._signed(_name("a server"), key, ends, names)
        self._count += 1
        stem = self._folder / f"{self.file.stem}-{self._count}"
        paths = stem.with_suffix(".pem"), stem.with_suffix(".key"), self.file
        made = Certificate(*paths, ends)
        made.file.write_bytes(certificate.public_bytes(Encoding.PEM))
        form = PrivateFormat.PKCS8
        made.key.write_bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))
        return made

    def _signed(
        self,
        subject: x509.Name,
        key: EllipticCurvePrivateKey,
        ends: datetime,
        extension: x509.ExtensionType,
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - DAY)
            .not_valid_after(ends)
            .add_extension(extension, critical=False)
            .sign(self._key, SHA256())
        )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
