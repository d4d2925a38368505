"""Progress bars: on a terminal only, for work that takes long enough to read them."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from hostmap_sql.batching import BULK_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Up one line, then clear it: the bar ends with a line break.
_REMOVE_LINE = "\x1b[A\x1b[2K"


@contextmanager
def progress(
    label: str, total: int, *, least: int = BULK_SIZE + 1
) -> Iterator[Callable[[int], None]]:
    """Show a bar during the block, which calls the yielded function with each number done.

    :param least: the smallest total that gets a bar.
    """
    if not sys.stderr.isatty() or total < least:
        yield lambda _: None
        return
    bar: Any = click.progressbar(length=total, label=label, file=sys.stderr)
    try:
        with bar:
            yield bar.update
    finally:
        click.echo(_REMOVE_LINE, err=True, nl=False)


@contextmanager
def progress_of(label: str, *, least: int = 2) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar during the block, which calls the yielded function with ``(done, total)``.

    The first call sets the size of the bar.

    :param least: the smallest total that gets a bar.
    """
    with ExitStack() as stack:
        advance: Callable[[int], None] | None = None
        before = 0

        def update(done: int, total: int | None) -> None:
            nonlocal advance, before
            if advance is None:
                advance = stack.enter_context(progress(label, total or 0, least=least))
            advance(done - before)
            before = done

        yield update
