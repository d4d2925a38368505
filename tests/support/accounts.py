"""Accounts with the rights of a role."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from hostmap_sql import grants
from tests.support.backends.base import new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend


class Account(NamedTuple):
    """An account, and the URL of the directory with its login."""

    name: str
    url: str


@contextmanager
def account(backend: Backend, role: str | None, *, urls: bool = False) -> Iterator[Account]:
    """Create an account for a block.

    :param role: its role; None for an account without any right.
    """
    made = Account(name := new_name(), backend.url_of_account(name))
    try:
        if role is not None:
            backend.execute(*grants(backend.hostmap, role, user=name, urls=urls))
        yield made
    finally:
        backend.drop_account(name)
