"""No error shows a URL that was given as any argument of any public call, through either face."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import traceback
from contextlib import closing, suppress
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hostmap_sql
from hostmap_sql import HostMap, HostMapError, InvalidValue, aio, connect, nova
from tests.support.faces import Call
from tests.support.reports import CANARY, URL, linked, reported, reports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UUID = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"

SHAPES: tuple[Callable[[], object], ...] = (
    lambda: URL,
    lambda: f"{URL}\n",  # not a valid name either
    lambda: f"nova:{CANARY}@mq ",
    URL.encode,
    lambda: Path(URL),
    lambda: [f"{URL}\n"],
    lambda: [(f"{URL}\n", UUID), ("a", UUID)],
    lambda: [("a", URL)],
    lambda: (pair for pair in [("a", URL)]),
    lambda: {URL: {"name": "x"}},
    lambda: {UUID: {"name": f"{URL}\n"}},
    lambda: {UUID: {URL: URL}},
)

# The required arguments beside the one with the URL.
USUAL = {
    "before": 1,
    "callback": repr,
    "cell": "cell1",
    "cell_uuid": UUID,
    "change_id": UUID,
    "changes": {UUID: {"name": "x"}},
    "connections": lambda: closing(sqlite3.connect(":memory:")),
    "dialect": "sqlite",
    "fn": repr,
    "from_uuid": UUID,
    "host": "a",
    "hosts": ["a"],
    "keys": {},
    "name": "new",
    "pairs": [("a", UUID)],
    "revision": 1,
    "role": "lookup",
    "seconds": 5,
    "since": 0,
    "time": None,
    "to_uuid": UUID,
    "url": "sqlite:///x.db",
    "base": "mysql://u:p@h/d",
    "uuid": UUID,
}


@pytest.fixture
def hostmap(tmp_path: Path) -> Iterator[HostMap]:
    with connect(f"sqlite:///{tmp_path}/x.db", timeout=5) as hostmap:
        hostmap.migrate()
        hostmap.cells.create("cell1", uuid=UUID)
        hostmap.hosts.create("a", UUID)
        yield hostmap


def methods(value: object) -> Iterator[Callable[..., Any]]:
    """Yield the public methods of an object."""
    for name, _ in inspect.getmembers(type(value), inspect.isroutine):
        if not name.startswith("_"):
            yield getattr(value, name)


def calls(function: Callable[..., Any], **given: object) -> Iterator[Callable[[], object]]:
    """Yield calls of a function with the URL in each of its arguments, and with too many."""
    parameters = inspect.signature(function).parameters
    required = [
        name for name, one in parameters.items() if one.default is one.empty and name not in given
    ]
    usual = {name: USUAL[name] for name in required if name in USUAL} | given
    if "timeout" in parameters and "hosts" in parameters:
        usual["timeout"] = 0.01
    for name in parameters.keys() - given.keys():
        for shape in SHAPES:
            yield partial(_call, function, usual, name, shape)
    yield lambda: function(*[URL] * 9)
    yield lambda: function(nonsense=URL)


def _call(
    function: Callable[..., Any], usual: dict[str, Any], name: str, shape: Callable[[], object]
) -> object:
    return function(**usual | {name: shape()})


def functions(hostmap: HostMap) -> Iterator[Callable[[], object]]:
    function: Callable[..., Any]
    for function in (
        hostmap_sql.connect,
        hostmap_sql.fill_url,
        hostmap_sql.HostMap,
        hostmap_sql.KeyRing.from_file,
        aio.connect,
        nova.CellAccess,
    ):
        yield from calls(function)
    for function in (hostmap_sql.grants, nova.check, nova.discover):
        yield from calls(function, hostmap=hostmap)
    for function in (nova.import_mappings, nova.export_mappings):
        yield from calls(function, hostmap=hostmap, timeout=0.1)


def check(error: Exception) -> None:
    for name, text in reports(error):
        at = text.find(CANARY)
        assert at < 0, f"{name} shows it: {text[max(0, at - 700) : at + 100]}"


def test_the_synchronous_face(hostmap: HostMap) -> None:
    replica = hostmap.replica()
    parts = (hostmap, hostmap.hosts, hostmap.cells, hostmap.history, hostmap.secrets, replica)
    made = (call for part in parts for method in methods(part) for call in calls(method))
    refused = 0
    for call in chain(made, functions(hostmap)):
        try:
            answer: Any = call()
            if hasattr(answer, "__enter__") and not isinstance(answer, HostMap):
                with answer:
                    pass
            elif hasattr(answer, "__next__"):
                [*islice(answer, 2)]
        except Exception as error:  # noqa: BLE001 - of any kind
            refused += 1
            check(error)
    assert refused > 500


def test_the_asynchronous_face(hostmap: HostMap) -> None:
    async def main() -> int:
        refused = 0
        async with aio.AsyncHostMap(hostmap, threads=1) as face:
            replica = await face.replica()
            parts = (face, face.hosts, face.cells, face.history, face.secrets, replica)
            for call in (c for part in parts for method in methods(part) for c in calls(method)):
                try:
                    answer: Any = call()
                    if hasattr(answer, "__aenter__"):
                        async with answer:
                            pass
                    elif hasattr(answer, "__anext__"):
                        await anext(answer, None)
                    elif inspect.isawaitable(answer):
                        await answer
                except Exception as error:  # noqa: BLE001 - of any kind
                    refused += 1
                    check(error)
        return refused

    assert asyncio.run(main()) > 300


# --- URLs of cells --------------------------------------------------------------------------------

REFUSED: list[Any] = [
    CANARY,
    f"nova:{CANARY}@mq",
    f"rabbit://nova:{CANARY}@mq/ and more",
    f"rabbit://nova:{CANARY}\n@mq/",
    f"rabbit://nova:{CANARY}\udcff@mq/",
    URL + "x" * 20_000,
    URL.encode(),
    [URL],
    {"url": URL},
    Path(URL),
]


@pytest.mark.parametrize("face", [Call.synchronously, Call.asynchronously])
def test_urls_of_cells_that_are_refused(hostmap: HostMap, face: Any) -> None:
    for url in REFUSED:
        for call in (
            Call("cells.create", "new", transport_url=url),
            Call("cells.update", UUID, transport_url=url),
            Call("cells.update_many", {UUID: {"database_connection": url}}),
            Call("cells.update_many", {UUID: {"transport_uri": url}}),
            Call("cells.update_many", {UUID: url}),
            Call("cells.update_many", [url]),
        ):
            with reported(InvalidValue):
                face(call, hostmap)


# --- what errors say ------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [URL, f"nova:{CANARY}@mq", f"host=db password={CANARY}"])
def test_an_error_masks_a_secret_in_the_wrong_argument(hostmap: HostMap, given: str) -> None:
    hosts, uuid = hostmap.hosts, UUID
    with suppress(InvalidValue):  # new names are no URLs
        hostmap.cells.create(given, uuid="d0c0ffee-0000-4000-8000-000000000001")
        hosts.create(given, uuid)
    calls: dict[str, Callable[[], object]] = {
        "host": lambda: hosts.get(f"{given} "),
        "no host": lambda: hosts.delete(f"{given}x"),
        "host taken": lambda: hosts.create(given, uuid),
        "long": lambda: hosts.get(given * 20),
        "cell": lambda: hostmap.cells.get_by_name(f"{given}x"),
        "cell taken": lambda: hostmap.cells.create(given),
        "cell of a host": lambda: hosts.create("a", given),
        "uuid": lambda: hostmap.cells.get(given),
        "author": lambda: hostmap.with_author(author=f"{given}\n"),
        "reason": lambda: hostmap.with_author(reason=f"{given}\n"),
        "change_id": lambda: hostmap.outcome(given),
        "revision": lambda: hostmap.outcome(uuid, revision=given),  # type: ignore[arg-type]
        "prefix": lambda: hosts.list(prefix=f"{given}\n"),
        "limit": lambda: hosts.list(limit=given),  # type: ignore[arg-type]
        "on_conflict": lambda: hosts.create_many([], on_conflict=given),  # type: ignore[arg-type]
        "pair": lambda: hosts.create_many([(given, given)]),
        "wait": lambda: hosts.wait([f"{given}x"], timeout=0.01),
        "dialect": lambda: HostMap(failing, given),
        "migration": lambda: hostmap.rollback_migrations(given),
        "timeout": lambda: connect("sqlite:///x.db", timeout=given),  # type: ignore[arg-type]
        "name": lambda: HostMap(failing, "sqlite", name=given).revision(),
    }
    for name, call in calls.items():
        with pytest.raises(HostMapError) as caught:
            call()
        for error in linked(caught.value):
            assert CANARY not in f"{error} {error!r}", name


def failing() -> Any:
    """Be a pool that cannot connect."""
    raise RuntimeError("no connection")


# --- what stays -----------------------------------------------------------------------------------


def frames(error: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_an_error_about_plain_names_keeps_its_frames(hostmap: HostMap) -> None:
    with pytest.raises(HostMapError) as caught:
        hostmap.hosts.delete("b")
    assert "_get_expected" in frames(caught.value)


def test_the_frames_of_a_callers_function_stay(hostmap: HostMap) -> None:
    def callback(_: object) -> None:
        raise KeyError("callback")

    with pytest.raises(KeyError) as caught:
        hostmap.run(callback, reason=URL)
    test, *others = frames(caught.value)
    assert others == ["callback"], test


@pytest.mark.parametrize("given", [CANARY, CANARY.encode(), [CANARY], Path(CANARY)])
def test_a_password_alone_is_in_no_report(given: Any) -> None:
    for call in (
        lambda: connect("sqlite:///x.db", password=given),
        lambda: aio.connect("sqlite:///x.db", password=given),
        lambda: connect(f"mysql://u:{CANARY}@h/d", timeout=given),
        lambda: hostmap_sql.KeyRing({"a": given}, active="a"),
        lambda: nova.CellAccess(template_url=given),
        lambda: nova.CellAccess("x=y", given),
    ):
        with reported():
            call()


def test_trusted_hosts_do_not_show() -> None:
    assert CANARY not in repr(nova.CellAccess(trusted_hosts=(URL,), trusted_files=(URL,)))
