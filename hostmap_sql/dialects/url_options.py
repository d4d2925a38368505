"""The options of a database URL: known to a dialect, or safe to ignore."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NoReturn

# The options of SQLAlchemy, oslo.db and their plugins. None of them changes the server or the
# security of the connection.
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

# An unknown option may belong to a plugin, unless its name is about security or about the server.
_SECURITY_OR_SERVER = re.compile(
    r"ssl|tls|cert|verif|gss|krb|channel|auth|host|addr|port|sock|serv|user|pass|database|^db$|file"
)


def plain(name: str) -> str:
    """Return the canonical name of an option: ``ssl-mode`` and ``SSL_MODE`` are ``ssl_mode``."""
    return name.lower().replace("-", "_")


def refuse_second_password() -> NoReturn:
    """Refuse a password in the URL, or in a file that it names, in addition to a function."""
    problem = "comes both from a function and from the URL or a file that it names: give only one"
    raise InvalidValue("password", problem)


@dataclass(frozen=True)
class UrlOptions:
    """The URL options of a dialect, named as by `plain`.

    :param known: tells whether the dialect knows an option.
    :param files: the options that name a local file or a section of one.
    :param foreign: the options of other drivers, which have no effect here.
    :param harmless: the options that leave the server and its authentication as they are.
    :param protecting: the options that determine the protection of the password.
    :param login_files: those of `files` that hold passwords.
    """

    known: Callable[[str], bool] = lambda _: False
    files: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()
    protecting: frozenset[str] = frozenset()
    login_files: frozenset[str] = frozenset()

    def passed_over(self, options: Mapping[str, str]) -> list[str]:
        """List the options that only SQLAlchemy, its plugins or other drivers know."""
        has_plugin = bool({"plugin", "plugins"} & {*map(plain, options)})
        return [name for name in options if self._is_foreign(plain(name), has_plugin=has_plugin)]

    def _is_foreign(self, name: str, *, has_plugin: bool) -> bool:
        if self.known(name):
            return False
        if name in _SQLALCHEMY or name in self.foreign:
            return True
        return has_plugin and not _SECURITY_OR_SERVER.search(name)
