"""The command prints no secret, even with `--verbose` and the logs of the drivers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.reports import CANARY, URL

if TYPE_CHECKING:
    from tests.support.backends import Backend

CREATE = ("cell", "create", "new", "--transport-url", URL)


def output_of(url: str, *arguments: str) -> str:
    """Run a command that fails, and return all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "hostmap_sql", "-v", "--timeout", "0.5", *arguments],
        env={**os.environ, "HOSTMAP_DATABASE": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode not in (0, 2), done.stderr.replace(CANARY, "***")
    return done.stdout + done.stderr


@pytest.mark.needs("networks")
def test_a_server_that_is_down(backend: Backend) -> None:
    url = backend.url_for(host="127.0.0.1", port=1, password=CANARY)
    for command in (CREATE, ["migrate"]):
        assert CANARY not in output_of(url, *command)


@pytest.mark.needs("users")
def test_a_wrong_password(backend: Backend) -> None:
    url = backend.url_for(password=CANARY)
    assert CANARY not in output_of(url, *CREATE)


def test_a_cell_that_the_database_refuses(backend: Backend) -> None:
    for statement in backend.sql.quoting_triggers["insert"]:
        backend.query(statement)
    assert CANARY not in output_of(backend.url, *CREATE)
