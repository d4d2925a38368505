"""Reading and writing cell_mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hostmap_sql import sql
from hostmap_sql.concealing import conceal
from hostmap_sql.directory.cell_arguments import (
    UNSET,
    Unset,
    conceal_changes,
    conceal_unless_unset,
    valid_values,
)
from hostmap_sql.directory.cell_changes import CellChanges
from hostmap_sql.directory.cell_without_urls import WRITING, refuse_without_urls
from hostmap_sql.directory.row_mapper import RowMapper
from hostmap_sql.engine.pending_changes import DELETED
from hostmap_sql.errors import CellMappingInUse, CellMappingNotFound, InvalidValue
from hostmap_sql.models import CellChange, CellMapping
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import (
    canonical_uuid,
    new_uuid,
    valid_flag,
    valid_name,
    valid_uuid,
)

if TYPE_CHECKING:
    import builtins

    from hostmap_sql.engine.session import Session, Transaction
    from hostmap_sql.secret_url import SecretUrl


@hide_arguments_of(always=["create", "update", "update_many"])
class Cells:
    """The cells and their URLs: ``hostmap.cells``, and ``tx.cells`` in a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowMapper(session.codec, urls=session.urls)
        self._changes = CellChanges(session, self._rows)

    # --- reading ------------------------------------------------------------------------------

    def get(self, uuid: str) -> CellMapping:
        """Return the cell with a UUID.

        :raises CellMappingNotFound: there is no such cell.

        >>> hostmap.cells.get("5f7ccc29-a9eb-417c-865e-b9bd78a72dcc").name
        'cell1'
        """
        return self._rows.get_cell(self._session, valid_uuid(uuid, "uuid"))

    def get_by_name(self, name: str) -> CellMapping:
        """Return the cell with a name.

        :raises CellMappingNotFound: there is no such cell.

        >>> hostmap.cells.get_by_name("cell1").transport_url
        SecretUrl('rabbit://nova:***@mq1:5672/')
        """
        name = valid_name(name, "name")
        row = self._session.one(sql.CELL_GET_BY_NAME, {"name": name}, lambda row: row[1] == name)
        if row is None:
            raise CellMappingNotFound(name)
        try:
            return self._rows.cell(row)
        finally:
            del row

    def resolve(self, cell: str) -> CellMapping:
        """Return the cell with a UUID or a name, whichever is given.

        :raises CellMappingNotFound: there is no such cell.

        >>> uuid = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
        >>> hostmap.cells.resolve("cell1") == hostmap.cells.resolve(uuid)
        True
        """
        uuid = canonical_uuid(cell)
        if uuid is None:
            return self.get_by_name(cell)
        return self._rows.get_cell(self._session, uuid)

    def list(self, *, disabled: bool | None = None) -> list[CellMapping]:
        """Return all cells, ordered by name.

        :param disabled: only cells that are disabled (True) or enabled (False).

        >>> [cell.name for cell in hostmap.cells.list(disabled=False)]
        ['cell1', 'cell2']
        """
        if disabled is not None:
            valid_flag(disabled, "disabled")
        cells = map(self._rows.cell, self._session.all(sql.CELL_LIST))
        return [cell for cell in cells if disabled is None or cell.disabled is disabled]

    def host_counts(self) -> dict[str, int]:
        """Return the number of hosts of each cell, by its UUID. Cells without hosts have 0.

        >>> hostmap.cells.host_counts()["5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"]
        2
        """
        return {str(row[0]): row[1] for row in self._session.all(sql.CELL_HOST_COUNTS)}

    # --- writing ------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        *,
        transport_url: str | SecretUrl | None = None,
        database_connection: str | SecretUrl | None = None,
        uuid: str | None = None,
        disabled: bool = False,
    ) -> CellMapping:
        """Create a cell, and return it.

        :param uuid: its UUID. Default: a random one.
        :param disabled: mark the cell as disabled; its hosts are found all the same.

        :raises InvalidValue: a value cannot be used.
        :raises CellMappingExists: another cell has the name or the UUID.
        :raises SecretUnavailable: the cipher failed; or there is none, and a URL would be stored in
            clear text in a directory with sealed ones.

        >>> hostmap.cells.create("cell3", transport_url="rabbit://nova:s3cret@mq3:5672/").name
        'cell3'
        """
        transport_url, database_connection = conceal(transport_url), conceal(database_connection)
        refuse_without_urls(self._session, WRITING)
        uuid = new_uuid() if uuid is None else valid_uuid(uuid, "uuid")
        values = {
            "name": name,
            "transport_url": transport_url,
            "database_connection": database_connection,
            "disabled": disabled,
        }
        return self._session.write(self._changes.create(uuid, valid_values(uuid, values)))

    def update(
        self,
        uuid: str,
        *,
        name: str | Unset = UNSET,
        transport_url: str | SecretUrl | Unset | None = UNSET,
        database_connection: str | SecretUrl | Unset | None = UNSET,
        disabled: bool | Unset = UNSET,
        expected_revision: int | None = None,
    ) -> CellMapping:
        """Change the given fields of a cell, and return it. None removes a URL.

        Nothing is written if the cell has these values already.

        :param expected_revision: change it only if it is at this revision.

        :raises InvalidValue: a value cannot be used.
        :raises CellMappingNotFound: there is no such cell.
        :raises CellMappingExists: another cell has the new name.
        :raises StaleMapping: the cell is not at the expected revision.
        :raises SecretUnavailable: the cipher failed; or there is none, and a URL here is sealed, or
            would be stored in clear text in a directory with sealed ones.

        >>> uuid = hostmap.cells.get_by_name("cell2").uuid
        >>> hostmap.cells.update(uuid, disabled=True).disabled
        True
        """
        transport_url = conceal_unless_unset(transport_url)
        database_connection = conceal_unless_unset(database_connection)
        refuse_without_urls(self._session, WRITING)
        uuid = valid_uuid(uuid, "uuid")
        given = {
            "name": name,
            "transport_url": transport_url,
            "database_connection": database_connection,
            "disabled": disabled,
        }
        values = valid_values(
            uuid, {field: value for field, value in given.items() if value is not UNSET}
        )
        return self._session.write(self._changes.update(uuid, values, expected_revision))

    def update_many(
        self, changes: Mapping[str, Mapping[str, str | SecretUrl | bool | None]]
    ) -> builtins.list[CellMapping]:
        """Change several cells in one changeset, all or none; return the cells that changed.

        :param changes: the new values of each cell, by its UUID, with the field names of `update`:
            name, transport_url, database_connection, disabled.
        :raises InvalidValue: a value cannot be used.
        :raises CellMappingNotFound: there is no such cell.
        :raises CellMappingExists: another cell has a new name, even one that this call renames.
        :raises SecretUnavailable: as `update`.

        >>> cell1, cell2 = hostmap.cells.list()
        >>> changed = hostmap.cells.update_many({
        ...     cell1.uuid: {"transport_url": "rabbit://nova:n3w@mq1:5672/"},
        ...     cell2.uuid: {"transport_url": "rabbit://nova:n3w@mq2:5672/", "disabled": True},
        ... })
        >>> [(cell.name, cell.disabled) for cell in changed]
        [('cell1', False), ('cell2', True)]
        """
        changes = conceal_changes(changes)
        if not isinstance(changes, Mapping):
            raise InvalidValue("changes", "must map the UUIDs of cells to mappings of new values")
        refuse_without_urls(self._session, WRITING)
        checked: dict[str, dict[str, Any]] = {}
        for key, values in changes.items():
            uuid = valid_uuid(key, "uuid")
            if uuid in checked:
                raise InvalidValue(f"cell {uuid}", "is given twice")
            checked[uuid] = valid_values(uuid, values)
        return [*self._session.write(self._changes.update_many(checked))]

    def delete(self, uuid: str, *, expected_revision: int | None = None) -> CellChange:
        """Delete a cell that has no hosts, and return the change.

        :param expected_revision: delete it only if it is at this revision.
        :raises CellMappingNotFound: there is no such cell.
        :raises CellMappingInUse: it still has hosts.
        :raises StaleMapping: the cell is not at the expected revision.

        >>> cell = hostmap.cells.create("burn-in")
        >>> hostmap.cells.delete(cell.uuid).action
        'deleted'
        """
        uuid = valid_uuid(uuid, "uuid")

        def work(transaction: Transaction) -> CellChange:
            self._changes.get_expected(transaction, uuid, expected_revision)
            [(hosts,)] = transaction.all(sql.CELL_HOST_COUNT, {"uuid": uuid})
            if hosts:
                raise CellMappingInUse(uuid, hosts)
            transaction.execute(sql.CELL_DELETE, {"uuid": uuid})
            transaction.pending.cell(uuid, DELETED)
            return CellChange(transaction.revision, uuid, DELETED)

        return self._session.write(work)
