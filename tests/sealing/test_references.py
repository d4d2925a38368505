"""References, which `reveal` follows if the caller allows their kind."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    CELL0_UUID,
    InvalidValue,
    KeyRing,
    References,
    SecretUnavailable,
    SecretUrl,
    connect,
)
from hostmap_sql.masking import mask
from hostmap_sql.sealing.url_codec import UrlCodec

if TYPE_CHECKING:
    from pathlib import Path

    from hostmap_sql import CellMapping, HostMap
    from tests.support.backends import Backend

URL = "rabbit://nova:s3cret@mq1:5672/"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the secrets of cells, beside one with others."""
    folder = tmp_path / "secrets"
    (folder / "deep").mkdir(parents=True)
    (folder / "mq1").write_text(f"{URL}\n")
    (folder / "deep" / "mq 2").write_text(f"\ufeff {URL}\r\n")
    (folder / "empty").write_text("")
    (folder / "key").write_text("-----BEGIN PRIVATE KEY-----\ncanary\n")
    (folder / "bytes").write_bytes(b"rabbit://\xff\xfe")
    (folder / "large").write_text(URL + "/" * 100_000)
    (folder / "chain").write_text(f"file://{folder}/mq1")
    (folder / "sealed").write_text("sealed://k/x")
    os.mkfifo(folder / "fifo")
    (tmp_path / "other").write_text(URL)
    (tmp_path / "secrets-2").mkdir()
    (tmp_path / "secrets-2" / "mq1").write_text(URL)
    (folder / "link").symlink_to(folder / "mq1")
    (folder / "out").symlink_to(tmp_path / "other")
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    # As Kubernetes mounts secrets.
    (folder / "..2026").mkdir()
    (folder / "..2026" / "mq3").write_text(URL)
    (folder / "..data").symlink_to("..2026")
    (folder / "mq3").symlink_to("..data/mq3")
    return folder


def revealed(reference: str, references: References | None) -> str:
    """Reveal a reference that is read from the table."""
    url = UrlCodec(None, references).decode(reference, CELL0_UUID, "transport_url")
    assert str(url) == mask(reference)
    return url.reveal()


def refusal(reference: str, references: References | None) -> str:
    """Return why a reference is not followed."""
    with pytest.raises(SecretUnavailable) as caught:
        revealed(reference, references)
    error = caught.value
    assert error.field == "transport_url"
    assert error.__cause__ is None
    assert error.__context__ is None
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in found.stack if "/tests/" not in frame.filename]
    for secret in ("s3cret", "canary"):
        assert secret not in f"{error} {[frame.locals for frame in ours]}"
    return str(error)


GOOD_FILES = ["mq1", "deep/mq%202", "link", "mq3", "deep/../mq1", "./mq1", "/mq1"]


@pytest.mark.parametrize("name", GOOD_FILES)
def test_a_file_below_the_folder_is_read(folder: Path, name: str) -> None:
    references = References(folder=folder)
    assert revealed(f"file://{folder}/{name}", references) == URL
    assert revealed(f"FILE://{folder}/{name}", references) == URL


OUTSIDE = [
    "out",
    "up/other",
    "../other",
    "%2E%2E/other",
    "..%2Fother",
    "deep/../../other",
    "../secrets-2/mq1",
    "up/secrets-2/mq1",
    "..",
    "../../../../../../../../../etc/passwd",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_leads_out_of_the_folder(folder: Path, name: str) -> None:
    text = refusal(f"file://{folder}/{name}", References(folder=folder))
    assert "leads out of the folder" in text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "file:///", "file:////etc/passwd"])
def test_other_absolute_paths_are_outside(folder: Path, url: str) -> None:
    assert "leads out" in refusal(url, References(folder=folder))


