"""A libpq before 16 has no `require_auth`: it cannot keep passwords from servers that ask."""

from __future__ import annotations

import os

import pytest

from hostmap_sql import InvalidValue, connect
from hostmap_sql.dialects.postgresql import conninfo
from tests.unit.test_isolated_urls import isolated

SAFE = (
    "postgresql://u:s3cret@db.example.org/d",
    "postgresql://u:s3cret@127.0.0.1/d?sslmode=verify-ca",
    "postgresql://u:s3cret@%2Frun%2Fpostgresql/d",
)
UNSAFE = (
    "postgresql://u:s3cret@127.0.0.1/d",
    "postgresql://u:s3cret@db.example.org/d?sslmode=require",
    "postgresql://u:s3cret@db.example.org/d?sslmode=disable",
)
REMEDY = r"install psycopg\[binary\], or libpq 16 or newer"


@pytest.fixture(autouse=True)
def _is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(conninfo, "OPTIONS", conninfo.OPTIONS - {"require_auth"})
    monkeypatch.setattr(conninfo, "libpq_version", lambda: 150_017)


@pytest.mark.parametrize("url", [*SAFE[:2], *UNSAFE])
def test_it_connects_to_no_cell(url: str) -> None:
    with pytest.raises(InvalidValue, match=f"libpq 15, .*: {REMEDY}$") as caught:
        conninfo.conninfo_of(isolated(url), 30)
    assert "s3cret" not in str(caught.value)


def test_it_is_reported_for_a_directory_without_verified_tls(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for url in SAFE:
        connect(url).close()
    assert caplog.messages == []
    for url in UNSAFE:
        connect(url).close()
        [message] = caplog.messages
        assert message.startswith("database 'd' on ")
        assert "s3cret" not in message
        assert "libpq 15 sends a password in clear text" in message
        caplog.clear()


def test_it_has_no_option_that_allows_clear_text() -> None:
    with pytest.raises(InvalidValue, match="'require_auth', which libpq does not know"):
        connect(f"{UNSAFE[0]}?require_auth=password")
