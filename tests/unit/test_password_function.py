"""The function that returns the password: refused arguments and results, and its errors."""

from __future__ import annotations

from functools import partial
from traceback import TracebackException
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable, HostMapError, InvalidValue, aio, connect
from hostmap_sql.engine.password import PasswordFunction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "s3cret"


def password() -> str:
    return SECRET


async def later() -> str:
    return SECRET


class Later:
    async def __call__(self) -> str:
        return SECRET


@pytest.mark.parametrize("connect_", [connect, aio.connect])
@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (SECRET, "must be a function that returns it, not str"),
        (SECRET.encode(), "must be a function that returns it, not bytes"),
        (7, "must be a function that returns it, not int"),
        (later, "is a coroutine function"),
        (partial(later), "is a coroutine function"),
        (Later(), "is a coroutine function"),
    ],
    ids=["str", "bytes", "int", "coroutine function", "partial", "object"],
)
def test_other_objects_than_functions_are_refused(
    connect_: Callable[..., object], function: object, problem: str
) -> None:
    with pytest.raises(InvalidValue, match=problem) as caught:
        connect_("mysql://u@h/d", password=function)
    assert caught.value.field == "password"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:other@h/d",
        "mysql://u@h/d?read_default_file={file}",
        "postgresql://u:other@h/d",
        "postgresql://u@h/d?password=other",
        "postgresql://u@h/d?passfile={file}",
    ],
)
def test_a_second_password_is_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\npassword=other\n")
    with pytest.raises(InvalidValue, match="comes both from a function") as caught:
        connect(url.format(file=file), password=password)
    assert caught.value.field == "password"
    assert "other" not in str(caught.value)


def test_sqlite_takes_no_password() -> None:
    with pytest.raises(InvalidValue, match="password has no effect on an SQLite file"):
        connect("sqlite:///hostmap.db", password=password)


@pytest.mark.parametrize("url", ["mysql://u:@h/d", "mysql://h/d", "postgresql://u:@h/d"])
def test_a_url_without_a_password_is_accepted(url: str) -> None:
    connect(url, password=password).close()


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (None, "NoneType: return text"),
        (SECRET.encode(), "bytes: return text"),
        ([SECRET], "list: return text"),
        ("", "an empty text"),
        (f"{SECRET}\n", "a line break"),
        (f"{SECRET}\r\n", "a line break"),
        (f"{SECRET}\0{SECRET}", "a NUL"),
        (f"{SECRET}\udcff", "cannot be encoded"),
    ],
)
def test_a_result_that_cannot_be_a_password_is_refused(result: object, problem: str) -> None:
    ask = PasswordFunction(lambda: result, "database 'd' on h")
    with pytest.raises(
        DatabaseError, match=f"^database 'd' on h: .* returned .*{problem}"
    ) as caught:
        ask()
    assert_silent(caught)


def test_a_coroutine_is_refused_without_a_warning() -> None:
    ask = PasswordFunction(lambda: later(), "database 'd'")  # noqa: PLW0108 - no coroutine function
    with pytest.raises(DatabaseError, match="returned coroutine: return text"):
        ask()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (lambda: ConnectionResetError(104, SECRET), DatabaseUnavailable),
        (lambda: TimeoutError(SECRET), DatabaseUnavailable),
        (lambda: PermissionError(13, SECRET), DatabaseError),
        (lambda: FileNotFoundError(2, SECRET), DatabaseError),
        (lambda: RuntimeError(SECRET), DatabaseError),
        (lambda: UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), DatabaseError),
        (lambda: InvalidValue("url", SECRET), DatabaseError),
    ],
)
def test_only_the_class_of_a_failure_is_named(
    error: Callable[[], Exception], kind: type[HostMapError]
) -> None:
    def function() -> str:
        raise error()

    with pytest.raises(HostMapError) as caught:
        PasswordFunction(function, "database 'd'")()
    assert caught.type is kind
    assert f"its password function raised {type(error()).__name__}" in str(caught.value)
    assert_silent(caught)


def test_an_interruption_passes() -> None:
    def function() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PasswordFunction(function, "database 'd'")()


def assert_silent(caught: pytest.ExceptionInfo[Any]) -> None:
    """Assert that an error, its chain and the variables of the library hold no secret."""
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    ours = error.__traceback__.tb_next  # the first frame is the test's
    assert ours is not None
    whole = TracebackException(type(error), error, ours, capture_locals=True)
    text = "".join(whole.format())
    assert "password" in text
    assert SECRET not in text
    assert SECRET not in repr(error.args)
