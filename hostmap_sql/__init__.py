"""The directory of a partitioned deployment: which cell a host is in, and how to reach it.

>>> with connect("sqlite:///hostmap.db") as hostmap:
...     hostmap.hosts.get("compute-1").cell.name
'cell1'
"""

from hostmap_sql.checks import Finding
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
    OutcomeUnknown,
    SchemaOutOfDate,
    StaleMapping,
    StaleReplica,
)
from hostmap_sql.hostmap import Changes, HostMap, connect
from hostmap_sql.models import (
    CELL0_UUID,
    BulkResult,
    CellChange,
    CellMapping,
    ChangeSet,
    Conflict,
    HostChange,
    HostMapping,
)
from hostmap_sql.urls import SecretUrl

__version__ = "0.1.0"

__all__ = [
    "CELL0_UUID",
    "BulkResult",
    "CellChange",
    "CellMapping",
    "CellMappingExists",
    "CellMappingInUse",
    "CellMappingNotFound",
    "ChangeSet",
    "Changes",
    "Conflict",
    "DatabaseError",
    "DatabaseUnavailable",
    "Finding",
    "HistoryPruned",
    "HostChange",
    "HostMap",
    "HostMapError",
    "HostMapping",
    "HostMappingExists",
    "HostMappingNotFound",
    "HostsNotMapped",
    "InvalidValue",
    "OutcomeUnknown",
    "SchemaOutOfDate",
    "SecretUrl",
    "StaleMapping",
    "StaleReplica",
    "__version__",
    "connect",
]
