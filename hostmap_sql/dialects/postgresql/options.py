"""Reads the options of a PostgreSQL URL: libpq's, and their equivalents in other drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.dialects import tls
from hostmap_sql.dialects.url_options import UrlOptions
from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import show_option

if TYPE_CHECKING:
    from hostmap_sql.dialects.database_url import DatabaseUrl

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

_LOGIN_FILES = frozenset({"passfile", "service", "servicefile"})

_HARMLESS = frozenset(
    {
        "application_name",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "sslcompression",
        "sslpassword",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)

_PROTECTING = frozenset(
    {
        "channel_binding",
        "gssencmode",
        "max_protocol_version",
        "min_protocol_version",
        "require_auth",
        "ssl",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcertmode",
        "sslmode",
        "sslnegotiation",
    }
)

# The options of psycopg2, psycopg, asyncpg and their SQLAlchemy dialects that have no effect here.
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


def url_options(libpq_options: frozenset[str]) -> UrlOptions:
    """Return the options that a URL may have, given those of libpq."""
    known = frozenset({*libpq_options, "ssl"})
    return UrlOptions(known.__contains__, _FILES, _FOREIGN, _HARMLESS, _PROTECTING, _LOGIN_FILES)


def read(url: DatabaseUrl, libpq_options: frozenset[str]) -> dict[str, str]:
    """Return the options of a URL as libpq takes them.

    :param libpq_options: the options that libpq knows.
    :raises InvalidValue: an option is unknown or unusable.
    """
    options = dict(url.options)
    ssl = options.pop("ssl", None)
    unknown = sorted(set(options) - libpq_options)
    if unknown:
        problem = f"has {show_option(unknown[0])}, which libpq does not know"
        raise InvalidValue("database URL", problem)
    if "sslrootcert" in options:
        # A named authority asks for verification; libpq itself would not verify.
        options.setdefault("sslmode", "verify-full")
    if ssl is not None:
        options |= _sslmode_of_ssl(ssl, options.get("sslmode"), url)
    return options


def _sslmode_of_ssl(ssl: str, sslmode: str | None, url: DatabaseUrl) -> dict[str, str]:
    """Return the option that ``ssl=true`` adds, as in Java and asyncpg: TLS without verification.

    Remote servers are verified by default, so it adds nothing there.

    :raises InvalidValue: it has another value, or contradicts `sslmode`.
    """
    if ssl.lower() not in ("", "true", "1", "yes", "on"):
        raise InvalidValue("database URL", "has the option 'ssl' with a value: write sslmode=")
    if sslmode in tls.OPTIONAL_MODES:
        problem = "has options that contradict each other: ssl, sslmode"
        raise InvalidValue("database URL", problem)
    is_remote = any(tls.is_remote(host) for host, _ in url.hosts)
    return {} if sslmode or is_remote else {"sslmode": "require"}
