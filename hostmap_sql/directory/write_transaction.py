"""`WriteTransaction`: the hosts and cells in an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.directory.cells import Cells
from hostmap_sql.directory.hosts import Hosts

if TYPE_CHECKING:
    from datetime import datetime

    from hostmap_sql.engine.session import Transaction


class WriteTransaction:
    """An open transaction: all changes through `hosts` and `cells` are one changeset.

    `HostMap.transaction` and `HostMap.run` give one.
    """

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._hosts = Hosts(transaction)
        self._cells = Cells(transaction)

    @property
    def hosts(self) -> Hosts:
        """The hosts, see `Hosts`."""
        return self._hosts

    @property
    def cells(self) -> Cells:
        """The cells, see `Cells`."""
        return self._cells

    @property
    def revision(self) -> int:
        """The revision of its changes, if it makes any."""
        return self._transaction.revision

    @property
    def change_id(self) -> str:
        """The UUID of its changeset in the history."""
        return self._transaction.change_id

    @property
    def now(self) -> datetime:
        """The time of all its changes, in UTC."""
        return self._transaction.now
