"""The options in the URL of a PostgreSQL database: libpq's, and what others say for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.url_options import UrlOptions
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from hostmap_sql.database_url import DatabaseUrl

_FILES = frozenset(
    {
        "passfile",
        "service",
        "servicefile",
        "sslcert",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslkeylogfile",
        "sslrootcert",
    }
)

# Of psycopg2, psycopg, asyncpg and SQLAlchemy's dialects for them.
_FOREIGN = frozenset(
    {
        "async",
        "autocommit",
        "charset",
        "command_timeout",
        "connection_factory",
        "cursor_factory",
        "prepare_threshold",
        "prepared_statement_name_func",
        "statement_cache_size",
        "timeout",
        "use_unicode",
    }
)


def url_options(libpqs: frozenset[str]) -> UrlOptions:
    """What is known of the options of a URL, given those that libpq knows."""
    return UrlOptions(frozenset({*libpqs, "ssl"}).__contains__, _FILES, _FOREIGN)


def read(url: DatabaseUrl, libpqs: frozenset[str]) -> dict[str, str]:
    """The options as libpq takes them, given those that it knows.

    :raises InvalidValue: one is not known, or cannot be used.
    """
    options = dict(url.options)
    ssl = options.pop("ssl", None)
    unknown = sorted(set(options) - libpqs)
    if unknown:
        problem = f"has the option {unknown[0]!r}, which libpq does not know"
        raise InvalidValue("database URL", problem)
    if "sslrootcert" in options:
        # Who names a certificate wants the server's to be verified. libpq by itself would not.
        options.setdefault("sslmode", "verify-full")
    if ssl is not None:
        _add_ssl(options, ssl, url)
    return options


def _add_ssl(options: dict[str, str], ssl: str, url: DatabaseUrl) -> None:
    """What ``ssl=true`` says, as Java and asyncpg have it: the least that is wanted.

    Of a server elsewhere more is wanted by default.
    """
    if ssl.lower() not in ("", "true", "1", "yes", "on"):
        raise InvalidValue("database URL", "has the option 'ssl' with a value: write sslmode=")
    if not options.get("sslmode"):
        if not any(tls.is_remote(host) for host, _ in url.hosts):
            options["sslmode"] = "require"
    elif options["sslmode"] in tls.MODES[:3]:
        problem = "has options that contradict each other: ssl, sslmode"
        raise InvalidValue("database URL", problem)
