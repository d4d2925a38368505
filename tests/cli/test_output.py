"""Tables and progress bars on a terminal, and the start of the command."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.batching import BULK_SIZE
from hostmap_sql.cli import main
from hostmap_sql.cli.output import tables
from hostmap_sql.cli.output.progress import progress
from tests.cli.conftest import CELL1_UUID

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Redirect standard output and standard error to a terminal of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        yield terminal


def test_a_table_is_folded_but_not_its_uuids(monkeypatch: pytest.MonkeyPatch) -> None:
    row = (CELL1_UUID, "rabbit://a-very-long-name.example.org/")
    with on_terminal(monkeypatch) as terminal:
        tables.print_table(("cell_uuid", "url"), [row])
    lines = terminal.getvalue().splitlines()
    assert {len(line) for line in lines if line.startswith("+")} == {60}
    assert CELL1_UUID in lines[3]
    assert len(lines) > 5


def test_a_long_table_fits_the_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_terminal(monkeypatch) as terminal:
        tables.print_table(("n", "url"), [(str(n), "x" * 100) for n in range(1_001)])
    lines = terminal.getvalue().splitlines()
    assert {len(line) for line in lines} == {60}
    assert terminal.getvalue().count("x") == 100 * 1_001


def test_a_table_grows_wider_with_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("a", "b")] * 1_000 + [("日本", "b"), ("a", "b")]
    tables.print_table(("x", "y"), rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["+---+---+", "| x | y |", "+---+---+", "| a | b |"]
    assert lines[-4:] == ["| a | b |", "| 日本 | b |", "| a    | b |", "+------+---+"]


def test_a_wide_character_is_folded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_terminal(monkeypatch) as terminal:
        tables.print_table(("x",), [("日" * 40 + "e\u0301",)])
    # 56 columns hold 28 wide characters; the accent stays with its letter.
    assert [line.count("日") for line in terminal.getvalue().splitlines()[3:-1]] == [28, 12]
    assert "e\u0301" in terminal.getvalue()


def test_a_table_without_rows_has_its_header_once(capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.Table(("x",))
    table.write([])
    table.write([])
    table.end()
    assert capsys.readouterr().out == "+---+\n| x |\n+---+\n"


@pytest.mark.parametrize(("total", "drawn"), [(BULK_SIZE, False), (BULK_SIZE + 1, True)])
def test_only_long_work_has_a_progress_bar(
    monkeypatch: pytest.MonkeyPatch, total: int, *, drawn: bool
) -> None:
    with on_terminal(monkeypatch) as terminal, progress("importing", total) as advance:
        advance(total)
    assert ("100%" in terminal.getvalue()) is drawn


def test_main_reads_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hostmap", "--nope"])
    with pytest.raises(SystemExit, match=r"^2$"):
        main()
    assert capsys.readouterr().err == "hostmap: no such option '--nope' (see `hostmap --help`)\n"


def test_main_without_click_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("hostmap_sql.cli.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit, match="pip install 'hostmap-sql\\[cli\\]'"):
        main()


def test_main_interrupted_while_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __getattr__(self, _name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "hostmap_sql.cli.app", Interrupted())
    with pytest.raises(SystemExit, match=r"^130$"):
        main()
