"""The changes of cells, each prepared before the transaction, which holds the lock of all writers.

A cipher may use the network, so the preparation seals and opens URLs. In the transaction, only
their texts in the table are compared.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hostmap_sql import sql
from hostmap_sql.concealing import conceal
from hostmap_sql.directory.row_mapper import RowMapper
from hostmap_sql.engine.pending_changes import CREATED, UPDATED
from hostmap_sql.errors import CellMappingExists, SecretUnavailable, StaleMapping
from hostmap_sql.models import URL_FIELDS, CellMapping
from hostmap_sql.sealed_text import key_id_of
from hostmap_sql.sealing.url_codec import StoredUrl, kind_of, stored_text
from hostmap_sql.validation import valid_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeAlias

    from hostmap_sql.engine.session import Session, Transaction
    from hostmap_sql.secret_url import SecretUrl

    Change: TypeAlias = Callable[[Transaction], CellMapping]

_NO_CIPHER = "connect with a cipher (cipher=, or --key-file)"


class CellChanges:
    """Prepares changes of cells: each method returns a function that writes in a transaction.

    The values have to be checked, and the UUIDs canonical.
    """

    def __init__(self, session: Session, rows: RowMapper | None = None) -> None:
        self._session = session
        self._rows = rows or RowMapper(session.codec, urls=session.urls)

    def create(self, uuid: str, values: Mapping[str, Any]) -> Change:
        """Prepare to create a cell with all its values.

        :raises SecretUnavailable: the cipher failed.
        """
        encoded = self._encoded(uuid, values)

        def work(transaction: Transaction) -> CellMapping:
            _refuse_taken(transaction, uuid, encoded["name"])
            now, revision = transaction.now, transaction.revision
            cell = CellMapping(uuid, revision=revision, created_at=now, updated_at=None, **encoded)
            _refuse_clear_text(transaction, [(None, cell)])
            created_at = transaction.dialect.encode_time(now)
            transaction.execute(sql.CELL_INSERT, stored_values(cell) | {"created_at": created_at})
            transaction.pending.cell(uuid, CREATED)
            return cell

        return work

    def update(
        self, uuid: str, values: Mapping[str, Any], expected_revision: int | None = None
    ) -> Change:
        """Prepare to change values of a cell; nothing is written if it has them already.

        :raises SecretUnavailable: the cipher failed.
        """
        change = self._update(uuid, values)

        def work(transaction: Transaction) -> CellMapping:
            current = self.get_expected(transaction, uuid, expected_revision)
            return _write(transaction, [(current, change(current))])[0]

        return work

    def update_many(
        self, changes: Mapping[str, Mapping[str, Any]]
    ) -> Callable[[Transaction], Sequence[CellMapping]]:
        """Prepare to change several cells, all or none; the function returns those that changed.

        :raises SecretUnavailable: the cipher failed.
        """
        prepared = {uuid: self._update(uuid, values) for uuid, values in changes.items()}

        def work(transaction: Transaction) -> Sequence[CellMapping]:
            cells = [self._rows.get_cell(transaction, uuid) for uuid in prepared]
            pairs = [(cell, prepared[cell.uuid](cell)) for cell in cells]
            return _write(transaction, [pair for pair in pairs if pair[1] is not pair[0]])

        return work

    def get_expected(self, session: Session, uuid: str, revision: int | None) -> CellMapping:
        """Return a cell, if it is at this revision.

        :raises StaleMapping: it is not.
        """
        if revision is not None:
            valid_number(revision, "expected_revision")
        cell = self._rows.get_cell(session, uuid)
        if revision in (None, cell.revision):
            return cell
        raise StaleMapping(cell, expected_revision=revision)

    # --- preparing ----------------------------------------------------------------------------

    def _encoded(self, uuid: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with their URLs as they will be stored: sealed if there is a cipher."""
        encode = self._session.codec.encode
        return {
            name: encode(value, uuid, name) if name in URL_FIELDS else value
            for name, value in values.items()
        }

    def _update(self, uuid: str, values: Mapping[str, Any]) -> Callable[[CellMapping], CellMapping]:
        """Return a function that replaces values of a cell, or returns it if it has them already.

        The function opens no URL.
        """
        encoded = self._encoded(uuid, values)
        equal = self._equal_urls(uuid, values)

        def changed(current: CellMapping) -> CellMapping:
            kept = {
                name: getattr(current, name)
                for name, url in equal.items()
                if stored_text(url) == stored_text(getattr(current, name))
            }
            unchanged = stored_values(replace(current, **{**encoded, **kept}))
            return current if unchanged == stored_values(current) else replace(current, **encoded)

        return changed

    def _equal_urls(self, uuid: str, values: Mapping[str, Any]) -> Mapping[str, SecretUrl | None]:
        """Return the URLs in the table that equal the new ones but were sealed before."""
        names = [name for name in URL_FIELDS if name in values]
        if not (names and self._session.codec.has_cipher):
            return {}
        cell = self._rows.get_cell(self._session, uuid)
        urls = {name: getattr(cell, name) for name in names}
        return {name: url for name, url in urls.items() if url == values[name]}


