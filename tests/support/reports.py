"""The reports of an exception: logs, tracebacks, and the payloads of error reporters."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.traceback import Traceback

from hostmap_sql import HostMapError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

TESTS = Path(__file__).parents[1]

CANARY = "c4n4ryPa55"
"""A secret that no report may contain."""

URL = f"rabbit://nova:{CANARY}@mq.example.org:5672/"
"""The URL of a queue with the secret."""

_DEPTH = 4
_MOST_ITEMS = 2_000


class Watched:
    """The exception that a block raised, and its log records."""

    error: BaseException

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [*secrets]
        self.log = io.StringIO()

    def assert_hidden(self, reports: Iterable[tuple[str, str]]) -> None:
        """Assert that no report has a secret. The failure itself quotes it, to be found."""
        for name, text in reports:
            for secret in self._secrets:
                at = text.find(secret)
                shown = text[max(0, at - 300) : at + 100]
                assert at < 0, f"{name} shows a secret: {shown}"


@contextmanager
def reported(kind: type[BaseException] = HostMapError, *secrets: str) -> Iterator[Watched]:
    """Expect an exception in a block, and assert that no report of it has the canary."""
    watched = Watched([CANARY, *secrets])
    handler = logging.StreamHandler(watched.log)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    with pytest.MonkeyPatch.context() as patch:
        for name in (None, "hostmap_sql", "psycopg", "psycopg.pool", "yoyo", "asyncio"):
            patch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        logging.root.addHandler(handler)
        try:
            with pytest.raises(kind) as caught:
                yield watched
            watched.error = caught.value
            logging.getLogger("tests").error("it failed", exc_info=caught.value)
        finally:
            logging.root.removeHandler(handler)
    # Loggers remember which levels they show.
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]
    watched.assert_hidden(reports(watched.error))
    watched.assert_hidden([("log", watched.log.getvalue())])


def reports(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield what each kind of report shows of an exception, with its name."""
    yield "format_exc", "".join(traceback.format_exception(error))
    for number, one in enumerate(linked(error)):
        yield f"repr {number}", f"{one!r} {one} {one.args!r} {getattr(one, '__notes__', '')!r}"
        yield f"attributes {number}", "".join(_deep(vars(one), _DEPTH))
        yield f"captured locals {number}", _captured(one)
        yield f"payload {number}", "".join(_payload(one))
        yield f"copies {number}", "".join(_copies(one))
        yield f"rich {number}", _rich(one)


def linked(error: BaseException) -> list[BaseException]:
    """Return an exception with all that it leads to, even what no traceback prints."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, *vars(one).values()]
            waiting += getattr(one, "exceptions", ())
    return found


def _is_ours(file: str) -> bool:
    """Whether a frame is of the tests, which know the secret."""
    return Path(file).is_relative_to(TESTS) or "/_pytest/" in file or "/pluggy/" in file


def _captured(error: BaseException) -> str:
    """Return the traceback with its local variables, as `unittest --locals` prints it."""
    captured = traceback.TracebackException.from_exception(error, capture_locals=True)
    captured.stack[:] = [frame for frame in captured.stack if not _is_ours(frame.filename)]
    captured.__cause__ = captured.__context__ = None  # reported by themselves
    return "".join(captured.format())


def _payload(error: BaseException) -> Iterator[str]:
    """Yield the local variables of all frames, and what is in them."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not _is_ours(frame.f_code.co_filename):
            yield from _variables(frame)


def _copies(error: BaseException) -> Iterator[str]:
    """Yield the text in the local variables, also of a subclass, as Elastic and Rollbar copy it."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not _is_ours(frame.f_code.co_filename):
            for name, value in frame.f_locals.items():
                yield f"\n{frame.f_code.co_filename}:{frame.f_lineno} {name}="
                yield json.dumps(value, default=lambda _: None, skipkeys=True)


def _variables(frame: FrameType) -> Iterator[str]:
    for name, value in frame.f_locals.items():
        yield f"\n{frame.f_code.co_filename}:{frame.f_lineno} {name}="
        yield from _deep(value, _DEPTH)
        for attribute, inner in _attributes(value):
            yield f"\n{frame.f_code.co_filename}:{frame.f_lineno} {name}.{attribute}="
            yield from _deep(inner, _DEPTH)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes of an instance, also those in slots."""
    if isinstance(value, type) or hasattr(value, "__code__"):
        return
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)


def _deep(value: object, depth: int) -> Iterator[str]:
    """Yield the `repr` of a value and of all items in it."""
    yield repr(value)
    if depth and isinstance(value, Mapping):
        for key, item in [*value.items()][:_MOST_ITEMS]:
            yield from _deep(key, depth - 1)
            yield from _deep(item, depth - 1)
    elif depth and isinstance(value, list | tuple | set | frozenset):
        for item in [*value][:_MOST_ITEMS]:
            yield from _deep(item, depth - 1)


def _rich(error: BaseException) -> str:
    """Return the local variables as rich shows them. Its source lines and colors take seconds."""
    extracted = Traceback.extract(type(error), error, error.__traceback__, show_locals=True)
    return "\n".join(
        f"{frame.filename}:{frame.lineno} {name}={value.render()}"
        for stack in extracted.stacks
        for frame in stack.frames
        if not _is_ours(frame.filename)
        for name, value in (frame.locals or {}).items()
    )
