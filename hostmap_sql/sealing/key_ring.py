"""`KeyRing`: a cipher with the keys of a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.sealed_text import is_key_id
from hostmap_sql.sealing.key_file import (
    KEY_BYTES,
    KEY_FILE,
    BadKeyFile,
    Keys,
    has_changed,
    named,
    read,
)
from hostmap_sql.secret_arguments import hide_arguments_of

if TYPE_CHECKING:
    from typing import NoReturn, Self

    from hostmap_sql.sealing.aes_gcm import AesGcmKey
    from hostmap_sql.sealing.key_file import Stamp


@hide_arguments_of(always=["__init__"], except_for=["seal", "open"])
class KeyRing:
    """Keys that seal the URLs of cells with AES-256-GCM: the active one seals, all of them open.

    Needs the extra ``crypto``. Threads can share it. Its repr shows no key, and it cannot be
    pickled: load it in each process.

    :param keys: the keys, 32 bytes each, by their ids of at most 64 letters, digits and ``. _ -``.
    :param active: the id of the key that seals.
    :raises InvalidValue: a key or an id cannot be used, or the library cryptography is missing.

    >>> KeyRing({"2026-05": os.urandom(32), "2026-11": os.urandom(32)}, active="2026-11")
    <KeyRing of 2 keys, active '2026-11'>
    """

    def __init__(self, keys: Mapping[str, bytes], *, active: str) -> None:
        self._begin(None)
        problem = _missing_library() or _problem(keys, active)
        if problem is not None:
            del keys  # a report of the error may show the locals of this frame
            raise InvalidValue("keys", problem)
        self._set(Keys(active, keys))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Load the keys of a file, as ``hostmap secrets generate-key`` writes it.

        The ring follows the file: before it seals, and if it finds an unknown key id, it reloads a
        changed file. Loaded keys stay usable, even if their lines are removed.

        :raises InvalidValue: the file cannot be read or used, others have access to it, or the
            library cryptography is missing. No key is in the message.

        >>> KeyRing.from_file("hostmap.keys")
        <KeyRing of 1 key, active '2026-11'>
        """
        name = os.fspath(path)
        problem = _missing_library()
        if problem is None:
            ring = cls.__new__(cls)
            ring._begin(name)  # noqa: SLF001 - a new object of this class
            try:
                ring._load(name)  # noqa: SLF001
            except BadKeyFile as error:
                problem = named(name, error)
            else:
                return ring
        # Outside the handler, so that the traceback has no frame with a key.
        raise InvalidValue(KEY_FILE, problem)

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        return self._active

    def seal(self, text: str, context: str) -> str:
        """Seal a text with the active key; see `Cipher.seal`."""
        self._reload()
        key = self._active
        return f"{key}/{self._keys[key].seal(text, context)}"

    def open(self, sealed: str, context: str) -> str:
        """Return the text that was sealed, with the key that sealed it; see `Cipher.open`.

        :raises LookupError: the ring does not have the key.
        :raises ValueError: the text was altered, or sealed for another context.
        """
        key, _, data = sealed.partition("/")
        if key not in self._keys:
            self._reload()
        return self._keys[key].open(data, context)

    def _begin(self, path: str | None) -> None:
        self._path = path and os.path.abspath(path)  # noqa: PTH100 - as in key_file
        self._stamp: Stamp | None = None
        self._keys: Mapping[str, AesGcmKey] = {}
        self._active = ""

    def _reload(self) -> None:
        """Reload the file if it has changed. If it cannot be used now, the loaded keys stay."""
        if self._path is None or self._stamp is None or not has_changed(self._path, self._stamp):
            return
        try:
            self._load(self._path)
        except BadKeyFile:
            return

    def _load(self, path: str) -> None:
        keys, stamp = read(path)
        self._set(keys)
        self._stamp = stamp

    def _set(self, keys: Keys) -> None:
        from hostmap_sql.sealing.aes_gcm import AesGcmKey  # noqa: PLC0415 - an extra

        # The keys first: other threads read both.
        self._keys = {**self._keys, **{name: AesGcmKey(key) for name, key in keys.by_id.items()}}
        self._active = keys.active

    def __repr__(self) -> str:
        number = len(self._keys)
        return f"<KeyRing of {number} key{'s' * (number != 1)}, active {self._active!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyRing holds keys and cannot be pickled: load it in each process")


def _problem(keys: object, active: object) -> str | None:
    if not isinstance(keys, Mapping):
        return f"must be a mapping of ids to keys, not {type(keys).__name__}"
    for name, key in keys.items():
        if not isinstance(name, str) or not is_key_id(name):
            return "must have ids of 1 to 64 letters, digits and . _ -"
        if not isinstance(key, bytes) or len(key) != KEY_BYTES:
            return f"must have {KEY_BYTES} bytes for the id {name!r}"
    if not isinstance(active, str) or active not in keys:
        return "must include the active one"
    return None


def _missing_library() -> str | None:
    try:
        import hostmap_sql.sealing.aes_gcm  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError:
        return "needs the library cryptography: pip install 'hostmap-sql[crypto]'"
    return None
