"""Showing the log messages of the library on standard error."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from hostmap_sql.cli.framework.errors import print_status
from hostmap_sql.cli.framework.redaction import safe_lines
from hostmap_sql.cli.framework.settings import Settings

if TYPE_CHECKING:
    import click


def show_warnings(ctx: click.Context) -> None:
    """Print the library's warnings in the form of errors, until the command ends."""
    settings = ctx.ensure_object(Settings)

    class StatusHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not settings.verbose:  # show_log() prints it already
                print_status(record.getMessage())

    _add_handler(ctx, "hostmap_sql", StatusHandler(logging.WARNING))


class _SafeFormatter(logging.Formatter):
    """Formats messages of drivers, which may quote secrets and texts of servers."""

    def format(self, record: logging.LogRecord) -> str:
        return safe_lines(super().format(record))


def show_log(ctx: click.Context) -> None:
    """Print the log of the library and of the drivers, until the command ends."""
    handler = logging.StreamHandler()
    handler.setFormatter(_SafeFormatter("%(levelname)s %(name)s: %(message)s"))
    for name in ("hostmap_sql", "yoyo", "psycopg"):
        logger = logging.getLogger(name)
        ctx.call_on_close(partial(logger.setLevel, logger.level))
        logger.setLevel(logging.DEBUG)
        _add_handler(ctx, name, handler)


def _add_handler(ctx: click.Context, name: str, handler: logging.Handler) -> None:
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    ctx.call_on_close(lambda: logger.removeHandler(handler))
