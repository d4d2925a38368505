"""The permissions of SQLite files: who can read the passwords of cells."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap, connect

if TYPE_CHECKING:
    from tests.support.backends import Backend


def path_of(backend: Backend) -> Path:
    return Path(backend.url.removeprefix("sqlite:///"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def beside(path: Path) -> list[Path]:
    """Return the file and those that SQLite keeps beside it."""
    return sorted(path.parent.glob(f"{path.name}*"))


@pytest.mark.needs("files")
def test_only_its_owner_can_access_a_new_file_and_its_logs(bare_backend: Backend) -> None:
    before = os.umask(0)
    try:
        bare_backend.hostmap.migrate()
    finally:
        os.umask(before)
    files = beside(path_of(bare_backend))
    assert len(files) == 3
    assert {mode(file) for file in files} == {0o600}
    assert bare_backend.hostmap.check() == ()


@pytest.mark.needs("files")
@pytest.mark.parametrize(("given", "kept"), [(0o644, 0o640), (0o666, 0o660), (0o660, 0o660)])
def test_an_empty_file_is_closed_to_others(bare_backend: Backend, given: int, kept: int) -> None:
    """As `touch` or another program of SQLite makes it."""
    path = path_of(bare_backend)
    path.touch()
    path.chmod(given)
    bare_backend.hostmap.migrate()
    assert {mode(file) for file in beside(path)} == {kept}
    assert bare_backend.hostmap.check() == ()


@pytest.mark.needs("files")
@pytest.mark.parametrize("given", [0o604, 0o602, 0o644, 0o666, 0o777])
def test_a_file_that_others_can_access_is_found_and_fixed(backend: Backend, given: int) -> None:
    path = path_of(backend)
    path.chmod(given)
    with backend.connect() as hostmap:
        assert hostmap.migrate() == ()
        assert mode(path) == given, "a file with content is left to its owner"
        hostmap.cells.create("cell1")
        files = [str(path), f"{path}-wal", f"{path}-shm"]
        assert sorted(map(Path, files)) == beside(path)
        [finding] = hostmap.check()
        assert finding.kind == "file-mode"
        assert ", ".join(files) in finding.problem
        assert "hostmap check --fix-mode" in finding.problem

        assert sorted(hostmap.fix_file_mode()) == sorted(files)

        assert {mode(file) for file in beside(path)} == {given & ~0o007}
        assert hostmap.check() == ()
        assert hostmap.fix_file_mode() == ()
        assert hostmap.cells.create("cell2").revision == 2


@pytest.mark.needs("files")
@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_a_log_that_others_can_access_is_found_and_fixed(backend: Backend, suffix: str) -> None:
    """One that was made before the file itself was closed to others."""
    path = path_of(backend)
    hostmap = backend.hostmap
    hostmap.cells.create("cell1")  # makes the logs
    file = Path(f"{path}{suffix}")
    file.touch()
    file.chmod(0o644)
    [finding] = hostmap.check()
    assert f"to {file}, which" in finding.problem
    assert hostmap.fix_file_mode() == (str(file),)
    assert mode(file) == 0o640
    assert hostmap.check() == ()


@pytest.mark.needs("files")
def test_the_file_behind_a_link_is_found_and_fixed(backend: Backend, tmp_path: Path) -> None:
    path = path_of(backend)
    path.chmod(0o644)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with connect(f"sqlite:///{link}") as hostmap:
        [finding] = hostmap.check()
        assert str(path) in finding.problem
        assert str(path) in hostmap.fix_file_mode()
    assert mode(path) == 0o640


@pytest.mark.needs("files")
def test_fixing_keeps_the_locks_of_this_process(backend: Backend) -> None:
    """SQLite loses them if this process closes another descriptor of the file."""
    path = path_of(backend)
    path.chmod(0o644)
    backend.hostmap.cells.create("cell1")
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0)\n"
        "try: c.execute('BEGIN IMMEDIATE'); print('unlocked')\n"
        "except sqlite3.OperationalError as error: print(error.sqlite_errorname)"
    )
    with backend.hostmap.transaction() as tx:
        tx.cells.create("cell2")
        assert len(backend.connect().check()) == 1
        assert len(backend.connect().fix_file_mode()) == 3
        python = shutil.which("python3") or "python3"
        other = subprocess.check_output([python, "-c", program, str(path)], text=True)
    assert other == "SQLITE_BUSY\n"


@pytest.mark.needs("files")
def test_an_external_pool_has_files_too(backend: Backend) -> None:
    hostmap = HostMap(lambda: closing(backend.open_raw()), backend.dialect_name)
    assert hostmap.check() == ()
    path_of(backend).chmod(0o644)
    assert [finding.kind for finding in hostmap.check()] == ["file-mode"]
    assert str(path_of(backend)) in hostmap.fix_file_mode()
    assert hostmap.check() == ()


def test_correct_files_are_not_changed(backend: Backend) -> None:
    assert backend.hostmap.check() == ()
    assert backend.hostmap.fix_file_mode() == ()
