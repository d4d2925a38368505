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
from hostmap_sql.directory.secrets import KeyUse, SealedCell, SealResult, Secrets
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
    SecretUnavailable,
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
from hostmap_sql.sealing.cipher import Cipher
from hostmap_sql.sealing.key_file import GeneratedKey, generate_key
from hostmap_sql.sealing.key_ring import KeyRing
from hostmap_sql.sealing.references import References
from hostmap_sql.secret_url import SecretUrl
from hostmap_sql.url_templates import fill_url

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
    "Cipher",
    "Conflict",
    "DatabaseError",
    "DatabaseUnavailable",
    "Finding",
    "GeneratedKey",
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
    "KeyRing",
    "KeyUse",
    "MigrationLock",
    "MigrationStatus",
    "NotPermitted",
    "OutcomeUnknown",
    "References",
    "Replica",
    "SchemaOutOfDate",
    "SealResult",
    "SealedCell",
    "SecretUnavailable",
    "SecretUrl",
    "Secrets",
    "StaleMapping",
    "StaleReplica",
    "UrlsNotRead",
    "WaitableHosts",
    "WriteTransaction",
    "__version__",
    "connect",
    "fill_url",
    "generate_key",
    "grants",
]
