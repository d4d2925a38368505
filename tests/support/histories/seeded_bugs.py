"""Bugs that can be patched into the library, to show that the checker finds them."""

from __future__ import annotations

from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from hostmap_sql import sql
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.engine.database import Database
from hostmap_sql.engine.session import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from hostmap_sql.sql.statement import Statement

SECONDS_CACHED = 0.02


def _takes_lost_for_not_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Database, "outcome", lambda *_: "aborted")


def _takes_lost_for_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Database, "outcome", lambda *_: "committed")


def _looks_without_the_lock(patch: pytest.MonkeyPatch) -> None:
    def outcome(database: Any, change_id: str, _revision: int | None, _deadline: float) -> str:
        found = database.all(sql.CHANGESET_OF_CHANGE_ID, {"change_id": change_id})
        return "committed" if found else "aborted"

    patch.setattr(Database, "outcome", outcome)


def _ignores_the_expected_revision(patch: pytest.MonkeyPatch) -> None:
    as_it_should_be: Callable[..., Any] = Hosts._get_expected

    def get(hosts: Any, session: Any, host: str, expected: Any) -> Any:
        return as_it_should_be(hosts, session, host, (expected[0], None))

    patch.setattr(Hosts, "_get_expected", get)


def _reads_from_a_cache(patch: pytest.MonkeyPatch) -> None:
    as_it_should_be: Callable[..., Any] = Database.all
    kept: dict[object, tuple[float, Any]] = {}

    def read(
        database: Any, statement: Statement, parameters: dict[str, Any], fits: Any = None
    ) -> Any:
        key = statement, *parameters.items()
        since, rows = kept.get(key, (0.0, None))
        if monotonic() - since > SECONDS_CACHED:
            rows = as_it_should_be(database, statement, parameters, fits)
            kept[key] = monotonic(), rows
        return rows

    patch.setattr(Database, "all", read)


def _swallows_what_commit_raises(patch: pytest.MonkeyPatch) -> None:
    def commit(transaction: Any) -> None:
        with suppress(Exception):
            transaction._connection.commit()
        transaction._cursor = None
        transaction.is_committed = True

    patch.setattr(Transaction, "commit", commit)


SEEDED_BUGS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "takes a lost commit for not done, and does it again": _takes_lost_for_not_done,
    "takes a lost commit for done": _takes_lost_for_done,
    "settles a lost commit without the lock": _looks_without_the_lock,
    "ignores the expected revision": _ignores_the_expected_revision,
    "reads from a cache": _reads_from_a_cache,
    "swallows what COMMIT raises": _swallows_what_commit_raises,
}
