"""The options that stand in the URL of a database: which a dialect knows, and what others mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What SQLAlchemy, oslo.db and their plugins know. None of it changes which server is reached, nor
# how safely.
_SQLALCHEMY = frozenset(
    {
        "async_fallback",
        "backend",
        "connection_recycle_time",
        "convert_unicode",
        "echo",
        "echo_pool",
        "encoding",
        "executemany_batch_page_size",
        "executemany_mode",
        "hide_parameters",
        "insertmanyvalues_page_size",
        "isolation_level",
        "json_deserializer",
        "json_serializer",
        "logging_name",
        "max_identifier_length",
        "max_overflow",
        "max_pool_size",
        "max_retries",
        "min_pool_size",
        "mysql_enable_ndb",
        "mysql_sql_mode",
        "mysql_wsrep_sync_wait",
        "paramstyle",
        "plugin",
        "plugins",
        "pool_logging_name",
        "pool_pre_ping",
        "pool_recycle",
        "pool_reset_on_return",
        "pool_size",
        "pool_timeout",
        "pool_use_lifo",
        "poolclass",
        "prepared_statement_cache_size",
        "query_cache_size",
        "retry_interval",
        "server_side_cursors",
        "sqlite_synchronous",
        "synchronous_reader",
        "use_batch_mode",
        "use_db_reconnect",
        "use_insertmanyvalues",
        "use_native_hstore",
        "use_native_unicode",
        "use_native_uuid",
        "use_tpool",
    }
)

# An option that nobody knows may be that of a plugin, but not if it may say how safe a connection
# is, or where it leads.
_NEVER_A_PLUGINS = re.compile(
    r"ssl|tls|cert|verif|gss|krb|channel|auth|host|addr|port|sock|serv|user|pass|database|^db$|file"
)


def plain(name: str) -> str:
    """The name of an option, whether it is written ``ssl-mode`` or ``SSL_MODE``."""
    return name.lower().replace("-", "_")


@dataclass(frozen=True)
class UrlOptions:
    """What a dialect knows of the options of a URL; names as `plain` makes them.

    :param known: whether it knows one.
    :param files: those that name a file on this machine, or something in one.
    :param foreign: those that only other drivers of the server know, and that mean nothing here.
    """

    known: Callable[[str], bool] = lambda _: False
    files: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()

    def passed_over(self, options: Mapping[str, str]) -> list[str]:
        """Which of these only SQLAlchemy, one of its plugins or another driver knows."""
        has_plugin = bool({"plugin", "plugins"} & {*map(plain, options)})
        return [name for name in options if self._is_foreign(plain(name), has_plugin=has_plugin)]

    def _is_foreign(self, name: str, *, has_plugin: bool) -> bool:
        if self.known(name):
            return False
        if name in _SQLALCHEMY or name in self.foreign:
            return True
        return has_plugin and not _NEVER_A_PLUGINS.search(name)

    def naming_files(self, options: Mapping[str, str]) -> dict[str, str]:
        """Those that name a file, or what is in one."""
        return {name: value for name, value in options.items() if plain(name) in self.files}
