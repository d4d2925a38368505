"""The password of new connections from a function, on real servers."""

from __future__ import annotations

import asyncio
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable, HostMapError, aio, connect
from hostmap_sql.schema import known_migrations
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.backends import Backend

pytestmark = pytest.mark.needs("users")

NEXT = "the n€xt s3cret/@"


def without_password(url: str) -> tuple[str, str]:
    """Return a URL without its password, and the password."""
    password = urlsplit(url).password or ""
    return url.replace(f":{password}@", "@", 1), unquote(password)


@pytest.fixture
def user(backend: Backend) -> Iterator[str]:
    """The URL, without a password, of a user whose password may change."""
    url, password = without_password(backend.url_of_user())
    assert password == backend.user_password
    yield url
    backend.drop_user()


def test_each_new_connection_has_the_password_of_its_time(backend: Backend, user: str) -> None:
    given: list[str] = []
    current = [backend.user_password]

    def password() -> str:
        given.append(current[0])
        return current[0]

    with connect(user, password=password, timeout=PATIENT) as hostmap:
        assert hostmap.revision() == 0
        assert given == [backend.user_password]
        backend.change_password(NEXT)
        assert hostmap.revision() == 0, "an open connection stays"
        assert given == [backend.user_password]
        current[0] = NEXT
        with hostmap.transaction():
            assert hostmap.revision() == 0, "on a second connection"
        assert given == [backend.user_password, NEXT]
        backend.end_other_sessions()
        assert hostmap.revision() == 0
        assert given[1:] == [NEXT] * (len(given) - 1)
        assert len(given) > 2


def test_a_wrong_password_fails_at_once(backend: Backend, user: str) -> None:
    started = monotonic()
    hostmap = connect(user, password=lambda: NEXT, timeout=PATIENT)
    with hostmap, pytest.raises(DatabaseError, match="check the URL") as caught:
        hostmap.revision()
    assert caught.type is DatabaseError
    assert backend.user_password not in str(caught.value)
    assert NEXT not in str(caught.value)
    assert monotonic() - started < SOON


def test_the_time_of_the_function_counts(backend: Backend, user: str) -> None:
    may_answer = Event()

    def password() -> str:
        may_answer.wait()
        return backend.user_password

    with connect(user, password=password, timeout=PATIENT) as hostmap:
        started = monotonic()
        with hostmap.timeout(0.3), pytest.raises(DatabaseUnavailable) as caught:
            hostmap.revision()
        assert monotonic() - started < SOON
        assert "no answer from the password function" in str(caught.value)
        may_answer.set()
        assert hostmap.revision() == 0


def passes_at_the_third_call(password: str) -> Callable[[], str]:
    failures = [ConnectionRefusedError(111, "s3cret"), TimeoutError("s3cret")]

    def function() -> str:
        if failures:
            raise failures.pop()
        return password

    return function


def test_a_transient_failure_of_the_function_is_retried(backend: Backend, user: str) -> None:
    function = passes_at_the_third_call(backend.user_password)
    with connect(user, password=function, timeout=PATIENT) as hostmap:
        assert hostmap.revision() == 0


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ConnectionRefusedError(111, "s3cret"), DatabaseUnavailable),
        (FileNotFoundError(2, "s3cret"), DatabaseError),
        (KeyError("s3cret"), DatabaseError),
    ],
    ids=repr,
)
def test_a_failure_of_the_function_is_one_error(
    user: str, failure: Exception, kind: type[HostMapError]
) -> None:
    def function() -> str:
        raise failure

    with connect(user, password=function, timeout=0.5) as hostmap:
        for call in (hostmap.revision, lambda: hostmap.cells.create("a"), hostmap.migrate):
            with pytest.raises(HostMapError) as caught:
                call()
            assert caught.type is kind
            assert f"its password function raised {type(failure).__name__}" in str(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None


def test_migrations_use_the_function(bare_backend: Backend) -> None:
    url, password = without_password(bare_backend.url)
    with connect(url, password=lambda: password, timeout=PATIENT) as hostmap:
        assert hostmap.migrate() == known_migrations(bare_backend.dialect_name)
        assert all(migration.applied for migration in hostmap.migration_status())


def test_asyncio_uses_the_function(backend: Backend, user: str) -> None:
    async def main() -> int:
        async with aio.connect(user, password=lambda: backend.user_password) as hostmap:
            return await hostmap.revision()

    assert asyncio.run(main()) == 0
