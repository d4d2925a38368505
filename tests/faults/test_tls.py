"""TLS against servers of its own: what they show is verified, and refused in a sentence at once."""

from __future__ import annotations

import re
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hostmap_sql import DatabaseError, connect
from hostmap_sql.nova import CellAccess, discover
from tests.support.certificates import Authority, Certificate
from tests.support.servers import PASSWORD
from tests.support.stopwatch import SOON
from tests.support.tls import SERVERS, running, without_tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.tls import TlsServer


class Shown(NamedTuple):
    """What the server can show, and the authority that the URLs name."""

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
    """Whether the server is used: a lookup comes through."""
    with connect(url, timeout=20) as hostmap:
        return hostmap.cells.list() == []


def refusal(url: str) -> DatabaseError:
    """The error with which it is refused: at once, in one sentence without a secret."""
    with connect(url, timeout=20) as hostmap:
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


def test_a_server_that_shows_who_it_is_is_used(server: TlsServer, shown: Shown) -> None:
    server.show(shown.right)
    for mode in ("", "&sslmode=verify-full", "&sslmode=verify-ca", "&sslmode=require"):
        assert accepted(server.url(shown.root + mode))


def test_a_server_whose_authority_the_system_trusts_is_used(
    server: TlsServer, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.show(shown.right)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown.authority.file))
    for options in ("", "sslrootcert=system", "sslmode=verify-ca"):
        assert accepted(server.url(options))


def test_a_server_whose_authority_nobody_named_is_refused(server: TlsServer, shown: Shown) -> None:
    server.show(shown.right)
    error = refusal(server.url(""))
    assert "not from a trusted authority: name the file of its authority with sslrootcert=" in str(
        error
    )
    assert isinstance(error.__cause__, server.backend.driver_error)


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


def test_a_certificate_that_has_expired_is_refused(server: TlsServer, shown: Shown) -> None:
    # Some servers do not take one that has expired already.
    expiring = shown.authority.certificate(server.server.host, lasts=timedelta(seconds=3))
    server.show(expiring)
    expiring.await_end()
    for mode in ("", "&sslmode=verify-ca"):
        assert "has expired" in str(refusal(server.url(shown.root + mode)))
    assert accepted(server.url("sslmode=require"))


def test_an_offer_of_tls_that_is_taken_out_is_noticed(server: TlsServer, shown: Shown) -> None:
    server.show(shown.right)
    with without_tls(server) as port:
        here = f"@127.0.0.1:{port}/"
        for options in (shown.root, "sslmode=verify-full", "sslmode=verify-ca", "sslmode=require"):
            error = refusal(re.sub("@[^/]+/", here, server.url(options)))
            assert "the server offers no TLS: turn it on there" in str(error)
            assert isinstance(error.__cause__, server.backend.driver_error)
        for weaker in ("", "sslmode=prefer", "sslmode=allow", "sslmode=disable"):
            assert accepted(re.sub("@[^/]+/", here, server.url(weaker)))


def test_what_novas_urls_say_of_tls_is_done(
    server: TlsServer, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them by its own word: what has to be verified is, and what is wrong is refused."""
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


def test_what_a_file_of_options_says_of_tls_is_done(
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
