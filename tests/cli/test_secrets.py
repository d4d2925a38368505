"""`hostmap secrets`, and the other commands on a directory whose URLs are sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import CELL1_UUID, PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli

URL = f"rabbit://nova:{PASSWORD}@mq.cell1:5672/"


@pytest.fixture
def keys(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key file of the environment, with the key "a"."""
    path = tmp_path / "hostmap.keys"
    monkeypatch.setenv("HOSTMAP_KEY_FILE", str(path))
    cli("secrets", "generate-key", "--key", "a")
    return path


@pytest.fixture
def sealed(cli: Cli, keys: Path) -> Cli:
    """The command on a directory whose six URLs are sealed with the key "a"."""
    assert keys.exists()
    cli("secrets", "seal")
    return cli


def statuses(cli: Cli) -> dict[str, tuple[int, int]]:
    return {
        one["key"] or one["kind"]: (one["urls"], one["unreadable"])
        for one in cli.json("secrets", "status")
    }


def database(cli: Cli) -> bytes:
    from hostmap_sql import connect  # noqa: PLC0415

    with connect(cli.url) as hostmap:
        rows = [(cell.transport_url, cell.database_connection) for cell in hostmap.cells.list()]
    return str([str(url) for row in rows for url in row]).encode()


def test_seal_counts_and_repeats(cli: Cli, keys: Path) -> None:
    assert keys.exists()
    plan = cli.json("secrets", "seal", "--dry-run")
    assert [(one["action"], one["name"], one["detail"]) for one in plan] == [
        ("update", f"cell{n}", "transport_url, database_connection") for n in (1, 2, 3)
    ]
    assert cli.revision() == 5
    result = cli.json("secrets", "seal", "--author", "me")
    assert result == {
        "cells": 3,
        "urls": 6,
        "unchanged": 0,
        "skipped": 0,
        "revision": 6,
        "keys": [{"key": "a", "urls": 6, "active": True}],
    }
    again = cli("secrets", "seal").stdout
    assert again == "sealed 0 URLs of 0 cells, unchanged 6; key a: 6 URLs\n"
    assert cli.revision() == 6
    change = cli.json("log", "--since", "5")[0]
    assert (change["author"], change["reason"]) == ("me", "seal the URLs")


