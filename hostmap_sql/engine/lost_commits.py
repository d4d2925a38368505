"""Resolves lost commits: the answer to a COMMIT never arrived, so it took effect or it did not.

The lost transaction holds the lock of all writers for as long as it can still take effect. So a new
transaction that gets this lock sees the final outcome of the lost one in the history.

On a cluster, the lock and the history are those of one node. So the new transaction writes the row
of the lock as well, and the outcome counts once its commit has succeeded: the cluster has then
ordered both transactions, and what one of them wrote is as durable as the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hostmap_sql import sql
from hostmap_sql.concealing import raise_alone
from hostmap_sql.errors import DatabaseUnavailable, HistoryPruned, OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from hostmap_sql.engine.session import CommitLost, Transaction

Outcome = Literal["committed", "aborted"]

NOT_COMMITTED = "the connection was lost before the change was made"


def look_up_outcome(transaction: Transaction, change_id: str, revision: int | None) -> Outcome:
    """Look up in the history whether a commit took effect. It counts once `transaction` commits.

    :raises HistoryPruned: the history no longer reaches back to it.
    """
    pruned = transaction.rewrite_revision()
    if transaction.one(sql.CHANGESET_OF_CHANGE_ID, {"change_id": change_id}):
        return "committed"
    if pruned >= (revision or 1):
        raise HistoryPruned((revision or 1) - 1, pruned)
    return "aborted"


def resolve(lost: CommitLost, database: str, find_outcome: Callable[[], Outcome]) -> None:
    """Return only if the lost commit took effect.

    :param find_outcome: runs `look_up_outcome` in a new transaction, with retries.
    :raises DatabaseUnavailable: it did not, and never will.
    :raises OutcomeUnknown: its outcome could not be determined.
    """
    try:
        outcome = find_outcome()
    except Exception:  # noqa: BLE001 - even a broken pool leaves the outcome unknown
        raise_alone(OutcomeUnknown(lost.change_id, lost.revision), lost.__cause__)
    if outcome == "aborted":
        raise_alone(DatabaseUnavailable(database, NOT_COMMITTED), lost.__cause__)
