"""The file of a key ring: reading, checking and extending it.

It has a line for each key: its state, its id and its 32 bytes in base64. ``#`` begins a comment:

    # Keys of hostmap. Keep this file secret, and keep a backup of it.
    active 2026-11-28-5d0c31f2 7mYw0Nq3VvZb1yq8b4mZ6t2m1u8o3Qd3b5kq9Jf0c2E=
    inactive 2026-05-01-90aa17c4 Yk3v9sT1p0aV7uX2c6bD8eF4g5hJ1kL3m9nP0qR2sT4=
"""

from __future__ import annotations

import os
import stat
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from hostmap_sql.errors import InvalidValue
from hostmap_sql.sealed_text import is_key_id
from hostmap_sql.secret_arguments import hide_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KEY_BYTES = 32
_FIELDS = 3

_COMMENT = "# Keys of hostmap. Keep this file secret, and keep a backup of it.\n"

KEY_FILE = "key file"
"""The field of an `InvalidValue` about the file."""

Stamp = tuple[int, int, int]
"""The version of a file: its inode, size and time of modification."""


class BadKeyFile(Exception):
    """The file cannot be used. The message holds no key."""


class Keys(NamedTuple):
    """The keys of a file by id, with the id of the active one."""

    active: str
    by_id: Mapping[str, bytes]


@dataclass(frozen=True)
class GeneratedKey:
    """The result of `generate_key`.

    `action` is "created" (the file), "added" (the key), "activated" (an existing key) or
    "unchanged". `key` is the id of the key, and `is_active` is True if it seals. `keys` is the
    number of keys in the file.
    """

    action: Literal["created", "added", "activated", "unchanged"]
    key: str
    is_active: bool
    keys: int


# --- reading --------------------------------------------------------------------------------------


def read(path: str) -> tuple[Keys, Stamp]:
    """Read a file.

    :raises BadKeyFile: it cannot be read or used, or others have access to it.
    """
    try:
        # Before the file is read: if it changes in between, it is reloaded.
        status = os.stat(path)  # noqa: PTH116 - pathlib takes a fifth of the import time
    except OSError as error:
        raise BadKeyFile(f"cannot be read: {error.strerror}") from None
    except ValueError:  # the path has a null character
        raise BadKeyFile("cannot be read: its name cannot be used") from None
    _refuse_access_of_others(status.st_mode)
    from hostmap_sql.small_files import read_small_file  # noqa: PLC0415 - only files need it

    try:
        text = read_small_file(path).text
    except ValueError as error:
        raise BadKeyFile(str(error)) from None
    return parse(text), _stamp(status)


def named(path: str, error: Exception) -> str:
    """Prefix a problem with the path if it exists. If not, it may be a key, passed by mistake."""
    return f"{path!r} {error}" if os.path.lexists(path) else str(error)


def has_changed(path: str, stamp: Stamp) -> bool:
    """Return whether a file has changed since it was read. A missing file has not changed."""
    try:
        return _stamp(os.stat(path)) != stamp  # noqa: PTH116 - as above
    except OSError:
        return False


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _refuse_access_of_others(mode: int) -> None:
    # Its group may read it: the group of a service, or that of secrets in Kubernetes.
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        who = "others have access to it" if mode & stat.S_IRWXO else "its group can write it"
        raise BadKeyFile(f"has mode {stat.S_IMODE(mode):03o}, so {who}: chmod 600")


def parse(text: str) -> Keys:
    """Read the content of a file.

    :raises BadKeyFile: it cannot be used. The message has a line number, and quotes nothing.
    """
    keys: dict[str, bytes] = {}
    active = []
    for number, line in _lines(text):
        fields = line.split()
        if len(fields) != _FIELDS or fields[0] not in ("active", "inactive"):
            raise BadKeyFile(f"line {number} is not of the form: active|inactive ID KEY")
        state, name, encoded = fields
        if not is_key_id(name):
            raise BadKeyFile(
                f"line {number} has an id that is not 1 to 64 letters, digits and . _ -"
            )
        if name in keys:
            raise BadKeyFile(f"line {number} has the id of an earlier line: {name}")
        key = _decode(encoded)
        if key is None:
            raise BadKeyFile(f"line {number} has a key that is not {KEY_BYTES} bytes in base64")
        keys[name] = key
        if state == "active":
            active.append(name)
    if len(active) != 1:
        raise BadKeyFile(f"has {len(active)} active keys: exactly one must be active")
    return Keys(active[0], keys)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _decode(text: str) -> bytes | None:
    try:
        key = a2b_base64(text.replace("-", "+").replace("_", "/"), strict_mode=True)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


