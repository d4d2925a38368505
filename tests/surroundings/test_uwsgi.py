"""uWSGI in its usual setup: it loads the application once and forks its workers in C."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

HOSTS = 40
WORKERS = 4
UWSGI = str(Path(sys.executable).with_name("uwsgi"))
APP = Path(__file__).with_name("uwsgi_app.py")


class Answer(NamedTuple):
    text: str
    pid: str


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


class Server:
    """A running uWSGI."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, what: str) -> Answer:
        connection = _Connection(self._path)
        try:
            connection.request("GET", what)
            response = connection.getresponse()
            return Answer(response.read().decode(), response.headers["X-Pid"])
        finally:
            connection.close()


@contextmanager
def uwsgi(backend: Backend, folder: Path, *options: str) -> Iterator[Server]:
    path, log = folder / "uwsgi.sock", folder / "uwsgi.log"
    command = [UWSGI, "--http-socket", str(path), "--master", "--processes", str(WORKERS)]
    command += ["--die-on-term", "--need-app", "--wsgi-file", str(APP), *options]
    environment = os.environ | {"HOSTMAP_DATABASE": backend.url}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
    try:
        deadline = monotonic() + 60
        while "spawned uWSGI worker 4" not in log.read_text(errors="replace"):
            assert process.poll() is None, log.read_text(errors="replace")
            assert monotonic() < deadline, log.read_text(errors="replace")
            sleep(0.05)
        yield Server(path)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


OPTIONS: Mapping[str, Sequence[str]] = {
    "threads": ["--enable-threads", "--py-call-osafterfork"],
    "threads alone": ["--enable-threads"],
    "no threads": [],
}


@pytest.fixture(params=OPTIONS)
def server(
    backend: Backend,
    hostmap: HostMap,
    cells: Cells,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Server]:
    pairs = [(f"web-{n}", (cells.one, cells.two)[n % 2].uuid) for n in range(HOSTS)]
    hostmap.hosts.create_many(pairs)
    with uwsgi(backend, tmp_path, *OPTIONS[request.param]) as server:
        yield server


def test_each_worker_answers_correctly_and_follows_changes(
    server: Server, hostmap: HostMap, cells: Cells
) -> None:
    def ask(number: int) -> str:
        host, cell = f"web-{number % HOSTS}", ("cell1", "cell2")[number % 2]
        answer = server.get(f"/hosts/{host}")
        assert answer.text == f"{host} {cell}"
        return answer.pid

    with ThreadPoolExecutor(2 * WORKERS) as pool:
        pids = set(pool.map(ask, range(8 * HOSTS)))
    assert len(pids) > 1, "all requests went to one worker"

    # Changes after the fork reach the replica of each worker. Without `enable-threads` its thread
    # runs only while a request is served.
    hostmap.hosts.move("web-0", cells.two.uuid)
    moved, deadline = set[str](), monotonic() + 300
    while not pids <= moved:
        assert monotonic() < deadline, f"of {pids} only {moved} follow"
        with ThreadPoolExecutor(2 * WORKERS) as pool:
            answers = [*pool.map(server.get, ["/replica/web-0"] * 2 * WORKERS)]
        for text, pid in answers:
            assert text.startswith(("web-0 cell1 ", "web-0 cell2 ")), text
            if "cell2" in text:
                moved.add(pid)
        sleep(0.02)
