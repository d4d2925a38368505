"""`hostmap outcome`: the outcome of a change that ended with exit status 7."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

NEVER = "0d5e0d3c-9f3c-4d55-8a43-0c6e4d1d9a10"


def test_outcome_is_committed_or_aborted(cli: Cli) -> None:
    change_id = cli.json("log", "--since", "4")[0]["change_id"]

    assert cli("outcome", change_id, "--format", "value").stdout == f"{change_id} committed\n"
    assert cli.json("outcome", NEVER) == {"change_id": NEVER, "outcome": "aborted"}
    assert "committed" in cli("outcome", change_id, "--revision", "5").stdout


def test_an_undecided_outcome_is_an_error(cli: Cli) -> None:
    assert "must be a UUID" in cli.error("outcome", "x", status=2)
    with closing(sqlite3.connect(cli.url.removeprefix("sqlite:///"))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        said = cli.error("outcome", NEVER, "--revision", "6", "--timeout", "0.2", status=7)
    assert f"run `hostmap outcome {NEVER} --revision 6`" in said
