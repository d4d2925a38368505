"""What operators of OpenStack Nova need: bring its directory in and back, discover hosts, compare.

The same as `hostmap nova ...`, without the command. Nova's databases are read in MySQL, MariaDB and
PostgreSQL, whichever of the databases the directory itself is in.
"""

from hostmap_sql.nova.access import CellAccess
from hostmap_sql.nova.checking import KINDS, check
from hostmap_sql.nova.discovery import discover
from hostmap_sql.nova.exporting import export_mappings
from hostmap_sql.nova.importing import import_mappings
from hostmap_sql.nova.results import (
    CellDiscovery,
    Disagreement,
    Discovery,
    ExportedCell,
    ExportedHost,
    ExportRefusal,
    ExportResult,
    ImportedCell,
    ImportResult,
    PlannedHost,
)

__all__ = [
    "KINDS",
    "CellAccess",
    "CellDiscovery",
    "Disagreement",
    "Discovery",
    "ExportRefusal",
    "ExportResult",
    "ExportedCell",
    "ExportedHost",
    "ImportResult",
    "ImportedCell",
    "PlannedHost",
    "check",
    "discover",
    "export_mappings",
    "import_mappings",
]
