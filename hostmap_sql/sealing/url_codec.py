"""`UrlCodec`: converts the URLs of cells to and from the text in the table, which may be sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hostmap_sql.errors import InvalidValue, SecretUnavailable
from hostmap_sql.sealed_text import MAX_SEALED_LENGTH, SEALED, is_sealed, key_id_of
from hostmap_sql.sealing.references import NO_REFERENCES, BadReference, References
from hostmap_sql.secret_url import SecretUrl
from hostmap_sql.validation import valid_url

if TYPE_CHECKING:
    from hostmap_sql.sealing.cipher import Cipher

Kind = Literal["sealed", "malformed", "reference", "clear"]
"""What a stored URL is; "malformed" has the scheme of sealed URLs, but not their form."""

_NO_FORM = "is not of the form sealed://KEY/DATA"


class UrlCodec:
    """Converts URLs to the text in the table, and back to a `SecretUrl`.

    :param cipher: seals and opens URLs. None: URLs are stored in clear text, and `reveal` raises
        an error for sealed ones.
    :param references: the references that `reveal` follows.
    :raises InvalidValue: an argument cannot be used.
    """

    def __init__(self, cipher: Cipher | None = None, references: References | None = None) -> None:
        if cipher is not None and not all(
            callable(getattr(cipher, method, None)) for method in ("seal", "open")
        ):
            problem = "must be a KeyRing, or another object with the methods seal and open"
            raise InvalidValue("cipher", f"{problem}, not {type(cipher).__name__}")
        if not isinstance(references, References | None):
            raise InvalidValue("references", f"must be References, not {type(references).__name__}")
        self._cipher = cipher
        self._references = references or NO_REFERENCES

    @property
    def has_cipher(self) -> bool:
        """Whether URLs are sealed when they are written."""
        return self._cipher is not None

    # --- from the table -----------------------------------------------------------------------

    def decode(self, stored: str, cell_uuid: str, field: str) -> SecretUrl:
        """Return the URL of a stored text. Nothing is opened before `reveal`."""
        if is_sealed(stored) or self._references.has(stored):
            return StoredUrl(stored, cell_uuid, field, self)
        return SecretUrl(stored)

    def open(self, url: StoredUrl) -> str:
        """Open a URL if it is sealed, and return it as written: a reference is not followed.

        :raises SecretUnavailable: it cannot be opened.
        """
        stored = url.stored
        if url.key is None and not is_sealed(stored):
            return stored
        try:
            if url.key is None:
                problem = f"it {_NO_FORM}: replace it"
            elif self._cipher is not None:
                opened: object = self._cipher.open(stored[len(SEALED) :], url.context)
                if isinstance(opened, str):
                    return opened
                del opened  # a report of the error may show the locals of this frame
                problem = "the cipher returned no text for key {key}"
            else:
                problem = "it is sealed with key {key}: connect with a cipher that has this key"
        except LookupError:
            problem = "it is sealed with key {key}, which the cipher does not have"
        except ValueError:
            problem = (
                "it does not open with key {key}: it was altered, or copied from another cell or "
                "column"
            )
        except Exception as error:  # noqa: BLE001 - of the caller's cipher
            problem = f"the cipher raised {type(error).__name__} for key {{key}}"
        # Outside the handlers, so that the error has no frame or message of the cipher.
        raise url.unavailable(problem)

    def reveal(self, url: StoredUrl) -> str:
        """Return the real URL: opened, and if it is a reference, followed.

        :raises SecretUnavailable: it cannot be opened or followed.
        """
        text = self.open(url)
        if not self._references.has(text):
            return text
        try:
            return self._references.follow(text)
        except BadReference as error:
            problem = f"it is a reference, which {error}"
        del text
        raise url.unavailable(problem)

    # --- into the table -----------------------------------------------------------------------

    def encode(self, url: SecretUrl | None, cell_uuid: str, field: str) -> SecretUrl | None:
        """Return a URL as it will be stored: sealed if there is a cipher, unless it is a reference.

        :raises SecretUnavailable: the cipher failed.
        :raises InvalidValue: the URL is too long to be sealed.
        """
        if url is None:
            return None
        if self._cipher is None or self._references.has(url.written()):
            return self.decode(url.written(), cell_uuid, field)
        sealed = self._seal(url, cell_uuid, field)
        if len(sealed.stored) > MAX_SEALED_LENGTH:
            raise InvalidValue(field, "is too long to be sealed")
        return sealed

    def active_key(self) -> str | None:
        """Return the id of the active key; None without a cipher.

        :raises SecretUnavailable: the cipher failed.
        """
        if self._cipher is None:
            return None
        return self._seal(SecretUrl("probe://"), "", "").key

    def _seal(self, url: SecretUrl, cell_uuid: str, field: str) -> StoredUrl:
        stored = StoredUrl(SEALED, cell_uuid, field, self)
        try:
            sealed = self._cipher and self._cipher.seal(url.written(), stored.context)
        except Exception as error:  # noqa: BLE001 - of the caller's cipher
            problem = f"the cipher raised {type(error).__name__} in seal()"
        else:
            stored = StoredUrl(f"{SEALED}{sealed}", cell_uuid, field, self)
            if isinstance(sealed, str) and stored.key is not None:
                return stored
            del sealed  # a report of the error may show the locals of this frame
            problem = "the cipher did not return KEY/DATA from seal()"
        # Outside the handler, so that the error has no frame or message of the cipher.
        raise SecretUnavailable(field, cell_uuid, problem)


class StoredUrl(SecretUrl):
    """A URL that is sealed, or a reference: `reveal` opens or follows it at each call.

    URLs are equal if their clear texts are; a URL that cannot be opened equals only itself.
    """

    __slots__ = ("_cell_uuid", "_codec", "_field", "key")

    def __init__(
        self, stored: str, cell_uuid: str, field: str, codec: UrlCodec | None = None
    ) -> None:
        super().__init__(stored)
        self._cell_uuid = cell_uuid
        self._field = field
        self._codec = codec or CLEAR
        self.key = key_id_of(stored)
        """The id of the key that sealed it; None if it is not sealed, or malformed."""

    @property
    def stored(self) -> str:
        """The text in the table."""
        return str(self._url)

    @property
    def context(self) -> str:
        """The cell and the column that it was sealed for, as ciphers take them."""
        return f"{self._cell_uuid}/{self._field}"

    @property
    def _origin(self) -> tuple[str, str]:
        return self.stored, self.context

    def written(self) -> str:
        """Return the URL as written: opened, but a reference is not followed."""
        return self._codec.open(self)

    def reveal(self) -> str:
        """Return the URL in full, password included.

        :raises SecretUnavailable: it cannot be opened or followed.
        """
        return self._codec.reveal(self)

    def unavailable(self, problem: str) -> SecretUnavailable:
        """Return the error for a problem, in which ``{key}`` stands for the id of the key."""
        problem = problem.replace("{key}", repr(self.key))
        return SecretUnavailable(self._field, self._cell_uuid, problem, self.key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretUrl):
            return NotImplemented
        if isinstance(other, StoredUrl) and other._origin == self._origin:
            return True  # opened, they would be equal: a cipher may use the network
        return _comparable(self) == _comparable(other)

    def __hash__(self) -> int:
        return hash(_comparable(self))

    def __copy__(self) -> StoredUrl:
        return self

    def __deepcopy__(self, _memo: object) -> StoredUrl:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # Without the cipher: its keys must not leave the process.
        return StoredUrl, (self.stored, self._cell_uuid, self._field)


CLEAR = UrlCodec()
"""Neither a cipher nor references."""


def _comparable(url: SecretUrl) -> str:
    try:
        return url.written()
    except SecretUnavailable:
        return url.stored if isinstance(url, StoredUrl) else ""


def stored_text(url: SecretUrl | None) -> str | None:
    """Return the text in the table of an encoded or decoded URL."""
    if url is None:
        return None
    return url.stored if isinstance(url, StoredUrl) else url.reveal()


def key_of(url: SecretUrl | None) -> str | None:
    """Return the id of the key that sealed a URL; None if it is not sealed."""
    return url.key if isinstance(url, StoredUrl) else None


def kind_of(url: SecretUrl) -> Kind:
    """Return what an encoded or decoded URL is in the table."""
    if not isinstance(url, StoredUrl):
        return "clear"
    if not is_sealed(url.stored):
        return "reference"
    return "malformed" if url.key is None else "sealed"


def check_stored(stored: str | None, field: str) -> None:
    """Check a text from the table.

    :raises InvalidValue: it is neither a URL nor a sealed URL.
    """
    if stored is None or not is_sealed(stored):
        valid_url(stored, field)
    elif key_id_of(stored) is None or len(stored) > MAX_SEALED_LENGTH:
        raise InvalidValue(field, _NO_FORM)
