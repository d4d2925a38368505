"""`Secrets`: sealing the URLs of all cells, and counting them by key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from hostmap_sql import sql
from hostmap_sql.batching import batched
from hostmap_sql.directory.cell_changes import write_cell
from hostmap_sql.directory.cell_without_urls import refuse_without_urls
from hostmap_sql.directory.finding import Finding, limited
from hostmap_sql.directory.row_mapper import RowMapper
from hostmap_sql.errors import InvalidValue, SecretUnavailable
from hostmap_sql.models import URL_FIELDS
from hostmap_sql.sealing.url_codec import key_of, kind_of, stored_text
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.secret_url import SecretUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hostmap_sql.engine.session import Session, Transaction
    from hostmap_sql.models import CellMapping
    from hostmap_sql.sealing.url_codec import Kind

_UNSEALED = "cell-unsealed"

_CELLS_PER_CHANGESET = 100


@dataclass(frozen=True)
class KeyUse:
    """The URLs that one key sealed, the references, or the URLs in clear text.

    `kind` is "sealed", "reference" or "clear", or "malformed" for texts with the scheme of
    sealed URLs that are not ``sealed://KEY/DATA``. `key` is None for all but "sealed". `urls` is
    their number, and `unreadable` the number of those that the cipher cannot open. `is_active` is
    True for the active key of the cipher.
    """

    kind: Literal["sealed", "malformed", "reference", "clear"]
    key: str | None
    urls: int
    unreadable: int
    is_active: bool


@dataclass(frozen=True)
class SealedCell:
    """A cell whose URLs were sealed: its UUID, its name and the fields."""

    uuid: str
    name: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class SealResult:
    """The cells that a call sealed, or would seal; see `Secrets`.

    `unchanged` is the number of URLs that needed no change. `skipped` is the number of URLs that
    other clients changed during the call; they were left alone. `revision` is the newest revision
    that the call wrote, None if it changed nothing.
    """

    cells: tuple[SealedCell, ...] = field(default=())
    unchanged: int = 0
    skipped: int = 0
    revision: int | None = None

    @property
    def urls(self) -> int:
        """The number of URLs that were sealed."""
        return sum(len(cell.fields) for cell in self.cells)


@hide_arguments_of()
class Secrets:
    """Seals the URLs of all cells: ``hostmap.secrets``, of a `HostMap` with a cipher.

    A call reads all cells, seals their URLs and writes the cells, a hundred in each changeset.
    Repeating it changes nothing.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows = RowMapper(session.codec, urls=session.urls)

    def status(self) -> tuple[KeyUse, ...]:
        """Count the URLs of each key, the references, and the URLs in clear text.

        Opens each sealed URL; without a cipher, all of them are unreadable.

        :raises SecretUnavailable: the cipher failed.

        >>> hostmap.secrets.status()[-1]
        KeyUse(kind='clear', key=None, urls=2, unreadable=0, is_active=False)
        """
        active = self._session.codec.active_key()
        urls: Counter[str] = Counter({active: 0} if active else {})
        unreadable: Counter[str] = Counter()
        others: Counter[Kind] = Counter()
        for _, _, url in _urls_of(self._cells()):
            key = key_of(url)
            if key is None:
                others[kind_of(url)] += 1
            else:
                urls[key] += 1
                unreadable[key] += _problem(url) is not None
        uses = [
            KeyUse("sealed", key, urls[key], unreadable[key], key == active) for key in sorted(urls)
        ]
        if malformed := others["malformed"]:
            uses.append(KeyUse("malformed", None, malformed, malformed, is_active=False))
        return (
            *uses,
            KeyUse("reference", None, others["reference"], 0, is_active=False),
            KeyUse("clear", None, others["clear"], 0, is_active=False),
        )

    def seal(self, *, dry_run: bool = False) -> SealResult:
        """Seal all URLs that are in clear text. References stay.

        Old clear text remains in the free pages, logs and backups of the database: see the how-to
        page about sealing.

        :param dry_run: only report the URLs to seal, without writing.
        :raises InvalidValue: there is no cipher.
        :raises SecretUnavailable: the cipher failed.

        >>> key_ring = KeyRing.from_file("hostmap.keys")
        >>> with connect("sqlite:///hostmap.db", cipher=key_ring) as hostmap:
        ...     hostmap.secrets.seal(dry_run=True).urls
        2
        """
        self._active_key()
        return self._run(lambda url: kind_of(url) == "clear", dry_run)

    def rotate(self, *, dry_run: bool = False) -> SealResult:
        """Seal the URLs of all other keys with the active key.

        Readers that have both keys are not disturbed. Remove an old key once `status` counts no
        URL for it.

        :param dry_run: only report the URLs to seal, without writing.
        :raises InvalidValue: there is no cipher.
        :raises SecretUnavailable: a URL cannot be opened, for example because its key is missing.
            Nothing is written.

        >>> key_ring = KeyRing.from_file("hostmap.keys")
        >>> with connect("sqlite:///hostmap.db", cipher=key_ring) as hostmap:
        ...     hostmap.secrets.rotate().urls
        0
        """
        active = self._active_key()
        self._refuse_unreadable()
        return self._run(lambda url: key_of(url) not in (None, active), dry_run)

    # --- inside -------------------------------------------------------------------------------

    def _active_key(self) -> str:
        active = self._session.codec.active_key()
        if active is None:
            raise InvalidValue("cipher", "is missing: it seals and opens the URLs")
        return active

    def _cells(self) -> Sequence[CellMapping]:
        refuse_without_urls(self._session, "seal and count URLs")
        return [*map(self._rows.cell, self._session.all(sql.CELL_LIST))]

    def _refuse_unreadable(self) -> None:
        problems = [*filter(None, (_problem(url) for _, _, url in _urls_of(self._cells())))]
        if not problems:
            return
        first = problems[0]
        more = len(problems) - 1
        others = f" ({more:,} more cannot be opened: see `hostmap secrets status`)" if more else ""
        raise SecretUnavailable(first.field, first.cell_uuid, first.problem + others, first.key)

    def _run(self, chosen: Callable[[SecretUrl], bool], dry_run: bool) -> SealResult:  # noqa: FBT001 - private
        """Seal the chosen URLs."""
        cells = self._cells()
        unchanged = sum(not chosen(url) for _, _, url in _urls_of(cells))
        wanted = [(cell, [n for c, n, u in _urls_of([cell]) if chosen(u)]) for cell in cells]
        wanted = [(cell, names) for cell, names in wanted if names]
        if dry_run:
            planned = (SealedCell(cell.uuid, cell.name, (*names,)) for cell, names in wanted)
            return SealResult((*planned,), unchanged)
        sealed: list[SealedCell] = []
        revision = None
        for batch in batched(wanted, _CELLS_PER_CHANGESET):
            # Before the transaction, which holds the lock of all writers.
            new = [(cell, self._sealed(cell, names)) for cell, names in batch]
            written, newest = self._session.write(partial(self._write, new))
            sealed += written
            revision = newest if written else revision
        skipped = sum(len(names) for _, names in wanted) - sum(len(c.fields) for c in sealed)
        return SealResult((*sealed,), unchanged, skipped, revision)

    def _sealed(self, cell: CellMapping, names: Iterable[str]) -> Mapping[str, SecretUrl]:
        codec = self._session.codec
        encoded = ((name, codec.encode(getattr(cell, name), cell.uuid, name)) for name in names)
        return {name: url for name, url in encoded if url is not None}

    def _write(
        self, batch: Sequence[tuple[CellMapping, Mapping[str, SecretUrl]]], transaction: Transaction
    ) -> tuple[list[SealedCell], int]:
        """Write the sealed URLs, except those whose originals have changed since they were read."""
        current = {row[0]: self._rows.cell(row) for row in transaction.all(sql.CELL_LIST)}
        written = []
        for read, urls in batch:
            cell = current.get(read.uuid)
            kept = {
                name: url
                for name, url in urls.items()
                if cell and stored_text(getattr(cell, name)) == stored_text(getattr(read, name))
            }
            if cell and kept:
                write_cell(transaction, replace(cell, **kept))  # type: ignore[arg-type] # URLs only
                written.append(SealedCell(cell.uuid, cell.name, (*kept,)))
        return written, transaction.revision


def _urls_of(cells: Iterable[CellMapping]) -> Iterator[tuple[CellMapping, str, SecretUrl]]:
    for cell in cells:
        for name in URL_FIELDS:
            url = getattr(cell, name)
            if isinstance(url, SecretUrl):
                yield cell, name, url


def _problem(url: SecretUrl) -> SecretUnavailable | None:
    """Return the error of a URL that cannot be opened, None if it can."""
    try:
        url.written()
    except SecretUnavailable as error:
        return error
    return None


def unsealed(session: Session, limit: int) -> Iterator[Finding]:
    """Yield a finding for each URL in clear text, `limit` at most, and a last one for the rest."""
    cells = map(RowMapper(session.codec, urls=session.urls).cell, session.all(sql.CELL_LIST))
    clear = (
        Finding(
            _UNSEALED,
            f"cell {cell.name!r}: its {name} is in clear text: `hostmap secrets seal`",
            cell_uuid=cell.uuid,
        )
        for cell, name, url in _urls_of(cells)
        if kind_of(url) == "clear"
    )
    return limited(_UNSEALED, clear, limit)
