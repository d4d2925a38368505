"""Each role makes exactly its calls of `hostmap.secrets`, through the library and the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from hostmap_sql import InvalidValue, KeyRing, NotPermitted, connect, generate_key
from hostmap_sql.cli.app import app
from tests.contract.test_roles import LOOKUP, LOOKUP_WITH_URLS, OWNER, ROLES, SERVICE, Role
from tests.support.accounts import account
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hostmap_sql import HostMap
    from tests.support.backends import Backend

WRITERS = {SERVICE, OWNER}
READERS = {*WRITERS, LOOKUP_WITH_URLS}

CALLS: dict[str, tuple[set[Role], Callable[[HostMap], object]]] = {
    "status": (READERS, lambda h: h.secrets.status()),
    "seal --dry-run": (READERS, lambda h: h.secrets.seal(dry_run=True)),
    "rotate --dry-run": (READERS, lambda h: h.secrets.rotate(dry_run=True)),
    "seal": (WRITERS, lambda h: h.secrets.seal()),
    "rotate": (WRITERS, lambda h: h.secrets.rotate()),
}


@pytest.mark.needs("users")
def test_each_role_makes_exactly_its_calls(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "hostmap.keys"
    uuid = backend.hostmap.cells.create("one").uuid
    backend.hostmap.cells.create("two")
    generate_key(file, key="a")
    sealed = f"sealed://{KeyRing.from_file(file).seal('rabbit://one/', f'{uuid}/transport_url')}"
    generate_key(file, key="b")
    ring = KeyRing.from_file(file)
    before = [(sealed,), ("rabbit://two/",)]

    cursor = backend.raw().cursor()  # a connection takes longer than its statements

    def reset() -> None:
        case = f"CASE name WHEN 'one' THEN '{sealed}' ELSE 'rabbit://two/' END"
        cursor.execute(f"UPDATE cell_mapping SET transport_url = {case}")

    def urls() -> list[object]:
        cursor.execute("SELECT transport_url FROM cell_mapping ORDER BY name")
        return [*cursor.fetchall()]

    reset()
    for role in ROLES:
        with account(backend, role.name, urls=role == LOOKUP_WITH_URLS) as (_, url):
            with connect(url, timeout=PATIENT, cipher=ring, urls=role.has_urls) as hostmap:
                for name, (roles, call) in CALLS.items():
                    if role in roles:
                        call(hostmap)
                    else:
                        with pytest.raises(InvalidValue if role == LOOKUP else NotPermitted):
                            call(hostmap)
                    writes = role in WRITERS and name in ("seal", "rotate")
                    assert (urls() != before) is writes, (role, name)
                    if writes:
                        reset()
            arguments = ("--key-file", str(file), "--database", url, "--timeout", str(PATIENT))
            result = CliRunner().invoke(app, ["secrets", "seal", *arguments])
            assert result.exit_code == (0 if role in WRITERS else 1), result.output
            assert ("`hostmap grants --role" in result.output) is (role not in WRITERS)
            assert (urls() != before) is (role in WRITERS)
            if role in WRITERS:
                reset()
