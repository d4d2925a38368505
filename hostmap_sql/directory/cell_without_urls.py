"""`CellWithoutUrls`: the cells that a directory with ``urls=False`` returns, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue, UrlsNotRead
from hostmap_sql.models import URL_FIELDS, CellMapping

if TYPE_CHECKING:
    from datetime import datetime
    from typing import NoReturn

    from hostmap_sql.engine.session import Session

WRITING = "create and change cells"
"""Their URLs would be lost if they were written without being read."""


def refuse_without_urls(session: Session, purpose: str) -> None:
    """Refuse a call that needs the URLs of cells in a directory that does not read them."""
    if not session.urls:
        problem = f"is False: {purpose} with a directory that reads the URLs of cells"
        raise InvalidValue("urls", problem)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class CellWithoutUrls(CellMapping):
    """A cell whose URLs were not read: their attributes raise `UrlsNotRead`.

    It equals only cells that were read the same way.
    """

    def __init__(  # noqa: PLR0917 - as the dataclass has them
        self,
        uuid: str,
        name: str,
        disabled: bool,  # noqa: FBT001
        revision: int,
        created_at: datetime,
        updated_at: datetime | None,
    ) -> None:
        vars(self).update(
            uuid=uuid,
            name=name,
            disabled=disabled,
            revision=revision,
            created_at=created_at,
            updated_at=updated_at,
        )

    def __getattr__(self, name: str) -> NoReturn:  # is called for attributes that were not set
        if name in URL_FIELDS:
            raise UrlsNotRead(self.name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        known = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({known})"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(vars(self).values())