# --- generating -----------------------------------------------------------------------------------


@hide_arguments
def generate_key(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    active: bool = True,
    dry_run: bool = False,
) -> GeneratedKey:
    """Generate a key in a file for `KeyRing.from_file`; create the file if it is missing.

    Only its owner can read a new file. Existing keys stay, because they still open the URLs that
    they sealed. Without `key`, an existing file stays as it is, so a repeated call makes no second
    key. To rotate, generate a key with a new id.

    :param path: the file.
    :param key: the id of the key: at most 64 letters, digits and ``. _ -``. Default: the date and
        random digits.
    :param active: seal with this key from now on. False: only add it, to distribute the file to all
        programs before any of them seals with the key.
    :param dry_run: only report the changes, without writing.
    :raises InvalidValue: the file or the id cannot be used.

    >>> generate_key("new.keys", key="2026-12").action
    'created'
    >>> generate_key("new.keys", key="2026-12").action
    'unchanged'
    """
    name = os.fspath(path)
    if key is not None and not is_key_id(key):
        raise InvalidValue("key", "must be 1 to 64 letters, digits and . _ -")
    try:
        return _generate(name, key, is_active=active, dry_run=dry_run)
    except BadKeyFile as error:
        problem = named(name, error)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
    # Outside the handlers, so that the traceback has no frame with a key.
    raise InvalidValue(KEY_FILE, problem)


def _generate(path: str, key: str | None, *, is_active: bool, dry_run: bool) -> GeneratedKey:
    import fcntl  # noqa: PLC0415 - not needed to read keys

    path = os.path.realpath(path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # a key of a concurrent call would be lost
        keys = read(path)[0] if os.path.lexists(path) else None
        done, wanted = _plan(keys, key, is_active=is_active)
        if done.action != "unchanged" and not dry_run:
            _replace(path, wanted)
            os.fsync(folder)
    finally:
        os.close(folder)
    return done


def _plan(keys: Keys | None, key: str | None, *, is_active: bool) -> tuple[GeneratedKey, Keys]:
    if keys is None:
        name = key or _new_id()
        if not is_active:
            raise BadKeyFile("does not exist, and its first key has to be active")
        return GeneratedKey("created", name, is_active=True, keys=1), Keys(name, {name: _new_key()})
    if key is None:
        key = keys.active
    number = len(keys.by_id)
    if key not in keys.by_id:
        wanted = Keys(key if is_active else keys.active, {**keys.by_id, key: _new_key()})
        return GeneratedKey("added", key, is_active, number + 1), wanted
    if key == keys.active and not is_active:
        raise BadKeyFile(f"has the key {key} as its active one: activate another key first")
    done = GeneratedKey("unchanged", key, is_active, number)
    if is_active and key != keys.active:
        return replace(done, action="activated"), Keys(key, keys.by_id)
    return done, keys


def _new_id() -> str:
    from datetime import UTC, datetime  # noqa: PLC0415 - not needed to read keys

    return f"{datetime.now(UTC):%Y-%m-%d}-{os.urandom(4).hex()}"


def _new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def _replace(path: str, keys: Keys) -> None:
    """Replace a file atomically: a reader sees the old one or the new one."""
    new = f"{path}.{os.urandom(4).hex()}.new"
    try:
        before = os.stat(path)  # noqa: PTH116 - as above
    except FileNotFoundError:
        before = None
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        if before is not None:
            os.fchown(file, before.st_uid, before.st_gid)
            os.fchmod(file, stat.S_IMODE(before.st_mode))
        os.write(file, _text(keys).encode())
        os.fsync(file)
        os.rename(new, path)  # noqa: PTH104 - as above
    except BaseException:
        os.unlink(new)  # noqa: PTH108 - as above
        raise
    finally:
        os.close(file)


def _text(keys: Keys) -> str:
    lines = [
        f"{'active' if name == keys.active else 'inactive'} {name} {b2a_base64(key).decode()}"
        for name, key in keys.by_id.items()
    ]
    return "".join([_COMMENT, *lines])
