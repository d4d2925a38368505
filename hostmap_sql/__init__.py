"""The directory of a partitioned deployment: which cell a host is in, and how to reach it.

>>> with connect("sqlite:///hostmap.db") as hostmap:
...     hostmap.hosts.get("compute-1").cell.name
'cell1'
"""

from importlib import import_module

# The names below are loaded when they are first asked for: a program that imports us and has no
# host to look up in this run waits for nothing. `typing` alone would take a third of the time.
TYPE_CHECKING = False
if TYPE_CHECKING:
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

_MODULES = ("errors", "urls", "models", "hostmap", "checks")

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name, and no more modules than it takes."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = (import_module(f"{__name__}.{module}") for module in _MODULES)
        value = next(vars(module)[name] for module in modules if name in vars(module))
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
