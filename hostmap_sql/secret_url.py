"""The URLs of cells, which hold passwords."""

from __future__ import annotations

from hostmap_sql.concealing import SecretText
from hostmap_sql.masking import mask


class SecretUrl:
    """The URL of a cell's database or message queue: masked when shown, in full by `reveal`.

    A pickle, such as `multiprocessing` sends, contains it as it is stored: in full, unless it is
    sealed or a reference.

    >>> url = SecretUrl("rabbit://nova:s3cret@mq1:5672/")
    >>> print(url)
    rabbit://nova:***@mq1:5672/
    >>> url.reveal()
    'rabbit://nova:s3cret@mq1:5672/'
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = SecretText(url)

    def reveal(self) -> str:
        """Return the URL in full, password included.

        :raises SecretUnavailable: it is sealed or a reference, and cannot be opened or followed.
        """
        return str(self._url)

    def written(self) -> str:
        """Return the URL in full, as written: a reference is not followed; see `References`.

        :raises SecretUnavailable: it is sealed, and cannot be opened.
        """
        return str(self._url)

    def __str__(self) -> str:
        return mask(str(self._url))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return f"SecretUrl({mask(str(self._url))!r})"

    def __eq__(self, other: object) -> bool:
        return self._url == other._url if isinstance(other, SecretUrl) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._url)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self._url),)


def bindable(url: SecretUrl | None) -> SecretText | None:
    """Return a URL in full, as a parameter of a statement that no report shows."""
    return None if url is None else SecretText(url.reveal())
