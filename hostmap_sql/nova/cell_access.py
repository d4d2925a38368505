"""The access to the databases and message queues of Nova's cells."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostmap_sql.concealing import HiddenFrames, conceal, raise_alone
from hostmap_sql.dialects.passwords import PasswordMissing, PasswordRefused
from hostmap_sql.dialects.tls import TlsRefused
from hostmap_sql.dialects.url_options import plain
from hostmap_sql.errors import DatabaseError, InvalidValue
from hostmap_sql.hostmap import DEFAULT_TIMEOUT
from hostmap_sql.nova.database import NovaDatabase
from hostmap_sql.nova.templates import fill_template, has_login, refuse_bad_base
from hostmap_sql.nova.urls import OptionChanges, isolate, read_url
from hostmap_sql.validation import valid_number, valid_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.dialects.database_url import DatabaseUrl
    from hostmap_sql.models import CellMapping
    from hostmap_sql.nova.templates import TemplateField
    from hostmap_sql.secret_url import SecretUrl


_NO_OTHER = "since neither the environment nor the home folder is searched for one"


@dataclass(frozen=True, init=False)
class CellAccess:
    """The access to the databases of the cells.

    :param options: changes to the options of every cell's URL: ``sslmode=prefer&-plugin`` sets one,
        overriding the URL's own, and drops the other.
    :param template_url: fills the URLs that are templates: Nova's ``[database]/connection``.
    :param trusted_hosts: hosts that may receive its user and password, in addition to its own.
    :param parallel: how many cells to read at the same time.
    :param timeout: how long reading one cell may take, in seconds.
    :param transport_template_url: fills the URLs of queues: Nova's ``[DEFAULT]/transport_url``.
    :param trusted_files: files on this machine that the URLs of cells may name, written as in the
        URLs. Files that `options` and `template_url` name are always trusted.
    :raises InvalidValue: a value cannot be used.
    """

    options: str | None = field(default=None, repr=False)
    template_url: str | None = field(default=None, repr=False)
    trusted_hosts: tuple[str, ...] = ()
    parallel: int = 8
    timeout: float = DEFAULT_TIMEOUT
    transport_template_url: str | None = field(default=None, repr=False)
    trusted_files: tuple[str, ...] = ()

    # Not made by `dataclass`, because in a report its arguments would show.
    def __init__(  # noqa: PLR0917 - as `dataclass` would
        self,
        options: str | None = None,
        template_url: str | None = None,
        trusted_hosts: tuple[str, ...] = (),
        parallel: int = 8,
        timeout: float = DEFAULT_TIMEOUT,
        transport_template_url: str | None = None,
        trusted_files: tuple[str, ...] = (),
    ) -> None:
        options, template_url = conceal(options), conceal(template_url)
        transport_template_url = conceal(transport_template_url)
        vars(self).update(
            options=options,
            template_url=template_url,
            trusted_hosts=trusted_hosts,
            parallel=parallel,
            timeout=timeout,
            transport_template_url=transport_template_url,
            trusted_files=trusted_files,
        )
        valid_number(parallel, "parallel", least=1)
        valid_seconds(timeout, "timeout", zero=False)
        for name in ("trusted_hosts", "trusted_files"):
            if isinstance(getattr(self, name), str):  # each of its substrings would be trusted
                raise InvalidValue(name, "must be many names, not one: put it into a tuple")
        if options is not None:
            OptionChanges.parse(options)
        refuse_bad_base(template_url, "database_connection", "template_url")
        refuse_bad_base(transport_template_url, "transport_url", "transport_template_url")

    def url(self, cell: CellMapping) -> str:
        """Return the URL of a cell's database, with its template filled and its options changed.

        A driver completes it from the environment and the home folder; `open` does not.

        :raises InvalidValue: the cell has no URL, or its template cannot be filled.
        """
        with HiddenFrames():
            url = self._fill(cell.database_connection, self.template_url, "database_connection")
            return url if self.options is None else OptionChanges.parse(self.options).apply(url)

    def transport_url(self, cell: CellMapping) -> str:
        """Return the URL of a cell's message queue, with its template filled.

        :raises InvalidValue: the cell has no URL, or its template cannot be filled.

        >>> access = CellAccess(
        ...     transport_template_url="rabbit://nova:s3cret@mq1:5672,nova:s3cret@mq2:5672/")
        >>> template = "rabbit://{username1}:{password1}@{hostname1}:{port1}/cell1"
        >>> cell = hostmap.cells.create("cell7", transport_url=template)
        >>> access.transport_url(cell)
        'rabbit://nova:s3cret@mq1:5672/cell1'
        """
        with HiddenFrames():
            return self._fill(cell.transport_url, self.transport_template_url, "transport_url")

    @contextmanager
    def open(self, cell: CellMapping) -> Iterator[NovaDatabase]:
        """Connect to the database of a cell for a block.

        :raises InvalidValue: its URL cannot be used.
        :raises DatabaseUnavailable: the database cannot be reached in time.
        :raises DatabaseError: the database refuses the connection.
        """
        with HiddenFrames():
            url = self._isolated_url(cell)
        with ExitStack() as stack:
            try:
                database = stack.enter_context(NovaDatabase.open(url, self.timeout))
            except (TlsRefused, PasswordRefused) as error:
                # Nova verifies no certificates by default, so its URLs say nothing about them.
                problem = f"{error.problem}, or of all cells with --cell-options"
                raise_alone(DatabaseError(problem, error.code), error.__cause__)
            except PasswordMissing as error:
                problem = f"{error.problem}: write one into the URL of {cell.label}, {_NO_OTHER}"
                raise_alone(DatabaseError(problem, error.code), error.__cause__)
            yield database

    def _fill(self, url: SecretUrl | None, base: str | None, name: TemplateField) -> str:
        if url is None:
            raise InvalidValue(name, "is not set")
        return fill_template(url.reveal(), base, self.trusted_hosts, field=name)

    def _isolated_url(self, cell: CellMapping) -> DatabaseUrl:
        url = read_url(self.url(cell))
        stored = cell.database_connection
        own = OptionChanges.parse(self.options).values if self.options is not None else {}
        base = read_url(self.template_url) if self.template_url else None
        base_options = {plain(name): value for name, value in base.options.items()} if base else {}
        if base and _hosts(url) <= {*_hosts(base), *self.trusted_hosts}:
            own = {**base_options, **own}
        return isolate(
            url,
            own_options=own,
            base_options=base_options,
            trusted_files=self.trusted_files,
            has_operators_login=stored is not None and has_login(stored.reveal()),
        )


def _hosts(url: DatabaseUrl) -> set[str]:
    return {host for host, _ in url.hosts}
