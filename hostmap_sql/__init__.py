"""A directory of hosts and cells: the cell of each host, and the URLs of each cell.

>>> with connect("sqlite:///hostmap.db") as hostmap:
...     hostmap.hosts.get("compute-1").cell.name
'cell1'
"""

from hostmap_sql.directory.cells import Cells
from hostmap_sql.directory.finding import Finding
from hostmap_sql.directory.grants import grants
from hostmap_sql.directory.history import History, HistoryPosition
from hostmap_sql.directory.hosts import Hosts
from hostmap_sql.directory.wait_for_hosts import WaitableHosts
from hostmap_sql.directory.write_transaction import WriteTransaction
from hostmap_sql.errors import (
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    DatabaseError,
    DatabaseUnavailable,
    HistoryPruned,
    HostMapError,
    HostMappingExists,
    HostMappingNotFound,
    HostsNotMapped,
    InvalidValue,
    NotPermitted,
    OutcomeUnknown,
    SchemaOutOfDate,
    StaleMapping,
    StaleReplica,
    UrlsNotRead,
)
from hostmap_sql.hostmap import HostMap, connect
from hostmap_sql.models import (
    CELL0_UUID,
    BulkResult,
    CellChange,
    CellMapping,
    ChangeSet,
    Conflict,
    HostChange,
    HostMapping,
    MigrationLock,
    MigrationStatus,
)
from hostmap_sql.replica.replica import Replica
from hostmap_sql.secret_url import SecretUrl

__version__ = "0.1.0"

__all__ = [
    "CELL0_UUID",
    "BulkResult",
    "CellChange",
    "CellMapping",
    "CellMappingExists",
    "CellMappingInUse",
    "CellMappingNotFound",
    "Cells",
    "ChangeSet",
    "Conflict",
    "DatabaseError",
    "DatabaseUnavailable",
    "Finding",
    "History",
    "HistoryPosition",
    "HistoryPruned",
    "HostChange",
    "HostMap",
    "HostMapError",
    "HostMapping",
    "HostMappingExists",
    "HostMappingNotFound",
    "Hosts",
    "HostsNotMapped",
    "InvalidValue",
    "MigrationLock",
    "MigrationStatus",
    "NotPermitted",
    "OutcomeUnknown",
    "Replica",
    "SchemaOutOfDate",
    "SecretUrl",
    "StaleMapping",
    "StaleReplica",
    "UrlsNotRead",
    "WaitableHosts",
    "WriteTransaction",
    "__version__",
    "connect",
    "grants",
]