def test_clear_text_is_found_before_and_refused_after_sealing(
    cli: Cli, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = cli.json("check", "--require-sealed", status=4)
    assert [(one["kind"], PASSWORD in str(one)) for one in found] == [("cell-unsealed", False)] * 6
    assert "hostmap secrets seal" in found[0]["problem"]
    cli("secrets", "seal")
    assert cli.json("check", "--require-sealed") == []
    monkeypatch.delenv("HOSTMAP_KEY_FILE")
    error = cli.error("cell", "create", "cell4", "--transport-url", URL, status=1)
    assert "connect with a cipher" in error
    assert "--key-file" in error
    assert cli.json("check", "--require-sealed") == []
    assert keys.exists()


def test_commands_open_and_seal(sealed: Cli) -> None:
    shown = sealed.json("cell", "show", "cell1")
    assert shown["transport_url"] == "sealed://a/***"
    assert sealed.json("cell", "show", "cell1", "--show-secrets")["transport_url"] == URL
    assert sealed.json("cell", "list", "--show-secrets")[0]["transport_url"] == URL
    # A masked URL cannot be written back.
    error = sealed.error("cell", "update", "cell1", "--transport-url", "sealed://a/***", status=2)
    assert "in the place of a secret" in error
    error = sealed.error("cell", "update", "cell1", "--transport-url", "sealed://a/b", status=2)
    assert "--transport-url is sealed already" in error


def test_cell_rotate_compares_clear_text(sealed: Cli, tmp_path: Path) -> None:
    file = tmp_path / "urls.csv"
    file.write_text(f"cell,transport_url\ncell1,{URL}\ncell2,rabbit://nova:N3W@mq2/\n")
    plan = sealed.json("cell", "rotate", "--file", file, "--dry-run")
    assert [one["name"] for one in plan] == ["cell2"]
    assert sealed.json("cell", "rotate", "--file", file)["updated"] == 1
    assert sealed.json("cell", "rotate", "--file", file)["updated"] == 0
    assert b"N3W" not in database(sealed)
    assert statuses(sealed) == {"a": (6, 0), "reference": (0, 0), "clear": (0, 0)}


def test_without_the_file_everything_but_the_secrets_works(
    sealed: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOSTMAP_KEY_FILE")
    assert sealed.json("host", "show", "compute-1")["cell"] == "cell1"
    assert sealed.json("cell", "list")[0]["transport_url"] == "sealed://a/***"
    assert sealed("cell", "disable", "cell1").stdout
    assert statuses(sealed) == {"a": (6, 6), "reference": (0, 0), "clear": (0, 0)}
    error = sealed.error("cell", "show", "cell1", "--show-secrets", status=1)
    assert f"cell {CELL1_UUID}" in error
    assert "key 'a'" in error
    error = sealed.error("cell", "update", "cell1", "--transport-url", "rabbit://x/", status=1)
    assert "--key-file" in error
    for command in ("seal", "rotate"):
        error = sealed.error("secrets", command, status=2)
        assert "--key-file (or HOSTMAP_KEY_FILE) is missing" in error


def test_rotate_replaces_the_key(sealed: Cli, keys: Path) -> None:
    sealed("secrets", "generate-key", "--key", "b", "--inactive")
    assert sealed.json("secrets", "rotate")["urls"] == 0
    sealed("secrets", "generate-key", "--key", "b")
    assert len(sealed.json("secrets", "rotate", "--dry-run")) == 3
    assert statuses(sealed)["a"] == (6, 0)
    result = sealed.json("secrets", "rotate")
    assert (result["urls"], result["keys"]) == (6, [{"key": "b", "urls": 6, "active": True}])
    assert sealed.json("secrets", "rotate")["revision"] is None
    lines = keys.read_text().splitlines(keepends=True)
    keys.write_text("".join(line for line in lines if " a " not in line))
    assert sealed.json("cell", "show", "cell1", "--show-secrets")["transport_url"] == URL


def test_a_lost_key_is_named_before_anything_is_written(sealed: Cli, keys: Path) -> None:
    keys.unlink()
    sealed("secrets", "generate-key", "--key", "b")
    revision = sealed.revision()
    error = sealed.error("secrets", "rotate", status=1)
    assert "key 'a', which the cipher does not have (5 more cannot be opened" in error
    assert sealed.revision() == revision
    assert statuses(sealed) == {"a": (6, 6), "b": (0, 0), "reference": (0, 0), "clear": (0, 0)}


def test_generate_key_reports_its_action(cli: Cli, tmp_path: Path) -> None:
    option = ("--key-file", tmp_path / "new.keys")
    row = cli.json("secrets", "generate-key", *option, "--key", "a", "--dry-run")
    assert row == {"action": "created", "key": "a", "active": True, "keys": 1}
    assert not (tmp_path / "new.keys").exists()
    assert cli.json("secrets", "generate-key", *option, "--key", "a") == row
    text = (tmp_path / "new.keys").read_text()
    again = cli("secrets", "generate-key", *option)
    assert again.stdout == "unchanged: the key a exists already\n"
    assert (tmp_path / "new.keys").read_text() == text
    secret = text.split()[-1]
    assert secret not in again.output
    error = cli.error("secrets", "generate-key", *option, "--key", "a b", status=2)
    assert error.startswith("hostmap: --key must be 1 to 64")
    assert "--key-file" in cli.error("secrets", "generate-key", status=2)


def test_a_file_that_others_can_read_is_refused(sealed: Cli, keys: Path) -> None:
    keys.chmod(0o644)
    error = sealed.error("cell", "list", "--show-secrets", status=2)
    assert f"--key-file (or HOSTMAP_KEY_FILE) '{keys}' has mode 644" in error


def test_what_needs_no_keys_works_without_the_file(
    sealed: Cli, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.unlink()
    monkeypatch.setenv("HOSTMAP_REFERENCE_FOLDER", "not absolute")
    without_keys: list[tuple[str, ...]] = [
        ("host", "list"),
        ("cell", "list"),
        ("cell", "show", "cell1"),
        ("cell", "create", "cell4"),
        ("cell", "update", "cell4", "--name", "cell5", "--transport-url", ""),
        ("cell", "disable", "cell5"),
        ("cell", "delete", "cell5"),
    ]
    for words in without_keys:
        assert sealed(*words).stderr == ""
    for name, number, found in (("cell", "3", "cell1"), ("host", "3", "compute-1")):
        monkeypatch.setenv("_HOSTMAP_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", f"hostmap {name} show ")
        monkeypatch.setenv("COMP_CWORD", number)
        assert f"plain,{found}\n" in sealed().stdout
    monkeypatch.delenv("_HOSTMAP_COMPLETE")
    monkeypatch.delenv("HOSTMAP_REFERENCE_FOLDER")
    revision = sealed.revision()
    with_keys: list[tuple[str, ...]] = [
        ("cell", "list", "--show-secrets"),
        ("cell", "list", "--key-file", str(keys)),
        ("cell", "create", "cell6", "--transport-url", URL),
        ("cell", "update", "cell1", "--transport-url", URL),
        ("secrets", "status"),
        ("nova", "check"),
    ]
    for words in with_keys:
        error = sealed.error(*words, status=2)
        assert "--key-file (or HOSTMAP_KEY_FILE) cannot be read: No such file" in error
    assert sealed.revision() == revision


def test_a_key_in_place_of_the_file_is_not_shown(cli: Cli, keys: Path) -> None:
    secret = keys.read_text().split()[-1]
    error = cli.error("cell", "list", "--key-file", secret, status=2)
    assert "cannot be read" in error
    assert secret not in error


def test_references_are_followed_where_an_option_allows_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mq").write_text(f"{URL}\n")
    monkeypatch.setenv("CELL_DB", "mysql://nova:x@db/nova")
    urls = ("--transport-url", f"file://{tmp_path}/mq", "--database-connection", "env://CELL_DB")
    cli("cell", "update", "cell1", *urls)
    show = ("cell", "show", "cell1", "--show-secrets")
    folder, prefix = ("--reference-folder", tmp_path), ("--reference-prefix", "CELL_")
    shown = cli.json(*show, *folder, *prefix)
    assert (shown["transport_url"], shown["database_connection"]) == (URL, "mysql://nova:x@db/nova")
    assert cli.json("cell", "show", "cell1")["transport_url"] == f"file://{tmp_path}/mq"
    assert "--reference-folder" in cli.error(*show, *prefix, status=1)
    assert "--reference-prefix" in cli.error(*show, *folder, status=1)
    error = cli.error(*show, "--reference-folder", "secrets", status=2)
    assert "--reference-folder (or HOSTMAP_REFERENCE_FOLDER) must be an absolute path" in error
    monkeypatch.setenv("HOSTMAP_REFERENCE_FOLDER", str(tmp_path / "other"))
    assert "leads out of the folder" in cli.error(*show, *prefix, status=1)
