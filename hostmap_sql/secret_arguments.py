"""Errors of public calls do not show arguments that may be secrets, such as a URL given as a name.

Error reporters send the local variables of all frames of a traceback. If an argument may be a
secret, only the caller's own frames stay in it, which also helps against reporters that copy text
by value instead of its `repr`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection
from contextlib import aclosing
from functools import wraps
from types import FunctionType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hostmap_sql.quoting import may_be_secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

C = TypeVar("C", bound=type)
F = TypeVar("F", bound="Callable[..., Any]")

Function = Callable[..., Any]
Hide = Callable[[BaseException, object, object], None]

_LIBRARY = __name__.partition(".")[0]


def hide_arguments_of(
    *, always: Collection[str] = (), except_for: Collection[str] = ()
) -> Callable[[C], C]:
    """Make a class decorator that decorates the constructor and all public methods.

    :param always: the methods with URLs among their arguments.
    :param except_for: methods that are too frequent for another call: they use `hide_frames`.
    """

    def decorate(cls: C) -> C:
        for name, method in [*vars(cls).items()]:
            if (name.startswith("_") and name != "__init__") or name in except_for:
                continue
            if isinstance(method, classmethod):
                decorated = _decorate(method.__func__, always=name in always)
                setattr(cls, name, classmethod(decorated))
            elif isinstance(method, FunctionType):
                setattr(cls, name, _decorate(method, always=name in always))
        return cls

    return decorate


def hide_arguments(function: F) -> F:
    """Decorate a function: if its arguments may be secrets, errors show none of its frames."""
    return _decorate(function, always=False)


def hide_arguments_with_urls(function: F) -> F:
    """Decorate a function with URLs among its arguments: errors show none of its frames."""
    return _decorate(function, always=True)


def _decorate(function: F, *, always: bool) -> F:
    def hide(error: BaseException, args: object, kwargs: object) -> None:
        if always or may_be_secret([args, kwargs]):
            drop_library_frames(error)

    if inspect.isasyncgenfunction(function):
        call = _async_generator(function, hide)
    elif inspect.iscoroutinefunction(function):
        call = _coroutine(function, hide)
    elif inspect.isgeneratorfunction(function):
        call = _generator(function, hide)
    else:
        call = _plain(function, hide)
    return cast("F", wraps(function)(call))


def _plain(function: Function, hide: Hide) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            hide(error, args, kwargs)
            raise

    return call


def _generator(function: Function, hide: Hide) -> Function:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        try:
            return (yield from function(*args, **kwargs))
        except BaseException as error:
            hide(error, args, kwargs)
            raise

    return call


def _coroutine(function: Function, hide: Hide) -> Function:
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            hide(error, args, kwargs)
            raise

    return call


def _async_generator(function: Function, hide: Hide) -> Function:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        try:
            async with aclosing(function(*args, **kwargs)) as items:
                async for item in items:
                    yield item
        except BaseException as error:
            hide(error, args, kwargs)
            raise

    return call


def hide_frames(error: BaseException, *arguments: object) -> None:
    """Drop the frames of the library from an error, if an argument may hold a secret."""
    if may_be_secret(arguments):
        drop_library_frames(error)


def drop_library_frames(error: BaseException) -> None:
    """Drop the frames of the library, and of Python's, from an error and from those behind it.

    Frames of the caller stay, such as those of a callback.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            one.__traceback__ = _of_caller(one.__traceback__)
            waiting += [one.__cause__, one.__context__]


def _of_caller(traceback: TracebackType | None) -> TracebackType | None:
    kept = []
    while traceback is not None:
        package = str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package != _LIBRARY and package not in sys.stdlib_module_names:
            kept.append(traceback)
        traceback = traceback.tb_next
    rebuilt = None
    for one in reversed(kept):
        rebuilt = TracebackType(rebuilt, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return rebuilt
