"""How far long work has come, shown on a terminal and nowhere else."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from hostmap_sql.parts import BULK_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(
    what: str, total: int, *, least: int = BULK_SIZE + 1
) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, if there is one and it takes long enough to be read.

    :param least: the number from which on it takes so long.
    """
    if not sys.stderr.isatty() or total < least:
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms, which scripts need not wait for
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda number: bar.advance(task, number)


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """The same for work whose size is known only once it has begun: it tells both numbers."""
    with ExitStack() as stack:
        advance: Callable[[int], None] | None = None
        before = 0

        def told(done: int, total: int) -> None:
            nonlocal advance, before
            if advance is None:
                advance = stack.enter_context(progress(what, total, least=2))
            advance(done - before)
            before = done

        yield told
