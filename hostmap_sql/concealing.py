"""Values with a masked `repr`, and exceptions without frames, so that no report shows a secret.

Error reporters send the local variables of every frame of a traceback, as `repr` shows them. So
from the first line of each public function, a secret is a text with a masked `repr`. Code that
splits a secret runs in a block of `HiddenFrames`, because each part is a variable, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from hostmap_sql.masking import MASK

if TYPE_CHECKING:
    from types import TracebackType
    from typing import NoReturn, Self, SupportsIndex

T = TypeVar("T")


class SecretText(str):
    """A text with a masked `repr`; drivers bind it like any other.

    >>> text = SecretText("s3cret")
    >>> [text], text[:2], text == "s3cret", str(text)
    (['***'], '***', True, 's3cret')
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)

    def __getitem__(self, key: SupportsIndex | slice) -> SecretText:
        # rich shows the beginning of a long text.
        return SecretText(super().__getitem__(key))


class SecretBytes(bytes):
    """Bytes with a masked `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b{MASK!r}"

    def __str__(self) -> str:
        return repr(self)

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        return SecretBytes(part) if isinstance(part, bytes) else part


class NotText:
    """Replaces an argument of a wrong type, which may hold a secret too."""

    __slots__ = ("type_name",)

    def __init__(self, value: object) -> None:
        self.type_name = type(value).__name__

    def __repr__(self) -> str:
        return repr(MASK)


def type_name(value: object) -> str:
    """Return the name of the type of an argument, even if it is concealed."""
    return value.type_name if isinstance(value, NotText) else type(value).__name__


def conceal(value: T) -> T:
    """Return a value that no report shows: text as `SecretText`, other types as `NotText`.

    None is returned as it is, and so is an object that masks itself: one with a method ``reveal``.
    """
    concealed: object
    if value is None or isinstance(value, NotText) or hasattr(value, "reveal"):
        concealed = value
    elif isinstance(value, str):
        concealed = SecretText(value)
    else:
        concealed = NotText(value)
    return cast("T", concealed)


class HiddenFrames:
    """Drops the frames of a block, and of its calls, from the exceptions that leave it.

    For code with parts of secrets in its variables.
    """

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        type_: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            drop_frames(error)


def drop_frames(error: BaseException) -> None:
    """Drop the frames and the contexts of an exception and its causes."""
    seen = []
    while error not in seen:
        seen.append(error)
        error.__traceback__ = None
        error.__context__ = None
        error = error.__cause__ or error


def raise_alone(error: BaseException, cause: BaseException | None = None) -> NoReturn:
    """Raise an exception without the one that is being handled as its context."""
    try:
        raise error from cause
    finally:
        error.__context__ = None
