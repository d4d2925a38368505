"""Key rings and their files."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import traceback
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostmap_sql import InvalidValue, KeyRing, generate_key
from hostmap_sql.masking import mask
from hostmap_sql.sealed_text import key_id_of

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
KEY_TEXT = b64encode(OLD).decode()
RING = KeyRing({"old": OLD, "new": NEW}, active="new")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hostmap.keys"


def write(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)


# --- sealing --------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.text(), st.text())
def test_a_sealed_text_opens(text: str, context: str) -> None:
    sealed = RING.seal(text, context)

    assert RING.open(sealed, context) == text
    assert key_id_of(f"sealed://{sealed}") == "new"
    assert RING.seal(text, context) != sealed


@pytest.mark.parametrize("context", ["uuid/database_connection", "other/transport_url", ""])
def test_another_context_opens_nothing(context: str) -> None:
    with pytest.raises(ValueError, match="another context"):
        RING.open(RING.seal("rabbit://x/", "uuid/transport_url"), context)


def test_altered_text_opens_nothing() -> None:
    key, _, data = RING.seal("rabbit://nova:s3cret@mq1/", "c").partition("/")
    for place in range(len(data)):
        # The last of its characters holds bits that base64 ignores.
        other = "A" if data[place] != "A" else "z"
        altered = data[:place] + other + data[place + 1 :]
        if place < len(data) - 1:
            with pytest.raises(ValueError, match="altered"):
                RING.open(f"{key}/{altered}", "c")
    for data in ("", "A", "=", "AAAA", "\N{SNOWMAN}" * 40, "A" * 41):
        with pytest.raises(ValueError, match="altered"):
            RING.open(f"new/{data}", "c")


def test_a_missing_key_is_a_lookup_error() -> None:
    with pytest.raises(LookupError):
        KeyRing({"old": OLD}, active="old").open(RING.seal("text", "c"), "c")


def test_the_sealed_text_is_the_documented_one() -> None:
    """Other programs can open it: the nonce, the ciphertext and the tag, in base64url."""
    from base64 import urlsafe_b64decode  # noqa: PLC0415

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    data = RING.seal("rabbit://x/", "uuid/transport_url").partition("/")[2]
    raw = urlsafe_b64decode(data + "=" * (-len(data) % 4))
    assert AESGCM(NEW).decrypt(raw[:12], raw[12:], b"uuid/transport_url") == b"rabbit://x/"


def test_a_masked_text_shows_the_key_alone() -> None:
    assert mask(f"sealed://{RING.seal('text', 'c')}") == "sealed://new/***"
    assert mask("sealed://rabbit:s3cret@mq/") == mask("Sealed://s3cret") == "sealed://***"


# --- secrecy --------------------------------------------------------------------------------------


def test_a_ring_shows_no_key_and_cannot_be_pickled() -> None:
    shown = f"{RING!r} {RING} {vars(RING)} {RING._keys}"
    assert repr(RING) == "<KeyRing of 2 keys, active 'new'>"
    assert repr(OLD) not in shown
    assert repr(NEW) not in shown
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(RING)


BAD_RINGS: list[tuple[object, object, str]] = [
    ({"a": OLD[:31]}, "a", "32 bytes"),
    ({"a": KEY_TEXT}, "a", "32 bytes"),
    ({"a b": OLD}, "a b", "ids"),
    ({"": OLD}, "", "ids"),
    ({1: OLD}, 1, "ids"),
    ({"a": OLD}, "b", "active"),
    ({"a": OLD}, ["a"], "active"),
    ({}, "a", "active"),
    ([("a", OLD)], "a", "mapping"),
]


@pytest.mark.parametrize(("keys", "active", "problem"), BAD_RINGS, ids=lambda v: str(v)[:20])
def test_an_unusable_ring_is_refused_without_its_keys(
    keys: object, active: object, problem: str
) -> None:
    with pytest.raises(InvalidValue, match=problem) as caught:
        KeyRing(keys, active=active)  # type: ignore[arg-type]
    assert_hidden(caught.value, OLD, OLD[:31], KEY_TEXT)


def assert_hidden(error: BaseException, *secrets: object) -> None:
    """Fail if an error, or a local variable of the library below it, shows a secret."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in found.stack if "/tests/" not in frame.filename]
    shown = f"{error} {error!r} {[frame.locals for frame in ours]}"
    assert error.__cause__ is None
    assert error.__context__ is None
    for secret in secrets:
        assert (secret if isinstance(secret, str) else repr(secret)) not in shown


