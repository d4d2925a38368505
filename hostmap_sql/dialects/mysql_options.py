"""The URL of a MySQL or MariaDB database, and its file of options, as PyMySQL's arguments."""

from __future__ import annotations

import os
from configparser import Error as ParserError
from configparser import RawConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects import mysql_tls, tls
from hostmap_sql.dialects.url_options import UrlOptions, plain
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostmap_sql.database_url import DatabaseUrl

_PORT = 3306

# Which file PyMySQL reads, where only a group of it is named; and which group, where only a file.
_DEFAULT_FILE = "/etc/my.cnf"
_DEFAULT_GROUP = "client"

# What of such a file counts, as PyMySQL has it, and what the options of a URL call it.
_IN_FILE = {
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "database": "database",
    "socket": "unix_socket",
    "bind_address": "bind_address",
    **{name: name for name in mysql_tls.OPTIONS},
}


def _whole(value: str) -> int:
    if not value.isdecimal():
        raise ValueError("is not a whole number")
    return int(value)


def _above_0(value: str) -> int:
    if not _whole(value):
        raise ValueError("is not a whole number above 0")
    return int(value)


# What is taken as it is, and the type of each. A charset is taken and ignored: sessions are utf8mb4
# always, of which the utf8 of Nova's URLs is a part.
_CONVERTED: Mapping[str, Callable[[str], object]] = {
    "charset": str,
    "unix_socket": str,
    "bind_address": str,
    "program_name": str,
    "sql_mode": str,
    "connect_timeout": _whole,
    "read_timeout": _above_0,
    "write_timeout": _above_0,
    "max_allowed_packet": _above_0,
}

_OF_FILE = ("read_default_file", "read_default_group")

OPTIONS = (*_CONVERTED, *_OF_FILE, *sorted(mysql_tls.OPTIONS))

URL_OPTIONS = UrlOptions(
    known=frozenset(OPTIONS).__contains__,
    files=frozenset({*_OF_FILE, *mysql_tls.FILES}),
    # Of PyMySQL, mysqlclient, MySQL Connector/Python and asyncmy. What they say of users, hosts and
    # TLS is not among them.
    foreign=frozenset(
        {
            "allow_local_infile",
            "auth_plugin",
            "auth_plugin_map",
            "autocommit",
            "binary_prefix",
            "buffered",
            "client_flag",
            "client_flags",
            "client_encoding",
            "collation",
            "compress",
            "connection_timeout",
            "consume_results",
            "conv",
            "cursorclass",
            "get_warnings",
            "init_command",
            "local_infile",
            "named_pipe",
            "raise_on_warnings",
            "sql_notes",
            "time_zone",
            "use_pure",
            "use_unicode",
        }
    ),
)


def arguments(url: DatabaseUrl) -> dict[str, Any]:
    """Where PyMySQL is to connect to, as whom, and with which options.

    :raises InvalidValue: an option is not known, cannot be used or contradicts another one.
    """
    if len(url.hosts) > 1:
        raise InvalidValue("database URL", "names several hosts, of which PyMySQL takes only one")
    options = _plain_options(url.options)
    file = _read_file(options)
    given_host, given_port = url.hosts[0] if url.hosts else (None, None)
    if given_host and tls.is_remote(given_host):
        file.pop("unix_socket", None)  # what the URL says comes first
    host = given_host or file.pop("host", None) or "localhost"
    port = given_port or _port(file.pop("port", None))
    place = {
        "host": host,
        "port": port,
        "user": url.user or file.get("user"),
        # PyMySQL itself would write Latin-1.
        "password": (url.password or file.get("password") or "").encode(),
        "database": url.name or file.get("database"),
    }
    for name in ("host", "port", "user", "password", "database"):
        file.pop(name, None)
    if {"sslrootcert", "ssl_ca", "ssl_capath"} & options.keys():
        file = {name: value for name, value in file.items() if name not in mysql_tls.FILES}
    options = file | options
    encryption = mysql_tls.arguments(options, "" if options.get("unix_socket") else host)
    return {
        **{name: _option(name, value) for name, value in options.items()},
        **encryption,
        **place,
    }


def _plain_options(given: Mapping[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in given.items():
        if options.setdefault(plain(name), value) != value:
            problem = f"has the option {plain(name)!r} twice, with two values"
            raise InvalidValue("database URL", problem)
    return options


def _option(name: str, value: str) -> Any:
    try:
        convert = _CONVERTED[name]
    except KeyError:
        problem = f"has the option {name!r}, which is not one of {', '.join(OPTIONS)}"
        raise InvalidValue("database URL", problem) from None
    try:
        return convert(value)
    except ValueError as error:
        problem = f"has the option {name!r}, whose value {error}"
        raise InvalidValue("database URL", problem) from None


def _port(text: str | None) -> int:
    if not text:
        return _PORT
    if not (text.isascii() and text.isdecimal()):
        raise InvalidValue(
            "database URL", "names a read_default_file with a port that is no number"
        )
    return int(text)


def _read_file(options: dict[str, str]) -> dict[str, str]:
    """What the file of options says, if the URL names one. Takes its name out of the options."""
    name, group = (options.pop(one, None) for one in _OF_FILE)
    if name is None and group is None:
        return {}
    path = Path(os.path.expanduser(name or _DEFAULT_FILE))  # noqa: PTH111 - "~nobody" stays as it is
    # Lines such as "!includedir" are none of an option; PyMySQL does not follow them either.
    parser = RawConfigParser(
        allow_no_value=True, strict=False, comment_prefixes=("#", ";", "!"), default_section="\n"
    )
    try:
        # Indented, a line would continue the one before it.
        lines = path.read_text(encoding="utf-8").splitlines()
        parser.read_string("\n".join(line.strip() for line in lines))
    except OSError as error:
        problem = f"has a read_default_file that cannot be read: {error.strerror}"
        raise InvalidValue("database URL", problem) from error
    except (ParserError, UnicodeDecodeError):
        # Without its cause, which quotes lines.
        problem = "has a read_default_file that is not of the form of MySQL's files of options"
        raise InvalidValue("database URL", problem) from None
    if group and not parser.has_section(group):
        raise InvalidValue("database URL", "has a read_default_file without its read_default_group")
    section = group or _DEFAULT_GROUP
    said = parser.items(section) if parser.has_section(section) else []
    return {
        _IN_FILE[plain(key)]: _unquoted(value or "")
        for key, value in said
        if plain(key) in _IN_FILE
    }


def _unquoted(value: str) -> str:
    for quote in "'\"":
        if len(value) > 1 and value[0] == value[-1] == quote:
            return value[1:-1]
    return value
