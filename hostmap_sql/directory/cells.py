"""Reading and writing cell_mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from hostmap_sql.directory.row_mapper import RowMapper
from hostmap_sql.engine.pending_changes import CREATED, DELETED, UPDATED
from hostmap_sql.errors import (
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    InvalidValue,
    StaleMapping,
)
from hostmap_sql.models import URL_FIELDS, CellChange, CellMapping
from hostmap_sql.sealing.url_codec import StoredUrl, stored_text
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import (
    canonical_uuid,
    new_uuid,
    valid_cell_name,
    valid_flag,
    valid_name,
    valid_number,
    valid_url,
    valid_uuid,
)

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterable

    from hostmap_sql.engine.session import Session, Transaction
    from hostmap_sql.secret_url import SecretUrl


@hide_arguments_of(always=["create", "update", "update_many"])
class Cells:
    """The cells and their URLs: ``hostmap.cells``, and ``tx.cells`` in a transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowMapper(session.codec, urls=session.urls)

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
        :raises SecretUnavailable: the cipher failed.

        >>> hostmap.cells.create("cell3", transport_url="rabbit://nova:s3cret@mq3:5672/").name
        'cell3'
        """
        transport_url, database_connection = conceal(transport_url), conceal(database_connection)
        self._refuse_without_urls()
        uuid = new_uuid() if uuid is None else valid_uuid(uuid, "uuid")
        name = valid_cell_name(name, uuid)
        transport = valid_url(transport_url, "transport_url")
        database = valid_url(database_connection, "database_connection")
        urls = self._encoded(uuid, {"transport_url": transport, "database_connection": database})
        disabled = valid_flag(disabled, "disabled")

        def work(transaction: Transaction) -> CellMapping:
            self._refuse_taken(transaction, uuid, name)
            now, revision = transaction.now, transaction.revision
            cell = CellMapping(
                uuid,
                name,
                disabled=disabled,
                revision=revision,
                created_at=now,
                updated_at=None,
                **urls,
            )
            created_at = self._session.dialect.encode_time(now)
            transaction.execute(sql.CELL_INSERT, _parameters(cell) | {"created_at": created_at})
            transaction.pending.cell(uuid, CREATED)
            return cell

        return self._session.write(work)

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
        :raises SecretUnavailable: the cipher failed; or a URL here is sealed, and the new one would
            be stored in clear text, because there is no cipher.

        >>> uuid = hostmap.cells.get_by_name("cell2").uuid
        >>> hostmap.cells.update(uuid, disabled=True).disabled
        True
        """
        transport_url = conceal_unless_unset(transport_url)
        database_connection = conceal_unless_unset(database_connection)
        self._refuse_without_urls()
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
        encoded = self._encoded(uuid, values)

        def work(transaction: Transaction) -> CellMapping:
            current = self._get_expected(transaction, uuid, expected_revision)
            wanted = replace(current, **values)
            if wanted == current:
                return current
            wanted = self._with_urls(current, wanted, encoded)
            self._refuse_taken_names(transaction, [(current, wanted)])
            return write_cell(transaction, wanted)

        return self._session.write(work)

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
        self._refuse_without_urls()
        checked: dict[str, dict[str, Any]] = {}
        for key, values in changes.items():
            uuid = valid_uuid(key, "uuid")
            if uuid in checked:
                raise InvalidValue(f"cell {uuid}", "is given twice")
            checked[uuid] = valid_values(uuid, values)
        encoded = {uuid: self._encoded(uuid, values) for uuid, values in checked.items()}

        def work(transaction: Transaction) -> builtins.list[CellMapping]:
            # Check before the first write, so that it is all or none in the caller's transaction.
            current = [self._rows.get_cell(transaction, uuid) for uuid in checked]
            pairs = [(cell, replace(cell, **checked[cell.uuid])) for cell in current]
            pairs = [
                (cell, self._with_urls(cell, wanted, encoded[cell.uuid]))
                for cell, wanted in pairs
                if wanted != cell
            ]
            self._refuse_taken_names(transaction, pairs)
            return [write_cell(transaction, wanted) for _, wanted in pairs]

        return self._session.write(work)

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
            self._get_expected(transaction, uuid, expected_revision)
            [(hosts,)] = transaction.all(sql.CELL_HOST_COUNT, {"uuid": uuid})
            if hosts:
                raise CellMappingInUse(uuid, hosts)
            transaction.execute(sql.CELL_DELETE, {"uuid": uuid})
            transaction.pending.cell(uuid, DELETED)
            return CellChange(transaction.revision, uuid, DELETED)

        return self._session.write(work)

    # --- inside -------------------------------------------------------------------------------

    def _refuse_without_urls(self) -> None:
        """Refuse to write cells without reading their URLs, which would be lost."""
        if not self._session.urls:
            problem = "is False: create and change cells with a directory that reads their URLs"
            raise InvalidValue("urls", problem)

    def _get_expected(self, session: Session, uuid: str, revision: int | None) -> CellMapping:
        """Return a cell, if it is at this revision.

        :raises StaleMapping: it is not.
        """
        if revision is not None:
            valid_number(revision, "expected_revision")
        cell = self._rows.get_cell(session, uuid)
        if revision in (None, cell.revision):
            return cell
        raise StaleMapping(cell, expected_revision=revision)

    def _encoded(self, uuid: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the URLs among the new values as they will be stored: sealed if there is a cipher.

        Called before the transaction, which holds the lock of all writers: a cipher may use the
        network.
        """
        codec = self._session.codec
        return {
            name: codec.encode(values[name], uuid, name) for name in URL_FIELDS if name in values
        }

    def _with_urls(
        self, current: CellMapping, wanted: CellMapping, encoded: Mapping[str, Any]
    ) -> CellMapping:
        """Return a changed cell with its encoded URLs.

        :raises SecretUnavailable: one would replace a sealed URL by clear text.
        """
        for name, url in encoded.items():
            old = getattr(current, name)
            is_clear = url is not None and not self._session.codec.has_cipher
            if is_clear and isinstance(old, StoredUrl):
                old.refuse_clear_text()
        return replace(wanted, **encoded)

    def _refuse_taken_names(
        self, session: Session, pairs: Iterable[tuple[CellMapping, CellMapping]]
    ) -> None:
        """Refuse renames to a name that another cell has, or gets in the same call."""
        renamed: dict[str, str] = {}
        for current, wanted in pairs:
            if wanted.name != current.name:
                self._refuse_taken(session, wanted.uuid, wanted.name, itself=wanted.uuid)
                other = renamed.setdefault(wanted.name, wanted.uuid)
                if other != wanted.uuid:
                    raise CellMappingExists("name", wanted.name, other)

    def _refuse_taken(
        self, session: Session, uuid: str, name: str, *, itself: str | None = None
    ) -> None:
        parameters = {"uuid": uuid, "name": name}
        others = [row[0] for row in session.all(sql.CELL_TAKEN, parameters)]
        if uuid in others and uuid != itself:
            raise CellMappingExists("uuid", uuid, uuid)
        for other in others:
            if other != itself:
                raise CellMappingExists("name", name, other)


def write_cell(transaction: Transaction, wanted: CellMapping) -> CellMapping:
    """Write the new values of a cell, whose URLs are encoded, and return it."""
    now = transaction.now
    wanted = replace(wanted, revision=transaction.revision, updated_at=now)
    updated_at = transaction.dialect.encode_time(now)
    transaction.execute(sql.CELL_UPDATE, _parameters(wanted) | {"updated_at": updated_at})
    transaction.pending.cell(wanted.uuid, UPDATED)
    return wanted


def _parameters(cell: CellMapping) -> dict[str, Any]:
    """Return a cell's parameters for CELL_INSERT and CELL_UPDATE, except the times."""
    return {
        "uuid": cell.uuid,
        "name": cell.name,
        "transport_url": conceal(stored_text(cell.transport_url)),
        "database_connection": conceal(stored_text(cell.database_connection)),
        "disabled": cell.disabled,
        "revision": cell.revision,
    }