BAD_FILES: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "has 0 active keys"),
    "comments": ("# nothing\n\n", "has 0 active keys"),
    "no active key": (f"inactive a {KEY_TEXT}\n", "has 0 active keys"),
    "two active keys": (f"active a {KEY_TEXT}\nactive b {KEY_TEXT}\n", "has 2 active keys"),
    "the key alone": (f"{KEY_TEXT}\n", "line 1 is not of the form"),
    "no state": (f"# keys\na {KEY_TEXT}\n", "line 2 is not of the form"),
    "another state": (f"primary a {KEY_TEXT}\n", "line 1 is not of the form"),
    "an id twice": (f"active a {KEY_TEXT}\ninactive a {KEY_TEXT}\n", "line 2 has the id"),
    "a bad id": (f"active a/b {KEY_TEXT}\n", "line 1 has an id"),
    "key and id exchanged": (f"active {KEY_TEXT} a\n", "line 1 has"),
    "a short key": (f"active a {KEY_TEXT[:40]}\n", "line 1 has a key that is not 32 bytes"),
    "no base64": (f"active a {KEY_TEXT[:-1]}!\n", "line 1 has a key that is not 32 bytes"),
    "raw bytes": (b"active a " + NEW + b"\n", "is not UTF-8 text"),
    "raw ASCII": (b"active a " + bytes(range(33, 65)) + b"\n", "line 1 has a key"),
    "no text": (bytes(range(256)), "is not UTF-8 text"),
    "a large file": ("# \n" * 22_000, "is larger than 64 KiB"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_an_unusable_file_is_refused_without_its_content(path: Path, name: str) -> None:
    text, problem = BAD_FILES[name]
    write(path, text)
    for call in (KeyRing.from_file, generate_key):
        with pytest.raises(InvalidValue, match=problem) as caught:
            call(path)
        assert str(path) in str(caught.value)
        assert_hidden(caught.value, KEY_TEXT, KEY_TEXT[:40], OLD, NEW, KEY_TEXT[:-1])
    assert path.read_bytes() == (text if isinstance(text, bytes) else text.encode())


def test_a_key_in_place_of_the_path_is_not_quoted() -> None:
    for path in (KEY_TEXT, f"active a {KEY_TEXT}", "a\0b", ""):
        with pytest.raises(InvalidValue, match="key file cannot be read") as caught:
            KeyRing.from_file(path)
        assert KEY_TEXT not in str(caught.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o644, 0o666, 0o601])
