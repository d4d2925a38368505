"""Faults of this machine or of the caller's program end a call at once, under their own name."""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import socket
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable, HostMap, HostMapError, connect
from hostmap_sql.runtime.watchdog import TimedCall
from tests.support.faults.killed_migrations import PROCESSES
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.backends import Backend

MISTAKES = (
    AttributeError("'NoneType' object has no attribute 'connect'"),
    ImportError("no module of this name"),
    KeyError("host"),
    TypeError("connect() got an unexpected keyword argument"),
    ZeroDivisionError("division by zero"),
)
LOCAL = (
    FileNotFoundError(errno.ENOENT, "No such file or directory", "/etc/app/client.pem"),
    PermissionError(errno.EACCES, "Permission denied", "/etc/app/client.key"),
    OSError(errno.EMFILE, "Too many open files"),
    OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol"),
    socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype"),
    RuntimeError("the configuration cannot be resolved"),
    UnicodeError("label empty or too long"),
    ValueError("invalid literal for int() with base 10: 'eu'"),
    json.JSONDecodeError("Expecting value", "", 0),
)
PASSING = (
    ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    OSError(errno.EHOSTUNREACH, "No route to host"),
    TimeoutError("timed out"),
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
)


class Lender:
    """A caller's pool that fails, and counts its calls."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.calls = 0

    def __call__(self) -> AbstractContextManager[Any]:
        return self

    def __enter__(self) -> Any:
        self.calls += 1
        raise self.error

    def __exit__(self, *_: object) -> None:
        """Never reached: no connection was checked out."""

    def using(self, backend: Backend, timeout: float) -> list[Callable[[], object]]:
        hostmap = HostMap(self, backend.dialect_name, timeout=timeout)
        return [
            lambda: hostmap.hosts.get("a"),
            hostmap.cells.list,
            lambda: hostmap.cells.create("a"),
            hostmap.migrate,
            hostmap.migration_status,
        ]


@pytest.mark.parametrize("error", MISTAKES, ids=lambda error: type(error).__name__)
def test_a_bug_in_a_callers_pool_is_raised_unchanged(backend: Backend, error: Exception) -> None:
    lender = Lender(error)
    for number, use in enumerate(lender.using(backend, 60), start=1):
        with pytest.raises(type(error)) as caught:
            use()
        assert caught.value is error
        assert lender.calls == number


@pytest.mark.parametrize("error", LOCAL, ids=repr)
def test_a_local_fault_is_not_retried(backend: Backend, error: Exception) -> None:
    lender = Lender(error)
    for number, use in enumerate(lender.using(backend, 60), start=1):
        with pytest.raises(DatabaseError) as caught:
            use()
        assert caught.type is DatabaseError
        assert caught.value.__cause__ is error
        name = "" if isinstance(error, OSError) else f"{type(error).__name__}: "
        assert f"{name}{error}" in str(caught.value)
        assert "check the URL" not in str(caught.value)
        assert lender.calls == number


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_a_transient_fault_is_retried(backend: Backend, error: Exception) -> None:
    lender = Lender(error)
    with pytest.raises(DatabaseUnavailable, match=str(error).replace("[", r"\[")):
        lender.using(backend, 0.3)[0]()
    assert lender.calls > 1


@pytest.mark.needs("users")
def test_a_refused_callers_pool_is_not_retried(backend: Backend) -> None:
    """psycopg has no code for the reason of a refused connection."""
    for wrong in ({"password": "wrong"}, {"user": "nobody"}):
        asked: list[object] = []

        def lend(wrong: Any = wrong, asked: list[object] = asked) -> Any:
            asked.append(wrong)
            return closing(backend.open_raw(**wrong))

        hostmap = HostMap(lend, backend.dialect_name, timeout=PATIENT)
        with pytest.raises(DatabaseError) as caught:
            hostmap.revision()
        assert caught.type is DatabaseError
        assert caught.value.code in ("1045", "28P01")
        assert len(asked) == 1


def test_a_connection_with_an_unread_answer_is_closed(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next call would read the rest of the answer."""
    connection = backend.open_raw()
    hostmap = HostMap(lambda: nullcontext(connection), backend.dialect_name)
    hostmap.revision()

    def fails(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(TimedCall, "select", staticmethod(fails))
        with pytest.raises(DatabaseError):
            hostmap.revision()
    assert not backend.dialect.is_open(connection)


def failure(url: str, timeout: float) -> str:
    """Return the outcome of connecting as text: the exception would keep PyMySQL's socket open."""
    with connect(url, timeout=timeout) as hostmap:
        try:
            hostmap.revision()
        except HostMapError as error:
            return f"{type(error).__name__}: {error}"
    return "nothing"


@pytest.fixture
def _sockets_left_open() -> Iterator[None]:
    yield
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()


@pytest.mark.needs("networks")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usefixtures("_sockets_left_open")
def test_an_impossible_socket_is_not_waited_for(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    told = failure(backend.url_of_socket(str(file)), 60)
    assert told.startswith("DatabaseError: ")
    assert "Not a directory" in told
    told = failure(backend.url_of_socket(str(tmp_path / ("x" * 200))), 60)
    assert told.startswith("DatabaseError: ")
    assert "too long" in told


@pytest.mark.needs("networks")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.usefixtures("_sockets_left_open")
def test_a_missing_socket_is_waited_for(backend: Backend, tmp_path: Path) -> None:
    told = failure(backend.url_of_socket(str(tmp_path)), 0.3)
    assert told.startswith("DatabaseUnavailable: ")
    assert "No such file" in told


@pytest.mark.parametrize(
    "greeting",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(4), b"\1\0\0\0\n"],
)
def test_a_server_that_is_not_mysql_is_not_waited_for(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"mysql://u:p@127.0.0.1:{server.getsockname()[1]}/d"
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(failure, url, 60)
            accepted, _ = server.accept()
            with accepted:
                accepted.sendall(greeting)
                assert told.result(30).startswith("DatabaseError: database 'd' on 127.0.0.1")
    assert "is neither MySQL nor MariaDB: check the host and the port" in told.result()


def use_without_descriptors(url: str, told: Any) -> None:
    with connect(url, timeout=PATIENT) as hostmap:
        hostmap.revision()
    with connect(url, timeout=PATIENT) as hostmap:
        highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
        kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(kept), highest + 100))
        with pytest.raises(HostMapError) as caught:
            hostmap.revision()
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 100, highest + 100))
    told.put(f"{caught.type.__name__}: {caught.value}")


def test_too_many_open_files_is_not_an_unavailable_server(backend: Backend) -> None:
    told = PROCESSES.Queue()
    process = PROCESSES.Process(target=use_without_descriptors, args=(backend.url, told))
    process.start()
    assert told.get(timeout=PATIENT).startswith("DatabaseError: ")
    process.join()
