"""Tools for OpenStack Nova: import and export its directory, discover hosts, check its cells.

They do the same as `hostmap nova ...`. Nova's databases may be MySQL, MariaDB or PostgreSQL; the
directory may be in another kind of database.
"""

from hostmap_sql.nova.cell_access import CellAccess
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
