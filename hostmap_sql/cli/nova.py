"""The commands below `hostmap nova`, and what they have in common; first of them `import`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from hostmap_sql.cli import errors
from hostmap_sql.cli.arguments import CELL, URL
from hostmap_sql.cli.conflicts import cell_names, conflict_rows, say_conflicts
from hostmap_sql.cli.context import WRITES, Group, Settings, say_warnings
from hostmap_sql.cli.output import plural, show_summary
from hostmap_sql.cli.plans import PLAN_COLUMNS, plan_row, show_plan
from hostmap_sql.cli.progress import progress_of
from hostmap_sql.errors import InvalidValue
from hostmap_sql.nova import CellAccess, import_mappings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hostmap_sql.nova import ImportResult

IMPORT_COLUMNS = ("cells", "created", "unchanged", "moved", "conflicts")

Command = Any

# Of the options of `access_options`.
ONLY_WITH = {"trusted_hosts": "template_url"}


@click.group("nova", cls=Group, example="hostmap nova import --from @nova_api.url --dry-run")
@click.pass_context
def nova(ctx: click.Context) -> None:
    """Work with the databases of OpenStack Nova: its API database and those of its cells."""
    say_warnings(ctx)  # of options in URLs that are passed over


def access_options(command: Command) -> Command:
    """The options of all commands that read the databases of the cells."""
    for option in reversed(
        (
            click.option(
                "--cell",
                "cells",
                metavar="CELL",
                type=CELL,
                multiple=True,
                help="Only this cell, even if it is disabled; may be given several times. Default: "
                "all that are enabled, but cell0.",
            ),
            click.option(
                "--parallel",
                metavar="N",
                type=click.IntRange(1, 256),
                default=CellAccess.parallel,
                help=f"How many cells to read side by side. Default: {CellAccess.parallel}.",
            ),
            click.option(
                "--cell-options",
                metavar="OPTIONS",
                help="What becomes of the options in the URL of each cell's database: OPTION=VALUE "
                "sets one, whatever the URL says of it, -OPTION drops one; & stands between them: "
                "'sslmode=prefer&-ssl_verify_cert'.",
            ),
            click.option(
                "--template-url",
                metavar="URL",
                envvar="HOSTMAP_TEMPLATE_URL",
                show_envvar=True,
                type=URL,
                help="What fills the URLs of cells that are templates: the connection that "
                "nova.conf has in its section [database]. @FILE reads it from a file.",
            ),
            click.option(
                "--trust-host",
                "trusted_hosts",
                metavar="HOST",
                multiple=True,
                help="A host to which templates may send the user and password of --template-url, "
                "beside its own; may be given several times.",
            ),
            click.option(
                "--trust-file",
                "trusted_files",
                metavar="FILE",
                multiple=True,
                help="A file on this machine that the URLs of cells may name, as they write it: a "
                "read_default_file or ssl_ca, for instance. Those of --cell-options and "
                "--template-url are trusted. May be given several times.",
            ),
        )
    ):
        command = option(command)
    return command


def access_of(
    settings: Settings,
    *,
    parallel: int,
    cell_options: str | None,
    template_url: str | None,
    trusted_hosts: tuple[str, ...],
    trusted_files: tuple[str, ...],
) -> CellAccess:
    """What these options say of how the cells are reached."""
    try:
        return CellAccess(
            cell_options,
            template_url,
            trusted_hosts,
            parallel,
            settings.timeout,
            trusted_files=trusted_files,
        )
    except InvalidValue as error:
        place = {"options": "--cell-options", "template_url": "--template-url"}[error.field]
        raise InvalidValue(place, error.problem) from None


def directory(settings: Settings, reason: str) -> Any:
    """The directory for a block, its writes signed with a reason if no other was given."""
    settings.reason = settings.reason or reason
    return settings.open()


# --- import ---------------------------------------------------------------------------------------


@nova.command(
    "import",
    columns=IMPORT_COLUMNS,
    plan_columns=PLAN_COLUMNS,
    uses=WRITES,
    example="hostmap nova import --from @nova_api.url --dry-run\n"
    "hostmap nova import --from @nova_api.url --on-conflict move --reason 'Nova is right'",
)
@click.option(
    "--from",
    "url",
    metavar="URL",
    type=URL,
    required=True,
    help="The database nova_api, as nova.conf has it; @FILE reads the URL from a file.",
)
@click.option(
    "--on-conflict",
    type=click.Choice(["report", "move"]),
    default="report",
    help="What to do with cells and hosts that are otherwise here: report them and leave them "
    "(default), or move them to what Nova has.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.pass_obj
def import_(
    settings: Settings, /, *, url: str, on_conflict: Literal["report", "move"], dry_run: bool
) -> None:
    """Bring the cells and hosts of Nova's API database in.

    It is read in one snapshot and checked before anything is written. What is here already is left
    alone: the same import again changes nothing. Templates of URLs are kept as they are. A cell
    without a name gets its UUID as name; of several cells of one name, the later ones get the
    beginning of theirs behind it. If anything is in conflict the exit status is 4.
    """
    with directory(settings, "nova import") as hostmap:
        try:
            with progress_of("hosts") as told:
                result = import_mappings(
                    hostmap,
                    url,
                    on_conflict=on_conflict,
                    dry_run=dry_run,
                    timeout=settings.timeout,
                    progress=told,
                )
        except InvalidValue as error:
            if error.field != "database URL":
                raise
            raise InvalidValue("--from", error.problem) from error
        names = cell_names(hostmap) | {cell.uuid: cell.name for cell in result.cells}
    _say_names(result)
    sentence = _sentence(result)
    if dry_run:
        show_plan(settings, _plan_rows(result, names), f"it would be: {sentence}")
    else:
        _show(settings, result, names, sentence)
    if result.has_conflicts:
        left = "they were left as they are" if not dry_run else "nothing was written"
        raise errors.Failure(f"some cells or hosts are in conflict: {left}", errors.CONFLICT)


def _say_names(result: ImportResult) -> None:
    for cell in result.cells:
        if cell.nova_name != cell.name:
            called = f"called {cell.nova_name!r} in Nova" if cell.nova_name else "without a name"
            errors.say(f"cell {cell.uuid}, {called}, is called {cell.name!r} here")


def _sentence(result: ImportResult) -> str:
    actions = [cell.action for cell in result.cells]
    cells = {action: actions.count(action) for action in dict.fromkeys(actions)}
    told = ", ".join(f"{number:,} {action}" for action, number in cells.items()) or "none"
    hosts = result.hosts
    return (
        f"cells: {told}; hosts: {hosts.created:,} created, {hosts.unchanged:,} unchanged, "
        f"{hosts.moved:,} moved, {plural(len(hosts.conflicts), 'conflict')}"
    )


def _show(
    settings: Settings, result: ImportResult, names: Mapping[str, str], sentence: str
) -> None:
    conflicts = conflict_rows(result.hosts.conflicts, names)
    if settings.format != "json":
        for cell in result.cells:
            if cell.action == "conflict":
                errors.say(f"conflict: cell {cell.name!r} has another {', '.join(cell.differs)}")
        say_conflicts(conflicts)
    cells = [
        {
            "cell": cell.name,
            "cell_uuid": cell.uuid,
            "action": cell.action,
            "differs": [*cell.differs],
            "nova_name": cell.nova_name,
        }
        for cell in result.cells
    ]
    row = {
        "cells": cells,
        "created": result.hosts.created,
        "unchanged": result.hosts.unchanged,
        "moved": result.hosts.moved,
        "conflicts": conflicts,
    }
    show_summary(settings, row, sentence)


_CELL_ACTIONS = {"created": "create", "updated": "update", "conflict": "conflict"}


def _plan_rows(result: ImportResult, names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for cell in result.cells:
        if cell.action in _CELL_ACTIONS:
            detail = ", ".join(cell.differs) or None
            yield plan_row(_CELL_ACTIONS[cell.action], "cell", cell.name, detail=detail)
    for host in result.planned:
        old = host.old_cell_uuid and names.get(host.old_cell_uuid, host.old_cell_uuid)
        new = names.get(host.new_cell_uuid, host.new_cell_uuid)
        yield plan_row(host.action, "host", host.host, cell=new, actual_cell=old)
    yield from conflict_plan_rows(conflict_rows(result.hosts.conflicts, names))


def conflict_plan_rows(conflicts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Conflicts, among what a dry run would do."""
    for row in conflicts:
        yield plan_row(
            "conflict",
            "host",
            row["host"],
            cell=row["wanted_cell"],
            actual_cell=row["actual_cell"],
        )
