"""The wheel: its contents, and its use away from the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

import hostmap_sql

if TYPE_CHECKING:
    from email.message import Message

REPOSITORY = Path(__file__).parents[2]


class Installed:
    """A new virtual environment with the wheel, used from another folder."""

    def __init__(self, folder: Path, *requirements: str) -> None:
        self.folder = folder
        self._environment = folder / "venv"
        self._elsewhere = folder / "elsewhere"
        self._elsewhere.mkdir()
        venv.create(self._environment, symlinks=True)
        # A pip of its own would take longer to install than all else together.
        pip = [sys.executable, "-m", "pip", "--python", str(self._environment / "bin" / "python")]
        options = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        done = self._run(*pip, "install", *options, *requirements)
        assert done.returncode == 0, done.stderr

    def python(self, program: str, *arguments: str) -> str:
        """Run a program and return its output."""
        # -I: neither this process's PYTHONPATH nor the current folder can provide the library
        done = self.command("python", "-I", "-c", program, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(str(self._environment / "bin" / name), *arguments)

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "VIRTUAL_ENV") and not name.startswith("COV_CORE")
        }
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=self._elsewhere,
            env=inherited,
            timeout=300,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from this repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(REPOSITORY)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def files(wheel: Path) -> dict[str, bytes]:
    """Return the files in the wheel."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def metadata(files: dict[str, bytes]) -> Message:
    """Return its metadata."""
    [name] = [name for name in files if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(files[name])


@pytest.fixture(scope="session")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel without extras."""
    return Installed(tmp_path_factory.mktemp("plain"), str(wheel))


@pytest.fixture(scope="session")
def migrating(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel with the extra "migrate"."""
    return Installed(tmp_path_factory.mktemp("migrating"), f"{wheel}[migrate]")


# --- contents -------------------------------------------------------------------------------------


def test_all_of_the_package_is_in_the_wheel(files: dict[str, bytes]) -> None:
    package = REPOSITORY / "hostmap_sql"
    expected = {
        path.relative_to(REPOSITORY).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {
        f"hostmap_sql/_migrations/{path.relative_to(REPOSITORY / 'migrations').as_posix()}"
        for path in (REPOSITORY / "migrations").rglob("*")
        if path.is_file()
    }
    assert {name for name in files if ".dist-info/" not in name} == expected
    # By name, in case both sets above lack them.
    assert {
        "hostmap_sql/py.typed",
        "hostmap_sql/cli/data/demo-hosts.csv",
        "hostmap_sql/_migrations/CHECKSUMS",
        "hostmap_sql/_migrations/sqlite/0001-cell-mapping.sql",
        "hostmap_sql/_migrations/mysql/0001-cell-mapping.rollback.sql",
        "hostmap_sql/_migrations/postgresql/0007-cell-mapping-change.sql",
    } <= set(files)


def test_nothing_else_is_in_the_wheel(files: dict[str, bytes]) -> None:
    tops = {name.partition("/")[0] for name in files}
    assert tops == {"hostmap_sql", f"hostmap_sql-{hostmap_sql.__version__}.dist-info"}
    assert not [name for name in files if "test" in name or name.endswith((".pyc", ".db"))]


def test_the_metadata(files: dict[str, bytes], metadata: Message) -> None:
    assert metadata["Version"] == hostmap_sql.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in files)
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_only_the_extras_have_dependencies(metadata: Message) -> None:
    needed = metadata.get_all("Requires-Dist", [])
    assert needed
    assert all("; extra == " in requirement for requirement in needed)


# --- with the extra "migrate" ---------------------------------------------------------------------

USE = """
import sys, hostmap_sql
with hostmap_sql.connect(sys.argv[1]) as hostmap:
    print(len(hostmap.migrate()))
    cell = hostmap.cells.create("cell1", transport_url="rabbit://mq/")
    hostmap.hosts.create("compute-1", cell.uuid)
    print(hostmap.hosts.get("compute-1").cell.name)
    print(hostmap_sql.__file__)
"""


def test_it_works_away_from_the_repository(migrating: Installed) -> None:
    file = migrating.folder / "hostmap.db"
    applied, cell, where = migrating.python(USE, f"sqlite:///{file}").splitlines()

    assert int(applied) == len([*(REPOSITORY / "migrations" / "sqlite").glob("*.sql")]) / 2
    assert cell == "cell1"
    assert Path(where).is_relative_to(migrating.folder)
    assert file.is_file()


# --- without any extra ----------------------------------------------------------------------------

LOADED = """
import sys, hostmap_sql
print(*{"pymysql", "psycopg", "psycopg_pool", "sqlite3", "yoyo", "click"} & set(sys.modules))
"""
TRY = """
import sys, hostmap_sql
try:
    with hostmap_sql.connect(sys.argv[1]) as hostmap:
        hostmap.migrate()
except hostmap_sql.HostMapError as error:
    print(type(error).__name__, error, sep=": ")
"""


@pytest.mark.parametrize("which", ["plain", "migrating"])
def test_importing_it_imports_no_driver(which: str, request: pytest.FixtureRequest) -> None:
    installed: Installed = request.getfixturevalue(which)
    assert installed.python(LOADED).split() == []


def test_migrating_without_the_extra_says_what_to_install(plain: Installed) -> None:
    said = plain.python(TRY, f"sqlite:///{plain.folder / 'hostmap.db'}")
    kind, _, sentence = said.partition(": ")
    assert kind in ("DatabaseError", "InvalidValue")
    assert "`pip install 'hostmap-sql[migrate]'`" in sentence
    assert sentence.count("\n") == 1


@pytest.mark.parametrize("url", ["mysql://db/hostmap", "postgresql://db/hostmap"])
def test_a_driver_that_is_missing_is_named_with_its_extra(plain: Installed, url: str) -> None:
    said = plain.python(TRY, url)
    assert said.startswith("InvalidValue: ")
    assert f"`pip install 'hostmap-sql[{url.partition(':')[0]}]'`" in said
    assert said.count("\n") == 1


def test_the_command_without_click_says_what_to_install(plain: Installed) -> None:
    done = plain.command("hostmap", "cell", "list")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install 'hostmap-sql[cli]'" in done.stderr
