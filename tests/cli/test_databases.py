"""End to end on every database: import Nova's listing, and look up its hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import NOVA_LISTING, PASSWORD, Cli

if TYPE_CHECKING:
    from tests.conftest import Servers
    from tests.support.backends import Backend


def test_the_hosts_of_nova_are_imported_and_found(backend: Backend) -> None:
    cli = Cli(backend.url)
    queue = f"rabbit://nova:{PASSWORD}@mq:5672/"
    for name in ("cell1", "cell2"):
        assert PASSWORD not in cli("cell", "create", name, "--transport-url", queue).output
    cli("host", "import", NOVA_LISTING)
    revision = cli.revision()
    assert cli.json("host", "import", NOVA_LISTING)["unchanged"] == 202
    assert cli.revision() == revision
    found = cli.json("host", "show", "KVM-Upper", "compute-000.rack0.example.org")
    assert [(host["host"], host["cell"]) for host in found] == [
        ("KVM-Upper", "cell2"),
        ("compute-000.rack0.example.org", "cell1"),
    ]
    cli.error("host", "show", "kvm-upper", status=3)
    cli("host", "move", "KVM-Upper", "cell1", "--from", "cell2", "--reason", "rack 9")
    assert cli.json("log", "KVM-Upper")[-1]["action"] == "moved"
    cli.error("cell", "delete", "cell1", status=5)
    assert cli.json("cell", "delete", "cell1", "--force")["hosts_deleted"] > 100
    assert all(m["applied"] for m in cli.json("migrate", "--status"))


def test_a_database_without_tables_suggests_migrate(bare_backend: Backend) -> None:
    cli = Cli(bare_backend.url)
    assert "`hostmap migrate`" in cli.error("cell", "list", status=1)
    cli("migrate")
    assert cli.json("cell", "list") == []


@pytest.mark.parametrize("kind", ["mysql", "mariadb", "postgresql"])
def test_a_wrong_password_is_not_shown(servers: Servers, kind: str) -> None:
    server = replace(servers[kind], password=PASSWORD)
    error = Cli(server.url("nothing")).error("--timeout", "5", "cell", "list", status=1)
    assert PASSWORD not in error
    assert "password" in error
