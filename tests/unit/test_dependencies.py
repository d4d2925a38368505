"""The lower bounds of dependencies, and the lock file of the tests."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.test_wheel import REPOSITORY, Installed, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.backends import Backend

__all__ = ["wheel"]

LOCK = (REPOSITORY / "tests" / "requirements.lock").read_text()
LOCKED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; [^\\\n]+)?(?P<hashes>(?: \\\n    --hash=\S+)*)$",
    re.MULTILINE,
)
_FILE = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
BUILD: list[str] = _FILE["build-system"]["requires"]
PROJECT = _FILE["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def required(extra: str) -> Iterator[Requirement]:
    """Yield the requirements of an extra and of those that it includes."""
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name != PROJECT["name"]:
            yield requirement
        for other in requirement.extras if requirement.name == PROJECT["name"] else ():
            yield from required(other)


def floor(requirement: Requirement) -> str:
    """Return the requirement of exactly its lower bound."""
    [bound] = [one for one in requirement.specifier if one.operator == ">="]
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    return f"{requirement.name}{extras}=={bound.version}"


# --- the lock -------------------------------------------------------------------------------------


def test_every_requirement_of_the_tests_is_locked() -> None:
    locked: dict[str, list[str]] = {}  # some have a version for each version of Python
    for match in LOCKED.finditer(LOCK):
        locked.setdefault(canonicalize_name(match["name"]), []).append(match["version"])
    build = map(Requirement, (*BUILD, "editables"))  # pip installs without isolation
    for requirement in (*required("test"), *required("docs"), *build):
        versions = locked[canonicalize_name(requirement.name)]
        assert all(map(requirement.specifier.contains, versions)), requirement


def test_every_file_of_the_lock_has_its_sum() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]
    matches = [*LOCKED.finditer(LOCK)]
    assert sum(match[0].count("\n") + 1 for match in matches) == len(lines)
    for match in matches:
        sums = match["hashes"].split(" \\\n    --hash=")[1:]
        assert sums, match["name"]
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in sums), match["name"]


def test_the_lock_names_no_index() -> None:
    assert "://" not in LOCK
    for option in ("index-url", "find-links", "trusted-host", "constraint"):
        assert option not in LOCK


def test_the_run_of_the_tests_uses_the_lock() -> None:
    script = (REPOSITORY / "tests" / "run").read_text()
    assert "--require-hashes --requirement tests/requirements.lock" in script


# --- the lower bounds -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def oldest(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with all extras, each dependency in the oldest version allowed."""
    floors = sorted({floor(requirement) for requirement in required("all")})
    return Installed(tmp_path_factory.mktemp("oldest"), f"{wheel}[all]", *floors)


PROGRAM = """
import sys, hostmap_sql
with hostmap_sql.connect(sys.argv[1]) as hostmap:
    hostmap.migrate()
    cell = hostmap.cells.create("cell1", transport_url="rabbit://nova:s3cret@mq/")
    hostmap.hosts.create_many([("compute-1", cell.uuid), ("compute-2", cell.uuid)])
    print(hostmap.hosts.get("compute-1").cell.name, *hostmap.check())
"""


def test_the_oldest_dependencies_work(oldest: Installed, bare_backend: Backend) -> None:
    assert oldest.python(PROGRAM, bare_backend.url) == "cell1\n"
    listed = oldest.command("hostmap", "--database", bare_backend.url, "host", "list", "-f", "csv")
    assert listed.stdout.count("compute-") == 2, listed.stderr
