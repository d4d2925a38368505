"""TLS: certificates are verified, and refused at once in one sentence."""

from __future__ import annotations

import re
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hostmap_sql import DatabaseError, connect
from hostmap_sql.nova import CellAccess, discover
from tests.support.pace import PATIENT, SLOWNESS, SOON
from tests.support.servers.certificates import Authority, Certificate
from tests.support.servers.containers import PASSWORD
from tests.support.servers.tls import SERVERS, running, without_tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.tls import TlsServer


class Shown(NamedTuple):
    """The certificates that the server can present, and the authority that the URLs name."""

    authority: Authority
    right: Certificate
    of_another_authority: Certificate
    with_another_name: Certificate

    @property
    def root(self) -> str:
        return f"sslrootcert={self.authority.file}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[TlsServer]:
    with running(request.param, authority) as one:
        yield one


@pytest.fixture(scope="module")
def shown(server: TlsServer, authority: Authority, folder: Path) -> Shown:
    host = server.server.host
    return Shown(
        authority,
        authority.certificate(host),
        Authority(folder, "another").certificate(host),
        authority.certificate("db.example.org"),
    )


def accepted(url: str) -> bool:
    """Return whether a lookup succeeds."""
    with connect(url, timeout=PATIENT) as hostmap:
        return hostmap.cells.list() == []


def refusal(url: str) -> DatabaseError:
    """Return the error of a refused server: raised at once, one sentence, no secret."""
    with connect(url, timeout=PATIENT) as hostmap:
        started = monotonic()
        with pytest.raises(DatabaseError) as caught:
            hostmap.cells.list()
    assert monotonic() - started < SOON
    error = caught.value
    assert re.fullmatch(r"database '\w+'( on [\d.]+:\d+)?: [^.\n]+( \[\d+\])?", str(error))
    assert "in the URL" in str(error)
    for part in (PASSWORD, *PASSWORD.split("/"), "s3cret"):
        assert part not in f"{error} {error!r}"
    return error


def test_a_verified_server_is_used(server: TlsServer, shown: Shown) -> None:
    server.show(shown.right)
    for mode in ("", "&sslmode=verify-full", "&sslmode=verify-ca", "&sslmode=require"):
        assert accepted(server.url(shown.root + mode))


def test_an_authority_that_the_system_trusts_is_enough(
    server: TlsServer, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.show(shown.right)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown.authority.file))
    for options in ("", "sslrootcert=system", "sslmode=verify-ca"):
        assert accepted(server.url(options))


def test_an_unknown_authority_is_refused(server: TlsServer, shown: Shown) -> None:
    server.show(shown.right)
    error = refusal(server.url(""))
    assert "not from a trusted authority: name the file of its authority with sslrootcert=" in str(
        error
    )
    assert isinstance(error.__cause__, server.backend.driver.error)


def test_a_certificate_of_another_authority_is_refused(server: TlsServer, shown: Shown) -> None:
    server.show(shown.of_another_authority)
    for mode in ("", "&sslmode=verify-ca", "&sslmode=require"):
        assert "not from a trusted authority" in str(refusal(server.url(shown.root + mode)))
    assert accepted(server.url("sslmode=require"))


def test_a_certificate_for_another_name_is_refused(server: TlsServer, shown: Shown) -> None:
    server.show(shown.with_another_name)
    assert "not for this host" in str(refusal(server.url(shown.root)))
    assert "sslmode=verify-ca" in str(refusal(server.url(shown.root)))
    assert accepted(server.url(f"{shown.root}&sslmode=verify-ca"))
    assert accepted(server.url("sslmode=require"))


def test_an_expired_certificate_is_refused(server: TlsServer, shown: Shown) -> None:
    # Some servers refuse to load an expired certificate.
    expiring = shown.authority.certificate(
        server.server.host, lasts=timedelta(seconds=3 * SLOWNESS)
    )
    server.show(expiring)
    expiring.await_end()
    for mode in ("", "&sslmode=verify-ca"):
        assert "has expired" in str(refusal(server.url(shown.root + mode)))
    assert accepted(server.url("sslmode=require"))


def test_a_stripped_offer_of_tls_is_noticed(server: TlsServer, shown: Shown) -> None:
    server.show(shown.right)
    with without_tls(server) as port:
        here = f"@127.0.0.1:{port}/"
        for options in (shown.root, "sslmode=verify-full", "sslmode=verify-ca", "sslmode=require"):
            error = refusal(re.sub("@[^/]+/", here, server.url(options)))
            assert "the server offers no TLS: turn it on there" in str(error)
            assert isinstance(error.__cause__, server.backend.driver.error)
        for weaker in ("", "sslmode=prefer", "sslmode=allow", "sslmode=disable"):
            assert accepted(re.sub("@[^/]+/", here, server.url(weaker)))


def test_the_tls_options_of_novas_urls_are_followed(
    server: TlsServer, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under each option, the required checks are made, and wrong certificates refused."""
    monkeypatch.setenv("SSL_CERT_FILE", str(shown.authority.file))
    for options in server.verifying_chain:
        named = options.format(root=shown.authority.file)
        server.show(shown.with_another_name)
        assert accepted(server.url(named)), options
        server.show(shown.of_another_authority)
        assert "not from a trusted authority" in str(refusal(server.url(named))), options
    for options in server.verifying_name:
        named = options.format(root=shown.authority.file)
        server.show(shown.right)
        assert accepted(server.url(named)), options
        server.show(shown.with_another_name)
        assert "not for this host" in str(refusal(server.url(named))), options
    server.show(shown.of_another_authority)
    for options in server.encrypting:
        assert accepted(server.url(options)), options
        with without_tls(server) as port:
            url = re.sub("@[^/]+/", f"@127.0.0.1:{port}/", server.url(options))
            assert "offers no TLS" in str(refusal(url)), options


def test_the_tls_options_of_a_file_are_followed(
    server: TlsServer, shown: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "options"))
    file = tmp_path / "options"
    for url in server.with_options_file(file, shown.authority.file):
        server.show(shown.right)
        assert accepted(url)
        server.show(shown.of_another_authority)
        assert "not from a trusted authority" in str(refusal(url))


def test_the_refusal_of_a_cell_of_nova_names_the_option_for_all_cells(
    server: TlsServer, shown: Shown
) -> None:
    server.show(shown.of_another_authority)
    hostmap = server.backend.connect()
    cell = hostmap.cells.create("cell1", database_connection=server.url(shown.root))

    access = CellAccess(trusted_files=(str(shown.authority.file),))
    [found] = discover(hostmap, access=access).cells

    assert found.error
    assert "not from a trusted authority" in found.error
    assert found.error.split(" [")[0].endswith("in the URL, or of all cells with --cell-options")
    hostmap.cells.delete(cell.uuid)