# --- writing --------------------------------------------------------------------------------------


def stored_values(cell: CellMapping) -> dict[str, Any]:
    """Return the values of a cell as they are stored, except the times."""
    return {
        "uuid": cell.uuid,
        "name": cell.name,
        "transport_url": conceal(stored_text(cell.transport_url)),
        "database_connection": conceal(stored_text(cell.database_connection)),
        "disabled": cell.disabled,
        "revision": cell.revision,
    }


def write_cell(transaction: Transaction, wanted: CellMapping) -> CellMapping:
    """Write the new values of a cell, whose URLs are encoded, and return it."""
    now = transaction.now
    wanted = replace(wanted, revision=transaction.revision, updated_at=now)
    updated_at = transaction.dialect.encode_time(now)
    transaction.execute(sql.CELL_UPDATE, stored_values(wanted) | {"updated_at": updated_at})
    transaction.pending.cell(wanted.uuid, UPDATED)
    return wanted


def _write(
    transaction: Transaction, pairs: Sequence[tuple[CellMapping, CellMapping]]
) -> list[CellMapping]:
    """Write changed cells, given with their current values, and return them."""
    # Check before the first write, so that it is all or none in the caller's transaction.
    _refuse_clear_text(transaction, pairs)
    _refuse_taken_names(transaction, pairs)
    return [
        wanted if wanted is current else write_cell(transaction, wanted)
        for current, wanted in pairs
    ]


# --- refusing -------------------------------------------------------------------------------------


def _refuse_clear_text(
    transaction: Transaction, pairs: Iterable[tuple[CellMapping | None, CellMapping]]
) -> None:
    """Refuse, without a cipher, to change a sealed URL and to add clear text to sealed URLs.

    :param pairs: cells, each with its current values; None for a new cell.
    :raises SecretUnavailable: a URL is sealed, or has to be.
    """
    if transaction.codec.has_cipher:
        return
    clear = None
    for current, wanted in pairs:
        for name in URL_FIELDS:
            old, new = getattr(current, name, None), getattr(wanted, name)
            if stored_text(old) == stored_text(new):
                continue
            if isinstance(old, StoredUrl) and old.key is not None:
                raise old.unavailable(f"it is sealed with key {{key}}: to change it, {_NO_CIPHER}")
            if new is not None and kind_of(new) == "clear":
                clear = clear or (name, wanted.uuid)
    if clear is not None and _has_sealed_url(transaction):
        problem = f"it has to be sealed, as other URLs of the directory are: {_NO_CIPHER}"
        raise SecretUnavailable(*clear, problem)


def _has_sealed_url(transaction: Transaction) -> bool:
    rows = transaction.all(sql.CELL_LIST)
    try:
        return any(url and key_id_of(url) for row in rows for url in row[2:4])
    finally:
        del rows  # a report of a later error would show its URLs


def _refuse_taken_names(
    transaction: Transaction, pairs: Iterable[tuple[CellMapping, CellMapping]]
) -> None:
    """Refuse renames to a name that another cell has, or gets in the same call."""
    renamed: dict[str, str] = {}
    for current, wanted in pairs:
        if wanted.name != current.name:
            _refuse_taken(transaction, wanted.uuid, wanted.name, itself=wanted.uuid)
            other = renamed.setdefault(wanted.name, wanted.uuid)
            if other != wanted.uuid:
                raise CellMappingExists("name", wanted.name, other)


def _refuse_taken(
    transaction: Transaction, uuid: str, name: str, *, itself: str | None = None
) -> None:
    parameters = {"uuid": uuid, "name": name}
    others = [row[0] for row in transaction.all(sql.CELL_TAKEN, parameters)]
    if uuid in others and uuid != itself:
        raise CellMappingExists("uuid", uuid, uuid)
    for other in others:
        if other != itself:
            raise CellMappingExists("name", name, other)
