"""`hostmap grants`: the statements of a role, for an administrator to run."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect, grants
from hostmap_sql.sql.rights import ROLES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


@pytest.mark.parametrize("role", ROLES)
def test_a_file_gets_an_owner_and_a_mode(cli: Cli, role: str) -> None:
    path = cli.url.removeprefix("sqlite:///")
    change, modes = ("chgrp", "640") if role == "lookup" else ("chown", "600")

    printed = cli("grants", "--role", role).stdout
    assert printed == f"{change} hostmap_{role} {path};\nchmod {modes} {path};\n"
    assert "s p a c e" in cli("grants", "--role", role, "--user", "s p a c e").stdout


def test_the_commands_can_be_run(tmp_path: Path) -> None:
    path = tmp_path / "it's; rm -rf $HOME"
    with connect(f"sqlite:///{path.as_posix()}") as hostmap:
        hostmap.migrate()
        chown, chmod = grants(hostmap, "service", user="$(id)")
    assert shlex.split(chown) == ["chown", "$(id)", str(path)]
    path.chmod(0o666)
    subprocess.run(chmod, shell=True, check=True)  # noqa: S602 - as a user would
    assert path.stat().st_mode & 0o777 == 0o600


def test_wrong_arguments_are_refused(cli: Cli) -> None:
    assert "--role" in cli.error("grants", status=2)
    assert "'lookup', 'service', 'pruner', 'owner'" in cli.error(
        "grants", "--role", "root", status=2
    )
    assert "is for the role lookup" in cli.error("grants", "--role", "owner", "--urls", status=2)
    assert "user" in cli.error("grants", "--role", "lookup", "--user", "a\nb", status=2)
