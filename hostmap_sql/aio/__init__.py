"""The asyncio API: the interface of the library as coroutines and asynchronous iterators.

>>> async def main():
...     async with connect("sqlite:///hostmap.db") as hostmap:
...         async for mapping in hostmap.hosts.iterate():
...             print(mapping.host, mapping.cell.name)
>>> asyncio.run(main())
compute-1 cell1
compute-2 cell1
compute-3 cell2
"""

from hostmap_sql.aio.hostmap import AsyncHostMap, connect
from hostmap_sql.aio.proxies import (
    AsyncCells,
    AsyncHistory,
    AsyncHosts,
    AsyncSecrets,
    AsyncWaitableHosts,
)
from hostmap_sql.aio.replica import AsyncReplica
from hostmap_sql.aio.transactions import AsyncWriteTransaction

__all__ = [
    "AsyncCells",
    "AsyncHistory",
    "AsyncHostMap",
    "AsyncHosts",
    "AsyncReplica",
    "AsyncSecrets",
    "AsyncWaitableHosts",
    "AsyncWriteTransaction",
    "connect",
]