BAD_FILES = {
    "missing": "No such file",
    "deep": "no file that holds a URL",
    "": "no file that holds a URL",
    "fifo": "no file that holds a URL",
    "large": "a file that is larger than 64 KiB",
    "empty": "leads to text that is not a URL",
    "key": "leads to text that is not a URL",
    "bytes": "a file that is not UTF-8 text",
    "chain": "leads to another reference",
    "sealed": "leads to text that is not a URL",
    "loop": "a file that cannot be read",
    "mq1/x": "Not a directory",
    "mq1%00": "not of the form",
    "mq1?x=1": "not of the form",
    "mq1#x": "not of the form",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_holds_no_url_is_not_revealed(folder: Path, name: str) -> None:
    text = refusal(f"file://{folder}/{name}", References(folder=folder))
    assert BAD_FILES[name] in text


def test_a_relative_or_remote_file_is_refused(folder: Path) -> None:
    for url in ("file://mq1", "file://host/mq1", f"file://localhost{folder}/mq1"):
        assert "not of the form" in refusal(url, References(folder=folder))


def test_a_variable_is_read_by_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELL_MQ", f" {URL}\n")
    monkeypatch.setenv("AWS_SECRET", URL)
    monkeypatch.setenv("CELL_TOKEN", "canary")
    references = References(env_prefix="CELL_")
    assert revealed("env://CELL_MQ", references) == URL
    for url, problem in {
        "env://AWS_SECRET": "no variable that begins with CELL_",
        "env://CELL_MISSING": "is not set",
        "env://CELL_TOKEN": "leads to text that is not a URL",
        "env://CELL_MQ/": "no variable",
        "env://": "no variable",
    }.items():
        assert problem in refusal(url, references)


def test_a_function_follows_other_schemes() -> None:
    def vault(reference: str) -> Any:
        return {"vault://kv/mq1": URL, "vault://kv/none": None}[reference]

    references = References(functions={"vault": vault})
    assert revealed("vault://kv/mq1", references) == URL
    for url, problem in {
        "vault://kv/none": "returned no text",
        "vault://kv/missing": "raised KeyError",
    }.items():
        assert problem in refusal(url, references)
    # Without a function it is a URL like any other.
    assert revealed("vault://kv/mq1", None) == "vault://kv/mq1"


@pytest.mark.parametrize("reference", ["env://PATH", "env://HOME", "file:///etc/passwd"])
@pytest.mark.parametrize(
    "references", [None, References(functions={"vault": str})], ids=["none", "others"]
)
def test_nothing_is_followed_unless_it_is_allowed(
    reference: str, references: References | None
) -> None:
    assert "not allowed here" in refusal(reference, references)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"env_prefix": ""}, "env_prefix"),
        ({"env_prefix": "A-"}, "env_prefix"),
        ({"folder": "secrets"}, "folder must be an absolute path"),
        ({"functions": {"env": str}}, "functions"),
        ({"functions": {"sealed": str}}, "functions"),
        ({"functions": {"A B": str}}, "functions"),
    ],
    ids=str,
)
def test_unusable_references_are_refused(arguments: Any, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        References(**arguments)


def test_other_objects_than_references_are_refused() -> None:
    with pytest.raises(InvalidValue, match="references must be References, not dict"):
        connect("sqlite:///never-made.db", references={"env": True})  # type: ignore[arg-type]


# --- comparing and sealing ------------------------------------------------------------------------


@pytest.fixture
def cell(backend: Backend) -> CellMapping:
    return backend.hostmap.cells.create("cell1", transport_url="env://CELL_MQ")


@pytest.mark.one_database
def test_references_are_compared_and_copied_as_written(
    backend: Backend, cell: CellMapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELL_MQ", f"{URL}\n")
    hostmap = backend.connect(references=References(env_prefix="CELL_"))
    found = hostmap.cells.get(cell.uuid).transport_url
    assert found
    assert found.reveal() == URL
    revision = hostmap.revision()
    assert hostmap.cells.update(cell.uuid, transport_url="env://CELL_MQ") == cell
    assert hostmap.revision() == revision
    copied = hostmap.cells.create("cell2", transport_url=hostmap.cells.get(cell.uuid).transport_url)
    assert "env://CELL_MQ" in str(backend.query("SELECT * FROM cell_mapping WHERE name = 'cell2'"))
    assert copied.transport_url == cell.transport_url
    # The URL itself replaces the reference to it.
    updated = hostmap.cells.update(cell.uuid, transport_url=URL)
    assert (updated.transport_url, updated.revision) == (SecretUrl(URL), revision + 2)


@pytest.mark.one_database
def test_a_cipher_leaves_references_as_they_are(
    backend: Backend, cell: CellMapping, hostmap: HostMap, ring: KeyRing
) -> None:
    hostmap.cells.create("cell2", transport_url="file:///run/secrets/x")
    assert hostmap.secrets.seal().urls == 0
    rows = backend.query("SELECT transport_url FROM cell_mapping ORDER BY name")
    assert rows == [("env://CELL_MQ",), ("file:///run/secrets/x",)]
    assert hostmap.check(require_sealed=True) == ()
    assert cell.transport_url is not None
    # To a client that does not know its scheme, it is a URL: sealed here, then opened and followed.
    hostmap.cells.create("cell3", transport_url="vault://kv/mq1")
    assert "vault" not in str(backend.query("SELECT * FROM cell_mapping"))
    follows = References(functions={"vault": lambda _: URL})
    reader = backend.connect(cipher=ring, references=follows)
    found = reader.cells.get_by_name("cell3").transport_url
    assert found
    assert found.reveal() == URL
