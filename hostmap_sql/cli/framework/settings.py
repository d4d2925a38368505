"""The values of the options of `hostmap` itself, and the directory that they name."""

from __future__ import annotations

import getpass
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.framework.database_source import find_database
from hostmap_sql.cli.framework.errors import Failure, print_status
from hostmap_sql.cli.framework.suggestions import add_suggestion
from hostmap_sql.errors import CellMappingNotFound, HostMappingNotFound, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT, connect
from hostmap_sql.sealing.key_ring import KeyRing
from hostmap_sql.sealing.references import References
from hostmap_sql.validation import MAX_SECONDS, valid_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.hostmap import HostMap


# The options of how URLs of cells are opened.
_OPENING = frozenset(["key_file", "reference_folder", "reference_prefix"])


@dataclass
class Settings:
    """The options of `hostmap` itself, wherever they stand on the command line."""

    database: str | None = None
    """The URL or @FILE of the option; None for the environment's."""
    format: str = "table"
    columns: tuple[str, ...] = ()
    csv_safe: bool = False
    timeout: float = DEFAULT_TIMEOUT
    author: str | None = None
    reason: str | None = None
    key_file: str | None = None
    reference_folder: str | None = None
    reference_prefix: str | None = None
    verbose: bool = False
    typed: dict[str, list[Any]] = field(default_factory=dict)
    """Every value on the command line, by the name of its option."""

    @contextmanager
    def open(
        self,
        *,
        max_timeout: float = MAX_SECONDS,
        default_reason: str | None = None,
        warns: bool = True,
        needs_keys: bool = True,
    ) -> Iterator[HostMap]:
        """Open the directory for a block, with the author and reason of the options.

        :param max_timeout: an upper limit on the timeout, in seconds, for commands that retry.
        :param default_reason: the reason for writes if --reason is not given.
        :param warns: whether to warn if other users can access the file with the URL.
        :param needs_keys: whether the block opens, follows or seals the URLs of cells. If not, a
            --key-file or --reference-folder of the environment may be unusable.
        """
        author = _login_name() if self.author is None else self.author
        timeout = min(self.timeout, max_timeout)
        opening: dict[str, Any] = {}
        if needs_keys or not self.typed.keys().isdisjoint(_OPENING):
            opening["references"] = References(self.reference_prefix, self.reference_folder)
            if self.key_file is not None:
                opening["cipher"] = KeyRing.from_file(self.key_file)
        source = find_database(self.database)
        try:
            directory = connect(source.url, timeout=timeout, author=author, **opening)
        except InvalidValue as error:
            if source.file is None or error.field != "database URL":
                raise
            raise InvalidValue(f"the URL in {source.file!r}", error.problem) from None
        if source.warning and warns:
            print_status(f"warning: {source.warning}")
        with directory as hostmap:
            try:
                yield hostmap.with_author(reason=self.reason or default_reason)
            except (CellMappingNotFound, HostMappingNotFound, Failure) as error:
                add_suggestion(hostmap, error)
                raise


def _login_name() -> str | None:
    """The name of the user who runs this process; None if it has no valid one."""
    try:
        return valid_name(getpass.getuser(), "author")
    except Exception:  # noqa: BLE001 - KeyError, OSError and others: there is no such user
        return None
