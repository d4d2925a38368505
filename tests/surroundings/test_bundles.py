"""Bundled programs that use the library: by PyInstaller, by zipapp, and from a plain zip file."""

from __future__ import annotations

import os
import subprocess
import sys
import zipapp
from pathlib import Path
from shutil import copytree, ignore_patterns, make_archive, rmtree
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.backends import Backend

REPOSITORY = Path(__file__).parents[2]
MIGRATIONS = len([*(REPOSITORY / "migrations" / "sqlite").glob("*.sql")]) // 2

# With `--look-up URL` this acts as a user's program, otherwise as the command.
PROGRAM = """
import sys, warnings
import hostmap_sql
from hostmap_sql.cli import main

def look_up(url):
    with hostmap_sql.connect(url) as hostmap:
        print(len(hostmap.migrate()), len(hostmap.migrate()))
        cell = hostmap.cells.create("cell1", transport_url="rabbit://mq/")
        hostmap.hosts.create("compute-1", cell.uuid)
        print(hostmap.hosts.get("compute-1").cell.name, len(hostmap.check()))
        print(hostmap.rollback_migrations("0007-cell-mapping-change"))
    print(hostmap_sql.__file__)

if __name__ == "__main__":
    if sys.argv[1] == "--look-up":
        look_up(sys.argv[2])
    else:
        main()
"""


def run(
    command: Sequence[str | Path], folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command that can import the library only from the bundle."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HOSTMAP_DATABASE")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=inherited | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the library alone from its wheel; return the folder."""
    folder = tmp_path_factory.mktemp("bundles")
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--outdir",
        folder,
        REPOSITORY,
    ]
    done = run(build, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = folder.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    done = run([*pip, "--no-deps", "--no-compile", "--target", folder / "tree", wheel], folder)
    assert done.returncode == 0, done.stderr
    return folder / "tree"


@pytest.fixture(scope="module")
def zipped(tree: Path) -> Path:
    """Return a plain zip file of the library."""
    return Path(make_archive(str(tree.parent / "library"), "zip", tree))


@pytest.fixture(scope="module")
def application(tree: Path) -> Path:
    """Return the program and the library in one file, made by zipapp."""
    (tree / "program.py").write_text(PROGRAM)
    (tree / "__main__.py").write_text(
        "from program import *\nif sys.argv[1] == '--look-up': look_up(sys.argv[2])\nelse: main()"
    )
    target = tree.parent / "program.pyz"
    zipapp.create_archive(tree, target, sys.executable)
    for name in ("program.py", "__main__.py"):
        (tree / name).unlink()
    return target


@pytest.fixture(scope="module")
def frozen(tree: Path) -> Path:
    """Return the program and the library in one folder, made by PyInstaller."""
    folder = tree.parent / "frozen"
    folder.mkdir()
    (folder / "program.py").write_text(PROGRAM)
    # Only rich imports pygments, lazily, and bundling it takes half of the time.
    command = [sys.executable, "-m", "PyInstaller", "--log-level=WARN", "--exclude-module=pygments"]
    done = run([*command, "program.py"], folder, PYTHONPATH=str(tree))
    assert done.returncode == 0, done.stderr
    rmtree(folder / "build")
    return folder / "dist" / "program" / "program"


def assert_looked_up(done: subprocess.CompletedProcess[str], where: Path) -> None:
    assert done.stderr == ""
    migrated, looked_up, undone, file = done.stdout.splitlines()
    assert migrated == f"{MIGRATIONS} 0"
    assert looked_up == "cell1 0"
    assert undone == "('0007-cell-mapping-change',)"
    assert Path(file).is_relative_to(where), file


def test_a_program_bundled_by_pyinstaller(
    bare_backend: Backend, frozen: Path, tmp_path: Path
) -> None:
    done = run([frozen, "--look-up", create_database(bare_backend)], tmp_path)
    assert_looked_up(done, frozen.parent)


def test_a_program_bundled_by_zipapp(
    bare_backend: Backend, application: Path, tmp_path: Path
) -> None:
    done = run([application, "--look-up", create_database(bare_backend)], tmp_path)
    assert_looked_up(done, application)


def test_an_import_from_a_zip_file(bare_backend: Backend, zipped: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-c", PROGRAM, "--look-up", create_database(bare_backend)]
    done = run(program, tmp_path, PYTHONPATH=str(zipped))
    assert_looked_up(done, zipped)


def create_database(backend: Backend) -> str:
    """Create the database, without tables; return its URL."""
    backend.hostmap._create_database()
    return backend.url


@pytest.mark.parametrize("bundle", ["frozen", "application"])
def test_the_bundled_command(bundle: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    program = request.getfixturevalue(bundle)
    demo = run([program, "demo"], tmp_path)
    assert (demo.returncode, demo.stderr) == (0, "")
    url = "sqlite:///hostmap-demo.db"
    host = "cmp-r07-u12.ams.example.org"
    shown = run([program, "--database", url, "-f", "value", "host", "show", host], tmp_path)
    assert (shown.returncode, shown.stdout.split()[:2]) == (0, [host, "cell1"])
    status = run([program, "--database", url, "-f", "value", "migrate", "--status"], tmp_path)
    assert status.stdout.count("\n") == MIGRATIONS


@pytest.mark.parametrize("command", ["migrate", "lookup"])
def test_a_bundle_without_migrations_is_reported(command: str, tree: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    copytree(tree, bare, ignore=ignore_patterns("_migrations"))
    archive = tmp_path / "bare.zip"
    zipapp.create_archive(bare, archive, main="hostmap_sql.cli:main")
    arguments = {"migrate": ["migrate"], "lookup": ["host", "show", "a"]}[command]
    done = run([sys.executable, archive, *arguments], tmp_path)
    assert done.returncode == 1
    assert "this bundle lacks the migrations of hostmap_sql" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_module_runs_as_the_command(tmp_path: Path) -> None:
    def hostmap(*arguments: str) -> tuple[int, str, str]:
        done = run([sys.executable, "-m", "hostmap_sql", *arguments], tmp_path)
        return done.returncode, done.stdout, done.stderr

    assert hostmap("--help")[1].startswith("Usage: hostmap [OPTIONS] COMMAND [ARGS]...\n")
    assert hostmap("--version")[1].startswith("hostmap, version ")
    status, _, error = hostmap("host", "show", "a")
    assert status == 1
    assert "create it with `hostmap migrate`" in error
    assert hostmap("migrate")[0] == 0
    assert hostmap("host", "show", "a")[0] == 3


def test_the_reason_is_reported_when_a_driver_cannot_be_imported(tmp_path: Path) -> None:
    """Such as psycopg without libpq, which cannot be loaded from a zip file."""
    command = [sys.executable, "-m", "hostmap_sql", "--database", "postgresql://db/x"]
    done = run([*command, "cell", "list"], tmp_path, PSYCOPG_IMPL="c")
    assert done.returncode == 2
    assert "'postgresql' needs a driver that is installed but cannot be imported" in done.stderr
    assert "psycopg_c" in done.stderr
    assert done.stderr.count("\n") == 1