def test_a_file_that_others_can_use_is_refused(path: Path, mode: int) -> None:
    write(path, f"active a {KEY_TEXT}\n", mode)
    with pytest.raises(InvalidValue, match=f"has mode {mode:03o}.*chmod 600"):
        KeyRing.from_file(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_file_that_its_group_can_read_is_accepted(path: Path, mode: int) -> None:
    write(path, f"active a {KEY_TEXT}\n", mode)
    assert KeyRing.from_file(path).active == "a"


def test_both_alphabets_of_base64_are_read(path: Path) -> None:
    key = b"\xff\xfe" * 16
    text = b64encode(key).decode()
    assert "/" in text
    for written in (text, text.replace("/", "_").replace("+", "-")):
        write(path, f"\ufeff active\ta  {written} \r\n")
        sealed = KeyRing({"a": key}, active="a").seal("text", "c")
        assert KeyRing.from_file(path).open(sealed, "c") == "text"


def test_without_the_library_the_extra_is_named(path: Path) -> None:
    generate_key(path)
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "import hostmap_sql\n"
        f"try: hostmap_sql.KeyRing.from_file({str(path)!r})\n"
        "except hostmap_sql.InvalidValue as error: print(error)\n"
        "try: hostmap_sql.KeyRing({'a': bytes(32)}, active='a')\n"
        "except hostmap_sql.InvalidValue as error: print(error)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert output.count("pip install 'hostmap-sql[crypto]'") == 2


# --- generating -----------------------------------------------------------------------------------


def test_a_new_file_is_for_its_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        done = generate_key(path)
    finally:
        os.umask(before)
    assert (done.action, done.is_active, done.keys) == ("created", True, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing.from_file(path).active == done.key


def test_generating_again_changes_nothing(path: Path) -> None:
    first = generate_key(path)
    text = path.read_bytes()
    again = generate_key(path)
    assert (again.action, again.key, path.read_bytes()) == ("unchanged", first.key, text)


def test_keys_are_added_and_activated_by_their_ids(path: Path) -> None:
    steps = [
        ("a", True, "created", "a"),
        ("b", False, "added", "a"),
        ("b", False, "unchanged", "a"),
        ("b", True, "activated", "b"),
        ("b", True, "unchanged", "b"),
        ("a", False, "unchanged", "b"),
        ("c", True, "added", "c"),
    ]
    for key, active, action, sealing in steps:
        assert generate_key(path, key=key, active=active).action == action
        assert KeyRing.from_file(path).active == sealing
    with pytest.raises(InvalidValue, match="activate another key first"):
        generate_key(path, key="c", active=False)


def test_a_dry_run_writes_nothing(path: Path) -> None:
    assert generate_key(path, dry_run=True).action == "created"
    assert not path.exists()
    generate_key(path, key="a")
    text = path.read_bytes()
    assert generate_key(path, key="b", dry_run=True).action == "added"
    assert path.read_bytes() == text


def test_owner_mode_and_link_of_a_file_stay(path: Path, tmp_path: Path) -> None:
    generate_key(path, key="a")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    generate_key(link, key="b")
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [*tmp_path.iterdir()].__len__() == 2


def test_concurrent_calls_lose_no_key(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        keys = [f"key-{number}" for number in range(24)]
        assert {*threads.map(lambda key: generate_key(path, key=key).action, keys)} == {
            "created",
            "added",
        }
    assert generate_key(path).keys == len(keys)


@pytest.mark.parametrize("key", ["", "a b", "a/b", "x" * 65, ".a", "ä"])
def test_an_id_that_cannot_be_used_is_refused(path: Path, key: str) -> None:
    with pytest.raises(InvalidValue, match="1 to 64 letters"):
        generate_key(path, key=key)
    assert not path.exists()


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="No such file"):
        generate_key(tmp_path / "missing" / "hostmap.keys")
    with pytest.raises(InvalidValue, match="first key has to be active"):
        generate_key(tmp_path / "hostmap.keys", active=False)


# --- following the file ---------------------------------------------------------------------------


def test_a_ring_follows_its_file(path: Path) -> None:
    generate_key(path, key="a")
    reader, writer = KeyRing.from_file(path), KeyRing.from_file(path)
    generate_key(path, key="b")
    sealed = writer.seal("text", "c")
    assert sealed.startswith("b/")
    assert reader.open(sealed, "c") == "text"
    assert reader.active == "b"


def test_loaded_keys_outlive_the_file(path: Path) -> None:
    generate_key(path, key="a")
    ring = KeyRing.from_file(path)
    sealed = ring.seal("text", "c")
    write(path, "damaged")
    assert ring.open(ring.seal("more", "c"), "c") == "more"
    path.unlink()
    assert ring.open(sealed, "c") == "text"
    generate_key(path, key="b")
    assert ring.seal("text", "c").startswith("b/")
    assert ring.open(sealed, "c") == "text"
