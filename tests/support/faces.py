"""Calls that can be made through both faces of the library."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from hostmap_sql import aio

if TYPE_CHECKING:
    from hostmap_sql import HostMap


class Call:
    """One call by its name, which both faces make. Reports show nothing of it."""

    def __init__(self, name: str, /, *args: Any, **kwargs: Any) -> None:
        self._name = name
        self._args = args
        self._kwargs = kwargs

    def synchronously(self, hostmap: HostMap) -> object:
        return attrgetter(self._name)(hostmap)(*self._args, **self._kwargs)

    def asynchronously(self, hostmap: HostMap) -> object:
        face = aio.AsyncHostMap(hostmap)

        async def main() -> object:
            try:
                return await attrgetter(self._name)(face)(*self._args, **self._kwargs)
            finally:
                face._threads.shut_down()

        return asyncio.run(main(), debug=True)
